//! What `rollbook matches` prints: counts, and keys of people only with `--show`.

use super::*;
use rollbook_core::model::named;
use rollbook_core::model::people::{Conflict, Pair, Rule, Side};

fn set() -> MatchSet {
    let side = |table: &str| Side {
        table: table.to_owned(),
        key: vec!["id".to_owned()],
        conditions: Vec::new(),
    };
    let rule = |name: &str| Rule {
        name: name.to_owned(),
        keys: Vec::new(),
        ambiguous: Default::default(),
    };
    MatchSet {
        name: named("pupils"),
        left: side("north_learners"),
        right: side("south_users"),
        rules: vec![rule("number"), rule("e-mail")],
    }
}

fn found() -> Matching {
    let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
    Matching {
        pairs: vec![Pair {
            left: "pair-left".to_owned(),
            right: "pair-right".to_owned(),
            rule: 1,
        }],
        conflicts: vec![Conflict {
            rule: 1,
            left: keys(&["12", "13"]),
            right: keys(&["u-12"]),
        }],
        left_only: keys(&["14"]),
        right_only: Vec::new(),
    }
}

#[test]
fn counts_are_shown_and_keys_only_when_asked_for() {
    let set = set();
    let mut view = MatchesView {
        set: &set,
        found: found(),
        differs: Difference::default(),
    };
    let counts = "pupils: north_learners and south_users\n\
                  \x20 matched                 1  number: 0, e-mail: 1\n\
                  \x20 conflicts               1  2 and 1 rows\n\
                  \x20 only in north_learners  1\n\
                  \x20 only in south_users     0\n";
    assert_eq!(text(&view, false), counts);
    let keys = "Conflicts, by their keys:\n\
                \x20 e-mail  12 13  –  u-12\n\
                Only in north_learners:\n\
                \x20 14\n";
    assert_eq!(text(&view, true), format!("{counts}{keys}"));
    view.differs = Difference { new: 1, removed: 0 };
    let note = text(&view, false);
    assert!(
        note.contains("is outdated: 1 match to add, 0 to remove"),
        "{note}"
    );
}

#[test]
fn json_holds_no_key_unless_asked_for() {
    let set = set();
    let view = MatchesView {
        set: &set,
        found: found(),
        differs: Difference::default(),
    };
    let json = of_set(&view, false);
    assert_eq!(
        (&json["matched"], &json["left_in_conflict"]),
        (&json!(1), &json!(2))
    );
    assert!(json.get("keys").is_none());
    for key in ["pair-left", "u-12", "\"14\""] {
        assert!(!json.to_string().contains(key), "{key} in {json}");
    }
    assert_eq!(
        of_set(&view, true)["keys"]["conflicts"][0]["right"],
        json!(["u-12"])
    );
}
