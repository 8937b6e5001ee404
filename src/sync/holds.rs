//! What a run holds of its tables, and how long it waits for another run that holds it.
//!
//! From its start to its end a run keeps the columns of its tables as they are, and sees to it that they are those it
//! was built with; so a reload that drops a column cannot make it fail. While it reads a stream it holds that stream's
//! rows alone. No wait is longer than what is left of the run's time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::Failure;
use super::job::{Job, StreamJob};
use super::report::{Progress, Watch};
use crate::clock::Clock;
use crate::http::RunBudget;
use crate::store::fitting::{self, Layout};
use crate::store::table_locks::{ColumnsFree, ColumnsKept, RowsLock};
use crate::store::{Store, StoreError};

/// What a run holds until it ends.
pub struct Holds<'a> {
    store: &'a Arc<Store>,
    clock: &'a Clock,
    job: &'a Arc<Job>,
    watch: &'a Watch,
    columns: Mutex<BTreeMap<String, ColumnsKept>>,
}

impl<'a> Holds<'a> {
    /// Takes what is free of the job's tables and makes it fit. What another run uses with other columns is waited for
    /// when its stream is read, so that the other streams need not wait.
    pub async fn begin(
        store: &'a Arc<Store>,
        clock: &'a Clock,
        job: &'a Arc<Job>,
        watch: &'a Watch,
    ) -> Result<Self, StoreError> {
        let holds = Self {
            store,
            clock,
            job,
            watch,
            columns: Mutex::default(),
        };
        let mut tables = job.tables();
        tables.sort_unstable();
        let mut kept: Vec<(String, ColumnsKept)> = Vec::new();
        for table in tables {
            kept.extend(store.try_keep_columns(&table).map(|one| (table, one)));
        }
        let stale = holds.stale(kept.iter().map(|(table, _)| table.clone()));
        let stale = stale.await?;
        kept.retain(|(table, _)| !stale.contains(table));
        holds.columns().extend(kept);
        let free: Vec<(String, ColumnsFree)> = stale
            .into_iter()
            .filter_map(|table| Some((table.clone(), store.try_free_columns(&table)?)))
            .collect();
        if !free.is_empty() {
            holds.fit(free).await?;
        }
        Ok(holds)
    }

    /// Waits until this run alone may read a stream, and its table has the columns that the run was built with.
    pub async fn lock(&self, budget: &RunBudget, stream: &StreamJob) -> Result<RowsLock, Failure> {
        self.keep_columns(budget, stream).await?;
        let lock = self.lock_rows(budget, stream).await?;
        self.after_the_last_holder().await?;
        Ok(lock)
    }

    /// The same for several streams. They are taken in the order of their tables' names, so that two runs that name
    /// them in different orders do not wait for each other; the error says at which one the wait was too long.
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
        match (self.after_the_last_holder().await, streams.first()) {
            (Err(error), Some(first)) => Err((Arc::clone(first), error)),
            _ => Ok(locks),
        }
    }

    async fn lock_rows(&self, budget: &RunBudget, stream: &StreamJob) -> Result<RowsLock, Failure> {
        let table = stream.table.name();
        match self.store.try_lock_table(&table) {
            Some(lock) => Ok(lock),
            None => {
                let lock = self.store.lock_table(&table);
                self.within(budget, stream, lock).await
            }
        }
    }

    /// A run that was stopped has let go of its locks, and what it asked of the writer may still be in the queue: that
    /// is done before anything is compared.
    async fn after_the_last_holder(&self) -> Result<(), Failure> {
        Ok(self.store.write(|_| Ok(())).await?)
    }

    async fn keep_columns(&self, budget: &RunBudget, stream: &StreamJob) -> Result<(), Failure> {
        let table = &stream.table.name();
        if self.columns().contains_key(table) {
            return Ok(());
        }
        let kept = self
            .within(budget, stream, self.store.keep_columns(table))
            .await?;
        if self.stale([table.clone()]).await?.is_empty() {
            self.columns().insert(table.clone(), kept);
            return Ok(());
        }
        drop(kept);
        let free = self
            .within(budget, stream, self.store.free_columns(table))
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
        (self.watch)(Progress::Quiet(left));
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
        let look = move |connection: &mut _| fitting::stale(connection, &layout, &tables);
        self.store.write(look).await
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

/// How long was waited, in words.
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
    fn a_wait_is_told_with_what_bounded_it() {
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
