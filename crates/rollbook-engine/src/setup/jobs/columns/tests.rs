//! Every combination of `preset`, `keep` and `drop`.

use super::ColumnReason::{Core, Dropped, Engine, Full, Keep, Key, NotCore, NotKept, Reference};
use super::*;
use rollbook_core::connector::api::streams;
use rollbook_core::connector::file::Connector;
use rollbook_core::connector::response::PageReader;
use rollbook_core::document::{Document, FileText};

const SHELF: &str = r#"
connector = "shelf"
title = "Shelf"
base_url = "https://shelf.example"
[streams.rooms]
path = "/rooms"
rows = "[]"
key = ["id"]
columns = { id = "id : text" }
[streams.users]
path = "/users"
rows = "[]"
key = ["id"]
newest = "changed"
display = ["name"]
core = ["name"]
[streams.users.columns]
id = "id : text"
name = "name : text"
room = { from = "room : text", refers_to = "rooms.id" }
email = "mail | email : text"
phone = "numbers[kind=home].phone : text"
changed = "changed : timestamp"
"#;

fn users() -> Arc<StreamSpec> {
    let file = FileText::new("shelf.toml", SHELF);
    let document = Document::<Connector>::read(&file, &[]).expect("a connector");
    let mut specs = streams(&document.value).expect("streams");
    Arc::new(specs.remove("users").expect("users"))
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Reasons in the order id, name, room, email, phone, changed.
#[test]
fn presets_and_lists_combine() {
    let spec = users();
    type Row<'a> = (
        Option<Preset>,
        Option<&'a [&'a str]>,
        &'a [&'a str],
        &'a [&'a str],
        [ColumnReason; 4],
    );
    let rows: [Row<'_>; 9] = [
        (
            None,
            None,
            &[],
            &["users", "rooms"],
            [Full, Full, Full, Full],
        ),
        (
            Some(Preset::Full),
            None,
            &[],
            &["users"],
            [Full, Full, Full, Full],
        ),
        (
            None,
            None,
            &["phone", "room"],
            &["users", "rooms"],
            [Full, Dropped, Full, Dropped],
        ),
        // The list is the whole list; a reference stays where the job reads its stream.
        (
            None,
            Some(&["email"]),
            &[],
            &["users"],
            [NotKept, NotKept, Keep, NotKept],
        ),
        (
            None,
            Some(&["email"]),
            &[],
            &["users", "rooms"],
            [NotKept, Reference, Keep, NotKept],
        ),
        (
            None,
            Some(&[]),
            &[],
            &["users"],
            [NotKept, NotKept, NotKept, NotKept],
        ),
        (
            Some(Preset::Core),
            None,
            &[],
            &["users"],
            [Core, NotCore, NotCore, NotCore],
        ),
        // With the preset, `keep` adds and `drop` takes away.
        (
            Some(Preset::Core),
            Some(&["phone"]),
            &[],
            &["users", "rooms"],
            [Core, Reference, NotCore, Keep],
        ),
        (
            Some(Preset::Core),
            None,
            &["name", "room"],
            &["users", "rooms"],
            [Dropped, Dropped, NotCore, NotCore],
        ),
    ];
    for (preset, keep, drop, read, expected) in rows {
        let choice = ColumnChoice {
            preset,
            keep: keep.map(names),
            drop: names(drop),
            streams: names(read),
            ..ColumnChoice::default()
        };
        let [name, room, email, phone] = expected;
        assert_eq!(
            choice.reasons(&spec),
            [Key, name, room, email, phone, Engine],
            "{choice:?}"
        );
    }
}

#[test]
fn a_stream_without_the_preset_is_mirrored_whole() {
    let mut spec = (*users()).clone();
    spec.core.clear();
    let choice = ColumnChoice {
        preset: Some(Preset::Core),
        ..ColumnChoice::default()
    };
    assert!(choice.reasons(&spec).iter().all(|why| why.is_mirrored()));
}

/// What is left out is neither reported as unlisted nor needed to name a row.
#[test]
fn positions_follow_the_columns_that_stay() {
    let choice = ColumnChoice {
        keep: Some(names(&["email"])),
        ..ColumnChoice::default()
    };
    let spec = choice.apply(&users());
    let columns: Vec<&str> = spec.columns.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(columns, ["id", "email", "changed"]);
    assert_eq!((spec.newest, spec.display.len()), (Some(2), 0));
    let row = r#"[{"id": "1", "name": "n", "room": "r", "email": "e", "changed": null,
                  "numbers": [{"kind": "home", "phone": "1"}], "more": 1}]"#;
    let decoder = spec.decoder(&rollbook_core::connector::template::Variables::new());
    let read = PageReader::default().finish(&spec.shape, &decoder, row.as_bytes(), None);
    let unlisted = read.expect("a page").decoded.unlisted;
    assert_eq!(unlisted.list(), ["more"]);
}
