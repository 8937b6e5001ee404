//! Vaults that are sealed, opened with the right key, a wrong one and none, and given another one.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use secrecy::SecretBox;

use super::tests::{folder, grant, monday, shown};
use super::*;
use crate::model::named;

fn key(byte: u8) -> Keys {
    let bytes = SecretBox::new(Box::new([byte; KEY]));
    Keys::Given(VaultKey::new(&bytes).expect("a key"))
}

fn open(folder: &Path, keys: Keys) -> Vault {
    Vault::open(folder, keys).expect("opens")
}

/// The source's grant as text, or why it cannot be read.
fn seen(vault: &Vault, source: &str) -> Result<String, String> {
    let source = named(source);
    let kept = vault.load(&source).map_err(|error| error.to_string())?;
    let intent = vault.intent(&source).map_err(|error| error.to_string())?;
    let kept = kept.map_or("nothing".to_owned(), |kept| shown(&kept));
    Ok(format!("{kept} {}", intent.as_deref().unwrap_or("-")))
}

/// A vault in which two sources have signed in and one refresh is open.
fn filled(folder: &Path, keys: Keys) -> Vault {
    let vault = open(folder, keys);
    for source in ["north", "south"] {
        vault
            .keep(&named(source), &grant(&format!("canary-of-{source}")))
            .expect("kept");
    }
    vault
        .intend(&named("south"), "canary-hash", monday())
        .expect("noted");
    vault
}

/// The names of the files that hold one of the secrets in clear.
fn clear(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let bytes = fs::read(entry.path()).expect("read");
        if bytes.windows(7).any(|part| part == b"canary-") {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    found
}

fn north() -> Result<String, String> {
    Ok(format!("{} -", shown(&grant("canary-of-north"))))
}

fn south() -> Result<String, String> {
    Ok(format!("{} canary-hash", shown(&grant("canary-of-south"))))
}

fn all(vault: &Vault) -> [Result<String, String>; 2] {
    [seen(vault, "north"), seen(vault, "south")]
}

#[test]
fn with_a_key_nothing_is_on_the_disk_in_clear() {
    let folder = folder();
    let vault = filled(folder.path(), key(1));
    assert!(clear(folder.path()).is_empty());
    assert_eq!(all(&vault), [north(), south()]);
    drop(vault);
    assert_eq!(all(&open(folder.path(), key(1))), [north(), south()]);
    assert!(clear(folder.path()).is_empty());
}

#[test]
fn a_wrong_key_or_none_opens_nothing_and_loses_nothing() {
    let folder = folder();
    drop(filled(folder.path(), key(1)));
    let (one, two) = (key(1), key(2));
    let (one, two) = (one.id().expect("a name"), two.id().expect("a name"));
    let cases = [
        (
            Keys::None,
            format!(
                "the vault is sealed with key {one}, and no key is configured; set [store] vault_key"
            ),
        ),
        (
            key(2),
            format!(
                "the vault is sealed with key {one}, but the configured key is {two}; configure the right one, or change it with `rollbook vault rekey --old-key FILE`"
            ),
        ),
        (
            Keys::Missing("credential `vault_key` is missing: do this".into()),
            "the vault key is not available: credential `vault_key` is missing: do this".to_owned(),
        ),
    ];
    for (keys, expected) in cases {
        let given = keys.id().is_some();
        let vault = open(folder.path(), keys);
        assert_eq!(all(&vault), [Err(expected.clone()), Err(expected.clone())]);
        // Nothing is written in clear beside what is sealed; a new key can seal a new source.
        let third = vault.intend(&named("third"), "canary", monday());
        assert_eq!(
            third.map_err(|error| error.to_string()).err().is_none(),
            given
        );
        assert!(given || vault.keep(&named("third"), &grant("canary-3")).is_err());
        assert!(vault.count(&named("north"), "2026-03-02", 1).is_ok());
        assert!(clear(folder.path()).is_empty());
    }
    assert_eq!(all(&open(folder.path(), key(1))), [north(), south()]);
}

#[test]
fn a_missing_key_is_no_reason_to_write_in_clear() {
    let folder = folder();
    let vault = open(folder.path(), Keys::Missing("removed".into()));
    assert!(vault.keep(&named("north"), &grant("canary-1")).is_err());
    assert!(vault.intend(&named("north"), "canary", monday()).is_err());
    drop(filled(folder.path(), Keys::None));
    assert!(seen(&vault, "north").is_err(), "not read either");
}

#[test]
fn a_plain_vault_that_is_given_a_key_is_sealed_and_wiped() {
    let folder = folder();
    let plain = filled(folder.path(), Keys::None);
    let take_over = "PRAGMA wal_checkpoint(FULL)";
    let taken = plain.connection().query_row(take_over, [], |_| Ok(()));
    taken.expect("the log is in the file too");
    assert_eq!(clear(folder.path()), ["vault.db", "vault.db-wal"]);
    // Another process has it open, as a daemon may.
    let sealed = open(folder.path(), key(1));
    assert_eq!(all(&sealed), [north(), south()]);
    assert!(
        clear(folder.path()).is_empty(),
        "{:?}",
        clear(folder.path())
    );
    assert!(seen(&plain, "north").is_err());
    drop((plain, sealed));
    assert!(clear(folder.path()).is_empty());
}

#[test]
fn a_wipe_that_was_interrupted_is_made_up_for() {
    let folder = folder();
    drop(filled(folder.path(), Keys::None));
    // The sealing is on the disk and the process died before the wipe.
    let other = Connection::open(folder.path().join("vault.db")).expect("a database");
    let reader = "BEGIN; SELECT * FROM grants;";
    other.execute_batch(reader).expect("reads");
    let vault = open(folder.path(), key(1));
    assert!(
        !clear(folder.path()).is_empty(),
        "a reader keeps the log as it is"
    );
    drop(vault);
    other.execute_batch("COMMIT").expect("done");
    drop(open(folder.path(), key(1)));
    assert!(clear(folder.path()).is_empty());
}

#[test]
fn another_key_seals_everything_or_nothing() {
    let folder = folder();
    let vault = filled(folder.path(), key(1));
    let before = all(&vault);
    drop(vault);
    let tool = open(folder.path(), Keys::None);
    let error = tool
        .rekey(&[&key(3)], &key(2))
        .expect_err("the wrong old key");
    assert!(error.to_string().contains("is sealed with key"), "{error}");
    assert_eq!(all(&open(folder.path(), key(1))), before);
    assert_eq!(
        tool.rekey(&[&key(3), &key(1)], &key(2)).expect("resealed"),
        3
    );
    assert_eq!(tool.rekey(&[&key(1)], &key(2)).expect("done before"), 0);
    assert_eq!(all(&open(folder.path(), key(2))), before);
    assert!(seen(&open(folder.path(), key(1)), "north").is_err());
    // Away with it.
    assert_eq!(tool.rekey(&[&key(2)], &Keys::None).expect("opened"), 3);
    assert_eq!(all(&tool), before);
    // One row that cannot be opened: nothing is changed.
    tool.rekey(&[], &key(1)).expect("sealed");
    let other = Connection::open(folder.path().join("vault.db")).expect("a database");
    let sql = "UPDATE grants SET api_key = (SELECT refresh_token FROM grants WHERE source = 'north') WHERE source = 'south'";
    other.execute(sql, []).expect("moved");
    let error = tool
        .rekey(&[&key(1)], &key(2))
        .expect_err("damaged")
        .to_string();
    assert_eq!(
        error,
        "the vault entry of south was damaged or moved after it was sealed; \
         delete it with `rollbook logout south`, then sign in again"
    );
    assert_eq!(seen(&open(folder.path(), key(1)), "north"), north());
}

#[test]
fn another_key_is_taken_while_the_program_runs_only_where_it_opens_everything() {
    let missing = || Keys::Missing("no file".into());
    for (name, sealed_with, now, given, expected) in [
        ("the same", key(1), key(1), key(1), Ok(false)),
        ("a first one", Keys::None, Keys::None, key(1), Ok(true)),
        (
            "another one",
            key(1),
            key(1),
            key(2),
            Err("but the configured key is"),
        ),
        (
            "none any more",
            key(1),
            key(1),
            Keys::None,
            Err("no key is configured"),
        ),
        (
            "one that is removed",
            key(1),
            key(1),
            missing(),
            Err("the vault key is not available: no file"),
        ),
        ("still removed", key(1), missing(), missing(), Ok(false)),
        ("there at last", key(1), missing(), key(1), Ok(true)),
        ("right at last", key(1), key(2), key(1), Ok(true)),
    ] {
        let folder = folder();
        drop(filled(folder.path(), sealed_with));
        let vault = open(folder.path(), now);
        match (vault.take_key(given), expected) {
            (Ok(is_other), Ok(expected)) => {
                assert_eq!(is_other, expected, "{name}");
                if is_other {
                    assert_eq!(all(&vault), [north(), south()], "{name}");
                    assert!(clear(folder.path()).is_empty(), "{name}");
                }
            }
            (Err(error), Err(words)) => {
                assert!(error.to_string().contains(words), "{name}: {error}")
            }
            (outcome, _) => panic!("{name}: {outcome:?}"),
        }
    }
}
