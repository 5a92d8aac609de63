-- What we are at upstream providers where we registered ourselves, and the keys that sign what is for an upstream alone.

-- The secret, and the token that reads and deletes the registration, are sealed, bound to the row. At most one registration
-- of an upstream begins new sign-ins; those that it took the place of serve what began with them.
CREATE TABLE upstream_clients (
    id UUID PRIMARY KEY,
    upstream TEXT NOT NULL,
    issuer TEXT NOT NULL,
    client_id TEXT NOT NULL,
    auth_method TEXT NOT NULL,
    sent BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    registration_uri TEXT,
    created_at BIGINT NOT NULL,
    checked_at BIGINT NOT NULL,
    expires_at BIGINT,
    superseded_at BIGINT
);
CREATE UNIQUE INDEX upstream_clients_present ON upstream_clients (upstream, issuer) WHERE superseded_at IS NULL;
CREATE INDEX upstream_clients_name ON upstream_clients (upstream, issuer, client_id);
CREATE INDEX upstream_clients_superseded ON upstream_clients (superseded_at);

-- Which registration a session there began with.
ALTER TABLE upstream_sessions ADD COLUMN registration_id UUID;
CREATE INDEX upstream_sessions_registration ON upstream_sessions (registration_id);

CREATE TABLE upstream_keys (
    kid TEXT PRIMARY KEY,
    upstream TEXT NOT NULL,
    alg TEXT NOT NULL,
    state TEXT NOT NULL,
    public_jwk JSONB NOT NULL,
    sealed_private BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX upstream_keys_upstream ON upstream_keys (upstream);
