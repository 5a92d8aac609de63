//! Why a token, a key or a signature was refused. Texts are for the log; none carries a part of a token or a key.

use super::Algorithm;
use super::jwk::KeyRefusal;

/// What went wrong in this room.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoseError {
    /// A token longer than [`super::MAX_TOKEN_BYTES`], received or about to be signed.
    #[error("the token is longer than 8 KiB")]
    TooLong,
    /// Not three non-empty parts of canonical unpadded base64url.
    #[error("the token is not a compact JWS")]
    NotCompact,
    /// The named part is not one JSON object without repeated keys, excessive nesting or trailing bytes.
    #[error("the {0} of the token is not a well-formed JSON object")]
    NotAnObject(&'static str),
    /// A client assertion has no text `sub`.
    #[error("the token names no subject")]
    NoSubject,
    /// A header parameter that changes how the token is to be read, or one of the wrong JSON type.
    #[error("the header parameter {0} is not acceptable")]
    Header(&'static str),
    /// `alg` is missing or not on the closed list.
    #[error("the algorithm of the token is not allowed")]
    AlgorithmNotAllowed,
    /// `typ` is that of another kind of token.
    #[error("the token is of another type")]
    WrongType,
    /// No key has the `kid`, or none fits the algorithm.
    #[error("no key fits the token")]
    UnknownKey,
    /// The algorithm of the token is not the one of its key.
    #[error("the algorithm of the token is not the one of its key")]
    WrongAlgorithm,
    /// The signature is not of this key over this text.
    #[error("the signature is wrong")]
    BadSignature,
    /// There is no active key to sign with.
    #[error("there is no active {0} key")]
    NoActiveKey(Algorithm),
    /// The client has no key that could be encrypted to.
    #[error("the client has no key to encrypt to")]
    NoEncryptionKey,
    /// The file holds no private key that could be decrypted with.
    #[error("it is no private RSA key of 2048 to 8192 bits and no EC key (PEM)")]
    NoDecryptionKey,
    /// The file holds no private key for the algorithm.
    #[error("it is no private key for {0} (PEM; RSA of 2048 bits at least, P-256, or Ed25519)")]
    NoSigningKey(Algorithm),
    /// The token is not encrypted to our key, or not as it should be.
    #[error("the token cannot be decrypted")]
    Decryption,
    /// The cryptographic library failed to encrypt.
    #[error("encryption failed")]
    Encryption,
    /// The claims are not serializable as a JSON object.
    #[error("the claims cannot be written as JSON")]
    Claims,
    /// The cryptographic library failed to sign.
    #[error("signing failed")]
    Signing,
    /// The cryptographic library failed to make a key, or sealing it failed.
    #[error("a {0} key could not be made")]
    Generation(Algorithm),
    /// The private part was sealed under another master key, or changed.
    #[error("signing key {kid} does not open under the master key")]
    DoesNotOpen {
        /// The key.
        kid: String,
    },
    /// The record opened but is not the key that it says it is.
    #[error("signing key {kid} is not usable: {why}")]
    Unusable {
        /// The key.
        kid: String,
        /// What is wrong with it.
        why: KeyRefusal,
    },
}
