//! All routes, in one list, by audience.

use axum::Router;
use axum::routing::{MethodRouter, get, post};

use super::dialects::{carelink, medreport};
use super::oidc::{
    authorize, check_session, discovery, end_session, introspect, par, register, revoke, token, userinfo,
};
use super::pages::{account, ciba, home, interaction, invitations, links, recovery, upstreams};
use super::site::Site;
use crate::provider::discovery::path;

/// Files of the pages.
const STATIC: &str = "/static/{file}";

/// Who calls a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Anybody's program, from any origin, without credentials of the browser.
    Program,
    /// A relying application's or resource server's back end.
    Client,
    /// A person's browser.
    Person,
    /// A person's browser on the way from an application and back to it, maybe in a window that the application opened.
    Journey,
    /// An application that was written for another interface, and the browsers that it sends here. Such a path takes a
    /// trailing slash as well.
    Dialect,
}

/// One route.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its template.
    pub path: &'static str,
    /// Methods it answers; `HEAD` goes with `GET`.
    pub methods: &'static [&'static str],
    /// Who calls it.
    pub audience: Audience,
    handler: MethodRouter<Site>,
}

/// The list. Tests hold every route against it: wrong methods, missing tokens, foreign forms.
pub fn routes() -> Vec<Route> {
    use Audience::{Client, Dialect, Journey, Person, Program};
    let route = |path, methods, audience, handler| Route { path, methods, audience, handler };
    vec![
        route(path::OPENID_CONFIGURATION, &["GET"], Program, get(discovery::metadata)),
        route(path::OAUTH_METADATA, &["GET"], Program, get(discovery::metadata)),
        route(path::JWKS, &["GET"], Program, get(discovery::jwks)),
        route(path::TOKEN, &["POST"], Program, post(token::post)),
        route(path::PAR, &["POST"], Program, post(par::post)),
        route(path::USERINFO, &["GET", "POST"], Program, get(userinfo::get).post(userinfo::post)),
        route(path::REVOKE, &["POST"], Program, post(revoke::post)),
        route(path::INTROSPECT, &["POST"], Client, post(introspect::post)),
        route(path::REGISTER, &["POST"], Client, post(register::post)),
        route(
            "/register/{client_id}",
            &["GET", "PUT", "DELETE"],
            Client,
            get(register::get).put(register::put).delete(register::delete),
        ),
        route(path::AUTHORIZE, &["GET", "POST"], Journey, get(authorize::get).post(authorize::post)),
        route(path::END_SESSION, &["GET", "POST"], Journey, get(end_session::get).post(end_session::post)),
        route(path::CHECK_SESSION, &["GET"], Person, get(check_session::get)),
        route("/interaction/{journey}", &["GET"], Journey, get(interaction::get)),
        route("/interaction/{journey}/sign-in", &["POST"], Journey, post(interaction::post_sign_in)),
        route("/interaction/{journey}/tenant", &["POST"], Journey, post(interaction::post_tenant)),
        route("/interaction/{journey}/consent", &["POST"], Journey, post(interaction::post_consent)),
        route("/interaction/{journey}/upstream", &["GET"], Journey, get(upstreams::go_there)),
        route(ciba::PAGE, &["GET", "POST"], Journey, get(ciba::get).post(ciba::post)),
        route("/sign-in", &["GET"], Person, get(account::sign_in)),
        route("/sign-in/{upstream}", &["GET"], Person, get(upstreams::sign_in)),
        route(ciba::SIGN_IN, &["GET"], Person, get(ciba::sign_in)),
        route(upstreams::CALLBACK, &["GET"], Journey, get(upstreams::callback)),
        route(upstreams::JWKS, &["GET"], Program, get(upstreams::jwks)),
        route(upstreams::REQUEST, &["GET"], Client, get(upstreams::request)),
        route(upstreams::LOGOUT, &["GET"], Journey, get(upstreams::logged_out)),
        route(upstreams::BACKCHANNEL_LOGOUT, &["POST"], Client, post(upstreams::backchannel_logout)),
        route("/password-reset", &["GET", "POST"], Person, get(recovery::get).post(recovery::post)),
        route("/password-reset/{token}", &["GET", "POST"], Person, get(recovery::get_link).post(recovery::post_link)),
        route(invitations::PAGE, &["GET", "POST"], Person, get(invitations::get).post(invitations::post)),
        route("/account", &["GET"], Person, get(account::get)),
        route("/account/password", &["GET", "POST"], Person, get(account::password).post(account::post_password)),
        route("/account/sessions/{sid}/end", &["POST"], Person, post(account::end_one)),
        route("/account/sessions/end-others", &["POST"], Person, post(account::end_others)),
        route("/account/sessions/end-all", &["POST"], Person, post(account::end_all)),
        route("/account/consents/{client_id}/withdraw", &["POST"], Person, post(account::withdraw)),
        route("/account/links/{upstream}", &["GET"], Person, get(links::begin)),
        route("/account/identities/{identity}/unlink", &["POST"], Person, post(links::unlink)),
        route(medreport::REDIRECT, &["GET"], Dialect, get(medreport::redirect).fallback(medreport::method_not_allowed)),
        route(medreport::CALLBACK, &["GET"], Dialect, get(medreport::callback).fallback(medreport::method_not_allowed)),
        route(carelink::LOGIN, &["GET"], Dialect, get(carelink::login).fallback(carelink::method_not_allowed)),
        route(carelink::CALLBACK, &["GET"], Dialect, get(carelink::callback).fallback(carelink::method_not_allowed)),
        route("/", &["GET"], Person, get(home::get)),
        route(STATIC, &["GET"], Person, get(home::file)),
    ]
}

/// The router over the list. An issuer with a path has everything below it; its RFC 8414 document stands at the host's
/// own well-known place as well (RFC 8414 §3.1).
pub fn router(site: Site) -> Router {
    let mut own = Router::new();
    for route in routes() {
        if let Some(path) = with_slash(&route) {
            own = own.route(&path, route.handler.clone());
        }
        own = own.route(route.path, route.handler);
    }
    let base = site.base_path.clone();
    let whole = if base.is_empty() {
        own
    } else {
        Router::new().nest(&base, own).route(&format!("{}{base}", path::OAUTH_METADATA), get(discovery::metadata))
    };
    whole.fallback(home::not_found).with_state(site)
}

/// Templates of all routes.
pub fn templates(site: &Site) -> Vec<String> {
    below(site, |_| true).chain(beside(site)).collect()
}

/// Templates of the routes that scripts of any origin may call.
pub fn cross_origin(site: &Site) -> Vec<String> {
    below(site, |route| route.audience == Audience::Program).collect()
}

/// Templates of the routes whose answers are the same for everybody, until a key changes or a release.
pub fn published(site: &Site) -> impl Iterator<Item = String> {
    let documents = [path::OPENID_CONFIGURATION, path::OAUTH_METADATA, path::JWKS, STATIC];
    below(site, move |route| documents.contains(&route.path)).chain(beside(site))
}

/// Templates of the routes that keep a window together with the one that opened it.
pub fn in_windows(site: &Site) -> Vec<String> {
    below(site, |route| route.audience == Audience::Journey).collect()
}

fn below(site: &Site, which: impl Fn(&Route) -> bool) -> impl Iterator<Item = String> {
    let paths = |route: Route| [Some(route.path.to_owned()), with_slash(&route)].into_iter().flatten();
    routes().into_iter().filter(which).flat_map(paths).map(|path| format!("{}{path}", site.base_path))
}

/// The other spelling of a dialect's path.
fn with_slash(route: &Route) -> Option<String> {
    (route.audience == Audience::Dialect).then(|| format!("{}/", route.path))
}

/// The RFC 8414 document at the host's own place.
fn beside(site: &Site) -> Option<String> {
    (!site.base_path.is_empty()).then(|| format!("{}{}", path::OAUTH_METADATA, site.base_path))
}
