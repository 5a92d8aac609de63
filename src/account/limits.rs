//! How often a sign-in may be tried: by address and, apart, by account, before any password is hashed.

use std::net::IpAddr;
use std::time::Duration;

use super::{AccountError, Accounts};
use crate::base::address::limit_key;
use crate::base::digest::{base64url, hmac_sha256};
use crate::store::Limit;

/// At most `count` tries in any `window`, for each address and each account.
#[derive(Debug, Clone, Copy)]
pub struct SignInLimit {
    /// Tries.
    pub count: u32,
    /// Length of the window.
    pub window: Duration,
}

/// Counts a try. `Some` gives how long to wait when there were too many.
///
/// The account is counted by the canonical name alone, known or not, so that aliases share one counter and an unknown
/// account behaves like a known one.
pub(super) async fn hit(
    accounts: &Accounts,
    address: Option<IpAddr>,
    canonical_email: &str,
) -> Result<Option<Duration>, AccountError> {
    let Some(limit) = accounts.0.sign_in_limit else { return Ok(None) };
    let limit = Limit { count: limit.count, window: limit.window };
    let account = base64url(&hmac_sha256(accounts.0.limit_key.expose(), canonical_email.as_bytes()));
    let keys = address.map(|address| format!("login:address:{}", limit_key(address))).into_iter();
    let mut wait = Duration::ZERO;
    for key in keys.chain([format!("login:account:{account}")]) {
        let hit = accounts.store().ephemeral().hit(&key, limit, accounts.now()).await?;
        if !hit.allowed {
            wait = wait.max(hit.retry_after).max(Duration::from_secs(1));
        }
    }
    Ok((!wait.is_zero()).then_some(wait))
}
