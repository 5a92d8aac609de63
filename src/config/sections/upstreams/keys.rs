//! The rows of the section.

use super::{AssertionAudience, ClientAuth, Preset, Provisioning, RegistrationMode, RequestObject};
use crate::config::check::words;
use crate::config::key::{Fallback, Key, Kind, key};

pub(super) const KEYS: &[Key] = &[
    key(
        "upstreams.<name>.preset",
        Kind::Choice(words::<Preset>),
        Fallback::Derived("the preset of the table's own name, else `oidc`"),
        "What is known of the provider; every other key wins over it.",
    ),
    key("upstreams.<name>.label", Kind::Text, Fallback::Derived("by preset, else the name"), "What people call it."),
    key(
        "upstreams.<name>.logo",
        Kind::Text,
        Fallback::Absent,
        "Image of its button: an `https:` URL, or a path of this site.",
    ),
    key(
        "upstreams.<name>.issuer",
        Kind::Url,
        Fallback::Derived("by preset"),
        "Its issuer, exactly as its tokens say it.",
    ),
    key(
        "upstreams.<name>.discovery_url",
        Kind::Url,
        Fallback::Derived("by preset, else `<issuer>/.well-known/openid-configuration`"),
        "Its discovery document, where that stands elsewhere. The issuer in it is checked all the same.",
    ),
    key(
        "upstreams.<name>.web_url",
        Kind::Url,
        Fallback::Derived("by preset"),
        "`github`, `facebook`: the site that people see.",
    ),
    key("upstreams.<name>.api_url", Kind::Url, Fallback::Derived("by preset"), "`github`, `facebook`: its interface."),
    key(
        "upstreams.<name>.api_version",
        Kind::Text,
        Fallback::Derived("by preset"),
        "`facebook`: version of the Graph interface.",
    ),
    key(
        "upstreams.<name>.client_id",
        Kind::Text,
        Fallback::Derived("required unless `registration` is `dynamic`"),
        "Who we are there.",
    ),
    key("upstreams.<name>.client_secret", Kind::Secret, Fallback::Absent, "Our secret there."),
    key("upstreams.<name>.client_secret_file", Kind::Path, Fallback::Absent, "File that holds `client_secret`."),
    key(
        "upstreams.<name>.client_auth_method",
        Kind::Choice(words::<ClientAuth>),
        Fallback::Derived("`client_secret_basic`; `none` without a secret; by preset"),
        "How we prove it (OpenID Connect Core 9, RFC 8705). For `private_key_jwt` the provider finds our key at \
         `/federation/<name>/jwks`.",
    ),
    key(
        "upstreams.<name>.token_endpoint_auth_signing_alg",
        Kind::Text,
        Fallback::Value("RS256"),
        "`private_key_jwt`: the signature, one of `RS256`, `PS256`, `ES256`, `EdDSA`.",
    ),
    key(
        "upstreams.<name>.client_assertion_audience",
        Kind::Choice(words::<AssertionAudience>),
        Fallback::Value("issuer"),
        "`private_key_jwt`: whom the assertion is for; `token_endpoint` for a provider that takes no other (Entra ID).",
    ),
    key(
        "upstreams.<name>.registration",
        Kind::Choice(words::<RegistrationMode>),
        Fallback::Value("static"),
        "`static`: the provider's operator registered us, and `client_id` is set. `dynamic`: we register ourselves at its \
         `registration_endpoint` when somebody first signs in there (OpenID Connect Registration, RFC 7591), and again when \
         it forgets us or what we would say changes.",
    ),
    key(
        "upstreams.<name>.registration_token",
        Kind::Secret,
        Fallback::Absent,
        "`dynamic`: initial access token, where the provider wants one.",
    ),
    key(
        "upstreams.<name>.registration_token_file",
        Kind::Path,
        Fallback::Absent,
        "File that holds `registration_token`.",
    ),
    key(
        "upstreams.<name>.registration_lifetime",
        Kind::Duration,
        Fallback::Absent,
        "`dynamic`: longest time that one registration serves, up to ten years; `0s`: each sign-in registers anew, for \
         tests. Unless set, as long as the provider says.",
    ),
    key(
        "upstreams.<name>.contacts",
        Kind::List,
        Fallback::Value(""),
        "`dynamic`: addresses of people whom the provider's operator may write to.",
    ),
    key(
        "upstreams.<name>.request_object",
        Kind::Choice(words::<RequestObject>),
        Fallback::Value("off"),
        "Whether the authorization request travels as a signed object (OpenID Connect Core 6, RFC 9101): in the parameter \
         `request` (`by_value`), or fetched by the provider from `/federation/<name>/request/…` (`by_reference`).",
    ),
    key(
        "upstreams.<name>.request_object_signing_alg",
        Kind::Text,
        Fallback::Value("RS256"),
        "Its signature: `RS256`, `PS256`, `ES256`, `EdDSA`; `none` only `by_reference` below an https issuer, for a provider \
         that demands it.",
    ),
    key(
        "upstreams.<name>.signing_key_file",
        Kind::Path,
        Fallback::Absent,
        "Our private key (PEM) for request objects and `private_key_jwt`, for a provider that is given the public key by \
         hand. Unless set, keys are made, published at `/federation/<name>/jwks` and rotated as `[keys]` says.",
    ),
    key(
        "upstreams.<name>.client_certificate_file",
        Kind::Path,
        Fallback::Absent,
        "`tls_client_auth`: our certificate and its chain (PEM), shown on every call.",
    ),
    key("upstreams.<name>.client_key_file", Kind::Path, Fallback::Absent, "`tls_client_auth`: its private key (PEM)."),
    key(
        "upstreams.<name>.decryption_key_file",
        Kind::Path,
        Fallback::Absent,
        "Our private key (PEM; RSA or EC) for what the provider encrypts: ID tokens and userinfo. Its public part stands at \
         `/federation/<name>/jwks`.",
    ),
    key(
        "upstreams.<name>.ca_file",
        Kind::Path,
        Fallback::Absent,
        "Further certificate authorities to trust there (PEM).",
    ),
    key(
        "upstreams.<name>.scopes",
        Kind::List,
        Fallback::Derived("by preset, else `openid`, `profile`, `email`"),
        "What is asked for.",
    ),
    key(
        "upstreams.<name>.acr_values",
        Kind::List,
        Fallback::Derived("by preset"),
        "Authentication contexts that are asked for, one of which (or one above it: `eidas1`, `eidas2`, `eidas3`) must be answered.",
    ),
    key(
        "upstreams.<name>.algorithms",
        Kind::List,
        Fallback::Value("RS256"),
        "Signatures that are taken: `RS256`, `PS256`, `ES256`, `EdDSA`.",
    ),
    key(
        "upstreams.<name>.pkce",
        Kind::Switch,
        Fallback::Derived("by preset, else `true`"),
        "Whether PKCE (`S256`) is sent.",
    ),
    key(
        "upstreams.<name>.userinfo",
        Kind::Switch,
        Fallback::Derived("by preset, else `true`"),
        "Whether userinfo is read.",
    ),
    key(
        "upstreams.<name>.userinfo_signed_response_alg",
        Kind::Text,
        Fallback::Absent,
        "Userinfo must be signed, with this algorithm of `algorithms`; a dynamic registration asks for it.",
    ),
    key(
        "upstreams.<name>.parameters",
        Kind::List,
        Fallback::Value(""),
        "Further parameters of the authorization request, each `name=value`.",
    ),
    key(
        "upstreams.<name>.hosted_domain",
        Kind::Text,
        Fallback::Absent,
        "`google`: the only Workspace domain whose people may sign in.",
    ),
    key(
        "upstreams.<name>.email_domains",
        Kind::List,
        Fallback::Value(""),
        "Domains of addresses whose people are sent here.",
    ),
    key(
        "upstreams.<name>.tenants",
        Kind::List,
        Fallback::Value(""),
        "Tenants, by code or UUID, whose own provider this is: who comes for one of them is sent here, and a sign-in here counts in them alone. None: it is for everybody.",
    ),
    key(
        "upstreams.<name>.timeout",
        Kind::Duration,
        Fallback::Derived("a little under 5 seconds"),
        "Longest time that all calls of one step may take together, `1s` to `60s`: a person waits.",
    ),
    key("upstreams.<name>.claim_given_name", Kind::Text, Fallback::Value("given_name"), "Claim with the given name."),
    key(
        "upstreams.<name>.claim_family_name",
        Kind::Text,
        Fallback::Value("family_name"),
        "Claim with the family name.",
    ),
    key("upstreams.<name>.claim_email", Kind::Text, Fallback::Value("email"), "Claim with the address."),
    key(
        "upstreams.<name>.claim_national_id",
        Kind::Text,
        Fallback::Absent,
        "Claim with the national identifier, of a provider that is its authority.",
    ),
    key(
        "upstreams.<name>.trust_email",
        Kind::Switch,
        Fallback::Value("false"),
        "Whether `email_verified` of the provider is believed. An account is never found by an address.",
    ),
    key(
        "upstreams.<name>.accounts",
        Kind::Choice(words::<Provisioning>),
        Fallback::Value("create"),
        "Whether somebody who comes for the first time gets an account (`create`), or must have linked one (`linked`).",
    ),
    key(
        "upstreams.<name>.backchannel_logout",
        Kind::Switch,
        Fallback::Value("true"),
        "Whether the provider may end sessions here (OpenID Connect Back-Channel Logout).",
    ),
    key(
        "upstreams.<name>.follow_session",
        Kind::Duration,
        Fallback::Absent,
        "How often is asked, by the refresh token, whether a person's session there still stands, `1m` to `1d`; when it does \
         not, the session here ends. Less than the provider's idle time (Pro Santé Connect: 30 minutes). Unless set, \
         nobody asks.",
    ),
    key(
        "upstreams.<name>.ciba",
        Kind::Switch,
        Fallback::Value("false"),
        "`pro_sante_connect`: whether people may also sign in by their number and their telephone, without leaving this site \
         (CIBA, poll). The provider must have granted it to our client.",
    ),
    key(
        "upstreams.<name>.allow_private_addresses",
        Kind::Switch,
        Fallback::Value("false"),
        "Whether the hosts named in this table may have a private address and be called without TLS. For tests.",
    ),
];
