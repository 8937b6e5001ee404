//! The expected result of a quirk, and its comparison.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;
use rollbook_engine::sync::{Outcome, RunReport, StreamReport};
use tempfile::TempDir;

use super::harness::{Checked, ClockKind, ComboLists, Content, Harness, Pairs, Row, copied};

/// Quirks tested concurrently.
const CONCURRENCY: usize = 4;

/// Reads each quirk also into an empty mirror where the same is expected; set by `.ci/run`.
const ALL: &str = "ROLLBOOK_QUIRKS_ALL";

/// The result of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The mirror equals an undisturbed one.
    Same,
    /// The same except for these columns (`stream.column`, `*.column`) or streams (`stream`), which have other data.
    Except(&'static [&'static str]),
    /// The same number of rows in each stream; their values differ.
    Counts,
    /// The same except for these columns or streams, and the messages have this part.
    Noted(&'static str, &'static [&'static str]),
    /// The received data contradict themselves, and a message has this part: rows may be missing, no previous row
    /// is lost.
    Incomplete(&'static str),
    /// The guard holds it, with this part of a message, and nothing is lost.
    Held(&'static str),
    /// It fails with this part of a message, and unread streams are unchanged.
    Fails(&'static str),
    /// The same; other streams lack what the failed stream would report.
    FailsWithNews(&'static str),
    /// The vendor refuses an optional stream, with this part of a message; the others are read.
    NotServed(&'static str),
}

/// A quirk: what the vendor does, and the expected result.
#[derive(Clone, Copy, Debug)]
pub struct Quirk {
    /// Switches of the sandbox.
    pub switches: Pairs,
    /// On a mirror that was filled the day before.
    pub carried: Expected,
    /// Into an empty mirror.
    pub fresh: Expected,
}

/// The same result for both.
pub const fn quirk(switches: Pairs, expected: Expected) -> Quirk {
    Quirk {
        switches,
        carried: expected,
        fresh: expected,
    }
}

/// One vendor's quirks and what they have in common.
pub struct Table {
    /// The vendor, which is also the source's name.
    pub vendor: &'static str,
    /// Settings of the source.
    pub settings: Pairs,
    /// Switches of the sandbox, also for the undisturbed mirror.
    pub switches: Pairs,
    /// The clock of the program.
    pub clock_kind: ClockKind,
    /// The quirks.
    pub quirks: Vec<Quirk>,
}

/// The undisturbed mirror: as a folder of the day before, and its content for both cases.
struct Good {
    yesterday: TempDir,
    before: Content,
    carried: Content,
    fresh: Content,
}

/// Tests every quirk and reports all failures.
pub async fn check(table: Table) {
    let checked = Checked::load(
        table.vendor,
        table.settings,
        table.switches,
        table.clock_kind,
        ComboLists::Few,
    );
    let good = Arc::new(good(&checked).await);
    let checked = Arc::new(checked);
    let wrong: Vec<String> = stream::iter(table.quirks)
        .map(|quirk| {
            let (checked, good) = (Arc::clone(&checked), Arc::clone(&good));
            // A task each, so that they use all cores.
            tokio::spawn(async move { test(&checked, &good, quirk).await })
        })
        .buffer_unordered(CONCURRENCY)
        .flat_map(|wrong| stream::iter(wrong.expect("a test that ends")))
        .collect()
        .await;
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

async fn good(checked: &Checked) -> Good {
    let yesterday = TempDir::new().expect("a folder");
    let (before, _) = read(checked, yesterday.path(), &[]).await;
    let today = copied(yesterday.path());
    let (carried, reports) = read(checked, today.path(), &[]).await;
    for part in reports.iter().flat_map(|run| &run.streams) {
        assert!(is_plain(part), "{:?}", part.record);
    }
    let (fresh, _) = read(checked, new_folder().path(), &[]).await;
    assert!(
        fresh.values().all(|rows| !rows.is_empty()),
        "an undisturbed mirror has rows of every stream"
    );
    Good {
        yesterday,
        before,
        carried,
        fresh,
    }
}

async fn test(checked: &Checked, good: &Good, quirk: Quirk) -> Vec<String> {
    let mut wrong = Vec::new();
    let nothing = Content::default();
    let carried = (
        "carried",
        copied(good.yesterday.path()),
        quirk.carried,
        &good.before,
        &good.carried,
    );
    let fresh = ("fresh", new_folder(), quirk.fresh, &nothing, &good.fresh);
    // What is the same for both is the same code: it is read twice only where no one waits for it.
    let with_fresh = quirk.fresh != quirk.carried || std::env::var_os(ALL).is_some();
    let mirrors = [Some(carried), with_fresh.then_some(fresh)];
    for (mirror, folder, expected, before, after) in mirrors.into_iter().flatten() {
        let (content, reports) = read(checked, folder.path(), quirk.switches).await;
        let complaint = complaint(expected, [before, after], &content, &reports);
        wrong.extend(
            complaint.map(|complaint| format!("{:?} {mirror}: {complaint}", quirk.switches)),
        );
    }
    wrong
}

/// A folder for a school after its first day, without a mirror.
fn new_folder() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(
        folder.path().join("sandbox.json"),
        r#"{"day":0,"values":{}}"#,
    )
    .expect("a state file");
    folder
}

/// All jobs; a second time on the same day where removals by absence need a second reading.
async fn read(checked: &Checked, state: &Path, switches: Pairs) -> (Content, Vec<RunReport>) {
    let harness = Harness::open(checked, state, switches).await;
    let mut reports = harness.run(false).await;
    if checked.vendor == "webuntis" {
        reports.extend(harness.run(false).await);
        // A held run applied nothing of what is applied together.
        if reports.iter().any(|run| run.outcome == Outcome::Held) {
            reports.extend(harness.run(false).await);
        }
    }
    let content = harness.content();
    harness.close().await;
    (content, reports)
}

/// What is not as expected.
fn complaint(
    expected: Expected,
    good: [&Content; 2],
    content: &Content,
    reports: &[RunReport],
) -> Option<String> {
    let [before, after] = good;
    let reported = reported(reports);
    let unsaid = |part: &str, word: &str| {
        let alerts = reported
            .iter()
            .any(|reported| reported.contains(word) && reported.contains(part));
        (!alerts).then(|| format!("expected {expected:?}, got {reported:?}"))
    };
    match expected {
        Expected::Same => reported
            .first()
            .cloned()
            .or_else(|| differs(after, content, &[])),
        Expected::Except(columns) => reported
            .first()
            .cloned()
            .or_else(|| differs(after, content, columns)),
        Expected::Counts => reported
            .first()
            .cloned()
            .or_else(|| count_difference(after, content)),
        Expected::Noted(part, columns) => {
            let other = reported
                .iter()
                .find(|reported| !(reported.contains(" ok: ") && reported.contains(part)));
            unsaid(part, " ok: ")
                .or_else(|| other.cloned())
                .or_else(|| differs(after, content, columns))
        }
        Expected::Incomplete(part) => {
            unsaid(part, " incomplete: ").or_else(|| lost(before, after, content))
        }
        Expected::Held(part) => unsaid(part, "held").or_else(|| untouched(good, content, reports)),
        Expected::Fails(part) => {
            let failed = unsaid(part, "failed").and_then(|_| unsaid(part, "parked"));
            failed.or_else(|| untouched(good, content, reports))
        }
        Expected::FailsWithNews(part) => {
            unsaid(part, "failed").or_else(|| lost(before, after, content))
        }
        Expected::NotServed(part) => {
            unsaid(part, "not_served").or_else(|| lost(before, after, content))
        }
    }
}

/// Whether a stream is ok, and its message explains at most why more rows were received than are stored.
fn is_plain(part: &StreamReport) -> bool {
    let message = part.record.message.as_deref().unwrap_or_default();
    let is_explained = message.starts_with("received ") && message.ends_with("stored once");
    part.record.outcome == Outcome::Ok && (message.is_empty() || is_explained)
}

/// All messages except those of ok runs.
fn reported(reports: &[RunReport]) -> Vec<String> {
    let parts = reports
        .iter()
        .flat_map(|run| &run.streams)
        .filter(|part| !is_plain(part));
    let parts = parts.map(|part| {
        let message = part.record.message.as_deref().unwrap_or("-");
        format!("{} {}: {message}", part.record.stream, part.record.outcome)
    });
    let whole = reports.iter().filter(|run| run.streams.is_empty());
    parts
        .chain(whole.map(|run| format!("{}: {:?}", run.outcome, run.message)))
        .collect()
}

/// An unread stream is unchanged, a partly read one has rows of both; every other one is as expected.
fn untouched(
    [before, after]: [&Content; 2],
    content: &Content,
    reports: &[RunReport],
) -> Option<String> {
    let of_outcome = |wanted: &[Outcome]| -> BTreeSet<&str> {
        let parts = reports.iter().flat_map(|run| &run.streams);
        parts
            .filter(|part| wanted.contains(&part.record.outcome))
            .map(|part| part.record.stream.as_str())
            .collect()
    };
    let read = of_outcome(&[Outcome::Ok, Outcome::OkWithRejects]);
    let in_part = of_outcome(&[Outcome::Incomplete]);
    content.iter().find_map(|(stream, rows)| {
        let of = |content: &Content| match content.get(stream) {
            Some(other) => other == rows,
            None => rows.is_empty(),
        };
        if in_part.contains(stream.as_str()) {
            return lost_of(stream, before, after, content);
        }
        let fine = of(after) || (of(before) && !read.contains(stream.as_str()));
        (!fine).then(|| {
            format!(
                "{stream} is neither as it was nor as it should be: {} rows",
                rows.len()
            )
        })
    })
}

/// Every row that existed and is expected exists, and there is no unknown one.
fn lost(before: &Content, after: &Content, content: &Content) -> Option<String> {
    let streams = content.keys();
    streams
        .filter_map(|stream| lost_of(stream, before, after, content))
        .next()
}

fn lost_of(stream: &str, before: &Content, after: &Content, content: &Content) -> Option<String> {
    let of = |content: &Content| -> BTreeSet<Row> {
        content
            .get(stream)
            .cloned()
            .unwrap_or_default()
            .into_iter()
            .collect()
    };
    let (before, after, rows) = (of(before), of(after), of(content));
    let kept = before.intersection(&after).all(|row| rows.contains(row));
    let known = rows
        .iter()
        .all(|row| before.contains(row) || after.contains(row));
    (!(kept && known)).then(|| format!("{stream}: kept {kept}, known {known}, {} rows", rows.len()))
}

fn count_difference(after: &Content, content: &Content) -> Option<String> {
    after.iter().find_map(|(stream, rows)| {
        let got = content.get(stream).map_or(0, Vec::len);
        (got != rows.len()).then(|| format!("{got} rows of {stream}, not {}", rows.len()))
    })
}

/// The first difference, except for these columns.
fn differs(expected: &Content, got: &Content, except: &[&str]) -> Option<String> {
    let is_other = |stream: &str, column: &str| {
        except
            .iter()
            .any(|name| *name == format!("{stream}.{column}") || *name == format!("*.{column}"))
    };
    expected
        .iter()
        .filter(|(stream, _)| !except.contains(&stream.as_str()))
        // Most are equal as they are, which is quick to find out.
        .filter(|(stream, rows)| got.get(*stream).is_some_and(|got| got != *rows))
        .find_map(|(stream, rows)| {
            let cut = |rows: &[Row]| -> BTreeSet<String> {
                rows.iter()
                    .map(|row| {
                        let kept = row.iter().filter(|(column, _)| !is_other(stream, column));
                        kept.map(|(column, value)| format!("{column}={value}"))
                            .collect::<Vec<_>>()
                            .join(" ")
                    })
                    .collect()
            };
            let (expected, got) = (cut(rows), cut(got.get(stream)?));
            let missing: Vec<&String> = expected.difference(&got).collect();
            let surplus: Vec<&String> = got.difference(&expected).collect();
            let first = |rows: &[&String]| {
                rows.first()
                    .map(|row| row.chars().take(120).collect::<String>())
            };
            // Where a row differs in little, only that is shown.
            let apart = missing.first().zip(surplus.first()).map(|(one, two)| {
                let two: BTreeSet<&str> = two.split(' ').collect();
                one.split(' ')
                    .filter(|part| !two.contains(part))
                    .take(5)
                    .collect::<Vec<_>>()
                    .join(" ")
            });
            (!missing.is_empty() || !surplus.is_empty()).then(|| {
                format!(
                    "{stream}: {} missing such as {:?}, {} surplus such as {:?}, apart {apart:?}",
                    missing.len(),
                    first(&missing),
                    surplus.len(),
                    first(&surplus)
                )
            })
        })
}
