//! `rollbook check` from outside: mistakes in several files, secrets and addresses in one run, and never a secret value.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::installation::{Config, Finished, Installation, SECRET};
use crate::people::users;
use crate::server::{Paging, Server};

/// Each problem as severity, file name and line, and message.
fn lines(ran: &Finished) -> Vec<String> {
    let view: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    assert_eq!(view["ok"], false, "{ran:?}");
    let problems = view["problems"].as_array().expect("problems");
    let line = |problem: &Value| {
        let text = |key: &str| problem[key].as_str().unwrap_or_default().to_owned();
        let file = text("file");
        let file = file.rsplit('/').next().unwrap_or_default();
        let line = problem["line"].as_u64().unwrap_or_default();
        format!("{} {file}:{line} {}", text("severity"), text("message"))
    };
    let mut lines: Vec<String> = problems.iter().map(line).collect();
    lines.sort();
    lines
}

fn add(installation: &Installation, name: &str, lines: &str) {
    let text = fs::read_to_string(installation.path(name)).expect("read");
    installation.write(name, &format!("{text}{lines}"));
}

#[test]
fn one_run_reports_the_mistakes_of_all_files() {
    let server = Server::of_users(Paging::TotalInHeader, users(1));
    let installation = Installation::new(&server, &Config::default());
    add(
        &installation,
        "config/rollbook.toml",
        "[sources.south]\nconnector = \"owm\"\n[sources.west]\nconnector = \"own\"\nsettings = { colour = \"red\" }\n\
         [sources.west.auth]\ngrant = \"client_credentials\"\nclient_id = \"CHANGE-ME\"\n\
         client_secret = { file = \"nothing\" }\ntoken_url = \"tokens\"\n",
    );
    let job = |source: &str, streams: &str, schedule: &str| {
        format!("source = \"{source}\"\nstreams = [\"{streams}\"]\nschedule = \"{schedule}\"\n")
    };
    installation.write("jobs/a.toml", &job("south", "users", "*/70 * * * *"));
    let b = job("west", "user", "0 25 * * *") + "[stream.users]\n";
    installation.write("jobs/b.toml", &b);
    let secret = installation.path("config/secret");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).expect("set");
    let ran = installation.run(&["check", "--json"]);
    assert_eq!(ran.code, Some(78), "{ran:?}");
    let found = lines(&ran);
    for expected in [
        "there is no connector `owm`",
        "has no setting `colour`",
        "`client_id` is still the placeholder `CHANGE-ME`",
        "secret file `nothing` is missing",
        "`token_url` is not an address such as https://school.example",
        "a.toml:3 the minute `*/70` of the schedule has a step larger than its range",
        "b.toml:2 ",
        "has no stream `user`",
        "b.toml:3 the hour `25` of the schedule cannot be used",
        "can be read by others",
    ] {
        let is_there = found.iter().any(|line| line.contains(expected));
        assert!(is_there, "{expected} is not in {found:#?}");
    }
    assert_eq!(found.len(), 11, "{found:#?}");
    assert!(!ran.out.contains(SECRET), "{ran:?}");
    let shown = installation.run(&["check"]);
    assert_eq!(shown.code, Some(78), "{shown:?}");
    let text = format!("{}{}", shown.out, shown.err);
    assert!(
        text.contains("11 problems") && text.contains("rollbook.toml:"),
        "{text}"
    );
}

#[test]
fn a_daemon_starts_despite_problems_that_only_check_refuses() {
    let server = Server::of_users(Paging::TotalInHeader, users(3));
    let installation = Installation::new(&server, &Config::default());
    fs::remove_file(installation.path("config/secret")).expect("removed");
    let ran = installation.run(&["check"]);
    assert_eq!(ran.code, Some(78), "{ran:?}");
    for words in [
        "secret file `secret` is missing",
        "rollbook.toml:",
        "a daemon would start, and park the jobs",
    ] {
        assert!(ran.out.contains(words), "{words}: {ran:?}");
    }
    assert_eq!(installation.sync().outcome_and_message().0, "parked");
    installation.secret("secret", SECRET);
    let ran = installation.run(&["check"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains(": no problems."), "{ran:?}");
}
