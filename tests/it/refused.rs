//! Refusals from outside: what a token endpoint sends, how often a credential is sent, and what ends a refusal.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::installation::{Config, Installation};
use crate::people::users;
use crate::queries;
use crate::server::{Fault, Paging, Server, WAIT_LIMIT};

const PASSWORD: &str = "grant = \"password\"\nusername = \"ada\"\npassword = { file = \"secret\" }\n\
                        client_id = \"rollbook\"\n";
const KEY: &str = "grant = \"api_key\"\napi_key = { file = \"secret\" }\n";

fn installation(server: &Server, auth: &str) -> Installation {
    Installation::new(
        server,
        &Config {
            auth,
            ..Config::default()
        },
    )
}

fn server() -> Server {
    Server::of_users(Paging::TotalInHeader, users(20))
}

/// How often a token endpoint received the password.
fn passwords(server: &Server) -> usize {
    let secrets = server.secrets();
    let is_password = |text: &&String| text.contains("grant_type=password");
    secrets.iter().filter(is_password).count()
}

fn tokens(installation: &Installation) -> Value {
    let ran = installation.run(&["tokens", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let lines: Value = serde_json::from_str(&ran.out).expect("JSON");
    lines[0].clone()
}

#[test]
fn a_refused_client_is_repaired_and_resumed() {
    let server = server();
    let installation = installation(&server, PASSWORD);
    server.answer_tokens(
        401,
        r#"{"error":"invalid_client","error_description":"blocked"}"#,
    );
    let (outcome, message) = installation.sync().outcome_and_message();
    assert_eq!(outcome, "parked", "{message}");
    let expected = "refused the client_id or client_secret (401, invalid_client: \"blocked\")";
    assert!(message.contains(expected), "{message}");
    assert_eq!(tokens(&installation)["password_refused"], Value::Null);
    server.issue_tokens();
    let ran = installation.run(&["resume", "roster"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    installation.sync().assert_ok("the vendor is repaired");
    let line = tokens(&installation);
    assert_eq!(line["password_refused"], Value::Null, "{line}");
    assert_eq!(line["parked"], Value::Array(Vec::new()), "{line}");
}

#[test]
fn a_refused_password_is_resumed_without_a_daemon() {
    let server = server();
    let installation = installation(&server, PASSWORD);
    server.answer_tokens(200, r#"{"error":"invalid_grant"}"#);
    for _ in 0..3 {
        let (outcome, message) = installation.sync().outcome_and_message();
        assert_eq!(outcome, "parked", "{message}");
    }
    assert_eq!(passwords(&server), 1);
    assert!(tokens(&installation)["password_refused"].is_string());
    let ran = installation.run(&["tokens"]);
    assert!(
        ran.out.contains("own: the password was refused at "),
        "{ran:?}"
    );
    server.issue_tokens();
    let (outcome, _) = installation.sync().outcome_and_message();
    assert_eq!((outcome.as_str(), passwords(&server)), ("parked", 1));
    assert_eq!(installation.run(&["resume", "roster"]).code, Some(0));
    installation.sync().assert_ok("resumed");
    assert_eq!(passwords(&server), 2);
    assert_eq!(tokens(&installation)["password_refused"], Value::Null);
}

#[test]
fn a_password_is_sent_once_after_an_unclear_answer() {
    for (status, body) in [
        (401, "<html>sign in</html>"),
        (400, ""),
        (403, "<html>blocked by the firewall</html>"),
        (500, "{}"),
        (200, "<html><form></form></html>"),
        (302, ""),
    ] {
        let server = server();
        let installation = installation(&server, PASSWORD);
        server.answer_tokens(status, body);
        for _ in 0..3 {
            let (outcome, message) = installation.sync().outcome_and_message();
            assert_eq!(outcome, "failed", "{status}: {message}");
            let expected = "to keep the account from being locked";
            assert!(message.contains(expected), "{status}: {message}");
        }
        assert_eq!(passwords(&server), 1, "{status}");
        let parked = queries::maybe(
            &installation.mirror(),
            "SELECT count(*) FROM rollbook_jobs WHERE parked IS NOT NULL",
        );
        assert_eq!(parked, Some(0), "{status}");
        server.issue_tokens();
        installation.secret("secret", "the right one");
        installation
            .sync()
            .assert_ok("another password is sent at once");
    }
}

#[test]
fn a_web_page_in_place_of_a_token_parks_nothing() {
    let server = server();
    let installation = installation(&server, Config::default().auth);
    server.answer_tokens(403, "<html>web filter</html>");
    let (outcome, message) = installation.sync().outcome_and_message();
    assert_eq!(outcome, "failed", "{message}");
    let expected = "returned 403 with a web page in place of a token";
    assert!(message.contains(expected), "{message}");
    server.issue_tokens();
    installation.sync().assert_ok("at once");
}

/// A job that worked is parked by the fourth refused run, and not by a bad moment of the vendor.
#[test]
fn a_refusal_of_what_worked_says_so() {
    let server = server();
    let installation = installation(&server, KEY);
    installation.sync().assert_ok("it works");
    server.script(|_| Some(Fault::Status(401)));
    for run in 1..=4 {
        let before = server.log().len();
        let ran = installation.sync();
        let (outcome, message) = ran.outcome_and_message();
        let (expected, is_retried) = if run < 4 {
            ("failed", true)
        } else {
            ("parked", false)
        };
        assert_eq!(outcome, expected, "{run}: {message}");
        // The organisation twice, and the users.
        assert_eq!(server.log().len() - before, 3, "{run}");
        let says_so = message.contains("; the credential worked before, so the first tick after ");
        assert_eq!(says_so, is_retried, "{run}: {message}");
    }
    server.clear_faults();
    installation.sync().assert_ok("it works again");
    let state = "SELECT refused_runs FROM rollbook_jobs";
    assert_eq!(queries::maybe(&installation.mirror(), state), Some(0));
}

#[test]
fn a_refusal_of_a_moment_is_not_noticed() {
    let server = server();
    let installation = installation(&server, KEY);
    server.script(|request| (request.nth == 1).then_some(Fault::Status(401)));
    installation.sync().assert_ok("a second later");
    let log = server.log();
    let refused = log.iter().filter(|seen| seen.status == 401).count();
    assert_eq!(refused, 1, "{log:?}");
}

#[test]
fn a_running_daemon_uses_a_changed_key() {
    let server = server();
    let installation = installation(&server, KEY);
    installation.write(
        "jobs/roster.toml",
        "source = \"own\"\nstreams = [\"users\"]\nschedule = \"* * * * * *\"\n",
    );
    let daemon = installation.start(installation.command(&["run"]));
    let sent = |key: &str| {
        let started = Instant::now();
        while !server.secrets().iter().any(|secret| secret == key) {
            assert!(
                started.elapsed() < WAIT_LIMIT,
                "{key} was not sent: {}",
                daemon.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    sent(crate::installation::SECRET);
    installation.secret("secret", "another-key-of-the-client");
    sent("another-key-of-the-client");
    // A file that is being replaced is missing for a moment.
    std::fs::remove_file(installation.path("config/secret")).expect("removed");
    let runs = "SELECT count(*) FROM rollbook_runs WHERE outcome = 'ok'";
    let before = queries::maybe(&installation.mirror(), runs);
    let started = Instant::now();
    while queries::maybe(&installation.mirror(), runs) < before.map(|runs| runs + 2) {
        assert!(started.elapsed() < WAIT_LIMIT, "{}", daemon.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    installation.secret("secret", "a-third-key-of-the-client");
    sent("a-third-key-of-the-client");
    daemon.terminate();
    assert_eq!(daemon.end().code, Some(0));
    let bad = "SELECT count(*) FROM rollbook_runs WHERE outcome NOT IN ('ok', 'interrupted')";
    assert_eq!(queries::maybe(&installation.mirror(), bad), Some(0));
}

/// The credential is good again: another job of the source shows it.
#[test]
fn a_good_run_of_another_job_lets_a_parked_one_try_once_more() {
    let server = server();
    let installation = installation(&server, KEY);
    let job = "source = \"own\"\nstreams = [\"users\"]\nschedule = \"* * * * * *\"\n";
    installation.write("jobs/roster.toml", job);
    server.script(|_| Some(Fault::Status(401)));
    let daemon = installation.start(installation.command(&["run"]));
    let until = |sql: &str, number: u64| {
        let started = Instant::now();
        while !installation.mirror().exists()
            || queries::maybe(&installation.mirror(), sql) != Some(number)
        {
            assert!(started.elapsed() < WAIT_LIMIT, "{sql}: {}", daemon.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    until(
        "SELECT count(*) FROM rollbook_jobs WHERE parked IS NOT NULL",
        1,
    );
    server.clear_faults();
    installation.write("jobs/other.toml", job);
    until(
        "SELECT count(DISTINCT job) FROM rollbook_runs WHERE outcome = 'ok'",
        2,
    );
    daemon.terminate();
    assert_eq!(daemon.end().code, Some(0));
    let parked = "SELECT count(*) FROM rollbook_runs WHERE outcome = 'parked'";
    assert_eq!(queries::maybe(&installation.mirror(), parked), Some(1));
}
