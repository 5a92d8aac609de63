-- Dynamic registration (RFC 7591, RFC 7592). Tokens are kept by digest.

-- Initial access tokens: what allows its bearer to register clients.
CREATE TABLE initial_access_tokens (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token BYTEA NOT NULL UNIQUE,
    -- How many more clients; NULL is any number.
    uses_left BIGINT CHECK (uses_left >= 0),
    -- The widest scope of such a client.
    scope TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);

-- Registration access tokens: what a client manages its own registration with.
CREATE TABLE registration_access_tokens (
    client_id BIGINT PRIMARY KEY REFERENCES clients (id) ON DELETE CASCADE,
    token BYTEA NOT NULL
);

-- Whether people are offered to begin a sign-in there without having consented: first-party, with initiate_login_uri.
ALTER TABLE clients ADD COLUMN offered BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE clients SET offered = TRUE
    WHERE (policy ->> 'first_party') = 'true' AND (metadata ->> 'initiate_login_uri') IS NOT NULL;
CREATE INDEX clients_offered ON clients (id) WHERE offered;
