//! Requests over a real socket to a scripted engine.

use super::*;
use crate::daemon::scripted::{Script, entry};

/// Sends something to a daemon in a temporary folder; returns the response.
async fn check(
    act: impl AsyncFn(&Path) -> io::Result<Option<String>>,
) -> io::Result<Option<String>> {
    let folder = tempfile::tempdir().expect("a folder");
    let script = Script::new("2026-03-02T07:00:00Z", &[entry("job", "30 8 * * *")]);
    let server = ControlServer::listen(&folder.path().join("run"), Path::new("/srv/mirror.db"));
    let server = server.expect("a socket");
    let engine: Arc<dyn Engine> =
        Arc::<crate::daemon::scripted::ScriptedEngine>::clone(&script.engine);
    let run_now = Arc::clone(&script.control.run_now);
    let folder = folder.path().join("run");
    tokio::select! {
        () = server.serve(engine, run_now, Clock::system()) => unreachable!("it serves until it is dropped"),
        response = act(&folder) => response,
    }
}

#[tokio::test]
async fn only_the_daemon_of_that_mirror_handles_a_request() {
    for (mirror, request, expected) in [
        ("/srv/mirror.db", "resume job", Some("handled resume job")),
        ("/srv/other.db", "resume job", None),
    ] {
        let response =
            check(async |folder| send_request(folder, Path::new(mirror), request).await).await;
        let response = response.expect("a daemon");
        assert_eq!(response.as_deref(), expected, "{mirror}");
    }
}

#[tokio::test]
async fn noise_is_no_request_and_the_next_one_is_handled() {
    let response = check(async |folder| {
        let noise: [&[u8]; 4] = [b"\n", b"{}\n", b"\xff\xfe\n", &[b'x'; 40_000]];
        for noise in noise {
            let mut stream = UnixStream::connect(folder.join(NAME)).await?;
            // It may hang up before all is log.
            let _ = stream.write_all(noise).await;
            let _ = stream.shutdown().await;
            let mut response = Vec::new();
            let _ = stream.read_to_end(&mut response).await;
            assert_eq!(response, b"", "{noise:?}");
        }
        send_request(folder, Path::new("/srv/mirror.db"), "resume job").await
    });
    assert_eq!(
        response.await.expect("a daemon").as_deref(),
        Some("handled resume job")
    );
}

#[tokio::test]
async fn without_a_daemon_there_is_no_response() {
    let folder = tempfile::tempdir().expect("a folder");
    let send =
        async || send_request(folder.path(), Path::new("/srv/mirror.db"), "resume job").await;
    assert_eq!(send().await.expect("no daemon"), None);
    // What a killed daemon leaves behind.
    drop(std::os::unix::net::UnixListener::bind(folder.path().join(NAME)).expect("a socket"));
    assert_eq!(send().await.expect("no daemon"), None);
    let control = ControlServer::listen(folder.path(), Path::new("/srv/mirror.db"));
    drop(control.expect("it is replaced"));
    assert!(!folder.path().join(NAME).exists(), "and taken away");
}
