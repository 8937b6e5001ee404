//! DeclaredTotals that a server declares, and what follows when they disagree with the list.

use super::super::*;
use super::server::*;

/// L1, L2: cut at a page, ended by itself, capped, more than declared, ignored.
#[test]
fn totals_that_disagree() {
    let cut = |rows, cut, cap| Server {
        cut,
        cap,
        ..Server::with_total(rows, 0)
    };
    check(vec![
        (
            "L1 cut at a page",
            offset(),
            cut(106, 100, u64::MAX),
            100,
            12,
            "100 of 106",
        ),
        (
            "L1 cut at a capped page",
            offset(),
            cut(26, 20, 4),
            20,
            8,
            "20 of 26",
        ),
        (
            "L1 by number",
            number(),
            cut(106, 100, u64::MAX),
            100,
            12,
            "100 of 106",
        ),
        (
            "L1 cut within a page",
            offset(),
            cut(106, 95, u64::MAX),
            95,
            13,
            "95 of 106 short",
        ),
        (
            "L2 one short page",
            offset(),
            Server::with_total(6, 3),
            6,
            3,
            "6 of 9 short",
        ),
        (
            "L1 one page that may be as long as they get",
            rules(PageBy::Offset, 1000),
            cut(130, 100, 100),
            100,
            3,
            "100 of 130",
        ),
        (
            "L2 several pages",
            offset(),
            Server::with_total(25, 5),
            25,
            5,
            "25 of 30 short",
        ),
        (
            "too small",
            offset(),
            Server::with_total(25, -5),
            25,
            4,
            "25 of 20 short",
        ),
        (
            "too small by much",
            offset(),
            Server {
                declares: Declares::Always(1),
                ..Server::of(25)
            },
            25,
            4,
            "25 of 1 short",
        ),
        (
            "a count that is capped itself",
            offset(),
            Server {
                declares: Declares::Always(20),
                ..Server::of(35)
            },
            35,
            5,
            "35 of 20 short",
        ),
        (
            "ignored",
            PageRules {
                ignore_total: true,
                ..offset()
            },
            Server::with_total(25, 5),
            25,
            4,
            "unproven",
        ),
        (
            "link list, too large",
            link(),
            Server::with_total(25, 5),
            25,
            3,
            "25 of 30 short",
        ),
        (
            "link list, cut",
            link(),
            cut(106, 100, u64::MAX),
            100,
            10,
            "100 of 106",
        ),
        (
            "one answer, too large",
            rules(PageBy::None, 10),
            Server::with_total(6, 3),
            6,
            1,
            "6 of 9 short",
        ),
    ]);
}

/// L10: each page's own size, the cap on each page, full pages, by number, along links.
#[test]
fn totals_that_count_the_page() {
    let page = |cap, rows| Server {
        declares: Declares::Page,
        ..capped(cap, Server::of(rows))
    };
    let always = |cap, rows| Server {
        declares: Declares::Always(cap),
        ..capped(cap, Server::of(rows))
    };
    check(vec![
        (
            "capped",
            rules(PageBy::Offset, 1000),
            page(20, 60),
            60,
            5,
            "unproven",
        ),
        (
            "capped, the cap each time",
            rules(PageBy::Offset, 1000),
            always(20, 67),
            67,
            5,
            "unproven",
        ),
        (
            "capped, two pages",
            rules(PageBy::Offset, 1000),
            always(20, 27),
            27,
            3,
            "unproven",
        ),
        ("as asked", offset(), page(u64::MAX, 30), 30, 5, "unproven"),
        (
            "by number",
            rules(PageBy::Number, 1000),
            page(20, 60),
            60,
            5,
            "unproven",
        ),
        ("links", link(), page(u64::MAX, 25), 25, 3, "unproven"),
        (
            "really one page",
            rules(PageBy::Offset, 1000),
            page(20, 20),
            20,
            2,
            "proven",
        ),
    ]);
}
