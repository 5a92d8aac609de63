//! One write job, from its start to the decision whether to keep it.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::Conn;
use crate::store::StoreError;

/// Longest time of one job; it holds the writer of an embedded database, or a connection and locks of a server.
const LONGEST: Duration = Duration::from_secs(5);
/// Longest time of a job that has no transaction around it. Its statement ends sooner by itself, and then tells whether it
/// was carried out; a job that is not waited for could be kept all the same.
const LONGEST_ALONE: Duration = Duration::from_secs(15);

/// How many statements a job has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Size {
    /// One and no more: it needs no transaction around it.
    One,
    /// As many as it likes.
    Any,
}

/// Runs a job within the transaction that `conn` has begun. `Ok` means: keep it. A panic is an error like others, so
/// that it takes no writer and no other job with it.
pub(super) async fn attempt<T, E, F>(name: &'static str, size: Size, conn: &mut Conn, job: F) -> Result<T, E>
where
    F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>>,
    E: From<StoreError>,
{
    let longest = if size == Size::One { LONGEST_ALONE } else { LONGEST };
    conn.reset(size);
    let lent = &mut *conn;
    let guarded = AssertUnwindSafe(async move { job(lent).await }).catch_unwind();
    let value = match tokio::time::timeout(longest, guarded).await {
        Ok(Ok(outcome)) => outcome?,
        Ok(Err(_panic)) => {
            tracing::error!(job = name, "a write job panicked and was rolled back");
            return Err(StoreError::Other(format!("the write job {name} panicked")).into());
        }
        Err(_late) => {
            tracing::error!(job = name, "a write job took too long and was rolled back");
            return Err(StoreError::Unavailable(format!("the write job {name} took too long")).into());
        }
    };
    conn.finish().await?;
    Ok(value)
}
