//! A bounded queue between requests and hashing threads, from which a job can be withdrawn.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What a waiting job is withdrawn by.
pub(super) type Ticket = u64;

/// First in, first out, at most `room` jobs.
#[derive(Debug)]
pub(super) struct Queue<J> {
    state: Mutex<State<J>>,
    arrived: Condvar,
    room: usize,
}

#[derive(Debug)]
struct State<J> {
    jobs: VecDeque<(Ticket, J)>,
    next: Ticket,
    closed: bool,
}

impl<J> Queue<J> {
    pub(super) fn new(room: usize) -> Self {
        let state = State { jobs: VecDeque::with_capacity(room), next: 0, closed: false };
        Self { state: Mutex::new(state), arrived: Condvar::new(), room }
    }

    /// Adds a job; `None` when the queue is full or closed.
    pub(super) fn push(&self, job: J) -> Option<Ticket> {
        let mut state = self.lock();
        if state.closed || state.jobs.len() >= self.room {
            return None;
        }
        let ticket = state.next;
        state.next = ticket.wrapping_add(1);
        state.jobs.push_back((ticket, job));
        drop(state);
        self.arrived.notify_one();
        Some(ticket)
    }

    /// Takes a job that no thread has begun out of the queue; says whether it was there.
    pub(super) fn withdraw(&self, ticket: Ticket) -> bool {
        let mut state = self.lock();
        let before = state.jobs.len();
        state.jobs.retain(|(held, _)| *held != ticket);
        state.jobs.len() < before
    }

    /// Waits for a job; `None` once the queue is closed.
    pub(super) fn take(&self) -> Option<J> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some((_, job)) = state.jobs.pop_front() {
                return Some(job);
            }
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Drops the waiting jobs and lets every thread end.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.jobs.clear();
        drop(state);
        self.arrived.notify_all();
    }

    /// How many jobs wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().jobs.len()
    }

    /// No code panics while it holds the lock, so a poisoned one holds a sound state.
    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_order_bounded_and_withdrawable() {
        let queue = Queue::new(2);
        let first = queue.push('a').unwrap();
        assert!(queue.push('b').is_some());
        assert!(queue.push('c').is_none());
        assert!(queue.withdraw(first));
        assert!(!queue.withdraw(first));
        assert!(queue.push('d').is_some());
        assert_eq!((queue.take(), queue.take()), (Some('b'), Some('d')));
    }

    #[test]
    fn closing_ends_the_wait() {
        let queue = Queue::<()>::new(1);
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| queue.take());
            queue.close();
            assert_eq!(waiter.join().unwrap(), None);
        });
        assert!(queue.push(()).is_none());
    }
}
