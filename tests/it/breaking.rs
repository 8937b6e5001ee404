//! A run in which a part of the program breaks: the real engine, mirror and session; only a listener of ours panics.

use std::path::PathBuf;
use std::sync::Arc;

use rollbook::app::{App, DaemonEngine};
use rollbook::clock::Clock;
use rollbook::daemon::{ControlHandle, Event, run_loop};
use rollbook::setup::files::Secrets;
use rollbook::setup::{Folders, Overlay, Setup};
use tokio::sync::mpsc::unbounded_channel;

use crate::people::roster;
use crate::place::{Place, Plan};
use crate::queries;
use crate::server::{PATIENCE, Server, Way};

fn job(stream: &str) -> String {
    format!("source = \"own\"\nstreams = [\"{stream}\"]\nschedule = \"* * * * * *\"\n")
}

async fn engine(place: &Place) -> DaemonEngine {
    let places = Folders {
        config: place.path("config"),
        jobs: place.path("jobs"),
        state: PathBuf::from(place.mirror().parent().expect("a folder")),
    };
    let overlay = Overlay::default();
    let setup = Setup::load(&places, &overlay).unwrap_or_else(|problems| panic!("{problems:?}"));
    let secrets = Secrets::new(&places.config, None);
    let app = App::open(&places, setup, secrets, Clock::system()).await;
    DaemonEngine::new(Arc::new(app.expect("a mirror")), places, overlay)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_breaks_fails_alone_and_is_recorded() {
    let server = Server::start(Way::TotalInHeader, roster(60));
    let place = Place::new(&server, &Plan::default());
    place.write("jobs/breaks.toml", &job("orgs"));
    place.write("jobs/roster.toml", &job("users"));
    let engine = Arc::new(engine(&place).await);
    let (tell, mut told) = unbounded_channel();
    let events = move |event: Event| match event {
        Event::RunProgress { job, .. } if job == "breaks" => panic!("a scripted panic"),
        Event::RunEnded { job, outcome } => drop(tell.send((job, outcome.as_str()))),
        _ => {}
    };
    let orders = ControlHandle::default();
    let stop = orders.stop.clone();
    let daemon = tokio::spawn(run_loop(engine, Clock::system(), orders, events));
    let both_twice = async {
        let (mut broken, mut fine) = (0, 0);
        while broken < 2 || fine < 2 {
            let (job, outcome) = told.recv().await.expect("the daemon goes on");
            match (job.as_str(), outcome) {
                ("breaks", "failed") => broken += 1,
                ("roster", "ok") => fine += 1,
                other => panic!("{other:?}"),
            }
        }
    };
    let waited = tokio::time::timeout(PATIENCE, both_twice).await;
    waited.expect("each ran twice");
    stop.cancel();
    daemon
        .await
        .expect("no panic of its own")
        .expect("no mirror lost");
    let message: String = queries::one(
        &place.mirror(),
        "SELECT message FROM rollbook_runs WHERE job = 'breaks' AND outcome = 'failed' LIMIT 1",
    );
    assert!(message.contains("internal error (panic)"), "{message}");
    assert_eq!(queries::count(&place.mirror(), "own_users"), 60);
}
