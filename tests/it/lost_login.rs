//! A login that is lost while the daemon runs: one alert for a source with many jobs, and one when it recovers.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::alerts::{next, webhook};
use crate::authority::{Authority, Faults};
use crate::installation::{Config, Installation};
use crate::login::{PendingLogin, installation, installation_of_issuer};
use crate::people::users;
use crate::queries;
use crate::server::{Paging, Server, WAIT_LIMIT};

const JOBS: [&str; 10] = [
    "job_0", "job_1", "job_2", "job_3", "job_4", "job_5", "job_6", "job_7", "job_8", "job_9",
];

fn until(installation: &Installation, what: &str, sql: &str, number: u64) {
    let started = Instant::now();
    while !installation.mirror().exists()
        || queries::maybe(&installation.mirror(), sql) != Some(number)
    {
        assert!(started.elapsed() < WAIT_LIMIT, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn sign_in(installation: &Installation) {
    let pending = PendingLogin::start(installation, &["--paste"]);
    let ended = pending.browse();
    assert_eq!(pending.paste(&ended).code, Some(0));
}

#[test]
fn a_lost_login_of_ten_jobs_is_one_alert_and_one_for_its_recovery() {
    let authority = Authority::start(&[]);
    let (address, alerts) = webhook(0);
    let installation = installation(&authority, "");
    std::fs::remove_file(installation.path("jobs/roster.toml")).expect("removed");
    for job in JOBS {
        installation.write(
            &format!("jobs/{job}.toml"),
            "source = \"own\"\nstreams = [\"users\"]\nschedule = \"* * * * * *\"\n",
        );
    }
    let rollbook =
        std::fs::read_to_string(installation.path("config/rollbook.toml")).expect("read");
    let section = "[alerts]\nafter_failures = 1\n[alerts.webhook]\nurl = { file = \"hook\" }\n";
    installation.write("config/rollbook.toml", &format!("{rollbook}{section}"));
    installation.secret("hook", &address);
    sign_in(&installation);

    let daemon = installation.start(installation.command(&["run"]));
    let good = "SELECT count(DISTINCT job) FROM rollbook_runs WHERE outcome = 'ok'";
    until(&installation, "every job runs", good, 10);
    authority.revoke();
    let parked = "SELECT count(*) FROM rollbook_jobs WHERE parked IS NOT NULL";
    until(&installation, "every job is parked", parked, 10);
    // The alert of a login that is found again at once would tell nobody anything, so it may be missing.
    let (kind, text) = next(&alerts);
    sign_in(&installation);
    until(&installation, "no job is parked", parked, 0);
    assert_eq!(kind, "parked", "{text}");
    assert_eq!(
        text,
        "sign-in needed: own has no valid sign-in; run `rollbook login own`, \
         then job_0, job_1, job_2, job_3, job_4, job_5, job_6, job_7, job_8 and job_9 resume at the next tick"
    );
    let (kind, text) = next(&alerts);
    assert_eq!(
        (kind.as_str(), text.as_str()),
        ("recovered", "own accepts our credentials again")
    );
    let alerted = "SELECT count(*) FROM rollbook_alerts";
    until(&installation, "no alert is active", alerted, 0);
    daemon.terminate();
    assert_eq!(daemon.end().code, Some(0));
    assert_eq!(queries::count(&installation.mirror(), "rollbook_outbox"), 0);
    assert_eq!(alerts.try_recv().ok(), None, "another alert was sent");
}

#[test]
fn a_corrected_credential_works_at_once_after_a_resume() {
    let server = Server::of_users(Paging::TotalInHeader, users(10));
    let installation = Installation::new(&server, &Config::default());
    installation.write(
        "jobs/roster.toml",
        "source = \"own\"\nstreams = [\"users\"]\nschedule = \"* * * * * *\"\n",
    );
    server.refuse_tokens(401);
    let daemon = installation.start(installation.command(&["run"]));
    let parked = "SELECT count(*) FROM rollbook_jobs WHERE parked IS NOT NULL";
    until(&installation, "the job is parked", parked, 1);
    server.issue_tokens();
    installation.secret("secret", "another-s3cret");
    let ran = installation.run(&["resume", "roster"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let good = "SELECT count(*) > 0 FROM rollbook_runs WHERE outcome = 'ok'";
    until(&installation, "the job reads again", good, 1);
    let basic = format!(
        "Basic {}",
        BASE64_STANDARD.encode("rollbook:another-s3cret")
    );
    assert!(server.secrets().contains(&basic), "the new secret is sent");
    daemon.terminate();
    assert_eq!(daemon.end().code, Some(0));
}

/// No resume is needed: the changed secret is reason enough.
#[test]
fn a_parked_job_runs_at_its_next_tick_after_its_secret_has_changed() {
    let server = Server::of_users(Paging::TotalInHeader, users(10));
    let installation = Installation::new(&server, &Config::default());
    installation.write(
        "jobs/roster.toml",
        "source = \"own\"\nstreams = [\"users\"]\nschedule = \"* * * * * *\"\n",
    );
    server.refuse_tokens(401);
    let daemon = installation.start(installation.command(&["run"]));
    let parked = "SELECT count(*) FROM rollbook_jobs WHERE parked IS NOT NULL";
    until(&installation, "the job is parked", parked, 1);
    server.issue_tokens();
    installation.secret("secret", "another-s3cret");
    let good = "SELECT count(*) > 0 FROM rollbook_runs WHERE outcome = 'ok'";
    until(&installation, "the job reads again", good, 1);
    let runs = "SELECT count(*) FROM rollbook_runs WHERE outcome = 'parked'";
    assert_eq!(queries::maybe(&installation.mirror(), runs), Some(1));
    daemon.terminate();
    assert_eq!(daemon.end().code, Some(0));
}

#[test]
fn a_refused_password_is_sent_once_and_once_more_after_a_resume() {
    let server = Server::of_users(Paging::TotalInHeader, users(10));
    let plan = Config {
        auth: "grant = \"password\"\nusername = \"ada\"\npassword = { file = \"secret\" }\n",
        ..Config::default()
    };
    let installation = Installation::new(&server, &plan);
    installation.write(
        "jobs/roster.toml",
        "source = \"own\"\nstreams = [\"users\"]\nschedule = \"* * * * * *\"\n",
    );
    server.refuse_tokens(400);
    let sent = || {
        let secrets = server.secrets();
        let is_password = |text: &&String| text.contains("grant_type=password");
        secrets.iter().filter(is_password).count()
    };
    for _ in 0..2 {
        assert_eq!(installation.sync().outcome_and_message().0, "parked");
        assert_eq!(sent(), 1);
    }
    let daemon = installation.start(installation.command(&["run"]));
    let runs = |number: u64| {
        let sql =
            format!("SELECT count(*) >= {number} FROM rollbook_runs WHERE outcome = 'parked'");
        until(&installation, "another run was parked", &sql, 1);
    };
    runs(3);
    daemon.signal("HUP");
    let started = Instant::now();
    while !daemon.log().contains("new configuration in force") {
        assert!(started.elapsed() < WAIT_LIMIT, "{}", daemon.log());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(sent(), 1);
    assert_eq!(installation.run(&["resume", "roster"]).code, Some(0));
    let started = Instant::now();
    while sent() == 1 {
        assert!(started.elapsed() < WAIT_LIMIT, "it was not sent again");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(installation.run(&["resume", "roster"]).code, Some(0));
    while sent() == 2 {
        assert!(started.elapsed() < WAIT_LIMIT, "it was not sent again");
        std::thread::sleep(Duration::from_millis(20));
    }
    runs(5);
    daemon.terminate();
    assert_eq!(daemon.end().code, Some(0));
    assert_eq!(sent(), 3, "once after each resume");

    server.issue_tokens();
    installation.secret("secret", "the right one");
    installation
        .sync()
        .assert_ok("another password is tried at once");
    assert_eq!(sent(), 4);
}

#[test]
fn a_logout_revokes_at_the_vendor_and_deletes_in_any_case() {
    let here = Some(("revocation_endpoint", r#""{origin}/revoke""#));
    let away = Some(("revocation_endpoint", r#""https://evil.example/revoke""#));
    for (name, document, revocation, revoked, message) in [
        ("revoked", here, None, Some(200), " revoked it."),
        (
            "down",
            here,
            Some(503),
            Some(503),
            "could not be revoked at the vendor: revoke the sign-in of own: 127.0.0.1:",
        ),
        (
            "refused",
            here,
            Some(400),
            Some(400),
            "The vendor still accepts it until",
        ),
        (
            "nowhere",
            None,
            None,
            None,
            "The vendor still accepts it until",
        ),
        (
            "elsewhere",
            away,
            None,
            None,
            "The vendor still accepts it until",
        ),
    ] {
        let authority = Authority::start(&[]);
        authority.set_faults(Faults {
            document,
            revocation,
            ..Faults::default()
        });
        let installation = installation_of_issuer(&authority);
        sign_in(&installation);
        let ran = installation.run(&["logout", "own"]);
        assert_eq!(ran.code, Some(0), "{name}: {ran:?}");
        assert!(
            ran.out.contains("Deleted the sign-in of own."),
            "{name}: {ran:?}"
        );
        assert!(ran.out.contains(message), "{name}: {ran:?}");
        let requests = authority.token_requests();
        let last = requests.last().filter(|(kind, _)| kind == "revocation");
        assert_eq!(last.map(|(_, status)| *status), revoked, "{name}");
        for secret in authority.secrets() {
            assert!(
                !ran.out.contains(&secret) && !ran.err.contains(&secret),
                "{name}"
            );
        }
        assert_eq!(
            installation.run(&["logout", "own"]).code,
            Some(2),
            "{name}: nothing is stored"
        );
    }
}

#[test]
fn a_login_of_another_client_is_not_sent_and_deleted() {
    let authority = Authority::start(&[]);
    authority.set_faults(Faults {
        document: Some(("revocation_endpoint", r#""{origin}/revoke""#)),
        ..Faults::default()
    });
    let installation = installation_of_issuer(&authority);
    sign_in(&installation);
    let config = std::fs::read_to_string(installation.path("config/rollbook.toml")).expect("read");
    let other = config.replace("client_id = \"rollbook\"", "client_id = \"another\"");
    installation.write("config/rollbook.toml", &other);
    let ran = installation.run(&["logout", "own"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.out
            .contains("it was issued by another server or to another client"),
        "{ran:?}"
    );
    assert_eq!(authority.token_requests().len(), 1, "the sign-in alone");
}
