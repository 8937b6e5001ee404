//! How the next page is asked for: a pure value that is told what came and says what to ask.
//!
//! It does not send, wait, retry or look at the clock. Offset and number walks whose total is
//! known may have several requests under way; all others go one by one. A short page in the
//! middle is read on, because servers cap, tear and shift pages (webuntis-oneroster.md 4.1, Q1, Q10, Q11).

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

    fn after_offset(&mut self, offset: u64, want: u64, received: u64) -> Result<(), String> {
        if received == 0 {
            self.ended_at = Some(self.ended_at.map_or(offset, |end| end.min(offset)));
            self.queue.retain(|(from, _)| *from < offset);
            return self.look_at_end(offset, want);
        }
        if self.ended_at.is_some_and(|end| end <= offset) {
            self.doubt
                .get_or_insert_with(|| "rows came after an empty page".to_owned());
            return Ok(());
        }
        let end = offset + received;
        if end > self.furthest.0 {
            self.furthest = (end, received >= want);
        }
        // A total smaller than what came is no guide.
        let total = self.total.filter(|total| *total >= self.received);
        match total {
            Some(total) if self.planned.is_none() => {
                // The first answer shows how many rows this vendor really gives at a time.
                if received != want && end < total {
                    self.size = received;
                }
                self.planned = Some(end);
            }
            Some(total) => {
                let more_behind =
                    offset < self.furthest_asked || self.planned.is_some_and(|from| from < total);
                if received < want && more_behind {
                    self.queue.push_front((end, want - received));
                }
            }
            None if received < want && offset < self.furthest_asked => {
                self.queue.push_front((end, want - received));
            }
            None => {}
        }
        if self.under_way == 0 && self.queue.is_empty() && self.ended_at.is_none() {
            self.go_on_behind(total, received < want);
        }
        Ok(())
    }

    /// An empty page behind a full one may be the end, or a hiccup, or a vendor that counts pages
    /// where rows are asked for (webuntis-oneroster.md 4.1 Q9, Q11): half a page before it tells.
    fn look_at_end(&mut self, end: u64, want: u64) -> Result<(), String> {
        if self.more_behind == Some(end) {
            return Err(self.counts_otherwise(end));
        }
        let in_doubt = self.total.is_none() && self.furthest == (end, true);
        if in_doubt && want > 1 && self.under_way == 0 && self.queue.is_empty() {
            self.looks_at = Some(end);
            self.queue.push_back((end - want / 2, want));
        }
        Ok(())
    }

    /// The rows came before, all but those behind a false end.
    fn after_look(&mut self, end: u64, want: u64, received: u64) -> Result<(), String> {
        if received == 0 {
            return Err(self.counts_otherwise(end - want / 2));
        }
        if received > want / 2 {
            self.more_behind = Some(end);
            self.ended_at = None;
            self.queue.push_back((end, self.size));
        }
        Ok(())
    }

    fn counts_otherwise(&self, row: u64) -> String {
        let offset = self.rules.offset.as_deref().unwrap_or_default();
        format!(
            "no rows come from row {row} on, where there are some: the vendor counts something else in `{offset}`"
        )
    }

    /// Nothing is under way and no hole is open: is there more behind the furthest page?
    fn go_on_behind(&mut self, total: Option<u64>, short: bool) {
        let more = match total {
            // webuntis-oneroster.md 4.2 rule 9: a full last page is no end, the total may be wrong.
            Some(total) if self.received >= total => self.furthest.1,
            Some(total) => self.planned.is_none_or(|from| from >= total),
            None => !(short && self.rules.short_ends),
        };
        if more {
            self.queue.push_back((self.furthest.0, self.size));
        }
    }

    fn after_number(&mut self, number: u64, want: u64, received: u64) {
        if received == 0 || (self.rules.short_ends && received < want) {
            self.ended_at = Some(0);
            self.queue.clear();
            return;
        }
        match self.total.filter(|total| *total >= self.received) {
            Some(total) if self.planned.is_none() => {
                if self.received < total && received < want {
                    self.size = received;
                }
                self.planned = Some(received);
            }
            Some(total) if self.received >= total && received >= want && self.under_way == 0 => {
                self.queue
                    .push_back(((number + 1 - self.rules.first) * self.size, self.size));
            }
            Some(_) => {}
            None => {
                self.planned = None;
                let offset = (number + 1 - self.rules.first) * self.size;
                self.queue.push_back((offset, self.size));
            }
        }
    }

    fn after_cursor(&mut self, facts: &PageFacts) -> Result<(), String> {
        if let Some(cursor) = &facts.cursor {
            if !self.cursors.insert(cursor.clone()) {
                return Err(
                    "the vendor gave the same cursor again: the list goes in circles".to_owned(),
                );
            }
            self.next = Some(At::Cursor(cursor.clone()));
        }
        Ok(())
    }

    /// wisenet.md 8.1: from the last time seen; only a page of one single time is walked by skipping.
    fn after_watermark(&mut self, at: &At, want: u64, facts: &PageFacts) -> Result<(), String> {
        let (from, skip) = match at {
            At::Since { from, skip } => (Some(from.as_str()), *skip),
            At::Offset(skip) => (None, *skip),
            _ => (None, 0),
        };
        if facts.received == 0 || (self.rules.short_ends && facts.received < want) {
            return Ok(());
        }
        match &facts.span {
            Some((first, last)) if first > last => {
                return Err("the list is not sorted by its change time".to_owned());
            }
            Some((first, _)) if from.is_some_and(|from| first.as_str() < from) => {
                return Err(
                    "older rows came than asked for: the filter by change time is ignored"
                        .to_owned(),
                );
            }
            // The page moved on in time: the rows of its last moment come again, with their fellows.
            Some((_, last)) if from.is_none_or(|from| last.as_str() > from) => {
                self.next = Some(At::Since {
                    from: last.clone(),
                    skip: 0,
                });
            }
            // Still the same moment, or no times at all: skip what came.
            Some(_) | None => {
                let skip = skip + facts.received;
                self.next = Some(match from {
                    Some(from) => At::Since {
                        from: from.to_owned(),
                        skip,
                    },
                    None => At::Offset(skip),
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// A list on a server with bad manners.
    #[derive(Clone, Debug)]
    struct List {
        rows: u64,
        cap: u64,
        states_total: Option<i64>,
        torn: BTreeMap<u32, u64>,
    }

    impl List {
        fn of(rows: u64) -> Self {
            Self {
                rows,
                cap: u64::MAX,
                states_total: None,
                torn: BTreeMap::new(),
            }
        }

        fn with_total(rows: u64, off_by: i64) -> Self {
            Self {
                states_total: Some(off_by),
                ..Self::of(rows)
            }
        }

        fn page(&self, ask: &PageAsk, first: u64) -> (Vec<u64>, PageFacts) {
            let from = match ask.at {
                At::Offset(offset) => offset,
                At::Number(number) => (number - first) * ask.want,
                _ => 0,
            };
            let mut want = ask.want.min(self.cap);
            if let Some(torn) = self.torn.get(&ask.number) {
                want = want.min(*torn);
            }
            let rows: Vec<u64> = (from.min(self.rows)..self.rows.min(from + want)).collect();
            let facts = PageFacts {
                received: rows.len() as u64,
                total: self
                    .states_total
                    .map(|off| self.rows.saturating_add_signed(off)),
                fingerprint: rows
                    .first()
                    .map_or(0, |first| first * 1_000_003 + rows.len() as u64 + 1),
                ..PageFacts::default()
            };
            (rows, facts)
        }
    }

    /// Walks with several requests under way where that is allowed, answers in the order of asking.
    fn walk(rules: &PageRules, list: &List) -> (Vec<u64>, u32, End) {
        let mut pager = Pager::start(rules.clone(), None);
        let mut under_way = VecDeque::new();
        let mut seen = Vec::new();
        loop {
            while under_way.is_empty() || (pager.may_overlap() && under_way.len() < 4) {
                match pager.ask().expect("no circle") {
                    Some(ask) => under_way.push_back(ask),
                    None => break,
                }
            }
            let Some(ask) = under_way.pop_front() else {
                break;
            };
            let (rows, facts) = list.page(&ask, rules.first);
            if pager.answer(&ask, &facts).expect("no circle") == Use::Take {
                seen.extend(rows);
            }
        }
        seen.sort_unstable();
        (seen, pager.pages(), pager.end())
    }

    fn offset(size: u64) -> PageRules {
        PageRules {
            by: PageBy::Offset,
            size,
            limit: Some("limit".into()),
            ..PageRules::default()
        }
    }

    #[test]
    fn walks_end_where_the_list_does() {
        let proved = End {
            proved: true,
            doubt: None,
        };
        let walked = End {
            proved: false,
            doubt: None,
        };
        let doubt = |text: &str| End {
            proved: false,
            doubt: Some(text.to_owned()),
        };
        for (what, rules, list, pages, end) in [
            ("empty list", offset(10), List::of(0), 1, walked.clone()),
            (
                "one short page is asked behind",
                offset(10),
                List::of(3),
                2,
                walked.clone(),
            ),
            (
                "full pages, and a look at the end",
                offset(10),
                List::of(20),
                4,
                walked.clone(),
            ),
            (
                "an empty page in the middle",
                offset(10),
                List {
                    torn: [(3, 0)].into(),
                    ..List::of(35)
                },
                7,
                walked.clone(),
            ),
            (
                "total, short last page",
                offset(10),
                List::with_total(25, 0),
                3,
                proved.clone(),
            ),
            (
                "total, full last page is asked behind",
                offset(10),
                List::with_total(30, 0),
                4,
                proved.clone(),
            ),
            (
                "total equal to a full first page",
                offset(10),
                List::with_total(10, 0),
                2,
                proved.clone(),
            ),
            (
                "total of nothing",
                offset(10),
                List::with_total(0, 0),
                1,
                proved.clone(),
            ),
            (
                "capped without total",
                offset(10),
                List {
                    cap: 4,
                    ..List::of(10)
                },
                4,
                walked.clone(),
            ),
            (
                "capped with total",
                offset(10),
                List {
                    cap: 4,
                    ..List::with_total(10, 0)
                },
                3,
                proved.clone(),
            ),
            (
                "total too large",
                offset(10),
                List::with_total(25, 5),
                4,
                doubt("25 rows came, the vendor states 30"),
            ),
            (
                "total too small",
                offset(10),
                List::with_total(25, -5),
                4,
                doubt("25 rows came, the vendor states 20"),
            ),
            (
                "short page is believed",
                PageRules {
                    short_ends: true,
                    ..offset(10)
                },
                List::of(13),
                2,
                walked.clone(),
            ),
            (
                "numbers",
                PageRules {
                    by: PageBy::Number,
                    first: 1,
                    ..offset(10)
                },
                List::of(25),
                4,
                walked,
            ),
            (
                "numbers with total",
                PageRules {
                    by: PageBy::Number,
                    first: 1,
                    ..offset(10)
                },
                List::with_total(25, 0),
                3,
                proved.clone(),
            ),
            (
                "half page with total",
                offset(10),
                List {
                    torn: [(2, 5)].into(),
                    ..List::with_total(40, 0)
                },
                6,
                proved,
            ),
        ] {
            let rows = list.rows;
            assert_eq!(
                walk(&rules, &list),
                ((0..rows).collect(), pages, end),
                "{what}"
            );
        }
    }

    /// webuntis-oneroster.md 4.1 Q9: "page 10" is empty, and half a page before it there is nothing, or too much.
    #[test]
    fn a_vendor_that_counts_pages_is_found_out() {
        for (rows, asked, row) in [(45, vec![0, 10, 5], 5), (95, vec![0, 10, 5, 10], 10)] {
            let (list, mut pager) = (List::of(rows), Pager::start(offset(10), None));
            let mut seen = Vec::new();
            let problem = loop {
                let ask = pager.ask().expect("not too many").expect("not ended");
                let At::Offset(page) = ask.at else {
                    panic!("an offset")
                };
                seen.push(page);
                let at = At::Offset(page * ask.want);
                let (_, facts) = list.page(&PageAsk { at, ..ask.clone() }, 0);
                if let Err(problem) = pager.answer(&ask, &facts) {
                    break problem;
                }
            };
            assert_eq!(seen, asked);
            let expected = format!(
                "no rows come from row {row} on, where there are some: the vendor counts something else in ``"
            );
            assert_eq!(problem, expected);
        }
    }

    proptest! {
        #[test]
        fn no_row_is_lost_and_none_doubled_without_doubt(
            rows in 0u64..300,
            size in 1u64..40,
            cap in 1u64..60,
            total in prop::option::of(-20i64..20),
            torn in prop::collection::btree_map(1u32..20, 1u64..40, 0..4),
        ) {
            let list = List { rows, cap, states_total: total, torn };
            let (mut seen, _, end) = walk(&offset(size), &list);
            let with_doubles = seen.len();
            seen.dedup();
            let came = seen.len() as u64;
            prop_assert!(seen.len() == with_doubles || end.doubt.is_some());
            prop_assert_eq!(seen, (0..came).collect::<Vec<_>>());
            // A short page that meets the stated total is an end (contract 4.2 rule 9), even where the vendor lies.
            let stated = total.map(|off| rows.saturating_add_signed(off));
            prop_assert!(came == rows || stated == Some(came));
            prop_assert!(!end.proved || stated == Some(came));
        }
    }

    #[test]
    fn a_watermark_walk_reads_every_moment_and_stops() {
        // (change time, id), three of one moment across a page border.
        let list = [(1, 'a'), (2, 'b'), (2, 'c'), (2, 'd'), (3, 'e')];
        let rules = PageRules {
            by: PageBy::Watermark,
            size: 2,
            limit: Some("take".into()),
            offset: Some("skip".into()),
            ..PageRules::default()
        };
        let mut pager = Pager::start(rules, None);
        let mut seen = BTreeSet::new();
        while let Some(ask) = pager.ask().expect("no circle") {
            let (from, skip) = match &ask.at {
                At::Since { from, skip } => (from.parse().expect("a number"), *skip),
                _ => (0, 0),
            };
            let page: Vec<_> = list
                .iter()
                .filter(|row| row.0 >= from)
                .skip(skip as usize)
                .take(2)
                .collect();
            seen.extend(page.iter().map(|row| row.1));
            let span = page
                .first()
                .zip(page.last())
                .map(|(first, last)| (first.0.to_string(), last.0.to_string()));
            let fingerprint = page
                .iter()
                .fold(7, |sum, row| sum * 31 + u64::from(u32::from(row.1)));
            let facts = PageFacts {
                received: page.len() as u64,
                span,
                fingerprint,
                ..PageFacts::default()
            };
            pager.answer(&ask, &facts).expect("no circle");
        }
        assert_eq!(seen.into_iter().collect::<String>(), "abcde");
        assert!(pager.pages() < 10);
    }

    #[test]
    fn circles_are_noticed() {
        let same = PageFacts {
            received: 2,
            fingerprint: 9,
            cursor: Some("c".into()),
            span: Some(("1".into(), "1".into())),
            ..PageFacts::default()
        };
        for (by, expected) in [
            (
                PageBy::Offset,
                "the same page came twice in a row: the vendor does not move on",
            ),
            (
                PageBy::Cursor,
                "the same page came twice in a row: the vendor does not move on",
            ),
            (
                PageBy::Watermark,
                "the same page came twice in a row: the vendor does not move on",
            ),
        ] {
            let mut pager = Pager::start(PageRules { by, ..offset(2) }, None);
            let mut error = None;
            for _ in 0..5 {
                let Some(ask) = pager.ask().expect("few pages") else {
                    break;
                };
                if let Err(text) = pager.answer(&ask, &same) {
                    error = Some(text);
                    break;
                }
            }
            assert_eq!(error.as_deref(), Some(expected), "{by:?}");
        }
        let mut pager = Pager::start(
            PageRules {
                by: PageBy::Cursor,
                ..offset(2)
            },
            None,
        );
        let first = pager.ask().expect("few pages").expect("a page");
        pager.answer(&first, &same).expect("new cursor");
        let second = pager.ask().expect("few pages").expect("a page");
        let other = PageFacts {
            fingerprint: 10,
            ..same
        };
        assert_eq!(
            pager.answer(&second, &other).expect_err("a circle"),
            "the vendor gave the same cursor again: the list goes in circles"
        );
    }

    #[test]
    fn a_page_that_is_too_large_is_asked_for_in_smaller_parts() {
        let mut pager = Pager::start(offset(1000), None);
        let ask = pager.ask().expect("few pages").expect("a page");
        assert!(pager.too_many(&ask));
        let smaller = pager.ask().expect("few pages").expect("a page");
        assert_eq!((smaller.at, smaller.want), (At::Offset(0), 500));
        let tiny = PageAsk {
            number: 1,
            want: 50,
            at: At::Offset(0),
            closing: false,
        };
        assert!(!pager.too_many(&tiny));
    }
}
