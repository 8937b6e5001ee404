//! Random scenarios. A world of its own is updated along, so that most changes and events name existing rows.

use fastrand::Rng;

use super::scenario::{
    Inside, Leaves, Odd, Order, Scenario, ScenarioJob, ScenarioRun, ScenarioStep, Second, Stop,
    Style, Total, Vendor, VendorChange,
};
use super::vendor::World;

/// The scenario of a seed.
pub(super) fn scenario(seed: u64) -> Scenario {
    let mut rng = Rng::with_seed(seed);
    let vendor = vendor(&mut rng);
    let job = job(&mut rng, &vendor);
    let rows = rows(&mut rng, &job);
    let now = jiff::Timestamp::UNIX_EPOCH;
    let mut maker = Maker {
        world: World::new(&vendor, &rows, now),
        rng,
        second: job.second,
    };
    let steps = maker.steps();
    Scenario {
        vendor,
        job,
        rows,
        steps,
    }
}

/// A weighted choice.
fn one_of<T: Copy>(rng: &mut Rng, choices: &[(u32, T)]) -> T {
    let mut left = rng.u32(0..choices.iter().map(|(weight, _)| weight).sum());
    for (weight, choice) in choices {
        match left.checked_sub(*weight) {
            Some(rest) => left = rest,
            None => return *choice,
        }
    }
    choices[0].1
}

fn vendor(rng: &mut Rng) -> Vendor {
    let style = one_of(
        rng,
        &[
            (2, Style::OneAnswer),
            (5, Style::Offset),
            (3, Style::Number),
            (2, Style::Link(Inside::Skip)),
            (1, Style::Link(Inside::Key)),
            (1, Style::Link(Inside::Frozen)),
            (2, Style::Cursor(Inside::Skip)),
            (1, Style::Cursor(Inside::Key)),
            (1, Style::Cursor(Inside::Frozen)),
            (2, Style::Watermark),
        ],
    );
    let size = rng.u64(2..=6);
    let total = one_of(
        rng,
        &[
            (5, Total::Undeclared),
            (5, Total::Right),
            (1, Total::Off(0)),
            (1, Total::OfThePage),
            (1, Total::Moving),
            (1, Total::CountsDeleted),
        ],
    );
    Vendor {
        style,
        size,
        cap: if rng.u8(0..4) == 0 {
            rng.u64(2..=6)
        } else {
            size
        },
        total: match total {
            Total::Off(_) => Total::Off(*rng.choice(&[-2, -1, 1, 3]).unwrap_or(&1)),
            total => total,
        },
        total_in_header: rng.bool(),
        order: one_of(
            rng,
            &[
                (4, Order::ByKey),
                (2, Order::NewestFirst),
                (3, Order::Placed),
                (1, Order::Shuffled),
            ],
        ),
        date: rng.bool(),
        leaves: one_of(
            rng,
            &[
                (5, Leaves::Silently),
                (1, Leaves::WithStatus),
                (2, Leaves::Both),
            ],
        ),
    }
}

fn job(rng: &mut Rng, _: &Vendor) -> ScenarioJob {
    let second = one_of(
        rng,
        &[(5, Second::Alone), (1, Second::Notes), (1, Second::Marks)],
    );
    ScenarioJob {
        incremental: rng.u8(0..3) == 0,
        newest: rng.bool(),
        usual_guard: rng.u8(0..4) == 0,
        second,
        // The items of a stream that is read for each row of another are those of the mirror.
        together: second == Second::Notes && rng.bool(),
    }
}

fn rows(rng: &mut Rng, job: &ScenarioJob) -> Vec<(u16, u16)> {
    let users = match job.second {
        Second::Alone => rng.u16(0..=25),
        Second::Notes | Second::Marks => rng.u16(0..=6),
    };
    let mut rows: Vec<(u16, u16)> = (0..users)
        .map(|number| (number * 3 + 2, rng.u16(0..100)))
        .collect();
    if job.second != Second::Alone {
        for (user, _) in rows.clone() {
            for entry in 0..rng.u16(0..=4) {
                rows.push((1000 + user * 10 + entry * 2, rng.u16(0..100)));
            }
        }
    }
    rows
}

struct Maker {
    world: World,
    rng: Rng,
    second: Second,
}

impl Maker {
    fn steps(&mut self) -> Vec<ScenarioStep> {
        let mut steps = Vec::new();
        for _ in 0..self.rng.u32(1..=5) {
            for _ in 0..self.rng.u32(0..=3) {
                if let Some(change) = self.change() {
                    steps.push(ScenarioStep::Change(change));
                }
            }
            let minutes = [0, 5, 60, 1440, 1440, 5000];
            let minutes = minutes[self.rng.usize(0..minutes.len())];
            if minutes > 0 {
                steps.push(ScenarioStep::Minutes(minutes));
            }
            steps.push(ScenarioStep::Run(self.run()));
            if self.rng.u8(0..8) == 0 {
                steps.push(ScenarioStep::Approve);
            }
        }
        steps
    }

    fn run(&mut self) -> ScenarioRun {
        let mut run = ScenarioRun {
            full: self.rng.u8(0..6) == 0,
            ..ScenarioRun::default()
        };
        if self.rng.u8(0..2) == 0 {
            for _ in 0..self.rng.u32(1..=4) {
                let at = self.request();
                run.during.extend(self.change().map(|change| (at, change)));
            }
            run.during.sort_by_key(|(at, _)| *at);
        }
        if self.rng.u8(0..3) == 0 {
            for _ in 0..self.rng.u32(1..=2) {
                run.odd.push((self.request(), self.odd()));
            }
        }
        if self.rng.u8(0..6) == 0 {
            let at = self.request();
            run.stop = Some(match self.rng.u8(0..4) {
                0 => Stop::KillAt(at),
                1 => Stop::AtNews(at),
                _ => Stop::At(at),
            });
        }
        run
    }

    /// Mostly one of the first few.
    fn request(&mut self) -> u32 {
        let most = [3, 6, 10][self.rng.usize(0..3)];
        self.rng.u32(1..=most)
    }

    fn odd(&mut self) -> Odd {
        let by = self.rng.i64(-3..=3);
        let back = self.rng.u32(1..=4);
        one_of(
            &mut self.rng,
            &[
                (2, Odd::Empty),
                (1, Odd::EmptyWithNext),
                (1, Odd::NoContent),
                (2, Odd::Short),
                (1, Odd::SamePage),
                (1, Odd::Down),
                (1, Odd::Cut),
                (1, Odd::WebPage),
                (2, Odd::Stale(back)),
                (1, Odd::NoNext),
                (1, Odd::BadNext),
                (1, Odd::WrongTotal(by)),
            ],
        )
    }

    fn change(&mut self) -> Option<VendorChange> {
        let key = self.known();
        let kind = one_of(
            &mut self.rng,
            &[
                (5, 0),
                (6, 1),
                (1, 2),
                (4, 3),
                (1, 4),
                (2, 5),
                (1, 6),
                (1, 7),
                (1, 8),
                (1, 9),
                (1, 10),
                (1, 11),
            ],
        );
        let place = self.rng.u16(0..100);
        let change = match (kind, key) {
            (0, _) | (_, None) => VendorChange::Join {
                key: self.unknown()?,
                place,
            },
            (1, Some(key)) => VendorChange::Leave { key },
            (2, Some(key)) => VendorChange::Forget { key },
            (3, Some(key)) => VendorChange::Edit { key },
            (4, Some(key)) => VendorChange::Clear { key },
            (5, Some(key)) => VendorChange::Move { key, place },
            (6, Some(key)) if key < 1000 => VendorChange::Rekey {
                key,
                to: self.unknown().filter(|to| *to < 1000)?,
            },
            (7, Some(key)) => VendorChange::Double { key },
            (8, Some(key)) => VendorChange::SpoilCell { key },
            (9, Some(key)) => VendorChange::SpoilKey { key },
            (10, Some(key)) => VendorChange::Single { key },
            (_, Some(key)) => VendorChange::Mend { key },
        };
        self.world.change(change, jiff::Timestamp::UNIX_EPOCH);
        Some(change)
    }

    fn known(&mut self) -> Option<u16> {
        let keys: Vec<u16> = self.world.now().iter().map(|row| row.key).collect();
        self.rng.choice(keys)
    }

    /// A key in front, in the middle or behind.
    fn unknown(&mut self) -> Option<u16> {
        let users: Vec<u16> = self
            .world
            .now()
            .iter()
            .map(|row| row.key)
            .filter(|key| *key < 1000)
            .collect();
        if self.second != Second::Alone && self.rng.bool() {
            let user = self.rng.choice(users)?;
            return Some(1000 + user * 10 + self.rng.u16(0..10));
        }
        let most = users.iter().max().copied().unwrap_or(0) + 3;
        Some(self.rng.u16(0..most.min(99)))
    }
}
