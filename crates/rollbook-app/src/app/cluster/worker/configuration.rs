//! The configuration of a worker, and whether it is the one of the cluster.

use std::time::Duration;

use super::Worker;
use crate::app::cluster::error::ClusterError;
use rollbook_engine::setup::Setup;
use rollbook_postgres::cluster::lease::Leaving;
use rollbook_postgres::postgres::DatabaseSession;
use rollbook_postgres::postgres::cluster::leases;
use rollbook_postgres::postgres::cluster::workers::{self, Adoption};

/// How long a worker whose configuration is not that of the cluster keeps its sources: most likely it gets the same files soon.
const LEAVE_AFTER: Duration = Duration::from_secs(5 * 60);

/// After how long it brings its own, where no living worker has that of the cluster.
const ADOPT_AFTER: Duration = Duration::from_secs(10 * 60);

impl Worker {
    /// Puts a configuration in force that was read here; `hash` identifies its files.
    pub(super) fn take_configuration(&mut self, setup: Setup, hash: String) {
        self.shared.set_setup(setup);
        self.is_changed |= self.row.configuration != hash;
        self.row.configuration = hash;
        // Also sources that are new in the same files are registered.
        self.is_in_force = false;
        self.next_beat = Duration::ZERO;
        let setup = self.shared.setup();
        for (source, held) in &mut self.held {
            match setup.sources.contains_key(source) {
                true => held.reload.notify_one(),
                false => held.leaving = Leaving::Now,
            }
        }
    }

    /// Whether this worker has the configuration of the cluster; one that was changed here becomes it.
    pub(super) async fn follow_configuration(
        &mut self,
        session: &DatabaseSession,
        schema: &str,
    ) -> Result<(), ClusterError> {
        let now = self.shared.clock.running();
        let waited = self.waits_since.map(|since| now.saturating_sub(since));
        // While this worker runs, the one that brought another configuration may be away for a moment.
        let when = match (self.is_changed, self.is_begun) {
            (true, _) => Adoption::Changed,
            (false, true) if waited.is_none_or(|waited| waited < ADOPT_AFTER) => Adoption::Never,
            (false, _) => Adoption::IfAlone,
        };
        let is_in_force = workers::adopt(session, schema, &self.row, when).await?;
        self.is_changed = false;
        if is_in_force {
            let setup = self.shared.setup();
            let sources: Vec<String> = setup.sources.keys().map(ToString::to_string).collect();
            if !self.is_in_force {
                leases::register(session, schema, &sources).await?;
            }
            self.row.waits = None;
            self.waits_since = None;
        } else {
            let since = *self.waits_since.get_or_insert(now);
            let found = workers::configuration(session, schema).await?;
            let waits = format!(
                "its configuration is not the one that {} brought at {} UTC",
                found.host, found.since
            );
            if self.row.waits.as_ref() != Some(&waits) {
                tracing::error!(
                    "this worker waits: {waits}; put the same files in the configuration and jobs folders of all workers"
                );
                self.row.waits = Some(waits);
            }
            // The same files are most likely on their way to this machine too.
            if now.saturating_sub(since) >= LEAVE_AFTER {
                self.leave_all(Leaving::AfterRun);
            }
        }
        self.is_in_force = is_in_force;
        Ok(())
    }
}
