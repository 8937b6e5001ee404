//! What the pages are made of: the daemon's status and the history, brought together job by job.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::links::Links;
use super::mood::Mood;
use rollbook_core::model::figures::minute;
use rollbook_core::model::run_history::{JobRuns, PastRun, RunHistory, SourceHistory, StreamDays};
use rollbook_core::model::{EntryName, SourceName, StreamName, scalar};
use rollbook_engine::daemon::status::{JobStatus, Outputs, Status};

/// Everything that a page may show.
pub(super) struct SiteFacts<'a> {
    /// The daemon; nothing if none runs.
    pub daemon: Option<&'a Status>,
    /// The states of the jobs; empty if only the history is known.
    pub jobs: &'a [JobStatus],
    /// Bundles and hooks; nothing if only the history is known.
    pub outputs: Option<&'a Outputs>,
    pub history: Option<&'a RunHistory>,
    pub now: Timestamp,
    pub links: Links,
}

/// A job, or the backup.
pub(super) struct ShownJob<'a> {
    pub name: EntryName,
    pub status: Option<&'a JobStatus>,
    pub runs: Option<&'a JobRuns>,
}

impl<'a> SiteFacts<'a> {
    /// All jobs: those of the daemon, and those that only the history knows.
    pub(super) fn jobs(&self) -> Vec<ShownJob<'a>> {
        let history = self.history.map(|history| history.jobs.as_slice());
        let history = history.unwrap_or_default();
        let known = self.jobs.iter().map(|status| ShownJob {
            name: status.job.clone(),
            status: Some(status),
            runs: history.iter().find(|runs| status.job == runs.job),
        });
        let is_known = |runs: &&JobRuns| self.jobs.iter().any(|job| job.job == runs.job);
        let others = history.iter().filter(|runs| !is_known(runs));
        let others = others.map(|runs| ShownJob {
            name: EntryName::from(&runs.job),
            status: None,
            runs: Some(runs),
        });
        known.chain(others).collect()
    }

    pub(super) fn streams(&self) -> &'a [StreamDays] {
        self.history.map_or(&[], |history| &history.streams)
    }

    pub(super) fn source_history(&self, source: &SourceName) -> Option<&'a SourceHistory> {
        let mut sources = self.history.iter().flat_map(|history| &history.sources);
        sources.find(|known| known.source == *source)
    }

    /// All sources, by name.
    pub(super) fn sources(&self) -> Vec<&'a SourceName> {
        let of_jobs = self.jobs.iter().filter_map(|job| job.source.as_ref());
        let history = self.history.iter();
        let of_runs = history.clone().flat_map(|history| &history.jobs);
        let of_streams = history.flat_map(|history| &history.streams);
        let mut sources: Vec<_> = of_jobs
            .chain(of_runs.map(|job| &job.source))
            .chain(of_streams.map(|stream| &stream.source))
            .collect();
        sources.sort_unstable();
        sources.dedup();
        sources
    }

    pub(super) fn today(&self) -> Date {
        self.now.to_zoned(TimeZone::UTC).date()
    }
}

impl<'a> ShownJob<'a> {
    pub(super) fn source(&self) -> Option<&'a SourceName> {
        let of_status = self.status.and_then(|status| status.source.as_ref());
        of_status.or(self.runs.map(|runs| &runs.source))
    }

    /// Whether its last runs read this stream.
    pub(super) fn reads(&self, stream: &StreamName) -> bool {
        self.runs.is_some_and(|runs| runs.streams.contains(stream))
    }

    pub(super) fn past(&self) -> &'a [PastRun] {
        self.runs.map_or(&[], |runs| &runs.runs)
    }

    /// Its state in a word or two, and whether an admin has to do something.
    pub(super) fn state(&self) -> (&'static str, Mood) {
        if let Some(status) = self.status {
            if status.parked {
                return ("parked", Mood::Bad);
            }
            if status.held.is_some() {
                return ("held", Mood::Held);
            }
            if status.running.is_some() {
                return ("running", Mood::Good);
            }
            if status.paused.is_some() {
                return ("paused", Mood::Doubtful);
            }
        }
        let failures = self.status.map_or(0, |status| status.failures);
        let whole = self.past().iter().rev().find(|run| run.only.is_none());
        match whole {
            Some(run) => (in_words(run.outcome.as_str()), Mood::of(run.outcome)),
            None if failures > 0 => ("failed", Mood::Bad),
            None if self.name == EntryName::Backup => ("scheduled", Mood::Good),
            None => ("never ran", Mood::Doubtful),
        }
    }

    /// Its next tick; nothing if there is none.
    pub(super) fn next(&self) -> Option<Markup> {
        let at = self.status?.next_tick.as_deref()?;
        Some(self.time(at))
    }

    /// A time of the files in the zone of its schedule: `Mon 2026-03-02 06:20 CET`; in UTC if that is not known.
    pub(super) fn time(&self, at: &str) -> Markup {
        let zone = self
            .status
            .and_then(|status| TimeZone::get(&status.time_zone).ok());
        let local = scalar::parse(at)
            .zip(zone)
            .map(|(at, zone)| at.to_zoned(zone));
        let local = local.map(|local| local.strftime("%a %Y-%m-%d %H:%M %Z").to_string());
        html! { time datetime=(at) { @match local { Some(local) => { (local) } None => { (minute(at)) " UTC" } } } }
    }
}

/// An outcome as a person reads it.
pub(super) fn in_words(outcome: &'static str) -> &'static str {
    match outcome {
        "ok_with_rejects" => "ok with rejects",
        "not_served" => "not served",
        other => other,
    }
}
