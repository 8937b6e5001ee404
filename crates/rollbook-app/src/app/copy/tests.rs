use std::fs;

use super::*;

#[test]
fn when_a_copy_is_due() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("copy.db");
    fs::write(&path, "x").expect("written");
    let now: Timestamp = "2026-03-02T07:15:00Z".parse().expect("a time");
    let wanted = |tables: Option<&str>| CopyInput {
        mirror: folder.path().join("mirror.db"),
        path: path.clone(),
        tables: tables.map(|name| vec![name.to_owned()]),
        leave_out: Vec::new(),
        group: None,
        now,
    };
    let good = CopyState {
        made: Some(now - SignedDuration::from_hours(30)),
        run: Some(7),
        definition: Some("d".to_owned()),
        ..CopyState::default()
    };
    let failed = CopyState {
        failures: 1,
        ..good.clone()
    };
    let rows = [
        ("nothing changed", &good, None, "d", 7, false),
        ("never made", &CopyState::default(), None, "d", 0, true),
        ("a run changed something", &good, None, "d", 9, true),
        ("an older backup was restored", &good, None, "d", 5, true),
        ("another configuration", &good, None, "e", 7, true),
        ("the last attempt failed", &failed, None, "d", 7, true),
        (
            "expired versions",
            &good,
            Some("a_users_history"),
            "d",
            7,
            true,
        ),
        ("no versions", &good, Some("a_users"), "d", 7, false),
    ];
    for (name, state, tables, definition, last_change, expected) in rows {
        let due = is_due(state, &wanted(tables), definition, last_change);
        assert_eq!(due, expected, "{name}");
    }
    fs::remove_file(&path).expect("removed");
    assert!(is_due(&good, &wanted(None), "d", 7), "it was deleted");
}

#[test]
fn failures_are_counted_and_the_last_copy_is_remembered() {
    let at = |text: &str| -> Timestamp { text.parse().expect("a time") };
    let good = CopyState {
        made: Some(at("2026-03-02T07:00:00Z")),
        run: Some(7),
        ..CopyState::default()
    };
    let first = failed(good.clone(), "full".to_owned(), at("2026-03-02T08:00:00Z"));
    let second = failed(first, "no group".to_owned(), at("2026-03-02T09:00:00Z"));
    let expected = CopyState {
        failures: 2,
        failed: Some(at("2026-03-02T08:00:00Z")),
        message: Some("no group".to_owned()),
        ..good
    };
    assert_eq!(second, expected);
}
