//! What was found of a database when an admin asked.

use serde::Serialize;

use rollbook_core::model::PublishName;

/// What was found of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TableDifference {
    /// The table in the database.
    pub table: String,
    /// Rows of the mirror.
    pub rows: u64,
    /// Rows of the source in the database.
    pub published: u64,
    /// Rows of the mirror that are not there.
    pub missing: u64,
    /// Rows that are there with other values.
    pub different: u64,
    /// Rows there that the mirror does not have.
    pub extra: u64,
    /// Rows of the mirror that cannot be there, because their keys are too long for an index.
    pub left_out: u64,
}

impl TableDifference {
    /// Whether the table has what the mirror has.
    pub fn is_same(&self) -> bool {
        self.missing + self.different + self.extra == 0
    }
}

/// What was found of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublishVerification {
    /// It cannot be compared, and why.
    Unknown(String),
    /// Its tables as they are after this run.
    Compared {
        /// The run.
        run: i64,
        /// The tables.
        tables: Vec<TableDifference>,
    },
}

/// What a database has of a source, before an admin removes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishedRows {
    /// Its tables.
    pub tables: u64,
    /// Their rows of the source.
    pub rows: u64,
}

/// What was found of a database.
#[derive(Debug, Serialize)]
pub struct DatabaseCheck {
    /// The database; `None` is the cluster's.
    pub publish: Option<PublishName>,
    /// Its hosts, as far as the address can be read.
    pub host: Option<String>,
    /// The version of the server that answered.
    pub version: Option<String>,
    /// What keeps streams from being published.
    pub problems: Vec<String>,
}

impl DatabaseCheck {
    /// One line: what answered, or what is wrong.
    pub fn line(&self) -> String {
        let name = match &self.publish {
            Some(name) => format!("publish {name}"),
            None => "cluster".to_owned(),
        };
        let host = self.host.as_deref().unwrap_or("?");
        match (&self.version, self.problems.as_slice()) {
            (Some(version), []) => {
                format!("{name}: {host} has PostgreSQL {version}, and its user may make the tables")
            }
            (_, problems) => format!("{name}: {host}: {}", problems.join("; ")),
        }
    }
}
