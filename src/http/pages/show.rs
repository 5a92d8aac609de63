//! Fills the views: what a handler decided becomes a page in the person's language.

use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::Response;
use url::form_urlencoded::Serializer;

use super::interaction::path_of;
use super::scene::{Person, Scene, request_of};
use super::views::{
    Account, AccountMembership, AccountSession, Application, ClientBrand, Consent, FormPost, GrantedConsent, Layout,
    LinkOffer, LinkedIdentity, Logout, Message, Onward, PasswordChange, ScopeItem, SignIn, SignedOut, TenantChoice,
    TenantItem, asset_version, describe_device,
};
use crate::account::overview::Overview;
use crate::account::passwords::{LONGEST, PasswordRefusal, Policy};
use crate::account::recovery;
use crate::base::id::TenantId;
use crate::federation::Upstream;
use crate::federation::logout::WayOut;
use crate::http::extract::Browser;
use crate::http::respond::page::{self, FormTarget};
use crate::http::site::Site;
use crate::model::client::Client;
use crate::model::journey::Journey;
use crate::model::user::User;
use crate::oauth::Params;
use crate::oauth::authorization::Display;
use crate::oauth::redirect_uri::VerifiedRedirectUri;
use crate::provider::discovery::path;
use crate::provider::dispatch::{Next, SignInReason};
use crate::provider::end_session::LogoutRequest;

/// What went wrong with a sign-in.
#[derive(Debug, Clone, Copy)]
pub enum Problem<'a> {
    /// Address or password; never which.
    WrongCredentials {
        /// As typed.
        email: &'a str,
    },
    /// Too many tries.
    TooMany {
        /// As typed.
        email: &'a str,
        /// How long to wait.
        retry_after: Duration,
    },
}

/// What went wrong with a password change.
#[derive(Debug, Clone, Copy)]
pub enum PasswordProblem {
    /// The two entries differ.
    Mismatch,
    /// The present password is wrong.
    Wrong,
    /// The new one may not be chosen.
    Refused(PasswordRefusal),
    /// Too many tries.
    TooMany(Duration),
}

/// What is around every page. `here` is the page's own path, which the language links lead to.
pub fn layout(site: &Site, browser: &Browser, ui_locales: &[String], client: Option<&Client>, here: &str) -> Layout {
    let locale = browser.locale(ui_locales, site.default_locale);
    let separator = if here.contains('?') { '&' } else { '?' };
    let others = crate::i18n::Locale::ALL.into_iter().filter(|other| *other != locale);
    Layout {
        locale,
        display: Display::default(),
        brand: site.brand.clone(),
        csrf: browser.csrf(site),
        client: client.map(|client| brand(client, locale.as_str())),
        alternate: others
            .map(|other| (other, format!("{}{separator}lang={}", site.link(here), other.as_str())))
            .collect(),
        signed_in_as: None,
        static_path: site.link("/static"),
        asset_version: asset_version().to_owned(),
    }
}

/// How the application presents itself to people who read `language`.
fn brand(client: &Client, language: &str) -> ClientBrand {
    let metadata = &client.metadata;
    let text = |member| metadata.text(member, language).map(str::to_owned);
    ClientBrand {
        name: metadata.name_in(language).to_owned(),
        logo_uri: text("logo_uri"),
        policy_uri: text("policy_uri"),
        tos_uri: text("tos_uri"),
        client_uri: text("client_uri"),
    }
}

/// A page of a journey: its forms may lead to the application, and it may show the application's logo.
fn journey_page(status: StatusCode, body: String, layout: &Layout, journey: &Journey) -> Response {
    page::html_with_pictures(status, body, journey_target(journey), layout.client_logo())
}

fn journey_layout(site: &Site, browser: &Browser, handle: &str, journey: &Journey, scene: &Scene) -> Layout {
    journey_layout_at(site, browser, journey, scene, &path_of(handle))
}

/// What is around a page of a journey; `here` is the page's own path.
pub fn journey_layout_at(site: &Site, browser: &Browser, journey: &Journey, scene: &Scene, here: &str) -> Layout {
    let locales = request_of(journey).map(|request| request.ui_locales.as_slice()).unwrap_or_default();
    let mut layout = layout(site, browser, locales, scene.client.as_deref(), here);
    layout.display = request_of(journey).map(|request| request.display).unwrap_or_default();
    layout.signed_in_as = scene.person.as_ref().map(|person| person.user.display_name());
    layout
}

/// Where the forms of a journey may lead in the end (CSP `form-action` looks at the whole chain of redirects).
fn journey_target(journey: &Journey) -> FormTarget<'_> {
    request_of(journey).map_or(FormTarget::Own, |request| FormTarget::Client(request.redirect_uri.as_str()))
}

/// The page that the dispatcher wants.
pub fn step(
    site: &Site,
    browser: &Browser,
    handle: &str,
    journey: &Journey,
    scene: &Scene,
    problem: Option<Problem<'_>>,
) -> Response {
    match (&scene.next, &scene.person) {
        (Next::ChooseTenant, Some(person)) => tenant(site, browser, handle, journey, scene, person),
        (Next::Consent(tenant), Some(person)) => consent(site, browser, handle, journey, scene, (person, *tenant)),
        _ => sign_in(site, browser, handle, journey, scene, problem),
    }
}

/// The sign-in page, with what went wrong.
pub fn sign_in(
    site: &Site,
    browser: &Browser,
    handle: &str,
    journey: &Journey,
    scene: &Scene,
    problem: Option<Problem<'_>>,
) -> Response {
    let hint = request_of(journey).and_then(|request| request.login_hint.clone());
    let known = scene.person.as_ref().filter(|_| matches!(scene.next, Next::SignIn(SignInReason::Fresh)));
    let typed = match problem {
        Some(Problem::WrongCredentials { email } | Problem::TooMany { email, .. }) => Some(email.to_owned()),
        None => known.and_then(|person| person.user.address()).map(str::to_owned),
    };
    // Where the people of this address sign in, whether or not there is such an account.
    let home = typed.as_deref().and_then(|typed| super::upstreams::home_of(site, journey, scene, typed));
    let waiting = journey.pending.as_ref().and_then(|pending| pending.claimed.email.as_ref());
    let waiting = waiting.map(|email| email.address.clone());
    let (status, message, wait) = match problem {
        None if journey.pending.is_some() => (StatusCode::OK, Some(Message::AccountExists), None),
        None => (StatusCode::OK, None, None),
        Some(Problem::WrongCredentials { .. }) if home.is_some() => {
            (StatusCode::OK, Some(Message::SignInElsewhere), None)
        }
        Some(Problem::WrongCredentials { .. }) => (StatusCode::OK, Some(Message::WrongCredentials), None),
        Some(Problem::TooMany { retry_after, .. }) => {
            let seconds = page::whole_seconds(retry_after);
            (StatusCode::TOO_MANY_REQUESTS, Some(Message::TooManyTries { seconds }), Some(seconds))
        }
    };
    let mut layout = journey_layout(site, browser, handle, journey, scene);
    layout.signed_in_as = known.map(|person| person.user.display_name());
    let mut upstreams = super::upstreams::buttons(site, layout.locale, handle, journey, scene);
    upstreams.sort_by_key(|upstream| home.is_some_and(|home| home.settings.name != upstream.name));
    let view = SignIn {
        layout,
        action: site.link(&format!("{}/sign-in", path_of(handle))),
        email: typed.or(waiting).or(hint).unwrap_or_default(),
        email_error: None,
        password_error: None,
        problem: message,
        reauthenticate: false,
        not_you_url: None,
        forgot_url: recovery::is_offered(site.accounts()).then(|| site.link(recovery::LINK_PATH)),
        cancel: request_of(journey).is_some(),
        names_home: super::upstreams::knows_homes(site, journey, scene),
        upstreams,
    };
    let pictures =
        view.layout.client_logo().into_iter().chain(view.upstreams.iter().filter_map(|one| one.logo.as_deref()));
    let mut response = page::html_with_pictures(status, view.render(), journey_target(journey), pictures);
    if let Some(seconds) = wait {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// The stop on the way to the upstream where the people of a typed address sign in. Chromium holds the form's policy against
/// every redirect behind it, so that a page goes on, without a script.
pub fn onward(
    site: &Site,
    browser: &Browser,
    handle: &str,
    journey: &Journey,
    scene: &Scene,
    (home, typed): (&Upstream, &str),
) -> Response {
    let view = Onward {
        layout: journey_layout(site, browser, handle, journey, scene),
        upstream: home.settings.label.clone(),
        url: super::upstreams::way_to(site, handle, home, typed),
        back_url: site.link(&path_of(handle)),
    };
    journey_page(StatusCode::OK, view.render(), &view.layout, journey)
}

fn tenant(site: &Site, browser: &Browser, handle: &str, journey: &Journey, scene: &Scene, person: &Person) -> Response {
    let item = |member: &crate::model::tenant::Membership| TenantItem {
        code: member.tenant.code.clone(),
        name: member.tenant.name.clone(),
        kind: member.tenant.kind,
        roles: member.roles.clone(),
        department: member.tenant.department.clone(),
        selected: person.session.tenant == Some(member.tenant.id),
    };
    let view = TenantChoice {
        layout: journey_layout(site, browser, handle, journey, scene),
        action: site.link(&format!("{}/tenant", path_of(handle))),
        problem: None,
        tenants: person.memberships.iter().map(item).collect(),
        cancel: request_of(journey).is_some(),
    };
    journey_page(StatusCode::OK, view.render(), &view.layout, journey)
}

fn consent(
    site: &Site,
    browser: &Browser,
    handle: &str,
    journey: &Journey,
    scene: &Scene,
    (person, tenant): (&Person, Option<TenantId>),
) -> Response {
    let layout = journey_layout(site, browser, handle, journey, scene);
    let locale = layout.locale;
    let request = request_of(journey);
    let scopes = request.map(|request| {
        let scope = request.consent_scope();
        scope.names().map(|name| ScopeItem::describe(locale, name)).collect()
    });
    let chosen = tenant.and_then(|id| person.memberships.iter().find(|member| member.tenant.id == id));
    let view = Consent {
        layout,
        action: site.link(&format!("{}/consent", path_of(handle))),
        person: person.user.display_name(),
        email: person.user.address().unwrap_or_default().to_owned(),
        scopes: scopes.unwrap_or_default(),
        tenant: chosen.map(|member| member.tenant.name.clone()),
        redirect_host: request.map(|request| host_of(&request.redirect_uri)).unwrap_or_default(),
    };
    journey_page(StatusCode::OK, view.render(), &view.layout, journey)
}

fn host_of(uri: &VerifiedRedirectUri) -> String {
    let parsed = url::Url::parse(uri.as_str()).ok();
    parsed.map(|url| url.host_str().map_or_else(|| url.scheme().to_owned(), str::to_owned)).unwrap_or_default()
}

/// The page that posts an authorization response to the client.
pub fn form_post(site: &Site, browser: &Browser, uri: &VerifiedRedirectUri, fields: &[(&str, &str)]) -> Response {
    let view = FormPost {
        layout: layout(site, browser, &[], None, "/"),
        action: uri.as_str().to_owned(),
        fields: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    };
    page::html(StatusCode::OK, view.render(), FormTarget::Client(uri.as_str()))
}

/// The question whether to sign out. The request goes along in the form's address and is checked again.
pub fn logout(site: &Site, browser: &Browser, params: &Params, request: &LogoutRequest) -> Response {
    let kept = params.pairs().filter(|(name, _)| *name != "csrf" && *name != "lang" && *name != "decision");
    let query = Serializer::new(String::new()).extend_pairs(kept).finish();
    let here = if query.is_empty() { path::END_SESSION.to_owned() } else { format!("{}?{query}", path::END_SESSION) };
    let layout = layout(site, browser, &request.ui_locales, request.client.as_deref(), &here);
    let client = layout.client.as_ref().map(|client| client.name.clone());
    let view = Logout { layout, action: site.link(&here), client };
    page::html(StatusCode::OK, view.render(), request.return_uri.as_deref().map_or(FormTarget::Own, FormTarget::Client))
}

/// Where the page that says that somebody is signed out goes on to.
#[derive(Debug)]
pub enum Farewell {
    /// It is the end.
    Nowhere,
    /// To this verified address of the client.
    Client(String),
    /// To the logout of the upstream where the person signed in.
    Upstream(WayOut),
}

/// The person is signed out. Pages of other applications that do the same there are loaded in `frames`; with `onward` the
/// page is a stop on the way there.
pub fn signed_out(
    site: &Site,
    browser: &Browser,
    request: &LogoutRequest,
    onward: Farewell,
    frames: Vec<String>,
) -> Response {
    let layout = layout(site, browser, &request.ui_locales, request.client.as_deref(), path::END_SESSION);
    let client = layout.client.as_ref().map(|client| client.name.clone());
    let (goes_on, return_url, upstream) = match onward {
        Farewell::Nowhere => (false, request.return_uri.clone(), None),
        Farewell::Client(uri) => (true, Some(uri), None),
        Farewell::Upstream(way) => (true, Some(way.url), Some(way.label)),
    };
    let view =
        SignedOut { layout, client, goes_on, return_url, upstream, frames, sign_in_url: Some(site.link("/sign-in")) };
    match view.frames.as_slice() {
        [] => page::html(StatusCode::OK, view.render(), FormTarget::Own),
        frames => page::html_with_frames(view.render(), frames),
    }
}

/// The account page.
pub fn account(
    site: &Site,
    browser: &Browser,
    person: &Person,
    content: &Overview,
    (identities, link_offers): (Vec<LinkedIdentity>, Vec<LinkOffer>),
    flash: Option<Message>,
) -> Response {
    let mut layout = layout(site, browser, &[], None, "/account");
    layout.signed_in_as = Some(person.user.display_name());
    let locale = layout.locale;
    let mut sessions: Vec<AccountSession> = content
        .sessions
        .iter()
        .map(|session| AccountSession {
            sid: session.sid.to_string(),
            device: describe_device(locale, session.user_agent.as_deref()),
            address: session.address.clone(),
            started: session.created_at,
            last_seen: session.last_seen_at,
            current: session.sid == person.session.sid,
            action: site.link(&format!("/account/sessions/{}/end", session.sid)),
        })
        .collect();
    sessions.sort_by_key(|session| !session.current);
    let consents = content.consents.iter().map(|(consent, client)| GrantedConsent {
        client: client.metadata.name_in(locale.as_str()).to_owned(),
        client_id: client.client_id.clone(),
        scopes: consent.scope.names().map(|name| ScopeItem::describe(locale, name).title).collect(),
        since: consent.created_at,
        action: site.link(&format!("/account/consents/{}/withdraw", client.client_id)),
    });
    let applications = content.applications.iter().filter_map(|client| {
        Some(Application {
            name: client.metadata.name_in(locale.as_str()).to_owned(),
            client_id: client.client_id.clone(),
            url: sign_in_from_here(client, site.provider().issuer())?,
        })
    });
    let view = Account {
        applications: applications.collect(),
        layout,
        person: content.user.display_name(),
        email: content.user.address().unwrap_or_default().to_owned(),
        memberships: content
            .memberships
            .iter()
            .map(|member| AccountMembership {
                code: member.tenant.code.clone(),
                name: member.tenant.name.clone(),
                kind: member.tenant.kind,
                roles: member.roles.clone(),
                department: member.tenant.department.clone(),
            })
            .collect(),
        sessions,
        consents: consents.collect(),
        identities,
        link_offers,
        password_url: site.link("/account/password"),
        end_others_action: site.link("/account/sessions/end-others"),
        end_all_action: site.link("/account/sessions/end-all"),
        sign_out_action: site.link(path::END_SESSION),
        flash,
    };
    page::html(StatusCode::OK, view.render(), FormTarget::Own)
}

/// Where a sign-in at the application begins that we initiate (OpenID Connect Core §4). It learns who we are, and nothing of
/// the person until they signed in.
fn sign_in_from_here(client: &Client, issuer: &str) -> Option<String> {
    let mut url = url::Url::parse(client.metadata.initiate_login_uri.as_deref()?).ok()?;
    url.query_pairs_mut().append_pair("iss", issuer);
    Some(url.into())
}

/// The password page, with what went wrong.
pub fn password(
    site: &Site,
    browser: &Browser,
    person: &Person,
    problem: Option<PasswordProblem>,
    status: StatusCode,
) -> Response {
    let mut layout = layout(site, browser, &[], None, "/account/password");
    layout.signed_in_as = Some(person.user.display_name());
    let (mut current_error, mut new_error, mut repeat_error, mut whole) = (None, None, None, None);
    let mut wait: Option<u64> = None;
    match problem {
        None => {}
        Some(PasswordProblem::Mismatch) => repeat_error = Some(Message::PasswordsDiffer),
        Some(PasswordProblem::Wrong) => current_error = Some(Message::CurrentPasswordWrong),
        Some(PasswordProblem::Refused(refusal)) => new_error = Some(why(refusal)),
        Some(PasswordProblem::TooMany(limit)) => {
            let seconds = page::whole_seconds(limit);
            whole = Some(Message::TooManyTries { seconds });
            wait = Some(seconds);
        }
    }
    let view = PasswordChange {
        layout,
        action: site.link("/account/password"),
        email: person.user.email.clone(),
        problem: whole,
        current_error,
        new_error,
        repeat_error,
        minimum: least(site, &person.user),
        cancel_url: site.link("/account"),
    };
    let mut response = page::html(status, view.render(), FormTarget::Own);
    if let Some(seconds) = wait {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// The least number of characters of this person's password.
pub fn least(site: &Site, user: &User) -> usize {
    match site.accounts().policy() {
        Policy::Strict if user.platform_admin => 16,
        Policy::Strict => 15,
        Policy::Seed => 8,
    }
}

/// Why a password may not be chosen, in words.
pub const fn why(refusal: PasswordRefusal) -> Message {
    match refusal {
        PasswordRefusal::TooShort { min } => Message::PasswordTooShort { minimum: min },
        PasswordRefusal::TooLong => Message::PasswordTooLong { maximum: LONGEST },
        PasswordRefusal::ContainsContext => Message::PasswordContainsName,
        PasswordRefusal::Common | PasswordRefusal::TooGuessable => Message::PasswordTooCommon,
    }
}
