//! The directory of clients: read from storage once, then from memory until a client changes anywhere.

use std::sync::Arc;

use quick_cache::sync::Cache;

use crate::model::client::Client;
use crate::store::{Store, StoreError};

/// Most clients kept in memory; the least used ones are read again.
const KEPT: usize = 10_000;
/// Longest `client_id` that can exist, in bytes.
const LONGEST_ID: usize = 200;

/// Finds clients by `client_id`.
#[derive(Debug)]
pub struct ClientDirectory {
    store: Store,
    known: Cache<String, Arc<Client>>,
}

impl ClientDirectory {
    /// An empty memory over `store`.
    pub fn new(store: Store) -> Self {
        Self { store, known: Cache::new(KEPT) }
    }

    /// The active client with this id. Unknown ids are not remembered, so that nobody can fill the memory with them.
    pub async fn find(&self, client_id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        if client_id.is_empty() || client_id.len() > LONGEST_ID {
            return Ok(None);
        }
        let client = match self.known.get(client_id) {
            Some(client) => Some(client),
            None => self.load(client_id).await?,
        };
        Ok(client.filter(|client| client.is_active()))
    }

    async fn load(&self, client_id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        let found = self.store.read().await?.client_by_client_id(client_id).await?.map(Arc::new);
        if let Some(client) = &found {
            self.known.insert(client_id.to_owned(), Arc::clone(client));
        }
        Ok(found)
    }

    /// Forgets everything: a client changed here or in another process.
    pub fn forget(&self) {
        self.known.clear();
    }
}
