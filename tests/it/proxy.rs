//! A proxy that refuses: its name and status are in the message, and the advice works.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use crate::installation::{Config, Installation};
use crate::people::users;
use crate::server::{Paging, Server};

/// A proxy that answers every request with this status: its address, and the requests.
fn proxy(status: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let requests = Arc::<Mutex<Vec<String>>>::default();
    let log = Arc::clone(&requests);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let (mut request, mut byte) = (Vec::new(), [0]);
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                request.push(byte[0]);
            }
            let text = String::from_utf8_lossy(&request).into_owned();
            log.lock().expect("requests").push(text);
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        }
    });
    (address, requests)
}

/// An installation whose vendor is on the internet, behind a proxy.
fn behind(proxy: &str, login: &str) -> (Server, Installation) {
    let server = Server::of_users(Paging::TotalInHeader, users(1));
    let auth = "grant = \"api_key\"\napi_key = { file = \"secret\" }\n";
    let installation = Installation::new(
        &server,
        &Config {
            auth,
            ..Config::default()
        },
    );
    let rollbook = format!(
        "[sources.own]\nconnector = \"own\"\nproxy = \"http://{proxy}\"\n{login}\
         [sources.own.settings]\nbase_url = \"https://vendor.example/v1p1\"\ntoken_url = \"https://vendor.example/token\"\n\
         [sources.own.auth]\n{auth}"
    );
    installation.write("config/rollbook.toml", &rollbook);
    (server, installation)
}

#[test]
fn a_proxy_that_refuses_is_named_with_its_status() {
    for (status, reported) in [
        (
            "407 Proxy Authentication Required",
            "set `proxy_user` and `proxy_password` at the source",
        ),
        (
            "403 Forbidden",
            "it does not allow connections to vendor.example",
        ),
    ] {
        let (address, _) = proxy(status);
        let (_server, installation) = behind(&address, "");
        let (outcome, message) = installation.sync().outcome_and_message();
        let named = format!("the proxy {address} returned {}", &status[..3]);
        assert_eq!(outcome, "failed", "{message}");
        assert!(message.contains(&named), "{message}");
        assert!(message.contains(reported), "{message}");
    }
}

#[test]
fn the_advice_for_407_is_one_that_check_accepts() {
    let (address, requests) = proxy("407 Proxy Authentication Required");
    let login = "proxy_user = \"school\"\nproxy_password = { file = \"proxy_password\" }\n";
    let (_server, installation) = behind(&address, login);
    let missing = installation.run(&["check"]);
    assert_eq!(missing.code, Some(78), "{missing:?}");
    installation.secret("proxy_password", "pa55word");
    let checked = installation.run(&["check"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let ran = installation.sync();
    assert!(!format!("{ran:?}").contains("pa55word"), "{ran:?}");
    // `school:pa55word`
    let header = "proxy-authorization: basic c2nob29sonbhntv3b3jk";
    let requests = requests.lock().expect("requests");
    assert!(!requests.is_empty());
    for request in requests.iter() {
        assert!(request.to_lowercase().contains(header), "{request}");
    }
    drop(requests);

    for (login, problem) in [
        ("proxy_user = \"school\"\n", "`proxy_password` is missing"),
        (
            "proxy_password = { file = \"proxy_password\" }\n",
            "`proxy_user` is missing",
        ),
        ("proxy_password = \"pa55word\"\n", "proxy_password"),
    ] {
        let (_server, installation) = behind(&address, login);
        let checked = installation.run(&["check"]);
        assert_eq!(checked.code, Some(78), "{checked:?}");
        assert!(checked.err.contains(problem), "{checked:?}");
        assert!(!checked.err.contains("pa55word"), "{checked:?}");
    }
}
