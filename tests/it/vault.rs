//! The vault from outside: keys created, changed, lost and wrong; what is listed and what is deleted.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::installation::{Config, Finished, Installation};
use crate::people::users;
use crate::server::{Fault, Paging, Server};

const AUTH: &str =
    "grant = \"refresh_token\"\nclient_id = \"rollbook\"\nrefresh_token = { file = \"secret\" }\n";

/// An installation with one rotating source; access tokens of this vendor last an hour.
fn installation(server: &Server) -> Installation {
    Installation::new(
        server,
        &Config {
            auth: AUTH,
            ..Config::default()
        },
    )
}

fn server() -> Server {
    Server::of_users(Paging::TotalInHeader, users(20))
}

/// Configures the location of the vault's key.
fn use_key(installation: &Installation, name: &str) {
    let path = installation.path("config/rollbook.toml");
    let text = fs::read_to_string(&path).expect("read");
    let text = text.split("[store]").next().expect("something");
    let store = format!("[store]\nvault_key = {{ file = \"{name}\" }}\n");
    fs::write(path, format!("{text}{store}")).expect("written");
}

fn use_no_key(installation: &Installation) {
    let path = installation.path("config/rollbook.toml");
    let text = fs::read_to_string(&path).expect("read");
    fs::write(&path, text.split("[store]").next().expect("something")).expect("written");
}

/// Creates a key by the command, as an admin does.
fn new_key(installation: &Installation, name: &str) -> PathBuf {
    let ran = installation.run(&["vault", "key"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.out.trim_end().len(), 44, "base64 of 32 bytes");
    installation.secret(name, &ran.out);
    installation.path("config").join(name)
}

/// The vault's files that hold a token in clear text.
fn clear(installation: &Installation, server: &Server) -> Vec<String> {
    let secrets = server.secrets();
    let tokens: Vec<&[u8]> = secrets
        .iter()
        .filter(|secret| secret.starts_with("refresh-") || secret.starts_with("access-"))
        .map(|secret| secret.as_bytes())
        .collect();
    assert!(!tokens.is_empty(), "the vendor gave some");
    let mut found = Vec::new();
    for entry in fs::read_dir(installation.path("state")).expect("a folder") {
        let entry = entry.expect("an entry");
        if entry.path().is_dir() {
            continue; // a daemon's runtime folder
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

fn tokens(installation: &Installation) -> Value {
    let ran = installation.run(&["tokens", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let lines: Value = serde_json::from_str(&ran.out).expect("JSON");
    lines[0].clone()
}

fn assert_ok(ran: Finished) -> Finished {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran
}

#[test]
fn an_unsealed_vault_is_sealed_with_a_new_key_without_requests() {
    let server = server();
    let installation = installation(&server);
    installation.sync().assert_ok("in clear");
    assert!(clear(&installation, &server).contains(&"vault.db-wal".to_owned()));
    assert_eq!(tokens(&installation)["sealed_with"], Value::Null);
    new_key(&installation, "vault.key");
    use_key(&installation, "vault.key");
    installation.sync().assert_ok("sealed");
    assert_eq!(clear(&installation, &server), Vec::<String>::new());
    let line = tokens(&installation);
    assert_eq!(line["sealed_with"].as_str().map(str::len), Some(16));
    assert_eq!(
        (&line["stored"], &line["vault_error"]),
        (&Value::Bool(true), &Value::Null)
    );
    assert_eq!(
        server.tokens(),
        1,
        "the token in the vault was always valid"
    );
    assert_ok(installation.run(&["check"]));
}

#[test]
fn without_the_right_key_jobs_are_parked_and_nothing_is_lost() {
    let server = server();
    let installation = installation(&server);
    new_key(&installation, "vault.key");
    new_key(&installation, "other.key");
    use_key(&installation, "vault.key");
    installation.sync().assert_ok("sealed from the start");
    let requests = server.log().len();
    for (name, words) in [
        ("no key", "and no key is configured; set [store] vault_key"),
        (
            "missing.key",
            "secret file `missing.key` is missing: write it into",
        ),
        ("other.key", "but the configured key is"),
    ] {
        match name {
            "no key" => use_no_key(&installation),
            file => use_key(&installation, file),
        }
        let ran = installation.sync();
        let (outcome, message) = ran.outcome_and_message();
        assert_eq!(
            (ran.code, outcome.as_str()),
            (Some(1), "parked"),
            "{name}: {ran:?}"
        );
        assert!(message.contains(words), "{name}: {message}");
        let ran = installation.run(&["check"]);
        assert_eq!(ran.code, Some(78), "{name}: {ran:?}");
        assert!(
            ran.out.contains("cannot use the sign-in of own: the vault") && ran.out.contains(words),
            "{name}: {ran:?}"
        );
        assert!(
            tokens(&installation)["vault_error"]
                .as_str()
                .is_some_and(|why| why.contains(words))
        );
        let shown = assert_ok(installation.run(&["tokens"]));
        assert!(shown.out.contains("roster is parked"), "{shown:?}");
    }
    assert_eq!(server.log().len(), requests, "no request was sent");
    assert_eq!(server.tokens(), 1);
    use_key(&installation, "vault.key");
    installation.sync().assert_ok("the right key again");
    assert_eq!(server.tokens(), 1);
}

#[test]
fn the_key_is_changed_in_one_step_and_the_old_one_opens_nothing() {
    let server = server();
    let installation = installation(&server);
    let old = new_key(&installation, "old.key");
    let new = new_key(&installation, "new.key");
    let (old, new) = (old.display().to_string(), new.display().to_string());
    use_key(&installation, "old.key");
    installation.sync().assert_ok("sealed");
    let before = tokens(&installation)["sealed_with"].clone();
    let ran = assert_ok(installation.run(&["vault", "rekey", "--new-key", &new]));
    assert!(
        ran.out.contains("1 row is encrypted with key")
            && ran.out.contains("set [store] vault_key to this key"),
        "{ran:?}"
    );
    assert_ne!(tokens(&installation)["sealed_with"], before);
    assert_eq!(
        installation.sync().outcome_and_message().0,
        "parked",
        "the old key opens nothing"
    );
    use_key(&installation, "new.key");
    installation.sync().assert_ok("the new one does");
    // The other order: the credential is changed first.
    use_key(&installation, "old.key");
    assert_ok(installation.run(&["vault", "rekey", "--old-key", &new]));
    installation.sync().assert_ok("back");
    let ran = assert_ok(installation.run(&["vault", "rekey", "--old-key", &new]));
    assert!(ran.out.contains("already"), "{ran:?}");
    // Invalid keys, and keys that others can read.
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
        let ran = installation.run(&[&["vault", "rekey"], &arguments[..]].concat());
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.err.contains(words), "{words}: {ran:?}");
    }
    // Unsealed, and sealed again.
    let ran = assert_ok(installation.run(&["vault", "rekey", "--plain"]));
    assert!(ran.out.contains("remove vault_key from [store]"), "{ran:?}");
    use_no_key(&installation);
    installation.sync().assert_ok("in clear");
    let ran = installation.run(&["vault", "rekey"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert_ok(installation.run(&["vault", "rekey", "--new-key", &old]));
    assert_eq!(clear(&installation, &server), Vec::<String>::new());
    assert_eq!(server.tokens(), 1, "nothing of this concerns the vendor");
}

#[test]
fn a_login_is_deleted_also_without_the_key() {
    let server = server();
    let installation = installation(&server);
    let ran = installation.run(&["logout", "own"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{ran:?}");
    assert!(
        ran.err
            .contains("own has no stored sign-in; `rollbook tokens` shows all"),
        "{ran:?}"
    );
    installation.sync().assert_ok("signed in");
    let ran = installation.run(&["logout", "owm"]);
    assert!(
        ran.err
            .contains("there is no source `owm`; did you mean `own`?"),
        "{ran:?}"
    );
    let ran = assert_ok(installation.run(&["logout", "own"]));
    assert!(
        ran.out.contains("The vendor still accepts it until"),
        "{ran:?}"
    );
    assert_eq!(clear(&installation, &server), Vec::<String>::new(), "wiped");
    assert_eq!(tokens(&installation)["stored"], Value::Bool(false));
    assert_eq!(installation.run(&["logout", "own"]).code, Some(2));
    new_key(&installation, "vault.key");
    use_key(&installation, "vault.key");
    installation
        .sync()
        .assert_ok("the configured token is used again");
    use_no_key(&installation);
    assert_ok(installation.run(&["logout", "own"]));
    installation.sync().assert_ok("in clear again");
}

#[test]
fn during_a_run_a_login_is_deleted_and_no_key_is_changed() {
    let server = server();
    let installation = installation(&server);
    let key = new_key(&installation, "vault.key").display().to_string();
    server.script(|_| Some(Fault::Wait));
    let running = installation.start(installation.command(&["sync", "--json"]));
    server.until_a_request_is_held();
    assert_eq!(
        tokens(&installation)["stored"],
        Value::Bool(true),
        "listed meanwhile"
    );
    let ran = installation.run(&["vault", "rekey", "--new-key", &key]);
    assert_eq!(ran.code, Some(75), "{ran:?}");
    assert_ok(installation.run(&["logout", "own"]));
    assert_eq!(tokens(&installation)["stored"], Value::Bool(false));
    server.release();
    running.end().assert_ok("its token is valid");
    assert_eq!(
        tokens(&installation)["stored"],
        Value::Bool(false),
        "and stays forgotten"
    );
}

#[test]
fn short_tokens_are_never_on_the_disk() {
    let server = server();
    for (grant, auth) in [
        ("client_credentials", Config::default().auth),
        (
            "password",
            "grant = \"password\"\nclient_id = \"c\"\nclient_secret = { file = \"secret\" }\nusername = \"u\"\npassword = { file = \"secret\" }\n",
        ),
    ] {
        let plan = Config {
            auth,
            ..Config::default()
        };
        let installation = Installation::new(&server, &plan);
        installation.sync().assert_ok(grant);
        assert_eq!(
            clear(&installation, &server),
            Vec::<String>::new(),
            "{grant}"
        );
        assert_eq!(
            tokens(&installation)["stored"],
            Value::Bool(false),
            "{grant}"
        );
    }
}

#[test]
fn a_running_daemon_accepts_a_new_key_only_if_it_opens_the_vault() {
    let server = server();
    server.token_lasts(1);
    let installation = installation(&server);
    installation.write(
        "jobs/roster.toml",
        "source = \"own\"\nstreams = [\"users\"]\nschedule = \"* * * * * *\"\n",
    );
    let daemon = installation.start(installation.command(&["run"]));
    let wait = |what: &str, is_so: &dyn Fn() -> bool| {
        let started = std::time::Instant::now();
        while !is_so() {
            assert!(
                started.elapsed() < crate::server::WAIT_LIMIT,
                "{what}: {}",
                daemon.log()
            );
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    let good = || {
        let sql = "SELECT count(*) FROM rollbook_runs WHERE outcome = 'ok'";
        let is_made = installation.mirror().exists();
        is_made
            .then(|| crate::queries::maybe(&installation.mirror(), sql))
            .flatten()
            .unwrap_or(0)
    };
    let continues = |what: &str| {
        let before = good();
        wait(what, &|| good() > before + 1);
    };
    continues("in clear");

    new_key(&installation, "vault.key");
    use_key(&installation, "vault.key");
    daemon.signal("HUP");
    wait("sealed", &|| {
        tokens(&installation)["sealed_with"].is_string()
    });
    let key = tokens(&installation)["sealed_with"].clone();
    continues("sealed");
    assert_eq!(clear(&installation, &server), Vec::<String>::new(), "wiped");

    new_key(&installation, "other.key");
    use_key(&installation, "other.key");
    daemon.signal("HUP");
    wait("refused", &|| {
        daemon.log().contains("but the configured key is")
    });
    continues("with the old key");
    assert_eq!(tokens(&installation)["sealed_with"], key);
    let parked = crate::queries::maybe(
        &installation.mirror(),
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
