//! Hooks: told after runs that changed something and after bundles that were written.
//!
//! No run waits for them and none fails by them. What a hook could not be told stays due, also over a restart: its position
//! moves when it has been told, so each change is told once at least.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::bundles::bundle_path;
use super::{App, DaemonEngine};
use rollbook_core::document::suggest::advice;
use rollbook_core::model::{HookName, HookSubject, JobName, scalar};
use rollbook_core::store::bundle::state;
use rollbook_core::store::hooks::{self, HookState, HookStates};
use rollbook_core::store::{StoreError, queries};
use rollbook_engine::daemon::alerts::retry_pause;
use rollbook_engine::output::bundle::files_of;
use rollbook_engine::output::hook::{HookCall, HookNews};
use rollbook_engine::setup::Setup;

/// How long to wait when it cannot be found out what is due.
const RETRY: Duration = Duration::from_secs(15 * 60);

/// Which failed attempts are made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookRetry {
    /// Those whose pause is over.
    WhenDue,
    /// All, because a command runs once.
    Now,
}

/// What every hook of the configuration follows.
fn subjects(setup: &Setup) -> BTreeSet<(HookName, HookSubject)> {
    let mut subjects = BTreeSet::new();
    for (name, hook) in &setup.config.hooks {
        let jobs = setup.jobs.keys().filter(|job| hook.follows(job));
        let jobs = jobs.cloned().map(HookSubject::Job);
        let bundles = hook.after_bundles.iter().cloned().map(HookSubject::Bundle);
        subjects.extend(jobs.chain(bundles).map(|subject| (name.clone(), subject)));
    }
    subjects
}

/// The hooks that follow something, each with how far it is.
pub fn hook_states(setup: &Setup, reader: &queries::Reader) -> Result<HookStates, StoreError> {
    let mut states = hooks::states(reader)?;
    let wanted = subjects(setup);
    states.retain(|key, _| wanted.contains(key));
    Ok(states)
}

/// What to say of a hook that is not there.
pub fn unknown_hook(setup: &Setup, name: &str) -> String {
    let help = advice(name, setup.config.hooks.keys().map(HookName::as_str));
    format!("there is no hook `{name}`; {help}")
}

impl DaemonEngine {
    /// Tells hooks until `stop`; `wake` is notified after a run, a bundle and a reload, `told` after each attempt.
    pub async fn keep_hooks(&self, wake: &Notify, told: &Notify, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let (is_tried, again) = tokio::select! {
                () = stop.cancelled() => break,
                ended = self.app.run_hooks(HookRetry::WhenDue) => ended,
            };
            if is_tried {
                told.notify_one();
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = wake.notified() => {}
                () = self.app.clock.sleep(again.unwrap_or(RETRY)), if again.is_some() => {}
            }
        }
    }
}

impl App {
    /// Tells every hook what it has not been told. Returns whether one was tried, and after how long to try again.
    pub async fn run_hooks(&self, retry: HookRetry) -> (bool, Option<Duration>) {
        let told = self.try_hooks(retry).await;
        told.unwrap_or_else(|error| {
            tracing::warn!("could not find out what hooks are to be told: {error}");
            (false, Some(RETRY))
        })
    }

    /// Lets new hooks begin after what there is now, and forgets those that are gone.
    pub async fn note_hooks(&self) -> Result<(), StoreError> {
        let setup = self.setup();
        let wanted = subjects(&setup);
        let (known, newest) = {
            let reader = self.store().reader()?;
            (hooks::states(&reader)?, hooks::newest_run(&reader)?)
        };
        let mut states: HookStates = BTreeMap::new();
        for key in &wanted {
            let mut state = known.get(key).cloned().unwrap_or_default();
            let end = match &key.1 {
                HookSubject::Job(_) => newest,
                HookSubject::Bundle(name) => {
                    let made = state::state(&*self.store().reader()?, name)?.made;
                    made.map_or(0, Timestamp::as_millisecond)
                }
            };
            // A restored backup numbers its runs from an earlier one on.
            if !known.contains_key(key) || state.position > end {
                state.position = end;
            }
            states.insert(key.clone(), state);
        }
        if states != known {
            let replace = move |connection: &mut _| hooks::replace_all(connection, &states);
            self.store().write(replace).await?;
        }
        Ok(())
    }

    async fn try_hooks(&self, retry: HookRetry) -> Result<(bool, Option<Duration>), StoreError> {
        self.note_hooks().await?;
        let (setup, now) = (self.setup(), self.clock.now());
        let (mut due, mut again) = (BTreeMap::<HookName, Vec<_>>::new(), None);
        {
            let reader = self.store().reader()?;
            for ((hook, subject), state) in hook_states(&setup, &reader)? {
                let Some(news) = self.news(&setup, &reader, &subject, state.position)? else {
                    continue;
                };
                // A clock that was ahead may have written a time far away.
                let pause = state.due.map(|due| due.duration_since(now));
                let longest = SignedDuration::try_from(retry_pause(state.attempts));
                let pause = pause.map(|pause| pause.min(longest.unwrap_or_default()));
                match pause.filter(|pause| pause.is_positive()) {
                    Some(pause) if retry == HookRetry::WhenDue => {
                        again = again.into_iter().chain([pause.unsigned_abs()]).min();
                    }
                    _ => due.entry(hook).or_default().push((subject, state, news)),
                }
            }
        }
        let is_tried = !due.is_empty();
        // Side by side: a slow one delays only the next look.
        let told = due
            .into_iter()
            .map(|(hook, due)| self.tell(&setup, hook, due));
        for failed in join_all(told).await {
            again = again.into_iter().chain(failed?).min();
        }
        Ok((is_tried, again))
    }

    /// What is to be told of a job or a bundle.
    fn news(
        &self,
        setup: &Setup,
        reader: &queries::Reader,
        subject: &HookSubject,
        position: i64,
    ) -> Result<Option<HookNews>, StoreError> {
        match subject {
            HookSubject::Job(job) => {
                let Some(source) = setup.jobs.get(job).map(|job| job.source.clone()) else {
                    return Ok(None);
                };
                let siblings = setup.jobs.iter().filter(|(_, one)| one.source == source);
                let siblings: Vec<JobName> = siblings.map(|(name, _)| name.clone()).collect();
                let news = hooks::job_news(reader, job, &siblings, position)?;
                Ok(news.map(|news| HookNews::Runs {
                    job: job.clone(),
                    source,
                    after: position,
                    news,
                }))
            }
            HookSubject::Bundle(name) => {
                let Some(document) = setup.bundles.get(name) else {
                    return Ok(None);
                };
                let state = state::state(reader, name)?;
                let made = state.made.filter(|made| made.as_millisecond() > position);
                let to = bundle_path(&document.value, self.store().path());
                Ok(made.map(|at| HookNews::Bundle {
                    name: name.clone(),
                    at,
                    files: to
                        .as_deref()
                        .map_or_else(Vec::new, |to| files_of(&document.value, to)),
                    to,
                    rows: state.rows,
                    run: state.run,
                }))
            }
        }
    }

    /// Tells a hook one thing after the other. Returns after how long to try again what failed.
    async fn tell(
        &self,
        setup: &Setup,
        name: HookName,
        due: Vec<(HookSubject, HookState, HookNews)>,
    ) -> Result<Option<Duration>, StoreError> {
        let mut again = None;
        for (subject, state, news) in due {
            let Some(config) = setup.config.hooks.get(&name) else {
                break;
            };
            let now = self.clock.now();
            let call = HookCall {
                name: &name,
                config,
                news: &news,
                now,
                mirror: self.store().path(),
            };
            let next = match call.tell(&self.secrets).await {
                Ok(()) => {
                    tracing::info!(hook = %name, "told of {subject}");
                    HookState {
                        position: match &news {
                            HookNews::Runs { news, .. } => news.run,
                            HookNews::Bundle { at, .. } => at.as_millisecond(),
                            HookNews::Test => state.position,
                        },
                        told: Some(self.clock.now()),
                        ..HookState::default()
                    }
                }
                Err(why) => {
                    let attempts = state.attempts.saturating_add(1);
                    let pause = retry_pause(attempts);
                    match state.message.as_ref() == Some(&why) {
                        true => tracing::debug!("the hook {name} failed again: {why}"),
                        false => tracing::warn!("the hook {name} failed: {why}"),
                    }
                    again = again.into_iter().chain([pause]).min();
                    let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
                    HookState {
                        attempts,
                        due: Some(scalar::saturating_add(self.clock.now(), pause)),
                        failed: state.failed.or(Some(now)),
                        message: Some(why),
                        ..state
                    }
                }
            };
            let hook = name.clone();
            let save = move |connection: &mut _| hooks::save(connection, &hook, &subject, &next);
            self.store().write(save).await?;
        }
        Ok(again)
    }

    /// Why hooks could not be told.
    pub(super) fn hook_problems(&self) -> Vec<String> {
        let Ok(reader) = self.store().reader() else {
            return Vec::new();
        };
        let states = hook_states(&self.setup(), &reader).unwrap_or_default();
        let problems = states.into_iter().filter_map(|((hook, subject), state)| {
            let message = state.message?;
            Some(format!(
                "the hook {hook} was not told of {subject}: {message}"
            ))
        });
        problems.collect()
    }
}
