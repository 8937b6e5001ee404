//! `rollbook init` from outside: what it writes is checked, and read from simulated vendors, by the program itself.

use std::fs;

use crate::place::{Place, Ran};
use crate::queries;

fn rollbook(place: &Place, arguments: &[&str]) -> Ran {
    let mut command = place.bare();
    command.arg("--config").arg(place.path("etc"));
    command.arg("--state").arg(place.path("state"));
    command.args(arguments);
    place.start(command).end()
}

#[test]
fn what_is_written_is_right_and_can_be_read_from() {
    let place = Place::empty();
    let vendors = ["oneroster", "wapi", "webuntis", "wisenet"];
    let init = rollbook(&place, &[&["init"][..], &vendors].concat());
    assert_eq!(init.code, Some(0), "{}", init.err);
    let check = rollbook(&place, &["check"]);
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
    // What an admin puts in: own values, and the client that the simulated vendors know.
    let written = fs::read_to_string(place.path("etc/rollbook.toml")).expect("written");
    let own = written
        .replace("CHANGE-ME", "rollbook")
        .replace("change-me.example", "own.example");
    place.write("etc/rollbook.toml", &own);
    let demo = rollbook(&place, &["demo", "--json", "--students", "40"]);
    assert_eq!(demo.code, Some(0), "{}{}", demo.out, demo.err);
    for table in [
        "oneroster_users",
        "wapi_points",
        "webuntis_enrollments",
        "wisenet_learners",
    ] {
        assert!(
            queries::count(&place.mirror(), table) > 0,
            "{table} is empty"
        );
    }
    let own = own
        .replace("\"rollbook\"", "\"ours\"")
        .replace("https://own.example", "https://own.example/ims");
    place.write("etc/rollbook.toml", &own);
    for line in own.lines().filter(|line| !line.starts_with('#')) {
        if let Some((_, name)) = line.split_once("{ credential = \"") {
            let name = name.split('"').next().expect("a name");
            place.secret_at(&format!("etc/credentials/{name}"), "s3cret");
        }
    }
    let check = rollbook(&place, &["check"]);
    assert_eq!(check.code, Some(0), "{}{}", check.out, check.err);
    let again = rollbook(&place, &["init", "wapi"]);
    assert_eq!(again.code, Some(1), "{}", again.err);
}

#[test]
fn the_packages_own_configuration_is_right_and_asks_nobody() {
    let place = Place::empty();
    let shipped = include_str!("../../systemd/deb/rollbook.toml");
    place.write("etc/rollbook.toml", shipped);
    let readme = include_str!("../../systemd/deb/README.jobs");
    place.write("etc/jobs/README", readme);
    let check = rollbook(&place, &["check"]);
    assert_eq!(check.code, Some(0), "{}{}", check.out, check.err);
    assert!(check.out.contains("0 sources, 0 jobs"), "{}", check.out);
}
