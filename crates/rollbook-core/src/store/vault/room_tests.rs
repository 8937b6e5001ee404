//! The sizes of the vault's files: a token is saved without asking the disk for anything.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::tests::{folder, grant, monday};
use super::*;
use crate::model::named;

/// Bytes of the file and of its log.
fn sizes(folder: &Path) -> (u64, u64) {
    let length = |name: &str| fs::metadata(folder.join(name)).map_or(0, |found| found.len());
    (length("vault.db"), length("vault.db-wal"))
}

/// One whole rotation, and the counts of its requests.
fn rotate(vault: &Vault, round: u32) {
    let hash = format!("{round:032x}");
    vault
        .intend(&named("north"), &hash, monday())
        .expect("noted");
    let token = format!("r{round}-{}", "x".repeat(1500));
    vault.keep(&named("north"), &grant(&token)).expect("kept");
    vault.proven(&named("north")).expect("noted");
    vault
        .count(&named("north"), "2026-03-02", 1)
        .expect("counted");
}

#[test]
fn rotations_stay_within_the_room_that_is_there() {
    let folder = folder();
    let vault = Vault::open(folder.path(), Keys::None).expect("opens");
    rotate(&vault, 0);
    let (file, log) = sizes(folder.path());
    assert!(log >= room::LEAST, "{log}");
    assert!(file < 1 << 20 && log < 1 << 19, "{file} {log}");
    for round in 1..40 {
        rotate(&vault, round);
        let (file_now, log_now) = sizes(folder.path());
        assert_eq!(file_now, file, "round {round}: the file asks for space");
        assert!(
            log_now <= log && log_now >= room::LEAST,
            "round {round}: {log_now} of {log}"
        );
    }
    drop(vault);
    assert!(
        sizes(folder.path()).1 >= room::LEAST,
        "closing keeps the room"
    );
    let vault = Vault::open(folder.path(), Keys::None).expect("opens");
    rotate(&vault, 40);
    assert!(sizes(folder.path()).1 <= log);
}

#[test]
fn a_deleted_reserve_is_created_again() {
    let folder = folder();
    let vault = Vault::open(folder.path(), Keys::None).expect("opens");
    rotate(&vault, 0);
    drop(vault);
    // Another program opens the file, is the last one to close it, and so removes the log.
    let other = Connection::open(folder.path().join("vault.db")).expect("a database");
    other
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .expect("done");
    drop(other);
    assert_eq!(sizes(folder.path()).1, 0);
    let vault = Vault::open(folder.path(), Keys::None).expect("opens");
    assert!(sizes(folder.path()).1 >= room::LEAST);
    assert!(vault.load(&named("north")).expect("reads").is_some());
}
