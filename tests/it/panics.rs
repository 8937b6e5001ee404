//! A run in which a part of the program panics: the real engine, mirror and session; only a listener of the test panics.

use std::path::PathBuf;
use std::sync::Arc;

use rollbook_app::app::{App, DaemonEngine};
use rollbook_core::clock::Clock;
use rollbook_engine::daemon::{Changes, ControlHandle, Event, run_loop};
use rollbook_engine::setup::files::Secrets;
use rollbook_engine::setup::{Folders, Overlay, Setup};
use tokio::sync::mpsc::unbounded_channel;

use crate::installation::{Config, Installation};
use crate::people::roster;
use crate::queries;
use crate::server::{Paging, Server, WAIT_LIMIT};

fn job(stream: &str) -> String {
    format!("source = \"own\"\nstreams = [\"{stream}\"]\nschedule = \"* * * * * *\"\n")
}

async fn engine(installation: &Installation) -> DaemonEngine {
    let folders = Folders {
        config: installation.path("config"),
        jobs: installation.path("jobs"),
        state: PathBuf::from(installation.mirror().parent().expect("a folder")),
        source: None,
    };
    let overlay = Overlay::default();
    let setup = Setup::load(&folders, &overlay).unwrap_or_else(|problems| panic!("{problems:?}"));
    let secrets = Secrets::new(&folders.config, None);
    let app = App::open(&folders, setup, secrets, Clock::system()).await;
    let loaded = Changes::of(&folders.folders()).loaded();
    DaemonEngine::new(Arc::new(app.expect("a mirror")), folders, overlay, loaded)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_panics_fails_alone_and_is_recorded() {
    let server = Server::start(Paging::TotalInHeader, roster(60));
    let installation = Installation::new(&server, &Config::default());
    installation.write("jobs/breaks.toml", &job("orgs"));
    installation.write("jobs/roster.toml", &job("users"));
    let engine = Arc::new(engine(&installation).await);
    let (events, mut messages) = unbounded_channel();
    let events = move |event: Event| match event {
        Event::RunProgress { job, .. } if job == "breaks" => panic!("a scripted panic"),
        Event::RunEnded { job, outcome } => drop(events.send((job, outcome.as_str()))),
        _ => {}
    };
    let orders = ControlHandle::default();
    let stop = orders.stop.clone();
    let daemon = tokio::spawn(run_loop(engine, Clock::system(), orders, events));
    let both_repeated = async {
        let (mut broken, mut fine) = (0, 0);
        while broken < 2 || fine < 2 {
            let (job, outcome) = messages.recv().await.expect("the daemon continues");
            match (job.as_str(), outcome) {
                ("breaks", "failed") => broken += 1,
                ("roster", "ok") => fine += 1,
                other => panic!("{other:?}"),
            }
        }
    };
    let waited = tokio::time::timeout(WAIT_LIMIT, both_repeated).await;
    waited.expect("each ran two times");
    stop.cancel();
    daemon
        .await
        .expect("no panic of its own")
        .expect("no mirror lost");
    let message: String = queries::one(
        &installation.mirror(),
        "SELECT message FROM rollbook_runs WHERE job = 'breaks' AND outcome = 'failed' LIMIT 1",
    );
    assert!(message.contains("internal error (panic)"), "{message}");
    assert_eq!(queries::count(&installation.mirror(), "own_users"), 60);
}
