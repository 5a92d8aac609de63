//! `guichet invitation create|list|revoke`.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::context::{self, Context};
use super::output::Failure;
use crate::account::invitations::{self, Invited};
use crate::app::App;
use crate::base::Timestamp;
use crate::config;
use crate::model::invitation::Invitation;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Invite a person into a tenant: mails a link, or prints it where no mail leaves.
    Create(CreateArguments),
    /// List invitations and where they stand.
    List(ListArguments),
    /// Take an open invitation back; its link ends.
    Revoke(RevokeArguments),
}

#[derive(Debug, Args)]
pub(super) struct CreateArguments {
    /// Code or UUID of the tenant.
    #[arg(long, value_name = "CODE")]
    tenant: String,
    /// Where the link goes. Whoever accepts must not be known by another address, unless --rpps names them.
    #[arg(long)]
    email: String,
    /// A role that comes of it; repeatable, at least one.
    #[arg(long = "role", value_name = "ROLE", required = true)]
    roles: Vec<String>,
    /// The professional who is meant: nobody else can accept.
    #[arg(long)]
    rpps: Option<String>,
    /// How long the link is good: `12h`, `30d`; 90 days at most.
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = duration)]
    expires: Duration,
    /// Language of the mail: fr or en. Default: `pages.default_locale`.
    #[arg(long, value_name = "LANGUAGE", value_parser = ["fr", "en"])]
    locale: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// Code or UUID of the tenant. Default: all.
    #[arg(long, value_name = "CODE")]
    tenant: Option<String>,
    #[command(flatten)]
    page: super::tenant::PageArguments,
}

#[derive(Debug, Args)]
pub(super) struct RevokeArguments {
    /// UUID of the invitation, as `list` shows it.
    #[arg(long, value_name = "UUID")]
    invitation: Uuid,
}

/// A link that is longer on its way is forgotten somewhere.
const LONGEST_LIFETIME: Duration = Duration::from_secs(90 * 24 * 3_600);

fn duration(text: &str) -> Result<Duration, String> {
    let read = config::duration(text).filter(|duration| !duration.is_zero());
    let read = read.ok_or_else(|| "is no duration such as 12h or 30d".to_owned())?;
    if read > LONGEST_LIFETIME { Err("is longer than 90 days".to_owned()) } else { Ok(read) }
}

pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    let app = context.open().await?;
    match command {
        Command::Create(arguments) => create(context, &app, arguments).await?,
        Command::List(arguments) => {
            let tenant = match &arguments.tenant {
                Some(code) => Some(context::tenant(&app, code).await?.id),
                None => None,
            };
            let page = arguments.page;
            let found =
                app.store.read().await?.list_invitations(tenant, page.limit, page.after.unwrap_or_default()).await?;
            let rows: Vec<Value> = found.iter().map(|invitation| shown(&app, invitation)).collect();
            let columns = ["id", "uuid", "tenant", "email", "roles", "rpps", "status", "expires_at"];
            context.output.list("invitations", &rows, &columns);
        }
        Command::Revoke(arguments) => {
            let uuid = arguments.invitation;
            let found = app.store.read().await?.invitation_by_uuid(uuid).await?;
            let invitation = found.ok_or_else(|| Failure::new(format!("no invitation has the UUID {uuid}")))?;
            let revoked = invitations::revoke(&app.accounts, &invitation).await?;
            context.output.object(&json!({ "uuid": uuid, "revoked": revoked }));
        }
    }
    app.store.close().await;
    Ok(())
}

async fn create(context: &Context, app: &App, arguments: CreateArguments) -> Result<(), Failure> {
    let tenant = context::tenant(app, &arguments.tenant).await?;
    let roles = arguments.roles.iter().map(|role| super::user::role(role)).collect::<Result<Vec<_>, Failure>>()?;
    let invited = Invited {
        tenant,
        email: arguments.email,
        rpps: arguments.rpps,
        strict_rpps: app.config.rpps.policy == config::Policy::Strict,
        roles,
        lifetime: arguments.expires,
        locale: arguments.locale,
    };
    let made = invitations::create(&app.accounts, invited).await?;
    let mut object = shown(app, &made.invitation);
    let note = match &made.link {
        Some(_) => "No mail leaves here ([mail]): hand the link over yourself. It is shown now and never again.",
        None => "The link is on its way by mail.",
    };
    if let Some(members) = object.as_object_mut() {
        members.insert("mailed".to_owned(), made.link.is_none().into());
        members.extend(made.link.map(|link| ("link".to_owned(), link.expose().as_str().into())));
    }
    context.output.object(&object);
    context.output.text(&format!("\n{note}"));
    Ok(())
}

fn shown(app: &App, invitation: &Invitation) -> Value {
    json!({
        "id": invitation.id,
        "uuid": invitation.uuid,
        "tenant": invitation.tenant.code,
        "email": invitation.email,
        "roles": invitation.roles,
        "rpps": invitation.rpps,
        "status": invitation.state(app.accounts.now()).as_str(),
        "created_at": invitation.created_at.to_rfc3339_seconds(),
        "expires_at": invitation.expires_at.to_rfc3339_seconds(),
        "accepted_at": invitation.accepted_at.map(Timestamp::to_rfc3339_seconds),
        "revoked_at": invitation.revoked_at.map(Timestamp::to_rfc3339_seconds),
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        command: Command,
    }

    fn create(more: &[&str]) -> Result<CreateArguments, String> {
        let line = ["x", "create", "--tenant", "ORG-A", "--email", "a@example.org", "--role", "nurse"];
        match Line::try_parse_from(line.iter().chain(more)).map_err(|error| error.to_string())?.command {
            Command::Create(arguments) => Ok(arguments),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert_eq!(create(&[]).unwrap().expires, invitations::LINK_LIFETIME);
        assert_eq!(create(&["--expires", "90d"]).unwrap().expires, LONGEST_LIFETIME);
        for (more, why) in [
            (["--expires", "91d"], "longer than 90 days"),
            (["--expires", "0s"], "no duration"),
            (["--expires", "soon"], "no duration"),
            (["--locale", "de"], "possible values: fr, en"),
        ] {
            let said = create(&more).unwrap_err();
            assert!(said.contains(why), "{more:?}: {said}");
        }
    }
}
