//! `rollbook init` from outside: its files are checked, and read from simulated vendors, by the program itself.

use std::fs;

use crate::installation::{Finished, Installation};
use crate::queries;

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
