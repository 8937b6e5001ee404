//! Responses that were received before: which count as the same, and that a walk finds in them what it found when they were decoded.

use jiff::Timestamp;

use super::*;
use rollbook_core::model::{History, SourceName, Table};
use rollbook_core::store::apply::{Removals, Stamp, apply};
use rollbook_core::store::lookups::Lookups;
use rollbook_core::store::tables::fit;
use rollbook_core::store::{Absence, Ending, KnownPages, PageNote, Size, Staging, Store};

const STAMP: &str = "2026-03-02T06:00:00.000Z";

const PAGE: &str =
    "by = \"offset\", offset = \"offset\", limit = \"limit\", size = 2, total_header = \"x-total\"";

/// A mirror with the pages of one reading.
struct World {
    _folder: tempfile::TempDir,
    store: Arc<Store>,
    table: Arc<Table>,
}

impl World {
    fn new(stage: &Stage) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("mirror.db")).expect("a mirror");
        let table = stage.spec.table(&named::<SourceName>("own"), History::Off);
        let tables = vec![table.clone()];
        let act = move |connection: &mut _| fit(connection, &tables, &Lookups::default());
        block_on(store.write(act)).expect("tables");
        Self {
            _folder: folder,
            store: Arc::new(store),
            table: Arc::new(table),
        }
    }

    fn pages(&self, stage: &Stage, item: &Item, filter: u128) -> ListPages {
        let now: Timestamp = STAMP.parse().expect("a time");
        let known = KnownPages::load(&self.store, &self.table, now).expect("loaded");
        let read_by = rollbook_core::model::debug_fingerprint(&(stage.spec.context(), filter));
        ListPages::of(&known, read_by, item)
    }

    fn store(&self, pages: Vec<PageRows>) {
        let table = Arc::clone(&self.table);
        let mut staging = Staging::open(&self.store, table, Size::Counted).expect("a reading");
        for page in pages {
            staging.receive(page).expect("received");
        }
        let staged = staging.finish(&Ending::of(Absence::All, 1)).expect("ended");
        let stamp = Stamp {
            run: 1,
            now: STAMP.to_owned(),
        };
        let write = move |connection: &mut rusqlite::Connection| {
            let transaction = connection.transaction().expect("a transaction");
            apply(&transaction, &staged, &stamp, Removals::All)?;
            transaction.commit().expect("committed");
            Ok(())
        };
        block_on(self.store.write(write)).expect("applied");
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(future)
}

fn seen(pages: &[PageRows]) -> usize {
    let is_seen = |page: &&PageRows| matches!(page.note, PageNote::Known(_));
    pages.iter().filter(is_seen).count()
}

fn answer(total: u64, rows: &str) -> String {
    format!("200\nx-total: {total}\n{{\"users\":[{rows}]}}")
}

const FIRST: &str = r#"{"id":"a","n":1,"more":2},{"id":"b"}"#;
const SECOND: &str = r#"{"id":"c","n":3}"#;

/// A walk through known pages finds what it found when they were decoded.
#[test]
fn known_pages_say_what_they_said() {
    let stage = Stage::new(&format!("{PAGE}, total_member = [\"total\"]"));
    let in_body = |rows: &str| format!("200\n{{\"users\":[{rows}],\"total\":3}}");
    for answers in [
        [answer(3, FIRST), answer(3, SECOND)],
        [in_body(FIRST), in_body(SECOND)],
    ] {
        let world = World::new(&stage);
        let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
        let item = Item::default();
        let walk = || stage.walk_with(Some(world.pages(&stage, &item, 0)), &answers);
        let (first, pages) = walk();
        assert_eq!((first.rows, seen(&pages)), (3, 0));
        world.store(pages);
        let (again, pages) = walk();
        assert_eq!(seen(&pages), 2);
        assert_eq!(again.asked, first.asked);
        assert_eq!(again.pages, first.pages);
        assert_eq!(again.end(), first.end());
        assert_eq!(
            format!("{:?}", again.facts()),
            format!("{:?}", first.facts())
        );
        assert_eq!(first.facts().total, Some(3));
        assert_eq!(first.facts().unlisted.list(), ["more"]);
        assert_eq!(first.facts().values, [3, 2]);
    }
}

/// Whatever decides what becomes of a response makes it another one.
#[test]
fn a_page_is_known_only_as_what_it_was() {
    let stage = || Stage::new(PAGE);
    let of = |text: &str| {
        Stage::of(&format!(
            "connector = \"v\"\ntitle = \"V\"\nbase_url = \"https://vendor.test\"\n[streams.users]\npath = \"/users\"\n\
             query = {{ sort = \"id\", orderBy = \"asc\" }}\nrows = \"users\"\nkey = [\"id\"]\npage = {{ {PAGE} }}\n{text}"
        ))
    };
    let same = "[streams.users.columns]\nid = \"id : text\"\nn = \"n : integer\"\n";
    let lower = "[streams.users.columns]\nid = \"id : text lower\"\nn = \"n : integer\"\n";
    let other_path = "[streams.users.columns]\nid = \"id : text\"\nn = \"more | n : integer\"\n";
    let whole = |rows: &str| vec![answer(3, rows), answer(3, SECOND)];
    let mut of_one = Item::default();
    of_one.variables.insert("item".into(), "1".into());
    let item = Item::default();
    for (name, stage, item, filter, answers, expected) in [
        ("the same", stage(), &item, 0, whole(FIRST), 2),
        ("the same text", of(same), &item, 0, whole(FIRST), 2),
        (
            "a column is read otherwise",
            of(lower),
            &item,
            0,
            whole(FIRST),
            0,
        ),
        (
            "a column has another path",
            of(other_path),
            &item,
            0,
            whole(FIRST),
            0,
        ),
        ("another item", stage(), &of_one, 0, whole(FIRST), 0),
        (
            "other people are erased",
            stage(),
            &item,
            1,
            whole(FIRST),
            0,
        ),
        (
            "another total",
            stage(),
            &item,
            0,
            vec![
                answer(4, FIRST),
                answer(4, SECOND),
                answer(4, ""),
                answer(4, ""),
            ],
            2,
        ),
        (
            "a value",
            stage(),
            &item,
            0,
            whole(&FIRST.replace("1", "7")),
            1,
        ),
        (
            "a space",
            stage(),
            &item,
            0,
            whole(&FIRST.replace("1,", "1 ,")),
            1,
        ),
    ] {
        let first = Stage::new(PAGE);
        let world = World::new(&first);
        let known = world.pages(&first, &Item::default(), 0);
        let before = whole(FIRST);
        let before: Vec<&str> = before.iter().map(String::as_str).collect();
        world.store(first.walk_with(Some(known), &before).1);
        let known = world.pages(&stage, item, filter);
        let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
        let (_, pages) = stage.walk_with(Some(known), &answers);
        assert_eq!(seen(&pages), expected, "{name}");
    }
}

/// What holds for one request alone, or is a part, is not kept.
#[test]
fn pages_with_addresses_and_parts_are_not_kept() {
    let linked = "by = \"cursor\", cursor = \"after\", next = \"next\"";
    for (name, page, answers) in [
        (
            "a cursor",
            linked,
            vec![
                format!("200\n{{\"users\":[{FIRST}],\"next\":\"x\"}}"),
                "200\n{\"users\":[]}".to_owned(),
            ],
        ),
        (
            "a part",
            "by = \"none\"",
            vec![format!("206\n{{\"users\":[{FIRST}]}}")],
        ),
    ] {
        let stage = Stage::new(page);
        let world = World::new(&stage);
        let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
        let item = Item::default();
        for _ in 0..2 {
            let known = world.pages(&stage, &item, 0);
            let (_, pages) = stage.walk_with(Some(known), &answers);
            assert_eq!(seen(&pages), 0, "{name}");
            world.store(pages);
        }
    }
}

/// A walk finds in pages of which some rows are known what it finds when it decodes them all, and decodes few of them.
#[test]
fn pages_that_changed_say_what_they_say() {
    let stage = Stage::of(
        "connector = \"v\"\ntitle = \"V\"\nbase_url = \"https://vendor.test\"\n[streams.users]\npath = \"/users\"\n\
         query = { sort = \"id\", orderBy = \"asc\" }\nrows = \"users\"\nkey = [\"id\"]\n\
         page = { by = \"offset\", offset = \"offset\", limit = \"limit\", size = 7, total_header = \"x-total\" }\n\
         since = { query = { since = \"{since}\" }, column = \"at\" }\n\
         [streams.users.columns]\nid = \"id : text\"\nat = \"at : timestamp\"\nn = \"n : integer\"\n",
    );
    let row = |id: char, hour: u32, more: &str| {
        format!(r#"{{"id":"user-{id}","at":"2026-03-01T{hour:02}:00:00Z"{more}}}"#)
    };
    let list = |letters: &str, hour: u32| -> Vec<String> {
        let new = |letter: char| {
            if letter.is_uppercase() {
                12 + hour
            } else {
                hour
            }
        };
        let one = |letter: char| row(letter.to_ascii_lowercase(), new(letter), "");
        letters.chars().map(one).collect()
    };
    let with = |mut rows: Vec<String>, id: char, more: &str| {
        let found = rows
            .iter_mut()
            .find(|row| row.contains(&format!("user-{id}")));
        *found.expect("the row") = row(id, 5, more);
        rows
    };
    let of = |rows: &[String]| -> Vec<String> {
        let pages = rows.chunks(7);
        pages
            .map(|page| answer(rows.len() as u64, &page.join(",")))
            .collect()
    };
    // The newest row and the one with another member are in blocks of their own.
    let list = |letters: &str| with(list(letters, 5), 'p', r#","more":1"#);
    let before = list("abcdefghijKlmnopqrst");
    for (name, after, decoded) in [
        ("a newer row", list("abCdefghijKlmnopqrst"), 3),
        ("rows of each page", list("aBcdefghIjKlmnopqrsT"), 7),
        ("the newest row", with(before.clone(), 'k', ""), 3),
        ("a value", with(before.clone(), 'd', r#","n":1"#), 3),
        (
            "another member",
            with(before.clone(), 'd', r#","other":1"#),
            3,
        ),
        ("one row less", list("abcdefghjKlmnopqrst"), 5),
        ("one row more", list("0abcdefghijKlmnopqrs"), 8),
    ] {
        let world = World::new(&stage);
        let item = Item::default();
        let first = of(&before);
        let first: Vec<&str> = first.iter().map(String::as_str).collect();
        let pages = stage
            .walk_with(Some(world.pages(&stage, &item, 0)), &first)
            .1;
        world.store(pages);
        let again = of(&after);
        let again: Vec<&str> = again.iter().map(String::as_str).collect();
        let expected = stage.walk(&again);
        for known in [decoded, 0] {
            let (walked, pages) = stage.walk_with(Some(world.pages(&stage, &item, 0)), &again);
            assert_eq!(walked.rows, known, "{name}");
            assert_eq!(walked.asked, expected.asked, "{name}");
            assert_eq!(walked.pages, expected.pages, "{name}");
            assert_eq!(walked.end(), expected.end(), "{name}");
            assert_eq!(
                format!("{:?}", walked.facts()),
                format!("{:?}", expected.facts()),
                "{name}"
            );
            world.store(pages);
        }
    }
}
