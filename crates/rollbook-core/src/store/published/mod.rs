//! What is known of published databases: how far each source is in each, and which tables must be compared.
//!
//! A database has a row for each source with a claim, a random text that names this mirror, and a revision, a random number that
//! every transaction that changes tables replaces. Both are known here too; where they differ, the database or the mirror was
//! restored, and everything is compared (decision 0065).

mod notes;
mod requests;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::error::StoreError;
use crate::model::{PublishName, SourceName, StreamName, scalar};

pub(super) use self::notes::{keep_claims, note_dropped, note_purge, note_purged_runs};
pub use self::notes::{note_changed_rows, note_erasure, note_rename};
pub use self::requests::{
    erasures, forget, note_removed, note_taken, request_rebuild, request_removal, withdraw_removal,
};
pub use self::rows::{ChunkReader, PublishedChange, changed_chunks, chunks_as_of, oldest};

/// How far a source is in a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishedSource {
    /// A number of the address and the schema where that is.
    pub place: String,
    /// What names this mirror in the database.
    pub claim: String,
    /// The claim that may have taken its place: what was sent, and not yet known to be there.
    pub next_claim: Option<String>,
    /// Claims before it, the last one at the end, also those of which it was never known whether they were there: a restored
    /// database has one of them, and so has one in which a transaction took effect late.
    pub former: Vec<String>,
    /// That of the last transaction that is known to be there.
    pub revision: i64,
    /// The tables hold what the mirror held after this run.
    pub run: i64,
    /// That of the transaction after it, which may be there.
    pub next_revision: Option<i64>,
    /// And its run.
    pub next_run: Option<i64>,
    /// No run after `run` and up to this one changed anything, so that they are not looked at again.
    pub seen: i64,
    /// Whether a person wants everything compared, also if another mirror published the source.
    pub rebuild: bool,
    /// Whether everything of the source is to be removed from the database.
    pub removal: bool,
    /// When that was done. It is looked for from then on: a restored database has it again.
    pub removed: Option<Timestamp>,
    /// When the database was asked last whether it has this revision.
    pub checked: Option<Timestamp>,
    /// When something was published last.
    pub published: Option<Timestamp>,
    /// Attempts in a row that failed.
    pub attempts: u32,
    /// When to try again.
    pub due: Option<Timestamp>,
    /// When the first of them failed.
    pub failed: Option<Timestamp>,
    /// Why the last one failed.
    pub message: Option<String>,
    /// The machine of the mirror that publishes the source instead of this one.
    pub claimed_by: Option<String>,
}

impl PublishedSource {
    /// Whether the source is to be removed, and may be there.
    pub fn leaves(&self) -> bool {
        self.removal && self.removed.is_none()
    }
}

/// How far a stream's tables are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishedStream {
    /// What the tables were made from.
    pub definition: String,
    /// From where on their rows are still to be compared: JSON; nothing where they are known to be the same.
    pub compare: Option<String>,
    /// How many erasures the mirror has seen since the stream is published; only the mirror counts them.
    pub erasures: i64,
    /// How many of them the tables have followed.
    pub erased: i64,
    /// The purge of old rows in the mirror that the tables have followed.
    pub purged: Option<String>,
}

impl PublishedStream {
    /// The same, but its tables are to be laid out and compared as a whole, whatever happens next.
    pub fn opened(self) -> Self {
        Self {
            definition: String::new(),
            ..self.uncompared()
        }
    }

    /// The same, but its tables are to be compared as a whole.
    pub fn uncompared(self) -> Self {
        Self {
            compare: Some(String::new()),
            ..self
        }
    }
}

/// The table of what is known of streams.
pub const PUBLISHED_STREAMS: &str = "rollbook_published_streams";

/// The revision of a mirror that was restored: none that a database has.
pub const UNKNOWN_REVISION: i64 = -1;

/// Everything of one database, by source.
pub type PublishedSources = BTreeMap<SourceName, PublishedSource>;

const SOURCE_COLUMNS: &str = "claim, next_claim, revision, run, next_revision, next_run, rebuild, checked, \
                              published, attempts, due, failed, message, removal, claimed_by, seen, former, removed, place";

/// Former claims that are remembered.
const FORMER: usize = 100;

/// How far the sources are in a database.
///
/// # Errors
/// When the mirror cannot be read.
pub fn sources(
    connection: &Connection,
    publish: &PublishName,
) -> Result<PublishedSources, StoreError> {
    let sql = format!("SELECT {SOURCE_COLUMNS}, source FROM rollbook_published WHERE publish = ?1");
    let found = connection.prepare_cached(&sql).and_then(|mut statement| {
        let rows = statement.query_map([publish], |row| Ok((row.get(19)?, source_of(row)?)))?;
        rows.collect()
    });
    found.map_err(StoreError::sql("read what is published"))
}

/// How far all sources are in all databases.
///
/// # Errors
/// When the mirror cannot be read.
pub fn all_sources(
    connection: &Connection,
) -> Result<Vec<(PublishName, SourceName, PublishedSource)>, StoreError> {
    let sql =
        format!("SELECT {SOURCE_COLUMNS}, publish, source FROM rollbook_published ORDER BY 20, 21");
    let found = connection.prepare_cached(&sql).and_then(|mut statement| {
        let rows =
            statement.query_map([], |row| Ok((row.get(19)?, row.get(20)?, source_of(row)?)))?;
        rows.collect()
    });
    found.map_err(StoreError::sql("read what is published"))
}

/// How far one source is.
///
/// # Errors
/// When the mirror cannot be read.
pub fn source(
    connection: &Connection,
    publish: &PublishName,
    source: &SourceName,
) -> Result<Option<PublishedSource>, StoreError> {
    let sql = format!(
        "SELECT {SOURCE_COLUMNS} FROM rollbook_published WHERE publish = ?1 AND source = ?2"
    );
    let found = connection.prepare_cached(&sql).and_then(|mut statement| {
        let found = statement.query_row(params![publish, source], source_of);
        found.optional()
    });
    found.map_err(StoreError::sql("read what is published"))
}

fn source_of(row: &Row<'_>) -> rusqlite::Result<PublishedSource> {
    let time = |text: Option<String>| text.as_deref().and_then(scalar::parse);
    Ok(PublishedSource {
        claim: row.get(0)?,
        next_claim: row.get(1)?,
        revision: row.get(2)?,
        run: row.get(3)?,
        next_revision: row.get(4)?,
        next_run: row.get(5)?,
        rebuild: row.get(6)?,
        checked: time(row.get(7)?),
        published: time(row.get(8)?),
        attempts: row.get(9)?,
        due: time(row.get(10)?),
        failed: time(row.get(11)?),
        message: row.get(12)?,
        removal: row.get(13)?,
        claimed_by: row.get(14)?,
        seen: row.get(15)?,
        former: {
            let claims: String = row.get(16)?;
            claims.split_whitespace().map(str::to_owned).collect()
        },
        removed: time(row.get(17)?),
        place: row.get(18)?,
    })
}

/// Records how far a source is, but not what a person requests of it, which may have been requested meanwhile.
///
/// # Errors
/// When the mirror cannot be written.
pub fn save_source(
    connection: &Connection,
    publish: &PublishName,
    source: &SourceName,
    state: &PublishedSource,
) -> Result<(), StoreError> {
    let time = |time: Option<Timestamp>| time.map(scalar::to_canonical);
    let sql = format!(
        "INSERT INTO rollbook_published (publish, source, {SOURCE_COLUMNS}) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, NULL, ?20) \
         ON CONFLICT DO UPDATE SET claim = ?3, next_claim = ?4, revision = ?5, run = ?6, next_revision = ?7, next_run = ?8, \
         checked = ?10, published = ?11, attempts = ?12, due = ?13, failed = ?14, message = ?15, claimed_by = ?17, seen = ?18, \
         former = ?19, place = ?20"
    );
    let saved = connection.prepare_cached(&sql).and_then(|mut statement| {
        statement.execute(params![
            publish,
            source,
            state.claim,
            state.next_claim,
            state.revision,
            state.run,
            state.next_revision,
            state.next_run,
            state.rebuild,
            time(state.checked),
            time(state.published),
            state.attempts,
            time(state.due),
            time(state.failed),
            state.message,
            state.removal,
            state.claimed_by,
            state.seen,
            state.former[state.former.len().saturating_sub(FORMER)..].join(" "),
            state.place,
        ])
    });
    saved
        .map(drop)
        .map_err(StoreError::sql("record what is published"))
}

/// How far a source's streams are.
///
/// # Errors
/// When the mirror cannot be read.
pub fn streams(
    connection: &Connection,
    publish: &PublishName,
    source: &SourceName,
) -> Result<BTreeMap<StreamName, PublishedStream>, StoreError> {
    let sql = "SELECT stream, definition, compare, erasures, erased, purged FROM rollbook_published_streams \
               WHERE publish = ?1 AND source = ?2";
    let found = connection.prepare_cached(sql).and_then(|mut statement| {
        let rows = statement.query_map(params![publish, source], |row| {
            let stream = PublishedStream {
                definition: row.get(1)?,
                compare: row.get(2)?,
                erasures: row.get(3)?,
                erased: row.get(4)?,
                purged: row.get(5)?,
            };
            Ok((row.get(0)?, stream))
        })?;
        rows.collect()
    });
    found.map_err(StoreError::sql("read what is published"))
}

/// Records how far a stream is.
///
/// # Errors
/// When the mirror cannot be written.
pub fn save_stream(
    connection: &Connection,
    publish: &PublishName,
    (source, stream): (&SourceName, &StreamName),
    state: &PublishedStream,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO rollbook_published_streams (publish, source, stream, definition, compare, erased, erasures, purged) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7) ON CONFLICT DO UPDATE SET definition = excluded.definition, \
               compare = excluded.compare, erased = excluded.erased, purged = excluded.purged";
    let saved = connection.prepare_cached(sql).and_then(|mut statement| {
        statement.execute(params![
            publish,
            source,
            stream,
            state.definition,
            state.compare,
            state.erased,
            state.purged
        ])
    });
    saved
        .map(drop)
        .map_err(StoreError::sql("record what is published"))
}

/// Forgets a stream that is published no longer, if so many erasures are followed. Returns whether none came after them.
///
/// # Errors
/// When the mirror cannot be written.
pub fn forget_stream(
    connection: &Connection,
    publish: &PublishName,
    (source, stream): (&SourceName, &StreamName),
    erasures: i64,
) -> Result<bool, StoreError> {
    let what = StoreError::sql("forget what is published no longer");
    let sql = "DELETE FROM rollbook_published_streams WHERE publish = ?1 AND source = ?2 AND stream = ?3 AND erasures = ?4";
    let gone = connection.execute(sql, params![publish, source, stream, erasures]);
    gone.map_err(what)?;
    Ok(!streams(connection, publish, source)?.contains_key(stream))
}

/// The tables that may hold rows of erased people: publish, source and stream.
///
/// # Errors
/// When the mirror cannot be read.
pub fn not_erased(
    connection: &Connection,
) -> Result<Vec<(PublishName, SourceName, StreamName)>, StoreError> {
    let sql = "SELECT publish, source, stream FROM rollbook_published_streams WHERE erasures > erased ORDER BY 1, 2, 3";
    let found = connection.prepare_cached(sql).and_then(|mut statement| {
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        rows.collect()
    });
    found.map_err(StoreError::sql("read what is to be erased elsewhere"))
}

/// The last run of a source up to which everything is in the mirror: a later one may end before an earlier one. `after` is
/// known to be such a run.
///
/// # Errors
/// When the mirror cannot be read.
pub fn complete_through(
    connection: &Connection,
    source: &SourceName,
    after: i64,
) -> Result<i64, StoreError> {
    let sql = "SELECT coalesce(min(run) FILTER (WHERE ended IS NULL) - 1, max(run), ?2) \
               FROM rollbook_runs WHERE source = ?1 AND run > ?2";
    let found = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row(params![source, after], |row| row.get(0)));
    found.map_err(StoreError::sql("read the run records"))
}

/// What is not published yet of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Runs that changed something.
    pub runs: u64,
    /// When the first of them ended.
    pub since: Option<Timestamp>,
}

/// Runs after a position that changed something.
///
/// # Errors
/// When the mirror cannot be read.
pub fn lag(connection: &Connection, source: &SourceName, after: i64) -> Result<Lag, StoreError> {
    let sql = "SELECT count(*), min(ended) FROM rollbook_runs AS one \
               WHERE source = ?1 AND run > ?2 AND ended IS NOT NULL AND (\
                 EXISTS (SELECT 1 FROM rollbook_run_streams AS part WHERE part.run = one.run \
                         AND part.new + part.changed + part.removed > 0) \
                 OR EXISTS (SELECT 1 FROM rollbook_series_runs AS part WHERE part.source = one.source \
                            AND part.run = one.run))";
    let found = connection.prepare_cached(sql).and_then(|mut statement| {
        statement.query_row(params![source, after], |row| {
            let since: Option<String> = row.get(1)?;
            Ok(Lag {
                runs: row.get(0)?,
                since: since.as_deref().and_then(scalar::parse),
            })
        })
    });
    found.map_err(StoreError::sql("read the run records"))
}

/// When old rows of a stream were purged last.
///
/// # Errors
/// When the mirror cannot be read.
pub fn purged(
    connection: &Connection,
    source: &SourceName,
    stream: &StreamName,
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT purged FROM rollbook_tables WHERE source = ?1 AND stream = ?2";
    let found = connection
        .prepare_cached(sql)
        .and_then(|mut statement| {
            let found = statement.query_row(params![source, stream], |row| row.get(0));
            found.optional()
        })
        .map_err(StoreError::sql("read when old rows were purged"))?;
    Ok(found.flatten())
}

/// The streams of a source that runs in a range changed.
///
/// # Errors
/// When the mirror cannot be read.
pub fn changed_streams(
    connection: &Connection,
    source: &SourceName,
    (after, through): (i64, i64),
) -> Result<BTreeSet<StreamName>, StoreError> {
    let sql = "SELECT part.stream FROM rollbook_run_streams AS part JOIN rollbook_runs AS one USING (run) \
               WHERE one.source = ?1 AND run > ?2 AND run <= ?3 AND part.new + part.changed + part.removed > 0 \
               UNION SELECT stream FROM rollbook_series_runs WHERE source = ?1 AND run > ?2 AND run <= ?3";
    let found = connection.prepare_cached(sql).and_then(|mut statement| {
        let rows = statement.query_map(params![source, after, through], |row| row.get(0))?;
        rows.collect()
    });
    found.map_err(StoreError::sql("read the run records"))
}

/// Whether runs in a range removed rows of a stream.
///
/// # Errors
/// When the mirror cannot be read.
pub fn has_removed(
    connection: &Connection,
    (source, stream): (&SourceName, &StreamName),
    (after, through): (i64, i64),
) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM rollbook_run_streams AS part JOIN rollbook_runs AS one USING (run) \
               WHERE one.source = ?1 AND part.stream = ?2 AND run > ?3 AND run <= ?4 AND part.removed > 0)";
    let found = connection.prepare_cached(sql).and_then(|mut statement| {
        statement.query_row(params![source, stream, after, through], |row| row.get(0))
    });
    found.map_err(StoreError::sql("read the run records"))
}
