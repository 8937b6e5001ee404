//! Bundles by the real program, read by validators that were written from the contracts alone.

mod google;
mod ldif;
mod moodle;
mod oneroster_csv;
mod sds;
mod strict_csv;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::json;

use self::oneroster_csv::Version;
use crate::installation::{Config, Installation};
use crate::people::{roster, user};
use crate::queries::one;
use crate::server::{Paging, Server};

type Files = BTreeMap<String, Vec<u8>>;

const STREAMS: &[&str] = &[
    "academic_sessions",
    "orgs",
    "users",
    "classes",
    "enrollments",
];

fn shipped(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("config/exports/{name}.toml"));
    fs::read_to_string(path).expect("a shipped bundle")
}

/// An installation whose mirror has a roster, and these shipped bundles.
fn installation(server: &Server, bundles: &[&str]) -> Installation {
    let config = Config {
        streams: STREAMS,
        ..Config::default()
    };
    let installation = Installation::new(server, &config);
    for name in bundles {
        add(&installation, name, |text| text);
    }
    installation.sync().assert_ok("the first time");
    installation
}

fn add(installation: &Installation, name: &str, edit: impl Fn(String) -> String) {
    let text = shipped(name).replace("webuntis_", "own_");
    installation.write(&format!("config/exports/{name}.toml"), &edit(text));
}

fn export(installation: &Installation, arguments: &[&str]) -> (Option<i32>, String, String) {
    let ended = installation.run(&[&["export"], arguments].concat());
    (ended.code, ended.out, ended.err)
}

/// Writes a bundle now, unless one of changes was not fetched; gives its files.
fn files(installation: &Installation, name: &str) -> Files {
    let there = read(&folder(installation, name));
    if name == "moodle_enrolments" && !there.is_empty() {
        return there;
    }
    let (code, out, err) = export(installation, &[name]);
    assert_eq!(code, Some(0), "{name}: {out}{err}");
    read(&folder(installation, name))
}

fn folder(installation: &Installation, name: &str) -> std::path::PathBuf {
    let mirror = installation.mirror();
    mirror
        .parent()
        .expect("a folder")
        .join("bundles")
        .join(name)
}

fn read(folder: &Path) -> Files {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read(entry.path()).expect("a file"))
        })
        .collect()
}

/// A roster with everything that reality has: people without names, with commas, quotes and line breaks, enrollments of nobody.
fn odd_roster() -> [(&'static str, Vec<serde_json::Value>); 5] {
    let mut lists = roster(60);
    for (path, rows) in &mut lists {
        match *path {
            "users" => {
                rows[1]["familyName"] = "".into();
                rows[2]["givenName"] = "Zoë, \"the\" second".into();
                rows[3]["givenName"] = "Two\r\nlines".into();
                rows[4]["orgs"] = json!([]);
                rows[5]["email"] = "".into();
                rows[6]["sourcedId"] = "id, with comma".into();
                rows[7]["username"] = "Müller Sepp".into();
                rows[8]["username"] = rows[9]["username"].clone();
                rows[10]["role"] = "janitor".into();
            }
            "classes" => {
                rows[1]["title"] = "5A, \"Maths\"".into();
                rows[2]["school"] = json!({"sourcedId": "school-gone", "type": "org"});
            }
            "enrollments" => {
                rows[11]["user"] = json!({"sourcedId": "user-gone", "type": "user"});
                rows[12]["role"] = "janitor".into();
            }
            _ => {}
        }
    }
    lists
}

#[test]
fn shipped_bundles_are_valid_of_a_good_and_of_an_odd_roster() {
    let names = [
        "oneroster_1_1",
        "oneroster_1_2",
        "school_data_sync",
        "moodle_users",
        "moodle_enrolments",
        "google_workspace_users",
        "ldif_people",
    ];
    for lists in [roster(60), odd_roster()] {
        let server = Server::start(Paging::TotalInHeader, lists);
        let installation = installation(&server, &names);
        let check = installation.run(&["check"]);
        assert_eq!(check.code, Some(0), "{}{}", check.out, check.err);
        add(&installation, "google_workspace_users", |text| {
            text.replace("\"school.example\"", "\"students.school.example\"")
        });
        for name in names {
            let files = files(&installation, name);
            assert!(!files.is_empty(), "{name}");
            let one = || files.values().next().expect("a file");
            let problems = match name {
                "oneroster_1_1" => oneroster_csv::problems(Version::V1p1, &files),
                "oneroster_1_2" => oneroster_csv::problems(Version::V1p2, &files),
                "school_data_sync" => sds::problems(&files),
                "moodle_users" => moodle::problems_of_users(one(), None),
                "moodle_enrolments" => moodle::problems_of_enrolments(one()),
                "google_workspace_users" => google::problems(one()),
                _ => ldif::problems(one()),
            };
            assert_eq!(problems, [""; 0], "{name}");
            let lines: usize = files
                .values()
                .map(|file| file.split(|byte| *byte == b'\n').count())
                .sum();
            assert!(lines > 40, "{name} has {lines} lines");
        }
    }
}

/// Rows by file and key; what an importer of OneRoster has after each set.
#[derive(Debug, Default, PartialEq, Eq)]
struct Importer(BTreeMap<(String, String), Vec<String>>);

impl Importer {
    fn import(&mut self, files: &Files) {
        for (name, bytes) in files.iter().filter(|(name, _)| *name != "manifest.csv") {
            let mut reader = csv::Reader::from_reader(&bytes[..]);
            for record in reader.records() {
                let record = record.expect("a line");
                let key = (name.clone(), record[0].to_owned());
                let is_gone = &record[1] == "tobedeleted";
                // Without status and time, which a complete set does not have.
                let values = record.iter().skip(3).map(str::to_owned).collect();
                match is_gone {
                    true => self.0.remove(&key),
                    false => self.0.insert(key, values),
                };
            }
        }
    }
}

/// `dateLastModified` of all rows.
fn times(files: &Files) -> Vec<String> {
    let rows = files.iter().filter(|(name, _)| *name != "manifest.csv");
    rows.flat_map(|(_, bytes)| {
        let mut reader = csv::Reader::from_reader(&bytes[..]);
        let records: Vec<csv::StringRecord> = reader.records().flatten().collect();
        records.into_iter().map(|record| record[2].to_owned())
    })
    .collect()
}

#[test]
fn the_changes_of_thirty_days_add_up_to_the_whole() {
    let server = Server::start(Paging::TotalInHeader, roster(40));
    let installation = installation(&server, &["oneroster_1_2"]);
    add(&installation, "oneroster_1_1", |text| {
        text.replace("#mode = \"delta\"", "mode = \"delta\"  #")
    });
    let mut importer = Importer::default();
    let mut last_time = String::new();
    // Imports what is there, and what is written then, until nothing is.
    let mut fetch = |importer: &mut Importer| {
        let folder = folder(&installation, "oneroster_1_1");
        loop {
            let files = read(&folder);
            if files.is_empty() {
                let (code, out, err) = export(&installation, &["oneroster_1_1"]);
                assert_eq!(code, Some(0), "{out}{err}");
                if read(&folder).is_empty() {
                    return;
                }
                continue;
            }
            assert_eq!(oneroster_csv::problems(Version::V1p1, &files), [""; 0]);
            importer.import(&files);
            fs::remove_dir_all(&folder).expect("fetched");
            let times = times(&files);
            let goes_back = times.iter().any(|time| *time < last_time);
            assert!(!goes_back, "{last_time}: {times:?}");
            last_time = times.into_iter().max().unwrap_or(last_time.clone());
        }
    };
    fetch(&mut importer);
    for day in 0..30_usize {
        server.edit("users", |users| {
            let leaves = day * 7 % users.len();
            users.remove(leaves);
            users.push(user(100 + day, 1));
            let changed = day * 5 % users.len();
            users[changed]["givenName"] = format!("Name of day {day}").into();
        });
        server.edit("enrollments", |enrollments| {
            let leaves = day * 3 % enrollments.len();
            enrollments.remove(leaves);
        });
        // A removal needs two readings.
        installation.sync();
        installation.sync();
        fetch(&mut importer);
    }
    let mut whole = Importer::default();
    add(&installation, "oneroster_1_1", |text| text);
    whole.import(&files(&installation, "oneroster_1_1"));
    assert_eq!(importer, whole);
}

#[test]
fn changes_that_were_not_fetched_are_not_overwritten_and_nothing_is_missed() {
    let server = Server::start(Paging::TotalInHeader, roster(20));
    let installation = installation(&server, &["moodle_enrolments"]);
    let first = files(&installation, "moodle_enrolments");
    let lines = |files: &Files| {
        let bytes = files.values().next().expect("a file");
        let mut lines: Vec<String> = String::from_utf8_lossy(bytes)
            .lines()
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    };
    server.edit("enrollments", |enrollments| {
        enrollments.remove(0);
    });
    installation.sync();
    installation.sync();
    let (code, _, err) = export(&installation, &["moodle_enrolments"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("was not fetched yet"), "{err}");
    let file = folder(&installation, "moodle_enrolments");
    assert_eq!(read(&file), first, "it is as it was");
    let name = first.keys().next().expect("a file");
    fs::remove_file(file.join(name)).expect("fetched");
    let second = files(&installation, "moodle_enrolments");
    let (first, second) = (lines(&first), lines(&second));
    assert_eq!(second.len(), 1, "{second:?}");
    assert!(second[0].starts_with("del,"), "{second:?}");
    assert!(
        first.contains(&second[0].replacen("del,", "add,", 1)),
        "{second:?}"
    );
}

/// Moodle ignores an enrolment of a user that it does not have yet.
#[test]
fn all_rows_of_a_bundle_of_changes_are_written_again() {
    let server = Server::start(Paging::TotalInHeader, roster(20));
    let installation = installation(&server, &["moodle_enrolments"]);
    let folder = folder(&installation, "moodle_enrolments");
    let fetched = || {
        let files = read(&folder);
        let (name, bytes) = files.first_key_value().expect("a file");
        fs::remove_file(folder.join(name)).expect("fetched");
        String::from_utf8_lossy(bytes).into_owned()
    };
    let first = fetched();
    let (code, out, _) = export(&installation, &["moodle_enrolments"]);
    assert!(out.contains("nothing has changed"), "{out}");
    assert_eq!(code, Some(0));
    let (code, out, err) = export(&installation, &["moodle_enrolments", "--full"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("with all rows again"), "{out}");
    assert_eq!(fetched(), first);
    server.edit("enrollments", |enrollments| {
        enrollments.remove(0);
    });
    installation.sync();
    installation.sync();
    let ended = fetched();
    assert!(
        ended.starts_with("del,") && ended.lines().count() == 1,
        "{ended}"
    );
    // By itself when it is a week ago.
    let ago =
        "UPDATE rollbook_bundles SET repeated = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-8 days')";
    crate::queries::change(&installation.mirror(), ago);
    installation.sync();
    let again = fetched();
    assert!(
        again.lines().all(|line| line.starts_with("add,")),
        "{again}"
    );
    assert_eq!(again.lines().count(), first.lines().count() - 1);
    installation.sync();
    assert_eq!(read(&folder).len(), 0, "once a week is enough");
}

/// Of the rows of a bundle with everything only fingerprints are kept, so who left since cannot be named.
#[test]
fn a_bundle_that_becomes_one_of_changes_begins_anew() {
    let server = Server::start(Paging::TotalInHeader, roster(20));
    let installation = installation(&server, &[]);
    let write = |mode: &str| {
        let text = format!(
            "to = \"bundles/own\"\nmode = {mode:?}\n[[file]]\nname = \"a.csv\"\nkey = [\"id\"]\n\
             sql = \"SELECT sourced_id AS id, '' AS status FROM own_enrollments\"\n"
        );
        installation.write("config/exports/own.toml", &text);
    };
    let lines = || {
        let files = read(&folder(&installation, "own"));
        String::from_utf8_lossy(&files["a.csv"]).lines().count() - 1
    };
    write("bulk");
    installation.sync();
    let all = lines();
    server.edit("enrollments", |enrollments| {
        enrollments.remove(0);
    });
    installation.sync();
    write("delta");
    installation.sync();
    assert_eq!(lines(), all - 1, "everything that is left");
    fs::remove_file(folder(&installation, "own").join("a.csv")).expect("fetched");
    server.edit("enrollments", |enrollments| {
        enrollments.remove(0);
    });
    installation.sync();
    installation.sync();
    let changes = read(&folder(&installation, "own"));
    let changes = String::from_utf8_lossy(&changes["a.csv"]).into_owned();
    let changes: Vec<&str> = changes.lines().skip(1).collect();
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert!(changes[0].ends_with(",tobedeleted"), "{changes:?}");
    assert!(!changes[0].starts_with(','), "{changes:?}");
}

#[test]
fn a_shrunk_roster_does_not_reach_a_bundle() {
    let server = Server::start(Paging::TotalInHeader, roster(60));
    let installation = installation(&server, &["school_data_sync"]);
    let before = files(&installation, "school_data_sync");
    // As if an admin had approved what the run held.
    let mirror = rusqlite::Connection::open(installation.mirror()).expect("a mirror");
    mirror
        .execute_batch("DELETE FROM own_users WHERE sourced_id > 'user-000030'")
        .expect("shrunk");
    drop(mirror);
    let (code, out, _) = export(&installation, &["school_data_sync", "--dry-run"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("Not written: roles.csv would lose "), "{out}");
    let (code, out, _) = export(&installation, &["school_data_sync"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(
        out.contains("`rollbook export school_data_sync --approve` writes it nevertheless"),
        "{out}"
    );
    assert_eq!(read(&folder(&installation, "school_data_sync")), before);
    let status = installation.run(&["status"]);
    assert!(
        status
            .out
            .contains("bundle school_data_sync: roles.csv would lose "),
        "{}",
        status.out
    );
    let (code, out, err) = export(&installation, &["school_data_sync", "--approve"]);
    assert_eq!(code, Some(0), "{out}{err}");
    let after = read(&folder(&installation, "school_data_sync"));
    assert!(after["users.csv"].len() < before["users.csv"].len());
    assert_eq!(sds::problems(&after), [""; 0]);
    assert_eq!(sds::problems_of_next(&before, &after), [""; 0]);
    let audit = installation.run(&["audit"]);
    assert!(
        audit.out.contains("bundle school_data_sync"),
        "{}",
        audit.out
    );
}

#[test]
fn a_mistake_in_a_question_is_shown_in_its_line() {
    let server = Server::start(Paging::TotalInHeader, roster(5));
    let installation = installation(&server, &[]);
    let text = "to = \"bundles/own\"\n[[file]]\nname = \"users.csv\"\nkey = [\"id\"]\nsql = '''\nSELECT sourced_id AS id,\n  familyname\nFROM own_users\n'''\n";
    installation.write("config/exports/own.toml", text);
    let check = installation.run(&["check"]);
    assert_eq!(check.code, Some(78), "{}", check.out);
    let shown = check.out + &check.err;
    assert!(shown.contains("no such column: familyname"), "{shown}");
    assert!(shown.contains("own.toml:7:3"), "{shown}");
    assert!(shown.contains("  ^^^^^^^^^^"), "{shown}");
    let (code, _, err) = export(&installation, &["own"]);
    assert_eq!(code, Some(1));
    assert!(
        err.contains("own.toml, line 7: no such column: familyname"),
        "{err}"
    );
    let (code, _, err) = export(&installation, &["own", "--all"]);
    assert_eq!(code, Some(2), "{err}");
    installation.write(
        "config/exports/own.toml",
        &text.replace("familyname", "family_name"),
    );
    assert_eq!(export(&installation, &["own"]).0, Some(0));
    let (code, _, err) = export(&installation, &["owns"]);
    assert_eq!(code, Some(2));
    assert!(
        err.contains("there is no bundle `owns`; did you mean `own`?"),
        "{err}"
    );
    let rows: u64 = one(&installation.mirror(), "SELECT rows FROM rollbook_bundles");
    assert_eq!(rows, 5);
    let since = |installation: &Installation| {
        let ended = installation.run(&["changes", "--since", "own", "--json"]);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        ended.out.lines().count()
    };
    assert_eq!(since(&installation), 0, "the bundle has everything");
    installation.write(
        "config/exports/own.toml",
        &text.replace("familyname", "nothing"),
    );
    server.edit("users", |users| users.push(user(5, 1)));
    installation
        .sync()
        .assert_ok("a new user, and a bundle that fails");
    assert_eq!(since(&installation), 1, "what the bundle does not have yet");
    // What is not configured any more is forgotten.
    fs::remove_file(installation.path("config/exports/own.toml")).expect("removed");
    installation.sync().assert_ok("without a bundle");
    let kept = "SELECT (SELECT count(*) FROM rollbook_bundles) + (SELECT count(*) FROM rollbook_bundle_rows)";
    assert_eq!(one::<u64>(&installation.mirror(), kept), 0);
}
