//! `apply = "together"`: all streams are read first; then all become visible at once, or none.

use super::reports::not_applied;
use super::{DanglingRows, Preconditions, Ready, StreamRun, StreamStep};
use crate::sync::read::Context;
use crate::sync::report::RunReport;

impl StreamRun<'_> {
    pub(super) async fn together(
        &self,
        context: &Context<'_>,
        preconditions: &Preconditions,
    ) -> RunReport {
        let mut report = RunReport::begun(self.job, self.run);
        let started = self.clock.running();
        let _locks = match self.locks.lock_all(context.budget, &self.job.streams).await {
            Ok(locks) => locks,
            Err((stream, error)) => {
                let (part, _) = self.record_failure(&stream, Err(error), started, &mut report);
                self.report_end(&part);
                report.streams.push(part);
                return report.conclude();
            }
        };
        // The lists are read one after the other: a row may point to one that joined after its own list was read. A
        // second reading includes it.
        for dangling in [DanglingRows::Reread, DanglingRows::Accept] {
            report = RunReport::begun(self.job, self.run);
            let ready = self.read_all(context, preconditions, &mut report).await;
            if self
                .apply_all(preconditions, ready, dangling, &mut report)
                .await
            {
                break;
            }
            tracing::warn!(
                job = self.job.name.as_str(),
                "rows point to rows that do not exist; reading again"
            );
        }
        self.in_order(&mut report);
        self.note_unrequested(&mut report);
        report.streams.iter().for_each(|part| self.report_end(part));
        report.conclude()
    }

    /// Reads the streams in order, up to the first that fails.
    async fn read_all(
        &self,
        context: &Context<'_>,
        preconditions: &Preconditions,
        report: &mut RunReport,
    ) -> Vec<Ready> {
        let mut ready = Vec::new();
        for stream in &self.job.streams {
            let started = self.clock.running();
            match self.read(context, preconditions, stream).await {
                Ok(StreamStep::Ready(part)) => ready.push(*part),
                Ok(StreamStep::Done(part)) => report.streams.push(*part),
                Err(error) => {
                    let (part, _) = self.record_failure(stream, Err(error), started, report);
                    report.streams.push(part);
                    break;
                }
            }
        }
        ready
    }

    /// Applies all streams, or none if one of them has no good outcome; returns whether the run is done.
    async fn apply_all(
        &self,
        preconditions: &Preconditions,
        ready: Vec<Ready>,
        dangling: DanglingRows,
        report: &mut RunReport,
    ) -> bool {
        let in_the_way = report
            .streams
            .iter()
            .find(|part| !part.record.outcome.is_good());
        if let Some(part) = in_the_way {
            let (name, outcome) = (part.record.stream.clone(), part.record.outcome);
            let others = ready.into_iter();
            let others = others.map(|part| not_applied(part, &name, outcome));
            report.streams.extend(others);
            return true;
        }
        match self.apply(preconditions, ready, dangling).await {
            Ok(Some(parts)) => report.streams.extend(parts),
            Ok(None) => return false,
            Err(error) => {
                let (first, now) = (&self.job.streams[0], self.clock.running());
                let (part, _) = self.record_failure(first, Err(error), now, report);
                report.streams.push(part);
            }
        }
        true
    }
}
