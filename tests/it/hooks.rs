//! Hooks by the real program: what programs and addresses are told, what they are not told, and what survives a failure.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::alerts::{next, webhook};
use crate::installation::{Config, Installation, NO_TICK};
use crate::people::{user, users};
use crate::queries;
use crate::server::{Paging, Server, WAIT_LIMIT};
use crate::service::Service;

/// 24 bytes as base64.
const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u";

/// A request to the receiver.
struct Request {
    headers: BTreeMap<String, String>,
    body: String,
}

impl Request {
    fn event(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// Whether it is signed as Standard Webhooks are.
    fn is_signed(&self) -> bool {
        let key = BASE64_STANDARD.decode(KEY).expect("base64");
        let header = |name: &str| self.headers[name].as_str();
        let signed = format!(
            "{}.{}.{}",
            header("webhook-id"),
            header("webhook-timestamp"),
            self.body
        );
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
        header("webhook-signature") == format!("v1,{}", BASE64_STANDARD.encode(tag))
    }
}

/// A receiver that refuses the first requests, and passes all of them on.
fn receiver(refused: usize) -> (String, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}/told", listener.local_addr().expect("bound"));
    let (say, requests) = mpsc::channel();
    thread::spawn(move || {
        for number in 0.. {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut reader = BufReader::new(stream.try_clone().expect("cloned"));
            let mut headers = BTreeMap::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a line");
                if line.trim().is_empty() {
                    break;
                }
                if let Some((name, value)) = line.split_once(':') {
                    headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
                }
            }
            let length = headers["content-length"].parse().expect("a number");
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            let body = String::from_utf8(body).expect("text");
            let status = if number < refused {
                "503 Busy"
            } else {
                "204 No Content"
            };
            let answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\n");
            drop(stream.write_all(answer.as_bytes()));
            if say.send(Request { headers, body }).is_err() {
                return;
            }
        }
    });
    (address, requests)
}

fn add(installation: &Installation, table: &str) {
    let path = installation.path("config/rollbook.toml");
    let rollbook = fs::read_to_string(path).expect("read");
    installation.write("config/rollbook.toml", &format!("{rollbook}{table}"));
}

/// A hook that posts to this address.
fn posting(server: &Server, address: &str) -> Installation {
    let installation = Installation::new(server, &Config::default());
    installation.secret("address", address);
    installation.secret("hook_secret", &format!("whsec_{KEY}"));
    add(
        &installation,
        "[hooks.sis]\nurl = { file = \"address\" }\nsecret = { file = \"hook_secret\" }\n",
    );
    installation
}

/// A script that a hook can run.
fn script(installation: &Installation, text: &str) -> PathBuf {
    let path = installation.path("told.sh");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
    fs::set_permissions(&path, Permissions::from_mode(0o700)).expect("set");
    path
}

/// A hook whose program writes its standard input to `told`, and its environment to `environment`.
fn running(server: &Server, more: &str) -> Installation {
    let installation = Installation::new(server, &Config::default());
    let (told, environment) = (installation.path("told"), installation.path("environment"));
    let text = format!(
        "cat >> {}; env | sort > {}",
        told.display(),
        environment.display()
    );
    let program = script(&installation, &text);
    add(
        &installation,
        &format!("[hooks.sis]\nprogram = {:?}\n{more}", program),
    );
    installation
}

fn told(installation: &Installation) -> Vec<Value> {
    let text = fs::read_to_string(installation.path("told")).unwrap_or_default();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

#[test]
fn an_address_is_told_of_numbers_and_of_no_person() {
    let (address, requests) = receiver(0);
    let server = Server::of_users(Paging::TotalInHeader, users(10));
    let installation = posting(&server, &address);
    installation.sync().assert_ok("the first time");
    let first = requests.recv_timeout(WAIT_LIMIT).expect("a request");
    assert!(first.is_signed(), "{:?}", first.headers);
    assert_eq!(first.headers["content-type"], "application/json");
    let event = first.event();
    let ended: String = queries::one(&installation.mirror(), "SELECT ended FROM rollbook_runs");
    let counts = |run, after, new, changed, removed| {
        json!({"hook": "sis", "job": "roster", "source": "own", "after": after, "run": run, "streams": [
            {"stream": "own_users", "new": new, "changed": changed, "removed": removed}
        ]})
    };
    assert_eq!(
        event,
        json!({"type": "run.changed", "timestamp": ended, "data": counts(1, 0, 10, 0, 0)})
    );
    // Nothing has changed, so no request is sent.
    installation.sync().assert_ok("unchanged");
    server.edit("users", |rows| rows[3] = user(3, 2));
    installation.sync().assert_ok("changed");
    let next = requests.recv_timeout(WAIT_LIMIT).expect("a request");
    assert_eq!(next.event()["data"], counts(3, 1, 0, 1, 0));
    assert_ne!(first.headers["webhook-id"], next.headers["webhook-id"]);
    assert!(requests.try_recv().is_err());
}

#[test]
fn what_could_not_be_told_is_part_of_what_is_told_next() {
    let (address, requests) = receiver(2);
    let server = Server::of_users(Paging::TotalInHeader, users(10));
    let installation = posting(&server, &address);
    installation
        .sync()
        .assert_ok("a hook that fails harms no run");
    let first = requests.recv_timeout(WAIT_LIMIT).expect("a request");
    let status = installation.run(&["status"]);
    let line = "hook sis: not told of job roster: 127.0.0.1:";
    assert!(status.out.replace('\n', " ").contains(line), "{status:?}");
    let shown = installation.run(&["hooks", "--json"]);
    let shown: Value = serde_json::from_str(&shown.out).expect("JSON");
    assert_eq!(shown[0]["follows"], "job roster");
    assert_eq!(
        (&shown[0]["attempts"], &shown[0]["told"]),
        (&json!(1), &Value::Null)
    );
    // A second attempt has the same message with a new signature.
    installation.sync().assert_ok("unchanged");
    let again = requests.recv_timeout(WAIT_LIMIT).expect("a request");
    assert_eq!(again.headers["webhook-id"], first.headers["webhook-id"]);
    assert_eq!(again.body, first.body);
    server.edit("users", |rows| rows.push(user(10, 1)));
    installation.sync().assert_ok("one more");
    let told = requests.recv_timeout(WAIT_LIMIT).expect("a request");
    assert!(told.is_signed());
    let data = &told.event()["data"];
    assert_eq!((&data["after"], &data["run"]), (&json!(0), &json!(3)));
    assert_eq!(data["streams"][0]["new"], 11);
    let shown = installation.run(&["hooks"]);
    assert!(shown.out.contains("job roster"), "{shown:?}");
    let failed = "SELECT count(*) FROM rollbook_hooks WHERE attempts > 0 OR message IS NOT NULL";
    assert_eq!(queries::one::<u64>(&installation.mirror(), failed), 0);
}

#[test]
fn a_program_gets_the_rows_that_it_asks_for_and_nothing_of_our_environment() {
    let server = Server::of_users(Paging::TotalInHeader, users(300));
    let installation = running(&server, "changes = true\n");
    installation.sync().assert_ok("the first time");
    fs::remove_file(installation.path("told")).expect("it was told");
    server.edit("users", |rows| {
        rows[3] = user(3, 2);
        rows.remove(5);
        rows.push(user(300, 1));
    });
    installation.sync().assert_ok("changed");
    // Who is missing once may be missing by mistake.
    installation.sync().assert_ok("confirmed");
    let (events, rows): (Vec<Value>, Vec<Value>) =
        (told(&installation).into_iter()).partition(|line| line["type"].is_string());
    let runs: Vec<&Value> = events.iter().map(|event| &event["data"]["run"]).collect();
    assert_eq!(runs, [2, 3]);
    let changes = installation.run(&["changes", "--since", "1", "--json"]);
    let changes: Vec<Value> = changes
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(changes.len(), 3);
    assert_eq!(rows, changes);
    let environment = fs::read_to_string(installation.path("environment")).expect("written");
    let own = |line: &&str| {
        !["PWD=", "SHLVL=", "_=", "OLDPWD="]
            .iter()
            .any(|own| line.starts_with(own))
    };
    let environment: Vec<&str> = environment.lines().filter(own).collect();
    assert_eq!(
        environment,
        [
            "PATH=/usr/local/bin:/usr/bin:/bin",
            "ROLLBOOK_BUNDLE=",
            "ROLLBOOK_EVENT=run.changed",
            "ROLLBOOK_HOOK=sis",
            "ROLLBOOK_JOB=roster",
            "ROLLBOOK_RUN=3",
            "ROLLBOOK_TO=",
        ]
    );
}

#[test]
fn a_program_is_told_of_a_bundle_and_not_of_what_it_did_not_ask_for() {
    let server = Server::of_users(Paging::TotalInHeader, users(10));
    let installation = running(&server, "after_bundles = [\"ids\"]\n");
    installation.write(
        "config/exports/ids.toml",
        "to = \"bundles/ids\"\n[[file]]\nname = \"ids.csv\"\nkey = [\"id\"]\nsql = \"SELECT sourced_id AS id FROM own_users\"\n",
    );
    installation.sync().assert_ok("the first time");
    let lines = told(&installation);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["type"], "bundle.written");
    let data = &lines[0]["data"];
    assert_eq!(
        (&data["bundle"], &data["rows"]),
        (&json!("ids"), &json!(10))
    );
    let file = data["files"][0].as_str().expect("a path");
    assert_eq!(
        fs::read_to_string(file).expect("a file").lines().count(),
        11
    );
    installation.sync().assert_ok("unchanged");
    assert_eq!(told(&installation).len(), 1);
}

#[test]
fn the_daemon_tells_once_and_a_slow_program_harms_no_run() {
    let server = Server::of_users(Paging::TotalInHeader, users(10));
    let installation = running(&server, "");
    installation
        .sync()
        .assert_ok("before the hook is told by the daemon");
    assert_eq!(told(&installation).len(), 1);
    let mut service = Service::start(installation, &[]);
    service.expect("READY=1");
    server.edit("users", |rows| rows[3] = user(3, 2));
    let run = |service: &Service| {
        let mut command = service.installation.command(&["sync", "roster"]);
        command.env("RUNTIME_DIRECTORY", service.installation.path("runtime"));
        let ran = service.installation.start(command).end();
        assert_eq!(ran.code, Some(0), "{ran:?}");
    };
    run(&service);
    service.until("the hook is told", || {
        told(&service.installation).len() == 2
    });
    // One that takes an hour and holds whatever it can.
    let started = service.installation.path("started");
    let slow = format!("sleep 3600 & touch {}; wait", started.display());
    script(&service.installation, &slow);
    server.edit("users", |rows| rows[4] = user(4, 2));
    run(&service);
    service.until("the slow program runs", || started.exists());
    server.edit("users", |rows| rows[5] = user(5, 2));
    run(&service);
    let (installation, _) = service.stop();
    // It was ended with the daemon, so it is told again, and of the later run too.
    let text = format!("cat >> {}", installation.path("told").display());
    script(&installation, &text);
    fs::remove_file(installation.path("notify")).expect("the first daemon's");
    let service = Service::start(installation, &[]);
    service.until("the hook is told after the start", || {
        told(&service.installation).len() == 3
    });
    let last = &told(&service.installation)[2]["data"];
    assert_eq!((&last["after"], &last["run"]), (&json!(2), &json!(4)));
    assert_eq!(last["streams"][0]["changed"], 2);
    service.stop();
}

#[test]
fn a_hook_begins_with_what_follows_it_and_can_be_tried() {
    let server = Server::of_users(Paging::TotalInHeader, users(10));
    let installation = Installation::new(&server, &Config::default());
    installation.sync().assert_ok("before there is a hook");
    let file = installation.path("told");
    let program = script(&installation, &format!("cat >> {}", file.display()));
    add(
        &installation,
        &format!("[hooks.sis]\nprogram = {program:?}\n"),
    );
    installation.sync().assert_ok("unchanged");
    assert_eq!(told(&installation), [] as [Value; 0]);
    let tried = installation.run(&["hooks", "test", "sis"]);
    assert_eq!(tried.code, Some(0), "{tried:?}");
    assert_eq!(told(&installation)[0]["type"], "test");
    script(&installation, "exit 4");
    let tried = installation.run(&["hooks", "test", "sis"]);
    assert_eq!(tried.code, Some(1), "{tried:?}");
    assert!(tried.err.contains("ended with exit status: 4"), "{tried:?}");
    let unknown = installation.run(&["hooks", "test", "sys"]);
    assert!(unknown.err.contains("did you mean"), "{unknown:?}");
}

#[test]
fn mistakes_are_found_before_a_run() {
    let server = Server::of_users(Paging::TotalInHeader, users(1));
    let installation = Installation::new(&server, &Config::default());
    let job = format!("source = \"own\"\nstreams = [\"users\"]\nschedule = \"{NO_TICK}\"\n");
    installation.write("jobs/roster.toml", &job);
    add(
        &installation,
        "[hooks.a]\nprogram = \"/nowhere/import\"\nafter = [\"rooster\"]\n\
         [hooks.b]\nprogram = \"/etc/passwd\"\nafter_bundles = [\"sds\"]\n\
         [hooks.c]\nurl = { file = \"no_such_file\" }\nsecret = { file = \"no_such_file\" }\n",
    );
    let checked = installation.run(&["check"]);
    let said = checked.err.replace('\n', " ") + &checked.out.replace('\n', " ");
    for expected in [
        "there is no job `rooster`",
        "did you mean `roster`?",
        "there is no bundle `sds`",
        "this program cannot be run: it does not exist",
        "this file may not be executed",
        "no_such_file",
    ] {
        assert!(said.contains(expected), "{expected}: {checked:?}");
    }
}

#[test]
fn a_hook_that_fails_three_times_is_alerted() {
    let server = Server::of_users(Paging::TotalInHeader, users(1));
    let installation = running(&server, "");
    script(&installation, "exit 4");
    let (address, alerts) = webhook(0);
    installation.secret("alerts", &address);
    add(
        &installation,
        "[alerts.webhook]\nurl = { file = \"alerts\" }\n",
    );
    for _ in 0..3 {
        installation
            .sync()
            .assert_ok("a hook that fails harms no run");
    }
    let service = Service::start(installation, &[]);
    let (kind, text) = next(&alerts);
    assert_eq!(kind, "failing");
    assert!(
        text.starts_with("the hook sis could not be told of job roster since ")
            && text.ends_with("told.sh ended with exit status: 4"),
        "{text}"
    );
    service.stop();
}

#[test]
fn the_register_names_programs_that_get_rows() {
    let server = Server::of_users(Paging::TotalInHeader, users(1));
    let installation = running(&server, "changes = true\n");
    let sentence = "(hook sis) gets the rows that these jobs change: roster.";
    for form in [
        &["privacy"] as &[&str],
        &["privacy", "--markdown"],
        &["privacy", "--json"],
    ] {
        let ran = installation.run(form);
        assert!(ran.out.contains(sentence), "{ran:?}");
    }
}
