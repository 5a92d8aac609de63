//! How applications learn that a session ended: a logout token from server to server (OpenID Connect Back-Channel Logout
//! 1.0), and frames in the browser that signs out (OpenID Connect Front-Channel Logout 1.0).
//!
//! Whom to tell is known from the session's grants. The notices of the back channel are written by the statement that ends
//! the session, so that no way of ending one can forget them; [`delivery`] carries them out.

pub mod delivery;
mod frontchannel;
mod token;

pub use delivery::{NoticeDelivery, PAUSES, Tally};
pub use frontchannel::frames;

use std::time::Duration;

use uuid::Uuid;

use super::{Provider, ProviderError};

/// How long whoever signs out waits for the first attempts, at most.
const CHANCE: Duration = Duration::from_millis(500);
/// How often is looked whether they were made.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Gives the notices of a session that just ended a chance to arrive before the person moves on: until each was attempted
/// once, or half a second. Whether they arrive does not depend on it.
pub async fn give_a_chance(provider: &Provider, sid: Uuid) -> Result<(), ProviderError> {
    let attempted = async {
        while provider.store().read().await?.has_fresh_logout_notice(sid).await? {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    };
    tokio::time::timeout(CHANCE, attempted).await.unwrap_or(Ok(()))
}
