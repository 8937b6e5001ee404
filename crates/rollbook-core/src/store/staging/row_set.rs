//! Which rows of the table a reading has received.

use std::collections::HashSet;

use roaring::RoaringTreemap;

/// Rows of a table by [`StoredRow::number`](super::StoredRow).
pub(super) enum RowSet {
    /// Row numbers; ids may be sparse, hence no plain bit array.
    Numbers(RoaringTreemap),
    /// Numbers of keys, which are spread over all 64 bits: a time series is read in small steps.
    Keys(HashSet<u64>),
}

impl RowSet {
    pub(super) fn new(is_series: bool) -> Self {
        match is_series {
            true => Self::Keys(HashSet::new()),
            false => Self::Numbers(RoaringTreemap::new()),
        }
    }

    /// Returns whether it was not in it.
    pub(super) fn insert(&mut self, number: i64) -> bool {
        match self {
            Self::Numbers(numbers) => numbers.insert(number as u64),
            Self::Keys(keys) => keys.insert(number as u64),
        }
    }

    pub(super) fn contains(&self, number: i64) -> bool {
        match self {
            Self::Numbers(numbers) => numbers.contains(number as u64),
            Self::Keys(keys) => keys.contains(&(number as u64)),
        }
    }

    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Keys(keys) => keys.len() as u64,
        }
    }

    /// The first row numbers; none of a time series.
    pub(super) fn first(&self, count: u64) -> impl Iterator<Item = i64> {
        let numbers = match self {
            Self::Numbers(numbers) => Some(numbers),
            Self::Keys(_) => None,
        };
        let numbers = numbers.into_iter().flatten().take(count as usize);
        numbers.map(|number| number as i64)
    }
}
