//! Opening, migrating, closing.

use guichet::base::Secret;
use guichet::store::{Store, StoreError, StoreOptions};

use super::{new_user, tx};
use crate::support::stores::{all_options, raw};

#[tokio::test]
async fn an_empty_database_is_migrated_once() {
    for (engine, options) in all_options().await {
        let store = Store::open(&options).await.unwrap();
        let pending = store.pending_migrations().await.unwrap();
        assert!(!pending.is_empty(), "{engine}");
        assert_eq!(store.migrate().await.unwrap(), pending, "{engine}");
        assert_eq!(store.pending_migrations().await.unwrap(), [""; 0], "{engine}");
        assert_eq!(store.migrate().await.unwrap(), [""; 0], "{engine}");
        store.ping().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_start_at_once_migrate_once() {
    for (engine, options) in [all_options().await, all_options().await, all_options().await].concat() {
        let starts: Vec<_> = (0..8)
            .map(|_| {
                let options = options.clone();
                tokio::spawn(async move { Store::open(&options).await.unwrap().migrate().await.unwrap().len() })
            })
            .collect();
        let mut ran = Vec::new();
        for start in starts {
            ran.push(start.await.unwrap());
        }
        assert_eq!(ran.iter().filter(|count| **count > 0).count(), 1, "{engine}: {ran:?}");
    }
}

#[tokio::test]
async fn a_schema_of_a_newer_release_is_refused() {
    for (engine, options) in all_options().await {
        let store = Store::open(&options).await.unwrap();
        store.migrate().await.unwrap();
        let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                     SELECT 9999, 'newer', success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1";
        raw(&options, newer).await.unwrap();
        assert_eq!(store.pending_migrations().await, Err(StoreError::SchemaTooNew), "{engine}");
        assert_eq!(store.migrate().await, Err(StoreError::SchemaTooNew), "{engine}");
    }
}

#[tokio::test]
async fn a_migration_that_was_changed_after_it_ran_is_refused() {
    for (engine, options) in all_options().await {
        let store = Store::open(&options).await.unwrap();
        store.migrate().await.unwrap();
        let other = if engine.starts_with("sqlite") { "x'00'" } else { "'\\x00'" };
        let sql: &'static str = format!("UPDATE _sqlx_migrations SET checksum = {other}").leak();
        raw(&options, sql).await.unwrap();
        assert!(matches!(store.migrate().await, Err(StoreError::Other(_))), "{engine}");
    }
}

#[tokio::test]
async fn what_was_written_is_there_after_closing_and_opening() {
    for (engine, options) in all_options().await {
        let store = Store::open(&options).await.unwrap();
        store.migrate().await.unwrap();
        let id = new_user(&store, "a@x.fr").await.id;
        store.close().await;
        let refused = tx!(store, conn => conn.rehash_password(id, "late")).unwrap_err();
        assert!(refused.is_unavailable(), "{engine}: {refused}");
        assert!(store.read().await.is_err_and(|error| error.is_unavailable()), "{engine}");
        store.close().await;
        let again = Store::open(&options).await.unwrap();
        assert!(again.read().await.unwrap().user_by_id(id).await.unwrap().is_some(), "{engine}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_database_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_, options) = all_options().await.swap_remove(0);
    let store = Store::open(&options).await.unwrap();
    store.migrate().await.unwrap();
    new_user(&store, "a@x.fr").await;
    let path = options.database_url.expose().strip_prefix("sqlite://").unwrap().to_owned();
    for (suffix, mode) in [("", 0o600), ("-wal", 0o600), ("-shm", 0o600), ("/..", 0o700)] {
        let file =
            if suffix == "/.." { path.rsplit_once('/').unwrap().0.to_owned() } else { format!("{path}{suffix}") };
        let found =
            std::fs::metadata(&file).unwrap_or_else(|error| panic!("{file}: {error}")).permissions().mode() & 0o777;
        assert_eq!(found, mode, "{file}: {found:o}");
    }
    store.close().await;
    assert!(!std::path::Path::new(&format!("{path}-wal")).exists(), "a clean close leaves one file");
}

#[tokio::test]
async fn nothing_that_is_shown_holds_the_password() {
    for (database_url, redis_url) in [
        ("postgres://guichet:hunter2@127.0.0.1:1/guichet", None),
        ("postgres://guichet:hunter2@[bad/guichet", None),
        ("mysql://guichet:hunter2@127.0.0.1/guichet", None),
        ("sqlite::memory:", None),
        ("sqlite::memory:", Some("redis://:hunter2@127.0.0.1:1/")),
    ] {
        let options = StoreOptions {
            database_url: Secret::new(database_url.to_owned()),
            redis_url: redis_url.map(|url| Secret::new(url.to_owned())),
            max_connections: 1,
        };
        let error = Store::open(&options).await.unwrap_err();
        assert!(!format!("{error} {error:?} {options:?}").contains("hunter2"), "{error:?}");
    }
    for (engine, options) in all_options().await {
        let store = Store::open(&options).await.unwrap();
        let shown = format!("{} {store:?}", store.describe());
        assert!(shown.contains(if engine.starts_with("sqlite") { "SQLite 3." } else { "PostgreSQL " }), "{shown}");
        assert_eq!(shown.contains("Redis"), engine.ends_with("redis"), "{shown}");
    }
}

/// A server that takes connections and never says a word, as behind a broken proxy.
#[tokio::test]
async fn a_server_that_does_not_answer_is_unavailable_soon() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let refused = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for address in [address, refused] {
        for (database_url, redis_url) in [
            (format!("postgres://guichet@{address}/guichet"), None),
            (crate::support::stores::sqlite_url(), Some(Secret::new(format!("redis://{address}/")))),
        ] {
            let options = StoreOptions { database_url: Secret::new(database_url), redis_url, max_connections: 1 };
            let opened = tokio::time::timeout(std::time::Duration::from_secs(5), Store::open(&options)).await;
            let error = opened.unwrap_or_else(|_| panic!("{options:?}: waits too long")).unwrap_err();
            assert!(error.is_unavailable(), "{error:?}");
        }
    }
}
