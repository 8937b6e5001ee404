//! All shipped connectors and jobs with their simulated vendors: every type, time series, labels of codes.

use std::fs;
use std::path::Path;

use rollbook_sandbox::{Options, Sandbox};
use tokio::task::block_in_place;
use toml::{Table, Value};

use super::same::differences;
use super::school::publish;
use crate::database::{Database, Server};
use crate::installation::Installation;
use crate::queries;

const DAYS: usize = 3;

/// A time series has no old versions.
const LEFT_OUT: &[&str] = &["points_history"];

const SOURCES: [&str; 3] = ["wisenet", "wapi", "webuntis"];

/// The shipped sources and jobs, at the simulated vendors.
fn installation(sandbox: &Sandbox) -> Installation {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR"));
    let installation = Installation::empty();
    let text = fs::read_to_string(shipped.join("config/rollbook.toml")).expect("read");
    let mut rollbook: Table = text.parse().expect("TOML");
    for name in SOURCES {
        let endpoint = sandbox.endpoint(name).expect("served");
        let source = rollbook["sources"][name].as_table_mut().expect("a source");
        let settings = source["settings"].as_table_mut().expect("settings");
        settings.extend(
            endpoint
                .settings
                .iter()
                .map(|(name, value)| (name.clone(), Value::from(value.as_str()))),
        );
        let limits = "in_flight = 4\nper_second = 1000.0".parse::<Table>();
        source.insert("limits".to_owned(), limits.expect("TOML").into());
        for (name, secret) in &endpoint.secrets {
            installation.secret_at(&format!("config/credentials/{name}"), secret);
        }
    }
    installation.write("config/rollbook.toml", &rollbook.to_string());
    for entry in fs::read_dir(shipped.join("jobs")).expect("jobs").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let text = fs::read_to_string(entry.path()).expect("read");
        installation.write(&format!("jobs/{name}"), &text);
    }
    installation
}

/// Both have the same views with labels, and the same labels in them.
fn assert_same_labels(installation: &Installation, database: &Database) {
    let labels = "SELECT m.name || '.' || c.name FROM sqlite_schema AS m, pragma_table_xinfo(m.name) AS c \
                  WHERE m.type = 'view' AND m.name LIKE '%\\_labelled' ESCAPE '\\' AND c.name LIKE '%\\_label' ESCAPE '\\'";
    let labels: Vec<String> = queries::list(&installation.mirror(), labels);
    assert!(labels.len() > 3, "{labels:?}");
    for label in labels {
        let (view, column) = label.split_once('.').expect("a column");
        let sorted =
            |place: &str| format!("SELECT coalesce({column}, '-') FROM {place}{view} ORDER BY 1");
        let mut expected: Vec<String> = queries::list(&installation.mirror(), &sorted(""));
        let mut found = database.query(&sorted("rollbook.")).concat();
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "{label}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_shipped_streams_are_published_day_after_day() {
    let Some(server) = Server::get() else { return };
    let database = server.database();
    let options = Options {
        students: 24,
        ..Options::default()
    };
    let sandbox = Sandbox::start(options).await.expect("a sandbox");
    let installation = installation(&sandbox);
    publish(&installation, &database.url, "");
    for day in 0..DAYS {
        block_in_place(|| {
            let ran = installation.run(&["sync", "--json"]);
            assert_eq!(ran.code, Some(0), "{ran:?}");
            for source in SOURCES {
                let found = differences(
                    &installation.mirror(),
                    &database,
                    (source, source),
                    LEFT_OUT,
                );
                let status = installation.run(&["publish", "status", "--json"]).out;
                assert!(
                    found.is_empty(),
                    "day {day}: {}\n{status}",
                    found.join("\n")
                );
            }
        });
        sandbox.advance().expect("a day");
    }
    block_in_place(|| {
        let verified = installation.run(&["publish", "verify", "district"]);
        assert_eq!(verified.code, Some(0), "{verified:?}");
        assert_same_labels(&installation, &database);
        let meanings = "SELECT count(*) > 100 FROM pg_description WHERE objsubid > 0 AND objoid::regclass::text LIKE 'rollbook.%'";
        assert_eq!(database.query(meanings), [["t"]]);
        let types = "SELECT string_agg(DISTINCT data_type, ', ' ORDER BY data_type) FROM information_schema.columns \
                     WHERE table_schema = 'rollbook' AND table_name ~ '^w'";
        let expected =
            "bigint, boolean, date, double precision, jsonb, text, timestamp with time zone";
        assert_eq!(database.query(types), [[expected]]);
    });
    sandbox.stop().await;
}
