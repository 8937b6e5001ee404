//! Whose data the rows of a stream are: its key `person`, understood.

use std::collections::BTreeMap;

use super::build::Builder;
use crate::connector::columns::{Column, StreamColumn};
use crate::connector::file::PersonConfig;
use crate::document::suggest::advice;
use crate::model::{PersonColumn, PersonRows, SourceName};

/// Whose data the rows of a stream are, of any source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PersonSpec {
    /// Of no single person.
    #[default]
    None,
    /// Each row is a person.
    Each,
    /// Columns that name the person, where that stream is not off.
    About(Vec<AboutColumn>),
}

/// One column that names the person that a row is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AboutColumn {
    column: String,
    refers_to: StreamColumn,
    rows: BTreeMap<String, String>,
}

impl PersonSpec {
    /// The same for the tables of a source.
    pub(super) fn of_source(&self, source: &SourceName) -> PersonRows {
        match self {
            Self::None => PersonRows::None,
            Self::Each => PersonRows::Each,
            Self::About(columns) => {
                let one = |about: &AboutColumn| PersonColumn {
                    column: about.column.clone(),
                    refers_to: format!(
                        "{source}_{}.{}",
                        about.refers_to.stream, about.refers_to.column
                    ),
                    rows: about.rows.clone(),
                };
                PersonRows::About(columns.iter().map(one).collect())
            }
        }
    }
}

impl Builder<'_> {
    pub(super) fn person(&mut self, columns: &[Column]) -> PersonSpec {
        let about = match &self.stream.person {
            None | Some(PersonConfig::Each(false)) => return PersonSpec::None,
            Some(PersonConfig::Each(true)) => return PersonSpec::Each,
            Some(PersonConfig::Column(name)) => {
                let none = BTreeMap::new();
                let about = self.about(columns, &["person"], (name, None, &none));
                about.into_iter().collect()
            }
            Some(PersonConfig::Columns(all)) => {
                let mut found = Vec::new();
                for (number, one) in all.iter().enumerate() {
                    let number = number.to_string();
                    let at = ["person", number.as_str()];
                    let column = (&one.column, one.refers_to.as_deref(), &one.rows);
                    found.extend(self.about(columns, &at, column));
                }
                found
            }
        };
        PersonSpec::About(about)
    }

    /// One column; none where it refers to a stream that is off.
    fn about(
        &mut self,
        columns: &[Column],
        at: &[&str],
        (name, refers_to, rows): (&String, Option<&str>, &BTreeMap<String, String>),
    ) -> Option<AboutColumn> {
        for needed in std::iter::once(name).chain(rows.keys()) {
            if !columns.iter().any(|column| column.name == *needed) {
                let help = advice(needed, columns.iter().map(|column| column.name.as_str()));
                self.problem(at, format!("there is no column `{needed}`"), Some(help));
                return None;
            }
        }
        let refers_to = match refers_to {
            Some(text) => self.named(at, text)?,
            None => {
                let column = columns.iter().find(|column| column.name == *name)?;
                if let Some(found) = &column.refers_to {
                    found.clone()
                } else {
                    // It may refer to a stream that is off.
                    let mut written = self.stream.columns.0.iter();
                    let is_written = written
                        .any(|(column, rules)| column == name && rules.refers_to().is_some());
                    if !is_written {
                        let message = format!("the column `{name}` refers to no person");
                        let help = "add `refers_to` to the column".to_owned();
                        self.problem(at, message, Some(help));
                    }
                    return None;
                }
            }
        };
        Some(AboutColumn {
            column: name.clone(),
            refers_to,
            rows: rows.clone(),
        })
    }
}
