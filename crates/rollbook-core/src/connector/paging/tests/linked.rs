//! Links, cursors and addresses: what ends them, and what only seems to.

use super::super::*;
use super::server::*;

/// L8, L9, L14: links, cursors and addresses; what ends them, what only seems to.
#[test]
fn chains_end_where_the_server_says() {
    for by in [PageBy::Link, PageBy::Cursor, PageBy::NextUrl] {
        let chain = rules(by, 10);
        let promising = |promises, rows| Server {
            promises,
            ..Server::of(rows)
        };
        check(vec![
            ("empty list", chain.clone(), Server::of(0), 0, 1, "proven"),
            ("one page", chain.clone(), Server::of(7), 7, 1, "proven"),
            (
                "one page as long as was asked for",
                chain.clone(),
                Server::of(10),
                10,
                1,
                "unproven",
            ),
            (
                "three pages",
                chain.clone(),
                Server::of(25),
                25,
                3,
                "unproven",
            ),
            (
                "with total",
                chain.clone(),
                Server::with_total(25, 0),
                25,
                3,
                "proven",
            ),
            (
                "a promise on the last page",
                chain.clone(),
                promising(Promises::Once, 25),
                25,
                4,
                "unproven",
            ),
            (
                "a promise on every page",
                chain.clone(),
                promising(Promises::Always, 25),
                25,
                6,
                "EmptyPages",
            ),
            (
                "the same where an empty page is the end",
                PageRules {
                    empty_ends: true,
                    ..chain.clone()
                },
                promising(Promises::Always, 25),
                25,
                4,
                "unproven",
            ),
            (
                "the same with a total",
                chain.clone(),
                Server {
                    promises: Promises::Always,
                    ..Server::with_total(25, 0)
                },
                25,
                4,
                "proven",
            ),
            (
                "back",
                chain.clone(),
                promising(Promises::Back, 25),
                10,
                1,
                "Circle",
            ),
            (
                "to itself",
                chain.clone(),
                promising(Promises::Itself, 25),
                10,
                1,
                "Circle",
            ),
            (
                "to itself where all was received",
                chain.clone(),
                Server {
                    promises: Promises::Itself,
                    ..Server::with_total(5, 0)
                },
                5,
                1,
                "proven",
            ),
            (
                "unclear",
                chain.clone(),
                promising(Promises::Unclear, 25),
                10,
                1,
                "NextLink",
            ),
            (
                "unclear is nothing on one page",
                chain.clone(),
                promising(Promises::Unclear, 5),
                5,
                1,
                "proven",
            ),
            (
                "an empty page in the middle",
                chain.clone(),
                Server {
                    promises: Promises::Always,
                    ..Server::with_total(25, 0)
                }
                .odd(&[(2, Odd::Empty)]),
                25,
                5,
                "proven",
            ),
            (
                "L14 one 204",
                chain.clone(),
                Server::of(25).odd(&[(2, Odd::NoContent)]),
                25,
                4,
                "unproven",
            ),
            (
                "L14 204 for ever",
                chain.clone(),
                Server::of(25).odd(&[(2, Odd::NoContent), (3, Odd::NoContent)]),
                10,
                3,
                "NoContent",
            ),
            (
                "204 for ever, as the connector declares",
                PageRules {
                    blank_ends: true,
                    ..chain.clone()
                },
                Server::of(25).odd(&[(2, Odd::NoContent), (3, Odd::NoContent)]),
                10,
                3,
                "unproven",
            ),
            (
                "204 at first",
                chain.clone(),
                Server::of(25).odd(&[(1, Odd::NoContent)]),
                0,
                1,
                "unproven",
            ),
            (
                "204 at first, as the connector declares",
                PageRules {
                    blank_ends: true,
                    ..chain.clone()
                },
                Server::of(25).odd(&[(1, Odd::NoContent)]),
                0,
                1,
                "proven",
            ),
            (
                "404 on a promised page",
                chain.clone(),
                Server::of(25).odd(&[(3, Odd::Missing)]),
                20,
                3,
                "MissingPage",
            ),
            (
                "no promise at all",
                chain.clone(),
                promising(Promises::Never, 25),
                10,
                1,
                "unproven",
            ),
        ]);
    }
}
