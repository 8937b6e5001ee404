//! Who may read the mirror besides its owner: group and modes as configured, kept right after each run.
//!
//! Nothing here fails: a group that cannot be used leaves the mirror to its owner, and the log says why.

use std::path::Path;
use std::sync::PoisonError;

use super::App;
use super::copy::copy_path;
use rollbook_core::permissions::readers::{GroupError, Narrowed};
use rollbook_core::store::sharing::share;
use rollbook_core::store::{StoreError, copy, database};
use rollbook_engine::setup::files::StoreConfig;
use rollbook_engine::setup::{Setup, copy_group, mirror_group};

/// Puts group and modes of a mirror's files right, and those of its copy. Returns modes that were wider, and what could
/// not be done.
pub fn put_readers_right(setup: &Setup, mirror: &Path) -> (Vec<Narrowed>, Vec<GroupError>) {
    let store = &setup.config.store;
    let (mut narrowed, mut problems) = (Vec::new(), Vec::new());
    match of_mirror(store, mirror) {
        Ok(found) => narrowed.extend(found),
        Err(error) => problems.push(error),
    }
    match of_copy(store, mirror) {
        Ok(found) => narrowed.extend(found),
        // The copy's own record says why it cannot be made.
        Err(error) => tracing::debug!("the copy's mode is unchanged: {error}"),
    }
    (narrowed, problems)
}

fn of_mirror(store: &StoreConfig, mirror: &Path) -> Result<Vec<Narrowed>, GroupError> {
    match mirror_group(store) {
        Ok(group) => share(mirror, group.as_ref()),
        // The files may still belong to another group.
        Err(unknown) => share(mirror, None).and(Err(unknown)),
    }
}

fn of_copy(store: &StoreConfig, mirror: &Path) -> Result<Option<Narrowed>, GroupError> {
    match &store.copy {
        Some(config) => {
            let group = copy_group(store, config)?;
            copy::put_right(&copy_path(config, mirror), mirror, group.as_ref())
        }
        None => Ok(None),
    }
}

impl App {
    /// The same for the mirror that is open, and says in the log what was not right.
    pub(super) fn keep_readers_right(&self) {
        if self.dry_run_copy.is_some() {
            return;
        }
        let (narrowed, problems) = put_readers_right(&self.setup(), self.store().path());
        for Narrowed { path, from, to } in narrowed {
            let path = path.display();
            tracing::warn!(
                "{path} had mode {from:04o}, wider than configured; it has {to:04o} now"
            );
        }
        let text = problems.first().map(GroupError::with_help);
        let told = self.readers_problem.lock();
        let mut told = told.unwrap_or_else(PoisonError::into_inner);
        if *told != text {
            if let Some(text) = &text {
                tracing::error!("who may read the mirror is not as configured: {text}");
            }
            *told = text;
        }
    }

    /// Why others do not get what is configured: the mirror, its copy, a bundle, what a hook is told, a database.
    pub fn sharing_problems(&self) -> Vec<String> {
        let told = self.readers_problem.lock();
        let readers = told.unwrap_or_else(PoisonError::into_inner).clone();
        let readers =
            readers.map(|why| format!("who may read the mirror is not as configured: {why}"));
        let copy = self.copy_problem();
        let copy = copy.map(|why| format!("could not write the copy: {why}"));
        let bundles = self.bundle_problems();
        readers
            .into_iter()
            .chain(copy)
            .chain(bundles)
            .chain(self.hook_problems())
            .chain(self.publish_problems())
            .collect()
    }

    /// Whether the log of the mirror stays beside it, for readers who may not create it.
    pub(super) async fn keep_log_for_readers(&self) -> Result<(), StoreError> {
        let is_kept = self.setup().config.store.readers.is_some();
        let keep = move |connection: &mut _| database::keep_log(connection, is_kept);
        self.store().write(keep).await
    }
}
