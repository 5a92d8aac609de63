//! Short-lived state: one contract, every implementation.

use std::time::Duration;

use guichet::store::{Kind, Store};

use super::{START, at};
use crate::support::stores::stores;

const MINUTE: Duration = Duration::from_secs(60);
const RIVALS: usize = 32;
/// Bytes that are no text and look like the store's own marks.
const VALUE: &[u8] = b"\0\xff00000000000000000001\r\n";

#[tokio::test]
async fn a_value_is_there_until_it_expires_by_the_callers_clock() {
    for (engine, store) in stores().await {
        let state = store.ephemeral();
        state.put(Kind::Upstream, "k", VALUE, MINUTE, START).await.unwrap();
        for seconds in [0, 59] {
            assert_eq!(state.get(Kind::Upstream, "k", at(seconds)).await.unwrap().as_deref(), Some(VALUE), "{engine}");
        }
        assert_eq!(state.get(Kind::Upstream, "k", at(60)).await.unwrap(), None, "{engine}");
        assert_eq!(state.take(Kind::Upstream, "k", at(60)).await.unwrap(), None, "{engine}");
        assert_eq!(state.get(Kind::Upstream, "other", START).await.unwrap(), None, "{engine}");
        state.put(Kind::Upstream, "k", b"", MINUTE, START).await.unwrap();
        state.put(Kind::Upstream, "k", b"second", 2 * MINUTE, START).await.unwrap();
        assert_eq!(state.get(Kind::Upstream, "k", at(119)).await.unwrap().as_deref(), Some(&b"second"[..]), "{engine}");
    }
}

#[tokio::test]
async fn kinds_never_mix() {
    for (engine, store) in stores().await {
        let state = store.ephemeral();
        for kind in Kind::ALL {
            state.put(kind, "k", kind.as_str().as_bytes(), MINUTE, START).await.unwrap();
        }
        for kind in Kind::ALL {
            let taken = state.take(kind, "k", START).await.unwrap();
            assert_eq!(taken.as_deref(), Some(kind.as_str().as_bytes()), "{engine}");
        }
    }
}

#[tokio::test]
async fn what_is_taken_or_deleted_is_gone() {
    for (engine, store) in stores().await {
        let state = store.ephemeral();
        state.put(Kind::Upstream, "k", VALUE, MINUTE, START).await.unwrap();
        assert_eq!(state.take(Kind::Upstream, "k", START).await.unwrap().as_deref(), Some(VALUE), "{engine}");
        assert_eq!(state.take(Kind::Upstream, "k", START).await.unwrap(), None, "{engine}");
        state.put(Kind::Upstream, "k", VALUE, MINUTE, START).await.unwrap();
        assert!(state.delete(Kind::Upstream, "k").await.unwrap(), "{engine}");
        assert!(!state.delete(Kind::Upstream, "k").await.unwrap(), "{engine}");
        assert_eq!(state.get(Kind::Upstream, "k", START).await.unwrap(), None, "{engine}");
    }
}

#[tokio::test]
async fn absent_means_nothing_live() {
    for (engine, store) in stores().await {
        let state = store.ephemeral();
        assert!(state.put_if_absent(Kind::AssertionId, "k", b"1", MINUTE, START).await.unwrap(), "{engine}");
        assert!(!state.put_if_absent(Kind::AssertionId, "k", b"2", MINUTE, at(59)).await.unwrap(), "{engine}");
        assert_eq!(state.get(Kind::AssertionId, "k", at(59)).await.unwrap().as_deref(), Some(&b"1"[..]), "{engine}");
        assert!(state.put_if_absent(Kind::AssertionId, "k", b"3", MINUTE, at(60)).await.unwrap(), "{engine}");
        assert_eq!(state.get(Kind::AssertionId, "k", at(119)).await.unwrap().as_deref(), Some(&b"3"[..]), "{engine}");
    }
}

#[tokio::test]
async fn a_value_is_replaced_only_if_it_is_as_expected_and_keeps_its_expiry() {
    for (engine, store) in stores().await {
        let state = store.ephemeral();
        assert!(!state.replace_if(Kind::Journey, "k", b"a", b"b", START).await.unwrap(), "{engine}: absent");
        state.put(Kind::Journey, "k", VALUE, MINUTE, START).await.unwrap();
        assert!(!state.replace_if(Kind::Journey, "k", b"a", b"b", START).await.unwrap(), "{engine}: another");
        assert!(!state.replace_if(Kind::Journey, "k", b"", b"b", START).await.unwrap(), "{engine}: another");
        assert!(!state.replace_if(Kind::Journey, "k", VALUE, b"b", at(60)).await.unwrap(), "{engine}: expired");
        assert!(state.replace_if(Kind::Journey, "k", VALUE, b"b", at(59)).await.unwrap(), "{engine}");
        assert_eq!(state.get(Kind::Journey, "k", at(59)).await.unwrap().as_deref(), Some(&b"b"[..]), "{engine}");
        assert_eq!(state.get(Kind::Journey, "k", at(60)).await.unwrap(), None, "{engine}: the expiry stays");
    }
}

#[tokio::test]
async fn what_has_expired_is_freed_and_no_more() {
    for (engine, store) in stores().await {
        let state = store.ephemeral();
        for number in 0..5 {
            let ttl = Duration::from_secs(10 + number);
            state.put(Kind::Upstream, &number.to_string(), VALUE, ttl, START).await.unwrap();
        }
        let freed = state.delete_expired(at(12), 2).await.unwrap() + state.delete_expired(at(12), 2).await.unwrap();
        if !engine.ends_with("redis") {
            assert_eq!(freed, 3, "{engine}");
        }
        assert_eq!(state.get(Kind::Upstream, "3", START).await.unwrap().as_deref(), Some(VALUE), "{engine}");
    }
}

/// Runs `rival` 32 times at once and counts the winners.
async fn winners<F>(store: &Store, rival: impl Fn(Store, usize) -> F) -> usize
where
    F: Future<Output = bool> + Send + 'static,
{
    let rivals: Vec<_> = (0..RIVALS).map(|number| tokio::spawn(rival(store.clone(), number))).collect();
    let mut won = 0;
    for rival in rivals {
        won += usize::from(rival.await.unwrap());
    }
    won
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_32_rivals_exactly_one_wins() {
    for (engine, store) in stores().await {
        store.ephemeral().put(Kind::Upstream, "k", VALUE, MINUTE, START).await.unwrap();
        let taken = winners(&store, |store, _| async move {
            store.ephemeral().take(Kind::Upstream, "k", START).await.unwrap().is_some()
        });
        assert_eq!(taken.await, 1, "{engine}: take");

        let put = winners(&store, |store, number| async move {
            let value = number.to_string();
            store.ephemeral().put_if_absent(Kind::Upstream, "k", value.as_bytes(), MINUTE, START).await.unwrap()
        });
        assert_eq!(put.await, 1, "{engine}: put_if_absent");

        let again = winners(&store, |store, number| async move {
            let value = number.to_string();
            store.ephemeral().put_if_absent(Kind::Upstream, "k", value.as_bytes(), MINUTE, at(60)).await.unwrap()
        });
        assert_eq!(again.await, 1, "{engine}: put_if_absent over what has expired");

        store.ephemeral().put(Kind::Upstream, "k", VALUE, MINUTE, START).await.unwrap();
        let replaced = winners(&store, |store, number| async move {
            let new = format!("new {number}");
            store.ephemeral().replace_if(Kind::Upstream, "k", VALUE, new.as_bytes(), START).await.unwrap()
        });
        assert_eq!(replaced.await, 1, "{engine}: replace_if");
    }
}
