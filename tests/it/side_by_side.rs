//! `rollbook sync` without a daemon: sources side by side, failures apart.

use crate::installation::{Config, Installation};
use crate::people::users;
use crate::queries::count;
use crate::server::{Fault, Paging, Server};

#[test]
fn a_slow_source_holds_no_other_up_and_a_failed_one_stops_none() {
    let slow = Server::of_users(Paging::TotalInHeader, users(20));
    let quick = Server::of_users(Paging::TotalInHeader, users(30));
    let refused = Server::of_users(Paging::TotalInHeader, users(40));
    let installation = Installation::new(&slow, &Config::default());
    let read = |file: &str| std::fs::read_to_string(installation.path(file)).expect("a file");
    let mut config = read("config/rollbook.toml");
    let own = config.clone();
    for (name, server) in [("quick", &quick), ("refused", &refused)] {
        let source = own.replace("sources.own", &format!("sources.{name}"));
        config.push_str(&format!(
            "\n{}",
            source.replace(slow.origin(), server.origin())
        ));
        let job = read("jobs/roster.toml").replace("\"own\"", &format!("\"{name}\""));
        installation.write(&format!("jobs/a_{name}.toml"), &job);
    }
    installation.write("config/rollbook.toml", &config);
    slow.script(|asked| (asked.nth == 1).then_some(Fault::Wait));
    refused.refuse_tokens(401);
    let running = installation.start(installation.command(&["sync", "--json"]));
    slow.until_a_request_is_held();
    // The other one is read while this one waits.
    quick.until_a_request_was_answered();
    slow.release();
    let ran = running.end();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let reports: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    let shown: Vec<String> = reports
        .as_array()
        .expect("reports")
        .iter()
        .map(|report| format!("{} {}", report["job"], report["outcome"]).replace('"', ""))
        .collect();
    assert_eq!(shown, ["a_quick ok", "a_refused parked", "roster ok"]);
    let mirror = installation.mirror();
    assert_eq!(
        (count(&mirror, "own_users"), count(&mirror, "quick_users")),
        (20, 30)
    );
}

#[test]
fn a_watched_status_needs_a_terminal() {
    let server = Server::of_users(Paging::TotalInHeader, users(3));
    let installation = Installation::new(&server, &Config::default());
    let piped = installation.run(&["status", "--watch"]);
    assert_eq!(piped.code, Some(2), "{piped:?}");
    assert!(
        piped.err.contains("--watch redraws a terminal"),
        "{piped:?}"
    );
    assert_eq!(piped.out, "");
}
