//! Filling a stream's tables, and finding what differs in them: the same thing. Chunks in the order of the key, each in a short
//! transaction that removes what lies between its keys and is not in it, and writes what differs.

use serde::{Deserialize, Serialize};

use super::chunks::ChunkReading;
use super::pass::PublishPass;
use super::pass_error::PassError;
use rollbook_core::model::Table;
use rollbook_core::model::published::{PublishedPart, RowChunk};
use rollbook_core::store::published::{PublishedStream, chunks_as_of};
use rollbook_postgres::postgres::layout::TargetTable;
use rollbook_postgres::postgres::rows::KeyRange;

/// Where a comparison continues.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    /// How many erasures there were when it began: rows that were compared before a later one may be an erased person's.
    erasures: i64,
    /// Whether the table of rows is done.
    is_history: bool,
    /// The last key that is done.
    after: Option<Vec<String>>,
}

impl PublishPass<'_> {
    /// Compares a stream that is not known to be the same, or that rows of erased people must leave.
    pub(super) async fn compare_if_due(&mut self, table: &Table) -> Result<(), PassError> {
        let known = self.stream(&table.stream);
        let erasures = known.erasures;
        if known.compare.is_none() && erasures == known.erased {
            return Ok(());
        }
        // What cannot be read is begun again.
        let begun = known.compare.as_deref().map(serde_json::from_str::<Cursor>);
        let begun = begun
            .and_then(Result::ok)
            .filter(|begun| begun.erasures == erasures);
        let mut cursor = begun.unwrap_or(Cursor {
            erasures,
            ..Cursor::default()
        });
        self.begin_comparing().await?;
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
                    erasures,
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
        let mut reading = ChunkReading::start(self.app.store().path(), move |moment, each| {
            chunks_as_of(moment, &read, &part, run, after.as_deref(), each)
        });
        let mut chunk = reading.next().await?;
        if chunk.is_none() {
            match cursor.after.as_deref() {
                None => self.empty(table, target).await?,
                Some(after) => {
                    let none = RowChunk::of_width(target.table.columns.len());
                    let behind = KeyRange {
                        after: Some(after),
                        through: None,
                    };
                    self.put(target, &none, behind).await?;
                    self.has_compared(&table.stream, self.stream(&table.stream))
                        .await?;
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
            self.has_compared(&table.stream, compared).await?;
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
        let work = async {
            let rows = self.rows(target);
            rows.remove_others(chunk, range).await?;
            rows.write(chunk, true).await?;
            Ok(())
        };
        self.advance_with(self.state.run, None, work).await
    }

    /// Removes all rows of the source, some in each transaction.
    async fn empty(&mut self, table: &Table, target: &TargetTable) -> Result<(), PassError> {
        loop {
            let work = async { Ok(self.rows(target).remove_some().await?) };
            let removed = self.advance_with(self.state.run, None, work).await?;
            self.has_compared(&table.stream, self.stream(&table.stream))
                .await?;
            if removed == 0 {
                return Ok(());
            }
        }
    }

    /// Rows that were removed stay in the files until then.
    async fn vacuum(&self, targets: &[TargetTable]) -> Result<(), PassError> {
        for target in targets {
            self.rows(target).named().vacuum().await?;
        }
        Ok(())
    }
}
