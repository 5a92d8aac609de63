//! The request that a line belongs to.
//!
//! A span of `tracing` would do the same at fifty times the cost: its fields are formatted and stored for every request,
//! while hardly any request writes a line of its own.

use std::cell::RefCell;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

thread_local! {
    /// The id of the request that this thread works on at the moment.
    static CURRENT: RefCell<Option<Arc<str>>> = const { RefCell::new(None) };
}

/// Runs `work`; the lines that it writes carry `id`. Work that is spawned from within does not inherit it.
pub async fn within<F: Future>(id: Arc<str>, work: F) -> F::Output {
    let mut work = pin!(work);
    let mut id = Some(id);
    std::future::poll_fn(move |cx| {
        let _entered = Entered::begin(&mut id);
        let polled: Poll<F::Output> = Pin::as_mut(&mut work).poll(cx);
        polled
    })
    .await
}

/// While it lives, its id is the current one. Dropped, also by a panic, it puts back what was there before.
struct Entered<'a> {
    own: &'a mut Option<Arc<str>>,
}

impl<'a> Entered<'a> {
    fn begin(own: &'a mut Option<Arc<str>>) -> Self {
        CURRENT.with_borrow_mut(|current| std::mem::swap(current, own));
        Self { own }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        CURRENT.with_borrow_mut(|current| std::mem::swap(current, self.own));
    }
}

/// Hands the current request's id to `read`, if there is one.
pub(super) fn current(read: impl FnOnce(&str)) {
    CURRENT.with_borrow(|current| {
        if let Some(id) = current {
            read(id);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Option<String> {
        let mut seen = None;
        current(|id| seen = Some(id.to_owned()));
        seen
    }

    #[tokio::test]
    async fn the_id_is_there_within_and_after_each_wait_and_gone_outside() {
        let outer = within("outer".into(), async {
            let before = seen();
            let inner = within("inner".into(), async {
                tokio::task::yield_now().await;
                seen()
            });
            let other = async {
                tokio::task::yield_now().await;
                seen()
            };
            let (inner, other) = tokio::join!(inner, other);
            (before, inner, other)
        });
        let text = |id: &str| Some(id.to_owned());
        assert_eq!(outer.await, (text("outer"), text("inner"), text("outer")));
        assert_eq!(seen(), None);
    }

    #[tokio::test]
    async fn a_panic_leaves_nothing_behind() {
        let panicking = within("lost".into(), async { panic!("on purpose") });
        assert!(tokio::spawn(panicking).await.is_err());
        assert_eq!(seen(), None);
    }
}
