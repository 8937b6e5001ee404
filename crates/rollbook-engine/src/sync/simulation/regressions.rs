//! Plans that once failed, made smaller. They run first.
//!
//! A failing history prints its scenario as code; a line of this table is made from it.

use super::scenario::Inside::{Frozen, Key, Skip};
use super::scenario::Leaves::{Both, Silently, WithStatus};
use super::scenario::Odd::{Empty, EmptyWithNext, NoContent, NoNext, SamePage, Stale};
use super::scenario::Order::{ByKey, Placed, Shuffled};
use super::scenario::ScenarioStep::{Change, Minutes, Run};
use super::scenario::Second::{Alone, Marks, Notes};
use super::scenario::Style::{Cursor, Link, Number, Offset, Watermark};
use super::scenario::Total::{OfThePage, Off, Right, Undeclared};
use super::scenario::VendorChange::{
    Double, Edit, Forget, Join, Leave, Move, Rekey, SpoilCell, SpoilKey,
};
use super::scenario::{self, Odd, Scenario, ScenarioJob, ScenarioRun, ScenarioStep, Style, Vendor};

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
const JOB: ScenarioJob = ScenarioJob {
    incremental: false,
    newest: false,
    usual_guard: false,
    second: Alone,
    together: false,
};

/// A job that reads changes only.
const INCREMENTAL: ScenarioJob = ScenarioJob {
    incremental: true,
    ..JOB
};

/// What it was about, the vendor, the job, the rows at the start, and what happens then.
type Regression = (
    &'static str,
    Vendor,
    ScenarioJob,
    Vec<(u16, u16)>,
    Vec<ScenarioStep>,
);

const fn style(style: Style) -> Vendor {
    Vendor { style, ..PLAIN }
}

const fn pages_of(size: u64) -> Vendor {
    Vendor {
        size,
        cap: size,
        ..PLAIN
    }
}

fn quiet() -> ScenarioStep {
    Run(ScenarioRun::default())
}

/// A run with changes while it reads.
fn while_read(during: Vec<(u32, scenario::VendorChange)>) -> ScenarioStep {
    Run(ScenarioRun {
        during,
        ..ScenarioRun::default()
    })
}

/// A run with odd answers.
fn answered(odd: Vec<(u32, Odd)>) -> ScenarioStep {
    Run(ScenarioRun {
        odd,
        ..ScenarioRun::default()
    })
}

/// Each with what it was about.
pub(super) fn all() -> impl Iterator<Item = (&'static str, Scenario)> {
    lines()
        .into_iter()
        .map(|(about, vendor, job, rows, steps)| {
            let scenario = Scenario {
                vendor,
                job,
                rows,
                steps,
            };
            (about, scenario)
        })
}

fn lines() -> Vec<Regression> {
    vec![
        (
            "a row whose key can no longer be read, and all others, stay (R4)",
            style(Cursor(Skip)),
            JOB,
            vec![(8, 57), (11, 33), (14, 51)],
            vec![quiet(), Change(SpoilKey { key: 14 }), quiet()],
        ),
        (
            "a row with a cell that cannot be read was received (R1)",
            style(Cursor(Frozen)),
            JOB,
            vec![(11, 70), (14, 82), (17, 17), (20, 3)],
            vec![quiet(), Change(SpoilCell { key: 14 }), quiet()],
        ),
        (
            "the same for a list of each row of another stream (R2)",
            style(Cursor(Key)),
            ScenarioJob {
                second: Marks,
                ..JOB
            },
            vec![(8, 85), (1084, 77)],
            vec![quiet(), Change(SpoilCell { key: 1084 }), quiet()],
        ),
        (
            "what can be read of such a row is in the mirror (R1)",
            PLAIN,
            ScenarioJob {
                second: Notes,
                ..INCREMENTAL
            },
            vec![(11, 60), (1114, 21)],
            vec![quiet(), Change(SpoilCell { key: 1114 }), quiet()],
        ),
        (
            "a cursor that is lost once removes nothing (L14)",
            style(Cursor(Key)),
            JOB,
            vec![(32, 10), (35, 13), (38, 26), (41, 69), (44, 42)],
            vec![quiet(), answered(vec![(2, NoNext)])],
        ),
        (
            "links that are an offset inside: two readings (L11)",
            Vendor {
                total: Right,
                ..style(Link(Skip))
            },
            JOB,
            vec![(5, 81), (11, 17), (14, 74)],
            vec![
                quiet(),
                while_read(vec![
                    (2, Join { key: 33, place: 24 }),
                    (4, Leave { key: 5 }),
                ]),
            ],
        ),
        (
            "a total that agrees takes two readings as well (L12)",
            Vendor {
                total: Right,
                ..PLAIN
            },
            JOB,
            vec![(2, 81), (11, 71), (14, 33)],
            vec![quiet(), Change(Rekey { key: 2, to: 9 })],
        ),
        (
            "fewer rows than declared are not ok (L1)",
            Vendor {
                total: Right,
                ..style(Number)
            },
            JOB,
            vec![
                (38, 23),
                (41, 49),
                (44, 17),
                (47, 23),
                (50, 71),
                (53, 60),
                (56, 22),
            ],
            vec![answered(vec![(1, Empty), (5, NoContent)])],
        ),
        (
            "rows in another order each time are not ok (L7)",
            Vendor {
                order: Shuffled,
                ..pages_of(3)
            },
            JOB,
            vec![(11, 3), (14, 81), (17, 48), (20, 62)],
            vec![],
        ),
        (
            "a row that is listed twice does not hide one that left (L3)",
            style(Link(Key)),
            JOB,
            vec![(2, 56), (5, 18)],
            vec![quiet(), Change(Leave { key: 2 }), Change(Double { key: 5 })],
        ),
        (
            "a total that is the page's own number of rows is no end (L10)",
            Vendor {
                size: 4,
                cap: 3,
                total: OfThePage,
                ..PLAIN
            },
            JOB,
            vec![(5, 43), (8, 87), (11, 17), (14, 76)],
            vec![],
        ),
        (
            "a total that is too small is no end",
            Vendor {
                total: Off(-2),
                ..style(Number)
            },
            JOB,
            vec![(0, 30), (1, 8), (2, 27), (4, 36)],
            vec![],
        ),
        (
            "a row that leaves is removed soon, also where changes are read",
            PLAIN,
            INCREMENTAL,
            vec![(2, 77)],
            vec![
                Change(Join { key: 3, place: 10 }),
                quiet(),
                Change(Leave { key: 2 }),
            ],
        ),
        (
            "a row that moves up while the end is looked at again was received nowhere else",
            pages_of(3),
            JOB,
            vec![(2, 96), (5, 8), (8, 23)],
            vec![while_read(vec![
                (1, Join { key: 3, place: 37 }),
                (2, Leave { key: 3 }),
            ])],
        ),
        (
            "a row that has left, listed twice, is a sign that the list moved",
            Vendor {
                order: Placed,
                leaves: WithStatus,
                ..pages_of(4)
            },
            JOB,
            vec![
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
            vec![
                Change(Join { key: 15, place: 10 }),
                Change(Leave { key: 5 }),
                while_read(vec![(4, Move { key: 26, place: 3 })]),
            ],
        ),
        (
            "a total that is wrong by habit hides no row that has left",
            Vendor {
                total: Off(1),
                ..style(Link(Key))
            },
            JOB,
            vec![(23, 84), (26, 65)],
            vec![
                quiet(),
                Change(Leave { key: 26 }),
                Minutes(1440),
                Minutes(1440),
            ],
        ),
        (
            "the entries of a user who has left go with the user, also where changes are read",
            style(Number),
            ScenarioJob {
                second: Marks,
                ..INCREMENTAL
            },
            vec![(11, 68), (14, 42), (1112, 90), (1144, 68)],
            vec![quiet(), Change(Leave { key: 11 })],
        ),
        (
            "a full page that is repeated once is no end, also with a declared total",
            Vendor {
                total: OfThePage,
                ..style(Number)
            },
            JOB,
            vec![(2, 93), (5, 82), (8, 83)],
            vec![answered(vec![(2, SamePage)])],
        ),
        (
            "a second look at the end that shows a row which was passed contradicts the reading",
            Vendor {
                order: Placed,
                ..pages_of(4)
            },
            JOB,
            vec![
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
            vec![
                Change(Leave { key: 14 }),
                Change(Leave { key: 5 }),
                answered(vec![(2, Stale(4))]),
            ],
        ),
        (
            "the same, where the empty page was no end",
            Vendor {
                order: Placed,
                ..pages_of(4)
            },
            JOB,
            vec![
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
            vec![
                Change(Leave { key: 14 }),
                Change(Leave { key: 5 }),
                answered(vec![(3, EmptyWithNext), (2, Stale(4))]),
            ],
        ),
        (
            "a page that is repeated with another total is no end",
            Vendor {
                total: Right,
                ..PLAIN
            },
            INCREMENTAL,
            vec![(2, 15), (8, 67)],
            vec![
                quiet(),
                while_read(vec![(2, Leave { key: 2 })]),
                Minutes(5000),
                while_read(vec![(2, Join { key: 2, place: 34 })]),
            ],
        ),
        (
            "changes with fewer rows than an earlier reading of the run do not move the checkpoint",
            Vendor {
                order: Shuffled,
                ..style(Cursor(Skip))
            },
            INCREMENTAL,
            vec![(2, 74), (8, 84), (11, 71)],
            vec![Change(SpoilKey { key: 8 }), quiet()],
        ),
        (
            "changes that end in an empty page behind a full one are read twice",
            Vendor {
                style: Link(Skip),
                date: false,
                leaves: Both,
                ..pages_of(3)
            },
            INCREMENTAL,
            vec![(2, 40), (11, 92), (14, 81), (17, 52), (23, 24)],
            vec![
                quiet(),
                Change(Edit { key: 11 }),
                while_read(vec![(3, Leave { key: 2 }), (5, Edit { key: 14 })]),
                Change(SpoilCell { key: 17 }),
                while_read(vec![(2, Forget { key: 2 })]),
            ],
        ),
        (
            "a row that only a look ahead showed is kept",
            PLAIN,
            JOB,
            vec![(8, 72), (11, 31), (14, 79), (17, 56)],
            vec![Run(ScenarioRun {
                during: vec![(6, Leave { key: 8 })],
                odd: vec![(2, SamePage), (4, Stale(4))],
                ..ScenarioRun::default()
            })],
        ),
        (
            "the same, where a key in the look cannot be read",
            pages_of(3),
            JOB,
            vec![
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
            vec![Run(ScenarioRun {
                during: vec![(1, SpoilKey { key: 26 }), (6, Leave { key: 2 })],
                odd: vec![(4, Empty)],
                ..ScenarioRun::default()
            })],
        ),
        (
            "rows of one time that fill a page and are passed by number are read twice",
            style(Watermark),
            INCREMENTAL,
            vec![(23, 81), (26, 49), (29, 51), (32, 17), (35, 43), (38, 48)],
            vec![
                while_read(vec![(3, SpoilKey { key: 32 })]),
                Change(Edit { key: 38 }),
                while_read(vec![(3, SpoilKey { key: 32 })]),
            ],
        ),
        (
            "a full reading with an unreadable key, which tells nothing of missing rows, does not pass their changes",
            style(Watermark),
            INCREMENTAL,
            vec![
                (2, 46),
                (5, 86),
                (8, 14),
                (11, 35),
                (14, 92),
                (17, 27),
                (20, 53),
                (23, 60),
                (26, 78),
            ],
            vec![
                Change(Leave { key: 2 }),
                Change(Leave { key: 14 }),
                quiet(),
                Change(SpoilKey { key: 20 }),
                Change(Leave { key: 17 }),
                Change(Edit { key: 11 }),
                Minutes(5000),
                while_read(vec![(1, Edit { key: 5 }), (4, Edit { key: 26 })]),
            ],
        ),
    ]
}
