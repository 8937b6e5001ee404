//! State shared by the simulated vendors of one sandbox: the school, the day, and saved values.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::school::School;

/// Shared by the vendors of one sandbox.
#[derive(Debug)]
pub struct Shared {
    /// The invented school.
    pub school: School,
    day: AtomicU64,
    values: Mutex<BTreeMap<String, String>>,
}

impl Shared {
    /// A school on a given day, with the values that an earlier process saved (rotated refresh tokens).
    pub fn new(school: School, day: u64, values: BTreeMap<String, String>) -> Self {
        Self {
            school,
            day: AtomicU64::new(day),
            values: Mutex::new(values),
        }
    }

    /// Days of churn so far.
    pub fn day(&self) -> u64 {
        self.day.load(Ordering::Relaxed)
    }

    /// Simulates one more day.
    pub fn advance(&self) {
        self.day.fetch_add(1, Ordering::Relaxed);
    }

    /// A value that a vendor saved, such as its current refresh token.
    pub fn saved_value(&self, name: &str) -> Option<String> {
        self.values.lock().ok()?.get(name).cloned()
    }

    /// Sets a value that must outlive this process.
    pub fn save_value(&self, name: &str, value: &str) {
        if let Ok(mut values) = self.values.lock() {
            values.insert(name.to_owned(), value.to_owned());
        }
    }

    /// All saved values.
    pub fn values(&self) -> BTreeMap<String, String> {
        self.values
            .lock()
            .map(|values| values.clone())
            .unwrap_or_default()
    }
}
