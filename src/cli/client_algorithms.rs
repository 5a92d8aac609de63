//! The flags of `guichet client create|update` about keys and algorithms of a client, and how `client show` tells them.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::context;
use super::output::Failure;
use crate::oauth::ClientMetadata;

/// What takes a member away.
const NOTHING: &str = "none";

/// Keys and algorithms. Where a flag says so, `none` takes the member away.
#[derive(Debug, Args)]
pub(super) struct Algorithms {
    /// Algorithm of its ID tokens: RS256 (default), PS256, ES256, EdDSA.
    #[arg(long, value_name = "ALG")]
    id_token_alg: Option<String>,
    /// Key management of its encrypted ID tokens: RSA-OAEP-256, ECDH-ES, ECDH-ES+A128KW, ECDH-ES+A256KW; none.
    #[arg(long, value_name = "ALG")]
    id_token_encryption_alg: Option<String>,
    /// Content encryption of its ID tokens: A128CBC-HS256 (default), A128GCM, A256GCM; none.
    #[arg(long, value_name = "ENC")]
    id_token_encryption_enc: Option<String>,
    /// Algorithm of signed userinfo: RS256, PS256, ES256, EdDSA; none (default) for JSON.
    #[arg(long, value_name = "ALG")]
    userinfo_alg: Option<String>,
    /// Key management of encrypted userinfo, as for ID tokens.
    #[arg(long, value_name = "ALG")]
    userinfo_encryption_alg: Option<String>,
    /// Content encryption of userinfo, as for ID tokens.
    #[arg(long, value_name = "ENC")]
    userinfo_encryption_enc: Option<String>,
    /// Algorithm of signed introspection answers: RS256, PS256, ES256, EdDSA; none (default) for JSON.
    #[arg(long, value_name = "ALG")]
    introspection_alg: Option<String>,
    /// The only algorithm of its assertions; none (default) for any that fits its authentication.
    #[arg(long, value_name = "ALG")]
    auth_signing_alg: Option<String>,
    /// A file with its public keys, a JWK Set. Takes the place of --jwks-uri.
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_uri")]
    jwks: Option<PathBuf>,
    /// Where it publishes its public keys. Takes the place of --jwks.
    #[arg(long, value_name = "URI")]
    jwks_uri: Option<String>,
}

impl Algorithms {
    /// Takes over what was named; what was not stays.
    pub(super) fn apply(self, metadata: &mut ClientMetadata) -> Result<(), Failure> {
        if let Some(alg) = self.id_token_alg {
            metadata.id_token_signed_response_alg = alg;
        }
        for (named, member) in [
            (self.id_token_encryption_alg, &mut metadata.id_token_encrypted_response_alg),
            (self.id_token_encryption_enc, &mut metadata.id_token_encrypted_response_enc),
            (self.userinfo_alg, &mut metadata.userinfo_signed_response_alg),
            (self.userinfo_encryption_alg, &mut metadata.userinfo_encrypted_response_alg),
            (self.userinfo_encryption_enc, &mut metadata.userinfo_encrypted_response_enc),
            (self.introspection_alg, &mut metadata.introspection_signed_response_alg),
            (self.auth_signing_alg, &mut metadata.token_endpoint_auth_signing_alg),
        ] {
            if let Some(named) = named {
                *member = Some(named).filter(|named| named != NOTHING);
            }
        }
        if let Some(path) = &self.jwks {
            metadata.jwks = Some(context::json_file(path)?);
            metadata.jwks_uri = None;
        }
        if let Some(uri) = self.jwks_uri {
            metadata.jwks_uri = Some(uri).filter(|uri| uri != NOTHING);
            metadata.jwks = None;
        }
        Ok(())
    }
}

/// The members of a client that the flags are about.
pub(super) fn shown(metadata: &ClientMetadata) -> Value {
    json!({
        "id_token_signed_response_alg": metadata.id_token_signed_response_alg,
        "id_token_encrypted_response_alg": metadata.id_token_encrypted_response_alg,
        "id_token_encrypted_response_enc": metadata.id_token_encrypted_response_enc,
        "userinfo_signed_response_alg": metadata.userinfo_signed_response_alg,
        "userinfo_encrypted_response_alg": metadata.userinfo_encrypted_response_alg,
        "userinfo_encrypted_response_enc": metadata.userinfo_encrypted_response_enc,
        "introspection_signed_response_alg": metadata.introspection_signed_response_alg,
        "token_endpoint_auth_signing_alg": metadata.token_endpoint_auth_signing_alg,
        "jwks": metadata.jwks,
        "jwks_uri": metadata.jwks_uri,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        algorithms: Algorithms,
    }

    fn apply(metadata: &mut ClientMetadata, line: &[&str]) {
        let read = Line::try_parse_from([&["x"], line].concat()).unwrap();
        read.algorithms.apply(metadata).unwrap();
    }

    #[test]
    fn each_flag_sets_its_member_and_none_takes_it_away() {
        let mut metadata = ClientMetadata::new("App");
        let flags = [
            ("--id-token-encryption-alg", "id_token_encrypted_response_alg"),
            ("--id-token-encryption-enc", "id_token_encrypted_response_enc"),
            ("--userinfo-alg", "userinfo_signed_response_alg"),
            ("--userinfo-encryption-alg", "userinfo_encrypted_response_alg"),
            ("--userinfo-encryption-enc", "userinfo_encrypted_response_enc"),
            ("--introspection-alg", "introspection_signed_response_alg"),
            ("--auth-signing-alg", "token_endpoint_auth_signing_alg"),
            ("--jwks-uri", "jwks_uri"),
        ];
        for (flag, member) in flags {
            assert_eq!(shown(&metadata)[member], Value::Null);
            apply(&mut metadata, &[flag, member]);
            assert_eq!(shown(&metadata)[member], member, "{flag}");
        }
        apply(&mut metadata, &["--id-token-alg", "EdDSA"]);
        assert_eq!(shown(&metadata)["id_token_signed_response_alg"], "EdDSA");
        for (flag, member) in flags {
            assert_eq!(shown(&metadata)[member], member, "{flag} stays");
            apply(&mut metadata, &[flag, "none"]);
            assert_eq!(shown(&metadata)[member], Value::Null, "{flag}");
        }
    }

    #[test]
    fn keys_are_given_in_one_way() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "{\"keys\":[]}").unwrap();
        let path = file.path().to_str().unwrap();
        let mut metadata = ClientMetadata::new("App");
        apply(&mut metadata, &["--jwks-uri", "https://app.example/jwks"]);
        apply(&mut metadata, &["--jwks", path]);
        assert_eq!((metadata.jwks.clone(), metadata.jwks_uri.clone()), (Some(json!({ "keys": [] })), None));
        apply(&mut metadata, &["--jwks-uri", "https://app.example/jwks"]);
        assert_eq!((metadata.jwks, metadata.jwks_uri.as_deref()), (None, Some("https://app.example/jwks")));
        assert!(Line::try_parse_from(["x", "--jwks", path, "--jwks-uri", "https://app.example/jwks"]).is_err());
    }
}
