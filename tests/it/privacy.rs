//! A value that no column lists never reaches the disk, and a secret never reaches an output.
//!
//! Every member without a column has a canary value, also nested ones; a vendor repeats secrets of every kind
//! in its error bodies. All files and outputs are searched, in several encodings.

use std::fs;
use std::path::Path;
use std::thread;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::installation::{Config, Finished, Installation};
use crate::people::{roster, user};
use crate::queries;
use crate::server::{Fault, Paging, Server};

const CANARY: &str = "canary-5e1f-of-a-child";

/// The encodings of a text in a file: plain, hexadecimal, in an address, in JSON, in a log, in base64.
fn encodings(text: &str) -> Vec<String> {
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let in_an_address = |blank: &str| -> String {
        let sign = |byte: u8| match byte {
            b' ' => blank.to_owned(),
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        };
        text.bytes().map(sign).collect()
    };
    let json = serde_json::to_string(text).expect("a text");
    let json = json[1..json.len() - 1].to_owned();
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut encodings = vec![
        text.to_owned(),
        hex.to_uppercase(),
        hex,
        in_an_address("%20"),
        in_an_address("+"),
        in_an_address("%20").to_lowercase(),
        json.replace('/', "\\/"),
        json,
        format!("{:?}", text).trim_matches('"').to_owned(),
        String::from_utf8(wide).expect("ASCII"),
    ];
    // Base64 depends on the offset of the text in a group of three; its first and last letters may mix with others.
    for before in 0..3 {
        let padded = format!("{}{text}", "x".repeat(before));
        for code in [
            BASE64_STANDARD.encode(&padded),
            BASE64_URL_SAFE_NO_PAD.encode(&padded),
        ] {
            let inner = code.trim_end_matches('=');
            encodings.push(inner[4..inner.len() - 3].to_owned());
        }
    }
    encodings
}

/// Whether the bytes contain a text, in any encoding.
pub fn is_in(text: &str, bytes: &[u8]) -> bool {
    // Invalid UTF-8 becomes characters that no encoding has.
    let searched = String::from_utf8_lossy(bytes);
    encodings(text)
        .iter()
        .any(|spelling| searched.contains(spelling.as_str()))
}

#[test]
fn a_text_is_found_in_each_encoding() {
    let secret = "s3cr+t/of \"the\" cl\\ient=&%41";
    for encoded in [
        "s3cr+t/of \"the\" cl\\ient=&%41",
        "733363722b742f6f6620227468652220636c5c69656e743d26253431",
        "733363722B742F6F6620227468652220636C5C69656E743D26253431",
        "s3cr%2Bt%2Fof%20%22the%22%20cl%5Cient%3D%26%2541",
        "s3cr%2Bt%2Fof+%22the%22+cl%5Cient%3D%26%2541",
        "s3cr%2bt%2fof%20%22the%22%20cl%5cient%3d%26%2541",
        r#"s3cr+t/of \"the\" cl\\ient=&%41"#,
        r#"s3cr+t\/of \"the\" cl\\ient=&%41"#,
        "czNjcit0L29mICJ0aGUiIGNsXGllbnQ9JiU0MQ==",
        "Om93bjpzM2NyK3Qvb2YgInRoZSIgY2xcaWVudD0mJTQx",
    ] {
        let bytes = [b"\xff\x00 before ", encoded.as_bytes(), b" behind \xc3"].concat();
        assert!(is_in(secret, &bytes), "{encoded}");
    }
    assert!(!is_in(secret, b"s3cr+t/of the client"));
}

/// Every file below a folder.
pub fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), fs::read(&path).expect("read")));
        }
    }
    found
}

/// The program's files and outputs; read while the mirror is open, so that its log exists.
fn everything(installation: &Installation, ran: &Finished) -> Vec<(String, Vec<u8>)> {
    let mut all = files(&installation.path("state"));
    all.push(("standard output".into(), ran.out.clone().into_bytes()));
    all.push(("standard error".into(), ran.err.clone().into_bytes()));
    all
}

/// The same row with a canary value in every member that no column lists.
fn with_canaries(mut row: Value) -> Value {
    let secret = json!({"deep": [{"deeper": CANARY}, CANARY], "text": CANARY});
    for member in ["birthDate", "religion", "password", "metadata", "notes"] {
        row[member] = secret.clone();
    }
    row["birthDate"] = CANARY.into();
    for list in ["orgs", "agents", "userIds", "terms"] {
        for element in row[list].as_array_mut().into_iter().flatten() {
            element["href"] = CANARY.into();
            element["note"] = secret.clone();
        }
    }
    for object in ["school", "course", "class", "user"] {
        if row[object].is_object() {
            row[object]["href"] = CANARY.into();
            row[object]["note"] = secret.clone();
        }
    }
    row
}

#[test]
fn members_without_a_column_never_reach_the_disk() {
    const STREAMS: &[&str] = &[
        "academic_sessions",
        "orgs",
        "users",
        "classes",
        "enrollments",
    ];
    let lists =
        roster(150).map(|(name, rows)| (name, rows.into_iter().map(with_canaries).collect()));
    let lists: Vec<(&'static str, Vec<Value>)> = lists
        .into_iter()
        .filter(|(name, _)| *name != "classes")
        .collect();
    let server = Server::start(Paging::TotalInHeader, lists);
    let classes: Vec<Value> = roster(0)[3]
        .1
        .iter()
        .cloned()
        .map(|mut row| {
            row = with_canaries(row);
            row.as_object_mut().expect("a row").remove("metadata"); // the one extension that the connector mirrors as it is
            row
        })
        .collect();
    server.edit("classes", |list| *list = classes);
    // A row without a key, and two unreadable cells: the reason is recorded, never the value.
    server.edit("users", |users| {
        users[7]["dateLastModified"] = CANARY.into();
        users[8]["enabledUser"] = json!({"answer": CANARY});
        users[9]["sourcedId"] = Value::Null;
        users[9]["givenName"] = CANARY.into();
    });
    let job = "[guard]\nrejects = \"5%\"\n[stream.users]\ndrop = [\"phone\"]\n";
    let installation = Installation::new(
        &server,
        &Config {
            streams: STREAMS,
            page: 50,
            job,
            ..Config::default()
        },
    );
    server.edit("users", |users| users[3]["phone"] = CANARY.into());
    for changed in [false, true] {
        if changed {
            server.edit("users", |users| {
                (20..60).for_each(|number| users[number] = with_canaries(user(number, 2)))
            });
        }
        let ran = installation.run(&["-vv", "sync", "--json"]);
        assert_eq!(
            (ran.code, ran.outcome_and_message().0.as_str()),
            (Some(0), "ok_with_rejects"),
            "{ran:?}"
        );
        assert!(
            ran.err.contains(" ended: "),
            "the log was searched: {}",
            ran.err
        );
        assert_eq!(ran.number("users", "rejected"), 1, "no key, no row");
        let unlisted = ran.stream("users")["unlisted"].to_string();
        assert!(
            unlisted.contains("religion"),
            "names are reported: {unlisted}"
        );
        let shown = installation.run(&["sync", "--dry-run"]);
        for (name, bytes) in everything(&installation, &ran)
            .into_iter()
            .chain(everything(&installation, &shown))
        {
            assert!(!is_in(CANARY, &bytes), "{name} holds what no column lists");
        }
    }
    assert!(
        files(&installation.path("state"))
            .iter()
            .any(|(_, bytes)| is_in("Given 20", bytes)),
        "what is listed is there"
    );
    assert_eq!(queries::count(&installation.mirror(), "own_users"), 149);
    assert_eq!(
        queries::one::<u64>(
            &installation.mirror(),
            "SELECT sum(rows) FROM rollbook_rejects WHERE run = 1"
        ),
        3
    );
}

/// Secrets with encodings that differ from each other.
const AWKWARD: &str = "s3cr+t/of \"the\" cl\\ient=&%41";
const WORD: &str = "p4ss+w0rd/of \"the\" us\\er=&%42";
const FIRST_TOKEN: &str = "f1rst+refresh/token \"77\" \\=&%43";

/// Grants, and the secrets of each.
const SIGN_INS: [(&str, &str, &[&str]); 4] = [
    (
        "client_credentials",
        "grant = \"client_credentials\"\nclient_id = \"rollbook\"\nclient_secret = { file = \"secret\" }\n",
        &[AWKWARD],
    ),
    (
        "password",
        "grant = \"password\"\nclient_id = \"rollbook\"\nclient_secret = { file = \"secret\" }\nusername = \"mirror\"\npassword = { credential = \"word\" }\n",
        &[AWKWARD, WORD],
    ),
    (
        "refresh_token",
        "grant = \"refresh_token\"\nclient_id = \"rollbook\"\nclient_secret = { file = \"secret\" }\nrefresh_token = { env = \"FIRST_TOKEN\" }\n",
        &[AWKWARD, FIRST_TOKEN],
    ),
    (
        "api_key",
        "grant = \"api_key\"\napi_key = { file = \"secret\" }\n",
        &[AWKWARD],
    ),
];

/// The vendor's error responses and their status; 200 is an unexpected response.
const FAULTS: [(&str, u16); 12] = [
    ("a page", 200),
    ("a page", 302),
    ("a page", 400),
    ("a page", 401),
    ("a page", 403),
    ("a page", 404),
    ("a page", 500),
    ("a token", 200),
    ("a token", 302),
    ("a token", 400),
    ("a token", 401),
    ("a token", 500),
];

/// A sealed vault, which must not contain any secret.
fn seal(installation: &Installation) -> String {
    let key = installation
        .run(&["vault", "key"])
        .out
        .trim_end()
        .to_owned();
    installation.secret("vault.key", &key);
    let path = installation.path("config/rollbook.toml");
    let text = fs::read_to_string(&path).expect("read");
    let store = "[store]\nvault_key = { file = \"vault.key\" }\n";
    fs::write(path, format!("{text}{store}")).expect("written");
    key
}

#[test]
fn secrets_repeated_by_a_vendor_are_never_written() {
    // In parallel, because most of the time is spent waiting for a retry.
    thread::scope(|scope| {
        for sign_in in SIGN_INS {
            scope.spawn(move || assert_no_secret_written(sign_in));
        }
    });
}

fn assert_no_secret_written((grant, auth, secrets): (&str, &str, &[&str])) {
    for (what, status) in FAULTS {
        if (what, grant) == ("a token", "api_key") {
            continue;
        }
        let server = Server::start(Paging::TotalInHeader, roster(20));
        let installation = Installation::new(
            &server,
            &Config {
                auth,
                page: 50,
                job: "timeout = \"2s\"\n",
                ..Config::default()
            },
        );
        installation.secret("secret", AWKWARD);
        installation.secret("credentials/word", WORD);
        let key = seal(&installation);
        if what == "a token" {
            server.refuse_tokens(status);
        } else {
            server.script(move |_| Some(Fault::Echo(status)));
        }
        // Everything is logged, also by the libraries, as far as that is configurable.
        let run = |arguments: &[&str]| {
            let mut command = installation.command(arguments);
            command.env("FIRST_TOKEN", FIRST_TOKEN);
            command.env("ROLLBOOK_LOG", "trace");
            installation.start(command).end()
        };
        let ran = run(&["sync", "--json"]);
        assert_eq!(ran.code, Some(1), "{grant}, {what}, {status}: {ran:?}");
        assert!(
            !ran.outcome_and_message().1.is_empty(),
            "the reason is reported"
        );
        let checked = run(&["check", "--online"]);
        assert_eq!(
            checked.code,
            Some(1),
            "{grant}, {what}, {status}: {checked:?}"
        );
        let given = server.secrets();
        assert!(!given.is_empty(), "{grant}: the vendor saw no secret");
        let tokens = given
            .iter()
            .flat_map(|text| text.split(['&', ' ', '=', '"']))
            .filter(|text| text.len() > 20);
        let searched: Vec<&str> = secrets
            .iter()
            .copied()
            .chain([key.as_str()])
            .chain(tokens)
            .collect();
        let listed = run(&["tokens"]);
        let mut all = everything(&installation, &ran);
        for other in [checked, listed] {
            all.push(("standard output".into(), other.out.into_bytes()));
            all.push(("standard error".into(), other.err.into_bytes()));
        }
        for (name, bytes) in all {
            for secret in &searched {
                assert!(
                    !is_in(secret, &bytes),
                    "{name} writes a secret after {what} with {status} ({grant}): {secret}"
                );
            }
        }
    }
}
