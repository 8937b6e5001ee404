//! What an erasure would erase, in numbers: in the mirror and in each copy of it; only reads.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::find_copies;
use crate::model::Table;
use crate::store::database::reader;
use crate::store::error::StoreError;
use crate::store::person::{
    FoundPeople, Mentions, PersonKey, PersonRecords, find, list_of, mentions, tables_of,
};
use crate::store::queries::Reader;
use crate::store::suppression::ErasureCount;

/// What would be erased.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// In the mirror, by table.
    pub mirror: Vec<ErasureCount>,
    /// The copies of the mirror, all of which are rewritten.
    pub copies: Vec<CopyPreview>,
    /// Rows of others that contain a name or an address in free text; they stay.
    pub mentions: Vec<Mentions>,
    /// Whether any of it has the key of a person; records of unknown people are erased in any case.
    #[serde(skip)]
    is_known: bool,
}

/// What a copy of the mirror holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CopyPreview {
    /// The file.
    pub file: PathBuf,
    /// Rows that would be erased or changed in it; nothing if it cannot be read, so that it would be removed.
    pub rows: Option<u64>,
}

impl Preview {
    /// Whether nothing is known of the people.
    pub fn is_empty(&self) -> bool {
        !self.is_known
    }
}

/// Counts what an erasure of people would erase. `display` gives the columns by which people know a row of a table.
///
/// # Errors
/// When the mirror cannot be read. A copy that cannot be is reported as that.
pub fn preview(
    mirror: &Path,
    folders: &[PathBuf],
    people: &[PersonKey],
    display: impl Fn(&Table) -> Vec<String>,
) -> Result<Preview, StoreError> {
    let own = reader(mirror)?;
    let tables = tables_of(&own, &[])?;
    let list = list_of(&tables, people).map_err(|problem| StoreError::File {
        path: mirror.to_owned(),
        problem,
    })?;
    let found = find(&own, &list, &tables)?;
    let (mirror_counts, mut is_known) = counts(&own, &found, &tables)?;
    let mentions = mentions(&own, &found, &tables, display)?;
    let mut copies = Vec::new();
    for copy in find_copies(mirror, folders)? {
        let mut in_copy = || -> Result<u64, StoreError> {
            let reader = reader(&copy)?;
            let tables = tables_of(&reader, &tables)?;
            let found = find(&reader, &list, &tables)?;
            let (counts, has_key) = counts(&reader, &found, &tables)?;
            is_known |= has_key;
            Ok(counts.iter().map(|one| one.erased + one.cut).sum())
        };
        copies.push(CopyPreview {
            rows: in_copy().ok(),
            file: copy,
        });
    }
    Ok(Preview {
        copies,
        mirror: mirror_counts,
        mentions,
        is_known,
    })
}

/// By place; and whether a row has the key of a person, or refers to it.
fn counts(
    connection: &Reader,
    found: &FoundPeople,
    tables: &[Table],
) -> Result<(Vec<ErasureCount>, bool), StoreError> {
    let mut counts = Vec::new();
    let mut add = |place: &str, erased: usize, cut: usize| {
        if erased + cut > 0 {
            counts.push(ErasureCount {
                place: place.to_owned(),
                erased: erased as u64,
                cut: cut as u64,
            });
        }
    };
    for one in &found.tables {
        let name = one.table.name();
        add(&name, one.live.erased.len(), one.live.cut.len());
        let history = format!("{name}_history");
        add(&history, one.history.erased.len(), one.history.cut.len());
    }
    add("rollbook_matches", found.matches.len(), 0);
    let records = PersonRecords::find(connection, found, tables)
        .map_err(StoreError::sql("find the records of a person"))?;
    for (place, rows) in records.counts() {
        add(place, rows, 0);
    }
    let is_known = !found.tables.is_empty() || !found.matches.is_empty() || records.exact > 0;
    Ok((counts, is_known))
}
