//! Which addresses are allowed, and a name that resolves differently each time.

use std::collections::VecDeque;
use std::sync::Mutex;

use reqwest::Url;

use super::*;
use crate::http::client::{ClientOptions, Connections, client_with_resolver, error_kind};
use crate::http::error::HttpErrorKind;
use crate::http::fault_server::{FaultServer, answer};
use crate::http::rules::{Route, Timeouts};

#[test]
fn ranges_to_their_last_address() {
    for (address, expected) in [
        ("1.1.1.1", None),
        ("9.255.255.255", None),
        ("10.0.0.0", Some("10.0.0.0/8")),
        ("10.255.255.255", Some("10.0.0.0/8")),
        ("11.0.0.0", None),
        ("0.0.0.0", Some("0.0.0.0/8")),
        ("100.63.255.255", None),
        ("100.64.0.1", Some("100.64.0.0/10")),
        ("100.127.255.255", Some("100.64.0.0/10")),
        ("100.128.0.0", None),
        ("127.0.0.1", Some("127.0.0.0/8")),
        ("169.254.169.254", Some("169.254.0.0/16")),
        ("172.15.255.255", None),
        ("172.16.0.1", Some("172.16.0.0/12")),
        ("172.31.255.255", Some("172.16.0.0/12")),
        ("172.32.0.0", None),
        ("192.0.0.170", Some("192.0.0.0/24")),
        ("192.0.1.0", None),
        ("192.168.178.1", Some("192.168.0.0/16")),
        ("192.169.0.0", None),
        ("198.19.0.1", Some("198.18.0.0/15")),
        ("198.20.0.0", None),
        ("223.255.255.255", None),
        ("224.0.0.1", Some("224.0.0.0/4")),
        ("255.255.255.255", Some("240.0.0.0/4")),
        ("2a00:1450::1", None),
        ("::", Some("(::)")),
        ("::1", Some("(::1)")),
        ("::2", Some("0.0.0.0/8")),
        ("fbff::1", None),
        ("fc00::1", Some("fc00::/7")),
        ("fdff::1", Some("fc00::/7")),
        ("fe80::1", Some("fe80::/10")),
        ("fec0::1", Some("fec0::/10")),
        ("ff02::1", Some("ff00::/8")),
        ("::ffff:10.0.0.1", Some("10.0.0.0/8")),
        ("::ffff:169.254.169.254", Some("169.254.0.0/16")),
        ("::ffff:1.1.1.1", None),
        ("::127.0.0.1", Some("127.0.0.0/8")),
        ("64:ff9b::192.168.0.1", Some("192.168.0.0/16")),
        ("64:ff9b::1.1.1.1", None),
        ("64:ff9b:1::1.1.1.1", Some("64:ff9b:1::/48")),
        ("2002:0a00:0001::1", Some("10.0.0.0/8")),
        ("2002:0101:0101::1", None),
    ] {
        let found = private_range(address.parse().expect("an address"));
        let is_as_expected = match (found, expected) {
            (Some(words), Some(range)) => words.contains(range),
            (found, expected) => found.is_none() && expected.is_none(),
        };
        assert!(is_as_expected, "{address}: {found:?}");
    }
}

#[test]
fn a_name_keeps_its_addresses_of_the_internet_and_no_other() {
    for (name, found, kept) in [
        ("api.example.org", vec!["203.0.113.7"], Ok(1)),
        (
            "api.example.org",
            vec!["10.0.0.7", "203.0.113.7", "fd00::7"],
            Ok(1),
        ),
        (
            "api.example.org",
            vec!["192.168.0.7", "10.0.0.7"],
            Err("api.example.org resolves to a private network (192.168.0.0/16)"),
        ),
        (
            "api.example.org",
            vec!["127.0.0.1"],
            Err("api.example.org resolves to this machine (127.0.0.0/8)"),
        ),
        ("api.example.org", vec![], Ok(0)),
        ("localhost", vec!["::1", "127.0.0.1"], Ok(2)),
        ("LOCALHOST.", vec!["127.0.0.1"], Ok(1)),
        (
            "localhost",
            vec!["10.0.0.7"],
            Err("localhost resolves to a private network (10.0.0.0/8)"),
        ),
        (
            "localhost.example.org",
            vec!["127.0.0.1"],
            Err("localhost.example.org resolves to this machine (127.0.0.0/8)"),
        ),
    ] {
        let outcome = public_addresses(name, addresses(&found));
        let outcome = outcome
            .map(|kept| kept.len())
            .map_err(|error_kind| error_kind.to_string());
        assert_eq!(outcome, kept.map_err(str::to_owned), "{name} {found:?}");
    }
}

fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
    let address = |text: &&str| SocketAddr::new(text.parse().expect("an address"), 0);
    texts.iter().map(address).collect()
}

/// A resolver with scripted responses.
struct Script(Mutex<VecDeque<Vec<SocketAddr>>>);

impl Resolve for Script {
    fn resolve(&self, _: Name) -> Resolving {
        let mut answers = self.0.lock().expect("no panic");
        let next = answers
            .pop_front()
            .expect("no look-up more than there are answers");
        Box::pin(async move { Ok(Box::new(next.into_iter()) as Addrs) })
    }
}

/// Sends one request to `host` per DNS response, on a new connection each time.
async fn ask_each(
    host: &str,
    reach: Reach,
    answers: &[&[&str]],
    server: &FaultServer,
) -> Vec<Result<u16, HttpErrorKind>> {
    let script = answers.iter().map(|texts| addresses(texts)).collect();
    let names = Resolver::with_lookup(Arc::new(Script(Mutex::new(script))), reach);
    let (route, timeouts) = (Route::default(), Timeouts::default());
    let options = ClientOptions {
        connections: Connections::Fresh,
        route: &route,
        timeouts: &timeouts,
    };
    let address = format!("http://{host}:{}/users", server.address.port());
    let address = Url::parse(&address).expect("an address");
    let client = client_with_resolver(names, &options, &address).expect("a client");
    let mut outcomes = Vec::new();
    for _ in answers {
        let answered = client.get(address.clone()).send().await;
        let status = answered.map(|answer| answer.status().as_u16());
        outcomes.push(status.map_err(|error| error_kind(&error, host, &timeouts)));
    }
    outcomes
}

#[tokio::test]
async fn a_name_is_checked_at_each_connection() {
    let script = vec![answer("200 OK", "Connection: close\r\n", "[]")];
    let server = FaultServer::start(vec![script]).await;
    let rebound: &[&[&str]] = &[&["127.0.0.1"], &["10.0.0.7"], &["127.0.0.1"]];
    let outcomes = ask_each("localhost", Reach::Internet, rebound, &server).await;
    let private_range =
        HttpErrorKind::PrivateAddress("localhost".into(), "a private network (10.0.0.0/8)");
    assert_eq!(outcomes, [Ok(200), Err(private_range), Ok(200)]);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn private_addresses_only_where_allowed() {
    let script = vec![answer("200 OK", "Connection: close\r\n", "[]")];
    let server = FaultServer::start(vec![script]).await;
    let here: &[&[&str]] = &[&["127.0.0.1"]];
    let refused = ask_each("api.example.org", Reach::Internet, here, &server).await;
    let private_range =
        HttpErrorKind::PrivateAddress("api.example.org".into(), "this machine (127.0.0.0/8)");
    assert_eq!(
        (refused, server.requests().len()),
        (vec![Err(private_range)], 0)
    );
    let allowed = ask_each("api.example.org", Reach::Anywhere, here, &server).await;
    assert_eq!(allowed, [Ok(200)]);
    // A number is no name: the script would panic if it were looked up.
    let number = ask_each("127.0.0.1", Reach::Internet, here, &server).await;
    assert_eq!(number, [Ok(200)]);
}
