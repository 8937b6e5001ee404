//! What a reading did not see: rows that are missing, rows that a deletion feed names, and how many
//! each group loses.

use std::collections::{BTreeMap, HashSet};

use rusqlite::params;

use super::keys::key_bytes;
use super::{Absence, Ending, Feed, Staging};
use crate::model::plan::GroupLoss;
use crate::model::row::Cells;
use crate::store::sql_cells::{SqlCell, read_cells};
use crate::store::table::quote;

/// By key: how many readings in a row missed the row, and the first run that did.
pub(super) type Unconfirmed = BTreeMap<Vec<u8>, (u32, i64)>;

impl Staging {
    pub(super) fn find_missing(
        &mut self,
        ending: &Ending<'_>,
        unconfirmed: &Unconfirmed,
    ) -> rusqlite::Result<()> {
        let (confirm, group) = (ending.confirm, ending.group);
        self.plan.full = ending.absence != Absence::Nothing;
        let items = match &ending.absence {
            Absence::Nothing => return Ok(()),
            Absence::All if self.plan.known == self.live => return Ok(()),
            Absence::All => None,
            Absence::Of(items) => Some(items.iter().collect::<HashSet<_>>()),
        };
        let (key, partition) = (&self.table.key, &self.table.partition);
        let mut columns = key.clone();
        columns.extend(partition);
        columns.extend(group);
        let sql = format!(
            "SELECT rowid, {} FROM {}",
            self.table.names_of(&columns),
            self.table.quoted()
        );
        let mut statement = self.mirror.prepare(&sql)?;
        let mut insert = self
            .stage
            .database()?
            .prepare("INSERT OR IGNORE INTO missing VALUES (?1, ?2, ?3, ?4, ?5, NULL)")?;
        let mut rows = statement.query([])?;
        let mut bytes = Vec::new();
        while let Some(row) = rows.next()? {
            if self.seen.contains(row.get(0)?) {
                continue;
            }
            bytes.clear();
            read_cells(row, 1, columns.len(), &mut bytes)?;
            let cells = Cells::of(&bytes);
            let indexes: Vec<usize> = (key.len()..key.len() + partition.len()).collect();
            let item: Vec<String> = indexes
                .iter()
                .map(|index| cells.at(*index).plain().unwrap_or_default())
                .collect();
            let key_bytes = key_bytes(cells, key.len());
            if items.as_ref().is_some_and(|items| !items.contains(&item)) {
                // Its item was not read: an unconfirmed row stays unconfirmed.
                if let Some((missed, first_run)) = unconfirmed.get(&key_bytes) {
                    insert.execute(params![key_bytes, missed, first_run, false, false])?;
                }
                continue;
            }
            let (missed, first_run) = unconfirmed
                .get(&key_bytes)
                .map_or((1, None), |(missed, run)| (missed + 1, Some(*run)));
            let removed = missed >= confirm;
            self.plan.missing(&key_bytes, removed);
            if let Some(index) = group.map(|_| columns.len() - 1) {
                self.plan.lose(cells.at(index).plain());
            }
            insert.execute(params![key_bytes, missed, first_run, removed, true])?;
        }
        Ok(())
    }

    /// Rows that another stream lists as deleted and that this reading did not see.
    pub(super) fn find_deleted(
        &mut self,
        feed: &Feed,
        group: Option<usize>,
    ) -> rusqlite::Result<()> {
        let conditions: Vec<String> = feed
            .rows
            .keys()
            .enumerate()
            .map(|(number, column)| format!("{} = ?{}", quote(column), number + 1))
            .collect();
        let listed = format!(
            "{} IN (SELECT {} FROM {} WHERE {})",
            self.table.names_of(&self.table.key),
            quote(&feed.key),
            quote(&feed.table),
            if conditions.is_empty() {
                "true".to_owned()
            } else {
                conditions.join(" AND ")
            },
        );
        self.remove_unseen(&listed, feed.rows.values(), group)
    }

    /// Rows that are kept no longer and that this reading did not see.
    pub(super) fn find_expired(&mut self, group: Option<usize>) -> rusqlite::Result<()> {
        let Some(expiry) = self.expiry.clone() else {
            return Ok(());
        };
        let is_over = format!("{} < ?1", self.table.names_of(&[expiry.column]));
        self.remove_unseen(&is_over, [&expiry.before], group)
    }

    /// Removes the rows of the table that fulfil a condition and that this reading did not see.
    fn remove_unseen<'a>(
        &mut self,
        condition: &str,
        parameters: impl IntoIterator<Item = &'a String>,
        group: Option<usize>,
    ) -> rusqlite::Result<()> {
        let key = &self.table.key;
        let mut columns = key.clone();
        columns.extend(group);
        let sql = format!(
            "SELECT rowid, {} FROM {} WHERE {condition}",
            self.table.names_of(&columns),
            self.table.quoted(),
        );
        let mut statement = self.mirror.prepare(&sql)?;
        let stage = self.stage.database()?;
        let mut insert = stage.prepare(
            "INSERT INTO missing VALUES (?1, 1, NULL, 1, 1, NULL) ON CONFLICT (key) DO UPDATE SET removed = 1 WHERE removed = 0",
        )?;
        let mut rows = statement.query(rusqlite::params_from_iter(parameters))?;
        let mut bytes = Vec::new();
        while let Some(row) = rows.next()? {
            if self.seen.contains(row.get(0)?) {
                continue;
            }
            bytes.clear();
            read_cells(row, 1, columns.len(), &mut bytes)?;
            let cells = Cells::of(&bytes);
            let key_bytes = key_bytes(cells, key.len());
            let known: Option<bool> = stage
                .prepare_cached("SELECT removed FROM missing WHERE key = ?1")?
                .query_map([&key_bytes], |row| row.get(0))?
                .next()
                .transpose()?;
            match known {
                Some(true) => continue,
                Some(false) => self.plan.confirm_missing(),
                None => {
                    self.plan.missing(&key_bytes, true);
                    if group.is_some() {
                        self.plan.lose(cells.at(columns.len() - 1).plain());
                    }
                }
            }
            insert.execute([&key_bytes])?;
        }
        Ok(())
    }

    /// The removals of this stream that are not confirmed yet.
    pub(super) fn unconfirmed(&self) -> rusqlite::Result<Unconfirmed> {
        let mut statement = self.mirror.prepare_cached(
            "SELECT key, missed, first_run FROM rollbook_unconfirmed WHERE source = ?1 AND stream = ?2 AND version IS NULL",
        )?;
        statement
            .query_map(params![self.table.source, self.table.stream], |row| {
                Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))
            })?
            .collect()
    }

    /// Those of them that this reading received: their count starts again, independent of what else the reading found.
    pub(super) fn found_again(&self, unconfirmed: &Unconfirmed) -> rusqlite::Result<Vec<Vec<u8>>> {
        if unconfirmed.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT rowid FROM {} WHERE {}",
            self.table.quoted(),
            self.table.key_is(1)
        );
        let mut find = self.mirror.prepare_cached(&sql)?;
        let mut found = Vec::new();
        for key in unconfirmed.keys() {
            for (number, cell) in Cells::of(key).enumerate() {
                find.raw_bind_parameter(number + 1, SqlCell(cell))?;
            }
            let mut rows = find.raw_query();
            if let Some(row) = rows.next()?
                && self.seen.contains(row.get(0)?)
            {
                found.push(key.clone());
            }
        }
        Ok(found)
    }

    pub(super) fn count_groups(&mut self, group: usize) -> rusqlite::Result<()> {
        let name = self.table.names_of(&[group]);
        let mut statement = self.mirror.prepare(&format!(
            "SELECT {name}, count(*) FROM {} GROUP BY {name}",
            self.table.quoted()
        ))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let mut bytes = Vec::new();
            read_cells(row, 0, 1, &mut bytes)?;
            let value = Cells::of(&bytes).at(0).plain();
            let live: u64 = row.get(1)?;
            if let Some(loss) = self.plan.groups.get_mut(&value) {
                *loss = GroupLoss { live, ..*loss };
            }
        }
        Ok(())
    }
}
