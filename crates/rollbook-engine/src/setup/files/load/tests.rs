//! Whole configurations with mistakes, and the problems reported.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;

use self::mistakes::MISTAKES;
use super::*;
use crate::setup::files::{SecretRef, SettingValue};
use rollbook_core::document::RenderStyle;
use rollbook_core::model::guard::GuardRules;
use rollbook_core::model::{ApplyMode, GrantKind, ReadMode};

mod mistakes;

const ROLLBOOK: &str = r#"
[store]
path = "school.db"

[sources.webuntis]
connector = "webuntis"
settings = { tenant = "4711", port = 443, fast = true, list = ["a"] }
limits = { in_flight = 1, per_second = 0.5 }
ca_file = "ca.pem"
proxy = "http://proxy.school.example:3128"

[sources.webuntis.auth]
grant = "client_credentials"
client_id = "rollbook"
client_secret = { credential = "webuntis_password" }
"#;

const JOB: &str = r#"
source = "webuntis"
streams = ["orgs", "users"]
schedule = "*/20 6-18 * * Mon-Fri"
time_zone = "Europe/Vienna"
apply = "together"
catch_up = true
timeout = "10m"

[stream.users]
drop = ["phone"]
history = "off"
mode = "incremental"

[guard]
removals = "5%"
per = "school_id"
confirm = 2
"#;

const SMALL_JOB: &str = "source = 'webuntis'\nstreams = ['orgs']\nschedule = '0 3 * * *'\n";

/// Reads a configuration folder with these jobs: the files and what is noted, or the problems, without the folder's name.
fn load(rollbook: &str, jobs: &[(&str, &str)]) -> Result<(Files, String), String> {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    fs::create_dir(root.join("jobs")).expect("made");
    fs::write(root.join("ca.pem"), "").expect("written");
    fs::write(root.join("rollbook.toml"), rollbook).expect("written");
    for (name, text) in jobs {
        fs::write(root.join("jobs").join(name), text).expect("written");
    }
    let prefix = format!("{}/", root.display());
    let (files, problems) = Files::read(root, &root.join("jobs"), &DraftFiles::default());
    let shown = problems.render(RenderStyle::Plain).replace(&prefix, "");
    match problems.has_errors() {
        true => Err(shown),
        false => Ok((files, shown)),
    }
}

#[test]
fn everything_that_is_written_is_read() {
    let (files, notes) = load(
        ROLLBOOK,
        &[("rosters.toml", JOB), ("small.toml", SMALL_JOB)],
    )
    .expect("right");
    assert_eq!(notes, "");
    let config = files.config().expect("whole");
    assert_eq!(config.store.path, Path::new("school.db"));
    let source = &config.sources["webuntis"];
    assert_eq!(source.settings["tenant"], SettingValue::Text("4711".into()));
    assert_eq!(source.settings["port"], SettingValue::Integer(443));
    assert_eq!(source.settings["fast"], SettingValue::Boolean(true));
    assert_eq!(
        source.settings["list"],
        SettingValue::List(vec!["a".into()])
    );
    assert_eq!(source.limits.in_flight.map(|number| number.get()), Some(1));
    assert_eq!(source.limits.per_second, Some(0.5));
    assert!(
        source
            .ca_file
            .as_ref()
            .is_some_and(|path| path.is_absolute() && path.ends_with("ca.pem"))
    );
    assert_eq!(
        source.proxy.as_ref().map(Proxy::as_str),
        Some("http://proxy.school.example:3128")
    );
    let auth = source.auth.as_ref().expect("there");
    assert_eq!(auth.grant, GrantKind::ClientCredentials);
    assert_eq!(
        auth.client_secret,
        Some(SecretRef::Credential(
            "webuntis_password".parse().expect("a name")
        ))
    );

    let job = &config.jobs["rosters"];
    assert_eq!(job.source.as_str(), "webuntis");
    assert_eq!(
        job.streams
            .iter()
            .map(|name| name.as_str())
            .collect::<Vec<_>>(),
        ["orgs", "users"]
    );
    assert_eq!(job.schedule.as_str(), "*/20 6-18 * * Mon-Fri");
    assert_eq!(job.time_zone.zone().iana_name(), Some("Europe/Vienna"));
    assert_eq!((job.apply, job.catch_up), (ApplyMode::Together, true));
    assert_eq!(job.timeout.0, Duration::from_secs(600));
    let users = &job.stream["users"];
    assert_eq!(
        users
            .drop
            .iter()
            .map(|name| name.as_str())
            .collect::<Vec<_>>(),
        ["phone"]
    );
    assert_eq!(
        (users.history, users.mode),
        (Some(History::Off), Some(ReadMode::Incremental))
    );
    assert_eq!(job.guard.removals, Percent::whole(5));
    assert_eq!(job.guard.removals_max, 500);
    assert_eq!(
        job.guard.per.as_ref().map(|name| name.as_str()),
        Some("school_id")
    );
    assert_eq!(job.guard.confirm.map(|number| number.get()), Some(2));

    let small = &config.jobs["small"];
    assert_eq!(small.time_zone, Zone::default());
    assert_eq!((small.apply, small.catch_up), (ApplyMode::Each, false));
    assert_eq!(small.timeout.0, Duration::from_secs(1800));
    assert_eq!(small.guard, GuardRules::default());
    assert!(small.stream.is_empty());
}

#[test]
fn the_shipped_configuration_is_right() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let (files, problems) = Files::read(
        &root.join("config"),
        &root.join("jobs"),
        &DraftFiles::default(),
    );
    assert!(!files.config().expect("right").jobs.is_empty());
    let notes: Vec<&str> = problems.iter().map(|note| &*note.message).collect();
    assert!(
        matches!(notes[..], [note] if note.starts_with("the grant `password` is legacy")),
        "{notes:?}"
    );
}

#[test]
fn a_later_check_can_point_at_what_it_is_about() {
    let (files, _) = load(ROLLBOOK, &[("rosters.toml", JOB)]).expect("right");
    let rows: [(&[&str], &str); 3] = [
        (&["auth", "grant"], ":13:9: odd"),
        (&["settings", "tenant"], ":7:23: odd"),
        (&["nothing"], ":5:10: odd"),
    ];
    for (path, expected) in rows {
        let found = Problem::error(files.source_location("webuntis", path), "odd").to_string();
        assert!(found.ends_with(expected), "{found} is not {expected}");
    }
}

#[test]
fn files_that_are_passed_over_are_noted() {
    let (_, notes) = load(ROLLBOOK, &[("rosters.tml", JOB)]).expect("right");
    for message in ["this file is skipped", "there is no job in this folder"] {
        assert!(notes.contains(message), "{notes}");
    }
    let found = load(
        ROLLBOOK,
        &[
            ("small.toml", SMALL_JOB),
            ("small.toml.bak", JOB),
            (".small.toml.swp", JOB),
        ],
    );
    assert_eq!(found.expect("right").1, "");
}

#[test]
fn missing_files_and_folders_are_reported() {
    let (files, problems) = Files::read(
        Path::new("/nowhere"),
        Path::new("/nowhere/jobs"),
        &DraftFiles::default(),
    );
    assert!(files.config().is_none() && files.hides_sources && files.hides_jobs);
    let found: Vec<String> = problems.iter().map(Problem::to_string).collect();
    assert_eq!(
        found,
        [
            "/nowhere/rollbook.toml: cannot read this file: it does not exist",
            "/nowhere/jobs: cannot read this folder: it does not exist",
        ]
    );
}

#[test]
fn a_secret_in_clear_is_refused_and_never_repeated() {
    let source = "[sources.webuntis]\nconnector = \"webuntis\"\n";
    let grant = "grant = \"client_credentials\"\nclient_id = \"rollbook\"\n";
    let rows = [
        format!("{source}[sources.webuntis.auth]\n{grant}client_secret = \"hunter2\""),
        format!("{source}[sources.webuntis.auth]\n{grant}client_secret = 'hunter2"),
        format!("{source}[sources.webuntis.auth]\n{grant}client_secret = hunter2"),
        format!("{source}[sources.webuntis.auth]\n{grant}client_secret = [\"hunter2\"]"),
        format!("{source}[sources.webuntis.auth]\n{grant}clientSecret = \"hunter2\""),
        format!("{source}[sources.webuntis.auth]\n{grant}totally_else = \"hunter2\""),
        format!(
            "{source}[sources.webuntis.auth]\n{grant}client_secret = {{ value = \"hunter2\" }}"
        ),
        format!("{source}[sources.webuntis.auth]\n{grant}client_secret = {{ env = \"hunter2\" }}"),
        format!(
            "{source}[sources.webuntis.auth]\n{grant}client_secret = {{ credential = \"hunter2!\" }}"
        ),
        format!(
            "{source}[sources.webuntis.auth]\n{grant}client_secret = {{ credential = [\"hunter2\"] }}"
        ),
        format!(
            "{source}[sources.webuntis.auth]\n{grant}client_secret = {{ file = \"a\", env = \"hunter2\" }}"
        ),
        format!(
            "{source}[sources.webuntis.auth]\n{grant}client_secret = \"\"\"\nhunter2\n\"\"\"\nx = 1"
        ),
        format!("{source}auth = {{ grant = \"x\", client_id = 5, secret_client = \"hunter2\" }}"),
        format!("{source}client_secret = \"hunter2\""),
        format!("{source}proxy = \"http://me:hunter2@proxy:80\""),
        format!("{source}proxy_password = \"hunter2\""),
        format!("client_secret = \"hunter2\"\n{source}"),
    ];
    for rollbook in rows {
        let shown = load(&rollbook, &[("small.toml", SMALL_JOB)]).expect_err("refused");
        assert!(!shown.contains("hunter2"), "{rollbook}\n{shown}");
    }
}

#[test]
fn every_rule_of_the_files_has_its_check() {
    fn patterns(schema: &Value, found: &mut BTreeSet<String>) {
        match schema {
            Value::Object(members) => {
                found.extend(
                    members
                        .get("pattern")
                        .and_then(Value::as_str)
                        .map(str::to_owned),
                );
                let names = members.get("patternProperties").and_then(Value::as_object);
                found.extend(names.into_iter().flat_map(|names| names.keys().cloned()));
                members.values().for_each(|schema| patterns(schema, found));
            }
            Value::Array(schemas) => schemas.iter().for_each(|schema| patterns(schema, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    patterns(&rollbook_schema(), &mut found);
    patterns(&job_schema(), &mut found);
    let checked: BTreeSet<String> = CHECKS
        .iter()
        .map(|check| check.pattern.to_owned())
        .collect();
    assert_eq!(found, checked);
    assert_eq!(checked.len(), CHECKS.len());
}

#[test]
fn the_right_key_is_suggested_for_every_mistyped_one() {
    let schema = job_schema();
    let keys = schema["properties"].as_object().expect("keys");
    for key in keys.keys() {
        let middle = key.len() / 2;
        let rows = [
            key.to_uppercase(),
            format!("{}{}", &key[..middle], &key[middle + 1..]),
            format!("{}x{}", &key[..middle], &key[middle..]),
            key.replace('_', "-") + "x",
        ];
        for typed in rows {
            let shown =
                load(ROLLBOOK, &[("job.toml", &format!("{typed} = 1"))]).expect_err("refused");
            // `streams` and `stream` are one letter apart, so that one may mean the other.
            let meant = format!("did you mean `{}", key.trim_end_matches('s'));
            assert!(shown.contains(&meant), "{typed}\n{shown}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_file_that_was_saved_half_way_never_panics(cut in 0..JOB.len(), noise in "[ -~\n]{0,8}") {
        let text = format!("{}{noise}", &JOB[..cut]);
        if let Err(shown) = load(ROLLBOOK, &[("job.toml", &text)]) {
            prop_assert!(shown.starts_with("error: "));
        }
    }
}

#[test]
fn all_mistakes_of_all_files_are_shown_at_once() {
    for (rollbook, jobs, expected) in MISTAKES {
        let shown = load(rollbook, jobs).expect_err("refused");
        assert_eq!(shown.trim(), expected.trim());
    }
}

#[test]
fn the_password_grant_is_noted_once() {
    let source = |name: &str| {
        format!(
            "[sources.{name}]\nconnector = \"webuntis\"\n[sources.{name}.auth]\ngrant = \"password\"\n\
             username = \"me\"\npassword = {{ file = \"x\" }}\n"
        )
    };
    let rollbook = [source("webuntis"), source("north"), source("south")].concat();
    let (_, notes) = load(&rollbook, &[("small.toml", SMALL_JOB)]).expect("right");
    assert_eq!(notes.matches("note: ").count(), 1, "{notes}");
    let users = "these sources use it: `webuntis`, `north`, `south`\n --> rollbook.toml:4:9";
    assert!(notes.contains(users), "{notes}");
}

#[test]
fn a_character_that_cannot_be_seen_is_named() {
    for (from, to, expected) in [
        (
            "connector = \"webuntis\"",
            "connector = “webuntis”",
            "this is not TOML: there is U+201C, a typographic quote",
        ),
        (
            "connector = \"webuntis\"",
            "connector =\u{a0}\"webuntis\"",
            "this is not TOML: there is U+00A0, a no-break space",
        ),
        (
            "connector = \"webuntis\"",
            "\u{feff}connector = \"webuntis\"",
            "this is not TOML: there is U+FEFF, a byte order mark, which is invisible",
        ),
        (
            "\"webuntis\"",
            "\"webuntis\u{200b}\"",
            "there is U+200B, a zero-width character, which is invisible",
        ),
    ] {
        let rollbook = ROLLBOOK.replacen(from, to, 1);
        let shown = load(&rollbook, &[("small.toml", SMALL_JOB)]).expect_err("refused");
        assert_eq!(shown.matches("error: ").count(), 1, "{shown}");
        assert!(shown.contains(expected), "{shown}");
    }
}
