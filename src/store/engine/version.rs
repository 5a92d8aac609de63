//! Which SQLite may be used.

/// Oldest SQLite taken: before it a checkpoint that races a commit can damage a database in WAL mode.
const OLDEST: [u32; 3] = [3, 51, 3];

/// Whether the library of this version may be used.
pub(super) fn is_new_enough(version: &str) -> bool {
    let parts: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
    parts.is_some_and(|parts| parts.as_slice() >= OLDEST.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_numbers_not_text() {
        for version in ["3.51.3", "3.51.10", "3.100.0", "4.0.0"] {
            assert!(is_new_enough(version), "{version}");
        }
        for version in ["3.51.2", "3.9.9", "2.99.99", "", "x"] {
            assert!(!is_new_enough(version), "{version}");
        }
    }
}
