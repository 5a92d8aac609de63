//! Every view with made-up content. `word` changes all content that comes from outside: names, addresses, codes.

use crate::base::Timestamp;
use crate::http::pages::views::*;
use crate::i18n::Locale;
use crate::mail::Mail;
use crate::model::role::Role;
use crate::model::tenant::TenantKind;
use crate::oauth::authorization::Display;

/// A rendered sample.
pub(super) struct Sample {
    /// Its name: `sign-in.wrong`.
    pub(super) name: String,
    /// The `data-page` it must have.
    pub(super) page: &'static str,
    /// The page.
    pub(super) html: String,
}

/// How outside content is changed.
pub(super) type Word = fn(&str) -> String;

struct Maker {
    locale: Locale,
    word: Word,
    out: Vec<Sample>,
}

/// All samples of all views.
pub(super) fn all(locale: Locale, word: Word) -> Vec<Sample> {
    let mut maker = Maker { locale, word, out: Vec::new() };
    maker.sign_in();
    maker.telephone();
    maker.tenant_and_consent();
    maker.leaving();
    maker.errors();
    maker.account();
    maker.passwords();
    maker.invitations();
    maker.out
}

impl Maker {
    fn w(&self, text: &str) -> String {
        (self.word)(text)
    }

    fn add(&mut self, name: &str, page: &'static str, html: String) {
        self.out.push(Sample { name: name.to_owned(), page, html });
    }

    fn plain(&self) -> Layout {
        Layout {
            display: Display::default(),
            locale: self.locale,
            brand: self.w("Guichet"),
            csrf: self.w("c5rf"),
            client: None,
            alternate: Locale::ALL.into_iter().map(|l| (l, self.w(&format!("?ui_locales={l}")))).collect(),
            signed_in_as: None,
            static_path: "/static".to_owned(),
            asset_version: asset_version().to_owned(),
        }
    }

    fn for_client(&self) -> Layout {
        let client = ClientBrand {
            name: self.w("Clinkio"),
            logo_uri: None,
            policy_uri: Some(self.w("https://clinkio.example/privacy")),
            tos_uri: Some(self.w("https://clinkio.example/terms")),
            client_uri: Some(self.w("https://clinkio.example/")),
        };
        Layout { client: Some(client), ..self.plain() }
    }

    fn known(&self) -> Layout {
        Layout { signed_in_as: Some(self.w("Dr Camille Lefèvre-Martin")), ..self.for_client() }
    }

    fn sign_in(&mut self) {
        let base = SignIn {
            layout: self.for_client(),
            action: self.w("/sign-in"),
            email: String::new(),
            email_error: None,
            password_error: None,
            problem: None,
            reauthenticate: false,
            not_you_url: None,
            forgot_url: Some(self.w("/password/forgotten")),
            cancel: true,
            names_home: false,
            upstreams: Vec::new(),
        };
        self.add("sign-in", "sign-in", base.render());
        let email = self.w("camille.lefevre@exemple.fr");
        let wrong = SignIn { email: email.clone(), problem: Some(Message::WrongCredentials), ..base.clone() };
        self.add("sign-in.wrong", "sign-in", wrong.render());
        let many = SignIn { problem: Some(Message::TooManyTries { seconds: 45 }), ..wrong.clone() };
        self.add("sign-in.many", "sign-in", many.render());
        let elsewhere = SignIn { problem: Some(Message::SignInElsewhere), ..wrong.clone() };
        self.add("sign-in.elsewhere", "sign-in", elsewhere.render());
        let busy = SignIn { problem: Some(Message::Busy), ..wrong.clone() };
        self.add("sign-in.busy", "sign-in", busy.render());
        let expired = SignIn { problem: Some(Message::Expired), ..wrong };
        self.add("sign-in.expired", "sign-in", expired.render());
        let fields = SignIn {
            email: self.w("camille@"),
            email_error: Some(Message::EmailMalformed),
            password_error: Some(Message::PasswordMissing),
            ..base.clone()
        };
        self.add("sign-in.fields", "sign-in", fields.render());
        let missing = SignIn { email_error: Some(Message::EmailMissing), ..base.clone() };
        self.add("sign-in.missing", "sign-in", missing.render());
        let homes = SignIn { names_home: true, ..base.clone() };
        self.add("sign-in.homes", "sign-in", homes.render());
        let onward = Onward {
            layout: self.for_client(),
            upstream: self.w("Hôpital des Exemples"),
            url: self.w("/interaction/x/upstream?name=hospital&login_hint=a%40b.example"),
            back_url: self.w("/interaction/x"),
        };
        self.add("onward", "onward", onward.render());
        let again = SignIn {
            layout: self.known(),
            email,
            reauthenticate: true,
            not_you_url: Some(self.w("/sign-in?prompt=select_account")),
            ..base.clone()
        };
        self.add("sign-in.again", "sign-in", again.render());
        let again = SignIn { layout: self.plain(), not_you_url: None, cancel: false, ..again };
        self.add("sign-in.again-alone", "sign-in", again.render());
        let mut layout = self.for_client();
        layout.client = layout.client.map(|client| ClientBrand {
            logo_uri: Some(format!("https://clinkio.example/{}", (self.word)("logo.png"))),
            ..client
        });
        let upstream = |name: &str, label: &str, logo: Option<String>| Upstream {
            name: self.w(name),
            label: self.w(label),
            url: self.w("/upstream"),
            telephone: logo
                .is_some()
                .then(|| Link { url: self.w("/ciba"), label: self.w("Avec mon téléphone (e-CPS)") }),
            is_picture: false,
            logo,
        };
        let upstreams = vec![
            upstream("pro_sante_connect", "S’identifier avec Pro Santé Connect", Some(self.w("/static/mark.svg"))),
            upstream("google", "Google", None),
        ];
        let picture = Upstream { is_picture: true, ..upstreams[0].clone() };
        self.add("sign-in.picture", "sign-in", SignIn { upstreams: vec![picture], ..base.clone() }.render());
        self.add("sign-in.upstreams", "sign-in", SignIn { layout, upstreams, ..base.clone() }.render());
        let alone = SignIn { layout: self.plain(), cancel: false, forgot_url: None, ..base };
        self.add("sign-in.alone", "sign-in", alone.render());
    }

    fn telephone(&mut self) {
        let start = CibaStart {
            layout: self.for_client(),
            upstream: self.w("Pro Santé Connect"),
            action: self.w("/ciba"),
            number: String::new(),
            number_error: None,
            problem: None,
            back_url: self.w("/interaction"),
        };
        self.add("ciba", "ciba", start.render());
        for message in [Message::NumberMalformed, Message::NumberUnknown] {
            let page = CibaStart { number: self.w("99700"), number_error: Some(message), ..start.clone() };
            self.add(&format!("ciba.{}", format!("{message:?}").to_lowercase()), "ciba", page.render());
        }
        let pending = CibaStart { problem: Some(Message::NumberPending), ..start };
        self.add("ciba.pending", "ciba", pending.render());
        let wait = CibaWait { layout: self.plain(), action: self.w("/ciba"), number: self.w("07"), again: 2 };
        self.add("ciba.wait", "ciba", wait.render());
    }

    fn tenant_and_consent(&mut self) {
        let item = |code: &str, name: &str, kind, roles: &[Role], department: &str, selected| TenantItem {
            code: self.w(code),
            name: self.w(name),
            kind,
            roles: roles.to_vec(),
            department: Some(self.w(department)),
            selected,
        };
        let tenants = vec![
            item(
                "ORG-7K4M2X",
                "Pharmacie des Lilas",
                TenantKind::Pharmacy,
                &[Role::Titulaire, Role::Owner],
                "93",
                true,
            ),
            item(
                "ORG-Q9RT3B",
                "Hôpital Saint-Antoine — pharmacie à usage intérieur et stérilisation",
                TenantKind::Hospital,
                &[Role::Pharmacist],
                "75",
                false,
            ),
            item("ORG-2HX8WD", "Cabinet du Port", TenantKind::Practice, &[Role::Doctor, Role::Admin], "2A", false),
        ];
        let base =
            TenantChoice { layout: self.known(), action: self.w("/tenant"), problem: None, tenants, cancel: true };
        self.add("tenant", "tenant", base.render());
        let mut missing = TenantChoice { problem: Some(Message::TenantMissing), ..base };
        for tenant in &mut missing.tenants {
            tenant.selected = false;
        }
        self.add("tenant.missing", "tenant", missing.render());

        let locale = self.locale;
        let scopes = |names: &[&str]| names.iter().map(|name| ScopeItem::describe(locale, name)).collect();
        let consent = Consent {
            layout: self.known(),
            action: self.w("/consent"),
            person: self.w("Dr Camille Lefèvre-Martin"),
            email: self.w("camille.lefevre@exemple.fr"),
            scopes: scopes(&["openid", "profile", "email", "tenant", "roles", "offline_access"]),
            tenant: Some(self.w("Pharmacie des Lilas")),
            redirect_host: self.w("app.clinkio.example"),
        };
        self.add("consent", "consent", consent.render());
        let other = self.w("patients:read");
        let foreign = Consent { scopes: scopes(&["address", "phone", &other]), tenant: None, ..consent };
        self.add("consent.foreign", "consent", foreign.render());
    }

    fn leaving(&mut self) {
        let logout = Logout { layout: self.known(), action: self.w("/logout"), client: Some(self.w("Clinkio")) };
        self.add("logout", "logout", logout.render());
        self.add("logout.own", "logout", Logout { layout: self.plain(), client: None, ..logout }.render());
        let out = SignedOut {
            layout: self.for_client(),
            return_url: Some(self.w("https://app.clinkio.example/bye")),
            client: Some(self.w("Clinkio")),
            upstream: None,
            sign_in_url: None,
            goes_on: false,
            frames: Vec::new(),
        };
        self.add("signed-out", "signed-out", out.render());
        let own = SignedOut { layout: self.plain(), return_url: None, client: None, ..out.clone() };
        let own = SignedOut { sign_in_url: Some(self.w("/sign-in")), ..own };
        self.add("signed-out.own", "signed-out", own.render());
        let frames = vec![self.w("https://agenda.example/out?sid=1"), self.w("https://lab.example/out")];
        let stop = SignedOut { goes_on: true, frames, ..out };
        self.add("signed-out.stop", "signed-out", stop.render());
        let upstream = SignedOut { upstream: Some(self.w("CHU des Exemples")), frames: Vec::new(), ..stop };
        self.add("signed-out.upstream", "signed-out", upstream.render());
        let post = FormPost {
            layout: self.for_client(),
            action: self.w("https://app.clinkio.example/callback"),
            fields: vec![(self.w("code"), self.w("c0de")), (self.w("state"), self.w("st4te"))],
        };
        self.add("form-post", "form-post", post.render());
        self.add("form-post.nameless", "form-post", FormPost { layout: self.plain(), ..post }.render());
        for (name, kind) in [("changed", StatusKind::PasswordChanged), ("already", StatusKind::AlreadyDone)] {
            let layout = self.plain();
            let link = Some(Link::home(&layout, self.w("/")));
            self.add(&format!("status.{name}"), "status", Status { layout, kind, link }.render());
        }
        let home = Home {
            layout: self.plain(),
            sign_in_url: self.w("/sign-in"),
            account_url: self.w("/account"),
            discovery_url: self.w("/.well-known/openid-configuration"),
        };
        self.add("home", "home", home.render());
        let layout = Layout { client: None, ..self.known() };
        self.add("home.known", "home", Home { layout, ..home }.render());
    }

    fn errors(&mut self) {
        for kind in ErrorKind::ALL {
            let layout = self.for_client();
            let link = Some(Link::back_to(&layout, &self.w("Clinkio"), self.w("https://clinkio.example/")));
            let page = ErrorPage {
                layout,
                kind,
                code: Some(self.w("invalid_request")),
                description: Some(self.w("The redirect_uri is not registered")),
                reference: self.w("01980f3a-7c1e-7d5b-9f57-2f4a6a9f1c55"),
                link,
            };
            self.add(&format!("error.{}", kind.as_str()), "error", page.render());
        }
        let layout = self.plain();
        let link = Some(Link::again(&layout, self.w("/")));
        let bare = ErrorPage {
            layout,
            kind: ErrorKind::NotFound,
            code: None,
            description: None,
            reference: self.w("01980f3a"),
            link,
        };
        self.add("error.bare", "error", bare.render());
        self.add("error.linkless", "error", ErrorPage { link: None, ..bare }.render());
    }

    fn account(&mut self) {
        let at = |text: &str| Timestamp::parse_rfc3339(text).expect("a time");
        let membership = |code: &str, name: &str, kind, roles: &[Role], department: Option<&str>| AccountMembership {
            code: self.w(code),
            name: self.w(name),
            kind,
            roles: roles.to_vec(),
            department: department.map(|text| self.w(text)),
        };
        let session = |sid: &str, agent: &str, address: Option<&str>, current| AccountSession {
            sid: self.w(sid),
            device: self.w(&describe_device(self.locale, Some(agent))),
            address: address.map(|text| self.w(text)),
            started: at("2026-11-21T08:02:11Z"),
            last_seen: at("2026-11-21T10:36:40Z"),
            current,
            action: self.w("/account/sessions/end"),
        };
        let consent = |client: &str, scopes: &[&str]| GrantedConsent {
            client: self.w(client),
            client_id: self.w("client"),
            scopes: scopes.iter().map(|name| ScopeItem::describe(self.locale, name).title).collect(),
            since: at("2026-03-01T09:00:00Z"),
            action: self.w("/account/consents/withdraw"),
        };
        let account = Account {
            layout: Layout { client: None, ..self.known() },
            person: self.w("Dr Camille Lefèvre-Martin"),
            email: self.w("camille.lefevre@exemple.fr"),
            memberships: vec![
                membership("ORG-7K4M2X", "Pharmacie des Lilas", TenantKind::Pharmacy, &[Role::Titulaire], Some("93")),
                membership("ORG-2HX8WD", "Cabinet du Port", TenantKind::Practice, &[Role::Doctor, Role::Admin], None),
            ],
            sessions: vec![
                session("s1", "Windows Firefox/140.0", Some("203.0.113.7"), true),
                session("s2", "iPhone Safari/604.1", Some("2001:db8:85a3::8a2e:370:7334"), false),
                session("s3", "?", None, false),
            ],
            applications: vec![Application {
                name: self.w("Clinkio"),
                client_id: self.w("clinkio"),
                url: self.w("https://clinkio.example/start?iss=https%3A%2F%2Fsso.example"),
            }],
            consents: vec![
                consent("Clinkio", &["openid", "profile", "email"]),
                consent("MedReport", &["openid", "tenant", "roles", "offline_access"]),
            ],
            identities: vec![LinkedIdentity {
                upstream: self.w("pro_sante_connect"),
                label: self.w("Pro Santé Connect"),
                account: Some(self.w("camille@exemple.fr")),
                since: at("2026-03-01T09:00:00Z"),
                practices: vec![AccountPractice {
                    title: self.w("Médecin"),
                    structure: self.w("Hôpital des Exemples"),
                    finess: self.w("990001232"),
                }],
                action: self.w("/account/identities/1/unlink"),
            }],
            link_offers: vec![LinkOffer {
                name: self.w("google"),
                label: self.w("Google"),
                url: self.w("/account/links/google"),
            }],
            password_url: self.w("/account/password"),
            end_others_action: self.w("/account/sessions/end-others"),
            end_all_action: self.w("/account/sessions/end-all"),
            sign_out_action: self.w("/sign-out"),
            flash: Some(Message::SessionEnded),
        };
        self.add("account", "account", account.render());
        let one = account.sessions.iter().take(1).cloned().collect();
        let bare = Account {
            memberships: Vec::new(),
            sessions: one,
            applications: Vec::new(),
            consents: Vec::new(),
            identities: Vec::new(),
            link_offers: Vec::new(),
            flash: None,
            ..account
        };
        self.add("account.bare", "account", bare.render());
        for flash in [
            Message::PasswordChanged,
            Message::OtherSessionsEnded,
            Message::ConsentWithdrawn,
            Message::Expired,
            Message::Welcome,
            Message::Linked,
            Message::Unlinked,
            Message::Proven,
            Message::AccountExists,
        ] {
            let page = Account { flash: Some(flash), ..bare.clone() };
            self.add(&format!("account.{}", format!("{flash:?}").to_lowercase()), "account", page.render());
        }
    }

    fn passwords(&mut self) {
        let base = PasswordChange {
            layout: Layout { client: None, ..self.known() },
            action: self.w("/account/password"),
            email: self.w("camille.lefevre@exemple.fr"),
            problem: None,
            current_error: None,
            new_error: None,
            repeat_error: None,
            minimum: 12,
            cancel_url: self.w("/account"),
        };
        self.add("password", "password", base.render());
        let wrong = PasswordChange {
            problem: Some(Message::TooManyTries { seconds: 600 }),
            current_error: Some(Message::CurrentPasswordWrong),
            new_error: Some(Message::PasswordTooShort { minimum: 12 }),
            repeat_error: Some(Message::PasswordsDiffer),
            ..base.clone()
        };
        self.add("password.wrong", "password", wrong.render());
        for refusal in [
            Message::PasswordTooLong { maximum: 256 },
            Message::PasswordTooCommon,
            Message::PasswordContainsName,
            Message::PasswordUnchanged,
        ] {
            let page = PasswordChange { new_error: Some(refusal), ..base.clone() };
            let name = format!("{refusal:?}").to_lowercase();
            let name = name.split(' ').next().unwrap_or_default();
            self.add(&format!("password.{name}"), "password", page.render());
        }
        let request = PasswordResetRequest {
            layout: self.plain(),
            action: self.w("/password/forgotten"),
            email: String::new(),
            email_error: None,
            problem: None,
            back_url: Some(self.w("/sign-in")),
        };
        self.add("reset.request", "password-reset", request.render());
        let wrong = PasswordResetRequest { email_error: Some(Message::EmailMissing), ..request };
        self.add("reset.request-wrong", "password-reset", wrong.render());
        let sent = PasswordResetSent {
            layout: self.plain(),
            valid_seconds: 1_800,
            again_url: self.w("/password/forgotten"),
            back_url: Some(self.w("/sign-in")),
        };
        self.add("reset.sent", "password-reset", sent.render());
        let form = PasswordResetForm {
            layout: self.plain(),
            action: self.w("/password/new"),
            email: self.w("camille.lefevre@exemple.fr"),
            new_error: None,
            repeat_error: None,
            minimum: 12,
        };
        self.add("reset.form", "password-reset", form.render());
        let wrong = PasswordResetForm { new_error: Some(Message::PasswordTooCommon), ..form };
        self.add("reset.form-wrong", "password-reset", wrong.render());
    }

    fn invitations(&mut self) {
        let base = InvitationPage {
            layout: self.plain(),
            action: self.w("/invitations/t0ken"),
            tenant: self.w("Clinique des Exemples"),
            kind: TenantKind::Clinic,
            roles: vec![Role::Doctor, Role::Admin],
            email: self.w("camille.lefevre@exemple.fr"),
            professional: false,
            joins: true,
            minimum: 15,
            first_name: String::new(),
            last_name: String::new(),
            name_error: None,
            new_error: None,
            repeat_error: None,
        };
        self.add("invitation", "invitation", base.render());
        let wrong = InvitationPage {
            first_name: self.w("Camille"),
            name_error: Some(Message::NameMissing),
            new_error: Some(Message::PasswordTooCommon),
            repeat_error: Some(Message::PasswordsDiffer),
            ..base.clone()
        };
        self.add("invitation.wrong", "invitation", wrong.render());
        let layout = Layout { client: None, ..self.known() };
        let known = InvitationPage { layout, joins: false, professional: true, ..base };
        self.add("invitation.known", "invitation", known.render());
    }
}

/// The mails.
pub(super) fn mails(locale: Locale, word: Word) -> Vec<(&'static str, Mail)> {
    let changed = PasswordChangedMail {
        locale,
        brand: word("Guichet"),
        name: word("Camille Lefèvre-Martin"),
        at: Timestamp::from_seconds(1_795_257_360),
        device: word("Firefox sur Windows"),
        account_url: word("https://guichet.example/account"),
    };
    let reset = PasswordResetMail {
        locale,
        brand: word("Guichet"),
        name: word("Camille Lefèvre-Martin"),
        url: word("https://guichet.example/password/new?token=t0ken"),
        valid_seconds: 1_800,
    };
    let invitation = InvitationMail {
        locale,
        brand: word("Guichet"),
        tenant: word("Clinique des Exemples"),
        url: word("https://guichet.example/invitations/t0ken"),
        valid_seconds: 604_800,
    };
    vec![
        ("password-changed", changed.render()),
        ("password-reset", reset.render()),
        ("invitation", invitation.render()),
    ]
}
