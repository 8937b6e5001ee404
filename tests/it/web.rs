//! `rollbook web` from outside: its routes, its configuration, hostile clients, and what it costs.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http_process::HttpProcess;
use crate::installation::{Config, Installation};
use crate::people::users;
use crate::server::{Paging, Server, WAIT_LIMIT};

/// What the process may use at rest, and under [`CLIENTS`] connections, in KiB.
const AT_REST: u64 = 8 << 10;
const UNDER_LOAD: u64 = 24 << 10;

/// Connections of the load.
const CLIENTS: usize = 1000;

#[test]
fn every_path_beside_a_running_daemon() {
    let server = Server::of_users(Paging::TotalInHeader, users(10));
    let installation = Installation::new(&server, &Config::default());
    let web = HttpProcess::start(&installation, &["web"]);
    assert_eq!(web.get("/healthz").0, 503, "no daemon yet");
    assert_eq!(web.get("/status.json").0, 503);
    let daemon = installation.start(installation.command(&["run"]));
    let started = Instant::now();
    while web.get("/healthz").0 != 200 {
        assert!(started.elapsed() < WAIT_LIMIT, "{}", daemon.log());
        thread::sleep(Duration::from_millis(300)); // within the allowance
    }
    for (path, expected, content) in [
        ("/", 200, "text/html; charset=utf-8"),
        ("/icon.svg", 200, "image/svg+xml"),
        ("/metrics", 200, "application/openmetrics-text"),
        ("/healthz", 200, "text/plain"),
        ("/status.json", 200, "application/json"),
        ("/no/such/page", 404, "text/html; charset=utf-8"),
        ("/%2e%2e/rollbook.toml", 404, "text/html; charset=utf-8"),
    ] {
        let (status, reply) = web.get(path);
        assert_eq!(status, expected, "{path}: {reply}");
        assert!(
            reply.contains(&format!("content-type: {content}")),
            "{reply}"
        );
        for header in [
            "content-security-policy: default-src 'none'",
            "cache-control: no-store",
        ] {
            assert!(reply.contains(header), "{reply}");
        }
        let (status, head) = web.request("HEAD", path, "", "");
        assert_eq!(status, expected, "HEAD {path}");
        assert!(head.ends_with("\r\n\r\n"), "HEAD has no body: {head}");
    }
    let (_, reply) = web.get("/status.json");
    let (_, body) = reply.split_once("\r\n\r\n").expect("a body");
    let status: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(status["jobs"][0]["job"], "roster");
    daemon.terminate();
    daemon.end();
    assert_eq!(web.get("/healthz").0, 503, "the daemon ended");
    web.end();
}

#[test]
fn refused_requests() {
    let installation = Installation::empty();
    let web = HttpProcess::start(&installation, &["web"]);
    for (method, path, headers, expected) in [
        ("POST", "/", "", 405),
        ("TRACE", "/metrics", "", 405),
        ("GET", "/webhooks/north", "", 405),
        ("GET", "/", "Host: localhost\r\n", 400),
        ("GET", "/", "Origin: https://evil.example\r\n", 403),
        (
            "POST",
            "/webhooks/north",
            "Origin: https://evil.example\r\n",
            403,
        ),
        ("GET", "http://evil.example/", "", 421),
        ("GET", "/%", "", 400),
    ] {
        let (status, reply) = web.request(method, path, headers, "");
        assert_eq!(status, expected, "{method} {path} {headers}: {reply}");
    }
    let smuggled = web.sent(
        "POST /webhooks/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    );
    assert_eq!(smuggled.matches("HTTP/1.1 ").count(), 1, "{smuggled}");
    let large = "a".repeat((64 << 10) + 1);
    assert_eq!(web.request("POST", "/webhooks/north", "", &large).0, 413);
    assert!(web.sent("\u{0}\u{1}\r\n\r\n").starts_with("HTTP/1.1 400"));
    web.end();
}

#[test]
fn the_configuration_of_the_page() {
    let installation = Installation::empty();
    installation.secret("credentials/web_token", "page-token\n");
    installation.write(
        "config/web.toml",
        "hosts = [\"rollbook.school.example\"]\ntoken = { credential = \"web_token\" }\nwebhooks = false\n",
    );
    let web = HttpProcess::start(&installation, &["web"]);
    let (status, reply) = web.get("/");
    assert_eq!(status, 401);
    assert!(reply.contains("www-authenticate: Basic"), "{reply}");
    let bearer = "Authorization: Bearer page-token\r\n";
    assert_eq!(web.request("GET", "/", bearer, "").0, 200);
    assert_eq!(web.get("/healthz").0, 503, "needs no token");
    assert_eq!(web.request("POST", "/webhooks/north", "", "").0, 405);
    for (host, expected) in [
        ("Rollbook.School.example", "401"),
        ("school.example", "421"),
    ] {
        let reply = web.sent(&format!(
            "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        ));
        assert_eq!(&reply[9..12], expected, "{host}");
    }
    web.end();
    for (text, message) in [
        (
            "listen = \"0.0.0.0:0\"\n",
            "`token` and `[tls]` are missing",
        ),
        ("listem = \"127.0.0.1:0\"\n", "unknown key `listem`"),
        (
            "token = { credential = \"none\" }\n",
            "web.toml: token: credential `none` is missing",
        ),
    ] {
        installation.write("config/web.toml", text);
        let ended = installation.run(&["web"]);
        assert_eq!(ended.code, Some(78), "{ended:?}");
        assert!(ended.err.contains(message), "{ended:?}");
    }
}

#[test]
fn check_reports_the_page_with_all_others() {
    let server = Server::of_users(Paging::TotalInHeader, users(1));
    let installation = Installation::new(&server, &Config::default());
    installation.write("config/web.toml", "listen = \"0.0.0.0:8181\"\n");
    let ended = installation.run(&["check"]);
    assert_eq!(ended.code, Some(78), "{ended:?}");
    assert!(
        ended.out.contains("`token` and `[tls]` are missing"),
        "{ended:?}"
    );
    assert!(
        ended.out.contains("but `rollbook web` would not"),
        "{ended:?}"
    );
    installation.write("jobs/other.toml", "source = \"none\"\n");
    let ended = installation.run(&["check"]);
    assert!(ended.err.contains("`[tls]` are missing"), "{ended:?}");
    assert!(ended.err.contains("other.toml"), "{ended:?}");
}

#[test]
fn https_without_a_proxy() {
    let certificates = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("crates/rollbook-http/src/http/tests/certificates");
    let installation = Installation::empty();
    let key = fs::read_to_string(certificates.join("server.key")).expect("a key");
    installation.secret("server.key", &key);
    installation.write(
        "config/web.toml",
        &format!(
            "[tls]\ncertificate = {{ file = \"{}\" }}\nkey = {{ file = \"server.key\" }}\n",
            certificates.join("good.pem").display()
        ),
    );
    let web = HttpProcess::start(&installation, &["web"]);
    assert_eq!(web.scheme, "https");
    assert!(
        !web.sent("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .contains("HTTP/1.1 200")
    );
    let curl = Command::new("curl")
        .args(["--insecure", "--silent", "--show-error", "--max-time", "30"])
        .arg(format!("https://localhost:{}/icon.svg", web.address.port()))
        .output();
    match curl {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(text.contains("<svg"), "{output:?}");
        }
        Err(error) => println!("passed over: curl cannot be run here: {error}"),
    }
    web.end();
}

#[test]
fn a_webhook_goes_to_the_daemon_as_it_is() {
    let installation = Installation::empty();
    let folder = installation.path("state/run");
    fs::create_dir_all(&folder).expect("made");
    let socket = UnixListener::bind(folder.join("control.sock")).expect("a socket");
    fs::write(folder.join("status.json"), "{}").expect("written");
    let daemon = thread::spawn(move || {
        let answers = ["accepted", "refused", "unknown", "busy"];
        answers.map(|answer| {
            let (stream, _) = socket.accept().expect("a connection");
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            stream.read_line(&mut line).expect("a line");
            let answer = format!("\"{answer}\"\n");
            stream.get_mut().write_all(answer.as_bytes()).expect("sent");
            line
        })
    });
    let web = HttpProcess::start(&installation, &["web"]);
    for expected in [202, 401, 404, 503] {
        let headers = "X-Signature: abc\r\n";
        let (status, reply) = web.request("POST", "/webhooks/north", headers, "{\"a\": 1}");
        assert_eq!(status, expected, "{reply}");
    }
    let lines = daemon.join().expect("ended");
    for part in ["north", "x-signature", "abc", "eyJhIjogMX0="] {
        assert!(lines[0].contains(part), "{part}: {}", lines[0]);
    }
    assert_eq!(
        web.request("POST", "/webhooks/north", "", "").0,
        503,
        "no daemon any more"
    );
    web.end();
}

#[test]
fn a_thousand_silent_clients_and_slow_readers_harm_no_one() {
    let installation = Installation::empty();
    let web = HttpProcess::start(&installation, &["web"]);
    assert_eq!(web.get("/").0, 200);
    let at_rest = web.memory();
    let mut silent = Vec::new();
    for number in 0..CLIENTS {
        let Ok(mut stream) = TcpStream::connect(web.address) else {
            println!("{number} connections are all that this machine opens");
            silent.truncate(number.saturating_sub(50)); // others need some
            break;
        };
        match number % 3 {
            0 => {}
            1 => stream
                .write_all(b"GET / HTTP/1.1\r\nHost: local")
                .expect("sent"),
            _ => stream
                .write_all(b"GET /icon.svg HTTP/1.1\r\nHost: localhost\r\n\r\n")
                .expect("sent"),
        }
        silent.push(stream);
    }
    let (status, _) = web.get("/healthz");
    let under_load = web.memory();
    println!(
        "{at_rest} KiB at rest, {under_load} KiB with {} connections",
        silent.len()
    );
    assert_eq!(status, 503, "a good client is served");
    assert!(at_rest < AT_REST, "{at_rest} KiB at rest");
    assert!(under_load < UNDER_LOAD, "{under_load} KiB under load");
    // More than it keeps open: the oldest are closed, and a good client is served.
    let more: Vec<TcpStream> = (0..300)
        .filter_map(|_| TcpStream::connect(web.address).ok())
        .collect();
    assert_eq!(web.get("/healthz").0, 503);
    drop((silent, more));
    web.end();
}

#[test]
fn it_is_idle_when_no_one_looks() {
    let installation = Installation::empty();
    let web = HttpProcess::start(&installation, &["web"]);
    let pid = web.running.as_ref().expect("it runs").pid();
    let spent = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .expect("a name")
            .1
            .split_whitespace()
            .collect();
        (fields[11].to_owned(), fields[12].to_owned())
    };
    assert_eq!(web.get("/").0, 200);
    let switches = || {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
        let line = status
            .lines()
            .find(|line| line.starts_with("voluntary_ctxt_switches"));
        line.map(str::to_owned)
    };
    thread::sleep(Duration::from_millis(200)); // its last connection is closed
    let before = (spent(), switches());
    thread::sleep(Duration::from_secs(1)); // the time that is observed
    assert_eq!(
        (spent(), switches()),
        before,
        "nothing woke it for a second"
    );
    web.end();
}
