//! Builds everything from the configuration and hands it down; introduces the floors to each other.
//!
//! Nothing here reads a page or writes a row. `setup.rs` checks what admins wrote against the
//! descriptions, `sources.rs` makes sessions and `granting.rs` their ways to a token, `tables.rs` makes
//! tables, `keeping.rs` lends the vault to the tokens, `engine.rs` lets the daemon run jobs,
//! `wishes.rs` does what admins ask for.

mod alerts;
mod care;
mod engine;
mod granting;
mod keeping;
mod login;
mod logout;
mod lookups;
mod online;
mod overlay;
mod people;
mod settings;
mod setup;
mod sources;
mod tables;
mod targets;
mod waiting;
mod wishes;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

pub use care::{BACKUP, BackupWish, backup_of};
pub use engine::DaemonEngine;
pub use keeping::{Keeping, keys};
pub use login::{Login, NoLogin};
pub use logout::{AtVendor, sign_out};
pub use online::{Answered, SourceOnline, StreamOnline};
pub use overlay::Overlay;
pub use setup::{JobSetup, Setup, SourceSetup};
pub use targets::{check_targets, crosswalk, mirrored_lists};
pub use waiting::{Waiting, waiting};
pub use wishes::{Granted, Wish, is_too_old, known_job, waits_for};

use crate::clock::Clock;
use crate::config::Secrets;
use crate::config::crosswalk::CROSSWALKS;
use crate::http::{GrantVault as _, SignInMark};
use crate::model::people::MatchSet;
use crate::model::scalar;
use crate::store::fitting::Layout;
use crate::store::matches::{self, Difference, Since};
use crate::store::runs;
use crate::store::{Rehearsal, Store, StoreError, Vault};
use crate::sync::{Job, Order, RunReport, Runner, Source, Watch};

/// The folders that everything is found in.
#[derive(Clone, Debug)]
pub struct Places {
    /// Holds `rollbook.toml`, `vendors/` and `credentials/`.
    pub config: PathBuf,
    /// Holds the jobs.
    pub jobs: PathBuf,
    /// Where a relative `[store] path` starts.
    pub state: PathBuf,
}

impl Places {
    /// The mirror's file.
    pub fn mirror(&self, setup: &Setup) -> PathBuf {
        self.state.join(&setup.config.store.path)
    }

    /// The folders whose files are the configuration.
    pub fn folders(&self) -> Vec<PathBuf> {
        let inside = ["vendors", CROSSWALKS].map(|name| self.config.join(name));
        let mut folders = vec![self.config.clone(), self.jobs.clone()];
        folders.extend(inside);
        folders
    }

    /// The folder of the vault: the mirror's.
    pub fn vault(&self, setup: &Setup) -> PathBuf {
        beside(&self.mirror(setup)).to_owned()
    }
}

fn beside(mirror: &Path) -> &Path {
    mirror.parent().unwrap_or(Path::new("."))
}

/// The running program: the configuration in force, the mirror, the vault.
pub struct App {
    in_force: Mutex<InForce>,
    runner: Runner,
    vault: Arc<Vault>,
    secrets: Secrets,
    config_folder: PathBuf,
    clock: Clock,
    sources: Mutex<BTreeMap<String, MadeSource>>,
    /// Removed with the program, after everything that uses it.
    rehearsal: Option<Rehearsal>,
}

/// A configuration and the tables that it wants.
#[derive(Clone)]
struct InForce {
    setup: Arc<Setup>,
    layout: Arc<Layout>,
}

impl InForce {
    fn new(setup: Setup) -> Self {
        Self {
            layout: Arc::new(tables::layout(&setup)),
            setup: Arc::new(setup),
        }
    }
}

/// A source with its session, and a fingerprint of everything that the session was made of.
struct MadeSource {
    of: u64,
    source: Arc<Source>,
}

impl App {
    /// Opens the mirror and the vault, and makes the tables of all jobs.
    pub async fn open(
        places: &Places,
        setup: Setup,
        secrets: Secrets,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let mirror = places.mirror(&setup);
        let app = Self::on(&mirror, &mirror, places, setup, secrets, clock).await?;
        app.match_all().await?;
        let now = app.clock.now();
        let close = move |connection: &mut _| runs::close_left_open(connection, now);
        app.store().write(close).await?;
        Ok(app)
    }

    /// The same on a private copy of the mirror, for a dry run: nothing that a run writes stays, and a
    /// running daemon is not disturbed. Only the vault is the real one, because a token may be renewed.
    pub async fn rehearse(
        places: &Places,
        setup: Setup,
        secrets: Secrets,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let mirror = places.mirror(&setup);
        let copy = Rehearsal::of(&mirror)?;
        let mut app = Self::on(&copy.mirror(), &mirror, places, setup, secrets, clock).await?;
        app.rehearsal = Some(copy);
        Ok(app)
    }

    /// The same with nothing in the mirror, for a look at the vendors.
    pub async fn look(
        places: &Places,
        setup: Setup,
        secrets: Secrets,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let mirror = places.mirror(&setup);
        let empty = Rehearsal::empty(&mirror)?;
        let mut app = Self::on(&empty.mirror(), &mirror, places, setup, secrets, clock).await?;
        app.rehearsal = Some(empty);
        Ok(app)
    }

    /// On the mirror `file`, with the vault beside `home`.
    async fn on(
        file: &Path,
        home: &Path,
        places: &Places,
        setup: Setup,
        secrets: Secrets,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let store = Arc::new(Store::open(file)?);
        let keys = keeping::keys(&setup.config.store, &secrets)?;
        let vault = Arc::new(Vault::open(beside(home), keys)?);
        let in_force = InForce::new(setup);
        tables::fit(&store, &in_force.layout).await?;
        targets::tell(&in_force.setup, &store.reader()?)?;
        Ok(Self {
            in_force: Mutex::new(in_force),
            runner: Runner {
                store,
                clock: clock.clone(),
            },
            vault,
            secrets,
            config_folder: places.config.clone(),
            clock,
            sources: Mutex::default(),
            rehearsal: None,
        })
    }

    /// The configuration in force.
    pub fn setup(&self) -> Arc<Setup> {
        self.in_force().setup
    }

    fn in_force(&self) -> InForce {
        let in_force = self.in_force.lock();
        in_force.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The mirror.
    pub fn store(&self) -> &Arc<Store> {
        &self.runner.store
    }

    /// Puts another configuration in force; runs that go on keep the one they started with. A source that is as it was
    /// keeps its session: its pace, the time until which its vendor wants peace, and what it has learned.
    pub async fn replace(&self, setup: Setup) -> Result<(), StoreError> {
        let keys = keeping::keys(&setup.config.store, &self.secrets)?;
        self.vault.take_key(keys)?;
        let in_force = InForce::new(setup);
        tables::fit(self.store(), &in_force.layout).await?;
        targets::tell(&in_force.setup, &self.store().reader()?)?;
        let setup = Arc::clone(&in_force.setup);
        *self.in_force.lock().unwrap_or_else(PoisonError::into_inner) = in_force;
        self.made_sources().retain(|name, made| {
            let source = setup.source(name);
            source.is_some_and(|source| self.made_of(source) == made.of)
        });
        self.match_all().await
    }

    fn made_sources(&self) -> MutexGuard<'_, BTreeMap<String, MadeSource>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another one when a session that is made of a source now would differ from one made before.
    fn made_of(&self, source: &SourceSetup) -> u64 {
        let key = self.vault.key_id().unwrap_or_default();
        sources::fingerprint(source, &self.secrets, &key)
    }

    /// Matches the people of all sets, because the rules may be others, or a run was cut off before it did.
    async fn match_all(&self) -> Result<(), StoreError> {
        let (sets, since) = (self.setup().matches.clone(), self.since(None));
        let act = move |connection: &mut _| {
            matches::forget_others(connection, &sets)?;
            matches::refresh(connection, &sets, &since)
        };
        self.store().write(act).await.map(drop)
    }

    /// Matches the people of the sets of which a run changed a table. What a run wrote stays also when this fails.
    async fn match_after(&self, run: i64) {
        let (sets, since) = (self.setup().matches.clone(), self.since(Some(run)));
        if sets.is_empty() {
            return;
        }
        let act = move |connection: &mut _| {
            let changed = runs::changed_tables(connection, run)?;
            let touched = |set: &MatchSet| {
                changed.contains(&set.left.table) || changed.contains(&set.right.table)
            };
            let sets: Vec<MatchSet> = sets.into_iter().filter(touched).collect();
            matches::refresh(connection, &sets, &since)
        };
        match self.store().write(act).await {
            Ok(done) if done == Difference::default() => {}
            Ok(Difference { new, gone }) => {
                tracing::info!(run, new, gone, "people are matched anew")
            }
            Err(error) => tracing::error!(run, %error, "could not match people after the run"),
        }
    }

    fn since(&self, run: Option<i64>) -> Since {
        Since {
            now: scalar::written(self.clock.now()),
            run,
        }
    }

    /// Runs a job once. What goes wrong before it can begin becomes a report too.
    pub async fn run(
        &self,
        job: &str,
        order: Order,
        stop: &CancellationToken,
        watch: &Watch,
    ) -> RunReport {
        let report = match self.job(job) {
            Ok(job) => {
                let report = self.runner.run(&job, order, stop, watch).await;
                if let Some(run) = report.run {
                    self.match_after(run).await;
                }
                report
            }
            Err(sentence) => {
                let setup = self.setup();
                let source = setup.job(job).map(|job| job.source.as_str());
                let source = source.unwrap_or_default();
                self.runner.not_ready(job, source, order, sentence).await
            }
        };
        if !order.dry {
            self.purge().await;
        }
        report
    }

    /// A job, ready to run. The error is a sentence for the admin: a secret is missing, an address is wrong.
    fn job(&self, name: &str) -> Result<Arc<Job>, String> {
        let InForce { setup, layout } = self.in_force();
        let job = setup
            .job(name)
            .ok_or_else(|| format!("there is no job {name}"))?;
        let source = self.source(&setup, job.source.as_str())?;
        Ok(Arc::new(Job {
            config_fingerprint: self.config_fingerprint(&setup, job),
            ..tables::job(&setup, &layout, name, job, source)
        }))
    }

    /// Another one when there is reason to try a parked job again: its configuration, its source's, the vendor's
    /// description or the vault's key says something else. A release of ours by itself is no reason.
    fn config_fingerprint(&self, setup: &Setup, job: &JobSetup) -> String {
        let key = self.vault.key_id().unwrap_or_default();
        format!("{}{key}", tables::config_fingerprint(setup, job))
    }

    /// When a person last signed in to the job's source, if the source's tokens come from that.
    fn signed_in(&self, job: &str) -> Option<Timestamp> {
        let source = self.setup().job(job)?.source.clone();
        let kept = Keeping(Arc::clone(&self.vault)).load(source.as_str());
        let kept = kept
            .inspect_err(|error| tracing::debug!(job, %error, "nobody knows who is signed in"))
            .ok()??;
        SignInMark::of(&kept).map(|mark| mark.at)
    }

    /// The source's session: made once, shared by its jobs, so that they share its limits and its token.
    fn source(&self, setup: &Setup, name: &str) -> Result<Arc<Source>, String> {
        let mut sources = self.made_sources();
        if let Some(made) = sources.get(name) {
            return Ok(Arc::clone(&made.source));
        }
        let source = setup
            .source(name)
            .ok_or_else(|| format!("there is no source {name}"))?;
        // First the fingerprint: what changes in between is seen by the next reload.
        let of = self.made_of(source);
        let source = Arc::new(sources::make(name, source, self)?);
        let made = MadeSource {
            of,
            source: Arc::clone(&source),
        };
        sources.insert(name.to_owned(), made);
        Ok(source)
    }
}
