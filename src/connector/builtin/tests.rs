//! What the shipped connectors promise about their columns.

use crate::connector::api::streams;
use crate::connector::columns::StreamColumn;
use crate::connector::load::Connectors;
use crate::model::row::Kind;

/// What the shipped files promise about cells.
#[test]
fn shipped_connectors_name_sets_references_and_short_rows() {
    let connectors = Connectors::built_in().unwrap_or_else(|problems| panic!("{problems}"));
    let specs = |name: &str| {
        let connector = connectors.get(name).expect("shipped");
        streams(connector).unwrap_or_else(|problems| panic!("{name}: {problems:?}"))
    };
    for name in ["oneroster", "webuntis"] {
        let specs = specs(name);
        for (stream, column, to) in [
            ("enrollments", "user_id", Some("users")),
            ("enrollments", "class_id", Some("classes")),
            ("enrollments", "school_id", Some("orgs")),
            ("classes", "school_id", Some("orgs")),
            (
                "classes",
                "course_id",
                (name == "oneroster").then_some("courses"), // off at WebUntis
            ),
        ] {
            let spec = &specs[stream];
            let index = spec.column(column).expect("a column");
            assert_eq!(
                spec.columns[index].refers_to,
                to.map(|stream| StreamColumn::new(stream, "sourced_id")),
                "{name} {stream}.{column}"
            );
        }
        for (stream, sets) in [
            ("users", &["orgs", "agents", "grades"][..]),
            ("classes", &["terms", "grades", "periods"]),
            ("orgs", &["child_ids"]),
        ] {
            for name in sets {
                let spec = &specs[stream];
                let index = spec.column(name).expect("a column");
                assert!(spec.columns[index].shaping.set, "{name} {stream}.{name}");
            }
        }
        let users = &specs["users"];
        for name in ["given_name", "middle_name", "family_name", "username"] {
            let index = users.column(name).expect("a column");
            assert!(users.columns[index].shaping.verbatim, "{name} {name}");
        }
        assert_eq!(users.time_zone, "{time_zone}", "{name}");
    }
    let wapi = specs("wapi");
    let short: Vec<&str> = wapi
        .values()
        .filter(|spec| !spec.lacks.is_empty())
        .map(|spec| spec.name.as_str())
        .collect();
    assert_eq!(short, ["datas", "fluxes", "ltus", "reflections"]);
}

/// What an analyst needs to know before a column is used: what it identifies or refers to, what a code, a date, a yes or no,
/// or an amount is about.
#[test]
fn shipped_columns_have_meanings() {
    const ENDINGS: [&str; 13] = [
        "status", "state", "flag", "action", "amount", "fee", "fees", "price", "cost", "costs",
        "balance", "deposit", "_id",
    ];
    let connectors = Connectors::built_in().unwrap_or_else(|problems| panic!("{problems}"));
    let mut missing = Vec::new();
    for name in connectors.names() {
        let specs = streams(connectors.get(name).expect("shipped"));
        for spec in specs
            .unwrap_or_else(|problems| panic!("{problems:?}"))
            .values()
        {
            for (index, column) in spec.columns.iter().enumerate() {
                let needs = spec.key.contains(&index)
                    || column.refers_to.is_some()
                    || matches!(column.kind, Kind::Boolean | Kind::Date | Kind::Timestamp)
                    || ENDINGS.iter().any(|ending| column.name.ends_with(ending));
                if needs && column.help.is_empty() {
                    missing.push(format!("{name} {}.{}", spec.name, column.name));
                }
                let length = column.help.chars().count();
                assert!(
                    length <= 90,
                    "{name} {}.{}: {length}",
                    spec.name,
                    column.name
                );
            }
        }
    }
    assert!(missing.is_empty(), "without a meaning: {missing:#?}");
}

/// What a constant of `for_each` and a combo list say is not written again.
#[test]
fn references_are_implied() {
    let connectors = Connectors::built_in().unwrap_or_else(|problems| panic!("{problems}"));
    for (name, stream, column, expected) in [
        ("wapi", "points", "data_id", Some(("datas", "id"))),
        ("wapi", "datas", "flux_id", Some(("fluxes", "id"))),
        ("wapi", "datas", "name", None),
        ("wisenet", "learners", "gender_id", Some(("combos", "id"))),
        (
            "wisenet",
            "units",
            "course_id",
            Some(("courses", "course_id")),
        ),
        ("wisenet", "combos", "list", None),
    ] {
        let specs = streams(connectors.get(name).expect("shipped"));
        let spec = &specs.unwrap_or_else(|problems| panic!("{problems:?}"))[stream];
        let index = spec.column(column).expect("a column");
        assert_eq!(
            spec.columns[index].refers_to,
            expected.map(|(stream, column)| StreamColumn::new(stream, column)),
            "{name} {stream}.{column}"
        );
    }
}
