//! The stored form of a password: Argon2id (RFC 9106) in a PHC string.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::base::Secret;
use crate::base::secret::ct_eq;

/// Most memory, passes and lanes that a stored hash may ask for; more is a corrupt or hostile row.
const MOST_MEMORY_KIB: u32 = 128 * 1024;
const MOST_ITERATIONS: u32 = 16;
const MOST_LANES: u32 = 4;

/// Bytes of salt and of hash in new strings (RFC 9106 §3.1, §4).
pub const SALT_LEN: usize = 16;
const HASH_LEN: usize = 32;

/// Cost of new hashes: Argon2id version 0x13 with one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashParams {
    /// Memory of one hash in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
}

impl Default for HashParams {
    /// 19 MiB and two passes: the floor of OWASP ASVS 5.0 appendix C.
    fn default() -> Self {
        Self { memory_kib: 19_456, iterations: 2 }
    }
}

impl HashParams {
    /// Blocks of 1 KiB that one hash works in.
    pub fn blocks(self) -> usize {
        self.argon2().params().block_count()
    }

    /// Out-of-range values fall back to the default: a wrong setting must not turn hashing off.
    fn argon2(self) -> Argon2<'static> {
        let params = Params::new(self.memory_kib, self.iterations, 1, Some(HASH_LEN)).unwrap_or(Params::DEFAULT);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
    }
}

/// Why a stored string cannot be verified. Carries nothing of the string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Not a PHC string with salt and hash.
    #[error("it is no PHC string with salt and hash")]
    Malformed,
    /// Another algorithm or version than Argon2id 0x13.
    #[error("it is not Argon2id version 19")]
    Algorithm,
    /// More memory, passes or lanes than any hash of ours.
    #[error("it asks for more than 128 MiB, 16 passes or 4 lanes")]
    TooCostly,
}

/// A stored hash whose parameters were found harmless.
#[derive(Debug)]
pub struct Stored {
    params: Params,
    salt: Salt,
    hash: Output,
}

impl Stored {
    /// Reads a stored PHC string and checks what it would cost.
    pub fn parse(text: &str) -> Result<Self, Unusable> {
        let parsed = PasswordHash::new(text).map_err(|_| Unusable::Malformed)?;
        if parsed.algorithm.as_str() != "argon2id" || parsed.version != Some(u32::from(Version::V0x13)) {
            return Err(Unusable::Algorithm);
        }
        let params = Params::try_from(&parsed).map_err(|_| Unusable::Malformed)?;
        if params.m_cost() > MOST_MEMORY_KIB || params.t_cost() > MOST_ITERATIONS || params.p_cost() > MOST_LANES {
            return Err(Unusable::TooCostly);
        }
        let (Some(salt), Some(hash)) = (parsed.salt, parsed.hash) else { return Err(Unusable::Malformed) };
        Ok(Self { params, salt, hash })
    }

    /// Whether a new hash would be made with other parameters than this one was.
    pub fn differs_from(&self, present: HashParams) -> bool {
        let present = present.argon2();
        let present = present.params();
        self.params.m_cost() != present.m_cost()
            || self.params.t_cost() != present.t_cost()
            || self.params.p_cost() != present.p_cost()
            || self.hash.len() != HASH_LEN
    }

    /// Whether `password` is the one that was hashed. Works in `memory`, and in a larger one for this call where it needs to.
    pub fn matches(&self, password: &Secret<String>, memory: &mut [Block]) -> bool {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone());
        let mut out = Zeroizing::new(vec![0; self.hash.len()]);
        let needed = self.params.block_count();
        let hashed = if needed <= memory.len() {
            compute(&argon2, password, &self.salt, &mut out, memory)
        } else {
            compute(&argon2, password, &self.salt, &mut out, &mut vec![Block::new(); needed])
        };
        hashed.is_some() && ct_eq(&out, self.hash.as_bytes())
    }
}

/// Hashes `password` into a PHC string; `None` only where `memory` is smaller than [`HashParams::blocks`].
pub fn hash(
    params: HashParams,
    password: &Secret<String>,
    salt: &[u8; SALT_LEN],
    memory: &mut [Block],
) -> Option<String> {
    let argon2 = params.argon2();
    let mut out = Zeroizing::new([0; HASH_LEN]);
    compute(&argon2, password, salt, &mut *out, memory)?;
    let phc = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: cost(argon2.params())?,
        salt: Some(Salt::new(salt).ok()?),
        hash: Some(Output::new(&*out).ok()?),
    };
    Some(phc.to_string())
}

fn cost(params: &Params) -> Option<ParamsString> {
    ParamsString::try_from(params).ok()
}

/// The password enters in Unicode NFC (NIST SP 800-63B §3.1.1.2): keyboards differ in how they compose an accent.
fn compute(
    argon2: &Argon2<'_>,
    password: &Secret<String>,
    salt: &[u8],
    out: &mut [u8],
    memory: &mut [Block],
) -> Option<()> {
    let normal = Zeroizing::new(password.expose().nfc().collect::<String>());
    argon2.hash_password_into_with_memory(normal.as_bytes(), salt, out, memory).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: HashParams = HashParams { memory_kib: 64, iterations: 1 };

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    fn hashed(text: &str) -> String {
        hash(CHEAP, &secret(text), &[7; SALT_LEN], &mut vec![Block::new(); CHEAP.blocks()]).unwrap()
    }

    fn is(stored: &str, text: &str) -> bool {
        Stored::parse(stored).unwrap().matches(&secret(text), &mut [])
    }

    #[test]
    fn item_91_the_default_is_argon2id_of_19_mib_and_two_passes() {
        let params = HashParams::default();
        let stored = hash(params, &secret("x"), &[7; SALT_LEN], &mut vec![Block::new(); params.blocks()]).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(!Stored::parse(&stored).unwrap().differs_from(params));
        assert!(Stored::parse(&hashed("x")).unwrap().differs_from(params));
    }

    #[test]
    fn known_answer_of_another_implementation() {
        // argon2-cffi's documentation, "correct horse battery staple".
        let stored =
            "$argon2id$v=19$m=65536,t=3,p=4$MIIRqgvgQbgj220jfp0MPA$YfwJSVjtjSU0zzV/P3S9nnQ/USre2wvJMjfCIjrTQbg";
        assert!(is(stored, "correct horse battery staple"));
        assert!(!is(stored, "correct horse battery stapler"));
    }

    #[test]
    fn item_88_composed_and_decomposed_accents_are_one_password() {
        let stored = hashed("une phrase à l'été 🎈");
        assert!(is(&stored, "une phrase a\u{300} l'e\u{301}te\u{301} 🎈"));
        assert!(!is(&stored, "une phrase a l'ete 🎈"));
    }

    #[test]
    fn item_88_no_byte_is_cut_off() {
        for at in [72, 128, 1_023] {
            let long = "a".repeat(1_024);
            let other: String = long.char_indices().map(|(i, c)| if i == at { 'b' } else { c }).collect();
            assert!(!is(&hashed(&long), &other), "{at}");
        }
    }

    #[test]
    fn hostile_rows_are_refused_before_hashing() {
        let with = |params: &str| {
            format!("$argon2id$v=19${params}$MIIRqgvgQbgj220jfp0MPA$YfwJSVjtjSU0zzV/P3S9nnQ/USre2wvJMjfCIjrTQbg")
        };
        let refusal = |text: &str| Stored::parse(text).err();
        assert_eq!(refusal(&with("m=131072,t=16,p=4")), None);
        assert_eq!(refusal(&with("m=131073,t=1,p=1")), Some(Unusable::TooCostly));
        assert_eq!(refusal(&with("m=1024,t=17,p=1")), Some(Unusable::TooCostly));
        assert_eq!(refusal(&with("m=1024,t=1,p=5")), Some(Unusable::TooCostly));
        assert_eq!(refusal(&with("m=1024,t=1,p=1").replace("id$", "i$")), Some(Unusable::Algorithm));
        assert_eq!(refusal(&with("m=1024,t=1,p=1").replace("v=19", "v=16")), Some(Unusable::Algorithm));
        assert_eq!(refusal("$argon2id$v=19$m=1024,t=1,p=1$MIIRqgvgQbgj220jfp0MPA"), Some(Unusable::Malformed));
        for text in ["", "plain", "$", "$2y$10$abc", "$argon2id$v=19$m=99999999999,t=1,p=1$MIIRqgvg$YfwJSVj"] {
            assert!(refusal(text).is_some(), "{text}");
        }
    }
}
