//! The vendor: a list in memory, rendered in advance.
//!
//! The address selects the list and the latency of a response: `/LIST/MILLISECONDS/users?offset=0&limit=1000`.
//! The list `roster` is the one that `/show/LIST` named last: a list that changes has one address. `/token` issues a
//! token to every client.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::people::{List, Person};
use crate::vendor;

/// One list: the rows separated by commas, and the end of each one.
struct Rows {
    text: String,
    ends: Vec<usize>,
}

impl Rows {
    fn of(list: List, people: usize) -> Self {
        let mut rows = Self {
            text: String::with_capacity(people * 640),
            ends: Vec::with_capacity(people),
        };
        for index in 0..people {
            // 7919 is a prime, so every row is listed once.
            let number = match list {
                List::Shuffled => index * 7919 % people,
                List::Plain | List::Changed => index,
            };
            Person::new(number, people, list).write(&mut rows.text);
            rows.ends.push(rows.text.len());
            rows.text.push(',');
        }
        rows
    }

    fn page(&self, offset: usize, limit: usize) -> &str {
        let end = self.ends.len().min(offset.saturating_add(limit));
        if offset >= end {
            return "";
        }
        let start = if offset == 0 {
            0
        } else {
            self.ends[offset - 1] + 1
        };
        &self.text[start..self.ends[end - 1]]
    }
}

/// The lists, and the one that is shown.
struct Lists {
    lists: [(&'static str, Rows); List::ALL.len()],
    shown: AtomicUsize,
}

impl Lists {
    fn position(&self, name: &str) -> Option<usize> {
        match name {
            "roster" => Some(self.shown.load(Ordering::SeqCst)),
            name => self.lists.iter().position(|(list, _)| *list == name),
        }
    }
}

/// Serves until its parent kills it.
pub fn serve(people: usize) {
    let lists = Lists {
        lists: List::ALL.map(|(name, list)| (name, Rows::of(list, people))),
        shown: AtomicUsize::new(0),
    };
    vendor::serve(move |path, query, answer| respond(path, query, &lists, answer));
}

/// Writes the response; returns its latency.
fn respond(path: &str, query: &str, lists: &Lists, answer: &mut Vec<u8>) -> Duration {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let number = |name| {
        vendor::parameter(query, name)
            .and_then(|value| value.parse().ok())
            .unwrap_or_default()
    };
    match parts[..] {
        ["token"] => {
            vendor::write(answer, "200 OK", "", &[vendor::TOKEN]);
            Duration::ZERO
        }
        ["show", list] if let Some(shown) = lists.position(list) => {
            lists.shown.store(shown, Ordering::SeqCst);
            vendor::write(answer, "200 OK", "", &["{}"]);
            Duration::ZERO
        }
        [list, pause, "users"] => {
            match lists.position(list).map(|list| &lists.lists[list].1) {
                Some(rows) => {
                    let page = rows.page(number("offset"), number("limit"));
                    let total = format!("X-Total-Count: {}\r\n", rows.ends.len());
                    vendor::write(answer, "200 OK", &total, &["{\"users\":[", page, "]}"]);
                }
                None => vendor::write(answer, "404 Not Found", "", &["{}"]),
            }
            Duration::from_millis(pause.parse().unwrap_or_default())
        }
        _ => {
            vendor::write(answer, "404 Not Found", "", &["{}"]);
            Duration::ZERO
        }
    }
}
