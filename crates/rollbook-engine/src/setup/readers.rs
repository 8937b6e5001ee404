//! The groups that may read the mirror and its copy.
//!
//! Nothing of this refuses a configuration: a group is made and removed without it, and a service that ran must not end
//! for that. `rollbook check` reports it with the line, the service logs it and continues for its owner only.

use std::path::Path;

use super::beside;
use super::files::{CopyConfig, StoreConfig};
use rollbook_core::document::{Node, Problem, Problems};
use rollbook_core::permissions::readers::{GroupError, ReaderGroup, obstacle};

/// The group that may read the mirror, if one is configured.
///
/// # Errors
/// When there is no such group.
pub fn mirror_group(store: &StoreConfig) -> Result<Option<ReaderGroup>, GroupError> {
    store.readers.as_deref().map(ReaderGroup::named).transpose()
}

/// The group that may read the copy, if one is configured.
///
/// # Errors
/// When there is no such group.
pub fn copy_group(
    store: &StoreConfig,
    copy: &CopyConfig,
) -> Result<Option<ReaderGroup>, GroupError> {
    let name = copy.group.as_ref().or(store.readers.as_ref());
    name.map(|name| ReaderGroup::named(name)).transpose()
}

/// What keeps the groups from reading, as far as this process can see it.
pub(super) fn problems(tree: &Node, store: &StoreConfig, mirror: &Path) -> Problems {
    let mut problems = Problems::new();
    let (readers, folder) = (mirror_group(store), beside(mirror));
    if let Some(node) = tree.at(&["store", "readers"]) {
        // The service opens the mirror's own folder.
        let help = GroupError::help;
        problems.extend(problem(node, readers.clone(), mirror, (folder, &help)));
    }
    let (Some(node), Some(copy)) = (tree.at(&["store", "copy"]), &store.copy) else {
        return problems;
    };
    let path = folder.join(&copy.path);
    let group = copy_group(store, copy);
    let is_opened = readers == group && path.starts_with(folder);
    let way = if is_opened { folder } else { &path };
    let help = |error: &GroupError| match is_opened {
        true => error.help(),
        false => error.help_with_folder(beside(&path)),
    };
    match node.at(&["group"]) {
        Some(group_node) => problems.extend(problem(group_node, group, &path, (way, &help))),
        None if matches!(group, Ok(None)) => {
            let message = "only the owner can read this copy";
            let help = "name those who may: `group = \"GROUP\"`";
            problems.push(Problem::note(node.location(), message).help(help));
        }
        // Reported for `readers`.
        None => {}
    }
    problems
}

/// What is wrong with a group that shall read a file, or pass the folders above `way`.
fn problem(
    node: &Node,
    group: Result<Option<ReaderGroup>, GroupError>,
    file: &Path,
    (way, help): (&Path, &dyn Fn(&GroupError) -> String),
) -> Option<Problem> {
    let error = |error: GroupError| {
        Some(Problem::error(node.location(), error.to_string()).help(help(&error)))
    };
    let group = match group {
        Ok(group) => group?,
        Err(unknown) => return error(unknown),
    };
    match obstacle(&group, file, way)? {
        // An access list may let them in, which is not seen; and the service may not have started since.
        perhaps @ (GroupError::Closed { .. } | GroupError::NotYet { .. }) => {
            let note = Problem::note(node.location(), perhaps.to_string());
            Some(note.help(help(&perhaps)))
        }
        other => error(other),
    }
}
