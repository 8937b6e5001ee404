//! `rollbook check --online`: which streams can be read, the account, and that nothing is written.

use std::fs;

use serde_json::{Value, json};

use crate::authority::{Authority, Faults};
use crate::installation::{Config, Finished, Installation};
use crate::login::PendingLogin;
use crate::people::roster;
use crate::server::{Fault, Paging, Server};

const STREAMS: &[&str] = &["academic_sessions", "users", "classes"];

fn server() -> Server {
    let server = Server::start(Paging::TotalInHeader, roster(30));
    server.edit("orgs", |orgs| orgs[0]["name"] = json!("Hill School"));
    server
}

fn installation(server: &Server) -> Installation {
    Installation::new(
        server,
        &Config {
            streams: STREAMS,
            ..Config::default()
        },
    )
}

/// The result of the only source.
fn found(ran: &Finished) -> Value {
    let view: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    view["online"][0].clone()
}

/// The result of each stream.
fn results(found: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let streams = found["streams"].as_array().expect("streams");
    streams
        .iter()
        .map(|stream| (text(&stream["stream"]), text(&stream["result"])))
        .collect()
}

#[test]
fn one_token_and_one_row_per_stream_and_nothing_in_the_mirror() {
    let server = server();
    let installation = installation(&server);
    let ran = installation.run(&["check", "--online"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    for words in [
        "Hill School",
        "academic_sessions",
        "1 of 1 source can be read.",
    ] {
        assert!(ran.out.contains(words), "{words}: {ran:?}");
    }
    assert_eq!(server.tokens(), 1);
    let mut request: Vec<(String, Option<String>)> = server
        .log()
        .iter()
        .filter(|seen| seen.path != "/token")
        .map(|seen| (seen.path.clone(), seen.query.get("limit").cloned()))
        .collect();
    request.sort();
    let one = |path: &str| (format!("/v1p1/{path}"), Some("1".to_owned()));
    let all = ["academicSessions", "classes", "orgs", "users"].map(one);
    assert_eq!(
        request, all,
        "one page of one row, and the one with the school's name"
    );
    assert!(
        !installation.path("state").exists(),
        "neither mirror nor vault were created"
    );
}

#[test]
fn a_refused_credential_is_sent_and_reported_once() {
    let server = server();
    let installation = installation(&server);
    for status in [400, 401] {
        server.refuse_tokens(status);
        let bodies = |server: &Server| {
            let secrets = server.secrets();
            secrets
                .iter()
                .filter(|text| text.contains("grant_type="))
                .count()
        };
        let before = bodies(&server);
        let ran = installation.run(&["check", "--online", "--json"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let found = found(&ran);
        let message = found["message"].as_str().expect("a message");
        assert!(message.contains("refused the credential"), "{message}");
        let mut expected = vec![("academic_sessions".to_owned(), "failed".to_owned())];
        expected.extend(
            ["users", "classes", "orgs"].map(|name| (name.to_owned(), "not_probed".to_owned())),
        );
        assert_eq!(results(&found), expected);
        assert_eq!(bodies(&server) - before, 1, "one token request");
        assert!(server.log().is_empty(), "and no page");
        let shown = installation.run(&["check", "--online"]);
        assert_eq!(
            shown.out.matches("refused the credential").count(),
            1,
            "{shown:?}"
        );
        assert!(
            shown.out.contains("0 of 1 source can be read."),
            "{shown:?}"
        );
    }
}

#[test]
fn a_missing_right_concerns_one_stream() {
    let server = server();
    let installation = installation(&server);
    server.script(|request| (request.list == "users").then_some(Fault::Status(403)));
    let ran = installation.run(&["check", "--online", "--json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let found = found(&ran);
    assert_eq!(found["account"], "Hill School");
    let failed: Vec<_> = results(&found)
        .into_iter()
        .filter(|(_, result)| result != "ok")
        .collect();
    assert_eq!(failed, [("users".to_owned(), "failed".to_owned())]);
    assert!(ran.out.contains("lacks the right"), "{ran:?}");
}

#[test]
fn an_unavailable_vendor_or_a_missing_secret_ends_the_check() {
    let server = server();
    let installation = installation(&server);
    server.script(|_| Some(Fault::Status(503)));
    let ran = installation.run(&["check", "--online", "--json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(
        (server.tokens(), server.log().len()),
        (1, 1),
        "a token and a page, once"
    );
    fs::remove_file(installation.path("config/secret")).expect("removed");
    let ran = installation.run(&["check", "--online", "--json"]);
    assert_eq!(ran.code, Some(78), "{ran:?}");
    let message = found(&ran)["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(
        message.contains("secret file `secret` is missing"),
        "{message}"
    );
}

#[test]
fn the_check_works_during_a_run_and_leaves_the_mirror_unchanged() {
    let server = server();
    let installation = installation(&server);
    installation.sync().assert_ok("the first time");
    server.script(|request| (request.list == "users" && request.nth == 1).then_some(Fault::Wait));
    let running = installation.start(installation.command(&["sync", "--json"]));
    server.until_a_request_is_held();
    let before = crate::queries::data(&installation.mirror());
    // The vendor of these tests only accepts its newest token, so the waiting program needs another one afterwards.
    let ran = installation.run(&["check", "--online"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(crate::queries::data(&installation.mirror()), before);
    server.release();
    running.end().assert_ok("the run");
}

#[test]
fn missing_scopes_of_a_login_are_named() {
    let authority = Authority::start(&[]);
    authority.set_faults(Faults {
        scope: Some("a_read"),
        ..Faults::default()
    });
    let installation = crate::login::installation(&authority, "");
    let pending = PendingLogin::start(&installation, &["--paste"]);
    let ended = pending.browse();
    assert_eq!(pending.paste(&ended).code, Some(0));
    let ran = installation.run(&["check", "--online"]);
    assert_eq!(ran.code, Some(0), "what is read is granted: {ran:?}");
    let messages =
        "own: requested and not granted: b_read; an administrator at the vendor can grant it";
    assert!(ran.out.contains(messages), "{ran:?}");
    let ran = installation.run(&["check", "--online", "--json"]);
    assert_eq!(found(&ran)["missing_scopes"], serde_json::json!(["b_read"]));
}
