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
            38,
            6,
            "unproven",
        ),
        (
            "the server's limit is lower",
            requested(200),
            capped(100, Server::of(450)),
            250,
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
