//! A server with a list, of every kind, and a walk through it without sockets.

use std::collections::{BTreeMap, BTreeSet};

use super::super::*;

/// What a server declares as the list's size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Declares {
    Nothing,
    /// The list's size, off by so many.
    List(i64),
    /// The page's own size.
    Page,
    /// Always the same number.
    Always(u64),
    /// The list's size, and zero on an empty page.
    ZeroWhenEmpty,
}

/// How a server announces the next page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Promises {
    /// When there are more rows.
    Rightly,
    /// Also on the last page.
    Once,
    /// Also on empty pages.
    Always,
    /// Back to the page before.
    Back,
    /// To itself.
    Itself,
    /// In an unreadable form.
    Unclear,
    /// Not at all.
    Never,
}

/// What is odd about one answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Odd {
    /// So many rows at most.
    Torn(u64),
    /// The first row once more, beyond what was asked for.
    Twice,
    /// An empty list, with its promise.
    Empty,
    /// 204.
    NoContent,
    /// 404.
    Missing,
}

/// What an offset means to a server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Counts {
    Rows,
    Pages,
    Nothing,
    /// Rows, and behind the end the last page once more.
    Clamped,
    /// Rows, and behind the end the first page.
    Wraps,
    /// Rows of each of two backends, the second of which has so many: a page has rows of both.
    Backends(usize),
    /// The same, and the second has a limit of its own.
    SecondCapped(usize, usize),
    /// Rows, of which those with a number that this divides are left out afterwards.
    Hides(u64),
    /// Rows, of which only those within are left afterwards.
    Shows(&'static [std::ops::Range<u64>]),
}

/// A list on a server.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) rows: Vec<u64>,
    pub(super) cap: u64,
    /// The fewest rows of a page, whatever is asked for.
    pub(super) least: u64,
    pub(super) declares: Declares,
    pub(super) promises: Promises,
    pub(super) counts: Counts,
    /// By the request's number, from one.
    pub(super) odd: BTreeMap<u32, Odd>,
    /// The list ends for pages behind so many rows, whatever is declared.
    pub(super) cut: u64,
    /// What joins and leaves before a request: rows at the front, rows at the end, rows out of the front.
    pub(super) moves: BTreeMap<u32, Move>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Move {
    Joins {
        front: bool,
    },
    Leaves {
        position: usize,
    },
    /// The first row leaves, another joins at the end.
    Swaps,
}

impl Server {
    pub(super) fn of(rows: u64) -> Self {
        Self {
            rows: (0..rows).collect(),
            cap: u64::MAX,
            least: 0,
            declares: Declares::Nothing,
            promises: Promises::Rightly,
            counts: Counts::Rows,
            odd: BTreeMap::new(),
            cut: u64::MAX,
            moves: BTreeMap::new(),
        }
    }

    pub(super) fn with_total(rows: u64, off_by: i64) -> Self {
        Self {
            declares: Declares::List(off_by),
            ..Self::of(rows)
        }
    }

    pub(super) fn odd(self, odd: &[(u32, Odd)]) -> Self {
        Self {
            odd: odd.iter().copied().collect(),
            ..self
        }
    }

    /// The page that starts behind so many rows: its rows and where the next one starts.
    pub(super) fn cut_page(&self, start: u64, want: u64) -> (Vec<u64>, u64) {
        let end = (self.rows.len() as u64).min(self.cut);
        let start = start.min(end);
        let stop = end.min(start.saturating_add(want));
        let mut rows = self.rows[start as usize..stop as usize].to_vec();
        match self.counts {
            Counts::Backends(second) | Counts::SecondCapped(second, _) => {
                let backends = self.rows.split_at(self.rows.len() - second);
                let (start, want) = (start as usize, want as usize);
                let of = |backend: &[u64], want: usize| -> Vec<u64> {
                    backend.iter().skip(start).take(want).copied().collect()
                };
                let limit = match self.counts {
                    Counts::SecondCapped(_, limit) => want.min(limit),
                    _ => want,
                };
                rows = [of(backends.0, want), of(backends.1, limit)].concat();
            }
            Counts::Hides(number) => rows.retain(|row| !row.is_multiple_of(number)),
            Counts::Shows(shown) => {
                rows.retain(|row| shown.iter().any(|shown| shown.contains(row)));
            }
            _ => {}
        }
        (rows, stop)
    }

    /// Nothing for a 404.
    pub(super) fn page(
        &mut self,
        request: u32,
        ask: &PageAsk,
        rules: &PageRules,
    ) -> Option<(Vec<u64>, PageFacts)> {
        match self.moves.get(&request) {
            Some(Move::Joins { front: true }) => self.rows.insert(0, 10_000 + u64::from(request)),
            Some(Move::Joins { front: false }) => self.rows.push(10_000 + u64::from(request)),
            Some(Move::Swaps) => {
                self.rows.remove(0);
                self.rows.push(10_000 + u64::from(request));
            }
            Some(Move::Leaves { position }) if *position < self.rows.len() => {
                self.rows.remove(*position);
            }
            _ => {}
        }
        let asked = match rules.limit {
            Some(_) => ask.want.max(self.least),
            None => rules.size,
        };
        let size = asked.min(self.cap);
        let odd = self.odd.get(&request).copied();
        let want = match odd {
            Some(Odd::Torn(rows)) => size.min(rows),
            Some(Odd::Empty) => 0,
            Some(Odd::NoContent) => {
                let facts = PageFacts {
                    no_content: true,
                    ..PageFacts::default()
                };
                return Some((Vec::new(), facts));
            }
            Some(Odd::Missing) => return None,
            Some(Odd::Twice) | None => size,
        };
        let start = self.start_of(&ask.at, size, rules.first);
        let (mut rows, stop) = self.cut_page(start, want);
        if odd == Some(Odd::Twice) {
            rows.extend(rows.first().copied());
        }
        let len = self.rows.len() as u64;
        let total = match self.declares {
            Declares::Nothing => None,
            Declares::List(off) => Some(len.saturating_add_signed(off)),
            Declares::Page => Some(rows.len() as u64),
            Declares::Always(total) => Some(total),
            Declares::ZeroWhenEmpty if rows.is_empty() => Some(0),
            Declares::ZeroWhenEmpty => Some(len),
        };
        let is_more = stop < len.min(self.cut);
        let promised = NextPage::To(stop.to_string());
        let next = match self.promises {
            Promises::Rightly if is_more => promised,
            Promises::Rightly | Promises::Never => NextPage::None,
            Promises::Once if rows.is_empty() => NextPage::None,
            Promises::Once => promised,
            Promises::Always if stop == start => NextPage::To(format!("{stop} {request}")),
            Promises::Always => promised,
            Promises::Back => NextPage::To(start.saturating_sub(size).to_string()),
            Promises::Itself => NextPage::To(start.to_string()),
            Promises::Unclear if is_more => NextPage::Unclear,
            Promises::Unclear => NextPage::None,
        };
        let fingerprint = rows
            .iter()
            .fold(17_u64, |sum, row| sum.wrapping_mul(1_000_003) ^ row);
        let facts = PageFacts {
            received: rows.len() as u64,
            total,
            next,
            fingerprint: (!rows.is_empty()).then_some(fingerprint),
            first_row: rows.first().copied(),
            last_row: rows.last().copied().filter(|_| rules.counts_requested()),
            ..PageFacts::default()
        };
        Some((rows, facts))
    }

    pub(super) fn start_of(&self, at: &At, size: u64, first: u64) -> u64 {
        let rows = self.rows.len() as u64;
        let start = match at {
            At::Offset(offset) => *offset,
            At::Number(number) => (number - first).saturating_mul(size),
            At::Link(next) | At::Cursor(next) => {
                let position = next.split(' ').next().unwrap_or_default();
                position.parse().expect("a position of ours")
            }
            At::Start | At::Since { .. } => 0,
        };
        match self.counts {
            Counts::Pages if matches!(at, At::Offset(_)) => start.saturating_mul(size),
            Counts::Nothing => 0,
            Counts::Clamped if start >= rows => rows.saturating_sub(1) / size.max(1) * size,
            Counts::Wraps if start >= rows => 0,
            _ => start,
        }
    }
}

/// How a walk went.
pub(super) struct Walked {
    pub(super) rows: Vec<u64>,
    pub(super) requests: u32,
    pub(super) numbers: Vec<u32>,
    /// What pages with rows declared.
    pub(super) declared: BTreeSet<u64>,
    /// A 404 before any row.
    pub(super) failed: bool,
    pub(super) end: ListEnd,
}

impl Walked {
    pub(super) fn result(&self) -> String {
        match &self.end.completeness {
            Completeness::Proven => "proven".to_owned(),
            Completeness::Unproven => "unproven".to_owned(),
            Completeness::Contradicted(why) => short(why),
        }
    }
}

pub(super) fn short(why: &Inconsistency) -> String {
    match why {
        Inconsistency::Total {
            received,
            declared,
            short_end,
        } => format!(
            "{received} of {declared}{}",
            if *short_end { " short" } else { "" }
        ),
        Inconsistency::TotalMoved { from, to } => format!("moved {from} {to}"),
        other => format!("{other:?}")
            .split([' ', '{'])
            .next()
            .unwrap_or_default()
            .to_owned(),
    }
}

/// Walks with several requests in flight where that is allowed; responses in the order of the requests.
pub(super) fn walk(rules: &PageRules, server: &Server) -> Walked {
    let mut server = server.clone();
    let mut pager = Pager::start(rules.clone(), None);
    pager.begin_at("0".to_owned());
    let mut under_way = VecDeque::new();
    let (mut rows, mut requests, mut numbers) = (Vec::new(), 0, Vec::new());
    let (mut failed, mut declared) = (false, BTreeSet::new());
    loop {
        while under_way.is_empty() || (pager.may_overlap() && under_way.len() < 4) {
            let Some(ask) = pager.ask() else { break };
            requests += 1;
            numbers.push(ask.number);
            let answer = server.page(requests, &ask, rules);
            under_way.push_back((ask, answer));
        }
        let Some((ask, answer)) = under_way.pop_front() else {
            break;
        };
        match answer {
            Some((page, facts)) => {
                if !page.is_empty() || facts.total.is_some_and(|total| total > 0) {
                    declared.extend(facts.total);
                }
                if pager.answer(&ask, &facts) == PageUse::Accept {
                    rows.extend(page);
                }
            }
            None if ask.closing && pager.refused_past_the_end() => {}
            None if pager.missing(&ask) => {}
            None => {
                failed = true;
                break;
            }
        }
    }
    rows.sort_unstable();
    Walked {
        rows,
        requests,
        numbers,
        declared,
        failed,
        end: pager.end(),
    }
}

pub(super) fn rules(by: PageBy, size: u64) -> PageRules {
    PageRules {
        by,
        size,
        limit: Some("limit".into()),
        offset: (by == PageBy::Offset).then(|| "offset".into()),
        first: 1,
        ..PageRules::default()
    }
}

pub(super) fn offset() -> PageRules {
    rules(PageBy::Offset, 10)
}

pub(super) fn number() -> PageRules {
    rules(PageBy::Number, 10)
}

pub(super) fn link() -> PageRules {
    rules(PageBy::Link, 10)
}

pub(super) fn capped(cap: u64, server: Server) -> Server {
    Server { cap, ..server }
}

/// (what, rules, server, rows received, requests, end)
pub(super) type Case = (&'static str, PageRules, Server, u64, u32, &'static str);

pub(super) fn check(cases: Vec<Case>) {
    let mut wrong = Vec::new();
    for (what, rules, server, rows, requests, end) in cases {
        let walked = walk(&rules, &server);
        let seen = (walked.rows.len() as u64, walked.requests, walked.result());
        if seen != (rows, requests, end.to_owned()) {
            wrong.push(format!("{what}: {seen:?}"));
        }
    }
    assert_eq!(wrong, [""; 0]);
}
