//! The part of the register about databases of `[publish.NAME]`: where they are, what they get, and who reads it.

use rollbook_app::app::database_host;
use rollbook_core::model::PublishName;
use rollbook_engine::setup::Setup;
use rollbook_engine::setup::files::{PublishConfig, Secrets};

/// A sentence or some for each database. Of its address only the host is named.
pub(super) fn databases(setup: &Setup, secrets: &Secrets) -> Vec<String> {
    let databases = setup.config.publish.iter();
    let text = databases.map(|(name, config)| {
        let host = database_host(config, secrets);
        sentences(setup, name, config, host.as_deref())
    });
    text.collect()
}

fn sentences(
    setup: &Setup,
    name: &PublishName,
    config: &PublishConfig,
    host: Option<&str>,
) -> String {
    let host = host.unwrap_or("a host whose name is in a secret that cannot be read here");
    let tables = setup.tables();
    let published = tables.iter().filter(|table| config.table(table).is_some());
    let published: Vec<String> = published.map(|table| table.name()).collect();
    let streams = match &config.tables {
        None => format!("all {} streams that jobs read", published.len()),
        Some(_) => format!("the streams {}", published.join(", ")),
    };
    let history = match config.history {
        true => "with old versions",
        false => "without old versions",
    };
    let left_out = match config.leave_out.as_slice() {
        [] => "no column is left out".to_owned(),
        columns => format!("these columns are left out: {}", columns.join(", ")),
    };
    let reader = match &config.reader {
        Some(role) => format!("the role {role} may read them"),
        None => "who may read them is left to the database".to_owned(),
    };
    format!(
        "The PostgreSQL database {name} (schema {} on {host}) gets {streams}, {history}; {left_out}; {reader}. Erasures, \
         suppression and retention are followed there; its write-ahead log, replicas and base backups are its operator's.",
        config.schema
    )
}
