//! `[publish.NAME]`: a PostgreSQL database that streams are published to.
//!
//! The doc comments are the reference text.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::schedule::{Schedule, Zone};
use super::secrets::SecretRef;
use rollbook_core::document::{Node, Problem};
use rollbook_core::model::{Period, Table};

/// A PostgreSQL database that streams are published to, after each run that changed something or on a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PublishConfig {
    /// Where the database's address is: `postgres://user:password@host:5432/database`. It is a secret as a whole. To another
    /// machine the connection is encrypted and the server's certificate is verified.
    pub url: SecretRef,
    /// A PEM file of authorities that are trusted instead of the machine's; a relative path starts at the configuration folder.
    pub ca_file: Option<PathBuf>,
    /// The schema of the tables; it is made if it is missing. Default `"rollbook"`.
    #[serde(default = "rollbook")]
    #[cfg_attr(test, schemars(length(min = 1, max = 63)))]
    pub schema: String,
    /// A role that may read the tables. Default: who may is left to the database.
    #[cfg_attr(test, schemars(length(min = 1, max = 63)))]
    pub reader: Option<String>,
    /// The streams, as tables of the mirror such as `rosters_users`. Default: every stream that a job reads.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub tables: Option<Vec<String>>,
    /// Columns that are not published, such as `rosters_users.email`.
    #[serde(default)]
    pub leave_out: Vec<String>,
    /// Whether old versions of rows are published too. Default true.
    #[serde(default = "yes")]
    pub history: bool,
    /// When to publish: a cron pattern of five fields, or six with seconds in front. Default: after each run that changed
    /// something.
    pub schedule: Option<Schedule>,
    /// The zone that the schedule's times are in. Default `"UTC"`.
    #[serde(default)]
    pub time_zone: Zone,
    /// How long a change may be unpublished before there is an alert. Default `"6h"`.
    #[serde(default = "six_hours")]
    pub late_after: Period,
}

impl PublishConfig {
    /// With the defaults.
    #[cfg(any(test, feature = "testing"))]
    pub fn plain(url: SecretRef) -> Self {
        Self {
            url,
            ca_file: None,
            schema: rollbook(),
            reader: None,
            tables: None,
            leave_out: Vec::new(),
            history: true,
            schedule: None,
            time_zone: Zone::default(),
            late_after: six_hours(),
        }
    }

    /// The columns of a stream that are published, as a table of them; `None` where the stream is not.
    pub fn table(&self, table: &Table) -> Option<Table> {
        let name = table.name();
        if self
            .tables
            .as_ref()
            .is_some_and(|names| !names.contains(&name))
        {
            return None;
        }
        let is_left_out = |column: &str| {
            let names = self.leave_out.iter();
            let mut names = names.filter_map(|left_out| left_out.split_once('.'));
            names.any(|one| one == (name.as_str(), column))
        };
        Some(table.without(is_left_out))
    }
}

fn rollbook() -> String {
    "rollbook".to_owned()
}

fn yes() -> bool {
    true
}

fn six_hours() -> Period {
    Period(Duration::from_secs(6 * 60 * 60))
}

/// What must hold of the keys of one database.
pub(super) fn check(publish: &Node) -> Vec<Problem> {
    let zone = publish.at(&["time_zone"]);
    let alone = zone.filter(|_| publish.at(&["schedule"]).is_none());
    let problem = |node: &Node| {
        let message = "`time_zone` is of no use without `schedule`";
        Problem::error(node.location(), message).help("remove it")
    };
    alone.map(problem).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollbook_core::model::row::Kind;

    #[test]
    fn what_is_published_of_a_stream() {
        let columns = [
            ("id", Kind::Integer),
            ("mail", Kind::Text),
            ("born", Kind::Date),
        ];
        let table = Table::plain("users", &columns);
        for (tables, left_out, expected) in [
            (None, &[] as &[&str], Some("id mail born")),
            (Some("north_users"), &["north_users.mail"], Some("id born")),
            (None, &["north_other.mail"], Some("id mail born")),
            (Some("north_other"), &[], None),
        ] {
            let config = PublishConfig {
                tables: tables.map(|name| vec![name.to_owned()]),
                leave_out: left_out.iter().map(|one| (*one).to_owned()).collect(),
                ..PublishConfig::plain(SecretRef::Env("URL".parse().expect("a name")))
            };
            let found = config.table(&table).map(|table| {
                let names = table.columns.iter().map(|column| column.name.as_str());
                names.collect::<Vec<_>>().join(" ")
            });
            assert_eq!(found.as_deref(), expected);
        }
    }
}
