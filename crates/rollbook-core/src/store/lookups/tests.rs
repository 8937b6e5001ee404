//! Labels, crosswalks and counts on small mirrors, with two accounts that have other ids for the same codes.

use rusqlite::Connection;
use rusqlite::types::{FromSql, Value};

use super::*;
use crate::model::named;
use crate::model::row::Kind;
use crate::model::{Table, TableColumn};
use crate::store::schema;
use crate::store::tables::fit;

/// List, id, code, label, active.
type Entry = (
    &'static str,
    i64,
    Option<&'static str>,
    &'static str,
    Option<bool>,
);

const NORTH: &[Entry] = &[
    ("genders", 1, Some("F"), "Female", None),
    ("genders", 2, Some("M"), "Male", None),
    ("genders", 3, Some("@@"), "Not stated", None),
    ("hours", 7, Some("00"), "None", Some(true)),
    ("hours", 8, Some("01"), "One, as it was called", Some(false)),
    ("hours", 9, Some("01"), "One", Some(true)),
    ("hours", 10, Some("NS"), "Not started", Some(false)),
    ("kinds", 1, None, "Current", None),
    ("kinds", 2, None, "Twice", None),
    ("kinds", 3, None, "Twice", None),
];

/// The same codes as in the north, with ids of which some mean something else there.
const SOUTH: &[Entry] = &[
    ("genders", 2, Some("F"), "Female", None),
    ("genders", 1, Some("M"), "Male", None),
    ("genders", 9, Some("@@"), "Not stated", None),
];

/// Key, gender's id, hours' code, kind's description.
type Person = (i64, Option<i64>, Option<&'static str>, Option<&'static str>);

const PEOPLE: &[Person] = &[
    (1, Some(1), Some("00"), Some("Current")),
    (2, Some(2), Some("01"), Some("current")),
    (3, Some(9), Some("1"), None),
    (4, None, None, Some("Current")),
    (5, Some(9), Some("NS"), Some("Twice")),
];

struct Mirror {
    connection: Connection,
    tables: Vec<Table>,
    lookups: Lookups,
}

fn table(
    source: &str,
    stream: &str,
    columns: Vec<(&str, Kind, Option<Reference>)>,
    key: usize,
) -> Table {
    let column = |(name, kind, combo): (&str, Kind, Option<Reference>)| TableColumn {
        combo,
        ..TableColumn::plain(name, kind)
    };
    Table {
        source: named(source),
        columns: columns.into_iter().map(column).collect(),
        key: (0..key).collect(),
        ..Table::plain(stream, &[])
    }
}

fn refers(list: &str, by: By) -> Option<Reference> {
    let list = list.to_owned();
    Some(Reference { list, by })
}

fn lists(source: &str) -> Table {
    let columns = vec![
        ("list", Kind::Text, None),
        ("id", Kind::Integer, None),
        ("code", Kind::Text, None),
        ("label", Kind::Text, None),
        ("active", Kind::Boolean, None),
    ];
    table(source, "lists", columns, 2)
}

fn people(source: &str) -> Table {
    let columns = vec![
        ("person", Kind::Integer, None),
        ("gender", Kind::Integer, refers("genders", By::Id)),
        ("hours", Kind::Text, refers("hours", By::Code)),
        ("kind", Kind::Text, refers("kinds", By::Description)),
    ];
    table(source, "people", columns, 1)
}

fn lookups(tables: &[Table], crosswalks: Vec<Crosswalk>) -> Lookups {
    let combos = |table: &Table| ComboTable {
        source: table.source.clone(),
        stream: table.stream.clone(),
        list: "list".to_owned(),
        id: "id".to_owned(),
        code: "code".to_owned(),
        label: "label".to_owned(),
        active: Some("active".to_owned()),
    };
    let references = |table: &Table| References {
        source: table.source.clone(),
        stream: table.stream.clone(),
        columns: table
            .columns
            .iter()
            .filter_map(|column| Some((column.name.clone(), column.combo.clone()?)))
            .collect(),
    };
    let (lists, others): (Vec<&Table>, Vec<&Table>) =
        tables.iter().partition(|table| table.stream == "lists");
    Lookups {
        combos: lists.into_iter().map(combos).collect(),
        references: others.into_iter().map(references).collect(),
        crosswalks,
        has_codes: true,
    }
}

fn crosswalk(
    name: &str,
    column: &str,
    (list, by): (&str, By),
    lines: &[(&str, &str)],
) -> Crosswalk {
    Crosswalk {
        name: named(name),
        columns: vec![MappedColumn {
            source: named("south"),
            stream: named("people"),
            column: column.to_owned(),
        }],
        source: named("north"),
        list: list.to_owned(),
        by,
        lines: lines
            .iter()
            .map(|(value, target)| {
                let value = (*value != "*").then(|| (*value).to_owned());
                (value, (*target).to_owned())
            })
            .collect(),
    }
}

impl Mirror {
    fn new(crosswalks: Vec<Crosswalk>) -> Self {
        let mut connection = Connection::open_in_memory().expect("a database");
        schema::upgrade(&mut connection).expect("our tables");
        let tables: Vec<Table> = ["north", "south"]
            .into_iter()
            .flat_map(|source| [lists(source), people(source)])
            .collect();
        let lookups = lookups(&tables, crosswalks);
        let mut mirror = Self {
            connection,
            tables,
            lookups,
        };
        mirror.fit();
        mirror
    }

    fn filled(crosswalks: Vec<Crosswalk>) -> Self {
        let mut mirror = Self::new(crosswalks);
        for (source, entries) in [("north", NORTH), ("south", SOUTH)] {
            mirror.lists(source, entries);
            mirror.people(source, PEOPLE);
        }
        mirror
    }

    fn fit(&mut self) {
        fit(&mut self.connection, &self.tables, &self.lookups).expect("fitted");
    }

    fn change(&mut self, source: &str, stream: &str, act: impl FnOnce(&Connection)) {
        let transaction = self.connection.transaction().expect("begun");
        act(&transaction);
        after_rows(
            &transaction,
            &self.lookups,
            &named(source),
            &[named(stream)],
        )
        .expect("kept");
        transaction.commit().expect("committed");
    }

    fn lists(&mut self, source: &str, entries: &[Entry]) {
        self.change(source, "lists", |rows| {
            rows.execute(&format!("DELETE FROM {source}_lists"), [])
                .expect("emptied");
            for entry in entries {
                rows.execute(
                    &format!("INSERT INTO {source}_lists VALUES (?1, ?2, ?3, ?4, ?5, '', 1, 0)"),
                    *entry,
                )
                .expect("an entry");
            }
        });
    }

    fn people(&mut self, source: &str, people: &[Person]) {
        self.change(source, "people", |rows| {
            for person in people {
                rows.execute(
                    &format!(
                        "INSERT OR REPLACE INTO {source}_people VALUES (?1, ?2, ?3, ?4, '', 1, 0)"
                    ),
                    *person,
                )
                .expect("a person");
            }
        });
    }

    /// The rows of a query, its cells joined with bars; null is `-`.
    fn ask(&self, sql: &str) -> Vec<String> {
        let mut statement = self
            .connection
            .prepare(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            let cell = |index| -> rusqlite::Result<String> {
                Ok(match row.get::<_, Value>(index)? {
                    Value::Null => "-".to_owned(),
                    Value::Integer(number) => number.to_string(),
                    Value::Text(text) => text,
                    other => format!("{other:?}"),
                })
            };
            let cells: Vec<String> = (0..columns).map(cell).collect::<rusqlite::Result<_>>()?;
            Ok(cells.join("|"))
        });
        rows.expect("rows")
            .collect::<rusqlite::Result<_>>()
            .expect("cells")
    }

    fn one<T: FromSql>(&self, sql: &str) -> T {
        self.connection
            .query_row(sql, [], |row| row.get(0))
            .expect(sql)
    }
}

#[test]
fn labels_are_those_of_the_own_account_and_codes_are_texts() {
    let mirror = Mirror::filled(Vec::new());
    let labels = "SELECT person, gender, gender_code, gender_label, hours, hours_code, hours_label, kind_code, kind_label FROM";
    assert_eq!(
        mirror.ask(&format!("{labels} north_people_labelled ORDER BY 1")),
        [
            "1|1|F|Female|00|00|None|-|Current",
            // Of two entries with the code 01 the one in use; `current` is not `Current`.
            "2|2|M|Male|01|01|One|-|-",
            // 1 is not 01, and 9 is no code here.
            "3|9|-|-|1|-|-|-|-",
            "4|-|-|-|-|-|-|-|Current",
            // Retired, and still explained.
            "5|9|-|-|NS|NS|Not started|-|Twice",
        ]
    );
    assert_eq!(
        mirror.ask("SELECT gender, gender_code, gender_label, hours_label FROM south_people_labelled ORDER BY person"),
        ["1|M|Male|-", "2|F|Female|-", "9|@@|Not stated|-", "-|-|-|-", "9|@@|Not stated|-"]
    );
    let columns = mirror.ask("SELECT name FROM pragma_table_info('north_people_labelled')");
    assert_eq!(
        columns,
        [
            "person",
            "gender",
            "gender_code",
            "gender_label",
            "hours",
            "hours_code",
            "hours_label",
            "kind",
            "kind_code",
            "kind_label",
            "_since",
            "_run",
        ]
    );
}

#[test]
fn what_no_list_holds_is_counted_and_only_where_it_changed() {
    let mut mirror = Mirror::filled(Vec::new());
    let counts = "SELECT source, stream, \"column\", list, codes, rows FROM rollbook_unlabelled ORDER BY 1, 3";
    let expected = [
        "north|people|gender|genders|1|2",
        "north|people|hours|hours|1|1",
        "north|people|kind|kinds|1|1",
        "south|people|hours|hours|4|4",
        "south|people|kind|kinds|3|4",
    ];
    assert_eq!(mirror.ask(counts), expected);
    let before = mirror.connection.total_changes();
    mirror.change("north", "people", |_| {});
    mirror.change("south", "lists", |_| {});
    mirror.fit();
    assert_eq!(
        mirror.connection.total_changes(),
        before,
        "nothing changed, so nothing is written"
    );
    mirror.people(
        "north",
        &[(3, Some(3), Some("00"), None), (5, None, None, None)],
    );
    assert_eq!(mirror.ask(counts)[..1], ["north|people|kind|kinds|1|1"]);
    let without_male: Vec<Entry> = SOUTH.iter().copied().filter(|entry| entry.1 != 1).collect();
    mirror.lists("south", &without_male);
    assert!(
        mirror
            .ask(counts)
            .contains(&"south|people|gender|genders|1|1".to_owned())
    );
}

#[test]
fn a_crosswalk_maps_to_entries_and_null_stays_null() {
    let mut mirror = Mirror::filled(vec![
        crosswalk(
            "hours",
            "hours",
            ("hours", By::Code),
            &[("00", "00"), ("1", "01"), ("*", "@@")],
        ),
        crosswalk(
            "sex",
            "gender",
            ("genders", By::Code),
            &[("1", "M"), ("2", "F")],
        ),
        crosswalk(
            "who",
            "kind",
            ("kinds", By::Description),
            &[("Current", "Current"), ("current", "Twice")],
        ),
    ]);
    let lines = "SELECT crosswalk, value, target, state, id, code, label FROM rollbook_crosswalk ORDER BY 1, 2";
    let expected = [
        "hours|-|@@|missing|-|-|-",
        "hours|00|00|ok|7|00|None",
        "hours|1|01|ok|9|01|One",
        "sex|1|M|ok|2|M|Male",
        "sex|2|F|ok|1|F|Female",
        "who|Current|Current|ok|1|-|Current",
        "who|current|Twice|ambiguous|-|-|-",
    ];
    assert_eq!(mirror.ask(lines), expected);
    let view = "SELECT gender, gender_sex_code, gender_sex_label, hours_hours_code, kind_who_label FROM south_people_mapped ORDER BY person";
    assert_eq!(
        mirror.ask(view),
        [
            "1|M|Male|00|Current",
            "2|F|Female|-|-",
            "9|-|-|01|-",
            "-|-|-|-|Current",
            "9|-|-|-|-"
        ]
    );
    let counts = "SELECT crosswalk, source, stream, \"column\", codes, rows FROM rollbook_unmapped ORDER BY 1";
    assert_eq!(
        mirror.ask(counts),
        [
            "hours|south|people|hours|0|0",
            "sex|south|people|gender|1|2",
            "who|south|people|kind|1|1"
        ]
    );
    let unmapped = unmapped_values(
        &mirror.connection,
        &mirror.lookups.crosswalks[1],
        &mirror.lookups.crosswalks[1].columns[0],
    );
    assert_eq!(unmapped.expect("asked"), [("9".to_owned(), 2)]);
    let before = mirror.connection.total_changes();
    mirror.fit();
    mirror.change("north", "lists", |_| {});
    assert_eq!(mirror.connection.total_changes(), before);
}

#[test]
fn a_list_that_changes_changes_its_crosswalks_in_the_same_transaction() {
    let mut mirror = Mirror::new(vec![crosswalk(
        "sex",
        "gender",
        ("genders", By::Code),
        &[("1", "M")],
    )]);
    let line = "SELECT state, id, label FROM rollbook_crosswalk";
    mirror.people("south", PEOPLE);
    assert_eq!(mirror.ask(line), ["unread|-|-"]);
    mirror.lists("north", NORTH);
    assert_eq!(mirror.ask(line), ["ok|2|Male"]);
    mirror.lists("north", &[("genders", 22, Some("M"), "Man", Some(true))]);
    assert_eq!(mirror.ask(line), ["ok|22|Man"]);
    mirror.lists("north", &[("genders", 22, Some("M"), "Man", Some(false))]);
    assert_eq!(mirror.ask(line), ["retired|22|Man"]);
    mirror.lists("north", &[("genders", 1, Some("F"), "Female", None)]);
    assert_eq!(mirror.ask(line), ["missing|-|-"]);
    let rolled_back = {
        let transaction = mirror.connection.transaction().expect("begun");
        transaction
            .execute("UPDATE north_lists SET code = 'M'", [])
            .expect("changed");
        after_rows(
            &transaction,
            &mirror.lookups,
            &named("north"),
            &[named("lists")],
        )
        .expect("kept");
        transaction.rollback()
    };
    rolled_back.expect("rolled back");
    assert_eq!(
        mirror.ask(line),
        ["missing|-|-"],
        "it is committed or rolled back with the rows"
    );
}

#[test]
fn what_the_configuration_no_longer_has_leaves_nothing_behind() {
    let mut mirror = Mirror::filled(vec![crosswalk(
        "sex",
        "gender",
        ("genders", By::Code),
        &[("1", "M")],
    )]);
    assert_eq!(
        mirror.one::<i64>("SELECT count(*) FROM south_people_mapped"),
        5
    );
    let views = "SELECT name FROM sqlite_schema WHERE type = 'view' AND (name LIKE '%labelled' OR name LIKE '%mapped')";
    mirror.lookups.crosswalks[0].name = named("gender");
    mirror.lookups.crosswalks[0]
        .lines
        .push((Some("2".to_owned()), "F".to_owned()));
    mirror.fit();
    assert_eq!(
        mirror.ask("SELECT crosswalk, codes FROM rollbook_unmapped"),
        ["gender|1"]
    );
    assert_eq!(
        mirror.one::<i64>("SELECT count(gender_gender_code) FROM south_people_mapped"),
        2
    );
    mirror.lookups = Lookups::default();
    mirror.fit();
    assert_eq!(mirror.ask(views), Vec::<String>::new());
    for table in [
        "rollbook_crosswalk",
        "rollbook_unmapped",
        "rollbook_unlabelled",
    ] {
        assert_eq!(
            mirror.one::<i64>(&format!("SELECT count(*) FROM {table}")),
            0,
            "{table}"
        );
    }
}

#[test]
fn tables_can_be_altered_below_the_views() {
    let mut mirror = Mirror::filled(vec![crosswalk(
        "sex",
        "gender",
        ("genders", By::Code),
        &[("1", "M")],
    )]);
    for table in &mut mirror.tables {
        match table.stream.as_str() {
            "lists" => table.columns[2].name = "short".to_owned(),
            _ => drop(table.columns.remove(2)),
        }
    }
    let crosswalks = mirror.lookups.crosswalks.clone();
    mirror.lookups = lookups(&mirror.tables, crosswalks);
    for combos in &mut mirror.lookups.combos {
        combos.code = "short".to_owned();
    }
    mirror.fit();
    assert_eq!(
        mirror.ask(
            "SELECT gender, gender_code, gender_label FROM north_people_labelled WHERE person = 1"
        ),
        ["1|-|Female"]
    );
    let counted = mirror.ask("SELECT DISTINCT \"column\" FROM rollbook_unlabelled ORDER BY 1");
    assert_eq!(counted, ["gender", "kind"]);
}

#[test]
fn labels_follow_their_list_and_only_where_it_changed() {
    let mut mirror = Mirror::filled(Vec::new());
    let kept = "SELECT source, lists.list, id, code, label FROM rollbook_labels AS labels \
        JOIN rollbook_lists AS lists ON number = labels.list ORDER BY 1, 2, 3";
    // No column refers to hours or kinds by id.
    let north = [
        "north|genders|1|F|Female",
        "north|genders|2|M|Male",
        "north|genders|3|@@|Not stated",
    ];
    assert_eq!(mirror.ask(kept)[..3], north);
    assert_eq!(mirror.ask(kept).len(), 6);
    mirror.change("north", "lists", |rows| {
        rows.execute_batch(
            "UPDATE north_lists SET label = 'Woman', code = NULL WHERE list = 'genders' AND id = 1;
             DELETE FROM north_lists WHERE list = 'genders' AND id = 2;
             INSERT INTO north_lists VALUES ('genders', -9, 'X', 'Other', NULL, '', 1, 0);",
        )
        .expect("changed");
    });
    assert_eq!(
        mirror.ask("SELECT gender_code, gender_label FROM north_people_labelled WHERE person < 3"),
        ["-|Woman", "-|-"]
    );
    let changed = [
        "north|genders|-9|X|Other",
        "north|genders|1|-|Woman",
        "north|genders|3|@@|Not stated",
    ];
    assert_eq!(mirror.ask(kept)[..3], changed);
    let before = mirror.connection.total_changes();
    mirror.change("north", "lists", |rows| {
        let same = "UPDATE north_lists SET active = 1 WHERE list = 'genders' AND id = 1";
        rows.execute(same, []).expect("changed");
    });
    assert_eq!(mirror.connection.total_changes(), before + 1);
    mirror.lookups = Lookups::default();
    mirror.fit();
    assert_eq!(mirror.ask(kept), [""; 0]);
}

#[test]
fn a_list_keeps_its_number_until_no_column_refers_to_it() {
    let mut mirror = Mirror::filled(Vec::new());
    let numbers = "SELECT number, source, list FROM rollbook_lists ORDER BY 1";
    assert_eq!(mirror.ask(numbers), ["1|north|genders", "2|south|genders"]);
    mirror.tables[3].columns[1].combo = refers("hours", By::Id);
    mirror.lookups = lookups(&mirror.tables, Vec::new());
    mirror.fit();
    assert_eq!(mirror.ask(numbers), ["1|north|genders", "2|south|hours"]);
    assert_eq!(
        mirror.ask("SELECT DISTINCT gender_label FROM south_people_labelled"),
        ["-"],
        "no label of the list that had the number before"
    );
    mirror.tables.remove(1); // people of the north
    mirror.lookups = lookups(&mirror.tables, Vec::new());
    mirror.fit();
    assert_eq!(mirror.ask(numbers), ["2|south|hours"]);
    assert_eq!(mirror.one::<i64>("SELECT count(*) FROM rollbook_labels"), 0);
}

#[test]
fn ids_that_are_texts_are_looked_up_in_the_list() {
    let mut mirror = Mirror::filled(Vec::new());
    let columns = vec![
        ("list", Kind::Text, None),
        ("id", Kind::Text, None),
        ("code", Kind::Text, None),
        ("label", Kind::Text, None),
        ("active", Kind::Boolean, None),
    ];
    let texts = table("west", "lists", columns, 2);
    mirror.tables = vec![texts, people("west")];
    mirror.lookups = lookups(&mirror.tables, Vec::new());
    mirror.fit();
    mirror.lists("west", NORTH);
    mirror.people("west", PEOPLE);
    assert_eq!(
        mirror.ask("SELECT gender_code, gender_label FROM west_people_labelled WHERE person < 4"),
        ["F|Female", "M|Male", "-|-"]
    );
    assert_eq!(mirror.one::<i64>("SELECT count(*) FROM rollbook_lists"), 0);
}

#[test]
fn one_row_is_found_by_its_key_and_reads_the_labels_that_are_asked_for() {
    let mirror = Mirror::filled(Vec::new());
    let plan = |columns: &str, where_: &str| -> Vec<String> {
        let sql =
            format!("EXPLAIN QUERY PLAN SELECT {columns} FROM north_people_labelled {where_}");
        let mut plan = mirror.ask(&sql);
        for step in &mut plan {
            *step = step.rsplit('|').next().unwrap_or_default().to_owned();
        }
        plan
    };
    let row = "SEARCH row USING INTEGER PRIMARY KEY (rowid=?)";
    let row_by_index = "SEARCH row USING INDEX sqlite_autoindex_north_people_1 (person=?)";
    let label = "SEARCH gender_entry USING PRIMARY KEY (list=? AND id=?) LEFT-JOIN";
    let found = plan("person, gender_label", "WHERE person = 1");
    assert!(
        [row, row_by_index].contains(&found[0].as_str()),
        "{found:?}"
    );
    assert_eq!(found[1..], [label]);
    assert_eq!(plan("person, kind", "WHERE kind = ''"), ["SCAN row"]);
}

#[test]
fn codes_are_beside_labels_only_where_that_is_set() {
    let mut mirror = Mirror::filled(Vec::new());
    let derived = "SELECT name FROM pragma_table_info('north_people_labelled') \
        WHERE name LIKE '%\\_code' ESCAPE '\\' OR name LIKE '%\\_label' ESCAPE '\\'";
    let both = [
        "gender_code",
        "gender_label",
        "hours_code",
        "hours_label",
        "kind_code",
        "kind_label",
    ];
    assert_eq!(mirror.ask(derived), both);
    mirror.lookups.has_codes = false;
    mirror.fit();
    assert_eq!(
        mirror.ask(derived),
        ["gender_label", "hours_label", "kind_label"]
    );
    let labels =
        "SELECT gender_label, hours_label, kind_label FROM north_people_labelled WHERE person = 1";
    assert_eq!(mirror.ask(labels), ["Female|None|Current"]);
    mirror.lookups.has_codes = true;
    mirror.fit();
    assert_eq!(mirror.ask(derived), both);
}

/// SQLite joins 64 tables at most, and a learner has more references than that.
#[test]
fn a_row_may_have_a_hundred_references() {
    let mut mirror = Mirror::filled(Vec::new());
    let names: Vec<String> = (0..100).map(|number| format!("g{number}")).collect();
    let mut columns = vec![("person", Kind::Integer, None)];
    columns.extend(
        names
            .iter()
            .map(|name| (name.as_str(), Kind::Integer, refers("genders", By::Id))),
    );
    mirror.tables.push(table("north", "wide", columns, 1));
    mirror.lookups = lookups(&mirror.tables, Vec::new());
    mirror.fit();
    mirror.change("north", "wide", |rows| {
        let sets: Vec<String> = (0..100).map(|number| format!("{}", number % 4)).collect();
        let insert = format!(
            "INSERT INTO north_wide VALUES (1, {}, '', 1, 0)",
            sets.join(", ")
        );
        rows.execute(&insert, []).expect("a row");
    });
    assert_eq!(
        mirror.ask("SELECT g1_label, g98_label, g99_code, g0_label FROM north_wide_labelled"),
        ["Female|Male|@@|-"]
    );
    // SQLite would refuse more than 64 joins in all.
    let joined = "SELECT a.g1_label, b.g2_label, c.g99_label FROM north_wide_labelled AS a \
        JOIN north_wide_labelled AS b USING (person) JOIN north_wide_labelled AS c USING (person)";
    assert_eq!(mirror.ask(joined), ["Female|Male|Not stated"]);
    let zeros: (i64, i64) = mirror
        .connection
        .query_row(
            "SELECT count(*), sum(rows) FROM rollbook_unlabelled WHERE stream = 'wide'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .expect("counts");
    assert_eq!(zeros, (25, 25));
}
