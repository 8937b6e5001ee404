//! Tests of `paging.rs`.

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
