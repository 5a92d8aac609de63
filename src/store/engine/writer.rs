//! The one writer of an embedded database, and its group commit.
//!
//! ```text
//! write() ─► queue ─► BEGIN IMMEDIATE · job · SAVEPOINT job · SAVEPOINT job · … · COMMIT ─► answers to all of them
//! ```
//!
//! While one commit waits for the disk, the next jobs gather; they share the next commit. So every acknowledged write is
//! durable and yet a flush is paid for each batch, not for each request. A job that fails is rolled back alone. The first
//! of a batch needs no savepoint: when it fails, the transaction holds nothing else.
//!
//! Each trip to the connection's thread and back costs more than most statements. So what begins a transaction or sets a
//! savepoint travels with the job's first statement, and a job of one statement that nobody waits behind is a transaction
//! by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::Connection as _;
use tokio::sync::{mpsc, oneshot};

use super::Conn;
use super::conn::{Before, Handle};
use super::job::{Size, attempt};
use crate::store::{StoreError, WriterStats};

/// Most jobs that may wait; more find storage unavailable.
const QUEUE: usize = 2_048;
/// Most jobs of one commit, so that the first need not wait for ever newer ones.
const BATCH: usize = 128;
/// Most rounds of other tasks that a commit waits for.
const LONGEST_GATHERING: usize = 8;
/// Longest wait for a place in the queue.
const PATIENCE: Duration = Duration::from_secs(3);

/// The way to the writer.
pub(super) struct Writer {
    queue: mpsc::Sender<Command>,
    counters: Arc<Counters>,
}

/// What the writer has done since it was opened.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) jobs: AtomicU64,
    pub(super) commits: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> WriterStats {
        WriterStats { jobs: self.jobs.load(Ordering::Relaxed), commits: self.commits.load(Ordering::Relaxed) }
    }
}

enum Command {
    Run(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

impl Writer {
    /// Starts the task that owns `conn`.
    pub(super) fn start(conn: Conn) -> Self {
        let (queue, commands) = mpsc::channel(QUEUE);
        let counters = Arc::new(Counters::default());
        tokio::spawn(serve(conn, commands, Arc::clone(&counters)));
        Self { queue, counters }
    }

    /// Queues a job and waits until it is durable or refused.
    pub(super) async fn write<T, E, F>(&self, name: &'static str, size: Size, job: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let queued = Box::new(Queued { name, size, job: Some(job), outcome: None, reply });
        match self.queue.send_timeout(Command::Run(queued), PATIENCE).await {
            Ok(()) => {}
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
                return Err(StoreError::Unavailable("the writer's queue is full".to_owned()).into());
            }
            Err(mpsc::error::SendTimeoutError::Closed(_)) => return Err(closed().into()),
        }
        answer.await.unwrap_or_else(|_| Err(closed().into()))
    }

    pub(super) fn stats(&self) -> WriterStats {
        self.counters.read()
    }

    /// Lets the queued jobs end, then closes the connection.
    pub(super) async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.queue.send(Command::Close(reply)).await.is_ok() {
            let _ = closed.await;
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the database is closed".to_owned())
}

/// A queued job, whatever it gives.
trait Job: Send {
    /// Whether nobody waits for the answer any more.
    fn is_abandoned(&self) -> bool;
    /// How many statements it has.
    fn size(&self) -> Size;
    /// Runs within the open transaction; says whether to keep what it did.
    fn run<'c>(&'c mut self, conn: &'c mut Conn) -> BoxFuture<'c, bool>;
    /// Answers whoever waits: with the job's own outcome, or with what befell its transaction.
    fn answer(self: Box<Self>, transaction: &Result<(), StoreError>);
}

struct Queued<T, E, F> {
    name: &'static str,
    size: Size,
    job: Option<F>,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Job for Queued<T, E, F>
where
    F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, E>> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn size(&self) -> Size {
        self.size
    }

    fn run<'c>(&'c mut self, conn: &'c mut Conn) -> BoxFuture<'c, bool> {
        Box::pin(async move {
            let Some(job) = self.job.take() else { return false };
            let outcome = attempt(self.name, self.size, conn, job).await;
            let keep = outcome.is_ok();
            self.outcome = Some(outcome);
            keep
        })
    }

    fn answer(self: Box<Self>, transaction: &Result<(), StoreError>) {
        let answer = match (self.outcome, transaction) {
            (Some(Err(error)), _) => Err(error),
            (_, Err(error)) => Err(error.clone().into()),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(StoreError::Other("the write job did not run".to_owned()).into()),
        };
        // Nobody waiting is no error: what was kept is kept.
        let _ = self.reply.send(answer);
    }
}

/// The writer's life: batches until it is told to close or every way to it is gone.
async fn serve(mut conn: Conn, mut commands: mpsc::Receiver<Command>, counters: Arc<Counters>) {
    let mut closing = None;
    while let Some(command) = commands.recv().await {
        gather(&commands).await;
        match command {
            Command::Run(only) if only.size() == Size::One && commands.is_empty() => {
                run_alone(&mut conn, only, &mut commands, &counters, &mut closing).await;
            }
            Command::Run(first) => run_batch(&mut conn, first, &mut commands, &counters, &mut closing).await,
            Command::Close(reply) => closing = Some(reply),
        }
        if closing.is_some() {
            commands.close();
        }
    }
    if let Handle::SqliteWriter(connection) = conn.into_handle()
        && let Err(error) = connection.close().await
    {
        tracing::warn!(error = %error, "the database did not close cleanly");
    }
    if let Some(reply) = closing {
        let _ = reply.send(());
    }
}

/// Lets whoever is about to write queue up too, as long as they keep coming: they share a commit that begins now, and would
/// wait for its end otherwise. Where nobody else is at work this costs nothing.
async fn gather(commands: &mpsc::Receiver<Command>) {
    let mut waiting = commands.len();
    for _ in 0..LONGEST_GATHERING {
        tokio::task::yield_now().await;
        let now = commands.len();
        if now == waiting || now >= BATCH {
            return;
        }
        waiting = now;
    }
}

/// Runs a job of one statement without a transaction around it.
async fn run_alone(
    conn: &mut Conn,
    mut job: Box<dyn Job>,
    commands: &mut mpsc::Receiver<Command>,
    counters: &Counters,
    closing: &mut Option<oneshot::Sender<()>>,
) {
    if job.is_abandoned() {
        return;
    }
    counters.jobs.fetch_add(1, Ordering::Relaxed);
    let kept = job.run(conn).await;
    counters.commits.fetch_add(u64::from(kept), Ordering::Relaxed);
    job.answer(&Ok(()));
    if conn.is_held() {
        refuse_waiting(&Err(StoreError::Unavailable("the database file is held".to_owned())), commands, closing);
    }
}

/// Runs `first` and what waits behind it in one transaction, then answers all.
async fn run_batch(
    conn: &mut Conn,
    first: Box<dyn Job>,
    commands: &mut mpsc::Receiver<Command>,
    counters: &Counters,
    closing: &mut Option<oneshot::Sender<()>>,
) {
    let mut done: Vec<Box<dyn Job>> = Vec::new();
    let mut kept = 0_u64;
    let mut open = Open::Nothing;
    let mut next = Some(first);
    let mut transaction = Ok(());
    while let Some(mut job) = next.take() {
        if !job.is_abandoned() {
            counters.jobs.fetch_add(1, Ordering::Relaxed);
            let ran = run_next(conn, job.as_mut(), &mut open).await;
            done.push(job);
            match ran {
                Ok(keep) => kept += u64::from(keep),
                Err(error) => {
                    transaction = Err(error);
                    break;
                }
            }
        }
        next = if done.len() < BATCH { waiting(commands, closing) } else { None };
    }
    if transaction.is_ok() && open != Open::Nothing {
        transaction = control(conn, "COMMIT").await;
        counters.commits.fetch_add(u64::from(kept > 0), Ordering::Relaxed);
    }
    if let Err(error) = &transaction {
        tracing::error!(error = %error, jobs = done.len(), "a batch of writes was rolled back");
        // It may be over already: SQLite ends a transaction by itself when the disk is full or fails.
        let _ = control(conn, "ROLLBACK").await;
    }
    for job in done {
        job.answer(&transaction);
    }
    if open == Open::Nothing && transaction.is_err() {
        refuse_waiting(&transaction, commands, closing);
    }
}

/// The next job, if one waits already.
fn waiting(commands: &mut mpsc::Receiver<Command>, closing: &mut Option<oneshot::Sender<()>>) -> Option<Box<dyn Job>> {
    match commands.try_recv().ok()? {
        Command::Run(job) => Some(job),
        Command::Close(reply) => {
            *closing = Some(reply);
            None
        }
    }
}

/// What is open on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    /// Nothing.
    Nothing,
    /// A transaction with one job in it.
    Transaction,
    /// A transaction and a savepoint behind the last job but one.
    Savepoint,
}

/// Runs the next job of a batch; says whether to keep it. An error is the transaction's.
///
/// The savepoint of a job that is kept is released with the next one's, or by the end of the transaction.
async fn run_next(conn: &mut Conn, job: &mut dyn Job, open: &mut Open) -> Result<bool, StoreError> {
    let before = match open {
        Open::Nothing => "BEGIN IMMEDIATE",
        Open::Transaction => "SAVEPOINT job",
        Open::Savepoint => "RELEASE job; SAVEPOINT job",
    };
    conn.put_before(before);
    let keep = job.run(conn).await;
    match conn.take_before() {
        // The job ran no statement: there is nothing to undo, and what was open still is.
        Before::Waiting(_) => return Ok(keep),
        Before::Done => {}
        Before::None | Before::Sent => return Err(StoreError::Unavailable(format!("{before} failed"))),
    }
    *open = match (*open, keep) {
        (Open::Nothing, true) => Open::Transaction,
        (Open::Nothing, false) => {
            control(conn, "ROLLBACK").await?;
            Open::Nothing
        }
        (Open::Transaction | Open::Savepoint, keep) => {
            if !keep {
                control(conn, "ROLLBACK TO job").await?;
            }
            Open::Savepoint
        }
    };
    Ok(keep)
}

/// Another process holds the file for too long: those that wait would each wait as long again for the same answer.
fn refuse_waiting(
    refused: &Result<(), StoreError>,
    commands: &mut mpsc::Receiver<Command>,
    closing: &mut Option<oneshot::Sender<()>>,
) {
    while let Some(job) = waiting(commands, closing) {
        job.answer(refused);
    }
}

/// Begins, marks or ends. A failure of this is never the fault of a job: the disk is full or fails, or the file is held.
async fn control(conn: &mut Conn, sql: &'static str) -> Result<(), StoreError> {
    conn.reset(Size::Any);
    conn.query(sql).execute().await.map(|_| ()).map_err(|error| match error {
        unavailable @ StoreError::Unavailable(_) => unavailable,
        other => StoreError::Unavailable(format!("{sql} failed: {other}")),
    })
}
