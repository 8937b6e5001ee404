//! The connectors in `docs/connectors/`: each loads as it is, and reads answers that its sources describe into a mirror.
//!
//! `example_connectors/NAME.json` has the answers, written by hand from the documents that it names, with invented people.
//! `{"$rows": {"from", "to", "row"}}` is a list of rows in which `$n` counts, `$members` an object of them by name.
//! A request that is not among them gets 404 and fails the test, and so does one without the header that signs it in.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::types::Value as Cell;
use serde::Deserialize;
use serde_json::Value;

use crate::installation::{Finished, Installation};
use crate::queries;
use crate::replay::Replay;
use crate::wire::{HttpResponse, Request};

/// What a vendor answers, and what comes of it. `ORIGIN` in a text is the vendor's address.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recording {
    /// The documents that the answers are written from.
    source: Vec<String>,
    /// Texts and lists of texts, which JSON and TOML write alike.
    #[serde(default)]
    settings: BTreeMap<String, Value>,
    /// Lines of `[sources.school.auth]`; the credentials are `key` and `secret`, the private key `pem`.
    auth: Vec<String>,
    /// What signs a request in: a header in small letters, or a parameter, and its value.
    signed: BTreeMap<String, String>,
    answers: Vec<Answer>,
    /// Rows by stream.
    rows: BTreeMap<String, u64>,
    /// Queries of one value, `school_STREAM` being the tables, and the value.
    cells: Vec<(String, Value)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    path: String,
    /// Parameters that the request has; the answer with most of them counts.
    #[serde(default)]
    query: BTreeMap<String, String>,
    /// Fields of a posted form.
    #[serde(default)]
    form: BTreeMap<String, String>,
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Value,
}

fn ok() -> u16 {
    200
}

impl Answer {
    fn fits(&self, request: &Request) -> bool {
        let has = |(name, value): (&String, &String)| request.query.get(name) == Some(value);
        let form = crate::wire::query(&request.body);
        self.path == request.path
            && self.query.iter().all(has)
            && self
                .form
                .iter()
                .all(|(name, value)| form.get(name) == Some(value))
            && (request.method == "POST") != self.form.is_empty()
    }

    fn response(&self, origin: &str) -> HttpResponse {
        let mut response = HttpResponse::new(
            self.status,
            expanded(&self.body).to_string().replace("ORIGIN", origin),
        );
        let headers = self.headers.iter();
        response.headers = headers
            .map(|(name, value)| (name.clone(), value.replace("ORIGIN", origin)))
            .collect();
        response
    }
}

/// A body with its rows written out.
fn expanded(body: &Value) -> Value {
    let counted = |range: &Value, text: &str, number: &str| {
        let row = range[text]
            .to_string()
            .replace("\"$n\"", number)
            .replace("$n", number);
        serde_json::from_str::<Value>(&row).expect("a row")
    };
    let numbers = |range: &Value| {
        let number = |name: &str| range[name].as_u64().expect("a number");
        (number("from")..=number("to")).map(|number| number.to_string())
    };
    match body {
        Value::Object(members) => match (members.get("$rows"), members.get("$members")) {
            (Some(range), _) => numbers(range)
                .map(|number| counted(range, "row", &number))
                .collect(),
            (None, Some(range)) => {
                let name = |number: &str| {
                    range["name"]
                        .as_str()
                        .expect("a name")
                        .replace("$n", number)
                };
                let member = |number: String| (name(&number), counted(range, "row", &number));
                Value::Object(numbers(range).map(member).collect())
            }
            (None, None) => Value::Object(
                members
                    .iter()
                    .map(|(name, member)| (name.clone(), expanded(member)))
                    .collect(),
            ),
        },
        Value::Array(elements) => elements.iter().map(expanded).collect(),
        other => other.clone(),
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/connectors")
}

fn recording(name: &str) -> Recording {
    let file = format!("tests/it/example_connectors/{name}.json");
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("a recording");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// An installation with the connector as it is, a source and a job for all of its streams.
fn installation(name: &str, recording: &Recording, vendor: &Replay) -> Installation {
    let installation = Installation::empty();
    let connector = fs::read_to_string(folder().join(format!("{name}.toml"))).expect("a connector");
    installation.write(&format!("config/connectors/{name}.toml"), &connector);
    let filled = |text: &str| text.replace("ORIGIN", vendor.origin());
    let settings = recording
        .settings
        .iter()
        .map(|(name, value)| format!("{name} = {}\n", filled(&value.to_string())));
    let auth = recording.auth.iter().map(|line| filled(line) + "\n");
    let text = format!(
        "[sources.school]\nconnector = {name:?}\n[sources.school.settings]\n{}[sources.school.auth]\n{}[sources.school.limits]\nper_second = 1000\n",
        settings.collect::<String>(),
        auth.collect::<String>(),
    );
    installation.write("config/rollbook.toml", &text);
    for (credential, value) in [("key", "the-key"), ("secret", "the-secret")] {
        installation.secret(&format!("credentials/{credential}"), value);
    }
    if recording.auth.iter().any(|line| line.contains("\"pem\"")) {
        installation.secret("credentials/pem", &private_key());
    }
    // In the order of the file: a stream is behind those whose rows it is read for.
    let names = connector
        .lines()
        .filter_map(|line| line.strip_prefix("[streams.")?.strip_suffix(']'));
    let streams: Vec<&str> = names.filter(|name| !name.contains('.')).collect();
    assert_eq!(
        streams.iter().copied().collect::<BTreeSet<_>>(),
        recording.rows.keys().map(String::as_str).collect()
    );
    let job = format!("source = \"school\"\nstreams = {streams:?}\nschedule = \"0 3 1 1 *\"\n");
    installation.write("jobs/roster.toml", &job);
    installation
}

/// A new RSA key in PEM (RFC 7468), as a service account has one.
fn private_key() -> String {
    let key = KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let der: Pkcs8V1Der<'_> = key.as_der().expect("PKCS #8");
    let text = STANDARD.encode(der.as_ref());
    let lines = text
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned() + "\n");
    format!(
        "-----BEGIN PRIVATE KEY-----\n{}-----END PRIVATE KEY-----\n",
        lines.collect::<String>()
    )
}

/// The streams of the only job's run, each with an outcome and numbers.
fn streams(ran: &Finished) -> Vec<Value> {
    ran.report()["streams"].as_array().expect("streams").clone()
}

/// Reads everything twice: the first time all rows are new, the second time none has changed.
fn check(name: &str) {
    let recording = Arc::new(recording(name));
    assert!(!recording.source.is_empty(), "{name} names its sources");
    let unknown = Arc::new(Mutex::new(Vec::new()));
    let (answers, missed) = (Arc::clone(&recording), Arc::clone(&unknown));
    let vendor = Replay::start(move |request, origin| {
        let all = answers.answers.iter().filter(|answer| answer.fits(request));
        let Some(best) = all.max_by_key(|answer| answer.query.len()) else {
            let line = format!("{} {} {:?}", request.method, request.path, request.query);
            missed.lock().expect("a list").push(line);
            return HttpResponse::new(404, "{}");
        };
        let sent = |name: &String| request.headers.get(name).or(request.query.get(name));
        let mut signs = answers.signed.iter();
        match request.method == "POST" || signs.all(|(name, value)| sent(name) == Some(value)) {
            true => best.response(origin),
            false => HttpResponse::new(401, "{}"),
        }
    });
    let installation = installation(name, &recording, &vendor);
    let checked = installation.run(&["check"]);
    assert_eq!(
        (checked.code, checked.err.as_str()),
        (Some(0), ""),
        "{name}: {checked:?}"
    );
    let first = installation.run(&["sync", "--json"]);
    let missed = unknown.lock().expect("a list").clone();
    assert!(
        missed.is_empty(),
        "{name}: no answer for\n{}\n{first:?}",
        missed.join("\n")
    );
    assert_eq!(first.code, Some(0), "{name}: {first:?}");
    for stream in streams(&first) {
        assert_eq!(stream["outcome"], "ok", "{name}: {stream}");
        assert_eq!(
            stream["unlisted"].as_array().map_or(0, Vec::len),
            0,
            "{name}: {stream}"
        );
    }
    for (stream, rows) in &recording.rows {
        let table = format!("school_{stream}");
        assert_eq!(
            queries::count(&installation.mirror(), &table),
            *rows,
            "{name}.{stream}"
        );
    }
    for (sql, value) in &recording.cells {
        let found = queries::list::<Cell>(&installation.mirror(), sql);
        let found: Vec<String> = found.iter().map(cell).collect();
        assert_eq!(found, texts(value), "{name}: {sql}");
    }
    let second = installation.run(&["sync", "--json"]);
    assert_eq!(second.code, Some(0), "{name}: {second:?}");
    for stream in streams(&second) {
        for number in ["new", "changed", "removed"] {
            assert_eq!(
                stream[number].as_u64().unwrap_or_default(),
                0,
                "{name}: {stream}"
            );
        }
    }
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Integer(number) => number.to_string(),
        Cell::Text(text) => text.clone(),
        other => format!("{other:?}"),
    }
}

/// A value, or a list of values, as texts.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

macro_rules! connectors {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name));
        })*

        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

connectors! {
    axcelerate
    blackbaud_sky
    canvas
    clever
    ed_fi
    frappe_education
    google_classroom
    microsoft_graph_education
    moodle
    nextcloud
    odata
    rosariosis
}

#[test]
fn every_connector_is_read_in_a_test_and_states_what_it_assumes() {
    let files = fs::read_dir(folder())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    let files: BTreeMap<String, String> = files
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .map(|path| {
            (
                path.file_stem()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned(),
                fs::read_to_string(&path).expect("a file"),
            )
        })
        .collect();
    let names: BTreeSet<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(names, NAMES.iter().copied().collect());
    assert!(files.len() >= 12);
    for (name, text) in files {
        let head: String = text
            .lines()
            .take_while(|line| line.starts_with('#'))
            .collect::<Vec<_>>()
            .join("\n");
        assert!(head.contains("# Source"), "{name} names its sources first");
        assert!(
            head.contains("# ASSUMPTION: "),
            "{name} states what it assumes"
        );
    }
}
