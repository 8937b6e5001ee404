//! What `rollbook combos` finds and how it shows it.

use super::*;
use rollbook_core::model::named;

fn line(source: &str, code: Option<&str>, description: &str) -> EntryLine {
    EntryLine {
        source: named(source),
        list: "outcomes".to_owned(),
        id: "7".to_owned(),
        code: code.map(str::to_owned),
        description: Some(description.to_owned()),
        active: true,
    }
}

#[test]
fn entries_are_found_by_code_or_by_all_words() {
    let rows = [
        ("@@", Some("@@"), "Not stated", true),
        ("@@", Some("@"), "Not stated", false),
        ("ns", Some("NS"), "Not started", true),
        ("0", Some("00"), "Not started", false),
        ("not STARTED", Some("00"), "Not started", true),
        ("started not", Some("00"), "Not started", true),
        ("not stated", Some("00"), "Not started", false),
        ("maori", None, "Te reo Māori", true),
        ("", Some("00"), "Not started", false),
        ("-", Some("00"), "Not started", false),
    ];
    for (search, code, description, expected) in rows {
        let found = SearchView::of(search).matches(&line("north", code, description));
        assert_eq!(found, expected, "{search} in {code:?} {description}");
    }
}

#[test]
fn csv_is_of_one_source_and_keeps_codes() {
    let lines = [
        line("north", Some("@@"), "Not, \"yet\""),
        line("north", None, "Current"),
    ];
    assert_eq!(
        csv(&lines).expect("one source"),
        "\"list\",\"id\",\"code\",\"description\",\"active\"\r\n\
         \"outcomes\",\"7\",\"'@@\",\"Not, \"\"yet\"\"\",\"true\"\r\n\
         \"outcomes\",\"7\",\"\",\"Current\",\"true\"\r\n"
    );
    let reported = csv(&[line("north", None, "a"), line("south", None, "a")]);
    assert_eq!(
        reported.map_err(Exit::into_text),
        Err(
            "`north` and `south` both have the list, with different ids; choose one with --source"
                .to_owned()
        )
    );
}
