//! Heartbeats on a test clock, to a server on this machine.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::app::App;
use rollbook_core::clock::TestClock;
use rollbook_engine::daemon::Changes;
use rollbook_engine::setup::files::Secrets;
use rollbook_engine::setup::{Folders, Overlay, Setup};

async fn engine(folder: &Path, clock: &TestClock, address: &str, keys: &str) -> DaemonEngine {
    let folders = Folders {
        config: folder.join("config"),
        jobs: folder.join("jobs"),
        state: folder.join("state"),
        source: None,
    };
    for made in [&folders.config, &folders.jobs] {
        fs::create_dir(made).expect("made");
    }
    let beat = folders.config.join("beat");
    fs::write(&beat, format!("{address}/ping/s3cret")).expect("written");
    fs::set_permissions(&beat, fs::Permissions::from_mode(0o600)).expect("private");
    let config = format!("[alerts.heartbeat]\nurl = {{ file = \"beat\" }}\n{keys}");
    fs::write(folders.config.join("rollbook.toml"), config).expect("written");
    let setup = Setup::load(&folders, &Overlay::default());
    let setup = setup.unwrap_or_else(|problems| panic!("{problems}"));
    let secrets = Secrets::new(&folders.config, None);
    let app = App::open(&folders, setup, secrets, clock.clock()).await;
    let loaded = Changes::of(&folders.folders()).loaded();
    let app = Arc::new(app.expect("opened"));
    DaemonEngine::new(app, folders, Overlay::default(), loaded)
}

async fn server(status: u16) -> MockServer {
    let server = MockServer::start().await;
    let ping = Mock::given(method("GET")).and(path("/ping/s3cret"));
    ping.respond_with(ResponseTemplate::new(status))
        .mount(&server)
        .await;
    server
}

/// How often the server was called, with an empty body, until so much time has passed.
async fn calls(
    engine: &DaemonEngine,
    clock: &TestClock,
    server: &MockServer,
    time: Duration,
    is_stuck: bool,
) -> usize {
    let reloaded = Notify::new();
    let until = clock.clock();
    let over = async {
        while until.running() < time {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = engine.keep_heartbeat(&reloaded, |_| !is_stuck) => {}
        () = over => {}
    }
    let requests = server.received_requests().await.unwrap_or_default();
    assert!(requests.iter().all(|request| request.body.is_empty()));
    requests.len()
}

#[tokio::test]
async fn a_request_at_each_interval_whether_it_is_received_or_not() {
    let start = "2026-03-02T06:00:00Z".parse().expect("a time");
    for (status, keys, is_stuck, expected) in [
        (200, "", false, 12),
        (500, "", false, 12),
        (200, "every = \"1h\"\n", false, 1),
        (200, "when = \"fresh\"\n", false, 12),
        (200, "", true, 0),
    ] {
        let (folder, clock) = (tempfile::tempdir().expect("a folder"), TestClock::at(start));
        let server = server(status).await;
        let engine = engine(folder.path(), &clock, &server.uri(), keys).await;
        let begun = clock.clock().running();
        let hour = begun + Duration::from_secs(3599);
        let found = calls(&engine, &clock, &server, hour, is_stuck).await;
        assert_eq!(found, expected, "{status}, {keys:?}, {is_stuck}");
    }
}

#[test]
fn failures_are_logged_once() {
    let mut is_logged = false;
    for (sent, expected) in [
        (Ok(()), false),
        (Err("down".to_owned()), true),
        (Err("down".to_owned()), true),
        (Ok(()), false),
    ] {
        note(sent, &mut is_logged);
        assert_eq!(is_logged, expected);
    }
}
