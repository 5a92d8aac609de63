-- People of upstream providers: whom they are here, their sessions there, and what their practice gives them.

-- An identity is the upstream, its issuer and the subject: never an address. The national identifier is a second key of
-- the same upstream. The refresh token is sealed, bound to the row.
CREATE TABLE identities (
    id UUID PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id),
    upstream TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    national_id TEXT,
    email TEXT,
    profile JSONB NOT NULL,
    refresh_token BYTEA,
    created_at BIGINT NOT NULL,
    last_login_at BIGINT NOT NULL,
    UNIQUE (upstream, issuer, subject),
    UNIQUE (upstream, national_id)
);
CREATE INDEX identities_user ON identities (user_id);

-- The upstream's side of a session of ours, for logout in both directions. The ID token is sealed.
CREATE TABLE upstream_sessions (
    sid UUID PRIMARY KEY,
    identity_id UUID NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
    upstream_sid TEXT,
    id_token BYTEA,
    created_at BIGINT NOT NULL
);
CREATE INDEX upstream_sessions_identity ON upstream_sessions (identity_id, upstream_sid);
CREATE INDEX upstream_sessions_created ON upstream_sessions (created_at);

-- Which role a tenant gives to whom practises as what at which of its FINESS numbers.
CREATE TABLE upstream_mappings (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    finess TEXT NOT NULL,
    profession TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (finess, profession, tenant_id, role)
);
CREATE INDEX upstream_mappings_tenant ON upstream_mappings (tenant_id);
