//! A source that moves under its reader: rows inserted, deleted or changed between two pages.
//!
//! Armed by a test: "after page 2 of users, delete the first row". An edit stays; the next
//! reading sees the same source.

use std::sync::Mutex;

/// What happens to a collection; positions are those of the order it is served in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new row appears at this position.
    Insert(usize),
    /// The row at this position goes.
    Delete(usize),
    /// The row at this position is changed.
    Touch(usize),
}

#[derive(Debug)]
struct Hook {
    collection: String,
    pages_left: u64,
    change: Change,
}

/// Edits that wait for their page, and edits that happened.
#[derive(Debug, Default)]
pub struct Edits {
    waiting: Mutex<Vec<Hook>>,
    done: Mutex<Vec<(String, Change)>>,
}

impl Edits {
    /// Arms a change for the time right after so many more pages of a collection; zero is at once.
    pub fn after_page(&self, collection: &str, page: u64, change: Change) {
        if page == 0 {
            if let Ok(mut done) = self.done.lock() {
                done.push((collection.to_owned(), change));
            }
        } else if let Ok(mut waiting) = self.waiting.lock() {
            waiting.push(Hook {
                collection: collection.to_owned(),
                pages_left: page,
                change,
            });
        }
    }

    /// Says that a page of a collection went out.
    pub(crate) fn page_served(&self, collection: &str) {
        let (Ok(mut waiting), Ok(mut done)) = (self.waiting.lock(), self.done.lock()) else {
            return;
        };
        for hook in waiting
            .iter_mut()
            .filter(|hook| hook.collection == collection)
        {
            hook.pages_left -= 1;
            if hook.pages_left == 0 {
                done.push((hook.collection.clone(), hook.change));
            }
        }
        waiting.retain(|hook| hook.pages_left > 0);
    }

    /// Applies what happened to the rows of a collection, in the order they are served in.
    ///
    /// `renew` makes a row new (its number tells inserted rows apart) and `touch` changes one.
    pub(crate) fn apply<T: Clone>(
        &self,
        collection: &str,
        rows: &mut Vec<T>,
        renew: impl Fn(&mut T, usize),
        touch: impl Fn(&mut T, usize),
    ) {
        let Ok(done) = self.done.lock() else { return };
        for (number, (_, change)) in done
            .iter()
            .enumerate()
            .filter(|(_, (name, _))| name == collection)
        {
            match *change {
                Change::Insert(at) if !rows.is_empty() => {
                    let mut row = rows[0].clone();
                    renew(&mut row, number);
                    rows.insert(at.min(rows.len()), row);
                }
                Change::Delete(at) if at < rows.len() => {
                    rows.remove(at);
                }
                Change::Touch(at) if at < rows.len() => touch(&mut rows[at], number),
                Change::Insert(_) | Change::Delete(_) | Change::Touch(_) => {}
            }
        }
    }
}
