use uuid::Uuid;

use super::*;
use crate::base::id::UserId;
use crate::model::role::Role;
use crate::model::tenant::{Tenant as TenantRow, TenantKind, TenantStatus};
use crate::oauth::Params;
use crate::oauth::authorization::{self, Arrival, ClientRules};
use crate::oauth::client_metadata::{ClientMetadata, GrantType};
use crate::oauth::response::ResponseType;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn request(extra: &str) -> AuthorizationRequest {
    let metadata = ClientMetadata {
        redirect_uris: vec!["https://app.example/cb".to_owned()],
        grant_types: vec![GrantType::AuthorizationCode],
        response_types: vec![ResponseType::Code],
        ..ClientMetadata::new("App")
    };
    let query = format!("client_id=app&redirect_uri=https://app.example/cb&response_type=code&scope=openid{extra}");
    let params = Params::parse(query.as_bytes()).unwrap();
    let client = ClientRules { metadata: &metadata, requires_pkce: false, resources: &[] };
    authorization::check(&params, client, Arrival::default()).unwrap()
}

fn membership(id: i64) -> Membership {
    Membership {
        user: UserId::new(1),
        tenant: TenantRow {
            id: TenantId::new(id),
            uuid: Uuid::from_u128(u128::try_from(id).unwrap()),
            code: format!("ORG-{id}"),
            name: format!("Tenant {id}"),
            kind: TenantKind::Pharmacy,
            department: None,
            status: TenantStatus::Active,
            created_at: NOW,
            updated_at: NOW,
        },
        roles: vec![Role::Doctor],
    }
}

struct Case<'a> {
    request: Option<AuthorizationRequest>,
    memberships: Vec<Membership>,
    consented: Option<Scope>,
    facts: Facts<'a>,
    session: bool,
    auth_age: u64,
    session_tenant: Option<TenantId>,
}

impl Case<'_> {
    fn new(extra: &str) -> Self {
        Self {
            request: Some(request(extra)),
            memberships: vec![membership(1)],
            consented: Some(Scope::parse("openid profile").unwrap()),
            facts: Facts {
                request: None,
                first_party: false,
                hint: Hint::None,
                session: None,
                progress: Progress::default(),
                anew: false,
                for_tenant: false,
                needed_acr: &[],
                upstream_met: true,
                can_step_up: false,
                now: NOW,
            },
            session: true,
            auth_age: 100,
            session_tenant: None,
        }
    }

    fn next(&self) -> Next {
        let session = SessionFacts {
            auth_time: NOW.minus(Duration::from_secs(self.auth_age)),
            acr: "urn:guichet:acr:password",
            tenant: self.session_tenant,
            sub: "me",
            memberships: &self.memberships,
            consented: self.consented.as_ref(),
        };
        next(&Facts { request: self.request.as_ref(), session: self.session.then_some(session), ..self.facts })
    }
}

fn refused(next: &Next) -> Option<&'static str> {
    match next {
        Next::Refuse(error) => Some(error.code.as_str()),
        _ => None,
    }
}

#[test]
fn a_live_session_with_consent_is_answered_at_once() {
    assert!(matches!(Case::new("").next(), Next::Issue(Some(t)) if t == TenantId::new(1)));
    assert!(matches!(Case::new("&prompt=none").next(), Next::Issue(Some(_))));
}

#[test]
fn without_a_session_the_person_signs_in_and_prompt_none_is_refused() {
    let mut case = Case::new("");
    case.session = false;
    assert!(matches!(case.next(), Next::SignIn(SignInReason::NoSession)));
    case.request = Some(request("&prompt=none"));
    assert_eq!(refused(&case.next()), Some("login_required"));
}

#[test]
fn a_fresh_proof_is_asked_once_per_journey() {
    for extra in ["&prompt=login", "&max_age=99", "&max_age=100", "&max_age=0"] {
        let mut case = Case::new(extra);
        assert!(matches!(case.next(), Next::SignIn(SignInReason::Fresh)), "{extra}");
        case.facts.progress.signed_in = true;
        assert!(matches!(case.next(), Next::Issue(_)), "{extra}");
    }
    assert!(matches!(Case::new("&max_age=101").next(), Next::Issue(_)));
    assert_eq!(refused(&Case::new("&max_age=1&prompt=none").next()), Some("login_required"));
}

#[test]
fn the_claims_parameter_binds_subject_and_context() {
    let claims = |json: &str| format!("&claims={}", json.replace('"', "%22"));
    assert!(matches!(Case::new(&claims(r#"{"id_token":{"sub":{"value":"me"}}}"#)).next(), Next::Issue(_)));
    let other = claims(r#"{"id_token":{"sub":{"value":"somebody"}}}"#);
    assert!(matches!(Case::new(&other).next(), Next::SignIn(SignInReason::OtherPerson)));
    assert_eq!(refused(&Case::new(&format!("{other}&prompt=none")).next()), Some("login_required"));
    let context = |acr: &str| claims(&format!(r#"{{"id_token":{{"acr":{{"essential":true,"values":["{acr}"]}}}}}}"#));
    assert!(matches!(Case::new(&context("urn:guichet:acr:password")).next(), Next::Issue(_)));
    assert_eq!(refused(&Case::new(&context("urn:acr:card")).next()), Some("unmet_authentication_requirements"));
}

#[test]
fn a_named_claim_needs_the_consent_that_its_scope_needs() {
    let mut case = Case::new("&claims={%22userinfo%22:{%22name%22:null}}");
    case.consented = Some(Scope::parse("openid").unwrap());
    assert!(matches!(case.next(), Next::Consent(_)));
    case.consented = Some(Scope::parse("openid profile").unwrap());
    assert!(matches!(case.next(), Next::Issue(_)));
}

#[test]
fn another_person_than_hinted_signs_in() {
    let mut case = Case::new("");
    case.facts.hint = Hint::Sub("me");
    assert!(matches!(case.next(), Next::Issue(_)));
    case.facts.hint = Hint::Sub("somebody");
    assert!(matches!(case.next(), Next::SignIn(SignInReason::OtherPerson)));
    case.facts.progress.signed_in = true;
    assert_eq!(refused(&case.next()), Some("login_required"), "the wrong person came: no endless sign-in");
    case.facts.progress.signed_in = false;
    case.facts.hint = Hint::Unreadable;
    assert!(matches!(case.next(), Next::Issue(_)));
    case.request = Some(request("&prompt=none"));
    assert_eq!(refused(&case.next()), Some("login_required"));
}

#[test]
fn several_tenants_are_chosen_from_and_the_choice_is_remembered() {
    let mut case = Case::new("");
    case.memberships = vec![membership(1), membership(2)];
    assert!(matches!(case.next(), Next::ChooseTenant));
    case.request = Some(request("&prompt=none"));
    assert_eq!(refused(&case.next()), Some("account_selection_required"));
    case.session_tenant = Some(TenantId::new(2));
    assert!(matches!(case.next(), Next::Issue(Some(t)) if t == TenantId::new(2)));
    case.session_tenant = Some(TenantId::new(3));
    assert_eq!(refused(&case.next()), Some("account_selection_required"), "a tenant that the person left");
}

#[test]
fn the_hinted_tenant_wins_and_a_foreign_one_is_refused() {
    let mut case = Case::new("&tenant=org-2");
    case.memberships = vec![membership(1), membership(2)];
    assert!(matches!(case.next(), Next::Issue(Some(t)) if t == TenantId::new(2)));
    case.request = Some(request("&tenant=ORG-9"));
    assert_eq!(refused(&case.next()), Some("access_denied"));
}

#[test]
fn consent_covers_the_scope_or_is_asked() {
    let mut case = Case::new("");
    case.consented = Some(Scope::parse("profile").unwrap());
    assert!(matches!(case.next(), Next::Consent(_)));
    case.facts.first_party = true;
    assert!(matches!(case.next(), Next::Issue(_)));
    case.facts.first_party = false;
    case.request = Some(request("&prompt=none"));
    assert_eq!(refused(&case.next()), Some("consent_required"));
    let mut again = Case::new("&prompt=consent");
    assert!(matches!(again.next(), Next::Consent(_)));
    again.facts.progress.consented = true;
    assert!(matches!(again.next(), Next::Issue(_)));
}

#[test]
fn a_person_who_came_alone_needs_neither_tenant_nor_consent() {
    let mut case = Case::new("");
    case.request = None;
    case.consented = None;
    case.memberships = vec![membership(1), membership(2)];
    assert!(matches!(case.next(), Next::Issue(None)));
}
