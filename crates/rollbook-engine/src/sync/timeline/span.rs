//! From where to where a series is walked, and how far it is known afterwards. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use rollbook_core::connector::api::WindowRules;
use rollbook_core::model::scalar;
use rollbook_core::store::checkpoints::Checkpoint;

/// A server's time that is further behind ours is wrong, and would hold the checkpoint back for ever.
pub(super) const MAX_BEHIND: SignedDuration = SignedDuration::from_hours(24);

/// Without a declared end a walk goes so far ahead of now: clocks differ.
const AHEAD: SignedDuration = SignedDuration::from_hours(1);

/// Where a walk begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// The overlap before the last known point.
    Checkpoint,
    /// The span that is read again now and then.
    Reread,
    /// The series' start.
    Start,
}

/// From where to where a walk goes.
#[derive(Debug)]
pub(super) struct Span {
    pub start: Timestamp,
    pub end: Timestamp,
    /// Up to where the last walk found nothing behind the last point.
    pub empty_to: Option<Timestamp>,
    /// An older time is read again, as is due now and then.
    is_reread: bool,
    /// Nothing that was known before counts.
    is_new: bool,
    /// The end that the item's row states.
    pub declared_end: Option<Timestamp>,
    /// Our time at its start.
    now: Timestamp,
}

impl Span {
    /// The overlap before the last point, or all of it when nothing is known or an older start shows up. `first` and
    /// `declared_end` are the ends that the connector names for the item.
    pub fn of(
        window: &WindowRules,
        (first, declared_end): (Timestamp, Option<Timestamp>),
        before: Option<&Checkpoint>,
        begin: Begin,
        now: Timestamp,
    ) -> Self {
        let is_reread = begin != Begin::Checkpoint || reread_due(window, before, now);
        let walked = before.filter(|before| {
            begin != Begin::Start && before.walked_from.is_some_and(|from| from <= first)
        });
        let back = match window.reread.filter(|_| is_reread) {
            Some((_, span)) => span.max(window.overlap),
            None => window.overlap,
        };
        let cursor = walked.and_then(|before| before.cursor);
        let start = cursor.map(|cursor| scalar::saturating_add(cursor, -signed(back)).max(first));
        Self {
            start: start.unwrap_or(first),
            end: declared_end.unwrap_or_else(|| scalar::saturating_add(now, AHEAD)),
            empty_to: walked.and_then(|before| before.walked_to.filter(|_| !is_reread)),
            is_reread,
            is_new: walked.is_none(),
            declared_end,
            now,
        }
    }

    /// Whether an item is read that the vendor did not change: an older time is due, or an older start shows up.
    pub fn reads_unchanged(&self) -> bool {
        self.is_reread || self.is_new
    }

    /// The checkpoint while the walk is under way: where it does not use what was known, an interruption continues it
    /// like a first walk.
    pub fn begin(&self, before: Checkpoint) -> Checkpoint {
        let walked_from = before
            .walked_from
            .min(Some(self.start))
            .or(Some(self.start));
        match self.is_new {
            true => Checkpoint {
                walked_from,
                cursor: None,
                walked_to: None,
                same: None,
                shared: false,
                ..before
            },
            false => Checkpoint {
                walked_from,
                ..before
            },
        }
    }

    /// A step was read. The checkpoint moves to the newest point, not past the server's time nor ours: a point of the
    /// future would hide the normal ones that follow.
    pub fn advance(
        &self,
        checkpoint: &mut Checkpoint,
        newest: Option<Timestamp>,
        server_time: Option<Timestamp>,
    ) {
        let limit = self.limit(server_time);
        checkpoint.cursor = checkpoint
            .cursor
            .max(newest.map(|newest| newest.min(limit)));
    }

    /// A step up to here has no rows: behind the newest point there is nothing up to it, which the next run walks through at
    /// once if this one ends before the walk does.
    pub fn pass(&self, checkpoint: &mut Checkpoint, to: Timestamp, server_time: Option<Timestamp>) {
        let to = to.min(self.limit(server_time));
        checkpoint.walked_to = checkpoint.walked_to.max(Some(to));
    }

    /// The last step was read, with this newest point in it.
    pub fn finish(
        &self,
        checkpoint: &mut Checkpoint,
        newest: Option<Timestamp>,
        server_time: Option<Timestamp>,
        same: Option<String>,
    ) {
        // What states a time of the future does not change when the next normal point arrives.
        let latest_now = self.now.max(server_time.unwrap_or(self.now));
        let is_ahead = |time: Option<Timestamp>| time.is_some_and(|time| time > latest_now);
        checkpoint.same = same.filter(|_| !is_ahead(self.declared_end) && !is_ahead(newest));
        checkpoint.walked_to = Some(self.limit(server_time));
        if self.is_reread || self.is_new || checkpoint.reread_at.is_none() {
            checkpoint.reread_at = Some(self.now);
        }
    }

    fn limit(&self, server_time: Option<Timestamp>) -> Timestamp {
        let oldest = scalar::saturating_add(self.now, -MAX_BEHIND);
        let server_time = server_time.filter(|time| *time >= oldest);
        self.end.min(self.now).min(server_time.unwrap_or(self.now))
    }
}

/// Where a series begins of which nothing before `oldest` is kept; `None` if it ends before that.
pub(super) fn kept_from(
    first: Timestamp,
    declared_end: Option<Timestamp>,
    oldest: Option<Timestamp>,
) -> Option<Timestamp> {
    let Some(oldest) = oldest else {
        return Some(first);
    };
    let is_over = declared_end.is_some_and(|end| end < oldest);
    (!is_over).then(|| first.max(oldest))
}

fn reread_due(window: &WindowRules, before: Option<&Checkpoint>, now: Timestamp) -> bool {
    let (Some((every, _)), Some(before)) = (window.reread, before) else {
        return false;
    };
    let due = |last| scalar::saturating_add(last, signed(every)) <= now;
    before.reread_at.is_none_or(due)
}

fn signed(length: Duration) -> SignedDuration {
    SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn time(text: &str) -> Timestamp {
        format!("2026-{text}:00Z").parse().expect("a time")
    }

    fn window() -> WindowRules {
        WindowRules {
            from: "from".into(),
            to: "to".into(),
            column: 0,
            start: Vec::new(),
            end: Vec::new(),
            step: 168 * HOUR,
            smallest: HOUR,
            overlap: 48 * HOUR,
            format: String::new(),
            reread: Some((168 * HOUR, 35 * 24 * HOUR)),
        }
    }

    /// A series that was walked from January up to 1 March, and has no point since 20 February.
    fn known() -> Checkpoint {
        Checkpoint {
            cursor: Some(time("02-20T00:00")),
            walked_from: Some(time("01-01T00:00")),
            walked_to: Some(time("03-01T00:00")),
            reread_at: Some(time("03-01T00:00")),
            ..Checkpoint::default()
        }
    }

    const NOW: &str = "03-02T06:00";

    #[test]
    fn where_walks_begin() {
        let rereads = Checkpoint {
            reread_at: Some(time("02-20T00:00")),
            ..known()
        };
        let no_point = Checkpoint {
            cursor: None,
            ..known()
        };
        for (name, before, first, begin, start, empty_to) in [
            (
                "the first",
                None,
                "01-01T00:00",
                Begin::Checkpoint,
                "01-01T00:00",
                None,
            ),
            (
                "as usual",
                Some(known()),
                "01-01T00:00",
                Begin::Checkpoint,
                "02-18T00:00",
                Some("03-01T00:00"),
            ),
            (
                "an older start",
                Some(known()),
                "01-01T00:00",
                Begin::Start,
                "01-01T00:00",
                None,
            ),
            (
                "an older start shows up",
                Some(Checkpoint {
                    walked_from: Some(time("02-01T00:00")),
                    ..known()
                }),
                "01-01T00:00",
                Begin::Checkpoint,
                "01-01T00:00",
                None,
            ),
            (
                "a weekly reading is due",
                Some(rereads),
                "01-01T00:00",
                Begin::Checkpoint,
                "01-16T00:00",
                None,
            ),
            (
                "late points are looked for",
                Some(known()),
                "01-01T00:00",
                Begin::Reread,
                "01-16T00:00",
                None,
            ),
            (
                "not before the first",
                Some(known()),
                "02-19T00:00",
                Begin::Reread,
                "02-19T00:00",
                None,
            ),
            (
                "never a point",
                Some(no_point),
                "01-01T00:00",
                Begin::Checkpoint,
                "01-01T00:00",
                Some("03-01T00:00"),
            ),
        ] {
            let ends = (time(first), None);
            let span = Span::of(&window(), ends, before.as_ref(), begin, time(NOW));
            assert_eq!(span.start, time(start), "{name}");
            assert_eq!(span.empty_to, empty_to.map(time), "{name}");
            assert_eq!(span.end, time("03-02T07:00"), "{name}");
        }
    }

    #[test]
    fn how_far_a_series_is_known() {
        for (name, end, newest, server_time, cursor, is_same) in [
            (
                "a normal point",
                None,
                Some("03-02T05:00"),
                Some(NOW),
                "03-02T05:00",
                true,
            ),
            ("no point", None, None, Some(NOW), "02-20T00:00", true),
            (
                "a point of the future",
                None,
                Some("03-05T00:00"),
                Some(NOW),
                NOW,
                false,
            ),
            (
                "the row states the future",
                Some("03-05T00:00"),
                Some("03-02T05:00"),
                Some(NOW),
                "03-02T05:00",
                false,
            ),
            (
                "a row that is complete",
                Some("03-02T05:00"),
                Some("03-02T05:00"),
                Some(NOW),
                "03-02T05:00",
                true,
            ),
            (
                "no server time",
                None,
                Some("03-05T00:00"),
                None,
                NOW,
                false,
            ),
            (
                "the server is 10 h behind",
                None,
                Some("03-02T05:00"),
                Some("03-01T20:00"),
                "03-01T20:00",
                true,
            ),
            (
                "the server is 10 h ahead",
                None,
                Some("03-02T05:00"),
                Some("03-02T16:00"),
                "03-02T05:00",
                true,
            ),
            (
                "its clock is not set",
                None,
                Some("03-02T05:00"),
                Some("01-01T00:00"),
                "03-02T05:00",
                true,
            ),
            (
                "an old point",
                None,
                Some("02-01T00:00"),
                Some(NOW),
                "02-20T00:00",
                true,
            ),
        ] {
            let ends = (time("01-01T00:00"), end.map(time));
            let known = known();
            let span = Span::of(&window(), ends, Some(&known), Begin::Checkpoint, time(NOW));
            let mut checkpoint = span.begin(known);
            let (newest, server_time) = (newest.map(time), server_time.map(time));
            span.advance(&mut checkpoint, newest, server_time);
            span.finish(&mut checkpoint, newest, server_time, Some("same".into()));
            assert_eq!(checkpoint.cursor, Some(time(cursor)), "{name}");
            assert_eq!(checkpoint.same.is_some(), is_same, "{name}");
        }
    }

    #[test]
    fn nothing_is_requested_before_the_oldest_time_that_is_kept() {
        let (first, oldest) = ("01-01T00:00", "02-01T00:00");
        for (name, first, end, oldest, expected) in [
            ("all is kept", first, None, None, Some(first)),
            ("a part of it", first, None, Some(oldest), Some(oldest)),
            (
                "it is younger",
                "02-10T00:00",
                None,
                Some(oldest),
                Some("02-10T00:00"),
            ),
            (
                "it ends later",
                first,
                Some("02-02T00:00"),
                Some(oldest),
                Some(oldest),
            ),
            (
                "it ends there",
                first,
                Some(oldest),
                Some(oldest),
                Some(oldest),
            ),
            (
                "it ends before",
                first,
                Some("01-31T23:59"),
                Some(oldest),
                None,
            ),
        ] {
            let found = kept_from(time(first), end.map(time), oldest.map(time));
            assert_eq!(found, expected.map(time), "{name}");
        }
    }

    /// Points that are kept for longer again are read, also of an item that has ended.
    #[test]
    fn an_unchanged_item_is_read_where_more_of_it_is_wanted() {
        for (name, first, begin, expected) in [
            ("as usual", "01-01T00:00", Begin::Checkpoint, false),
            ("less is kept", "02-01T00:00", Begin::Checkpoint, false),
            ("late points", "01-01T00:00", Begin::Reread, true),
            ("more is kept", "01-01T00:00", Begin::Checkpoint, true),
        ] {
            let walked_from = match name {
                "more is kept" => "01-15T00:00",
                _ => "01-01T00:00",
            };
            let before = Checkpoint {
                walked_from: Some(time(walked_from)),
                ..known()
            };
            let ends = (time(first), Some(time("02-20T00:00")));
            let window = WindowRules {
                reread: None,
                ..window()
            };
            let span = Span::of(&window, ends, Some(&before), begin, time(NOW));
            assert_eq!(span.reads_unchanged(), expected, "{name}");
        }
    }

    /// From its start a series is walked like a new one: an interruption continues there.
    #[test]
    fn what_is_read_from_the_start_can_be_continued() {
        let ends = (time("01-01T00:00"), None);
        let span = Span::of(&window(), ends, Some(&known()), Begin::Start, time(NOW));
        let mut checkpoint = span.begin(known());
        span.advance(&mut checkpoint, Some(time("01-10T00:00")), None);
        assert_eq!(checkpoint.cursor, Some(time("01-10T00:00")));
        let span = Span::of(
            &window(),
            ends,
            Some(&checkpoint),
            Begin::Checkpoint,
            time(NOW),
        );
        assert_eq!(span.start, time("01-08T00:00"));
    }
}
