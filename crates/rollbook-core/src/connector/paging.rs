//! How the next page is requested: a pure value that receives the facts of each page and returns the next request.
//!
//! It does not send, wait, retry or read the clock. Offset and number walks with a known total may have several
//! requests in flight; all others are sequential. A short page in the middle does not end a list, because servers cap,
//! truncate and shift pages (webuntis-oneroster.md 4.1 Q1, Q10, Q11). Nothing in a list is an error here: received rows
//! are valid, and an inconsistency is part of the end, after which nothing counts as missing.

mod linked;
mod positions;
mod totals;
mod types;
mod watermark;

use std::collections::{BTreeSet, VecDeque};

use self::linked::LinkedPages;
use self::positions::Positions;
use self::totals::DeclaredTotals;
pub use self::types::{At, ListEnd, PageAsk, PageFacts, PageRules, PageUse};
use super::file::PageBy;
pub use super::link::NextPage;
use crate::model::retry::DEFAULT_LIMITS;
use crate::model::{Completeness, Inconsistency};

/// No list has more pages than this (reliability.md 2.3).
const MAX_REQUESTS: u32 = 10_000;

/// No page is made smaller than this.
const SMALLEST: u64 = 50;

/// Servers limit their pages to multiples of this.
const ROUND: u64 = 50;

/// Attempts at one page, all sizes together.
const MAX_ATTEMPTS: u32 = DEFAULT_LIMITS.attempts;

/// A request that may be sent.
#[derive(Clone, Debug)]
struct PageStep {
    at: At,
    want: u64,
    /// The page's number if it was requested before.
    number: Option<u32>,
    /// Attempts at it so far, in other sizes.
    attempts: u32,
}

impl PageStep {
    fn new(at: At, want: u64) -> Self {
        Self {
            at,
            want,
            number: None,
            attempts: 0,
        }
    }
}

/// The furthest page with rows.
#[derive(Debug, Default)]
struct LastPage {
    rows: u64,
    want: u64,
    /// Where it ends.
    end: u64,
}

/// A walk through one list.
#[derive(Debug)]
pub struct Pager {
    rules: PageRules,
    /// The current page size; it shrinks when the server reports "too many".
    size: u64,
    queue: VecDeque<PageStep>,
    positions: Positions,
    linked: LinkedPages,
    totals: DeclaredTotals,
    /// The filter by change time is ignored: the whole list is walked by skipping.
    unfiltered: bool,
    under_way: u32,
    requests: u32,
    /// The number of the newest page.
    number: u32,
    received: u64,
    largest_page: u64,
    pages_with_rows: u64,
    /// Some page held as many rows as were requested: the server does not cap below that.
    seen_full: bool,
    /// Some page held exactly as many rows as were requested: the server applies the limit.
    applies_limit: bool,
    /// Rows that would be missing if the server applies the limit: the walk continued behind pages that were longer.
    excess_rows: Vec<PageStep>,
    last: LastPage,
    fingerprints: BTreeSet<u64>,
    last_fingerprint: Option<u64>,
    contradiction: Option<Inconsistency>,
    /// The only response stated that there is no other.
    one_answer: bool,
    /// Rows of one time that fill a page are passed by offset.
    skips_rows: bool,
    ended: bool,
}

impl Pager {
    /// A walk from the start; a watermark walk from a change time, where there is one.
    pub fn start(rules: PageRules, since: Option<String>) -> Self {
        let size = rules.size.max(1);
        let at = match (rules.by, since) {
            (PageBy::Offset, _) => At::Offset(0),
            (PageBy::Number, _) if rules.counts_requested() => At::Offset(0),
            (PageBy::Number, _) => At::Number(rules.first),
            (PageBy::Watermark, Some(from)) => At::Since { from, skip: 0 },
            _ => At::Start,
        };
        Self {
            rules,
            size,
            queue: VecDeque::from([PageStep::new(at, size)]),
            positions: Positions::default(),
            linked: LinkedPages::default(),
            totals: DeclaredTotals::default(),
            unfiltered: false,
            under_way: 0,
            requests: 0,
            number: 0,
            received: 0,
            largest_page: 0,
            pages_with_rows: 0,
            seen_full: false,
            applies_limit: false,
            excess_rows: Vec::new(),
            last: LastPage::default(),
            fingerprints: BTreeSet::new(),
            last_fingerprint: None,
            contradiction: None,
            one_answer: false,
            skips_rows: false,
            ended: false,
        }
    }

    /// The next request, if one may be sent before those in flight have their responses.
    pub fn ask(&mut self) -> Option<PageAsk> {
        if self.ended {
            return None;
        }
        let step = match self.queue.pop_front() {
            Some(step) => step,
            None if self.is_by_position() => self.next_position()?,
            None => return None,
        };
        if self.requests >= MAX_REQUESTS {
            self.end_with(Inconsistency::TooManyPages {
                pages: self.requests,
            });
            return None;
        }
        self.requests += 1;
        self.under_way += 1;
        let number = step.number.unwrap_or_else(|| {
            self.number += 1;
            self.number
        });
        if self.is_by_position() && self.positions.rechecked_end.is_none() {
            self.positions.ask(self.position_of(&step.at), number);
        }
        Some(PageAsk {
            number,
            want: step.want,
            at: step.at,
            attempts: step.attempts,
            closing: self.is_total_received(),
        })
    }

    /// Processes the facts of a page.
    pub fn answer(&mut self, ask: &PageAsk, facts: &PageFacts) -> PageUse {
        self.under_way -= 1;
        if let Some(end) = self.positions.rechecked_end.take() {
            return self.after_recheck(end, ask, facts);
        }
        if self.after_check(facts) {
            return PageUse::Skip;
        }
        if self.repeats(ask, facts) {
            // A linked list has promised this page, whatever its total. A single full page may be the first of several,
            // each of which declares its own size.
            let is_first_of_many = self.pages_with_rows == 1 && facts.received >= ask.want;
            let is_end = self.is_by_position() && self.is_total_received() && !is_first_of_many;
            let moved = self.counted_total().zip(facts.total);
            if let Some((from, to)) = moved.filter(|(from, to)| from != to) {
                self.end_with(Inconsistency::TotalMoved { from, to });
            } else if self.rules.repeat_ends || is_end {
                self.ended = true;
            } else {
                self.end_with(Inconsistency::SamePage);
            }
            return PageUse::Skip;
        }
        self.note(ask, facts);
        match self.rules.by {
            PageBy::Offset | PageBy::Number => self.after_position(ask, facts),
            PageBy::Link | PageBy::Cursor | PageBy::NextUrl => self.after_linked(ask, facts),
            PageBy::Watermark => return self.after_watermark(ask, facts),
            PageBy::None => {
                self.ends_in_one_answer(ask, facts);
                self.ends_with_a_part(facts);
            }
        }
        PageUse::Accept
    }

    /// Whether a page can be requested with fewer rows.
    pub fn can_shrink(&self, ask: &PageAsk) -> bool {
        let is_first = self.received == 0 && self.under_way == 1;
        let by_number = self.rules.by == PageBy::Number;
        self.rules.asks_size()
            && ask.want > SMALLEST
            && self.positions.rechecked_end.is_none()
            && (!by_number || is_first)
            && !matches!(ask.at, At::Link(_))
    }

    /// The server reports that a page is too large: requests a smaller one at the same position, if possible and not
    /// tried too often, all sizes together.
    pub fn too_many(&mut self, ask: &PageAsk, attempts: u32) -> bool {
        let attempts = ask.attempts + attempts;
        if !self.can_shrink(ask) || attempts >= MAX_ATTEMPTS {
            return false;
        }
        self.under_way -= 1;
        self.size = (ask.want / 2).max(SMALLEST);
        let part = |at, want, attempts| PageStep {
            at,
            want,
            number: Some(ask.number),
            attempts,
        };
        if let (false, At::Offset(offset)) = (self.rules.counts_requested(), &ask.at) {
            let rest = part(At::Offset(offset + self.size), ask.want - self.size, 0);
            self.queue.push_front(rest);
        }
        self.queue
            .push_front(part(ask.at.clone(), self.size, attempts));
        true
    }

    /// Rows requested per page now.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The server refuses a page behind the end of a list whose declared rows were all received: also an end.
    pub fn refused_past_the_end(&mut self) -> bool {
        let past = self.is_total_received();
        if past {
            self.under_way -= 1;
            self.ended = true;
        }
        past
    }

    /// The server reports that a page behind rows does not exist (404, 410): an end, but not a proven one.
    pub fn missing(&mut self, ask: &PageAsk) -> bool {
        if self.pages_with_rows == 0 {
            return false;
        }
        match (self.rules.by, &ask.at) {
            (PageBy::Offset | PageBy::Number, at) => {
                self.positions.rechecked_end = None;
                let position = self.position_of(at);
                self.positions.missing(position);
            }
            (_, At::Link(_) | At::Cursor(_)) => self.end_with(Inconsistency::MissingPage),
            _ => return false,
        }
        self.under_way -= 1;
        true
    }

    /// Whether several requests may be in flight from now on.
    pub fn may_overlap(&self) -> bool {
        self.positions.planned.is_some()
    }

    /// Whether no row was received so far.
    pub fn is_at_start(&self) -> bool {
        self.received == 0
    }

    /// The list's declared size, for the report: also where it decides nothing.
    pub fn declared(&self) -> Option<u64> {
        self.totals.of_list()
    }

    /// How the walk ended; valid once nothing is in flight and nothing is left to request.
    pub fn end(&self) -> ListEnd {
        let completeness = match (&self.contradiction, self.counted_total()) {
            (Some(why), _) => Completeness::Contradicted(why.clone()),
            (None, _) if self.positions.has_gaps() => {
                Completeness::Contradicted(Inconsistency::BehindTheEnd)
            }
            (None, Some(total)) if total == self.received => Completeness::Proven,
            (None, Some(total)) => Completeness::Contradicted(Inconsistency::Total {
                received: self.received,
                declared: total,
                short_end: self.is_short_end(),
            }),
            (None, None) if self.one_answer => Completeness::Proven,
            (None, None) => Completeness::Unproven,
        };
        ListEnd {
            completeness,
            largest_page: self.largest_page,
            pages_with_rows: self.pages_with_rows,
            one_answer: self.one_answer,
            several_answers: self.has_several_answers(),
        }
    }

    fn has_several_answers(&self) -> bool {
        let promised = match self.rules.by {
            PageBy::None => false,
            PageBy::Watermark => return self.skips_rows,
            PageBy::Offset | PageBy::Number => self.is_last_full(),
            PageBy::Link | PageBy::Cursor | PageBy::NextUrl => true,
        };
        self.pages_with_rows > 1 || (promised && self.requests > 1)
    }

    fn is_by_position(&self) -> bool {
        matches!(self.rules.by, PageBy::Offset | PageBy::Number)
    }

    /// A watermark walk reads the rows of one time repeatedly, so a total means nothing there.
    fn counted_total(&self) -> Option<u64> {
        let counts = !self.rules.ignore_total && self.rules.by != PageBy::Watermark;
        self.totals.of_list().filter(|_| counts)
    }

    fn is_total_received(&self) -> bool {
        self.counted_total()
            .is_some_and(|total| total > 0 && self.received >= total)
    }

    fn note(&mut self, ask: &PageAsk, facts: &PageFacts) {
        self.totals.note(facts.received, facts.total);
        if let (Some((from, to)), true) = (self.totals.moved(), self.counted_total().is_some()) {
            self.contradict(Inconsistency::TotalMoved { from, to });
        }
        self.received += facts.received;
        self.largest_page = self.largest_page.max(facts.received);
        self.pages_with_rows += u64::from(facts.received > 0);
        self.seen_full |= self.is_full(ask, facts.received) && ask.want >= self.size;
        if facts.received > 0 {
            let end = self.end_of(ask, facts.received);
            if end >= self.last.end {
                self.last = LastPage {
                    rows: facts.received,
                    want: ask.want,
                    end,
                };
            }
        }
    }

    /// As many rows as requested; unknown if the request has no limit.
    fn is_full(&self, ask: &PageAsk, received: u64) -> bool {
        self.rules.asks_size() && received >= ask.want
    }

    /// The last page may have been cut: it is as long as requested, or as long as this server's pages are.
    fn is_last_full(&self) -> bool {
        let asked = self.rules.asks_size();
        (asked && self.last.rows > 0 && self.last.rows >= self.last.want)
            || (!self.seen_full && self.pages_with_rows > 1 && self.last.rows >= self.largest_page)
    }

    /// The list ended by itself. A single page may be as long as this server's cap, which is a round number.
    fn is_short_end(&self) -> bool {
        let below_asked = self.last.rows < self.last.want;
        if self.pages_with_rows > 1 {
            self.last.rows < self.largest_page && below_asked
        } else {
            self.rules.asks_size() && below_asked && !self.last.rows.is_multiple_of(ROUND)
        }
    }

    fn contradict(&mut self, why: Inconsistency) {
        self.contradiction.get_or_insert(why);
    }

    fn end_with(&mut self, why: Inconsistency) {
        self.contradict(why);
        self.ended = true;
    }

    /// The first response promises no other: nothing moved meanwhile, unless it was cut at the requested size.
    fn ends_in_one_answer(&mut self, ask: &PageAsk, facts: &PageFacts) {
        let is_no_list = facts.odd_empty || (facts.no_content && !self.rules.blank_ends);
        let is_no_list = is_no_list || facts.is_part;
        self.one_answer = !is_no_list && !self.is_full(ask, facts.received);
    }

    /// Nothing else is requested, though the server calls this a part of the list, unless all declared rows are here.
    fn ends_with_a_part(&mut self, facts: &PageFacts) {
        let is_all = self.totals.of_list() == Some(self.received);
        if facts.is_part && !is_all && self.counted_total().is_none() {
            self.contradict(Inconsistency::PartOfList);
        }
    }

    /// webuntis-oneroster.md 4.1 Q9: a server that ignores a parameter returns the same page for ever.
    fn repeats(&mut self, ask: &PageAsk, facts: &PageFacts) -> bool {
        let Some(page) = facts.fingerprint.filter(|_| facts.received > 0) else {
            return false;
        };
        if self.rules.by != PageBy::Watermark {
            return !self.fingerprints.insert(page);
        }
        // The rows of a watermark's last time are received again by design, once.
        let by_design = matches!(ask.at, At::Since { skip: 0, .. });
        let same = self.last_fingerprint.replace(page) == Some(page);
        same && !by_design
    }
}

#[cfg(test)]
mod tests;
