//! Alerts while the daemon runs: what the mirror knows of each job, judged, written down, sent.
//!
//! Beside the runs and never in their way. It looks after each run and now and then, because a job that
//! does not run at all tells nothing by itself.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::{App, DaemonEngine, care};
use crate::config::AlertsConfig;
use crate::daemon::alerts::{Alert, Facts, Judged, Kind, Limits, TRIES, judge, pause, send, ways};
use crate::daemon::{Engine as _, Entry};
use crate::model::scalar;
use crate::model::schedule::next_tick;
use crate::store::alerts::{self, Letter};
use crate::store::{StoreError, look, runs};

/// Nothing that only time brings is noticed later than this.
const LONGEST_NAP: Duration = Duration::from_secs(15 * 60);

/// A backup is missed at once: it comes once a day.
const BACKUP_FAILURES: u32 = 1;

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

    /// Looks at every job and sends what is due; says how long there is nothing to do.
    async fn tell(&self, config: &AlertsConfig) -> Duration {
        for entry in self.jobs() {
            if let Err(error) = self.app.look_at(config, &entry).await {
                tracing::warn!(
                    job = entry.name,
                    "what is to be told of it is not known: {error}"
                );
            }
        }
        match self.app.send_due(config).await {
            Ok(nap) => nap,
            Err(error) => {
                tracing::warn!("alerts could not be looked up: {error}");
                LONGEST_NAP
            }
        }
    }
}

impl App {
    async fn look_at(&self, config: &AlertsConfig, entry: &Entry) -> Result<(), StoreError> {
        let now = self.clock.now();
        let reader = self.store().reader()?;
        let before = alerts::told(&reader, &entry.name)?;
        let facts = facts(&reader, entry)?;
        drop(reader);
        let told: Vec<(Kind, Timestamp)> = before
            .iter()
            .filter_map(|(kind, at)| Some((Kind::of(kind)?, *at)))
            .collect();
        let limits = Limits {
            failures: match entry.name.as_str() {
                care::BACKUP => BACKUP_FAILURES,
                _ => config.after_failures.get(),
            },
            stale: SignedDuration::try_from(config.stale_after.0).unwrap_or(SignedDuration::MAX),
        };
        let judged = judge(&entry.name, &facts, &told, limits, now);
        if judged.told == told && judged.tell.is_empty() {
            return Ok(());
        }
        let (job, ways) = (entry.name.clone(), ways(config));
        self.store()
            .write(move |connection| {
                let Judged { tell, told } = judged;
                let told: Vec<_> = told.iter().map(|(kind, at)| (kind.word(), *at)).collect();
                let tell: Vec<_> = tell
                    .into_iter()
                    .map(|(kind, text)| (kind.word(), text))
                    .collect();
                alerts::note(connection, &job, &told, &tell, &ways, now)
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
        let alert = Alert {
            kind: letter.kind,
            job: letter.job,
            sentence: letter.sentence,
            at: letter.written,
        };
        let (id, tries) = (letter.id, letter.tries + 1);
        let (way, job, kind) = (&letter.way, &alert.job, &alert.kind);
        let again = match send(way, config, &self.secrets, &alert).await {
            Ok(()) => {
                tracing::info!(way, job, kind, "alert sent");
                None
            }
            Err(why) if tries >= TRIES => {
                tracing::error!(way, job, kind, tries, "an alert is given up: {why}");
                None
            }
            Err(why) => {
                tracing::warn!(
                    way,
                    job,
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

fn facts(reader: &look::Reader, entry: &Entry) -> Result<Facts, StoreError> {
    let job = entry.name.as_str();
    let state = runs::job_state(reader, job)?;
    let (good, first) = match job {
        care::BACKUP => (runs::done(reader, care::BACKUP)?, None),
        _ => alerts::ends(reader, job)?,
    };
    let last = look::runs(reader, Some(job), 1)?.pop();
    let (cron, zone) = (entry.schedule.cron(), entry.zone.zone());
    Ok(Facts {
        parked: state.parked.clone(),
        held: look::held(reader, job)?.map(|run| run.run),
        failures: state.failures,
        sentence: state.parked.or(last
            .and_then(|run| run.sentence)
            .filter(|_| state.failures > 0)),
        good,
        due: good.or(first).and_then(|from| next_tick(cron, zone, from)),
    })
}
