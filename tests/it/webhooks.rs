//! A real daemon, a simulated Wisenet, and its webhooks through the control socket.

use std::path::Path;

use aws_lc_rs::hmac;
use rollbook_engine::daemon::webhook_request::{WebhookAnswer, WebhookRequest, send_webhook};
use rollbook_sandbox::{Options, Sandbox};

use crate::daemon::run_command;
use crate::installation::{Installation, NO_TICK};
use crate::queries::list;
use crate::service::Service;

const SECRET: &str = "the secret of the webhook";

/// The streams of the runs that webhooks caused, in order.
const EARLY: &str = "SELECT stream FROM rollbook_runs WHERE cause = 'webhook' AND ended IS NOT NULL AND outcome = 'ok' ORDER BY run";

fn configuration(sandbox: &Sandbox, webhook: &str) -> Installation {
    let installation = Installation::empty();
    let endpoint = sandbox.endpoint("wisenet").expect("the vendor");
    let settings = endpoint.settings.iter();
    let settings: String = settings
        .map(|(name, value)| format!("{name} = {value:?}\n"))
        .collect();
    for name in ["wisenet_client_secret", "wisenet_refresh_token"] {
        installation.secret(name, &endpoint.secrets[name]);
    }
    installation.secret("webhook_secret", SECRET);
    installation.write(
        "config/rollbook.toml",
        &format!(
            "[webhooks.wisenet]\nsource = \"wisenet\"\nmin_interval = \"10s\"\n{webhook}\n\
             [sources.wisenet]\nconnector = \"wisenet\"\n[sources.wisenet.settings]\n{settings}\n\
             [sources.wisenet.auth]\ngrant = \"refresh_token\"\nclient_id = \"rollbook\"\n\
             client_secret = {{ file = \"wisenet_client_secret\" }}\nrefresh_token = {{ file = \"wisenet_refresh_token\" }}\n"
        ),
    );
    let job = format!(
        "source = \"wisenet\"\nstreams = [\"audit_logs\", \"entities\", \"learners\", \"courses\"]\nschedule = \"{NO_TICK}\"\n"
    );
    installation.write("jobs/school.toml", &job);
    installation
}

fn call(entity: &str, record: usize, secret: Option<&str>) -> WebhookRequest {
    let body = format!(
        r#"{{"AccountNumber":"A1","RecordId":{record},"RecordGuid":"","EntityName":"{entity}","Event":"Updated"}}"#
    );
    let signature = secret.map(|secret| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&key, body.as_bytes());
        let hex = tag
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        ("x-wisenet-signature".to_owned(), hex)
    });
    WebhookRequest {
        name: "wisenet".to_owned(),
        headers: signature.into_iter().collect(),
        body: body.into_bytes(),
    }
}

async fn answer(folder: &Path, request: &WebhookRequest) -> WebhookAnswer {
    let answer = send_webhook(folder, request).await.expect("an answer");
    answer.expect("a daemon")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_webhooks_is_few_runs() {
    let options = Options {
        students: 24,
        ..Options::default()
    };
    let sandbox = Sandbox::start(options).await.expect("a sandbox");
    let installation = configuration(&sandbox, "secret = { file = \"webhook_secret\" }");
    let mut service = Service::start(installation, &[]);
    service.expect("READY=1");
    let synced = run_command(&service, &["sync", "school"]);
    assert_eq!(
        synced.code,
        Some(0),
        "{synced:?}\n{}",
        service.running.log()
    );
    let (folder, mirror) = (
        service.installation.path("runtime"),
        service.installation.mirror(),
    );
    for (request, expected) in [
        (call("Learner", 1, None), WebhookAnswer::Refused),
        (
            call("Learner", 1, Some("another secret")),
            WebhookAnswer::Refused,
        ),
        (call("Credential", 1, Some(SECRET)), WebhookAnswer::Accepted),
        (call("Learner", 1, Some(SECRET)), WebhookAnswer::Accepted),
    ] {
        assert_eq!(answer(&folder, &request).await, expected, "{request:?}");
    }
    let early = || list::<String>(&mirror, EARLY);
    service.until("the first run", || early().len() == 1);
    // Duplicates and disorder, more than the daemon looks at.
    let mut accepted = 0;
    for record in 0..500 {
        let entity = if record % 2 == 0 { "Learner" } else { "Course" };
        let request = call(entity, record / 3, Some(SECRET));
        accepted += usize::from(answer(&folder, &request).await == WebhookAnswer::Accepted);
    }
    assert!((100..500).contains(&accepted), "{accepted}");
    service.until("the run after the last webhook", || early().len() == 2);
    assert_eq!(
        early(),
        ["audit_logs, learners", "audit_logs, courses, learners"]
    );
    let (_installation, log) = service.stop();
    assert!(log.contains("a call of the webhook was refused"), "{log}");
    for leak in [SECRET, "RecordGuid", "another secret"] {
        assert!(!log.contains(leak), "{log}");
    }
    assert_eq!(list::<String>(&mirror, EARLY).len(), 2);
    sandbox.stop().await;
}

#[test]
fn mistakes_are_found_by_check() {
    let installation = Installation::empty();
    for (webhook, expected) in [
        ("source = \"own\"", "this webhook has no secret"),
        (
            "source = \"owm\"\nverify = false",
            "there is no source `owm`",
        ),
        (
            "source = \"own\"\nverify = false",
            "the connector webuntis has no webhooks",
        ),
        (
            "source = \"own\"\nverify = false",
            "calls of this webhook are not verified",
        ),
        (
            "source = \"own\"\nverify = false\nmin_interval = \"1s\"",
            "this interval is too short",
        ),
    ] {
        let text = format!("[webhooks.x]\n{webhook}\n[sources.own]\nconnector = \"webuntis\"\n");
        installation.write("config/rollbook.toml", &text);
        let checked = installation.run(&["check"]);
        let said = format!("{}{}", checked.out, checked.err);
        assert!(said.contains(expected), "{webhook}: {said}");
    }
}
