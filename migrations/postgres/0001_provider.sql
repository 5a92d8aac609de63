-- The provider's durable data. Times are UTC microseconds since 1970.

CREATE TABLE users (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid UUID NOT NULL UNIQUE,
    email TEXT NOT NULL,
    -- What addresses are compared by.
    email_canonical TEXT NOT NULL UNIQUE,
    email_verified BOOLEAN NOT NULL,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    rpps TEXT UNIQUE,
    locale TEXT,
    claims JSONB NOT NULL,
    password_hash TEXT,
    password_changed_at BIGINT,
    platform_admin BOOLEAN NOT NULL,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    last_login_at BIGINT,
    -- Names and address without accents and case, for searching.
    search_text TEXT NOT NULL
);

CREATE TABLE tenants (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid UUID NOT NULL UNIQUE,
    code TEXT NOT NULL,
    -- What codes are compared by.
    code_canonical TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    department TEXT,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE memberships (
    user_id BIGINT NOT NULL REFERENCES users (id),
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    role TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, tenant_id, role)
);
CREATE INDEX memberships_tenant ON memberships (tenant_id, user_id);

CREATE TABLE clients (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_id TEXT NOT NULL UNIQUE,
    metadata JSONB NOT NULL,
    policy JSONB NOT NULL,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE client_secrets (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_id BIGINT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    digest BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);
CREATE INDEX client_secrets_client ON client_secrets (client_id);

CREATE TABLE consents (
    user_id BIGINT NOT NULL REFERENCES users (id),
    client_id BIGINT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    scope TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, client_id)
);
CREATE INDEX consents_client ON consents (client_id);

CREATE TABLE sessions (
    sid UUID PRIMARY KEY,
    token BYTEA NOT NULL UNIQUE,
    user_id BIGINT NOT NULL REFERENCES users (id),
    tenant_id BIGINT REFERENCES tenants (id),
    auth_time BIGINT NOT NULL,
    acr TEXT NOT NULL,
    amr JSONB NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    address TEXT,
    user_agent TEXT,
    ended_at BIGINT,
    end_reason TEXT
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_tenant ON sessions (tenant_id);
CREATE INDEX sessions_created ON sessions (created_at);

-- A grant outlives its client and its session as history, so it has no reference to either.
CREATE TABLE grants (
    id UUID PRIMARY KEY,
    client_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id),
    tenant_id BIGINT REFERENCES tenants (id),
    sid UUID NOT NULL,
    scope TEXT NOT NULL,
    resources JSONB NOT NULL,
    nonce TEXT,
    auth_time BIGINT NOT NULL,
    acr TEXT NOT NULL,
    amr JSONB NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    rotated_at BIGINT NOT NULL,
    revoked_at BIGINT,
    end_reason TEXT
);
CREATE INDEX grants_user ON grants (user_id);
CREATE INDEX grants_client ON grants (client_id);
CREATE INDEX grants_tenant ON grants (tenant_id);
CREATE INDEX grants_sid ON grants (sid);
CREATE INDEX grants_expiry ON grants (expires_at);
CREATE INDEX grants_revoked ON grants (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE revoked_tokens (
    jti TEXT PRIMARY KEY,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX revoked_tokens_expiry ON revoked_tokens (expires_at);

CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,
    alg TEXT NOT NULL,
    state TEXT NOT NULL,
    public_jwk JSONB NOT NULL,
    sealed_private BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);

-- No reference leads out of the log: what it tells of may be gone.
CREATE TABLE audit_events (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL,
    actor_user BIGINT,
    actor_client BIGINT,
    tenant BIGINT,
    entity_type TEXT NOT NULL,
    entity_id TEXT,
    address TEXT,
    request_id TEXT,
    details JSONB NOT NULL
);
CREATE INDEX audit_events_actor ON audit_events (actor_user, id);
CREATE INDEX audit_events_tenant ON audit_events (tenant, id);
CREATE INDEX audit_events_entity ON audit_events (entity_type, entity_id, id);
CREATE FUNCTION audit_events_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_events is append-only';
END;
$$;
CREATE TRIGGER audit_events_keep_rows BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION audit_events_refuse();
CREATE TRIGGER audit_events_keep_table BEFORE TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION audit_events_refuse();

-- One counter for each kind of cached thing: a cache is stale when the counter is no longer what it was.
CREATE TABLE epochs (
    topic TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO epochs (topic, value) VALUES ('clients', 0), ('keys', 0), ('users', 0), ('tenants', 0);

-- Short-lived state where there is no Redis.
CREATE TABLE ephemeral (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    value BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (kind, key)
);
CREATE INDEX ephemeral_expiry ON ephemeral (expires_at);
