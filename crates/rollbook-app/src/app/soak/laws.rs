//! What must hold after each run, and when a month has become calm.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::observed::{SharedSeen, lock};
use super::plan::{CALM_FROM, Month};
use super::school::{SOURCES, STYLES, job, period};
use super::vendor::{Received, SharedWorld, VendorRow};
use crate::app::{App, DaemonEngine};
use rollbook_core::model::schedule::next_tick;
use rollbook_core::model::{EntryName, Outcome};
use rollbook_core::store::queries::Reader;
use rollbook_engine::daemon::Engine as _;

/// A job is fresh again so long after its next tick, without a person.
const FRESH_WITHIN: SignedDuration = SignedDuration::from_hours(26);

/// A tick starts at most so long after its time.
const LATE: SignedDuration = SignedDuration::from_mins(20);

/// The most requests that a source may receive.
const MOST_PER_HOUR: u32 = 120;
const MOST_PER_DAY: u32 = 300;
const MOST_IN_AN_OUTAGE_PER_HOUR: u32 = 60;
const MOST_IN_AN_OUTAGE_PER_DAY: u32 = 150;
const MOST_TOKENS_PER_HOUR: u32 = 30;
const MOST_TOKENS_PER_DAY: u32 = 100;

/// Which list a job reads.
fn list_of(entry: &EntryName) -> Option<(usize, usize)> {
    let lists =
        (0..SOURCES.len()).flat_map(|source| (0..STYLES.len()).map(move |list| (source, list)));
    lists
        .into_iter()
        .find(|(source, list)| job(*source, *list) == entry.as_str())
}

/// The rows of the mirror, by key.
fn mirrored(reader: &Reader, table: &str) -> BTreeMap<u32, String> {
    let mut statement = reader
        .prepare_cached(&format!("SELECT id, name FROM \"{table}\""))
        .expect("a table");
    statement
        .query_map([], |row| {
            let key: String = row.get(0)?;
            Ok((key.parse().unwrap_or_default(), row.get(1)?))
        })
        .and_then(Iterator::collect)
        .expect("rows")
}

fn wanted(rows: &BTreeMap<u32, VendorRow>) -> BTreeMap<u32, String> {
    let wanted = rows.iter().map(|(key, row)| (*key, row.name.clone()));
    wanted.collect()
}

/// No row that the vendor has is ever removed, and after a good run every row of the vendor's is there.
pub(super) fn after_run(
    app: &App,
    entry: &EntryName,
    outcome: Outcome,
    began: Timestamp,
    world: &SharedWorld,
    seen: &SharedSeen,
) -> Option<String> {
    let (source, number) = list_of(entry)?;
    let reader = app.store().reader().ok()?;
    let table = job(source, number);
    let rows = mirrored(&reader, &table);
    let world = world.lock();
    let list = &world.vendors[source].lists[number];
    let keys: BTreeSet<u32> = rows.keys().copied().collect();
    let before = lock(seen).mirrored.insert(table, keys).unwrap_or_default();
    let lost: Vec<&u32> = before
        .iter()
        .filter(|key| list.rows.contains_key(key) && !rows.contains_key(key))
        .collect();
    if !lost.is_empty() {
        return Some(format!(
            "{entry} removed {lost:?}, which the vendor has ({outcome})"
        ));
    }
    if !outcome.is_good() || !list.hidden.is_empty() || list.touched >= began {
        return None;
    }
    let missing: Vec<(u32, String)> = wanted(&list.rows)
        .into_iter()
        .filter(|(key, name)| rows.get(key) != Some(name))
        .collect();
    (!missing.is_empty())
        .then(|| format!("{entry} is {outcome} at {began}, but not in the mirror: {missing:?}"))
}

/// The laws when nothing has happened for some days: of daily jobs, or of all.
pub(super) fn when_calm(
    engine: &DaemonEngine,
    all: bool,
    (month, start, now): (&Month, Timestamp, Timestamp),
    world: &SharedWorld,
    seen: &SharedSeen,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let reader = engine.app.store().reader().expect("a reader");
    let calm = start + CALM_FROM;
    for entry in engine.jobs() {
        let Some((source, number)) = list_of(&entry.name) else {
            continue;
        };
        let name = &entry.name;
        let period = SignedDuration::try_from(period(source, number)).expect("short");
        if !all && period > SignedDuration::from_hours(24) {
            continue;
        }
        let good = lock(seen).good.get(name).copied();
        let last = lock(seen).last.get(name).map(|(outcome, _)| *outcome);
        if good.is_none_or(|good| now.duration_since(good) > period + FRESH_WITHIN) {
            let state = engine.state(name);
            wrong.push(format!(
                "{name} has had no good run since {good:?}, the last one was {last:?}: {state:?}"
            ));
            continue;
        }
        let rows = mirrored(&reader, &job(source, number));
        let vendor = wanted(&world.lock().vendors[source].lists[number].rows);
        if rows != vendor {
            wrong.push(format!(
                "{name} is not what the vendor has: {:?} and {:?} ({last:?})",
                difference(&rows, &vendor),
                difference(&vendor, &rows),
            ));
        }
        if all {
            let state = engine.state(name).expect("a state");
            if state.parked.is_some() || state.failures > 0 || state.incomplete_runs > 0 {
                wrong.push(format!("{name} is still troubled: {state:?}"));
            }
            if month.only_clock {
                wrong.extend(ticks_after_steps(&entry, (start, now), seen));
            }
            wrong.extend(missed_ticks(
                &entry,
                calm + SignedDuration::from_hours(72),
                now,
                seen,
            ));
        }
    }
    if all {
        wrong.extend(alerts_of(month, (start, now), world, seen));
        wrong.extend(still_alerted(&reader));
    }
    wrong
}

fn difference(of: &BTreeMap<u32, String>, without: &BTreeMap<u32, String>) -> Vec<(u32, String)> {
    let only = of
        .iter()
        .filter(|(key, name)| without.get(key) != Some(name));
    only.map(|(key, name)| (*key, name.clone())).collect()
}

/// In a calm time every tick is acted on, in time.
fn missed_ticks(
    entry: &rollbook_engine::daemon::Entry,
    from: Timestamp,
    to: Timestamp,
    seen: &SharedSeen,
) -> Option<String> {
    let seen = lock(seen);
    let none = BTreeMap::new();
    let ticks = seen.ticks.get(&entry.name).unwrap_or(&none);
    let mut after = from;
    while let Some(due) = next_tick(entry.schedule.cron(), entry.zone.zone(), after) {
        if due > to - LATE {
            return None;
        }
        match ticks.get(&due) {
            Some(at) if at.duration_since(due) <= LATE => {}
            Some(at) => return Some(format!("the tick {due} of {} ran at {at}", entry.name)),
            None => return Some(format!("the tick {due} of {} was not acted on", entry.name)),
        }
        after = due;
    }
    None
}

/// A clock that is set costs at most one tick of each job.
fn ticks_after_steps(
    entry: &rollbook_engine::daemon::Entry,
    (start, now): (Timestamp, Timestamp),
    seen: &SharedSeen,
) -> Option<String> {
    let seen = lock(seen);
    let steps: Vec<_> = seen
        .clock_steps
        .iter()
        .filter(|(at, _)| *at >= start)
        .collect();
    for (index, (at, ahead)) in steps.iter().enumerate() {
        let until = steps.get(index + 1).map_or(now, |(next, _)| *next);
        let next = |after| next_tick(entry.schedule.cron(), entry.zone.zone(), after);
        // The loop reads the clock that late here.
        let second = next(*at + *ahead + LATE).and_then(next)?;
        if second - *ahead + LATE > until {
            continue;
        }
        let first = seen
            .acted
            .iter()
            .find(|(name, _, when)| *name == entry.name && when >= at);
        if first.is_none_or(|(_, _, when)| *when > second - *ahead + LATE) {
            return Some(format!(
                "{} lost more than a tick after the clock was set at {at} to {}: the next one was {first:?}",
                entry.name,
                *at + *ahead
            ));
        }
    }
    None
}

/// Each need for a person was told once, and its end too.
fn alerts_of(
    month: &Month,
    (start, now): (Timestamp, Timestamp),
    world: &SharedWorld,
    seen: &SharedSeen,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let seen = lock(seen);
    let world = world.lock();
    let alerts: Vec<&Received> = world
        .alerts
        .iter()
        .filter(|alert| alert.at >= start)
        .collect();
    let show =
        |alert: &Received| format!("{} {}{} {}", alert.at, alert.source, alert.job, alert.kind);
    let shown: Vec<String> = alerts.iter().map(|alert| show(alert)).collect();
    for need in &month.needs {
        let source = SOURCES[need.source].name;
        let told = |alert: &&&Received| {
            (need.from..need.until).contains(&alert.at)
                && match need.list {
                    None => alert.kind == "parked" && alert.source == source,
                    Some(list) => alert.kind == "held" && alert.job == job(need.source, list),
                }
        };
        if alerts.iter().filter(told).count() != 1 {
            wrong.push(format!("{need:?} was not told once: {shown:?}"));
        }
    }
    let mut subjects: BTreeMap<(&str, &str), Vec<&Received>> = BTreeMap::new();
    for alert in &alerts {
        let subject = (alert.source.as_str(), alert.job.as_str());
        subjects.entry(subject).or_default().push(alert);
    }
    for ((source, job), alerts) in &subjects {
        let number = SOURCES
            .iter()
            .position(|known| known.name == *source || job.starts_with(known.name));
        let incidents = number.map_or(3, |number| month.incidents[number]) as usize;
        if alerts.len() > 4 * (incidents + 1) {
            let alerts: Vec<String> = alerts.iter().map(|alert| show(alert)).collect();
            wrong.push(format!("{source}{job} was alerted too often: {alerts:?}"));
        }
        for pair in alerts.windows(2) {
            if pair[0].kind == pair[1].kind && pair[0].kind != "recovered" {
                let between = |alert: &&&Received| {
                    (pair[0].at..=pair[1].at).contains(&alert.at)
                        && !alert.source.is_empty()
                        && job.starts_with(alert.source.as_str())
                };
                // A full disk does not keep that an alert was sent.
                let is_forgotten =
                    (seen.lost_writes.iter()).any(|at| (pair[0].at..=pair[1].at).contains(at));
                if !is_forgotten && !world.alerts.iter().any(|alert| between(&&alert)) {
                    wrong.push(format!(
                        "the same alert again, without an end: {} and {}",
                        show(pair[0]),
                        show(pair[1])
                    ));
                }
            }
        }
        if let Some(last) = alerts.last().filter(|last| last.kind != "recovered") {
            // What is about its source then ends without a word about the job.
            let is_taken_over = world.alerts.iter().any(|alert| {
                alert.at >= last.at
                    && !alert.source.is_empty()
                    && job.starts_with(alert.source.as_str())
            });
            if !is_taken_over {
                wrong.push(format!("no end at {now} of {}: {}", show(last), last.text));
            }
        }
    }
    wrong
}

fn still_alerted(reader: &Reader) -> Option<String> {
    let text = |table: &str| -> Vec<String> {
        let sql = format!("SELECT job || ' ' || kind FROM {table}");
        let mut statement = reader.prepare(&sql).expect("a query");
        let rows = statement.query_map([], |row| row.get(0));
        rows.and_then(Iterator::collect).expect("rows")
    };
    let (active, queued) = (text("rollbook_alerts"), text("rollbook_outbox"));
    (!active.is_empty() || !queued.is_empty())
        .then(|| format!("alerts are still active {active:?} or queued {queued:?}"))
}

/// Requests of the whole life.
pub(super) fn politeness(world: &SharedWorld, seen: &SharedSeen) -> Vec<String> {
    let mut wrong = Vec::new();
    let clock_steps = lock(seen).clock_steps.clone();
    let world = world.lock();
    for (vendor, source) in world.vendors.iter().zip(&SOURCES) {
        let counts = &vendor.counts;
        for (what, most, limit) in [
            ("requests an hour", counts.hour.most, MOST_PER_HOUR),
            ("requests a day", counts.day.most, MOST_PER_DAY),
            (
                "requests in an hour of an outage",
                counts.outage_hour.most,
                MOST_IN_AN_OUTAGE_PER_HOUR,
            ),
            (
                "requests on a day of an outage",
                counts.outage_day.most,
                MOST_IN_AN_OUTAGE_PER_DAY,
            ),
            (
                "token requests an hour",
                counts.token_hour.most,
                MOST_TOKENS_PER_HOUR,
            ),
            (
                "token requests a day",
                counts.token_day.most,
                MOST_TOKENS_PER_DAY,
            ),
        ] {
            if most > limit {
                wrong.push(format!(
                    "{} received {most} {what}, more than {limit}",
                    source.name
                ));
            }
        }
        for pair in counts.wrong_passwords.windows(2) {
            let (first, second) = (pair[0].at, pair[1].at);
            let was_changed = clock_steps
                .iter()
                .any(|(at, _)| (first..=second).contains(at));
            // Only a password that was rejected before is noted before it is sent.
            let is_excused = was_changed || pair[0].is_unknown;
            if second.duration_since(first) < SignedDuration::from_hours(23) && !is_excused {
                wrong.push(format!(
                    "{} received a wrong password at {first} and again at {second}",
                    source.name
                ));
            }
        }
    }
    wrong
}

/// The most of each kind of request, for the output.
pub(super) fn requests(world: &SharedWorld) -> String {
    let world = world.lock();
    let all = world.vendors.iter().zip(&SOURCES).map(|(vendor, source)| {
        let counts = &vendor.counts;
        format!(
            "{} {} requests, most {}/h {}/d, in outages {}/h {}/d, tokens {}/h {}/d",
            source.name,
            counts.total,
            counts.hour.most,
            counts.day.most,
            counts.outage_hour.most,
            counts.outage_day.most,
            counts.token_hour.most,
            counts.token_day.most
        )
    });
    all.collect::<Vec<_>>().join("\n    ")
}

/// What may not grow with time.
#[derive(Clone, Debug, Default)]
pub(super) struct Sizes {
    pub tables: BTreeMap<String, u64>,
    pub files: Vec<(String, u64)>,
    /// Resident memory of this process in KiB.
    pub memory: u64,
}

pub(super) fn table_sizes(reader: &Reader) -> BTreeMap<String, u64> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
    let mut statement = reader.prepare(sql).expect("a query");
    let names: Vec<String> = statement
        .query_map([], |row| row.get(0))
        .and_then(Iterator::collect)
        .expect("names");
    let size = |name: String| {
        let sql = format!("SELECT count(*) FROM \"{name}\"");
        let rows: i64 = reader
            .query_row(&sql, [], |row| row.get(0))
            .expect("a count");
        (name, rows.unsigned_abs())
    };
    names.into_iter().map(size).collect()
}

pub(super) fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Compares the ends of two years; `memory` is the growth that is allowed.
pub(super) fn growth(before: &Sizes, after: &Sizes) -> Vec<String> {
    let mut wrong = Vec::new();
    for (table, rows) in &after.tables {
        let was = before.tables.get(table).copied().unwrap_or(0);
        if *rows > was + was / 4 + 60 {
            wrong.push(format!("{table} grew from {was} rows to {rows} in a year"));
        }
    }
    let total = |sizes: &Sizes| sizes.files.iter().map(|(_, size)| size).sum::<u64>();
    let (was, is) = (total(before), total(after));
    if is > was + was / 4 + (1 << 20) {
        wrong.push(format!(
            "the files grew from {was} to {is} bytes: {:?}",
            after.files
        ));
    }
    if after.files.len() > before.files.len() + 2 {
        wrong.push(format!("more files than a year ago: {:?}", after.files));
    }
    wrong
}
