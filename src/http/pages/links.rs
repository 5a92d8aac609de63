//! Links with upstream providers on the account page: made and removed by the signed-in person, after a fresh sign-in.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use uuid::Uuid;

use super::scene::{Person, person};
use super::upstreams::{entered, failed, present};
use super::views::{AccountPractice, ErrorKind, LinkOffer, LinkedIdentity};
use super::{account, guard};
use crate::base::digest::{base64url, hmac_sha256};
use crate::base::id::UserId;
use crate::base::secret::ct_eq;
use crate::federation::connectors::Proven;
use crate::federation::nomenclature;
use crate::federation::people::{self, Linked, Unlinked};
use crate::federation::round_trip::{self, Failed, Purpose as Trip, Wanted};
use crate::http::extract::{Browser, FormParams, QueryParams, Segment};
use crate::http::respond::authorization::see_other;
use crate::http::respond::page;
use crate::http::site::Site;
use crate::http::trouble::Trouble;
use crate::model::identity::Activity;
use crate::model::journey::{OwnPage, Purpose};
use crate::provider::journeys;

/// How long ago the person may have proven who they are, to change how they can do so.
const FRESH: Duration = Duration::from_secs(300);

fn is_fresh(site: &Site, person: &Person) -> bool {
    site.now() < person.session.auth_time.plus(FRESH)
}

/// What the links of this page carry: made for one browser, session and upstream, so that nobody else can send the person there.
fn proof(site: &Site, browser: &Browser, person: &Person, upstream: &str) -> String {
    let text = format!("link\n{}\n{}\n{upstream}", browser.csrf(site), person.session.sid);
    base64url(&hmac_sha256(site.csrf_key.expose(), text.as_bytes()))
}

/// What the account page shows: the links there are, and those that can be made.
pub async fn shown(
    site: &Site,
    browser: &Browser,
    person: &Person,
) -> Result<(Vec<LinkedIdentity>, Vec<LinkOffer>), Trouble> {
    let federation = site.federation();
    let links = people::links_of(federation, person.user.id).await?;
    let offers = federation
        .all()
        .into_iter()
        .filter(|upstream| !links.iter().any(|link| link.key.upstream == upstream.settings.name))
        .map(|upstream| {
            let name = &upstream.settings.name;
            LinkOffer {
                name: name.clone(),
                label: upstream.settings.label.clone(),
                url: site.link(&format!("/account/links/{name}?proof={}", proof(site, browser, person, name))),
            }
        })
        .collect();
    let mut linked = Vec::new();
    for link in links {
        linked.push(LinkedIdentity {
            label: federation
                .find(&link.key.upstream)
                .map_or_else(|| link.key.upstream.clone(), |upstream| upstream.settings.label.clone()),
            practices: people::practice_of(federation, link.id).await?.iter().filter_map(practice).collect(),
            upstream: link.key.upstream,
            account: link.email,
            since: link.created_at,
            action: site.link(&format!("/account/identities/{}/unlink", link.id)),
        });
    }
    Ok((linked, offers))
}

/// A place of practice in words; nothing where the provider said nothing of it.
fn practice(activity: &Activity) -> Option<AccountPractice> {
    let title = nomenclature::describe(activity);
    let shown = AccountPractice { title, structure: activity.structure.clone(), finess: activity.finess.join(", ") };
    (!shown.title.is_empty()).then_some(shown)
}

/// Whether the session stands on a tenant's own provider: what that says counts in the tenant, and opens no other way into
/// the account.
async fn is_confined(site: &Site, person: &Person) -> Result<bool, Trouble> {
    Ok(people::is_confined(site.federation(), person.session.sid).await?)
}

/// Sends the person to prove anew who they are, and then back to the account page.
async fn prove_first(site: &Site, browser: &Browser) -> Result<Response, Trouble> {
    let purpose = Purpose::Own { page: OwnPage::Proof };
    let handle = journeys::begin(site.provider(), purpose, &browser.digest()).await?;
    Ok(see_other(&site.link(&super::interaction::path_of(&handle))))
}

/// `GET /account/links/{upstream}?proof=…`: goes to the upstream, to link what it proves.
pub async fn begin(
    State(site): State<Site>,
    browser: Browser,
    Segment(name): Segment,
    QueryParams(params): QueryParams,
) -> Response {
    let outcome = async {
        let (upstream, params) = match entered(&site, &browser, &name, params) {
            Ok(entered) => entered,
            Err(response) => return Ok(*response),
        };
        let Some(person) = person(&site, &browser, None).await? else { return Ok(see_other(&site.link("/sign-in"))) };
        let given = params.get("proof").unwrap_or_default();
        let own = ct_eq(given.as_bytes(), proof(&site, &browser, &person, &name).as_bytes());
        if !own || browser.known_digest().is_none() {
            return Ok(see_other(&site.link("/account")));
        }
        if is_confined(&site, &person).await? {
            return Ok(page::upstream_error(&site, &browser, ErrorKind::Forbidden, Some(account::ACCOUNT.to_owned())));
        }
        if !is_fresh(&site, &person) {
            return prove_first(&site, &browser).await;
        }
        let purpose = Trip::Link { user: person.user.id, sid: person.session.sid };
        let wanted = Wanted { browser: &browser.digest(), login_hint: None, fresh: false };
        match round_trip::begin(site.federation(), upstream, purpose.clone(), wanted).await {
            Ok(url) => Ok(see_other(&url)),
            Err(error) => failed(&site, &browser, upstream, Failed { purpose: Some(purpose), error }),
        }
    };
    browser.remember(outcome.await.unwrap_or_else(|error| page::trouble(&site, &browser, error)))
}

/// The way back of a link: it is made for the session that asked, in the browser that still has it.
pub async fn arrived(
    site: &Site,
    browser: &Browser,
    (user, sid): (UserId, Uuid),
    proven: Proven,
) -> Result<Response, Trouble> {
    let same = present(site, browser).await?.is_some_and(|session| session.sid == sid && session.user == user);
    if !same {
        return Ok(page::journey_over(site, browser));
    }
    let account = Some("/account".to_owned());
    Ok(match people::link(site.federation(), user, sid, proven.claimed).await? {
        Linked::Done => see_other(&site.link("/account?done=linked")),
        Linked::Elsewhere => page::upstream_error(site, browser, ErrorKind::LinkedElsewhere, account),
        Linked::OtherProfessional => page::upstream_error(site, browser, ErrorKind::OtherProfessional, account),
        Linked::Over => page::journey_over(site, browser),
    })
}

/// `POST /account/identities/{identity}/unlink`.
pub async fn unlink(
    State(site): State<Site>,
    browser: Browser,
    Segment(identity): Segment,
    FormParams(params): FormParams,
) -> Response {
    let outcome = async {
        if let Some(refused) = guard::foreign_form(&site, &browser, &params) {
            return Ok(refused);
        }
        let Ok(identity) = Uuid::try_parse(&identity) else { return Ok(page::not_found(&site, &browser)) };
        let Some(person) = person(&site, &browser, None).await? else { return Ok(see_other(&site.link("/sign-in"))) };
        if is_confined(&site, &person).await? {
            return Ok(page::upstream_error(&site, &browser, ErrorKind::Forbidden, Some(account::ACCOUNT.to_owned())));
        }
        if !is_fresh(&site, &person) {
            return prove_first(&site, &browser).await;
        }
        let done = people::unlink(site.federation(), person.user.id, person.session.sid, identity).await?;
        Ok(match done {
            Unlinked::Done => see_other(&site.link("/account?done=unlinked")),
            Unlinked::Unknown => see_other(&site.link(account::ACCOUNT)),
            Unlinked::LastWay => {
                page::upstream_error(&site, &browser, ErrorKind::LastWay, Some(account::ACCOUNT.to_owned()))
            }
        })
    };
    outcome.await.unwrap_or_else(|error| page::trouble(&site, &browser, error))
}
