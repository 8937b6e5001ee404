//! Walking a list by skipping rows or by page number: what the next request is, and when the end is believed.
//!
//! A *place* is a number of rows (`offset`) or a page's number from zero (`number`).

use std::collections::BTreeMap;

use super::*;

/// Which places were received, asked for and found empty.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// All before it was received.
    frontier: u64,
    /// Received behind a hole: start and end.
    ahead: BTreeMap<u64, u64>,
    /// The numbers of the pages that were asked for.
    asked: BTreeMap<u64, u32>,
    /// How often a place was answered without rows.
    empties: BTreeMap<u64, u32>,
    /// The last empty answer had no content at all.
    no_content: bool,
    /// Where the next page of a known total starts.
    pub(super) planned: Option<u64>,
    /// The end that is being looked at from half a page before; nothing else is under way then.
    pub(super) looks_at: Option<u64>,
    /// The end that turned out to be none.
    more_behind: Option<u64>,
    /// The end of the furthest page, and the row that is there.
    last_row: (u64, Option<u64>),
}

impl Places {
    pub(super) fn has_holes(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// Notes that a page was asked for.
    pub(super) fn ask(&mut self, place: u64, number: u32) {
        self.asked.entry(place).or_insert(number);
    }

    /// The number of the page that this place belongs to, unless it is a new one.
    fn number_of(&self, place: u64) -> Option<u32> {
        let (furthest, _) = self.asked.last_key_value()?;
        let (_, number) = self.asked.range(..=place).next_back()?;
        (place <= *furthest).then_some(*number)
    }

    /// The server is sure that nothing is there.
    pub(super) fn missing(&mut self, place: u64) {
        self.empties.insert(place, 2);
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
    pub(super) fn place_of(&self, at: &At) -> u64 {
        match at {
            At::Offset(offset) => *offset,
            At::Number(number) => number.saturating_sub(self.rules.first),
            _ => 0,
        }
    }

    /// Where a page with so many rows ends. A server that heeds the limit and gives more all the same does not count what
    /// is too much, such as a row that is listed twice.
    pub(super) fn end_of(&self, ask: &PageAsk, received: u64) -> u64 {
        match ask.at {
            At::Offset(offset) if self.heeds_limit => offset + received.min(ask.want),
            At::Offset(offset) => offset + received,
            At::Number(_) => self.place_of(&ask.at) + 1,
            _ => 0,
        }
    }

    /// Whether the limit is heeded: a page that is as long as was asked for says so. The last page may be so by chance, so
    /// that a longer one before it says something only when there are rows behind both: then what was passed over by
    /// going on behind the longer one is asked for.
    fn weigh_length(&mut self, ask: &PageAsk, received: u64) {
        let (At::Offset(offset), Some(_)) = (&ask.at, &self.rules.limit) else {
            return;
        };
        if self.heeds_limit {
            self.queue.extend(self.passed_over.drain(..));
        } else if received > ask.want {
            let step = Step::new(At::Offset(offset + ask.want), received - ask.want);
            self.passed_over.push(step);
        }
        self.heeds_limit |= received == ask.want;
    }

    fn step_at(&self, place: u64, want: u64) -> Step {
        match self.rules.by {
            PageBy::Number => Step::new(At::Number(self.rules.first + place), want),
            _ => Step::new(At::Offset(place), want),
        }
    }

    pub(super) fn after_place(&mut self, ask: &PageAsk, facts: &PageFacts) {
        let place = self.place_of(&ask.at);
        if facts.received == 0 {
            *self.places.empties.entry(place).or_default() += 1;
            self.places.no_content = facts.no_content && !self.rules.blank_ends;
            return;
        }
        let end = self.end_of(ask, facts.received);
        if end >= self.places.last_row.0 {
            self.places.last_row = (end, facts.last_row);
        }
        self.places.cover(place, end);
        self.weigh_length(ask, facts.received);
        self.plan(ask, facts.received);
    }

    /// A total smaller than what was received is no guide.
    fn guide(&self) -> Option<u64> {
        self.counted_total().filter(|total| *total >= self.received)
    }

    /// With a known total the places of all pages are known, once it is known how many rows this server gives at a
    /// time: a full page says it, or the second page of a server that caps.
    fn plan(&mut self, ask: &PageAsk, received: u64) {
        let Some(total) = self.guide() else {
            self.places.planned = None;
            return;
        };
        // Longer pages than asked for would overlap.
        let sure = (self.is_full(ask, received) || self.pages_with_rows > 1)
            && self.passed_over.is_empty();
        let idle = self.under_way == 0 && self.queue.is_empty();
        if self.places.planned.is_some() || !sure || !idle || self.received >= total {
            return;
        }
        if self.rules.by == PageBy::Offset {
            self.size = self.size.min(self.largest_page);
        }
        self.places.planned = Some(self.places.frontier);
    }

    pub(super) fn next_place(&mut self) -> Option<Step> {
        if let (Some(from), Some(total)) = (self.places.planned, self.guide())
            && self.rows_before(from) < total
            && self.places.empties.is_empty()
        {
            // Not cut to the rows left: a server that has more than it declares shows it here.
            let step = match self.rules.by {
                PageBy::Number => 1,
                _ => self.size,
            };
            self.places.planned = Some(from + step);
            return Some(self.step_at(from, self.size));
        }
        if self.under_way > 0 {
            return None;
        }
        let frontier = self.places.frontier;
        match self.places.empties.get(&frontier).copied() {
            None => self.is_more_likely().then(|| self.step_to_hole(frontier)),
            Some(times) => self.after_empty(frontier, times),
        }
    }

    fn rows_before(&self, place: u64) -> u64 {
        match self.rules.by {
            PageBy::Number => place.saturating_mul(self.largest_page),
            _ => place,
        }
    }

    /// The server declares rows that were not received.
    fn is_promised(&self) -> bool {
        self.guide().is_some_and(|total| self.received < total)
    }

    /// Nothing is under way, and nobody has asked behind what was received.
    fn is_more_likely(&self) -> bool {
        if self.places.has_holes() || self.is_promised() {
            return true;
        }
        let asked = self.rules.limit.is_some();
        let full = asked && self.last.rows >= self.last.want;
        match self.guide() {
            // webuntis-oneroster.md 4.2 rule 9: a full last page is no end, the total may be wrong; and a total that
            // agrees with a short page may be that of the page, unless this server is known to fill its pages.
            Some(_) => full || !self.seen_full,
            None => !(self.rules.short_ends && self.last.rows < self.last.want),
        }
    }

    /// Behind what was received, up to the next page that was.
    fn step_to_hole(&self, place: u64) -> Step {
        let hole = self.places.ahead.first_key_value();
        let want = match (self.rules.by, hole) {
            (PageBy::Offset, Some((start, _))) => self.size.min(start - place),
            _ => self.size,
        };
        Step {
            number: self.places.number_of(place),
            ..self.step_at(place, want)
        }
    }

    /// An empty page may be the end, or a hiccup, or a server that counts pages where rows are asked for
    /// (webuntis-oneroster.md 4.1 Q9, Q11). Where something speaks for more rows, it is looked at once more: half a page
    /// before it tells all three apart.
    fn after_empty(&mut self, end: u64, times: u32) -> Option<Step> {
        let unsure = self.guide().is_none() && self.is_last_full();
        if times == 1 && (unsure || self.is_promised() || self.places.has_holes()) {
            return Some(self.second_look(end));
        }
        self.over = true;
        if times > 1 && self.places.more_behind == Some(end) {
            self.contradict(self.counts_otherwise());
        }
        if self.places.no_content && self.is_promised() {
            self.contradict(Inconsistency::NoContent);
        }
        None
    }

    fn second_look(&mut self, end: u64) -> Step {
        let page = self.largest_page.min(self.size);
        let by_rows = self.rules.by == PageBy::Offset && self.rules.limit.is_some();
        let again = self.places.no_content || self.places.more_behind == Some(end);
        let at_the_end = !self.places.has_holes() && self.is_last_full();
        if !by_rows || again || page < 2 || !at_the_end {
            return self.step_to_hole(end);
        }
        self.places.looks_at = Some(end);
        Step {
            number: self.places.number_of(end),
            ..self.step_at(end - page / 2, page)
        }
    }

    /// The rows were received before, all but those behind a false end.
    pub(super) fn after_look(&mut self, end: u64, ask: &PageAsk, facts: &PageFacts) -> Use {
        let (known, received) = (end - self.place_of(&ask.at), facts.received);
        let is_other_row = received == known && facts.last_row != self.places.last_row.1;
        if received == 0 {
            self.end_with(self.counts_otherwise());
        } else if received > known {
            self.places.more_behind = Some(end);
            let step = self.step_to_hole(end);
            self.queue.push_back(step);
        } else if received < known || is_other_row {
            self.end_with(Inconsistency::Shrunk);
        } else {
            self.over = true;
        }
        Use::Compare(known)
    }

    fn counts_otherwise(&self) -> Inconsistency {
        Inconsistency::OffsetMeaning {
            parameter: self.rules.offset.clone().unwrap_or_default(),
        }
    }
}
