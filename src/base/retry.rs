//! When what failed is tried again.

use std::time::Duration;

/// How long to wait after the attempt with this number, from 1, when `pauses` follow one another; `None` when it was the last.
pub fn pause_after(pauses: &[Duration], attempt: u32) -> Option<Duration> {
    let index = usize::try_from(attempt).ok()?.checked_sub(1)?;
    pauses.get(index).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pause_follows_its_attempt_and_then_there_is_none() {
        let pauses = [Duration::from_secs(60), Duration::from_secs(300)];
        let seconds: Vec<_> = (0..=3).map(|n| pause_after(&pauses, n).map(|pause| pause.as_secs())).collect();
        assert_eq!(seconds, [None, Some(60), Some(300), None]);
    }
}
