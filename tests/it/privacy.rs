//! What no column lists never reaches the disk, and what is secret never reaches an output.
//!
//! Every member that no column names carries a canary, also deep inside; secrets of every kind are
//! repeated by a vendor in its error bodies. All files and outputs are searched, in several spellings.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::look;
use crate::people::{roster, user};
use crate::place::{Place, Plan, Ran, SECRET};
use crate::server::{Fault, Server, Way};

const CANARY: &str = "canary-5e1f-of-a-child";

/// A text as it may hide in a file.
fn spellings(text: &str) -> Vec<Vec<u8>> {
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let escaped: String = text
        .bytes()
        .map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut spellings = vec![
        text.as_bytes().to_vec(),
        hex.into_bytes(),
        escaped.into_bytes(),
        wide,
    ];
    // Base64 depends on where in a group of three the text begins; its first and last letters may mix with others.
    for before in 0..3 {
        let padded = format!("{}{text}", "x".repeat(before));
        for code in [
            BASE64_STANDARD.encode(&padded),
            BASE64_URL_SAFE_NO_PAD.encode(&padded),
        ] {
            let inner = code.trim_end_matches('=');
            spellings.push(inner.as_bytes()[4..inner.len() - 3].to_vec());
        }
    }
    spellings
}

/// Whether a text is in there, in any spelling.
pub fn is_in(text: &str, bytes: &[u8]) -> bool {
    spellings(text).iter().any(|spelling| {
        bytes
            .windows(spelling.len())
            .any(|window| window == spelling)
    })
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
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

/// The program's files and outputs; the mirror while it is open, so that its log is there too.
fn everything(place: &Place, ran: &Ran) -> Vec<(String, Vec<u8>)> {
    let mut all = files(&place.path("state"));
    all.push(("standard output".into(), ran.out.clone().into_bytes()));
    all.push(("standard error".into(), ran.err.clone().into_bytes()));
    all
}

/// The same row with a canary in everything that no column lists.
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
fn what_no_column_lists_never_reaches_the_disk() {
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
    let server = Server::start(Way::TotalInHeader, lists);
    let classes: Vec<Value> = roster(0)[3]
        .1
        .iter()
        .cloned()
        .map(|mut row| {
            row = with_canaries(row);
            row.as_object_mut().expect("a row").remove("metadata"); // the one extension that the description mirrors as it is
            row
        })
        .collect();
    server.edit("classes", |list| *list = classes);
    // A few rows that cannot be taken: their reason is recorded, never what stood there.
    server.edit("users", |users| {
        users[7]["dateLastModified"] = CANARY.into();
        users[8]["enabledUser"] = json!({"answer": CANARY});
        users[9]["sourcedId"] = Value::Null;
        users[9]["givenName"] = CANARY.into();
    });
    let job = "[guard]\nrejects = \"5%\"\n[stream.users]\ndrop = [\"phone\"]\n";
    let place = Place::new(
        &server,
        &Plan {
            streams: STREAMS,
            page: 50,
            job,
            ..Plan::default()
        },
    );
    server.edit("users", |users| users[3]["phone"] = CANARY.into());
    for changed in [false, true] {
        if changed {
            server.edit("users", |users| {
                (20..60).for_each(|number| users[number] = with_canaries(user(number, 2)))
            });
        }
        let ran = place.run(&["-vv", "sync", "--json"]);
        assert_eq!(
            (ran.code, ran.said().0.as_str()),
            (Some(0), "ok_with_rejects"),
            "{ran:?}"
        );
        assert!(
            ran.err.contains("run ends"),
            "the log was looked at: {}",
            ran.err
        );
        assert_eq!(ran.number("users", "rejected"), 3);
        let unlisted = ran.stream("users")["unlisted"].to_string();
        assert!(unlisted.contains("religion"), "names are told: {unlisted}");
        let shown = place.run(&["sync", "--dry-run"]);
        for (name, bytes) in everything(&place, &ran)
            .into_iter()
            .chain(everything(&place, &shown))
        {
            assert!(!is_in(CANARY, &bytes), "{name} holds what no column lists");
        }
    }
    assert!(
        files(&place.path("state"))
            .iter()
            .any(|(_, bytes)| is_in("Given 20", bytes)),
        "what is listed is there"
    );
    assert_eq!(look::count(&place.mirror(), "own_users"), 147);
    assert_eq!(
        look::one::<u64>(
            &place.mirror(),
            "SELECT sum(rows) FROM rollbook_rejects WHERE run = 1"
        ),
        3
    );
}

/// Ways to sign in, and what of each is secret.
const SIGN_INS: [(&str, &str, &[&str]); 4] = [
    (
        "client_credentials",
        "grant = \"client_credentials\"\nclient_id = \"rollbook\"\nclient_secret = { file = \"secret\" }\n",
        &[SECRET],
    ),
    (
        "password",
        "grant = \"password\"\nclient_id = \"rollbook\"\nclient_secret = { file = \"secret\" }\nusername = \"mirror\"\npassword = { credential = \"word\" }\n",
        &[SECRET, "p4ssw0rd-of-the-user-55"],
    ),
    (
        "refresh_token",
        "grant = \"refresh_token\"\nclient_id = \"rollbook\"\nclient_secret = { file = \"secret\" }\nrefresh_token = { env = \"FIRST_TOKEN\" }\n",
        &[SECRET, "f1rst-refresh-token-77"],
    ),
    (
        "api_key",
        "grant = \"api_key\"\napi_key = { file = \"secret\" }\n",
        &[SECRET],
    ),
];

#[test]
fn a_vendor_that_repeats_our_secrets_gives_none_away() {
    for (grant, auth, secrets) in SIGN_INS {
        for (what, status) in [
            ("a page", 400),
            ("a page", 401),
            ("a page", 403),
            ("a page", 404),
            ("a page", 302),
            ("a page", 500),
            ("a token", 400),
            ("a token", 401),
            ("a token", 500),
        ] {
            if (what, grant) == ("a token", "api_key") {
                continue;
            }
            let server = Server::start(Way::TotalInHeader, roster(20));
            let place = Place::new(
                &server,
                &Plan {
                    auth,
                    page: 50,
                    job: "timeout = \"2s\"\n",
                    ..Plan::default()
                },
            );
            place.secret("credentials/word", "p4ssw0rd-of-the-user-55");
            if what == "a token" {
                server.refuse_tokens(status);
            } else {
                server.script(move |_| Some(Fault::Echo(status)));
            }
            let mut command = place.command(&["-vv", "sync", "--json"]);
            command.env("FIRST_TOKEN", "f1rst-refresh-token-77");
            let ran = place.start(command).end();
            assert_eq!(ran.code, Some(1), "{grant}, {what}, {status}: {ran:?}");
            assert!(!ran.said().1.is_empty(), "it says why");
            let given = server.secrets();
            assert!(!given.is_empty(), "{grant}: the vendor saw no secret");
            let tokens = given
                .iter()
                .flat_map(|text| text.split(['&', ' ', '=', '"']))
                .filter(|text| text.len() > 20);
            let searched: Vec<&str> = secrets.iter().copied().chain(tokens).collect();
            for (name, bytes) in everything(&place, &ran) {
                // The vault is where rotating tokens belong; nothing else may be in it.
                let is_vault = name.contains("vault");
                for secret in searched
                    .iter()
                    .filter(|secret| !is_vault || !secret.contains("refresh"))
                {
                    assert!(
                        !is_in(secret, &bytes),
                        "{name} tells a secret after {what} with {status} ({grant}): {secret}"
                    );
                }
            }
        }
    }
}
