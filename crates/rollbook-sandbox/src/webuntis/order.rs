//! One day's rows of a tenant, and the order of each requested list.
//!
//! Orders are cached because a reader requests the same list page by page: sorting fifty thousand
//! enrollments for each page would dominate the run time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::filter::{compare, plain};
use super::roster::Roster;

/// Cached orders by path and sort field.
type Orders = BTreeMap<(String, Option<String>), Arc<Vec<usize>>>;

/// The rows of one tenant on one day.
#[derive(Debug)]
pub(super) struct DayRoster {
    pub(super) rows: Roster,
    orders: Mutex<Orders>,
}

impl DayRoster {
    pub(super) fn new(rows: Roster) -> Self {
        Self {
            rows,
            orders: Mutex::default(),
        }
    }

    /// Indexes of a list's rows in its collection: ascending by a field, or in order of
    /// creation.
    pub(super) fn order(
        &self,
        list: &str,
        field: Option<&str>,
        all: &[Value],
        belongs: impl Fn(&Value) -> bool,
    ) -> Arc<Vec<usize>> {
        let make = || {
            let mut indexes: Vec<usize> = (0..all.len())
                .filter(|index| belongs(&all[*index]))
                .collect();
            if let Some(field) = field {
                indexes.sort_by(|left, right| {
                    compare(&plain(&all[*left][field]), &plain(&all[*right][field]))
                });
            }
            Arc::new(indexes)
        };
        let Ok(mut orders) = self.orders.lock() else {
            return make();
        };
        let key = (list.to_owned(), field.map(str::to_owned));
        Arc::clone(orders.entry(key).or_insert_with(make))
    }
}
