//! The outbox: mails that wait for their delivery.

use uuid::Uuid;

use crate::base::Timestamp;
use crate::model::mail::QueuedMail;
use crate::store::engine::Row;
use crate::store::{Conn, StoreError};

fn mail(row: &Row) -> Result<QueuedMail, StoreError> {
    let row = row.of("mail_outbox");
    let attempts = u32::try_from(row.get::<i64>("attempts")?);
    Ok(QueuedMail {
        id: row.get("id")?,
        sealed: row.get("sealed")?,
        queued_at: row.time("queued_at")?,
        attempts: attempts.map_err(|_| row.impossible("attempts", "is no count"))?,
    })
}

impl Conn {
    /// Puts a mail into the outbox, due at once; in the transaction of what it tells of.
    pub async fn queue_mail(&mut self, mail: &QueuedMail) -> Result<(), StoreError> {
        self.query("INSERT INTO mail_outbox (id, sealed, queued_at, due_at, attempts) VALUES ($1, $2, $3, $3, $4)")
            .bind(mail.id)
            .bind(&mail.sealed)
            .bind(mail.queued_at.micros())
            .bind(i64::from(mail.attempts))
            .execute()
            .await?;
        Ok(())
    }

    /// Whether a mail is due.
    pub async fn has_due_mail(&mut self, now: Timestamp) -> Result<bool, StoreError> {
        let due = self
            .query("SELECT id FROM mail_outbox WHERE due_at <= $1 LIMIT 1")
            .bind(now.micros())
            .all(|_| Ok(()))
            .await?;
        Ok(!due.is_empty())
    }

    /// Claims the mail that is due for the longest, counts the attempt, and puts it off until `again`: when the claimer
    /// dies, another delivers it then. Of any number of rivals one gets it.
    pub async fn claim_mail(&mut self, now: Timestamp, again: Timestamp) -> Result<Option<QueuedMail>, StoreError> {
        self.query(
            "UPDATE mail_outbox SET attempts = attempts + 1, due_at = $2 WHERE due_at <= $1 AND id = \
             (SELECT id FROM mail_outbox WHERE due_at <= $1 ORDER BY due_at, id LIMIT 1) \
             RETURNING id, sealed, queued_at, attempts",
        )
        .bind(now.micros())
        .bind(again.micros())
        .optional(mail)
        .await
    }

    /// Puts the next attempt at a mail off.
    pub async fn put_off_mail(&mut self, id: Uuid, until: Timestamp) -> Result<(), StoreError> {
        self.query("UPDATE mail_outbox SET due_at = $2 WHERE id = $1").bind(id).bind(until.micros()).execute().await?;
        Ok(())
    }

    /// Deletes a mail that is delivered or given up; says whether it was there.
    pub async fn delete_mail(&mut self, id: Uuid) -> Result<bool, StoreError> {
        Ok(self.query("DELETE FROM mail_outbox WHERE id = $1").bind(id).execute().await? > 0)
    }
}
