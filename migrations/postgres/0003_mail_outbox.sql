-- Forgotten passwords and outgoing mail.

-- What people asked at the reset page, whether or not there is such an account: answered by a job, so that asking costs
-- the same for every address. The address is sealed.
CREATE TABLE password_reset_requests (
    id UUID PRIMARY KEY,
    sealed BYTEA NOT NULL,
    asked_at BIGINT NOT NULL
);

-- The link of a person, by digest: one at most, so that a new one ends the last one. It holds for the address that it was
-- mailed to.
CREATE TABLE password_resets (
    user_id BIGINT PRIMARY KEY REFERENCES users (id),
    token BYTEA NOT NULL UNIQUE,
    email_canonical TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX password_resets_expiry ON password_resets (expires_at);

-- Mails on their way. They hold addresses and links, so they are sealed, and deleted once they are delivered.
CREATE TABLE mail_outbox (
    id UUID PRIMARY KEY,
    sealed BYTEA NOT NULL,
    queued_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL
);
CREATE INDEX mail_outbox_due ON mail_outbox (due_at);
