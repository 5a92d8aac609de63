//! Each mail as a file: for development, tests, and programs that fetch it there.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{MailError, Message};

/// A folder that takes mails.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    path: PathBuf,
    /// Orders mails of one moment.
    count: Arc<AtomicU32>,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, count: Arc::new(AtomicU32::new(0)) }
    }

    /// Writes `bytes` as one file, for its owner alone. Names are ordered by time and end with the mail's id; the file
    /// appears whole.
    pub(super) async fn put(&self, message: &Message, bytes: Vec<u8>) -> Result<(), MailError> {
        let at = message.at.to_rfc3339_micros().replace([':', '-'], "");
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let name = format!("{at}-{count:06}-{}.eml", message.id);
        let folder = self.path.clone();
        let written = tokio::task::spawn_blocking(move || write(&folder, &name, &bytes));
        written.await.map_err(|_| MailError::Message("its file"))??;
        Ok(())
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let unfinished = folder.join(format!(".{name}.part"));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    let kept = file.write_all(bytes).and_then(|()| file.sync_all());
    let kept = kept.and_then(|()| std::fs::rename(&unfinished, folder.join(name)));
    if kept.is_err() {
        // What is left of it holds a link; the first error is the one to tell.
        drop(std::fs::remove_file(&unfinished));
    }
    kept
}
