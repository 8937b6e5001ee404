use super::*;

#[test]
fn the_cursor_is_not_past_either_clock() {
    let at = |text: &str| -> Timestamp {
        let text = if text.len() > 5 {
            text.to_owned()
        } else {
            format!("2026-03-02T{text}")
        };
        format!("{text}:00Z").parse().expect("a time")
    };
    // The reading starts at 06:00 by our clock: the newest row, the server's time, the cursor before, the new cursor.
    for (newest, server_time, before, expected) in [
        ("05:00", Some("06:00"), "04:00", "05:00"),
        ("05:00", None, "04:00", "05:00"),
        ("07:00", None, "04:00", "06:00"),
        ("07:00", Some("06:00"), "04:00", "06:00"),
        // Its clock is hours ahead, and a row is from the future.
        ("09:00", Some("11:00"), "04:00", "06:00"),
        ("2099-01-01T00:00", Some("11:00"), "04:00", "06:00"),
        // Its clock is hours behind, or not set.
        ("05:00", Some("01:00"), "00:30", "01:00"),
        ("05:00", Some("01:00"), "04:00", "04:00"),
        ("05:00", Some("1970-01-01T00:00"), "04:00", "04:00"),
    ] {
        let facts = WalkFacts {
            newest: Some(at(newest)),
            server_time: server_time.map(at),
            ..WalkFacts::default()
        };
        let before = Checkpoint {
            cursor: Some(at(before)),
            ..Checkpoint::default()
        };
        let found = cursor_after(&before, &facts, at("06:00"));
        assert_eq!(found, Some(at(expected)), "{newest} {server_time:?}");
    }
}
