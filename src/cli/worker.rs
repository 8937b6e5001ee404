//! `rollbook run` with `[cluster]`: a worker, which runs the jobs of the sources that it has.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use nix::unistd::gethostname;
use tokio::sync::Notify;

use super::exit::Exit;
use super::mirror_daemon::MirrorDaemon;
use super::start;
use rollbook_app::app::{
    ClusterDatabase, DaemonEngine, RequestProgram, ServeSource, ServedSource, Worker,
    WorkerControl, WorkerLife, WorkerShared, answer_requests, keep_cluster_file, keep_heartbeat,
};
use rollbook_core::clock::Clock;
use rollbook_core::document::RenderStyle;
use rollbook_core::folder::hashes;
use rollbook_core::model::Cause;
use rollbook_core::model::health::HealthMeaning;
use rollbook_engine::daemon::cluster_status::ClusterFile;
use rollbook_engine::daemon::{
    Changes, ControlHandle, Event, LoadedFiles, RunNow, RunRequest, Service, StatusPublisher,
    forward_signals,
};
use rollbook_engine::setup::{Folders, Overlay, Setup};

/// Runs until SIGTERM or Ctrl-C, which gives all sources back; SIGHUP, or a change of the files, reloads the configuration.
pub async fn run(folders: &Folders, setup: Setup, mut changes: Changes) -> Result<(), Exit> {
    let clock = Clock::system();
    let (host, configuration) = (host(), configuration(folders));
    let secrets_of = folders.clone();
    let secrets = move || start::secrets(&secrets_of, &Overlay::default());
    let Some(config) = &setup.config.cluster else {
        return Ok(());
    };
    let database = ClusterDatabase::new(config, &secrets());
    let database = database.map_err(|error| Exit::failed(format!("rollbook: {error}")))?;
    tracing::info!(sources = setup.sources.len(), database = %database.hosts(), "rollbook started as a worker of a cluster");
    let loaded = changes.loaded();
    let health = Arc::new(WorkerHealth::default());
    let daemons = SourceDaemons {
        loaded: Arc::clone(&loaded),
        clock: clock.clone(),
        health: Arc::clone(&health),
    };
    let shared = WorkerShared::new(
        folders.clone(),
        setup,
        Arc::new(database),
        Box::new(secrets),
        clock.clone(),
        Box::new(daemons),
    )?;
    let control = WorkerControl::default();
    let signals = ControlHandle {
        stop: control.stop.clone(),
        reload: Arc::clone(&control.reload),
        ..ControlHandle::default()
    };
    let reload: Arc<Notify> = Arc::clone(&control.reload);
    let (shared, reloaded) = (Arc::new(shared), Notify::new());
    let worker = Worker::new(Arc::clone(&shared), control, host, configuration);
    let load = || {
        reloaded.notify_one();
        load(folders, &loaded)
    };
    let heartbeats = keep_heartbeat(
        || shared.setup(),
        || Arc::new((shared.secrets)()),
        &clock,
        &reloaded,
        |meaning| health.is_healthy(meaning),
    );
    let program = RequestProgram::of_worker(folders);
    let requests = answer_requests(&shared.database, |source| shared.serves(source), &program);
    let file = ClusterFile::in_folder(&start::runtime_folder(
        folders,
        &folders.mirror(&shared.setup()),
    ));
    let configured = || shared.setup().sources.keys().cloned().collect();
    let status_page = keep_cluster_file(&shared.database, configured, &file);
    let mut service = Service::of_environment();
    service.notify(&Event::Ready, "");
    let alive = |life: WorkerLife| {
        health.is_away.store(life.is_away, Ordering::Relaxed);
        let line = match (life.is_stopping, life.is_away) {
            (true, _) => format!("giving back {} sources", life.sources),
            (false, true) => {
                format!(
                    "{} sources; the cluster's database does not answer",
                    life.sources
                )
            }
            (false, false) => format!("{} sources", life.sources),
        };
        if life.is_stopping {
            service.more_time();
        }
        service.notify(&Event::Alive, &line);
    };
    tokio::select! {
        () = worker.run(load, alive) => {}
        () = forward_signals(&signals) => {}
        () = heartbeats => {}
        () = changes.follow(clock.clone(), reload) => {}
        () = requests => {}
        () = status_page => {}
    }
    tracing::info!("rollbook stopped");
    Ok(())
}

/// The configuration on disk, and what identifies it; `None` while it has mistakes.
fn load(folders: &Folders, loaded: &LoadedFiles) -> Option<(Setup, String)> {
    // Before: what is changed while the files are read is another configuration, and read again.
    let identity = configuration(folders);
    let reading = loaded.begin();
    let setup = Setup::load(folders, &Overlay::default());
    let content = loaded.end(reading);
    match setup {
        Ok(setup) => {
            loaded.set_in_force(content);
            tracing::info!("new configuration in force");
            Some((setup, identity))
        }
        Err(problems) => {
            tracing::error!(
                problems = problems.errors(),
                "the new configuration was refused, the old one stays in force:\n{}",
                problems.render(RenderStyle::Plain)
            );
            None
        }
    }
}

/// Identifies the files of a configuration, on every machine alike.
fn configuration(folders: &Folders) -> String {
    let files = format!("{:?}", hashes(&folders.folders()));
    format!("{:032x}", xxhash_rust::xxh3::xxh3_128(files.as_bytes()))
}

fn host() -> String {
    let name = gethostname().ok();
    let name = name.map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| "unnamed".to_owned())
}

/// A daemon for each source.
struct SourceDaemons {
    loaded: Arc<LoadedFiles>,
    clock: Clock,
    health: Arc<WorkerHealth>,
}

/// Whether all is well with a worker.
#[derive(Default)]
struct WorkerHealth {
    is_away: AtomicBool,
    daemons: Mutex<Vec<Weak<StatusPublisher>>>,
}

impl WorkerHealth {
    fn add(&self, daemon: &Arc<StatusPublisher>) {
        let mut daemons = self.daemons();
        daemons.retain(|daemon| daemon.strong_count() > 0);
        daemons.push(Arc::downgrade(daemon));
    }

    fn is_healthy(&self, meaning: HealthMeaning) -> bool {
        let daemons: Vec<_> = self.daemons().iter().filter_map(Weak::upgrade).collect();
        let are_well = daemons.iter().all(|daemon| daemon.is_healthy(meaning));
        are_well && !self.is_away.load(Ordering::Relaxed)
    }

    fn daemons(&self) -> MutexGuard<'_, Vec<Weak<StatusPublisher>>> {
        self.daemons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServeSource for SourceDaemons {
    fn serve(&self, source: ServedSource) -> BoxFuture<'static, Result<(), String>> {
        let mirror = source.app.store().path().to_owned();
        let folder = start::runtime_folder(&source.folders, &mirror);
        let loaded = Arc::clone(&self.loaded);
        let publisher =
            StatusPublisher::new(&mirror, &folder, Arc::clone(&loaded), self.clock.clone());
        let publisher = Arc::new(publisher.without_service());
        self.health.add(&publisher);
        let run_now = RunNow::default();
        for job in source.unfinished {
            run_now.request(RunRequest {
                job,
                start: Cause::CatchUp.into(),
            });
        }
        let daemon = MirrorDaemon {
            engine: DaemonEngine::loading(source.app, source.load),
            publisher,
            control: ControlHandle {
                stop: source.stop,
                reload: source.reload,
                run_now: Arc::new(run_now),
                permits: Some(source.permits),
                ..ControlHandle::default()
            },
            folder,
            mirror,
            clock: self.clock.clone(),
            is_program: false,
        };
        let progress = source.progress;
        let observe = move |event: &Event| match event {
            Event::Alive => progress(true),
            Event::Stuck(_) => progress(false),
            _ => {}
        };
        daemon.serve(observe).boxed()
    }
}
