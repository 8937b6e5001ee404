//! A made-up school year for tests and pictures: growth in September, a week of outage in November, a semester change, rejects in
//! March, a quiet summer, and a roll-over in August that the guard holds. The same on every machine.

use std::collections::BTreeMap;

use jiff::civil::{Date, Weekday, date};
use jiff::{SignedDuration, Span, Timestamp};

use super::report::{ReportView, report};
use super::site::{ICON, SiteView, page};
use rollbook_core::model::run_history::{
    HISTORY_SCHEMA, Histogram, HistoryDay, JobRuns, NewestBackup, PastRun, QuotaUse, RunHistory,
    STRIP_RUNS, SourceDay, SourceHistory, SourceTotals, StorageUse, StreamDays, TokenUse, Totals,
};
use rollbook_core::model::scalar::to_canonical;
use rollbook_core::model::{Class, EntryName, HoldRule, Outcome, ParkReason, named};
use rollbook_engine::daemon::status::{
    BundleStatus, Configuration, DaemonState, HeldStream, HookStatus, JobStatus, OutputState,
    Outputs, ProblemPlace, Process, PublishStatus, RefusedReload, SCHEMA, Status,
};

/// A page of each kind.
pub(super) const PAGES: &[&str] = &[
    "/",
    "/jobs/rosters",
    "/jobs/courses",
    "/sources/webuntis",
    "/sources/wisenet",
    "/streams/webuntis/users",
    "/streams/wapi/points",
    "/outputs",
    "/storage",
    "/configuration",
];

const FIRST: Date = date(2025, 8, 25);
const LAST: Date = date(2026, 8, 28);

/// When the pages are looked at.
pub(super) fn now() -> Timestamp {
    "2026-08-28T10:04:00Z".parse().expect("a time")
}

/// Numbers that look random and are not.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit.max(1)
    }
}

fn days() -> impl Iterator<Item = Date> {
    let all = (0..).map(|number| FIRST.saturating_add(Span::new().days(number)));
    let is_school_day = |day: &Date| !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    all.take_while(|day| *day <= LAST).filter(is_school_day)
}

fn is_holiday(day: Date) -> bool {
    let is_christmas = day >= date(2025, 12, 22) && day <= date(2026, 1, 6);
    is_christmas || (day >= date(2026, 7, 6) && day < date(2026, 8, 24))
}

fn is_outage(day: Date) -> bool {
    day >= date(2025, 11, 17) && day <= date(2025, 11, 21)
}

/// One stream, of about so many rows.
fn stream(source: &str, stream: &str, size: u64, seed: u64) -> StreamDays {
    let mut numbers = Numbers(seed);
    let (mut rows, mut days_of) = (size * 9 / 10, Vec::new());
    for day in days() {
        let mut of = HistoryDay::new(day);
        of.runs = 36;
        of.duration_ms = u64::from(of.runs) * (180 + size / 4 + numbers.below(90));
        let busy = match () {
            () if is_holiday(day) => 0,
            () if day <= date(2025, 10, 3) => size / 40,
            () if day >= date(2026, 2, 9) && day <= date(2026, 2, 13) => size / 25,
            () => 3,
        };
        if day == FIRST {
            of.new = rows;
        } else if is_outage(day) {
            of.outcome = Outcome::Failed(Class::Transient);
        } else if source == "webuntis" && day >= date(2026, 8, 26) {
            (of.outcome, of.would_be_removed) = (Outcome::Held, rows * 6 / 10 + numbers.below(4));
        } else {
            of.new = numbers.below(busy + 1);
            of.changed = numbers.below(busy * 2 + 1);
            of.removed = numbers.below(busy / 3 + 2).min(rows / 50) * u64::from(busy > 0);
            rows = rows + of.new - of.removed;
        }
        if of.outcome == Outcome::Ok && day >= date(2026, 3, 2) && day <= date(2026, 3, 27) {
            of.rejected = 2 + numbers.below(5);
            of.rejected_by =
                BTreeMap::from([("birth_date: expected a date".to_owned(), of.rejected)]);
            of.outcome = Outcome::OkWithRejects;
        }
        of.unconfirmed = u64::from(of.outcome == Outcome::Ok && numbers.below(12) == 0 && busy > 0);
        of.rows = Some(rows);
        days_of.push(of);
    }
    StreamDays {
        source: named(source),
        stream: named(stream),
        days: days_of,
    }
}

fn at(day: Date, hour: i8, minute: i8) -> String {
    let at = day
        .at(hour, minute, 0, 0)
        .to_zoned(jiff::tz::TimeZone::UTC)
        .expect("a time");
    to_canonical(at.timestamp())
}

fn job(name: &str, source: &str, streams: &[&str], outcomes: &[Outcome]) -> JobRuns {
    let mut numbers = Numbers(7);
    let count = outcomes.len();
    let runs = outcomes.iter().enumerate().map(|(index, outcome)| {
        let back = SignedDuration::from_mins(20 * (count - index) as i64);
        PastRun {
            run: 9_000 + index as i64,
            started: to_canonical(now() - back),
            outcome: *outcome,
            duration_ms: 900 + numbers.below(2_500),
            only: (index == 4).then(|| named("users")),
        }
    });
    let runs: Vec<PastRun> = runs.collect();
    let good = runs.iter().rev().find(|run| run.outcome.is_good());
    JobRuns {
        job: named(name),
        source: named(source),
        last_good: good.map(|run| run.started.clone()),
        runs,
        streams: streams.iter().map(|stream| named(stream)).collect(),
    }
}

fn source(name: &str, pages: u64) -> SourceHistory {
    let mut numbers = Numbers(pages);
    let recent: Vec<Date> = days().collect();
    let days = recent[recent.len() - 40..].iter().map(|day| SourceDay {
        runs: 36,
        pages: pages * 36,
        received: pages * 36 * 95 + numbers.below(400),
        failures: match numbers.below(9) {
            0 => BTreeMap::from([("transient".to_owned(), 1)]),
            _ if name == "webuntis" && *day >= date(2026, 8, 26) => {
                BTreeMap::from([("refused".to_owned(), 3)])
            }
            _ => BTreeMap::new(),
        },
        ..SourceDay::new(*day)
    });
    SourceHistory {
        days: days.collect(),
        quota: (name == "wisenet").then(|| QuotaUse {
            used: 3_412,
            limit: 10_000,
            resets_at: at(LAST, 14, 0),
        }),
        token: (name != "wapi").then(|| TokenUse {
            expires_at: Some(at(LAST, 10, 49)),
            sign_in_needed: name == "wisenet",
        }),
        ..SourceHistory::new(named(name))
    }
}

fn totals() -> Totals {
    let sources = ["wapi", "webuntis", "wisenet"].iter().map(|name| {
        let mut latency = Histogram::new(rollbook_core::model::totals::LATENCY_BOUNDS_MS);
        let mut numbers = Numbers(3);
        (0..4_000).for_each(|_| latency.add(60 + numbers.below(20) * numbers.below(40)));
        SourceTotals {
            source: named(name),
            requests: BTreeMap::from([("ok".to_owned(), 3_981), ("transient".to_owned(), 19)]),
            latency,
            token_requests: BTreeMap::from([("ok".to_owned(), 24)]),
        }
    });
    Totals {
        since: at(date(2026, 8, 3), 6, 0),
        sources: sources.collect(),
        ..Totals::default()
    }
}

/// What the run records of the year say.
pub(super) fn history() -> RunHistory {
    let mut rosters = vec![Outcome::Ok; STRIP_RUNS];
    rosters[9] = Outcome::Failed(Class::Transient);
    rosters[10] = Outcome::Incomplete;
    rosters[24..].fill(Outcome::Held);
    let mut courses = vec![Outcome::Ok; STRIP_RUNS];
    courses[17] = Outcome::OkWithRejects;
    courses[29] = Outcome::Parked;
    RunHistory {
        schema: HISTORY_SCHEMA,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        mirror: "/var/lib/rollbook/mirror.db".to_owned(),
        written: at(LAST, 10, 0),
        jobs: vec![
            job(
                "courses",
                "wisenet",
                &["course_enrolments", "learners"],
                &courses,
            ),
            job("rosters", "webuntis", &["enrollments", "users"], &rosters),
            job("telemetry", "wapi", &["points"], &[Outcome::Ok; 22]),
        ],
        sources: vec![
            source("wapi", 12),
            source("webuntis", 9),
            source("wisenet", 20),
        ],
        streams: vec![
            stream("wapi", "points", 240, 11),
            stream("webuntis", "classes", 64, 5),
            stream("webuntis", "enrollments", 5_200, 2),
            stream("webuntis", "users", 866, 1),
            stream("wisenet", "course_enrolments", 2_700, 4),
            stream("wisenet", "learners", 1_150, 8),
        ],
        storage: StorageUse {
            mirror_bytes: Some(48 << 20),
            log_bytes: Some(4 << 20),
            vault_bytes: Some(120 << 10),
            free_bytes: Some(212 << 30),
            backups: 14,
            newest_backup: Some(NewestBackup {
                made: at(LAST, 1, 0),
                bytes: 39 << 20,
            }),
            next_backup: Some(at(date(2026, 8, 29), 1, 0)),
            next_purge: Some(at(date(2026, 8, 29), 4, 0)),
        },
        totals: Some(totals()),
    }
}

/// The daemon at the end of the year: one job is held, one needs a sign-in, and a newer configuration was refused.
pub(super) fn status() -> Status {
    let job = |name: &str, source: Option<&str>, next: String| JobStatus {
        source: source.map(named),
        time_zone: "Europe/Vienna".to_owned(),
        next_tick: Some(next),
        ..JobStatus::new(name.parse::<EntryName>().expect("a name"))
    };
    let history = history();
    let would = |stream: &str, new: u64, rule| {
        let mut streams = history.streams.iter();
        let days = streams
            .find(|known| known.stream.as_str() == stream)
            .map(|known| &known.days);
        let last = days.and_then(|days| days.last());
        HeldStream {
            stream: named(stream),
            rule: Some(rule),
            rows: last.and_then(|day| day.rows),
            new,
            changed: 12,
            would_be_removed: last.map_or(0, |day| day.would_be_removed),
        }
    };
    let place = |file: &str, line, advice: &str| ProblemPlace {
        file: file.to_owned(),
        line,
        advice: advice.to_owned(),
    };
    Status {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        process: Process::default(),
        mirror: "/var/lib/rollbook/mirror.db".to_owned(),
        state: DaemonState::Running,
        since: at(date(2026, 8, 3), 6, 0),
        written: at(LAST, 10, 0),
        configuration: Configuration {
            since: at(date(2026, 8, 3), 6, 0),
            content: None,
            refused: Some(RefusedReload {
                at: at(LAST, 9, 12),
                problems: 2,
                first: "rollbook.toml:14: unknown setting".to_owned(),
                places: vec![
                    place(
                        "/etc/rollbook/rollbook.toml",
                        Some(14),
                        "unknown setting; did you mean `client_id`?",
                    ),
                    place(
                        "/etc/rollbook/jobs/rosters.toml",
                        Some(3),
                        "invalid value for `schedule`: a cron expression has five fields",
                    ),
                ],
            }),
        },
        jobs: vec![
            JobStatus {
                park_reason: Some(ParkReason::SignInNeeded),
                parked: true,
                failures: 1,
                ..job("courses", Some("wisenet"), at(LAST, 10, 20))
            },
            JobStatus {
                held: Some(9_029),
                held_streams: vec![
                    would("users", 214, HoldRule::Removals),
                    would("enrollments", 4_980, HoldRule::ChangedKeys),
                ],
                failures: 6,
                ..job("rosters", Some("webuntis"), at(LAST, 10, 20))
            },
            job("telemetry", Some("wapi"), at(LAST, 10, 10)),
            job("store.backup", None, at(date(2026, 8, 29), 1, 0)),
        ],
        outputs: outputs(),
        ..Status::default()
    }
}

/// A bundle that is held with the roster, one that is well, a hook whose receiver does not answer, and a database that has not
/// got the last changes of one source.
fn outputs() -> Outputs {
    let bundle = |name, state, rows, failed_since| BundleStatus {
        bundle: named(name),
        state,
        written: Some(at(date(2026, 8, 27), 10, 21)),
        rows,
        left_out: 3,
        failed_since,
    };
    let held = at(LAST, 8, 21);
    Outputs {
        bundles: vec![
            bundle("moodle", OutputState::Held, 5_846, Some(held.clone())),
            bundle("oneroster", OutputState::Ok, 12_304, None),
        ],
        hooks: vec![HookStatus {
            hook: named("library"),
            follows: "bundle oneroster".to_owned(),
            state: OutputState::Failed,
            told: Some(at(date(2026, 8, 26), 10, 21)),
            failed_since: Some(held),
            next_attempt: Some(at(LAST, 10, 51)),
        }],
        published: vec![
            PublishStatus {
                state: OutputState::Failed,
                lag_runs: 2,
                lag_since: Some(at(LAST, 9, 21)),
                late_at: Some(at(LAST, 15, 21)),
                failed_since: Some(at(LAST, 9, 21)),
                attempts: 3,
                next_attempt: Some(at(LAST, 10, 51)),
                problem: Some("no connection to the database: connection refused".to_owned()),
                ..PublishStatus::up_to_date("district", "webuntis", &at(LAST, 8, 21))
            },
            PublishStatus::up_to_date("district", "wisenet", &at(LAST, 8, 21)),
        ],
    }
}

/// The pages by address as `pages.json`, and the icon, for `tests/browser`.
#[test]
#[ignore = "writes the pages for tests/browser"]
fn write_files() {
    let folder = std::env::var("ROLLBOOK_PAGES_FOLDER").expect("a folder");
    let (status, history) = (status(), history());
    let view = |status, history| SiteView {
        status,
        history,
        cluster: None,
        now: now(),
    };
    let all = view(Some(&status), Some(&history));
    let mut pages: BTreeMap<String, Option<String>> = PAGES
        .iter()
        .map(|path| ((*path).to_owned(), page(path, &all)))
        .collect();
    for path in [
        "/",
        "/jobs/rosters",
        "/outputs",
        "/storage",
        "/configuration",
    ] {
        let without = page(path, &view(None, Some(&history)));
        pages.insert(format!("{path}?without-daemon"), without);
    }
    let empty = page("/", &view(None, None));
    pages.insert("/?without-files".to_owned(), empty);
    let report = report(&ReportView {
        daemon: Some(&status),
        jobs: &status.jobs,
        outputs: &status.outputs,
        history: &history,
        now: now(),
    });
    pages.insert("/report.html".to_owned(), Some(report));
    let folder = std::path::Path::new(&folder);
    let write = |name: &str, text: Vec<u8>| std::fs::write(folder.join(name), text);
    write("pages.json", serde_json::to_vec(&pages).expect("JSON")).expect("written");
    write("icon.svg", ICON.into()).expect("written");
}
