//! Secrets, given in place or by a file of their own.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::check::{Check, READABLE};
use super::key::{self, Key, Kind};
use crate::base::Secret;

/// Longest secret file, in bytes.
const LONGEST: u64 = 64 * 1024;

impl Check {
    /// The secret of `key`, from its value or from the file that `{key}_file` names; `None` when neither is set.
    pub(super) fn secret(
        &mut self,
        key: &str,
        value: Option<Secret<String>>,
        file: Option<&str>,
    ) -> Option<Secret<String>> {
        let file_key = format!("{key}_file");
        match (value, file) {
            (Some(_), Some(_)) => {
                self.refuse(key, format!("is set, and {file_key} too"), "keep one of the two");
                None
            }
            (value, None) => value,
            (None, Some(path)) => match read(path) {
                Ok(secret) => Some(secret),
                Err((message, hint)) => {
                    self.refuse(&file_key, message, hint);
                    None
                }
            },
        }
    }
}

/// Reads a file with one secret. A refusal is what is wrong, and what to do.
pub(super) fn read(path: &str) -> Result<Secret<String>, (String, String)> {
    let unreadable = |error: std::io::Error| (format!("{path} cannot be read: {error}"), READABLE.to_owned());
    let file = File::open(path).map_err(unreadable)?;
    let facts = file.metadata().map_err(unreadable)?;
    if is_exposed(facts.mode(), facts.uid()) {
        return Err((
            format!("{path} is open to others (mode {:04o})", facts.mode() & 0o7777),
            format!("chmod 600 {path}; a file of root may also be 0640, as Kubernetes and systemd make them"),
        ));
    }
    let mut text = String::new();
    file.take(LONGEST + 1).read_to_string(&mut text).map_err(unreadable)?;
    // Wrapped at once, so that the memory is cleared on every way out.
    let text = Secret::new(text);
    if text.expose().len() as u64 > LONGEST {
        return Err((format!("{path} is longer than 64 KiB"), "put the secret alone into the file".to_owned()));
    }
    let trimmed = text.expose().trim_end_matches(['\r', '\n']);
    if trimmed.is_empty() {
        return Err((format!("{path} is empty"), "put the secret alone into the file".to_owned()));
    }
    Ok(Secret::new(trimmed.to_owned()))
}

/// Warns of a configuration file that holds a secret and that others may read.
pub(super) fn warn_of_open_file(path: &Path, table: &toml::Table, check: &mut Check) {
    let holds = |key: &&Key| {
        let found = key.path.split('.').try_fold(None, |above: Option<&toml::Value>, name| {
            Some(Some(above.map_or_else(|| table.get(name), |value| value.get(name))?))
        });
        matches!(key.kind, Kind::Secret) && found.is_some()
    };
    let Some(secret) = key::all().find(holds) else { return };
    let exposed = std::fs::metadata(path).is_ok_and(|facts| is_exposed(facts.mode(), facts.uid()));
    if exposed {
        let name = path.display();
        check.warn(
            secret.path,
            format!("stands in {name}, which others may read"),
            format!("chmod 600 {name}, or move the secret to a file of its own and set {}_file", secret.path),
        );
    }
}

/// Whether others than the owner may read or change a file.
///
/// A file of root may be readable to its group: that is how Kubernetes (`fsGroup`) and systemd (`LoadCredential`) hand
/// secrets to a process that is not root. PostgreSQL has the same rule for its private key.
const fn is_exposed(mode: u32, owner: u32) -> bool {
    mode & (if owner == 0 { 0o027 } else { 0o077 }) != 0
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn read_file(content: &[u8], mode: u32) -> (Option<String>, Check) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        write(&path, content).unwrap();
        set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let mut check = Check::default();
        let secret = check.secret("redis_url", None, path.to_str());
        (secret.map(|secret| secret.expose().clone()), check)
    }

    #[test]
    fn trailing_newlines_are_no_part_of_a_secret() {
        for content in ["s3cret", "s3cret\n", "s3cret\r\n"] {
            assert_eq!(read_file(content.as_bytes(), 0o600).0.as_deref(), Some("s3cret"));
        }
        assert_eq!(read_file(b" s3cret ", 0o400).0.as_deref(), Some(" s3cret "));
    }

    #[test]
    fn open_empty_oversized_and_binary_files_are_refused() {
        for (content, mode) in
            [(&b"s3cret"[..], 0o604), (b"s3cret", 0o602), (b"\n", 0o600), (b"", 0o600), (b"\xff", 0o600)]
        {
            let (secret, check) = read_file(content, mode);
            assert_eq!(secret, None);
            assert_eq!(check.problems[0].key, "redis_url_file");
            assert!(!format!("{:?}", check.problems).contains("s3cret"));
        }
        assert_eq!(read_file(&vec![b'a'; 65_537], 0o600).0, None);
        assert!(read_file(&vec![b'a'; 65_536], 0o600).0.is_some());
    }

    #[test]
    fn group_may_read_what_root_owns_and_nothing_else() {
        for (mode, owner, exposed) in [
            (0o100_600, 1000, false),
            (0o100_640, 1000, true),
            (0o100_604, 1000, true),
            (0o100_620, 1000, true),
            (0o100_640, 0, false),
            (0o100_660, 0, true),
            (0o100_644, 0, true),
        ] {
            assert_eq!(is_exposed(mode, owner), exposed, "{mode:o} of {owner}");
        }
    }

    #[test]
    fn both_ways_at_once_are_refused() {
        let mut check = Check::default();
        assert!(check.secret("redis_url", Some(Secret::new("a".to_owned())), Some("/nowhere")).is_none());
        assert_eq!(check.problems.len(), 1);
        assert!(check.secret("redis_url", None, Some("/nowhere")).is_none());
        assert_eq!(check.problems.len(), 2);
    }
}
