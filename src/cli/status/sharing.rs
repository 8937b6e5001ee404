//! The part of `rollbook status` about others who read the mirror: the copy, bundles, hooks, published databases, and the group
//! of `[store] readers`.

use std::path::Path;

use serde::Serialize;

use crate::cli::table::{grouped, many};
use rollbook_app::app::{
    bundle_path, bundle_states, copies, hook_states, left_behind, publish_states,
};
use rollbook_core::model::PublishName;
use rollbook_core::model::scalar::{display_time, to_canonical};
use rollbook_core::permissions::readers::obstacle;
use rollbook_core::store::StoreError;
use rollbook_core::store::queries::Reader;
use rollbook_engine::setup::{Setup, beside, copy_group, mirror_group};

/// Who may read what.
#[derive(Debug, Default, Serialize)]
pub struct SharingView {
    /// The copy of `[store.copy]`; `null` if none is configured.
    copy: Option<CopyView>,
    /// The bundles of files.
    bundles: Vec<BundleView>,
    /// What hooks could not be told.
    hooks: Vec<FailedHookView>,
    /// Published databases.
    published: Vec<DatabaseView>,
    /// Sources that are published no longer, and what to do.
    left_behind: Vec<String>,
    /// Copies that are there and no longer written.
    old_copies: Vec<String>,
    /// Why the group of `[store] readers` cannot read the mirror; `null` if it can, or if there is none.
    readers_problem: Option<String>,
}

#[derive(Debug, Serialize)]
struct CopyView {
    path: String,
    /// When it was written last; `null` if never.
    made: Option<String>,
    /// The last run that changed what is in it.
    run: Option<i64>,
    /// Why the last attempt failed, or why its group cannot read it.
    message: Option<String>,
}

#[derive(Debug, Serialize)]
struct BundleView {
    name: String,
    /// `null` if it is for `rollbook serve`.
    path: Option<String>,
    /// When it was written last; `null` if never.
    written: Option<String>,
    /// The last run that changed what is in it.
    run: Option<i64>,
    rows: u64,
    /// Rows without a legal form.
    left_out: u64,
    /// Whether the guard holds the next one.
    held: bool,
    /// Why the last attempt failed, was held or waits.
    message: Option<String>,
}

#[derive(Debug, Serialize)]
struct FailedHookView {
    name: String,
    /// `job NAME` or `bundle NAME`.
    follows: String,
    /// When it is tried again.
    due: Option<String>,
    message: String,
}

/// A published database.
#[derive(Debug, Default, Serialize)]
struct DatabaseView {
    name: String,
    sources: u64,
    /// Sources of which the database lacks something.
    behind: u64,
    /// Since when it lacks something.
    since: Option<String>,
    /// Sources of which the last attempt failed.
    failing: u64,
    /// When the first of them is tried again.
    due: Option<String>,
    /// Why the first of them fails, with its name.
    message: Option<String>,
}

impl DatabaseView {
    fn all(setup: &Setup, reader: &Reader) -> Result<Vec<Self>, StoreError> {
        let names = setup.config.publish.keys();
        let view = |name: &PublishName| {
            let mut view = Self {
                name: name.to_string(),
                ..Self::default()
            };
            for (source, state) in publish_states(setup, name, reader)? {
                view.sources += 1;
                if let Some(since) = state.unpublished_since() {
                    view.behind += 1;
                    let since = to_canonical(since);
                    view.since = view.since.into_iter().chain([since]).min();
                }
                let known = state.known.unwrap_or_default();
                if let Some(message) = known.message {
                    view.failing += 1;
                    view.message = view.message.or(Some(format!("{source}: {message}")));
                    let due = known.due.map(to_canonical);
                    view.due = view.due.into_iter().chain(due).min();
                }
            }
            Ok(view)
        };
        names.map(view).collect()
    }

    /// What an admin has to know; nothing where everything is published.
    fn remark(&self) -> Option<String> {
        let Self {
            name,
            sources,
            behind,
            failing,
            ..
        } = self;
        let of = many(*sources, "source", "sources");
        let since = self.since.as_deref().map(display_time);
        let since = since.map(|since| format!("since {since} UTC "));
        let since = since.unwrap_or_default();
        let again = self.due.as_deref().map(display_time);
        let again = again.map(|again| format!("; it is tried again at {again} UTC"));
        let again = again.unwrap_or_default();
        match (&self.message, behind) {
            (Some(message), _) => Some(format!(
                "publish {name}: {since}{failing} of {of} cannot be published: {message}{again}"
            )),
            (None, 1..) => Some(format!(
                "publish {name}: {since}the changes of {behind} of {of} are not published yet"
            )),
            (None, 0) => None,
        }
    }
}

impl FailedHookView {
    fn all(setup: &Setup, reader: &Reader) -> Result<Vec<Self>, StoreError> {
        let states = hook_states(setup, reader)?.into_iter();
        let views = states.filter_map(|((hook, subject), state)| {
            Some(Self {
                name: hook.to_string(),
                follows: subject.to_string(),
                due: state.due.map(to_canonical),
                message: state.message?,
            })
        });
        Ok(views.collect())
    }
}

impl BundleView {
    fn all(setup: &Setup, mirror: &Path, reader: &Reader) -> Result<Vec<Self>, StoreError> {
        let states = bundle_states(setup, reader)?.into_iter();
        let views = states.filter_map(|(name, state)| {
            let config = &setup.bundles.get(&name)?.value;
            Some(Self {
                path: bundle_path(config, mirror).map(|path| path.display().to_string()),
                name: name.to_string(),
                written: state.made.map(to_canonical),
                run: state.run,
                rows: state.rows,
                left_out: state.left_out,
                held: state.is_held,
                message: state.message,
            })
        });
        Ok(views.collect())
    }

    fn line(&self) -> String {
        let name = &self.name;
        let Some(written) = &self.written else {
            let path = self.path.as_ref().map(|path| format!(" ({path})"));
            let path = path.unwrap_or_default();
            return format!("The bundle {name}{path} is not written yet.\n");
        };
        let path = self.path.as_deref().unwrap_or("for `rollbook serve`");
        let left_out = match self.left_out {
            0 => String::new(),
            some => format!(", {} left out", grouped(some)),
        };
        format!(
            "The bundle {name} is {path}, written at {} UTC: {} rows{left_out}.\n",
            display_time(written),
            grouped(self.rows)
        )
    }
}

impl SharingView {
    /// As far as the configuration and the mirror are there.
    ///
    /// # Errors
    /// When the mirror cannot be read.
    pub fn of(
        setup: Option<&Setup>,
        path: &Path,
        mirror: Option<&Reader>,
    ) -> Result<Self, StoreError> {
        let (Some(setup), Some(mirror)) = (setup, mirror) else {
            return Ok(Self::default());
        };
        let copies = copies(setup, path, mirror)?;
        let readers_problem = match mirror_group(&setup.config.store) {
            Ok(None) => None,
            Ok(Some(group)) => obstacle(&group, path, beside(path)),
            Err(unknown) => Some(unknown),
        };
        Ok(Self {
            copy: copies.configured.map(|(path, state)| CopyView {
                message: state.message.or_else(|| unreadable(setup, &path)),
                path: path.display().to_string(),
                made: state.made.map(to_canonical),
                run: state.run,
            }),
            bundles: BundleView::all(setup, path, mirror)?,
            hooks: FailedHookView::all(setup, mirror)?,
            published: DatabaseView::all(setup, mirror)?,
            left_behind: left_behind(setup, mirror)?,
            old_copies: (copies.old.iter())
                .map(|path| path.display().to_string())
                .collect(),
            readers_problem: readers_problem.map(|why| why.with_help()),
        })
    }

    /// Lines about the copy and the bundles; empty if there are none.
    pub fn line(&self) -> String {
        self.copy_line()
            + &self
                .bundles
                .iter()
                .map(BundleView::line)
                .collect::<String>()
    }

    fn copy_line(&self) -> String {
        let Some(copy) = &self.copy else {
            return String::new();
        };
        let path = &copy.path;
        match (&copy.made, copy.run.filter(|run| *run > 0)) {
            (Some(made), Some(run)) => format!(
                "The copy is {path}, written at {} UTC with run {run}.\n",
                display_time(made)
            ),
            (Some(made), None) => {
                format!(
                    "The copy is {path}, written at {} UTC.\n",
                    display_time(made)
                )
            }
            (None, _) => format!("The copy {path} is not written yet.\n"),
        }
    }

    /// What an admin has to know or do.
    pub fn remarks(&self) -> Vec<String> {
        let failed = self.copy.iter().filter_map(|copy| copy.message.as_ref());
        let failed = failed.map(|why| format!("store.copy: {why}"));
        let readers = self.readers_problem.iter();
        let readers = readers.map(|why| format!("store.readers: {why}"));
        let old = self.old_copies.iter();
        let old = old
            .map(|path| format!("{path} is no longer written; delete it if no program reads it"));
        let bundles = self.bundles.iter();
        let bundles = bundles.filter_map(|bundle| {
            let message = bundle.message.as_ref()?;
            Some(format!("bundle {}: {message}", bundle.name))
        });
        let hooks = self.hooks.iter().map(|hook| {
            let FailedHookView {
                name,
                follows,
                message,
                ..
            } = hook;
            let due = hook.due.as_deref().map(display_time);
            let again = due.map(|due| format!("; it is tried again at {due} UTC"));
            format!(
                "hook {name}: not told of {follows}: {message}{}",
                again.unwrap_or_default()
            )
        });
        let published = self.published.iter();
        let published = published.filter_map(DatabaseView::remark);
        let left = self.left_behind.iter().cloned();
        let published = published.chain(left);
        let outputs = failed.chain(bundles).chain(hooks).chain(published);
        outputs.chain(readers).chain(old).collect()
    }
}

/// What keeps the copy's group from reading it.
fn unreadable(setup: &Setup, path: &Path) -> Option<String> {
    let store = &setup.config.store;
    let group = match copy_group(store, store.copy.as_ref()?) {
        Ok(group) => group?,
        Err(unknown) => return Some(unknown.with_help()),
    };
    group.may_reach(path).err().map(|why| why.with_help())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_in_words() {
        let view = |made: Option<&str>, run, message: Option<&str>| SharingView {
            copy: Some(CopyView {
                path: "/srv/rollbook/mirror.db".to_owned(),
                made: made.map(str::to_owned),
                run,
                message: message.map(str::to_owned),
            }),
            ..SharingView::default()
        };
        let made = Some("2026-03-02T07:15:00.000Z");
        for (view, expected) in [
            (SharingView::default(), ""),
            (
                view(None, None, None),
                "The copy /srv/rollbook/mirror.db is not written yet.\n",
            ),
            (
                view(made, Some(0), None),
                "The copy is /srv/rollbook/mirror.db, written at 2026-03-02 07:15:00 UTC.\n",
            ),
            (
                view(made, Some(12), None),
                "The copy is /srv/rollbook/mirror.db, written at 2026-03-02 07:15:00 UTC with run 12.\n",
            ),
        ] {
            assert_eq!(view.line(), expected);
            assert_eq!(view.remarks(), [""; 0]);
        }
        let mut failed = view(made, Some(12), Some("the disk is full"));
        failed.old_copies.push("/srv/old.db".to_owned());
        failed.readers_problem = Some("there is no group `x`".to_owned());
        assert_eq!(
            failed.remarks(),
            [
                "store.copy: the disk is full",
                "store.readers: there is no group `x`",
                "/srv/old.db is no longer written; delete it if no program reads it",
            ]
        );
    }

    #[test]
    fn a_database_in_words() {
        let view = |behind, failing, message: Option<&str>| DatabaseView {
            name: "district".to_owned(),
            sources: 200,
            behind,
            since: (behind > 0).then(|| "2026-03-02T07:15:00.000Z".to_owned()),
            failing,
            due: message.map(|_| "2026-03-02T07:45:00.000Z".to_owned()),
            message: message.map(str::to_owned),
        };
        for (view, expected) in [
            (view(0, 0, None), None),
            (
                view(3, 0, None),
                Some(
                    "publish district: since 2026-03-02 07:15:00 UTC the changes of 3 of 200 sources are not published yet",
                ),
            ),
            (
                view(3, 1, Some("north: no connection to the database")),
                Some(
                    "publish district: since 2026-03-02 07:15:00 UTC 1 of 200 sources cannot be published: north: no \
                     connection to the database; it is tried again at 2026-03-02 07:45:00 UTC",
                ),
            ),
            (
                view(0, 1, Some("north: no connection to the database")),
                Some(
                    "publish district: 1 of 200 sources cannot be published: north: no connection to the database; it is \
                     tried again at 2026-03-02 07:45:00 UTC",
                ),
            ),
        ] {
            assert_eq!(view.remark().as_deref(), expected);
        }
    }
}
