//! Whether a sign-in was as strong as asked.

/// The levels of eIDAS, weakest first.
const LEVELS: [&str; 3] = ["eidas1", "eidas2", "eidas3"];

fn level(acr: &str) -> Option<usize> {
    LEVELS.iter().position(|known| *known == acr)
}

/// Whether `answered` is one of `asked`, or a level above one of them. What is unknown is not above anything.
pub fn is_met(asked: &[String], answered: &str) -> bool {
    asked.iter().any(|asked| {
        asked == answered || matches!((level(asked), level(answered)), (Some(least), Some(reached)) if reached >= least)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        let asked = |acr: &str| vec![acr.to_owned()];
        for (want, got, met) in [
            ("eidas1", "eidas1", true),
            ("eidas1", "eidas2", true),
            ("eidas1", "eidas3", true),
            ("eidas2", "eidas1", false),
            ("eidas1", "0", false),
            ("eidas1", "", false),
            ("eidas1", "EIDAS1", false),
            ("eidas1", "eidas4", false),
            ("urn:own", "urn:own", true),
        ] {
            assert_eq!(is_met(&asked(want), got), met, "{want} {got}");
        }
        assert!(!is_met(&[], "eidas1"));
    }
}
