-- Claims that the authorization request named one by one (OpenID Connect Core §5.5).
ALTER TABLE grants ADD COLUMN claims TEXT NOT NULL DEFAULT '{}';
