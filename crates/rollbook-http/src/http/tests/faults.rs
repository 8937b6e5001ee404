//! fault-catalogue.md A: connections that break, stall, lie and bomb.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::http::fault_server::{FaultServer, FaultStep, answer, send};
use rollbook_core::model::Class;

fn packed(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder
        .write_all(text)
        .and_then(|()| encoder.finish())
        .expect("memory does not fail")
}

fn good() -> Vec<FaultStep> {
    vec![answer("200 OK", "", "[1]")]
}

/// What a fault does when it passes, and when it stays: the message and the requests it cost.
async fn check(
    name: &str,
    fault: Vec<FaultStep>,
    timeouts: Timeouts,
    message: &str,
    requests: usize,
) {
    let clock = monday().clock();
    let with = |server: &FaultServer| {
        let rules = SessionRules {
            timeouts,
            ..rules(&server.url("/v1"))
        };
        session(rules, None, &clock)
    };
    let server = FaultServer::start(vec![fault.clone(), good()]).await;
    let passed = page(&with(&server), &clock).await;
    if requests > 1 {
        assert_eq!(passed.expect(name), "[1]", "{name}");
        // On a busy machine the good response can be late too.
        assert!(server.requests().len() >= 2, "{name}");
    }
    let server = FaultServer::start(vec![fault]).await;
    let error = page(&with(&server), &clock).await.expect_err(name);
    let after = match requests {
        1 => String::new(),
        count => format!(" (after {count} attempts)"),
    };
    let message = message.replace("HOST", &server.address.to_string());
    assert_eq!(
        error.to_string(),
        format!("read page 1 of users: {message}{after}"),
        "{name}"
    );
    assert_eq!(server.requests().len(), requests, "{name}");
}

const CUT: &str = "the connection to HOST broke before the response was complete";

#[tokio::test]
async fn a_broken_connection_is_tried_again() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n";
    let many: String = (0..200)
        .map(|number| format!("X-{number}: 1\r\n"))
        .collect();
    for (name, fault) in [
        ("closed without an answer", vec![]),
        ("reset without an answer", vec![FaultStep::Reset]),
        (
            "reset after the headers",
            vec![
                send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
                FaultStep::Reset,
            ],
        ),
        (
            "a length beyond the body",
            vec![send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[1]")],
        ),
        ("no last chunk", vec![send(chunked)]),
        (
            "two hundred headers",
            vec![send(format!("HTTP/1.1 200 OK\r\n{many}\r\n"))],
        ),
        ("no HTTP", vec![send("SSH-2.0-OpenSSH_9.2\r\n")]),
    ] {
        check(name, fault, slow(), CUT, 5).await;
    }
}

#[tokio::test]
async fn a_peer_that_takes_its_time_is_left() {
    let millis = Duration::from_millis;
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n";
    let drip = |pause| vec![send(head), FaultStep::Drip(b" ".to_vec(), millis(pause))];
    // Each limits what it is about and nothing else, for a busy machine is late everywhere; and none is so short that a server on
    // it has not read the request by then.
    let first_byte = Timeouts {
        first_byte: millis(800),
        ..slow()
    };
    let idle = Timeouts {
        idle: millis(800),
        ..slow()
    };
    let whole = Timeouts {
        whole: millis(800),
        ..slow()
    };
    let pace = Timeouts {
        pace_after: millis(50),
        pace_window: millis(250),
        ..slow()
    };
    let rows = [
        (
            "never answers",
            vec![FaultStep::Stall],
            first_byte,
            "HOST sent no response within 800 ms",
        ),
        (
            "stalls after three bytes",
            vec![send(head), send("[1,"), FaultStep::Stall],
            idle,
            "HOST sent nothing for 800 ms in the middle of a response",
        ),
        (
            "drips beyond the whole",
            drip(10),
            whole,
            "the response of HOST took longer than 800 ms",
        ),
        (
            "drips below the pace",
            drip(10),
            pace,
            "the response of HOST is too slow: almost nothing was received within 250 ms",
        ),
    ];
    let checks =
        rows.map(|(name, fault, timeouts, message)| check(name, fault, timeouts, message, 5));
    futures_util::future::join_all(checks).await;
}

#[tokio::test]
async fn a_body_is_read_within_its_limits() {
    let gzip = "Content-Encoding: gzip\r\n";
    let good = packed(b"[1]");
    let mut tailless = good.clone();
    tailless.truncate(good.len() - 4);
    let bomb = packed(&vec![b' '; 64 << 20]);
    let broken = "unexpected response from HOST (200): the compressed data is corrupt or truncated";
    let large = "the response of HOST is larger than 4 MiB; request smaller pages, or raise body_mib in the source's limits";
    let packing = "the response of HOST has a Content-Encoding that was not requested; only gzip and deflate are supported";
    let html = "unexpected response from HOST (200): expected JSON, got a web page";
    let bad = "unexpected response from HOST (200): it is not JSON";
    let endless = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    for (name, fault, message, requests) in [
        (
            "no gzip tail",
            vec![answer("200 OK", gzip, &tailless)],
            broken,
            5,
        ),
        (
            "a bomb",
            vec![answer("200 OK", gzip, &bomb)],
            "the response of HOST decompresses to more than a hundred times its size; it was not read to its end",
            1,
        ),
        (
            "stated too large",
            vec![
                send("HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n"),
                FaultStep::Stall,
            ],
            large,
            1,
        ),
        (
            "unstated too large",
            vec![send(endless), send(vec![b' '; 5 << 20])],
            large,
            1,
        ),
        (
            "unknown packing",
            vec![answer("200 OK", "Content-Encoding: br\r\n", "x")],
            packing,
            1,
        ),
        (
            "nested packing",
            vec![answer(
                "200 OK",
                "Content-Encoding: gzip, gzip\r\n",
                packed(&good),
            )],
            packing,
            1,
        ),
        (
            "nested in two headers",
            vec![answer("200 OK", &gzip.repeat(2), packed(&good))],
            packing,
            1,
        ),
        (
            "a login page",
            vec![answer("200 OK", "Content-Type: text/html\r\n", "<html>")],
            html,
            5,
        ),
        (
            "cut JSON that is closed properly",
            vec![send(endless), send("[1,")],
            bad,
            2,
        ),
    ] {
        check(name, fault, slow(), message, requests).await;
    }
}

#[tokio::test]
async fn packed_and_plain_answers_arrive_alike() {
    let clock = monday().clock();
    for (name, script) in [
        ("plain", answer("200 OK", "", "[1]")),
        (
            "gzip",
            answer("200 OK", "Content-Encoding: gzip\r\n", packed(b"[1]")),
        ),
        (
            "chunked",
            send(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n2\r\n1]\r\n0\r\n\r\n",
            ),
        ),
        (
            "identity",
            answer("200 OK", "Content-Encoding: identity\r\n", "[1]"),
        ),
    ] {
        let server = FaultServer::start(vec![vec![script]]).await;
        let session = session(rules(&server.url("/v1")), None, &clock);
        assert_eq!(page(&session, &clock).await.expect(name), "[1]");
        let request = server.requests().remove(0).to_ascii_lowercase();
        assert!(
            request.starts_with("get /v1/users http/1.1\r\n"),
            "{request}"
        );
        assert!(request.contains("accept-encoding: gzip\r\n"), "{request}");
    }
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_no_failure() {
    let clock = monday().clock();
    let twice = vec![
        answer("200 OK", "", "[1]"),
        FaultStep::NextRequest,
        answer("200 OK", "", "[2]"),
    ];
    let server = FaultServer::start(vec![twice, good()]).await;
    let session = session(rules(&server.url("/v1")), None, &clock);
    let budget = RunBudget::new(&clock, RunBudget::USUAL);
    let ask = PageRequest {
        path: "/users".into(),
        query: Vec::new(),
        headers: Vec::new(),
        what: "users".into(),
        effort: Effort::USUAL,
    };
    for should in ["[1]", "[2]", "[1]"] {
        assert_eq!(
            session.get(&ask, &budget, as_json()).await.expect("fine"),
            should
        );
    }
    assert_eq!((budget.requests(), budget.retries()), (3, 0));
}

/// No request outlives its run.
#[tokio::test]
async fn a_request_ends_with_its_run() {
    let server = FaultServer::start(vec![vec![FaultStep::Stall]]).await;
    let clock = Clock::system();
    let session = session(rules(&server.url("/v1")), None, &clock);
    let budget = RunBudget::new(&clock, Duration::from_millis(100));
    let ask = PageRequest {
        path: "/users".into(),
        query: Vec::new(),
        headers: Vec::new(),
        what: "users".into(),
        effort: Effort::USUAL,
    };
    let error = session.get(&ask, &budget, as_json()).await;
    let error = error.expect_err("the run is over");
    assert!(error.is_out_of_time(), "{error}");
    assert!(
        error.to_string().contains("before the run's time limit"),
        "{error}"
    );
    assert_eq!(budget.requests(), 1);
}

#[tokio::test]
async fn a_closed_port() {
    let clock = monday().clock();
    // Held and not listened to, so that no other test gets it.
    let held = tokio::net::TcpSocket::new_v4().expect("a socket");
    held.bind(([127, 0, 0, 1], 0).into())
        .expect("loopback has ports");
    let closed = held.local_addr().expect("bound").to_string();
    let session = session(rules(&format!("http://{closed}/v1")), None, &clock);
    let error = page(&session, &clock)
        .await
        .expect_err("the port is closed");
    let message = error.to_string();
    let expected = format!(
        "read page 1 of users: {closed} refuses connections (after 5 attempts); every request fails, so none is sent before "
    );
    assert!(message.starts_with(&expected), "{message}");
    assert_eq!(error.class(), Class::Transient);
    assert!(!error.is_too_many());
}
