//! A run that could not begin because something on this machine is missing: a secret, a certificate.
//!
//! Recorded like any other run, so that it causes an alert. No request was sent, so another attempt costs nothing:
//! unlike a job that a vendor has refused, this one is tried at every tick and counts no failures.

use super::job::RunOptions;
use super::report::RunReport;
use super::run::Runner;
use super::run_log::log_end;
use rollbook_core::model::{EntryName, JobName, Outcome, ParkReason, SourceName};
use rollbook_core::store::StoreError;
use rollbook_core::store::runs::{self, Parked, RunEnd};

impl Runner {
    /// Records that a job could not start, and why; `message` includes what to do. A dry run records nothing.
    pub async fn not_ready(
        &self,
        job: &JobName,
        source: &SourceName,
        options: RunOptions,
        message: String,
    ) -> RunReport {
        let mut report = RunReport {
            run: None,
            job: job.clone(),
            source: source.clone(),
            outcome: Outcome::Parked,
            park: Some(ParkReason::Unready),
            message: Some(message.clone()),
            streams: Vec::new(),
            gaps: Vec::new(),
            deferred_until: None,
        };
        if options.dry {
            return report;
        }
        match self.record(job, source, options, message.clone()).await {
            Ok(run) => {
                report.run = Some(run);
                log_end(&report);
            }
            Err(error) => {
                tracing::error!(job = job.as_str(), %error, message, "could not record a run that did not start");
            }
        }
        report
    }

    async fn record(
        &self,
        job: &JobName,
        source: &SourceName,
        options: RunOptions,
        message: String,
    ) -> Result<i64, StoreError> {
        let now = self.clock.now();
        let (job, source) = (job.clone(), source.clone());
        let end = RunEnd {
            outcome: Outcome::Parked,
            message: Some(message.clone()),
            hold: None,
        };
        let act = self.store.write(move |connection| {
            let what = StoreError::sql("record a run that did not start");
            let transaction = connection.transaction().map_err(&what)?;
            let run = runs::begin(
                &transaction,
                (&job, &source),
                options.cause,
                options.only.as_ref(),
                now,
            )?;
            runs::end(&transaction, run, now, &end)?;
            let entry = EntryName::from(&job);
            let mut state = runs::job_state(&transaction, &entry)?;
            state.parked = Some(Parked {
                reason: ParkReason::Unready,
                message,
                // It may be provided without a change of the configuration.
                config_fingerprint: None,
            });
            runs::save_job_state(&transaction, &entry, &state)?;
            transaction.commit().map_err(&what)?;
            Ok(run)
        });
        act.await
    }
}
