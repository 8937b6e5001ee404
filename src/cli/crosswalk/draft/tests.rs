//! Drafts: what is sure is a line, what is a guess is a comment, and nothing that a vendor wrote breaks the file.

use super::*;
use rollbook_core::document::{Document, FileText};
use rollbook_core::model::named;
use rollbook_engine::setup::files::CrosswalkConfig;

fn entry(id: &str, code: Option<&str>, label: &str, active: bool) -> ComboEntry {
    ComboEntry {
        id: id.to_owned(),
        code: code.map(str::to_owned),
        label: Some(label.to_owned()),
        active,
    }
}

fn drafted(entries: &[ComboEntry], values: &[(&str, u64)]) -> String {
    let column = MappedColumn {
        source: named("rosters"),
        stream: named("users"),
        column: "role".to_owned(),
    };
    let values: Vec<(String, u64)> = values
        .iter()
        .map(|(value, rows)| ((*value).to_owned(), *rows))
        .collect();
    draft(&column, "north", "positions", entries, &values)
}

#[test]
fn sure_lines_are_in_force_and_guesses_are_not() {
    let entries = [
        entry("1", Some("T"), "Teacher", true),
        entry("2", Some("00"), "Not\nstated", true),
        entry("3", Some("H"), "Head of school", true),
        entry("4", Some("A"), "Aide", false),
    ];
    let values = [
        ("teacher", 1200),
        ("head", 2),
        ("aide", 3),
        ("0", 1),
        ("a \"b\"\\\n# c", 1),
        ("z\u{a0}\u{feff}”", 1),
    ];
    let draft = drafted(&entries, &values);
    assert_eq!(
        draft,
        r##"# A draft: what the values of rosters_users.role mean in the combo list positions of north.
# Check every line. A crosswalk is the file crosswalks/NAME.toml beside rollbook.toml; `rollbook check` reports mistakes.

from = "rosters.users.role"
to = { source = "north", list = "positions", by = "code" }
# otherwise = ""    # for every value without a line; without it they are reported as unmapped

[map]
"teacher" = "T"    # 1,200 rows; same words: `T` (Teacher)
# "head" = ""    # 2 rows; close spelling: `H` (Head of school)
# "aide" = ""    # 3 rows
# "0" = ""    # 1 row; close spelling: `00` (Not stated)
# "a \"b\"\\\n# c" = ""    # 1 row
# "z\u00a0\ufeff”" = ""    # 1 row

# The entries of positions:
#   `T` (Teacher)
#   `00` (Not stated)
#   `H` (Head of school)
"##
    );
    let file = FileText::new(
        "draft.toml",
        draft.replace("# \"", "\"").replace("\"\" ", "\"T\" "),
    );
    let config = Document::<CrosswalkConfig>::read(&file, &[])
        .expect("a crosswalk")
        .value;
    let keys: Vec<&str> = config.map.keys().map(String::as_str).collect();
    let hidden = "z\u{a0}\u{feff}”";
    assert_eq!(
        keys,
        ["0", "a \"b\"\\\n# c", "aide", "head", "teacher", hidden]
    );
}

#[test]
fn entries_are_named_by_what_tells_them_apart() {
    let rows = [
        (
            vec![
                entry("1", Some("A"), "x", true),
                entry("2", Some("B"), "x", true),
            ],
            By::Code,
        ),
        (
            vec![
                entry("1", None, "x", true),
                entry("2", Some("B"), "y", true),
            ],
            By::Description,
        ),
        (
            vec![
                entry("1", Some("A"), "x", true),
                entry("2", Some("A"), "y", true),
            ],
            By::Description,
        ),
        (
            vec![entry("1", None, "x", true), entry("2", None, "x", true)],
            By::Id,
        ),
    ];
    for (entries, expected) in rows {
        assert_eq!(best(&entries), expected, "{entries:?}");
    }
}

#[test]
fn a_column_without_codes_is_cut_with_a_word() {
    let values: Vec<String> = (0..MAX_VALUES + 3)
        .map(|number| format!("v{number}"))
        .collect();
    let values: Vec<(&str, u64)> = values.iter().map(|value| (value.as_str(), 1)).collect();
    let draft = drafted(&[], &values);
    assert!(draft.contains("# and 3 more values; does this column have codes?\n"));
    assert!(!draft.contains("\"v500\""));
}
