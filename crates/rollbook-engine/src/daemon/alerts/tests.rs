//! Each alert channel, against servers and programs started by the tests.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::thread::{self, JoinHandle};

use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::setup::files::alerts::{
    AlertWebhookConfig, CommandConfig, EmailConfig, MailTls, WebhookForm,
};
use crate::setup::files::{AlertsConfig, SecretRef};

const TOKEN: &str = "t0ken-of-the-hook";

fn alert() -> Alert {
    Alert {
        kind: "failing".into(),
        subject: "roster".parse().expect("a subject"),
        message: "3 runs of roster in a row failed: <500> & more".into(),
        at: "2026-03-02T06:00:00.000Z".into(),
    }
}

fn config() -> AlertsConfig {
    AlertsConfig {
        after_failures: const { std::num::NonZeroU32::new(3).expect("3 is not 0") },
        stale_after: rollbook_core::model::Period(Duration::from_secs(86_400)),
        email: None,
        webhook: None,
        command: None,
        heartbeat: None,
    }
}

fn credential(name: &str) -> SecretRef {
    SecretRef::Credential(name.parse().expect("a name"))
}

fn secrets(address: &str) -> Secrets {
    let secret = |text: &str| SecretString::from(text.to_owned());
    Secrets::in_memory(BTreeMap::from([
        ("hook".to_owned(), secret(address)),
        ("token".to_owned(), secret(TOKEN)),
        ("mail".to_owned(), secret("pass w0rd")),
    ]))
}

fn webhook_config(form: WebhookForm) -> AlertsConfig {
    AlertsConfig {
        webhook: Some(AlertWebhookConfig {
            url: credential("hook"),
            form,
            token: Some(credential("token")),
        }),
        ..config()
    }
}

async fn server(status: u16) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/services/s3cret"))
        .and(header("Authorization", format!("Bearer {TOKEN}")))
        .respond_with(ResponseTemplate::new(status))
        .mount(&server)
        .await;
    server
}

async fn sent(form: WebhookForm) -> (String, String) {
    let server = server(204).await;
    let secrets = secrets(&format!("{}/services/s3cret", server.uri()));
    send("webhook", &webhook_config(form), &secrets, &alert())
        .await
        .expect("sent");
    let mut requests = server.received_requests().await.expect("recorded");
    assert_eq!(requests.len(), 1);
    let requests = requests.remove(0);
    let title = requests
        .headers
        .get("Title")
        .map(|title| title.to_str().expect("text").to_owned());
    (
        String::from_utf8(requests.body).expect("text"),
        title.unwrap_or_default(),
    )
}

fn parsed(body: &str) -> Value {
    serde_json::from_str(body).expect("JSON")
}

#[tokio::test]
async fn each_receiver_gets_the_form_that_it_takes() {
    let (body, _) = sent(WebhookForm::Json).await;
    assert_eq!(
        parsed(&body),
        json!({
            "program": "rollbook", "kind": "failing", "job": "roster", "source": "", "title": "rollbook: roster failing",
            "text": alert().message, "at": "2026-03-02T06:00:00.000Z",
        })
    );
    let (body, _) = sent(WebhookForm::Slack).await;
    assert_eq!(
        parsed(&body),
        json!({ "text": "*rollbook: roster failing*\n3 runs of roster in a row failed: &lt;500&gt; &amp; more" })
    );
    let (body, _) = sent(WebhookForm::Teams).await;
    let card = &parsed(&body)["attachments"][0]["content"];
    assert_eq!(card["type"], "AdaptiveCard");
    assert_eq!(card["body"][1]["text"], alert().message);
    let (body, title) = sent(WebhookForm::Ntfy).await;
    assert_eq!(
        (body, title.as_str()),
        (alert().message, "rollbook: roster failing")
    );
}

#[tokio::test]
async fn a_webhook_failure_is_reported_without_the_address() {
    let server = server(404).await;
    let address = server.address();
    for (secret, expected) in [
        (
            format!("http://{address}/services/s3cret"),
            format!("{address} returned 404"),
        ),
        (
            "http://127.0.0.1:1/services/s3cret".into(),
            "127.0.0.1:1 could not be reached".into(),
        ),
        (
            "services/s3cret".into(),
            "the secret with the address is not a URL; it must begin with https://".into(),
        ),
    ] {
        let why = send(
            "webhook",
            &webhook_config(WebhookForm::Json),
            &secrets(&secret),
            &alert(),
        )
        .await;
        assert_eq!(why, Err(expected));
    }
}

/// A mail server for one mail: answers by script and returns the lines it received.
fn mail_server(refuse: bool) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let received = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        let mut write = stream.try_clone().expect("cloned");
        let mut say = |line: &str| {
            write
                .write_all(format!("{line}\r\n").as_bytes())
                .expect("said")
        };
        say("220 mail.school.example");
        let (mut received, mut in_body) = (Vec::new(), false);
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { break };
            if in_body {
                in_body = line != ".";
                if !in_body {
                    say("250 kept");
                }
            } else if line.starts_with("RCPT") && refuse {
                say("550 no such mailbox, and your password was pass w0rd");
            } else if line == "DATA" {
                in_body = true;
                say("354 go on");
            } else if line == "QUIT" {
                say("221 bye");
                break;
            } else {
                say("250 fine");
            }
            received.push(line);
        }
        received
    });
    (port, received)
}

fn email_config(port: u16, tls: MailTls) -> AlertsConfig {
    let address = |text: &str| text.parse().expect("an address");
    AlertsConfig {
        email: Some(EmailConfig {
            server: "127.0.0.1".into(),
            port: std::num::NonZeroU16::new(port),
            tls,
            from: address("rollbook@school.example"),
            to: vec![
                address("it@school.example"),
                address("office@school.example"),
            ],
            username: None,
            password: None,
        }),
        ..config()
    }
}

#[tokio::test]
async fn a_mail_is_sent_to_every_receiver() {
    let (port, received) = mail_server(false);
    let config = email_config(port, MailTls::None);
    send("email", &config, &secrets(""), &alert())
        .await
        .expect("sent");
    let received = received.join().expect("ended");
    for line in [
        "MAIL FROM:<rollbook@school.example>",
        "RCPT TO:<it@school.example>",
        "RCPT TO:<office@school.example>",
        "Subject: rollbook: roster failing",
    ] {
        assert!(
            received.iter().any(|one| one.starts_with(line)),
            "{line}: {received:?}"
        );
    }
    let text = received.join("\n");
    assert!(text.contains("3 runs of roster in a row failed"), "{text}");
}

#[tokio::test]
async fn a_mail_servers_refusal_is_reported_without_its_text() {
    let (port, received) = mail_server(true);
    let why = send(
        "email",
        &email_config(port, MailTls::None),
        &secrets(""),
        &alert(),
    )
    .await;
    assert_eq!(
        why,
        Err("the mail server 127.0.0.1 returned 550".to_owned())
    );
    received.join().expect("ended");
}

#[tokio::test]
async fn nothing_is_sent_in_clear_to_a_server_without_tls() {
    let (port, received) = mail_server(false);
    let why = send(
        "email",
        &email_config(port, MailTls::Starttls),
        &secrets(""),
        &alert(),
    )
    .await;
    assert!(why.is_err(), "{why:?}");
    let received = received.join().expect("ended");
    assert!(
        received.iter().all(|line| !line.starts_with("MAIL")),
        "{received:?}"
    );
}

fn command_config(program: &std::path::Path, arguments: &[&str]) -> AlertsConfig {
    AlertsConfig {
        command: Some(CommandConfig {
            program: program.to_owned(),
            arguments: arguments.iter().map(|text| (*text).to_owned()).collect(),
        }),
        ..config()
    }
}

#[tokio::test]
async fn a_program_gets_the_alert_and_not_our_environment() {
    let folder = tempfile::tempdir().expect("a folder");
    let (program, out) = (folder.path().join("notify"), folder.path().join("out"));
    fs::write(&program, "#!/bin/sh\n{ echo \"$ROLLBOOK_KIND|$ROLLBOOK_JOB|$ROLLBOOK_TEXT\"; cat; echo; env; } > \"$1\"\n")
        .expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("set");
    let argument = out.to_string_lossy().into_owned();
    send(
        "command",
        &command_config(&program, &[&argument]),
        &secrets(""),
        &alert(),
    )
    .await
    .expect("run");
    let text = fs::read_to_string(&out).expect("written");
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("failing|roster|3 runs of roster in a row failed: <500> & more")
    );
    let body = parsed(lines.next().expect("JSON"));
    let expected = json!({
        "kind": "failing",
        "job": "roster",
        "source": "",
        "message": alert().message,
        "at": alert().at,
    });
    assert_eq!(body, expected);
    let theirs = ["PATH=", "PWD=", "SHLVL=", "_=", "OLDPWD=", "ROLLBOOK_"];
    assert!(
        lines.all(|line| theirs.iter().any(|name| line.starts_with(name))),
        "{text}"
    );
}

#[tokio::test]
async fn a_failed_or_missing_program_is_reported() {
    let run = async |program: &str| {
        let config = command_config(program.as_ref(), &[]);
        send("command", &config, &secrets(""), &alert())
            .await
            .expect_err(program)
    };
    assert_eq!(
        run("/bin/false").await,
        "/bin/false ended with exit status: 1"
    );
    let why = run("/no/such/program").await;
    assert!(
        why.contains("could not be started") && why.contains("ExecPaths="),
        "{why}"
    );
}

#[test]
fn pauses_grow_to_six_hours() {
    let hours: Vec<u64> = [0, 1, 2, 3, 4, 5, 6, 100]
        .map(|tries| retry_pause(tries).as_secs() / 60)
        .to_vec();
    assert_eq!(hours, [1, 1, 5, 30, 120, 360, 360, 360]);
}
