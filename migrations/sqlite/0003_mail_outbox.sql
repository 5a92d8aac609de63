-- Forgotten passwords and outgoing mail.

-- What people asked at the reset page, whether or not there is such an account: answered by a job, so that asking costs
-- the same for every address. The address is sealed.
CREATE TABLE password_reset_requests (
    id BLOB PRIMARY KEY,
    sealed BLOB NOT NULL,
    asked_at INTEGER NOT NULL
) STRICT;

-- The link of a person, by digest: one at most, so that a new one ends the last one. It holds for the address that it was
-- mailed to.
CREATE TABLE password_resets (
    user_id INTEGER PRIMARY KEY REFERENCES users (id),
    token BLOB NOT NULL UNIQUE,
    email_canonical TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX password_resets_expiry ON password_resets (expires_at);

-- Mails on their way. They hold addresses and links, so they are sealed, and deleted once they are delivered.
CREATE TABLE mail_outbox (
    id BLOB PRIMARY KEY,
    sealed BLOB NOT NULL,
    queued_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL
) STRICT;
CREATE INDEX mail_outbox_due ON mail_outbox (due_at);
