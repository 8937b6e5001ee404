//! Sources that leave a published database, by a rename and by a person; and what the status, `check` and the register say of
//! databases. The rows are read by `psql`.

use std::fs;

use rusqlite::Connection;
use serde_json::Value;

use crate::alerts::{next, webhook};
use crate::database::{Database, Server as Postgres};
use crate::installation::{Config, Installation};
use crate::people::roster;
use crate::rename::rename_in_files;
use crate::server::{Paging, Server};
use crate::service::Service;
use crate::terminal::Session;

const STREAMS: &[&str] = &["orgs", "users"];

/// A school that publishes to a database of its own.
struct School {
    server: Server,
    database: Database,
    installation: Installation,
}

impl School {
    /// `None` where PostgreSQL is not installed.
    fn new() -> Option<Self> {
        let database = Postgres::get()?.database();
        Some(Self::with(database, ""))
    }

    fn with(database: Database, more: &str) -> Self {
        let server = Server::start(Paging::TotalInHeader, roster(30));
        let plan = Config {
            streams: STREAMS,
            ..Config::default()
        };
        let installation = Installation::new(&server, &plan);
        add(
            &installation,
            &format!("[publish.district]\nurl = {{ file = \"url\" }}\n{more}"),
        );
        installation.secret("url", &database.url);
        installation.sync().assert_ok("the first time");
        Self {
            server,
            database,
            installation,
        }
    }

    /// The sources with rows in each table of users, and in our own.
    fn sources(&self) -> [Vec<String>; 4] {
        [
            "own_users",
            "own_users_history",
            "rollbook_sources",
            "rollbook_columns",
        ]
        .map(|table| {
            let sql = format!("SELECT DISTINCT source FROM rollbook.{table} ORDER BY 1");
            self.database.query(&sql).into_iter().flatten().collect()
        })
    }

    fn count(&self, sql: &str) -> String {
        self.database.query(sql)[0][0].clone()
    }

    /// Takes the source's tables out of what is published.
    fn move_out(&self) {
        let path = self.installation.path("config/rollbook.toml");
        let text = fs::read_to_string(path).expect("read");
        let changed = text.replace(
            "[publish.district]\n",
            "[publish.district]\ntables = [\"own_orgs\"]\n",
        );
        assert_ne!(changed, text);
        self.installation.write("config/rollbook.toml", &changed);
    }
}

/// Adds lines to `rollbook.toml`.
fn add(installation: &Installation, lines: &str) {
    let text = fs::read_to_string(installation.path("config/rollbook.toml")).expect("read");
    installation.write("config/rollbook.toml", &format!("{text}{lines}"));
}

/// Removes the job, so that nothing of the source is published.
fn without_job(installation: &Installation) {
    fs::remove_file(installation.path("jobs/roster.toml")).expect("removed");
}

fn tables(database: &Database) -> Vec<String> {
    let sql = "SELECT tablename FROM pg_tables WHERE schemaname = 'rollbook' ORDER BY 1";
    database.query(sql).into_iter().flatten().collect()
}

#[test]
fn a_renamed_source_leaves_nothing_of_its_old_name() {
    let Some(school) = School::new() else { return };
    school
        .server
        .edit("users", |users| users[3]["givenName"] = "Other".into());
    school.installation.sync().assert_ok("a change");
    assert_eq!(
        school.sources(),
        [["own"]; 4].map(|one| one.map(str::to_owned).to_vec())
    );
    let all = school.count("SELECT count(*) FROM rollbook.own_users");
    rename_in_files(&school.installation, "own", "school");
    let renamed = school.installation.run(&["rename", "own", "school"]);
    assert_eq!(renamed.code, Some(0), "{renamed:?}");
    let waits = school.installation.run(&["publish", "status"]);
    assert!(waits.out.contains("to be removed"), "{waits:?}");
    school.installation.sync().assert_ok("under the new name");
    assert_eq!(
        school.sources(),
        [["school"]; 4].map(|one| one.map(str::to_owned).to_vec())
    );
    assert_eq!(school.count("SELECT count(*) FROM rollbook.own_users"), all);
    let verified = school.installation.run(&["publish", "verify", "district"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let status = school.installation.run(&["publish", "status", "--json"]);
    let status: Value = serde_json::from_str(&status.out).expect("JSON");
    assert_eq!(status.as_array().map(Vec::len), Some(1), "{status}");
    assert_eq!(status[0]["source"], "school");
}

/// What could not be removed is removed later; the new name does not wait for it, nor it for the new name.
#[test]
fn a_removal_waits_for_a_database_that_is_away() {
    let Some(mut postgres) = Postgres::own() else {
        return;
    };
    let school = School::with(postgres.database(), "");
    rename_in_files(&school.installation, "own", "school");
    let renamed = school.installation.run(&["rename", "own", "school"]);
    assert_eq!(renamed.code, Some(0), "{renamed:?}");
    postgres.stop();
    school.installation.sync().assert_ok("without the database");
    let status = school.installation.run(&["publish", "status", "--json"]);
    let status: Value = serde_json::from_str(&status.out).expect("JSON");
    assert_eq!(
        (&status[0]["source"], &status[0]["removal"]),
        (&"own".into(), &true.into())
    );
    assert!(status[0]["due"].is_string(), "{status}");
    assert!(
        status[0]["message"]
            .as_str()
            .expect("why")
            .starts_with("no connection")
    );
    postgres.start();
    school.installation.sync().assert_ok("with the database");
    let expected = [["school"]; 4].map(|one| one.map(str::to_owned).to_vec());
    // No version has ended.
    let found = school.sources();
    assert_eq!((&found[0], &found[2..]), (&expected[0], &expected[2..]));
}

#[test]
fn a_name_that_another_mirror_has_taken_is_left_to_it_and_can_be_forgotten() {
    let Some(school) = School::new() else { return };
    rename_in_files(&school.installation, "own", "school");
    let renamed = school.installation.run(&["rename", "own", "school"]);
    assert_eq!(renamed.code, Some(0), "{renamed:?}");
    school
        .database
        .execute("UPDATE rollbook.rollbook_sources SET claim = 'another', host = 'their-host'");
    school.installation.sync().assert_ok("under the new name");
    let sources = [["own", "school"]; 4].map(|one| one.map(str::to_owned).to_vec());
    let found = school.sources();
    assert_eq!((&found[0], &found[2]), (&sources[0], &sources[2]));
    let status = || school.installation.run(&["publish", "status", "--json"]);
    let shown: Value = serde_json::from_str(&status().out).expect("JSON");
    let why = shown[0]["message"].as_str().expect("why");
    assert!(
        why.contains("that of their-host")
            && why.contains("`rollbook publish forget district own`"),
        "{shown}"
    );
    let forget = ["publish", "forget", "district", "own", "--yes"];
    let forgotten = school.installation.run(&forget);
    assert_eq!(forgotten.code, Some(0), "{forgotten:?}");
    assert!(!status().out.contains("\"own\""), "{:?}", status());
    let again = school.installation.run(&forget);
    assert!(
        again.err.contains("nothing of a source own is published"),
        "{again:?}"
    );
    assert_eq!(school.sources()[0], ["own", "school"]);
}

/// The removal of a name that the configuration has again is not worked off.
#[test]
fn a_source_that_is_renamed_there_and_back_stays() {
    let Some(mut postgres) = Postgres::own() else {
        return;
    };
    let school = School::with(postgres.database(), "");
    postgres.stop();
    for (old, new) in [("own", "school"), ("school", "own")] {
        rename_in_files(&school.installation, old, new);
        let renamed = school.installation.run(&["rename", old, new]);
        assert_eq!(renamed.code, Some(0), "{renamed:?}");
    }
    postgres.start();
    school.installation.sync().assert_ok("under its first name");
    assert_eq!(school.sources()[2], ["own"]);
    let verified = school.installation.run(&["publish", "verify", "district"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let status = school.installation.run(&["publish", "status", "--json"]);
    assert!(
        status.out.contains("\"removal\":false") || status.out.contains("\"removal\": false"),
        "{status:?}"
    );
}

/// What an interrupted removal has taken is back when the configuration publishes the source again.
#[test]
fn a_removal_that_is_withdrawn_half_way_loses_nothing() {
    let Some(school) = School::new() else { return };
    // As if the service had stopped after the first table: the revision is the same.
    let connection = Connection::open(school.installation.mirror()).expect("a mirror");
    let requested = "UPDATE rollbook_published SET removal = 1";
    assert_eq!(connection.execute(requested, []).expect("changed"), 1);
    drop(connection);
    school.database.execute(
        "DELETE FROM rollbook.own_users; DELETE FROM rollbook.rollbook_columns WHERE \"table\" = 'own_users'",
    );
    school.installation.sync().assert_ok("still configured");
    let verified = school.installation.run(&["publish", "verify", "district"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    // After a whole one, another schema is as good as the first.
    let job = fs::read_to_string(school.installation.path("jobs/roster.toml")).expect("read");
    without_job(&school.installation);
    let remove = ["publish", "remove", "district", "own", "--yes"];
    let removed = school.installation.run(&remove);
    assert_eq!(removed.code, Some(0), "{removed:?}");
    school.installation.write("jobs/roster.toml", &job);
    let text = fs::read_to_string(school.installation.path("config/rollbook.toml")).expect("read");
    let other = text.replace(
        "[publish.district]\n",
        "[publish.district]\nschema = \"other\"\n",
    );
    school.installation.write("config/rollbook.toml", &other);
    school.installation.sync().assert_ok("in another schema");
    let verified = school.installation.run(&["publish", "verify", "district"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
}

/// A restored database has the source again, with people who may have been erased since.
#[test]
fn a_removed_source_does_not_come_back_with_a_restored_database() {
    let Some(mut postgres) = Postgres::own() else {
        return;
    };
    let school = School::with(postgres.database(), "");
    postgres.backup();
    without_job(&school.installation);
    let remove = ["publish", "remove", "district", "own", "--yes"];
    let removed = school.installation.run(&remove);
    assert_eq!(removed.code, Some(0), "{removed:?}");
    assert!(tables(&school.database).len() == 3, "only our own");
    postgres.restore();
    assert_eq!(school.sources()[0], ["own"]);
    // It is looked for each hour.
    let connection = Connection::open(school.installation.mirror()).expect("a mirror");
    let an_hour_ago = "UPDATE rollbook_published SET checked = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-61 minutes')";
    assert_eq!(connection.execute(an_hour_ago, []).expect("changed"), 1);
    drop(connection);
    let service = Service::start(school.installation, &[]);
    let is_gone = || tables(&school.database).len() == 3;
    service.until("it is gone again", is_gone);
    drop(service);
}

#[test]
fn what_is_published_to_a_database_that_is_gone_can_be_forgotten() {
    let Some(school) = School::new() else { return };
    let text = fs::read_to_string(school.installation.path("config/rollbook.toml")).expect("read");
    let (without, with) = text.split_once("[publish.district]").expect("there");
    school.installation.write("config/rollbook.toml", without);
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for command in [&["status"][..], &["publish", "status"]] {
        let status = school.installation.run(command);
        assert!(
            flat(&status.out)
                .contains("own in district: rollbook.toml has no [publish.district] any more"),
            "{status:?}"
        );
    }
    let person = ["erase", "own_users", &crate::people::key(3), "--yes"];
    let erased = school.installation.run(&person);
    assert_eq!(erased.code, Some(1), "{erased:?}");
    assert!(
        flat(&erased.err).contains("`rollbook publish forget district own`"),
        "{erased:?}"
    );
    let forget = ["publish", "forget", "district", "--yes"];
    let forgotten = school.installation.run(&forget);
    assert_eq!(forgotten.code, Some(0), "{forgotten:?}");
    let list = school.installation.run(&["erase", "--list"]);
    assert!(!list.out.contains("not finished"), "{list:?}");
    let audit = school.installation.run(&["audit"]);
    assert!(audit.out.contains("forget_published"), "{audit:?}");
    let status = school.installation.run(&["publish", "status"]);
    assert_eq!(status.code, Some(2), "{status:?}");
    // Configured again, the mirror is another one to that database.
    let text = format!("{without}[publish.district]{with}");
    school.installation.write("config/rollbook.toml", &text);
    school.installation.sync().assert_ok("configured again");
    let status = school.installation.run(&["publish", "status", "--json"]);
    assert!(
        status.out.contains("another mirror publishes"),
        "{status:?}"
    );
}

#[test]
fn a_source_is_removed_when_it_is_published_no_longer() {
    let Some(school) = School::new() else { return };
    let remove = ["publish", "remove", "district", "own", "--yes"];
    let early = school.installation.run(&remove);
    assert_eq!(early.code, Some(2), "{early:?}");
    for words in [
        "own is still published to district",
        "remove the jobs that read own",
    ] {
        assert!(early.err.replace('\n', " ").contains(words), "{early:?}");
    }
    school.move_out();
    let partly = school.installation.run(&remove);
    assert!(
        partly.err.contains("remove own_orgs from `tables`"),
        "{partly:?}"
    );
    without_job(&school.installation);
    let status = school.installation.run(&["status"]);
    let flat = status.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.contains("`rollbook publish remove district own` removes them"),
        "{status:?}"
    );
    // A second source of another machine keeps the tables.
    school.database.execute(
        "INSERT INTO rollbook.rollbook_columns SELECT 'theirs', \"table\", \"column\", position, type, meaning, combo, combo_by, key \
         FROM rollbook.rollbook_columns WHERE \"table\" = 'own_users'; \
         INSERT INTO rollbook.rollbook_sources SELECT 'theirs', connector, 'x', 1, 1, 'their-host', true, published \
         FROM rollbook.rollbook_sources",
    );
    // The configuration has no table of it any more, so [publish] names none.
    let text = fs::read_to_string(school.installation.path("config/rollbook.toml")).expect("read");
    school.installation.write(
        "config/rollbook.toml",
        &text.replace("tables = [\"own_orgs\"]\n", ""),
    );
    let unknown = school
        .installation
        .run(&["publish", "remove", "district", "nobody", "--yes"]);
    assert!(
        unknown
            .err
            .contains("nothing of a source nobody is published"),
        "{unknown:?}"
    );
    let theirs = school
        .installation
        .run(&["publish", "remove", "district", "theirs", "--yes"]);
    assert_eq!(theirs.code, Some(1), "{theirs:?}");
    assert!(theirs.err.contains("that of their-host"), "{theirs:?}");
    let unasked = school.installation.run(&remove[..4]);
    assert_eq!(unasked.code, Some(2), "{unasked:?}");
    assert!(unasked.err.contains("`--yes` removes them"), "{unasked:?}");
    assert_eq!(school.sources()[0], ["own"]);

    let mut asked = Session::start(school.installation.command(&remove[..4]));
    asked.dialogue("from district? [y/N]", "n");
    assert_ne!(asked.end().0, Some(0));
    assert_eq!(school.sources()[0], ["own"]);
    let done = school.installation.run(&remove);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.out.starts_with("Removed "), "{done:?}");
    assert_eq!(
        tables(&school.database),
        [
            "own_users",
            "rollbook_columns",
            "rollbook_layout",
            "rollbook_sources"
        ]
    );
    assert_eq!(school.count("SELECT count(*) FROM rollbook.own_users"), "0");
    for table in ["rollbook_sources", "rollbook_columns"] {
        let left = format!("SELECT string_agg(DISTINCT source, ' ') FROM rollbook.{table}");
        assert_eq!(school.count(&left), "theirs");
    }
    let audit = school.installation.run(&["audit"]);
    assert!(audit.out.contains("remove_published"), "{audit:?}");
    let again = school.installation.run(&remove);
    assert!(
        again.err.contains("nothing of a source own is published"),
        "{again:?}"
    );
    let text = fs::read_to_string(school.installation.path("config/rollbook.toml")).expect("read");
    let (without, _) = text.split_once("[publish.district]").expect("there");
    school.installation.write("config/rollbook.toml", without);
    let status = school.installation.run(&["publish", "status"]);
    assert!(
        status.err.contains("rollbook.toml has no [publish.NAME]"),
        "{status:?}"
    );
}

#[test]
fn a_service_removes_a_source() {
    let Some(school) = School::new() else { return };
    let School {
        server: _server,
        database,
        installation,
    } = school;
    without_job(&installation);
    let mut service = Service::start(installation, &[]);
    service.expect("READY=1");
    let mut command = service
        .installation
        .command(&["publish", "remove", "district", "own", "--yes"]);
    command.env("RUNTIME_DIRECTORY", service.installation.path("runtime"));
    let ran = service.installation.start(command).end();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.starts_with("The service removes "), "{ran:?}");
    service.until("everything is removed", || {
        database
            .query("SELECT source FROM rollbook.rollbook_sources")
            .is_empty()
    });
    assert_eq!(
        tables(&database),
        ["rollbook_columns", "rollbook_layout", "rollbook_sources"]
    );
    service.stop();
}

/// A claim is reported at once, whatever `late_after` says.
#[test]
fn an_alert_names_a_source_that_another_mirror_publishes() {
    let Some(school) = School::new() else { return };
    let School {
        server,
        database,
        installation,
    } = school;
    let (address, alerts) = webhook(0);
    add(
        &installation,
        "[alerts.webhook]\nurl = { file = \"hook\" }\n",
    );
    installation.secret("hook", &address);
    let mut service = Service::start(installation, &[]);
    service.expect("READY=1");
    let send = |service: &Service, arguments: &[&str]| {
        let mut command = service.installation.command(arguments);
        command.env("RUNTIME_DIRECTORY", service.installation.path("runtime"));
        let ran = service.installation.start(command).end();
        assert_eq!(ran.code, Some(0), "{ran:?}");
    };
    database.execute("UPDATE rollbook.rollbook_sources SET claim = 'another', host = 'their-host'");
    server.edit("users", |users| users[3]["givenName"] = "Other".into());
    send(&service, &["sync", "roster"]);
    let (kind, text) = next(&alerts);
    assert_eq!(kind, "failing");
    assert!(
        text.starts_with("own could not be published to district since "),
        "{text}"
    );
    assert!(text.contains("that of their-host"), "{text}");
    let status = service.until_status("the status file has it", |status| {
        status["outputs"]["published"][0]["state"] == "failed"
    });
    let own = &status["outputs"]["published"][0];
    assert_eq!(
        (&own["lag_runs"], &own["attempts"]),
        (&1.into(), &1.into()),
        "{own}"
    );
    send(&service, &["publish", "rebuild", "district", "own"]);
    let (kind, text) = next(&alerts);
    assert_eq!(
        (kind.as_str(), text.as_str()),
        ("recovered", "everything is published to district again")
    );
    service.stop();
}

#[test]
fn the_status_says_why_a_source_is_not_published() {
    let Some(school) = School::new() else { return };
    let School {
        server,
        database,
        installation,
    } = school;
    let fine = installation.run(&["status"]);
    assert!(!fine.out.contains("publish district"), "{fine:?}");
    database.execute("UPDATE rollbook.rollbook_sources SET claim = 'another', host = 'their-host'");
    server.edit("users", |users| users[3]["givenName"] = "Other".into());
    let ran = installation.sync().assert_ok("a run does not fail by it");
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let why = "another mirror publishes this source: that of their-host";
    assert!(
        flat(&ran.err).contains(&format!("could not publish own to district: {why}")),
        "{ran:?}"
    );
    let status = installation.run(&["status"]);
    assert!(
        flat(&status.out).contains("1 of 1 source cannot be published: own: another mirror"),
        "{status:?}"
    );
    let report = installation.run(&["report", "--html", "-"]);
    assert!(
        report.out.contains("own cannot be published to district"),
        "{report:?}"
    );
    assert!(report.out.contains(why), "{report:?}");
}

#[test]
fn check_reads_the_address_and_tries_the_database_without_changing_it() {
    let Some(server) = Postgres::get() else {
        return;
    };
    let database = server.database();
    let vendor = Server::start(Paging::TotalInHeader, roster(10));
    let installation = Installation::new(&vendor, &Config::default());
    add(
        &installation,
        "[publish.district]\nurl = { file = \"url\" }\nreader = \"nobody_there\"\n",
    );
    let checked = |url: &str, options: &[&str]| {
        installation.secret("url", url);
        let ran = installation.run(&[&["check"], options].concat());
        let shown = format!("{}{}", ran.out, ran.err);
        assert!(!shown.contains(&database.password), "{shown}");
        (
            ran.code,
            shown.split_whitespace().collect::<Vec<_>>().join(" "),
        )
    };
    let (code, shown) = checked(
        &format!("postgres://u:{}@db.example", database.password),
        &[],
    );
    assert_eq!(code, Some(78), "{shown}");
    for words in [
        "rollbook.toml:",
        "the address in `url` cannot be used: it names no database",
    ] {
        assert!(shown.contains(words), "{shown}");
    }
    let (code, shown) = checked(&database.url, &[]);
    assert_eq!(code, Some(0), "{shown}");
    let (code, shown) = checked(&database.url, &["--online"]);
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("there is no role nobody_there"), "{shown}");
    let text = fs::read_to_string(installation.path("config/rollbook.toml")).expect("read");
    installation.write(
        "config/rollbook.toml",
        &text.replace("reader = \"nobody_there\"\n", ""),
    );
    let (code, shown) = checked(&database.url, &["--online"]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(
        shown.contains("publish district: 127.0.0.1 has PostgreSQL 1"),
        "{shown}"
    );
    assert_eq!(tables(&database), [""; 0]);
    assert!(
        database
            .query("SELECT 1 FROM pg_namespace WHERE nspname = 'rollbook'")
            .is_empty()
    );
    // A user without any right.
    let other = server.database();
    let (of_server, _) = database.url.rsplit_once('/').expect("a database");
    let stranger = format!("{of_server}/{}", other.name);
    let (code, shown) = checked(&stranger, &["--online"]);
    assert_eq!(code, Some(1), "{shown}");
    assert!(
        shown.contains("the user may not create the schema rollbook"),
        "{shown}"
    );
    let wrong = database.url.replace("pa55word", "another");
    let (code, shown) = checked(&wrong, &["--online"]);
    assert_eq!(code, Some(1), "{shown}");
    assert!(
        shown.contains("correct user and password in `url`"),
        "{shown}"
    );
}

#[test]
fn the_register_names_the_database_and_not_its_user() {
    let vendor = Server::start(Paging::TotalInHeader, roster(10));
    let installation = Installation::new(&vendor, &Config::default());
    add(
        &installation,
        "[publish.district]\nurl = { file = \"url\" }\nreader = \"reports\"\nleave_out = [\"own_users.email\"]\nhistory = false\n",
    );
    installation.secret("url", "postgres://the-user:the-password@db.example/schools");
    for arguments in [
        &["privacy"][..],
        &["privacy", "--markdown"],
        &["privacy", "--json"],
    ] {
        let ran = installation.run(arguments);
        let shown = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
        for words in [
            "The PostgreSQL database district (schema rollbook on db.example) gets all",
            "without old versions; these columns are left out: own_users.email; the role reports may read them",
            "write-ahead log, replicas and base backups are its operator's",
        ] {
            assert!(shown.contains(words), "{ran:?}");
        }
        assert!(
            !shown.contains("the-user") && !shown.contains("the-password"),
            "{shown}"
        );
    }
}
