//! Who gets what: tokens, allowances, methods, and the files of a daemon.

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::Path;

use http_body_util::BodyExt as _;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use secrecy::SecretString;

use super::*;
use rollbook_core::clock::TestClock;
use rollbook_engine::daemon::StatusFile;
use rollbook_engine::daemon::status::{SCHEMA, Status};

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

struct SiteOfTest(WebSite);

impl SiteOfTest {
    fn new(folder: &Path, config: &WebConfig, tokens: [Option<&str>; 2]) -> Self {
        let token = |text: &str| AccessToken::new(&SecretString::from(text));
        let [page, metrics] = tokens.map(|text| text.map(token));
        let clock = TestClock::at("2026-03-02T06:00:00Z".parse().expect("a time"));
        let tokens = AccessTokens { page, metrics };
        Self(WebSite::new(
            config,
            tokens,
            vec![folder.to_owned()],
            clock.clock(),
        ))
    }

    async fn get(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (u16, Response<Full<Bytes>>) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::<Bytes>::default()).expect("a request");
        let response = self.0.respond(request, CLIENT).await;
        (response.status().as_u16(), response)
    }

    async fn status(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
        self.get(method, path, headers).await.0
    }
}

/// A daemon that runs: its lock, as `running_lock.rs` takes it, and its status file.
fn running(folder: &Path) -> File {
    let lock = File::create(folder.join("running.lock")).expect("made");
    let whole = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(&lock, FcntlArg::F_OFD_SETLK(&whole)).expect("locked");
    let status = Status {
        schema: SCHEMA,
        process: rollbook_engine::daemon::status::Process {
            pid: std::process::id(),
            began: None,
        },
        ..Status::default()
    };
    StatusFile::in_folder(folder)
        .write(&status)
        .expect("written");
    lock
}

async fn text(response: Response<Full<Bytes>>) -> String {
    let body = response
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    String::from_utf8(body.to_vec()).expect("text")
}

#[tokio::test]
async fn every_path_has_its_reply() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = SiteOfTest::new(folder.path(), &WebConfig::default(), [None, None]);
    for (path, without) in [
        ("/", 200),
        ("/icon.svg", 200),
        ("/metrics", 200),
        ("/status.json", 503),
        ("/nothing/here", 404),
        ("/webhooks/", 404),
    ] {
        assert_eq!(
            site.status("GET", path, &[]).await,
            without,
            "{path} without a daemon"
        );
        assert_eq!(site.status("HEAD", path, &[]).await, without, "{path}");
    }
    let (status, response) = site.get("GET", "/healthz", &[]).await;
    assert_eq!((status, text(response).await.as_str()), (503, "not ok"));
    let _daemon = running(folder.path());
    let (status, response) = site.get("GET", "/status.json", &[]).await;
    let found: Status = serde_json::from_str(&text(response).await).expect("a status");
    assert_eq!((status, found.schema), (200, SCHEMA));
    let (status, response) = site.get("GET", "/healthz", &[]).await;
    assert_eq!((status, text(response).await.as_str()), (200, "ok"));
}

#[tokio::test]
async fn methods_are_limited_by_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = SiteOfTest::new(folder.path(), &WebConfig::default(), [None, None]);
    let off = WebConfig {
        webhooks: false,
        ..WebConfig::default()
    };
    let without_webhooks = SiteOfTest::new(folder.path(), &off, [None, None]);
    for (method, path, expected, allow) in [
        ("POST", "/", 405, Some("GET, HEAD")),
        ("DELETE", "/metrics", 405, Some("GET, HEAD")),
        ("OPTIONS", "/healthz", 405, Some("GET, HEAD")),
        ("BREW", "/icon.svg", 405, Some("GET, HEAD")),
        ("GET", "/webhooks/north", 405, Some("POST")),
        ("POST", "/webhooks/north", 503, None),
    ] {
        let (status, response) = site.get(method, path, &[]).await;
        let found = response
            .headers()
            .get("allow")
            .map(|value| value.to_str().expect("text"));
        assert_eq!((status, found), (expected, allow), "{method} {path}");
    }
    assert_eq!(
        without_webhooks
            .status("POST", "/webhooks/north", &[])
            .await,
        405
    );
    assert_eq!(
        without_webhooks.status("GET", "/webhooks/north", &[]).await,
        404
    );
}

#[tokio::test]
async fn a_token_opens_its_paths() {
    let folder = tempfile::tempdir().expect("a folder");
    let _daemon = running(folder.path());
    let site = SiteOfTest::new(
        folder.path(),
        &WebConfig::default(),
        [Some("page"), Some("metrics")],
    );
    let (page, metrics) = (
        ("authorization", "Bearer page"),
        ("authorization", "Bearer metrics"),
    );
    for (path, header, expected) in [
        ("/", None, 401),
        ("/", Some(page), 200),
        ("/", Some(metrics), 401),
        ("/", Some(("authorization", "Basic eDpwYWdl")), 200),
        ("/no/such/page", None, 401),
        ("/no/such/page", Some(page), 404),
        ("/icon.svg", None, 401),
        ("/status.json", Some(metrics), 401),
        ("/metrics", None, 401),
        ("/metrics", Some(metrics), 200),
        ("/metrics", Some(page), 200),
    ] {
        let headers: Vec<_> = header.into_iter().collect();
        assert_eq!(
            site.status("GET", path, &headers).await,
            expected,
            "{path} {header:?}"
        );
    }
    assert_ne!(site.status("GET", "/healthz", &[]).await, 401);
    assert_eq!(site.status("POST", "/webhooks/north", &[]).await, 503);
    let (_, response) = site.get("GET", "/", &[]).await;
    let asks = &response.headers()["www-authenticate"];
    assert_eq!(asks, "Basic realm=\"Rollbook\", charset=\"UTF-8\"");
}

#[tokio::test]
async fn wrong_tokens_are_bounded_and_only_for_their_client() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = WebConfig {
        trusted_proxy: vec!["127.0.0.1".parse().expect("an address")],
        ..WebConfig::default()
    };
    let site = SiteOfTest::new(folder.path(), &config, [Some("page"), None]);
    let from = |client: &'static str, token: &'static str| {
        [("x-forwarded-for", client), ("authorization", token)]
    };
    let mut found = Vec::new();
    for _ in 0..12 {
        found.push(
            site.status("GET", "/", &from("203.0.113.7", "Bearer guess"))
                .await,
        );
    }
    assert_eq!(found, [vec![401; 10], vec![429; 2]].concat());
    assert_eq!(
        site.status("GET", "/", &from("203.0.113.7", "Bearer page"))
            .await,
        429
    );
    assert_eq!(
        site.status("GET", "/", &from("203.0.113.8", "Bearer page"))
            .await,
        200
    );
}

#[tokio::test]
async fn a_flood_of_one_kind_leaves_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = SiteOfTest::new(folder.path(), &WebConfig::default(), [None, None]);
    let mut last = 200;
    for _ in 0..=200 {
        last = site.status("GET", "/", &[]).await;
    }
    assert_eq!(last, 429);
    let (_, response) = site.get("GET", "/", &[]).await;
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(site.status("GET", "/metrics", &[]).await, 200);
    assert_eq!(site.status("GET", "/healthz", &[]).await, 503);
    assert_eq!(site.status("POST", "/webhooks/north", &[]).await, 503);
}
