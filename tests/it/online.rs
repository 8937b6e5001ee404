//! `rollbook check --online`: which streams can be read, the account, and that nothing is written.

use std::fs;

use serde_json::{Value, json};

use crate::authority::{Authority, Wrong};
use crate::login::PendingLogin;
use crate::people::roster;
use crate::place::{Place, Plan, Ran};
use crate::server::{Fault, Server, Way};

const STREAMS: &[&str] = &["academic_sessions", "users", "classes"];

fn server() -> Server {
    let server = Server::start(Way::TotalInHeader, roster(30));
    server.edit("orgs", |orgs| orgs[0]["name"] = json!("Hill School"));
    server
}

fn place(server: &Server) -> Place {
    Place::new(
        server,
        &Plan {
            streams: STREAMS,
            ..Plan::default()
        },
    )
}

/// What was found of the only source.
fn found(ran: &Ran) -> Value {
    let view: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    view["online"][0].clone()
}

/// Stream by stream what came of it.
fn results(found: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let streams = found["streams"].as_array().expect("streams");
    streams
        .iter()
        .map(|stream| (text(&stream["stream"]), text(&stream["result"])))
        .collect()
}

#[test]
fn one_token_and_one_row_of_each_stream_and_nothing_in_the_mirror() {
    let server = server();
    let place = place(&server);
    let ran = place.run(&["check", "--online"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    for words in [
        "Hill School",
        "academic_sessions",
        "1 of 1 source can be read.",
    ] {
        assert!(ran.out.contains(words), "{words}: {ran:?}");
    }
    assert_eq!(server.tokens(), 1);
    let mut asked: Vec<(String, Option<String>)> = server
        .log()
        .iter()
        .filter(|seen| seen.path != "/token")
        .map(|seen| (seen.path.clone(), seen.query.get("limit").cloned()))
        .collect();
    asked.sort();
    let one = |path: &str| (format!("/v1p1/{path}"), Some("1".to_owned()));
    let all = ["academicSessions", "classes", "orgs", "users"].map(one);
    assert_eq!(
        asked, all,
        "one page of one row, and the one with the school's name"
    );
    assert!(!place.mirror().exists(), "there is no mirror yet");
    let left: Vec<_> = fs::read_dir(place.path("state"))
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| !name.starts_with("vault"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn a_refused_credential_is_said_once_and_asked_for_once() {
    let server = server();
    let place = place(&server);
    for status in [400, 401] {
        server.refuse_tokens(status);
        let bodies = |server: &Server| {
            let came = server.secrets();
            came.iter()
                .filter(|text| text.contains("grant_type="))
                .count()
        };
        let before = bodies(&server);
        let ran = place.run(&["check", "--online", "--json"]);
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
        let shown = place.run(&["check", "--online"]);
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
fn a_missing_right_is_of_one_stream() {
    let server = server();
    let place = place(&server);
    server.script(|asked| (asked.list == "users").then_some(Fault::Status(403)));
    let ran = place.run(&["check", "--online", "--json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let found = found(&ran);
    assert_eq!(found["account"], "Hill School");
    let failed: Vec<_> = results(&found)
        .into_iter()
        .filter(|(_, result)| result != "ok")
        .collect();
    assert_eq!(failed, [("users".to_owned(), "failed".to_owned())]);
    assert!(ran.out.contains("lacks the right to read this"), "{ran:?}");
}

#[test]
fn a_vendor_that_is_down_or_a_secret_that_is_missing_ends_the_look_at_once() {
    let server = server();
    let place = place(&server);
    server.script(|_| Some(Fault::Status(503)));
    let ran = place.run(&["check", "--online", "--json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(
        (server.tokens(), server.log().len()),
        (1, 1),
        "a token and a page, once"
    );
    fs::remove_file(place.path("config/secret")).expect("removed");
    let ran = place.run(&["check", "--online", "--json"]);
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
fn it_works_beside_a_running_program_and_leaves_the_mirror_as_it_is() {
    let server = server();
    let place = place(&server);
    place.sync().fine("the first time");
    server.script(|asked| (asked.list == "users" && asked.nth == 1).then_some(Fault::Wait));
    let running = place.start(place.command(&["sync", "--json"]));
    server.until_somebody_waits();
    let before = crate::queries::data(&place.mirror());
    // The vendor of these tests knows its newest token only, so the one that waits needs another afterwards.
    let ran = place.run(&["check", "--online"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(crate::queries::data(&place.mirror()), before);
    server.release();
    running.end().fine("the run");
}

#[test]
fn what_a_sign_in_was_not_granted_is_named() {
    let authority = Authority::start(&[]);
    authority.goes_wrong(Wrong {
        scope: Some("a_read"),
        ..Wrong::default()
    });
    let place = crate::login::place(&authority, "");
    let pending = PendingLogin::start(&place, &["--paste"]);
    let ended = pending.browse();
    assert_eq!(pending.paste(&ended).code, Some(0));
    let ran = place.run(&["check", "--online"]);
    assert_eq!(ran.code, Some(0), "what is read is granted: {ran:?}");
    let told =
        "own: requested and not granted: b_read; an administrator at the vendor can grant it";
    assert!(ran.out.contains(told), "{ran:?}");
    let ran = place.run(&["check", "--online", "--json"]);
    assert_eq!(found(&ran)["missing_scopes"], serde_json::json!(["b_read"]));
}
