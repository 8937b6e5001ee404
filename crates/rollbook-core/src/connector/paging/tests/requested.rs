//! Lists whose next page begins behind the rows requested before, however many were received: unless a check of a short first
//! page shows that the server's own limit is lower.

use super::server::*;
use super::*;

/// Servers whose pages have more or fewer rows than requested though they count by the limit.
#[test]
fn lists_by_number_with_the_rows_requested_before() {
    let requested = |size: u64| PageRules {
        value: Some("{offset}".into()),
        ..rules(PageBy::Number, size)
    };
    let counting = |counts, server: Server| Server { counts, ..server };
    let backends = |rows, second| counting(Counts::Backends(second), Server::of(rows));
    check(vec![
        (
            "one backend",
            requested(10),
            Server::of(25),
            25,
            4,
            "unproven",
        ),
        (
            "two, the second small",
            requested(10),
            backends(28, 3),
            28,
            4,
            "unproven",
        ),
        (
            "two of one size",
            requested(10),
            backends(40, 20),
            40,
            4,
            "unproven",
        ),
        (
            "two, no page as requested",
            requested(10),
            backends(54, 25),
            54,
            5,
            "unproven",
        ),
        (
            "some rows are hidden",
            requested(10),
            counting(Counts::Hides(7), Server::of(45)),
            38,
            7,
            "unproven",
        ),
        (
            "some of a short list are hidden",
            requested(100),
            counting(Counts::Hides(9), Server::of(45)),
            40,
            3,
            "unproven",
        ),
        (
            "fifty of the first page are hidden",
            requested(500),
            counting(Counts::Hides(10), Server::of(480)),
            432,
            3,
            "unproven",
        ),
        (
            "the server's limit is lower",
            requested(200),
            capped(100, Server::of(450)),
            450,
            8,
            "unproven",
        ),
        (
            "and no round number",
            requested(200),
            capped(128, Server::of(700)),
            700,
            9,
            "unproven",
        ),
        (
            "and the list shorter than requested",
            requested(200),
            capped(128, Server::of(190)),
            190,
            5,
            "unproven",
        ),
        (
            "and hardly any rows are received",
            requested(1000),
            capped(10, Server::of(1200)),
            20,
            5,
            "PageLimit",
        ),
        (
            "a short list is no limit",
            requested(200),
            Server::of(100),
            100,
            3,
            "unproven",
        ),
        (
            "many rows in a row are hidden",
            requested(500),
            counting(Counts::Shows(&[0..100, 700..900]), Server::of(1200)),
            300,
            5,
            "unproven",
        ),
        (
            "nearly all rows are hidden",
            requested(500),
            counting(
                Counts::Shows(&[3..4, 510..511, 1100..1102]),
                Server::of(1200),
            ),
            4,
            6,
            "unproven",
        ),
        (
            "the first page is torn, and as many rows are hidden",
            requested(200),
            counting(
                Counts::Shows(&[0..300, 450..600]),
                Server::of(600).odd(&[(1, Odd::Torn(100))]),
            ),
            450,
            9,
            "unproven",
        ),
        (
            "two, the second with a limit below",
            requested(200),
            counting(Counts::SecondCapped(450, 100), Server::of(500)),
            350,
            6,
            "PageLimit",
        ),
    ]);
}

/// Rows that an account cannot see are left out of pages, one by one or many in a row: no other is lost, or received twice.
#[test]
fn hidden_rows_lose_no_other_row() {
    let rules = PageRules {
        value: Some("{offset}".into()),
        ..rules(PageBy::Number, 50)
    };
    let check = |rows: u64, counts: Counts, is_shown: &dyn Fn(u64) -> bool| {
        let server = Server {
            counts,
            ..Server::of(rows)
        };
        let walked = walk(&rules, &server);
        let visible: Vec<u64> = (0..rows).filter(|row| is_shown(*row)).collect();
        assert_eq!(walked.rows, visible, "{counts:?} {rows}");
        assert_eq!(walked.result(), "unproven", "{counts:?} {rows}");
    };
    for rows in [20, 49, 50, 51, 120, 333] {
        for hidden in 2..60 {
            check(rows, Counts::Hides(hidden), &|row| row % hidden != 0);
        }
        for shown in [
            &[0..10, 70..90][..],
            &[0..1, 99..100],
            &[1..2, 51..53, 148..149],
            &[49..50, 99..100],
            &[10..20, 60..61, 101..333],
        ] {
            check(rows, Counts::Shows(shown), &|row| {
                shown.iter().any(|shown| shown.contains(&row))
            });
        }
    }
}

/// Whatever a server's limit is.
#[test]
fn a_lower_limit_loses_no_row() {
    let rules = PageRules {
        value: Some("{offset}".into()),
        ..rules(PageBy::Number, 50)
    };
    for cap in 1..=50 {
        for rows in [0, 1, 20, 49, 50, 51, 120, 333] {
            let walked = walk(&rules, &capped(cap, Server::of(rows)));
            let all: Vec<u64> = (0..rows).collect();
            assert_eq!(walked.rows, all, "{cap} {rows}");
            assert_eq!(walked.result(), "unproven", "{cap} {rows}");
        }
    }
}
