//! Pages that have changed: which of their rows are decoded, and that the reading leaves what one that decodes them all leaves.

use std::sync::Arc;

use proptest::prelude::*;

use super::{Mirror, runtime, time_of, users};
use crate::connector::columns::Column;
use crate::connector::decode::{Decoder, DecoderRules};
use crate::connector::response::{DecodedPage, PageReader, PageShape, RowsPath};
use crate::model::plan::Plan;
use crate::model::scalar;
use crate::store::known_pages::{DecodedText, KnownPages, NewPage, PageHash, PagePart};
use crate::store::staging::{Absence, Ending, PageNote, PageRows, ValueCounts, WaitingRows};

const CONTEXT: u128 = 7;

/// How a vendor's responses are read.
struct Reading {
    decoder: Decoder,
    shape: PageShape,
}

impl Reading {
    fn new() -> Self {
        let columns = [
            ("id", "id : text"),
            ("status", "status : text"),
            ("age", "age : integer"),
        ];
        let read = |(name, text)| Column::read(name, text, "", None).expect(text);
        let columns = columns.into_iter().map(read).collect();
        Self {
            decoder: Decoder::new(columns, vec![0], DecoderRules::default()),
            shape: PageShape {
                rows: vec![RowsPath::read("users")],
                ..PageShape::default()
            },
        }
    }

    fn decode(&self, body: &[u8]) -> DecodedPage {
        let page = PageReader::default().finish(&self.shape, &self.decoder, body, None);
        page.expect("a page")
    }

    /// A page with what is kept of it, and how many of its rows were decoded.
    fn page(&self, known: &Arc<KnownPages>, mirror: &Mirror, body: &str) -> (PageRows, usize) {
        let body = body.as_bytes();
        let hash = PageHash::of(CONTEXT, body);
        let mut rows = WaitingRows::new(mirror.store.staging_space());
        if let Some(page) = known.find(hash).expect("compared") {
            rows.push_seen(page.rows);
            let note = PageNote::Known(hash);
            return (PageRows { rows, note }, 0);
        }
        let left = known.abridge(CONTEXT, body).expect("compared");
        let joined = left.and_then(|left| {
            assert_eq!(left.metadata, ["metadata"]);
            let page = self.decode(&left.text).decoded;
            left.join(page.rows, &page.starts, None)
        });
        let (parts, blocks, decoded) = match joined {
            Some(page) => (page.parts, page.blocks, page.decoded),
            None => {
                let page = self.decode(body).decoded;
                let blocks = known.blocks(&DecodedText {
                    text: body,
                    starts: &page.starts,
                    rows: &page.rows,
                    context: CONTEXT,
                    newest: None,
                });
                (vec![PagePart::Decoded(Box::new(page.rows))], blocks, None)
            }
        };
        let mut count = 0;
        for part in parts {
            match part {
                PagePart::Decoded(part) => {
                    count += part.len();
                    rows.push(*part).expect("room");
                }
                PagePart::Seen(part) => rows.push_seen(part),
            }
        }
        let note = PageNote::New(NewPage {
            hash,
            metadata: "metadata".to_owned(),
            blocks,
            decoded,
        });
        (PageRows { rows, note }, count)
    }

    /// Reads pages with what is known at the time of the last run, and applies what differs; returns how many rows were decoded
    /// of each.
    async fn read(
        &self,
        mirror: &mut Mirror,
        pages: &[String],
    ) -> ((Plan, ValueCounts), Vec<usize>) {
        let now = scalar::parse(&time_of(mirror.run.max(1))).expect("a time");
        let known = KnownPages::load(&mirror.store, &mirror.table, now).expect("loaded");
        self.read_with(&known, mirror, pages).await
    }

    async fn read_with(
        &self,
        known: &Arc<KnownPages>,
        mirror: &mut Mirror,
        pages: &[String],
    ) -> ((Plan, ValueCounts), Vec<usize>) {
        let mut staging = mirror.begin();
        let mut decoded = Vec::new();
        for body in pages {
            let (page, rows) = self.page(known, mirror, body);
            decoded.push(rows);
            staging.receive(page).expect("received");
        }
        let ending = Ending::of(Absence::All, 1);
        let staged = staging.finish(&ending).expect("finished");
        let received = staged.received.clone();
        ((mirror.apply(staged).await.0, received), decoded)
    }

    /// Reads pages without anything that is known.
    async fn read_all(&self, mirror: &mut Mirror, pages: &[String]) -> (Plan, ValueCounts) {
        let mut staging = mirror.begin();
        for body in pages {
            let page = self.decode(body.as_bytes());
            staging.add(&page.decoded.rows).expect("compared");
        }
        let ending = Ending::of(Absence::All, 1);
        let staged = staging.finish(&ending).expect("finished");
        let received = staged.received.clone();
        (mirror.apply(staged).await.0, received)
    }
}

/// Rows by the letters of their keys; a capital one is in another version.
fn rows(letters: &str) -> Vec<String> {
    let row = |letter: char| {
        let age = if letter.is_uppercase() { 9 } else { 1 };
        let id = letter.to_ascii_lowercase();
        format!(r#"{{"id":"user-{id}","status":"x","age":{age}}}"#)
    };
    letters.chars().map(row).collect()
}

fn page(letters: &str) -> String {
    format!(r#"{{"users":[{}],"total":9}}"#, rows(letters).join(","))
}

fn spaced(letters: &str) -> String {
    let rows = rows(letters).join(" ,\n  ");
    let rows = rows.replace("{\"id\"", "{ \n\"id\"");
    format!("\n{{ \"users\" : [ {rows} ]\n}} ")
}

/// The blocks of `abcdefghi` are ab, cd, ef and gh: those of tests have two rows.
#[tokio::test]
async fn only_blocks_that_changed_are_decoded() {
    let reading = Reading::new();
    let one = |letters: &str| vec![page(letters)];
    for (name, before, after, decoded) in [
        ("nothing", one("abcdefghi"), one("abcdefghi"), vec![0]),
        ("a row", one("abcdefghi"), one("abcDefghi"), vec![3]),
        ("the first row", one("abcdefghi"), one("Abcdefghi"), vec![3]),
        ("the last row", one("abcdefghi"), one("abcdefghI"), vec![1]),
        (
            "two rows of a block",
            one("abcdefghi"),
            one("abcdEFghi"),
            vec![3],
        ),
        ("all rows", one("abcdefghi"), one("ABCDEFGHI"), vec![9]),
        ("a row is gone", one("abcdefghi"), one("abdefghi"), vec![2]),
        (
            "the first is gone",
            one("abcdefghi"),
            one("bcdefghi"),
            vec![2],
        ),
        (
            "the last is gone",
            one("abcdefghi"),
            one("abcdefgh"),
            vec![2],
        ),
        ("a new row", one("abcdfghij"), one("abcdefghij"), vec![2]),
        (
            "a new row in front",
            one("bcdefghij"),
            one("abcdefghij"),
            vec![2],
        ),
        ("a block is gone", one("abcdefghi"), one("abefghi"), vec![1]),
        (
            "rows move to the next page",
            vec![page("bcdefg"), page("hijklm"), page("no")],
            vec![page("abcdef"), page("ghijkl"), page("mno")],
            vec![2, 2, 2],
        ),
        (
            "rows move to the page before",
            vec![page("abcdef"), page("ghijkl"), page("mno")],
            vec![page("bcdefg"), page("hijklm"), page("no")],
            vec![3, 3, 2],
        ),
        (
            "spaces",
            vec![spaced("abcdefghi")],
            vec![spaced("abcDefghi")],
            vec![3],
        ),
        (
            "other spaces",
            one("abcdefghi"),
            vec![spaced("abcdefghi")],
            vec![9],
        ),
    ] {
        let mut mirror = Mirror::new(users()).await;
        let all: usize = reading.read(&mut mirror, &before).await.1.iter().sum();
        let ((plan, _), rows) = reading.read(&mut mirror, &after).await;
        assert_eq!(rows, decoded, "{name}");
        let mut other = Mirror::new(users()).await;
        reading.read_all(&mut other, &before).await;
        let (expected, _) = reading.read_all(&mut other, &after).await;
        assert_eq!(format!("{plan:?}"), format!("{expected:?}"), "{name}");
        // From then on the page is known as it is.
        let (_, rows) = reading.read(&mut mirror, &after).await;
        assert!(
            rows.iter().all(|rows| *rows == 0),
            "{name}: {rows:?} of {all}"
        );
    }
}

/// What was kept of a page that was decoded in part finds its rows again, those that were decoded and those that were not.
#[tokio::test]
async fn blocks_outlive_a_change_of_their_page() {
    let reading = Reading::new();
    let mut mirror = Mirror::new(users()).await;
    for (letters, decoded) in [
        ("abcdefghi", 9),
        ("abcDefghi", 3),
        ("abcDefGhi", 3),
        ("abcdefGhi", 3),
        ("abcdeGhi", 2),
        ("abcdeGhIj", 2),
        ("AbcdeGhIj", 3),
    ] {
        // At one time: a run of these tests takes half a day.
        let now = scalar::parse(&time_of(1)).expect("a time");
        let known = KnownPages::load(&mirror.store, &mirror.table, now).expect("loaded");
        let pages = [page(letters)];
        let (_, rows) = reading.read_with(&known, &mut mirror, &pages).await;
        assert_eq!(rows, [decoded], "{letters}");
        let ages = mirror.texts("SELECT group_concat(substr(id, 6) || age, '') FROM (SELECT id, age FROM north_users ORDER BY id)");
        let age = |letter: char| if letter.is_uppercase() { 9 } else { 1 };
        let expected: String = letters
            .chars()
            .map(|letter| format!("{}{}", letter.to_ascii_lowercase(), age(letter)))
            .collect();
        assert_eq!(ages, [expected]);
    }
}

/// What was decoded first decides how long the blocks of a page count.
#[tokio::test]
async fn a_page_is_as_old_as_its_oldest_block() {
    let reading = Reading::new();
    let mut mirror = Mirror::new(users()).await;
    reading.read(&mut mirror, &[page("abcdef")]).await;
    let now = scalar::parse(&time_of(2)).expect("a time");
    for (pages, decoded, times) in [
        (vec!["abcdef", "ghijkl"], vec![0, 6], vec![1, 2]),
        (vec!["cdefghij", "kl"], vec![3, 1], vec![1, 2]),
    ] {
        let known = KnownPages::load(&mirror.store, &mirror.table, now).expect("loaded");
        let pages: Vec<String> = pages.into_iter().map(page).collect();
        let (_, rows) = reading.read_with(&known, &mut mirror, &pages).await;
        assert_eq!(rows, decoded);
        let times: Vec<String> = times.into_iter().map(time_of).collect();
        let decoded = "SELECT decoded FROM rollbook_known_pages ORDER BY first";
        assert_eq!(mirror.texts(decoded), times);
    }
}

/// Bytes of known rows that are none of the list's rows here, or that something else has changed meanwhile, are decoded.
#[tokio::test]
async fn rows_that_only_look_known_are_decoded() {
    let reading = Reading::new();
    let known = rows("abcdefghi");
    let changed = rows("abcdefghI").join(",");
    let of = |body: String| (body, "SELECT 1");
    for (name, (body, sql), decoded) in [
        (
            "in another list",
            of(format!(
                r#"{{"others":[{}],"users":[{changed}]}}"#,
                known.join(",")
            )),
            9,
        ),
        (
            "in a row",
            of(format!(
                r#"{{"users":[{{"id":"user-A","friends":[{}]}},{changed}]}}"#,
                known.join(",")
            )),
            10,
        ),
        (
            "in a text",
            of(format!(
                r#"{{"users":[{{"id":"user-A","status":{}}},{changed}]}}"#,
                serde_json::to_string(&format!("{},", known[..2].join(","))).expect("JSON")
            )),
            2,
        ),
        (
            "as members of an object",
            of(format!(
                r#"{{"users":{{{}}}}}"#,
                rows("abcdefghI")
                    .iter()
                    .enumerate()
                    .map(|(number, row)| format!(r#""{number}":{row}"#))
                    .collect::<Vec<_>>()
                    .join(",")
            )),
            9,
        ),
        (
            "with a row that cannot be read",
            of(format!(
                r#"{{"users":[{},{{"id":null}}]}}"#,
                known.join(",")
            )),
            9,
        ),
        (
            "with a value that cannot be read",
            of(format!(
                r#"{{"users":[{},{{"id":"user-y","age":"old"}},{{"id":"user-z"}}]}}"#,
                known.join(",")
            )),
            11,
        ),
        (
            "with one of another form",
            of(format!(
                r#"{{"users":[{},{{"\u0069d":"user-z"}}]}}"#,
                known.join(",")
            )),
            10,
        ),
        (
            "with a value that is repaired",
            of(format!(
                r#"{{"users":[{},{{"id":"user-z","age":NaN}}]}}"#,
                known.join(",")
            )),
            10,
        ),
        (
            "a row was changed here",
            (
                page("abcdefghI"),
                "UPDATE north_users SET _fingerprint = 7 WHERE id = 'user-d'",
            ),
            3,
        ),
        (
            "a row was removed here",
            (
                page("abcdefghI"),
                "DELETE FROM north_users WHERE id = 'user-d'",
            ),
            7,
        ),
        (
            "the page's first row was removed here",
            (
                page("abcdefghI"),
                "DELETE FROM north_users WHERE id = 'user-a'",
            ),
            9,
        ),
    ] {
        let mut mirror = Mirror::new(users()).await;
        reading.read(&mut mirror, &[page("abcdefghi")]).await;
        let change = move |connection: &mut rusqlite::Connection| {
            connection.execute_batch(sql).expect("changed");
            Ok(())
        };
        mirror.store.write(change).await.expect("written");
        let (_, rows) = reading.read(&mut mirror, std::slice::from_ref(&body)).await;
        assert_eq!(rows, [decoded], "{name}");
        let mut other = Mirror::new(users()).await;
        reading.read_all(&mut other, &[body]).await;
        let cells =
            "SELECT id || coalesce(status, '-') || coalesce(age, '-') FROM north_users ORDER BY id";
        assert_eq!(mirror.texts(cells), other.texts(cells), "{name}");
    }
}

/// Another context, or time, knows no block; nor is one kept of rows whose offsets in a response are not known.
#[tokio::test]
async fn blocks_count_as_long_as_their_pages() {
    let reading = Reading::new();
    let mut mirror = Mirror::new(users()).await;
    reading.read(&mut mirror, &[page("abcdefghi")]).await;
    let body = page("abcdefghI");
    let load = |mirror: &Mirror, time: &str| {
        let now = scalar::parse(time).expect("a time");
        KnownPages::load(&mirror.store, &mirror.table, now).expect("loaded")
    };
    let known = load(&mirror, &time_of(1));
    let find = |known: &Arc<KnownPages>, context| {
        known
            .abridge(context, body.as_bytes())
            .expect("compared")
            .is_some()
    };
    assert!(find(&known, CONTEXT));
    assert!(!find(&known, CONTEXT + 1));
    assert!(!find(&load(&mirror, "2025-12-31T23:59:59Z"), CONTEXT));
    assert!(!find(&load(&mirror, &time_of(3)), CONTEXT));
    assert!(!find(
        &Arc::new(KnownPages::none(&mirror.store, &mirror.table)),
        CONTEXT
    ));
    for body in [
        r#"{"users":{"0":{"id":"user-a"},"1":{"id":"user-b"},"2":{"id":"user-c"}}}"#,
        r#"{"users":[{"\u0069d":"user-a"},{"id":"user-b"},{"id":"user-c"}]}"#,
        r#"{"users":[{"id":"user-a","age":NaN},{"id":"user-b"},{"id":"user-c"}]}"#,
    ] {
        let page = reading.decode(body.as_bytes()).decoded;
        assert!(page.starts.len() < page.rows.len(), "{body}");
    }
}

/// Blocks of more pages than stay in memory are all written.
#[tokio::test]
async fn blocks_of_many_pages_are_kept() {
    let reading = Reading::new();
    let mut mirror = Mirror::new(users()).await;
    let numbered = |version: u32| -> Vec<String> {
        let row = |id: u32| {
            let age = if id % 50 == 7 { version } else { 1 };
            format!(r#"{{"id":"user-{id:04}","status":"x","age":{age}}}"#)
        };
        let page = |page: u32| {
            let rows: Vec<String> = (page * 20..page * 20 + 20).map(row).collect();
            format!(r#"{{"users":[{}]}}"#, rows.join(","))
        };
        (0..30).map(page).collect()
    };
    let decoded = reading.read(&mut mirror, &numbered(1)).await.1;
    assert_eq!(decoded.iter().sum::<usize>(), 600);
    let ((plan, _), decoded) = reading.read(&mut mirror, &numbered(2)).await;
    // Of each page that changed a block of two, and the last row, which is in none.
    let expected: Vec<usize> = (0..30)
        .map(|page| {
            if (page * 20..page * 20 + 20).any(|id| id % 50 == 7) {
                3
            } else {
                0
            }
        })
        .collect();
    assert_eq!(decoded, expected);
    assert_eq!((plan.changed, plan.unchanged), (12, 588));
}

/// How a vendor writes rows.
#[derive(Clone, Copy, Debug)]
enum Style {
    Close,
    Spaced,
    /// Rows begin alike.
    KeyLast,
}

/// A page of numbers and ages, with members that no column names.
fn body_of(rows: &[(u8, Option<i64>)], style: Style) -> String {
    let row = |(id, age): &(u8, Option<i64>)| {
        let status = match (*age, id % 5) {
            (Some(2), 0) => "tobedeleted",
            _ => "x",
        };
        let age = age.map_or("null".to_owned(), |age| age.to_string());
        let more = if id % 3 == 0 { r#"{"a":[{}]}"# } else { "0" };
        match style {
            Style::Close | Style::Spaced => {
                format!(r#"{{"id":"{id:02}","status":"{status}","age":{age},"more":{more}}}"#)
            }
            Style::KeyLast => {
                format!(r#"{{"more":{more},"status":"{status}","age":{age},"id":"{id:02}"}}"#)
            }
        }
    };
    let rows: Vec<String> = rows.iter().map(row).collect();
    match style {
        Style::Spaced => format!("{{\n \"users\": [\n  {}\n ]\n}}", rows.join(",\n  ")),
        Style::Close | Style::KeyLast => format!("{{\"users\":[{}]}}", rows.join(",")),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// As `known_pages_leave_what_decoded_ones_leave`, with larger pages of which some blocks are known.
    #[test]
    fn known_blocks_leave_what_decoded_rows_leave(
        readings in super::known_pages::readings(),
        size in 3usize..14,
        style in prop::sample::select(vec![Style::Close, Style::Spaced, Style::KeyLast]),
    ) {
        let reading = Reading::new();
        runtime().block_on(async {
            let (mut with, mut without) = (Mirror::new(users()).await, Mirror::new(users()).await);
            for list in &readings {
                let pages: Vec<String> = list.chunks(size).map(|rows| body_of(rows, style)).collect();
                let (planned, _) = reading.read(&mut with, &pages).await;
                let expected = reading.read_all(&mut without, &pages).await;
                assert_eq!(format!("{planned:?}"), format!("{expected:?}"));
                for sql in [
                    "SELECT * FROM north_users ORDER BY id",
                    "SELECT * FROM north_users_history ORDER BY id, _run",
                ] {
                    assert_eq!(with.texts(sql), without.texts(sql));
                }
            }
        });
    }
}
