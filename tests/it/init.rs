//! `rollbook init` from outside: what it writes is checked, and read from simulated vendors, by the program itself.

use std::fs;

use crate::look;
use crate::place::{Place, Ran};

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
    assert_eq!(check.code, Some(0), "{}{}", check.out, check.err);
    assert!(check.out.contains("4 sources, 6 jobs"), "{}", check.out);
    // The client that the simulated vendors know, put in as an admin would.
    let written = fs::read_to_string(place.path("etc/rollbook.toml")).expect("written");
    place.write(
        "etc/rollbook.toml",
        &written.replace("CHANGE-ME", "rollbook"),
    );
    let demo = rollbook(&place, &["demo", "--json", "--students", "40"]);
    assert_eq!(demo.code, Some(0), "{}{}", demo.out, demo.err);
    for table in [
        "oneroster_users",
        "wapi_points",
        "webuntis_enrollments",
        "wisenet_learners",
    ] {
        assert!(look::count(&place.mirror(), table) > 0, "{table} is empty");
    }
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
