//! Requests over a real socket to a scripted engine.

use super::*;
use crate::daemon::scripted::{Script, entry};
use crate::daemon::webhook_request::{MAX_WEBHOOK_BODY, send_webhook};

/// Sends something to a daemon in a temporary folder; returns the response.
async fn check<T>(act: impl AsyncFn(&Path) -> io::Result<T>) -> io::Result<T> {
    let folder = tempfile::tempdir().expect("a folder");
    let script = Script::new("2026-03-02T07:00:00Z", &[entry("job", "30 8 * * *")]);
    let server = ControlServer::listen(&folder.path().join("run"), Path::new("/srv/mirror.db"));
    let server = server.expect("a socket");
    let engine: Arc<dyn Engine> =
        Arc::<crate::daemon::scripted::ScriptedEngine>::clone(&script.engine);
    let folder = folder.path().join("run");
    tokio::select! {
        () = server.serve(engine, &script.control, Clock::system()) => unreachable!("it serves until it is dropped"),
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
            let mut stream = UnixStream::connect(socket(folder)).await?;
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
    drop(std::os::unix::net::UnixListener::bind(socket(folder.path())).expect("a socket"));
    assert_eq!(send().await.expect("no daemon"), None);
    let control = ControlServer::listen(folder.path(), Path::new("/srv/mirror.db"));
    drop(control.expect("it is replaced"));
    assert!(!socket(folder.path()).exists(), "and taken away");
}

fn webhook(name: &str, body: usize) -> WebhookRequest {
    WebhookRequest {
        name: name.to_owned(),
        headers: vec![("X-Signature".to_owned(), "7f".to_owned())],
        body: vec![0xff; body],
    }
}

#[tokio::test]
async fn webhooks_are_answered_and_ask_for_runs() {
    for (name, body, expected) in [
        ("webhook", 0, WebhookAnswer::Accepted),
        ("webhook", MAX_WEBHOOK_BODY, WebhookAnswer::Accepted),
        ("other", 9, WebhookAnswer::Unknown),
    ] {
        let answer = check(async |folder| send_webhook(folder, &webhook(name, body)).await).await;
        assert_eq!(
            answer.expect("a daemon"),
            Some(expected),
            "{name}, {body} bytes"
        );
    }
    let too_large =
        check(async |folder| send_webhook(folder, &webhook("webhook", MAX_WEBHOOK_BODY + 1)).await);
    assert!(too_large.await.is_err());
}

#[tokio::test]
async fn a_flood_of_webhooks_is_cut_and_admins_are_served() {
    let response = check(async |folder| {
        let mut busy = 0;
        for _ in 0..400 {
            let answer = send_webhook(folder, &webhook("webhook", 10)).await?;
            busy += usize::from(answer == Some(WebhookAnswer::Busy));
        }
        assert!(busy > 50, "{busy}");
        send_request(folder, Path::new("/srv/mirror.db"), "resume job").await
    });
    assert_eq!(
        response.await.expect("a daemon").as_deref(),
        Some("handled resume job")
    );
}

#[tokio::test]
async fn slow_peers_delay_no_admin() {
    let response = check(async |folder| {
        let mut slow = Vec::new();
        for _ in 0..40 {
            let mut stream = UnixStream::connect(socket(folder)).await?;
            stream.write_all(b"{\"webhook\":").await?;
            slow.push(stream);
        }
        send_request(folder, Path::new("/srv/mirror.db"), "resume job").await
    });
    assert_eq!(
        response.await.expect("a daemon").as_deref(),
        Some("handled resume job")
    );
}

#[tokio::test]
async fn the_group_of_the_folder_may_connect() {
    let mode = check(async |folder| {
        let mode = fs::metadata(socket(folder))?.permissions().mode();
        // A status page connects to see whether the daemon lives.
        drop(UnixStream::connect(socket(folder)).await?);
        Ok(mode & 0o777)
    });
    assert_eq!(mode.await.expect("a socket"), 0o660);
}
