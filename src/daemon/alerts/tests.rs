//! Every way an alert goes, against servers and programs of the tests' own.

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
use crate::config::alerts::{CommandConfig, EmailConfig, MailTls, WebhookConfig, WebhookForm};
use crate::config::{AlertsConfig, SecretRef};

const TOKEN: &str = "t0ken-of-the-hook";

fn alert() -> Alert {
    Alert {
        kind: "failing".into(),
        job: "roster".into(),
        source: String::new(),
        sentence: "3 runs of roster in a row did not end well: <500> & more".into(),
        at: "2026-03-02T06:00:00.000Z".into(),
    }
}

fn config() -> AlertsConfig {
    AlertsConfig {
        after_failures: const { std::num::NonZeroU32::new(3).expect("3 is not 0") },
        stale_after: crate::model::Period(Duration::from_secs(86_400)),
        email: None,
        webhook: None,
        command: None,
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

fn by_webhook(form: WebhookForm) -> AlertsConfig {
    AlertsConfig {
        webhook: Some(WebhookConfig {
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
    send("webhook", &by_webhook(form), &secrets, &alert())
        .await
        .expect("sent");
    let mut asked = server.received_requests().await.expect("recorded");
    assert_eq!(asked.len(), 1);
    let asked = asked.remove(0);
    let title = asked
        .headers
        .get("Title")
        .map(|title| title.to_str().expect("text").to_owned());
    (
        String::from_utf8(asked.body).expect("text"),
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
            "text": alert().sentence, "at": "2026-03-02T06:00:00.000Z",
        })
    );
    let (body, _) = sent(WebhookForm::Slack).await;
    assert_eq!(
        parsed(&body),
        json!({ "text": "*rollbook: roster failing*\n3 runs of roster in a row did not end well: &lt;500&gt; &amp; more" })
    );
    let (body, _) = sent(WebhookForm::Teams).await;
    let card = &parsed(&body)["attachments"][0]["content"];
    assert_eq!(card["type"], "AdaptiveCard");
    assert_eq!(card["body"][1]["text"], alert().sentence);
    let (body, title) = sent(WebhookForm::Ntfy).await;
    assert_eq!(
        (body, title.as_str()),
        (alert().sentence, "rollbook: roster failing")
    );
}

#[tokio::test]
async fn a_webhook_that_fails_is_told_without_its_address() {
    let server = server(404).await;
    let address = server.address();
    for (secret, expected) in [
        (
            format!("http://{address}/services/s3cret"),
            format!("{address} answered 404"),
        ),
        (
            "http://127.0.0.1:1/services/s3cret".into(),
            "127.0.0.1:1 could not be reached".into(),
        ),
        (
            "services/s3cret".into(),
            "the webhook's secret is no address: it begins with https://".into(),
        ),
    ] {
        let why = send(
            "webhook",
            &by_webhook(WebhookForm::Json),
            &secrets(&secret),
            &alert(),
        )
        .await;
        assert_eq!(why, Err(expected));
    }
}

/// A mail server for one mail: answers by script and gives what it was told.
fn mail_server(refuse: bool) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let told = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        let mut write = stream.try_clone().expect("cloned");
        let mut say = |line: &str| {
            write
                .write_all(format!("{line}\r\n").as_bytes())
                .expect("said")
        };
        say("220 mail.school.example");
        let (mut told, mut in_body) = (Vec::new(), false);
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { break };
            if in_body {
                in_body = line != ".";
                if !in_body {
                    say("250 kept");
                }
            } else if line.starts_with("RCPT") && refuse {
                say("550 nobody of that name, and your password was pass w0rd");
            } else if line == "DATA" {
                in_body = true;
                say("354 go on");
            } else if line == "QUIT" {
                say("221 bye");
                break;
            } else {
                say("250 fine");
            }
            told.push(line);
        }
        told
    });
    (port, told)
}

fn by_mail(port: u16, tls: MailTls) -> AlertsConfig {
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
async fn a_mail_goes_to_everybody_named() {
    let (port, told) = mail_server(false);
    let config = by_mail(port, MailTls::None);
    send("email", &config, &secrets(""), &alert())
        .await
        .expect("sent");
    let told = told.join().expect("ended");
    for line in [
        "MAIL FROM:<rollbook@school.example>",
        "RCPT TO:<it@school.example>",
        "RCPT TO:<office@school.example>",
        "Subject: rollbook: roster failing",
    ] {
        assert!(
            told.iter().any(|one| one.starts_with(line)),
            "{line}: {told:?}"
        );
    }
    let text = told.join("\n");
    assert!(
        text.contains("3 runs of roster in a row did not end well"),
        "{text}"
    );
}

#[tokio::test]
async fn a_mail_server_that_refuses_is_told_without_its_words() {
    let (port, told) = mail_server(true);
    let why = send(
        "email",
        &by_mail(port, MailTls::None),
        &secrets(""),
        &alert(),
    )
    .await;
    assert_eq!(
        why,
        Err("the mail server 127.0.0.1 answered 550".to_owned())
    );
    told.join().expect("ended");
}

#[tokio::test]
async fn nothing_is_said_in_clear_to_a_server_without_tls() {
    let (port, told) = mail_server(false);
    let why = send(
        "email",
        &by_mail(port, MailTls::Start),
        &secrets(""),
        &alert(),
    )
    .await;
    assert!(why.is_err(), "{why:?}");
    let told = told.join().expect("ended");
    assert!(
        told.iter().all(|line| !line.starts_with("MAIL")),
        "{told:?}"
    );
}

fn by_command(program: &std::path::Path, arguments: &[&str]) -> AlertsConfig {
    AlertsConfig {
        command: Some(CommandConfig {
            program: program.to_owned(),
            arguments: arguments.iter().map(|text| (*text).to_owned()).collect(),
        }),
        ..config()
    }
}

#[tokio::test]
async fn a_program_gets_the_alert_and_nothing_of_ours() {
    let folder = tempfile::tempdir().expect("a folder");
    let (program, out) = (folder.path().join("tell"), folder.path().join("out"));
    fs::write(&program, "#!/bin/sh\n{ echo \"$ROLLBOOK_KIND|$ROLLBOOK_JOB|$ROLLBOOK_TEXT\"; cat; echo; env; } > \"$1\"\n")
        .expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("set");
    let argument = out.to_string_lossy().into_owned();
    send(
        "command",
        &by_command(&program, &[&argument]),
        &secrets(""),
        &alert(),
    )
    .await
    .expect("run");
    let text = fs::read_to_string(&out).expect("written");
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("failing|roster|3 runs of roster in a row did not end well: <500> & more")
    );
    let body = parsed(lines.next().expect("JSON"));
    assert_eq!(body, serde_json::to_value(alert()).expect("JSON"));
    let theirs = ["PATH=", "PWD=", "SHLVL=", "_=", "OLDPWD=", "ROLLBOOK_"];
    assert!(
        lines.all(|line| theirs.iter().any(|name| line.starts_with(name))),
        "{text}"
    );
}

#[tokio::test]
async fn a_program_that_fails_or_is_not_there_is_told() {
    let run = async |program: &str| {
        let config = by_command(program.as_ref(), &[]);
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
        .map(|tries| pause(tries).as_secs() / 60)
        .to_vec();
    assert_eq!(hours, [1, 1, 5, 30, 120, 360, 360, 360]);
}
