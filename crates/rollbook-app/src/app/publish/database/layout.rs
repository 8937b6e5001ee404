//! The tables of a source's streams: made and changed when what they are made from changes, and removed when a stream is
//! published no longer.

use std::collections::BTreeSet;

use super::pass::{PublishPass, Statements};
use super::pass_error::PassError;
use rollbook_core::model::published::{PublishedPart, PublishedTable};
use rollbook_core::model::{ConnectorName, StreamName, Table};
use rollbook_core::store::published::{self, PublishedStream};
use rollbook_engine::setup::lookups;
use rollbook_postgres::postgres::layout::{
    self, LabelColumns, LaidOut, LayoutLock, PublishTarget, StreamLayout, TargetTable, removal,
    table_name,
};

impl PublishPass<'_> {
    /// Makes and changes the tables of streams whose definition changed, and removes what is published no longer. A stream that
    /// the database refuses does not hinder the others.
    pub(super) async fn lay_out(&mut self, tables: &[Table]) -> Result<(), PassError> {
        let connector = self.connector()?;
        let combos = self.combos(tables);
        // The views of the others look into the table of the lists.
        let is_lists = |table: &&Table| {
            combos
                .as_ref()
                .is_some_and(|one| one.stream == table.stream)
        };
        let (lists, others): (Vec<&Table>, Vec<&Table>) = tables.iter().partition(is_lists);
        self.remove_others(connector, tables).await?;
        for table in lists {
            let definition = self.definition(connector, table, combos.as_ref());
            if self.stream(&table.stream).definition == definition {
                continue;
            }
            // A change of it drops those views.
            for other in &others {
                let known = self.stream(&other.stream);
                let open = PublishedStream {
                    definition: shape(&known.definition).to_owned(),
                    ..known
                };
                self.save_stream(&other.stream, open).await?;
            }
            self.lay_out_stream(connector, table, combos.as_ref())
                .await?;
        }
        for table in others {
            self.lay_out_stream(connector, table, combos.as_ref())
                .await?;
        }
        Ok(())
    }

    fn definition(
        &self,
        connector: &ConnectorName,
        table: &Table,
        combos: Option<&LabelColumns>,
    ) -> String {
        definition(table, &self.parts(table), (connector, combos, self.target))
    }

    async fn lay_out_stream(
        &mut self,
        connector: &ConnectorName,
        table: &Table,
        combos: Option<&LabelColumns>,
    ) -> Result<(), PassError> {
        let known = self.stream(&table.stream);
        let definition = self.definition(connector, table, combos);
        if known.definition == definition {
            return Ok(());
        }
        // Also if the definition becomes the known one again.
        self.save_stream(&table.stream, known.clone().opened())
            .await?;
        let (made, is_changed) = match self.made(connector, table, combos).await {
            Ok(made) => made,
            Err(PassError::Streams(why)) => {
                self.refused.insert(table.stream.clone(), why);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.targets.insert(table.stream.clone(), made);
        let is_same = !is_changed && shape(&known.definition) == shape(&definition);
        let known = if is_same { known } else { known.uncompared() };
        let laid_out = PublishedStream {
            definition,
            ..known
        };
        self.save_stream(&table.stream, laid_out).await
    }

    /// The tables as they are then, and whether the source's rows in them may lack something.
    async fn made(
        &mut self,
        connector: &ConnectorName,
        table: &Table,
        combos: Option<&LabelColumns>,
    ) -> Result<(Vec<TargetTable>, bool), PassError> {
        let parts = self.parts(table);
        let layout = StreamLayout {
            source: self.source,
            connector,
            stream: &table.stream,
            tables: &parts,
            combos,
            lock: LayoutLock::Shared,
        };
        let run = self.state.run;
        self.announce(run).await?;
        let lay_out = async |layout| Ok(layout::lay_out(self.session, self.target, layout).await?);
        let looked = lay_out(layout);
        let looked = self.advance_with(run, None, looked).await;
        let laid_out = match looked {
            Err(PassError::Differs) => {
                let lock = LayoutLock::Alone;
                let changed = lay_out(StreamLayout { lock, ..layout });
                self.advance_by(Statements::Long, (run, None), changed)
                    .await?
            }
            looked => looked?,
        };
        self.has_advanced(run).await?;
        match laid_out {
            LaidOut::Tables { tables, is_changed } => Ok((tables, is_changed)),
            LaidOut::Refused(why) => Err(why.into()),
        }
    }

    /// Removes the source from tables that it has in the database and is published to no longer, also those that this mirror
    /// does not know of: another one may have made them.
    async fn remove_others(
        &mut self,
        connector: &ConnectorName,
        tables: &[Table],
    ) -> Result<(), PassError> {
        let (schema, source) = (&self.target.schema, self.source.as_str());
        let mut gone = removal::tables(self.session, schema, source).await?;
        let names = tables.iter().flat_map(|table| {
            let parts = self.parts(table).into_iter();
            parts.map(|part| table_name(connector, &table.stream, part.part))
        });
        let wanted: BTreeSet<String> = names.collect();
        gone.retain(|name| !wanted.contains(name));
        let streams: BTreeSet<&StreamName> = tables.iter().map(|table| &table.stream).collect();
        let known = self.streams.keys();
        let left: Vec<StreamName> = known
            .filter(|one| !streams.contains(one))
            .cloned()
            .collect();
        for stream in &left {
            // Also if it is published again.
            self.save_stream(stream, self.stream(stream).opened())
                .await?;
            self.streams.remove(stream);
        }
        if !gone.is_empty() {
            self.leave_tables(&gone).await?;
            self.advance(self.state.run).await?;
        }
        let known = self.streams.keys().chain(&left);
        gone.extend(both_tables(connector, known));
        self.vacuum_if_erased(&gone, None).await?;
        for stream in left {
            loop {
                let tables = both_tables(connector, [&stream]);
                let followed = self.vacuum_if_erased(&tables, Some(&stream)).await?;
                let (name, source, stream) =
                    (self.name.clone(), self.source.clone(), stream.clone());
                let forget = move |connection: &mut _| {
                    published::forget_stream(connection, &name, (&source, &stream), followed)
                };
                if self.app.store().write(forget).await? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Where the combo lists of the source are, if they are published with all that labels need.
    fn combos(&self, tables: &[Table]) -> Option<LabelColumns> {
        let combos = lookups::combos(self.setup, self.source)?;
        let lists = tables.iter().find(|table| table.stream == combos.stream)?;
        let needed = [&combos.list, &combos.id, &combos.code, &combos.label];
        if !needed.iter().all(|column| lists.has(column)) {
            return None;
        }
        Some(LabelColumns {
            active: combos.active.filter(|active| lists.has(active)),
            stream: combos.stream,
            list: combos.list,
            id: combos.id,
            code: combos.code,
            label: combos.label,
        })
    }
}

/// The names that the tables of streams have or had.
pub(super) fn both_tables<'s>(
    connector: &ConnectorName,
    streams: impl IntoIterator<Item = &'s StreamName>,
) -> Vec<String> {
    let parts = [PublishedPart::Live, PublishedPart::History];
    let both = |stream| parts.map(|part| table_name(connector, stream, part));
    streams.into_iter().flat_map(both).collect()
}

/// What tables are made from: first the part on which their rows depend, then all.
fn definition(
    table: &Table,
    parts: &[PublishedTable],
    whole: (&ConnectorName, Option<&LabelColumns>, &PublishTarget),
) -> String {
    let hash = |text: String| format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()));
    let columns = parts.iter().map(|part| {
        let columns = part
            .columns
            .iter()
            .map(|column| (&column.name, column.kind));
        (part.part, columns.collect::<Vec<_>>(), &part.key)
    });
    // From old versions it is known which rows were removed.
    let has_versions = table.history;
    let shape = format!(
        "{:?} {has_versions} {:?}",
        whole.0,
        columns.collect::<Vec<_>>()
    );
    format!("{} {}", hash(shape), hash(format!("{parts:?} {whole:?}")))
}

fn shape(definition: &str) -> &str {
    definition.split(' ').next().unwrap_or_default()
}
