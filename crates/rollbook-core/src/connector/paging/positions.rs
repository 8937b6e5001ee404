//! Walking a list by skipping rows or by page number: what the next request is, and when the end counts.
//!
//! A *position* is a number of rows (`offset`) or a page's number from zero (`number`).

use std::collections::BTreeMap;

use super::types::{At, PageAsk, PageFacts, PageUse};
use super::{PageStep, Pager};
use crate::connector::file::PageBy;
use crate::model::Inconsistency;

/// No server limits its pages to a smaller part of what is requested: the walk would have so many times the requests.
const FEWEST: u64 = 50;

/// Which positions were received, requested and empty.
#[derive(Debug, Default)]
pub(super) struct Positions {
    /// All before it was received.
    frontier: u64,
    /// Received behind a gap: start and end.
    ahead: BTreeMap<u64, u64>,
    /// The numbers of the requested pages.
    requested: BTreeMap<u64, u32>,
    /// How often a position returned no rows.
    empties: BTreeMap<u64, u32>,
    /// The last empty response had no content at all.
    no_content: bool,
    /// Where the next page of a known total starts.
    pub(super) planned: Option<u64>,
    /// The end that is rechecked from half a page before it; nothing else is in flight then.
    pub(super) rechecked_end: Option<u64>,
    /// The end that turned out to be none.
    false_end: Option<u64>,
    /// The end of the furthest page, and the row that is there.
    last_row: (u64, Option<u64>),
    /// The rows of a first page that may have been cut at the server's own limit, and the last of them; until that is known.
    short_first: Option<(u64, Option<u64>)>,
    /// The server's own limit, below the requested size: pages have this size.
    limit: Option<u64>,
}

impl Positions {
    pub(super) fn has_gaps(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// Notes that a page was requested.
    pub(super) fn ask(&mut self, position: u64, number: u32) {
        self.requested.entry(position).or_insert(number);
    }

    /// The number of the page that this position belongs to, unless it is a new one.
    fn number_of(&self, position: u64) -> Option<u32> {
        let (furthest, _) = self.requested.last_key_value()?;
        let (_, number) = self.requested.range(..=position).next_back()?;
        (position <= *furthest).then_some(*number)
    }

    /// The server reports that the position does not exist.
    pub(super) fn missing(&mut self, position: u64) {
        let is_check = self.short_first.take().is_some();
        self.empties
            .insert(if is_check { self.frontier } else { position }, 2);
    }

    fn cover(&mut self, start: u64, end: u64) {
        self.empties.remove(&start);
        let known = self.ahead.entry(start).or_default();
        *known = end.max(*known);
        while let Some(first) = self.ahead.first_entry() {
            if *first.key() > self.frontier {
                break;
            }
            self.frontier = self.frontier.max(first.remove());
        }
    }
}

impl Pager {
    pub(super) fn position_of(&self, at: &At) -> u64 {
        match at {
            At::Offset(offset) => *offset,
            At::Number(number) => number.saturating_sub(self.rules.first),
            _ => 0,
        }
    }

    /// The position behind a page. A server that applies the limit and returns more rows does not count the excess,
    /// such as a row that is listed twice. Where the rows requested count, a first page that is short, and one that has as
    /// many rows as the server's limit, may end there.
    pub(super) fn end_of(&self, ask: &PageAsk, received: u64) -> u64 {
        let may_be_cut = |offset| offset == 0 || self.positions.limit == Some(received);
        match ask.at {
            At::Offset(offset) if self.rules.counts_requested() => {
                let is_cut = self.rules.asks_size() && may_be_cut(offset) && received < ask.want;
                offset + if is_cut { received } else { ask.want }
            }
            At::Offset(offset) if self.applies_limit => offset + received.min(ask.want),
            At::Offset(offset) => offset + received,
            At::Number(_) => self.position_of(&ask.at) + 1,
            _ => 0,
        }
    }

    /// Whether the server applies the limit: a page of exactly the requested length proves it. The last page may have
    /// it by chance, so a longer page before it matters only if rows follow both: then the rows skipped behind the
    /// longer page are requested.
    fn check_limit(&mut self, ask: &PageAsk, received: u64) {
        let counts = self.rules.asks_size() && !self.rules.counts_requested();
        let (At::Offset(offset), true) = (&ask.at, counts) else {
            return;
        };
        if self.applies_limit {
            self.queue.extend(self.excess_rows.drain(..));
        } else if received > ask.want {
            let step = PageStep::new(At::Offset(offset + ask.want), received - ask.want);
            self.excess_rows.push(step);
        }
        self.applies_limit |= received == ask.want;
    }

    /// Where the next page begins behind the rows requested, a server with a lower limit would lose the rows between. So a
    /// first page that is short is checked before the next one is requested, and a page that is longer than the limit refutes it.
    fn note_limit(&mut self, ask: &PageAsk, position: u64, facts: &PageFacts) {
        if !self.rules.counts_requested() || !self.rules.asks_size() {
            return;
        }
        let rows = facts.received;
        if position == 0 && rows < ask.want {
            self.positions.short_first = Some((rows, facts.last_row));
        } else if self
            .positions
            .limit
            .is_some_and(|limit| ask.want > limit && rows != limit)
        {
            self.positions.limit = None;
        }
    }

    /// Requests what is left of a short first page, from its last row on.
    fn check_of_first(&self) -> Option<PageStep> {
        let (rows, _) = self.positions.short_first?;
        let from = rows.saturating_sub(1).max(1);
        let want = self.size.saturating_sub(from).max(1);
        Some(PageStep::new(At::Offset(from), want))
    }

    /// If that has rows that the first page has not, the server has a lower limit. Otherwise the first page is short for another
    /// reason, such as rows that this account cannot see. The rows are not used.
    pub(super) fn after_check(&mut self, facts: &PageFacts) -> bool {
        let Some((rows, last)) = self.positions.short_first.take() else {
            return false;
        };
        let wanted = self.size;
        let is_rest = facts.received == 0 || (last.is_some() && facts.last_row == last);
        let is_limit = !is_rest && rows * FEWEST >= wanted;
        // A server that puts lists together, each with a limit of its own, has another row in this position.
        let is_one_list = rows == 1 || facts.first_row == last;
        if is_limit {
            self.positions.limit = Some(rows);
        } else {
            self.positions.cover(0, wanted);
        }
        let is_lossless = is_rest || (is_limit && is_one_list);
        if !is_lossless {
            self.contradict(Inconsistency::PageLimit { rows, wanted });
        }
        true
    }

    /// Rows per page: as many as requested, or as the server's own limit.
    fn step_size(&self) -> u64 {
        self.positions.limit.unwrap_or(self.size)
    }

    /// Positions are numbers of rows.
    fn is_by_rows(&self) -> bool {
        self.rules.by == PageBy::Offset || self.rules.counts_requested()
    }

    fn step_at(&self, position: u64, want: u64) -> PageStep {
        match self.is_by_rows() {
            true => PageStep::new(At::Offset(position), want),
            false => PageStep::new(At::Number(self.rules.first + position), want),
        }
    }

    pub(super) fn after_position(&mut self, ask: &PageAsk, facts: &PageFacts) {
        let position = self.position_of(&ask.at);
        if facts.received == 0 {
            *self.positions.empties.entry(position).or_default() += 1;
            self.positions.no_content = facts.no_content && !self.rules.blank_ends;
            return;
        }
        let end = self.end_of(ask, facts.received);
        if end >= self.positions.last_row.0 {
            self.positions.last_row = (end, facts.last_row);
        }
        self.positions.cover(position, end);
        self.check_limit(ask, facts.received);
        self.note_limit(ask, position, facts);
        self.plan(ask, facts.received);
    }

    /// A total smaller than the rows received is not used.
    fn guide(&self) -> Option<u64> {
        self.counted_total().filter(|total| *total >= self.received)
    }

    /// With a known total the positions of all pages are known, once the server's page length is known: from a full
    /// page, or from the second page of a server that caps.
    fn plan(&mut self, ask: &PageAsk, received: u64) {
        let Some(total) = self.guide() else {
            self.positions.planned = None;
            return;
        };
        // Pages longer than requested would overlap.
        let sure = (self.is_full(ask, received) || self.pages_with_rows > 1)
            && self.excess_rows.is_empty();
        let idle = self.under_way == 0 && self.queue.is_empty();
        if self.positions.planned.is_some() || !sure || !idle || self.received >= total {
            return;
        }
        if self.rules.by == PageBy::Offset {
            self.size = self.size.min(self.largest_page);
        }
        self.positions.planned = Some(self.positions.frontier);
    }

    pub(super) fn next_position(&mut self) -> Option<PageStep> {
        if let (Some(from), Some(total)) = (self.positions.planned, self.guide())
            && self.rows_before(from) < total
            && self.positions.empties.is_empty()
        {
            // Not cut to the rows left: a server that has more than it declares shows it here.
            let want = self.step_size();
            let step = if self.is_by_rows() { want } else { 1 };
            self.positions.planned = Some(from + step);
            return Some(self.step_at(from, want));
        }
        if self.under_way > 0 {
            return None;
        }
        if let Some(check) = self.check_of_first() {
            return Some(check);
        }
        let frontier = self.positions.frontier;
        match self.positions.empties.get(&frontier).copied() {
            None => self.may_have_more().then(|| self.step_to_gap(frontier)),
            Some(times) => self.after_empty(frontier, times),
        }
    }

    fn rows_before(&self, position: u64) -> u64 {
        match self.is_by_rows() {
            true => position,
            false => position.saturating_mul(self.largest_page),
        }
    }

    /// The server declares rows that were not received.
    fn is_promised(&self) -> bool {
        self.guide().is_some_and(|total| self.received < total)
    }

    /// Nothing is in flight, and nothing was requested behind the received rows.
    fn may_have_more(&self) -> bool {
        if self.positions.has_gaps() || self.is_promised() {
            return true;
        }
        let asked = self.rules.asks_size();
        let full = asked && self.last.rows >= self.last.want;
        match self.guide() {
            // webuntis-oneroster.md 4.2 rule 9: a full last page is no end, the total may be wrong; and a total that
            // agrees with a short page may be that of the page, unless this server is known to fill its pages.
            Some(_) => full || !self.seen_full,
            None => !(self.rules.short_ends && self.last.rows < self.last.want),
        }
    }

    /// Behind what was received, up to the next page that was.
    fn step_to_gap(&self, position: u64) -> PageStep {
        let hole = self.positions.ahead.first_key_value();
        let size = self.step_size();
        let want = match hole {
            Some((start, _)) if self.is_by_rows() => size.min(start - position),
            _ => size,
        };
        PageStep {
            number: self.positions.number_of(position),
            ..self.step_at(position, want)
        }
    }

    /// An empty page may be the end, or a temporary fault, or the response of a server that counts pages instead of
    /// rows (webuntis-oneroster.md 4.1 Q9, Q11). If more rows are likely, the end is rechecked: a page that starts half
    /// a page earlier distinguishes the three.
    fn after_empty(&mut self, end: u64, times: u32) -> Option<PageStep> {
        // Rows behind it may be hidden for as long as a page is that was not cut.
        if times == 1 && self.positions.limit.is_some() {
            return Some(PageStep {
                number: self.positions.number_of(end),
                ..self.step_at(end, self.size)
            });
        }
        let unsure = self.guide().is_none() && self.is_last_full();
        if times == 1 && (unsure || self.is_promised() || self.positions.has_gaps()) {
            return Some(self.recheck_end(end));
        }
        self.ended = true;
        if times > 1 && self.positions.false_end == Some(end) {
            self.contradict(self.offset_meaning());
        }
        if self.positions.no_content && self.is_promised() {
            self.contradict(Inconsistency::NoContent);
        }
        None
    }

    fn recheck_end(&mut self, end: u64) -> PageStep {
        let page = self.largest_page.min(self.size);
        let by_rows = self.rules.by == PageBy::Offset && self.rules.asks_size();
        let is_retry = self.positions.no_content || self.positions.false_end == Some(end);
        let at_the_end = !self.positions.has_gaps() && self.is_last_full();
        if !by_rows || is_retry || page < 2 || !at_the_end {
            return self.step_to_gap(end);
        }
        self.positions.rechecked_end = Some(end);
        PageStep {
            number: self.positions.number_of(end),
            ..self.step_at(end - page / 2, page)
        }
    }

    /// The rows were received before, all but those behind a false end.
    pub(super) fn after_recheck(&mut self, end: u64, ask: &PageAsk, facts: &PageFacts) -> PageUse {
        let (known, received) = (end - self.position_of(&ask.at), facts.received);
        let is_other_row = received == known && facts.last_row != self.positions.last_row.1;
        if received == 0 {
            self.end_with(self.offset_meaning());
        } else if received > known {
            self.positions.false_end = Some(end);
            let step = self.step_to_gap(end);
            self.queue.push_back(step);
        } else if received < known || is_other_row {
            self.end_with(Inconsistency::Shrunk);
        } else {
            self.ended = true;
        }
        PageUse::Compare(known)
    }

    fn offset_meaning(&self) -> Inconsistency {
        Inconsistency::OffsetMeaning {
            parameter: self.rules.offset.clone().unwrap_or_default(),
        }
    }
}
