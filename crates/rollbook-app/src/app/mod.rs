//! Composition: builds store, vault, sessions and jobs from a checked `Setup`, connects the floors, and does what admins request.
//!
//! Reads no page and writes no row. `sources.rs` makes sessions, `grant_builder.rs` their grants, `jobs.rs` the jobs;
//! `vault_store.rs` lends the vault to the tokens, `engine.rs` lets the daemon run jobs, `readers.rs` and `copy.rs` let others
//! read the mirror, `cluster/` lets workers share sources, `admin_requests.rs` approves, pauses, resumes and resets.

mod admin_requests;
mod alerts;
#[cfg(not(feature = "postgres"))]
mod alone;
mod bundles;
#[cfg(feature = "postgres")]
mod cluster;
mod conditions;
mod copy;
mod engine;
mod erasures;
mod grant_builder;
mod grant_stores;
mod heartbeat;
mod hooks;
mod jobs;
mod login;
mod logout;
mod maintenance;
mod parked_jobs;
mod preflight;
mod publish;
mod readers;
mod rename;
mod run_history;
mod sample_pages;
#[cfg(test)]
mod soak;
mod sources;
mod targets;
mod unrecorded_alerts;
mod vault_store;
mod webhooks;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

pub use admin_requests::{
    AdminMessage, AdminRequest, AdminResponse, FinishedErasures, RecordedAction, ResumedJob,
    TypedTarget, is_too_old, known_job, wait_reasons,
};
pub use alerts::held_stream;
pub use bundles::{
    BundleAction, BundleFailure, BundleReport, bundle_path, bundle_states, check_bundles, dry_run,
    unknown_bundle,
};
#[cfg(feature = "postgres")]
pub use cluster::{
    ASKED, FORWARDED_COMMANDS, ForwardedCommand, HOST_OPTIONS, MovedSignIn, RequestOrigin,
    RequestProgram, SharedSession, TransferError, answer_requests, check_forgettable, fetch_files,
    forget_source, keep_cluster_file, move_out, put_files, rekey_cluster, survey_cluster,
};
#[cfg(feature = "postgres")]
pub use cluster::{
    ClusterDatabase, ClusterDays, ClusterError, ClusterTokens, ServeSource, ServedSource,
    SourceLease, SourceLink, Worker, WorkerControl, WorkerLife, WorkerShared,
};
pub use conditions::outputs;
pub use copy::{copies, copy_path};
pub use engine::{DaemonEngine, SetupLoader};
pub use erasures::folders_of_backups;
pub use grant_stores::token_entries;
pub use heartbeat::keep_heartbeat;
pub use hooks::{HookRetry, hook_states, unknown_hook};
pub use login::{Login, LoginError};
pub use logout::{VendorRevocation, sign_out};
pub use maintenance::{BackupRequest, backup_of};
pub use parked_jobs::{ParkedJobNeeds, parked_job_needs};
pub use preflight::{ProbeResult, SourceCheck, StreamCheck};
pub use publish::{
    DatabaseCheck, PublishState, PublishVerification, PublishWhen, PublishedRows, TableDifference,
    check_databases, database_host, left_behind, publish_states, published_rows, still_published,
    unknown_publish, unusable_database, verify_published,
};
pub use readers::put_readers_right;
pub use rename::{Renaming, lines_that_name, rename_advice, renamed_in_files};
pub use run_history::run_history;
pub use sample_pages::SampledStream;
pub use targets::{check_targets, crosswalk, mirrored_lists};
pub use vault_store::{VaultStore, keys};

use admin_requests::FINISH_WAIT;
use erasures::Publishing;
use grant_stores::GrantStores;

use rollbook_core::blocking::blocking;
use rollbook_core::clock::Clock;
use rollbook_core::connector::mask::PseudonymKey;
use rollbook_core::folder::hashes;
use rollbook_core::model::people::MatchSet;
use rollbook_core::model::scalar;
use rollbook_core::model::{GrantKind, JobName, SourceName};
use rollbook_core::permissions::invoker;
use rollbook_core::store::fitting::Layout;
use rollbook_core::store::matches::{self, Difference, Since};
use rollbook_core::store::runs;
use rollbook_core::store::vault::{load_suppression, vault_file};
use rollbook_core::store::{DryRunCopy, Store, StoreError, Vault, remove_left_over};
use rollbook_core::store::{audit, unconfigured};
use rollbook_engine::setup::files::Secrets;
use rollbook_engine::setup::{Folders, JobSetup, Setup, SourceSetup, beside, tables};
use rollbook_engine::sync::{Job, ProgressSink, RunOptions, RunReport, Runner, Source};
use rollbook_http::auth::GrantStore;
use rollbook_http::http::{DayCount, SourceMetrics};

/// The application: the configuration in force, the mirror, the vault.
pub struct App {
    in_force: Mutex<InForce>,
    runner: Runner,
    vault: Arc<Vault>,
    /// Where the tokens of its sources are.
    grants: Arc<dyn GrantStore>,
    /// Counts the requests of its sources.
    day_count: Arc<dyn DayCount>,
    /// In a cluster: the lease of its only source.
    #[cfg(feature = "postgres")]
    cluster: Option<Arc<SourceLink>>,
    secrets: Arc<Secrets>,
    folders: Folders,
    clock: Clock,
    sources: Mutex<BTreeMap<SourceName, OpenSource>>,
    /// By name, so that they survive a session.
    source_metrics: Mutex<BTreeMap<SourceName, Arc<SourceMetrics>>>,
    /// Why `[store] readers` cannot read, as it was logged last.
    readers_problem: Mutex<Option<String>>,
    /// Before this time no run tries again to finish erasures.
    next_erasure_retry: Mutex<Option<Timestamp>>,
    /// Held while `[store.copy]` is written.
    copying: tokio::sync::Mutex<()>,
    /// Notified when a person wants something published.
    publish_wake: tokio::sync::Notify,
    /// Whether the daemon publishes, so that others do not.
    has_publisher: AtomicBool,
    /// Notified when something was published.
    erasures_followed: tokio::sync::Notify,
    /// Held while something is published.
    publishing: tokio::sync::Mutex<()>,
    /// Removed with the program, after everything that uses it.
    dry_run_copy: Option<DryRunCopy>,
}

/// A configuration and its table layout.
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

/// A source with its session, and a fingerprint of everything that the session was built from.
struct OpenSource {
    fingerprint: u64,
    source: Arc<Source>,
}

/// Refuses a masking by which erased people would return, by what the vault knows: a mirror that is built from nothing knows of
/// no one yet. So before the tables are made.
fn refuse_masking(vault: &Vault, setup: &Setup) -> Result<(), StoreError> {
    for table in tables::all(setup) {
        if let Some(refusal) = vault.refused_masking(&table)? {
            return Err(refusal);
        }
    }
    Ok(())
}

/// Where a dry run keeps tokens: in the vault if there is one, or if the vendor may replace a token that only it holds; else
/// with the copy, so that a dry run leaves nothing.
fn vault_folder(setup: &Setup, mirror: &Path, copy: &DryRunCopy) -> PathBuf {
    let rotates = |source: &SourceSetup| {
        let grant = source.config.auth.as_ref().map(|auth| auth.grant);
        matches!(
            grant,
            Some(GrantKind::RefreshToken | GrantKind::AuthorizationCode)
        )
    };
    let real = beside(mirror);
    if vault_file(real).exists() || setup.sources.values().any(rotates) {
        return real.to_owned();
    }
    copy.folder().to_owned()
}

impl App {
    /// Opens the mirror and the vault, and creates the tables of all jobs.
    pub async fn open(
        folders: &Folders,
        setup: Setup,
        secrets: Secrets,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let mirror = folders.mirror(&setup);
        let vault = beside(&mirror);
        remove_left_over(&mirror);
        let app = Self::on(&mirror, vault, folders, setup, secrets, clock).await?;
        app.prepare().await?;
        Ok(app)
    }

    /// The same for the only source of `setup`, whose lease this worker of a cluster has. Also the jobs whose runs had begun where
    /// the source was before.
    #[cfg(feature = "postgres")]
    pub async fn open_in_cluster(
        folders: &Folders,
        setup: Setup,
        secrets: Secrets,
        clock: Clock,
        link: Arc<SourceLink>,
    ) -> Result<(Self, Vec<JobName>), StoreError> {
        let mirror = folders.mirror(&setup);
        let vault = beside(&mirror);
        let mut app = Self::on(&mirror, vault, folders, setup, secrets, clock).await?;
        let tokens = ClusterTokens::of_worker(
            link.clone(),
            Arc::clone(&link.database),
            Arc::clone(&app.vault),
            app.clock.clone(),
        );
        app.day_count = Arc::new(ClusterDays::new(Arc::clone(&link.database)));
        app.grants = tokens;
        app.cluster = Some(link);
        let unfinished = runs::unfinished(&*app.store().reader()?)?;
        app.prepare().await?;
        Ok((app, unfinished))
    }

    #[cfg(feature = "postgres")]
    fn is_in_cluster(&self) -> bool {
        self.cluster.is_some()
    }

    /// Finishes what the last start left, and brings everything in line with the configuration.
    async fn prepare(&self) -> Result<(), StoreError> {
        self.keep_log_for_readers().await?;
        self.keep_readers_right();
        self.remember_erasures().await?;
        // What another worker has left is finished beside the runs: it may take long.
        if !self.is_in_cluster() {
            self.continue_erasures().await;
        }
        self.match_all().await?;
        let now = self.clock.now();
        let close = move |connection: &mut _| runs::close_left_open(connection, now);
        self.store().write(close).await?;
        self.record_configuration().await
    }

    /// Opens a private copy of the mirror, for a dry run: its writes are discarded, and it works beside a running daemon.
    pub async fn rehearse(
        folders: &Folders,
        setup: Setup,
        secrets: Secrets,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let copy = DryRunCopy::of(&folders.mirror(&setup))?;
        Self::on_copy(copy, folders, setup, secrets, clock).await
    }

    /// Opens an empty mirror, to probe the vendors.
    pub async fn open_empty(
        folders: &Folders,
        setup: Setup,
        secrets: Secrets,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let empty = DryRunCopy::empty(&folders.mirror(&setup))?;
        Self::on_copy(empty, folders, setup, secrets, clock).await
    }

    async fn on_copy(
        copy: DryRunCopy,
        folders: &Folders,
        setup: Setup,
        secrets: Secrets,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let vault = vault_folder(&setup, &folders.mirror(&setup), &copy);
        let mut app = Self::on(&copy.mirror(), &vault, folders, setup, secrets, clock).await?;
        app.dry_run_copy = Some(copy);
        Ok(app)
    }

    /// Opens a mirror, and the vault in a folder.
    async fn on(
        mirror: &Path,
        vault: &Path,
        folders: &Folders,
        setup: Setup,
        secrets: Secrets,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let store = Arc::new(Store::open(mirror)?);
        store.staging_space().limit(setup.config.store.staging);
        let keys = vault_store::keys(&setup.config.store, &secrets)?;
        let vault = Arc::new(Vault::open(vault, keys)?);
        store.set_suppression(load_suppression(&vault, &*store.reader()?));
        let in_force = InForce::new(setup);
        refuse_masking(&vault, &in_force.setup)?;
        jobs::fit(&store, &in_force.layout).await?;
        targets::log_problems(&in_force.setup, &*store.reader()?)?;
        Self::log_renamed(&in_force.setup, &*store.reader()?)?;
        let GrantStores { grants, day_count } =
            GrantStores::of(&vault, &in_force.setup, &secrets, &clock)?;
        Ok(Self {
            in_force: Mutex::new(in_force),
            runner: Runner {
                store,
                clock: clock.clone(),
            },
            vault,
            grants,
            day_count,
            #[cfg(feature = "postgres")]
            cluster: None,
            secrets: Arc::new(secrets),
            folders: folders.clone(),
            clock,
            sources: Mutex::default(),
            source_metrics: Mutex::default(),
            readers_problem: Mutex::default(),
            next_erasure_retry: Mutex::default(),
            copying: tokio::sync::Mutex::default(),
            publish_wake: tokio::sync::Notify::new(),
            has_publisher: AtomicBool::new(false),
            erasures_followed: tokio::sync::Notify::new(),
            publishing: tokio::sync::Mutex::default(),
            dry_run_copy: None,
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

    /// Puts another configuration in force; active runs keep theirs. An unchanged source keeps its session: its pace, its
    /// `Retry-After`, and what it has learned about the vendor.
    pub async fn replace(&self, setup: Setup) -> Result<(), StoreError> {
        let keys = vault_store::keys(&setup.config.store, &self.secrets)?;
        if self.vault.take_key(keys)? {
            self.remember_erasures().await?;
        }
        let in_force = InForce::new(setup);
        refuse_masking(&self.vault, &in_force.setup)?;
        jobs::fit(self.store(), &in_force.layout).await?;
        targets::log_problems(&in_force.setup, &*self.store().reader()?)?;
        Self::log_renamed(&in_force.setup, &*self.store().reader()?)?;
        let setup = Arc::clone(&in_force.setup);
        self.store()
            .staging_space()
            .limit(setup.config.store.staging);
        *self.in_force.lock().unwrap_or_else(PoisonError::into_inner) = in_force;
        self.open_sources().retain(|name, open| {
            let source = setup.sources.get(name);
            source.is_some_and(|source| self.source_fingerprint(source) == open.fingerprint)
        });
        self.keep_log_for_readers().await?;
        self.keep_readers_right();
        self.match_all().await?;
        self.record_configuration().await
    }

    /// Records which files of the configuration are other ones than when they were last in force, and which tables are
    /// no longer in it.
    async fn record_configuration(&self) -> Result<(), StoreError> {
        let (folders, now) = (self.folders.folders(), self.clock.now());
        let configured = tables::configured(&self.setup());
        self.store()
            .write(move |connection| {
                unconfigured::note(connection, &configured, now)?;
                audit::record_configuration(connection, invoker(), &hashes(&folders), now)
            })
            .await
    }

    fn open_sources(&self) -> MutexGuard<'_, BTreeMap<SourceName, OpenSource>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is measured of a source since the daemon's start.
    fn source_metrics(&self, name: &SourceName) -> Arc<SourceMetrics> {
        let metrics = self.source_metrics.lock();
        let mut metrics = metrics.unwrap_or_else(PoisonError::into_inner);
        Arc::clone(metrics.entry(name.clone()).or_default())
    }

    fn all_source_metrics(&self) -> BTreeMap<SourceName, Arc<SourceMetrics>> {
        let metrics = self.source_metrics.lock();
        metrics.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes when a new session for the source would differ from the last one.
    fn source_fingerprint(&self, source: &SourceSetup) -> u64 {
        let key = self.vault.key_id().unwrap_or_default();
        sources::fingerprint(source, &self.secrets, &key)
    }

    /// Matches people in all sets: the rules may have changed, or a run was aborted before matching.
    async fn match_all(&self) -> Result<(), StoreError> {
        let (sets, since) = (self.setup().matches.clone(), self.since(None));
        let act = move |connection: &mut _| {
            matches::forget_others(connection, &sets)?;
            matches::refresh(connection, &sets, &since)
        };
        self.store().write(act).await.map(drop)
    }

    /// Matches people in the sets with a table that the run changed. If this fails, the run's writes stay.
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
            Ok(Difference { new, removed }) => {
                tracing::info!(run, new, removed, "people rematched")
            }
            Err(error) => tracing::error!(run, %error, "could not match people after the run"),
        }
    }

    fn since(&self, run: Option<i64>) -> Since {
        Since {
            now: scalar::to_canonical(self.clock.now()),
            run,
        }
    }

    /// Runs a job once; `None` if the configuration in force no longer has it, or its only stream that was asked for. A failure before the start becomes a
    /// report too.
    pub async fn run(
        &self,
        job: &JobName,
        run_options: RunOptions,
        stop: &CancellationToken,
        sink: &ProgressSink,
    ) -> Option<RunReport> {
        let InForce { setup, layout } = self.in_force();
        let (job_setup, is_dry) = (setup.jobs.get(job)?, run_options.dry);
        let erased_before = self.store().suppression().ok();
        let report = match self.job(&setup, &layout, job, job_setup) {
            Ok(job) => {
                let job = match &run_options.only {
                    Some(only) => job.only(only)?,
                    None => job,
                };
                let job = Arc::new(job);
                let report = self.runner.run(&job, run_options, stop, sink).await;
                let (day_count, source) = (self.day_count.clone(), job.source.name.clone());
                blocking(move || day_count.give_back(&source)).await;
                if let Some(run) = report.run {
                    self.match_after(run).await;
                }
                report
            }
            Err(message) => {
                let source = &job_setup.source;
                self.runner
                    .not_ready(job, source, run_options, message)
                    .await
            }
        };
        if !is_dry {
            self.purge().await;
            self.erase_again_after(erased_before.as_ref()).await;
            self.continue_erasures().await;
            self.keep_readers_right();
        }
        Some(report)
    }

    /// A job, ready to run. The error is a message for the admin: a secret is missing, a URL is wrong.
    fn job(
        &self,
        setup: &Arc<Setup>,
        layout: &Arc<Layout>,
        name: &JobName,
        job: &JobSetup,
    ) -> Result<Job, String> {
        let source = self.source(setup, &job.source)?;
        let pseudonyms = self.pseudonyms(job).map_err(|error| error.to_string())?;
        Ok(Job {
            config_fingerprint: self.config_fingerprint(setup, job),
            ..jobs::job(setup, layout, name, job, source, pseudonyms.as_ref())
        })
    }

    /// The key of the pseudonyms, where a stream of the job has some.
    fn pseudonyms(&self, job: &JobSetup) -> Result<Option<PseudonymKey>, StoreError> {
        if !job.streams.iter().any(|spec| spec.has_pseudonyms()) {
            return Ok(None);
        }
        let key = self.vault.pseudonym_key()?;
        Ok(Some(PseudonymKey::new(&key)))
    }

    /// Changes when a parked job is worth a retry: its configuration, its source's, the connector, the vault's key, a secret
    /// or the CA file has changed. A new version of Rollbook alone changes nothing.
    ///
    /// Twelve bits of what covers the secrets: enough to detect a change, too few to find a secret by brute force.
    fn config_fingerprint(&self, setup: &Setup, job: &JobSetup) -> String {
        let key = self.vault.key_id().unwrap_or_default();
        let source = setup.sources.get(&job.source);
        let secrets = source.map_or(0, |source| self.source_fingerprint(source) & 0xfff);
        format!("{}{key}{secrets:03x}", jobs::config_fingerprint(setup, job))
    }

    /// When a person last signed in to the job's source, if its tokens are from a sign-in.
    fn signed_in(&self, job: &JobName) -> Option<Timestamp> {
        let source = self.setup().jobs.get(job)?.source.clone();
        let mark = self.grants.signed_in(&source);
        let mark = mark
            .inspect_err(
                |error| tracing::debug!(job = job.as_str(), %error, "could not read the sign-in from the vault"),
            )
            .ok()??;
        Some(mark.at)
    }

    /// The source with its session, which its jobs share, and with it the limits and the token. A new one after a secret or
    /// the CA file has changed.
    fn source(&self, setup: &Arc<Setup>, name: &SourceName) -> Result<Arc<Source>, String> {
        let mut sources = self.open_sources();
        let source = setup
            .sources
            .get(name)
            .ok_or_else(|| format!("there is no source {name}"))?;
        // First the fingerprint: the next run sees a change in between.
        let fingerprint = self.source_fingerprint(source);
        let known = sources.get(name);
        if let Some(open) = known.filter(|open| open.fingerprint == fingerprint) {
            return Ok(Arc::clone(&open.source));
        }
        let built = sources::build(name, setup, source, self);
        let source = match (built, known) {
            (Ok(source), _) => Arc::new(source),
            (Err(message), Some(open)) => {
                // A file that is being replaced, or is not complete yet.
                tracing::warn!(source = %name, message, "a changed secret or certificate cannot be used; the old one remains in use");
                return Ok(Arc::clone(&open.source));
            }
            (Err(message), None) => return Err(message),
        };
        let open = OpenSource {
            fingerprint,
            source: Arc::clone(&source),
        };
        sources.insert(name.clone(), open);
        Ok(source)
    }
}
