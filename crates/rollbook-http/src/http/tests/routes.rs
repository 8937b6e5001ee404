//! Redirects, proxies and certificates.

use std::path::{Path, PathBuf};
use std::process::Command;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::*;
use crate::http::fault_server::{FaultServer, FaultStep, answer};
use rollbook_core::model::Class;

fn good() -> Vec<FaultStep> {
    vec![answer("200 OK", "", "[1]")]
}

#[tokio::test]
async fn no_redirect_is_followed() {
    for code in [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Temporary",
        "308 Permanent",
    ] {
        let clock = monday().clock();
        let other = FaultServer::start(vec![good()]).await;
        let location = format!("Location: {}\r\n", other.url("/users?key=s3cret"));
        let server = FaultServer::start(vec![vec![answer(code, &location, "")]]).await;
        let session = session(rules(&server.url("")), None, &clock);
        let error = page(&session, &clock).await.expect_err(code);
        assert_eq!(error.class(), Class::Permanent, "{error}");
        assert!(
            error.to_string().contains(&other.address.to_string()),
            "{error}"
        );
        assert!(!error.to_string().contains("s3cret"), "{error}");
        assert_eq!(
            (server.requests().len(), other.requests().len()),
            (1, 0),
            "{code}"
        );

        // The same at the token endpoint, where the body is a secret.
        let server = FaultServer::start(vec![vec![answer(code, &location, "")]]).await;
        let vault = Arc::new(MemoryVault::default());
        let grant = Grant::RefreshToken {
            spec: spec(&server.url("/token")),
            seed: Some("r1".into()),
        };
        let error = manager(grant, &vault, &clock)
            .access()
            .await
            .err()
            .expect(code);
        assert_eq!(error.class(), Class::Permanent, "{error}");
        assert_eq!(
            (server.requests().len(), other.requests().len()),
            (1, 0),
            "{code}"
        );
        assert!(vault.with(|memory| memory.kept.is_none()), "{code}");
    }
}

#[tokio::test]
async fn a_configured_proxy_is_used_and_never_passed_by() {
    let clock = monday().clock();
    let (server, proxy) = (
        FaultServer::start(vec![good()]).await,
        FaultServer::start(vec![good()]).await,
    );
    let through = |address: String| {
        let proxy = Some(Url::parse(&address).expect("an address"));
        session(
            SessionRules {
                route: Route {
                    proxy,
                    ..Route::default()
                },
                ..rules(&server.url(""))
            },
            None,
            &clock,
        )
    };
    page(&through(proxy.url("")), &clock)
        .await
        .expect("through the proxy");
    assert!(proxy.requests()[0].starts_with(&format!("GET {} HTTP/1.1", server.url("/users"))));
    let guarded = FaultServer::start(vec![vec![answer("407 Proxy", "", "")]]).await;
    let error = page(&through(guarded.url("")), &clock)
        .await
        .expect_err("no user");
    assert!(
        error
            .to_string()
            .contains("returned 407, as a proxy does: it requires a user and a password"),
        "{error}"
    );
    let named = format!("through the proxy {} returned 407", guarded.address);
    assert!(error.to_string().contains(&named), "{error}");
    drop(guarded);
    let error = page(&through("http://127.0.0.1:1".into()), &clock)
        .await
        .expect_err("the proxy is dead");
    assert!(
        error
            .to_string()
            .contains("the proxy 127.0.0.1:1 refuses connections"),
        "{error}"
    );
    assert!(server.requests().is_empty());
}

/// What a proxy does with a CONNECT.
#[derive(Clone, Copy)]
enum ProxyAct {
    Returns(&'static str),
    Closes,
    Waits,
    /// Opens a tunnel to this port if the user is `me`, else returns 407.
    Tunnels(u16),
}

/// A proxy, and the requests that it received.
async fn proxy_that(act: ProxyAct) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let log = Arc::new(Mutex::new(Vec::new()));
    let requests = Arc::clone(&log);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let requests = Arc::clone(&requests);
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                while !bytes.ends_with(b"\r\n\r\n") {
                    if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let request = String::from_utf8_lossy(&bytes).into_owned();
                // `me:s3cret`
                let is_known = request.lines().any(|line| {
                    let header = line.split_once(": ");
                    header.is_some_and(|(name, value)| {
                        name.eq_ignore_ascii_case("proxy-authorization")
                            && value == "Basic bWU6czNjcmV0"
                    })
                });
                requests.lock().expect("requests").push(request);
                let refuse = |status| format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                match act {
                    ProxyAct::Closes => {}
                    ProxyAct::Waits => std::future::pending().await,
                    ProxyAct::Tunnels(port) if is_known => {
                        let ok = b"HTTP/1.1 200 OK\r\n\r\n";
                        stream.write_all(ok).await.expect("written");
                        let server = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
                        let mut server = server.expect("a server");
                        let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
                    }
                    ProxyAct::Tunnels(_) => {
                        let _ = stream.write_all(refuse("407 Proxy").as_bytes()).await;
                    }
                    ProxyAct::Returns(status) => {
                        let _ = stream.write_all(refuse(status).as_bytes()).await;
                    }
                }
            });
        }
    });
    (address, log)
}

fn through_proxy(proxy: &str, base_url: &str, login: Option<&str>) -> SessionRules {
    SessionRules {
        route: Route {
            proxy: Some(Url::parse(&format!("http://{proxy}")).expect("an address")),
            proxy_login: login.map(|password| ProxyLogin {
                user: "me".to_owned(),
                password: password.into(),
            }),
            ca_file: Some(file("authority.pem")),
            ..Route::default()
        },
        timeouts: Timeouts {
            connect: Duration::from_millis(500),
            ..Timeouts::default()
        },
        ..rules(base_url)
    }
}

#[tokio::test]
async fn a_proxy_that_opens_no_tunnel_is_named_with_its_status() {
    for (act, class, attempts, reported) in [
        (
            ProxyAct::Returns("407 Proxy Authentication Required"),
            Class::Permanent,
            1,
            "the proxy PROXY returned 407: it requires a user and a password, or does not accept those that were \
             sent; set `proxy_user` and `proxy_password` at the source",
        ),
        (
            ProxyAct::Returns("403 Forbidden"),
            Class::Permanent,
            1,
            "the proxy PROXY returned 403: it does not allow connections to vendor.example; have its administrator \
             allow them",
        ),
        (
            ProxyAct::Returns("502 Bad Gateway"),
            Class::Transient,
            5,
            "the proxy PROXY returned 502: it cannot reach vendor.example",
        ),
        (
            ProxyAct::Returns("400 Bad Request"),
            Class::Permanent,
            1,
            "the proxy PROXY returned 400 instead of a connection to vendor.example; ask its administrator",
        ),
        (
            ProxyAct::Closes,
            Class::Transient,
            5,
            "the proxy PROXY closed the connection to vendor.example",
        ),
        (
            ProxyAct::Waits,
            Class::Transient,
            5,
            "the proxy PROXY opened no connection to vendor.example in time; check that both can be reached",
        ),
    ] {
        let clock = monday().clock();
        let (proxy, requests) = proxy_that(act).await;
        let rules = through_proxy(&proxy, "https://vendor.example/v1", Some("wr0ng"));
        let error = page(&session(rules, None, &clock), &clock)
            .await
            .expect_err(reported);
        let text = error.to_string();
        let expected = reported.replace("PROXY", &proxy);
        assert!(
            text.starts_with(&format!("read page 1 of users: {expected}")),
            "{text}"
        );
        assert_eq!(
            (error.class(), error.attempts()),
            (class, attempts),
            "{text}"
        );
        assert!(!text.contains("wr0ng") && !text.contains("me:"), "{text}");
        let requests = requests.lock().expect("requests");
        let only = "CONNECT vendor.example:443 HTTP/1.1\r\n";
        assert!(
            requests.iter().all(|request| request.starts_with(only)),
            "{requests:?}"
        );
    }
}

#[tokio::test]
async fn a_dead_proxy_and_a_proxy_without_an_address_are_named() {
    let clock = monday().clock();
    for (proxy, reported) in [
        ("127.0.0.1:1", "the proxy 127.0.0.1:1 refuses connections"),
        (
            "proxy.invalid:3128",
            "cannot find the proxy proxy.invalid:3128; check `proxy` at the source",
        ),
    ] {
        for base_url in ["https://vendor.example/v1", "http://127.0.0.1:9/v1"] {
            let rules = through_proxy(proxy, base_url, None);
            let error = page(&session(rules, None, &clock), &clock)
                .await
                .expect_err(reported);
            assert!(error.to_string().contains(reported), "{base_url}: {error}");
            assert_eq!(error.class(), Class::Transient, "{error}");
        }
    }
}

#[tokio::test]
async fn a_user_and_a_password_open_the_proxy() {
    let clock = monday().clock();
    let host = tls_server("good").await;
    let port = host
        .rsplit(':')
        .next()
        .expect("a port")
        .parse()
        .expect("a port");
    for (password, is_good) in [("s3cret", true), ("wr0ng", false)] {
        let (proxy, requests) = proxy_that(ProxyAct::Tunnels(port)).await;
        let rules = through_proxy(&proxy, &format!("https://{host}/v1"), Some(password));
        let outcome = page(&session(rules, None, &clock), &clock).await;
        assert_eq!(outcome.is_ok(), is_good, "{:?}", outcome.err());
        let expected = if is_good { 1 } else { 2 };
        assert_eq!(requests.lock().expect("requests").len(), expected);
    }
    // The certificate behind the tunnel is still the server's.
    let host = tls_server("expired").await;
    let port = host
        .rsplit(':')
        .next()
        .expect("a port")
        .parse()
        .expect("a port");
    let (proxy, _) = proxy_that(ProxyAct::Tunnels(port)).await;
    let rules = through_proxy(&proxy, &format!("https://{host}/v1"), Some("s3cret"));
    let error = page(&session(rules, None, &clock), &clock).await;
    let error = error.expect_err("expired").to_string();
    assert!(
        error.contains(&format!("the certificate of {host} expired on 2021-01-01")),
        "{error}"
    );
}

/// Set for the child process that proves the next test.
const CHILD: &str = "ROLLBOOK_TEST_SERVER";

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_in_the_environment_is_ignored() {
    let (server, proxy) = (
        FaultServer::start(vec![good()]).await,
        FaultServer::start(vec![good()]).await,
    );
    let mut child = Command::new(std::env::current_exe().expect("we run"));
    child.args([
        "--exact",
        "http::tests::routes::child_of_the_proxy_test",
        "--nocapture",
    ]);
    child.env(CHILD, server.url(""));
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        child.env(name, proxy.url(""));
    }
    for name in ["NO_PROXY", "no_proxy"] {
        child.env_remove(name);
    }
    let outcome = tokio::task::spawn_blocking(move || child.output())
        .await
        .expect("no panic")
        .expect("it starts");
    assert!(
        outcome.status.success(),
        "{}",
        String::from_utf8_lossy(&outcome.stderr)
    );
    assert_eq!((server.requests().len(), proxy.requests().len()), (1, 0));
}

#[tokio::test]
async fn child_of_the_proxy_test() {
    let Ok(server) = std::env::var(CHILD) else {
        return;
    };
    let clock = monday().clock();
    page(&session(rules(&server), None, &clock), &clock)
        .await
        .expect("straight to the server");
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/http/tests/certificates")
        .join(name)
}

/// A TLS server with one of the test certificates; answers every request well.
async fn tls_server(name: &str) -> String {
    let chain = CertificateDer::pem_file_iter(file(&format!("{name}.pem")))
        .and_then(Iterator::collect)
        .expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(file("server.key")).expect("a key");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("they fit");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("loopback has ports");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[1]")
                .await;
            let _ = stream.shutdown().await;
        }
    });
    format!("localhost:{}", address.port())
}

#[tokio::test]
async fn a_certificate_by_rows() {
    for (name, ca_file, reported) in [
        ("good", Some("authority.pem"), None),
        (
            "good",
            None,
            Some(
                "is signed by an authority that this machine does not trust; if the authority is yours, set ca_file to its certificate",
            ),
        ),
        (
            "expired",
            Some("authority.pem"),
            Some("expired on 2021-01-01; its owner must renew it"),
        ),
        (
            "other",
            Some("authority.pem"),
            Some("is for another name; check the address"),
        ),
    ] {
        let clock = monday().clock();
        let host = tls_server(name).await;
        let rules = SessionRules {
            route: Route {
                ca_file: ca_file.map(file),
                ..Route::default()
            },
            ..rules(&format!("https://{host}/v1"))
        };
        let outcome = page(&session(rules, None, &clock), &clock).await;
        let should = reported
            .map(|reported| format!("read page 1 of users: the certificate of {host} {reported}"));
        if let Err(error) = &outcome {
            assert_eq!(
                (error.class(), error.attempts()),
                (Class::Permanent, 1),
                "{error}"
            );
        }
        assert_eq!(
            outcome.err().map(|error| error.to_string()),
            should,
            "{name}"
        );
    }
}

#[tokio::test]
async fn plain_http_where_https_is_required() {
    let clock = monday().clock();
    let server = FaultServer::start(vec![vec![answer("400 Bad Request", "", "")]]).await;
    let base = format!("https://{}/v1", server.address);
    let error = page(&session(rules(&base), None, &clock), &clock)
        .await
        .expect_err("plain HTTP");
    assert_eq!(error.class(), Class::Transient, "{error}");
    assert!(
        error.to_string().contains("the TLS handshake with"),
        "{error}"
    );
}
