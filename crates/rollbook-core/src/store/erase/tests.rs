//! Erasures in a real mirror with backups: every byte is searched, and a power cut is tried at every step.

use std::fs;
use std::num::NonZeroU32;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::*;
use crate::model::row::{Cell, Cells, Kind};
use crate::model::{PersonRows, Table};
use crate::store::error::StoreError;
use crate::store::lookups::Lookups;
use crate::store::maintenance::{BackupInput, before_upgrade, make};
use crate::store::people_fixture::{about, log, table};
use crate::store::person::PersonKey;
use crate::store::suppression::{ErasureState, any_pending, erasures};
use crate::store::tables::fit;
use crate::store::vault::{Keys, load_suppression};
use crate::store::{Store, Vault};

/// Six bytes in a file of SQLite; its digits are searched too.
const PUPIL: i64 = 0x5A6B_7C8D_9E1F;

/// The pupil's enrolment.
const ENROLMENT: i64 = 0x6B5A_8D7C_1F9E;

/// In every text of the pupil.
const CANARY: &str = "zq77canary";

/// A neighbour.
const OTHER: i64 = 0x1111_2222_3333;

fn learners() -> Table {
    let columns = [
        ("id", Kind::Integer, ""),
        ("name", Kind::Text, ""),
        ("notes", Kind::Text, ""),
        ("friends", Kind::Json, "learners.id"),
    ];
    table("learners", &columns, PersonRows::Each)
}

fn enrolments() -> Table {
    let columns = [
        ("id", Kind::Integer, ""),
        ("learner_id", Kind::Integer, "learners.id"),
    ];
    let person = about("learner_id", "learners.id", &[]);
    table("enrolments", &columns, person)
}

/// Its rows lead to the person through an enrolment only.
fn results() -> Table {
    let columns = [
        ("id", Kind::Integer, ""),
        ("enrolment_id", Kind::Integer, "enrolments.id"),
        ("mark", Kind::Text, ""),
    ];
    let person = about("enrolment_id", "enrolments.id", &[]);
    table("results", &columns, person)
}

struct Installation {
    folder: tempfile::TempDir,
}

impl Installation {
    async fn new() -> Self {
        let installation = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        let tables = [
            learners(),
            enrolments(),
            results(),
            log("learners", "Learner"),
        ];
        let store = Store::open(&installation.mirror()).expect("a mirror");
        let act = move |connection: &mut Connection| {
            fit(connection, &tables, &Lookups::default())?;
            Ok(())
        };
        store.write(act).await.expect("written");
        drop(store);
        let connection = installation.writer();
        fill(&connection);
        let now = "2026-03-02T06:00:00Z".parse().expect("a time");
        let backup = BackupInput {
            mirror: installation.mirror(),
            vault: None,
            folder: installation.path("backups"),
            keep: NonZeroU32::new(7).expect("7"),
            now,
        };
        make(&backup).expect("a backup");
        before_upgrade(&installation.mirror(), 1).expect("a copy");
        fs::write(
            installation.path("backups/mirror-20260101T000000Z.db"),
            CANARY,
        )
        .expect("written");
        // Freed space of the mirror holds earlier pages.
        connection
            .execute_batch(
                "PRAGMA secure_delete = OFF; DELETE FROM north_learners WHERE id BETWEEN 40 AND 50; \
                 UPDATE north_learners_history SET notes = notes || 'x'; PRAGMA secure_delete = ON;",
            )
            .expect("changed");
        installation
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn mirror(&self) -> PathBuf {
        self.path("mirror.db")
    }

    fn writer(&self) -> Connection {
        let connection = Connection::open(self.mirror()).expect("opened");
        connection
            .busy_timeout(std::time::Duration::ZERO)
            .expect("set");
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA secure_delete = ON; \
                 PRAGMA wal_autocheckpoint = 0;",
            )
            .expect("set up");
        connection
    }

    fn vault(&self) -> Vault {
        Vault::open(self.folder.path(), Keys::None).expect("a vault")
    }

    /// What a process does for an erasure.
    fn erase(&self) -> Result<(), StoreError> {
        let (mut connection, vault) = (self.writer(), self.vault());
        begin(&mut connection, &vault, &order(), &Lookups::default())?;
        self.finish(&mut connection, &vault)
    }

    fn finish(&self, connection: &mut Connection, vault: &Vault) -> Result<(), StoreError> {
        let (ids, list, cleaned) = clean_mirror(connection, vault, &self.mirror())?;
        assert_eq!(cleaned, Cleaned::Whole);
        let copies = rewrite_all(&self.mirror(), &[self.path("backups")], &list)?;
        if !copies.left.is_empty() {
            return Err(StoreError::WriterStopped); // the power cut was there
        }
        finish(connection, vault, &ids, 0)
    }

    /// What the next start does; returns whether there was something to finish.
    fn restart(&self) -> bool {
        let (mut connection, vault) = (self.writer(), self.vault());
        vault.exchange_erasures(&mut connection).expect("compared");
        let is_pending = any_pending(&connection).expect("read");
        if is_pending {
            self.finish(&mut connection, &vault).expect("finished");
        }
        is_pending
    }

    /// Files with a byte of the pupil.
    fn hits(&self) -> Vec<String> {
        let mut hits = Vec::new();
        for folder in [self.folder.path().to_owned(), self.path("backups")] {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_file() && holds_pupil(&path) {
                    hits.push(path.display().to_string());
                }
            }
        }
        hits
    }

    /// All rows of others.
    fn others(&self) -> String {
        let sql = format!(
            "SELECT group_concat(line, char(10)) FROM ( \
               SELECT id || name || notes || coalesce(friends, '-') || _since || _fingerprint AS line FROM north_learners \
               WHERE id NOT IN ({PUPIL}, 3) UNION ALL \
               SELECT id || coalesce(learner_id, '-') FROM north_enrolments WHERE learner_id IS NOT {PUPIL} UNION ALL \
               SELECT id || coalesce(enrolment_id, '-') || mark FROM north_results WHERE enrolment_id IS NOT {ENROLMENT} UNION ALL \
               SELECT id || record || entity FROM north_log WHERE NOT (record = {PUPIL} AND entity = 'Learner'))"
        );
        let reader = crate::store::database::reader(&self.mirror()).expect("a mirror");
        reader.query_row(&sql, [], |row| row.get(0)).expect("rows")
    }
}

fn order() -> ErasureOrder {
    ErasureOrder {
        people: vec![PersonKey {
            table: "north_learners".to_owned(),
            key: vec![PUPIL.to_string()],
        }],
        at: "2026-03-03T06:00:00.000Z".to_owned(),
        by_user: "anna".to_owned(),
        reason: "request".to_owned(),
    }
}

fn holds_pupil(path: &Path) -> bool {
    let bytes = fs::read(path).expect("read");
    let binary = |id: i64| id.to_be_bytes()[2..].to_vec();
    let little = |id: i64| id.to_le_bytes()[..6].to_vec();
    let searched = [
        CANARY.as_bytes().to_vec(),
        binary(PUPIL),
        little(PUPIL),
        PUPIL.to_string().into_bytes(),
        binary(ENROLMENT),
        little(ENROLMENT),
        ENROLMENT.to_string().into_bytes(),
    ];
    searched
        .iter()
        .any(|text| bytes.windows(text.len()).any(|window| window == text))
}

fn insert(connection: &Connection, table: &Table, cells: &[Cell<'_>]) {
    let mut bytes = Vec::new();
    cells.iter().for_each(|cell| cell.write(&mut bytes));
    let mut insert = connection
        .prepare_cached(&table.insert_sql(1))
        .expect("SQL");
    insert.raw_bind_parameter(1, 1).expect("bound");
    insert
        .raw_bind_parameter(2, "2026-03-01T00:00:00.000Z")
        .expect("bound");
    for (number, cell) in cells.iter().enumerate() {
        insert
            .raw_bind_parameter(number + 3, crate::store::sql_cells::SqlCell(*cell))
            .expect("bound");
    }
    insert
        .raw_bind_parameter(cells.len() + 3, Cells::of(&bytes).fingerprint())
        .expect("bound");
    insert.raw_execute().expect("inserted");
}

/// The pupil in live tables, histories, records and messages, among 60 others; notes fill overflow pages.
fn fill(connection: &Connection) {
    use Cell::{Integer, Null, Text};
    connection.execute_batch("BEGIN").expect("begun");
    let long = "of another person ".repeat(300);
    for id in 1..60 {
        let friends = if id == 3 {
            format!("[2,{PUPIL}]")
        } else {
            "[2]".to_owned()
        };
        insert(
            connection,
            &learners(),
            &[Integer(id), Text("Kim"), Text(&long), Text(&friends)],
        );
        insert(connection, &enrolments(), &[Integer(id), Integer(id)]);
        insert(
            connection,
            &results(),
            &[Integer(id), Integer(id), Text("A")],
        );
    }
    let notes = format!("{CANARY} ").repeat(900);
    let canary = Text(CANARY);
    insert(
        connection,
        &learners(),
        &[Integer(PUPIL), canary, Text(&notes), Text("[2]")],
    );
    insert(
        connection,
        &learners(),
        &[Integer(OTHER), Text("Kim"), Text("x"), Null],
    );
    insert(
        connection,
        &enrolments(),
        &[Integer(ENROLMENT), Integer(PUPIL)],
    );
    insert(
        connection,
        &results(),
        &[Integer(9001), Integer(ENROLMENT), canary],
    );
    insert(
        connection,
        &log("learners", "Learner"),
        &[Integer(1), Integer(PUPIL), Text("Learner")],
    );
    insert(
        connection,
        &log("learners", "Learner"),
        &[Integer(2), Integer(OTHER), Text("Learner")],
    );
    let key = |id: i64| {
        let mut bytes = Vec::new();
        Integer(id).write(&mut bytes);
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    connection
        .execute_batch(&format!(
            "INSERT INTO north_learners_history SELECT id, name, notes || '{CANARY}', friends, _since, _run, '2026-03-01', 'changed', 2 \
               FROM north_learners WHERE id = {PUPIL};
             INSERT INTO north_learners_history SELECT id, name, notes, '[{PUPIL}]', _since, _run, '2026-03-01', 'changed', 2 \
               FROM north_learners WHERE id = 4;
             INSERT INTO north_enrolments_history SELECT id, learner_id, _since, _run, '2026-03-01', 'changed', 2 \
               FROM north_enrolments WHERE id = {ENROLMENT};
             INSERT INTO rollbook_runs (run, job, source, cause, started, message) VALUES (1, 'j', 'north', 'schedule', 't', \
               'held: all 6 rows of {CANARY} would be removed');
             INSERT INTO rollbook_run_streams (run, stream, reading, outcome, message, pages, rows_read, new, changed, removed, \
               unconfirmed, unchanged, rejected, duration_ms) VALUES (1, 'learners', 'full', 'incomplete', \
               'could not read {PUPIL}: 403; its rows are unchanged', 1, 1, 0, 0, 0, 0, 0, 0, 1);
             INSERT INTO rollbook_rejects VALUES (1, 'north', 'learners', '{PUPIL} 2026 to 2027', 'why', 1);
             INSERT INTO rollbook_unconfirmed (source, stream, key, missed, first_run) VALUES ('north', 'learners', x'{0}', 1, 1);
             INSERT INTO rollbook_unconfirmed (source, stream, key, missed, first_run) VALUES ('north', 'learners', x'{2}', 1, 1);
             INSERT INTO rollbook_row_problems VALUES ('north', 'enrolments', x'{1}', 'learner_id', 'why', 0, 1);
             INSERT INTO rollbook_row_problems VALUES ('north', 'results', x'{1}', 'mark', 'why', 1, 1);
             INSERT INTO rollbook_known_pages VALUES ('north', 'learners', x'00', '2026', '{{}}', 1, 1, 1, 1, '', x'');
             INSERT INTO rollbook_held (run, source, stream, new, changed, removed)
             VALUES (1, 'north', 'learners', 0, 0, 1), (1, 'north', 'enrolments', 1, 0, 0);
             INSERT INTO rollbook_held_rows VALUES (1, 'learners', 'removed', '[{PUPIL}]'), (1, 'learners', 'removed', '[{OTHER}]'), \
               (1, 'enrolments', 'new', '[{ENROLMENT}]');
             INSERT INTO rollbook_match_sets VALUES ('pupils', 'north_learners', 'north_enrolments', 1, 0, 0, 0);
             INSERT INTO rollbook_matches VALUES ('pupils', '{PUPIL}', '{ENROLMENT}', 'id', 't', 1), ('pupils', '{OTHER}', '5', 'id', 't', 1);
             INSERT INTO rollbook_checkpoints (source, stream, item, same) VALUES ('north', 'results', '{PUPIL}', NULL), \
               ('north', 'results', '{OTHER}', NULL), ('north', 'results', 'x', '{CANARY} 1');
             INSERT INTO rollbook_jobs (job, parked) VALUES ('j', 'could not read {CANARY}');
             INSERT INTO rollbook_outbox (channel, kind, job, message, created, attempts, due) \
               VALUES ('c', 'failed', 'j', 'j: all rows of {CANARY} would be removed', 't', 0, 't');",
            key(PUPIL),
            key(ENROLMENT),
            key(OTHER),
        ))
        .expect("filled");
    connection.execute_batch("COMMIT").expect("committed");
}

#[tokio::test]
async fn no_byte_is_left_and_others_keep_what_they_have() {
    let installation = Installation::new().await;
    assert!(installation.hits().len() >= 4, "{:?}", installation.hits());
    let before = installation.others();
    installation.erase().expect("erased");
    assert_eq!(installation.hits(), Vec::<String>::new());
    assert_eq!(installation.others(), before);
    let reader = installation.writer();
    for (sql, expected) in [
        ("SELECT friends FROM north_learners WHERE id = 3", "[2]"),
        (
            "SELECT friends FROM north_learners_history WHERE id = 4",
            "[]",
        ),
        (
            "SELECT message FROM rollbook_runs",
            "held: all 6 rows of (erased) would be removed",
        ),
        (
            "SELECT message FROM rollbook_run_streams",
            "could not read (erased): 403; its rows are unchanged",
        ),
        ("SELECT count(*) || '' FROM rollbook_unconfirmed", "1"),
        ("SELECT count(*) || '' FROM rollbook_row_problems", "0"),
        ("SELECT count(*) || '' FROM rollbook_known_pages", "0"),
        ("SELECT count(*) || '' FROM rollbook_held_rows", "1"),
        ("SELECT count(*) || '' FROM rollbook_matches", "1"),
        (
            "SELECT group_concat(item) FROM rollbook_checkpoints",
            &OTHER.to_string(),
        ),
        (
            "SELECT state || by_user || reason FROM rollbook_erasures",
            "doneannarequest",
        ),
        (
            "SELECT group_concat(place || erased || cut, ' ') FROM (SELECT * FROM rollbook_erasure_counts WHERE place LIKE 'north%' ORDER BY place)",
            "north_enrolments10 north_enrolments_history10 north_learners11 north_learners_history11 north_log10 north_results10",
        ),
    ] {
        let found: String = reader.query_row(sql, [], |row| row.get(0)).expect(sql);
        assert_eq!(found, expected, "{sql}");
    }
    assert!(
        !installation
            .path("backups/mirror-20260101T000000Z.db")
            .exists(),
        "unreadable"
    );
    let problems = crate::store::maintenance::verify(
        &installation.mirror(),
        crate::store::maintenance::VerifyScope::All,
    );
    assert_eq!(problems.expect("verified").problems, Vec::<String>::new());
}

#[tokio::test]
async fn a_power_cut_at_any_step_leaves_it_complete_or_to_be_completed() {
    let mut steps = 0;
    loop {
        let installation = Installation::new().await;
        let before = installation.others();
        fault::fail_after(Some(steps));
        let ended = installation.erase();
        fault::fail_after(None);
        installation.restart();
        let known = erasures(&installation.writer()).expect("read");
        if known.is_empty() {
            assert_eq!(steps, 0, "only before the vault knows of it");
            installation.erase().expect("the next try");
        }
        assert_eq!(installation.hits(), Vec::<String>::new(), "step {steps}");
        assert_eq!(installation.others(), before, "step {steps}");
        for connection in [installation.writer(), vault_connection(&installation)] {
            let all = erasures(&connection).expect("read");
            let states: Vec<ErasureState> = all.iter().map(|one| one.state).collect();
            assert_eq!(states, [ErasureState::Done], "step {steps}");
        }
        if ended.is_ok() {
            break;
        }
        steps += 1;
    }
    assert!(steps >= 10, "{steps} steps were tried");
}

fn vault_connection(installation: &Installation) -> Connection {
    Connection::open(installation.path("vault.db")).expect("a vault")
}

#[tokio::test]
async fn a_reader_that_holds_the_log_is_named_and_the_log_cut_later() {
    let installation = Installation::new().await;
    let (mut connection, vault) = (installation.writer(), installation.vault());
    let reader = Connection::open(installation.mirror()).expect("opened");
    let snapshot = reader.unchecked_transaction().expect("begun");
    let rows = "SELECT count(*) FROM north_learners";
    snapshot
        .query_row(rows, [], |row| row.get::<_, i64>(0))
        .expect("read");
    begin(&mut connection, &vault, &order(), &Lookups::default()).expect("deleted");
    let (_, _, cleaned) =
        clean_mirror(&mut connection, &vault, &installation.mirror()).expect("rewritten");
    let Cleaned::LogIsRead(readers) = cleaned else {
        panic!("the log was cut while it was read");
    };
    let pids: Vec<u32> = readers.iter().map(|reader| reader.pid).collect();
    assert_eq!(pids, [std::process::id()]);
    drop(snapshot);
    drop((connection, vault, reader));
    assert!(installation.restart());
    assert_eq!(installation.hits(), Vec::<String>::new());
}

/// The kernel ends the locks of a process on a file when the process closes any handle of that file.
#[tokio::test]
async fn looking_for_copies_ends_no_lock_of_this_process() {
    let installation = Installation::new().await;
    let (connection, vault) = (installation.writer(), installation.vault());
    let snapshot = connection.unchecked_transaction().expect("begun");
    let rows = "SELECT count(*) FROM north_learners";
    snapshot
        .query_row(rows, [], |row| row.get::<_, i64>(0))
        .expect("read");
    let files = ["mirror.db", "mirror.db-shm", "vault.db", "vault.db-shm"];
    let locked = |name: &str| {
        let inode = fs::metadata(installation.path(name)).expect("a file").ino();
        let own = format!(" {} ", std::process::id());
        // The kernel misses lines where other locks come and go meanwhile.
        (0..100).any(|_| {
            let locks = fs::read_to_string("/proc/locks").expect("read");
            locks
                .lines()
                .any(|line| line.contains(&own) && line.contains(&format!(":{inode} ")))
        })
    };
    for name in files {
        assert!(locked(name), "{name} is not locked before");
    }
    let by_hand = installation.path("100 % by hand + #1?.sqlite");
    let (backup, folder) = (
        installation.path("mirror-before-upgrade-1.db"),
        installation.path("backups"),
    );
    fs::copy(backup, &by_hand).expect("copied");
    let copies = find_copies(&installation.mirror(), &[folder]).expect("found");
    assert!(copies.contains(&by_hand), "{copies:?}");
    assert!(!copies.contains(&installation.path("vault.db")));
    for name in files {
        assert!(locked(name), "the locks of {name} have ended");
    }
    drop((snapshot, vault));
}

#[tokio::test]
async fn what_the_vault_or_a_backup_knows_holds_for_another_mirror() {
    let installation = Installation::new().await;
    let kept = tempfile::tempdir().expect("a folder");
    let old = kept.path().join("old");
    fs::copy(installation.path("mirror-before-upgrade-1.db"), &old).expect("copied");
    installation.erase().expect("erased");
    // An older mirror is copied back by hand.
    for ending in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(installation.path(&format!("mirror.db{ending}")));
    }
    fs::copy(&old, installation.mirror()).expect("copied back");
    assert!(holds_pupil(&installation.mirror()));
    assert!(installation.restart(), "it does not know the erasure");
    assert_eq!(installation.hits(), Vec::<String>::new());
    // The vault is lost; the mirror still has list and key.
    for ending in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(installation.path(&format!("vault.db{ending}")));
    }
    assert!(!installation.restart(), "it was finished");
    let list = load_suppression(&installation.vault(), &installation.writer()).expect("a list");
    let target = crate::store::suppression::HashTarget::key_of(&learners());
    assert!(list.kind(&target, &[PUPIL.to_string()]).is_some());
    assert!(list.kind(&target, &[OTHER.to_string()]).is_none());
    // And lifted in one place it is lifted in both.
    let (connection, vault) = (installation.writer(), installation.vault());
    let id = erasures(&connection).expect("read")[0].id.clone();
    fault::fail_after(Some(0));
    lift(&connection, &vault, &id).expect_err("a power cut before the vault knows");
    fault::fail_after(None);
    drop((connection, vault));
    assert!(!installation.restart());
    let (connection, vault) = (installation.writer(), installation.vault());
    assert!(
        load_suppression(&vault, &connection)
            .expect("a list")
            .is_empty()
    );
    assert_eq!(
        erasures(&vault_connection(&installation)).expect("read")[0].state,
        ErasureState::Lifted
    );
}

/// Backups of the time before `pseudonymise` have the pupil under another key.
#[tokio::test]
async fn a_copy_with_keys_that_were_masked_otherwise_is_not_taken_for_clean() {
    let installation = Installation::new().await;
    let (mut connection, vault) = (installation.writer(), installation.vault());
    let mask = "UPDATE rollbook_columns SET masking = 'pseudonym' WHERE stream = 'learners' AND \"column\" = 'id'";
    assert_eq!(connection.execute(mask, []), Ok(1));
    begin(&mut connection, &vault, &order(), &Lookups::default()).expect("erased");
    let (mirror, backups) = (installation.mirror(), installation.path("backups"));
    let (_, list, _) = clean_mirror(&mut connection, &vault, &mirror).expect("cleaned");
    let copies = rewrite_all(&mirror, &[backups], &list).expect("read");
    assert_eq!(copies.rewritten, Vec::<PathBuf>::new());
    assert_eq!(
        copies.left.len(),
        2,
        "the backup and the copy before an upgrade"
    );
    for one in &copies.left {
        assert!(
            one.why.contains("cannot be found in it: delete it"),
            "{one:?}"
        );
        let restored = replay(&one.path, &vault, &mirror).expect_err("not restored");
        assert!(
            restored.to_string().contains("restore a newer one"),
            "{restored}"
        );
    }
}

#[tokio::test]
async fn a_preview_counts_in_mirror_and_copies_and_finds_names_in_others_texts() {
    let installation = Installation::new().await;
    let connection = installation.writer();
    connection
        .execute_batch(&format!(
            "UPDATE north_learners SET notes = 'sits beside {CANARY} ZQ77 in 5A' WHERE id = 9; \
             UPDATE north_learners SET notes = 'ZQ77' WHERE id = {PUPIL}"
        ))
        .expect("changed");
    let found = preview(
        &installation.mirror(),
        &[installation.path("backups")],
        &order().people,
        |table| match table.stream.as_str() {
            "learners" => vec!["name".to_owned(), "notes".to_owned()],
            _ => Vec::new(),
        },
    )
    .expect("counted");
    let total: u64 = found.mirror.iter().map(|one| one.erased + one.cut).sum();
    assert_eq!(total, 14, "{found:?}");
    let copies: Vec<Option<u64>> = found.copies.iter().map(|copy| copy.rows).collect();
    assert_eq!(copies, [None, Some(14), Some(14)], "{found:?}");
    let mentions: Vec<(&str, u64)> = found
        .mentions
        .iter()
        .map(|one| (one.table.as_str(), one.rows))
        .collect();
    assert_eq!(mentions, [("north_learners", 1)]);
    let unknown = PersonKey {
        table: "north_learners".to_owned(),
        key: vec!["12345678".to_owned()],
    };
    let none = preview(&installation.mirror(), &[], &[unknown], |_| Vec::new());
    assert!(none.expect("counted").is_empty());
}
