//! A registration as it is kept: its secrets sealed, bound to the row.

use serde_json::Value;
use uuid::Uuid;

use super::answer::{self, Registered};
use crate::base::Secret;
use crate::federation::connectors::ManagedAt;
use crate::federation::credentials::{Credentials, Proof};
use crate::federation::settings::ClientAuth;
use crate::federation::{Federation, Upstream};
use crate::store::UpstreamClient;

/// What secrets are sealed for.
const SEAL: &str = "upstream-registration";

/// The secrets of a registration, bound to its row.
pub(super) fn seal(federation: &Federation, id: Uuid, registered: &Registered) -> Vec<u8> {
    let shown = |secret: Option<&Secret<String>>| secret.map_or(Value::Null, |secret| secret.expose().clone().into());
    let token = registered.managed.as_ref().map(|at| &at.token);
    let clear = Value::from(vec![shown(registered.secret.as_ref()), shown(token)]);
    federation.master().seal(federation.entropy(), SEAL, &id.to_string(), clear.to_string().as_bytes())
}

/// Secret, and registration access token.
pub(super) type Secrets = (Option<Secret<String>>, Option<Secret<String>>);

/// What a row holds sealed.
pub(super) fn secrets(federation: &Federation, row: &UpstreamClient) -> Option<Secrets> {
    let clear = federation.master().open(SEAL, &row.id.to_string(), &row.sealed)?;
    serde_json::from_slice(clear.expose()).ok()
}

/// Who we are by a row, if it is this upstream's and opens.
pub(super) fn open(federation: &Federation, upstream: &Upstream, row: &UpstreamClient) -> Option<Credentials> {
    let settings = &upstream.settings;
    if row.upstream != settings.name || row.issuer != settings.issuer {
        return None;
    }
    let (secret, _) = secrets(federation, row)?;
    let method = answer::method(&row.auth_method)?;
    if matches!(method, ClientAuth::Basic | ClientAuth::Post) && secret.is_none() {
        return None;
    }
    Some(Credentials {
        registration: Some(row.id),
        client_id: row.client_id.clone(),
        proof: Proof::of(settings, method, secret, &upstream.keys),
    })
}

pub(super) fn managed(federation: &Federation, row: &UpstreamClient) -> Option<ManagedAt> {
    let (_, token) = secrets(federation, row)?;
    Some(ManagedAt { uri: row.registration_uri.clone()?, token: token? })
}
