//! Single-use tokens: two users at once, killed at every step, and a vault that cannot be written.
//!
//! Always a valid token or *sign in needed*, at most two token requests, never a loop
//! (reliability.md 3.3, fault-catalogue.md 89 to 95).

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::Url;
use rollbook_app::app::VaultStore;
use rollbook_core::clock::{Clock, TestClock};
use rollbook_core::model::{
    ClientAuth, EndpointRules, ErrorCodes, KeptGrant, KeptRefusal, SourceName, UnexpectedResponse,
};
use rollbook_core::store::Vault;
use rollbook_core::store::vault::Keys;
use rollbook_http::auth::{
    Grant, GrantSpec, GrantStore, Intended, RefreshIntent, TokenManager, TokenRules, VaultError,
};
use rollbook_http::http::{
    BodyDecoder, DayCount, Decode, Effort, HttpError, PageRequest, Reply, Route, RunBudget,
    Session, SessionRules, Timeouts,
};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::installation::{Finished, Installation, NO_TICK, Running};
use crate::people::users;
use crate::rotating::{Reuse, Rotating, Step, refresh_token};
use crate::server::WAIT_LIMIT;

/// Rounds in which two token managers, and two processes, need a token at once.
const ROUNDS: usize = 1000;
const ROUNDS_OF_PROCESSES: usize = 12;

/// A folder in memory where there is one: the disk's speed does not matter here.
pub fn quick_folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .expect("a folder")
}

fn vault_store(folder: &Path) -> VaultStore {
    VaultStore::new(Arc::new(
        Vault::open(folder, Keys::None).expect("the vault opens"),
    ))
}

struct NoCount;

impl DayCount for NoCount {
    fn add(&self, _: &SourceName, _: &str, _: u32) -> Result<u32, String> {
        Ok(0)
    }
}

/// A session as a process has it.
pub fn session(server: &Rotating, vault: Arc<dyn GrantStore>, clock: &Clock) -> Session {
    let address = |path: &str| Url::parse(&format!("{}{path}", server.origin())).expect("one");
    let spec = GrantSpec {
        token_url: Some(address("/token")),
        issuer: None,
        revocation_url: None,
        client_id: "rollbook".into(),
        client_secret: None,
        rules: EndpointRules {
            client_auth: Some(ClientAuth::Post),
            ..EndpointRules::default()
        },
        api_key: None,
    };
    let rules = TokenRules {
        source: "own".parse().expect("a name"),
        grant: Grant::RefreshToken {
            spec,
            seed: Some(refresh_token(0).into()),
        },
        timeouts: Timeouts::default(),
        route: Route::default(),
    };
    let keeper = TokenManager::new(rules, vault, clock.clone()).expect("the rules are right");
    let rules = SessionRules {
        source: "own".parse().expect("a name"),
        base_url: address("/v1p1"),
        headers: Vec::new(),
        in_flight: 2,
        per_second: f64::INFINITY,
        per_day: None,
        body_limit: 1 << 20,
        timeouts: Timeouts::default(),
        errors: ErrorCodes::default(),
        route: Route::default(),
        metrics: Arc::default(),
    };
    Session::new(
        rules,
        Some(Arc::new(keeper)),
        Arc::new(NoCount),
        clock.clone(),
    )
    .expect("the rules are right")
}

pub async fn page(session: &Session, clock: &Clock) -> Result<(), HttpError> {
    let request = PageRequest {
        path: "/users".into(),
        query: Vec::new(),
        headers: Vec::new(),
        what: "a page".into(),
        effort: Effort::USUAL,
    };
    let budget = RunBudget::new(clock, Duration::from_secs(3600));
    session
        .get(&request, &budget, Decode::new(|| Ignored))
        .await
}

pub fn monday() -> TestClock {
    TestClock::at("2026-03-02T06:00:00Z".parse().expect("a time"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_token_managers_at_once_send_one_request_per_round() {
    let server = Rotating::start(Reuse::EndsAll, Vec::new());
    let (folder, clock) = (quick_folder(), monday());
    let keeper = || {
        let vault = Arc::new(vault_store(folder.path()));
        session(&server, vault, &clock.clock())
    };
    let (one, two) = (keeper(), keeper());
    for round in 0..ROUNDS {
        // Their tokens expire by the clock, and by the vendor's refusal, in turn.
        if round % 2 == 0 {
            clock.pass(Duration::from_secs(3600));
        }
        server.expire(2);
        let times = (clock.clock(), clock.clock());
        let (first, second) = tokio::join!(page(&one, &times.0), page(&two, &times.1));
        first.unwrap_or_else(|error| panic!("round {round}: {error}"));
        second.unwrap_or_else(|error| panic!("round {round}: {error}"));
        let number = u32::try_from(round).expect("few");
        assert_eq!(
            server.token_requests(),
            [(Some(number), true)],
            "round {round}"
        );
    }
    assert!(server.is_alive(), "no token was sent again");
}

/// A vault with a process that dies at one point: nothing after it happens.
struct CrashingVault {
    vault: VaultStore,
    /// Points passed: two per call, before and after its work.
    passed: AtomicUsize,
    dies_at: usize,
}

impl CrashingVault {
    fn step<T>(
        &self,
        act: impl FnOnce(&VaultStore) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        self.point()?;
        let done = act(&self.vault)?;
        self.point()?;
        Ok(done)
    }

    fn point(&self) -> Result<(), VaultError> {
        if self.passed.fetch_add(1, Ordering::SeqCst) < self.dies_at {
            return Ok(());
        }
        Err(VaultError {
            reason: "the process has died".into(),
            shut: false,
        })
    }
}

impl GrantStore for CrashingVault {
    fn load(&self, source: &SourceName) -> Result<Option<KeptGrant>, VaultError> {
        self.step(|vault| vault.load(source))
    }

    fn intend(
        &self,
        source: &SourceName,
        refresh: RefreshIntent<'_>,
    ) -> Result<Intended, VaultError> {
        self.step(|vault| vault.intend(source, refresh))
    }

    fn keep(&self, source: &SourceName, grant: &KeptGrant) -> Result<(), VaultError> {
        self.step(|vault| vault.keep(source, grant))
    }

    fn proven(&self, source: &SourceName) -> Result<(), VaultError> {
        self.step(|vault| vault.proven(source))
    }

    fn refusal(
        &self,
        source: &SourceName,
        credential: &str,
    ) -> Result<Option<KeptRefusal>, VaultError> {
        self.vault.refusal(source, credential)
    }

    fn note_refusal(
        &self,
        source: &SourceName,
        mark: &str,
        refusal: Option<KeptRefusal>,
    ) -> Result<(), VaultError> {
        self.vault.note_refusal(source, mark, refusal)
    }

    fn forget(&self, source: &SourceName) -> Result<(), VaultError> {
        self.vault.forget(source)
    }

    fn lock(&self, source: &SourceName) -> Result<Box<dyn Send>, VaultError> {
        self.step(|vault| vault.lock(source))
    }
}

/// The points of a rotation: before and after each of its calls, and one after all of them.
const POINTS: [&str; 11] = [
    "before the lock",
    "after the lock",
    "before reading",
    "after reading",
    "before the intent",
    "after the intent",
    "before storing",
    "after storing",
    "before proving",
    "after proving",
    "never",
];

#[tokio::test]
async fn a_crash_at_each_step_leaves_a_token_or_requires_a_login() {
    for reuse in [Reuse::Forgiven, Reuse::EndsAll] {
        for (dies_at, point) in POINTS.into_iter().enumerate() {
            let what = format!("{point}, {reuse:?}");
            let server = Rotating::start(reuse, Vec::new());
            let (folder, clock) = (quick_folder(), monday());
            let alive = || {
                session(
                    &server,
                    Arc::new(vault_store(folder.path())),
                    &clock.clock(),
                )
            };
            page(&alive(), &clock.clock()).await.expect("signed in");
            clock.pass(Duration::from_secs(3600));
            server.expire(1);
            server.token_requests();
            let dying = CrashingVault {
                vault: vault_store(folder.path()),
                passed: AtomicUsize::new(0),
                dies_at,
            };
            let dying = Arc::new(dying);
            let died = page(
                &session(&server, dying.clone(), &clock.clock()),
                &clock.clock(),
            )
            .await;
            assert_eq!(
                dying.passed.load(Ordering::SeqCst) > dies_at,
                point != "never",
                "{what}: there is no such point"
            );
            assert_eq!(died.is_ok(), dies_at >= 8, "{what}: {died:?}");
            // The response was lost with the process: only a server with a grace period can help.
            let lost = point == "before storing" && reuse == Reuse::EndsAll;
            let next = alive();
            for _ in 0..3 {
                match page(&next, &clock.clock()).await {
                    Ok(()) => assert!(!lost, "{what}"),
                    Err(error) => assert!(lost && error.is_sign_in_needed(), "{what}: {error}"),
                }
            }
            let requests = server.token_requests();
            let two = point == "before storing";
            assert_eq!(
                requests.len(),
                if two { 2 } else { 1 },
                "{what}: {requests:?}"
            );
            let own = "own".parse().expect("a name");
            let kept = vault_store(folder.path()).load(&own).expect("reads");
            assert!(kept.is_some(), "{what}: nothing is erased");
        }
    }
}

/// An installation with a job that reads this server with a rotating token.
fn installation(server: &Rotating) -> Installation {
    let (installation, origin) = (Installation::empty(), server.origin());
    installation.write(
        "config/connectors/own.toml",
        &format!(
            "connector = \"own\"\ntitle = \"the tests' own vendor\"\nextends = \"oneroster\"\n\
             [limits]\nper_second = 1000.0\n\
             [auth.refresh_token]\ntoken_url = \"{origin}/token\"\nclient_auth = \"post\"\n"
        ),
    );
    installation.write(
        "config/rollbook.toml",
        &format!(
            "[sources.own]\nconnector = \"own\"\n[sources.own.settings]\nbase_url = \"{origin}/v1p1\"\n\
             token_url = \"{origin}/token\"\n[sources.own.auth]\ngrant = \"refresh_token\"\n\
             client_id = \"rollbook\"\nrefresh_token = {{ file = \"first\" }}\n"
        ),
    );
    installation.write(
        "jobs/roster.toml",
        &format!("source = \"own\"\nstreams = [\"users\"]\nschedule = \"{NO_TICK}\"\n"),
    );
    installation.secret("first", &refresh_token(0));
    installation
}

fn start(installation: &Installation, arguments: &[&str]) -> Running {
    installation.start(installation.command(arguments))
}

#[test]
fn two_processes_at_once_send_one_request_per_round() {
    let server = Rotating::start(Reuse::EndsAll, users(20));
    let installation = installation(&server);
    installation.sync().assert_ok("signed in");
    server.token_requests();
    for round in 1..=ROUNDS_OF_PROCESSES {
        // Both learn at the same time that their token is expired.
        server.expire(2);
        let one = start(&installation, &["sync", "--json"]);
        let two = start(&installation, &["sync", "--dry-run", "--json"]);
        one.end().assert_ok("the first process");
        two.end().assert_ok("the second process");
        let number = u32::try_from(round).expect("few");
        assert_eq!(
            server.token_requests(),
            [(Some(number), true)],
            "round {round}"
        );
    }
}

#[test]
fn a_kill_at_each_step_leaves_a_token_or_requires_a_login() {
    for (time, reuse, recovers, requests) in [
        (Step::BeforeRotating, Reuse::EndsAll, true, 1),
        (Step::BeforeAnswering, Reuse::EndsAll, false, 1),
        (Step::BeforeAnswering, Reuse::Forgiven, true, 1),
        (Step::BeforeFirstPage, Reuse::EndsAll, true, 0),
    ] {
        let what = format!("{time:?}, {reuse:?}");
        let server = Rotating::start(reuse, users(20));
        let installation = installation(&server);
        installation.sync().assert_ok("signed in");
        server.expire(1);
        server.hold(time);
        let mut running = start(&installation, &["sync", "--json"]);
        server.until_blocked();
        running.kill();
        match time {
            Step::BeforeRotating => server.drop_blocked(),
            _ => server.release(),
        }
        server.token_requests();
        let ran = installation.sync();
        assert_eq!(server.token_requests().len(), requests, "{what}: {ran:?}");
        if recovers {
            ran.assert_ok(&what);
            continue;
        }
        let (outcome, message) = ran.outcome_and_message();
        assert_eq!(
            (ran.code, outcome.as_str()),
            (Some(1), "parked"),
            "{what}: {ran:?}"
        );
        assert!(message.contains("sign in"), "{what}: {message}");
        let shown = installation.run(&["tokens", "--json"]);
        assert!(
            shown.out.contains("\"stored\": true"),
            "{what}: nothing is erased: {shown:?}"
        );
    }
}

#[test]
fn a_kill_right_after_the_response_never_locks_the_school_out() {
    let server = Rotating::start(Reuse::Forgiven, users(20));
    let installation = installation(&server);
    installation.sync().assert_ok("signed in");
    for round in 0..10 {
        server.token_requests();
        server.expire(1);
        server.hold(Step::Answered);
        let mut running = start(&installation, &["sync", "--json"]);
        server.until_blocked();
        // Somewhere between reading the response and using the token, depending on the machine.
        running.kill();
        installation.sync().assert_ok(&format!("round {round}"));
        let requests = server.token_requests();
        assert!(
            requests.len() <= 2 && requests.iter().all(|(_, taken)| *taken),
            "round {round}: {requests:?}"
        );
    }
}

/// What the vendor has answered, or is about to, is not lost with the run that asked for it.
#[test]
fn a_stop_waits_for_the_answer_to_a_token_request() {
    for (name, signal) in [("sync", "INT"), ("sync", "TERM"), ("run", "TERM")] {
        let server = Rotating::start(Reuse::EndsAll, users(20));
        let installation = installation(&server);
        installation.sync().assert_ok("signed in");
        server.expire(1);
        server.token_requests();
        server.hold(Step::BeforeAnswering);
        let running = start(&installation, &[name]);
        let mut asking = None;
        if name == "run" {
            until_logged(&running, "ready");
            asking = Some(start(&installation, &["sync"]));
        }
        server.until_blocked();
        running.signal(signal);
        until_logged(&running, "waiting for the answer to a token request");
        server.release();
        running.end();
        drop(asking.map(Running::end));
        let runs = installation.run(&["runs", "--json"]).out;
        assert!(runs.contains("\"interrupted\""), "{name} {signal}: {runs}");
        installation
            .sync()
            .assert_ok("with the token of the run that was stopped");
        assert_eq!(
            server.token_requests(),
            [(Some(1), true)],
            "{name} {signal}"
        );
        assert!(server.is_alive(), "{name} {signal}");
    }
}

fn until_logged(running: &Running, line: &str) {
    let started = Instant::now();
    while !running.log().contains(line) {
        assert!(started.elapsed() < WAIT_LIMIT, "{line}: {}", running.log());
        std::thread::yield_now();
    }
}

/// Makes the vault refuse to write this table, as a full disk would.
fn full(installation: &Installation, table: &str) {
    vault(
        installation,
        &format!(
            "CREATE TRIGGER full BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        ),
    );
}

fn vault(installation: &Installation, sql: &str) {
    let vault = Connection::open(installation.path("state/vault.db")).expect("a vault");
    vault.execute_batch(sql).expect("done");
}

fn failed(ran: &Finished) {
    let (outcome, message) = ran.outcome_and_message();
    assert_eq!((ran.code, outcome.as_str()), (Some(1), "failed"), "{ran:?}");
    assert!(
        message.contains("the vault failed, and without it no new token is requested or used")
            && message.contains("database or disk is full"),
        "{message}"
    );
}

#[test]
fn no_token_is_requested_while_the_vault_cannot_be_written() {
    let server = Rotating::start(Reuse::EndsAll, users(20));
    let installation = installation(&server);
    installation.sync().assert_ok("signed in");
    server.expire(1);
    server.token_requests();
    full(&installation, "intents");
    for _ in 0..2 {
        failed(&installation.sync());
    }
    assert_eq!(server.token_requests(), [], "nothing was sent");
    vault(&installation, "DROP TRIGGER full");
    installation.sync().assert_ok("there is space again");
    assert_eq!(server.token_requests(), [(Some(1), true)]);
}

#[test]
fn an_unstored_token_is_not_used_and_is_requested_once_more() {
    for reuse in [Reuse::Forgiven, Reuse::EndsAll] {
        let server = Rotating::start(reuse, users(20));
        let installation = installation(&server);
        installation.sync().assert_ok("signed in");
        server.expire(1);
        server.token_requests();
        full(&installation, "grants");
        failed(&installation.sync());
        assert_eq!(
            server.token_requests(),
            [(Some(1), true)],
            "{reuse:?}: one request"
        );
        let shown = installation.run(&["tokens"]);
        assert!(shown.out.contains("a refresh started at"), "{shown:?}");
        vault(&installation, "DROP TRIGGER full");
        let ran = installation.sync();
        let forgiven = reuse == Reuse::Forgiven;
        assert_eq!(
            ran.outcome_and_message().0,
            if forgiven { "ok" } else { "parked" },
            "{ran:?}"
        );
        assert_eq!(server.token_requests(), [(Some(1), forgiven)]);
    }
}

/// Looks at no body.
struct Ignored;

impl BodyDecoder<()> for Ignored {
    fn take(&mut self, _: &mut Vec<u8>) -> Result<(), UnexpectedResponse> {
        Ok(())
    }

    fn finish(self: Box<Self>, _: &Reply) -> Result<(), UnexpectedResponse> {
        Ok(())
    }
}
