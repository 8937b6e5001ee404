//! Plans that once failed, made smaller. They run first.
//!
//! A failing history prints its plan in this form.

use super::plan::Change::{Double, Edit, Forget, Join, Leave, Move, Rekey, SpoilCell, SpoilKey};
use super::plan::Inside::{Frozen, Key, Skip};
use super::plan::Leaves::{Both, Silently, WithStatus};
use super::plan::Odd::{Empty, EmptyWithNext, NoContent, NoNext, SamePage, Stale};
use super::plan::Order::{ByKey, Placed, Shuffled};
use super::plan::Second::{Alone, Marks, Notes};
use super::plan::Step::{Change, Minutes, Run as Reads};
use super::plan::Style::{Cursor, Link, Number, Offset, Watermark};
use super::plan::Total::{OfThePage, Off, Right, Undeclared};
use super::plan::{JobPlan, Plan, Run, Vendor};

/// A vendor without quirks.
const PLAIN: Vendor = Vendor {
    style: Offset,
    size: 2,
    cap: 2,
    total: Undeclared,
    total_in_header: false,
    order: ByKey,
    date: true,
    leaves: Silently,
};

/// A job with defaults.
const JOB: JobPlan = JobPlan {
    incremental: false,
    newest: false,
    usual_guard: false,
    second: Alone,
    together: false,
};

/// Each with what it was about.
pub(super) fn all() -> Vec<(&'static str, Plan)> {
    let quiet = || Reads(Run::default());
    vec![
        (
            "a row whose key can no longer be read, and all others, stay (R4)",
            Plan {
                vendor: Vendor {
                    style: Cursor(Skip),
                    ..PLAIN
                },
                job: JOB,
                rows: vec![(8, 57), (11, 33), (14, 51)],
                steps: vec![quiet(), Change(SpoilKey { key: 14 }), quiet()],
            },
        ),
        (
            "a row with a cell that cannot be read was received (R1)",
            Plan {
                vendor: Vendor {
                    style: Cursor(Frozen),
                    ..PLAIN
                },
                job: JOB,
                rows: vec![(11, 70), (14, 82), (17, 17), (20, 3)],
                steps: vec![quiet(), Change(SpoilCell { key: 14 }), quiet()],
            },
        ),
        (
            "the same for a list of each row of another stream (R2)",
            Plan {
                vendor: Vendor {
                    style: Cursor(Key),
                    ..PLAIN
                },
                job: JobPlan {
                    second: Marks,
                    ..JOB
                },
                rows: vec![(8, 85), (1084, 77)],
                steps: vec![quiet(), Change(SpoilCell { key: 1084 }), quiet()],
            },
        ),
        (
            "what can be read of such a row is in the mirror (R1)",
            Plan {
                vendor: PLAIN,
                job: JobPlan {
                    incremental: true,
                    second: Notes,
                    ..JOB
                },
                rows: vec![(11, 60), (1114, 21)],
                steps: vec![quiet(), Change(SpoilCell { key: 1114 }), quiet()],
            },
        ),
        (
            "a cursor that is lost once removes nothing (L14)",
            Plan {
                vendor: Vendor {
                    style: Cursor(Key),
                    ..PLAIN
                },
                job: JOB,
                rows: vec![(32, 10), (35, 13), (38, 26), (41, 69), (44, 42)],
                steps: vec![
                    quiet(),
                    Reads(Run {
                        odd: vec![(2, NoNext)],
                        ..Run::default()
                    }),
                ],
            },
        ),
        (
            "links that are an offset inside: two readings (L11)",
            Plan {
                vendor: Vendor {
                    style: Link(Skip),
                    total: Right,
                    ..PLAIN
                },
                job: JOB,
                rows: vec![(5, 81), (11, 17), (14, 74)],
                steps: vec![
                    quiet(),
                    Reads(Run {
                        during: vec![(2, Join { key: 33, place: 24 }), (4, Leave { key: 5 })],
                        ..Run::default()
                    }),
                ],
            },
        ),
        (
            "a total that agrees takes two readings as well (L12)",
            Plan {
                vendor: Vendor {
                    total: Right,
                    ..PLAIN
                },
                job: JOB,
                rows: vec![(2, 81), (11, 71), (14, 33)],
                steps: vec![quiet(), Change(Rekey { key: 2, to: 9 })],
            },
        ),
        (
            "fewer rows than declared are not ok (L1)",
            Plan {
                vendor: Vendor {
                    style: Number,
                    total: Right,
                    ..PLAIN
                },
                job: JOB,
                rows: vec![
                    (38, 23),
                    (41, 49),
                    (44, 17),
                    (47, 23),
                    (50, 71),
                    (53, 60),
                    (56, 22),
                ],
                steps: vec![Reads(Run {
                    odd: vec![(1, Empty), (5, NoContent)],
                    ..Run::default()
                })],
            },
        ),
        (
            "rows that come in another order each time are not ok (L7)",
            Plan {
                vendor: Vendor {
                    size: 3,
                    cap: 3,
                    order: Shuffled,
                    ..PLAIN
                },
                job: JOB,
                rows: vec![(11, 3), (14, 81), (17, 48), (20, 62)],
                steps: vec![],
            },
        ),
        (
            "a row that is listed twice does not hide one that left (L3)",
            Plan {
                vendor: Vendor {
                    style: Link(Key),
                    ..PLAIN
                },
                job: JOB,
                rows: vec![(2, 56), (5, 18)],
                steps: vec![quiet(), Change(Leave { key: 2 }), Change(Double { key: 5 })],
            },
        ),
        (
            "a total that is the page's own number of rows is no end (L10)",
            Plan {
                vendor: Vendor {
                    size: 4,
                    cap: 3,
                    total: OfThePage,
                    ..PLAIN
                },
                job: JOB,
                rows: vec![(5, 43), (8, 87), (11, 17), (14, 76)],
                steps: vec![],
            },
        ),
        (
            "a total that is too small is no end",
            Plan {
                vendor: Vendor {
                    style: Number,
                    total: Off(-2),
                    ..PLAIN
                },
                job: JOB,
                rows: vec![(0, 30), (1, 8), (2, 27), (4, 36)],
                steps: vec![],
            },
        ),
        (
            "a row that leaves is removed soon, also where changes are read",
            Plan {
                vendor: PLAIN,
                job: JobPlan {
                    incremental: true,
                    ..JOB
                },
                rows: vec![(2, 77)],
                steps: vec![
                    Change(Join { key: 3, place: 10 }),
                    quiet(),
                    Change(Leave { key: 2 }),
                ],
            },
        ),
        (
            "a row that moves up while the end is looked at again was received nowhere else",
            Plan {
                vendor: Vendor {
                    size: 3,
                    cap: 3,
                    ..PLAIN
                },
                job: JOB,
                rows: vec![(2, 96), (5, 8), (8, 23)],
                steps: vec![Reads(Run {
                    during: vec![(1, Join { key: 3, place: 37 }), (2, Leave { key: 3 })],
                    ..Run::default()
                })],
            },
        ),
        (
            "a row that has left, listed twice, is a sign that the list moved",
            Plan {
                vendor: Vendor {
                    size: 4,
                    cap: 4,
                    order: Placed,
                    leaves: WithStatus,
                    ..PLAIN
                },
                job: JOB,
                rows: vec![
                    (5, 36),
                    (8, 14),
                    (14, 0),
                    (20, 13),
                    (26, 86),
                    (32, 30),
                    (38, 29),
                    (44, 26),
                    (53, 19),
                    (59, 25),
                    (65, 34),
                    (68, 34),
                ],
                steps: vec![
                    Change(Join { key: 15, place: 10 }),
                    Change(Leave { key: 5 }),
                    Reads(Run {
                        during: vec![(4, Move { key: 26, place: 3 })],
                        ..Run::default()
                    }),
                ],
            },
        ),
        (
            "a total that is wrong by habit hides no row that has left",
            Plan {
                vendor: Vendor {
                    style: Link(Key),
                    total: Off(1),
                    ..PLAIN
                },
                job: JOB,
                rows: vec![(23, 84), (26, 65)],
                steps: vec![
                    quiet(),
                    Change(Leave { key: 26 }),
                    Minutes(1440),
                    Minutes(1440),
                ],
            },
        ),
        (
            "the entries of a user who has left go with the user, also where changes are read",
            Plan {
                vendor: Vendor {
                    style: Number,
                    ..PLAIN
                },
                job: JobPlan {
                    incremental: true,
                    second: Marks,
                    ..JOB
                },
                rows: vec![(11, 68), (14, 42), (1112, 90), (1144, 68)],
                steps: vec![quiet(), Change(Leave { key: 11 })],
            },
        ),
        (
            "a full page that is repeated once is no end, whatever it declares",
            Plan {
                vendor: Vendor {
                    style: Number,
                    total: OfThePage,
                    ..PLAIN
                },
                job: JOB,
                rows: vec![(2, 93), (5, 82), (8, 83)],
                steps: vec![Reads(Run {
                    odd: vec![(2, SamePage)],
                    ..Run::default()
                })],
            },
        ),
        (
            "a second look at the end that shows a row which was passed contradicts the reading",
            Plan {
                vendor: Vendor {
                    size: 4,
                    cap: 4,
                    order: Placed,
                    ..PLAIN
                },
                job: JOB,
                rows: vec![
                    (5, 74),
                    (14, 8),
                    (20, 3),
                    (23, 69),
                    (26, 80),
                    (29, 96),
                    (32, 10),
                    (35, 25),
                    (38, 95),
                    (41, 48),
                ],
                steps: vec![
                    Change(Leave { key: 14 }),
                    Change(Leave { key: 5 }),
                    Reads(Run {
                        odd: vec![(2, Stale(4))],
                        ..Run::default()
                    }),
                ],
            },
        ),
        (
            "the same, where the empty page was no end",
            Plan {
                vendor: Vendor {
                    size: 4,
                    cap: 4,
                    order: Placed,
                    ..PLAIN
                },
                job: JOB,
                rows: vec![
                    (5, 74),
                    (14, 8),
                    (17, 86),
                    (20, 3),
                    (23, 69),
                    (26, 80),
                    (29, 96),
                    (32, 10),
                    (35, 25),
                    (38, 95),
                    (41, 48),
                ],
                steps: vec![
                    Change(Leave { key: 14 }),
                    Change(Leave { key: 5 }),
                    Reads(Run {
                        odd: vec![(3, EmptyWithNext), (2, Stale(4))],
                        ..Run::default()
                    }),
                ],
            },
        ),
        (
            "a page that is repeated with another total is no end",
            Plan {
                vendor: Vendor {
                    total: Right,
                    ..PLAIN
                },
                job: JobPlan {
                    incremental: true,
                    ..JOB
                },
                rows: vec![(2, 15), (8, 67)],
                steps: vec![
                    quiet(),
                    Reads(Run {
                        during: vec![(2, Leave { key: 2 })],
                        ..Run::default()
                    }),
                    Minutes(5000),
                    Reads(Run {
                        during: vec![(2, Join { key: 2, place: 34 })],
                        ..Run::default()
                    }),
                ],
            },
        ),
        (
            "changes with fewer rows than an earlier reading of the run do not move the checkpoint",
            Plan {
                vendor: Vendor {
                    style: Cursor(Skip),
                    order: Shuffled,
                    ..PLAIN
                },
                job: JobPlan {
                    incremental: true,
                    ..JOB
                },
                rows: vec![(2, 74), (8, 84), (11, 71)],
                steps: vec![Change(SpoilKey { key: 8 }), quiet()],
            },
        ),
        (
            "changes that end in an empty page behind a full one are read twice",
            Plan {
                vendor: Vendor {
                    style: Link(Skip),
                    size: 3,
                    cap: 3,
                    date: false,
                    leaves: Both,
                    ..PLAIN
                },
                job: JobPlan {
                    incremental: true,
                    ..JOB
                },
                rows: vec![(2, 40), (11, 92), (14, 81), (17, 52), (23, 24)],
                steps: vec![
                    quiet(),
                    Change(Edit { key: 11 }),
                    Reads(Run {
                        during: vec![(3, Leave { key: 2 }), (5, Edit { key: 14 })],
                        ..Run::default()
                    }),
                    Change(SpoilCell { key: 17 }),
                    Reads(Run {
                        during: vec![(2, Forget { key: 2 })],
                        ..Run::default()
                    }),
                ],
            },
        ),
        (
            "a row that only a look ahead showed is kept",
            Plan {
                vendor: PLAIN,
                job: JOB,
                rows: vec![(8, 72), (11, 31), (14, 79), (17, 56)],
                steps: vec![Reads(Run {
                    during: vec![(6, Leave { key: 8 })],
                    odd: vec![(2, SamePage), (4, Stale(4))],
                    ..Run::default()
                })],
            },
        ),
        (
            "the same, where a key in the look cannot be read",
            Plan {
                vendor: Vendor {
                    size: 3,
                    cap: 3,
                    ..PLAIN
                },
                job: JOB,
                rows: vec![
                    (2, 21),
                    (5, 83),
                    (8, 50),
                    (11, 90),
                    (14, 75),
                    (17, 28),
                    (20, 78),
                    (23, 34),
                    (26, 97),
                    (59, 43),
                    (62, 27),
                ],
                steps: vec![Reads(Run {
                    during: vec![(1, SpoilKey { key: 26 }), (6, Leave { key: 2 })],
                    odd: vec![(4, Empty)],
                    ..Run::default()
                })],
            },
        ),
        (
            "rows of one time that fill a page and are passed by number are read twice",
            Plan {
                vendor: Vendor {
                    style: Watermark,
                    ..PLAIN
                },
                job: JobPlan {
                    incremental: true,
                    ..JOB
                },
                rows: vec![(23, 81), (26, 49), (29, 51), (32, 17), (35, 43), (38, 48)],
                steps: vec![
                    Reads(Run {
                        during: vec![(3, SpoilKey { key: 32 })],
                        ..Run::default()
                    }),
                    Change(Edit { key: 38 }),
                    Reads(Run {
                        during: vec![(3, SpoilKey { key: 32 })],
                        ..Run::default()
                    }),
                ],
            },
        ),
    ]
}
