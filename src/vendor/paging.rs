//! How the next page is asked for: a pure value that is told what came and says what to ask.
//!
//! It does not send, wait, retry or look at the clock. Offset and number walks whose total is
//! known may have several requests under way; all others go one by one. A short page in the
//! middle is read on, because servers cap, tear and shift pages (webuntis-oneroster.md 4.1, Q1, Q10, Q11).

mod offset;
mod others;

use std::collections::{BTreeSet, VecDeque};

use super::description::PageBy;

/// No list has more pages than this (reliability.md 2.3).
const MOST_PAGES: u32 = 10_000;

/// The rules of one stream's paging.
#[derive(Clone, Debug, Default)]
pub struct PageRules {
    /// The strategy.
    pub by: PageBy,
    /// Rows wanted on a page.
    pub size: u64,
    /// Parameter with the rows to skip.
    pub offset: Option<String>,
    /// Parameter with the rows wanted.
    pub limit: Option<String>,
    /// Parameter with the page's number.
    pub number: Option<String>,
    /// The first page's number.
    pub first: u64,
    /// Parameter with the cursor.
    pub cursor: Option<String>,
    /// A page with fewer rows than asked for ends the list.
    pub short_ends: bool,
    /// The page before once more ends the list.
    pub repeat_ends: bool,
}

/// What to ask for next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageAsk {
    /// Its number in the reading, from one.
    pub number: u32,
    /// How many rows are wanted; what a full page holds.
    pub want: u64,
    /// Where it stands.
    pub at: At,
    /// All stated rows came; this only looks whether the list really ends there. A vendor that
    /// answers it with an error is believed all the same, so it is not worth a second attempt.
    pub closing: bool,
}

/// Where a page stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// The only page, or the first.
    Start,
    /// After so many rows.
    Offset(u64),
    /// By its number.
    Number(u64),
    /// What the last answer linked to.
    Link(String),
    /// What the last body gave.
    Cursor(String),
    /// Changed at or after this time, so many rows of it skipped.
    Since {
        /// The change time, as the mirror writes it.
        from: String,
        /// Rows to skip.
        skip: u64,
    },
}

/// What a page said.
#[derive(Clone, Debug, Default)]
pub struct PageFacts {
    /// Rows in it, rejected ones too.
    pub received: u64,
    /// The size of the whole list, if stated.
    pub total: Option<u64>,
    /// The next cursor.
    pub cursor: Option<String>,
    /// The next link.
    pub link: Option<String>,
    /// The number of all its rows' bytes.
    pub fingerprint: u64,
    /// The change time of its first and last row (watermark).
    pub span: Option<(String, String)>,
}

/// What to do with a page's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// They belong to the list.
    Take,
    /// They came before: the vendor gave its last page again.
    Leave,
}

/// How a walk ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// A stated total agrees with what came.
    pub proved: bool,
    /// Why absence cannot be believed, if so.
    pub doubt: Option<String>,
}

/// A walk through one list.
#[derive(Debug)]
pub struct Pager {
    rules: PageRules,
    /// The size asked for now; it shrinks when the vendor says "too many".
    size: u64,
    queue: VecDeque<(u64, u64)>,
    /// Where the next planned page of a known total starts.
    planned: Option<u64>,
    /// The end of the furthest page, and whether it was full.
    furthest: (u64, bool),
    /// The largest offset that was asked for.
    furthest_asked: u64,
    next: Option<At>,
    under_way: u32,
    asked: u32,
    received: u64,
    total: Option<u64>,
    doubt: Option<String>,
    /// Where an empty page stood.
    ended_at: Option<u64>,
    /// The end that is being looked at from half a page before; nothing else is under way then.
    looks_at: Option<u64>,
    /// The end that turned out to be none.
    more_behind: Option<u64>,
    last_page: Option<u64>,
    cursors: BTreeSet<String>,
}

impl Pager {
    /// A walk from the start; a watermark walk from a change time, where there is one.
    pub fn start(rules: PageRules, since: Option<String>) -> Self {
        let size = rules.size.max(1);
        let mut pager = Self {
            rules,
            size,
            queue: VecDeque::new(),
            planned: None,
            furthest: (0, false),
            furthest_asked: 0,
            next: None,
            under_way: 0,
            asked: 0,
            received: 0,
            total: None,
            doubt: None,
            ended_at: None,
            looks_at: None,
            more_behind: None,
            last_page: None,
            cursors: BTreeSet::new(),
        };
        match (pager.rules.by, since) {
            (PageBy::Offset | PageBy::Number, _) => pager.queue.push_back((0, size)),
            (PageBy::Watermark, Some(from)) => pager.next = Some(At::Since { from, skip: 0 }),
            (PageBy::None | PageBy::Link | PageBy::Cursor | PageBy::Watermark, _) => {
                pager.next = Some(At::Start)
            }
        }
        pager
    }

    /// The next request, if one may be sent before the ones under way are answered.
    pub fn ask(&mut self) -> Result<Option<PageAsk>, String> {
        let Some((at, want)) = self.take_next() else {
            return Ok(None);
        };
        if self.asked >= MOST_PAGES {
            return Err(format!("the list did not end after {MOST_PAGES} pages"));
        }
        self.asked += 1;
        self.under_way += 1;
        if let At::Offset(offset) = at {
            self.furthest_asked = self.furthest_asked.max(offset);
        }
        let closing = self
            .total
            .is_some_and(|total| total > 0 && self.received >= total);
        Ok(Some(PageAsk {
            number: self.asked,
            want,
            at,
            closing,
        }))
    }

    /// Takes what a page said. The error names a list that goes in circles.
    pub fn answer(&mut self, ask: &PageAsk, facts: &PageFacts) -> Result<Use, String> {
        self.under_way -= 1;
        if let Some(end) = self.looks_at.take() {
            self.after_look(end, ask.want, facts.received)?;
            return Ok(Use::Leave);
        }
        if self.repeats(ask, facts) {
            if !self.rules.repeat_ends {
                return Err(
                    "the same page came twice in a row: the vendor does not move on".to_owned(),
                );
            }
            self.ended_at = Some(0);
            self.queue.clear();
            return Ok(Use::Leave);
        }
        self.received += facts.received;
        self.note_total(facts.total);
        match (self.rules.by, &ask.at) {
            (PageBy::Offset, At::Offset(offset)) => {
                self.after_offset(*offset, ask.want, facts.received)?
            }
            (PageBy::Number, At::Number(number)) => {
                self.after_number(*number, ask.want, facts.received)
            }
            (PageBy::Link, _) => {
                self.next = facts
                    .link
                    .clone()
                    .filter(|_| facts.received > 0)
                    .map(At::Link)
            }
            (PageBy::Cursor, _) => self.after_cursor(facts)?,
            (PageBy::Watermark, at) => self.after_watermark(&at.clone(), ask.want, facts)?,
            (PageBy::None | PageBy::Offset | PageBy::Number, _) => {}
        }
        Ok(Use::Take)
    }

    /// The vendor says a page is too large: asks for a smaller one at the same place, if that makes sense.
    pub fn too_many(&mut self, ask: &PageAsk) -> bool {
        const SMALLEST: u64 = 50;
        if self.rules.limit.is_none() || ask.want <= SMALLEST || self.looks_at.is_some() {
            return false;
        }
        self.under_way -= 1;
        self.size = (ask.want / 2).max(SMALLEST);
        match &ask.at {
            At::Offset(offset) => {
                self.queue
                    .push_front((offset + self.size, ask.want - self.size));
                self.queue.push_front((*offset, self.size));
            }
            At::Number(_) => return false,
            at => self.next = Some(at.clone()),
        }
        true
    }

    /// The vendor refuses a page past the end of a list whose stated total has come: that is the end too.
    pub fn refused_past_the_end(&mut self) -> bool {
        let past = self
            .total
            .is_some_and(|total| total > 0 && self.received >= total);
        if past {
            self.under_way -= 1;
            self.ended_at = Some(0);
            self.queue.clear();
        }
        past
    }

    /// How many requests may be under way at once from here on.
    pub fn may_overlap(&self) -> bool {
        self.planned.is_some()
    }

    /// How many pages were asked for.
    pub fn pages(&self) -> u32 {
        self.asked
    }

    /// How the walk ended, when nothing is under way and nothing is left to ask.
    pub fn end(&self) -> End {
        let (proved, doubt) = match (self.total, &self.doubt) {
            (_, Some(doubt)) => (false, Some(doubt.clone())),
            (None, None) => (matches!(self.rules.by, PageBy::None), None),
            (Some(total), None) if total == self.received => (true, None),
            (Some(total), None) => (
                false,
                Some(format!(
                    "{} rows came, the vendor states {total}",
                    self.received
                )),
            ),
        };
        // A watermark walk reads the rows of one moment again and again: its count proves nothing.
        match self.rules.by {
            PageBy::Watermark => End {
                proved: false,
                doubt: None,
            },
            _ => End { proved, doubt },
        }
    }

    /// webuntis-oneroster.md 4.1 Q9: an ignored parameter brings the same page for ever.
    fn repeats(&mut self, ask: &PageAsk, facts: &PageFacts) -> bool {
        if facts.received == 0 {
            return false;
        }
        // The rows of a watermark's last moment come again by design, once.
        let by_design = matches!(ask.at, At::Since { skip: 0, .. });
        let same = self.last_page.replace(facts.fingerprint) == Some(facts.fingerprint);
        same && !by_design
    }

    fn take_next(&mut self) -> Option<(At, u64)> {
        if let Some((offset, want)) = self.queue.pop_front() {
            return Some((self.place(offset), want));
        }
        if let (Some(from), Some(total)) = (self.planned, self.total)
            && from < total
            && self.ended_at.is_none()
        {
            // Not cut to the rows left: a vendor that has more than it states shows it here.
            self.planned = Some(from + self.size);
            return Some((self.place(from), self.size));
        }
        self.next.take().map(|at| (at, self.size))
    }

    fn place(&self, offset: u64) -> At {
        match self.rules.by {
            PageBy::Number => At::Number(self.rules.first + offset / self.size),
            _ => At::Offset(offset),
        }
    }

    fn note_total(&mut self, stated: Option<u64>) {
        match (self.total, stated) {
            (Some(before), Some(now)) if before != now => {
                self.doubt.get_or_insert_with(|| {
                    format!("the stated total moved from {before} to {now}")
                });
                self.total = Some(now);
            }
            (None, Some(now)) => self.total = Some(now),
            _ => {}
        }
    }
}

#[cfg(test)]
#[path = "paging_tests.rs"]
mod tests;
