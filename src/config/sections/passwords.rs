//! `[passwords]`: which are taken, and what hashing them costs.

use serde::Deserialize;

use crate::config::check::{Check, Choice, words};
use crate::config::issuer::Issuer;
use crate::config::key::{Fallback, Kind, Section, key};

pub(in crate::config) const SECTION: Section = Section {
    name: "passwords",
    about: "Which passwords are taken, and what hashing them (Argon2id) costs. A hash keeps its own parameters, so these can change at any time.",
    keys: &[
        key(
            "passwords.policy",
            Kind::Choice(words::<Policy>),
            Fallback::Value("strict"),
            "`strict`: 15 characters or more, not on the block list, no rule of composition. `seed`: 8 characters or more, for a loopback issuer only.",
        ),
        key(
            "passwords.memory_kib",
            Kind::Integer,
            Fallback::Value("19456"),
            "Memory of one hash in KiB, 19456 to 4194304.",
        ),
        key("passwords.iterations", Kind::Integer, Fallback::Value("2"), "Passes over that memory, 2 to 100."),
        key(
            "passwords.workers",
            Kind::Integer,
            Fallback::Value("0"),
            "Hashes computed at a time, up to 1024; `0` means one for each core.",
        ),
        key(
            "passwords.queue",
            Kind::Integer,
            Fallback::Value("16"),
            "Sign-ins that may wait for a worker, 1 to 10000; one more is answered with 503 and `Retry-After`.",
        ),
    ],
};

/// `[passwords]`, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Raw {
    policy: String,
    memory_kib: i64,
    iterations: i64,
    workers: i64,
    queue: i64,
}

/// Which passwords are taken, and what hashing costs.
#[derive(Debug, Clone, Copy)]
pub struct Passwords {
    /// Which passwords are taken.
    pub policy: Policy,
    /// Memory of one hash in KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub iterations: u32,
    /// Hashes computed at a time; the number of cores is already put in.
    pub workers: usize,
    /// Sign-ins that may wait for a worker.
    pub queue: usize,
}

/// How exact a check of people's data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// The rule for real use.
    #[default]
    Strict,
    /// Takes the examples of the older interfaces; for this machine only.
    Seed,
}

impl Choice for Policy {
    const ALL: &'static [(&'static str, Self)] = &[("strict", Self::Strict), ("seed", Self::Seed)];
}

impl Policy {
    /// Reads a policy; `seed` is refused for an issuer that others can reach.
    pub(in crate::config) fn read(key: &str, text: &str, issuer: &Issuer, check: &mut Check) -> Self {
        let policy = check.choice(key, text);
        if policy == Self::Seed && !issuer.is_loopback() {
            check.refuse(
                key,
                "\"seed\" is for an issuer on this machine only",
                "set it to \"strict\", or the issuer to http://localhost:8080 for development",
            );
        }
        policy
    }
}

pub(in crate::config) fn read(raw: &Raw, issuer: &Issuer, check: &mut Check) -> Passwords {
    let workers = check.integer("passwords.workers", raw.workers, 0..=1_024);
    let queue = check.integer("passwords.queue", raw.queue, 1..=10_000);
    Passwords {
        policy: Policy::read("passwords.policy", &raw.policy, issuer, check),
        memory_kib: check.integer("passwords.memory_kib", raw.memory_kib, 19_456..=4_194_304),
        iterations: check.integer("passwords.iterations", raw.iterations, 2..=100),
        workers: match workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            given => given as usize,
        },
        queue: queue as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{problems, valid};

    const ISSUER: &str = "issuer = 'https://sso.example.org'\n[passwords]\n";

    #[test]
    fn strict_and_costly_by_default() {
        let passwords = valid(ISSUER).config.passwords;
        assert_eq!(passwords.policy, Policy::Strict);
        assert_eq!((passwords.memory_kib, passwords.iterations, passwords.queue), (19_456, 2, 16));
        assert!(passwords.workers >= 1);
        assert_eq!(valid(&format!("{ISSUER}workers = 3")).config.passwords.workers, 3);
    }

    #[test]
    fn cost_has_a_floor() {
        let found = problems(&format!("{ISSUER}memory_kib = 19455\niterations = 1\nworkers = -1\nqueue = 0"));
        assert_eq!(found.len(), 4);
    }

    #[test]
    fn the_seed_policy_is_for_this_machine() {
        let text = format!("{ISSUER}policy = 'seed'");
        assert_eq!(problems(&text)[0].key, "passwords.policy");
        let local = text.replace("https://sso.example.org", "http://localhost:8080");
        assert_eq!(valid(&local).config.passwords.policy, Policy::Seed);
    }
}
