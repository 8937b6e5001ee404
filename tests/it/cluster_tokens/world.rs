//! The database of a cluster, a vendor, and stores as workers, for all tests here.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rollbook_app::app::{ClusterDatabase, ClusterTokens};
use rollbook_core::clock::{Clock, TestClock};
use rollbook_core::model::{Class, KeptAccess, KeptGrant, SourceName};
use rollbook_core::store::Vault;
use rollbook_core::store::vault::{KEY, Keys, VaultKey};
use rollbook_engine::setup::files::{ClusterConfig, Secrets};
use rollbook_http::auth::RefreshIntent;
use rollbook_http::http::{HttpError, Session};
use rollbook_postgres::postgres::cluster;
use secrecy::{SecretBox, SecretString};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::lease::TestLease;
use crate::database::{Database, Fault, Proxy, Server};
use crate::rotating::{Reuse, Rotating, Step};
use crate::rotation::{monday, page, quick_folder, session};

pub fn own() -> SourceName {
    "own".parse().expect("a name")
}

pub fn keys() -> Keys {
    let key = SecretBox::new(Box::new([7; KEY]));
    Keys::Given(VaultKey::new(&key).expect("a key"))
}

pub fn connect(folder: &Path, url: &str) -> Arc<ClusterDatabase> {
    let file = folder.join("url");
    std::fs::write(&file, url).expect("written");
    std::fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("set");
    let config = format!("url = {{ file = \"{}\" }}", file.display());
    let config: ClusterConfig = toml::from_str(&config).expect("a configuration");
    let secrets = Secrets::new(folder, None);
    Arc::new(ClusterDatabase::new(&config, &secrets).expect("an address"))
}

/// The database of a cluster, the vendor, and a proxy before the database.
pub struct World {
    pub vendor: Rotating,
    database: Database,
    pub proxy: Proxy,
    folder: TempDir,
}

impl World {
    pub async fn new() -> Option<Self> {
        let server = Server::get()?;
        let database = server.database();
        let world = Self {
            vendor: Rotating::start(Reuse::EndsAll, Vec::new()),
            proxy: Proxy::start(server.port()),
            folder: quick_folder(),
            database,
        };
        let cluster = connect(world.folder.path(), &world.proxy.url(&world.database));
        let connection = cluster.session().await.expect("connected");
        cluster::prepare(&connection, &cluster.schema)
            .await
            .expect("made");
        Some(world)
    }

    pub fn sql(&self, sql: &str) -> Vec<Vec<String>> {
        self.database
            .query(&format!("SET search_path TO rollbook_cluster; {sql}"))
    }

    /// A worker that has the source from now on.
    pub fn worker(&self, name: &str) -> TestWorker {
        let folder = quick_folder();
        let vault = Vault::open(folder.path(), keys()).expect("the vault opens");
        let database = connect(folder.path(), &self.proxy.url(&self.database));
        let (lease, clock) = (Arc::new(TestLease::of(name)), monday());
        let store = ClusterTokens::of_worker(
            lease.clone(),
            database.clone(),
            Arc::new(vault),
            clock.clock(),
        );
        self.claim(name);
        TestWorker {
            session: session(&self.vendor, store.clone(), &clock.clock()),
            store,
            lease,
            clock,
            database,
            _folder: folder,
        }
    }

    /// A worker that has the source, and tokens.
    pub async fn signed_in(&self, name: &str) -> TestWorker {
        let worker = self.worker(name);
        worker.page().await.expect("signed in");
        worker
    }

    fn claim(&self, name: &str) {
        self.sql(&format!(
            "INSERT INTO workers VALUES ('{name}', '', '', '', now(), now() + interval '1 day', 0, 0, 0) ON CONFLICT DO NOTHING; \
             INSERT INTO leases (source, epoch, claim, start, moved, position_epoch, position_run, position_revision, weight) \
             VALUES ('own', 1, 'claim-{name}', '{name}', now(), 0, 0, 0, 0) \
             ON CONFLICT (source) DO UPDATE SET claim = excluded.claim, start = excluded.start, epoch = leases.epoch + 1"
        ));
    }

    /// What is stored of the source is that much older.
    pub fn pass(&self, column: &str, seconds: u32) {
        self.sql(&format!(
            "UPDATE tokens SET {column} = {column} - interval '{seconds} s'"
        ));
    }

    /// The access token has expired, also by the worker's clock.
    pub fn expire_at(&self, worker: &TestWorker) {
        self.pass("obtained", 7200);
        self.vendor.expire(1);
        worker.clock.pass(Duration::from_secs(7200));
    }

    /// A page of the worker, which waits for new tokens until the vendor is released.
    pub fn held_request(&self, worker: &TestWorker) -> JoinHandle<Result<(), HttpError>> {
        self.vendor.hold(Step::BeforeAnswering);
        let running = worker.start_page();
        tokio::task::block_in_place(|| self.vendor.until_blocked());
        running
    }

    /// The answer to the next commit is lost, on a new connection.
    pub async fn lose_commit(&self, database: &ClusterDatabase) {
        drop(database.session().await);
        self.proxy.set_once(Fault::LoseCommit);
    }

    pub fn is_open(&self) -> bool {
        self.sql("SELECT intent_claim IS NOT NULL FROM tokens") == [["t"]]
    }

    pub fn numbers(&self) -> Vec<Option<u32>> {
        let requests = self.vendor.token_requests();
        assert!(requests.iter().all(|(_, good)| *good), "{requests:?}");
        requests.into_iter().map(|(number, _)| number).collect()
    }
}

pub struct TestWorker {
    session: Session,
    pub store: Arc<ClusterTokens>,
    pub lease: Arc<TestLease>,
    pub clock: TestClock,
    pub database: Arc<ClusterDatabase>,
    _folder: TempDir,
}

impl TestWorker {
    pub async fn page(&self) -> Result<(), HttpError> {
        page(&self.session, &self.clock.clock()).await
    }

    /// In its own task, as a worker that goes on whatever happens.
    pub fn start_page(&self) -> JoinHandle<Result<(), HttpError>> {
        let (session, clock): (Session, Clock) = (self.session.clone(), self.clock.clock());
        tokio::spawn(async move { page(&session, &clock).await })
    }

    pub async fn on_store<T: Send + 'static>(
        &self,
        act: impl FnOnce(&ClusterTokens) -> T + Send + 'static,
    ) -> T {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || act(&store))
            .await
            .expect("no panic")
    }
}

pub fn assert_parked(error: &HttpError) {
    assert_eq!(error.class(), Class::Auth, "{error}");
    let text = error.to_string();
    assert!(text.contains("its end is not known"), "{text}");
    assert!(text.contains("rollbook resume own"), "{text}");
}

pub fn grant(token: &str, obtained: Timestamp) -> KeptGrant {
    KeptGrant {
        refresh_token: SecretString::from(token),
        previous: None,
        seed_hash: format!("sign-in endpoint {obtained}"),
        intent: None,
        api_key: None,
        access: Some(KeptAccess {
            token: "access".into(),
            life: Some(Duration::from_secs(3600)),
        }),
        obtained,
        scope: None,
    }
}

pub fn intent(token: &str, at: Timestamp) -> RefreshIntent<'_> {
    RefreshIntent {
        token,
        replaced: None,
        at,
    }
}
