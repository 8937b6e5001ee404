//! Matches in a real database: what is written, what is left alone, what is removed.

use super::*;
use crate::model::named;
use crate::model::people::{Form, KeyPair, Rule};
use crate::store::schema;

/// Two tables, one with a key of two columns, and Rollbook's own.
fn mirror() -> Connection {
    let mut connection = Connection::open_in_memory().expect("a database");
    schema::upgrade(&mut connection).expect("tables");
    connection
        .execute_batch(
            "CREATE TABLE north_learners (id INTEGER PRIMARY KEY, mail TEXT, given TEXT, family TEXT, born TEXT) STRICT;
             CREATE TABLE south_users (school TEXT, number INTEGER, mail TEXT, name TEXT, born TEXT, role TEXT,
               PRIMARY KEY (school, number)) STRICT;
             INSERT INTO north_learners VALUES
               (1, 'Ada@School.example', 'Ada', 'Abel', '2009-01-02'),
               (2, NULL, 'Zoë', 'Dvořák', '2009-03-04'),
               (3, NULL, 'Ben', 'Chen', NULL);
             INSERT INTO south_users VALUES
               ('a', 1, 'ada@school.example', 'A. Abel', '2009-01-02', 'student'),
               ('a', 2, NULL, 'ZOE DVORAK', '2009-03-04', 'student'),
               ('b', 1, 'ada@school.example', 'Ada Abel', '2009-01-02', 'parent'),
               ('b', 2, NULL, 'Ben Chen', NULL, 'student');",
        )
        .expect("rows");
    connection
}

fn pair(left: &[&str], right: &[&str], form: Form) -> KeyPair {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    KeyPair {
        left: names(left),
        right: names(right),
        form,
    }
}

fn set() -> MatchSet {
    let rule = |name: &str, keys| Rule {
        name: name.to_owned(),
        keys,
        ambiguous: Ambiguous::Conflict,
    };
    MatchSet {
        name: named("pupils"),
        left: Side {
            table: "north_learners".to_owned(),
            key: vec!["id".to_owned()],
            conditions: Vec::new(),
        },
        right: Side {
            table: "south_users".to_owned(),
            key: vec!["school".to_owned(), "number".to_owned()],
            conditions: vec![(
                "role".to_owned(),
                vec!["student".to_owned(), "pupil".to_owned()],
            )],
        },
        rules: vec![
            rule("mail", vec![pair(&["mail"], &["mail"], Form::Email)]),
            rule(
                "name and birth date",
                vec![
                    pair(&["given", "family"], &["name"], Form::Name),
                    pair(&["born"], &["born"], Form::Exact),
                ],
            ),
        ],
    }
}

fn since(run: i64) -> Since {
    Since {
        now: format!("2026-03-0{run}T06:00:00.000Z"),
        run: Some(run),
    }
}

fn lines(connection: &Connection) -> Vec<String> {
    connection
        .prepare("SELECT left_key || '=' || right_key || ' ' || rule || ' ' || since_run FROM rollbook_matches ORDER BY 1")
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .expect("matches")
}

fn counted(connection: &Connection) -> (i64, i64, i64, i64) {
    connection
        .query_row(
            "SELECT matched, conflicts, left_only, right_only FROM rollbook_match_sets WHERE match_set = 'pupils'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .expect("counts")
}

#[test]
fn the_result_of_the_rules_is_written_once() {
    let mut mirror = mirror();
    let sets = [set()];
    let done = refresh(&mut mirror, &sets, &since(1)).expect("written");
    assert_eq!(done, Difference { new: 2, removed: 0 });
    let expected = ["1=[\"a\",1] mail 1", "2=[\"a\",2] name and birth date 1"];
    assert_eq!(lines(&mirror), expected);
    assert_eq!(counted(&mirror), (2, 0, 1, 1));
    let before = mirror.total_changes();
    let done = refresh(&mut mirror, &sets, &since(2)).expect("the same");
    assert_eq!(done, Difference::default());
    assert_eq!(
        mirror.total_changes(),
        before,
        "what is the same writes nothing"
    );
    assert_eq!(lines(&mirror), expected);
}

#[test]
fn a_match_ends_with_what_made_it_and_the_others_stay() {
    let mut mirror = mirror();
    let sets = [set()];
    refresh(&mut mirror, &sets, &since(1)).expect("written");
    mirror
        .execute_batch(
            "INSERT INTO north_learners VALUES (4, 'ADA@school.example', 'Ida', 'Abel', NULL)",
        )
        .expect("a sister with the same address");
    let (_, differs) = preview(&mirror, &sets[0]).expect("looked at");
    assert_eq!(differs, Difference { new: 0, removed: 1 });
    assert_eq!(lines(&mirror).len(), 2, "looking writes nothing");
    assert_eq!(
        refresh(&mut mirror, &sets, &since(2)).expect("written"),
        differs
    );
    assert_eq!(lines(&mirror), ["2=[\"a\",2] name and birth date 1"]);
    assert_eq!(counted(&mirror), (1, 1, 1, 1));
    mirror
        .execute_batch("DELETE FROM north_learners WHERE id = 1")
        .expect("the first one leaves");
    refresh(&mut mirror, &sets, &since(3)).expect("written");
    assert_eq!(
        lines(&mirror),
        ["2=[\"a\",2] name and birth date 1", "4=[\"a\",1] mail 3"]
    );
}

#[test]
fn keys_that_swap_do_not_conflict() {
    let mut mirror = mirror();
    let sets = [set()];
    mirror
        .execute_batch("UPDATE north_learners SET mail = 'two@school.example' WHERE id = 2; UPDATE south_users SET mail = 'two@school.example' WHERE number = 2 AND school = 'a'")
        .expect("two addresses");
    refresh(&mut mirror, &sets, &since(1)).expect("written");
    mirror
        .execute_batch("UPDATE south_users SET mail = iif(number = 1, 'two@school.example', 'ada@school.example') WHERE school = 'a'")
        .expect("exchanged");
    refresh(&mut mirror, &sets, &since(2)).expect("written");
    assert_eq!(lines(&mirror), ["1=[\"a\",2] mail 2", "2=[\"a\",1] mail 2"]);
}

#[test]
fn a_set_that_is_no_longer_configured_is_forgotten() {
    let mut mirror = mirror();
    let other = MatchSet {
        name: named("others"),
        ..set()
    };
    refresh(&mut mirror, &[set(), other], &since(1)).expect("written");
    assert_eq!(lines(&mirror).len(), 4);
    forget_others(&mut mirror, &[set()]).expect("forgotten");
    assert_eq!(lines(&mirror).len(), 2);
    assert_eq!(names(&mirror).expect("names"), ["pupils"]);
}

#[test]
fn a_table_that_does_not_exist_has_no_people() {
    let mut mirror = mirror();
    let mut set = set();
    set.right.table = "south_teachers".to_owned();
    refresh(&mut mirror, &[set], &since(1)).expect("written");
    assert_eq!(counted(&mirror), (0, 0, 3, 0));
}
