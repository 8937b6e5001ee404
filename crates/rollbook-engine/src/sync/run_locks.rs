//! The locks that a run holds on its tables, and how long it waits for those of another run.
//!
//! From start to end a run locks the columns of its tables, with the layout that it was built with, so a reload that
//! drops a column cannot make it fail. While it reads a stream it also locks that stream's rows. No wait exceeds the
//! run's remaining time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::Failure;
use super::job::{Job, StreamJob};
use super::report::{Progress, ProgressSink};
use rollbook_core::clock::Clock;
use rollbook_core::store::fitting::{self, Layout};
use rollbook_core::store::table_locks::{ColumnsFree, ColumnsKept, RowsLock};
use rollbook_core::store::{Store, StoreError};
use rollbook_http::http::RunBudget;

/// What a run locks until it ends.
pub struct RunLocks<'a> {
    store: &'a Arc<Store>,
    clock: &'a Clock,
    job: &'a Arc<Job>,
    progress: &'a ProgressSink,
    columns: Mutex<BTreeMap<String, ColumnsKept>>,
}

impl<'a> RunLocks<'a> {
    /// Locks the job's tables that are free and fits them. A table that another run uses with other columns is awaited
    /// when its stream is read, so that the other streams need not wait.
    pub async fn begin(
        store: &'a Arc<Store>,
        clock: &'a Clock,
        job: &'a Arc<Job>,
        progress: &'a ProgressSink,
    ) -> Result<Self, StoreError> {
        let locks = Self {
            store,
            clock,
            job,
            progress,
            columns: Mutex::default(),
        };
        let mut tables = job.tables();
        tables.sort_unstable();
        let mut kept: Vec<(String, ColumnsKept)> = Vec::new();
        for table in tables {
            kept.extend(
                store
                    .locks()
                    .try_keep_columns(&table)
                    .map(|one| (table, one)),
            );
        }
        let stale = locks.stale(kept.iter().map(|(table, _)| table.clone()));
        let stale = stale.await?;
        kept.retain(|(table, _)| !stale.contains(table));
        locks.columns().extend(kept);
        let free: Vec<(String, ColumnsFree)> = stale
            .into_iter()
            .filter_map(|table| Some((table.clone(), store.locks().try_free_columns(&table)?)))
            .collect();
        if !free.is_empty() {
            locks.fit(free).await?;
        }
        Ok(locks)
    }

    /// Waits for the exclusive lock of a stream's rows, and for a table with the columns of this run.
    pub async fn lock(&self, budget: &RunBudget, stream: &StreamJob) -> Result<RowsLock, Failure> {
        self.keep_columns(budget, stream).await?;
        let lock = self.lock_rows(budget, stream).await?;
        self.drain_writer().await?;
        Ok(lock)
    }

    /// The same for several streams, in the order of their tables' names, so that two runs do not wait for each other;
    /// the error names the stream whose lock took too long.
    pub async fn lock_all(
        &self,
        budget: &RunBudget,
        streams: &[Arc<StreamJob>],
    ) -> Result<Vec<RowsLock>, (Arc<StreamJob>, Failure)> {
        let mut streams: Vec<&Arc<StreamJob>> = streams.iter().collect();
        streams.sort_by_cached_key(|stream| stream.table.name());
        let mut locks = Vec::with_capacity(streams.len());
        // All columns before any rows: the order of `store/table_locks.rs`.
        for stream in &streams {
            let kept = self.keep_columns(budget, stream).await;
            kept.map_err(|error| (Arc::clone(stream), error))?;
        }
        for stream in &streams {
            let lock = self.lock_rows(budget, stream).await;
            locks.push(lock.map_err(|error| (Arc::clone(stream), error))?);
        }
        match (self.drain_writer().await, streams.first()) {
            (Err(error), Some(first)) => Err((Arc::clone(first), error)),
            _ => Ok(locks),
        }
    }

    async fn lock_rows(&self, budget: &RunBudget, stream: &StreamJob) -> Result<RowsLock, Failure> {
        let table = stream.table.name();
        match self.store.locks().try_lock_table(&table) {
            Some(lock) => Ok(lock),
            None => {
                let lock = self.store.locks().lock_table(&table);
                self.within(budget, stream, lock).await
            }
        }
    }

    /// A stopped run has released its locks, but its last write may still be queued: wait for it before anything is
    /// compared.
    async fn drain_writer(&self) -> Result<(), Failure> {
        Ok(self.store.write(|_| Ok(())).await?)
    }

    async fn keep_columns(&self, budget: &RunBudget, stream: &StreamJob) -> Result<(), Failure> {
        let table = &stream.table.name();
        if self.columns().contains_key(table) {
            return Ok(());
        }
        let kept = self
            .within(budget, stream, self.store.locks().keep_columns(table))
            .await?;
        if self.stale([table.clone()]).await?.is_empty() {
            self.columns().insert(table.clone(), kept);
            return Ok(());
        }
        drop(kept);
        let free = self
            .within(budget, stream, self.store.locks().free_columns(table))
            .await?;
        Ok(self.fit(vec![(table.clone(), free)]).await?)
    }

    /// Waits no longer than the run has time.
    async fn within<T>(
        &self,
        budget: &RunBudget,
        stream: &StreamJob,
        wait: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        let left = budget.left();
        (self.progress)(Progress::ExpectSilence(left));
        tokio::select! {
            biased;
            done = wait => Ok(done),
            () = self.clock.sleep(left) => Err(Failure::Busy {
                stream: stream.spec.name.clone(),
                source_name: self.job.source.name.clone(),
                waited: waited(left, self.job.timeout),
            }),
        }
    }

    /// Those of these tables that have other columns than this run was built with.
    async fn stale(
        &self,
        tables: impl IntoIterator<Item = String>,
    ) -> Result<Vec<String>, StoreError> {
        let (layout, tables) = (self.layout(), tables.into_iter().collect::<Vec<_>>());
        let check = move |connection: &mut _| fitting::stale(connection, &layout, &tables);
        self.store.write(check).await
    }

    /// Makes tables fit, and keeps them so.
    async fn fit(&self, free: Vec<(String, ColumnsFree)>) -> Result<(), StoreError> {
        let layout = self.layout();
        let act = move |connection: &mut _| {
            let names: Vec<&str> = free.iter().map(|(table, _)| table.as_str()).collect();
            fitting::fit(connection, &layout, &names)?;
            let kept = free.into_iter().map(|(table, free)| (table, free.keep()));
            Ok(kept.collect::<Vec<_>>())
        };
        let kept = self.store.write(act).await?;
        self.columns().extend(kept);
        Ok(())
    }

    fn layout(&self) -> Arc<Layout> {
        Arc::clone(&self.job.layout)
    }

    fn columns(&self) -> MutexGuard<'_, BTreeMap<String, ColumnsKept>> {
        self.columns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wait, for the message.
fn waited(left: Duration, timeout: Duration) -> String {
    let seconds = |length: Duration| length.as_secs();
    match seconds(left) == seconds(timeout) {
        true => format!("{} s, the job's timeout", seconds(timeout)),
        false => format!(
            "{} s, what was left of the job's timeout of {} s",
            seconds(left),
            seconds(timeout)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_reported_with_its_limit() {
        for (left, expected) in [
            (30_000, "30 s, the job's timeout"),
            (29_999, "29 s, what was left of the job's timeout of 30 s"),
            (0, "0 s, what was left of the job's timeout of 30 s"),
        ] {
            let timeout = Duration::from_secs(30);
            assert_eq!(waited(Duration::from_millis(left), timeout), expected);
        }
    }
}
