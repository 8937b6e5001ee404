//! The rows as the mirror has them now: read when the daemon has written the bundle, kept in memory until it does again.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};
use std::time::Duration;

use super::entity::RosterEntity;
use super::roster::Roster;
use rollbook_core::model::BundleName;
use rollbook_core::store::StoreError;
use rollbook_core::store::bundle::served_reader::{ServedNews, ServedReader};

/// How often is looked whether the bundle was written.
const CHECK: Duration = Duration::from_secs(1);

/// Reads one bundle.
pub struct RosterReader {
    bundle: BundleName,
    entities: Vec<RosterEntity>,
    roster: RwLock<Option<Arc<Roster>>>,
    refreshing: Mutex<Refreshing>,
}

/// What the next look needs to know of the last one.
struct Refreshing {
    reader: ServedReader,
    checked: Option<Duration>,
    problem: Option<String>,
}

impl RosterReader {
    /// Of this bundle, which has files of these entities.
    pub fn new(mirror: PathBuf, bundle: BundleName, entities: Vec<RosterEntity>) -> Self {
        Self {
            refreshing: Mutex::new(Refreshing {
                reader: ServedReader::new(mirror, bundle.clone()),
                checked: None,
                problem: None,
            }),
            bundle,
            entities,
            roster: RwLock::default(),
        }
    }

    /// The rows now; `None` if the daemon has not written the bundle yet. Blocks while they are read for the first time.
    ///
    /// While the mirror cannot be read, the last rows stay.
    pub fn current(&self, now: Duration) -> Option<Arc<Roster>> {
        let known = || {
            let roster = self.roster.read().unwrap_or_else(PoisonError::into_inner);
            roster.clone()
        };
        match self.refreshing.try_lock() {
            Ok(refreshing) => self.refresh(refreshing, now),
            Err(TryLockError::Poisoned(poisoned)) => self.refresh(poisoned.into_inner(), now),
            // Others need not wait until newer rows are read.
            Err(TryLockError::WouldBlock) if known().is_some() => {}
            Err(TryLockError::WouldBlock) => {
                let refreshing = self.refreshing.lock();
                self.refresh(refreshing.unwrap_or_else(PoisonError::into_inner), now);
            }
        }
        known()
    }

    fn refresh(&self, mut refreshing: MutexGuard<'_, Refreshing>, now: Duration) {
        let checked = refreshing.checked;
        if checked.is_some_and(|checked| now.saturating_sub(checked) < CHECK) {
            return;
        }
        refreshing.checked = Some(now);
        let mut roster = Roster::new(&self.entities);
        let read = refreshing.reader.rows_if_new(|row| {
            let Some(entity) = RosterEntity::of_file(row.file) else {
                return ControlFlow::Continue(());
            };
            match roster.add(entity, (row.changed, row.is_removed), row.id, row.row) {
                Ok(()) => ControlFlow::Continue(()),
                Err(unfit) => ControlFlow::Break(unfit),
            }
        });
        refreshing.problem = self.problem(&read, refreshing.problem.take());
        let roster = match read {
            Ok(ServedNews::Read) => {
                roster.finish();
                tracing::info!(bundle = %self.bundle, rows = roster.row_count(), "rows read");
                Some(Arc::new(roster))
            }
            Ok(ServedNews::NotWritten) => None,
            Ok(ServedNews::Same | ServedNews::Stopped(_)) | Err(_) => return,
        };
        *self.roster.write().unwrap_or_else(PoisonError::into_inner) = roster;
    }

    /// What is wrong now; it is logged when it is something else than before.
    fn problem<B: ToString>(
        &self,
        read: &Result<ServedNews<B>, StoreError>,
        before: Option<String>,
    ) -> Option<String> {
        let bundle = &self.bundle;
        let problem = match read {
            Ok(ServedNews::Same) => return before,
            Ok(ServedNews::Read) => return None,
            Ok(ServedNews::NotWritten) => format!(
                "the bundle {bundle} is not in the mirror yet; the next run writes it, or `rollbook export {bundle}`"
            ),
            Ok(ServedNews::Stopped(why)) => {
                format!(
                    "the rows of the bundle {bundle} cannot be served: {}",
                    why.to_string()
                )
            }
            Err(error) => format!("the rows of the bundle {bundle} cannot be read: {error}"),
        };
        if before.as_ref() != Some(&problem) {
            tracing::warn!("{problem}");
        }
        Some(problem)
    }
}
