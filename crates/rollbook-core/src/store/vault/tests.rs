//! The vault as a file: what it keeps, and vaults that others wrote.

use jiff::Timestamp;
use rusqlite::Connection;
use secrecy::{ExposeSecret as _, SecretString};
use tempfile::TempDir;

use super::*;
use crate::model::{KeptAccess, KeptGrant, named};

pub(super) fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

pub(super) fn monday() -> Timestamp {
    "2026-03-02T06:00:00Z".parse().expect("a time")
}

pub(super) fn grant(token: &str) -> KeptGrant {
    KeptGrant {
        refresh_token: token.into(),
        previous: Some(format!("before-{token}").into()),
        seed_hash: "canary-seed".to_owned(),
        api_key: Some("key".into()),
        access: Some(KeptAccess {
            token: format!("access-{token}").into(),
            life: Some(Duration::from_millis(3_600_500)),
        }),
        obtained: monday(),
        scope: None,
        intent: None,
    }
}

/// All of a grant, as one text.
pub(super) fn shown(grant: &KeptGrant) -> String {
    let text = |secret: &Option<SecretString>| {
        let secret = secret.as_ref().map(|secret| secret.expose_secret());
        secret.unwrap_or("-").to_owned()
    };
    let access = grant.access.as_ref();
    format!(
        "{} {} {} {} {} {:?} {}",
        grant.refresh_token.expose_secret(),
        text(&grant.previous),
        grant.seed_hash,
        text(&grant.api_key),
        text(&access.map(|access| access.token.clone())),
        access.and_then(|access| access.life),
        grant.obtained
    )
}

#[test]
fn what_is_kept_is_there_for_the_next_process() {
    let folder = folder();
    let vault = Vault::open(folder.path(), Keys::None).expect("opens");
    assert!(matches!(vault.load(&named("north")), Ok(None)));
    vault
        .intend(&named("north"), "hash", monday())
        .expect("noted");
    let other = Vault::open(folder.path(), Keys::None).expect("opens beside");
    assert_eq!(
        other.intent(&named("north")).expect("reads").as_deref(),
        Some("hash")
    );
    vault.keep(&named("north"), &grant("r2")).expect("kept");
    let kept = other.load(&named("north")).expect("reads");
    let kept = kept.map(|kept| (shown(&kept), kept.intent));
    assert_eq!(kept, Some((shown(&grant("r2")), None)));
    vault.proven(&named("north")).expect("noted");
    let kept = other
        .load(&named("north"))
        .expect("reads")
        .expect("a grant");
    assert!(kept.previous.is_none());
    assert!(matches!(vault.load(&named("south")), Ok(None)));
}

#[test]
fn a_vault_that_knew_no_scopes_keeps_its_tokens() {
    let folder = folder();
    let vault = Vault::open(folder.path(), Keys::None).expect("opens");
    vault.keep(&named("north"), &grant("r2")).expect("kept");
    vault
        .connection()
        .execute_batch(
            "ALTER TABLE grants DROP COLUMN scope; ALTER TABLE refusals DROP COLUMN attempts; \
             ALTER TABLE refusals DROP COLUMN is_clear; DROP TABLE rollbook_erasures; \
             DROP TABLE rollbook_erasure_counts; DROP TABLE rollbook_suppressed; \
             DROP TABLE rollbook_suppression_keys; PRAGMA user_version = 1;",
        )
        .expect("as version 1 was");
    drop(vault);
    let vault = Vault::open(folder.path(), Keys::None).expect("opens");
    let kept = vault
        .load(&named("north"))
        .expect("reads")
        .expect("a grant");
    assert_eq!((shown(&kept), kept.scope), (shown(&grant("r2")), None));
    let scoped = KeptGrant {
        scope: Some(vec!["a_read".to_owned(), "b_read".to_owned()]),
        ..grant("r3")
    };
    vault.keep(&named("north"), &scoped).expect("kept");
    let kept = vault
        .load(&named("north"))
        .expect("reads")
        .expect("a grant");
    assert_eq!(kept.scope, scoped.scope);
}

#[test]
fn a_vault_that_knew_no_keys_keeps_its_tokens() {
    let folder = folder();
    let old = Connection::open(folder.path().join("vault.db")).expect("a database");
    old.execute_batch(
        "PRAGMA application_id = 1380079188;
         CREATE TABLE grants (source TEXT PRIMARY KEY, refresh_token TEXT NOT NULL, previous TEXT,
           seed_hash TEXT NOT NULL, api_key TEXT, obtained TEXT NOT NULL) STRICT;
         CREATE TABLE intents (source TEXT PRIMARY KEY, token_hash TEXT NOT NULL, at TEXT NOT NULL) STRICT;
         CREATE TABLE requests (source TEXT NOT NULL, day TEXT NOT NULL, requests INTEGER NOT NULL,
           PRIMARY KEY (source, day)) STRICT;
         INSERT INTO grants VALUES ('north', 'r7', NULL, 'seed', 'key', '2026-03-01T05:00:00.000Z');
         INSERT INTO intents VALUES ('north', 'of r7', '2026-03-01T06:00:00.000Z');
         INSERT INTO requests VALUES ('north', '2026-03-02', 41);",
    )
    .expect("an old vault");
    drop(old);
    for _ in 0..2 {
        let vault = Vault::open(folder.path(), Keys::None).expect("opens");
        let kept = vault.load(&named("north")).expect("reads");
        let kept = kept.expect("a grant");
        assert_eq!(shown(&kept), "r7 - seed key - None 2026-03-01T05:00:00Z");
        assert_eq!(kept.intent.as_deref(), Some("of r7"));
    }
    let vault = Vault::open(folder.path(), Keys::None).expect("opens");
    assert_eq!(
        vault
            .count(&named("north"), "2026-03-02", 1)
            .expect("counts"),
        42
    );
}

#[test]
fn a_vault_that_cannot_be_read_is_not_taken_for_a_foreign_file() {
    let folder = folder();
    drop(Vault::open(folder.path(), Keys::None).expect("opens"));
    // The memory that readers share cannot be made, as on a full disk.
    let shared = folder.path().join("vault.db-shm");
    std::fs::remove_file(&shared).expect("removed");
    std::os::unix::fs::symlink("nowhere", &shared).expect("made");
    let error = Vault::open(folder.path(), Keys::None).expect_err("no shared memory");
    assert!(!error.needs_a_person(), "{error}");
    assert!(!error.to_string().contains("move it away"), "{error}");
}

#[test]
fn files_that_are_no_vault_of_ours_are_left_alone() {
    for (made_by, expected) in [
        ("", "this is not a vault; move it away"),
        (
            "PRAGMA application_id = 7; CREATE TABLE theirs (x);",
            "this database belongs to another program; move it away",
        ),
        (
            "CREATE TABLE grants (x);",
            "this database belongs to another program; move it away",
        ),
        (
            "PRAGMA application_id = 1380079188; PRAGMA user_version = 6;",
            "this vault was written by a newer rollbook (its version 6, known here 5); install that one",
        ),
    ] {
        let folder = folder();
        let path = folder.path().join("vault.db");
        if made_by.is_empty() {
            std::fs::write(
                &path,
                "a text that is not a database, long enough for a header of one",
            )
            .expect("written");
        } else {
            let theirs = Connection::open(&path).expect("a database");
            theirs.execute_batch(made_by).expect("made");
        }
        let before = std::fs::read(&path).expect("read");
        let error = Vault::open(folder.path(), Keys::None)
            .expect_err("not ours")
            .to_string();
        assert!(error.ends_with(expected), "{error}");
        assert_eq!(std::fs::read(&path).expect("read"), before);
    }
}
