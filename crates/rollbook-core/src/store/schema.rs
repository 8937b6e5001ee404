//! Rollbook's own tables in the mirror, and how an older mirror becomes a newer one.
//!
//! The tables of streams are made from connectors: `tables.rs`.

use std::path::Path;

use rusqlite::Connection;

use super::error::StoreError;
use super::suppression;

/// Each step makes the next schema version; a step that has shipped is never edited.
const STEPS: &[&str] = &[
    "
CREATE TABLE rollbook_runs (
  run INTEGER PRIMARY KEY,
  job TEXT NOT NULL,
  source TEXT NOT NULL,
  cause TEXT NOT NULL,
  started TEXT NOT NULL,
  ended TEXT,
  outcome TEXT,
  class TEXT,
  message TEXT,
  hold TEXT
) STRICT;
CREATE INDEX rollbook_runs_job ON rollbook_runs (job, run);
CREATE TABLE rollbook_run_streams (
  run INTEGER NOT NULL,
  stream TEXT NOT NULL,
  reading TEXT NOT NULL,
  outcome TEXT NOT NULL,
  message TEXT,
  pages INTEGER NOT NULL,
  rows_read INTEGER NOT NULL,
  new INTEGER NOT NULL,
  changed INTEGER NOT NULL,
  removed INTEGER NOT NULL,
  unconfirmed INTEGER NOT NULL,
  unchanged INTEGER NOT NULL,
  rejected INTEGER NOT NULL,
  unlisted TEXT,
  duration_ms INTEGER NOT NULL,
  PRIMARY KEY (run, stream)
) STRICT;
CREATE TABLE rollbook_checkpoints (
  source TEXT NOT NULL,
  stream TEXT NOT NULL,
  item TEXT NOT NULL,
  cursor TEXT,
  walked_from TEXT,
  full_at TEXT,
  reread_at TEXT,
  same TEXT,
  PRIMARY KEY (source, stream, item)
) STRICT;
CREATE TABLE rollbook_rejects (
  run INTEGER NOT NULL,
  source TEXT NOT NULL,
  stream TEXT NOT NULL,
  path TEXT NOT NULL,
  reason TEXT NOT NULL,
  rows INTEGER NOT NULL,
  PRIMARY KEY (run, stream, path, reason)
) STRICT;
CREATE TABLE rollbook_columns (
  source TEXT NOT NULL,
  stream TEXT NOT NULL,
  position INTEGER NOT NULL,
  \"column\" TEXT NOT NULL,
  type TEXT NOT NULL,
  path TEXT NOT NULL,
  meaning TEXT NOT NULL,
  combo TEXT,
  PRIMARY KEY (source, stream, \"column\")
) STRICT;
CREATE TABLE rollbook_unconfirmed (
  source TEXT NOT NULL,
  stream TEXT NOT NULL,
  key BLOB NOT NULL,
  missed INTEGER NOT NULL,
  first_run INTEGER NOT NULL,
  PRIMARY KEY (source, stream, key)
) STRICT;
CREATE TABLE rollbook_tables (
  source TEXT NOT NULL,
  stream TEXT NOT NULL,
  definition TEXT NOT NULL,
  purged TEXT,
  PRIMARY KEY (source, stream)
) STRICT;
CREATE TABLE rollbook_jobs (
  job TEXT PRIMARY KEY,
  last_due TEXT,
  deferred_until TEXT,
  parked TEXT,
  config_fingerprint TEXT,
  failures INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE rollbook_approvals (
  run INTEGER PRIMARY KEY,
  job TEXT NOT NULL,
  hold TEXT NOT NULL,
  approved TEXT NOT NULL
) STRICT;
",
    "
ALTER TABLE rollbook_columns ADD COLUMN combo_by TEXT;
CREATE TABLE rollbook_unlabelled (
  source TEXT NOT NULL,
  stream TEXT NOT NULL,
  \"column\" TEXT NOT NULL,
  list TEXT NOT NULL,
  codes INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  PRIMARY KEY (source, stream, \"column\")
) STRICT;
CREATE TABLE rollbook_crosswalk (
  crosswalk TEXT NOT NULL,
  value TEXT,
  source TEXT NOT NULL,
  list TEXT NOT NULL,
  target TEXT NOT NULL,
  state TEXT NOT NULL,
  id TEXT,
  code TEXT,
  label TEXT
) STRICT;
CREATE UNIQUE INDEX rollbook_crosswalk_value ON rollbook_crosswalk (crosswalk, value);
CREATE TABLE rollbook_unmapped (
  crosswalk TEXT NOT NULL,
  source TEXT NOT NULL,
  stream TEXT NOT NULL,
  \"column\" TEXT NOT NULL,
  codes INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  PRIMARY KEY (crosswalk, source, stream, \"column\")
) STRICT;
",
    "
CREATE TABLE rollbook_matches (
  match_set TEXT NOT NULL,
  left_key TEXT NOT NULL,
  right_key TEXT NOT NULL,
  rule TEXT NOT NULL,
  since TEXT NOT NULL,
  since_run INTEGER,
  PRIMARY KEY (match_set, left_key)
) STRICT;
CREATE UNIQUE INDEX rollbook_matches_right ON rollbook_matches (match_set, right_key);
CREATE TABLE rollbook_match_sets (
  match_set TEXT PRIMARY KEY,
  left_table TEXT NOT NULL,
  right_table TEXT NOT NULL,
  matched INTEGER NOT NULL,
  conflicts INTEGER NOT NULL,
  left_only INTEGER NOT NULL,
  right_only INTEGER NOT NULL
) STRICT;
",
    "
CREATE TABLE rollbook_maintenance (
  task TEXT PRIMARY KEY,
  done TEXT NOT NULL
) STRICT;
CREATE TABLE rollbook_alerts (
  job TEXT NOT NULL,
  kind TEXT NOT NULL,
  reported TEXT NOT NULL,
  PRIMARY KEY (job, kind)
) STRICT;
CREATE TABLE rollbook_outbox (
  id INTEGER PRIMARY KEY,
  channel TEXT NOT NULL,
  kind TEXT NOT NULL,
  job TEXT NOT NULL,
  message TEXT NOT NULL,
  created TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  due TEXT NOT NULL
) STRICT;
",
    // A job that is parked is tried once more: why it is parked was only kept as a message.
    "
ALTER TABLE rollbook_jobs ADD COLUMN park_reason TEXT;
ALTER TABLE rollbook_jobs ADD COLUMN incomplete_runs INTEGER NOT NULL DEFAULT 0;
UPDATE rollbook_jobs SET parked = NULL, config_fingerprint = NULL;
ALTER TABLE rollbook_run_streams ADD COLUMN class TEXT;
ALTER TABLE rollbook_run_streams ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
UPDATE rollbook_run_streams SET outcome = 'not_served' WHERE outcome = 'left_out';
UPDATE rollbook_runs SET cause = CASE cause WHEN 'tick' THEN 'schedule' WHEN 'catch-up' THEN 'catch_up' \
  WHEN 'demo' THEN 'command' ELSE cause END;
CREATE TABLE rollbook_row_problems (
  source TEXT NOT NULL,
  stream TEXT NOT NULL,
  key BLOB NOT NULL,
  \"column\" TEXT NOT NULL,
  reason TEXT NOT NULL,
  rejected INTEGER NOT NULL,
  run INTEGER NOT NULL,
  PRIMARY KEY (source, stream, key, \"column\")
) STRICT;
",
    "
ALTER TABLE rollbook_unconfirmed ADD COLUMN version INTEGER;
ALTER TABLE rollbook_run_streams ADD COLUMN completeness TEXT;
ALTER TABLE rollbook_checkpoints ADD COLUMN duplicates INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollbook_checkpoints ADD COLUMN largest_page INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollbook_checkpoints ADD COLUMN total_off INTEGER;
ALTER TABLE rollbook_checkpoints ADD COLUMN total_off_since TEXT;
ALTER TABLE rollbook_checkpoints ADD COLUMN account INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollbook_checkpoints ADD COLUMN items INTEGER NOT NULL DEFAULT 0;
CREATE TABLE rollbook_accounts (
  source TEXT PRIMARY KEY,
  generation INTEGER NOT NULL,
  address TEXT NOT NULL,
  name TEXT,
  keys TEXT NOT NULL
) STRICT;
",
    "
ALTER TABLE rollbook_checkpoints ADD COLUMN walked_to TEXT;
ALTER TABLE rollbook_checkpoints ADD COLUMN step_seconds INTEGER;
ALTER TABLE rollbook_checkpoints ADD COLUMN rows INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollbook_checkpoints ADD COLUMN count_gap INTEGER;
ALTER TABLE rollbook_checkpoints ADD COLUMN recounted_at TEXT;
CREATE TABLE rollbook_adaptations (
  source TEXT NOT NULL,
  stream TEXT NOT NULL,
  account TEXT NOT NULL,
  path TEXT,
  without TEXT NOT NULL,
  page_size INTEGER,
  found TEXT,
  refused TEXT,
  refusal TEXT,
  PRIMARY KEY (source, stream)
) STRICT;
ALTER TABLE rollbook_jobs ADD COLUMN refused_runs INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollbook_jobs ADD COLUMN has_worked INTEGER NOT NULL DEFAULT 0;
UPDATE rollbook_jobs SET has_worked = 1 WHERE job IN \
  (SELECT job FROM rollbook_runs WHERE outcome IN ('ok', 'ok_with_rejects', 'incomplete'));
",
    "
ALTER TABLE rollbook_columns ADD COLUMN refers_to TEXT;
CREATE TABLE rollbook_held (
  run INTEGER NOT NULL,
  source TEXT NOT NULL,
  stream TEXT NOT NULL,
  new INTEGER NOT NULL,
  changed INTEGER NOT NULL,
  removed INTEGER NOT NULL,
  PRIMARY KEY (run, stream)
) STRICT, WITHOUT ROWID;
CREATE TABLE rollbook_held_rows (
  run INTEGER NOT NULL,
  stream TEXT NOT NULL,
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  PRIMARY KEY (run, stream, kind, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE rollbook_copy (
  path TEXT PRIMARY KEY,
  made TEXT,
  run INTEGER,
  definition TEXT,
  failures INTEGER NOT NULL,
  failed TEXT,
  message TEXT
) STRICT;
",
    "
CREATE TABLE rollbook_audit (
  id INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  uid INTEGER NOT NULL,
  user TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  hash TEXT
) STRICT;
ALTER TABLE rollbook_tables ADD COLUMN unconfigured_since TEXT;
CREATE TABLE rollbook_pauses (
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  since TEXT NOT NULL,
  until TEXT,
  time_zone TEXT NOT NULL,
  PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
ALTER TABLE rollbook_runs ADD COLUMN stream TEXT;
ALTER TABLE rollbook_columns ADD COLUMN masking TEXT;
",
    "
ALTER TABLE rollbook_tables ADD COLUMN person TEXT;
ALTER TABLE rollbook_run_streams ADD COLUMN suppressed INTEGER NOT NULL DEFAULT 0;
",
    suppression::TABLES,
    "
CREATE TABLE rollbook_lists (
  number INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  list TEXT NOT NULL,
  UNIQUE (source, list)
) STRICT;
CREATE TABLE rollbook_labels (
  list INTEGER NOT NULL,
  id INTEGER NOT NULL,
  code TEXT,
  label TEXT,
  PRIMARY KEY (list, id)
) STRICT, WITHOUT ROWID;
",
    "
ALTER TABLE rollbook_held ADD COLUMN rule TEXT;
ALTER TABLE rollbook_held ADD COLUMN live INTEGER;
",
    "
CREATE TABLE rollbook_bundles (
  name TEXT PRIMARY KEY,
  made TEXT,
  run INTEGER,
  tried INTEGER,
  definition TEXT,
  rows INTEGER NOT NULL,
  left_out INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  failed TEXT,
  is_held INTEGER NOT NULL,
  message TEXT
) STRICT;
CREATE TABLE rollbook_bundle_rows (
  bundle TEXT NOT NULL,
  file TEXT NOT NULL,
  key INTEGER NOT NULL,
  hash INTEGER NOT NULL,
  row TEXT,
  PRIMARY KEY (bundle, file, key)
) STRICT, WITHOUT ROWID;
",
    "
ALTER TABLE rollbook_bundles ADD COLUMN asked TEXT;
ALTER TABLE rollbook_bundles ADD COLUMN repeated TEXT;
CREATE TABLE rollbook_hooks (
  hook TEXT NOT NULL,
  subject TEXT NOT NULL,
  position INTEGER NOT NULL,
  told TEXT,
  attempts INTEGER NOT NULL,
  due TEXT,
  failed TEXT,
  message TEXT,
  PRIMARY KEY (hook, subject)
) STRICT, WITHOUT ROWID;
",
    "
CREATE TABLE rollbook_series_runs (
  source TEXT NOT NULL,
  stream TEXT NOT NULL,
  run INTEGER NOT NULL,
  since TEXT NOT NULL,
  PRIMARY KEY (source, stream, run)
) STRICT, WITHOUT ROWID;
",
    "
CREATE TABLE rollbook_served_rows (
  bundle TEXT NOT NULL,
  file TEXT NOT NULL,
  key INTEGER NOT NULL,
  changed TEXT NOT NULL,
  removed INTEGER NOT NULL,
  id TEXT NOT NULL,
  row TEXT,
  PRIMARY KEY (bundle, file, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX rollbook_served_removed ON rollbook_served_rows (bundle, changed) WHERE removed;
",
    "
ALTER TABLE rollbook_adaptations ADD COLUMN items INTEGER;
",
    "
ALTER TABLE rollbook_checkpoints ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollbook_series_runs ADD COLUMN oldest TEXT;
ALTER TABLE rollbook_series_runs ADD COLUMN newest TEXT;
CREATE INDEX rollbook_runs_source ON rollbook_runs (source, run);
CREATE TABLE rollbook_published (
  publish TEXT NOT NULL,
  source TEXT NOT NULL,
  place TEXT NOT NULL DEFAULT '',
  claim TEXT NOT NULL,
  next_claim TEXT,
  former TEXT NOT NULL DEFAULT '',
  revision INTEGER NOT NULL,
  run INTEGER NOT NULL,
  next_revision INTEGER,
  next_run INTEGER,
  seen INTEGER NOT NULL,
  rebuild INTEGER NOT NULL,
  removal INTEGER NOT NULL,
  removed TEXT,
  checked TEXT,
  published TEXT,
  attempts INTEGER NOT NULL,
  due TEXT,
  failed TEXT,
  message TEXT,
  claimed_by TEXT,
  PRIMARY KEY (publish, source)
) STRICT, WITHOUT ROWID;
CREATE TABLE rollbook_published_streams (
  publish TEXT NOT NULL,
  source TEXT NOT NULL,
  stream TEXT NOT NULL,
  definition TEXT NOT NULL,
  compare TEXT,
  erasures INTEGER NOT NULL DEFAULT 0,
  erased INTEGER NOT NULL,
  purged TEXT,
  PRIMARY KEY (publish, source, stream)
) STRICT, WITHOUT ROWID;
",
    "
CREATE TABLE rollbook_known_pages (
  source TEXT NOT NULL,
  stream TEXT NOT NULL,
  hash BLOB NOT NULL,
  decoded TEXT NOT NULL,
  metadata TEXT NOT NULL,
  first INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  digest INTEGER NOT NULL,
  \"values\" TEXT NOT NULL,
  PRIMARY KEY (source, stream, hash)
) STRICT, WITHOUT ROWID;
",
    "ALTER TABLE rollbook_known_pages ADD COLUMN blocks BLOB NOT NULL DEFAULT x'';",
];

/// A mirror that a newer program wrote is left exactly as it is.
pub fn refuse_newer(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let version = version(connection)?;
    if version <= STEPS.len() {
        return Ok(());
    }
    Err(StoreError::File {
        path: path.to_owned(),
        problem: format!(
            "the mirror was written by a newer rollbook (schema {version}, this one knows {}); install that version",
            STEPS.len()
        ),
    })
}

/// The version of a mirror that `upgrade` would change; nothing for one that is new or as it should be.
pub fn outdated(connection: &Connection) -> Result<Option<usize>, StoreError> {
    let version = version(connection)?;
    Ok((1..STEPS.len()).contains(&version).then_some(version))
}

/// For readers: a mirror that was not upgraded yet lacks what they query.
pub fn refuse_outdated(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    match outdated(connection)? {
        None => Ok(()),
        Some(version) => Err(StoreError::File {
            path: path.to_owned(),
            problem: format!(
                "the mirror was written by an older rollbook (schema {version}, this one knows {}); the service \
                 upgrades it when it starts, and so does `rollbook sync`",
                STEPS.len()
            ),
        }),
    }
}

/// Brings a mirror to this program's version.
pub fn upgrade(connection: &mut Connection) -> Result<(), StoreError> {
    let what = StoreError::sql("upgrade the mirror");
    for (number, step) in STEPS.iter().enumerate().skip(version(connection)?) {
        let transaction = connection.transaction().map_err(&what)?;
        transaction.execute_batch(step).map_err(&what)?;
        transaction
            .pragma_update(None, "user_version", number + 1)
            .map_err(&what)?;
        transaction.commit().map_err(&what)?;
    }
    Ok(())
}

/// The names of Rollbook's own tables, as `upgrade` makes them.
pub fn own_tables() -> Result<Vec<String>, StoreError> {
    let what = StoreError::sql("list Rollbook's own tables");
    let mut connection = Connection::open_in_memory().map_err(&what)?;
    upgrade(&mut connection)?;
    let mut statement = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        .map_err(&what)?;
    statement
        .query_map([], |row| row.get(0))
        .and_then(Iterator::collect)
        .map_err(&what)
}

/// Makes our own tables as they were at a version, for tests of older mirrors.
#[cfg(test)]
pub fn make_version(connection: &Connection, version: usize) -> rusqlite::Result<()> {
    for step in &STEPS[..version] {
        connection.execute_batch(step)?;
    }
    connection.pragma_update(None, "user_version", version)
}

/// Which version a mirror has; 0 when there is nothing in it.
pub fn version(connection: &Connection) -> Result<usize, StoreError> {
    connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(StoreError::sql("read the mirror's version"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DuckDB takes a column of type `ANY` for text and refuses numbers in it.
    #[test]
    fn every_column_has_one_type() {
        let mut connection = Connection::open_in_memory().expect("opened");
        upgrade(&mut connection).expect("made");
        let sql = "SELECT t.name || '.' || c.name || ' ' || c.type FROM sqlite_schema AS t, pragma_table_info(t.name) AS c \
             WHERE t.type = 'table' AND c.type NOT IN ('TEXT', 'INTEGER', 'REAL', 'BLOB')";
        let mut statement = connection.prepare(sql).expect("prepared");
        let rows = statement.query_map([], |row| row.get(0)).expect("asked");
        let found: Vec<String> = rows.collect::<rusqlite::Result<_>>().expect("read");
        assert_eq!(found, [""; 0]);
    }
}
