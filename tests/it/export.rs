//! `rollbook export`: streams as files, by the real program.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::installation::{Config, Installation};
use crate::people::{user, users};
use crate::queries::{count, one};
use crate::server::{Paging, Server};

fn export(installation: &Installation, arguments: &[&str]) -> (Option<i32>, String, String) {
    let ended = installation.run(&[&["export"], arguments].concat());
    (ended.code, ended.out, ended.err)
}

#[test]
fn streams_are_exported_to_the_terminal_a_file_or_a_folder() {
    let server = Server::of_users(Paging::TotalInHeader, users(12));
    let installation = Installation::new(&server, &Config::default());
    let (code, _, err) = export(&installation, &["own_users"]);
    assert_eq!(code, Some(78), "{err}");
    installation.sync().assert_ok("the first time");

    let (code, csv, err) = export(&installation, &["own.users"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let mut lines = csv.lines();
    let head = lines.next().expect("a head");
    assert!(
        head.starts_with("sourced_id,") && head.contains(",enabled_user,"),
        "{head}"
    );
    assert_eq!(lines.clone().count(), 12);
    assert!(
        lines.all(|line| line.starts_with("user-0000") && line.contains(",true,")),
        "{csv}"
    );

    let (_, ndjson, _) = export(&installation, &["own_users", "--format", "ndjson"]);
    let first: serde_json::Value =
        serde_json::from_str(ndjson.lines().next().expect("a line")).expect("an object");
    assert_eq!(first["sourced_id"], "user-000000");
    assert_eq!(first["enabled_user"], true);
    assert!(first["orgs"].is_array(), "{first}");

    let file = installation.path("out.csv");
    let to = file.to_str().expect("a path");
    let (code, text, _) = export(&installation, &["own_users", "--to", to]);
    assert_eq!((code, text), (Some(0), format!("Wrote {to}: 12 rows.\n")));
    assert_eq!(fs::read_to_string(&file).expect("a file"), csv);
    let mode = fs::metadata(&file).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "it has children's names");

    let folder = installation.path("new/out");
    let to = folder.to_str().expect("a path");
    let (code, text, err) = export(&installation, &["--all", "--to", to, "--spreadsheet"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(text.contains("own_users.csv: 12 rows."), "{text}");
    let bytes = fs::read(folder.join("own_users.csv")).expect("a file");
    assert!(bytes.starts_with(b"\xEF\xBB\xBFsourced_id,"));
    let names = fs::read_dir(&folder).expect("a folder").count();
    assert_eq!(
        names as u64,
        text.lines().count() as u64,
        "no file is left over"
    );
}

#[test]
fn a_stream_is_exported_as_it_was() {
    let server = Server::of_users(Paging::TotalInHeader, users(3));
    let installation = Installation::new(&server, &Config::default());
    installation.sync().assert_ok("the first time");
    let then: String = one(&installation.mirror(), "SELECT max(_since) FROM own_users");
    server.edit("users", |users| {
        users.push(user(3, 1));
        users[0]["familyName"] = "Moser".into();
    });
    installation.sync().assert_ok("a new and a changed user");
    assert_eq!(count(&installation.mirror(), "own_users"), 4);
    let rows = |arguments: &[&str]| {
        let (code, out, err) = export(&installation, &[&["own_users"], arguments].concat());
        assert_eq!(code, Some(0), "{err}");
        out
    };
    let (now, past) = (rows(&[]), rows(&["--as-of", &then]));
    assert_eq!((now.lines().count(), past.lines().count()), (5, 4));
    assert!(now.contains("Moser") && !past.contains("Moser"), "{past}");
    assert_eq!(
        rows(&["--as-of", "2026-01-01"]).lines().count(),
        1,
        "before the first run"
    );
    let (code, _, err) = export(&installation, &["own_users", "--as-of", "2 years"]);
    assert_eq!(code, Some(1));
    let message =
        "what own_users was at that time is not known: old versions are kept for 400 days";
    assert!(err.contains(message), "{err}");
}

#[test]
fn what_cannot_be_exported_is_refused_and_the_old_file_stays() {
    let server = Server::of_users(Paging::TotalInHeader, users(2));
    let installation = Installation::new(&server, &Config::default());
    installation.sync().assert_ok("the first time");
    let folder = installation.path("out");
    fs::create_dir(&folder).expect("made");
    let to = folder.to_str().expect("a path");
    let missing = format!("{to}/missing/users.csv");
    for (arguments, code, message) in [
        (&[][..], 2, "<STREAM|BUNDLE>..."),
        (&["own_user"], 2, "did you mean `own_users`?"),
        (&["--all", "own_users"], 2, "cannot be used with"),
        (
            &["own_users", "--format", "ndjson", "--spreadsheet"],
            2,
            "--spreadsheet is for --format csv",
        ),
        (&["own_users", "--as-of", "soon"], 2, "`soon` is no time"),
        (
            &["own_users", "--to", &missing],
            1,
            "; create the folder first",
        ),
        #[cfg(not(feature = "parquet"))]
        (
            &["own_users", "--format", "parquet", "--to", to],
            2,
            "built without Parquet",
        ),
    ] {
        let (ended, _, err) = export(&installation, arguments);
        assert_eq!(ended, Some(code), "{arguments:?}: {err}");
        assert!(err.contains(message), "{arguments:?}: {err}");
    }
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0);
}
