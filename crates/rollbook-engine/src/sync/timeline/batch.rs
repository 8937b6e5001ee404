//! Several steps in one commit: a daily run has a small one for each series, and a commit costs more than its points.
//!
//! The rows of a step and the checkpoint behind it are in one transaction, and the steps of an item are written in their order.
//! Points are compared without those of the item's steps that wait: what both have is found when it is written. Other rows
//! may be removed by a later step, so an item's step is written before its next one is read.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::sync::error::Failure;
use crate::sync::job::StreamJob;
use crate::sync::read::Context;
use rollbook_core::model::scalar;
use rollbook_core::store::StoreError;
use rollbook_core::store::apply::Stamp;
use rollbook_core::store::series::{SeriesCommit, SeriesStep, SeriesWritten};

/// Rows that wait for no others.
const MAX_ROWS: u64 = 20_000;

/// Steps that wait for no others.
const MAX_STEPS: usize = 100;

/// How long a step waits for others: what a stop loses is read again.
const MAX_AGE: Duration = Duration::from_secs(2);

/// The steps that wait, and what was written before them.
pub(super) struct StepBatch<'a> {
    context: &'a Context<'a>,
    job: &'a StreamJob,
    /// The run that writes; none of a dry run.
    run: Option<i64>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    steps: Vec<SeriesStep>,
    rows: u64,
    first_at: Duration,
    written: SeriesWritten,
    /// A commit failed: no later step may be written, because its checkpoint would be ahead of the lost rows.
    is_broken: bool,
}

impl<'a> StepBatch<'a> {
    pub(super) fn new(context: &'a Context<'a>, job: &'a StreamJob, run: Option<i64>) -> Self {
        Self {
            context,
            job,
            run,
            waiting: Mutex::default(),
        }
    }

    /// Takes a step; it is written with the others when they are enough.
    pub(super) async fn push(&self, step: SeriesStep) -> Result<(), Failure> {
        let mut waiting = self.waiting.lock().await;
        let plan = &step.staged.plan;
        if self.run.is_none() {
            let (new, changed) = (plan.new, plan.changed);
            waiting.written.applied.new += new;
            waiting.written.applied.changed += changed;
            waiting.written.count(&step.item, &step.checkpoint, new);
            return Ok(());
        }
        let now = self.context.clock.running();
        if waiting.steps.is_empty() {
            waiting.first_at = now;
        }
        waiting.rows += plan.new + plan.changed;
        waiting.steps.push(step);
        let is_enough = waiting.rows >= MAX_ROWS
            || waiting.steps.len() >= MAX_STEPS
            || now.saturating_sub(waiting.first_at) >= MAX_AGE;
        match is_enough {
            true => self.write(&mut waiting).await,
            false => Ok(()),
        }
    }

    /// Before an item's next step is read: unless its rows are points, the last one must be in the mirror.
    pub(super) async fn settle(&self, item: &str) -> Result<(), Failure> {
        if self.job.table.series {
            return Ok(());
        }
        let mut waiting = self.waiting.lock().await;
        let is_waiting = waiting.steps.iter().any(|step| step.item == item);
        match is_waiting {
            true => self.write(&mut waiting).await,
            false => Ok(()),
        }
    }

    /// Writes what still waits.
    pub(super) async fn finish(&self) -> Result<SeriesWritten, Failure> {
        let mut waiting = self.waiting.lock().await;
        if !waiting.steps.is_empty() {
            self.write(&mut waiting).await?;
        }
        Ok(std::mem::take(&mut waiting.written))
    }

    /// The lock is held meanwhile, so that no later step overtakes these.
    async fn write(&self, waiting: &mut Waiting) -> Result<(), Failure> {
        let Some(run) = self.run.filter(|_| !waiting.is_broken) else {
            return Err(StoreError::WriterStopped.into());
        };
        let commit = SeriesCommit {
            steps: std::mem::take(&mut waiting.steps),
            written: std::mem::take(&mut waiting.written),
            stamp: Stamp {
                run,
                now: scalar::to_canonical(self.context.clock.now()),
            },
            table: Arc::clone(&self.job.table),
            source: self.context.source.name.clone(),
            account: self.context.account.clone(),
        };
        waiting.rows = 0;
        waiting.is_broken = true;
        let act = move |connection: &mut _| commit.write(connection);
        waiting.written = self.context.store.write(act).await?;
        waiting.is_broken = false;
        Ok(())
    }
}
