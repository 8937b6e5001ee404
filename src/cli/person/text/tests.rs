//! What an admin reads, and the page that a parent gets.

use std::path::PathBuf;

use serde_json::json;

use super::super::page;
use super::super::report::{ColumnView, MatchView, OriginView, RecordView, ReferenceView};
use super::*;
use crate::cli::table::snapshots;
use rollbook_core::model::named;

fn key(table: &str, key: &str) -> PersonKey {
    PersonKey {
        table: table.to_owned(),
        key: vec![key.to_owned()],
    }
}

fn column(name: &str, kind: &'static str, meaning: &str) -> ColumnView {
    ColumnView {
        column: name.to_owned(),
        r#type: kind,
        meaning: meaning.to_owned(),
        path: name.to_owned(),
        masking: None,
    }
}

fn version(since: &str, until: Option<&str>, values: &[(&str, Value)]) -> VersionView {
    VersionView {
        since: since.to_owned(),
        until: until.map(str::to_owned),
        ended: until.map(|_| "changed".to_owned()),
        leaves: "on 2027-04-06".to_owned(),
        values: values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
        labels: vec![("role".to_owned(), "Student".to_owned())],
    }
}

/// A pupil whose name is a trap for pages.
fn view() -> PersonView {
    let values = |name: &str, grades| {
        [
            ("sourced_id", json!("4711")),
            ("given_name", json!(name)),
            ("grades", grades),
            ("role", json!("STU")),
            ("enabled", json!(true)),
            ("phone", Value::Null),
        ]
    };
    let row = RowView {
        key: vec![("sourced_id".to_owned(), "4711".to_owned())],
        in_the_mirror: true,
        first_seen: "2026-01-12T04:00:00.000Z".to_owned(),
        last_seen: Some("2026-03-02T04:00:00.000Z".to_owned()),
        missing_since: None,
        leaves: "when the vendor no longer sends it; then kept as an old version for 400d"
            .to_owned(),
        versions: vec![
            version(
                "2026-03-01T04:00:00.000Z",
                None,
                &values("<b>Kim & Co</b>", json!(["6"])),
            ),
            version(
                "2026-01-12T04:00:00.000Z",
                Some("2026-03-01T04:00:00.000Z"),
                &values("Kim", json!(["5"])),
            ),
        ],
    };
    let mut columns = vec![
        column("sourced_id", "text", "identifies the user"),
        column("given_name", "text", "first name"),
        column("grades", "json", ""),
        column("role", "text", "what the user is at the school"),
        column("enabled", "boolean", ""),
        column("phone", "text", ""),
    ];
    columns[1].masking = Some("pseudonymised");
    let enrolment = RowView {
        key: vec![("sourced_id".to_owned(), "e-1".to_owned())],
        in_the_mirror: false,
        last_seen: None,
        missing_since: Some("2026-02-01T04:00:00.000Z".to_owned()),
        first_seen: "2026-01-12T04:00:00.000Z".to_owned(),
        leaves: "on 2027-03-08".to_owned(),
        versions: vec![version(
            "2026-01-12T04:00:00.000Z",
            Some("2026-02-01T04:00:00.000Z"),
            &[("sourced_id", json!("e-1"))],
        )],
    };
    let table = |name: &str, title: &str, is_person, columns, row| TableView {
        table: name.to_owned(),
        title: title.to_owned(),
        source: named("webuntis"),
        is_person,
        last_read: None,
        columns,
        rows: vec![row],
    };
    let record = |table: &str, leaves| RecordView {
        table: table.to_owned(),
        rows: 1,
        leaves,
    };
    PersonView {
        made: "2026-03-02T09:30:00.000Z".to_owned(),
        person: vec![key("webuntis_users", "4711"), key("wisenet_learners", "17")],
        origins: vec![OriginView {
            source: named("webuntis"),
            vendor: "WebUntis".to_owned(),
            address: "https://school.webuntis.com".to_owned(),
        }],
        tables: vec![
            table("webuntis_users", "Users", true, columns, row),
            table(
                "webuntis_enrollments",
                "Enrollments",
                false,
                vec![column("sourced_id", "text", "")],
                enrolment,
            ),
        ],
        matches: vec![MatchView {
            set: "pupils".to_owned(),
            rule: "mail".to_owned(),
            since: "2026-01-12T04:00:00.000Z".to_owned(),
            rows: [key("webuntis_users", "4711"), key("wisenet_learners", "17")],
        }],
        references: vec![ReferenceView {
            table: "webuntis_users".to_owned(),
            key: vec!["901".to_owned()],
            columns: vec!["agents".to_owned()],
            ended: true,
        }],
        records: vec![record(
            "rollbook_unconfirmed",
            "when the row is received again or removed",
        )],
        mentions: vec![record("webuntis_classes", "")],
        copies: vec![CopyEntry {
            file: PathBuf::from("/var/lib/rollbook/backups/mirror-20260301T010000Z.db"),
            what: "backup",
            made: "2026-03-01T01:00:00.000Z".to_owned(),
            rows: Some(3),
            leaves: "when there are 7 newer ones".to_owned(),
        }],
        outputs: vec![CopyEntry {
            file: PathBuf::from("/srv/rollbook/mirror.db"),
            what: "the copy of [store.copy], which others read",
            made: "2026-03-02T04:00:00.000Z".to_owned(),
            rows: None,
            leaves: "with the rows of the mirror".to_owned(),
        }],
    }
}

#[test]
fn a_report_fits_its_terminal() {
    snapshots::compare("person", |width| page(&view(), width));
}

#[test]
fn a_page_has_the_same_and_no_value_is_markup() {
    let page = page::page(&view());
    for text in [
        "&lt;b&gt;Kim &amp; Co&lt;/b&gt;",
        "first name; pseudonymised",
        "STU (Student)",
        "WebUntis (https://school.webuntis.com)",
        "given_name: Kim, grades: [&quot;5&quot;]",
        "mirror-20260301T010000Z.db",
        "when there are 7 newer ones",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    for text in ["<b>Kim", "<script", "http-equiv", " src=", " href="] {
        assert!(!page.contains(text), "{text}");
    }
}

#[test]
fn json_has_columns_without_a_value_too() {
    let json = serde_json::to_value(view()).expect("JSON");
    let newest = &json["tables"][0]["rows"][0]["versions"][0];
    assert_eq!(newest["values"]["phone"], Value::Null);
    assert_eq!(
        newest["values"].as_object().map(|values| values.len()),
        Some(6)
    );
    assert_eq!(newest["labels"]["role"], "Student");
    assert_eq!(
        json["tables"][0]["rows"][0]["key"],
        json!({ "sourced_id": "4711" })
    );
}
