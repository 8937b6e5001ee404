//! What is expected of a quirk, and how it is compared.

use std::collections::BTreeSet;
use std::path::Path;

use futures_util::StreamExt as _;
use futures_util::stream;
use rollbook::sync::{Outcome, RunReport};
use tempfile::TempDir;

use super::bench::{Bench, Checked, Content, Pairs, ProgressSink, Row, copied};

/// Rows of a table that are tried at the same time.
const AT_ONCE: usize = 4;

/// What becomes of a reading.
#[derive(Clone, Copy, Debug)]
pub enum Then {
    /// The mirror holds what an undisturbed one holds.
    Same,
    /// The same but for these columns (`stream.column`, `*.column`) or streams (`stream`), which are other data.
    Except(&'static [&'static str]),
    /// As many rows as an undisturbed one of each stream; their values are others.
    Counts,
    /// The same but for these columns or streams, and all that is said has this part.
    Noted(&'static str, &'static [&'static str]),
    /// What was received contradicts itself, which a message with this part says: rows may lack, none that was there
    /// is lost.
    Incomplete(&'static str),
    /// The guard holds it back with this part of a message, and nothing is lost.
    Held(&'static str),
    /// It fails with this part of a message, and what it could not read is as it was.
    Fails(&'static str),
    /// The same, and what is told by the stream that failed is not known of the others.
    FailsWithNews(&'static str),
    /// The vendor refuses a stream that it may refuse, with this part of a message; the others are read.
    NotServed(&'static str),
}

/// A quirk: what the vendor does, and what becomes of it.
#[derive(Clone, Copy, Debug)]
pub struct Quirk {
    /// Switches of the sandbox.
    pub switches: Pairs,
    /// Over a mirror that was filled the day before.
    pub carried: Then,
    /// Into an empty mirror.
    pub fresh: Then,
}

/// Both ways the same.
pub const fn quirk(switches: Pairs, then: Then) -> Quirk {
    Quirk {
        switches,
        carried: then,
        fresh: then,
    }
}

/// One vendor's table and what all its rows have in common.
pub struct Table {
    /// The vendor, which is also the source's name.
    pub vendor: &'static str,
    /// Settings of the source.
    pub settings: Pairs,
    /// Switches of the sandbox, also of the undisturbed one.
    pub switches: Pairs,
    /// Which clock the program is given.
    pub watch: ProgressSink,
    /// The quirks.
    pub quirks: Vec<Quirk>,
}

/// The undisturbed mirror: as a folder of the day before, and what it holds on each way.
struct Good {
    yesterday: TempDir,
    before: Content,
    carried: Content,
    fresh: Content,
}

/// Tries every quirk and tells all that went wrong.
pub async fn check(table: Table) {
    let checked = Checked::load(table.vendor, table.settings, table.switches, table.watch);
    let good = good(&checked).await;
    let (checked, good) = (&checked, &good);
    let wrong: Vec<String> = stream::iter(table.quirks)
        .map(|quirk| tried(checked, good, quirk))
        .buffer_unordered(AT_ONCE)
        .flat_map(stream::iter)
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
        assert_eq!(
            (&part.record.outcome, &part.record.message),
            (&Outcome::Ok, &None),
            "{}",
            part.record.stream
        );
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

async fn tried(checked: &Checked, good: &Good, quirk: Quirk) -> Vec<String> {
    let mut wrong = Vec::new();
    let nothing = Content::default();
    let ways = [
        (
            "carried",
            copied(good.yesterday.path()),
            quirk.carried,
            &good.before,
            &good.carried,
        ),
        ("fresh", new_folder(), quirk.fresh, &nothing, &good.fresh),
    ];
    for (way, folder, then, before, after) in ways {
        let (content, reports) = read(checked, folder.path(), quirk.switches).await;
        let complaint = complaint(then, [before, after], &content, &reports);
        wrong.extend(complaint.map(|complaint| format!("{:?} {way}: {complaint}", quirk.switches)));
    }
    wrong
}

/// A folder in which the first day of the school has passed unseen.
fn new_folder() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(
        folder.path().join("sandbox.json"),
        r#"{"day":0,"notes":{}}"#,
    )
    .expect("a state file");
    folder
}

/// All jobs; twice on the same day where rows leave by absence, which waits for a second reading.
async fn read(checked: &Checked, state: &Path, switches: Pairs) -> (Content, Vec<RunReport>) {
    let bench = Bench::open(checked, state, switches).await;
    let mut reports = bench.run(false).await;
    if checked.vendor == "webuntis" {
        reports.extend(bench.run(false).await);
        // A run that was held took nothing of what is applied together.
        if reports.iter().any(|run| run.outcome == Outcome::Held) {
            reports.extend(bench.run(false).await);
        }
    }
    let content = bench.content();
    bench.close().await;
    (content, reports)
}

/// What is not as expected.
fn complaint(
    then: Then,
    good: [&Content; 2],
    content: &Content,
    reports: &[RunReport],
) -> Option<String> {
    let [before, after] = good;
    let said = said(reports);
    let unsaid = |part: &str, word: &str| {
        let heard = said
            .iter()
            .any(|said| said.contains(word) && said.contains(part));
        (!heard).then(|| format!("expected {then:?}, got {said:?}"))
    };
    match then {
        Then::Same => said
            .first()
            .cloned()
            .or_else(|| differs(after, content, &[])),
        Then::Except(columns) => said
            .first()
            .cloned()
            .or_else(|| differs(after, content, columns)),
        Then::Counts => said.first().cloned().or_else(|| miscounted(after, content)),
        Then::Noted(part, columns) => {
            let other = said
                .iter()
                .find(|said| !(said.contains(" ok: ") && said.contains(part)));
            unsaid(part, " ok: ")
                .or_else(|| other.cloned())
                .or_else(|| differs(after, content, columns))
        }
        Then::Incomplete(part) => {
            unsaid(part, " incomplete: ").or_else(|| lost(before, after, content))
        }
        Then::Held(part) => unsaid(part, "held").or_else(|| untouched(good, content, reports)),
        Then::Fails(part) => {
            let failed = unsaid(part, "failed").and_then(|_| unsaid(part, "parked"));
            failed.or_else(|| untouched(good, content, reports))
        }
        Then::FailsWithNews(part) => {
            unsaid(part, "failed").or_else(|| lost(before, after, content))
        }
        Then::NotServed(part) => {
            unsaid(part, "not_served").or_else(|| lost(before, after, content))
        }
    }
}

/// Everything that is not plainly fine.
fn said(reports: &[RunReport]) -> Vec<String> {
    let parts = reports
        .iter()
        .flat_map(|run| &run.streams)
        .filter(|part| part.record.outcome != Outcome::Ok || part.record.message.is_some());
    let parts = parts.map(|part| {
        let message = part.record.message.as_deref().unwrap_or("-");
        format!("{} {}: {message}", part.record.stream, part.record.outcome)
    });
    let whole = reports.iter().filter(|run| run.streams.is_empty());
    parts
        .chain(whole.map(|run| format!("{}: {:?}", run.outcome, run.message)))
        .collect()
}

/// A stream that was not read is as it was, one that was read in part has rows of both; every other one is as it should be.
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
        let of = |content: &Content| content.get(stream).cloned().unwrap_or_default();
        if in_part.contains(stream.as_str()) {
            return lost_of(stream, before, after, content);
        }
        let fine = *rows == of(after) || (*rows == of(before) && !read.contains(stream.as_str()));
        (!fine).then(|| {
            format!(
                "{stream} is neither as it was nor as it should be: {} rows",
                rows.len()
            )
        })
    })
}

/// A row that was there and should be is there, and none stands there that never was.
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

fn miscounted(after: &Content, content: &Content) -> Option<String> {
    after.iter().find_map(|(stream, rows)| {
        let got = content.get(stream).map_or(0, Vec::len);
        (got != rows.len()).then(|| format!("{got} rows of {stream}, not {}", rows.len()))
    })
}

/// The first difference, but for these columns.
fn differs(expected: &Content, got: &Content, except: &[&str]) -> Option<String> {
    let is_other = |stream: &str, column: &str| {
        except
            .iter()
            .any(|name| *name == format!("{stream}.{column}") || *name == format!("*.{column}"))
    };
    expected
        .iter()
        .filter(|(stream, _)| !except.contains(&stream.as_str()))
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
            // Where a row differs in little, only that is worth reading.
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
