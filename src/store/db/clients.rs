//! Clients and their secrets.

use sqlx::types::Json;
use uuid::Uuid;

use crate::base::Timestamp;
use crate::base::digest::Digest;
use crate::base::id::{ClientKey, ClientSecretId};
use crate::model::client::{Client, ClientPolicy, ClientSecret, ClientStatus, NewClient};
use crate::model::grant::GrantEnd;
use crate::oauth::ClientMetadata;
use crate::store::engine::Row;
use crate::store::{Conn, StoreError, Topic};

/// Clients `c` with their secrets `s`: one row for each secret, one for a client without.
macro_rules! clients_with_secrets {
    ($from:literal) => {
        concat!(
            "SELECT c.id, c.client_id, c.metadata, c.policy, c.status, c.created_at, c.updated_at, \
             s.id AS secret_id, s.digest, s.sealed, s.created_at AS secret_created_at, s.expires_at \
             FROM ",
            $from,
            " ORDER BY c.id, s.id DESC"
        )
    };
}

fn client(row: &Row) -> Result<(Client, Option<ClientSecret>), StoreError> {
    let secret = secret(row)?;
    let row = row.of("clients");
    let client = Client {
        key: ClientKey::new(row.get("id")?),
        client_id: row.get("client_id")?,
        metadata: row.json("metadata")?,
        policy: row.json("policy")?,
        status: row.parsed("status", ClientStatus::parse)?,
        secrets: Vec::new(),
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    };
    Ok((client, secret))
}

fn secret(row: &Row) -> Result<Option<ClientSecret>, StoreError> {
    let row = row.of("client_secrets");
    let Some(id) = row.get::<Option<i64>>("secret_id")? else { return Ok(None) };
    Ok(Some(ClientSecret {
        id: ClientSecretId::new(id),
        digest: row.digest("digest")?,
        sealed: row.get("sealed")?,
        created_at: row.time("secret_created_at")?,
        expires_at: row.optional_time("expires_at")?,
    }))
}

/// Gathers rows that are sorted by client.
fn gather(rows: Vec<(Client, Option<ClientSecret>)>) -> Vec<Client> {
    let mut clients: Vec<Client> = Vec::new();
    for (mut client, secret) in rows {
        match clients.last_mut() {
            Some(last) if last.key == client.key => last.secrets.extend(secret),
            _ => {
                client.secrets.extend(secret);
                clients.push(client);
            }
        }
    }
    clients
}

/// Whether everybody is offered to begin a sign-in at the client.
const fn is_offered(metadata: &ClientMetadata, policy: &ClientPolicy) -> bool {
    policy.first_party && metadata.initiate_login_uri.is_some()
}

impl Conn {
    /// Registers a client. Refuses a `client_id` that another has.
    pub async fn insert_client(&mut self, new: &NewClient, now: Timestamp) -> Result<Client, StoreError> {
        let key: i64 = self
            .query(
                "INSERT INTO clients (client_id, metadata, policy, status, created_at, updated_at, offered) \
                 VALUES ($1, $2, $3, $4, $5, $5, $6) RETURNING id",
            )
            .bind(&new.client_id)
            .bind(Json(&new.metadata))
            .bind(Json(&new.policy))
            .bind(ClientStatus::Active.as_str())
            .bind(now.micros())
            .bind(is_offered(&new.metadata, &new.policy))
            .one(|row| row.of("clients").get("id"))
            .await?;
        if let Some(digest) = &new.secret {
            self.insert_secret(ClientKey::new(key), digest, now).await?;
        }
        self.touch(Topic::Clients);
        let inserted = self.client_by_key(ClientKey::new(key)).await?;
        inserted.ok_or_else(|| StoreError::Other("an inserted client is missing".to_owned()))
    }

    /// The client that a request names.
    pub async fn client_by_client_id(&mut self, client_id: &str) -> Result<Option<Client>, StoreError> {
        let rows = self
            .query(clients_with_secrets!(
                "clients c LEFT JOIN client_secrets s ON s.client_id = c.id WHERE c.client_id = $1"
            ))
            .bind(client_id)
            .all(client)
            .await?;
        Ok(gather(rows).pop())
    }

    /// The client with this internal id.
    pub async fn client_by_key(&mut self, key: ClientKey) -> Result<Option<Client>, StoreError> {
        let rows = self
            .query(clients_with_secrets!("clients c LEFT JOIN client_secrets s ON s.client_id = c.id WHERE c.id = $1"))
            .bind(key.get())
            .all(client)
            .await?;
        Ok(gather(rows).pop())
    }

    /// The active clients that tokens of this session went to, whatever became of them, but for those that gave theirs
    /// back. They learn that it ended.
    pub async fn clients_of_session(&mut self, sid: Uuid) -> Result<Vec<Client>, StoreError> {
        let rows = self
            .query(clients_with_secrets!(
                "clients c LEFT JOIN client_secrets s ON s.client_id = c.id \
                 WHERE c.status = 'active' AND c.id IN (SELECT g.client_id FROM grants g WHERE g.sid = $1 \
                 AND (g.end_reason IS NULL OR g.end_reason NOT IN ('revoked_by_client', 'client_disabled')))"
            ))
            .bind(sid)
            .all(client)
            .await?;
        Ok(gather(rows))
    }

    /// Clients by internal id, those behind `after`.
    pub async fn list_clients(&mut self, limit: u32, after: Option<ClientKey>) -> Result<Vec<Client>, StoreError> {
        let rows = self
            .query(clients_with_secrets!(
                "(SELECT * FROM clients WHERE id > $1 ORDER BY id LIMIT $2) c \
                 LEFT JOIN client_secrets s ON s.client_id = c.id"
            ))
            .bind(after.map_or(0, ClientKey::get))
            .bind(i64::from(limit))
            .all(client)
            .await?;
        Ok(gather(rows))
    }

    /// Active clients that everybody is offered to begin a sign-in at, by internal id.
    pub async fn offered_clients(&mut self, limit: u32) -> Result<Vec<Client>, StoreError> {
        let rows = self
            .query(clients_with_secrets!(
                "(SELECT * FROM clients WHERE offered AND status = 'active' ORDER BY id LIMIT $1) c \
                 LEFT JOIN client_secrets s ON s.client_id = c.id"
            ))
            .bind(i64::from(limit))
            .all(client)
            .await?;
        Ok(gather(rows))
    }

    /// Replaces what a client registered and what is decided about it; says whether the client exists.
    pub async fn update_client(
        &mut self,
        key: ClientKey,
        metadata: &ClientMetadata,
        policy: &ClientPolicy,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let changed = self
            .query("UPDATE clients SET metadata = $2, policy = $3, updated_at = $4, offered = $5 WHERE id = $1")
            .bind(key.get())
            .bind(Json(metadata))
            .bind(Json(policy))
            .bind(now.micros())
            .bind(is_offered(metadata, policy))
            .execute()
            .await?;
        self.touch(Topic::Clients);
        Ok(changed > 0)
    }

    /// Enables or disables a client; says whether that changed anything.
    pub async fn set_client_status(
        &mut self,
        key: ClientKey,
        status: ClientStatus,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let changed = self
            .query("UPDATE clients SET status = $2, updated_at = $3 WHERE id = $1 AND status <> $2")
            .bind(key.get())
            .bind(status.as_str())
            .bind(now.micros())
            .execute()
            .await?;
        self.touch(Topic::Clients);
        Ok(changed > 0)
    }

    /// Deletes a client with its secrets and consents; says whether it existed. Its grants stay as history, revoked as of
    /// their last use.
    pub async fn delete_client(&mut self, key: ClientKey) -> Result<bool, StoreError> {
        self.query(
            "UPDATE grants SET revoked_at = rotated_at, end_reason = $2 WHERE client_id = $1 AND revoked_at IS NULL",
        )
        .bind(key.get())
        .bind(GrantEnd::ClientDisabled.as_str())
        .execute()
        .await?;
        let deleted = self.query("DELETE FROM clients WHERE id = $1").bind(key.get()).execute().await?;
        self.touch(Topic::Clients);
        Ok(deleted > 0)
    }

    /// Adds a secret. Of the others the newest lives on until `others_expire_at`, unless it ends before; the rest go.
    pub async fn add_client_secret(
        &mut self,
        key: ClientKey,
        digest: &Digest,
        now: Timestamp,
        others_expire_at: Timestamp,
    ) -> Result<(), StoreError> {
        // First, because it makes rival rotations of one client wait for each other.
        self.query("UPDATE clients SET updated_at = $2 WHERE id = $1")
            .bind(key.get())
            .bind(now.micros())
            .execute()
            .await?;
        self.query(
            "DELETE FROM client_secrets WHERE client_id = $1 \
             AND id < (SELECT max(id) FROM client_secrets WHERE client_id = $1)",
        )
        .bind(key.get())
        .execute()
        .await?;
        self.query(
            "UPDATE client_secrets SET expires_at = $2 \
             WHERE client_id = $1 AND (expires_at IS NULL OR expires_at > $2)",
        )
        .bind(key.get())
        .bind(others_expire_at.micros())
        .execute()
        .await?;
        self.insert_secret(key, digest, now).await?;
        self.touch(Topic::Clients);
        Ok(())
    }

    /// Keeps a secret of a client sealed beside its digest; says whether the client has such a secret.
    pub async fn keep_client_secret(
        &mut self,
        key: ClientKey,
        digest: &Digest,
        sealed: &[u8],
    ) -> Result<bool, StoreError> {
        let kept = self
            .query("UPDATE client_secrets SET sealed = $3 WHERE client_id = $1 AND digest = $2")
            .bind(key.get())
            .bind(digest.as_bytes().as_slice())
            .bind(sealed)
            .execute()
            .await?;
        self.touch(Topic::Clients);
        Ok(kept > 0)
    }

    /// Keeps no secret of a client but by its digest.
    pub async fn forget_sealed_secrets(&mut self, key: ClientKey) -> Result<(), StoreError> {
        self.query("UPDATE client_secrets SET sealed = NULL WHERE client_id = $1 AND sealed IS NOT NULL")
            .bind(key.get())
            .execute()
            .await?;
        self.touch(Topic::Clients);
        Ok(())
    }

    /// Forgets the secrets of a client that authenticates in another way from now on.
    pub async fn delete_client_secrets(&mut self, key: ClientKey) -> Result<(), StoreError> {
        self.query("DELETE FROM client_secrets WHERE client_id = $1").bind(key.get()).execute().await?;
        self.touch(Topic::Clients);
        Ok(())
    }

    async fn insert_secret(&mut self, key: ClientKey, digest: &Digest, now: Timestamp) -> Result<(), StoreError> {
        self.query("INSERT INTO client_secrets (client_id, digest, created_at) VALUES ($1, $2, $3)")
            .bind(key.get())
            .bind(digest.as_bytes().as_slice())
            .bind(now.micros())
            .execute()
            .await?;
        Ok(())
    }
}
