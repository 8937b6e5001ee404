//! The next ticks of a job, in its own zone and in UTC.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use rollbook_core::model::Pause;
use rollbook_core::model::scalar::saturating_add;
use rollbook_core::model::schedule::next_tick;
use rollbook_engine::daemon::status::JobStatus;
use rollbook_engine::setup::files::{JobConfig, Schedule, Zone};

/// One tick, for scripts and for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UpcomingTick {
    /// In UTC: `2026-02-02T05:00:00Z`.
    pub utc: String,
    /// In the job's time zone: `2026-02-02T06:00:00+01:00`.
    pub local: String,
    #[serde(skip)]
    at: Timestamp,
    #[serde(skip)]
    zone: TimeZone,
}

/// The next ticks of a job after a time; fewer if there are no more.
pub fn ticks(job: &JobConfig, after: Timestamp, wanted: usize) -> Vec<UpcomingTick> {
    let next = |from: Timestamp| UpcomingTick::next(&job.schedule, &job.time_zone, from);
    let successors = std::iter::successors(next(after), |tick| next(tick.at));
    successors.take(wanted).collect()
}

/// The next ticks of a job after a time and after its pause; none in a pause without an end.
pub fn ticks_unless_paused(
    job: &JobConfig,
    after: Timestamp,
    pause: Option<&Pause>,
    wanted: usize,
) -> Vec<UpcomingTick> {
    let until = pause.map(|pause| pause.until.as_ref());
    match until {
        None => ticks(job, after, wanted),
        Some(None) => Vec::new(),
        Some(Some(until)) => {
            // A tick at the end of the pause runs.
            let end = saturating_add(until.timestamp(), -SignedDuration::from_nanos(1));
            ticks(job, after.max(end), wanted)
        }
    }
}

impl UpcomingTick {
    /// The next tick of a schedule after a time.
    pub fn next(schedule: &Schedule, zone: &Zone, after: Timestamp) -> Option<Self> {
        let zone = zone.zone();
        next_tick(schedule.cron(), zone, after).map(|at| Self::at(at, zone))
    }

    /// A tick at this time.
    fn at(at: Timestamp, zone: &TimeZone) -> Self {
        let local = at.to_zoned(zone.clone());
        Self {
            utc: at.to_string(),
            local: local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            at,
            zone: zone.clone(),
        }
    }

    /// The next tick that a running daemon has planned for a job.
    pub fn planned(job: &JobStatus) -> Option<Self> {
        let at: Timestamp = job.next_tick.as_ref()?.parse().ok()?;
        let zone = TimeZone::get(&job.time_zone).ok()?;
        Some(Self::at(at, &zone))
    }

    /// `Mon 2026-02-02 06:00 CET`, with seconds if not zero.
    pub fn in_zone(&self) -> String {
        self.written(&self.zone, "%a %Y-%m-%d %H:%M", "%Z")
    }

    /// `05:00 UTC`, with the date if it differs from the zone's.
    pub fn in_utc(&self) -> String {
        let day = |zone: &TimeZone| self.at.to_zoned(zone.clone()).date();
        let head = if day(&self.zone) == day(&TimeZone::UTC) {
            "%H:%M"
        } else {
            "%Y-%m-%d %H:%M"
        };
        self.written(&TimeZone::UTC, head, "UTC")
    }

    fn written(&self, zone: &TimeZone, head: &str, tail: &str) -> String {
        let zoned = self.at.to_zoned(zone.clone());
        let seconds = if zoned.second() == 0 { "" } else { ":%S" };
        zoned
            .strftime(&format!("{head}{seconds} {tail}"))
            .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(schedule: &str, zone: &str) -> JobConfig {
        let text = serde_json::json!({
            "source": "north", "streams": ["users"], "schedule": schedule, "time_zone": zone,
        });
        serde_json::from_value(text).expect("a job")
    }

    #[test]
    fn ticks_are_shown_in_both_zones() {
        let after: Timestamp = "2026-02-01T12:00:00Z".parse().expect("a time");
        let rows = [
            (
                "0 6 * * Mon-Fri",
                "Europe/Vienna",
                "2026-02-02T06:00:00+01:00",
                "Mon 2026-02-02 06:00 CET",
                "05:00 UTC",
            ),
            (
                "0 6 * * *",
                "Australia/Sydney",
                "2026-02-02T06:00:00+11:00",
                "Mon 2026-02-02 06:00 AEDT",
                "2026-02-01 19:00 UTC",
            ),
            (
                "15 0 3 * * *",
                "UTC",
                "2026-02-02T03:00:15+00:00",
                "Mon 2026-02-02 03:00:15 UTC",
                "03:00:15 UTC",
            ),
        ];
        for (schedule, zone, local, in_zone, in_utc) in rows {
            let found = ticks(&job(schedule, zone), after, 1);
            let found: Vec<_> = found
                .iter()
                .map(|tick| (tick.local.as_str(), tick.in_zone(), tick.in_utc()))
                .collect();
            let expected = (local, in_zone.to_owned(), in_utc.to_owned());
            assert_eq!(found, [expected], "{schedule} {zone}");
        }
    }

    #[test]
    fn as_many_as_are_wanted() {
        let after: Timestamp = "2026-02-06T17:50:00Z".parse().expect("a time");
        let found = ticks(&job("*/20 6-18 * * Mon-Fri", "UTC"), after, 3);
        let utc: Vec<_> = found.iter().map(|tick| tick.utc.as_str()).collect();
        assert_eq!(
            utc,
            [
                "2026-02-06T18:00:00Z",
                "2026-02-06T18:20:00Z",
                "2026-02-06T18:40:00Z"
            ]
        );
    }
}
