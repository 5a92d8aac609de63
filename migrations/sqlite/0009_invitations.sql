-- Invitations into tenants: mailed links that make whoever proves to be meant a member. The token is kept as its digest.
CREATE TABLE invitations (
    id INTEGER PRIMARY KEY,
    uuid BLOB NOT NULL UNIQUE,
    tenant_id INTEGER NOT NULL REFERENCES tenants (id),
    email TEXT NOT NULL,
    email_canonical TEXT NOT NULL,
    rpps TEXT,
    roles TEXT NOT NULL,
    token BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    accepted_at INTEGER,
    accepted_by INTEGER REFERENCES users (id),
    revoked_at INTEGER
) STRICT;
CREATE INDEX invitations_tenant ON invitations (tenant_id, email_canonical);
CREATE INDEX invitations_expires ON invitations (expires_at);
