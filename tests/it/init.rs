//! `rollbook init` from outside: its files are checked, and read from simulated vendors, by the program itself.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::installation::{Finished, Installation};
use crate::queries;
use crate::terminal::{Session, is_usual};

fn rollbook(installation: &Installation, arguments: &[&str]) -> Finished {
    let mut command = installation.bare();
    command.arg("--config").arg(installation.path("etc"));
    command.arg("--state").arg(installation.path("state"));
    command.args(arguments);
    installation.start(command).end()
}

#[test]
fn the_written_configuration_is_valid_and_usable() {
    let installation = Installation::empty();
    let vendors = ["oneroster", "wapi", "webuntis", "wisenet"];
    let init = rollbook(&installation, &[&["init"][..], &vendors].concat());
    assert_eq!(init.code, Some(0), "{}", init.err);
    let check = rollbook(&installation, &["check"]);
    assert_eq!(check.code, Some(78), "{}{}", check.out, check.err);
    for words in [
        "4 sources, 6 jobs",
        "is still the placeholder `CHANGE-ME`",
        "is still the placeholder `https://change-me.example`",
        "this source still has invented values: `tenant`, `client_id`",
        "credential `wapi_password` is missing",
        "rollbook.toml:",
    ] {
        assert!(check.out.contains(words), "{words}: {}", check.out);
    }
    // What an admin fills in: own values, and the client of the simulated vendors.
    let written = fs::read_to_string(installation.path("etc/rollbook.toml")).expect("written");
    let own = written
        .replace("CHANGE-ME", "rollbook")
        .replace("change-me.example", "own.example");
    installation.write("etc/rollbook.toml", &own);
    let demo = rollbook(&installation, &["demo", "--json", "--students", "40"]);
    assert_eq!(demo.code, Some(0), "{}{}", demo.out, demo.err);
    for table in [
        "oneroster_users",
        "wapi_points",
        "webuntis_enrollments",
        "wisenet_learners",
    ] {
        assert!(
            queries::count(&installation.mirror(), table) > 0,
            "{table} is empty"
        );
    }
    let own = own
        .replace("\"rollbook\"", "\"ours\"")
        .replace("https://own.example", "https://own.example/ims");
    installation.write("etc/rollbook.toml", &own);
    for line in own.lines().filter(|line| !line.starts_with('#')) {
        if let Some((_, name)) = line.split_once("{ credential = \"") {
            let name = name.split('"').next().expect("a name");
            installation.secret_at(&format!("etc/credentials/{name}"), "s3cret");
        }
    }
    let check = rollbook(&installation, &["check"]);
    assert_eq!(check.code, Some(0), "{}{}", check.out, check.err);
    let again = rollbook(&installation, &["init", "wapi"]);
    assert_eq!(again.code, Some(1), "{}", again.err);
    assert!(again.err.contains("--name wapi_2"), "{}", again.err);
}

/// A file with an edited layout, in which `check` finds nothing wrong.
const OWN: &str = "# ours\n\n[sources]\n\twebuntis = { connector='webuntis', settings={tenant='12'}, \
    auth={grant='client_credentials', client_id='ours', client_secret={credential='k'}} }  # one line\n\n# the end";

#[test]
fn a_second_connector_is_added_without_a_change_of_a_byte() {
    let installation = Installation::empty();
    installation.write("etc/rollbook.toml", OWN);
    installation.write(
        "etc/jobs/x.toml",
        "source='webuntis'\nstreams=['orgs']\nschedule='0 1 * * *'\n",
    );
    installation.secret_at("etc/credentials/k", "s3cret");
    let path = installation.path("etc/rollbook.toml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
    let set = [
        "--set",
        "wac=WAC000000000001",
        "--set",
        "client_id=us",
        "--set",
        "username=u",
        "--set",
        "woc=",
    ];
    let added = rollbook(&installation, &[&["init", "wapi"][..], &set].concat());
    assert_eq!(added.code, Some(0), "{}", added.err);
    let text = fs::read_to_string(&path).expect("read");
    assert!(text.starts_with(OWN), "{text}");
    let mode = path.metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o640);
    for name in ["wapi_client_secret", "wapi_password"] {
        assert!(added.out.contains(name), "{}", added.out);
        installation.secret_at(&format!("etc/credentials/{name}"), "s3cret");
    }
    let check = rollbook(&installation, &["check"]);
    assert_eq!(check.code, Some(0), "{}{}", check.out, check.err);
    assert!(check.out.contains("2 sources, 3 jobs"), "{}", check.out);
    let leftovers = fs::read_dir(installation.path("etc")).expect("a folder");
    let hidden = leftovers.filter(|entry| {
        let name = entry.as_ref().expect("an entry").file_name();
        name.to_string_lossy().starts_with('.')
    });
    assert_eq!(hidden.count(), 0);
}

#[test]
fn what_cannot_be_done_is_refused_and_nothing_is_written() {
    let rows: [(&str, &str, &[&str], i32, &str); 6] = [
        (
            "inline",
            "sources = { }\n",
            &["wapi"],
            78,
            "rollbook.toml:1:1",
        ),
        ("not TOML", "[store\n", &["wapi"], 78, "rollbook.toml:1:7"),
        (
            "a mistake",
            "[store]\npaht = 'x'\n",
            &["wapi"],
            78,
            "rollbook.toml:2:1",
        ),
        ("a used name", OWN, &["webuntis"], 1, "--name webuntis_2"),
        (
            "a secret",
            OWN,
            &["wapi", "--set", "password=hunter2"],
            2,
            "--set does not take",
        ),
        (
            "a wrong value",
            OWN,
            &["wisenet", "--set", "region=XX"],
            2,
            "invalid value for `region`",
        ),
    ];
    for (what, text, arguments, code, words) in rows {
        let installation = Installation::empty();
        installation.write("etc/rollbook.toml", text);
        installation.write("etc/jobs/README", "");
        let init = rollbook(&installation, &[&["init"][..], arguments].concat());
        assert_eq!(init.code, Some(code), "{what}: {}", init.err);
        assert!(init.err.contains(words), "{what}: {}", init.err);
        assert!(!init.err.contains("hunter2"), "{what}: {}", init.err);
        let now = fs::read_to_string(installation.path("etc/rollbook.toml")).expect("read");
        assert_eq!(now, text, "{what}");
        let files = fs::read_dir(installation.path("etc")).expect("a folder");
        assert_eq!(files.count(), 2, "{what}");
    }
}

/// The program on a terminal.
fn session(installation: &Installation, arguments: &[&str]) -> Session {
    let mut command = installation.bare();
    command.arg("--config").arg(installation.path("etc"));
    command.arg("--state").arg(installation.path("state"));
    command.arg("init").args(arguments);
    Session::start(command)
}

#[test]
fn on_a_terminal_it_asks_and_stores_the_secret() {
    let installation = Installation::empty();
    let mut session = session(&installation, &["webuntis"]);
    session.dialogue("grant [client_credentials]: ", "implicit");
    session.expect("does not offer `implicit`");
    session.dialogue("grant [client_credentials]: ", "");
    session.expect("Administration > Platform");
    session.dialogue("tenant: ", " 4712 ");
    session.dialogue("client_id: ", "us\u{200b}");
    session.expect("zero-width");
    session.dialogue("client_id: ", "us");
    session.expect("client_secret (not shown): ");
    assert!(!session.is_usual(), "the secret would be shown");
    session.answer("two\u{a0}words");
    session.expect("no-break space");
    session.expect("client_secret (not shown): ");
    session.answer("hunter\u{7f}r2");
    session.expect("Written:");
    session.expect("runs every job");
    let is_usual = session.is_usual();
    let (code, shown) = session.end();
    assert!(is_usual && code == Some(0), "{shown}");
    assert!(
        !shown.contains("hunte") && !shown.contains("words"),
        "{shown}"
    );
    assert!(!shown.contains("credentials.conf"), "{shown}");
    let secret = installation.path("etc/credentials/webuntis_password");
    assert_eq!(fs::read_to_string(&secret).expect("read"), "hunter2");
    let mode = secret.metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let text = fs::read_to_string(installation.path("etc/rollbook.toml")).expect("read");
    assert!(!text.contains("hunter2"), "{text}");
    let check = rollbook(&installation, &["check"]);
    assert_eq!(check.code, Some(0), "{}{}", check.out, check.err);
}

#[test]
fn secrets_that_were_left_open_are_asked_for_later() {
    let installation = Installation::empty();
    let written = rollbook(&installation, &["init", "wisenet", "--no-input"]);
    assert_eq!(written.code, Some(0), "{}", written.err);
    let blind = rollbook(&installation, &["init", "--secrets"]);
    assert_eq!(blind.code, Some(2), "{}", blind.err);
    installation.secret_at("etc/credentials/wisenet_refresh_token", "t0ken");
    let mut session = session(&installation, &["--secrets"]);
    session.dialogue("wisenet_client_secret (not shown): ", "hunter2");
    session.expect("runs every job");
    let (code, shown) = session.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(
        !shown.contains("wisenet_refresh_token (not shown)"),
        "{shown}"
    );
    let secret = |name: &str| fs::read_to_string(installation.path("etc/credentials").join(name));
    assert_eq!(secret("wisenet_client_secret").expect("read"), "hunter2");
    assert_eq!(secret("wisenet_refresh_token").expect("read"), "t0ken");
}

#[test]
fn a_signal_at_the_hidden_prompt_leaves_the_terminal_and_the_files_as_they_were() {
    for signal in ["INT", "TERM"] {
        let installation = Installation::empty();
        let mut session = session(
            &installation,
            &["webuntis", "--set", "grant=client_credentials"],
        );
        session.dialogue("tenant: ", "");
        session.dialogue("client_id: ", "");
        session.expect("client_secret (not shown): ");
        assert!(!session.is_usual());
        let pid = session.pid().to_string();
        let killed = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(killed.expect("kill runs").success());
        session.expect("nothing was written");
        // It ends after it has said so.
        let line = session.line();
        let (code, shown) = session.end();
        assert_eq!(code, Some(1), "{shown}");
        assert!(is_usual(&line), "{signal}");
        assert!(!installation.path("etc").exists());
    }
}

#[test]
fn the_packaged_configuration_is_valid_and_sends_no_requests() {
    let installation = Installation::empty();
    let shipped = include_str!("../../systemd/deb/rollbook.toml");
    installation.write("etc/rollbook.toml", shipped);
    let readme = include_str!("../../systemd/deb/README.jobs");
    installation.write("etc/jobs/README", readme);
    let check = rollbook(&installation, &["check"]);
    assert_eq!(check.code, Some(0), "{}{}", check.out, check.err);
    assert!(check.out.contains("0 sources, 0 jobs"), "{}", check.out);
}
