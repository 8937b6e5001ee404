//! Tests of `audit.rs`.

use super::*;
use crate::store::schema::upgrade;

fn mirror() -> Connection {
    let mut connection = Connection::open_in_memory().expect("opened");
    upgrade(&mut connection).expect("made");
    connection
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn anna() -> Actor {
    Actor {
        uid: 1000,
        name: "anna".to_owned(),
    }
}

fn recorded(connection: &Connection) -> Vec<String> {
    let mut statement = connection
        .prepare("SELECT user || ' ' || action || ' ' || subject || ' ' || coalesce(hash, '-') FROM rollbook_audit ORDER BY id")
        .expect("prepared");
    let rows = statement.query_map([], |row| row.get(0)).expect("queried");
    rows.collect::<Result<_, _>>().expect("read")
}

fn files(list: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |&(file, hash): &(&str, &str)| (file.to_owned(), hash.to_owned());
    list.iter().map(owned).collect()
}

#[test]
fn each_changed_file_is_recorded_once() {
    let mut mirror = mirror();
    let steps = [
        (
            &[("rollbook.toml", "a"), ("jobs/users.toml", "b")][..],
            &[
                "anna configuration jobs/users.toml b",
                "anna configuration rollbook.toml a",
            ][..],
        ),
        (&[("rollbook.toml", "a"), ("jobs/users.toml", "b")], &[]),
        (
            &[("rollbook.toml", "c"), ("jobs/users.toml", "b")],
            &["anna configuration rollbook.toml c"],
        ),
        (
            &[("rollbook.toml", "c")],
            &["anna configuration jobs/users.toml -"],
        ),
        // Back to what it was long ago.
        (
            &[("rollbook.toml", "a"), ("jobs/users.toml", "b")],
            &[
                "anna configuration jobs/users.toml b",
                "anna configuration rollbook.toml a",
            ],
        ),
    ];
    let mut known = 0;
    for (step, (now, expected)) in steps.into_iter().enumerate() {
        record_configuration(
            &mut mirror,
            &anna(),
            &files(now),
            time("2026-03-01T08:00:00Z"),
        )
        .expect("recorded");
        let all = recorded(&mirror);
        assert_eq!(&all[known..], expected, "step {step}");
        known = all.len();
    }
}

#[test]
fn old_actions_go_and_the_state_of_the_files_stays() {
    let mut mirror = mirror();
    let old = time("2024-01-01T08:00:00Z");
    record_configuration(&mut mirror, &anna(), &files(&[("rollbook.toml", "a")]), old)
        .expect("recorded");
    record(&mirror, &anna(), AuditedAction::Approve, "run 7", old).expect("recorded");
    let now = time("2026-03-01T08:00:00Z");
    record(&mirror, &anna(), AuditedAction::Reset, "job users", now).expect("recorded");
    purge(&mirror, "2025-01-01T00:00:00.000000Z").expect("purged");
    assert_eq!(
        recorded(&mirror),
        [
            "anna configuration rollbook.toml a",
            "anna reset job users -"
        ]
    );
    record_configuration(&mut mirror, &anna(), &files(&[("rollbook.toml", "a")]), now)
        .expect("recorded");
    assert_eq!(recorded(&mirror).len(), 2, "the file did not change");
}
