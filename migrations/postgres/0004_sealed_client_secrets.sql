-- Secrets of clients that prove themselves by a MAC (OpenID Connect Core §9 client_secret_jwt), sealed under the master key.
ALTER TABLE client_secrets ADD COLUMN sealed BYTEA;
