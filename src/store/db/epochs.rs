//! Change epochs: how a process learns that another changed what it caches.

use crate::store::{Conn, StoreError};

/// A kind of cached thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// Clients, their secrets and their status.
    Clients,
    /// Signing keys.
    Keys,
    /// Accounts: status, password, names, and memberships with their roles.
    Users,
    /// Tenants: status and name.
    Tenants,
    /// Notices that sessions ended, which wait for their delivery.
    Logouts,
}

impl Topic {
    /// All topics.
    pub const ALL: [Self; 5] = [Self::Clients, Self::Keys, Self::Users, Self::Tenants, Self::Logouts];

    /// The stored text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clients => "clients",
            Self::Keys => "keys",
            Self::Users => "users",
            Self::Tenants => "tenants",
            Self::Logouts => "logouts",
        }
    }

    /// Reads the stored text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == text)
    }
}

impl Conn {
    /// Makes caches of `topic` stale once this transaction is committed; however often it is said, it counts once. The
    /// queries that change a cached thing say it themselves.
    pub async fn bump_epoch(&mut self, topic: Topic) -> Result<(), StoreError> {
        self.touch(topic);
        std::future::ready(Ok(())).await
    }

    /// Counts a change. The last thing in a transaction, as others that count the same wait for it.
    pub(in crate::store) async fn count_epoch(&mut self, topic: Topic) -> Result<(), StoreError> {
        self.query("UPDATE epochs SET value = value + 1 WHERE topic = $1").bind(topic.as_str()).execute().await?;
        Ok(())
    }

    /// The epoch of every topic. A topic of a newer release is left out.
    pub async fn epochs(&mut self) -> Result<Vec<(Topic, i64)>, StoreError> {
        let rows: Vec<Option<(Topic, i64)>> = self
            .query("SELECT topic, value FROM epochs ORDER BY topic")
            .all(|row| {
                let row = row.of("epochs");
                let value = row.get("value")?;
                Ok(Topic::parse(&row.get::<String>("topic")?).map(|topic| (topic, value)))
            })
            .await?;
        Ok(rows.into_iter().flatten().collect())
    }
}
