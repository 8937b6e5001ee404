//! What a command that only reads starts with: the configuration and the mirror, without the lock.
//!
//! It works beside a running daemon. The surprise: a broken configuration does not stop it, because
//! the mirror knows enough by itself; the admin is told on standard error.

use std::path::PathBuf;

use super::exit::Exit;
use crate::app::{Overlay, Places, Setup};
use crate::config::StoreConfig;
use crate::model::Problems;
use crate::model::nearest::advice;
use crate::store::database::{is_made, reader};
use crate::store::look::{self, Reader};
use crate::store::schema::refuse_outdated;
use crate::store::{StoreError, Table};

/// The configuration and the mirror, as far as they are there.
pub struct Reading {
    /// The configuration on disk, or what is wrong with it.
    pub setup: Result<Setup, Problems>,
    /// Where the mirror is, or would be.
    pub path: PathBuf,
    mirror: Option<Reader>,
}

impl Reading {
    /// Loads the configuration, and opens the mirror where there is one.
    pub fn open(places: &Places) -> Result<Self, Exit> {
        let reading = Self::open_quietly(places)?;
        if let (Err(problems), true) = (&reading.setup, reading.mirror.is_some()) {
            anstream::eprintln!(
                "The configuration has {} (`rollbook check` shows all); this is what {} knows.",
                errors(problems),
                reading.path.display()
            );
        }
        Ok(reading)
    }

    /// The same for a command that tells by itself what is wrong with the configuration.
    pub fn open_quietly(places: &Places) -> Result<Self, Exit> {
        let setup = Setup::load(places, &Overlay::default());
        let path = match &setup {
            Ok(setup) => places.mirror(setup),
            Err(_) => places.state.join(StoreConfig::default().path),
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

    /// Refuses a mirror whose records of runs are those of an older program, for commands that show them.
    pub fn up_to_date(self) -> Result<Self, Exit> {
        if let Some(mirror) = &self.mirror {
            refuse_outdated(mirror, &self.path)?;
        }
        Ok(self)
    }

    /// The configuration; the error shows everything that is wrong with it.
    pub fn setup(&self) -> Result<&Setup, Exit> {
        self.setup
            .as_ref()
            .map_err(|problems| Exit::from(problems.clone()))
    }

    /// The mirror; the error says how to get one.
    pub fn mirror(&self) -> Result<&Reader, Exit> {
        match (&self.mirror, &self.setup) {
            (Some(mirror), _) => Ok(mirror),
            (None, Err(problems)) => Err(problems.clone().into()),
            (None, Ok(_)) => Err(StoreError::File {
                path: self.path.clone(),
                problem: "there is no mirror yet; `rollbook sync` makes it".into(),
            }
            .into()),
        }
    }

    /// The mirror, for commands that have something to say without it.
    pub fn mirror_if_made(&self) -> Option<&Reader> {
        self.mirror.as_ref()
    }

    /// The table in the mirror that `rosters_users` or `rosters.users` means.
    pub fn table(&self, stream: &str) -> Result<Table, Exit> {
        let mirror = self.mirror()?;
        let mirrored = look::mirrored(mirror)?;
        let names = mirrored
            .iter()
            .map(|(source, stream)| (source.as_str(), stream.as_str()));
        let (source, stream) = find(stream, names)?;
        look::table(mirror, source, stream)?.ok_or_else(|| {
            Exit::failed(format!(
                "the mirror does not know the columns of {source}_{stream}"
            ))
        })
    }
}

/// `1 problem`, `3 problems`.
pub fn errors(problems: &Problems) -> String {
    match problems.errors() {
        1 => "1 problem".to_owned(),
        many => format!("{many} problems"),
    }
}

/// The source and stream that a name means, written as its table is or with a dot between.
pub fn find<'a>(
    name: &str,
    known: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<(&'a str, &'a str), Exit> {
    let known: Vec<(&str, &str)> = known.collect();
    let tables: Vec<String> = known
        .iter()
        .map(|(source, stream)| format!("{source}_{stream}"))
        .collect();
    let dotted = |(source, stream): &(&str, &str)| format!("{source}.{stream}");
    let place = tables
        .iter()
        .position(|table| table == name)
        .or_else(|| known.iter().position(|stream| dotted(stream) == name));
    match place {
        Some(place) => Ok(known[place]),
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

    #[test]
    fn a_stream_is_named_as_its_table_or_with_a_dot() {
        // Two sources whose names begin alike: only the dot can tell them apart.
        let known = [
            ("rosters", "users"),
            ("rosters", "classes"),
            ("north", "a_b"),
            ("north_a", "c"),
        ];
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
                    "there is no stream `pupils`; known here: `rosters_users`, `rosters_classes`, `north_a_b`, `north_a_c`",
                ),
            ),
        ];
        for (name, expected) in rows {
            let found = find(name, known.into_iter());
            let found = found.map_err(Exit::into_text);
            assert_eq!(found, expected.map_err(str::to_owned), "{name}");
        }
    }
}
