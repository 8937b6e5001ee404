//! Bundles: written when a run changed something, guarded against shrinking, recorded.
//!
//! No run waits for them and none fails by them. The order is: ask, guard, write, record. What is not recorded is written once
//! more, which consumers of complete sets and of changes both take.

mod attempt;
mod due;
mod mistake;

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

pub use self::attempt::{BundleAction, BundleFailure, BundleReport, bundle_path};
use self::attempt::{attempt, parameters};
use self::due::{BundleDue, DueFacts, due};
use self::mistake::problem;
use super::App;
use rollbook_core::document::suggest::advice;
use rollbook_core::document::{Problem, Problems};
use rollbook_core::model::BundleName;
use rollbook_core::model::bundle::BundleMode;
use rollbook_core::store::bundle::BundleError;
use rollbook_core::store::bundle::served::first_removed;
use rollbook_core::store::bundle::state::{self, BundleState};
use rollbook_core::store::copy::record;
use rollbook_core::store::moment::Moment;
use rollbook_core::store::{StoreError, queries};
use rollbook_engine::setup::Setup;

/// A bundle that failed is tried again after so long, or after the next run.
const RETRY: Duration = Duration::from_secs(15 * 60);

/// How often is looked whether the last changes were fetched.
const FETCH_CHECK: Duration = Duration::from_secs(60);

/// The bundles with their states.
pub fn bundle_states(
    setup: &Setup,
    reader: &queries::Reader,
) -> Result<Vec<(BundleName, BundleState)>, StoreError> {
    let names = setup.bundles.keys();
    names
        .map(|name| Ok((name.clone(), state::state(reader, name)?)))
        .collect()
}

/// Whether the questions of all bundles fit the mirror; nothing is read. `missing` says which column a file of a bundle lacks
/// for its reader.
///
/// # Errors
/// When the mirror cannot be read.
pub fn check_bundles(
    setup: &Setup,
    mirror: &Path,
    missing: impl Fn(&BundleName, &str, &[String]) -> Option<&'static str>,
) -> Result<Problems, StoreError> {
    let mut problems = Problems::new();
    for (name, document) in &setup.bundles {
        let moment = Moment::now(mirror)?;
        let config = &document.value;
        let parameters = parameters(config, config.mode, Timestamp::UNIX_EPOCH);
        let columns = match moment.check_bundle(&config.questions(), &parameters) {
            Ok(columns) => columns,
            Err(BundleError::Store(error)) => return Err(error),
            Err(error) => {
                problems.push(problem(document, &error));
                continue;
            }
        };
        for (number, (file, columns)) in config.file.iter().zip(&columns).enumerate() {
            if let Some(column) = missing(name, &file.name, columns) {
                let path = ["file", &number.to_string(), "sql"];
                let location = document.tree.nearest_location(&path);
                let message = format!("{} has no column `{column}`", file.name);
                let help = format!("select it, as `... AS {column}`");
                problems.push(Problem::error(location, message).help(help));
            }
        }
    }
    Ok(problems)
}

/// What would be written.
pub fn dry_run(
    setup: &Setup,
    mirror: &Path,
    name: &BundleName,
    now: Timestamp,
) -> Result<BundleReport, BundleFailure> {
    let reader = rollbook_core::store::database::reader(mirror)?;
    let Some(attempt) = attempt(setup, mirror, name, now, &reader)? else {
        return Err(BundleFailure::Question(unknown_bundle(
            setup,
            name.as_str(),
        )));
    };
    attempt.run(None).map(|result| result.report)
}

/// What to say of a bundle that is not there.
pub fn unknown_bundle(setup: &Setup, name: &str) -> String {
    let help = advice(name, setup.bundles.keys().map(BundleName::as_str));
    format!("there is no bundle `{name}`; {help}")
}

impl App {
    /// Writes the bundles that are due. Returns whether one was tried, and after how long to look again without a run.
    pub async fn write_due_bundles(&self, stop: &CancellationToken) -> (bool, Option<Duration>) {
        let (mut is_tried, mut again) = (false, None);
        let setup = self.setup();
        if let Err(error) = self.forget_other_bundles(&setup).await {
            tracing::warn!("could not forget bundles that are not configured: {error}");
        }
        for name in setup.bundles.keys() {
            if stop.is_cancelled() {
                break;
            }
            let looked = self.write_if_due(&setup, name).await;
            let (tried, next) = looked.unwrap_or_else(|error| {
                tracing::warn!("could not find out whether the bundle {name} is due: {error}");
                (false, Some(RETRY))
            });
            is_tried |= tried;
            again = again.into_iter().chain(next).min();
        }
        (is_tried, again)
    }

    /// What is kept of bundles that are not configured any more has no use.
    async fn forget_other_bundles(&self, setup: &Setup) -> Result<(), StoreError> {
        let names: Vec<BundleName> = setup.bundles.keys().cloned().collect();
        if state::has_others(&*self.store().reader()?, &names)? {
            let forget = move |connection: &mut _| state::forget_others(connection, &names);
            self.store().write(forget).await?;
        }
        Ok(())
    }

    /// Writes a bundle now, because a person wants it.
    pub(super) async fn write_bundle(
        &self,
        name: &BundleName,
        action: BundleAction,
    ) -> Result<BundleReport, BundleFailure> {
        let setup = self.setup();
        let definition = self.definition(&setup, name)?;
        self.try_bundle(&setup, name, definition, action).await
    }

    /// Writes all bundles again, because what they hold was erased; gives what still holds it, and why.
    pub(super) async fn bundles_again(&self) -> Result<Vec<String>, StoreError> {
        {
            // An attempt that began before the erasure must not say afterwards that all is written.
            let _alone = self.copying.lock().await;
            let expire = |connection: &mut _| state::expire(connection);
            self.store().write(expire).await?;
        }
        self.write_due_bundles(&CancellationToken::new()).await;
        let (setup, reader) = (self.setup(), self.store().reader()?);
        let left = bundle_states(&setup, &reader)?.into_iter();
        let left = left.filter_map(|(name, state)| {
            let message = state.message?;
            Some(format!("the bundle {name}: {message}"))
        });
        Ok(left.collect())
    }

    /// Why bundles could not be written.
    pub(super) fn bundle_problems(&self) -> Vec<String> {
        let Ok(reader) = self.store().reader() else {
            return Vec::new();
        };
        let states = bundle_states(&self.setup(), &reader).unwrap_or_default();
        let problems = states
            .into_iter()
            .filter(|(_, state)| state.failed.is_some());
        let problems = problems.filter_map(|(name, state)| {
            let message = state.message?;
            Some(format!("could not write the bundle {name}: {message}"))
        });
        problems.collect()
    }

    async fn write_if_due(
        &self,
        setup: &Setup,
        name: &BundleName,
    ) -> Result<(bool, Option<Duration>), StoreError> {
        let Some(document) = setup.bundles.get(name) else {
            return Ok((false, None));
        };
        let config = &document.value;
        let definition = self.definition(setup, name)?;
        let (before, last_change, first_removed) = {
            let reader = self.store().reader()?;
            let before = state::state(&reader, name)?;
            let last_change = state::last_change(&reader, config.after.as_deref())?;
            (before, last_change, first_removed(&reader, name)?)
        };
        if last_change == 0 {
            return Ok((false, None)); // the tables are empty, or not there
        }
        let to = bundle_path(config, self.store().path());
        let facts = DueFacts {
            config,
            state: &before,
            last_change,
            definition: &definition,
            is_gone: config.mode == BundleMode::Bulk
                && before.made.is_some()
                && to.is_some_and(|to| !to.exists()),
            first_removed,
            now: self.clock.now(),
        };
        match due(&facts) {
            BundleDue::Now => {}
            BundleDue::In(left) => return Ok((false, Some(left))),
            BundleDue::AfterARun => return Ok((false, None)),
        }
        let tried = self
            .try_bundle(setup, name, definition, BundleAction::Write)
            .await;
        let again = match tried {
            // What time makes due is due again.
            Ok(_) => match config.schedule.is_some() || config.delta.repeat.is_some() {
                true => Some(RETRY),
                false => None,
            },
            Err(BundleFailure::Write(error)) if error.is_wait() => Some(FETCH_CHECK),
            Err(_) => Some(RETRY),
        };
        Ok((true, again))
    }

    /// Changes when the file does, or the tables that it asks.
    fn definition(&self, setup: &Setup, name: &BundleName) -> Result<String, StoreError> {
        let written = setup
            .bundles
            .get(name)
            .map(|document| document.tree.fingerprint());
        let layout = record::layout(&*self.store().reader()?)?;
        let layout = xxhash_rust::xxh3::xxh3_64(layout.as_bytes());
        Ok(format!("{:016x}{layout:016x}", written.unwrap_or_default()))
    }

    async fn try_bundle(
        &self,
        setup: &Setup,
        name: &BundleName,
        definition: String,
        action: BundleAction,
    ) -> Result<BundleReport, BundleFailure> {
        let _alone = self.copying.lock().await;
        let (now, mirror) = (self.clock.now(), self.store().path());
        let (attempt, run) = {
            let reader = self.store().reader()?;
            let Some(attempt) = attempt(setup, mirror, name, now, &reader)? else {
                return Err(BundleFailure::Question(unknown_bundle(
                    setup,
                    name.as_str(),
                )));
            };
            let after = attempt.document.value.after.clone();
            (attempt, state::last_change(&reader, after.as_deref())?)
        };
        let (before, content) = (attempt.before.clone(), attempt.content());
        // What was erased is in it until it is written.
        let unwritten = match before.is_expired() {
            true => None,
            false => Some(definition.clone()),
        };
        let made = attempt.time();
        let work = tokio::task::spawn_blocking(move || attempt.run(Some(action)));
        let ended = work.await.unwrap_or(Err(StoreError::Panicked.into()));
        let (state, rows) = match &ended {
            Ok(result) if result.report.is_held => {
                let message = result.report.not_written.clone().unwrap_or_default();
                log_problem(name, &before, &message, "held");
                let state = BundleState {
                    is_held: true,
                    failed: before.failed.or(Some(now)),
                    tried: Some(run),
                    definition: unwritten,
                    message: Some(message),
                    asked: Some(now),
                    ..before
                };
                (state, Vec::new())
            }
            Ok(result) => {
                let files = &result.report.files;
                let left_out = files.iter().flat_map(|file| &file.left_out);
                let is_written = result.report.not_written.is_none();
                let state = BundleState {
                    made: if is_written { Some(made) } else { before.made },
                    asked: Some(now),
                    repeated: match is_written && result.is_whole {
                        true => Some(made),
                        false => before.repeated,
                    },
                    run: Some(run),
                    tried: Some(run),
                    definition: Some(definition),
                    rows: files.iter().map(|file| file.rows).sum(),
                    left_out: left_out.map(|(_, count)| count).sum(),
                    ..BundleState::default()
                };
                if is_written {
                    tracing::info!(bundle = %name, run, rows = state.rows, "bundle written");
                }
                (state, result.rows.clone())
            }
            Err(BundleFailure::Write(error)) if error.is_wait() => {
                let message = error.to_string();
                tracing::debug!("the bundle {name} waits: {message}");
                let state = BundleState {
                    failures: 0,
                    failed: None,
                    is_held: false,
                    message: Some(message),
                    asked: Some(now),
                    ..before
                };
                (state, Vec::new())
            }
            Err(error) => {
                let message = error.to_string();
                log_problem(name, &before, &message, "not written");
                let state = BundleState {
                    failures: before.failures.saturating_add(1),
                    failed: before.failed.or(Some(now)),
                    is_held: false,
                    definition: unwritten,
                    message: Some(message),
                    asked: Some(now),
                    ..before
                };
                (state, Vec::new())
            }
        };
        let saved = name.clone();
        let save =
            move |connection: &mut _| state::save(connection, &saved, &state, &rows, content);
        self.store().write(save).await?;
        ended.map(|result| result.report)
    }
}

fn log_problem(name: &BundleName, before: &BundleState, message: &str, what: &str) {
    match before.message.as_deref() == Some(message) {
        true => tracing::debug!("the bundle {name} is {what}: {message}"),
        false => tracing::error!("the bundle {name} is {what}: {message}"),
    }
}
