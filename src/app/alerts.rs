//! Alerts while the daemon runs: what the mirror knows of each job and source, judged, written down, sent.
//!
//! Beside the runs and never in their way. It looks after each run and now and then, because a job that
//! does not run at all tells nothing by itself.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::{App, DaemonEngine, Setup, care};
use crate::config::AlertsConfig;
use crate::daemon::alerts::{
    About, Alert, Facts, Judged, Kind, Limits, ParkedJob, SourceFacts, TRIES, judge, judge_source,
    pause, send, ways,
};
use crate::daemon::{Engine as _, Entry};
use crate::model::schedule::next_tick;
use crate::model::{Outcome, SourceName, scalar};
use crate::store::alerts::{self, Letter};
use crate::store::{StoreError, look, runs};

/// Nothing that only time brings is noticed later than this.
const LONGEST_NAP: Duration = Duration::from_secs(15 * 60);

/// A backup is missed at once: it comes once a day.
const BACKUP_FAILURES: u32 = 1;

/// A list may move while it is read once; one that is short three times is short.
const INCOMPLETE_RUNS: u32 = 3;

impl DaemonEngine {
    /// Tells whom the configuration names, for ever; `wake` says that a run has ended or the configuration is another.
    pub async fn watch_alerts(&self, wake: &Notify) {
        loop {
            let config = self.app.setup().config.alerts.clone();
            let nap = match &config {
                None => None,
                Some(config) => Some(self.tell(config).await),
            };
            tokio::select! {
                () = wake.notified() => {}
                () = self.app.clock.sleep(nap.unwrap_or(LONGEST_NAP)), if nap.is_some() => {}
            }
        }
    }

    /// Looks at every job and every source, and sends what is due; says how long there is nothing to do.
    async fn tell(&self, config: &AlertsConfig) -> Duration {
        for entry in self.jobs() {
            let looked = self.look_at_job(config, &entry).await;
            complain(About::Job(&entry.name), looked);
        }
        let setup = self.app.setup();
        for source in setup.sources.keys().map(SourceName::as_str) {
            let looked = self.look_at_source(config, &setup, source).await;
            complain(About::Source(source), looked);
        }
        match self.app.send_due(config).await {
            Ok(nap) => nap,
            Err(error) => {
                tracing::warn!("alerts could not be looked up: {error}");
                LONGEST_NAP
            }
        }
    }

    async fn look_at_job(&self, config: &AlertsConfig, entry: &Entry) -> Result<(), StoreError> {
        let facts = self.facts(&self.app.store().reader()?, entry)?;
        let limits = Limits {
            failures: match entry.name.as_str() {
                care::BACKUP => BACKUP_FAILURES,
                _ => config.after_failures.get(),
            },
            incomplete_runs: INCOMPLETE_RUNS,
            stale: SignedDuration::try_from(config.stale_after.0).unwrap_or(SignedDuration::MAX),
        };
        let judge = |told: &[_], now| judge(&entry.name, &facts, told, limits, now);
        self.app.judge(config, About::Job(&entry.name), judge).await
    }

    async fn look_at_source(
        &self,
        config: &AlertsConfig,
        setup: &Setup,
        source: &str,
    ) -> Result<(), StoreError> {
        let facts = self.source_facts(&self.app.store().reader()?, setup, source)?;
        let judge = |told: &[_], now| judge_source(source, &facts, told, now);
        self.app.judge(config, About::Source(source), judge).await
    }

    fn facts(&self, reader: &look::Reader, entry: &Entry) -> Result<Facts, StoreError> {
        let job = entry.name.as_str();
        let state = self.state_by(reader, job)?;
        let (good, first) = match job {
            care::BACKUP => (runs::done(reader, care::BACKUP)?, None),
            _ => alerts::ends(reader, job)?,
        };
        let last = look::runs(reader, Some(job), 1)?.pop();
        // A run that was parked is told of its source; what it did not bring is missed from the tick after it.
        let parked = last
            .as_ref()
            .filter(|run| run.outcome == Some(Outcome::Parked))
            .and_then(|run| scalar::parse(run.ended.as_deref()?));
        let from = good.or(first).max(parked);
        let (cron, zone) = (entry.schedule.cron(), entry.zone.zone());
        Ok(Facts {
            parked: state.parked.is_some(),
            held: look::held(reader, job)?.map(|run| run.run),
            failures: state.failures,
            incomplete_runs: state.incomplete_runs,
            sentence: last.and_then(|run| run.sentence),
            good,
            due: from.and_then(|from| next_tick(cron, zone, from)),
        })
    }

    fn source_facts(
        &self,
        reader: &look::Reader,
        setup: &Setup,
        source: &str,
    ) -> Result<SourceFacts, StoreError> {
        let mut facts = SourceFacts::default();
        let jobs = setup.jobs.iter();
        for (job, _) in jobs.filter(|(_, job)| job.source.as_str() == source) {
            let job = job.as_str();
            facts.jobs.push(job.to_owned());
            let state = self.state_by(reader, job)?;
            if let Some(parked) = state.parked {
                facts.parked.push(ParkedJob {
                    job: job.to_owned(),
                    reason: parked.reason,
                    why: parked.message,
                });
            }
            facts.good = facts.good.max(alerts::ends(reader, job)?.0);
        }
        Ok(facts)
    }
}

fn complain(about: About<'_>, looked: Result<(), StoreError>) {
    if let Err(error) = looked {
        let about = about.key();
        tracing::warn!(about, "what is to be told of it is not known: {error}");
    }
}

impl App {
    /// Judges by what was told before, and writes down what is told from now on.
    async fn judge(
        &self,
        config: &AlertsConfig,
        about: About<'_>,
        judge: impl FnOnce(&[(Kind, Timestamp)], Timestamp) -> Judged,
    ) -> Result<(), StoreError> {
        let (now, key) = (self.clock.now(), about.key());
        let before = alerts::told(&self.store().reader()?, &key)?;
        let told: Vec<(Kind, Timestamp)> = before
            .iter()
            .filter_map(|(kind, at)| Some((Kind::of(kind)?, *at)))
            .collect();
        let judged = judge(&told, now);
        if judged.told == told && judged.tell.is_empty() {
            return Ok(());
        }
        let ways = ways(config);
        self.store()
            .write(move |connection| {
                let Judged { tell, told } = judged;
                let told: Vec<_> = told.iter().map(|(kind, at)| (kind.word(), *at)).collect();
                let tell: Vec<_> = tell
                    .into_iter()
                    .map(|(kind, text)| (kind.word(), text))
                    .collect();
                alerts::note(connection, &key, &told, &tell, &ways, now)
            })
            .await
    }

    async fn send_due(&self, config: &AlertsConfig) -> Result<Duration, StoreError> {
        let letters = alerts::due(&self.store().reader()?, self.clock.now())?;
        for letter in letters {
            self.deliver(config, letter).await?;
        }
        let next = alerts::next(&self.store().reader()?)?;
        let left = next.map_or(SignedDuration::MAX, |next| {
            next.duration_since(self.clock.now())
        });
        Ok(Duration::try_from(left)
            .unwrap_or_default()
            .min(LONGEST_NAP))
    }

    async fn deliver(&self, config: &AlertsConfig, letter: Letter) -> Result<(), StoreError> {
        let (job, source) = match About::of(&letter.job) {
            About::Job(job) => (job.to_owned(), String::new()),
            About::Source(source) => (String::new(), source.to_owned()),
        };
        let alert = Alert {
            kind: letter.kind,
            job,
            source,
            sentence: letter.sentence,
            at: letter.written,
        };
        let (id, tries) = (letter.id, letter.tries + 1);
        let (way, about, kind) = (&letter.way, &letter.job, &alert.kind);
        let again = match send(way, config, &self.secrets, &alert).await {
            Ok(()) => {
                tracing::info!(way, about, kind, "alert sent");
                None
            }
            Err(why) if tries >= TRIES => {
                tracing::error!(way, about, kind, tries, "an alert is given up: {why}");
                None
            }
            Err(why) => {
                tracing::warn!(
                    way,
                    about,
                    kind,
                    tries,
                    "an alert could not be sent and is tried again: {why}"
                );
                Some(pause(tries))
            }
        };
        let again = again.map(|length| {
            let length = SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX);
            scalar::moved(self.clock.now(), length)
        });
        self.store()
            .write(move |connection| match again {
                None => alerts::remove(connection, id),
                Some(due) => alerts::later(connection, id, due),
            })
            .await
    }
}
