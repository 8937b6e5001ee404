//! From when on only changes are requested, and what the next reading begins with.

use jiff::{SignedDuration, Timestamp};

use crate::sync::job::StreamJob;
use crate::sync::walk::WalkFacts;
use rollbook_core::model::{ReadMode, scalar};
use rollbook_core::store::checkpoints::Checkpoint;

/// Never past the server's time at the start of the reading, nor past our own: a row that changed meanwhile may have been
/// passed already (dlt-hub/dlt#2269), a timestamp may be in the future, and either clock may be ahead. A cursor that is
/// too early costs rows that are read again.
pub(super) fn cursor_after(
    before: &Checkpoint,
    facts: &WalkFacts,
    started: Timestamp,
) -> Option<Timestamp> {
    let limit = facts.server_time.map_or(started, |time| time.min(started));
    let newest = facts.newest.map(|newest| newest.min(limit));
    newest.max(before.cursor)
}

/// The time to request changes from; nothing when a full reading is due.
pub(super) fn incremental_from(
    job: &StreamJob,
    before: &Checkpoint,
    now: Timestamp,
) -> Option<Timestamp> {
    let since = job.spec.since.as_ref()?;
    let is_incremental = |mode| mode == ReadMode::Incremental;
    if !job.mode.map_or(since.default, is_incremental) {
        return None;
    }
    let full_at = before.full_at?;
    let due = scalar::saturating_add(full_at, SignedDuration::try_from(since.full_every).ok()?);
    let cursor = before.cursor?;
    (now < due && full_at <= now).then(|| {
        scalar::saturating_add(
            cursor,
            -SignedDuration::try_from(since.overlap).unwrap_or_default(),
        )
    })
}

#[cfg(test)]
mod tests {
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
}
