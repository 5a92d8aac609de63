//! Which passwords are taken (NIST SP 800-63B-4 §3.1.1.2, OWASP ASVS 5.0 V6.2, CNIL délibération 2022-100).
//!
//! Length, a computed strength of 50 bits, a block list, and nothing of the person or the product. No rule of composition.

mod common;
mod folding;
mod strength;

use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use super::LONGEST;

/// Fewest code points of a password that stands alone, without a second factor.
const SHORTEST: usize = 15;
/// The same for those who administer the platform (ANSSI).
const SHORTEST_OF_ADMINISTRATORS: usize = 16;
/// Fewest code points under [`Policy::Seed`].
const SHORTEST_OF_SEED: usize = 8;
/// Least strength in bits (CNIL, case of an account with limited attempts).
const LEAST_BITS: f64 = 50.0;
/// A context word counts from this many characters.
const CONTEXT_WORD: usize = 4;

/// How strict the deployment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// The rules of the module.
    #[default]
    Strict,
    /// Demonstrations: 8 characters, and not one of a handful.
    Seed,
}

/// Why a password is not taken. Checked in this order, so that the message names what to change first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefusal {
    /// Fewer code points than wanted.
    #[error("must have at least {min} characters")]
    TooShort {
        /// Code points wanted.
        min: usize,
    },
    /// More than 1,024 bytes.
    #[error("must have at most 1024 bytes")]
    TooLong,
    /// Holds the e-mail address, a name of the person or of the product.
    #[error("must not contain your name, your e-mail address or the name of the service")]
    ContainsContext,
    /// Common, or common words, walks and repetitions put together.
    #[error("is too common")]
    Common,
    /// Under 50 bits.
    #[error("is too easy to guess")]
    TooGuessable,
}

/// Judges a new password of a person. `context` holds e-mail address, names, product name; empty texts are ignored.
pub fn check(policy: Policy, password: &str, context: &[&str]) -> Result<(), PasswordRefusal> {
    match policy {
        Policy::Strict => check_strict(SHORTEST, password, context),
        Policy::Seed => check_seed(password),
    }
}

/// Judges a new password of a platform administrator: as [`check`], one character longer.
pub fn check_administrator(policy: Policy, password: &str, context: &[&str]) -> Result<(), PasswordRefusal> {
    match policy {
        Policy::Strict => check_strict(SHORTEST_OF_ADMINISTRATORS, password, context),
        Policy::Seed => check_seed(password),
    }
}

fn check_strict(min: usize, password: &str, context: &[&str]) -> Result<(), PasswordRefusal> {
    let normal = check_length(min, password)?;
    let folded = Zeroizing::new(folding::fold(&normal));
    if context_words(context).any(|word| folding::contains(&folded, &word)) {
        return Err(PasswordRefusal::ContainsContext);
    }
    let strength = strength::of(&normal);
    if strength.bits >= LEAST_BITS {
        Ok(())
    } else if strength.patterns_only {
        Err(PasswordRefusal::Common)
    } else {
        Err(PasswordRefusal::TooGuessable)
    }
}

fn check_seed(password: &str) -> Result<(), PasswordRefusal> {
    let normal = check_length(SHORTEST_OF_SEED, password)?;
    if common::SEED.contains(&normal.to_lowercase().as_str()) { Err(PasswordRefusal::Common) } else { Ok(()) }
}

/// Counts bytes as received and code points after NFC: a decomposed accent is no second character.
fn check_length(min: usize, password: &str) -> Result<Zeroizing<String>, PasswordRefusal> {
    if password.len() > LONGEST {
        return Err(PasswordRefusal::TooLong);
    }
    let normal = Zeroizing::new(password.nfc().collect::<String>());
    if normal.chars().count() < min { Err(PasswordRefusal::TooShort { min }) } else { Ok(normal) }
}

/// The address, its local part and every word of the texts, folded, where long enough to mean something.
fn context_words<'a>(context: &'a [&'a str]) -> impl Iterator<Item = String> + 'a {
    context
        .iter()
        .flat_map(|text| {
            let local = text.rsplit_once('@').map_or(*text, |(local, _)| local);
            [*text, local].into_iter().chain(local.split(|c: char| !c.is_alphanumeric()))
        })
        .map(folding::fold)
        .filter(|word| word.chars().count() >= CONTEXT_WORD)
}

#[cfg(test)]
mod tests;
