//! Cost follows change: no churn writes no row, churn writes exactly its rows, and the past stays readable.

use crate::people::{key, roster, user};
use crate::place::{Place, Plan, Ran};
use crate::queries;
use crate::server::{Server, Way};

const STREAMS: &[&str] = &[
    "academic_sessions",
    "orgs",
    "users",
    "classes",
    "enrollments",
];

fn mirrored(way: Way) -> (Server, Place) {
    let server = Server::start(way, roster(300));
    let place = Place::new(
        &server,
        &Plan {
            streams: STREAMS,
            page: 50,
            job: "apply = \"together\"\n",
            ..Plan::default()
        },
    );
    place.sync().fine("the first time");
    (server, place)
}

#[test]
fn without_churn_no_row_is_written() {
    for way in [Way::TotalInHeader, Way::Silent, Way::Linked] {
        let (_server, place) = mirrored(way);
        let mirror = place.mirror();
        let before = queries::data(&mirror);
        let kept = |table: &str| {
            ![
                "rollbook_runs",
                "rollbook_run_streams",
                "rollbook_checkpoints",
            ]
            .contains(&table)
        };
        let others = queries::content(&mirror, kept);
        let shape: Vec<String> = queries::list(
            &mirror,
            "SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY name",
        );
        let ran = place.sync().fine("the second time");
        for stream in STREAMS {
            let counts =
                ["new", "changed", "removed", "unconfirmed"].map(|name| ran.number(stream, name));
            assert_eq!(counts, [0; 4], "{way:?} {stream}");
            assert_eq!(
                ran.number(stream, "unchanged"),
                queries::count(&mirror, &format!("own_{stream}")),
                "{way:?} {stream}"
            );
        }
        assert_eq!(queries::data(&mirror), before, "{way:?}");
        assert_eq!(queries::content(&mirror, kept), others, "{way:?}");
        assert_eq!(
            queries::list::<String>(
                &mirror,
                "SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY name"
            ),
            shape
        );
        assert_eq!(queries::count(&mirror, "rollbook_runs"), 2);
    }
}

#[test]
fn churn_writes_its_rows_and_the_past_stays_readable() {
    let (server, place) = mirrored(Way::TotalInHeader);
    let mirror = place.mirror();
    server.edit("users", |users| {
        (3..8).for_each(|number| users[number] = user(number, 2));
        users.drain(10..12);
        users.extend((300..304).map(|number| user(number, 1)));
    });
    let ran = place.sync().fine("with churn");
    let counts = |ran: &Ran| {
        ["new", "changed", "removed", "unconfirmed", "unchanged"]
            .map(|name| ran.number("users", name))
    };
    assert_eq!(counts(&ran), [4, 5, 0, 2, 293]);
    let ran = place.sync().fine("the second reading that misses two");
    assert_eq!(counts(&ran), [0, 0, 2, 0, 302]);
    for (what, sql, expected) in [
        (
            "changed or new in run 2",
            "SELECT sourced_id FROM own_users WHERE _run = 2 ORDER BY 1",
            keys((3..8).chain(300..304)),
        ),
        (
            "the old versions",
            "SELECT sourced_id FROM own_users_history WHERE _ended = 'changed' ORDER BY 1",
            keys(3..8),
        ),
        (
            "the rows that left",
            "SELECT sourced_id FROM own_users_history WHERE _ended = 'removed' ORDER BY 1",
            keys(10..12),
        ),
        (
            "ended by run 2, which began when run 1 had ended",
            &ended_well(2),
            keys(3..8),
        ),
        (
            "ended by run 3, when two readings had missed them",
            &ended_well(3),
            keys(10..12),
        ),
    ] {
        assert_eq!(queries::list::<String>(&mirror, sql), expected, "{what}");
    }
    let other_tables = "SELECT count(*) FROM own_classes WHERE _run <> 1";
    assert_eq!(
        queries::one::<u64>(&mirror, other_tables),
        0,
        "nobody else was touched"
    );
    as_of(&place);
}

/// Rows of the history whose validity is the time between the runs that brought and ended them.
fn ended_well(run: i64) -> String {
    format!(
        "SELECT sourced_id FROM own_users_history AS row JOIN rollbook_runs AS one ON one.run = row._run \
     JOIN rollbook_runs AS two ON two.run = row._ended_run \
     WHERE two.run = {run} AND _since BETWEEN one.started AND one.ended AND _until BETWEEN two.started AND two.ended ORDER BY 1"
    )
}

/// What stood there at a moment is one `WHERE`.
fn as_of(place: &Place) {
    let mirror = place.mirror();
    for (run, users, name_of_third) in [
        (1, 300, "Family 3 the 1th of a name that is rather long"),
        (2, 304, "Family 3 the 2th of a name that is rather long"),
        (3, 302, "Family 3 the 2th of a name that is rather long"),
    ] {
        let moment: String = queries::one(
            &mirror,
            &format!("SELECT ended FROM rollbook_runs WHERE run = {run}"),
        );
        let then = format!(
            "FROM own_users_versions WHERE _since <= '{moment}' AND (_until IS NULL OR _until > '{moment}')"
        );
        assert_eq!(
            queries::one::<u64>(&mirror, &format!("SELECT count(*) {then}")),
            users,
            "after run {run}"
        );
        let name: String = queries::one(
            &mirror,
            &format!("SELECT family_name {then} AND sourced_id = '{}'", key(3)),
        );
        assert_eq!(name, name_of_third, "after run {run}");
        let tenth: u64 = queries::one(
            &mirror,
            &format!("SELECT count(*) {then} AND sourced_id = '{}'", key(10)),
        );
        assert_eq!(tenth, u64::from(run < 3), "after run {run}");
    }
}

fn keys(numbers: impl Iterator<Item = usize>) -> Vec<String> {
    numbers.map(key).collect()
}

#[test]
fn a_row_that_comes_back_is_a_new_version() {
    let (server, place) = mirrored(Way::TotalInHeader);
    server.edit("users", |users| drop(users.remove(20)));
    for removed in [0, 1] {
        let ran = place.sync().fine("one less, when two readings say so");
        assert_eq!(ran.number("users", "removed"), removed);
    }
    server.edit("users", |users| users.push(user(20, 1)));
    assert_eq!(place.sync().fine("back").number("users", "new"), 1);
    let sql = format!(
        "SELECT coalesce(_ended, 'now') FROM own_users_versions WHERE sourced_id = '{}' ORDER BY _since",
        key(20)
    );
    assert_eq!(
        queries::list::<String>(&place.mirror(), &sql),
        ["removed", "now"]
    );
}

#[test]
fn a_dry_run_says_it_and_writes_nothing() {
    let (server, place) = mirrored(Way::TotalInHeader);
    server.edit("users", |users| users.push(user(300, 1)));
    let before = queries::content(&place.mirror(), |_| true);
    let ran = place.run(&["sync", "--dry-run", "--json"]).fine("dry");
    assert_eq!(ran.number("users", "new"), 1);
    assert_eq!(queries::content(&place.mirror(), |_| true), before);
}
