//! One day's rows of a tenant, and the order of each list that was asked for.
//!
//! Orders are kept because a reader asks for the same list page by page: sorting fifty thousand
//! enrollments anew for each page would be all the sandbox does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::filter::{compare, plain};
use super::roster::Roster;

/// Orders by the list's path and the field it is sorted by.
type Orders = BTreeMap<(String, Option<String>), Arc<Vec<usize>>>;

/// What one tenant serves on one day.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) rows: Roster,
    orders: Mutex<Orders>,
}

impl Served {
    pub(super) fn new(rows: Roster) -> Self {
        Self {
            rows,
            orders: Mutex::default(),
        }
    }

    /// Places of a list's rows among all rows of its collection: ascending by a field, or in order
    /// of arrival.
    pub(super) fn order(
        &self,
        list: &str,
        field: Option<&str>,
        all: &[Value],
        belongs: impl Fn(&Value) -> bool,
    ) -> Arc<Vec<usize>> {
        let make = || {
            let mut places: Vec<usize> = (0..all.len())
                .filter(|place| belongs(&all[*place]))
                .collect();
            if let Some(field) = field {
                places.sort_by(|left, right| {
                    compare(&plain(&all[*left][field]), &plain(&all[*right][field]))
                });
            }
            Arc::new(places)
        };
        let Ok(mut orders) = self.orders.lock() else {
            return make();
        };
        let key = (list.to_owned(), field.map(str::to_owned));
        Arc::clone(orders.entry(key).or_insert_with(make))
    }
}
