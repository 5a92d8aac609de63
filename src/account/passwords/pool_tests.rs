use std::time::Instant;

use futures_util::future::join_all;

use super::*;
use crate::base::entropy::SystemEntropy;

const CHEAP: HashParams = HashParams { memory_kib: 64, iterations: 1 };

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

async fn until(mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it never comes true");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn item_91_hash_verify_and_upgrade() {
    let weak = Hasher::start(CHEAP, 1, DEFAULT_QUEUE);
    let first = weak.hash(secret("une phrase assez longue"), &SystemEntropy).await.unwrap();
    let second = weak.hash(secret("une phrase assez longue"), &SystemEntropy).await.unwrap();
    assert_ne!(first, second, "equal passwords have different hashes");
    let verify = async |hasher: &Hasher, text: &str| hasher.verify(secret(text), Some(&first)).await;
    assert_eq!(verify(&weak, "une phrase assez longue").await, Ok(Verdict::Right { rehash: false }));
    assert_eq!(verify(&weak, "une phrase assez longuE").await, Ok(Verdict::Wrong));
    let strong = Hasher::start(HashParams { memory_kib: 128, iterations: 1 }, 1, DEFAULT_QUEUE);
    assert_eq!(verify(&strong, "une phrase assez longue").await, Ok(Verdict::Right { rehash: true }));
    assert_eq!(verify(&strong, "wrong").await, Ok(Verdict::Wrong));
}

#[tokio::test]
async fn unknown_account_unusable_row_and_overlong_password_are_wrong() {
    let hasher = Hasher::start(CHEAP, 1, DEFAULT_QUEUE);
    assert_eq!(hasher.verify(secret("x"), None).await, Ok(Verdict::Wrong));
    assert_eq!(hasher.verify(secret("x"), Some("corrupt")).await, Ok(Verdict::Wrong));
    let hostile = "$argon2id$v=19$m=4194304,t=1,p=1$MIIRqgvgQbgj220jfp0MPA$YfwJSVjtjSU0zzV/P3S9nnQ/USre2wvJMjfCIjrTQbg";
    assert_eq!(hasher.verify(secret("x"), Some(hostile)).await, Ok(Verdict::Wrong));
    until(|| hasher.state().finished == 3).await;
    assert_eq!(hasher.verify(secret(&"x".repeat(LONGEST + 1)), None).await, Ok(Verdict::Wrong));
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(hasher.state().finished, 3, "refused before hashing");
}

#[tokio::test]
async fn a2_a_flood_is_refused_quickly_and_the_queue_recovers() {
    let hasher = Hasher::start(HashParams::default(), 1, 4);
    let one = async || {
        let begun = Instant::now();
        (hasher.verify(secret("wrong"), None).await, begun.elapsed())
    };
    let answers = join_all((0..100).map(|_| one())).await;
    let refused: Vec<_> = answers.iter().filter(|(answer, _)| answer.is_err()).collect();
    // Four wait, one may already run when the others arrive.
    assert!((95..=96).contains(&refused.len()), "{}", refused.len());
    assert!(refused.iter().all(|(_, took)| *took < Duration::from_millis(50)), "refusals are immediate");
    assert_eq!(hasher.state().refused, refused.len() as u64);
    assert_eq!(hasher.verify(secret("wrong"), None).await, Ok(Verdict::Wrong));
}

#[tokio::test]
async fn a3_hanging_up_frees_the_queue_and_never_adds_a_running_hash() {
    let slow = HashParams { memory_kib: 65_536, iterations: 6 };
    let hasher = Arc::new(Hasher::start(slow, 1, 2));
    let start = |hasher: &Arc<Hasher>| {
        let hasher = Arc::clone(hasher);
        tokio::spawn(async move { hasher.verify(secret("wrong"), None).await })
    };
    let running = start(&hasher);
    until(|| hasher.state().running == 1).await;
    for _ in 0..20 {
        let pair = [start(&hasher), start(&hasher)];
        until(|| hasher.state().waiting == 2).await;
        assert_eq!(hasher.verify(secret("wrong"), None).await, Err(Busy), "the queue is full");
        for caller in pair {
            caller.abort();
        }
        until(|| hasher.state().waiting == 0).await;
        if hasher.state().running == 0 {
            break;
        }
        assert_eq!(hasher.state().running, 1);
    }
    running.abort();
    until(|| hasher.state().running == 0).await;
    assert_eq!(hasher.state().finished, 1, "no hash was made for those who left");
}

#[tokio::test]
async fn who_waited_a_second_is_refused_and_who_is_served_waits_on() {
    let slow = HashParams { memory_kib: 131_072, iterations: 16 };
    let hasher = Hasher::start(slow, 1, 2);
    let begun = Instant::now();
    let (served, waited) = tokio::join!(hasher.verify(secret("a"), None), async {
        until(|| hasher.state().running == 1).await;
        let answer = hasher.verify(secret("b"), None).await;
        (answer, begun.elapsed())
    });
    assert_eq!(served, Ok(Verdict::Wrong));
    // Where one hash ends within the second, the other is served; on this cost it is not.
    if begun.elapsed() > Duration::from_secs(2) {
        assert_eq!(waited.0, Err(Busy));
        assert!(waited.1 < Duration::from_millis(1_900), "{:?}", waited.1);
    }
}
