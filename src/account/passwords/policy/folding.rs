//! One spelling for the spellings that people take for clever: case, accents, digits for letters.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Lower case without accents. Digits stay digits: `1` is both `i` and `l`, so [`same`] decides.
pub(super) fn fold(text: &str) -> String {
    text.nfkd().filter(|c| !is_combining_mark(*c)).collect::<String>().to_lowercase()
}

/// Whether a folded character can stand for the folded letter of a word.
pub(super) fn same(written: char, letter: char) -> bool {
    written == letter
        || matches!(
            (written, letter),
            ('0', 'o')
                | ('1' | '!' | '|', 'i' | 'l')
                | ('2', 'z')
                | ('3' | '€', 'e')
                | ('4' | '@', 'a')
                | ('5' | '$', 's')
                | ('6' | '9', 'g')
                | ('7' | '+', 't')
                | ('8', 'b')
        )
}

/// Whether the folded text holds the folded word, in any clever spelling.
pub(super) fn contains(text: &str, word: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let word: Vec<char> = word.chars().collect();
    !word.is_empty() && text.windows(word.len()).any(|part| part.iter().zip(&word).all(|(t, w)| same(*t, *w)))
}
