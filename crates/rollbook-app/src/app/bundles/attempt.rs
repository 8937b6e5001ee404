//! One attempt to write a bundle: ask, guard, write. It knows all that it needs, so it can be moved to another thread.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::due::repeat_at;
use super::mistake::problem;
use rollbook_core::document::Document;
use rollbook_core::model::bundle::{BundleCounts, BundleMode, BundleParameter};
use rollbook_core::model::{BundleName, scalar};
use rollbook_core::permissions::readers::{GroupError, ReaderGroup};
use rollbook_core::store::bundle::kept::{KeptContent, KeptRow, ServedUpdate, kept_rows};
use rollbook_core::store::bundle::state::{self, BundleState};
use rollbook_core::store::bundle::{BundleError, DeltaRows};
use rollbook_core::store::moment::Moment;
use rollbook_core::store::{StoreError, queries};
use rollbook_engine::output::bundle::{self, BundleOrder, BundleWriteError};
use rollbook_engine::setup::files::bundle::BundleConfig;
use rollbook_engine::setup::{Setup, beside};

/// What is done with a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BundleAction {
    /// Write it if the guard lets it pass.
    Write,
    /// Write it although rows are missing.
    Approve,
    /// Write all rows of a bundle of changes again if the guard lets it pass.
    Full,
}

/// A bundle that was written, held or found unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleReport {
    /// The folder or file; none of a bundle for `rollbook serve`.
    pub to: Option<PathBuf>,
    /// Why it was not written, if so.
    pub not_written: Option<String>,
    /// Whether the guard holds it.
    pub is_held: bool,
    /// Whether a bundle of changes holds all rows again.
    pub is_full: bool,
    /// Each file.
    pub files: Vec<BundleFileReport>,
}

/// The difference of a file from the last bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleFileReport {
    /// The file.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Rows that the last bundle does not have.
    pub added: u64,
    /// Rows that are different there.
    pub changed: u64,
    /// Rows that only the last bundle has.
    pub removed: u64,
    /// Rows without a legal form, by reason.
    pub left_out: Vec<(String, u64)>,
}

/// Why a bundle has no result.
#[derive(Debug, thiserror::Error)]
pub enum BundleFailure {
    /// A question is wrong.
    #[error("{0}")]
    Question(String),
    /// It could not be written, or its rows could not be read.
    #[error(transparent)]
    Write(#[from] BundleWriteError),
}

impl From<StoreError> for BundleFailure {
    fn from(error: StoreError) -> Self {
        Self::Write(error.into())
    }
}

impl From<GroupError> for BundleFailure {
    fn from(error: GroupError) -> Self {
        Self::Write(error.into())
    }
}

/// One bundle with all that an attempt needs; it can be moved to another thread.
pub(super) struct BundleAttempt {
    name: BundleName,
    pub(super) document: Document<BundleConfig>,
    mirror: PathBuf,
    to: Option<PathBuf>,
    group: Option<ReaderGroup>,
    now: Timestamp,
    pub(super) before: BundleState,
    /// Whether too little is kept of its rows for what it is now: then it begins as a new one.
    lacks_values: bool,
}

/// How an attempt ended that did not fail.
pub(super) struct AttemptResult {
    pub(super) report: BundleReport,
    /// Whether the files hold all rows.
    pub(super) is_whole: bool,
    pub(super) rows: Vec<KeptRow>,
}

/// Where a bundle of files goes, however the folders were given to this process.
pub fn bundle_path(config: &BundleConfig, mirror: &Path) -> Option<PathBuf> {
    let path = beside(mirror).join(config.to.as_ref()?);
    Some(std::path::absolute(&path).unwrap_or(path))
}

/// What an attempt needs of a bundle; `None` if there is no such one.
pub(super) fn attempt(
    setup: &Setup,
    mirror: &Path,
    name: &BundleName,
    now: Timestamp,
    reader: &queries::Reader,
) -> Result<Option<BundleAttempt>, BundleFailure> {
    let Some(document) = setup.bundles.get(name) else {
        return Ok(None);
    };
    let group = document.value.group.as_ref();
    let group = group.or(setup.config.store.readers.as_ref());
    Ok(Some(BundleAttempt {
        name: name.clone(),
        to: bundle_path(&document.value, mirror),
        group: group.map(|name| ReaderGroup::named(name)).transpose()?,
        document: document.clone(),
        mirror: mirror.to_owned(),
        before: state::state(reader, name)?,
        lacks_values: state::lacks_values(reader, name, document.value.mode)?,
        now,
    }))
}

impl BundleAttempt {
    /// The time of the bundle: after the last one, even if the clock was set back.
    pub(super) fn time(&self) -> Timestamp {
        let after =
            |made| scalar::saturating_add(made, SignedDuration::from_millis(1)).max(self.now);
        self.before.made.map_or(self.now, after)
    }

    /// What is kept of its rows.
    pub(super) fn content(&self) -> KeptContent {
        let (config, at) = (&self.document.value, self.time());
        match config.mode {
            BundleMode::Bulk => KeptContent::Fingerprints,
            BundleMode::Delta => KeptContent::Values,
            BundleMode::Served => KeptContent::Served(ServedUpdate {
                at,
                removed_since: {
                    let kept = SignedDuration::try_from(config.served.removed_for.0);
                    scalar::saturating_add(at, -kept.unwrap_or(SignedDuration::MAX))
                },
                is_erased: self.before.is_expired(),
            }),
        }
    }

    /// Asks and, with an action, writes.
    pub(super) fn run(&self, action: Option<BundleAction>) -> Result<AttemptResult, BundleFailure> {
        let config = &self.document.value;
        let is_first = self.before.made.is_none() || self.lacks_values;
        let is_delta = config.mode == BundleMode::Delta && (!is_first || config.delta.first);
        let now = self.time();
        let time = scalar::to_canonical(now);
        let order = self.to.as_ref().map(|to| BundleOrder {
            config,
            is_delta,
            now: &time,
            to,
            group: self.group.as_ref(),
        });
        if action.is_some()
            && let Some(path) = order.as_ref().and_then(bundle::not_fetched)
        {
            return Err(BundleWriteError::NotFetched(path).into());
        }
        let moment = Moment::now(&self.mirror)?;
        let mode = match config.mode {
            BundleMode::Delta if !is_delta => BundleMode::Bulk,
            mode => mode,
        };
        let (questions, parameters) = (config.questions(), parameters(config, mode, now));
        let is_due = repeat_at(config, &self.before).is_some_and(|at| at <= now);
        let is_wanted = action == Some(BundleAction::Full);
        if is_wanted && !config.can_repeat() {
            let message = format!("{}: --full is for a bundle of changes in CSV", self.name);
            return Err(BundleFailure::Question(message));
        }
        let is_full = is_delta && !is_first && (is_due || is_wanted);
        let delta = is_delta.then_some(match is_full {
            true => DeltaRows::All,
            false => DeltaRows::Changed,
        });
        let asked = moment.bundle((self.name.as_str(), delta), &questions, &parameters);
        let rows = asked.map_err(|error| self.failure(error))?;
        let counts = (0..config.file.len()).map(|number| rows.counts(number).clone());
        let counts: Vec<BundleCounts> = counts.collect();
        let named = config.file.iter().zip(&counts);
        let held = named.clone().find_map(|(file, counts)| {
            let is_followed = !file.key.is_empty();
            let guarded = is_followed.then(|| config.guard().check(&file.name, counts));
            let is_empty = file.must_have_rows && counts.rows == 0;
            let empty = is_empty.then(|| format!("{} would have no rows", file.name));
            let why = guarded.flatten().or(empty)?;
            Some(format!(
                "{why}; `rollbook export {} --approve` writes it nevertheless",
                self.name
            ))
        });
        let is_held = held.is_some() && action != Some(BundleAction::Approve);
        let has_changed = counts
            .iter()
            .any(|counts| counts.added + counts.changed + counts.removed > 0);
        // What was erased is in files that are there.
        let is_there = is_delta
            || (!self.before.is_expired() && self.to.as_ref().is_none_or(|to| to.exists()));
        let is_same = !is_first && !has_changed && !is_full && is_there;
        let not_written = match (is_held, is_same) {
            (true, _) => held,
            (_, true) => Some("nothing has changed since the last bundle".to_owned()),
            _ => None,
        };
        let report = BundleReport {
            to: self.to.clone(),
            not_written,
            is_held,
            is_full,
            files: named
                .map(|(file, counts)| file_report(&file.name, counts))
                .collect(),
        };
        let mut kept = Vec::new();
        if action.is_some() && report.not_written.is_none() {
            if let Some(order) = &order {
                bundle::write(&rows, order)?;
            }
            kept = kept_rows(&rows, self.content(), self.lacks_values)?;
        }
        Ok(AttemptResult {
            report,
            is_whole: is_first || is_full || !is_delta,
            rows: kept,
        })
    }

    fn failure(&self, error: BundleError) -> BundleFailure {
        match error {
            BundleError::Store(error) => error.into(),
            error => {
                let problem = problem(&self.document, &error);
                let line = problem.line().map(|line| format!(", line {line}"));
                BundleFailure::Question(format!(
                    "{}{}: {}",
                    problem.location.file.name(),
                    line.unwrap_or_default(),
                    problem.message
                ))
            }
        }
    }
}

fn file_report(name: &str, counts: &BundleCounts) -> BundleFileReport {
    BundleFileReport {
        name: name.to_owned(),
        rows: counts.rows,
        added: counts.added,
        changed: counts.changed,
        removed: counts.removed,
        left_out: counts.left_out.clone(),
    }
}

/// The values that questions name.
pub(super) fn parameters(
    config: &BundleConfig,
    mode: BundleMode,
    now: Timestamp,
) -> BTreeMap<String, BundleParameter> {
    let mut parameters = config.parameters.clone();
    let today = now.to_zoned(config.time_zone.zone().clone()).date();
    for (name, value) in [
        ("mode", mode.as_str().to_owned()),
        ("now", scalar::to_canonical(now)),
        ("today", today.to_string()),
    ] {
        parameters.insert(name.to_owned(), BundleParameter::Text(value));
    }
    parameters
}
