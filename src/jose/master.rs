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

/// Where the master key is kept.
#[derive(Debug)]
pub struct MasterKeyFile;

impl MasterKeyFile {
    /// Reads `master.key` in `dir`, or makes both: the directory for its owner alone, the file with mode 0600.
    ///
    /// Several processes may start at once: all get the key of the one that was first.
    pub fn load_or_create(dir: &Path, entropy: &dyn Entropy) -> Result<MasterKey, MasterKeyError> {
        let path = dir.join(NAME);
        match Self::load(&path) {
            Err(MasterKeyError::File { why, .. }) if why.kind() == io::ErrorKind::NotFound => {
                create(dir, &path, entropy).map_err(|why| MasterKeyError::File { path: path.clone(), why })?;
                Self::load(&path)
            }
            found => found,
        }
    }

    /// Reads a key file, which nobody but its owner may be able to read.
    pub fn load(path: &Path) -> Result<MasterKey, MasterKeyError> {
        let failed = |why| MasterKeyError::File { path: path.to_owned(), why };
        let file = File::open(path).map_err(failed)?;
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
        Self::from_text(&Secret::new(text))
    }

    /// Reads a configured secret; white space around it is ignored.
    pub fn from_text(text: &Secret<String>) -> Result<MasterKey, MasterKeyError> {
        let bytes = Secret::new(from_base64url(text.expose().trim()).ok_or(MasterKeyError::Malformed)?);
        let key = <[u8; 32]>::try_from(bytes.expose().as_slice()).map_err(|_| MasterKeyError::Malformed)?;
        Ok(MasterKey::new(key))
    }
}

/// Writes a whole file aside and links it into place: it appears complete or not at all, and never over another.
fn create(dir: &Path, path: &Path, entropy: &dyn Entropy) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let aside = dir.join(format!(".{NAME}.{}", base64url(&entropy::bytes::<12>(entropy))));
    let linked = write_new(&aside, entropy).and_then(|()| fs::hard_link(&aside, path));
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
