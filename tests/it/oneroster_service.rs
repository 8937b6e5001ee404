//! `rollbook serve oneroster` by the real program: a second installation mirrors it, and both mirrors are equal; what leaves the
//! roster, shrinks it or is erased. `tests/oneroster/` asks for everything else of the contract.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http_process::HttpProcess;
use crate::installation::{Config, Installation, NO_TICK};
use crate::people::{key, roster, user};
use crate::privacy::{files, is_in};
use crate::queries::{change, list, one};
use crate::server::{Paging, Server, WAIT_LIMIT};

const STREAMS: &[&str] = &[
    "academic_sessions",
    "orgs",
    "users",
    "classes",
    "enrollments",
];

const BASE: &str = "/ims/oneroster/v1p1";

/// A school whose roster is served, and what a client of it knows.
struct ServedSchool {
    server: Server,
    installation: Installation,
    secret: String,
}

impl ServedSchool {
    fn new() -> Self {
        let mut lists = roster(60);
        for (path, rows) in &mut lists {
            if *path == "enrollments" {
                // Only teachers are primary (oneroster-csv.md 6).
                for row in rows.iter_mut() {
                    row["primary"] = Value::Null;
                }
            }
            if *path == "users" {
                // References to people who are not listed are dropped (docs/reference/bundles.md).
                for row in rows.iter_mut() {
                    row["agents"] = serde_json::json!([]);
                }
                rows[3]["givenName"] = "Zoë, \"the\" second".into();
                rows[3]["username"] = "zq77canary".into();
                rows[4]["email"] = "".into();
                rows[5]["agents"] = serde_json::json!([{ "sourcedId": key(3), "type": "user" }]);
            }
        }
        let server = Server::start(Paging::TotalInHeader, lists);
        let config = Config {
            streams: STREAMS,
            ..Config::default()
        };
        let installation = Installation::new(&server, &config);
        let shipped =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("config/exports/oneroster_1_1.toml");
        let bundle = fs::read_to_string(shipped).expect("a shipped bundle");
        let bundle: Vec<&str> = bundle
            .lines()
            .map(|line| match line.starts_with("to = ") {
                true => "mode = \"served\"",
                false => line,
            })
            .collect();
        let bundle = bundle.join("\n").replace("webuntis_", "own_");
        installation.write("config/exports/roster.toml", &bundle);
        let client = installation.run(&["serve", "client", "district"]);
        assert_eq!(client.code, Some(0), "{client:?}");
        let line = |start: &str| {
            let mut lines = client.out.lines();
            lines.find(|line| line.starts_with(start)).expect(start)
        };
        installation.write(
            "config/oneroster.toml",
            &format!(
                "bundle = \"roster\"\n[clients.district]\n{}\n{}\n",
                line("secret_sha256"),
                line("scopes")
            ),
        );
        let secret = line("client secret").split_whitespace().last();
        let secret = secret.expect("a secret").to_owned();
        let check = installation.run(&["check"]);
        assert_eq!(check.code, Some(0), "{check:?}");
        Self {
            server,
            installation,
            secret,
        }
    }

    /// Mirrors the vendor and writes the bundle.
    fn follow(&self, options: &[&str]) -> (Option<i32>, String) {
        self.installation.sync();
        let command = [&["export", "roster"], options].concat();
        let ended = self.installation.run(&command);
        (ended.code, ended.out + &ended.err)
    }

    fn serve(&self) -> Service<'_> {
        let http = HttpProcess::start(&self.installation, &["serve", "oneroster"]);
        let form = format!(
            "grant_type=client_credentials&client_id=district&client_secret={}",
            self.secret
        );
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        let (status, reply) = http.request("POST", "/token", kind, &form);
        assert_eq!(status, 200, "{reply}");
        let token = json(&reply)["access_token"]
            .as_str()
            .expect("a token")
            .to_owned();
        Service {
            school: self,
            http,
            token,
        }
    }
}

/// The service while it runs.
struct Service<'a> {
    school: &'a ServedSchool,
    http: HttpProcess,
    token: String,
}

fn json(reply: &str) -> Value {
    let body = reply.split("\r\n\r\n").nth(1).unwrap_or_default();
    serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {reply}"))
}

impl Service<'_> {
    fn get(&self, path: &str) -> (u16, String) {
        let token = format!("Authorization: Bearer {}\r\n", self.token);
        self.http
            .request("GET", &format!("{BASE}{path}"), &token, "")
    }

    /// The rows of a list.
    fn rows(&self, path: &str) -> Vec<Value> {
        let (status, reply) = self.get(path);
        assert_eq!(status, 200, "{path}: {reply}");
        let body = json(&reply);
        let mut lists = body.as_object().expect("an object").values();
        lists
            .next()
            .and_then(Value::as_array)
            .expect("a list")
            .clone()
    }

    /// Waits until a list is as expected: the service looks once a second.
    fn until(&self, path: &str, what: &str, is_so: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let started = Instant::now();
        loop {
            let rows = self.rows(path);
            if is_so(&rows) {
                return rows;
            }
            assert!(started.elapsed() < WAIT_LIMIT, "{what}: {rows:?}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// An installation that mirrors the service as any OneRoster server.
    fn mirrored(&self) -> Installation {
        let installation = Installation::empty();
        let origin = format!("http://{}", self.http.address);
        installation.write(
            "config/rollbook.toml",
            &format!(
                "[sources.own]\nconnector = \"oneroster\"\n[sources.own.settings]\nbase_url = \"{origin}{BASE}\"\n\
                 token_url = \"{origin}/token\"\n[sources.own.auth]\ngrant = \"client_credentials\"\n\
                 client_id = \"district\"\nclient_secret = {{ file = \"secret\" }}\n\
                 [sources.own.limits]\nper_second = 1000\n"
            ),
        );
        let streams = format!("{:?}", [STREAMS, &["courses"]].concat());
        installation.write(
            "jobs/roster.toml",
            &format!("source = \"own\"\nstreams = {streams}\nschedule = \"{NO_TICK}\"\n"),
        );
        installation.secret("secret", &self.school.secret);
        installation.sync().assert_ok("from the service");
        installation
    }
}

/// The rows of a table without what the service has in another way: the time of a change is its own, a class has a course, and
/// the preset `core` lacks the last four. It sends no empty lists.
fn table(installation: &Installation, stream: &str) -> Vec<String> {
    let left_out = "'date_last_modified', 'course_id', 'metadata', 'user_ids', 'phone', 'sms'";
    let columns: Vec<String> = list(
        &installation.mirror(),
        &format!(
            "SELECT name FROM pragma_table_info('own_{stream}') WHERE name NOT GLOB '_*' AND name NOT IN ({left_out}) ORDER BY name"
        ),
    );
    let columns: Vec<String> = columns
        .iter()
        .map(|name| format!("'{name}', nullif(\"{name}\", '[]')"))
        .collect();
    list(
        &installation.mirror(),
        &format!(
            "SELECT json_object({}) FROM own_{stream} ORDER BY sourced_id",
            columns.join(", ")
        ),
    )
}

fn assert_equal(one: &Installation, other: &Installation, stream: &str) {
    let (one, other) = (table(one, stream), table(other, stream));
    assert!(one.len() > 2 || stream == "academic_sessions", "{stream}");
    let missing: Vec<_> = one.iter().filter(|row| !other.contains(row)).collect();
    let more: Vec<_> = other.iter().filter(|row| !one.contains(row)).collect();
    assert_eq!((missing, more), (Vec::new(), Vec::new()), "{stream}");
}

#[test]
fn a_mirror_of_the_service_is_equal_to_the_mirror_that_it_serves() {
    let school = ServedSchool::new();
    let service = school.serve();
    let (status, reply) = service.get("/users");
    assert_eq!(status, 503, "nothing was written yet: {reply}");
    let (code, text) = school.follow(&[]);
    assert_eq!(code, Some(0), "{text}");
    let started = Instant::now();
    while service.get("/users").0 == 503 {
        assert!(started.elapsed() < WAIT_LIMIT, "it looks again");
        thread::sleep(Duration::from_millis(100));
    }
    let second = service.mirrored();
    for stream in STREAMS {
        assert_equal(&school.installation, &second, stream);
    }
    let courses: u64 = one(&second.mirror(), "SELECT count(*) FROM own_courses");
    let taught: u64 = one(
        &second.mirror(),
        "SELECT count(*) FROM own_classes JOIN own_courses AS course ON course.sourced_id = course_id",
    );
    assert!(
        courses > 0 && taught == 30,
        "each class has a course: {courses}, {taught}"
    );
    // A row that left says so, and nothing else moves.
    school.server.edit("users", |rows| {
        rows.remove(7);
        rows[8] = user(9, 2);
        rows[8]["agents"] = serde_json::json!([]);
    });
    school.server.edit("enrollments", |rows| _ = rows.remove(7));
    let (code, text) = school.follow(&[]);
    assert_eq!(code, Some(0), "{text}");
    let gone = format!("/users/{}", key(7));
    let left = |rows: &[Value]| rows.iter().any(|row| row["status"] == "tobedeleted");
    let rows = service.until("/users?limit=1000", "one left", left);
    assert_eq!(rows.len(), 60, "and is still in its place");
    let since = rows
        .iter()
        .find(|row| row["status"] == "tobedeleted")
        .expect("one");
    assert_eq!(since["sourcedId"], key(7).as_str());
    assert!(since["familyName"].is_string(), "with its last values");
    assert_eq!(service.get(&gone).0, 200);
    let moment = since["dateLastModified"].as_str().expect("a time");
    let changes = service.rows(&format!(
        "/users?filter=dateLastModified%3E%3D%27{moment}%27"
    ));
    let changed: Vec<_> = changes
        .iter()
        .map(|row| row["sourcedId"].as_str())
        .collect();
    assert_eq!(changed, [Some(&*key(7)), Some(&*key(9))]);
    second.sync().assert_ok("again");
    for stream in STREAMS {
        assert_equal(&school.installation, &second, stream);
    }
    service.http.end();
}

#[test]
fn a_shrunk_roster_is_not_served_until_it_is_approved() {
    let school = ServedSchool::new();
    assert_eq!(school.follow(&[]).0, Some(0));
    let service = school.serve();
    let active = |service: &Service<'_>| {
        let rows = service.rows("/users?limit=1000&filter=status%3D%27active%27");
        rows.len()
    };
    assert_eq!(active(&service), 60);
    // The mirror's own guard lets a person approve it; the bundle asks once more.
    for number in 0..30 {
        let sql = format!("DELETE FROM own_users WHERE sourced_id = '{}'", key(number));
        change(&school.installation.mirror(), &sql);
    }
    let held = school.installation.run(&["export", "roster"]);
    assert_eq!(held.code, Some(1), "{held:?}");
    assert!(
        held.out.contains("users.csv would lose 30 of 60 rows"),
        "{held:?}"
    );
    assert_eq!(active(&service), 60);
    let approved = school.installation.run(&["export", "roster", "--approve"]);
    assert_eq!(approved.code, Some(0), "{approved:?}");
    service.until(
        "/users?limit=1000&filter=status%3D%27active%27",
        "half are left",
        |rows| rows.len() == 30,
    );
    assert_eq!(service.rows("/users?limit=1000").len(), 60);
    service.http.end();
}

#[test]
fn who_was_erased_leaves_an_id_that_says_so() {
    let school = ServedSchool::new();
    assert_eq!(school.follow(&[]).0, Some(0));
    let service = school.serve();
    let path = format!("/users/{}", key(3));
    assert!(service.get(&path).1.contains("Zoë"));
    assert_eq!(school.installation.run(&["backup"]).code, Some(0));
    let erased = school
        .installation
        .run(&["erase", "own_users", &key(3), "--yes"]);
    assert_eq!(erased.code, Some(0), "{erased:?}");
    let started = Instant::now();
    let body = loop {
        let (_, reply) = service.get(&path);
        if !reply.contains("Zoë") {
            break json(&reply);
        }
        assert!(started.elapsed() < WAIT_LIMIT, "{reply}");
        thread::sleep(Duration::from_millis(100));
    };
    let members: Vec<&str> = body["user"]
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(members, ["dateLastModified", "sourcedId", "status"]);
    assert_eq!(body["user"]["status"], "tobedeleted");
    let kept: u64 = one(
        &school.installation.mirror(),
        "SELECT count(*) FROM rollbook_served_rows WHERE row LIKE '%Zoë%'",
    );
    assert_eq!(kept, 0);
    service.http.end();
    let folder = school.installation.mirror();
    for (name, bytes) in files(folder.parent().expect("a folder")) {
        assert!(!is_in("zq77canary", &bytes), "{name}");
    }
}

#[test]
fn a_service_that_cannot_be_is_refused_with_what_to_do() {
    let school = ServedSchool::new();
    let config =
        fs::read_to_string(school.installation.path("config/oneroster.toml")).expect("read");
    for (wrong, expected) in [
        (
            config.replace("\"roster\"", "\"rooster\""),
            "there is no bundle `rooster`",
        ),
        (
            config.replace("secret_sha256 = \"", "secret_sha256 = \"0"),
            "`rollbook serve client NAME` makes a secret",
        ),
        (
            config.replace("\"roster.readonly\"", "\"gradebook.readonly\""),
            "no scope of OneRoster",
        ),
        (
            format!("listen = \"0.0.0.0:8182\"\n{config}"),
            "`[tls]` is missing",
        ),
        (
            "bundle = \"roster\"\n[clients]\n".to_owned(),
            "no program may read",
        ),
    ] {
        school.installation.write("config/oneroster.toml", &wrong);
        for command in [&["check"][..], &["serve", "oneroster"]] {
            let ended = school.installation.run(command);
            assert_eq!(ended.code, Some(78), "{expected}: {ended:?}");
            let text = ended.out + &ended.err;
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }
    school.installation.write("config/oneroster.toml", &config);
    let bundle =
        fs::read_to_string(school.installation.path("config/exports/roster.toml")).expect("read");
    let files = bundle.replace("mode = \"served\"", "to = \"bundles/roster\"");
    school
        .installation
        .write("config/exports/roster.toml", &files);
    let check = school.installation.run(&["check"]);
    assert!(
        check.err.contains("is written to files") || check.out.contains("is written to files"),
        "{check:?}"
    );
    // Columns are known once there are tables.
    school.installation.sync();
    for (edited, expected) in [
        (
            bundle.replace("mode = \"served\"", "mode = \"served\"\nto = \"x\""),
            "has no files, so `to` is not used",
        ),
        (
            bundle
                .replacen("  title,", "  title AS heading,", 1)
                .replacen(
                    "trim(title, :blanks) <> '' AND title NOT",
                    "trim(heading, :blanks) <> '' AND heading NOT",
                    1,
                ),
            "academicSessions.csv has no column `title`",
        ),
        (
            bundle.replacen("key = [\"sourcedId\"]", "key = [\"name\"]", 1),
            "the key of orgs.csv in the bundle roster is not `sourcedId`",
        ),
        (
            format!(
                "{bundle}\n[[file]]\nname = \"orgs.tsv\"\nkey = [\"sourcedId\"]\nsql = \"SELECT 1 AS sourcedId\"\n"
            ),
            "the bundle roster has two files of orgs",
        ),
    ] {
        assert_ne!(edited, bundle, "{expected}");
        school
            .installation
            .write("config/exports/roster.toml", &edited);
        let check = school.installation.run(&["check"]);
        let text = check.out + &check.err;
        assert!(text.contains(expected), "{expected}: {text}");
    }
}
