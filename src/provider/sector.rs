//! Sector identifiers (OpenID Connect Core §8.1): whether whoever owns a host lets a client belong to its sector.

use std::collections::HashSet;

use super::Provider;
use crate::oauth::ClientMetadata;
use crate::oauth::registration::Problem;
use crate::outbound::Call;

/// Fetches the list that `sector_identifier_uri` names, where there is one, and looks for every redirect URI in it.
///
/// What went wrong on the way is for the log alone: whoever registers learns nothing of our network.
pub(super) async fn check(provider: &Provider, metadata: &ClientMetadata) -> Option<Problem> {
    let uri = metadata.sector_identifier_uri.as_deref()?;
    let listed = match provider.outbound().send(Call::get(uri)).await {
        Ok(reply) if reply.status.as_u16() == 200 => {
            serde_json::from_slice(&reply.body).map_err(|_| "no list of texts".to_owned())
        }
        Ok(reply) => Err(format!("status {}", reply.status.as_u16())),
        Err(error) => Err(error.to_string()),
    };
    let listed: HashSet<String> = match listed {
        Ok(listed) => listed,
        Err(cause) => {
            tracing::info!(cause, "sector identifier not read");
            return Some(problem());
        }
    };
    let is_whole = metadata.redirect_uris.iter().all(|uri| listed.contains(uri));
    (!is_whole).then(problem)
}

fn problem() -> Problem {
    let why = "must give a JSON array that holds every redirect URI";
    Problem { member: "sector_identifier_uri", why: why.to_owned() }
}
