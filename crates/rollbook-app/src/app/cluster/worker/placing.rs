//! What a worker claims and gives back, by `cluster/placement.rs`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{ClaimedSource, Worker};
use crate::app::cluster::claim::claim;
use crate::app::cluster::error::ClusterError;
use crate::app::cluster::source::HeldSource;
use rollbook_engine::setup::Setup;
use rollbook_postgres::cluster::lease::{HeldLease, Leaving};
use rollbook_postgres::cluster::placement::{ClusterView, FreeSource, LiveWorker, OwnSource};
use rollbook_postgres::postgres::DatabaseSession;
use rollbook_postgres::postgres::cluster::{leases, workers};

/// What the claims of one look may take: the heartbeat does not wait for more.
const CLAIMING: Duration = Duration::from_secs(3);

/// Claims at once.
const CLAIMS: usize = 4;

impl Worker {
    /// Notes in the row of this worker what it has, and how much it takes.
    pub(super) fn set_loads(&mut self) {
        let weights = |is_leaving: bool| -> u64 {
            let held = self.held.values();
            let held = held.filter(|held| (held.leaving != Leaving::No) == is_leaving);
            held.map(|held| held.weight).sum()
        };
        let config = &self.shared.setup().config;
        let capacity = config.cluster.as_ref().map(|cluster| cluster.capacity);
        self.row.load = weights(false);
        self.row.leaving = weights(true);
        let takes_none = self.control.stop.is_cancelled() || self.row.waits.is_some();
        self.row.room = match capacity {
            Some(capacity) if !takes_none => u64::from(capacity.get()),
            _ => 0,
        };
    }

    /// Claims and gives back.
    pub(super) async fn place(
        &mut self,
        session: &DatabaseSession,
        schema: &str,
    ) -> Result<(), ClusterError> {
        let setup = self.shared.setup();
        let live = workers::live(session, schema).await?;
        let mut free = leases::free(session, schema).await?;
        free.retain(|row| {
            let known = setup
                .sources
                .keys()
                .find(|name| name.as_str() == row.source);
            known.is_some_and(|name| {
                !self.held.contains_key(name) && !self.resting.contains_key(name)
            })
        });
        let workers: Vec<LiveWorker<'_>> = live
            .iter()
            .map(|worker| LiveWorker {
                start: &worker.start,
                load: worker.load,
                leaving: worker.leaving,
                room: worker.room,
            })
            .collect();
        let free_sources: Vec<FreeSource<'_>> = free
            .iter()
            .map(|row| FreeSource {
                name: &row.source,
                weight: row.weight,
                free_for: row.free_for,
            })
            .collect();
        let now = self.shared.clock.running();
        let held: Vec<OwnSource<'_>> = self
            .held
            .iter()
            .filter(|(_, held)| held.leaving == Leaving::No)
            .map(|(source, held)| OwnSource {
                name: source.as_str(),
                weight: held.weight,
                held_for: now.saturating_sub(held.claimed_at),
            })
            .collect();
        let moves = ClusterView {
            start: &self.row.start,
            workers: &workers,
            free: &free_sources,
            held: &held,
        }
        .moves();
        let give_back: Vec<String> = moves.give_back.iter().map(ToString::to_string).collect();
        let claims: Vec<&leases::FreeRow> = moves
            .claim
            .iter()
            .filter_map(|name| free.iter().find(|row| row.source == *name))
            .collect();
        let is_changed = !give_back.is_empty() || !claims.is_empty();
        for source in give_back {
            let mut held = self.held.iter_mut();
            if let Some((_, held)) = held.find(|(name, _)| name.as_str() == source) {
                held.leaving = Leaving::AfterRun;
            }
        }
        self.claim_all(&setup, &claims).await?;
        if is_changed {
            self.beat(session, schema).await?;
        }
        Ok(())
    }

    /// Claims these, a few at once, and no longer than a look may take: the next one goes on.
    async fn claim_all(
        &mut self,
        setup: &Setup,
        claims: &[&leases::FreeRow],
    ) -> Result<(), ClusterError> {
        let begun = self.shared.clock.running();
        for rows in claims.chunks(CLAIMS) {
            if self.shared.clock.running().saturating_sub(begun) >= CLAIMING {
                break;
            }
            let claiming = rows.iter().map(|row| {
                claim(
                    &self.shared.database,
                    &self.row.start,
                    &row.source,
                    &row.row,
                )
            });
            let mut failed = None;
            for (row, claimed) in rows.iter().zip(join_all(claiming).await) {
                match claimed {
                    Ok(Some(claimed)) => self.take(setup, &row.source, row.weight, claimed),
                    Ok(None) => {}
                    Err(error) => failed = Some(error),
                }
            }
            if let Some(error) = failed {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Begins to serve a source that was claimed.
    pub(super) fn take(
        &mut self,
        setup: &Setup,
        name: &str,
        weight: u64,
        (lease, content): (HeldLease, Option<String>),
    ) {
        let Some(source) = setup.sources.keys().find(|known| known.as_str() == name) else {
            return;
        };
        tracing::info!(%source, epoch = lease.epoch, "this worker has the source");
        let (stop, lost) = (CancellationToken::new(), CancellationToken::new());
        let (reload, stuck) = (Arc::new(Notify::new()), Arc::new(Mutex::new(None)));
        let (clock, since) = (self.shared.clock.clone(), Arc::clone(&stuck));
        let progress = move |is_making: bool| {
            let mut since = since.lock().unwrap_or_else(PoisonError::into_inner);
            match is_making {
                true => *since = None,
                false => {
                    since.get_or_insert(clock.running());
                }
            }
        };
        let held = HeldSource {
            worker: Arc::clone(&self.shared),
            source: source.clone(),
            lease: lease.clone(),
            content,
            stop: stop.clone(),
            lost: lost.clone(),
            reload: Arc::clone(&reload),
            progress: Arc::new(progress),
        };
        let held = ClaimedSource {
            task: tokio::spawn(held.hold()),
            lease,
            claimed_at: self.shared.clock.running(),
            weight,
            leaving: Leaving::No,
            stop,
            lost,
            reload,
            stuck,
        };
        self.held.insert(source.clone(), held);
    }
}
