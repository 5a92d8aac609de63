//! One flag: whether a proxy should send requests here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether this process wants requests. Clones share the flag; it begins as "not ready".
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says that requests are welcome, or no longer.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::SeqCst);
    }

    /// Whether requests are welcome.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
