//! Erasing a person by the real program: no byte of them in any file of the installation, and none after further runs, a
//! restore of an old backup, and a rebuild from nothing. Others keep what they have.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::installation::{Config, Finished, Installation, NO_TICK};
use crate::people::{key, roster, user};
use crate::privacy::{files, is_in};
use crate::queries;
use crate::rename::rename_in_files;
use crate::server::{Paging, Server};
use crate::service::Service;

/// In every value of the pupil.
const CANARY: &str = "zq77canary";

const PUPIL: &str = "zq77canary-pupil";

const PEOPLE: &str = r#"
[match.pupils]
left  = { stream = "own.users" }
right = { stream = "own.enrollments" }

[[match.pupils.rule]]
name = "id"
same = [{ left = "sourced_id", right = "user_id" }]
"#;

/// A pupil with a canary in every member; the name is that of user 5 as well.
fn pupil(version: u32) -> Value {
    let mut row = user(5, version);
    let text = |name: &str| json!(format!("{CANARY}-{name}"));
    row["sourcedId"] = json!(PUPIL);
    for member in [
        "username",
        "middleName",
        "identifier",
        "phone",
        "sms",
        "role",
    ] {
        row[member] = text(member);
    }
    row["email"] = json!(format!("{CANARY}@school.example"));
    row["grades"] = json!([text("grade")]);
    row["orgs"] = json!([{ "sourcedId": text("org"), "type": "org" }]);
    row["agents"] = json!([{ "sourcedId": text("agent"), "type": "user" }]);
    row["userIds"] = json!([{ "type": text("type"), "identifier": text("id") }]);
    row
}

fn enrollment(role: &str) -> Value {
    json!({
        "sourcedId": format!("{CANARY}-enrolment"), "status": "active", "dateLastModified": "2026-03-01T01:00:00.000Z",
        "role": role, "user": { "sourcedId": PUPIL, "type": "user" },
        "class": { "sourcedId": format!("{CANARY}-class"), "type": "class" },
        "school": { "sourcedId": "school-1", "type": "org" }, "primary": "false",
    })
}

/// The mother: her list of children names the pupil and a sibling.
fn parent() -> Value {
    let mut row = user(901, 1);
    row["agents"] =
        json!([{ "sourcedId": PUPIL, "type": "user" }, { "sourcedId": key(5), "type": "user" }]);
    row
}

struct School {
    server: Server,
    installation: Installation,
}

impl School {
    fn new() -> Self {
        let server = Server::start(Paging::TotalInHeader, roster(60));
        let installation = Installation::new(
            &server,
            &Config {
                streams: &["users", "enrollments"],
                page: 20,
                job: "[guard]\nper = \"sourced_id\"\ngroup_min = 1\n",
                ..Config::default()
            },
        );
        installation.write("config/crosswalks/people.toml", PEOPLE);
        server.edit("users", |rows| rows.extend([pupil(1), parent()]));
        server.edit("enrollments", |rows| rows.push(enrollment("student")));
        let school = Self {
            server,
            installation,
        };
        school.sync();
        school
    }

    fn sync(&self) -> Finished {
        self.installation.sync().assert_ok("a run")
    }

    /// Another version of the pupil and the enrolment, a removal that is unconfirmed, a run that is held, two backups.
    fn with_a_past(self) -> Self {
        let server = &self.server;
        server.edit("users", |rows| *find(rows, PUPIL) = pupil(2));
        server.edit("enrollments", |rows| {
            *find(rows, &format!("{CANARY}-enrolment")) = enrollment(&format!("{CANARY}-role"));
        });
        self.sync();
        self.backup(&[]);
        self.backup(&[
            "--to",
            self.installation
                .path("elsewhere")
                .to_str()
                .expect("a path"),
        ]);
        let without = |rows: &mut Vec<Value>| rows.retain(|row| row["sourcedId"] != PUPIL);
        server.edit("users", without);
        self.installation.sync().held(PUPIL);
        server.edit("users", |rows| rows.push(pupil(2)));
        self
    }

    fn backup(&self, options: &[&str]) -> PathBuf {
        let made = self
            .installation
            .run(&[&["backup", "--json"], options].concat());
        let json: Value = serde_json::from_str(&made.out).unwrap_or_else(|_| panic!("{made:?}"));
        json["mirror"].as_str().expect("a path").into()
    }

    fn erase(&self) -> Finished {
        let ran = self
            .installation
            .run(&["erase", "own_users", PUPIL, "--yes"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran
    }

    fn hits(&self) -> Vec<String> {
        let state = files(&self.installation.path("state"));
        let elsewhere = self.installation.path("elsewhere");
        let elsewhere = if elsewhere.exists() {
            files(&elsewhere)
        } else {
            Vec::new()
        };
        let all = state.into_iter().chain(elsewhere);
        all.filter(|(_, bytes)| is_in(CANARY, bytes))
            .map(|(name, _)| name)
            .collect()
    }

    fn assert_clean(&self, when: &str) {
        assert_eq!(self.hits(), Vec::<String>::new(), "{when}");
    }

    /// All rows of others but the mother's list of children, by stream.
    fn others(&self) -> Vec<String> {
        let mirror = self.installation.mirror();
        let sql = format!(
            "SELECT sourced_id || family_name || given_name || _since || _run FROM own_users WHERE sourced_id <> '{PUPIL}' \
             UNION ALL SELECT sourced_id || user_id || _since || _run FROM own_enrollments WHERE user_id <> '{PUPIL}'"
        );
        queries::list(&mirror, &sql)
    }
}

fn find<'a>(rows: &'a mut [Value], id: &str) -> &'a mut Value {
    let mut rows = rows.iter_mut();
    rows.find(|row| row["sourcedId"] == id).expect("a row")
}

#[test]
fn no_byte_of_an_erased_pupil_is_left_or_returns() {
    let school = School::new().with_a_past();
    let (installation, mirror) = (&school.installation, school.installation.mirror());
    let hits = school.hits();
    assert!(hits.len() >= 3, "the test sees the pupil: {hits:?}");
    let old = school.backup(&[]);
    let kept = installation.path("old.db");
    fs::copy(&old, &kept).expect("copied");
    let before = school.others();

    let preview = installation.run(&["erase", "own_users", PUPIL, "--dry-run", "--json"]);
    let found: Value = serde_json::from_str(&preview.out).unwrap_or_else(|_| panic!("{preview:?}"));
    let place = |name: &str| {
        let places = found["would_erase"]["mirror"].as_array().expect("places");
        places.iter().find(|one| one["place"] == name).cloned()
    };
    for (name, erased, cut) in [
        ("own_users", 1, 1),
        ("own_users_history", 1, 0),
        ("own_enrollments", 1, 0),
        ("own_enrollments_history", 1, 0),
        ("rollbook_matches", 1, 0),
        ("rollbook_held_rows", 1, 0),
    ] {
        let found = place(name).unwrap_or_else(|| panic!("no {name}: {preview:?}"));
        assert_eq!(
            (&found["erased"], &found["cut"]),
            (&json!(erased), &json!(cut)),
            "{name}"
        );
    }
    let copies = found["would_erase"]["copies"].as_array().expect("copies");
    assert!(copies.len() >= 2, "in both folders: {preview:?}");
    assert!(
        copies.iter().all(|copy| copy["rows"].as_u64() > Some(4)),
        "{preview:?}"
    );
    assert!(!school.hits().is_empty(), "a dry run erases nothing");

    let ran = school.erase();
    assert!(!ran.out.contains(CANARY), "{ran:?}");
    school.assert_clean("after the erasure");
    assert_eq!(school.others(), before, "rows of others");
    let agents = format!(
        "SELECT agents FROM own_users WHERE sourced_id = '{}'",
        key(901)
    );
    assert_eq!(
        queries::list::<String>(&mirror, &agents),
        [format!("[\"{}\"]", key(5))]
    );
    let verified = installation.run(&["verify", "--all"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");

    for run in 0..10 {
        let ran = school.sync();
        assert_eq!(ran.number("users", "suppressed"), 1, "run {run}");
        assert_eq!(ran.number("enrollments", "suppressed"), 1, "run {run}");
        assert_eq!(
            ran.number("users", "rows_read"),
            62,
            "all rows count as read"
        );
        let changes = ["new", "changed", "removed", "unconfirmed", "rejected"];
        let changes = changes.map(|name| ran.number("users", name));
        assert_eq!(changes, [0; 5], "run {run}");
    }
    school.assert_clean("after ten runs");
    let new = school.backup(&[
        "--to",
        installation.path("elsewhere").to_str().expect("a path"),
    ]);

    let restored = installation.run(&["restore", kept.to_str().expect("a path")]);
    assert_eq!(restored.code, Some(0), "{restored:?}");
    school.assert_clean("after a restore of an old backup");
    school.sync();
    school.assert_clean("after a restore and a run");

    remove_mirrors(&installation.path("state"), "mirror");
    school.sync();
    school.assert_clean("after a rebuild with the vault");

    for name in ["mirror", "vault", "backups"] {
        remove_mirrors(&installation.path("state"), name);
    }
    let restored = installation.run(&["restore", new.to_str().expect("a path")]);
    assert_eq!(restored.code, Some(0), "{restored:?}");
    let ran = school.sync();
    assert_eq!(ran.number("users", "suppressed"), 1, "{ran:?}");
    school.assert_clean("on another machine, of a backup without the vault");

    let listed = installation.run(&["erase", "--list", "--json"]);
    let listed: Value = serde_json::from_str(&listed.out).expect("JSON");
    assert_eq!(listed[0]["state"], "done", "{listed}");
    let id = listed[0]["id"].as_str().expect("an id");
    let undone = installation.run(&["erase", "--undo", id]);
    assert_eq!(undone.code, Some(0), "{undone:?}");
    let ran = installation.run(&["sync", "--full", "--json"]);
    assert_eq!(ran.number("users", "new"), 1, "{ran:?}");
    assert_eq!(ran.number("enrollments", "new"), 1, "{ran:?}");
}

/// Every string of a value.
fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().flat_map(strings).collect(),
        Value::Object(members) => members.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn everything_of_a_pupil_is_shown_and_an_export_goes_with_an_erasure() {
    let school = School::new().with_a_past();
    let installation = &school.installation;
    let of_pupil = ["person", "show", "own_users", PUPIL, "--json"];
    let shown = installation.run(&of_pupil);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    let view: Value = serde_json::from_str(&shown.out).expect("JSON");
    let texts = strings(&view);
    for (stream, row) in [
        ("users", pupil(2)),
        ("enrollments", enrollment("student")),
        ("enrollments", enrollment(&format!("{CANARY}-role"))),
    ] {
        for text in strings(&row).iter().filter(|text| text.contains(CANARY)) {
            assert!(
                texts.iter().any(|shown| shown.contains(text)),
                "{stream}: {text}"
            );
        }
    }
    for other in [key(6), key(7)] {
        assert!(!texts.contains(&other.as_str()), "{other} is someone else");
    }
    let tables: Vec<&str> = (view["tables"].as_array().expect("tables").iter())
        .filter_map(|table| table["table"].as_str())
        .collect();
    assert_eq!(tables, ["own_users", "own_enrollments"]);
    let versions = |table: usize| {
        view["tables"][table]["rows"][0]["versions"]
            .as_array()
            .map(Vec::len)
    };
    assert_eq!((versions(0), versions(1)), (Some(2), Some(2)));
    assert_eq!(
        view["references"][0]["key"],
        json!([key(901)]),
        "the mother"
    );
    assert_eq!(view["records"][0]["table"], "rollbook_held_rows");
    assert_eq!(
        view["copies"].as_array().map(Vec::len),
        Some(2),
        "both folders"
    );
    for copy in view["copies"].as_array().expect("copies") {
        assert!(copy["rows"].as_u64() > Some(4), "{copy}");
    }
    let by_match = installation.run(&[
        "person",
        "show",
        "--person",
        &format!("pupils:{PUPIL}"),
        "--json",
    ]);
    let by_match: Value = serde_json::from_str(&by_match.out).expect("JSON");
    assert_eq!(by_match["tables"], view["tables"], "by the match");
    let by_name = installation.run(&[
        "person",
        "show",
        "own_users",
        "--where",
        &format!("phone={CANARY}-phone"),
        "--json",
    ]);
    let by_name: Value = serde_json::from_str(&by_name.out).expect("JSON");
    assert_eq!(by_name["tables"], view["tables"], "by a column");

    let exported = installation.run(&["person", "export", "own_users", PUPIL]);
    assert_eq!(exported.code, Some(0), "{exported:?}");
    assert!(!exported.out.contains(CANARY), "{exported:?}");
    let named = installation.path("kim.txt");
    let to = [
        "person",
        "export",
        "own_users",
        PUPIL,
        "--out",
        named.to_str().expect("a path"),
    ];
    assert_eq!(installation.run(&to).code, Some(0));
    let again = installation.run(&to);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.err.contains("choose another name"), "{again:?}");
    let exports = || files(&installation.path("state/exports"));
    let [(page, bytes)] = &exports()[..] else {
        panic!("one page: {exported:?}");
    };
    assert!(is_in(CANARY, bytes), "{page}");
    let mode = fs::metadata(page).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert!(is_in(CANARY, &fs::read(&named).expect("read")));
    let audited = installation.run(&["audit", "--json"]);
    let audited: Value = serde_json::from_str(&audited.out).expect("JSON");
    let actions: Vec<(&str, &str)> = (audited.as_array().expect("lines").iter())
        .filter_map(|line| Some((line["action"].as_str()?, line["subject"].as_str()?)))
        .filter(|(action, _)| action.ends_with("_person"))
        .collect();
    let (show, export) = (
        ("show_person", "a person of own_users, own_enrollments"),
        ("export_person", "a person of own_users, own_enrollments"),
    );
    assert_eq!(actions.len(), 6);
    assert_eq!(actions[0], export);
    assert_eq!(actions[5], show);

    let ran = school.erase();
    assert!(
        ran.out
            .contains("Removed 1 file of `rollbook person export`"),
        "{ran:?}"
    );
    assert_eq!(exports(), []);
    school.assert_clean("after the erasure");
    let gone = installation.run(&of_pupil);
    assert_eq!(gone.code, Some(1), "{gone:?}");
    assert!(
        gone.err.contains("nothing with this key is kept"),
        "{gone:?}"
    );
}

#[test]
fn an_erased_pupil_does_not_return_under_another_name_of_the_source() {
    let school = School::new();
    school.erase();
    let installation = &school.installation;
    rename_in_files(installation, "own", "school");
    let people = PEOPLE.replace("own.", "school.");
    installation.write("config/crosswalks/people.toml", &people);
    let renamed = installation.run(&["rename", "own", "school"]);
    assert_eq!(renamed.code, Some(0), "{renamed:?}");
    for when in ["renamed", "again", "built from nothing"] {
        if when == "built from nothing" {
            remove_mirrors(&installation.path("state"), "mirror");
        }
        let ran = installation.run(&["sync", "--full", "--json"]);
        assert_eq!(ran.number("users", "suppressed"), 1, "{when}");
        assert_eq!(ran.number("enrollments", "suppressed"), 1, "{when}");
        school.assert_clean(when);
    }
}

#[test]
fn an_erased_pupil_does_not_return_as_a_pseudonym() {
    let school = School::new();
    school.erase();
    let installation = &school.installation;
    let job = format!(
        "source = \"own\"\nstreams = [\"users\", \"enrollments\"]\nschedule = \"{NO_TICK}\"\n"
    );
    let masks = "[stream.users]\ndrop = [\"agents\"]\npseudonymise = [\"sourced_id\"]\n\
                 [stream.enrollments]\npseudonymise = [\"user_id\"]\n";
    fs::remove_file(installation.path("config/crosswalks/people.toml")).expect("removed");
    installation.write("jobs/roster.toml", &format!("{job}{masks}"));
    for command in ["check", "sync"] {
        let refused = installation.run(&[command]);
        assert_ne!(refused.code, Some(0), "{refused:?}");
        let said = format!("{}{}", refused.out, refused.err);
        assert!(
            said.contains("own_users.sourced_id cannot be changed"),
            "{said}"
        );
    }
    // A mirror that is built from nothing knows of no one; the vault does.
    remove_mirrors(&installation.path("state"), "mirror");
    for command in ["check", "sync"] {
        let refused = installation.run(&[command]);
        assert_ne!(refused.code, Some(0), "{refused:?}");
        let said = format!("{}{}", refused.out, refused.err);
        let message = "own_users.sourced_id cannot be changed";
        assert_eq!(said.matches(message).count(), 1, "{said}");
    }
    installation.write("jobs/roster.toml", &job);
    let ran = installation.run(&["sync", "--full", "--json"]);
    assert_eq!(ran.number("users", "suppressed"), 1, "{ran:?}");
    school.assert_clean("after the change was taken back");
}

fn remove_mirrors(folder: &Path, prefix: &str) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        match (name.starts_with(prefix), path.is_dir()) {
            (true, true) => fs::remove_dir_all(&path).expect("removed"),
            (true, false) => fs::remove_file(&path).expect("removed"),
            _ => {}
        }
    }
}

/// A command that finds the daemon.
fn beside(service: &Service, arguments: &[&str]) -> Finished {
    let installation = &service.installation;
    let mut command = installation.command(arguments);
    command.env("RUNTIME_DIRECTORY", installation.path("runtime"));
    installation.start(command).end()
}

#[test]
fn a_running_daemon_erases_and_names_who_reads_the_log() {
    let School {
        server,
        installation,
    } = School::new().with_a_past();
    let mut service = Service::start(installation, &[]);
    service.expect("READY=1");
    let installation = &service.installation;
    let reader = queries::open(&installation.mirror());
    let snapshot = reader.unchecked_transaction().expect("begun");
    let rows = "SELECT count(*) FROM own_users";
    snapshot
        .query_row(rows, [], |row| row.get::<_, u64>(0))
        .expect("read");
    let file = installation.path("left.csv");
    fs::write(&file, format!("own.users,{PUPIL}\n")).expect("written");
    let file = file.to_str().expect("a path");
    let ran = beside(
        &service,
        &["erase", "--file", file, "--reason", "retention", "--yes"],
    );
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let own = format!("(pid {}) reads the mirror", std::process::id());
    assert!(ran.err.contains(&own), "{ran:?}");
    assert!(!ran.out.contains("are clean"), "{ran:?}");
    let listed = installation.run(&["erase", "--list"]);
    assert!(listed.out.contains("not finished"), "{listed:?}");
    drop(snapshot);
    drop(reader);
    // The run that follows finishes it.
    let ran = beside(&service, &["sync", "roster"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    service.until("the erasure is finished", || {
        let listed = installation.run(&["erase", "--list"]);
        listed.out.contains("retention") && !listed.out.contains("not finished")
    });
    let school = School {
        server,
        installation: service.stop().0,
    };
    school.assert_clean("by the daemon");
    let again = school
        .installation
        .run(&["erase", "own_users", PUPIL, "--yes"]);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.err.contains("nothing was erased"), "{again:?}");
}

#[test]
fn an_erasure_that_is_killed_is_finished_by_the_next_start() {
    let school = School::new().with_a_past();
    let installation = &school.installation;
    let mut running = installation.start(installation.command(&[
        "erase",
        "--person",
        &format!("pupils:{PUPIL}"),
        "--yes",
    ]));
    let vault = installation.path("state/vault.db");
    let known = || {
        let sql = "SELECT count(*) FROM rollbook_erasures";
        vault.exists() && queries::maybe(&vault, sql).is_some_and(|erasures| erasures > 0)
    };
    while !known() {
        std::thread::yield_now();
    }
    running.kill();
    school.sync();
    school.assert_clean("after a run");
    let listed = installation.run(&["erase", "--list"]);
    assert!(listed.out.contains("  finished"), "{listed:?}");
}

#[test]
fn in_a_script_it_asks_for_yes_and_refuses_what_it_does_not_know() {
    let school = School::new();
    for (arguments, code, expected) in [
        (vec!["own_users", PUPIL], 2, "add --yes"),
        (
            vec!["own_users", "unknown", "--yes"],
            1,
            "nothing was erased",
        ),
        (
            vec!["own_users", PUPIL, "2", "--yes"],
            2,
            "the key of own_users is (sourced_id)",
        ),
        (vec!["own.usrs", PUPIL, "--yes"], 2, "did you mean"),
        (vec!["--person", PUPIL, "--yes"], 2, "SET:KEY"),
        (
            vec!["--person", "pupil:1", "--yes"],
            2,
            "did you mean `pupils`",
        ),
        (
            vec!["--person", "pupils:1", "--yes"],
            1,
            "no match in pupils",
        ),
        (
            vec!["--undo", "00000000"],
            2,
            "there is no erasure 00000000",
        ),
    ] {
        let ran = school
            .installation
            .run(&[&["erase"], &arguments[..]].concat());
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.err.contains(expected), "{expected}: {ran:?}");
    }
    assert!(!school.hits().is_empty());
    let others = school.others();
    school.erase();
    assert_eq!(school.others(), others);
}
