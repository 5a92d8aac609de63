//! The master key from a file or a configured secret: 32 bytes as base64url text.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::base::digest::{base64url, from_base64url};
use crate::base::seal::MasterKey;
use crate::base::{Entropy, Secret, entropy};

/// The file in the directory of keys.
const NAME: &str = "master.key";
/// No file with one key is longer.
const MAX_BYTES: u64 = 1024;

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The file could not be read or written.
    #[error("master key file {path}: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        why: io::Error,
    },
    /// Others than the owner could read or change the file, now or before.
    #[error("master key file {path} is open to group or others (mode {mode:o}); make it 0600")]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The text is not 43 characters of base64url.
    #[error("a master key is 32 bytes as unpadded base64url (43 characters)")]
    Malformed,
}

/// Reads `master.key` in `dir`, or makes both: the directory for its owner alone, the file with mode 0600.
///
/// Several processes may start at once: all get the key of the one that was first.
pub fn load_or_create(dir: &Path, entropy: &dyn Entropy) -> Result<MasterKey, MasterKeyError> {
    let path = dir.join(NAME);
    match load(&path) {
        Err(MasterKeyError::File { why, .. }) if why.kind() == io::ErrorKind::NotFound => {
            create(dir, &path, entropy).map_err(|why| MasterKeyError::File { path: path.clone(), why })?;
            load(&path)
        }
        found => found,
    }
}

/// Reads a key file, which nobody but its owner may be able to read.
pub fn load(path: &Path) -> Result<MasterKey, MasterKeyError> {
    let failed = |why| MasterKeyError::File { path: path.to_owned(), why };
    let file = File::open(path).map_err(failed)?;
    // Asked of the open file, so that nobody can swap it between the question and the reading.
    let meta = file.metadata().map_err(failed)?;
    if !meta.is_file() {
        return Err(failed(io::Error::other("it is not a regular file")));
    }
    let mode = meta.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(MasterKeyError::Open { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text).map_err(failed)?;
    from_text(&Secret::new(text))
}

/// Reads a configured secret; white space around it is ignored.
pub fn from_text(text: &Secret<String>) -> Result<MasterKey, MasterKeyError> {
    let bytes = Secret::new(from_base64url(text.expose().trim()).ok_or(MasterKeyError::Malformed)?);
    let key = <[u8; 32]>::try_from(bytes.expose().as_slice()).map_err(|_| MasterKeyError::Malformed)?;
    Ok(MasterKey::new(key))
}

/// Writes a whole file aside and links it into place: it appears complete or not at all, and never over another.
fn create(dir: &Path, path: &Path, entropy: &dyn Entropy) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let aside = dir.join(format!(".{NAME}.{}", base64url(&entropy::bytes::<12>(entropy))));
    write_new(&aside, entropy)?;
    let linked = fs::hard_link(&aside, path);
    fs::remove_file(&aside)?;
    match linked {
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(why) => Err(why),
        // The name is as precious as the bytes: without it everything sealed is lost.
        Ok(()) => File::open(dir)?.sync_all(),
    }
}

fn write_new(path: &Path, entropy: &dyn Entropy) -> io::Result<()> {
    let bytes = Secret::new(entropy::bytes::<32>(entropy));
    let text = Secret::new(format!("{}\n", base64url(bytes.expose())));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.expose().as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SystemEntropy;

    /// Whether two keys are the same.
    fn same(a: &MasterKey, b: &MasterKey) -> bool {
        a.derive("test").ct_eq(b.derive("test").expose())
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_first_start_makes_a_key_for_the_owner_alone() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("data/keys");
        let made = load_or_create(&dir, &SystemEntropy).unwrap();
        assert_eq!((mode(&dir), mode(&dir.join(NAME))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1, "nothing is left aside");
        assert!(same(&made, &load_or_create(&dir, &SystemEntropy).unwrap()));
        let text = Secret::new(fs::read_to_string(dir.join(NAME)).unwrap());
        assert!(same(&made, &from_text(&text).unwrap()));
    }

    #[test]
    fn processes_that_start_at_once_get_one_key() {
        let home = tempfile::tempdir().unwrap();
        let keys: Vec<_> = std::thread::scope(|scope| {
            let start = || scope.spawn(|| load_or_create(home.path(), &SystemEntropy).unwrap());
            let started: Vec<_> = (0..8).map(|_| start()).collect();
            started.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| same(key, &keys[0])));
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let home = tempfile::tempdir().unwrap();
        load_or_create(home.path(), &SystemEntropy).unwrap();
        let path = home.path().join(NAME);
        for open in [0o640, 0o604, 0o660, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
            let refused = load_or_create(home.path(), &SystemEntropy).unwrap_err();
            assert!(matches!(refused, MasterKeyError::Open { mode, .. } if mode == open), "{refused}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert!(load(&path).is_ok());
    }

    #[test]
    fn a_broken_file_is_an_error_and_stays() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(NAME);
        for text in ["", "short", &"A".repeat(44), &format!("{}=", "A".repeat(43)), &"A".repeat(5_000)] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let refused = load_or_create(home.path(), &SystemEntropy).unwrap_err();
            assert!(matches!(refused, MasterKeyError::Malformed), "{refused}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert!(matches!(load(home.path()).unwrap_err(), MasterKeyError::File { .. }), "a directory");
    }

    #[test]
    fn configured_text() {
        let text = |text: &str| from_text(&Secret::new(text.to_owned()));
        let zeros = "A".repeat(43);
        assert!(same(&text(&format!(" {zeros}\n")).unwrap(), &MasterKey::new([0; 32])));
        for wrong in ["", "hunter2", &"A".repeat(42), &format!("{zeros}A"), &format!("{}B", "A".repeat(42))] {
            assert!(matches!(text(wrong), Err(MasterKeyError::Malformed)), "{wrong}");
        }
    }
}
