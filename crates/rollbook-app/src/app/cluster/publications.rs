//! The sources of a worker share the connections to the databases that they publish to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use rollbook_core::model::PublishName;

/// Sources that publish to a database at once; more wait. A database has a hundred connections by default.
const AT_ONCE: usize = 4;

/// Who publishes to which database.
#[derive(Default)]
pub(super) struct Publications(Mutex<BTreeMap<PublishName, Arc<Semaphore>>>);

impl Publications {
    /// Waits for a connection to a database; it is another's turn when the result is dropped.
    pub async fn turn(&self, name: &PublishName) -> Option<OwnedSemaphorePermit> {
        let turns = {
            let mut databases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let turns = databases.entry(name.clone());
            Arc::clone(turns.or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))))
        };
        turns.acquire_owned().await.ok()
    }
}
