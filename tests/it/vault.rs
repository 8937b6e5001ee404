//! The vault from outside: keys given, changed, lost and wrong; what is listed and what is forgotten.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::people::users;
use crate::place::{Place, Plan, Ran};
use crate::server::{Fault, Server, Way};

const AUTH: &str =
    "grant = \"refresh_token\"\nclient_id = \"rollbook\"\nrefresh_token = { file = \"secret\" }\n";

/// A place with one rotating source; the tokens that the vendor gives last an hour.
fn place(server: &Server) -> Place {
    Place::new(
        server,
        &Plan {
            auth: AUTH,
            ..Plan::default()
        },
    )
}

fn server() -> Server {
    Server::of_users(Way::TotalInHeader, users(20))
}

/// Says in the configuration where the vault's key is.
fn use_key(place: &Place, name: &str) {
    let path = place.path("config/rollbook.toml");
    let text = fs::read_to_string(&path).expect("read");
    let text = text.split("[store]").next().expect("something");
    let store = format!("[store]\nvault_key = {{ file = \"{name}\" }}\n");
    fs::write(path, format!("{text}{store}")).expect("written");
}

fn use_no_key(place: &Place) {
    let path = place.path("config/rollbook.toml");
    let text = fs::read_to_string(&path).expect("read");
    fs::write(&path, text.split("[store]").next().expect("something")).expect("written");
}

/// Makes a key by the command, as an admin would.
fn new_key(place: &Place, name: &str) -> PathBuf {
    let ran = place.run(&["vault", "key"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.out.trim_end().len(), 44, "base64 of 32 bytes");
    place.secret(name, &ran.out);
    place.path("config").join(name)
}

/// The vault's files that hold a token in clear.
fn clear(place: &Place, server: &Server) -> Vec<String> {
    let secrets = server.secrets();
    let tokens: Vec<&[u8]> = secrets
        .iter()
        .filter(|secret| secret.starts_with("refresh-") || secret.starts_with("access-"))
        .map(|secret| secret.as_bytes())
        .collect();
    assert!(!tokens.is_empty(), "the vendor gave some");
    let mut found = Vec::new();
    for entry in fs::read_dir(place.path("state")).expect("a folder") {
        let entry = entry.expect("an entry");
        if entry.path().is_dir() {
            continue; // a daemon's folder for what lasts as long as it
        }
        let bytes = fs::read(entry.path()).expect("read");
        let is_in = |token: &&[u8]| bytes.windows(token.len()).any(|part| part == *token);
        if tokens.iter().any(is_in) {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    found.sort();
    found
}

fn tokens(place: &Place) -> Value {
    let ran = place.run(&["tokens", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let lines: Value = serde_json::from_str(&ran.out).expect("JSON");
    lines[0].clone()
}

fn fine(ran: Ran) -> Ran {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran
}

#[test]
fn a_vault_in_clear_is_sealed_once_there_is_a_key_and_asks_nothing_of_the_vendor() {
    let server = server();
    let place = place(&server);
    place.sync().fine("in clear");
    assert!(clear(&place, &server).contains(&"vault.db-wal".to_owned()));
    assert_eq!(tokens(&place)["sealed_with"], Value::Null);
    new_key(&place, "vault.key");
    use_key(&place, "vault.key");
    place.sync().fine("sealed");
    assert_eq!(clear(&place, &server), Vec::<String>::new());
    let line = tokens(&place);
    assert_eq!(line["sealed_with"].as_str().map(str::len), Some(16));
    assert_eq!(
        (&line["stored"], &line["vault_error"]),
        (&Value::Bool(true), &Value::Null)
    );
    assert_eq!(
        server.tokens(),
        1,
        "the token in the vault was good all the time"
    );
    fine(place.run(&["check"]));
}

#[test]
fn without_the_right_key_jobs_wait_for_a_person_and_nothing_is_lost() {
    let server = server();
    let place = place(&server);
    new_key(&place, "vault.key");
    new_key(&place, "other.key");
    use_key(&place, "vault.key");
    place.sync().fine("sealed from the start");
    let asked = server.log().len();
    for (name, words) in [
        ("no key", "and no key is configured; set [store] vault_key"),
        (
            "missing.key",
            "secret file `missing.key` is missing: write it into",
        ),
        ("other.key", "but the configured key is"),
    ] {
        match name {
            "no key" => use_no_key(&place),
            file => use_key(&place, file),
        }
        let ran = place.sync();
        let (outcome, message) = ran.said();
        assert_eq!(
            (ran.code, outcome.as_str()),
            (Some(1), "parked"),
            "{name}: {ran:?}"
        );
        assert!(message.contains(words), "{name}: {message}");
        let ran = place.run(&["check"]);
        assert_eq!(ran.code, Some(78), "{name}: {ran:?}");
        assert!(
            ran.out.contains("cannot use the sign-in of own: the vault") && ran.out.contains(words),
            "{name}: {ran:?}"
        );
        assert!(
            tokens(&place)["vault_error"]
                .as_str()
                .is_some_and(|why| why.contains(words))
        );
        let shown = fine(place.run(&["tokens"]));
        assert!(shown.out.contains("roster is parked"), "{shown:?}");
    }
    assert_eq!(server.log().len(), asked, "nobody was asked anything");
    assert_eq!(server.tokens(), 1);
    use_key(&place, "vault.key");
    place.sync().fine("the right key again");
    assert_eq!(server.tokens(), 1);
}

#[test]
fn the_key_is_changed_in_one_step_and_the_old_one_opens_nothing() {
    let server = server();
    let place = place(&server);
    let old = new_key(&place, "old.key");
    let new = new_key(&place, "new.key");
    let (old, new) = (old.display().to_string(), new.display().to_string());
    use_key(&place, "old.key");
    place.sync().fine("sealed");
    let before = tokens(&place)["sealed_with"].clone();
    let ran = fine(place.run(&["vault", "rekey", "--new-key", &new]));
    assert!(
        ran.out.contains("1 row is encrypted with key")
            && ran.out.contains("set [store] vault_key to this key"),
        "{ran:?}"
    );
    assert_ne!(tokens(&place)["sealed_with"], before);
    assert_eq!(place.sync().said().0, "parked", "the old key opens nothing");
    use_key(&place, "new.key");
    place.sync().fine("the new one does");
    // The other order: the credential was changed first.
    use_key(&place, "old.key");
    fine(place.run(&["vault", "rekey", "--old-key", &new]));
    place.sync().fine("back");
    let ran = fine(place.run(&["vault", "rekey", "--old-key", &new]));
    assert!(ran.out.contains("already"), "{ran:?}");
    // Keys that are none, or can be read by others.
    for (arguments, code, words) in [
        (["--new-key", "nowhere.key"], 78, "is missing"),
        (
            ["--new-key", "config/rollbook.toml"],
            78,
            "can be read by others",
        ),
        (
            ["--new-key", "config/secret"],
            78,
            "`rollbook vault key` makes a key",
        ),
    ] {
        let ran = place.run(&[&["vault", "rekey"], &arguments[..]].concat());
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.err.contains(words), "{words}: {ran:?}");
    }
    // Away with it, and back.
    let ran = fine(place.run(&["vault", "rekey", "--plain"]));
    assert!(ran.out.contains("remove vault_key from [store]"), "{ran:?}");
    use_no_key(&place);
    place.sync().fine("in clear");
    let ran = place.run(&["vault", "rekey"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    fine(place.run(&["vault", "rekey", "--new-key", &old]));
    assert_eq!(clear(&place, &server), Vec::<String>::new());
    assert_eq!(server.tokens(), 1, "nothing of this concerns the vendor");
}

#[test]
fn a_sign_in_is_forgotten_also_without_the_key() {
    let server = server();
    let place = place(&server);
    let ran = place.run(&["logout", "own"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
    assert!(
        ran.err
            .contains("own has no stored sign-in; `rollbook tokens` shows all"),
        "{ran:?}"
    );
    place.sync().fine("signed in");
    let ran = place.run(&["logout", "owm"]);
    assert!(
        ran.err
            .contains("there is no source `owm`; did you mean `own`?"),
        "{ran:?}"
    );
    let ran = fine(place.run(&["logout", "own"]));
    assert!(
        ran.out.contains("The vendor still accepts it until"),
        "{ran:?}"
    );
    assert_eq!(clear(&place, &server), Vec::<String>::new(), "wiped");
    assert_eq!(tokens(&place)["stored"], Value::Bool(false));
    assert_eq!(place.run(&["logout", "own"]).code, Some(2));
    new_key(&place, "vault.key");
    use_key(&place, "vault.key");
    place.sync().fine("the configured token begins anew");
    use_no_key(&place);
    fine(place.run(&["logout", "own"]));
    place.sync().fine("in clear again");
}

#[test]
fn beside_a_running_program_a_sign_in_is_forgotten_and_no_key_is_changed() {
    let server = server();
    let place = place(&server);
    let key = new_key(&place, "vault.key").display().to_string();
    server.script(|_| Some(Fault::Wait));
    let running = place.start(place.command(&["sync", "--json"]));
    server.until_somebody_waits();
    assert_eq!(
        tokens(&place)["stored"],
        Value::Bool(true),
        "listed meanwhile"
    );
    let ran = place.run(&["vault", "rekey", "--new-key", &key]);
    assert_eq!(ran.code, Some(75), "{ran:?}");
    fine(place.run(&["logout", "own"]));
    assert_eq!(tokens(&place)["stored"], Value::Bool(false));
    server.release();
    running.end().fine("the token that it holds is good");
    assert_eq!(
        tokens(&place)["stored"],
        Value::Bool(false),
        "and stays forgotten"
    );
}

#[test]
fn short_tokens_are_never_on_the_disk() {
    let server = server();
    for (grant, auth) in [
        ("client_credentials", Plan::default().auth),
        (
            "password",
            "grant = \"password\"\nclient_id = \"c\"\nclient_secret = { file = \"secret\" }\nusername = \"u\"\npassword = { file = \"secret\" }\n",
        ),
    ] {
        let plan = Plan {
            auth,
            ..Plan::default()
        };
        let place = Place::new(&server, &plan);
        place.sync().fine(grant);
        assert_eq!(clear(&place, &server), Vec::<String>::new(), "{grant}");
        assert_eq!(tokens(&place)["stored"], Value::Bool(false), "{grant}");
    }
}

#[test]
fn a_running_daemon_takes_a_new_key_only_where_it_opens_the_vault() {
    let server = server();
    server.token_lasts(1);
    let place = place(&server);
    place.write(
        "jobs/roster.toml",
        "source = \"own\"\nstreams = [\"users\"]\nschedule = \"* * * * * *\"\n",
    );
    let daemon = place.start(place.command(&["run"]));
    let wait = |what: &str, is_so: &dyn Fn() -> bool| {
        let started = std::time::Instant::now();
        while !is_so() {
            assert!(
                started.elapsed() < crate::server::PATIENCE,
                "{what}: {}",
                daemon.log()
            );
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    let good = || {
        let sql = "SELECT count(*) FROM rollbook_runs WHERE outcome = 'ok'";
        let is_made = place.mirror().exists();
        is_made
            .then(|| crate::queries::maybe(&place.mirror(), sql))
            .flatten()
            .unwrap_or(0)
    };
    let goes_on = |what: &str| {
        let before = good();
        wait(what, &|| good() > before + 1);
    };
    goes_on("in clear");

    new_key(&place, "vault.key");
    use_key(&place, "vault.key");
    daemon.signal("HUP");
    wait("sealed", &|| tokens(&place)["sealed_with"].is_string());
    let key = tokens(&place)["sealed_with"].clone();
    goes_on("sealed");
    assert_eq!(clear(&place, &server), Vec::<String>::new(), "wiped");

    new_key(&place, "other.key");
    use_key(&place, "other.key");
    daemon.signal("HUP");
    wait("refused", &|| {
        daemon.log().contains("but the configured key is")
    });
    goes_on("with the old key");
    assert_eq!(tokens(&place)["sealed_with"], key);
    let parked = crate::queries::maybe(
        &place.mirror(),
        "SELECT count(*) FROM rollbook_runs WHERE outcome = 'parked'",
    );
    assert_eq!(
        parked,
        Some(0),
        "nothing waited for a person: {}",
        daemon.log()
    );
    daemon.terminate();
    assert_eq!(daemon.end().code, Some(0));
}
