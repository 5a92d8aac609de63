-- Invitations into tenants: mailed links that make whoever proves to be meant a member. The token is kept as its digest.
CREATE TABLE invitations (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uuid UUID NOT NULL UNIQUE,
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    email TEXT NOT NULL,
    email_canonical TEXT NOT NULL,
    rpps TEXT,
    roles TEXT NOT NULL,
    token BYTEA NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    accepted_at BIGINT,
    accepted_by BIGINT REFERENCES users (id),
    revoked_at BIGINT
);
CREATE INDEX invitations_tenant ON invitations (tenant_id, email_canonical);
CREATE INDEX invitations_expires ON invitations (expires_at);
