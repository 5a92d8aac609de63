-- Roles that a mapping gave are told from those that somebody gave by hand, and sessions follow the upstream's.

-- The professional identity that a role comes of; null where a person gave it. The role goes with the identity.
ALTER TABLE memberships ADD COLUMN identity_id BLOB REFERENCES identities (id) ON DELETE CASCADE;
CREATE INDEX memberships_identity ON memberships (identity_id) WHERE identity_id IS NOT NULL;

-- The refresh token belongs to one session at the upstream, and so to one of ours. It is sealed, bound to the row.
ALTER TABLE upstream_sessions ADD COLUMN refresh_token BLOB;
ALTER TABLE upstream_sessions ADD COLUMN checked_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX upstream_sessions_checked ON upstream_sessions (checked_at) WHERE refresh_token IS NOT NULL;
ALTER TABLE identities DROP COLUMN refresh_token;
