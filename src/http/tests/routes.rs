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
use crate::model::Class;

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
            .contains("the proxy requires a user and a password"),
        "{error}"
    );
    drop(guarded);
    page(&through("http://127.0.0.1:1".into()), &clock)
        .await
        .expect_err("the proxy is dead");
    assert!(server.requests().is_empty());
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
