//! Sources that move into a cluster and out of it, by the real program and a real database, without workers: a sign-in moves along, and
//! at no time can both sides send the same refresh token.
//!
//! Moving with workers is in `cluster/moves.rs`.

use std::path::PathBuf;
use std::time::Instant;

use rollbook_app::app::{ClusterDatabase, ClusterTokens, SharedSession};
use rollbook_core::clock::Clock;
use rollbook_core::model::{KeptGrant, SourceName};
use rollbook_core::store::vault::{KEY, Keys, VaultKey};
use rollbook_http::auth::{GrantStore as _, VaultError};
use rollbook_postgres::postgres::cluster;
use secrecy::{ExposeSecret as _, SecretBox};

use crate::cluster_tokens::connect;
use crate::database::{Database, Proxy, Server};
use crate::installation::{Finished, Installation, NO_TICK, Running};
use crate::people::users;
use crate::rotating::{Reuse, Rotating, refresh_token};
use crate::server::WAIT_LIMIT;

/// Makes the end of each transaction that has changed a row of `tokens` wait for a lock.
const WAITING_COMMITS: &str = "CREATE FUNCTION rollbook_cluster.wait() RETURNS trigger LANGUAGE plpgsql AS \
    'BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END'; \
    CREATE CONSTRAINT TRIGGER wait AFTER INSERT OR UPDATE ON rollbook_cluster.tokens \
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION rollbook_cluster.wait()";

/// A source with a refresh token that can be used once, and a cluster without workers. `alone` and `cluster` are configurations that
/// have the source, `without` is the cluster's when it has the source no longer.
struct World {
    vendor: Rotating,
    database: Database,
    proxy: Proxy,
    cluster: std::sync::Arc<ClusterDatabase>,
    installation: Installation,
}

impl World {
    async fn new() -> Option<Self> {
        let server = Server::get()?;
        let database = server.database();
        let proxy = Proxy::start(server.port());
        let installation = Installation::empty();
        std::fs::create_dir(installation.path("own")).expect("made");
        let cluster = connect(&installation.path("own"), &database.url);
        let session = cluster.session().await.expect("connected");
        let prepared = cluster::prepare(&session, &cluster.schema).await;
        prepared.expect("made");
        let world = Self {
            vendor: Rotating::start(Reuse::EndsAll, users(3)),
            database,
            proxy,
            cluster,
            installation,
        };
        let store = "[store]\nvault_key = { file = \"vault_key\" }\n";
        let shared = "[cluster]\nurl = { env = \"CLUSTER_URL\" }\n";
        let origin = world.vendor.origin();
        let source = format!(
            "[sources.own]\nconnector = \"own\"\n[sources.own.settings]\nbase_url = \"{origin}/v1p1\"\ntoken_url = \"{origin}/token\"\n\
             [sources.own.auth]\ngrant = \"refresh_token\"\nclient_id = \"rollbook\"\nrefresh_token = {{ file = \"first\" }}\n"
        );
        world.configure("alone", &format!("{store}{source}"), true);
        world.configure("cluster", &format!("{store}{shared}{source}"), true);
        world.configure("without", &format!("{store}{shared}"), false);
        Some(world)
    }

    fn configure(&self, folder: &str, rollbook: &str, has_job: bool) {
        let (installation, origin) = (&self.installation, self.vendor.origin());
        installation.write(&format!("{folder}/rollbook.toml"), rollbook);
        installation.write(
            &format!("{folder}/connectors/own.toml"),
            &format!(
                "connector = \"own\"\ntitle = \"the tests' own vendor\"\nextends = \"oneroster\"\n[limits]\nper_second = 1000.0\nper_day = 50\n\
                 [auth.refresh_token]\ntoken_url = \"{origin}/token\"\nclient_auth = \"post\"\n"
            ),
        );
        std::fs::create_dir_all(installation.path(&format!("{folder}/jobs"))).expect("made");
        if has_job {
            installation.write(
                &format!("{folder}/jobs/own.toml"),
                &format!("source = \"own\"\nstreams = [\"users\"]\nschedule = \"{NO_TICK}\"\n"),
            );
        }
        installation.secret_at(&format!("{folder}/vault_key"), &"4b".repeat(32));
        installation.secret_at(&format!("{folder}/first"), &refresh_token(0));
    }

    /// Starts a command with this configuration and state folder.
    fn start(&self, config: &str, state: &str, arguments: &[&str]) -> Running {
        let mut command = self.installation.bare();
        command.env("CLUSTER_URL", self.proxy.url(&self.database));
        for (option, folder) in [("--config", config), ("--state", state)] {
            command.arg(option).arg(self.installation.path(folder));
        }
        let jobs = self.installation.path(config).join("jobs");
        command.arg("--jobs").arg(jobs).args(arguments);
        self.installation.start(command)
    }

    /// Moves files of this folder into the cluster.
    fn put(&self, folder: &str) -> Running {
        let folder = self.path(folder);
        let arguments = ["cluster", "put", "own", "--from", &folder];
        self.start("cluster", "nothing", &arguments)
    }

    /// Moves the source out into this folder, which does not exist.
    fn move_out(&self, folder: &str) -> Running {
        let folder = self.path(folder);
        let arguments = ["cluster", "fetch", "own", "--to", &folder, "--move"];
        self.start("without", "nothing", &arguments)
    }

    fn path(&self, folder: &str) -> String {
        let path: PathBuf = self.installation.path(folder);
        path.display().to_string()
    }

    /// Runs the job on a single machine with this state folder, whose access token has expired; returns the outcome and the numbers of
    /// the refresh tokens that were sent.
    fn sync(&self, state: &str) -> (String, Vec<u32>) {
        self.vendor.expire(1);
        let ran = self.start("alone", state, &["sync", "--json"]).end();
        let (outcome, message) = ran.outcome_and_message();
        let requests = self.vendor.token_requests();
        assert!(
            requests.iter().all(|(_, is_good)| *is_good),
            "{requests:?} {message}"
        );
        let sent = requests.into_iter().filter_map(|(number, _)| number);
        (outcome, sent.collect())
    }

    /// The refresh token that the cluster has, opened by the key of these bytes.
    async fn token_with(&self, key: u8) -> Result<Option<String>, VaultError> {
        let tokens = ClusterTokens::of_command(self.cluster.clone(), keys(key), Clock::system());
        let own: SourceName = "own".parse().expect("a name");
        let loaded = tokio::task::spawn_blocking(move || tokens.load(&own)).await;
        let kept = loaded.expect("no panic")?;
        Ok(kept.map(|kept| kept.refresh_token.expose_secret().to_owned()))
    }

    async fn token(&self) -> Option<String> {
        self.token_with(0x4b).await.expect("opened")
    }

    /// A worker has announced that it sends the first token.
    fn intend(&self) {
        let hash = KeptGrant::fingerprint(&refresh_token(0).into());
        let sealed = keys(0x4b).seal_elsewhere("own", "tokens.intent_token", hash.as_bytes());
        let sealed = sealed.expect("sealed").1;
        let hex: String = sealed.iter().map(|byte| format!("{byte:02x}")).collect();
        self.sql(&format!(
            "UPDATE tokens SET intent_claim = 'a', intent_at = now(), intent_token = '\\x{hex}'"
        ));
    }

    /// As if there had been none yet.
    fn forget_tokens(&self) {
        self.sql("UPDATE tokens SET sealed = NULL, key_id = NULL, obtained = NULL");
    }

    fn sql(&self, sql: &str) -> Vec<Vec<String>> {
        self.database
            .query(&format!("SET search_path TO rollbook_cluster; {sql}"))
    }

    /// The requests that the vault in a state folder has counted.
    fn counted(&self, state: &str) -> i64 {
        let vault = self.installation.path(state).join("vault.db");
        let vault = rusqlite::Connection::open(vault).expect("opened");
        let sql = "SELECT sum(requests) FROM requests";
        vault.query_row(sql, [], |row| row.get(0)).expect("counted")
    }

    /// What the database has of the source: whether there is a state, pages, tokens, days of requests.
    fn rows(&self) -> Vec<Vec<String>> {
        self.sql(
            "SELECT (SELECT count(content) FROM leases), (SELECT count(*) > 0 FROM pages), (SELECT count(sealed) FROM tokens), \
             (SELECT sum(requests) FROM days)",
        )
    }

    /// Holds the lock that commits wait for.
    async fn hold_commits(&self) -> SharedSession {
        self.database.execute(WAITING_COMMITS);
        let session = self.cluster.session().await.expect("connected");
        let locked = session.batch("SELECT pg_advisory_lock(7)").await;
        locked.expect("locked");
        session
    }

    fn until_waiting(&self) {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'";
        let started = Instant::now();
        while self.sql(sql) != [["1"]] {
            assert!(started.elapsed() < WAIT_LIMIT, "nothing is committed");
        }
    }

    /// Until the transaction that waited has ended.
    fn until_ended(&self) {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' OR query = 'COMMIT' AND state = 'active'";
        let started = Instant::now();
        while self.sql(sql) != [["0"]] {
            assert!(started.elapsed() < WAIT_LIMIT, "it does not end");
        }
    }
}

fn keys(byte: u8) -> Keys {
    let key = SecretBox::new(Box::new([byte; KEY]));
    Keys::Given(VaultKey::new(&key).expect("a key"))
}

fn assert_done(ran: &Finished, text: &str) {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let out = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(out.contains(text), "{ran:?}");
}

const NOTHING: [&str; 4] = ["0", "f", "0", "\\N"];

fn sent<const N: usize>(outcome: &str, numbers: [u32; N]) -> (String, Vec<u32>) {
    (outcome.to_owned(), numbers.to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_moves_into_a_cluster_and_out_of_it() {
    let Some(world) = World::new().await else {
        return;
    };
    assert_eq!(world.sync("state"), sent("ok", [0]));
    assert_eq!(world.sync("state"), sent("ok", [1]));
    let counted = world.counted("state");
    assert_done(
        &world.put("state").end(),
        "the vault and the sign-in of own now",
    );
    let in_cluster = ["1", "t", "1", &counted.to_string()];
    assert_eq!(world.rows(), [in_cluster]);
    assert_eq!(world.token().await, Some(refresh_token(2)));
    assert_eq!(
        world.sync("state"),
        sent("parked", []),
        "what was left behind sends nothing"
    );

    let copy = world.path("copy");
    let copying = ["cluster", "fetch", "own", "--to", &copy];
    let copied = world.start("cluster", "nothing", &copying).end();
    assert_done(&copied, "The sign-in stays in the cluster");
    assert_eq!(
        world.sync("copy"),
        sent("parked", []),
        "neither does a copy"
    );
    assert_eq!(world.rows(), [in_cluster]);

    let moving = [&copying[..4], &["moved", "--move"]].concat();
    let refused = world.start("cluster", "nothing", &moving).end();
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.err.contains("the configuration has own"));
    let generation = world.sql("SELECT generation FROM tokens");
    assert_done(
        &world.move_out("moved").end(),
        "The sign-in is in the vault.",
    );
    assert_eq!(world.rows(), [NOTHING]);
    assert_eq!(world.counted("moved"), counted);
    assert_ne!(world.sql("SELECT generation FROM tokens"), generation);
    assert_eq!(world.sync("moved"), sent("ok", [2]));

    // And in again, where it was before.
    assert_done(&world.put("moved").end(), "sign-in of own now");
    assert_eq!(world.token().await, Some(refresh_token(3)));
    assert!(world.vendor.is_alive());
}

/// How a transaction ends that moves a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Committed,
    RolledBack,
}

/// What the program is when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Killed,
    /// Its connection was cut.
    Cut,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_interrupted_leaves_no_token_on_both_sides() {
    use End::{Committed, RolledBack};
    use Program::{Cut, Killed};
    // Whether the sign-in is in the cluster then, and whether it is on the machine.
    for (direction, program, end, in_cluster, on_machine) in [
        ("in", Killed, Committed, true, false),
        ("in", Killed, RolledBack, false, false),
        ("in", Cut, Committed, true, false),
        ("in", Cut, RolledBack, false, true),
        ("out", Killed, Committed, false, false),
        ("out", Killed, RolledBack, true, false),
        ("out", Cut, Committed, false, true),
        ("out", Cut, RolledBack, true, false),
    ] {
        let what = format!("{direction}, {program:?}, {end:?}");
        let Some(world) = World::new().await else {
            return;
        };
        assert_eq!(world.sync("state"), sent("ok", [0]));
        if direction == "out" {
            assert_done(&world.put("state").end(), "sign-in of own now");
        }
        let lock = world.hold_commits().await;
        let (mut running, folder) = match direction {
            "in" => (world.put("state"), "state"),
            _ => (world.move_out("moved"), "moved"),
        };
        world.until_waiting();
        match program {
            Killed => running.kill(),
            Cut => world.proxy.cut(),
        }
        if end == RolledBack {
            world.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'advisory'",
            );
        }
        let unlocked = lock.batch("SELECT pg_advisory_unlock(7)").await;
        unlocked.expect("unlocked");
        if program == Cut {
            let ran = running.end();
            assert_eq!(ran.code == Some(0), end == Committed, "{what}: {ran:?}");
        }
        world.until_ended();
        let expected = in_cluster.then(|| refresh_token(1));
        assert_eq!(world.token().await, expected, "{what}");
        let expected = match on_machine {
            true => sent("ok", [1]),
            false => sent("parked", []),
        };
        assert_eq!(world.sync(folder), expected, "{what}");
        if (direction, program, end) == ("in", Killed, RolledBack) {
            // Repeated: the configured token, which is used up, is not sent by the cluster either.
            world
                .database
                .execute("DROP TRIGGER wait ON rollbook_cluster.tokens");
            assert_done(&world.put(folder).end(), "the mirror and the vault of own");
            assert_eq!(world.token().await, Some(String::new()), "{what}");
            assert_done(&world.move_out("moved").end(), "There was no sign-in.");
            assert_eq!(world.sync("moved"), sent("parked", []), "{what}");
        }
        assert!(world.vendor.is_alive(), "{what}");
    }
}

/// Whether a token was used up is not known while the end of its request is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_may_be_used_up_does_not_move_out() {
    for has_tokens in [true, false] {
        let Some(world) = World::new().await else {
            return;
        };
        assert_eq!(world.sync("state"), sent("ok", [0]));
        assert_done(&world.put("state").end(), "sign-in of own now");
        world.intend();
        if !has_tokens {
            world.forget_tokens();
        }
        let refused = world.move_out("moved").end();
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.err.contains("may still be stored"), "{refused:?}");
        world.sql("UPDATE tokens SET intent_at = now() - interval '91 s'");
        assert_done(
            &world.move_out("moved").end(),
            "its token may be used up: sign in there again",
        );
        assert_eq!(world.rows(), [NOTHING]);
        assert_eq!(world.sync("moved"), sent("parked", []));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_a_cluster_is_changed_while_no_worker_runs() {
    for has_intent in [false, true] {
        let Some(world) = World::new().await else {
            return;
        };
        assert_eq!(world.sync("state"), sent("ok", [0]));
        assert_done(&world.put("state").end(), "sign-in of own now");
        if has_intent {
            world.intend();
        }
        let new = world.path("new_key");
        world.installation.secret_at("new_key", &"5c".repeat(32));
        let rekey = |more: &[&str]| {
            let arguments = [&["vault", "rekey"], more].concat();
            world.start("cluster", "state-of-admin", &arguments).end()
        };
        world.sql("INSERT INTO workers VALUES ('a-1', 'host-a', '', '', now(), now() + interval '1 day', 0, 0, 0)");
        let refused = rekey(&["--new-key", &new]);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(
            refused.err.contains("there are some on host-a"),
            "{refused:?}"
        );
        world.sql("DELETE FROM workers");
        let refused = rekey(&["--plain"]);
        assert_eq!(refused.code, Some(2), "{refused:?}");

        assert_done(
            &rekey(&["--new-key", &new]),
            "1 source is encrypted with key",
        );
        assert_done(&rekey(&["--new-key", &new]), "is already encrypted");
        world.token_with(0x4b).await.expect_err("the old key");
        let token = world.token_with(0x5c).await;
        assert_eq!(token, Ok(Some(refresh_token(1))));
        // What is sealed with a key that is not named stays as it is.
        world.installation.secret_at("third_key", &"6d".repeat(32));
        let refused = rekey(&["--new-key", &world.path("third_key")]);
        assert_ne!(refused.code, Some(0), "{refused:?}");
        assert!(refused.err.contains("sealed with key"), "{refused:?}");
        assert!(!world.installation.path("state-of-admin/rekey").exists());

        for config in ["alone", "cluster", "without"] {
            let key = format!("{config}/vault_key");
            world.installation.secret_at(&key, &"5c".repeat(32));
        }
        if has_intent {
            world.sql("UPDATE tokens SET intent_at = now() - interval '91 s'");
            world.forget_tokens();
        }
        let moved = world.move_out("moved").end();
        assert_eq!(moved.code, Some(0), "{moved:?}");
        let expected = match has_intent {
            true => sent("parked", []),
            false => sent("ok", [1]),
        };
        assert_eq!(world.sync("moved"), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_move_is_refused_and_what_is_forgotten_is_gone() {
    let Some(world) = World::new().await else {
        return;
    };
    let refused = |ran: Finished, text: &str| {
        assert_eq!(ran.code, Some(2), "{ran:?}");
        let err = ran.err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(err.contains(text), "{text}: {ran:?}");
    };
    let forget = |config: &str, more: &[&str]| {
        let arguments = [&["cluster", "forget", "own"], more].concat();
        world.start(config, "nothing", &arguments).end()
    };
    refused(world.move_out("moved").end(), "knows no source own");
    refused(forget("without", &["--yes"]), "knows no source own");
    assert_eq!(world.sync("state"), sent("ok", [0]));
    assert_done(&world.put("state").end(), "sign-in of own now");
    refused(world.put("state").end(), "holds a state of own already");
    refused(world.move_out("state").end(), "is there already");
    refused(forget("cluster", &["--yes"]), "the configuration has own");
    refused(forget("without", &[]), "without a terminal, `--yes`");
    world.sql(
        "INSERT INTO workers VALUES ('a-1', '', '', '', now(), now() + interval '1 day', 0, 0, 0); UPDATE leases SET start = 'a-1'",
    );
    for ran in [
        world.put("state").end(),
        world.move_out("moved").end(),
        forget("without", &["--yes"]),
    ] {
        refused(ran, "a worker has own");
    }
    world.sql("DELETE FROM workers");
    assert_done(&forget("without", &["--yes"]), "Removed");
    assert_eq!(world.rows(), [NOTHING]);
    refused(world.move_out("moved").end(), "holds nothing of own");
}
