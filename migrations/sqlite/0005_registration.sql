-- Dynamic registration (RFC 7591, RFC 7592). Tokens are kept by digest.

-- Initial access tokens: what allows its bearer to register clients.
CREATE TABLE initial_access_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    token BLOB NOT NULL UNIQUE,
    -- How many more clients; NULL is any number.
    uses_left INTEGER CHECK (uses_left >= 0),
    -- The widest scope of such a client.
    scope TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;

-- Registration access tokens: what a client manages its own registration with.
CREATE TABLE registration_access_tokens (
    client_id INTEGER PRIMARY KEY REFERENCES clients (id) ON DELETE CASCADE,
    token BLOB NOT NULL
) STRICT;

-- Whether people are offered to begin a sign-in there without having consented: first-party, with initiate_login_uri.
ALTER TABLE clients ADD COLUMN offered INTEGER NOT NULL DEFAULT 0 CHECK (offered IN (0, 1));
UPDATE clients SET offered = 1
    WHERE json_extract(policy, '$.first_party') = 1 AND json_extract(metadata, '$.initiate_login_uri') IS NOT NULL;
CREATE INDEX clients_offered ON clients (id) WHERE offered;
