//! How many bits a guesser needs: the cheapest way to write the password as patterns and free characters.
//!
//! A pattern (list word, keyboard walk, sequence, year, repetition of what stood before) costs what it takes to name it,
//! a free character the logarithm of the alphabet in use. The measure is deliberately plain and errs to the low side.

use zeroize::Zeroizing;

use super::common;
use super::folding::{fold, same};

/// Bits that name one of the list's words and the way it is spelt.
const WORD_BITS: f64 = 12.0;
/// Bits that name a walk or sequence and its direction; the length comes on top.
const WALK_BITS: f64 = 6.0;
/// Bits that name a year of a life.
const YEAR_BITS: f64 = 7.0;
/// Bits that name where a repetition copies from; the length comes on top.
const REPEAT_BITS: f64 = 3.0;
/// A walk, sequence or repetition counts from this many characters.
const SHORTEST_WALK: usize = 3;

/// What [`of`] found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strength {
    /// Bits of the cheapest way.
    pub(super) bits: f64,
    /// That way has next to nothing but patterns.
    pub(super) patterns_only: bool,
}

/// The cheapest way to one position of the text.
#[derive(Clone, Copy)]
struct Way {
    bits: f64,
    free: usize,
}

/// Measures a password in NFC.
pub(super) fn of(password: &str) -> Strength {
    let folded = Zeroizing::new(fold(password).chars().collect::<Vec<char>>());
    let text: &[char] = &folded;
    let free_bits = bits_per_character(password);
    let mut ways = vec![Way { bits: f64::INFINITY, free: 0 }; text.len() + 1];
    if let Some(start) = ways.first_mut() {
        start.bits = 0.0;
    }
    for at in 0..text.len() {
        let Some(&way) = ways.get(at) else { break };
        improve(&mut ways, at + 1, Way { bits: way.bits + free_bits, free: way.free + 1 });
        for (length, bits) in patterns(text, at) {
            improve(&mut ways, at + length, Way { bits: way.bits + bits, free: way.free });
        }
    }
    let end = ways.last().copied().unwrap_or(Way { bits: 0.0, free: 0 });
    Strength { bits: end.bits, patterns_only: end.free <= 2 || end.free * 5 <= text.len() }
}

fn improve(ways: &mut [Way], at: usize, found: Way) {
    if let Some(known) = ways.get_mut(at)
        && found.bits < known.bits
    {
        *known = found;
    }
}

/// The logarithm of the alphabet that the characters come from, as CNIL counts it.
fn bits_per_character(password: &str) -> f64 {
    let class = |size: u32, belongs: fn(char) -> bool| if password.chars().any(belongs) { size } else { 0 };
    let size = class(26, |c| c.is_ascii_lowercase())
        + class(26, |c| c.is_ascii_uppercase())
        + class(10, |c| c.is_ascii_digit())
        + class(33, |c| c.is_ascii() && !c.is_ascii_alphanumeric())
        + class(100, |c| !c.is_ascii());
    f64::from(size.max(1)).log2()
}

/// Every pattern that begins at `at`: its length and its bits.
fn patterns(text: &[char], at: usize) -> Vec<(usize, f64)> {
    let rest = text.get(at..).unwrap_or_default();
    let mut found: Vec<(usize, f64)> =
        common::words().filter(|word| begins_with(rest, word)).map(|word| (word.chars().count(), WORD_BITS)).collect();
    found.extend(year(rest).map(|length| (length, YEAR_BITS)));
    let walk = sequence(rest).max(keyboard_walk(rest));
    found.extend((SHORTEST_WALK..=walk).map(|length| (length, WALK_BITS + log2(length))));
    let longest = repetition(text, at);
    found.extend((SHORTEST_WALK..=longest).map(|length| (length, REPEAT_BITS + log2(length))));
    found
}

fn begins_with(text: &[char], word: &str) -> bool {
    let mut written = text.iter();
    word.chars().all(|letter| written.next().is_some_and(|c| same(*c, letter)))
}

/// 1900 to 2099.
fn year(text: &[char]) -> Option<usize> {
    matches!(text, ['1', '9', a, b, ..] | ['2', '0', a, b, ..] if a.is_ascii_digit() && b.is_ascii_digit()).then_some(4)
}

/// Length of the run that goes up, goes down or stands still in steps of one: `abcd`, `4321`, `aaaa`.
fn sequence(text: &[char]) -> usize {
    let step = |pair: &[char]| match pair {
        [a, b] => Some(i64::from(u32::from(*b)) - i64::from(u32::from(*a))),
        _ => None,
    };
    let Some(first) = text.get(..2).and_then(step).filter(|step| (-1..=1).contains(step)) else { return 1 };
    1 + text.windows(2).take_while(|pair| step(pair) == Some(first)).count()
}

/// Length of the run along a row or column of a keyboard, in either direction.
fn keyboard_walk(text: &[char]) -> usize {
    let along = |row: Vec<char>| {
        (0..row.len())
            .map(|start| text.iter().zip(row.iter().skip(start)).take_while(|(written, key)| written == key).count())
            .max()
            .unwrap_or(0)
    };
    common::KEYBOARD
        .iter()
        .map(|row| along(row.chars().collect()).max(along(row.chars().rev().collect())))
        .max()
        .unwrap_or(0)
}

/// Length of the longest text that stood before and comes again at `at`; it may run into itself (`abcabcabc`).
fn repetition(text: &[char], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    (0..at)
        .map(|from| text.iter().skip(from).zip(rest).take_while(|(before, again)| before == again).count())
        .max()
        .unwrap_or(0)
}

fn log2(length: usize) -> f64 {
    f64::from(u32::try_from(length).unwrap_or(u32::MAX)).log2()
}
