//! Which runs may use a stream's table now: one reading at a time, and no change of its columns while any run uses it.
//!
//! The locks belong to the table and live as long as the store, so they survive a reload of the configuration. Each
//! table has two. *Rows*: exclusive, held while a stream is read and applied. *Columns*: a run holds it shared from
//! start to end; adding or dropping columns takes it exclusively. There are no timeouts here: the caller limits the
//! wait (`sync/run_locks.rs`).
//!
//! A caller that needs several locks of one kind takes them in the order of the tables' names, and columns before
//! rows; so no two callers wait for each other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// The locks of all tables, by name.
#[derive(Debug, Default)]
pub struct TableLocks(Mutex<BTreeMap<String, TableLocksOfOne>>);

#[derive(Clone, Debug, Default)]
struct TableLocksOfOne {
    rows: Arc<tokio::sync::Mutex<()>>,
    columns: Arc<RwLock<()>>,
}

impl TableLocks {
    fn of(&self, table: &str) -> TableLocksOfOne {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match tables.get(table) {
            Some(locks) => locks.clone(),
            None => tables.entry(table.to_owned()).or_default().clone(),
        }
    }
}

/// The rows of a table are read and written by one run; until it is dropped.
#[derive(Debug)]
pub struct RowsLock(#[expect(dead_code, reason = "held, not read")] OwnedMutexGuard<()>);

/// The columns of a table stay as they are; until it is dropped.
#[derive(Debug)]
pub struct ColumnsKept(#[expect(dead_code, reason = "held, not read")] OwnedRwLockReadGuard<()>);

/// The columns of a table may be changed, because no run uses it; until it is dropped.
#[derive(Debug)]
pub struct ColumnsFree(OwnedRwLockWriteGuard<()>);

impl ColumnsFree {
    /// From now on they stay as they are.
    pub fn keep(self) -> ColumnsKept {
        ColumnsKept(self.0.downgrade())
    }
}

impl TableLocks {
    /// Waits until no other run reads a table.
    pub async fn lock_table(&self, table: &str) -> RowsLock {
        RowsLock(self.of(table).rows.lock_owned().await)
    }

    /// The same without waiting; `None` while another run reads the table.
    pub fn try_lock_table(&self, table: &str) -> Option<RowsLock> {
        let rows = self.of(table).rows;
        rows.try_lock_owned().ok().map(RowsLock)
    }

    /// Waits until no other run reads any of these tables. They are taken in the order of their names, not in the order of
    /// `tables`.
    pub async fn lock_tables(&self, tables: &[&str]) -> Vec<RowsLock> {
        let mut tables = tables.to_vec();
        tables.sort_unstable();
        tables.dedup();
        let mut locks = Vec::with_capacity(tables.len());
        for table in tables {
            locks.push(self.lock_table(table).await);
        }
        locks
    }

    /// Waits until the columns of a table are not being changed.
    pub async fn keep_columns(&self, table: &str) -> ColumnsKept {
        ColumnsKept(self.of(table).columns.read_owned().await)
    }

    /// The same without waiting; `None` while they are changed, or a change is waiting.
    pub fn try_keep_columns(&self, table: &str) -> Option<ColumnsKept> {
        let columns = self.of(table).columns;
        columns.try_read_owned().ok().map(ColumnsKept)
    }

    /// Waits until no run uses a table.
    pub async fn free_columns(&self, table: &str) -> ColumnsFree {
        ColumnsFree(self.of(table).columns.write_owned().await)
    }

    /// The same without waiting; `None` while a run uses the table.
    pub fn try_free_columns(&self, table: &str) -> Option<ColumnsFree> {
        let columns = self.of(table).columns;
        columns.try_write_owned().ok().map(ColumnsFree)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_table_is_read_by_one_and_its_columns_are_shared() {
        let locks = TableLocks::default();
        let rows = locks.lock_table("s_users").await;
        assert!(locks.try_lock_table("s_users").is_none());
        assert!(locks.try_lock_table("s_classes").is_some());
        let (one, other) = (
            locks.try_keep_columns("s_users").expect("kept"),
            locks.try_keep_columns("s_users").expect("shared"),
        );
        assert!(locks.try_free_columns("s_users").is_none());
        drop((rows, one));
        assert!(locks.try_lock_table("s_users").is_some());
        assert!(locks.try_free_columns("s_users").is_none());
        drop(other);
        let free = locks.try_free_columns("s_users").expect("free");
        assert!(locks.try_keep_columns("s_users").is_none());
        let _kept = free.keep();
        assert!(locks.try_keep_columns("s_users").is_some());
    }

    #[tokio::test]
    async fn opposite_orders_do_not_wait_for_each_other() {
        let locks = Arc::new(TableLocks::default());
        let take = |tables: [&'static str; 3]| {
            let all = Arc::clone(&locks);
            tokio::spawn(async move {
                for _ in 0..200 {
                    let locks = all.lock_tables(&tables).await;
                    tokio::task::yield_now().await;
                    assert_eq!(locks.len(), 2);
                }
            })
        };
        let (one, other) = (take(["a", "b", "a"]), take(["b", "a", "b"]));
        let both = async { (one.await, other.await) };
        let (one, other) = tokio::time::timeout(Duration::from_secs(20), both)
            .await
            .expect("in time");
        one.and(other).expect("both");
    }
}
