//! Renames a source with everything that mirror and vault hold of it, after the configuration was changed.
//!
//! docs/decisions/0048. The order must not change: vault entries are copied, the mirror is renamed in one transaction, then the old entries are
//! deleted. What is interrupted is ended by the same command, and a start in between finds one whole source.

use std::sync::Arc;

use super::{App, vault_store};
use rollbook_core::folder::read_folder;
use rollbook_core::model::SourceName;
use rollbook_core::store::queries::Reader;
use rollbook_core::store::rename::{self, SourceData};
use rollbook_core::store::vault::entries;
use rollbook_core::store::{Store, StoreError, Vault};
use rollbook_engine::setup::files::Secrets;
use rollbook_engine::setup::{Folders, Setup, beside};

/// Mirror and vault, owned by this process for a rename.
pub struct Renaming {
    store: Arc<Store>,
    vault: Vault,
    old: SourceName,
    new: SourceName,
    /// What the mirror holds under the old name.
    pub old_data: SourceData,
    /// What it holds under the new one.
    pub new_data: SourceData,
    /// Whether the vault has an entry under the old name, and under the new one.
    in_vault: (bool, bool),
}

impl Renaming {
    /// Opens mirror and vault without making a table.
    pub fn open(
        folders: &Folders,
        setup: &Setup,
        secrets: &Secrets,
        (old, new): (SourceName, SourceName),
    ) -> Result<Self, StoreError> {
        let mirror = folders.mirror(setup);
        let store = Arc::new(Store::open(&mirror)?);
        let keys = vault_store::keys(&setup.config.store, secrets)?;
        let vault = Vault::open(beside(&mirror), keys)?;
        let kept = entries(beside(&mirror))?;
        let is_kept = |name: &SourceName| kept.iter().any(|line| *name == *line.source);
        let in_vault = (is_kept(&old), is_kept(&new));
        let (old_data, new_data) = {
            let reader = store.reader()?;
            (
                rename::data_of(&reader, &old)?,
                rename::data_of(&reader, &new)?,
            )
        };
        Ok(Self {
            store,
            vault,
            old,
            new,
            old_data,
            new_data,
            in_vault,
        })
    }

    /// Whether there is anything under the old name.
    pub fn has_old(&self) -> bool {
        self.old_data.tables > 0 || self.in_vault.0
    }

    /// Renames. What the mirror holds under the new name is replaced.
    pub async fn run(self, setup: &Setup) -> Result<(), StoreError> {
        let is_in_mirror = self.old_data.tables > 0;
        // An attempt that was interrupted after the mirror has left entries that may be used up by now.
        if self.in_vault.0 && (is_in_mirror || !self.in_vault.1) {
            self.vault.copy_source(&self.old, &self.new)?;
        }
        if is_in_mirror {
            let mut wanted = setup.tables();
            wanted.retain(|table| table.source == self.new);
            let (old, new) = (self.old.clone(), self.new.clone());
            self.store
                .write(move |connection| rename::rename_source(connection, &old, &new, &wanted))
                .await?;
        }
        if self.in_vault.0 {
            self.vault.delete_source(&self.old)?;
        }
        Ok(())
    }
}

/// Sources of the mirror that may have been renamed in the configuration only: the old name, which is no longer
/// configured, and a new one without rows whose connector has all of its streams.
pub fn renamed_in_files(
    setup: &Setup,
    mirror: &Reader,
) -> Result<Vec<(SourceName, SourceName)>, StoreError> {
    let mut renamed = Vec::new();
    for old in rename::sources(mirror)? {
        if setup.sources.contains_key(&old) || rename::data_of(mirror, &old)?.has_no_rows() {
            continue;
        }
        let streams = rename::streams_of(mirror, &old)?;
        for (new, source) in &setup.sources {
            let has_all = streams.iter().all(|name| source.streams.contains_key(name));
            if has_all && rename::data_of(mirror, new)?.has_no_rows() {
                renamed.push((old.clone(), new.clone()));
            }
        }
    }
    Ok(renamed)
}

/// The lines of the configuration that name a source or its tables, as `FILE:LINE`. Comments are not looked at.
pub fn lines_that_name(folders: &Folders, source: &SourceName) -> Vec<String> {
    let mut lines = Vec::new();
    for folder in folders.folders() {
        // What cannot be read is a problem of the configuration, which is loaded already.
        let Ok(folder) = read_folder(&folder) else {
            continue;
        };
        for (_, file) in &folder.files {
            for (number, line) in file.text().lines().enumerate() {
                if names(line, source.as_str()) {
                    lines.push(format!("{}:{}", file.name(), number + 1));
                }
            }
        }
    }
    lines.sort();
    lines.dedup();
    lines
}

/// Whether a line that is no comment has the name as a word, or at the start of a table's name.
fn names(line: &str, source: &str) -> bool {
    let is_inside = |other: Option<char>| {
        other.is_some_and(|other| other.is_alphanumeric() || matches!(other, '-' | '_'))
    };
    !line.trim_start().starts_with('#')
        && line.match_indices(source).any(|(at, _)| {
            let after = line[at + source.len()..].chars().next();
            !is_inside(line[..at].chars().next_back()) && (after == Some('_') || !is_inside(after))
        })
}

impl App {
    /// Logs as warnings which sources are new while the mirror has one like it that is no longer configured.
    pub(super) fn log_renamed(setup: &Setup, mirror: &Reader) -> Result<(), StoreError> {
        for (old, new) in renamed_in_files(setup, mirror)? {
            tracing::warn!("{}", rename_advice(&old, &new));
        }
        Ok(())
    }
}

/// What to do if a source was renamed in the configuration only.
pub fn rename_advice(old: &SourceName, new: &SourceName) -> String {
    format!(
        "the source {new} is new, and the mirror has {old} with the same streams, which is no longer configured: \
         if it was renamed, `rollbook rename {old} {new}` keeps its rows and history (stop the service first)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_name_a_source_are_found() {
        for (line, expected) in [
            ("[sources.north]", true),
            ("source = \"north\"", true),
            ("left = { table = \"north_users\" }", true),
            ("columns = [\"north.users.role\"]", true),
            ("# source = \"north\"", false),
            ("source = \"northern\"", false),
            ("source = \"great_north\"", false),
            ("title = \"up-north\"", false),
            ("source = \"south\"", false),
        ] {
            assert_eq!(names(line, "north"), expected, "{line}");
        }
    }
}
