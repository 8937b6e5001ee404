//! Times as numbers since 1970.

use super::*;

/// Kinds: seconds and milliseconds, as numbers and texts, with a fraction, zero with and without a meaning, before 1970,
/// far away, what is no number; days in UTC and in a time zone.
#[test]
fn times_since_1970() {
    let read_columns = |zone: Option<&str>| {
        let rules = DecoderRules {
            zone: zone.and_then(|zone| TimeZone::get(zone).ok()),
            ..rules()
        };
        let columns = columns(&[
            ("id", "id : text"),
            ("at", "at : timestamp epoch nonzero"),
            ("ms", "ms : timestamp epoch_ms"),
            ("day", "day : date epoch"),
        ]);
        Decoder::new(columns, vec![0], rules)
    };
    check_with(
        &read_columns(None),
        &[
            (
                r#"{"id":"a","at":1700000000}"#,
                "id=a at=2023-11-14T22:13:20.000Z",
            ),
            (
                r#"{"id":"a","at":"1700000000"}"#,
                "id=a at=2023-11-14T22:13:20.000Z",
            ),
            (
                r#"{"id":"a","at":1700000000.75}"#,
                "id=a at=2023-11-14T22:13:20.000Z",
            ),
            (r#"{"id":"a","at":0}"#, "id=a"),
            (r#"{"id":"a","at":"0"}"#, "id=a"),
            (r#"{"id":"a","at":""}"#, "id=a"),
            (r#"{"id":"a","at":null}"#, "id=a"),
            (
                r#"{"id":"a","at":-86400}"#,
                "id=a at=1969-12-31T00:00:00.000Z",
            ),
            (
                r#"{"id":"a","at":99999999999999}"#,
                "id=a at=9999-12-31T23:59:59.999Z",
            ),
            (
                r#"{"id":"a","at":true}"#,
                "id=a at~; unreadable 0 at: expected timestamp, found true or false",
            ),
            (
                r#"{"id":"a","at":"2023-11-14"}"#,
                "id=a at~; unreadable 0 at: expected timestamp, found a text that is not a whole number",
            ),
            (
                r#"{"id":"a","ms":1700000000123}"#,
                "id=a ms=2023-11-14T22:13:20.123Z",
            ),
            (r#"{"id":"a","ms":0}"#, "id=a ms=1970-01-01T00:00:00.000Z"),
            (r#"{"id":"a","day":1700000000}"#, "id=a day=2023-11-14"),
            (r#"{"id":"a","day":0}"#, "id=a day=1970-01-01"),
            (r#"{"id":"a","day":-1}"#, "id=a day=1969-12-31"),
        ],
    );
    check_with(
        &read_columns(Some("Europe/Vienna")),
        &[
            // 23:13 on the 14th in Vienna; 00:30 on the 15th.
            (r#"{"id":"a","day":1700000000}"#, "id=a day=2023-11-14"),
            (r#"{"id":"a","day":1700004600}"#, "id=a day=2023-11-15"),
        ],
    );
}
