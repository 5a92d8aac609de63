//! ECDSA signatures come in pairs: with `(r, s)`, `(r, n − s)` is valid too, and anybody can compute one from the other.
//!
//! We issue the one with the lower `s` and accept no other on our own tokens, so that a token has exactly one text.
//! Signatures of clients are not held to it: JWA does not ask for it and most libraries make both.

/// Order `n` of P-256 (SEC 2 §2.4.2), big-endian.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
/// `n / 2` rounded down.
const HALF: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xde, 0x73, 0x7d,
    0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
];

/// Whether a fixed-size P-256 signature (`r ‖ s`, 64 bytes) has `s ≤ n / 2`.
pub(super) fn is_low(signature: &[u8]) -> bool {
    matches!(signature.split_at_checked(32), Some((_, s)) if s.len() == 32 && s <= HALF.as_slice())
}

/// Turns `s` into `n − s` where that is the lower of the two. What is not 64 bytes long is left alone.
pub(super) fn lower(signature: &mut [u8]) {
    if signature.len() == 64 && !is_low(signature) {
        negate(signature);
    }
}

/// `s := n − s`, byte by byte from the low end.
fn negate(signature: &mut [u8]) {
    let mut borrow = false;
    for (s, n) in signature.iter_mut().rev().zip(ORDER.iter().rev()) {
        let (difference, first) = n.overflowing_sub(*s);
        let (difference, second) = difference.overflowing_sub(u8::from(borrow));
        *s = difference;
        borrow = first || second;
    }
}

/// The other valid signature of the same text.
#[cfg(test)]
pub(super) fn twin(signature: &[u8]) -> Vec<u8> {
    let mut twin = signature.to_vec();
    negate(&mut twin);
    twin
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_s(s: [u8; 32]) -> Vec<u8> {
        [[1; 32], s].concat()
    }

    #[test]
    fn the_border() {
        let mut above = HALF;
        above[31] += 1;
        assert!(is_low(&with_s(HALF)));
        assert!(!is_low(&with_s(above)));
        let mut signature = with_s(above);
        lower(&mut signature);
        assert_eq!(signature, with_s(HALF), "n is odd: n - (half + 1) = half");
        lower(&mut signature);
        assert_eq!(signature, with_s(HALF));
    }

    #[test]
    fn other_lengths_are_no_signatures() {
        for length in [0, 31, 32, 63, 65] {
            assert!(!is_low(&vec![0; length]), "{length}");
        }
        let mut short = [0xff; 40];
        lower(&mut short);
        assert_eq!(short, [0xff; 40]);
    }
}
