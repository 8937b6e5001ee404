//! What happens in a month of a school: incidents until the 18th day, restarts, and rows that come and go.
//!
//! A person repairs what needs one within that time.

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

use super::school::{SOURCES, STYLES, SignIn, Style};
use super::vendor::{Fault, TokenFault};

/// The length of a month.
pub(super) const MONTH: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The end of incidents, changes and repairs in a month.
pub(super) const CALM_FROM: SignedDuration = SignedDuration::from_hours(18 * 24);

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Act {
    Join(usize, usize),
    Leave(usize, usize, usize),
    Edit(usize, usize, usize),
    /// New rows fill lists that were halved.
    Refill,
    SourceFault(usize, Option<Fault>),
    ListFault(usize, usize, Option<Fault>),
    TokenFault(usize, Option<TokenFault>),
    /// All tokens of a source end.
    Revoke(usize),
    /// The vendor accepts another secret too.
    NewSecret(usize),
    /// The vendor no longer accepts the old ones.
    EndOldSecrets(usize),
    /// A person signs in, or writes the new secret into its file.
    Repair(usize),
    /// A list has half of its rows, for no reason.
    HideHalf(usize, usize, bool),
    /// Half of the rows of a list really leave.
    Halve(usize, usize),
    /// A person approves the last held run, if there is one.
    Approve(usize, usize),
    DiskFull(bool),
    /// Alerts cannot be received.
    Deaf(bool),
    /// The wall clock is set so far ahead of the correct time.
    Clock(SignedDuration),
    /// The daemon stops, and starts again later.
    Stop(SignedDuration),
    /// The program is killed, and starts again later.
    Kill(SignedDuration),
    /// The program is killed at one of the next requests.
    KillAtRequest(u32),
    /// Laws about a calm vendor: of daily jobs, or of all.
    Check {
        all: bool,
    },
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Planned {
    pub at: Timestamp,
    pub act: Act,
}

/// Something that a person must be told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Need {
    pub source: usize,
    /// The held list; `None` if the source is parked.
    pub list: Option<usize>,
    pub from: Timestamp,
    pub until: Timestamp,
}

#[derive(Default)]
pub(super) struct Month {
    pub acts: Vec<Planned>,
    /// Needs without another incident at the same time.
    pub needs: Vec<Need>,
    /// The number of incidents of each source, those of the machine included.
    pub incidents: [u32; SOURCES.len()],
    /// Nothing but the clock is wrong, and nothing is restarted.
    pub only_clock: bool,
    /// Sources that may be parked, because their sign-in or credential does not work.
    pub may_park: [bool; SOURCES.len()],
}

struct Maker<'a> {
    rng: &'a mut Rng,
    start: Timestamp,
    month: Month,
    halved: Vec<(usize, usize)>,
    needs: Vec<Need>,
    machine: bool,
}

/// The acts of a month, by time.
pub(super) fn month(rng: &mut Rng, start: Timestamp) -> Month {
    let mut maker = Maker {
        rng,
        start,
        month: Month::default(),
        halved: Vec::new(),
        needs: Vec::new(),
        machine: false,
    };
    maker.month.only_clock = maker.rng.u8(0..6) == 0;
    if maker.month.only_clock {
        for _ in 0..maker.rng.u32(1..4) {
            let from = maker.rng.i64(0..12 * DAY);
            maker.clock(from);
        }
    } else {
        for _ in 0..maker.rng.u32(2..6) {
            maker.incident();
        }
        for _ in 0..maker.rng.u32(1..4) {
            maker.restart();
        }
    }
    maker.add(1, Act::Refill);
    maker.rows();
    maker.add(21 * DAY, Act::Check { all: false });
    maker.add(30 * DAY - 1, Act::Check { all: true });
    maker.end()
}

impl Maker<'_> {
    fn add(&mut self, seconds: i64, act: Act) {
        let at = self.start + SignedDuration::from_secs(seconds);
        self.month.acts.push(Planned { at, act });
    }

    fn time(&self, seconds: i64) -> Timestamp {
        self.start + SignedDuration::from_secs(seconds)
    }

    /// Minutes, hours, days, or weeks.
    fn length(&mut self) -> i64 {
        match self.rng.u8(0..8) {
            0 | 1 => self.rng.i64(MINUTE..HOUR),
            2..=4 => self.rng.i64(HOUR..DAY),
            5 | 6 => self.rng.i64(DAY..6 * DAY),
            _ => self.rng.i64(6 * DAY..17 * DAY),
        }
    }

    fn fault(&mut self) -> Fault {
        let wait = [60, 600, 4 * 3600, 20 * 3600][self.rng.usize(0..4)];
        match self.rng.u8(0..9) {
            0 | 1 => Fault::Refused,
            2 => Fault::Silent,
            3 => Fault::Cut,
            4 => Fault::Status(503),
            5 => Fault::Status(500),
            6 => Fault::WebPage,
            7 => Fault::TooMany(None),
            _ => Fault::TooMany(Some(wait)),
        }
    }

    fn incident(&mut self) {
        let from = self.rng.i64(0..12 * DAY);
        let to = (from + self.length()).min(18 * DAY - HOUR);
        let source = self.rng.usize(0..SOURCES.len());
        let list = self.rng.usize(0..STYLES.len());
        match self.rng.u8(0..17) {
            0..=3 => {
                let fault = self.fault();
                self.add(from, Act::SourceFault(source, Some(fault)));
                self.add(to, Act::SourceFault(source, None));
            }
            4..=6 => {
                let fault = self.fault();
                self.add(from, Act::ListFault(source, list, Some(fault)));
                self.add(to, Act::ListFault(source, list, None));
            }
            7 => {
                let fault = match self.rng.u8(0..5) {
                    0 | 1 => TokenFault::Refuses,
                    2 => TokenFault::Status(503),
                    3 => TokenFault::WebPage,
                    _ => TokenFault::Loses,
                };
                // A refresh token that is refused, or whose response is lost, may need a person.
                let signs_in = matches!(SOURCES[source].sign_in, SignIn::Refresh | SignIn::Browser);
                let to = to.min(from + 3 * HOUR);
                self.add(from, Act::TokenFault(source, Some(fault)));
                self.add(to, Act::TokenFault(source, None));
                if matches!(fault, TokenFault::Refuses | TokenFault::Loses) {
                    self.month.may_park[source] = true;
                    if signs_in {
                        self.add((to + DAY).min(18 * DAY - 60), Act::Repair(source));
                    }
                }
            }
            8 | 9 => self.lost_sign_in(source, from),
            10 => self.rotated_secret(source, from),
            11 => {
                self.halved.push((source, list));
                self.add(from, Act::HideHalf(source, list, true));
                self.add(to, Act::HideHalf(source, list, false));
            }
            12 => {
                if self.halved.contains(&(source, list)) {
                    return;
                }
                // After the refilled list has been read, by a weekly job too: otherwise the mirror loses little.
                let from = from.clamp(8 * DAY, 10 * DAY);
                self.halved.push((source, list));
                self.add(from, Act::Halve(source, list));
                let first = from + self.rng.i64(HOUR..4 * DAY);
                for six_hours in 0.. {
                    let at = first + six_hours * 6 * HOUR;
                    // A weekly job may see it late, or an outage hide it.
                    if at >= 28 * DAY {
                        break;
                    }
                    self.add(at, Act::Approve(source, list));
                }
                self.needs.push(Need {
                    source,
                    list: Some(list),
                    from: self.time(from),
                    until: self.time(28 * DAY),
                });
            }
            13 => {
                self.machine = true;
                let to = to.min(from + 2 * DAY);
                self.add(from, Act::DiskFull(true));
                self.add(to, Act::DiskFull(false));
            }
            14 => {
                self.add(from, Act::Deaf(true));
                self.add(to.min(from + DAY), Act::Deaf(false));
                self.machine = true;
            }
            _ => self.clock(from),
        }
        self.month.incidents[source] += 1;
    }

    /// A person repairs it days later.
    fn lost_sign_in(&mut self, source: usize, from: i64) {
        if self.month.may_park[source] {
            return;
        }
        self.month.may_park[source] = true;
        let repaired = from + self.rng.i64(3 * DAY..5 * DAY);
        match SOURCES[source].sign_in {
            SignIn::Refresh | SignIn::Browser => self.add(from, Act::Revoke(source)),
            SignIn::Client | SignIn::Password => {
                self.add(from, Act::NewSecret(source));
                self.add(from, Act::EndOldSecrets(source));
            }
        }
        self.add(repaired, Act::Repair(source));
        self.needs.push(Need {
            source,
            list: None,
            from: self.time(from),
            until: self.time(repaired),
        });
    }

    /// A person writes the new secret while the old one is still accepted.
    fn rotated_secret(&mut self, source: usize, from: i64) {
        let keeps = matches!(SOURCES[source].sign_in, SignIn::Refresh | SignIn::Browser);
        if keeps || self.month.may_park[source] {
            return;
        }
        self.add(from, Act::NewSecret(source));
        let at = from + self.rng.i64(HOUR..4 * DAY);
        self.add(at, Act::Repair(source));
        self.add(from + 5 * DAY, Act::EndOldSecrets(source));
    }

    fn clock(&mut self, from: i64) {
        self.machine = true;
        let length = match self.rng.u8(0..10) {
            0..=2 => self.rng.i64(MINUTE..HOUR),
            3..=6 => self.rng.i64(HOUR..DAY),
            7 | 8 => self.rng.i64(DAY..3 * DAY),
            _ => self.rng.i64(300 * DAY..500 * DAY),
        };
        let ahead = if self.rng.bool() { length } else { -length };
        let lasts = self.rng.i64(10 * MINUTE..2 * DAY);
        self.add(from, Act::Clock(SignedDuration::from_secs(ahead)));
        self.add(from + lasts, Act::Clock(SignedDuration::ZERO));
    }

    fn restart(&mut self) {
        let at = self.rng.i64(0..17 * DAY);
        let gap = match self.rng.u8(0..4) {
            0 | 1 => self.rng.i64(1..60),
            2 => self.rng.i64(MINUTE..8 * HOUR),
            _ => self.rng.i64(8 * HOUR..DAY),
        };
        let gap = SignedDuration::from_secs(gap);
        let act = match self.rng.u8(0..3) {
            0 => Act::Stop(gap),
            1 => Act::Kill(gap),
            _ => Act::KillAtRequest(self.rng.u32(1..12)),
        };
        self.add(at, act);
    }

    /// Few enough leave in a month that the guard accepts them, also all at once.
    fn rows(&mut self) {
        for source in 0..SOURCES.len() {
            for list in 0..STYLES.len() {
                let may_leave = !self.halved.contains(&(source, list));
                for _ in 0..self.rng.u32(0..3) {
                    let at = self.rng.i64(0..17 * DAY);
                    let row = self.rng.usize(0..1000);
                    self.add(at, Act::Join(source, list));
                    let at = self.rng.i64(0..17 * DAY);
                    if may_leave {
                        self.add(at, Act::Leave(source, list, row));
                    }
                    let at = self.rng.i64(0..17 * DAY);
                    self.add(at, Act::Edit(source, list, row / 2));
                }
            }
        }
    }

    fn end(mut self) -> Month {
        self.month.acts.sort_by_key(|planned| planned.at);
        if self.machine {
            self.month
                .incidents
                .iter_mut()
                .for_each(|count| *count += 1);
        }
        let incidents = self.month.incidents;
        let is_alone = |need: &Need| incidents[need.source] <= 1 && STYLES[0].1 == Style::Single;
        self.month.needs = self.needs.into_iter().filter(is_alone).collect();
        self.month
    }
}
