//! The loop of a worker: it keeps its leases alive, finds out what is lost, claims what is free, and gives back what it has too much.

mod configuration;
mod placing;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::claim::claim;
use super::error::ClusterError;
use super::shared::WorkerShared;
use super::source::release;
use rollbook_core::model::SourceName;
use rollbook_engine::setup::{CLUSTER, Setup};
use rollbook_http::http::within;
use rollbook_postgres::cluster::lease::{
    Activity, HEARTBEAT, HeldLease, HeldUntil, LEASE, LeaseRow, LeaseStep, Leaving, Position,
    Renewal, STALLED, Situation,
};
use rollbook_postgres::cluster::placement::LOOK;
use rollbook_postgres::postgres::cluster;
use rollbook_postgres::postgres::cluster::leases;
use rollbook_postgres::postgres::cluster::workers::{self, WorkerRow};
use rollbook_postgres::postgres::random::new_claim;
use rollbook_postgres::postgres::{DatabaseError, DatabaseSession};

/// What the statements of one look may take: a heartbeat that is not answered must be sent again before the lease ends.
const ANSWER: Duration = Duration::from_secs(8);

/// A source that this worker could not hold is left to others for this long.
const REST: Duration = Duration::from_secs(60);

/// How long a worker that is told to stop waits until its sources are stored.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// How a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerLife {
    /// The sources that it has.
    pub sources: usize,
    /// Whether the database does not answer.
    pub is_away: bool,
    /// Whether it gives them back to end.
    pub is_stopping: bool,
}

/// A source that this worker has claimed.
struct ClaimedSource {
    task: JoinHandle<Result<(), ClusterError>>,
    lease: HeldLease,
    /// By the worker's clock.
    claimed_at: Duration,
    weight: u64,
    leaving: Leaving,
    /// Ends its daemon and gives it back.
    stop: CancellationToken,
    lost: CancellationToken,
    reload: Arc<Notify>,
    /// Since when its loop makes no progress.
    stuck: Arc<Mutex<Option<Duration>>>,
}

/// What a worker is told from outside.
#[derive(Clone, Debug, Default)]
pub struct WorkerControl {
    /// Gives all sources back and ends.
    pub stop: CancellationToken,
    /// The files of the configuration have changed.
    pub reload: Arc<Notify>,
}

/// A worker.
pub struct Worker {
    shared: Arc<WorkerShared>,
    control: WorkerControl,
    row: WorkerRow,
    /// Whether the database has a row of this start.
    is_begun: bool,
    /// Whether the configuration is that of the cluster.
    is_in_force: bool,
    /// It was changed while this worker runs, and is not yet that of the cluster.
    is_changed: bool,
    /// Since when it is not that of the cluster.
    waits_since: Option<Duration>,
    /// Since when it is to end.
    stopping_since: Option<Duration>,
    next_beat: Duration,
    first_look: Duration,
    /// The connection of the looks.
    session: Option<DatabaseSession>,
    held: BTreeMap<SourceName, ClaimedSource>,
    resting: BTreeMap<SourceName, Duration>,
    /// Whether it is logged that the database does not answer.
    is_away: bool,
}

impl Worker {
    /// A worker on this machine; `configuration` identifies the files it has read.
    pub fn new(
        shared: Arc<WorkerShared>,
        control: WorkerControl,
        host: String,
        configuration: String,
    ) -> Self {
        Self {
            shared,
            control,
            row: WorkerRow {
                start: String::new(),
                host,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                configuration,
                load: 0,
                leaving: 0,
                room: 0,
                waits: None,
            },
            is_begun: false,
            is_in_force: false,
            is_changed: false,
            waits_since: None,
            stopping_since: None,
            next_beat: Duration::ZERO,
            first_look: Duration::MAX,
            session: None,
            held: BTreeMap::new(),
            resting: BTreeMap::new(),
            is_away: false,
        }
    }

    /// Works until it is stopped and all sources are given back. `load` reads the configuration again, and says what identifies it;
    /// `alive` is called while everything makes progress.
    pub async fn run(
        mut self,
        load: impl Fn() -> Option<(Setup, String)> + Send,
        mut alive: impl FnMut(WorkerLife) + Send,
    ) {
        // Those of a worker that was killed.
        let left_over = self.shared.folders.state.join(CLUSTER);
        if let Err(error) = std::fs::remove_dir_all(&left_over)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(folder = %left_over.display(), "could not remove what a worker left behind: {error}");
        }
        loop {
            self.reap().await;
            let is_stopping = self.control.stop.is_cancelled();
            if is_stopping {
                self.leave_all(Leaving::Now);
                if self.held.is_empty() {
                    break;
                }
                let now = self.shared.clock.running();
                let since = *self.stopping_since.get_or_insert(now);
                // What is not stored by then is read again by others; no file stays here.
                if now.saturating_sub(since) >= STOP_LIMIT {
                    self.abandon_all();
                }
            }
            self.step().await;
            let limit = match self.is_begun {
                // What is left of the leases must not pass unnoticed.
                true => ANSWER.min(self.shared.left().max(LOOK)),
                false => ANSWER,
            };
            let looked = within(limit, self.look()).await;
            self.note(looked.unwrap_or(Err(DatabaseError::Slow(ANSWER).into())));
            alive(WorkerLife {
                sources: self.held.len(),
                is_away: self.is_away,
                is_stopping,
            });
            let pause = match is_stopping {
                true => LOOK / 10,
                false => LOOK,
            };
            let stop = self.control.stop.clone();
            let reload = Arc::clone(&self.control.reload);
            tokio::select! {
                biased;
                () = stop.cancelled(), if !is_stopping => {}
                () = reload.notified() => {
                    if let Some((setup, hash)) = load() {
                        self.take_configuration(setup, hash);
                    }
                }
                () = self.shared.clock.sleep(pause) => {}
            }
        }
        let database = &self.shared.database;
        if self.is_begun
            && let Some(session) = &self.session
            && let Err(error) = workers::end(session, &database.schema, &self.row.start).await
        {
            tracing::debug!("could not remove the row of this worker: {error}");
        }
    }

    /// Takes note of sources that ended.
    async fn reap(&mut self) {
        let ended: Vec<SourceName> = self
            .held
            .iter()
            .filter(|(_, held)| held.task.is_finished())
            .map(|(source, _)| source.clone())
            .collect();
        for source in ended {
            let Some(held) = self.held.remove(&source) else {
                continue;
            };
            let until = self.shared.clock.running() + REST;
            match held.task.await {
                Ok(Ok(())) if held.lost.is_cancelled() => {
                    tracing::info!(%source, "the runs of the source have ended here");
                }
                Ok(Ok(())) => tracing::info!(%source, "the source was given back"),
                Ok(Err(error)) => {
                    tracing::error!(%source, "this worker cannot have the source, so it is left to others for a minute: {error}");
                    self.resting.insert(source, until);
                }
                Err(_) => {
                    tracing::error!(%source, "internal error (panic) in the daemon of a source; please report it");
                    self.shared.unlink(&source);
                    self.resting.insert(source, until);
                }
            }
        }
        let now = self.shared.clock.running();
        self.resting.retain(|_, until| *until > now);
    }

    fn leave_all(&mut self, leaving: Leaving) {
        self.held
            .values_mut()
            .for_each(|held| held.leaving = leaving);
    }

    /// What is to be done with each source: those that leave end when their runs have ended, and one whose run hangs is not kept
    /// (cluster-protocol.md 2 rule 13).
    async fn step(&mut self) {
        let (left, now) = (self.shared.left(), self.shared.clock.running());
        for (source, held) in &self.held {
            let link = self.shared.links().get(source).map(Arc::clone);
            let stuck = *held.stuck.lock().unwrap_or_else(PoisonError::into_inner);
            let situation = Situation {
                left,
                activity: link.as_ref().map_or(Activity::Idle, |link| link.activity()),
                quiet: stuck.map_or(Duration::ZERO, |since| now.saturating_sub(since)),
                leaving: held.leaving,
            };
            if let Some(link) = link.filter(|_| held.leaving != Leaving::No) {
                link.leave();
            }
            match situation.next_step() {
                LeaseStep::Continue | LeaseStep::Finish | LeaseStep::Abandon => {}
                LeaseStep::EndRun | LeaseStep::Release if held.stop.is_cancelled() => {
                    // It was told to end, and does not.
                    if situation.quiet >= 2 * STALLED && !held.lost.is_cancelled() {
                        tracing::error!(%source, "a run does not end; the source is left to others");
                        held.lost.cancel();
                        let database = &self.shared.database;
                        // No longer than a look: the heartbeat waits.
                        let release = release(database, source, &held.lease.claim);
                        let _ = within(LOOK, release).await;
                    }
                }
                LeaseStep::EndRun | LeaseStep::Release => {
                    if !situation.quiet.is_zero() {
                        tracing::error!(%source, "nothing of the source makes progress; it is given back");
                    }
                    held.stop.cancel();
                }
            }
        }
    }

    /// Ends everything at once: what these leases were for is another's.
    fn abandon_all(&mut self) {
        for held in self.held.values() {
            held.lost.cancel();
        }
    }

    fn note(&mut self, looked: Result<(), ClusterError>) {
        match looked {
            Ok(()) if std::mem::take(&mut self.is_away) => {
                tracing::info!("the cluster's database answers again");
            }
            Ok(()) => {}
            Err(error) if !std::mem::replace(&mut self.is_away, true) => {
                tracing::warn!(
                    "{error}; its runs end when its leases end, in {} seconds",
                    self.shared.left().as_secs()
                );
            }
            Err(error) => tracing::debug!("{error}"),
        }
        if self.is_begun && self.shared.left().is_zero() {
            if !self.held.is_empty() {
                tracing::error!(
                    "the database did not answer in time, so the leases of this worker have ended; its runs end, and others take its sources"
                );
            }
            self.abandon_all();
            self.is_begun = false;
        }
    }

    /// One look: heartbeat, what became of the leases, claims and gifts. A connection on which it fails is not used again.
    async fn look(&mut self) -> Result<(), ClusterError> {
        let session = match self.session.take().filter(|session| !session.is_closed()) {
            Some(session) => session,
            None => self.shared.database.connect().await?,
        };
        let schema = self.shared.database.schema.clone();
        self.look_by(&session, &schema).await?;
        self.session = Some(session);
        Ok(())
    }

    async fn look_by(
        &mut self,
        session: &DatabaseSession,
        schema: &str,
    ) -> Result<(), ClusterError> {
        let now = self.shared.clock.running();
        let is_stopping = self.control.stop.is_cancelled();
        if !self.is_begun {
            // What was lost must have ended: its files are in the way.
            if !self.held.is_empty() || is_stopping {
                return Ok(());
            }
            cluster::prepare(session, schema).await?;
            self.begin(session, schema).await?;
        } else if now >= self.next_beat {
            self.beat(session, schema).await?;
        }
        let takes_none = is_stopping || self.row.waits.is_some();
        if self.is_begun && !takes_none && now >= self.first_look {
            self.place(session, schema).await?;
        }
        Ok(())
    }

    /// Begins with a new start.
    async fn begin(&mut self, session: &DatabaseSession, schema: &str) -> Result<(), ClusterError> {
        let mut random = new_claim()?;
        random.truncate(8);
        self.row.start = format!("{}-{random}", self.row.host);
        // Also where the database was emptied meanwhile.
        self.is_in_force = false;
        // First: a worker that waits must not look as if it had room.
        self.follow_configuration(session, schema).await?;
        self.set_loads();
        let sent = self.shared.clock.since_boot();
        workers::begin(session, schema, &self.row, LEASE).await?;
        self.shared.set_held_until(HeldUntil::renewed_at(sent));
        self.is_begun = true;
        let now = self.shared.clock.running();
        self.next_beat = now + HEARTBEAT;
        self.first_look = now + 2 * LOOK;
        tracing::info!(worker = %self.row.start, "this worker has joined the cluster");
        Ok(())
    }

    /// Renews all leases, and reads back what the database has of them (cluster-protocol.md 1 rule 8).
    async fn beat(&mut self, session: &DatabaseSession, schema: &str) -> Result<(), ClusterError> {
        self.follow_configuration(session, schema).await?;
        self.set_loads();
        let sent = self.shared.clock.since_boot();
        if !workers::renew(session, schema, &self.row, LEASE).await? {
            tracing::error!(
                "the leases of this worker have ended; its runs end, and it joins again"
            );
            self.abandon_all();
            self.is_begun = false;
            return Ok(());
        }
        self.shared.set_held_until(HeldUntil::renewed_at(sent));
        self.next_beat = self.shared.clock.running() + HEARTBEAT;
        let before: BTreeMap<SourceName, Option<Position>> = self
            .shared
            .links()
            .iter()
            .map(|(source, link)| (source.clone(), link.position()))
            .collect();
        let rows = leases::held_by(session, schema, &self.row.start).await?;
        let rows: BTreeMap<String, (LeaseRow, u64)> = rows
            .into_iter()
            .map(|(source, row, weight)| (source, (row, weight)))
            .collect();
        for (source, held) in &mut self.held {
            let found = rows.get(source.as_str());
            if let Some((_, weight)) = found {
                held.weight = *weight;
            }
            let row = found.map(|(row, _)| row);
            let link = self.shared.links().get(source).map(Arc::clone);
            let renewal = match (&link, before.get(source)) {
                (Some(link), Some(before)) => link.look_at(*before, row),
                // Its row was read before it was filled.
                (Some(_), None) => None,
                // It is being filled or has been given back.
                (None, _) if held.stop.is_cancelled() => None,
                (None, _) => Some(held.lease.renewed(row)),
            };
            match renewal {
                None | Some(Renewal::Same | Renewal::Published) => {}
                Some(_) if held.lost.is_cancelled() => {}
                Some(Renewal::Lost) => {
                    tracing::warn!(%source, "another worker has the source");
                    held.lost.cancel();
                }
                Some(Renewal::Moved) => {
                    tracing::warn!(%source, "the cluster's database was restored; its file is downloaded again");
                    held.lost.cancel();
                }
            }
        }
        // What this claims has another row than was read above.
        self.know_again(session, schema, &rows).await
    }

    /// A lease in this worker's name that it does not know: the answer to its claim was lost, or the database was restored. Its
    /// heartbeat keeps that valid, so else the source would be alone for ever (cluster-protocol.md 5 rule 20).
    async fn know_again(
        &mut self,
        session: &DatabaseSession,
        schema: &str,
        rows: &BTreeMap<String, (LeaseRow, u64)>,
    ) -> Result<(), ClusterError> {
        let setup = self.shared.setup();
        for (name, (row, weight)) in rows {
            if self.held.keys().any(|held| held.as_str() == name) {
                continue;
            }
            let known = setup.sources.keys().find(|known| known.as_str() == name);
            let is_wanted = !self.control.stop.is_cancelled() && self.row.waits.is_none();
            match known.filter(|name| is_wanted && !self.resting.contains_key(*name)) {
                Some(_) => {
                    let claimed = claim(&self.shared.database, &self.row.start, name, row).await?;
                    if let Some(claimed) = claimed {
                        self.take(&setup, name, *weight, claimed);
                    }
                }
                None => drop(leases::release(session, schema, name, &row.claim).await?),
            }
        }
        Ok(())
    }
}
