//! Which new keys a reading has seen, so that one that comes twice is noticed.
//!
//! Most lists come sorted by their key. While each new key lies behind the one before, the last is all
//! that is kept; the first that does not has them all looked up in what was put aside.

use super::keys::{compare_cells, key_bytes_of};
use super::*;

/// The new keys of one reading.
#[derive(Default)]
pub(super) struct NewKeys {
    /// The greatest so far, its cells one behind the other.
    last: Vec<u8>,
    /// All of them, once they came out of order.
    all: Option<HashSet<u64>>,
}

impl NewKeys {
    /// Whether the row's key lies behind all before it, as far as it can be told without a look.
    fn is_behind_all(&self, row: Cells<'_>, key: &[usize]) -> bool {
        self.last.is_empty()
            || key
                .iter()
                .zip(Cells::of(&self.last))
                .map(|(place, last)| compare_cells(row.at(*place), last))
                .find(|order| order.is_ne())
                == Some(Ordering::Greater)
    }
}

impl Staging {
    /// Whether a key that the table does not hold comes for the first time. A row that is gone leaves no trace.
    pub(super) fn is_first(&mut self, row: Cells<'_>, gone: bool) -> rusqlite::Result<bool> {
        let key = &self.table.key;
        if self.new_keys.all.is_none() {
            if self.new_keys.is_behind_all(row, key) {
                if !gone {
                    key_bytes_of(row, key, &mut self.new_keys.last);
                }
                return Ok(true);
            }
            self.new_keys.all = Some(self.staged_keys()?);
        }
        let number = row.fingerprint_of(key);
        let all = self.new_keys.all.get_or_insert_default();
        Ok(if gone {
            !all.contains(&number)
        } else {
            all.insert(number)
        })
    }

    /// The keys of all rows that were put aside as new, those of the page under way too.
    fn staged_keys(&self) -> rusqlite::Result<HashSet<u64>> {
        let mut keys = HashSet::new();
        let mut note = |entries: &[u8]| {
            let new = entries_of(entries).filter(|(mark, _)| *mark == Mark::New);
            keys.extend(new.map(|(_, row)| row.fingerprint_of(&self.table.key)));
        };
        let mut pages = self.stage.prepare("SELECT entries FROM page")?;
        let mut pages = pages.query([])?;
        while let Some(page) = pages.next()? {
            note(page.get_ref(0)?.as_blob()?);
        }
        note(&self.entries);
        Ok(keys)
    }
}

/// The rows of one page that was put aside.
pub(in crate::store) fn entries_of(mut bytes: &[u8]) -> impl Iterator<Item = (Mark, Cells<'_>)> {
    std::iter::from_fn(move || {
        let (mark, rest) = bytes.split_first()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (row, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        bytes = rest;
        let mark = match *mark {
            b'n' => Mark::New,
            b'c' => Mark::Changed,
            b'g' => Mark::Gone,
            _ => Mark::Again,
        };
        Some((mark, Cells::of(row)))
    })
}
