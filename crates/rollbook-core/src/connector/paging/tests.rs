//! Tests of `paging.rs`: a pager against servers of every kind, without sockets.

use std::collections::BTreeSet;

use proptest::prelude::*;

use self::server::*;
use super::*;

mod linked;
mod requested;
mod server;
mod totals;

#[test]
fn lists_by_offset_end_where_they_do() {
    check(vec![
        ("empty list", offset(), Server::of(0), 0, 1, "unproven"),
        (
            "one short page is asked behind",
            offset(),
            Server::of(3),
            3,
            2,
            "unproven",
        ),
        (
            "full pages, and a look at the end",
            offset(),
            Server::of(20),
            20,
            4,
            "unproven",
        ),
        (
            "capped without total",
            offset(),
            capped(4, Server::of(10)),
            10,
            4,
            "unproven",
        ),
        (
            "short page is believed",
            PageRules {
                short_ends: true,
                ..offset()
            },
            Server::of(13),
            13,
            2,
            "unproven",
        ),
        (
            "total of nothing",
            offset(),
            Server::with_total(0, 0),
            0,
            1,
            "proven",
        ),
        (
            "total, short last page",
            offset(),
            Server::with_total(25, 0),
            25,
            3,
            "proven",
        ),
        (
            "total, full last page is asked behind",
            offset(),
            Server::with_total(30, 0),
            30,
            4,
            "proven",
        ),
        (
            "total equal to a full first page",
            offset(),
            Server::with_total(10, 0),
            10,
            2,
            "proven",
        ),
        (
            "total on one short page is asked behind",
            offset(),
            Server::with_total(3, 0),
            3,
            2,
            "proven",
        ),
        (
            "capped with total",
            offset(),
            capped(4, Server::with_total(10, 0)),
            10,
            4,
            "proven",
        ),
        (
            "capped with a longer total",
            offset(),
            capped(4, Server::with_total(90, 0)),
            90,
            23,
            "proven",
        ),
        (
            "total zero behind the end",
            offset(),
            Server {
                declares: Declares::ZeroWhenEmpty,
                ..Server::of(20)
            },
            20,
            3,
            "proven",
        ),
    ]);
}

#[test]
fn lists_by_number() {
    check(vec![
        ("numbers", number(), Server::of(25), 25, 4, "unproven"),
        (
            "full last page",
            number(),
            Server::of(20),
            20,
            4,
            "unproven",
        ),
        (
            "total",
            number(),
            Server::with_total(25, 0),
            25,
            3,
            "proven",
        ),
        (
            "capped",
            number(),
            capped(4, Server::of(10)),
            10,
            4,
            "unproven",
        ),
        (
            "capped with total",
            number(),
            capped(4, Server::with_total(10, 0)),
            10,
            4,
            "proven",
        ),
        (
            "capped with a longer total",
            number(),
            capped(4, Server::with_total(90, 0)),
            90,
            24,
            "proven",
        ),
        (
            "the server's own page size",
            PageRules {
                limit: None,
                ..number()
            },
            capped(7, Server::with_total(30, 0)),
            30,
            6,
            "proven",
        ),
        (
            "404 behind the end",
            number(),
            Server::of(20).odd(&[(3, Odd::Missing)]),
            20,
            3,
            "unproven",
        ),
        (
            "one torn page with total",
            number(),
            Server::with_total(30, 0).odd(&[(2, Odd::Torn(3))]),
            23,
            5,
            "23 of 30",
        ),
    ]);
}

/// Kinds of hiccups: an empty page, a torn page, no content, 404; with and without a total, in the middle and at the end.
#[test]
fn hiccups_lose_nothing_unseen() {
    check(vec![
        (
            "an empty page in the middle",
            offset(),
            Server::of(35).odd(&[(3, Odd::Empty)]),
            35,
            7,
            "unproven",
        ),
        (
            "with total",
            offset(),
            Server::with_total(35, 0).odd(&[(3, Odd::Empty)]),
            35,
            5,
            "proven",
        ),
        (
            "half page with total",
            offset(),
            Server::with_total(40, 0).odd(&[(2, Odd::Torn(5))]),
            40,
            6,
            "proven",
        ),
        (
            "a tiny first page does not make all pages tiny",
            offset(),
            Server::with_total(200, 0).odd(&[(1, Odd::Torn(1))]),
            200,
            21,
            "proven",
        ),
        (
            "an empty first page with total",
            offset(),
            Server::with_total(25, 0).odd(&[(1, Odd::Empty)]),
            25,
            4,
            "proven",
        ),
        (
            "L14 204 below the total",
            offset(),
            Server::with_total(35, 0).odd(&[(2, Odd::NoContent)]),
            35,
            5,
            "proven",
        ),
        (
            "L14 204 below the total, for ever",
            offset(),
            Server::with_total(15, 0).odd(&[(2, Odd::NoContent), (3, Odd::NoContent)]),
            10,
            3,
            "NoContent",
        ),
        (
            "204 behind a list without total",
            offset(),
            Server::of(15).odd(&[(3, Odd::NoContent)]),
            15,
            3,
            "unproven",
        ),
        (
            "L6 404 behind a full page",
            offset(),
            Server::of(20).odd(&[(3, Odd::Missing)]),
            20,
            3,
            "unproven",
        ),
        (
            "L6 404 behind a short page",
            offset(),
            Server::of(15).odd(&[(3, Odd::Missing)]),
            15,
            3,
            "unproven",
        ),
        (
            "L6 404 where the total is reached",
            offset(),
            Server::with_total(20, 0).odd(&[(3, Odd::Missing)]),
            20,
            3,
            "proven",
        ),
        (
            "L6 404 below the total",
            offset(),
            Server::with_total(35, 0).odd(&[(4, Odd::Missing)]),
            30,
            4,
            "30 of 35",
        ),
    ]);
}

/// webuntis-oneroster.md 4.1 Q9: pages for rows, the same page for ever, the last or the first page behind the end.
#[test]
fn offsets_that_mean_something_else() {
    let counting = |counts, server: Server| Server { counts, ..server };
    let repeat = PageRules {
        repeat_ends: true,
        ..offset()
    };
    check(vec![
        (
            "pages",
            offset(),
            counting(Counts::Pages, Server::of(45)),
            10,
            3,
            "OffsetMeaning",
        ),
        (
            "pages, and rows half a page before",
            offset(),
            counting(Counts::Pages, Server::of(95)),
            10,
            4,
            "OffsetMeaning",
        ),
        (
            "pages with total",
            offset(),
            counting(Counts::Pages, Server::with_total(45, 0)),
            10,
            6,
            "OffsetMeaning",
        ),
        (
            "nothing",
            offset(),
            counting(Counts::Nothing, Server::of(45)),
            10,
            2,
            "SamePage",
        ),
        (
            "nothing, with total",
            offset(),
            counting(Counts::Nothing, Server::with_total(45, 0)),
            10,
            5,
            "SamePage",
        ),
        (
            "nothing, and all rows at once",
            offset(),
            counting(Counts::Nothing, Server::with_total(7, 0)),
            7,
            2,
            "proven",
        ),
        (
            "nothing, as the connector declares",
            repeat,
            counting(Counts::Nothing, Server::of(7)),
            7,
            2,
            "unproven",
        ),
        (
            "the last page again",
            offset(),
            counting(Counts::Clamped, Server::of(25)),
            25,
            4,
            "SamePage",
        ),
        (
            "the last page again, with total",
            offset(),
            counting(Counts::Clamped, Server::with_total(30, 0)),
            30,
            4,
            "proven",
        ),
        (
            "the first page again",
            offset(),
            counting(Counts::Wraps, Server::of(25)),
            25,
            4,
            "SamePage",
        ),
        (
            "by number, the same page",
            number(),
            counting(Counts::Nothing, Server::of(45)),
            10,
            2,
            "SamePage",
        ),
    ]);
}

/// A page that is longer than asked for: rows listed twice on their page, or a server that does not apply the limit.
#[test]
fn pages_that_are_longer_than_asked_for() {
    let twice = |request| Server::of(45).odd(&[(request, Odd::Twice)]);
    let least = |rows| Server {
        least: 15,
        ..Server::of(rows)
    };
    check(vec![
        (
            "a row twice on the second page",
            offset(),
            twice(2),
            46,
            6,
            "unproven",
        ),
        ("on the last page", offset(), twice(5), 46, 6, "unproven"),
        // The second page proves that the limit is applied, so a row was skipped behind the first.
        ("on the first page", offset(), twice(1), 46, 7, "unproven"),
        (
            "on the first page, with a total of rows",
            offset(),
            Server {
                declares: Declares::List(0),
                ..twice(1)
            },
            46,
            7,
            "46 of 45 short",
        ),
        ("longer pages", offset(), least(44), 44, 5, "unproven"),
        (
            "longer pages, and the last as asked for",
            offset(),
            least(40),
            40,
            5,
            "unproven",
        ),
        (
            "longer pages with a total",
            offset(),
            Server {
                declares: Declares::List(0),
                ..least(40)
            },
            40,
            4,
            "proven",
        ),
    ]);
}

/// L7, L12: what shows that a list moved, and what does not.
#[test]
fn lists_that_move() {
    let moving = |moves: &[(u32, Move)], server: Server| Server {
        moves: moves.iter().copied().collect(),
        ..server
    };
    let joins = Move::Joins { front: false };
    let leaves = Move::Leaves { position: 0 };
    check(vec![
        (
            "grows, with total",
            offset(),
            moving(&[(2, joins)], Server::with_total(25, 0)),
            26,
            3,
            "moved 25 26",
        ),
        (
            "shrinks, with total",
            offset(),
            moving(&[(2, leaves)], Server::with_total(25, 0)),
            24,
            3,
            "moved 25 24",
        ),
        (
            "one leaves, one joins later",
            offset(),
            moving(&[(2, leaves), (3, joins)], Server::with_total(25, 0)),
            25,
            3,
            "moved 25 24",
        ),
        (
            "L12 one leaves and one joins unseen: why two readings are asked for",
            offset(),
            moving(&[(2, Move::Swaps)], Server::with_total(25, 0)),
            25,
            3,
            "proven",
        ),
        (
            "shrinks while the end is looked at",
            offset(),
            moving(&[(4, leaves)], Server::of(20)),
            20,
            4,
            "Shrunk",
        ),
        (
            "grows behind one page",
            offset(),
            moving(&[(2, joins)], Server::with_total(7, 0)),
            8,
            3,
            "moved 7 8",
        ),
    ]);
}

#[test]
fn what_the_end_says_beside_completeness() {
    for (what, rules, server, largest, pages, one) in [
        ("none", rules(PageBy::None, 10), Server::of(7), 7, 1, true),
        (
            "none, full",
            rules(PageBy::None, 10),
            Server::of(10),
            10,
            1,
            false,
        ),
        (
            "none, no limit",
            PageRules {
                limit: None,
                ..rules(PageBy::None, 10)
            },
            Server::of(10),
            10,
            1,
            true,
        ),
        ("offset", offset(), Server::of(25), 10, 3, false),
        (
            "offset, one page",
            offset(),
            Server::with_total(7, 0),
            7,
            1,
            false,
        ),
        ("link", link(), Server::of(25), 10, 3, false),
        ("link, one page", link(), Server::of(7), 7, 1, true),
        (
            "204",
            rules(PageBy::None, 10),
            Server::of(7).odd(&[(1, Odd::NoContent)]),
            0,
            0,
            false,
        ),
    ] {
        let end = walk(&rules, &server).end;
        assert_eq!(
            (end.largest_page, end.pages_with_rows, end.one_answer),
            (largest, pages, one),
            "{what}"
        );
    }
}

#[test]
fn the_only_answer_may_be_odd() {
    let mut pager = Pager::start(rules(PageBy::None, 10), None);
    let ask = pager.ask().expect("a page");
    let facts = PageFacts {
        odd_empty: true,
        ..PageFacts::default()
    };
    pager.answer(&ask, &facts);
    assert_eq!(pager.end().completeness, Completeness::Unproven);
}

/// `page.more`: a flag beside the cursor wins over it.
#[test]
fn a_flag_says_whether_there_is_more() {
    let to = || NextPage::To("c".into());
    for (more, next, expected) in [
        (None, to(), "asks"),
        (Some(true), to(), "asks"),
        (Some(false), to(), "proven"),
        (Some(false), NextPage::Unclear, "proven"),
        (Some(false), NextPage::None, "proven"),
        (Some(true), NextPage::None, "NextLink"),
        (Some(true), NextPage::Unclear, "NextLink"),
        (None, NextPage::Unclear, "NextLink"),
        (None, NextPage::None, "proven"),
    ] {
        let mut pager = Pager::start(rules(PageBy::Cursor, 10), None);
        let ask = pager.ask().expect("a page");
        let facts = PageFacts {
            received: 3,
            more,
            next: next.clone(),
            ..PageFacts::default()
        };
        pager.answer(&ask, &facts);
        let seen = match (pager.ask(), pager.end().completeness) {
            (Some(_), _) => "asks".to_owned(),
            (None, Completeness::Contradicted(why)) => short(&why),
            (None, completeness) => format!("{completeness:?}").to_lowercase(),
        };
        assert_eq!(seen, expected, "{more:?} {next:?}");
    }
}

#[test]
fn rows_that_cannot_be_read_are_no_repetition() {
    let mut pager = Pager::start(offset(), None);
    for _ in 0..3 {
        let ask = pager.ask().expect("a page");
        let facts = PageFacts {
            received: 10,
            ..PageFacts::default()
        };
        assert_eq!(pager.answer(&ask, &facts), PageUse::Accept);
    }
}

#[test]
fn a_list_without_end_is_given_up() {
    let mut pager = Pager::start(offset(), None);
    let mut page = 0;
    while let Some(ask) = pager.ask() {
        page += 1;
        let facts = PageFacts {
            received: 10,
            fingerprint: Some(page),
            ..PageFacts::default()
        };
        pager.answer(&ask, &facts);
    }
    let expected = Inconsistency::TooManyPages { pages: 10_000 };
    assert_eq!(
        pager.end().completeness,
        Completeness::Contradicted(expected)
    );
}

/// A page that is requested again, in halves or for its rest, keeps its number in messages.
#[test]
fn a_page_keeps_its_number() {
    let walked = walk(
        &offset(),
        &Server::with_total(35, 0).odd(&[(2, Odd::Empty)]),
    );
    assert_eq!(walked.numbers, [1, 2, 3, 4, 2]);
    let walked = walk(&link(), &Server::of(25).odd(&[(2, Odd::NoContent)]));
    assert_eq!(walked.numbers, [1, 2, 2, 3]);
    let mut pager = Pager::start(rules(PageBy::Offset, 1000), None);
    let ask = pager.ask().expect("a page");
    assert!(pager.too_many(&ask, 1));
    let halves = [pager.ask().expect("a page"), pager.ask().expect("a page")];
    assert_eq!(
        halves.map(|half| (half.number, half.at, half.want)),
        [(1, At::Offset(0), 500), (1, At::Offset(500), 500),]
    );
}

#[test]
fn a_page_that_is_too_large_is_asked_for_in_smaller_parts() {
    let mut pager = Pager::start(rules(PageBy::Offset, 80), None);
    let (mut rows, mut requests) = (0, 0);
    while let Some(ask) = pager.ask() {
        requests += 1;
        let At::Offset(start) = ask.at else {
            panic!("an offset")
        };
        if ask.want > 50 {
            assert!(pager.too_many(&ask, 1));
            continue;
        }
        let received = 200_u64.saturating_sub(start).min(ask.want);
        let facts = PageFacts {
            received,
            total: Some(200),
            fingerprint: Some(start),
            ..PageFacts::default()
        };
        pager.answer(&ask, &facts);
        rows += received;
    }
    assert_eq!(
        (rows, pager.end().completeness),
        (200, Completeness::Proven)
    );
    assert!(requests < 10, "{requests}");
    let mut pager = Pager::start(rules(PageBy::Offset, 50), None);
    let tiny = pager.ask().expect("a page");
    assert!(!pager.too_many(&tiny, 1));
}

/// S2: five attempts at one page, all sizes together; the next page has five of its own.
#[test]
fn attempts_at_a_page_are_counted_over_all_sizes() {
    let mut pager = Pager::start(rules(PageBy::Offset, 1000), None);
    let mut sizes = Vec::new();
    while let Some(ask) = pager.ask() {
        sizes.push(ask.want);
        if !pager.too_many(&ask, 1) {
            break;
        }
    }
    assert_eq!(sizes, [1000, 500, 250, 125, 62]);
    let mut pager = Pager::start(rules(PageBy::Offset, 1000), None);
    let ask = pager.ask().expect("a page");
    assert!(pager.too_many(&ask, 4));
    let ask = pager.ask().expect("a page");
    assert!(!pager.too_many(&ask, 1), "five attempts");
    let mut pager = Pager::start(rules(PageBy::Link, 1000), None);
    let mut ask = pager.ask().expect("a page");
    ask.at = At::Link("/users?limit=1000&page=2".into());
    assert!(!pager.too_many(&ask, 1), "a link has its own size");
}

/// A list that is sorted by change time; the filter may be ignored, the order wrong.
fn walk_by_time(
    list: &[(u32, char)],
    filtered: bool,
    since: Option<&str>,
    offset: bool,
) -> (String, u32, String) {
    let rules = PageRules {
        by: PageBy::Watermark,
        size: 2,
        limit: Some("take".into()),
        offset: offset.then(|| "skip".into()),
        ..PageRules::default()
    };
    let mut pager = Pager::start(rules, since.map(str::to_owned));
    let (mut seen, mut requests) = (BTreeSet::new(), 0);
    while let Some(ask) = pager.ask() {
        requests += 1;
        assert!(requests < 20, "it never ends");
        let (from, skip) = match &ask.at {
            At::Since { from, skip } => (from.parse().expect("a number"), *skip),
            At::Offset(skip) => (0, *skip),
            _ => (0, 0),
        };
        let page: Vec<_> = list
            .iter()
            .filter(|row| !filtered || row.0 >= from)
            .skip(skip as usize)
            .take(2)
            .collect();
        let span = page
            .first()
            .zip(page.last())
            .map(|(first, last)| (first.0.to_string(), last.0.to_string()));
        let sum = page
            .iter()
            .fold(7, |sum, row| sum * 31 + u64::from(u32::from(row.1)));
        let facts = PageFacts {
            received: page.len() as u64,
            span,
            fingerprint: (!page.is_empty()).then_some(sum),
            ..PageFacts::default()
        };
        if pager.answer(&ask, &facts) == PageUse::Accept {
            seen.extend(page.iter().map(|row| row.1));
        }
    }
    let end = match pager.end().completeness {
        Completeness::Contradicted(why) => short(&why),
        other => format!("{other:?}").to_lowercase(),
    };
    (seen.into_iter().collect(), requests, end)
}

#[test]
fn a_watermark_walk_reads_every_moment_and_stops() {
    // Three rows of one time across a page border.
    let list = [(1, 'a'), (2, 'b'), (2, 'c'), (2, 'd'), (3, 'e')];
    let unsorted = [(2, 'a'), (1, 'b'), (3, 'c')];
    for (what, list, filtered, since, offset, rows, end) in [
        (
            "from the start",
            &list[..],
            true,
            None,
            true,
            "abcde",
            "unproven",
        ),
        (
            "from a time",
            &list,
            true,
            Some("2"),
            true,
            "bcde",
            "unproven",
        ),
        (
            "the filter is ignored",
            &list,
            false,
            None,
            true,
            "abcde",
            "unproven",
        ),
        (
            "the filter is ignored from a time",
            &list,
            false,
            Some("3"),
            true,
            "abcde",
            "unproven",
        ),
        (
            "the filter is ignored and nothing can be skipped",
            &list,
            false,
            Some("3"),
            false,
            "ab",
            "SamePage",
        ),
        ("not sorted", &unsorted, true, None, true, "ab", "Unsorted"),
    ] {
        let (seen, requests, seen_end) = walk_by_time(list, filtered, since, offset);
        assert_eq!((seen.as_str(), seen_end.as_str()), (rows, end), "{what}");
        assert!(requests < 10, "{what}: {requests}");
    }
}

fn kinds() -> impl Strategy<Value = PageBy> {
    prop_oneof![
        Just(PageBy::Offset),
        Just(PageBy::Number),
        Just(PageBy::Link),
        Just(PageBy::Cursor),
        Just(PageBy::NextUrl),
    ]
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        any::<bool>().prop_map(|front| Move::Joins { front }),
        (0_usize..60).prop_map(|position| Move::Leaves { position }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// An honest server: whatever it caps and declares, each row is received once, and nothing is held against it.
    #[test]
    fn an_honest_list_is_received_completely(
        by in kinds(),
        rows in 0_u64..300,
        size in 1_u64..40,
        cap in 1_u64..60,
        limit in any::<bool>(),
        declares in prop_oneof![
            Just(Declares::Nothing),
            Just(Declares::List(0)),
            Just(Declares::ZeroWhenEmpty),
            Just(Declares::Page),
        ],
        promises in prop_oneof![Just(Promises::Rightly), Just(Promises::Once)],
    ) {
        let mut rules = rules(by, size);
        if !limit {
            rules.limit = None;
        }
        let server = Server { cap, declares, promises, ..Server::of(rows) };
        let walked = walk(&rules, &server);
        prop_assert_eq!(&walked.rows, &server.rows);
        prop_assert!(!matches!(walked.end.completeness, Completeness::Contradicted(_)), "{}", walked.result());
        let pages = rows.div_ceil(size.min(cap));
        prop_assert!(u64::from(walked.requests) <= pages + 3, "{} requests for {pages} pages", walked.requests);
        let of_list = matches!(declares, Declares::List(_) | Declares::ZeroWhenEmpty);
        prop_assert!(!of_list || walked.end.completeness == Completeness::Proven);
    }

    /// Hiccups of one answer never lose a row where the list could know it.
    #[test]
    fn a_hiccup_is_read_over(
        rows in 0_u64..300,
        size in 2_u64..40,
        cap in 1_u64..60,
        total in any::<bool>(),
        request in 2_u32..12,
        odd in prop_oneof![(1_u64..40).prop_map(Odd::Torn), Just(Odd::Empty), Just(Odd::NoContent)],
    ) {
        let declares = if total { Declares::List(0) } else { Declares::Nothing };
        let server = Server { cap, declares, ..Server::of(rows) }.odd(&[(request, odd)]);
        let walked = walk(&rules(PageBy::Offset, size), &server);
        let complete = walked.rows == server.rows;
        prop_assert!(complete || walked.end.completeness != Completeness::Proven);
        prop_assert!(complete || !total, "{}", walked.result());
    }

    /// Servers that lie, cut, tear and move: proven only where nothing that was received speaks against it. (That a row
    /// may be missing all the same is why a list of several pages is read twice.)
    #[test]
    fn nothing_wrong_is_proven(
        by in kinds(),
        rows in 0_u64..120,
        size in 1_u64..30,
        cap in 1_u64..40,
        declares in prop_oneof![
            Just(Declares::Nothing),
            (-20_i64..20).prop_map(Declares::List),
            (0_u64..60).prop_map(Declares::Always),
            Just(Declares::Page),
        ],
        promises in prop_oneof![
            Just(Promises::Rightly), Just(Promises::Once), Just(Promises::Always), Just(Promises::Unclear),
            Just(Promises::Back), Just(Promises::Never),
        ],
        counts in prop_oneof![
            Just(Counts::Rows), Just(Counts::Pages), Just(Counts::Nothing), Just(Counts::Clamped), Just(Counts::Wraps),
        ],
        cut in prop_oneof![Just(u64::MAX), 0_u64..120],
        odd in prop::collection::btree_map(
            2_u32..12,
            prop_oneof![
                (1_u64..40).prop_map(Odd::Torn), Just(Odd::Empty), Just(Odd::NoContent), Just(Odd::Missing),
            ],
            0..3,
        ),
        moves in prop::collection::btree_map(2_u32..12, moves(), 0..3),
    ) {
        let rules = rules(by, size);
        let server = Server { cap, declares, promises, counts, cut, odd, moves, ..Server::of(rows) };
        if rows == 0 {
            return Ok(());
        }
        let walked = walk(&rules, &server);
        if walked.failed {
            return Ok(());
        }
        prop_assert!(walked.requests < 700, "{}", walked.requests);
        if walked.end.completeness != Completeness::Proven {
            return Ok(());
        }
        let received = walked.rows.len() as u64;
        let declared: Vec<u64> = walked.declared.iter().copied().collect();
        if walked.end.one_answer {
            prop_assert_eq!(walked.requests, 1);
            prop_assert!(declared.is_empty() || declared == [received]);
        } else {
            prop_assert!(declared == [received] || (received == 0 && declared.is_empty()));
        }
    }
}
