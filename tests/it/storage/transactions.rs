//! What a write promises: whole or not at all, alone in its failure, durable when answered.

use std::time::{Duration, Instant};

use guichet::base::id::UserId;
use guichet::model::user::NewUser;
use guichet::store::{Conn, Store, StoreError};
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;
use uuid::Uuid;

use super::{START, new_user, tx};
use crate::support::stores::{all_options, raw, stores};

const WRITERS: usize = 64;

async fn add(conn: &mut Conn, number: usize) -> Result<UserId, StoreError> {
    let new = NewUser { email: format!("u{number}@x.fr"), ..NewUser::default() };
    Ok(conn.insert_user(&new, Uuid::from_u128(u128::try_from(number).unwrap()), START).await?.id)
}

async fn count(store: &Store) -> u64 {
    store.read().await.unwrap().count_users().await.unwrap()
}

fn other() -> StoreError {
    StoreError::Other("refused by the job".to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_writers_share_commits() {
    for (engine, store) in stores().await {
        let before = store.writer_stats();
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move {
                    let id = tx!(store, conn => add(conn, number)).unwrap();
                    // Acknowledged means visible to every later reader.
                    assert!(store.read().await.unwrap().user_by_id(id).await.unwrap().is_some());
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        let stats = store.writer_stats();
        let (jobs, commits) = (stats.jobs - before.jobs, stats.commits - before.commits);
        println!("{engine}: {jobs} jobs in {commits} commits");
        assert_eq!(jobs, 64, "{engine}");
        if engine.starts_with("sqlite") {
            assert!(commits <= 16, "{engine}: {commits} commits");
        }
        assert_eq!(count(&store).await, 64, "{engine}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_failing_job_of_a_batch_is_rolled_back_alone() {
    for (engine, store) in stores().await {
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move {
                    store
                        .write("test", move |conn| {
                            Box::pin(async move {
                                add(conn, number).await?;
                                match number % 4 {
                                    1 => Err(other()),
                                    // A statement that fails, not only a job.
                                    2 => add(conn, number).await.map(drop),
                                    3 => panic!("a job that panics"),
                                    _ => Ok(()),
                                }
                            })
                        })
                        .await
                })
            })
            .collect();
        for (number, writer) in writers.into_iter().enumerate() {
            let outcome = writer.await.unwrap();
            match number % 4 {
                0 => assert_eq!(outcome, Ok(()), "{engine}: {number}"),
                1 => assert_eq!(outcome, Err(other()), "{engine}: {number}"),
                2 => assert!(matches!(outcome, Err(StoreError::Conflict(_))), "{engine}: {number}"),
                _ => assert!(matches!(outcome, Err(StoreError::Other(_))), "{engine}: {number}"),
            }
        }
        assert_eq!(count(&store).await, 16, "{engine}");
        tx!(store, conn => add(conn, 1)).unwrap();
    }
}

/// PostgreSQL would answer the commit with a silent rollback: an acknowledged write that is lost.
#[tokio::test]
async fn a_job_that_swallows_a_failed_statement_is_not_acknowledged() {
    for (engine, store) in stores().await {
        new_user(&store, "taken@x.fr").await;
        let outcome = store
            .write("test", move |conn| {
                Box::pin(async move {
                    add(conn, 1).await?;
                    let taken = NewUser { email: "taken@x.fr".to_owned(), ..NewUser::default() };
                    let _ = conn.insert_user(&taken, Uuid::nil(), START).await;
                    Ok::<_, StoreError>(())
                })
            })
            .await;
        assert!(matches!(outcome, Err(StoreError::Other(_))), "{engine}: {outcome:?}");
        assert_eq!(count(&store).await, 1, "{engine}");
        tx!(store, conn => add(conn, 1)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn jobs_of_one_statement_fail_alone_and_run_no_second() {
    for (engine, store) in stores().await {
        let taken = store.write_one("test", |conn| Box::pin(add(conn, 0))).await;
        assert!(taken.is_ok(), "{engine}: {taken:?}");
        let before = store.writer_stats();
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move {
                    match number % 3 {
                        0 => store.write_one("one", move |conn| Box::pin(add(conn, 100 + number))).await,
                        1 => store.write_one("taken", move |conn| Box::pin(add(conn, 0))).await,
                        _ => tx_owned(store, 100 + number).await,
                    }
                })
            })
            .collect();
        for (number, writer) in writers.into_iter().enumerate() {
            let outcome = writer.await.unwrap();
            assert_eq!(outcome.is_ok(), number % 3 != 1, "{engine}: {number}: {outcome:?}");
        }
        assert_eq!(count(&store).await, 1 + 43, "{engine}");
        assert_eq!(store.writer_stats().jobs - before.jobs, 64, "{engine}");

        let two = store.write_one("two", |conn| {
            Box::pin(async move {
                add(conn, 1).await?;
                add(conn, 2).await
            })
        });
        assert!(matches!(two.await, Err(StoreError::Other(_))), "{engine}");
        assert!(store.read().await.unwrap().user_by_email("u2@x.fr").await.unwrap().is_none(), "{engine}");
        tx!(store, conn => add(conn, 2)).unwrap();
    }
}

/// Who waits for a file that another process holds is told so, and so are those behind: not one after the other, each after
/// as long a wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_held_file_is_an_unavailable_store_and_nothing_worse() {
    let (_, options) = all_options().await.swap_remove(0);
    let store = Store::open(&options).await.unwrap();
    store.migrate().await.unwrap();
    for alone in [true, false] {
        let mut holder = SqliteConnection::connect(options.database_url.expose()).await.unwrap();
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut holder).await.unwrap();
        let begun = Instant::now();
        let first = if alone {
            let store = store.clone();
            tokio::spawn(async move { store.write_one("one", |conn| Box::pin(add(conn, 1))).await })
        } else {
            tokio::spawn(tx_owned(store.clone(), 1))
        };
        tokio::time::sleep(Duration::from_millis(100)).await;
        let behind: Vec<_> = (2..5).map(|number| tokio::spawn(tx_owned(store.clone(), number))).collect();
        for write in [first].into_iter().chain(behind) {
            let outcome = write.await.unwrap();
            assert!(outcome.as_ref().is_err_and(StoreError::is_unavailable), "{alone}: {outcome:?}");
        }
        assert!(begun.elapsed() < Duration::from_secs(9), "{alone}: one wait for all");
        sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
        holder.close().await.unwrap();
        let number = 10 + usize::from(alone);
        tx!(store, conn => add(conn, number)).unwrap();
        assert!(store.read().await.unwrap().user_by_email("u1@x.fr").await.unwrap().is_none(), "{alone}: kept nothing");
    }
    assert_eq!(count(&store).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_job_that_never_ends_does_not_hold_the_others_for_ever() {
    // All engines at once, as each takes the longest time of a job.
    let tests: Vec<_> =
        stores().await.into_iter().map(|(engine, store)| tokio::spawn(get_past_a_stuck_job(engine, store))).collect();
    for test in tests {
        test.await.unwrap();
    }
}

async fn get_past_a_stuck_job(engine: &'static str, store: Store) {
    let stuck = tokio::spawn({
        let store = store.clone();
        async move {
            let never = store.write("stuck", move |conn| {
                Box::pin(async move {
                    add(conn, 1).await?;
                    std::future::pending::<Result<(), StoreError>>().await
                })
            });
            never.await
        }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    tx!(store, conn => add(conn, 2)).unwrap();
    let outcome = stuck.await.unwrap();
    assert!(outcome.as_ref().is_err_and(StoreError::is_unavailable), "{engine}: {outcome:?}");
    assert_eq!(count(&store).await, 1, "{engine}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_caller_that_goes_away_harms_nobody() {
    for (engine, store) in stores().await {
        for number in 0..40 {
            let write = tx_owned(store.clone(), number);
            // Dropped at another point each time.
            let _ = tokio::time::timeout(Duration::from_micros(50 * u64::try_from(number).unwrap()), write).await;
        }
        tx!(store, conn => add(conn, 100)).unwrap();
        let present = count(&store).await;
        let listed = store.read().await.unwrap().list_users(None, 100, None).await.unwrap().len();
        assert_eq!(present, u64::try_from(listed).unwrap(), "{engine}");
    }
}

async fn tx_owned(store: Store, number: usize) -> Result<UserId, StoreError> {
    tx!(store, conn => add(conn, number))
}

#[tokio::test]
async fn closing_waits_for_the_queued_writes() {
    for (engine, options) in all_options().await.into_iter().filter(|(engine, _)| engine.starts_with("sqlite")) {
        let store = Store::open(&options).await.unwrap();
        store.migrate().await.unwrap();
        let writes: Vec<_> = (0..WRITERS).map(|number| tokio::spawn(tx_owned(store.clone(), number))).collect();
        tokio::task::yield_now().await;
        store.close().await;
        let mut acknowledged = 0;
        for write in writes {
            match write.await.unwrap() {
                Ok(_) => acknowledged += 1,
                Err(error) => assert!(error.is_unavailable(), "{engine}: {error}"),
            }
        }
        assert!(acknowledged > 0, "{engine}: the queued ones");
        let again = Store::open(&options).await.unwrap();
        assert_eq!(count(&again).await, acknowledged, "{engine}");
    }
}

#[tokio::test]
async fn another_process_may_write_the_same_file() {
    let (_, options) = all_options().await.swap_remove(0);
    let server = Store::open(&options).await.unwrap();
    server.migrate().await.unwrap();
    let command = Store::open(&options).await.unwrap();
    for number in 0..10 {
        tx!(server, conn => add(conn, 2 * number)).unwrap();
        tx!(command, conn => add(conn, 2 * number + 1)).unwrap();
    }
    assert_eq!((count(&server).await, count(&command).await), (20, 20));
    raw(&options, "PRAGMA quick_check").await.unwrap();
}

#[tokio::test]
async fn readers_cannot_write() {
    let (_, options) = all_options().await.swap_remove(0);
    let store = Store::open(&options).await.unwrap();
    store.migrate().await.unwrap();
    let mut read = store.read().await.unwrap();
    assert!(read.rehash_password(UserId::new(1), "x").await.is_err());
}
