//! Lists whose next page begins behind the rows requested before, however many were received.

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
            // Two twice, because the first page is two shorter than requested.
            40,
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
            6,
            "unproven",
        ),
        (
            "and no round number",
            requested(200),
            capped(128, Server::of(700)),
            700,
            7,
            "unproven",
        ),
        (
            "and the list shorter than requested",
            requested(200),
            capped(128, Server::of(190)),
            190,
            3,
            "unproven",
        ),
        (
            "and hardly any rows are received",
            requested(1000),
            capped(10, Server::of(1200)),
            20,
            4,
            "PageLimit",
        ),
        (
            "a short list is no limit",
            requested(200),
            Server::of(100),
            100,
            2,
            "unproven",
        ),
    ]);
}

/// Rows that an account cannot see are left out of many pages: some others are received once more, and none is lost.
#[test]
fn hidden_rows_lose_no_other_row() {
    let rules = PageRules {
        value: Some("{offset}".into()),
        ..rules(PageBy::Number, 50)
    };
    for hidden in 2..60 {
        for rows in [20, 49, 50, 51, 120, 333] {
            let server = Server {
                counts: Counts::Hides(hidden),
                ..Server::of(rows)
            };
            let mut walked = walk(&rules, &server);
            walked.rows.dedup();
            let visible: Vec<u64> = (0..rows).filter(|row| row % hidden != 0).collect();
            assert_eq!(walked.rows, visible, "{hidden} {rows}");
        }
    }
}
