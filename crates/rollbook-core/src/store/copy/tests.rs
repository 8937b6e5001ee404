//! Copies of a real mirror, read like any other SQLite file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use rusqlite::OpenFlags;

use super::*;
use crate::model::row::{Cell, Cells, Kind};
use crate::model::{Cause, Outcome, Table, named};
use crate::permissions::invoker;
use crate::store::lookups::Lookups;
use crate::store::runs::{self, RunEnd, StreamRecord};
use crate::store::tables::fit;
use crate::store::{Store, maintenance};

const EMAIL: &str = "kim.secret@school.example";

fn users() -> Table {
    let columns = [
        ("id", Kind::Integer),
        ("name", Kind::Text),
        ("email", Kind::Text),
    ];
    let mut table = Table::plain("users", &columns);
    for column in &mut table.columns {
        column.help = format!("the {}", column.name);
    }
    table
}

struct Mirror {
    folder: tempfile::TempDir,
    store: Arc<Store>,
}

impl Mirror {
    /// A mirror with some users and a history row.
    async fn with(rows: i64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("mirror.db")).expect("a mirror");
        let mirror = Self {
            folder,
            store: Arc::new(store),
        };
        mirror
            .store
            .write(move |connection| {
                fit(connection, &[users()], &Lookups::default())?;
                let transaction = connection.transaction().expect("begun");
                for id in 0..rows {
                    insert(&transaction, id);
                }
                transaction
                    .execute(
                        "INSERT INTO north_users_history VALUES (7, 'Old', ?1, 's', 1, 'u', 'changed', 1)",
                        [EMAIL],
                    )
                    .expect("inserted");
                transaction.commit().expect("committed");
                Ok(())
            })
            .await
            .expect("written");
        mirror
    }

    fn wanted(&self) -> CopyInput {
        CopyInput {
            mirror: self.store.path().to_owned(),
            path: self.folder.path().join("out/copy.db"),
            tables: None,
            leave_out: Vec::new(),
            group: None,
            now: time("2026-03-02T07:15:00Z"),
        }
    }

    /// Records a run with so many changes.
    async fn run(&self, new: u64, has_ended: bool) -> i64 {
        let act = move |connection: &mut Connection| {
            let now = time("2026-03-02T07:00:00Z");
            let run = runs::begin(
                connection,
                (&named("roster"), &named("north")),
                Cause::Schedule,
                None,
                now,
            )?;
            let record = StreamRecord {
                new,
                outcome: Outcome::Ok,
                ..StreamRecord::new(named("users"))
            };
            runs::record_stream(connection, run, &named("north"), &record, &[])?;
            if has_ended {
                runs::end(connection, run, now, &RunEnd::default())?;
            }
            Ok(run)
        };
        self.store.write(act).await.expect("recorded")
    }
}

fn insert(connection: &Connection, id: i64) {
    let mut bytes = Vec::new();
    let name = format!("Kim {id}");
    for cell in [Cell::Integer(id), Cell::Text(&name), Cell::Text(EMAIL)] {
        cell.write(&mut bytes);
    }
    let fingerprint = Cells::of(&bytes).fingerprint();
    connection
        .execute(
            "INSERT INTO north_users VALUES (?1, ?2, ?3, '2026-03-02T07:00:00.000Z', 1, ?4)",
            params![id, name, EMAIL, fingerprint],
        )
        .expect("inserted");
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn open(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("opened")
}

fn ask(path: &Path, sql: &str) -> Vec<String> {
    let connection = open(path);
    let mut statement = connection.prepare(sql).expect("prepared");
    let rows = statement.query_map([], |row| row.get(0)).expect("asked");
    rows.collect::<rusqlite::Result<_>>().expect("read")
}

fn holds(path: &Path, text: &str) -> bool {
    let bytes = fs::read(path).expect("read");
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
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
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_copy_is_one_file_without_a_log_that_anything_can_read() {
    let mirror = Mirror::with(50).await;
    let run = mirror.run(50, true).await;
    let wanted = mirror.wanted();
    let made = make(&wanted, &CopyStop::default()).expect("made");
    assert_eq!((made.run, made.tables, made.rows), (run, 1, 50));
    assert_eq!(names(&mirror.folder.path().join("out")), ["copy.db"]);
    let mode = fs::metadata(&wanted.path)
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        ask(&wanted.path, "SELECT journal_mode FROM pragma_journal_mode"),
        ["delete"]
    );
    let schema = "SELECT sql FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    let tables = ask(&wanted.path, schema);
    assert_eq!(
        tables[0],
        "CREATE TABLE \"north_users\" (\"id\" INTEGER, \"name\" TEXT, \"email\" TEXT, \"_since\" TEXT, \
         \"_run\" INTEGER, PRIMARY KEY (\"id\"))"
    );
    assert_eq!(tables.len(), 3, "{tables:?}");
    assert!(
        tables.iter().all(|sql| !sql.contains("STRICT")),
        "{tables:?}"
    );
    assert_eq!(
        ask(&wanted.path, "SELECT made || ' ' || run FROM rollbook_copy"),
        [format!("2026-03-02T07:15:00.000Z {run}")]
    );
    assert_eq!(
        ask(
            &wanted.path,
            "SELECT meaning FROM rollbook_columns ORDER BY position"
        ),
        ["the id", "the name", "the email"]
    );
    // It is never taken for a mirror.
    let refused = Store::open(&wanted.path).expect_err("refused").to_string();
    assert!(refused.contains("belongs to another program"), "{refused}");
}

#[tokio::test]
async fn what_is_left_out_is_in_no_byte_of_the_file() {
    let mirror = Mirror::with(200).await;
    let mut wanted = mirror.wanted();
    wanted.tables = Some(
        ["north_users", "north_users_history", "north_rooms"]
            .map(str::to_owned)
            .into(),
    );
    let made = make(&wanted, &CopyStop::default()).expect("made");
    assert_eq!(made.missing, ["north_rooms"]);
    assert_eq!(made.tables, 2);
    assert!(holds(&wanted.path, EMAIL));
    wanted.leave_out = vec![("north_users".to_owned(), "email".to_owned())];
    make(&wanted, &CopyStop::default()).expect("made");
    assert!(!holds(&wanted.path, EMAIL), "of the table or its history");
    assert!(holds(&wanted.path, "Kim 7"));
    assert_eq!(
        ask(
            &wanted.path,
            "SELECT name FROM pragma_table_info('north_users_history')"
        ),
        [
            "id",
            "name",
            "_since",
            "_run",
            "_until",
            "_ended",
            "_ended_run"
        ]
    );
    assert_eq!(
        ask(
            &wanted.path,
            "SELECT \"column\" FROM rollbook_columns ORDER BY position"
        ),
        ["id", "name"]
    );
    // Without its key a table has none, and its rows are all there.
    wanted
        .leave_out
        .push(("north_users".to_owned(), "id".to_owned()));
    make(&wanted, &CopyStop::default()).expect("made");
    assert_eq!(
        ask(
            &wanted.path,
            "SELECT CAST(count(*) AS TEXT) FROM north_users"
        ),
        ["200"]
    );
}

#[tokio::test]
async fn the_writer_goes_on_and_the_copy_is_of_one_moment() {
    let mirror = Mirror::with(2000).await;
    let (wanted, stop) = (mirror.wanted(), CopyStop::default());
    let store = Arc::clone(&mirror.store);
    // Each transaction adds to the table and to the history, so that a copy of one moment has as many of both.
    let writing = tokio::spawn(async move {
        for id in 10_000..10_100_i64 {
            let add = move |connection: &mut Connection| {
                let transaction = connection.transaction().expect("begun");
                insert(&transaction, id);
                transaction
                    .execute(
                        "INSERT INTO north_users_history VALUES (?1, 'x', 'x', 's', 1, 'u', 'changed', 1)",
                        [id],
                    )
                    .expect("inserted");
                transaction.commit().expect("committed");
                Ok(())
            };
            store.write(add).await.expect("written");
        }
    });
    let mut both = wanted.clone();
    both.tables = Some(
        ["north_users", "north_users_history"]
            .map(str::to_owned)
            .into(),
    );
    for _ in 0..10 {
        let (both, stop) = (both.clone(), stop.clone());
        let made = tokio::task::spawn_blocking(move || make(&both, &stop));
        made.await.expect("ended").expect("made");
        let counts = "SELECT ((SELECT count(*) FROM north_users) - 2000) || ' ' || \
             ((SELECT count(*) FROM north_users_history) - 1)";
        let counts = ask(&wanted.path, counts);
        let (live, history) = counts[0].split_once(' ').expect("two");
        assert_eq!(live, history);
    }
    writing.await.expect("written");
}

#[tokio::test]
async fn a_copy_that_was_interrupted_leaves_nothing_and_keeps_the_last_one() {
    let mirror = Mirror::with(50).await;
    let wanted = mirror.wanted();
    make(&wanted, &CopyStop::default()).expect("made");
    let before = fs::read(&wanted.path).expect("read");
    let stop = CopyStop::default();
    stop.stop();
    make(&wanted, &stop).expect_err("stopped");
    assert_eq!(names(&mirror.folder.path().join("out")), ["copy.db"]);
    assert!(
        fs::read(&wanted.path).expect("read") == before,
        "the last one"
    );
    // Of a process that was killed.
    let part = mirror.folder.path().join("out/.copy.db.part");
    fs::write(&part, "half").expect("written");
    fs::write(
        mirror.folder.path().join("out/.copy.db.part-journal"),
        "half",
    )
    .expect("written");
    remove_leftover(&wanted.path).expect("removed");
    assert_eq!(names(&mirror.folder.path().join("out")), ["copy.db"]);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named_with_the_command() {
    let mirror = Mirror::with(1).await;
    let mut wanted = mirror.wanted();
    wanted.path = mirror.folder.path().join("not/there/copy.db");
    let folder = mirror.folder.path().join("not/there").display().to_string();
    let error = make(&wanted, &CopyStop::default())
        .expect_err("no folder")
        .to_string();
    let user = this_user();
    assert!(
        error.ends_with(&format!(
            "copy.db: {user} cannot write the folder {folder}; run `install -d -o {user} -m 2750 -g GROUP {folder}` \
             with the group that shall read it"
        )),
        "{error}"
    );
    // The disk of the copy is full, not the mirror's.
    wanted.path = Path::new("/dev/full/copy.db").to_owned();
    make(&wanted, &CopyStop::default()).expect_err("no folder");
    let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
    let full = StoreError::sql("copy")(rusqlite::Error::SqliteFailure(full, None));
    assert_eq!(
        told(full, Path::new("copy.db")).to_string(),
        "copy.db: there is no room for the copy: the disk or a quota is full"
    );
    let read_only = StoreError::disk(Path::new("/x"), "make the copy");
    assert_eq!(
        told(
            read_only(io::ErrorKind::ReadOnlyFilesystem.into()),
            Path::new("/x/copy.db")
        )
        .to_string(),
        "/x/copy.db: the folder /x is read-only for this process; under systemd, let the unit write it: \
         `ReadWritePaths=/x` by `systemctl edit rollbook`"
    );
}

#[tokio::test]
async fn only_a_run_that_ended_and_changed_something_counts() {
    let mirror = Mirror::with(1).await;
    let last = || record::last_change(&mirror.store.reader().expect("a reader")).expect("asked");
    assert_eq!(last(), 0);
    let first = mirror.run(1, true).await;
    mirror.run(0, true).await;
    mirror.run(1, false).await;
    assert_eq!(last(), first);
}

#[tokio::test]
async fn the_record_is_kept_and_a_restored_mirror_has_none() {
    let mirror = Mirror::with(1).await;
    let wanted = mirror.wanted();
    let path = wanted.path.to_string_lossy().into_owned();
    let state = record::CopyState {
        made: Some(wanted.now),
        run: Some(3),
        definition: Some("d".to_owned()),
        failures: 2,
        failed: Some(wanted.now),
        message: Some("full".to_owned()),
    };
    let (saved, name) = (state.clone(), path.clone());
    let save = move |connection: &mut Connection| record::save(connection, &name, &saved);
    mirror.store.write(save).await.expect("saved");
    let found = record::state(&mirror.store.reader().expect("a reader"), &path);
    assert_eq!(found.expect("read"), state);
    let backup = maintenance::make(&maintenance::BackupInput {
        mirror: wanted.mirror.clone(),
        vault: None,
        folder: mirror.folder.path().join("backups"),
        keep: std::num::NonZeroU32::MIN,
        now: wanted.now,
    })
    .expect("a backup");
    let other = mirror.folder.path().join("other");
    fs::create_dir(&other).expect("made");
    let other = other.join("mirror.db");
    maintenance::restore(&backup.mirror, &other, invoker(), wanted.now, |_| Ok(None))
        .expect("restored");
    assert_eq!(ask(&other, "SELECT path FROM rollbook_copy"), [""; 0]);
}

#[tokio::test]
async fn another_form_of_the_copy_is_noticed() {
    let mirror = Mirror::with(1).await;
    let reader = mirror.store.reader().expect("a reader");
    let of = |change: &dyn Fn(&mut CopyInput)| {
        let mut wanted = mirror.wanted();
        change(&mut wanted);
        definition(&reader, &wanted).expect("read")
    };
    let first = of(&|_| {});
    assert_eq!(
        first,
        of(&|wanted| wanted.now = time("2027-01-01T00:00:00Z"))
    );
    assert_ne!(
        first,
        of(&|wanted| wanted.tables = Some(vec!["north_users".to_owned()]))
    );
    assert_ne!(
        first,
        of(&|wanted| wanted.leave_out = vec![("north_users".to_owned(), "email".to_owned())])
    );
    drop(reader);
    let drop_column = |connection: &mut Connection| {
        let mut table = users();
        table.columns.pop();
        fit(connection, &[table], &Lookups::default()).map(drop)
    };
    mirror.store.write(drop_column).await.expect("fitted");
    let reader = mirror.store.reader().expect("a reader");
    let after = definition(&reader, &mirror.wanted()).expect("read");
    assert_ne!(first, after, "a column that a job drops");
}
