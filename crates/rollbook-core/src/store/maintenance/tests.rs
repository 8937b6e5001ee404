//! Backups, verification and the way back, on real files.

use std::fs;
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::Connection;

use super::{Backup, BackupInput, VerifyScope, make, restore, verify};
use crate::model::Table;
use crate::model::row::{Cell, Cells, Kind};
use crate::permissions::invoker;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::lookups::Lookups;
use crate::store::tables::fit;

const ROWS: i64 = 50;

fn users() -> Table {
    Table::plain("users", &[("id", Kind::Text), ("name", Kind::Text)])
}

/// A folder with a mirror of fifty users; what its store holds open is closed again.
struct Installation {
    folder: tempfile::TempDir,
}

impl Installation {
    async fn new() -> Self {
        let installation = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        let store = Store::open(&installation.mirror()).expect("a mirror");
        store
            .write(|connection| {
                fit(connection, &[users()], &Lookups::default())?;
                for number in 0..ROWS {
                    insert(connection, number, "Kim");
                }
                Ok(())
            })
            .await
            .expect("written");
        drop(store);
        installation.wait_for_the_writer();
        installation
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn mirror(&self) -> PathBuf {
        self.path("mirror.db")
    }

    /// The last connection that closes takes the log away.
    fn wait_for_the_writer(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.path("mirror.db-wal").exists() {
            assert!(Instant::now() < deadline, "the writer did not end");
            thread::yield_now();
        }
    }

    fn backups(&self) -> Vec<String> {
        names(&self.path("backups"))
    }

    fn back_up(&self, at: &str, keep: u32) -> Result<Backup, StoreError> {
        make(&BackupInput {
            mirror: self.mirror(),
            vault: None,
            folder: self.path("backups"),
            keep: NonZeroU32::new(keep).expect("not 0"),
            now: time(at),
        })
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name != ".lock")
        .collect();
    names.sort();
    names
}

fn insert(connection: &Connection, number: i64, name: &str) {
    let id = format!("u{number:03}");
    let mut bytes = Vec::new();
    Cell::Text(&id).write(&mut bytes);
    Cell::Text(name).write(&mut bytes);
    connection
        .execute(
            "INSERT INTO north_users VALUES (?1, ?2, '2026-01-01T00:00:00.000Z', 1, ?3)",
            rusqlite::params![id, name, Cells::of(&bytes).fingerprint()],
        )
        .expect("inserted");
}

fn count(path: &Path) -> i64 {
    Connection::open(path)
        .and_then(|open| open.query_row("SELECT count(*) FROM north_users", [], |row| row.get(0)))
        .expect("counted")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

#[tokio::test]
async fn a_backup_is_complete_private_and_one_snapshot_of_a_mirror_in_use() {
    let installation = Installation::new().await;
    let store = Store::open(&installation.mirror()).expect("open again");
    store
        .write(|connection| {
            insert(connection, ROWS, "Lou");
            Ok(())
        })
        .await
        .expect("written");
    assert!(
        fs::metadata(installation.path("mirror.db-wal")).is_ok_and(|log| log.len() > 0),
        "the newest rows are in the log"
    );
    let made = installation
        .back_up("2026-03-02T02:17:00Z", 7)
        .expect("made");
    assert_eq!(installation.backups(), ["mirror-20260302T021700Z.db"]);
    assert_eq!(count(&made.mirror), ROWS + 1);
    assert_eq!((made.verified.tables, made.verified.rows), (1, 51));
    assert_eq!(
        (mode(&made.mirror), mode(&installation.path("backups"))),
        (0o600, 0o700)
    );
}

#[tokio::test]
async fn the_oldest_go_and_nothing_that_is_not_ours() {
    let installation = Installation::new().await;
    fs::create_dir(installation.path("backups")).expect("made");
    for name in ["mirror-of-mine.db", ".mirror-20250101T000000Z.part"] {
        fs::write(installation.path("backups").join(name), "x").expect("written");
    }
    for day in 1..=5 {
        installation
            .back_up(&format!("2026-03-0{day}T02:17:00Z"), 3)
            .expect("made");
    }
    assert_eq!(
        installation.backups(),
        [
            "mirror-20260303T021700Z.db",
            "mirror-20260304T021700Z.db",
            "mirror-20260305T021700Z.db",
            "mirror-of-mine.db",
        ],
        "what a killed process left is removed too"
    );
}

/// Writes over a value in the file itself, as a failing disk would.
fn flip(path: &Path, from: &str, to: &str) {
    let mut bytes = fs::read(path).expect("read");
    let at = bytes
        .windows(from.len())
        .position(|window| window == from.as_bytes())
        .expect("it is there");
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    fs::write(path, bytes).expect("written");
}

#[tokio::test]
async fn a_flipped_time_of_ours_is_found() {
    let installation = Installation::new().await;
    let writer = rusqlite::Connection::open(installation.mirror()).expect("opened");
    writer
        .execute(
            "UPDATE north_users SET _since = replace(_since, 'Z', '=') WHERE rowid = 7",
            [],
        )
        .expect("changed");
    let found = verify(&installation.mirror(), VerifyScope::All).expect("looked at");
    assert_eq!(found.problems.len(), 1, "{found:?}");
    assert!(
        found.problems[0].ends_with("the first is row number 7"),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_flipped_value_is_found_and_does_not_push_out_a_good_backup() {
    let installation = Installation::new().await;
    installation
        .back_up("2026-03-01T02:17:00Z", 1)
        .expect("made");
    let good = verify(&installation.mirror(), VerifyScope::All).expect("looked at");
    assert!(good.is_whole(), "{good:?}");
    flip(&installation.mirror(), "Kim", "Kin");
    let found = verify(&installation.mirror(), VerifyScope::All).expect("looked at");
    assert_eq!(found.problems.len(), 1, "{found:?}");
    assert!(
        found.problems[0]
            .starts_with("north_users: 1 of 50 checked rows do not match their fingerprint"),
        "{found:?}"
    );
    assert!(!found.problems[0].contains("Kin"), "no value is shown");
    let refused = installation
        .back_up("2026-03-02T02:17:00Z", 1)
        .expect_err("damaged");
    assert!(
        refused.to_string().contains("no backup was made"),
        "{refused}"
    );
    assert_eq!(installation.backups(), ["mirror-20260301T021700Z.db"]);
}

#[tokio::test]
async fn a_sample_is_the_same_for_a_seed_and_finds_a_ruined_table() {
    let installation = Installation::new().await;
    let open = Connection::open(installation.mirror()).expect("open");
    open.execute("UPDATE north_users SET _fingerprint = _fingerprint + 1", [])
        .expect("ruined");
    let scope = VerifyScope::Sample { rows: 5, seed: 42 };
    let found = verify(&installation.mirror(), scope).expect("looked at");
    assert_eq!((found.rows, found.problems.len()), (5, 1), "{found:?}");
    assert_eq!(
        found,
        verify(&installation.mirror(), scope).expect("looked at")
    );
}

#[tokio::test]
async fn missing_and_foreign_tables_are_reported() {
    let installation = Installation::new().await;
    let open = Connection::open(installation.mirror()).expect("open");
    open.execute_batch("DROP INDEX north_users_walk; CREATE TABLE notes (note TEXT);")
        .expect("done");
    let found = verify(&installation.mirror(), VerifyScope::All).expect("looked at");
    assert_eq!(
        found.problems,
        ["the key index north_users_walk is missing"]
    );
    assert_eq!(found.notes, ["the table notes was not made by rollbook"]);
    open.execute_batch("DROP VIEW north_users_versions; DROP TABLE north_users;")
        .expect("done");
    let found = verify(&installation.mirror(), VerifyScope::All).expect("looked at");
    assert!(
        found
            .problems
            .iter()
            .any(|one| one.contains("north_users is missing")),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_backup_is_restored_and_the_old_mirror_is_kept() {
    let installation = Installation::new().await;
    let made = installation
        .back_up("2026-03-01T02:17:00Z", 7)
        .expect("made");
    let store = Store::open(&installation.mirror()).expect("open");
    store
        .write(|connection| {
            insert(connection, ROWS, "Lou");
            connection
                .execute_batch(
                    "INSERT INTO rollbook_checkpoints (source, stream, item, full_at, shared) VALUES \
                     ('north', 'users', '', '2026-03-01T00:00:00.000Z', 0), ('north', 'points', '1', NULL, 0), ('north', 'points', '2', NULL, 1);
                     INSERT INTO rollbook_approvals VALUES (1, 'roster', 'x', '2026-03-01T00:00:00.000Z');",
                )
                .expect("written");
            Ok(())
        })
        .await
        .expect("written");
    let now = time("2026-03-03T08:00:00Z");
    let none = |_: &Path| Ok(None);
    let busy = restore(&made.mirror, &installation.mirror(), invoker(), now, none)
        .expect_err("a daemon runs");
    assert!(matches!(busy, StoreError::Busy { .. }), "{busy}");
    let later = installation
        .back_up("2026-03-02T02:17:00Z", 7)
        .expect("made");
    drop(store);
    installation.wait_for_the_writer();
    let restored =
        restore(&made.mirror, &installation.mirror(), invoker(), now, none).expect("restored");
    let aside = restored.aside.expect("kept");
    assert_eq!(
        aside,
        installation.path("mirror-before-restore-20260303T080000Z.db")
    );
    assert_eq!(
        (count(&installation.mirror()), mode(&installation.mirror())),
        (ROWS, 0o600)
    );
    assert_eq!(count(&aside), ROWS + 1, "with what stood in the log");

    restore(
        &later.mirror,
        &installation.mirror(),
        invoker(),
        time("2026-03-03T09:00:00Z"),
        |_| Ok(None),
    )
    .expect("restored");
    let open = Connection::open(installation.mirror()).expect("open");
    let restores: i64 = open
        .query_row(
            "SELECT count(*) FROM rollbook_audit WHERE action = 'restore' AND subject = 'mirror'",
            [],
            |row| row.get(0),
        )
        .expect("counted");
    assert_eq!(restores, 2, "the first restore is known after the second");
    let (full, shared): (i64, String) = open
        .query_row(
            "SELECT count(full_at), group_concat(item, '') FILTER (WHERE shared) FROM rollbook_checkpoints",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .expect("there");
    let approvals: i64 = open
        .query_row("SELECT count(*) FROM rollbook_approvals", [], |row| {
            row.get(0)
        })
        .expect("counted");
    assert_eq!(
        (full, approvals, count(&installation.mirror())),
        (0, 0, ROWS + 1)
    );
    assert_eq!(shared, "2", "of which series rows were shared");
    assert!(
        verify(&installation.mirror(), VerifyScope::All)
            .expect("looked at")
            .is_whole()
    );
    Store::open(&installation.mirror()).expect("a mirror like any other");
}

#[tokio::test]
async fn nothing_is_changed_for_a_backup_that_is_none() {
    let installation = Installation::new().await;
    let damaged = installation
        .back_up("2026-03-01T02:17:00Z", 7)
        .expect("made")
        .mirror;
    flip(&damaged, "Kim", "Kin");
    let newer = installation
        .back_up("2026-03-02T02:17:00Z", 7)
        .expect("made")
        .mirror;
    Connection::open(&newer)
        .and_then(|open| open.pragma_update(None, "user_version", 99))
        .expect("set");
    fs::write(installation.path("text"), "this is a text").expect("written");
    fs::write(installation.path("empty"), "").expect("written");
    let other = installation.path("other.db");
    Connection::open(&other)
        .and_then(|open| open.execute_batch("CREATE TABLE t (a)"))
        .expect("made");
    let before = fs::read(installation.mirror()).expect("read");
    for (file, expected) in [
        (damaged, "checked rows do not match their fingerprint"),
        (newer, "written by a newer rollbook"),
        (installation.path("text"), "damaged"),
        (installation.path("empty"), "this is not a Rollbook mirror"),
        (other, "this is not a Rollbook mirror"),
        (installation.path("nowhere"), "there is no such file"),
        (installation.mirror(), "this is the mirror itself"),
    ] {
        let now = time("2026-03-03T08:00:00Z");
        let refused = restore(&file, &installation.mirror(), invoker(), now, |_| Ok(None))
            .expect_err(expected)
            .to_string();
        assert!(refused.contains(expected), "{expected}: {refused}");
        assert_eq!(
            fs::read(installation.mirror()).expect("read"),
            before,
            "{expected}"
        );
        assert!(
            names(installation.folder.path())
                .iter()
                .all(|name| !name.contains("before-restore") && !name.contains(".part")),
            "{expected}: {:?}",
            names(installation.folder.path())
        );
    }
}

/// Makes our own tables as they were at an older version; those of streams stay.
fn as_an_older_program_left_it(open: &Connection, version: usize) {
    let mut statement = open
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'rollbook_*'")
        .expect("asked");
    let tables: Vec<String> = statement
        .query_map([], |row| row.get(0))
        .and_then(Iterator::collect)
        .expect("names");
    for table in tables {
        let drop = format!("DROP TABLE {table}");
        open.execute_batch(&drop).expect("dropped");
    }
    crate::store::schema::make_version(open, version).expect("made");
}

#[tokio::test]
async fn an_older_mirror_is_kept_before_its_tables_are_changed() {
    let installation = Installation::new().await;
    let open = Connection::open(installation.mirror()).expect("open");
    as_an_older_program_left_it(&open, 3);
    drop(open);
    drop(Store::open(&installation.mirror()).expect("upgraded"));
    installation.wait_for_the_writer();
    let kept = installation.path("mirror-before-upgrade-3.db");
    assert_eq!((count(&kept), mode(&kept)), (ROWS, 0o600));
    let version: i64 = Connection::open(&kept)
        .and_then(|open| open.query_row("PRAGMA user_version", [], |row| row.get(0)))
        .expect("read");
    assert_eq!(version, 3);
}
