//! Wishes over a real socket to a played engine.

use super::*;
use crate::daemon::played::{Play, entry};

/// Says something to a daemon in a temporary folder; gives the answer.
async fn check(
    act: impl AsyncFn(&Path) -> io::Result<Option<String>>,
) -> io::Result<Option<String>> {
    let folder = tempfile::tempdir().expect("a folder");
    let play = Play::new("2026-03-02T07:00:00Z", &[entry("job", "30 8 * * *")]);
    let control = Control::listen(&folder.path().join("run"), Path::new("/srv/mirror.db"));
    let control = control.expect("a socket");
    let engine: Arc<dyn Engine> = Arc::<crate::daemon::played::Played>::clone(&play.engine);
    let at_once = Arc::clone(&play.orders.at_once);
    let folder = folder.path().join("run");
    tokio::select! {
        () = control.serve(engine, at_once, Clock::system()) => unreachable!("it serves until it is dropped"),
        answer = act(&folder) => answer,
    }
}

#[tokio::test]
async fn a_wish_is_heard_by_the_daemon_of_that_mirror_only() {
    for (mirror, wish, expected) in [
        ("/srv/mirror.db", "resume job", Some("heard resume job")),
        ("/srv/other.db", "resume job", None),
    ] {
        let answer = check(async |folder| ask(folder, Path::new(mirror), wish).await).await;
        let answer = answer.expect("a daemon");
        assert_eq!(answer.as_deref(), expected, "{mirror}");
    }
}

#[tokio::test]
async fn noise_is_no_wish_and_the_next_one_is_heard() {
    let answer = check(async |folder| {
        let noise: [&[u8]; 4] = [b"\n", b"{}\n", b"\xff\xfe\n", &[b'x'; 40_000]];
        for noise in noise {
            let mut stream = UnixStream::connect(folder.join(NAME)).await?;
            // It may hang up before all is said.
            let _ = stream.write_all(noise).await;
            let _ = stream.shutdown().await;
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            assert_eq!(answer, b"", "{noise:?}");
        }
        ask(folder, Path::new("/srv/mirror.db"), "resume job").await
    });
    assert_eq!(
        answer.await.expect("a daemon").as_deref(),
        Some("heard resume job")
    );
}

#[tokio::test]
async fn where_nobody_listens_nothing_is_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let asked = async || ask(folder.path(), Path::new("/srv/mirror.db"), "resume job").await;
    assert_eq!(asked().await.expect("no daemon"), None);
    // What a killed daemon leaves behind.
    drop(std::os::unix::net::UnixListener::bind(folder.path().join(NAME)).expect("a socket"));
    assert_eq!(asked().await.expect("no daemon"), None);
    let control = Control::listen(folder.path(), Path::new("/srv/mirror.db"));
    drop(control.expect("it is replaced"));
    assert!(!folder.path().join(NAME).exists(), "and taken away");
}
