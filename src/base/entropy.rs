//! Randomness as a parameter.

use std::fmt;

use uuid::Uuid;

use super::Timestamp;

/// Where random bytes come from.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Fills `out` with bytes that nobody can predict.
    fn fill(&self, out: &mut [u8]);
}

/// The operating system's generator.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::disallowed_methods,
        clippy::expect_used,
        reason = "the one place that draws from the operating system; without it nothing safe can go on"
    )]
    fn fill(&self, out: &mut [u8]) {
        getrandom::fill(out).expect("the operating system gives random bytes");
    }
}

/// `N` random bytes.
pub fn bytes<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut out = [0; N];
    entropy.fill(&mut out);
    out
}

/// A UUID version 7 (RFC 9562 §5.7): ordered by `now`, unguessable in its lower 74 bits.
pub fn uuid_v7(now: Timestamp, entropy: &dyn Entropy) -> Uuid {
    uuid_v7_of(now, &bytes(entropy))
}

/// A UUID version 7 with these random bytes, which no other may have.
pub fn uuid_v7_of(now: Timestamp, random: &[u8; 10]) -> Uuid {
    let millis = u64::try_from(now.micros().div_euclid(1_000)).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, random).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuid_v7_orders_by_time() {
        let early = uuid_v7(Timestamp::from_seconds(1_700_000_000), &SystemEntropy);
        let late = uuid_v7(Timestamp::from_seconds(1_700_000_001), &SystemEntropy);
        assert!(early < late);
        assert_eq!(early.get_version_num(), 7);
    }
}
