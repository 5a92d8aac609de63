//! Short-lived state in Redis: the value carries its expiry, Redis frees the memory some time later.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Cmd, FromRedisValue, Script, ScriptInvocation};
use url::Url;

use super::Kind;
use super::limit::{Hit, Limit};
use crate::base::{Secret, Timestamp};
use crate::store::StoreError;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_millis(500);
/// How much longer than its own expiry an entry stays, for clocks that differ.
const MARGIN: Duration = Duration::from_secs(60);
/// Digits before the value: the expiry in microseconds.
const EXPIRY_DIGITS: usize = 20;

/// Stores unless something live is there. `KEYS[1]`; value with expiry, now, milliseconds to stay.
const PUT_IF_ABSENT: &str = r"
local held = redis.call('GET', KEYS[1])
if held and tonumber(string.sub(held, 1, 20)) > tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return 1
";

/// Replaces a live value that is as expected. `KEYS[1]`; old, new, now.
const REPLACE_IF: &str = r"
local held = redis.call('GET', KEYS[1])
if not held then return 0 end
local expiry = string.sub(held, 1, 20)
if tonumber(expiry) <= tonumber(ARGV[3]) or string.sub(held, 21) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], expiry .. ARGV[2], 'KEEPTTL')
return 1
";

/// The sliding log as a list of moments. `KEYS[1]`; now, window, count, milliseconds to stay.
/// Gives whether admitted, how many are held, and the moment that decides when the next is free.
const HIT: &str = r"
local now, window, count = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local all, live = redis.call('LRANGE', KEYS[1], 0, -1), {}
for _, text in ipairs(all) do
  local at = tonumber(text)
  if at > now - window then live[#live + 1] = at end
end
local allowed = 0
if #live < count then
  allowed = 1
  live[#live + 1] = now
  if #live == #all + 1 then
    redis.call('RPUSH', KEYS[1], ARGV[1])
  else
    redis.call('DEL', KEYS[1])
    for _, at in ipairs(live) do redis.call('RPUSH', KEYS[1], string.format('%.0f', at)) end
  end
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
table.sort(live)
local deciding = live[#live - count + 1] or now
return {allowed, #live, string.format('%.0f', deciding)}
";

/// A connection that is opened anew when it breaks. Clones share it.
#[derive(Clone)]
pub(super) struct Redis {
    connection: ConnectionManager,
    place: Arc<str>,
    prefix: Arc<str>,
    scripts: Arc<Scripts>,
}

struct Scripts {
    put_if_absent: Script,
    replace_if: Script,
    hit: Script,
}

impl Redis {
    pub(super) async fn open(url: &Secret<String>) -> Result<Self, StoreError> {
        // The parser's own message could repeat the password.
        let malformed = |()| StoreError::Other("redis_url is not a Redis address".to_owned());
        let (url, prefix) = split_prefix(url.expose()).ok_or(()).map_err(malformed)?;
        let client = Client::open(url.as_str()).map_err(|_| malformed(()))?;
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(PATIENCE))
            .set_connection_timeout(Some(PATIENCE))
            .set_number_of_retries(1);
        let connection = ConnectionManager::new_with_config(client, config).await?;
        let scripts = Scripts {
            put_if_absent: Script::new(PUT_IF_ABSENT),
            replace_if: Script::new(REPLACE_IF),
            hit: Script::new(HIT),
        };
        Ok(Self { connection, place: place(&url).into(), prefix: prefix.into(), scripts: Arc::new(scripts) })
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        self.run(&redis::cmd("PING")).await
    }

    pub(super) fn describe(&self) -> String {
        format!("Redis at {}", self.place)
    }

    pub(super) async fn put(
        &self,
        kind: Kind,
        key: &str,
        value: &[u8],
        ttl: Duration,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut command = redis::cmd("SET");
        command.arg(self.key(kind, key)).arg(with_expiry(value, now.plus(ttl))).arg("PX").arg(stay(ttl));
        self.run(&command).await
    }

    pub(super) async fn put_if_absent(
        &self,
        kind: Kind,
        key: &str,
        value: &[u8],
        ttl: Duration,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut call = self.scripts.put_if_absent.key(self.key(kind, key));
        call.arg(with_expiry(value, now.plus(ttl))).arg(now.micros()).arg(stay(ttl));
        self.call(&call).await
    }

    pub(super) async fn get(&self, kind: Kind, key: &str, now: Timestamp) -> Result<Option<Vec<u8>>, StoreError> {
        let mut command = redis::cmd("GET");
        command.arg(self.key(kind, key));
        Ok(self.run::<Option<Vec<u8>>>(&command).await?.and_then(|held| live(&held, now)))
    }

    pub(super) async fn take(&self, kind: Kind, key: &str, now: Timestamp) -> Result<Option<Vec<u8>>, StoreError> {
        let mut command = redis::cmd("GETDEL");
        command.arg(self.key(kind, key));
        Ok(self.run::<Option<Vec<u8>>>(&command).await?.and_then(|held| live(&held, now)))
    }

    pub(super) async fn replace_if(
        &self,
        kind: Kind,
        key: &str,
        old: &[u8],
        new: &[u8],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut call = self.scripts.replace_if.key(self.key(kind, key));
        call.arg(old).arg(new).arg(now.micros());
        self.call(&call).await
    }

    pub(super) async fn delete(&self, kind: Kind, key: &str) -> Result<bool, StoreError> {
        let mut command = redis::cmd("DEL");
        command.arg(self.key(kind, key));
        self.run(&command).await
    }

    pub(super) async fn hit(&self, key: &str, limit: Limit, now: Timestamp) -> Result<Hit, StoreError> {
        let mut call = self.scripts.hit.key(self.key(Kind::Limit, key));
        let window = u64::try_from(limit.window.as_micros()).unwrap_or(u64::MAX);
        call.arg(now.micros()).arg(window).arg(limit.count).arg(stay(limit.window));
        let (allowed, held, deciding): (bool, usize, String) = self.call(&call).await?;
        let deciding = deciding.parse().map_or(now, Timestamp::from_micros);
        Ok(Hit::of(allowed, held, limit, deciding.plus(limit.window), now))
    }

    fn key(&self, kind: Kind, key: &str) -> String {
        format!("{}:{}:{key}", self.prefix, kind.as_str())
    }

    async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        Ok(command.query_async(&mut self.connection.clone()).await?)
    }

    async fn call<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, StoreError> {
        Ok(call.invoke_async(&mut self.connection.clone()).await?)
    }
}

/// Takes our own `prefix` parameter off the URL.
fn split_prefix(url: &str) -> Option<(Url, String)> {
    let mut url = Url::parse(url).ok()?;
    let (ours, theirs): (Vec<_>, Vec<_>) = url.query_pairs().into_owned().partition(|(name, _)| name == "prefix");
    url.set_query(None);
    if !theirs.is_empty() {
        url.query_pairs_mut().extend_pairs(theirs);
    }
    let prefix = ours.into_iter().next().map_or_else(|| "guichet".to_owned(), |(_, prefix)| prefix);
    Some((url, prefix))
}

/// Host, port and database, without user and password.
fn place(url: &Url) -> String {
    format!("{}:{}{}", url.host_str().unwrap_or_default(), url.port().unwrap_or(6_379), url.path())
}

fn with_expiry(value: &[u8], expires_at: Timestamp) -> Vec<u8> {
    let mut held = format!("{:0width$}", expires_at.micros().max(0), width = EXPIRY_DIGITS).into_bytes();
    held.extend_from_slice(value);
    held
}

fn live(held: &[u8], now: Timestamp) -> Option<Vec<u8>> {
    let (digits, value) = held.split_at_checked(EXPIRY_DIGITS)?;
    let expires_at: i64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (now.micros() < expires_at).then(|| value.to_vec())
}

/// Milliseconds that Redis keeps an entry.
fn stay(ttl: Duration) -> i64 {
    i64::try_from(ttl.saturating_add(MARGIN).as_millis()).unwrap_or(i64::MAX / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_lives_until_its_expiry() {
        let held = with_expiry(b"12345", Timestamp::from_seconds(10));
        assert_eq!(live(&held, Timestamp::from_micros(9_999_999)), Some(b"12345".to_vec()));
        assert_eq!(live(&held, Timestamp::from_seconds(10)), None);
        assert_eq!(live(b"junk", Timestamp::default()), None);
    }

    #[test]
    fn the_prefix_is_ours_and_the_password_is_not_shown() {
        let (url, prefix) = split_prefix("redis://user:secret@cache:7000/2?prefix=blue").unwrap();
        assert_eq!((url.as_str(), prefix.as_str()), ("redis://user:secret@cache:7000/2", "blue"));
        assert_eq!(place(&url), "cache:7000/2");
        assert_eq!(split_prefix("redis://cache").unwrap().1, "guichet");
    }
}
