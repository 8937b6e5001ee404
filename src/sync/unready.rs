//! A run that could not begin because something on this machine is missing: a secret, a certificate.
//!
//! It is recorded like any other, or nobody would be told. Nobody was asked anything, so it costs nobody anything to
//! look again: unlike a job that a vendor has refused, this one is tried at every tick and counts no failures.

use super::report::RunReport;
use super::run::{Order, Runner};
use crate::model::{Outcome, ParkReason};
use crate::store::StoreError;
use crate::store::runs::{self, Parked, RunEnd};

impl Runner {
    /// Records that a job could not begin, and why; `sentence` says what to do. A dry run records nothing.
    pub async fn not_ready(
        &self,
        job: &str,
        source: &str,
        order: Order,
        sentence: String,
    ) -> RunReport {
        let mut report = RunReport {
            run: None,
            job: job.to_owned(),
            source: source.to_owned(),
            outcome: Outcome::Parked,
            park: Some(ParkReason::Unready),
            sentence: Some(sentence.clone()),
            streams: Vec::new(),
            gaps: Vec::new(),
            deferred_until: None,
        };
        if order.dry {
            return report;
        }
        match self.record(job, source, order, sentence.clone()).await {
            Ok(run) => {
                let outcome = report.outcome.as_str();
                tracing::error!(job, run, outcome, sentence, "run ends");
                report.run = Some(run);
            }
            Err(error) => {
                tracing::error!(job, %error, sentence, "could not note that a run did not begin");
            }
        }
        report
    }

    async fn record(
        &self,
        job: &str,
        source: &str,
        order: Order,
        sentence: String,
    ) -> Result<i64, StoreError> {
        let now = self.clock.now();
        let (job, source) = (job.to_owned(), source.to_owned());
        let end = RunEnd {
            outcome: Outcome::Parked,
            sentence: Some(sentence.clone()),
            hold: None,
        };
        let act = self.store.write(move |connection| {
            let what = StoreError::sql("note that a run did not begin");
            let transaction = connection.transaction().map_err(&what)?;
            let run = runs::begin(&transaction, &job, &source, order.cause, now)?;
            runs::end(&transaction, run, now, &end)?;
            let mut state = runs::job_state(&transaction, &job)?;
            state.parked = Some(Parked {
                reason: ParkReason::Unready,
                message: sentence,
                // What is missing may come without a change of the configuration.
                config_fingerprint: None,
            });
            runs::save_job_state(&transaction, &job, &state)?;
            transaction.commit().map_err(&what)?;
            Ok(run)
        });
        act.await
    }
}
