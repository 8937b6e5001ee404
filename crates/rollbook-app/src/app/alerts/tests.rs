use std::cell::Cell;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::rc::Rc;
use std::sync::Arc;

use futures_util::FutureExt as _;

use super::*;
use rollbook_core::clock::PausedClock;
use rollbook_core::document::RenderStyle;
use rollbook_core::model::named;
use rollbook_core::store::database::set_disk_full;
use rollbook_engine::daemon::Changes;
use rollbook_engine::setup::files::Secrets;
use rollbook_engine::setup::{Folders, Overlay};
use rollbook_http::http::scripted;

/// An installation with a webhook and an alert in the outbox.
async fn engine(folder: &std::path::Path, clock: &PausedClock) -> DaemonEngine {
    let folders = Folders {
        config: folder.join("config"),
        jobs: folder.join("jobs"),
        state: folder.join("state"),
        source: None,
    };
    for made in [&folders.config, &folders.jobs] {
        fs::create_dir(made).expect("made");
    }
    let hook = folders.config.join("hook");
    fs::write(&hook, "https://alerts.test/hook").expect("written");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o600)).expect("private");
    let config = "[alerts.webhook]\nurl = { file = \"hook\" }\nform = \"json\"\n";
    fs::write(folders.config.join("rollbook.toml"), config).expect("written");
    let setup = Setup::load(&folders, &Overlay::default())
        .map_err(|problems| problems.render(RenderStyle::Plain))
        .expect("a correct configuration");
    let secrets = Secrets::new(&folders.config, None);
    let app = App::open(&folders, setup, secrets, clock.clock()).await;
    let app = Arc::new(app.expect("opened"));
    let (subject, now) = (AlertSubject::Source(named("north")), app.clock.now());
    let send = [("parked", "north needs a person".to_owned())];
    app.store()
        .write(move |connection| alerts::note(connection, &subject, &[], &send, &["webhook"], now))
        .await
        .expect("queued");
    let loaded = Changes::of(&folders.folders()).loaded();
    DaemonEngine::new(app, folders, Overlay::default(), loaded)
}

/// The transport and the full disk are those of a thread, so the test has its own.
#[test]
fn an_alert_is_sent_once_although_the_full_disk_cannot_record_that() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().start_paused(true).build()
    };
    let test = move || {
        runtime()
            .expect("a runtime")
            .block_on(sends_once_on_a_full_disk())
    };
    std::thread::spawn(test).join().expect("sent once");
}

async fn sends_once_on_a_full_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = "2026-03-02T06:00:00Z".parse().expect("a time");
    let clock = PausedClock::at(start, SignedDuration::ZERO);
    let engine = engine(folder.path(), &clock).await;
    let sent = Rc::new(Cell::new(0));
    let counter = Rc::clone(&sent);
    scripted::install(move |_| {
        counter.set(counter.get() + 1);
        async { Ok(axum::http::Response::new(Vec::new()).into()) }.boxed()
    });
    let config = engine.app.setup().config.alerts.clone().expect("alerts");
    let never = CancellationToken::new();
    let queued = || {
        let reader = engine.app.store().reader().expect("a reader");
        alerts::next(&reader).expect("read").is_some()
    };
    for (is_full, is_queued) in [(true, true), (true, true), (false, false), (false, false)] {
        set_disk_full(is_full);
        engine.evaluate_and_send(&config, &never).await;
        assert_eq!((sent.get(), queued()), (1, is_queued));
    }
}

/// The source that is late longest stands for all, and only when it is too long.
#[test]
fn a_database_is_reported_when_a_source_is_late() {
    use rollbook_core::store::published::{Lag, PublishedSource};
    use rollbook_engine::setup::files::SecretRef;

    let at = |text: &str| text.parse::<Timestamp>().expect("a time");
    let ran = at("2026-03-02T06:20:00Z");
    let state = |claimed_by: Option<&str>, waits: bool| PublishState {
        known: Some(PublishedSource {
            published: Some(ran),
            checked: Some(ran),
            failed: Some(ran),
            message: Some("no connection".to_owned()),
            claimed_by: claimed_by.map(str::to_owned),
            ..PublishedSource::default()
        }),
        comparing: 0,
        lag: Lag {
            runs: waits.into(),
            since: waits.then_some(ran),
        },
    };
    let config = PublishConfig::plain(SecretRef::Env("URL".parse().expect("a name")));
    let name = named("district");
    let (soon, later) = ("2026-03-02T12:00:00Z", "2026-03-02T12:30:00Z");
    for (north, south, now, expected) in [
        (state(None, true), state(None, false), soon, None),
        (state(None, false), state(None, false), later, None),
        (
            state(None, true),
            state(None, false),
            later,
            Some(
                "north could not be published to district since 2026-03-02 06:20 UTC: no connection",
            ),
        ),
        (
            state(None, true),
            state(None, true),
            later,
            Some(
                "north and 1 other source could not be published to district since 2026-03-02 06:20 UTC: no connection",
            ),
        ),
        (
            state(None, true),
            state(Some("other"), false),
            soon,
            Some(
                "south could not be published to district since 2026-03-02 06:20 UTC: no connection",
            ),
        ),
    ] {
        let states = [(named("north"), north), (named("south"), south)].into();
        let facts = publish_facts((&name, &config), &states, at(now));
        assert_eq!(facts.problem.as_deref(), expected);
        assert_eq!(facts.good, Some(ran));
    }
}
