//! Alerts of the real daemon: once when a job fails again and again, once when it is well, and never twice after a restart.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::people::users;
use crate::place::{Place, Plan};
use crate::server::{Fault, PATIENCE, Server, Way};

/// An admin's webhook: answers the first `refused` requests with 503, and hands on the bodies of the others.
pub fn hook(refused: u32) -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}/hook", listener.local_addr().expect("bound"));
    let (say, heard) = mpsc::channel();
    thread::spawn(move || {
        for number in 0.. {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut reader = BufReader::new(stream.try_clone().expect("cloned"));
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a line");
                let line = line.trim().to_ascii_lowercase();
                if let Some(text) = line.strip_prefix("content-length:") {
                    length = text.trim().parse().expect("a number");
                }
                if line.is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            let status = if number < refused {
                "503 Busy"
            } else {
                "200 OK"
            };
            let answer =
                format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).expect("answered");
            let told = serde_json::from_slice(&body).expect("JSON");
            if number >= refused && say.send(told).is_err() {
                return;
            }
        }
    });
    (address, heard)
}

fn place(server: &Server, address: &str) -> Place {
    let place = Place::new(server, &Plan::default());
    let rollbook = std::fs::read_to_string(place.path("config/rollbook.toml")).expect("read");
    place.write(
        "config/rollbook.toml",
        &format!("{rollbook}[alerts]\nafter_failures = 2\n[alerts.webhook]\nurl = {{ file = \"hook\" }}\n"),
    );
    place.write(
        "jobs/roster.toml",
        "source = \"own\"\nstreams = [\"users\"]\nschedule = \"* * * * * *\"\n",
    );
    place.secret("hook", address);
    place
}

pub fn next(heard: &Receiver<Value>) -> (String, String) {
    let told = heard.recv_timeout(PATIENCE).expect("an alert");
    let text = |name: &str| told[name].as_str().expect("a text").to_owned();
    (text("kind"), text("text"))
}

#[test]
fn a_failing_job_is_told_once_and_its_recovery_once() {
    let server = Server::of_users(Way::TotalInHeader, users(10));
    let (address, heard) = hook(0);
    let place = place(&server, &address);
    server.script(|_| Some(Fault::Status(400)));
    let daemon = place.start(place.command(&["run"]));
    let (kind, text) = next(&heard);
    assert_eq!(kind, "failing");
    assert!(
        text.starts_with("2 runs of roster in a row failed"),
        "{text}"
    );
    daemon.terminate();
    assert_eq!(daemon.end().code, Some(0));

    server.behave();
    let again = place.start(place.command(&["run"]));
    let (kind, text) = next(&heard);
    assert_eq!(
        (kind.as_str(), text.as_str()),
        ("recovered", "roster recovered")
    );
    again.terminate();
    assert_eq!(again.end().code, Some(0));
}

#[test]
fn a_webhook_that_is_down_stops_no_run_and_loses_nothing() {
    let server = Server::of_users(Way::TotalInHeader, users(10));
    let (address, heard) = hook(1);
    let place = place(&server, &address);
    server.script(|_| Some(Fault::Status(400)));
    let daemon = place.start(place.command(&["run"]));
    let begun = Instant::now();
    while !daemon.log().contains("could not send an alert") {
        assert!(begun.elapsed() < PATIENCE, "{}", daemon.log());
        thread::sleep(Duration::from_millis(5));
    }
    let runs = server.log().len();
    while server.log().len() <= runs {
        assert!(begun.elapsed() < PATIENCE, "runs go on");
        thread::sleep(Duration::from_millis(5));
    }
    daemon.terminate();
    let ran = daemon.end();
    assert!(
        ran.err
            .contains("could not send an alert, it will be retried"),
        "{ran:?}"
    );
    assert!(!ran.err.contains("/hook"), "{ran:?}");
    assert!(
        heard.try_recv().is_err(),
        "refused once, and the pause is a minute"
    );
    let waiting = crate::queries::count(&place.mirror(), "rollbook_outbox");
    assert_eq!(waiting, 1, "it waits in the mirror");
}

#[test]
fn a_test_says_what_arrives() {
    let server = Server::of_users(Way::TotalInHeader, users(10));
    let (address, heard) = hook(0);
    let place = place(&server, &address);
    let ran = place.run(&["alerts", "test"]);
    assert_eq!(
        (ran.code, ran.out.trim()),
        (Some(0), "webhook: sent"),
        "{ran:?}"
    );
    assert_eq!(next(&heard).0, "test");
    place.secret("hook", "http://127.0.0.1:1/s3cret");
    let ran = place.run(&["alerts", "test"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(ran.out.trim(), "webhook: 127.0.0.1:1 could not be reached");
}

#[test]
fn mistakes_are_shown_where_they_stand() {
    let server = Server::of_users(Way::TotalInHeader, users(10));
    for (lines, expected) in [
        ("[alerts]\nafter_failures = 2\n", "alerts have no receiver"),
        (
            "[alerts.command]\nprogram = \"tell\"\n",
            "the program's path must be absolute",
        ),
        (
            "[alerts.webhook]\nurl = \"https://hooks.school.example/x\"\n",
            "secret",
        ),
        (
            "[alerts.email]\nserver = \"mail\"\nfrom = \"a@b.example\"\nto = [\"it\"]\n",
            "this is not a mail address",
        ),
        (
            "[alerts.email]\nserver = \"mail\"\nfrom = \"a@b.example\"\nto = [\"a@b.example\"]\nusername = \"a\"\n",
            "this needs `password` beside it",
        ),
        (
            "[alerts.email]\nserver = \"mail\"\nfrom = \"a@b.example\"\nto = [\"a@b.example\"]\nusername = \"a\"\n\
             tls = \"none\"\npassword = { file = \"x\" }\n",
            "the password would be sent in clear",
        ),
    ] {
        let place = Place::new(&server, &Plan::default());
        let rollbook = std::fs::read_to_string(place.path("config/rollbook.toml")).expect("read");
        place.write("config/rollbook.toml", &format!("{rollbook}{lines}"));
        let ran = place.run(&["check"]);
        assert_eq!(ran.code, Some(78), "{lines}: {ran:?}");
        let said = format!("{}{}", ran.out, ran.err);
        assert!(
            said.contains(expected) && said.contains("rollbook.toml:"),
            "{expected}: {said}"
        );
    }
}
