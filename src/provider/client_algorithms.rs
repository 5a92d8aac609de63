//! Whether the algorithms that a client registers are known, go together, and have the keys that they need.

use crate::jose::encryption::{ContentEncryption, KeyManagement, Recipient};
use crate::jose::{Algorithm, client_mac};
use crate::model::client::ClientPolicy;
use crate::oauth::registration::Problem;
use crate::oauth::{AuthMethod, ClientMetadata};

/// What is wrong with the algorithms of a registration.
pub(super) fn problems(metadata: &ClientMetadata) -> Vec<Problem> {
    let mut problems = signatures(metadata);
    problems.extend(assertions(metadata));
    for members in encryptions(metadata) {
        problems.extend(encryption(metadata, &members));
    }
    problems
}

/// The algorithms of what we sign for the client, by member.
fn signed_answers(metadata: &ClientMetadata) -> [(&'static str, Option<&String>); 3] {
    [
        ("id_token_signed_response_alg", Some(&metadata.id_token_signed_response_alg)),
        ("userinfo_signed_response_alg", metadata.userinfo_signed_response_alg.as_ref()),
        ("introspection_signed_response_alg", metadata.introspection_signed_response_alg.as_ref()),
    ]
}

fn signatures(metadata: &ClientMetadata) -> Vec<Problem> {
    let request_object = ("request_object_signing_alg", metadata.request_object_signing_alg.as_ref());
    let named = signed_answers(metadata).into_iter().chain([request_object]);
    named
        .filter(|(_, named)| named.is_some_and(|named| Algorithm::parse(named).is_none()))
        .map(|(member, _)| Problem {
            member,
            why: format!("must be {}", one_of(Algorithm::ALL.map(Algorithm::as_str))),
        })
        .collect()
}

/// The algorithm of assertions must be one of the method; with a method that signs nothing it is any, and means nothing.
fn assertions(metadata: &ClientMetadata) -> Option<Problem> {
    let named = metadata.token_endpoint_auth_signing_alg.as_deref()?;
    let is_mac = named == client_mac::ALGORITHM;
    let is_signature = Algorithm::parse(named).is_some();
    let member = "token_endpoint_auth_signing_alg";
    let must = |names: String| Some(Problem { member, why: format!("must be {names}") });
    match metadata.token_endpoint_auth_method {
        AuthMethod::PrivateKeyJwt if !is_signature => must(one_of(Algorithm::ALL.map(Algorithm::as_str))),
        AuthMethod::ClientSecretJwt if !is_mac => must(client_mac::ALGORITHM.to_owned()),
        _ if !is_mac && !is_signature => {
            must(format!("{} or {}", Algorithm::ALL.map(Algorithm::as_str).join(", "), client_mac::ALGORITHM))
        }
        _ => None,
    }
}

/// The two members of one kind of answer, with their names.
struct Encryption<'a> {
    alg: (&'static str, Option<&'a str>),
    enc: (&'static str, Option<&'a str>),
}

fn encryptions(metadata: &ClientMetadata) -> [Encryption<'_>; 2] {
    [
        Encryption {
            alg: ("id_token_encrypted_response_alg", metadata.id_token_encrypted_response_alg.as_deref()),
            enc: ("id_token_encrypted_response_enc", metadata.id_token_encrypted_response_enc.as_deref()),
        },
        Encryption {
            alg: ("userinfo_encrypted_response_alg", metadata.userinfo_encrypted_response_alg.as_deref()),
            enc: ("userinfo_encrypted_response_enc", metadata.userinfo_encrypted_response_enc.as_deref()),
        },
    ]
}

fn encryption(metadata: &ClientMetadata, members: &Encryption<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut add = |member, why: String| problems.push(Problem { member, why });
    let (alg_member, alg_name) = members.alg;
    let (enc_member, enc_name) = members.enc;
    let enc = match enc_name {
        Some(name) => ContentEncryption::parse(name),
        None => Some(ContentEncryption::default()),
    };
    if enc.is_none() {
        add(enc_member, format!("must be {}", one_of(ContentEncryption::ALL.map(ContentEncryption::as_str))));
    }
    let Some(name) = alg_name else {
        if enc_name.is_some() {
            add(enc_member, format!("needs {alg_member}"));
        }
        return problems;
    };
    let Some(alg) = KeyManagement::parse(name) else {
        add(alg_member, format!("must be {}", one_of(KeyManagement::ALL.map(KeyManagement::as_str))));
        return problems;
    };
    match (&metadata.jwks, &metadata.jwks_uri) {
        (None, None) => add("jwks", format!("or jwks_uri is needed for {alg_member}")),
        (Some(jwks), _) if Recipient::choose(jwks, alg, enc.unwrap_or_default()).is_err() => {
            add("jwks", format!("has no key to encrypt to with {name}"));
        }
        _ => {}
    }
    problems
}

/// The algorithms of a registration that no key of ours signs with: they are known, but left out of `keys.algorithms`.
pub(super) fn unsigned(metadata: &ClientMetadata, policy: &ClientPolicy, active: &[Algorithm]) -> Vec<Problem> {
    let access_token = ("access_token_alg", policy.access_token_alg.as_ref());
    let named = signed_answers(metadata).into_iter().chain([access_token]);
    named
        .filter(|(_, named)| {
            named.and_then(|named| Algorithm::parse(named)).is_some_and(|named| !active.contains(&named))
        })
        .map(|(member, _)| Problem { member, why: "has no signing key here (keys.algorithms)".to_owned() })
        .collect()
}

fn one_of<const N: usize>(names: [&str; N]) -> String {
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        Some((last, _)) => (*last).to_owned(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn members(change: impl FnOnce(&mut ClientMetadata)) -> Vec<&'static str> {
        let mut metadata = ClientMetadata::new("App");
        change(&mut metadata);
        problems(&metadata).into_iter().map(|problem| problem.member).collect()
    }

    #[test]
    fn signatures_are_of_the_list() {
        for alg in ["RS256", "PS256", "ES256", "EdDSA"] {
            let all = |m: &mut ClientMetadata| {
                alg.clone_into(&mut m.id_token_signed_response_alg);
                m.userinfo_signed_response_alg = Some(alg.to_owned());
                m.introspection_signed_response_alg = Some(alg.to_owned());
            };
            assert!(members(all).is_empty(), "{alg}");
        }
        for alg in ["none", "HS256", "ES384", "rs256", ""] {
            assert_eq!(
                members(|m| alg.clone_into(&mut m.id_token_signed_response_alg)),
                ["id_token_signed_response_alg"]
            );
            assert_eq!(
                members(|m| m.userinfo_signed_response_alg = Some(alg.to_owned())),
                ["userinfo_signed_response_alg"]
            );
            let introspection = members(|m| m.introspection_signed_response_alg = Some(alg.to_owned()));
            assert_eq!(introspection, ["introspection_signed_response_alg"]);
        }
    }

    #[test]
    fn an_algorithm_needs_a_key_of_ours() {
        let metadata = ClientMetadata {
            id_token_signed_response_alg: "EdDSA".to_owned(),
            userinfo_signed_response_alg: Some("PS256".to_owned()),
            introspection_signed_response_alg: Some("PS256".to_owned()),
            request_object_signing_alg: Some("PS256".to_owned()),
            ..ClientMetadata::new("App")
        };
        let policy = ClientPolicy { access_token_alg: Some("EdDSA".to_owned()), ..ClientPolicy::default() };
        let lacking = |active: &[Algorithm]| -> Vec<_> {
            unsigned(&metadata, &policy, active).into_iter().map(|problem| problem.member).collect()
        };
        assert_eq!(
            lacking(&[Algorithm::Rs256, Algorithm::Es256]),
            [
                "id_token_signed_response_alg",
                "userinfo_signed_response_alg",
                "introspection_signed_response_alg",
                "access_token_alg"
            ]
        );
        assert!(lacking(&Algorithm::ALL).is_empty());
    }

    #[test]
    fn the_algorithm_of_assertions_goes_with_the_method() {
        let with = |method, alg: &str| {
            members(|m| {
                m.token_endpoint_auth_method = method;
                m.token_endpoint_auth_signing_alg = Some(alg.to_owned());
            })
        };
        let refused = ["token_endpoint_auth_signing_alg"];
        for alg in ["RS256", "PS256", "ES256", "EdDSA"] {
            assert!(with(AuthMethod::PrivateKeyJwt, alg).is_empty());
            assert_eq!(with(AuthMethod::ClientSecretJwt, alg), refused);
            assert!(with(AuthMethod::ClientSecretBasic, alg).is_empty());
        }
        assert!(with(AuthMethod::ClientSecretJwt, "HS256").is_empty());
        assert_eq!(with(AuthMethod::PrivateKeyJwt, "HS256"), refused);
        for method in AuthMethod::ALL {
            for alg in ["none", "HS512", ""] {
                assert_eq!(with(method, alg), refused, "{alg}");
            }
        }
    }

    #[test]
    fn encryption_needs_known_names_and_a_key() {
        let keys = |m: &mut ClientMetadata| m.jwks_uri = Some("https://app.example/jwks".to_owned());
        assert!(members(|m| (keys(m), m.id_token_encrypted_response_alg = Some("ECDH-ES".to_owned())).0).is_empty());
        assert_eq!(members(|m| m.id_token_encrypted_response_alg = Some("ECDH-ES".to_owned())), ["jwks"]);
        assert_eq!(members(|m| m.userinfo_encrypted_response_alg = Some("RSA-OAEP-256".to_owned())), ["jwks"]);
        assert_eq!(
            members(|m| (keys(m), m.id_token_encrypted_response_alg = Some("RSA1_5".to_owned())).0),
            ["id_token_encrypted_response_alg"]
        );
        assert_eq!(
            members(|m| m.userinfo_encrypted_response_enc = Some("A256GCM".to_owned())),
            ["userinfo_encrypted_response_enc"],
            "without alg"
        );
        let enc = members(|m| {
            keys(m);
            m.userinfo_encrypted_response_alg = Some("ECDH-ES".to_owned());
            m.userinfo_encrypted_response_enc = Some("A256CBC".to_owned());
        });
        assert_eq!(enc, ["userinfo_encrypted_response_enc"]);
        // RFC 8037 appendix A.2: a key that only signs.
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let jwks = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x }] });
        let unfit =
            members(|m| (m.jwks = Some(jwks), m.id_token_encrypted_response_alg = Some("ECDH-ES".to_owned())).0);
        assert_eq!(unfit, ["jwks"]);
    }
}
