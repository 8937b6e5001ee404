//! What every simulated vendor needs of the sandbox: the school, the day, and the token state on disk.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::school::School;

/// Shared by the three vendors of one sandbox.
#[derive(Debug)]
pub struct Shared {
    /// The invented school.
    pub school: School,
    day: AtomicU64,
    notes: Mutex<BTreeMap<String, String>>,
}

impl Shared {
    /// A school on a given day, with what an earlier sandbox noted (rotated refresh tokens).
    pub fn new(school: School, day: u64, notes: BTreeMap<String, String>) -> Self {
        Self {
            school,
            day: AtomicU64::new(day),
            notes: Mutex::new(notes),
        }
    }

    /// Days of churn since the school was invented; day zero is the first.
    pub fn day(&self) -> u64 {
        self.day.load(Ordering::Relaxed)
    }

    /// Lets one more day of churn pass.
    pub fn advance(&self) {
        self.day.fetch_add(1, Ordering::Relaxed);
    }

    /// What a vendor noted under a name, such as its current refresh token.
    pub fn note(&self, name: &str) -> Option<String> {
        self.notes.lock().ok()?.get(name).cloned()
    }

    /// Notes something that must outlive this process.
    pub fn set_note(&self, name: &str, value: &str) {
        if let Ok(mut notes) = self.notes.lock() {
            notes.insert(name.to_owned(), value.to_owned());
        }
    }

    /// All notes, to be written down.
    pub fn notes(&self) -> BTreeMap<String, String> {
        self.notes
            .lock()
            .map(|notes| notes.clone())
            .unwrap_or_default()
    }
}
