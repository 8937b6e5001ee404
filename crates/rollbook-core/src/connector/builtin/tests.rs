//! What the shipped connectors promise about their columns.

use crate::connector::api::streams;
use crate::connector::columns::StreamColumn;
use crate::connector::load::Connectors;
use crate::model::row::Kind;
use crate::model::{History, PersonalCategory, named};

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
    let expected = ["datas", "fluxes", "infrastructures", "ltus", "reflections"];
    assert_eq!(short, expected);
}

/// What an analyst needs to know before a column is used: what it identifies or refers to, what a code, a date, a yes or no,
/// or an amount is about.
#[test]
fn shipped_columns_have_meanings() {
    const ENDINGS: [&str; 12] = [
        "state", "flag", "action", "amount", "fee", "fees", "price", "cost", "costs", "balance",
        "deposit", "_id",
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
                    || column.name.contains("status")
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

/// The register of personal data is as good as these lists.
#[test]
fn personal_columns_have_a_category() {
    const PEOPLE: [&str; 7] = [
        "learners",
        "staff",
        "users",
        "demographics",
        "course_enrolments",
        "unit_enrolments",
        "enrollments",
    ];
    const WORDS: [&str; 8] = [
        "first_name",
        "last_name",
        "given_name",
        "birth",
        "mobile",
        "learner_id",
        "user_id",
        "passport",
    ];
    let connectors = Connectors::built_in().unwrap_or_else(|problems| panic!("{problems}"));
    let mut wrong = Vec::new();
    for name in connectors.names() {
        let connector = connectors.get(name).expect("shipped");
        let specs = streams(connector).unwrap_or_else(|problems| panic!("{problems:?}"));
        let mut columns = Vec::new();
        for spec in specs.values() {
            for column in spec.columns.iter() {
                let is_about_a_person = PEOPLE.contains(&spec.name.as_str())
                    || WORDS.iter().any(|word| column.name.contains(word));
                if is_about_a_person && column.personal.is_none() {
                    wrong.push(format!("{name}: {}.{} has none", spec.name, column.name));
                }
                columns.push(format!("{}.{}", spec.name, column.name));
            }
        }
        for (key, _, patterns) in connector.personal.lists() {
            let fits = |pattern: &String| {
                columns
                    .iter()
                    .any(|name| crate::connector::personal::fits(pattern, name))
            };
            let is_off = |pattern: &String| {
                let (stream, _) = pattern.split_once('.').expect("a stream and a column");
                connector
                    .streams
                    .get(stream)
                    .is_some_and(|stream| stream.off)
            };
            let useless = patterns
                .iter()
                .filter(|pattern| !fits(pattern) && !is_off(pattern));
            wrong.extend(useless.map(|pattern| format!("{name}: {key} {pattern} fits nothing")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let learners =
        &streams(connectors.get("wisenet").expect("shipped")).expect("streams")["learners"];
    for (column, expected) in [
        ("learner_number", PersonalCategory::Id),
        ("first_name", PersonalCategory::Name),
        ("nok_local_first_name", PersonalCategory::Family),
        ("nok_local_email", PersonalCategory::Family),
        ("email", PersonalCategory::Contact),
        ("date_of_birth", PersonalCategory::Birth),
        ("unique_student_identifier", PersonalCategory::Identity),
        ("ethnicity1_id", PersonalCategory::Origin),
        (
            "fee_help_parent_education_level1_id",
            PersonalCategory::Family,
        ),
        ("fee_help_atar", PersonalCategory::Education),
        ("total_fee_2020", PersonalCategory::Money),
        ("survey_status_id", PersonalCategory::Other),
    ] {
        let index = learners.column(column).expect("a column");
        assert_eq!(learners.columns[index].personal, Some(expected), "{column}");
    }
}

/// What a job mirrors that asks for little: no special category, no relatives, no numbers of authorities.
#[test]
fn the_core_holds_little_of_a_person() {
    const NOT_IN_CORE: [PersonalCategory; 7] = [
        PersonalCategory::Identity,
        PersonalCategory::Family,
        PersonalCategory::Health,
        PersonalCategory::Origin,
        PersonalCategory::Birth,
        PersonalCategory::Money,
        PersonalCategory::Note,
    ];
    let connectors = Connectors::built_in().unwrap_or_else(|problems| panic!("{problems}"));
    let specs = streams(connectors.get("wisenet").expect("shipped")).expect("streams");
    for spec in specs.values() {
        for name in &spec.core {
            let category = spec.columns[spec.column(name).expect("a column")].personal;
            let is_little = category.is_none_or(|category| !NOT_IN_CORE.contains(&category));
            assert!(is_little, "{}.{name}: {category:?}", spec.name);
        }
    }
}

/// Only points of which no old versions are kept: a table that is stored by series and time has no room for more.
#[test]
fn points_are_stored_by_series_and_time() {
    let source = named("north");
    let mut found = Vec::new();
    let connectors = Connectors::built_in().unwrap_or_else(|problems| panic!("{problems}"));
    for name in ["oneroster", "wapi", "webuntis", "wisenet"] {
        let connector = connectors.get(name).expect("shipped");
        let specs = streams(connector).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        for spec in specs.values() {
            let kept = History::Keep(std::time::Duration::from_secs(1));
            assert!(!spec.table(&source, kept).series, "{name} {}", spec.name);
            if spec.table(&source, History::Off).series {
                found.push(format!("{name} {}", spec.name));
            }
        }
    }
    assert_eq!(found, ["wapi points"]);
}
