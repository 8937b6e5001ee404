//! R2, R4, T2: whole rows that cannot be read, rows that depend on others, and columns that become empty.

use std::time::Duration;

use serde_json::{Value, json};

use super::harness::{Config, Harness, each, id, people, person, persons};
use super::server::{PAGED, Pages, Reply, Shared, Style, Total, VendorRequest, pages};

const NAMES: &str = "name = \"name : text\"\nday = \"day : date\"\n";

/// Groups and, for each of them, its members.
fn families() -> Config {
    Config::of(&format!(
        "{}[streams.members]\npath = \"/members/{{group}}\"\nrows = \"rows\"\nkey = [\"group_id\", \"id\"]\n\
         for_each = {{ stream = \"people\", take = {{ group = \"id\" }} }}\nremoved = {{ absence = true }}\n\n\
         [streams.members.columns]\ngroup_id = \"= {{group}} : text\"\nid = \"id : text\"\nname = \"name : text\"\n",
        people("page = { by = \"none\" }", "", NAMES)
    ))
}

fn members(harness: &Harness) -> u64 {
    crate::queries::count(&harness.installation.mirror(), "own_members")
}

/// The current parents; three children of each.
fn family(
    parents: &Shared,
    fault: fn(&VendorRequest) -> Option<Reply>,
) -> impl FnMut(&VendorRequest) -> Reply + Send + use<> {
    family_and(parents, fault)
}

fn family_and<F: Fn(&VendorRequest) -> Option<Reply> + Send>(
    parents: &Shared,
    fault: F,
) -> impl FnMut(&VendorRequest) -> Reply + Send + use<F> {
    let parents = parents.clone();
    move |request| {
        if let Some(reply) = fault(request) {
            return reply;
        }
        let rows = match request.list() {
            "people" => parents.rows(),
            _ => (0..3)
                .map(|number| json!({"id": id(number), "name": "Child"}))
                .collect(),
        };
        Reply::json(&json!({"rows": rows}))
    }
}

/// R2: an odd parent and its children stay.
#[test]
fn r2_children_of_an_odd_parent_stay() {
    type Change = fn(&mut Value);
    // The change of parent 2, and whether its row can still be identified.
    let cases: [(&str, Change); 6] = [
        ("a date that is none", |row| {
            row["day"] = json!("2025-02-30")
        }),
        ("a date as a list", |row| row["day"] = json!(["2025-08-31"])),
        ("a name as an object", |row| {
            row["name"] = json!({"de": "Name"})
        }),
        ("no key", |row| {
            drop(row.as_object_mut().expect("a row").remove("id"))
        }),
        ("the key is null", |row| row["id"] = Value::Null),
        ("the key is an object", |row| {
            row["id"] = json!({"value": "p0002"})
        }),
    ];
    each(
        &cases,
        |(name, _)| (*name).to_owned(),
        |(name, change)| {
            let mut harness = Harness::new(&families());
            let parents = Shared::of(persons(30));
            harness.vendor.respond_with(family(&parents, |_| None));
            harness.sync().ended("ok", "first");
            assert_eq!(members(&harness), 90);
            parents.edit(|rows| change(&mut rows[2]));
            for reading in 1..=4 {
                harness
                    .sync()
                    .ended("ok_with_rejects", name)
                    .removed_none(reading);
                assert_eq!(
                    (harness.ids().len(), members(&harness)),
                    (30, 90),
                    "{name}: {reading}"
                );
            }
        },
    );
}

/// R2: the column by which children are read is unreadable for one parent: its last value is used, or its children are not read.
#[test]
fn r2_an_odd_column_by_which_children_are_read() {
    let odd = [json!(["a"]), json!({"v": "a"})];
    let mut plan = families();
    plan.streams = plan
        .streams
        .replace("take = { group = \"id\" }", "take = { group = \"code\" }")
        .replace("day = \"day : date\"\n", "code = \"code : text\"\n");
    each(&odd, ToString::to_string, |odd| {
        let mut harness = Harness::new(&plan);
        let coded = |number| json!({"id": id(number), "name": "N", "code": format!("c{number}")});
        let parents = Shared::of((0..30).map(coded).collect());
        harness.vendor.respond_with(family(&parents, |_| None));
        harness.sync().ended("ok", "first");
        parents.edit(|rows| rows[2]["code"] = odd.clone());
        for reading in 1..=3 {
            harness
                .sync()
                .ended("ok_with_rejects", reading)
                .removed_none(reading);
            assert_eq!((harness.ids().len(), members(&harness)), (30, 90));
        }
    });
}

/// R2: children of a parent with a failed, refused or missing list are untouched, and the others are read.
#[test]
fn r2_children_of_a_parent_that_is_refused_stay() {
    let cases = [
        // A refused or missing list may be reported in an ok run; a fault may not.
        ("403", Reply::status(403), true),
        ("404", Reply::status(404), true),
        ("400", Reply::status(400), false),
        ("500", Reply::status(500), false),
        (
            "no rows in it",
            Reply::raw(200, "{\"error\":\"sorry\"}"),
            false,
        ),
        (
            "a web page",
            Reply::raw(200, "<html>maintenance</html>"),
            false,
        ),
        (
            "cut off",
            Reply::raw(200, "{\"rows\":[{\"id\":\"p0000\""),
            false,
        ),
    ];
    each(
        &cases,
        |(name, ..)| (*name).to_owned(),
        |(name, fault, may_be_well)| {
            let mut harness = Harness::new(&families());
            let parents = Shared::of(persons(30));
            harness.vendor.respond_with(family(&parents, |_| None));
            harness.sync().ended("ok", "first");
            let fault = fault.clone();
            harness
                .vendor
                .respond_with(family_and(&parents, move |request| match request.list() {
                    "people" => None,
                    "p0002" => Some(fault.clone()),
                    // One child more than before, so that it shows which were read.
                    _ => {
                        let rows: Vec<Value> = (0..4)
                            .map(|number| json!({"id": id(number), "name": "Child"}))
                            .collect();
                        Some(Reply::json(&json!({"rows": rows})))
                    }
                }));
            for reading in 1..=3 {
                let ran = harness.sync().removed_none(name).reports(&["p0002"], name);
                let is_well = ran.part("members").outcome == "ok";
                assert!(*may_be_well || !is_well, "{name}: {ran:?}");
                assert_eq!(
                    (harness.ids().len(), members(&harness)),
                    (30, 29 * 4 + 3),
                    "{name}: {reading}"
                );
            }
        },
    );
}

/// R4: a row that cannot be identified costs itself, at every run; nothing is removed, and the run reports why.
#[test]
fn r4_rows_without_a_key() {
    let odd_keys = [
        ("left out", None),
        ("null", Some(Value::Null)),
        ("empty", Some(json!(""))),
        ("a list", Some(json!(["p0003"]))),
        ("an object", Some(json!({"value": "p0003"}))),
    ];
    let style = pages(Style::Offset, 20).with(Total::InBody);
    let cases: Vec<(usize, &str, Option<Value>)> = odd_keys
        .into_iter()
        .map(|(name, key)| (1, name, key))
        .chain([(3, "left out", None)])
        .collect();
    each(
        &cases,
        |(count, name, _)| format!("{count} with a key that is {name}"),
        |(count, name, key)| {
            let count = *count;
            let spoil = |row: &mut Value| match key {
                Some(key) => row["id"] = key.clone(),
                None => drop(row.as_object_mut().expect("a row").remove("id")),
            };
            let mut rows = persons(40);
            rows[5..5 + count].iter_mut().for_each(spoil);
            // A first load, and every run after it.
            let plan = Config::people(&style.toml(), NAMES);
            let (mut harness, list) = Harness::of_list(style, &plan, rows);
            for reading in 1..=3 {
                let ran = harness.sync().ended("ok_with_rejects", (name, reading));
                assert_eq!(harness.ids().len(), 40 - count, "{ran:?}");
                assert_eq!(ran.rejects_of("id"), count as u64, "{ran:?}");
            }
            // A row that is missing meanwhile may be the one without a key.
            list.edit(|rows| drop(rows.remove(20)));
            for reading in 1..=3 {
                let ran = harness.sync().ended("ok_with_rejects", (name, reading));
                ran.removed_none(name).reports(&["removed"], name);
                assert_eq!(harness.ids().len(), 40 - count, "{name}");
            }
            // With a key for every row, absence counts again.
            list.edit(|rows| *rows = (0..40).filter(|number| *number != 20).map(person).collect());
            harness.sync();
            harness.sync().ended("ok", name);
            assert_eq!(harness.ids().len(), 39, "{name}");
        },
    );
}

/// R4: a part of a key counts as none; so does a number that a key cannot store.
#[test]
fn r4_keys_of_several_columns_and_of_numbers() {
    let cases = [
        (
            "one part missing",
            "key = [\"id\", \"school\"]",
            "school = \"school : text\"\n",
            "school",
            Value::Null,
        ),
        (
            "one part odd",
            "key = [\"id\", \"school\"]",
            "school = \"school : text\"\n",
            "school",
            json!({"v": 1}),
        ),
        (
            "no whole number",
            "key = [\"school\"]",
            "school = \"school : integer\"\n",
            "school",
            json!("x1"),
        ),
        (
            "too large a number",
            "key = [\"school\"]",
            "school = \"school : integer\"\n",
            "school",
            json!(12345678901234567890u64),
        ),
        (
            "no date",
            "key = [\"school\"]",
            "school = \"school : date\"\n",
            "school",
            json!("soon"),
        ),
    ];
    let style = pages(Style::None, 0);
    each(
        &cases,
        |(name, ..)| (*name).to_owned(),
        |(name, key, column, member, odd)| {
            let mut plan =
                Config::people(&style.toml(), &format!("name = \"name : text\"\n{column}"));
            plan.streams = plan.streams.replace("key = [\"id\"]", key);
            let good = |number: usize| match *column {
                date if date.contains("date") => json!(format!("2026-01-{:02}", number % 28 + 1)),
                whole if whole.contains("integer") => json!(number),
                _ => json!("s1"),
            };
            let rows = (0..28)
                .map(|number| json!({"id": id(number), "name": "N", *member: good(number)}))
                .collect();
            let (mut harness, list) = Harness::of_list(style, &plan, rows);
            harness.sync().ended("ok", "first");
            list.edit(|rows| rows[3][*member] = odd.clone());
            for reading in 1..=3 {
                let ran = harness
                    .sync()
                    .ended("ok_with_rejects", reading)
                    .removed_none(name);
                assert_eq!(ran.rejects_of(member), 1, "{ran:?}");
                assert_eq!(harness.ids().len(), 28, "{name}");
            }
        },
    );
}

/// A required column rejects its row; the row's key counts as received all the same.
#[test]
fn r4_a_required_column_that_is_missing_or_odd() {
    let odd = [
        ("left out", None),
        ("null", Some(Value::Null)),
        ("empty", Some(json!(""))),
        ("a list", Some(json!(["a"]))),
        ("an object", Some(json!({"de": "a"}))),
    ];
    let style = pages(Style::Offset, 20).with(Total::InBody);
    let columns = "name = \"name : text required\"\nday = \"day : date\"\n";
    each(
        &odd,
        |(name, _)| (*name).to_owned(),
        |(name, odd)| {
            let plan = Config::people(&style.toml(), columns);
            let (mut harness, list) = Harness::of_list(style, &plan, persons(40));
            harness.sync().ended("ok", "first");
            let spoil = |row: &mut Value| match odd {
                Some(odd) => row["name"] = odd.clone(),
                None => drop(row.as_object_mut().expect("a row").remove("name")),
            };
            list.edit(|rows| {
                spoil(&mut rows[3]);
                rows[3]["day"] = json!("2026-01-01");
                let mut new = person(40);
                spoil(&mut new);
                rows.push(new);
            });
            for reading in 1..=4 {
                let ran = harness
                    .sync()
                    .ended("ok_with_rejects", reading)
                    .removed_none(name);
                assert_eq!(ran.rejects_of("name"), 2, "{ran:?}");
                assert_eq!(ran.people().unconfirmed, 0, "{ran:?}");
                assert_eq!(harness.ids().len(), 40, "the new one is not there");
                assert_eq!(harness.cell(&id(3), "name").as_deref(), Some("Name 3"));
                assert_eq!(
                    harness.cell(&id(3), "day").as_deref(),
                    Some("null"),
                    "nothing of a reject is stored"
                );
            }
            // Identified rows do not prevent the removal of others.
            list.edit(|rows| drop(rows.remove(20)));
            harness.sync();
            harness.sync();
            assert_eq!(harness.ids().len(), 39, "{name}");
        },
    );
}

/// How a column becomes empty.
type Emptied = fn(&mut Value);

const EMPTIED: [(&str, Emptied); 5] = [
    ("left out", |row| {
        drop(row.as_object_mut().expect("a row").remove("name"))
    }),
    ("null", |row| row["name"] = Value::Null),
    ("empty", |row| row["name"] = json!("")),
    ("renamed", |row| {
        let name = row.as_object_mut().expect("a row").remove("name");
        row["lastName"] = name.unwrap_or_default();
    }),
    ("moved", |row| {
        let name = row.as_object_mut().expect("a row").remove("name");
        row["person"] = json!({"name": name});
    }),
];

/// T2: a column that had values in most rows and suddenly has none is held; an approval applies it.
#[test]
fn t2_a_column_that_becomes_empty_is_held() {
    let styles = [
        pages(Style::None, 0),
        pages(Style::Offset, 15),
        pages(Style::Offset, 15).with(Total::InHeader),
        pages(Style::Cursor, 15),
    ];
    each(
        &styles,
        |style| format!("{style:?}"),
        |style| {
            let plan = Config::people(&style.toml(), NAMES);
            let (mut harness, list) = Harness::of_list(*style, &plan, persons(40));
            for (name, dry) in EMPTIED {
                list.edit(|rows| *rows = persons(40));
                harness.sync().ended("ok", "good names");
                let before = harness.history();
                list.edit(|rows| rows.iter_mut().for_each(dry));
                for _ in 0..2 {
                    harness.sync().ended("held", name).reports(&["name"], name);
                    assert_eq!(
                        harness.cell(&id(3), "name").as_deref(),
                        Some("Name 3"),
                        "{name}"
                    );
                }
                assert_eq!(harness.history(), before, "{name}");
                let held = harness.sync().ended("held", name);
                harness.approve(&held).ended("ok", name);
                assert_eq!(
                    harness.cell(&id(3), "name").as_deref(),
                    Some("null"),
                    "{name}"
                );
                harness.sync().ended("ok", "it is known now");
            }
        },
    );
}

/// T2: what is not held: few rows, few values before, one value left.
#[test]
fn t2_a_column_that_may_be_empty() {
    // Rows, rows with a name before, rows with a name after, whether it is held.
    let cases = [
        (40, 40, 0, true),
        (20, 20, 0, true),
        (40, 30, 0, true),
        (19, 19, 0, false),
        (40, 3, 0, false),
        (40, 40, 1, false),
        (40, 40, 20, false),
        (40, 0, 0, false),
    ];
    let style = pages(Style::None, 0);
    each(
        &cases,
        |case| format!("{case:?}"),
        |(count, before, after, is_held)| {
            let named = |with: usize| -> Vec<Value> {
                (0..*count)
                    .map(|number| match number < with {
                        true => person(number),
                        false => json!({"id": id(number)}),
                    })
                    .collect()
            };
            let (mut harness, list) =
                Harness::of_list(style, &Config::people(&style.toml(), NAMES), named(*before));
            harness.sync().ended("ok", "first");
            list.edit(|rows| *rows = named(*after));
            let ran = harness.sync();
            ran.ended(if *is_held { "held" } else { "ok" }, "");
        },
    );
}

/// T2: every type of column, and a column below another member.
#[test]
fn t2_columns_of_every_type() {
    let cases = [
        ("text", json!("a")),
        ("integer", json!(41)),
        ("real", json!(0.5)),
        ("boolean", json!(true)),
        ("date", json!("2026-01-01")),
        ("timestamp", json!("2026-01-01T07:00:00Z")),
        ("json", json!(["a"])),
    ];
    let style = pages(Style::None, 0);
    each(
        &cases,
        |(kind, _)| (*kind).to_owned(),
        |(kind, value)| {
            let plan = Config::people(&style.toml(), &format!("what = \"below.what : {kind}\"\n"));
            let rows = (0..40)
                .map(|number| json!({"id": id(number), "below": {"what": value}}))
                .collect();
            let (mut harness, list) = Harness::of_list(style, &plan, rows);
            harness.sync().ended("ok", "first");
            list.edit(|rows| rows.iter_mut().for_each(|row| row["below"] = json!({})));
            harness.sync().ended("held", kind).reports(&["what"], kind);
        },
    );
}

/// T2: in changes too, when there are twenty rows; short rows lack columns by design.
#[test]
fn t2_in_changes_and_in_short_rows() {
    let mut plan = Config::people(
        "page = { by = \"none\" }",
        "name = \"name : text\"\nchanged = \"changed : timestamp\"\n",
    );
    plan.streams = plan.streams.replace(
        "removed = ",
        "since = { column = \"changed\", query = { since = \"{since}\" }, overlap = \"1s\", default = true, full_every = \"30d\" }\nremoved = ",
    );
    let mut harness = Harness::new(&plan);
    let changed = |name: Option<&str>, hour: usize, count: usize| -> Vec<Value> {
        (0..count)
            .map(|number| json!({"id": id(number), "name": name, "changed": format!("2026-03-01T{hour:02}:00:00Z")}))
            .collect()
    };
    harness
        .vendor
        .respond_with(super::harness::all(&changed(Some("N"), 1, 40)));
    harness.sync().ended("ok", "first");
    harness
        .vendor
        .respond_with(super::harness::all(&changed(None, 2, 25)));
    let ran = harness
        .sync()
        .ended("held", "25 changes")
        .reports(&["name"], "25 changes");
    assert_eq!(ran.people().reading, "incremental");
    assert_eq!(harness.cell(&id(3), "name").as_deref(), Some("N"));
    harness
        .vendor
        .respond_with(super::harness::all(&changed(None, 3, 5)));
    harness.sync().ended("ok", "5 changes");

    let mut plan = Config::people(
        "page = { by = \"none\" }",
        "name = \"name : text\"\nday = \"day : date\"\n",
    );
    plan.streams = plan
        .streams
        .replace("removed = ", "short = { lacks = [\"name\"] }\nremoved = ");
    let mut harness = Harness::new(&plan);
    harness
        .vendor
        .respond_with(super::harness::all(&persons(40)));
    harness.sync().ended("ok", "first");
    let short: Vec<Value> = (0..40)
        .map(|number| json!({"id": id(number), "day": "2026-01-01"}))
        .collect();
    harness.vendor.respond_with(super::harness::all(&short));
    harness.sync().ended("ok", "short rows");
    assert_eq!(harness.cell(&id(3), "name").as_deref(), Some("Name 3"));
    assert_eq!(harness.cell(&id(3), "day").as_deref(), Some("2026-01-01"));
}

/// Design: removals by absence, and after how many readings, in every style.
#[test]
fn removals_need_one_reading_or_two() {
    let totals = [Total::Unsaid, Total::InHeader];
    // Style, lines of `removed`, lines of the job, readings needed.
    let mut cases: Vec<(Pages, &str, &str, u64)> = vec![
        (pages(Style::None, 0), "", "", 1),
        (pages(Style::Cursor, 100), "", "", 1),
        (pages(Style::Link, 100), "", "", 1),
        (pages(Style::NextUrl, 100), "", "", 1),
        (pages(Style::None, 0), ", confirm = 2", "", 2),
        (pages(Style::Offset, 15), ", confirm = 1", "", 1),
        (pages(Style::Offset, 15), "", "[guard]\nconfirm = 1\n", 1),
        (pages(Style::Cursor, 15), "", "[guard]\nconfirm = 3\n", 3),
    ];
    for style in PAGED {
        for total in totals {
            cases.push((pages(style, 15).with(total), "", "", 2));
        }
    }
    each(
        &cases,
        |case| format!("{case:?}"),
        |(style, removed, job, readings)| {
            let mut plan = Config::people(&style.toml(), NAMES).job(job);
            plan.streams = plan
                .streams
                .replace("absence = true", &format!("absence = true{removed}"));
            let (mut harness, list) = Harness::of_list(*style, &plan, persons(40));
            harness.sync().ended("ok", "first");
            list.edit(|rows| drop(rows.drain(20..22)));
            for reading in 1..=*readings {
                let ran = harness.sync().ended("ok", reading);
                let part = ran.people();
                let expected = if reading == *readings { (2, 0) } else { (0, 2) };
                assert_eq!(
                    (part.removed, part.unconfirmed),
                    expected,
                    "reading {reading}: {ran:?}"
                );
            }
            assert_eq!(harness.ids().len(), 38);
            let quiet = harness.sync().ended("ok", "quiet");
            assert_eq!((quiet.people().removed, quiet.people().unconfirmed), (0, 0));
        },
    );
}

/// Design: a row removed by its status needs no second reading; unconfirmed removals make the next reading a full one.
#[test]
fn removals_by_status_at_once_and_a_full_reading_while_some_are_unconfirmed() {
    let style = pages(Style::Offset, 15);
    let mut plan = Config::people(
        &style.toml(),
        "state = \"state : text\"\nchanged = \"changed : timestamp\"\n",
    );
    plan.streams = plan.streams.replace(
        "removed = { absence = true }",
        "removed = { status = { column = \"state\", is = [\"left\"] }, absence = true }\n\
         since = { column = \"changed\", query = { since = \"{since}\" }, overlap = \"1s\", default = true, full_every = \"7d\" }",
    );
    let row = |number: usize| json!({"id": id(number), "state": "here", "changed": "2026-03-01T01:00:00Z"});
    let (mut harness, list) = Harness::of_list(style, &plan, (0..40).map(row).collect());
    harness.sync().ended("ok", "first");
    list.edit(|rows| rows[3]["state"] = json!("left"));
    assert_eq!(harness.full().ended("ok", "one left").people().removed, 1);
    list.edit(|rows| drop(rows.remove(20)));
    harness.advance(Duration::from_secs(60));
    assert_eq!(
        harness
            .full()
            .ended("ok", "one is missing")
            .people()
            .unconfirmed,
        1
    );
    harness.advance(Duration::from_secs(60));
    let next = harness.sync().ended("ok", "the next run");
    assert_eq!(
        (next.people().reading.as_str(), next.people().removed),
        ("full", 1),
        "{next:?}"
    );
    harness.advance(Duration::from_secs(60));
    assert_eq!(
        harness.sync().ended("ok", "as before").people().reading,
        "incremental"
    );
}
