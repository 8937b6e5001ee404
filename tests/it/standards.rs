//! OneRoster 1.1 and 1.2 in full at the simulated server: a value in every column, removals that are marked, and
//! nothing written where nothing changed (webuntis-oneroster.md 3.2, oneroster-1.2.md 3).

use rollbook_sandbox::{Options, Sandbox};
use tokio::task::block_in_place;

use crate::every_stream::streams_of;
use crate::installation::{Finished, Installation};
use crate::queries;

/// What the simulated server has in places that no column names.
const SECRET: &str = "never-to-be-mirrored";

struct Standard {
    connector: &'static str,
    streams: Vec<String>,
    sandbox: Sandbox,
    installation: Installation,
}

impl Standard {
    async fn new(connector: &'static str, grant: &str, quirks: &[&str]) -> Self {
        let mut options = Options {
            students: 60,
            ..Options::default()
        };
        for quirk in quirks {
            options.set_quirk(quirk).expect("a switch");
        }
        let sandbox = Sandbox::start(options).await.expect("a sandbox");
        let streams = streams_of(connector);
        let endpoint = sandbox.endpoint(connector).expect("served");
        let settings = endpoint
            .settings
            .iter()
            .filter(|(name, _)| grant != "oauth1" || *name != "token_url")
            .map(|(name, value)| format!("{name} = {value:?}\n"))
            .collect::<String>();
        let installation = Installation::empty();
        installation.write(
            "config/rollbook.toml",
            &format!(
                "[sources.own]\nconnector = {connector:?}\n[sources.own.settings]\n{settings}\
                 [sources.own.limits]\nin_flight = 4\nper_second = 1000.0\n\
                 [sources.own.auth]\ngrant = {grant:?}\nclient_id = \"rollbook\"\nclient_secret = {{ file = \"secret\" }}\n"
            ),
        );
        let secret = &endpoint.secrets[&format!("{connector}_client_secret")];
        installation.secret("secret", secret);
        installation.write(
            "jobs/roster.toml",
            &format!(
                "source = \"own\"\nstreams = {streams:?}\nschedule = \"0 0 1 1 *\"\n\
                 [guard]\nremovals = \"100%\"\nremovals_max = 100000\n"
            ),
        );
        Self {
            connector,
            streams,
            sandbox,
            installation,
        }
    }

    fn sync(&self) -> Finished {
        block_in_place(|| self.installation.sync())
    }

    fn columns(&self, stream: &str) -> Vec<String> {
        let sql = format!(
            "SELECT name FROM pragma_table_info('own_{stream}') WHERE name NOT LIKE '\\_%' ESCAPE '\\'"
        );
        queries::list(&self.installation.mirror(), &sql)
    }

    fn count(&self, sql: &str) -> i64 {
        queries::list::<i64>(&self.installation.mirror(), sql)[0]
    }

    /// Every column has a value in some row, and none has what must not be mirrored.
    fn assert_full(&self) {
        let mut empty = Vec::new();
        for stream in &self.streams {
            for column in self.columns(stream) {
                let of = |what: &str| format!("SELECT count({what}) FROM own_{stream}");
                if self.count(&of(&format!("\"{column}\""))) == 0 {
                    empty.push(format!("{stream}.{column}"));
                }
                let leaked = format!("{} WHERE \"{column}\" LIKE '%{SECRET}%'", of("*"));
                assert_eq!(self.count(&leaked), 0, "{stream}.{column}");
            }
        }
        assert!(
            empty.is_empty(),
            "{}: without a value: {empty:#?}",
            self.connector
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_column_has_a_value_and_a_second_run_writes_nothing() {
    for connector in ["oneroster", "oneroster_1_2"] {
        let standard = Standard::new(connector, "client_credentials", &[]).await;
        let first = standard.sync().assert_ok("the first time");
        let described = standard.sandbox.describe().vendors[connector].clone();
        assert_eq!(described.len(), standard.streams.len());
        for stream in &standard.streams {
            assert_eq!(
                first.number(stream, "new"),
                described[stream],
                "{connector} {stream}"
            );
        }
        standard.assert_full();
        let second = standard.sync().assert_ok("the second time");
        for stream in &standard.streams {
            let counts = ["new", "changed", "removed", "unconfirmed"]
                .map(|name| second.number(stream, name));
            assert_eq!(counts, [0; 4], "{connector} {stream}");
        }
        standard.sandbox.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removals_that_are_marked_arrive_at_once() {
    for connector in ["oneroster", "oneroster_1_2"] {
        let marked = &["webuntis.deletion=marked"];
        let standard = Standard::new(connector, "client_credentials", marked).await;
        standard.sync().assert_ok("the first time");
        standard.sandbox.advance().expect("a day");
        standard.sync().assert_ok("with churn");
        for stream in &standard.streams {
            for ended in ["changed", "removed"] {
                let sql =
                    format!("SELECT count(*) FROM own_{stream}_history WHERE _ended = '{ended}'");
                assert!(
                    standard.count(&sql) > 0,
                    "{connector} {stream}: none {ended}"
                );
            }
        }
        standard.assert_full();
        standard.sandbox.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_accepts_signatures_only_is_read_in_full() {
    // The second page of each list is refused once, after its nonce was noted.
    let faults = [
        "webuntis.page_fault=bad_gateway",
        "webuntis.default_limit=20",
    ];
    let standard = Standard::new("oneroster", "oauth1", &faults).await;
    let check = block_in_place(|| standard.installation.run(&["check"]));
    assert!(
        check.out.contains("OAuth 2.0 replaced OAuth 1.0a"),
        "{}",
        check.out
    );
    standard.sync().assert_ok("signed");
    standard.assert_full();
    let control = standard.sandbox.control("oneroster").expect("served");
    assert_eq!(
        (control.counters.token_requests(), control.counters.writes()),
        (0, 0)
    );
    standard.sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_wrong_is_reported() {
    let standard = Standard::new("oneroster", "oauth1", &["webuntis.clock_off=3600"]).await;
    let ran = standard.sync();
    assert_eq!(ran.code, Some(1));
    let (_, reported) = ran.outcome_and_message();
    assert!(
        reported.contains("this machine's clock is 6") || reported.contains("clock is 59 min"),
        "{reported}"
    );
    assert!(reported.contains("behind the server's"), "{reported}");
    standard.sandbox.stop().await;
}
