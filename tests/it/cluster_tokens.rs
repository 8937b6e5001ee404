//! Rotating tokens and daily limits of a cluster at a real server: two stores as two workers, and a vendor that notices each reuse.
//!
//! Time that must pass is moved in the database, whose clock decides.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rollbook_app::app::{ClusterDatabase, ClusterDays, ClusterTokens, SourceLease};
use rollbook_core::clock::{Clock, TestClock};
use rollbook_core::model::{Class, KeptAccess, KeptGrant, SourceName};
use rollbook_core::store::Vault;
use rollbook_core::store::vault::{KEY, Keys, VaultKey};
use rollbook_engine::setup::files::{ClusterConfig, Secrets};
use rollbook_http::auth::{GrantStore, Intended, RefreshIntent, SignInMark};
use rollbook_http::http::{DayCount, HttpError, Session};
use rollbook_postgres::postgres::cluster;
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::database::{Database, Fault, NULL, Proxy, Server};
use crate::rotating::{Reuse, Rotating, Step};
use crate::rotation::{monday, page, quick_folder, session};

const LEASE: Duration = Duration::from_secs(30);

fn own() -> SourceName {
    "own".parse().expect("a name")
}

fn keys() -> Keys {
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
struct World {
    vendor: Rotating,
    database: Database,
    proxy: Proxy,
    folder: TempDir,
}

impl World {
    async fn new() -> Option<Self> {
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

    fn sql(&self, sql: &str) -> Vec<Vec<String>> {
        self.database
            .query(&format!("SET search_path TO rollbook_cluster; {sql}"))
    }

    /// A worker that has the source from now on.
    fn worker(&self, name: &str) -> TestWorker {
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

    fn claim(&self, name: &str) {
        self.sql(&format!(
            "INSERT INTO workers VALUES ('{name}', '', '', '', now(), now() + interval '1 day', 0, 0, 0) ON CONFLICT DO NOTHING; \
             INSERT INTO leases (source, epoch, claim, start, moved, position_epoch, position_run, position_revision, weight) \
             VALUES ('own', 1, 'claim-{name}', '{name}', now(), 0, 0, 0, 0) \
             ON CONFLICT (source) DO UPDATE SET claim = excluded.claim, start = excluded.start, epoch = leases.epoch + 1"
        ));
    }

    /// What is stored of the source is that much older.
    fn pass(&self, column: &str, seconds: u32) {
        self.sql(&format!(
            "UPDATE tokens SET {column} = {column} - interval '{seconds} s'"
        ));
    }

    /// The access token has expired.
    fn expire(&self) {
        self.pass("obtained", 7200);
        self.vendor.expire(1);
    }

    /// The answer to the next commit is lost, on a new connection.
    async fn lose_commit(&self, database: &ClusterDatabase) {
        drop(database.session().await);
        self.proxy.set_once(Fault::LoseCommit);
    }

    fn is_open(&self) -> bool {
        self.sql("SELECT intent_claim IS NOT NULL FROM tokens") == [["t"]]
    }

    fn numbers(&self) -> Vec<Option<u32>> {
        let requests = self.vendor.token_requests();
        assert!(requests.iter().all(|(_, good)| *good), "{requests:?}");
        requests.into_iter().map(|(number, _)| number).collect()
    }
}

struct TestWorker {
    session: Session,
    store: Arc<ClusterTokens>,
    lease: Arc<TestLease>,
    clock: TestClock,
    database: Arc<ClusterDatabase>,
    _folder: TempDir,
}

impl TestWorker {
    async fn page(&self) -> Result<(), HttpError> {
        page(&self.session, &self.clock.clock()).await
    }

    /// In its own task, as a worker that goes on whatever happens.
    fn start_page(&self) -> tokio::task::JoinHandle<Result<(), HttpError>> {
        let (session, clock): (Session, Clock) = (self.session.clone(), self.clock.clock());
        tokio::spawn(async move { page(&session, &clock).await })
    }

    async fn on_store<T: Send + 'static>(
        &self,
        act: impl FnOnce(&ClusterTokens) -> T + Send + 'static,
    ) -> T {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || act(&store))
            .await
            .expect("no panic")
    }
}

type OnQuestion = Box<dyn FnMut(u32) + Send>;

/// A lease that ends when the test says so.
struct TestLease {
    claim: String,
    left: Mutex<Duration>,
    /// Called with the number of each question for what is left.
    asked: Mutex<(u32, Option<OnQuestion>)>,
    announcing: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl TestLease {
    fn of(name: &str) -> Self {
        Self {
            claim: format!("claim-{name}"),
            left: Mutex::new(LEASE),
            asked: Mutex::default(),
            announcing: Mutex::default(),
        }
    }

    fn end(&self) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = Duration::ZERO;
    }

    /// Calls this at the next question for the claim, which an announcement begins with.
    fn on_claim(&self, act: impl FnOnce() + Send + 'static) {
        *self
            .announcing
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(Box::new(act));
    }

    fn on_question(&self, act: impl FnMut(u32) + Send + 'static) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = (0, Some(Box::new(act)));
    }
}

impl SourceLease for TestLease {
    fn claim(&self) -> String {
        let act = (self
            .announcing
            .lock()
            .unwrap_or_else(PoisonError::into_inner))
        .take();
        if let Some(act) = act {
            act();
        }
        self.claim.clone()
    }

    fn left(&self) -> Duration {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.0 += 1;
        let number = asked.0;
        if let Some(act) = &mut asked.1 {
            act(number);
        }
        *self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn assert_parked(error: &HttpError) {
    assert_eq!(error.class(), Class::Auth, "{error}");
    let text = error.to_string();
    assert!(text.contains("its end is not known"), "{text}");
    assert!(text.contains("rollbook resume own"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_rotate_in_the_database_and_move_with_the_source() {
    let Some(world) = World::new().await else {
        return;
    };
    let first = world.worker("first");
    first.page().await.expect("signed in");
    assert_eq!(world.numbers(), [Some(0)]);
    world.expire();
    first.clock.pass(Duration::from_secs(7200));
    first.page().await.expect("renewed");
    assert_eq!(world.numbers(), [Some(1)]);
    assert_eq!(
        world.sql("SELECT generation, intent_claim, previous, length(key_id) FROM tokens"),
        [["2", "\\N", "\\N", "16"]],
        "two stores, no intent, and the previous token is dropped after its success"
    );
    let in_clear = world
        .sql("SELECT sealed::text FROM tokens")
        .concat()
        .concat();
    assert!(!in_clear.contains("refresh-"));

    let second = world.worker("second");
    second
        .page()
        .await
        .expect("with the access token of the first");
    assert!(world.numbers().is_empty(), "no refresh");
    world.expire();
    second.clock.pass(Duration::from_secs(7200));
    second.page().await.expect("renewed");
    assert_eq!(world.numbers(), [Some(2)]);
    assert!(world.vendor.is_alive());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_lease_announces_nothing() {
    let Some(world) = World::new().await else {
        return;
    };
    let first = world.worker("first");
    first.lease.end();
    let error = first.page().await.expect_err("no lease by its own clock");
    assert_eq!(error.class(), Class::Transient, "{error}");
    assert!(error.to_string().contains("lease"), "{error}");

    // By its own clock it has one; by the database's it has not.
    for sql in [
        "UPDATE leases SET claim = 'other'",
        "UPDATE leases SET claim = 'claim-first'; UPDATE workers SET until = now() - interval '1 s'",
    ] {
        let first = world.worker("first");
        world.sql(sql);
        let error = first.page().await.expect_err("no lease in the database");
        assert_eq!(error.class(), Class::Transient, "{error}");
    }
    assert!(world.numbers().is_empty());
    assert!(!world.is_open());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_ends_before_the_request_is_sent_sends_nothing() {
    // After the announcement, and when the connection is open.
    for number_of_question in [2, 3] {
        let Some(world) = World::new().await else {
            return;
        };
        let first = world.worker("first");
        let lease = Arc::clone(&first.lease);
        first.lease.on_question(move |number| {
            if number == number_of_question {
                lease.end();
            }
        });
        let error = first.page().await.expect_err("it is too late");
        assert_eq!(error.class(), Class::Transient, "{error}");
        assert!(error.to_string().contains("too late"), "{error}");
        assert!(world.numbers().is_empty());
        assert!(!world.is_open(), "nothing was sent, and that is known");
        assert!(first.store.is_settled());
        world.worker("second").page().await.expect("it may send");
        assert_eq!(world.numbers(), [Some(0)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successor_waits_for_a_late_answer_and_uses_it() {
    let Some(world) = World::new().await else {
        return;
    };
    let first = world.worker("first");
    first.page().await.expect("signed in");
    world.expire();
    first.clock.pass(Duration::from_secs(7200));
    world.vendor.hold(Step::BeforeAnswering);
    let running = first.start_page();
    tokio::task::block_in_place(|| world.vendor.until_blocked());
    first.lease.end();

    let world = Arc::new(world);
    let second = world.worker("second");
    let (stored, is_stored) = channel();
    let releasing = Arc::clone(&world);
    // At its second question it has waited once.
    second.lease.on_question(move |number| {
        if number == 2 {
            assert!(releasing.is_open());
            releasing.vendor.release();
            is_stored.recv().expect("the first worker has ended");
        }
    });
    let waiting = second.start_page();
    let ended = running.await.expect("no panic");
    stored.send(()).expect("it is awaited");
    ended.expect("what was received is stored and used, without a lease");
    waiting
        .await
        .expect("no panic")
        .expect("with the late answer");
    assert_eq!(world.numbers(), [Some(0), Some(1)]);
    assert!(world.vendor.is_alive());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successor_that_meets_an_open_intent_sends_nothing_until_a_person_resumes() {
    let Some(world) = World::new().await else {
        return;
    };
    let first = world.worker("first");
    first.page().await.expect("signed in");
    assert_eq!(world.numbers(), [Some(0)]);
    world.sql(
        "UPDATE tokens SET intent_claim = 'claim-first', intent_at = now(), intent_token = ''",
    );

    let second = world.worker("second");
    second
        .page()
        .await
        .expect("the sealed access token is valid");
    world.expire();
    second.clock.pass(Duration::from_secs(7200));
    let error = second.page().await.expect_err("it waits, and not for ever");
    assert_eq!(error.class(), Class::Transient, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("another refresh of this source's tokens has not ended yet; the next run"),
        "{text}"
    );
    assert!(!text.contains("vault"), "{text}");
    world.pass("intent_at", 100);
    for _ in 0..3 {
        assert_parked(&second.page().await.expect_err("the end is not known"));
    }
    assert!(world.numbers().is_empty());

    second
        .on_store(|store| store.resume(&own()))
        .await
        .expect("stored");
    second
        .page()
        .await
        .expect("the first worker had not sent it");
    assert_eq!(world.numbers(), [Some(1)]);
    assert!(!world.is_open());
}

/// It belongs to neither the run nor the lease, and the end of the worker waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_goes_on_when_its_run_and_its_lease_have_ended() {
    let Some(world) = World::new().await else {
        return;
    };
    let first = world.worker("first");
    first.page().await.expect("signed in");
    world.expire();
    first.clock.pass(Duration::from_secs(7200));
    world.vendor.hold(Step::BeforeAnswering);
    let running = first.start_page();
    tokio::task::block_in_place(|| world.vendor.until_blocked());
    running.abort();
    assert!(running.await.is_err_and(|ended| ended.is_cancelled()));
    first.lease.end();
    assert!(!first.store.is_settled(), "its end is awaited");
    world.vendor.release();
    while !first.store.is_settled() {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.sql("SELECT generation FROM tokens"), [["2"]]);
    assert!(!world.is_open());
    let second = world.worker("second");
    second.page().await.expect("with the token of the first");
    assert_eq!(world.numbers(), [Some(0), Some(1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_here_is_not_waited_for() {
    let Some(world) = World::new().await else {
        return;
    };
    let first = world.worker("first");
    first.page().await.expect("signed in");
    world.expire();
    first.clock.pass(Duration::from_secs(7200));
    world.vendor.hold(Step::BeforeAnswering);
    let running = first.start_page();
    tokio::task::block_in_place(|| world.vendor.until_blocked());
    tokio::task::block_in_place(|| world.vendor.drop_blocked());
    assert_parked(&running.await.expect("no panic").expect_err("it is lost"));
    assert_parked(&first.page().await.expect_err("it is lost"));
    assert_eq!(first.clock.naps(), []);
    assert!(world.is_open());

    // But the vendor may not have ended with it, so it is not sent again before the others would park.
    let resumed = first.on_store(|store| store.resume(&own())).await;
    resumed.expect("stored");
    let error = first.page().await.expect_err("it waits");
    assert_eq!(error.class(), Class::Transient, "{error}");
    assert_eq!(world.numbers(), [Some(0), Some(1)]);
}

/// What became of the first request is not known still, so the intent stays open; but no answer is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_request_that_is_refused_says_so_at_once() {
    let Some(world) = World::new().await else {
        return;
    };
    let first = world.worker("first");
    first.page().await.expect("signed in");
    world.expire();
    first.clock.pass(Duration::from_secs(7200));
    world.vendor.hold(Step::BeforeAnswering);
    let running = first.start_page();
    tokio::task::block_in_place(|| world.vendor.until_blocked());
    world.pass("intent_at", 100);
    let second = world.worker("second");
    assert_parked(&second.page().await.expect_err("it may be used up"));
    second
        .on_store(|store| store.resume(&own()))
        .await
        .expect("stored");

    let error = second.page().await.expect_err("it was used up");
    assert!(error.is_sign_in_needed(), "{error}");
    let error = second.page().await.expect_err("it is known");
    assert!(error.is_sign_in_needed(), "{error}");
    let third = world.worker("third");
    assert_parked(&third.page().await.expect_err("it may be used up"));
    assert_eq!(third.clock.naps(), [], "no answer is waited for");
    assert_eq!(second.clock.naps(), []);
    let requests = world.vendor.token_requests();
    assert_eq!(
        requests,
        [(Some(0), true), (Some(1), true), (Some(1), false)]
    );

    assert!(world.is_open());
    world.vendor.release();
    let ended = running.await.expect("no panic");
    ended.expect_err("the vendor has ended the grant");
    assert!(!world.is_open(), "the late answer is stored all the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_an_answer_parks_and_a_sign_in_ends_that() {
    let Some(world) = World::new().await else {
        return;
    };
    let first = world.worker("first");
    first.page().await.expect("signed in");
    world.expire();
    first.clock.pass(Duration::from_secs(7200));
    world.vendor.hold(Step::BeforeAnswering);
    let running = first.start_page();
    tokio::task::block_in_place(|| world.vendor.until_blocked());
    running.abort();
    world.numbers();
    first.lease.end();
    let second = world.worker("second");
    world.pass("intent_at", 100);
    assert_parked(&second.page().await.expect_err("it may be used up"));

    let command = ClusterTokens::of_command(second.database.clone(), keys(), second.clock.clock());
    let grant = KeptGrant {
        refresh_token: crate::rotating::refresh_token(2).into(),
        previous: None,
        seed_hash: KeptGrant::fingerprint(&crate::rotating::refresh_token(0).into()),
        intent: None,
        api_key: None,
        access: None,
        obtained: second.clock.clock().now(),
        scope: Some(vec!["one".to_owned(), "two".to_owned()]),
    };
    let before = world.sql("SELECT generation FROM tokens");
    tokio::task::spawn_blocking(move || command.sign_in(&own(), &grant))
        .await
        .expect("no panic")
        .expect("stored");
    assert_ne!(world.sql("SELECT generation FROM tokens"), before);
    assert!(!world.is_open());
    world.vendor.release();
    second.page().await.expect("with the token of the sign-in");
    assert_eq!(world.numbers(), [Some(2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_answer_does_not_replace_a_sign_in() {
    let Some(world) = World::new().await else {
        return;
    };
    let first = world.worker("first");
    first.page().await.expect("signed in");
    let loaded = first.on_store(|store| store.load(&own())).await;
    let late = loaded.expect("read").expect("kept");
    let hash = KeptGrant::fingerprint(&late.refresh_token);
    let now = first.clock.clock().now();
    let announced = first
        .on_store(move |store| store.intend(&own(), intent(&hash, now)))
        .await;
    announced.expect("announced");
    assert!(world.is_open());

    let command = ClusterTokens::of_command(first.database.clone(), keys(), first.clock.clock());
    let newest = grant("newest", now);
    let signed_in = tokio::task::spawn_blocking(move || command.sign_in(&own(), &newest)).await;
    signed_in.expect("no panic").expect("stored");

    let unsaved = late.clone();
    let kept = first.on_store(move |store| store.keep(&own(), &late)).await;
    let error = kept.expect_err("it is of another grant");
    assert!(error.reason.contains("newer tokens"), "{error}");
    let kept = first
        .on_store(move |store| store.keep_late(&own(), &unsaved))
        .await;
    assert!(!kept.expect("answered"), "it is given up");
    let stored = first.on_store(|store| store.load(&own())).await;
    let stored = stored.expect("read").expect("kept");
    assert_eq!(stored.refresh_token.expose_secret(), "newest");
}

/// A stopped worker may bring an answer home long after its source was removed and came again.
#[tokio::test(flavor = "multi_thread")]
async fn generations_go_on_after_a_source_was_forgotten() {
    let Some(world) = World::new().await else {
        return;
    };
    let first = world.worker("first");
    first.page().await.expect("signed in");
    let loaded = first.on_store(|store| store.load(&own())).await;
    let late = loaded.expect("read").expect("kept");
    let hash = KeptGrant::fingerprint(&late.refresh_token);
    let now = first.clock.clock().now();
    let announced = first
        .on_store(move |store| store.intend(&own(), intent(&hash, now)))
        .await;
    announced.expect("announced");
    world.sql("UPDATE workers SET until = now() - interval '1 s'");
    let removed = rollbook_app::app::forget_source(&first.database, &own()).await;
    removed.expect("forgotten");
    assert!(!world.is_open());
    assert_eq!(world.sql("SELECT sealed FROM tokens"), [[NULL]]);

    let command = ClusterTokens::of_command(first.database.clone(), keys(), first.clock.clock());
    let newest = grant("newest", now);
    let signed_in = tokio::task::spawn_blocking(move || command.sign_in(&own(), &newest)).await;
    signed_in.expect("no panic").expect("stored");
    let kept = first.on_store(move |store| store.keep(&own(), &late)).await;
    let error = kept.expect_err("it is of another grant");
    assert!(error.reason.contains("newer tokens"), "{error}");
}

fn grant(token: &str, obtained: jiff::Timestamp) -> KeptGrant {
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

#[tokio::test(flavor = "multi_thread")]
async fn what_was_received_is_stored_as_soon_as_the_database_is_back() {
    let Some(world) = World::new().await else {
        return;
    };
    let first = world.worker("first");
    first.page().await.expect("signed in");
    world.expire();
    first.clock.pass(Duration::from_secs(7200));
    world.vendor.hold(Step::BeforeAnswering);
    let running = first.start_page();
    tokio::task::block_in_place(|| world.vendor.until_blocked());
    world.proxy.set(Fault::Refuse);
    world.proxy.cut();
    first.lease.end();
    world.vendor.release();
    let error = running
        .await
        .expect("no panic")
        .expect_err("not stored, not used");
    assert_eq!(error.class(), Class::Transient, "{error}");
    assert_eq!(world.sql("SELECT generation FROM tokens"), [["1"]]);
    world.proxy.set(Fault::None);
    // By the worker alone, whose lease has ended and whose run is over.
    for _ in 0..1000 {
        if world.sql("SELECT generation FROM tokens") == [["2"]] {
            break;
        }
    }
    assert_eq!(world.sql("SELECT generation FROM tokens"), [["2"]]);
    assert!(!world.is_open());
    let second = world.worker("second");
    second.page().await.expect("with the tokens of the first");
    assert_eq!(world.numbers(), [Some(0), Some(1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_a_commit_is_no_lost_token() {
    for what in ["the intent", "the tokens"] {
        let Some(world) = World::new().await else {
            return;
        };
        let world = Arc::new(world);
        let first = world.worker("first");
        first.page().await.expect("signed in");
        world.expire();
        first.clock.pass(Duration::from_secs(7200));
        world.numbers();
        if what == "the intent" {
            let (losing, database) = (Arc::clone(&world), first.database.clone());
            let runtime = Handle::current();
            first
                .lease
                .on_claim(move || runtime.block_on(losing.lose_commit(&database)));
            let announced = first.page().await;
            announced.expect_err("nothing is sent without an intent");
            assert!(world.numbers().is_empty());
        } else {
            world.vendor.hold(Step::BeforeAnswering);
            let running = first.start_page();
            tokio::task::block_in_place(|| world.vendor.until_blocked());
            world.lose_commit(&first.database).await;
            world.vendor.release();
            let ended = running.await.expect("no panic");
            ended.expect_err("whether they are stored is not known");
        }
        assert_eq!(world.proxy.strikes(), 1, "{what}");
        first
            .page()
            .await
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(world.numbers(), [Some(1)], "{what}");
        assert_eq!(
            world.sql("SELECT generation FROM tokens"),
            [["2"]],
            "{what}"
        );
        assert!(!world.is_open(), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_sign_out_and_list_on_any_host() {
    let Some(world) = World::new().await else {
        return;
    };
    let first = world.worker("first");
    let command = ClusterTokens::of_command(first.database.clone(), keys(), first.clock.clock());
    assert_eq!(command.entries().await.expect("read"), []);
    let now = first.clock.clock().now();
    let on_command = |act: fn(&ClusterTokens, jiff::Timestamp)| {
        let command = command.clone();
        async move {
            let done = tokio::task::spawn_blocking(move || act(&command, now));
            done.await.expect("no panic");
        }
    };
    on_command(|store, now| store.sign_in(&own(), &grant("r", now)).expect("stored")).await;
    let entries = command.entries().await.expect("read");
    let kept: Vec<_> = entries
        .iter()
        .map(|entry| (entry.source.as_str(), entry.access_life_ms))
        .collect();
    assert_eq!(kept, [("own", Some(3_600_000))]);
    let mark = first.on_store(|store| {
        store.load(&own()).expect("read");
        store.signed_in(&own())
    });
    let mark = mark.await.expect("known");
    assert_eq!(mark.map(|mark: SignInMark| mark.at), Some(now));
    let sent = tokio::task::spawn_blocking({
        let command = command.clone();
        move || command.intend(&own(), intent("hash", now))
    });
    let sent = sent.await.expect("no panic").expect("answered");
    assert!(matches!(sent, Intended::Not(_)), "{sent:?}");

    let generation = || world.sql("SELECT generation FROM tokens");
    let before = generation();
    on_command(|store, _| store.forget(&own()).expect("deleted")).await;
    let entries = command.entries().await.expect("read");
    assert!(
        entries.iter().all(|entry| entry.obtained.is_none()),
        "{entries:?}"
    );
    assert_ne!(generation(), before, "no generation comes again");
    assert!(
        first
            .on_store(|store| store.load(&own()))
            .await
            .expect("read")
            .is_none()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daily_limit_holds_over_crashes_and_is_used_up() {
    let Some(world) = World::new().await else {
        return;
    };
    const LIMIT: u32 = 200;
    let day = "2026-03-02";
    let count = |worker: &TestWorker| {
        let days = Arc::new(ClusterDays::new(worker.database.clone()));
        move |requests: u32| {
            let days = days.clone();
            async move {
                let sent = tokio::task::spawn_blocking(move || {
                    let add = |_| days.add(&own(), day, LIMIT).expect("counted");
                    let sent = (0..requests)
                        .map(add)
                        .filter(|total| *total <= LIMIT)
                        .count();
                    (sent, days)
                });
                sent.await.expect("no panic")
            }
        }
    };
    let first = world.worker("first");
    let (mut sent, _) = count(&first)(10).await; // and it crashes, with 2 of a block of 4 left
    let second = world.worker("second");
    let (more, days) = count(&second)(10).await;
    sent += more;
    tokio::task::spawn_blocking(move || days.give_back(&own()))
        .await
        .expect("no panic");
    assert_eq!(
        world.sql("SELECT requests FROM days"),
        [["22"]],
        "2 are lost"
    );
    let third = world.worker("third");
    let (more, days) = count(&third)(300).await;
    sent += more;
    assert_eq!(sent, 198, "the limit without what the crash has lost");
    tokio::task::spawn_blocking(move || days.give_back(&own()))
        .await
        .expect("no panic");
    let fourth = world.worker("fourth");
    assert_eq!(count(&fourth)(5).await.0, 0, "nothing is left for anyone");
}

fn intent(token: &str, at: Timestamp) -> RefreshIntent<'_> {
    RefreshIntent {
        token,
        replaced: None,
        at,
    }
}
