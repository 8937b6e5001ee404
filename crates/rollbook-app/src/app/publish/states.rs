//! How far each source is in a database, and since when something is not there. Read from the mirror alone.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::tables_of;
use crate::app::App;
use rollbook_core::document::suggest::joined;
use rollbook_core::model::schedule::next_tick;
use rollbook_core::model::{PublishName, SourceName, scalar};
use rollbook_core::store::published::{self, Lag, PublishedSource};
use rollbook_core::store::{StoreError, queries};
use rollbook_engine::daemon::alerts::retry_pause;
use rollbook_engine::setup::Setup;
use rollbook_engine::setup::files::PublishConfig;

/// How often a database is asked whether it still has what was published, though nothing changed: it may have been restored.
pub(super) const CHECK: SignedDuration = SignedDuration::from_hours(1);

/// How far a source is in a database, and what waits.
#[derive(Clone, Debug, Default)]
pub struct PublishState {
    /// How far it is; `None` before the first attempt.
    pub known: Option<PublishedSource>,
    /// Streams that are filled or compared at present.
    pub comparing: usize,
    /// What is not published yet.
    pub lag: Lag,
}

impl PublishState {
    /// Whether the source is to be removed.
    fn leaves(&self) -> bool {
        self.known.as_ref().is_some_and(PublishedSource::leaves)
    }

    /// Since when the database lacks something: the end of the first run that waits, or the first attempt that failed to fill,
    /// compare or remove.
    pub fn unpublished_since(&self) -> Option<Timestamp> {
        let known = self.known.as_ref()?;
        let is_filled = known.published.is_some();
        let waits = self.lag.since.filter(|_| is_filled);
        let is_open = known.leaves() || self.comparing > 0 || !is_filled;
        let open = known.failed.filter(|_| is_open);
        waits.into_iter().chain(open).min()
    }

    /// When that is too long: at once where another mirror publishes the source, because that does not pass by itself. What
    /// waits for its schedule is not late before.
    pub fn late_at(&self, config: &PublishConfig) -> Option<Timestamp> {
        let known = self.known.as_ref()?;
        if known.claimed_by.is_some() {
            return known.failed;
        }
        let since = self.unpublished_since()?;
        let due = match &config.schedule {
            Some(schedule) => next_tick(schedule.cron(), config.time_zone.zone(), since)?,
            None => since,
        };
        let late_after = SignedDuration::try_from(config.late_after.0);
        Some(scalar::saturating_add(
            due,
            late_after.unwrap_or(SignedDuration::MAX),
        ))
    }
}

impl PublishState {
    /// How long the source is still not due; `None` where it is.
    pub(super) fn pause(&self, config: &PublishConfig, now: Timestamp) -> Option<SignedDuration> {
        let known = self.known.as_ref()?;
        if known.due.is_none() && (known.rebuild || known.leaves()) {
            return None;
        }
        if let Some(due) = known.due {
            // A clock that was ahead may have written a time far away.
            let longest = SignedDuration::try_from(retry_pause(known.attempts)).unwrap_or_default();
            return Some(due.duration_since(now).min(longest));
        }
        let checked = known.checked?.min(now);
        let next = match (&config.schedule, self.lag.runs, self.comparing) {
            (_, _, 1..) | (None, 1.., _) => return None,
            (None, 0, 0) => scalar::saturating_add(checked, CHECK),
            (Some(schedule), ..) => next_tick(schedule.cron(), config.time_zone.zone(), checked)?,
        };
        Some(next.duration_since(now))
    }
}

/// How far every source of a database is, also of those that are to leave it.
///
/// # Errors
/// When the mirror cannot be read.
pub fn publish_states(
    setup: &Setup,
    name: &PublishName,
    reader: &queries::Reader,
) -> Result<BTreeMap<SourceName, PublishState>, StoreError> {
    let Some(config) = setup.config.publish.get(name) else {
        return Ok(BTreeMap::new());
    };
    let tables = tables_of(setup, config);
    let mut states = all_states(setup, name, reader)?;
    states.retain(|source, state| state.leaves() || tables.contains_key(source));
    Ok(states)
}

/// The same with those that were removed, which a restored database has again.
pub(super) fn all_states(
    setup: &Setup,
    name: &PublishName,
    reader: &queries::Reader,
) -> Result<BTreeMap<SourceName, PublishState>, StoreError> {
    let Some(config) = setup.config.publish.get(name) else {
        return Ok(BTreeMap::new());
    };
    let mut known = published::sources(reader, name)?;
    let leaving = known.iter().filter(|(_, known)| known.removal);
    let leaving = leaving.map(|(source, _)| source.clone());
    let tables = tables_of(setup, config);
    let sources: BTreeSet<SourceName> = tables.keys().cloned().chain(leaving).collect();
    let state = |source: SourceName| {
        let known = known.remove(&source);
        let is_published = tables.contains_key(&source);
        if !is_published && known.as_ref().is_some_and(|known| known.removal) {
            let state = PublishState {
                known,
                ..PublishState::default()
            };
            return Ok((source, state));
        }
        let after = known.as_ref().map_or(0, |known| known.run.max(known.seen));
        let streams = published::streams(reader, name, &source)?;
        let open = streams.values();
        let comparing = open.filter(|one| one.compare.is_some() || one.erasures > one.erased);
        let state = PublishState {
            comparing: comparing.count(),
            lag: published::lag(reader, &source, after)?,
            known,
        };
        Ok((source, state))
    };
    sources.into_iter().map(state).collect()
}

/// Sources whose rows are still in a database that they are published to no longer, and what to do.
///
/// # Errors
/// When the mirror cannot be read.
pub fn left_behind(setup: &Setup, reader: &queries::Reader) -> Result<Vec<String>, StoreError> {
    let mut left = Vec::new();
    for (name, source, known) in published::all_sources(reader)? {
        let leaves = known.leaves() && setup.config.publish.contains_key(&name);
        let is_gone = leaves || known.removed.is_some();
        let why = why_left_behind(setup, &name, &source).filter(|_| !is_gone);
        left.extend(why.map(|why| format!("{source} in {name}: {why}")));
    }
    Ok(left)
}

/// Why a database does not follow a source any more, and what to do; `None` where it does.
pub(super) fn why_left_behind(
    setup: &Setup,
    name: &PublishName,
    source: &SourceName,
) -> Option<String> {
    let Some(config) = setup.config.publish.get(name) else {
        return Some(format!(
            "rollbook.toml has no [publish.{name}] any more, and the rows are still there: put it back and remove them, or \
             let the mirror forget them: `rollbook publish forget {name} {source}`"
        ));
    };
    let is_published = tables_of(setup, config).contains_key(source);
    (!is_published).then(|| {
        format!(
            "it is published no longer, and its rows are still there: `rollbook publish remove {name} {source}` removes them"
        )
    })
}

impl App {
    /// Why sources are not published, each reason once.
    pub(in crate::app) fn publish_problems(&self) -> Vec<String> {
        let Ok(reader) = self.store().reader() else {
            return Vec::new(); // whatever else reads the mirror reports it
        };
        let setup = self.setup();
        let mut problems: BTreeMap<(&PublishName, String), Vec<SourceName>> = BTreeMap::new();
        for name in setup.config.publish.keys() {
            for (source, state) in publish_states(&setup, name, &reader).unwrap_or_default() {
                if let Some(why) = state.known.and_then(|known| known.message) {
                    problems.entry((name, why)).or_default().push(source);
                }
            }
        }
        let text = |((name, why), sources): ((&PublishName, String), Vec<SourceName>)| {
            let sources = joined(sources.iter().map(SourceName::as_str));
            format!("could not publish {sources} to {name}: {why}")
        };
        problems.into_iter().map(text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollbook_engine::setup::files::{Schedule, SecretRef};

    const RUN: Timestamp = Timestamp::constant(1_772_432_400, 0); // 2026-03-02 06:20
    const FAILED: Timestamp = Timestamp::constant(1_772_436_000, 0); // 07:20

    fn config(schedule: Option<&str>) -> PublishConfig {
        let schedule = schedule.map(|text| text.parse::<Schedule>().expect("a pattern"));
        PublishConfig {
            schedule,
            ..PublishConfig::plain(SecretRef::Env("URL".parse().expect("a name")))
        }
    }

    fn state(words: &str) -> PublishState {
        let mut known = PublishedSource::default();
        let mut state = PublishState::default();
        for word in words.split(' ') {
            match word {
                "published" => known.published = Some(RUN),
                "failed" => known.failed = Some(FAILED),
                "claimed" => known.claimed_by = Some("other".to_owned()),
                "removal" => known.removal = true,
                "removed" => known.removed = Some(RUN),
                "lag" => (state.lag.runs, state.lag.since) = (1, Some(RUN)),
                "checked" => known.checked = Some(RUN),
                "ahead" => known.checked = Some(RUN + SignedDuration::from_hours(99)),
                "due" => (known.attempts, known.due) = (2, Some(FAILED)),
                "far" => known.due = Some(FAILED + SignedDuration::from_hours(99)),
                "rebuild" => known.rebuild = true,
                "comparing" => state.comparing = 1,
                "" => {}
                other => panic!("{other}"),
            }
        }
        PublishState {
            known: Some(known),
            ..state
        }
    }

    #[test]
    fn when_something_is_late() {
        let nightly = Some("0 2 * * *");
        for (words, schedule, since, late) in [
            ("published", None, "", ""),
            // Configured a moment ago, with the runs of a year.
            ("lag", None, "", ""),
            ("published lag", None, "06:20", "2 12:20"),
            ("published lag failed", None, "06:20", "2 12:20"),
            // All is there: a database that is away lacks nothing.
            ("published failed", None, "", ""),
            ("failed", None, "07:20", "2 13:20"),
            ("lag failed", None, "07:20", "2 13:20"),
            ("published comparing failed", None, "07:20", "2 13:20"),
            ("published removal failed", None, "07:20", "2 13:20"),
            ("published removal removed failed", None, "", ""),
            ("claimed failed", None, "07:20", "2 07:20"),
            ("published claimed failed", None, "", "2 07:20"),
            ("published lag", nightly, "06:20", "3 08:00"),
        ] {
            let state = state(words);
            let text = |at: Option<Timestamp>, form: &str| {
                at.map(|at| at.strftime(form).to_string())
                    .unwrap_or_default()
            };
            let found = (
                text(state.unpublished_since(), "%H:%M"),
                text(state.late_at(&config(schedule)), "%-d %H:%M"),
            );
            assert_eq!(found, (since.to_owned(), late.to_owned()), "{words}");
        }
    }

    /// At 07:00.
    #[test]
    fn when_a_source_is_due() {
        let (hourly, nightly) = (Some("30 * * * *"), Some("0 2 * * *"));
        let now = RUN + SignedDuration::from_mins(40);
        for (words, schedule, minutes) in [
            ("", None, None),
            ("checked", None, Some(20)),
            ("ahead", None, Some(60)),
            ("checked lag", None, None),
            ("checked comparing", None, None),
            ("checked rebuild", None, None),
            ("checked rebuild due", None, Some(5)),
            ("removal", None, None),
            // It is looked for: the database may be restored.
            ("checked removal removed", None, Some(20)),
            // An attempt that failed waits its time, and no longer.
            ("checked lag due", None, Some(5)),
            ("removal due", None, Some(5)),
            ("checked far", None, Some(1)),
            // By schedule: not before its tick, and then also where nothing is known to wait.
            ("checked lag", nightly, Some(19 * 60)),
            ("checked lag", hourly, Some(-30)),
            ("checked", hourly, Some(-30)),
            ("checked comparing", nightly, None),
        ] {
            let pause = state(words).pause(&config(schedule), now);
            let found = pause.map(|pause| pause.as_mins());
            assert_eq!(found, minutes, "{words} {schedule:?}");
        }
    }
}
