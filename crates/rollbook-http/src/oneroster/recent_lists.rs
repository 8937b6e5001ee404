//! The lists that were asked for last: a program that reads one asks for it page by page.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::route::RosterRoute;

/// So many are remembered, each with four bytes a row.
const MAX_LISTS: usize = 16;

/// A list, whatever page of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedList {
    pub route: RosterRoute,
    pub filter: Option<String>,
    pub sort: Option<String>,
    pub is_descending: bool,
}

/// The rows of a list, and whether they could not be sorted.
type ListedRows = (Arc<[u32]>, bool);

/// The lists, the last one in front.
#[derive(Debug, Default)]
pub struct RecentLists(Mutex<VecDeque<(AskedList, ListedRows)>>);

impl RecentLists {
    /// The rows of a list that was asked for before.
    pub fn get(&self, asked: &AskedList) -> Option<ListedRows> {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = lists.iter().position(|(known, _)| known == asked)?;
        let list = lists.remove(at)?;
        let rows = list.1.clone();
        lists.push_front(list);
        Some(rows)
    }

    /// Remembers a list in place of the one that was asked for longest ago.
    pub fn put(&self, asked: AskedList, rows: ListedRows) {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lists.retain(|(known, _)| *known != asked);
        lists.push_front((asked, rows));
        lists.truncate(MAX_LISTS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lists_are_found_again() {
        let lists = RecentLists::default();
        let asked = |number: usize| AskedList {
            route: RosterRoute::of("/users").expect("a path"),
            filter: None,
            sort: Some(number.to_string()),
            is_descending: false,
        };
        for number in 0..MAX_LISTS {
            lists.put(asked(number), (Arc::from([number as u32]), false));
        }
        assert_eq!(lists.get(&asked(0)), Some((Arc::from([0]), false)));
        lists.put(asked(99), (Arc::from([99]), true));
        assert_eq!(lists.get(&asked(1)), None, "asked for longest ago");
        assert!(lists.get(&asked(0)).is_some() && lists.get(&asked(99)).is_some());
        let descending = AskedList {
            is_descending: true,
            ..asked(99)
        };
        assert_eq!(lists.get(&descending), None);
    }
}
