//! Filling a stream's tables, and finding what differs in them: the same thing. Chunks in the order of the key, each in a short
//! transaction that removes what lies between its keys and is not in it, and writes what differs.

use serde::{Deserialize, Serialize};

use super::chunks::Reading;
use super::pass::{Pass, PassError};
use crate::model::Table;
use crate::model::published::{PublishedPart, RowChunk};
use crate::postgres::layout::TargetTable;
use crate::postgres::rows::KeyRange;
use crate::store::published::{PublishedStream, chunks_as_of};

/// Where a comparison continues.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    /// Whether the table of rows is done.
    is_history: bool,
    /// The last key that is done.
    after: Option<Vec<String>>,
}

impl Pass<'_> {
    /// Compares a stream that is not known to be the same, or that rows of erased people must leave.
    pub(super) async fn compare_if_due(&mut self, table: &Table) -> Result<(), PassError> {
        let known = self.stream(&table.stream);
        let erasures = known.erasures;
        let mut cursor = match &known.compare {
            _ if erasures > known.erased => Cursor::default(),
            // What cannot be read is begun anew.
            Some(text) => serde_json::from_str(text).unwrap_or_default(),
            None => return Ok(()),
        };
        let targets = self.targets(table).await?;
        for target in &targets {
            let is_history = target.table.part == PublishedPart::History;
            if cursor.is_history && !is_history {
                continue;
            }
            if is_history && !cursor.is_history {
                cursor = Cursor {
                    is_history,
                    after: None,
                };
            }
            self.compare_table(table, target, &mut cursor).await?;
        }
        if erasures > known.erased {
            self.vacuum(&targets).await?;
        }
        let same = PublishedStream {
            compare: None,
            erased: erasures,
            ..self.stream(&table.stream)
        };
        // First the revision: if the database is restored to a time before it, that is noticed.
        self.put_stream(&table.stream, same.clone());
        self.advance(self.state.run).await?;
        self.save_stream(&table.stream, same).await
    }

    async fn compare_table(
        &mut self,
        table: &Table,
        target: &TargetTable,
        cursor: &mut Cursor,
    ) -> Result<(), PassError> {
        let (run, after) = (self.state.run, cursor.after.clone());
        let (read, part) = (table.clone(), target.table.clone());
        let mut reading = Reading::start(self.app.store().path(), move |moment, each| {
            chunks_as_of(moment, &read, &part, run, after.as_deref(), each)
        });
        let mut chunk = reading.next().await?;
        if chunk.is_none() {
            match cursor.after.as_deref() {
                None => self.empty(target).await?,
                Some(after) => {
                    let none = RowChunk::of_width(target.table.columns.len());
                    let behind = KeyRange {
                        after: Some(after),
                        through: None,
                    };
                    self.put(target, &none, behind).await?;
                }
            }
        }
        while let Some(this) = chunk {
            // The last one's range has no end.
            let next = reading.next().await?;
            let last = this.last(&target.table.key);
            let range = KeyRange {
                after: cursor.after.as_deref(),
                through: last.as_deref().filter(|_| next.is_some()),
            };
            self.put(target, &this, range).await?;
            cursor.after = last;
            let compared = PublishedStream {
                compare: serde_json::to_string(&cursor).ok(),
                ..self.stream(&table.stream)
            };
            self.save_stream(&table.stream, compared).await?;
            chunk = next;
        }
        Ok(())
    }

    async fn put(
        &self,
        target: &TargetTable,
        chunk: &RowChunk,
        range: KeyRange<'_>,
    ) -> Result<(), PassError> {
        self.fenced(async {
            let rows = self.rows(target);
            rows.remove_others(chunk, range).await?;
            rows.write(chunk, true).await?;
            Ok(())
        })
        .await
    }

    /// Removes all rows of the source, some in each transaction.
    async fn empty(&self, target: &TargetTable) -> Result<(), PassError> {
        while self
            .fenced(async { Ok(self.rows(target).remove_some().await?) })
            .await?
            > 0
        {}
        Ok(())
    }

    /// Rows that were removed stay in the files until then.
    async fn vacuum(&self, targets: &[TargetTable]) -> Result<(), PassError> {
        for target in targets {
            self.rows(target).vacuum().await?;
        }
        Ok(())
    }
}
