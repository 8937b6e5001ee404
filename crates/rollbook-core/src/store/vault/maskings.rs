//! How the mirror's columns are masked, beside the list of erased people.
//!
//! Erased people are known by what was stored of their keys. The mirror's own record of that (`rollbook_columns`) is lost with
//! the mirror, and one that is built from nothing must not be masked otherwise.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, params};

use super::Vault;
use crate::model::Table;
use crate::store::{StoreError, suppression, tables};

/// The same names as in the mirror, so that one query reads both.
pub(super) const TABLE: &str = "
CREATE TABLE IF NOT EXISTS rollbook_columns (
  source TEXT NOT NULL,
  stream TEXT NOT NULL,
  \"column\" TEXT NOT NULL,
  masking TEXT,
  PRIMARY KEY (source, stream, \"column\")
) STRICT;
";

/// By source and stream: columns with their masking.
type Maskings = BTreeMap<(String, String), BTreeSet<(String, Option<String>)>>;

impl Vault {
    /// Why a table cannot be masked as is wanted, by what the vault knows of erased people.
    ///
    /// # Errors
    /// When the vault cannot be read.
    pub fn refused_masking(&self, table: &Table) -> Result<Option<StoreError>, StoreError> {
        tables::refused_masking(&self.connection(), table)
    }
}

/// Notes how the columns of a mirror's tables are masked now; of tables that it has not, what was noted stays. Nothing while
/// no one was erased.
pub(super) fn note(vault: &Connection, mirror: &Connection) -> Result<(), StoreError> {
    if suppression::key_cells(vault)?.is_empty() {
        return Ok(());
    }
    let what = StoreError::sql("note how columns are masked");
    let known = maskings(vault).map_err(&what)?;
    for (stream, columns) in maskings(mirror).map_err(&what)? {
        if known.get(&stream) != Some(&columns) {
            replace(vault, &stream, &columns).map_err(&what)?;
        }
    }
    Ok(())
}

fn maskings(connection: &Connection) -> rusqlite::Result<Maskings> {
    let mut all =
        connection.prepare("SELECT source, stream, \"column\", masking FROM rollbook_columns")?;
    let mut rows = all.query([])?;
    let mut found = Maskings::new();
    while let Some(row) = rows.next()? {
        let columns = found.entry((row.get(0)?, row.get(1)?)).or_default();
        columns.insert((row.get(2)?, row.get(3)?));
    }
    Ok(found)
}

fn replace(
    vault: &Connection,
    (source, stream): &(String, String),
    columns: &BTreeSet<(String, Option<String>)>,
) -> rusqlite::Result<()> {
    vault.execute(
        "DELETE FROM rollbook_columns WHERE source = ?1 AND stream = ?2",
        [source, stream],
    )?;
    let mut insert = vault.prepare("INSERT INTO rollbook_columns VALUES (?1, ?2, ?3, ?4)")?;
    for (column, masking) in columns {
        insert.execute(params![source, stream, column, masking])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::row::Kind;
    use crate::model::{Masking, named};
    use crate::store::Store;
    use crate::store::lookups::Lookups;
    use crate::store::suppression::{
        Erasure, ErasureState, HashTarget, Suppressed, SuppressedKind,
    };
    use crate::store::tables::fit;
    use crate::store::vault::keys::Keys;

    fn users(masking: Option<Masking>) -> Table {
        let mut table = Table::plain("users", &[("id", Kind::Text), ("name", Kind::Text)]);
        table.columns[0].masking = masking;
        table
    }

    /// What a vault says of a table that is masked so and so, after a person of the mirror was erased.
    #[tokio::test]
    async fn a_key_by_which_erased_people_are_known_stays_masked_without_the_mirror() {
        for noted in [None, Some(Masking::Pseudonym)] {
            let folder = tempfile::tempdir().expect("a folder");
            let vault = Vault::open(folder.path(), Keys::None).expect("a vault");
            let refused = |table: &Table| vault.refused_masking(table).expect("read").is_some();
            let store = Store::open(&folder.path().join("mirror.db")).expect("a mirror");
            let table = users(noted);
            let made = store.write(move |mirror| {
                fit(mirror, std::slice::from_ref(&table), &Lookups::default()).map(drop)
            });
            made.await.expect("made");
            drop(store);
            let mirror = Connection::open(folder.path().join("mirror.db")).expect("the mirror");
            vault.need_suppression_key(&mirror).expect("a key");
            let others = [None, Some(Masking::Pseudonym), Some(Masking::Year)];
            assert!(others.iter().all(|masking| !refused(&users(*masking))));
            let erasure = Erasure {
                id: "00000001".to_owned(),
                at: String::new(),
                by_user: String::new(),
                reason: "request".to_owned(),
                person: Vec::new(),
                state: ErasureState::Done,
                counts: Vec::new(),
            };
            let entry = Suppressed {
                target: HashTarget::key_of(&users(noted)),
                hash: [7; 32],
            };
            vault
                .record_erasure(&erasure, &[(entry, SuppressedKind::Row)])
                .expect("recorded");
            // The mirror is not asked any more.
            drop(mirror);
            for masking in others {
                assert_eq!(
                    refused(&users(masking)),
                    masking != noted,
                    "{noted:?} {masking:?}"
                );
            }
            let mut name = users(noted);
            name.columns[1].masking = Some(Masking::Pseudonym);
            assert!(!refused(&name), "no one is known by it");
            // It follows a rename.
            let (from, to) = (named("north"), named("south"));
            vault.copy_source(&from, &to).expect("renamed");
            vault.delete_source(&from).expect("renamed");
            assert!(!refused(&users(Some(Masking::Year))));
            let copied: i64 = vault
                .connection()
                .query_row(
                    "SELECT count(*) FROM rollbook_columns WHERE source = 'south'",
                    [],
                    |row| row.get(0),
                )
                .expect("counted");
            assert_eq!(copied, 2);
        }
    }
}
