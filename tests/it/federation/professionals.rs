//! Pro Santé Connect: whom a professional is here.

use guichet::account::people::{self, NewPerson};
use guichet::federation::mapping;
use guichet::model::identity::Mapping;
use guichet::model::role::Role;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::flow::{AuthRequest, Tokens, claims, param};
use crate::support::upstream::Op;

/// A made-up professional with the shapes of the real answers.
pub fn professional(sub: &str, national: &str, finess: &[&str]) -> Value {
    let activities: Vec<Value> = finess
        .iter()
        .map(|number| {
            json!({
                "codeModeExercice": "S", "codeSecteurDactivite": "SA01", "codeRole": "",
                "numeroFinessSite": number, "numeroFinessetablissementJuridique": "",
                "raisonSocialeSite": "HOPITAL DES EXEMPLES"
            })
        })
        .collect();
    json!({
        "sub": sub, "SubjectNameID": national, "preferred_username": national,
        "given_name": "CAMILLE", "family_name": "EXEMPLE", "email_verified": false, "authMode": "CARD",
        "otherIds": [{"identifiant": national, "origine": "RPPS", "qualite": 1}],
        "SubjectRole": ["10^1.2.250.1.213.1.1.5.5"], "SubjectOrganization": "", "Mode_Acces_Raison": "",
        "SubjectRefPro": {"codeCivilite": "MME", "exercices": [{
            "codeProfession": "10", "codeCategorieProfessionnelle": "C", "codeCiviliteDexercice": "DR",
            "nomDexercice": "DURAND", "prenomDexercice": "CAMILLE", "activities": activities
        }]}
    })
}

pub const RPPS: &str = "99700218896";
pub const NATIONAL: &str = "899700218896";

async fn app(op: &Op) -> TestApp {
    op.app("pro_sante_connect", &[]).await
}

#[tokio::test]
async fn the_first_sign_in_makes_an_account_by_rpps_and_later_ones_find_it() {
    let op = Op::start().await;
    let app = app(&op).await;
    let client = app.client().first_party().create().await;
    let request = AuthRequest::of(&client).set("idp_hint", "pro_sante_connect").set("scope", "openid profile email");
    let mut sub = String::new();
    for (upstream_sub, family) in [("f:1:x", "DURAND"), ("f:1:x", "LEGRAND"), ("5d9a3c52", "LEGRAND")] {
        let mut person = professional(upstream_sub, NATIONAL, &[]);
        person["SubjectRefPro"]["exercices"][0]["nomDexercice"] = family.into();
        let mut browser = app.browser();
        let url = op.leave(&mut browser, &request.url()).await;
        for part in ["scope=openid+scope_all", "acr_values=eidas1", "code_challenge_method=S256", "nonce="] {
            assert!(url.contains(part), "{part} in {url}");
        }
        let end = browser.get(&op.approve(&app, &url, &person)).await;
        let code = param(&end.answer, "code").unwrap_or_else(|| panic!("{end:?}"));
        let tokens = Tokens::of(app.redeem(&client, &code).await);
        let id = claims(&tokens.id);
        assert_eq!((id["acr"].as_str(), &id["amr"]), (Some("eidas1"), &json!(["sc", "pin", "mfa"])));
        if sub.is_empty() {
            sub = id["sub"].as_str().unwrap().to_owned();
        }
        // The last one came under another subject with the same national identifier.
        assert_eq!(id["sub"], sub.as_str());
        let known = app.get_with_token("/userinfo", &tokens.access).await.json();
        assert_eq!((known["family_name"].as_str(), known.get("email")), (Some(family), None));
    }
    let user = app.store().read().await.unwrap().user_by_rpps(RPPS).await.unwrap().unwrap();
    assert_eq!((user.uuid.to_string(), user.last_login_at), (sub, Some(app.now())));
}

#[tokio::test]
async fn the_account_of_an_operator_is_found_by_its_number_and_cleared_of_what_others_prepared() {
    let op = Op::start().await;
    let app = app(&op).await;
    let person = NewPerson {
        email: "camille@example.test".to_owned(),
        rpps: Some(RPPS.to_owned()),
        strict_rpps: true,
        ..NewPerson::default()
    };
    let user = people::create(&app.app.accounts, person).await.unwrap();
    let mut browser = app.browser();
    let end = op.sign_in(&app, &mut browser, "/sign-in/pro_sante_connect", &professional("s", NATIONAL, &[])).await;
    assert_eq!(end.kind(), Some("account"), "{end:?}");
    assert!(end.answer.body.contains("CAMILLE DURAND"));
    let found = app.store().read().await.unwrap().user_by_rpps(RPPS).await.unwrap().unwrap();
    assert_eq!((found.id, found.password_hash), (user.id, None));
}

#[tokio::test]
async fn e81_a_weak_or_unknown_context_a_missing_or_changed_identifier_is_refused() {
    let op = Op::start().await;
    let app = app(&op).await;
    let start = "/sign-in/pro_sante_connect";
    let refused = async |person: &Value| {
        let mut browser = app.browser();
        let end = op.sign_in(&app, &mut browser, start, person).await;
        assert!(end.answer.body.contains("data-error=\"upstream_refused\""), "{person}: {end:?}");
        assert!(browser.cookie("session").is_none());
    };
    let good = professional("s1", NATIONAL, &[]);
    for acr in [json!("0"), json!("1"), json!("eidas0"), json!(null), json!(1)] {
        op.behave(|behaviour| drop(behaviour.id_token.insert("acr".to_owned(), acr.clone())));
        refused(&good).await;
    }
    for acr in ["eidas2", "eidas3", "eidas1"] {
        op.behave(|behaviour| drop(behaviour.id_token.insert("acr".to_owned(), acr.into())));
        let end = op.sign_in(&app, &mut app.browser(), start, &good).await;
        assert_eq!(end.kind(), Some("account"), "{acr}: {end:?}");
    }
    // The subject is known: another identifier, or none, is nobody's.
    refused(&professional("s1", "899700427885", &[])).await;
    refused(&json!({"sub": "s1"})).await;
    refused(&json!({"sub": "s2"})).await;
    // A wrong key.
    refused(&professional("s3", "899700218897", &[])).await;
    let rows = app.store().read().await.unwrap().count_users().await.unwrap();
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn a_keycloak_shaped_as_it_is_found_by_its_issuer_alone() {
    let op = Op::start().await;
    op.behave(|behaviour| behaviour.standard_name_alone = true);
    let app = app(&op).await;
    let end =
        op.sign_in(&app, &mut app.browser(), "/sign-in/pro_sante_connect", &professional("s", NATIONAL, &[])).await;
    assert_eq!(end.kind(), Some("account"), "{end:?}");
    // An address that the operator names is the only one, and another's document is nobody's.
    let named = format!("{}/.well-known/wallet-openid-configuration", op.issuer);
    let app = op.app("pro_sante_connect", &[("DISCOVERY_URL", &named)]).await;
    assert!(app.browser().get("/sign-in/pro_sante_connect").await.answer.body.contains("data-error=\"upstream_down\""));
    op.behave(|behaviour| drop(behaviour.document.insert("issuer".to_owned(), json!("https://other.example"))));
    let app = op.app("pro_sante_connect", &[]).await;
    let page = app.browser().get("/sign-in/pro_sante_connect").await;
    assert!(page.answer.body.contains("data-error=\"upstream_refused\""), "{page:?}");
}

#[tokio::test]
async fn minimal_answers_sign_in_all_the_same() {
    let op = Op::start().await;
    let app = app(&op).await;
    for (at, person) in [
        json!({"sub": "a", "SubjectNameID": "ANS20260101120000"}),
        json!({"sub": "b", "SubjectNameID": "0123456789", "SubjectRefPro": {"exercices": []}}),
        json!({"sub": "c", "SubjectNameID": "899700427885", "SubjectRefPro": {"exercices": [{}]}}),
        json!({"sub": "d", "preferred_username": "899700366240", "SubjectRole": "21^x", "SubjectOrganization": 7}),
    ]
    .into_iter()
    .enumerate()
    {
        op.behave(|behaviour| behaviour.signed_userinfo = at % 2 == 1);
        let end = op.sign_in(&app, &mut app.browser(), "/sign-in/pro_sante_connect", &person).await;
        assert_eq!(end.kind(), Some("account"), "{person}: {end:?}");
    }
}

#[tokio::test]
async fn a_tenants_mapping_gives_roles_to_whom_practises_there() {
    let op = Op::start().await;
    let app = app(&op).await;
    let (first, second, other) = (app.tenant("First").await, app.tenant("Second").await, app.tenant("Other").await);
    let line = |finess: &str, profession: &str, role| Mapping {
        finess: finess.to_owned(),
        profession: profession.to_owned(),
        role,
    };
    for (tenant, line) in [
        (&first, line("990001232", "10", Role::Doctor)),
        (&second, line("759999998", "10", Role::Doctor)),
        (&other, line("990001232", "21", Role::Pharmacist)),
    ] {
        assert!(mapping::add(&app.app.federation, tenant.id, line).await.unwrap());
    }
    let client = app.client().first_party().create().await;
    let request = AuthRequest::of(&client)
        .set("idp_hint", "pro_sante_connect")
        .set("scope", "openid tenant roles")
        .set("tenant", &second.code);
    let person = professional("s", NATIONAL, &["990001232", "759999998"]);
    let end = op.sign_in(&app, &mut app.browser(), &request.url(), &person).await;
    let code = param(&end.answer, "code").unwrap_or_else(|| panic!("{end:?}"));
    let id = claims(&Tokens::of(app.redeem(&client, &code).await).id);
    assert_eq!((id["tenant"]["code"].as_str(), &id["roles"]), (Some(second.code.as_str()), &json!(["doctor"])));
    let user = app.store().read().await.unwrap().user_by_rpps(RPPS).await.unwrap().unwrap();
    let mut tenants: Vec<String> = app
        .store()
        .read()
        .await
        .unwrap()
        .memberships_of(user.id)
        .await
        .unwrap()
        .into_iter()
        .map(|member| member.tenant.name)
        .collect();
    tenants.sort();
    assert_eq!(tenants, ["First", "Second"]);
}

fn line(finess: &str, profession: &str, role: Role) -> Mapping {
    Mapping { finess: finess.to_owned(), profession: profession.to_owned(), role }
}

/// Tenants of a person with the roles there.
async fn roles_of(app: &TestApp) -> Vec<(String, Vec<Role>)> {
    let mut conn = app.store().read().await.unwrap();
    let user = conn.user_by_rpps(RPPS).await.unwrap().unwrap();
    let all = conn.memberships_of(user.id).await.unwrap();
    all.into_iter().map(|member| (member.tenant.name, member.roles)).collect()
}

#[tokio::test]
async fn mapped_roles_go_when_no_activity_gives_them_and_roles_given_by_hand_stay() {
    let op = Op::start().await;
    let environment = op.environment("pro_sante_connect", &[]);
    let pairs: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for app in TestApp::on_all_engines(&pairs).await {
        let engine = app.engine;
        let (first, second) = (app.tenant("First").await, app.tenant("Second").await);
        for (tenant, line) in [
            (&first, line("990001232", "10", Role::Doctor)),
            (&first, line("759999998", "10", Role::Biologist)),
            (&second, line("759999998", "10", Role::Doctor)),
        ] {
            assert!(mapping::add(&app.app.federation, tenant.id, line).await.unwrap(), "{engine}");
        }
        let client = app.client().first_party().create().await;
        let request = AuthRequest::of(&client)
            .set("idp_hint", "pro_sante_connect")
            .set("scope", "openid tenant roles")
            .set("tenant", &second.code);
        let both = professional("s", NATIONAL, &["990001232", "759999998"]);
        let end = op.sign_in(&app, &mut app.browser(), &request.url(), &both).await;
        let code = param(&end.answer, "code").unwrap_or_else(|| panic!("{engine}: {end:?}"));
        let tokens = Tokens::of(app.redeem(&client, &code).await);
        let everything =
            [("First".to_owned(), vec![Role::Doctor, Role::Biologist]), ("Second".to_owned(), vec![Role::Doctor])];
        assert_eq!(roles_of(&app).await, everything, "{engine}");
        // By hand: a role beside, and one that the mapping gave already.
        let user = app.store().read().await.unwrap().user_by_rpps(RPPS).await.unwrap().unwrap();
        people::grant_role(&app.app.accounts, &user, &first, Role::Secretary).await.unwrap();
        people::grant_role(&app.app.accounts, &user, &first, Role::Biologist).await.unwrap();

        // The second place of practice is gone: so are its role, its tenant, and what was issued there.
        let one = professional("s", NATIONAL, &["990001232"]);
        assert!(app.is_alive(&tokens.access).await, "{engine}");
        op.sign_in(&app, &mut app.browser(), "/sign-in/pro_sante_connect", &one).await;
        let left = [("First".to_owned(), vec![Role::Doctor, Role::Biologist, Role::Secretary])];
        assert_eq!(roles_of(&app).await, left, "{engine}");
        let refreshed = app.refresh(&client, &tokens.refresh).await;
        assert_eq!(refreshed.json()["error"], "invalid_grant", "{engine}: {refreshed:?}");
        assert!(!app.is_alive(&tokens.access).await, "{engine}");

        // A line that is taken out of the mapping counts in the same way.
        mapping::remove(&app.app.federation, first.id, line("990001232", "10", Role::Doctor)).await.unwrap();
        let mut browser = app.browser();
        let page = op.sign_in(&app, &mut browser, "/sign-in/pro_sante_connect", &one).await;
        let left = [("First".to_owned(), vec![Role::Biologist, Role::Secretary])];
        assert_eq!((page.kind(), roles_of(&app).await.as_slice()), (Some("account"), left.as_slice()), "{engine}");
        // It comes back as it went.
        mapping::add(&app.app.federation, second.id, line("990001232", "10", Role::Doctor)).await.unwrap();
        op.sign_in(&app, &mut browser, "/sign-in/pro_sante_connect", &one).await;
        assert_eq!(roles_of(&app).await.len(), 2, "{engine}");
    }
}

#[tokio::test]
async fn mapped_roles_go_with_the_link() {
    let op = Op::start().await;
    let app = app(&op).await;
    let tenant = app.tenant("First").await;
    mapping::add(&app.app.federation, tenant.id, line("990001232", "10", Role::Doctor)).await.unwrap();
    let mut browser = app.browser();
    let person = professional("s", NATIONAL, &["990001232"]);
    op.sign_in(&app, &mut browser, "/sign-in/pro_sante_connect", &person).await;
    let user = app.store().read().await.unwrap().user_by_rpps(RPPS).await.unwrap().unwrap();
    people::grant_role(&app.app.accounts, &user, &tenant, Role::Secretary).await.unwrap();
    people::set_password(&app.app.accounts, &user, guichet::base::Secret::new("Correct-horse-7-battery".to_owned()))
        .await
        .unwrap();
    let end = op.sign_in(&app, &mut browser, "/sign-in/pro_sante_connect", &person).await;
    let form = end.answer.body.split("action=\"/account/identities/").nth(1).unwrap();
    let action = format!("/account/identities/{}", form.split('"').next().unwrap());
    let csrf = form.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let page = browser.post(&action, &[("csrf", &csrf)]).await;
    assert!(page.url.contains("done=unlinked"), "{page:?}");
    assert_eq!(roles_of(&app).await, [("First".to_owned(), vec![Role::Secretary])]);
}

#[tokio::test]
async fn codes_that_are_no_longer_used_and_codes_that_nobody_knows() {
    let op = Op::start().await;
    let app = app(&op).await;
    let tenant = app.tenant("First").await;
    for line in [line("990001232", "313", Role::Caregiver), line("759999998", "1234", Role::Accountant)] {
        assert!(mapping::add(&app.app.federation, tenant.id, line).await.unwrap());
    }
    // An auxiliary nurse under the old code, and a profession that the tables do not have yet.
    let mut person = professional("s", NATIONAL, &["990001232", "759999998"]);
    person["SubjectRole"] = json!([]);
    let mut other = person["SubjectRefPro"]["exercices"][0].clone();
    person["SubjectRefPro"]["exercices"][0]["codeProfession"] = "35".into();
    other["codeProfession"] = "1234".into();
    person["SubjectRefPro"]["exercices"].as_array_mut().unwrap().push(other);
    let page = op.sign_in(&app, &mut app.browser(), "/sign-in/pro_sante_connect", &person).await;
    assert_eq!(roles_of(&app).await, [("First".to_owned(), vec![Role::Caregiver, Role::Accountant])]);
    let text = page.answer.body;
    assert!(text.contains("Aide-soignant · HOPITAL DES EXEMPLES"), "{text}");
    assert!(text.contains("1234 · HOPITAL DES EXEMPLES") && text.contains("FINESS 990001232"), "{text}");
}
