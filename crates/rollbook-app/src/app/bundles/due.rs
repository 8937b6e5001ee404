//! Whether a bundle is to be written now. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use rollbook_core::model::scalar;
use rollbook_core::model::schedule::next_tick;
use rollbook_core::store::bundle::state::BundleState;
use rollbook_engine::setup::files::bundle::BundleConfig;

/// What is known of a bundle.
#[derive(Debug)]
pub(super) struct DueFacts<'a> {
    /// Its file.
    pub config: &'a BundleConfig,
    /// How the last attempt ended.
    pub state: &'a BundleState,
    /// The last run that changed something.
    pub last_change: i64,
    /// The fingerprint of its file and of the tables that it asks.
    pub definition: &'a str,
    /// Whether files are gone that no program has to take away.
    pub is_gone: bool,
    /// When the first of the rows left that are still served as removed ones.
    pub first_removed: Option<Timestamp>,
    /// Now.
    pub now: Timestamp,
}

/// When a bundle is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BundleDue {
    /// Now.
    Now,
    /// After so long, or after the next run.
    In(Duration),
    /// After the next run.
    AfterARun,
}

/// Whether a bundle is due.
pub(super) fn due(facts: &DueFacts<'_>) -> BundleDue {
    let DueFacts {
        config, state, now, ..
    } = facts;
    if state.message.is_some() && !state.is_held {
        return BundleDue::Now; // it failed, or waits
    }
    let has_changed = state.tried != Some(facts.last_change)
        || state.definition.as_deref() != Some(facts.definition)
        || facts.is_gone;
    let expired = facts.first_removed.filter(|_| !state.is_held);
    let expired = expired.map(|left| {
        let kept = SignedDuration::try_from(config.served.removed_for.0);
        scalar::saturating_add(left, kept.unwrap_or(SignedDuration::MAX))
    });
    let by_time = repeat_at(config, state).into_iter().chain(expired).min();
    match (&config.schedule, state.asked.or(state.made)) {
        // What a question answers may depend on the day, so each tick asks.
        (Some(schedule), Some(asked)) => {
            let zone = config.time_zone.zone();
            match next_tick(schedule.cron(), zone, asked.min(*now)) {
                Some(tick) if tick > *now => BundleDue::In(now.duration_until(tick).unsigned_abs()),
                _ => BundleDue::Now,
            }
        }
        _ if has_changed => BundleDue::Now,
        _ => match by_time {
            Some(at) if at > *now => BundleDue::In(now.duration_until(at).unsigned_abs()),
            Some(_) => BundleDue::Now,
            None => BundleDue::AfterARun,
        },
    }
}

/// When a bundle of changes holds all rows again; `None` if never.
pub(super) fn repeat_at(config: &BundleConfig, state: &BundleState) -> Option<Timestamp> {
    let every = config.delta.repeat.filter(|_| config.can_repeat())?;
    let last = state.repeated.or(state.made)?;
    let every = SignedDuration::try_from(every.0).unwrap_or(SignedDuration::MAX);
    Some(scalar::saturating_add(last, every))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollbook_core::document::FileText;
    use rollbook_core::document::parse::read_with_tree;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn when_a_bundle_is_due() {
        let state = BundleState {
            made: Some(at("2026-03-02T06:00:00Z")),
            asked: Some(at("2026-03-02T06:00:00Z")),
            repeated: Some(at("2026-03-01T06:00:00Z")),
            tried: Some(7),
            definition: Some("d".to_owned()),
            ..BundleState::default()
        };
        let failed = BundleState {
            message: Some("the disk is full".to_owned()),
            ..state.clone()
        };
        let held = BundleState {
            is_held: true,
            ..failed.clone()
        };
        let (hours, run) = (
            |hours: u64| BundleDue::In(Duration::from_secs(hours * 3600)),
            BundleDue::AfterARun,
        );
        let daily = "schedule = \"0 5 * * *\"\n";
        let weekly = "mode = \"delta\"\n[delta]\nrepeat = \"7 days\"\n";
        let served = "mode = \"served\"\n[served]\nremoved_for = \"2 days\"\n";
        for (more, state, last_change, now, expected) in [
            (
                "",
                BundleState::default(),
                7,
                "2026-03-02T08:00:00Z",
                BundleDue::Now,
            ),
            ("", state.clone(), 7, "2026-03-02T08:00:00Z", run),
            ("", state.clone(), 8, "2026-03-02T08:00:00Z", BundleDue::Now),
            (
                "",
                failed.clone(),
                7,
                "2026-03-02T08:00:00Z",
                BundleDue::Now,
            ),
            ("", held.clone(), 7, "2026-03-02T08:00:00Z", run),
            ("", held.clone(), 8, "2026-03-02T08:00:00Z", BundleDue::Now),
            // Not before the tick although something has changed, and at the tick although nothing has.
            (daily, state.clone(), 8, "2026-03-02T08:00:00Z", hours(21)),
            (
                daily,
                state.clone(),
                7,
                "2026-03-03T05:00:00Z",
                BundleDue::Now,
            ),
            (daily, failed, 7, "2026-03-02T08:00:00Z", BundleDue::Now),
            (
                daily,
                BundleState::default(),
                7,
                "2026-03-02T08:00:00Z",
                BundleDue::Now,
            ),
            (
                weekly,
                state.clone(),
                7,
                "2026-03-02T06:00:00Z",
                hours(6 * 24),
            ),
            (
                weekly,
                state.clone(),
                7,
                "2026-03-08T06:00:00Z",
                BundleDue::Now,
            ),
            // Rows that left are served for two days.
            (served, state.clone(), 7, "2026-03-02T06:00:00Z", hours(24)),
            (
                served,
                state.clone(),
                7,
                "2026-03-03T06:00:00Z",
                BundleDue::Now,
            ),
            (served, held.clone(), 7, "2026-03-03T06:00:00Z", run),
            // A clock that was ahead.
            (
                daily,
                BundleState {
                    asked: Some(at("2030-01-01T00:00:00Z")),
                    ..state
                },
                7,
                "2026-03-03T04:00:00Z",
                hours(1),
            ),
        ] {
            let text = format!(
                "to = \"x\"\n{more}[[file]]\nname = \"a.csv\"\nkey = [\"id\"]\nsql = \"SELECT 1 AS id\"\n"
            );
            let config = read_with_tree::<BundleConfig>(&FileText::new("own.toml", &text), &[]).1;
            let facts = DueFacts {
                config: &config.expect("a bundle"),
                state: &state,
                last_change,
                definition: "d",
                is_gone: false,
                first_removed: more.contains("served").then(|| at("2026-03-01T06:00:00Z")),
                now: at(now),
            };
            assert_eq!(
                due(&facts),
                expected,
                "{more} {state:?} {last_change} {now}"
            );
        }
    }
}
