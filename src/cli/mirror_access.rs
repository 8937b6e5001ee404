//! The start of commands that only read: the configuration and the mirror, without the lock.
//!
//! They work while the daemon runs. The surprise: a broken configuration does not stop them, because the mirror is
//! enough; a warning is printed on standard error.

use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::exit::Exit;
use super::out;
use rollbook_core::document::Problems;
use rollbook_core::document::suggest::advice;
use rollbook_core::model::{SourceName, StreamName, Table};
use rollbook_core::store::StoreError;
use rollbook_core::store::database::{is_made, reader};
use rollbook_core::store::queries::{self, Reader};
use rollbook_core::store::schema::refuse_outdated;
use rollbook_engine::setup::files::StoreConfig;
use rollbook_engine::setup::{Folders, Overlay, Setup};

/// The configuration and the mirror, as far as they exist.
pub struct MirrorAccess {
    /// The configuration on disk, or its problems.
    pub setup: Result<Setup, Problems>,
    /// Where the mirror is, or would be.
    pub path: PathBuf,
    mirror: Option<Reader>,
}

impl MirrorAccess {
    /// Loads the configuration, and opens the mirror if there is one.
    pub fn open(folders: &Folders) -> Result<Self, Exit> {
        let access = Self::open_quietly(folders)?;
        if let (Err(problems), true) = (&access.setup, access.mirror.is_some()) {
            out::error(&format!(
                "The configuration has {} (`rollbook check` shows all); using only the data in {}.",
                errors(problems),
                access.path.display()
            ));
        }
        Ok(access)
    }

    /// The same, for commands that report problems of the configuration themselves.
    pub fn open_quietly(folders: &Folders) -> Result<Self, Exit> {
        Self::of(folders, Setup::load(folders, &Overlay::default()))
    }

    /// The same with a configuration that is loaded already.
    pub fn of(folders: &Folders, setup: Result<Setup, Problems>) -> Result<Self, Exit> {
        let path = match &setup {
            Ok(setup) => folders.mirror(setup),
            Err(_) => folders.state.join(StoreConfig::default().path),
        };
        let mirror = match is_made(&path)? {
            true => Some(reader(&path)?),
            false => None,
        };
        Ok(Self {
            setup,
            path,
            mirror,
        })
    }

    /// Refuses a mirror with run records of an older version, for commands that show them.
    pub fn up_to_date(self) -> Result<Self, Exit> {
        if let Some(mirror) = &self.mirror {
            refuse_outdated(mirror, &self.path)?;
        }
        Ok(self)
    }

    /// The configuration; the error shows all problems.
    pub fn setup(&self) -> Result<&Setup, Exit> {
        self.setup
            .as_ref()
            .map_err(|problems| Exit::from(problems.clone()))
    }

    /// The mirror; the error says how to create it.
    pub fn mirror(&self) -> Result<&Reader, Exit> {
        match (&self.mirror, &self.setup) {
            (Some(mirror), _) => Ok(mirror),
            (None, Err(problems)) => Err(problems.clone().into()),
            (None, Ok(_)) => Err(StoreError::File {
                path: self.path.clone(),
                problem: "there is no mirror yet; `rollbook sync` creates it".into(),
            }
            .into()),
        }
    }

    /// The mirror, for commands that also work without it.
    pub fn mirror_if_made(&self) -> Option<&Reader> {
        self.mirror.as_ref()
    }

    /// The tables of all streams, by name.
    pub fn all_tables(&self) -> Result<Vec<Table>, Exit> {
        let mirror = self.mirror()?;
        let mut tables = Vec::new();
        for (source, stream) in &queries::mirrored(mirror)? {
            tables.extend(queries::table(mirror, source, stream)?);
        }
        Ok(tables)
    }

    /// The time zone of the job that reads a stream; UTC if none does.
    pub fn zone(&self, table: &Table) -> TimeZone {
        let mut jobs = self.setup.iter().flat_map(|setup| setup.jobs.values());
        let job = jobs.find(|job| {
            let mut streams = job.streams.iter();
            job.source == table.source && streams.any(|stream| stream.name == table.stream)
        });
        job.map_or(TimeZone::UTC, |job| job.config.time_zone.zone().clone())
    }

    /// Resolves `rosters_users` or `rosters.users` to a table of the mirror.
    pub fn table(&self, stream: &str) -> Result<Table, Exit> {
        let mirror = self.mirror()?;
        let mirrored = queries::mirrored(mirror)?;
        let names = mirrored.iter().map(|(source, stream)| (source, stream));
        let (source, stream) = find(stream, names)?;
        queries::table(mirror, source, stream)?
            .ok_or_else(|| Exit::failed(format!("the mirror has no columns of {source}_{stream}")))
    }
}

/// `1 problem`, `3 problems`.
pub fn errors(problems: &Problems) -> String {
    match problems.errors() {
        1 => "1 problem".to_owned(),
        many => format!("{many} problems"),
    }
}

/// Resolves the name of a table, or a name with a dot, to a source and stream.
pub fn find<'a>(
    name: &str,
    known: impl Iterator<Item = (&'a SourceName, &'a StreamName)>,
) -> Result<(&'a SourceName, &'a StreamName), Exit> {
    let known: Vec<(&SourceName, &StreamName)> = known.collect();
    let tables: Vec<String> = known
        .iter()
        .map(|(source, stream)| format!("{source}_{stream}"))
        .collect();
    let dotted = |(source, stream): &(&SourceName, &StreamName)| format!("{source}.{stream}");
    let index = tables
        .iter()
        .position(|table| table == name)
        .or_else(|| known.iter().position(|stream| dotted(stream) == name));
    match index {
        Some(index) => Ok(known[index]),
        None => {
            let name = name.replacen('.', "_", 1);
            let help = advice(&name, tables.iter().map(String::as_str));
            Err(Exit::usage(format!("there is no stream `{name}`; {help}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollbook_core::model::named;

    #[test]
    fn a_stream_is_named_as_its_table_or_with_a_dot() {
        // The names of two sources begin alike: only the dot distinguishes them.
        let known = [
            ("rosters", "users"),
            ("rosters", "classes"),
            ("north", "a_b"),
            ("north_a", "c"),
        ]
        .map(|(source, stream)| (named::<SourceName>(source), named::<StreamName>(stream)));
        let rows = [
            ("rosters_users", Ok(("rosters", "users"))),
            ("rosters.users", Ok(("rosters", "users"))),
            ("north.a_b", Ok(("north", "a_b"))),
            ("north_a.c", Ok(("north_a", "c"))),
            ("north_a_b", Ok(("north", "a_b"))),
            (
                "rosters_user",
                Err("there is no stream `rosters_user`; did you mean `rosters_users`?"),
            ),
            (
                "rosters.clases",
                Err("there is no stream `rosters_clases`; did you mean `rosters_classes`?"),
            ),
            (
                "pupils",
                Err(
                    "there is no stream `pupils`; known: `rosters_users`, `rosters_classes`, `north_a_b`, `north_a_c`",
                ),
            ),
        ];
        for (name, expected) in rows {
            let found = find(name, known.iter().map(|(source, stream)| (source, stream)));
            let found = found.map(|(source, stream)| (source.as_str(), stream.as_str()));
            let found = found.map_err(Exit::into_text);
            assert_eq!(found, expected.map_err(str::to_owned), "{name}");
        }
    }
}
