//! A sign-in that is lost while the daemon runs: one alert for a source with many jobs, and one when it is back.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::alerts::{hook, next};
use crate::authority::{Authority, Wrong};
use crate::login::{PendingLogin, place, place_of_issuer};
use crate::people::users;
use crate::place::{Place, Plan};
use crate::queries;
use crate::server::{PATIENCE, Server, Way};

const JOBS: [&str; 10] = [
    "job_0", "job_1", "job_2", "job_3", "job_4", "job_5", "job_6", "job_7", "job_8", "job_9",
];

fn until(place: &Place, what: &str, sql: &str, number: u64) {
    let started = Instant::now();
    while !place.mirror().exists() || queries::maybe(&place.mirror(), sql) != Some(number) {
        assert!(started.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn sign_in(place: &Place) {
    let pending = PendingLogin::start(place, &["--paste"]);
    let ended = pending.browse();
    assert_eq!(pending.paste(&ended).code, Some(0));
}

#[test]
fn ten_jobs_that_lose_their_sign_in_are_one_alert_and_its_end_one_more() {
    let authority = Authority::start(&[]);
    let (address, heard) = hook(0);
    let place = place(&authority, "");
    std::fs::remove_file(place.path("jobs/roster.toml")).expect("removed");
    for job in JOBS {
        place.write(
            &format!("jobs/{job}.toml"),
            "source = \"own\"\nstreams = [\"users\"]\nschedule = \"* * * * * *\"\n",
        );
    }
    let rollbook = std::fs::read_to_string(place.path("config/rollbook.toml")).expect("read");
    let alerts = "[alerts]\nafter_failures = 1\n[alerts.webhook]\nurl = { file = \"hook\" }\n";
    place.write("config/rollbook.toml", &format!("{rollbook}{alerts}"));
    place.secret("hook", &address);
    sign_in(&place);

    let daemon = place.start(place.command(&["run"]));
    let good = "SELECT count(DISTINCT job) FROM rollbook_runs WHERE outcome = 'ok'";
    until(&place, "every job runs well", good, 10);
    authority.revoke();
    let parked = "SELECT count(*) FROM rollbook_jobs WHERE parked IS NOT NULL";
    until(&place, "every job is parked", parked, 10);
    sign_in(&place);
    until(&place, "no job is parked", parked, 0);

    let (kind, text) = next(&heard);
    assert_eq!(kind, "parked", "{text}");
    assert_eq!(
        text,
        "sign-in needed: own has no valid sign-in; run `rollbook login own`, \
         then job_0, job_1, job_2, job_3, job_4, job_5, job_6, job_7, job_8 and job_9 resume at the next tick"
    );
    let (kind, text) = next(&heard);
    assert_eq!(
        (kind.as_str(), text.as_str()),
        ("recovered", "own accepts our credentials again")
    );
    let told = "SELECT count(*) FROM rollbook_alerts";
    until(&place, "nothing is told any more", told, 0);
    daemon.terminate();
    assert_eq!(daemon.end().code, Some(0));
    assert_eq!(queries::count(&place.mirror(), "rollbook_outbox"), 0);
    assert!(heard.try_recv().is_err(), "nothing else was told");
}

#[test]
fn a_credential_that_is_put_right_works_at_once_after_a_resume() {
    let server = Server::of_users(Way::TotalInHeader, users(10));
    let place = Place::new(&server, &Plan::default());
    place.write(
        "jobs/roster.toml",
        "source = \"own\"\nstreams = [\"users\"]\nschedule = \"* * * * * *\"\n",
    );
    server.refuse_tokens(401);
    let daemon = place.start(place.command(&["run"]));
    let parked = "SELECT count(*) FROM rollbook_jobs WHERE parked IS NOT NULL";
    until(&place, "the job is parked", parked, 1);
    server.give_tokens();
    place.secret("secret", "another-s3cret");
    let ran = place.run(&["resume", "roster"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let good = "SELECT count(*) > 0 FROM rollbook_runs WHERE outcome = 'ok'";
    until(&place, "the job reads again", good, 1);
    let basic = format!(
        "Basic {}",
        BASE64_STANDARD.encode("rollbook:another-s3cret")
    );
    assert!(server.secrets().contains(&basic), "the new secret is sent");
    daemon.terminate();
    assert_eq!(daemon.end().code, Some(0));
}

#[test]
fn a_refused_password_is_sent_once_whatever_is_started_reloaded_or_resumed() {
    let server = Server::of_users(Way::TotalInHeader, users(10));
    let plan = Plan {
        auth: "grant = \"password\"\nusername = \"ada\"\npassword = { file = \"secret\" }\n",
        ..Plan::default()
    };
    let place = Place::new(&server, &plan);
    place.write(
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
        assert_eq!(place.sync().said().0, "parked");
        assert_eq!(sent(), 1);
    }
    let daemon = place.start(place.command(&["run"]));
    let runs = |number: u64| {
        let sql =
            format!("SELECT count(*) >= {number} FROM rollbook_runs WHERE outcome = 'parked'");
        until(&place, "another run was parked", &sql, 1);
    };
    runs(3);
    daemon.signal("HUP");
    let started = Instant::now();
    while !daemon.log().contains("new configuration in force") {
        assert!(started.elapsed() < PATIENCE, "{}", daemon.log());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(place.run(&["resume", "roster"]).code, Some(0));
    runs(4);
    daemon.terminate();
    assert_eq!(daemon.end().code, Some(0));
    assert_eq!(sent(), 1);

    server.give_tokens();
    place.secret("secret", "the right one");
    place.sync().fine("another password is tried at once");
    assert_eq!(sent(), 2);
}

#[test]
fn who_signs_out_is_signed_out_at_the_vendor_too_and_forgotten_in_any_case() {
    let here = Some(("revocation_endpoint", r#""{origin}/revoke""#));
    let away = Some(("revocation_endpoint", r#""https://evil.example/revoke""#));
    for (name, document, revocation, asked, told) in [
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
        authority.goes_wrong(Wrong {
            document,
            revocation,
            ..Wrong::default()
        });
        let place = place_of_issuer(&authority);
        sign_in(&place);
        let ran = place.run(&["logout", "own"]);
        assert_eq!(ran.code, Some(0), "{name}: {ran:?}");
        assert!(
            ran.out.contains("Deleted the sign-in of own."),
            "{name}: {ran:?}"
        );
        assert!(ran.out.contains(told), "{name}: {ran:?}");
        let asks = authority.asked();
        let last = asks.last().filter(|(kind, _)| kind == "revocation");
        assert_eq!(last.map(|(_, status)| *status), asked, "{name}");
        for secret in authority.secrets() {
            assert!(
                !ran.out.contains(&secret) && !ran.err.contains(&secret),
                "{name}"
            );
        }
        assert_eq!(
            place.run(&["logout", "own"]).code,
            Some(2),
            "{name}: nothing is kept"
        );
    }
}

#[test]
fn a_sign_in_at_another_client_is_sent_nowhere_and_forgotten() {
    let authority = Authority::start(&[]);
    authority.goes_wrong(Wrong {
        document: Some(("revocation_endpoint", r#""{origin}/revoke""#)),
        ..Wrong::default()
    });
    let place = place_of_issuer(&authority);
    sign_in(&place);
    let config = std::fs::read_to_string(place.path("config/rollbook.toml")).expect("read");
    let other = config.replace("client_id = \"rollbook\"", "client_id = \"another\"");
    place.write("config/rollbook.toml", &other);
    let ran = place.run(&["logout", "own"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.out
            .contains("it was issued by another server or to another client"),
        "{ran:?}"
    );
    assert_eq!(authority.asked().len(), 1, "the sign-in alone");
}
