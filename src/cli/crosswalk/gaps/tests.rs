//! What `rollbook crosswalk check` prints as text.

use super::*;
use rollbook_core::model::named;

fn unmapped(value: &str, rows: u64, shown: &[&str]) -> Unmapped {
    let suggestion = |shown: &&str| Suggestion {
        why: Why::SameWords,
        target: String::new(),
        label: None,
        shown: (*shown).to_owned(),
    };
    Unmapped {
        value: value.to_owned(),
        rows,
        suggestions: shown.iter().map(suggestion).collect(),
    }
}

fn printed(unmapped: Vec<Unmapped>) -> String {
    let column = ColumnGaps {
        crosswalk: named("roles"),
        column: "rosters_users.role".to_owned(),
        list: "north.positions".to_owned(),
        unmapped,
    };
    text(&GapsView {
        ok: false,
        crosswalks: 1,
        problems: Vec::new(),
        columns: vec![column],
    })
}

#[test]
fn values_stand_in_columns_and_odd_ones_stay_on_their_line() {
    assert_eq!(
        printed(Vec::new()),
        "roles: rosters_users.role to north.positions: every value is mapped.\n"
    );
    let values = vec![
        unmapped("aide", 1200, &["`A` (Aide)"]),
        unmapped("a\nb", 1, &[]),
    ];
    assert_eq!(
        printed(values),
        "roles: rosters_users.role to north.positions: 2 unmapped values\n\
         \x20 \"aide\"  1,200 rows  same words: `A` (Aide)\n\
         \x20 \"a\\nb\"  1 row\n"
    );
    let many = (0..MAX_SHOWN + 2).map(|number| unmapped(&number.to_string(), 1, &[]));
    let printed = printed(many.collect());
    assert!(
        printed.ends_with("  and 2 more (--json shows all)\n"),
        "{printed}"
    );
    assert_eq!(printed.lines().count(), MAX_SHOWN + 2);
}

#[test]
fn without_a_crosswalk_one_is_told_how_to_get_one() {
    let view = GapsView {
        ok: true,
        crosswalks: 0,
        problems: Vec::new(),
        columns: Vec::new(),
    };
    assert_eq!(
        text(&view),
        "There is no crosswalk; `rollbook crosswalk suggest` drafts one.\n"
    );
}
