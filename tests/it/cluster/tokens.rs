//! Refresh tokens that can be used once: a worker is killed, or stopped, at each step of a refresh, and another takes over.
//!
//! What only the killed worker knew is lost with it: then there is one message and no second try, until a person says `resume`.

use std::time::{Duration, Instant};

use rollbook_postgres::cluster::token::{GRACE, REQUEST};
use serde_json::Value;

use super::district::{District, Plan};
use crate::alerts::webhook;
use crate::database::psql;
use crate::installation::{NO_TICK, Running};
use crate::people::users;
use crate::rotating::{Reuse, Rotating, Step, refresh_token};
use crate::server::WAIT_LIMIT;

/// How long it is looked whether another message comes.
const QUIET: Duration = Duration::from_secs(3);

/// A source with a token server of its own.
pub struct Case {
    name: &'static str,
    held_at: Step,
    pub server: Rotating,
    /// Whether the successor works without a person.
    recovers: bool,
    /// Whether it works after `resume`, with one more request.
    works_after_resume: bool,
}

pub fn case(
    name: &'static str,
    held_at: Step,
    reuse: Reuse,
    recovers: bool,
    works_after_resume: bool,
) -> Case {
    Case {
        name,
        held_at,
        server: Rotating::start(reuse, users(5)),
        recovers,
        works_after_resume,
    }
}

/// A district of these sources, whose jobs run by commands.
pub fn district(cases: &[Case], more: &str) -> Option<District> {
    let district = District::new(Plan {
        schools: 0,
        every: 0,
        ..Plan::default()
    })?;
    let installation = &district.installation;
    let path = installation.path("config/rollbook.toml");
    let mut rollbook = std::fs::read_to_string(path).expect("read");
    for Case { name, server, .. } in cases {
        let origin = server.origin();
        rollbook += &format!(
            "[sources.{name}]\nconnector = \"{name}\"\n[sources.{name}.settings]\nbase_url = \"{origin}/v1p1\"\n\
             token_url = \"{origin}/token\"\n[sources.{name}.auth]\ngrant = \"refresh_token\"\nclient_id = \"rollbook\"\n\
             refresh_token = {{ file = \"first\" }}\n"
        );
        installation.write(
            &format!("config/connectors/{name}.toml"),
            &format!(
                "connector = \"{name}\"\ntitle = \"the tests' own vendor\"\nextends = \"oneroster\"\n[limits]\nper_second = 1000.0\n\
                 [auth.refresh_token]\ntoken_url = \"{origin}/token\"\nclient_auth = \"post\"\n"
            ),
        );
        installation.write(
            &format!("config/jobs/{name}.toml"),
            &format!("source = \"{name}\"\nstreams = [\"users\"]\nschedule = \"{NO_TICK}\"\n"),
        );
    }
    installation.write("config/rollbook.toml", &format!("{rollbook}{more}"));
    installation.secret_at("config/first", &refresh_token(0));
    Some(district)
}

/// The exit code of a command that is to be repeated, because its source was on its way.
const REPEAT: Option<i32> = Some(75);

/// The outcome of a run of this source, by a command at this worker.
pub fn sync(district: &District, worker: usize, name: &str) -> String {
    let started = Instant::now();
    let ran = loop {
        let ran = district.run_at(worker, &["sync", name, "--json"]);
        if ran.code != REPEAT || started.elapsed() > WAIT_LIMIT {
            break ran;
        }
    };
    let report: Value = serde_json::from_str(&ran.out).unwrap_or_default();
    let outcome = report["run"]["outcome"].as_str().map(str::to_owned);
    outcome.unwrap_or_else(|| panic!("{name}: {ran:?}\n{}", district.told()))
}

fn start_sync(district: &District, worker: usize, name: &str) -> Running {
    let command = district.workers[worker].command(&district.installation, &["sync", name]);
    district.installation.start(command)
}

/// Starts a run at the first worker, which blocks at a step of the refresh of its expired token.
fn refresh(district: &District, case: &Case) -> Running {
    case.server.token_requests();
    case.server.expire(1);
    case.server.hold(case.held_at);
    let running = start_sync(district, 0, case.name);
    case.server.until_blocked();
    running
}

#[test]
fn a_worker_killed_at_each_step_of_a_refresh_loses_only_what_it_alone_knew() {
    let cases = [
        case("before", Step::BeforeRotating, Reuse::EndsAll, false, true),
        case("lost", Step::BeforeAnswering, Reuse::EndsAll, false, false),
        case(
            "forgiven",
            Step::BeforeAnswering,
            Reuse::Forgiven,
            false,
            true,
        ),
        case("stored", Step::BeforeFirstPage, Reuse::EndsAll, true, true),
    ];
    let (address, alerts) = webhook(0);
    let more = "[alerts]\n[alerts.webhook]\nurl = { file = \"hook\" }\n";
    let Some(mut district) = district(&cases, more) else {
        return;
    };
    district.installation.secret_at("config/hook", &address);
    district.add_many(1);
    district.until("all", |district| {
        district.workers[0].folders().len() == cases.len()
    });
    let mut commands = Vec::new();
    for case in &cases {
        assert_eq!(sync(&district, 0, case.name), "ok", "{}", case.name);
        commands.push(refresh(&district, case));
    }
    district.workers[0].kill();
    commands.iter_mut().for_each(Running::kill);
    for case in &cases {
        match case.held_at {
            Step::BeforeRotating => case.server.drop_blocked(),
            _ => case.server.release(),
        }
        let requests = case.server.token_requests().len();
        let is_sent = case.held_at != Step::BeforeRotating;
        assert_eq!(requests, usize::from(is_sent), "{}", case.name);
    }

    district.add_many(1);
    district.until("all", |district| {
        district.workers[1].folders().len() == cases.len()
    });
    // A late answer may still be stored.
    district.until("no answer can come", |district| {
        let sql = "SELECT count(*) = 0 FROM rollbook_cluster.tokens WHERE intent_at + interval '91 seconds' > clock_timestamp()";
        psql(&district.database.url, sql).is_ok_and(|rows| rows == [["t"]])
    });
    for case in &cases {
        let expected = if case.recovers { "ok" } else { "parked" };
        assert_eq!(
            sync(&district, 1, case.name),
            expected,
            "{}\n{}",
            case.name,
            district.told()
        );
        assert_eq!(
            case.server.token_requests(),
            [],
            "{}: no second try",
            case.name
        );
    }
    let mut messages: Vec<String> = Vec::new();
    let parked = Instant::now();
    while let Ok(message) = alerts.recv_timeout(QUIET.saturating_sub(parked.elapsed())) {
        messages.push(message["text"].to_string());
    }
    for case in &cases {
        let own = messages.iter().filter(|text| text.contains(case.name));
        assert_eq!(
            own.count(),
            usize::from(!case.recovers),
            "{}: {messages:?}",
            case.name
        );
    }

    for case in cases.iter().filter(|case| !case.recovers) {
        let resumed = district.run_at(1, &["resume", case.name]);
        assert_eq!(resumed.code, Some(0), "{}: {resumed:?}", case.name);
        match case.works_after_resume {
            true => assert_eq!(sync(&district, 1, case.name), "ok", "{}", case.name),
            // What became of the first request is not known still; but no answer can come, so nothing is waited for.
            false => {
                let started = Instant::now();
                assert_eq!(sync(&district, 1, case.name), "parked", "{}", case.name);
                assert!(started.elapsed() < GRACE, "{}", case.name);
            }
        }
        let requests = case.server.token_requests();
        assert_eq!(requests.len(), 1, "{}: {requests:?}", case.name);
        assert_eq!(requests[0].1, case.works_after_resume, "{}", case.name);
    }
    district.assert_good();
}

/// It brings the token home though its lease and the time of its request have ended, and another has the source.
#[test]
fn a_token_that_a_stopped_worker_received_is_stored_when_it_goes_on() {
    let cases = [case(
        "late",
        Step::BeforeAnswering,
        Reuse::EndsAll,
        true,
        true,
    )];
    let Some(mut district) = district(&cases, "") else {
        return;
    };
    let [case] = &cases;
    district.add_many(1);
    district.until("it has it", |district| {
        !district.workers[0].folders().is_empty()
    });
    assert_eq!(sync(&district, 0, "late"), "ok");
    let mut command = refresh(&district, case);
    let sent = Instant::now();
    district.workers[0].running().signal("STOP");
    command.kill();
    case.server.release();
    district.add_many(1);
    district.until("taken over", |district| {
        !district.workers[1].folders().is_empty()
    });
    district.until("its time is over", |_| sent.elapsed() > REQUEST);
    district.workers[0].running().signal("CONT");
    let is_stored = |district: &District| {
        let sql = "SELECT intent_claim IS NULL FROM rollbook_cluster.tokens WHERE source = 'late'";
        psql(&district.database.url, sql).is_ok_and(|rows| rows == [["t"]])
    };
    district.until("its token is stored", is_stored);
    assert_eq!(sync(&district, 1, "late"), "ok", "{}", district.told());
    assert_eq!(
        case.server.token_requests(),
        [(Some(1), true)],
        "{}",
        district.told()
    );
    assert!(case.server.is_alive());
    district.assert_good();
}
