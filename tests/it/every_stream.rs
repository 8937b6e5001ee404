//! Every stream of every built-in connector: a value, a change and a removal at the simulated vendor arrive in the mirror, and
//! a run after that writes nothing.
//!
//! One table a connector, with a row for each of its streams; a stream without a row fails the test. Where absence is no
//! removal by the vendor's rules, or a row never changes, the table says why.

mod columns;
mod tables;

use std::fs;
use std::path::Path;

use rollbook_sandbox::{Change, Options, Sandbox};
use tokio::task::block_in_place;

use self::tables::{ONEROSTER, ONEROSTER_1_2, WAPI, WEBUNTIS, WISENET};
use crate::installation::{Finished, Installation, NO_TICK};
use crate::queries;

/// Readings that a removal needs at most: two that lack the row, after one that lacks what it is read for.
const READINGS: usize = 3;

/// What becomes of an edit at the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Arrives,
    /// By the vendor's rules, for this reason.
    Never(&'static str),
}

/// One stream, and the list at the vendor that is edited for it: its first row changes, its second is deleted. Without a
/// list, what a day brings is expected.
struct StreamRow {
    stream: &'static str,
    list: &'static str,
    change: Effect,
    removal: Effect,
}

/// One connector, and how the program signs in.
struct Case {
    connector: &'static str,
    /// Switches of the simulated vendor.
    switches: &'static [&'static str],
    /// Lines below `[sources.own.auth]`; a secret's file has the secret's name.
    auth: &'static str,
    streams: &'static [StreamRow],
}

/// The streams of a connector in the order of its file, with those of the connector that it extends.
pub fn streams_of(connector: &str) -> Vec<String> {
    let path = format!("config/connectors/{connector}.toml");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = fs::read_to_string(path).expect("a connector");
    let file: toml::Table = text.parse().expect("TOML");
    let mut streams = match file.get("extends") {
        Some(below) => streams_of(below.as_str().expect("a name")),
        None => Vec::new(),
    };
    for (name, stream) in file["streams"].as_table().expect("a table") {
        if stream.get("off") == Some(&toml::Value::Boolean(true)) {
            streams.retain(|other| other != name);
        } else if !streams.contains(name) {
            streams.push(name.clone());
        }
    }
    streams
}

struct Mirrored<'a> {
    case: &'static Case,
    sandbox: &'a Sandbox,
    installation: Installation,
}

impl<'a> Mirrored<'a> {
    fn new(case: &'static Case, sandbox: &'a Sandbox) -> Self {
        let installation = Installation::empty();
        let endpoint = sandbox.endpoint(case.connector).expect("served");
        let settings = endpoint.settings.iter();
        let settings: String = settings
            .map(|(name, value)| format!("{name} = {value:?}\n"))
            .collect();
        installation.write(
            "config/rollbook.toml",
            &format!(
                "[sources.own]\nconnector = {:?}\n[sources.own.settings]\n{settings}\
                 [sources.own.limits]\nin_flight = 4\nper_second = 1000.0\n[sources.own.auth]\n{}\n",
                case.connector, case.auth
            ),
        );
        for (name, secret) in &endpoint.secrets {
            installation.secret(name, secret);
        }
        installation.write(
            "jobs/all.toml",
            &format!(
                "source = \"own\"\nstreams = {:?}\nschedule = \"{NO_TICK}\"\n\
                 [guard]\nremovals = \"100%\"\nremovals_max = 100000\n",
                streams_of(case.connector)
            ),
        );
        Self {
            case,
            sandbox,
            installation,
        }
    }

    fn sync(&self, options: &[&str], what: &str) -> Finished {
        let command = [&["sync", "--json"], options].concat();
        block_in_place(|| self.installation.run(&command)).assert_ok(what)
    }

    fn edit(&self, list: &str, change: Change) {
        match self.case.connector {
            "wisenet" => self.sandbox.wisenet().edit(list, change),
            connector => {
                let control = self.sandbox.control(connector).expect("its control");
                control.edits.after_page(list, 0, change);
            }
        }
    }

    /// The names of a stream's columns.
    fn columns(&self, stream: &str) -> Vec<String> {
        let names = format!(
            "SELECT name FROM pragma_table_info('own_{stream}') WHERE name NOT LIKE '\\_%' ESCAPE '\\'"
        );
        queries::list(&self.installation.mirror(), &names)
    }

    /// Reads everything as often as a removal needs, and compares what each stream reports with what its row expects.
    fn assert_effects(&self, what: &str, is_meant: impl Fn(&StreamRow) -> bool) {
        let runs = [(); READINGS].map(|()| self.sync(&["--full"], what));
        let mut wrong = Vec::new();
        for row in self.case.streams {
            for (effect, expected) in [("changed", row.change), ("removed", row.removal)] {
                let rows: u64 = runs.iter().map(|run| run.number(row.stream, effect)).sum();
                let is_wrong = match expected {
                    Effect::Arrives => is_meant(row) && rows == 0,
                    Effect::Never(_) => rows > 0,
                };
                if is_wrong {
                    let stream = row.stream;
                    wrong.push(format!("{stream}: {rows} {effect}, expected {expected:?}"));
                }
            }
        }
        assert!(
            wrong.is_empty(),
            "{} {what}: {wrong:#?}",
            self.case.connector
        );
    }

    /// Rows that are in this mirror and not in the other.
    fn rows_not_in(&self, other: &Self, stream: &str) -> u64 {
        let table = format!("own_{stream}");
        let columns = self.columns(stream).join("\", \"");
        let connection = queries::open(&self.installation.mirror());
        let path = other.installation.mirror();
        let attached = connection.execute("ATTACH ?1 AS other", [path.to_str()]);
        attached.expect("both mirrors");
        let sql = format!(
            "SELECT count(*) FROM (SELECT \"{columns}\" FROM main.{table} EXCEPT SELECT \"{columns}\" FROM other.{table})"
        );
        let count = connection.query_row(&sql, [], |row| row.get(0));
        count.expect("a number")
    }
}

async fn sandbox(switches: &[&str]) -> Sandbox {
    let mut options = Options {
        students: 24,
        ..Options::default()
    };
    for switch in switches {
        options.set_quirk(switch).expect("a switch");
    }
    Sandbox::start(options).await.expect("a sandbox")
}

async fn check(case: &'static Case) {
    let rows = case.streams.iter();
    let mut listed: Vec<&str> = rows.clone().map(|row| row.stream).collect();
    let mut streams = streams_of(case.connector);
    listed.sort_unstable();
    streams.sort_unstable();
    assert_eq!(
        listed, streams,
        "each stream of {} has a row",
        case.connector
    );

    let sandbox = sandbox(case.switches).await;
    let mirrored = Mirrored::new(case, &sandbox);
    mirrored.sync(&[], "the first time");
    let described = sandbox.describe().vendors[case.connector].clone();
    for row in rows.clone() {
        let table = format!("own_{}", row.stream);
        let mirror = mirrored.installation.mirror();
        let has = queries::count(&mirror, &table);
        let expected = described.get(row.stream).copied();
        assert!(has > 0, "{}: no value arrived", row.stream);
        assert_eq!(has, expected.unwrap_or(has), "{}", row.stream);
    }

    // No day passes, so that what the day changes by itself is no effect of an edit.
    let mut lists: Vec<&str> = rows.clone().map(|row| row.list).collect();
    lists.sort_unstable();
    lists.dedup();
    for list in lists.into_iter().filter(|list| !list.is_empty()) {
        mirrored.edit(list, Change::Touch(0));
        mirrored.edit(list, Change::Delete(1));
    }
    mirrored.assert_effects("after the edits", |row| !row.list.is_empty());
    sandbox.advance().expect("a day");
    mirrored.assert_effects("after a day", |row| row.list.is_empty());
    for options in [&["--full"][..], &[]] {
        let ran = mirrored.sync(options, "without edits");
        for row in rows.clone() {
            let counts = ["new", "changed", "removed", "unconfirmed"]
                .map(|name| ran.number(row.stream, name));
            assert_eq!(counts, [0; 4], "{} {options:?}", row.stream);
        }
    }
    let fresh = Mirrored::new(case, &sandbox);
    fresh.sync(&[], "a new mirror");
    for row in rows {
        let too_few = fresh.rows_not_in(&mirrored, row.stream);
        let too_many = mirrored.rows_not_in(&fresh, row.stream);
        assert_eq!(too_few, 0, "{}: missing or old rows", row.stream);
        let is_kept = row.removal != Effect::Arrives;
        assert!(
            too_many == 0 || is_kept,
            "{}: {too_many} rows too many",
            row.stream
        );
    }
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stream_of_wisenet() {
    check(&WISENET).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stream_of_wapi() {
    check(&WAPI).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stream_of_oneroster_1_1() {
    check(&ONEROSTER).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stream_of_oneroster_1_2() {
    check(&ONEROSTER_1_2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stream_of_webuntis() {
    check(&WEBUNTIS).await;
}
