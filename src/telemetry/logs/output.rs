//! Where lines go: gathered for a moment, then written at once.
//!
//! A write for each line costs as much as formatting it, and a busy server writes as many lines as it answers requests.
//! So a line waits for [`MOMENT`] at most and shares its write with those that came meanwhile. Warnings and errors do not
//! wait, and take along what came before them; neither does anything past [`MOST`] bytes, so that a reader who lags slows
//! the server down instead of filling its memory. What a sudden death of the process can lose is one moment of `info`.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How long a line waits for company.
const MOMENT: Duration = Duration::from_millis(10);
/// Most bytes that wait.
const MOST: usize = 128 * 1024;

/// The process's standard error, once logging has begun.
static STANDARD_ERROR: OnceLock<Output> = OnceLock::new();

/// Writes what waits. To be called before the process ends.
pub fn flush() {
    if let Some(output) = STANDARD_ERROR.get() {
        output.flush();
    }
}

/// A place for lines. Clones share it.
#[derive(Clone)]
pub(super) struct Output(Arc<Shared>);

struct Shared {
    waiting: Mutex<Vec<u8>>,
    /// Told when the first line begins to wait.
    some_wait: Condvar,
    /// Held for a write and from before the lines are taken, so that none overtakes another.
    out: Mutex<Box<dyn Write + Send>>,
}

fn hold<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Output {
    /// Standard error; the same one each time.
    pub(super) fn standard_error() -> Self {
        STANDARD_ERROR.get_or_init(|| Self::start(Box::new(io::stderr()))).clone()
    }

    /// Begins to write to `out`.
    fn start(out: Box<dyn Write + Send>) -> Self {
        let shared = Shared { waiting: Mutex::default(), some_wait: Condvar::new(), out: Mutex::new(out) };
        let output = Self(Arc::new(shared));
        let own = output.clone();
        // Without the thread, lines wait for the next that does not.
        let _ = std::thread::Builder::new().name("log".to_owned()).spawn(move || own.write_at_times());
        output
    }

    fn write_at_times(&self) {
        loop {
            let mut waiting = hold(&self.0.waiting);
            while waiting.is_empty() {
                waiting = self.0.some_wait.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            drop(waiting);
            pause(MOMENT);
            self.flush();
        }
    }

    /// Takes lines, and says how many bytes wait now.
    fn add(&self, lines: &[u8]) -> usize {
        let mut waiting = hold(&self.0.waiting);
        let first = waiting.is_empty();
        waiting.extend_from_slice(lines);
        let length = waiting.len();
        drop(waiting);
        if first {
            self.0.some_wait.notify_one();
        }
        length
    }

    fn flush(&self) {
        let mut out = hold(&self.0.out);
        let lines = std::mem::take(&mut *hold(&self.0.waiting));
        // There is nobody to tell that the log cannot be written.
        let _ = out.write_all(&lines).and_then(|()| out.flush());
    }
}

/// The way of one line.
pub(super) struct Line {
    output: Output,
    at_once: bool,
}

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.output.add(line) > MOST || self.at_once {
            self.output.flush();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush();
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Output {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { output: self.clone(), at_once: true }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line {
        Line { output: self.clone(), at_once: *meta.level() <= Level::WARN }
    }
}

/// Holds up the thread of the log, which does nothing else and is no worker of the runtime.
#[expect(clippy::disallowed_methods, reason = "no task runs on the thread of the log")]
fn pause(moment: Duration) {
    std::thread::sleep(moment);
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<Vec<u8>>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            hold(&self.0).push(bytes.to_vec());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        fn writes(&self) -> Vec<String> {
            hold(&self.0).iter().map(|bytes| String::from_utf8(bytes.clone()).unwrap()).collect()
        }

        fn within_a_second(&self) -> Vec<String> {
            let begun = Instant::now();
            while self.writes().is_empty() && begun.elapsed() < Duration::from_secs(1) {
                pause(Duration::from_millis(1));
            }
            self.writes()
        }
    }

    fn line(output: &Output, at_once: bool) -> Line {
        Line { output: output.clone(), at_once }
    }

    #[test]
    fn lines_of_a_moment_share_a_write_and_need_nobody_to_push_them() {
        let written = Written::default();
        let output = Output::start(Box::new(written.clone()));
        for text in ["a\n", "b\n", "c\n"] {
            line(&output, false).write_all(text.as_bytes()).unwrap();
        }
        assert_eq!(written.within_a_second().concat(), "a\nb\nc\n");
        assert!(written.writes().len() < 3, "{:?}", written.writes());
    }

    #[test]
    fn a_warning_is_out_when_the_call_returns_and_behind_what_came_before() {
        let written = Written::default();
        let output = Output::start(Box::new(written.clone()));
        line(&output, false).write_all(b"before\n").unwrap();
        line(&output, true).write_all(b"warning\n").unwrap();
        assert_eq!(written.writes().concat(), "before\nwarning\n");
    }

    #[test]
    fn memory_is_bounded() {
        let written = Written::default();
        let output = Output::start(Box::new(written.clone()));
        line(&output, false).write_all(&vec![b'x'; MOST + 1]).unwrap();
        assert_eq!(written.writes().concat().len(), MOST + 1);
    }
}
