//! The tables of a source's streams: made and changed when what they are made from changes, and removed when a stream is
//! published no longer.

use std::collections::BTreeSet;

use super::pass::PublishPass;
use super::pass_error::PassError;
use crate::model::published::PublishedTable;
use crate::model::{ConnectorName, StreamName, Table};
use crate::postgres::layout::{
    self, LabelColumns, PublishTarget, StreamLayout, removal, table_name,
};
use crate::setup::lookups;
use crate::store::published::{self, PublishedStream};

impl PublishPass<'_> {
    /// Makes and changes the tables of streams whose definition changed, and removes what is published no longer.
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
        // A change of the lists' table drops the views that look into it.
        let mut are_views_dropped = false;
        for table in lists.into_iter().chain(others) {
            let parts = self.parts(table);
            let known = self.stream(&table.stream);
            let definition = definition(&parts, (connector, combos.as_ref(), self.target));
            if known.definition == definition && !are_views_dropped {
                continue;
            }
            are_views_dropped |= is_lists(&table);
            let layout = StreamLayout {
                source: self.source,
                connector,
                stream: &table.stream,
                tables: &parts,
                combos: combos.as_ref(),
            };
            // Whatever happens next, also if the definition becomes the known one again.
            let open = PublishedStream {
                definition: String::new(),
                compare: Some(String::new()),
                ..known.clone()
            };
            self.save_stream(&table.stream, open).await?;
            let made = layout::lay_out(self.session, self.target, layout, self.held()).await?;
            self.targets.insert(table.stream.clone(), made);
            let is_same_shape = shape(&known.definition) == shape(&definition);
            let compare = match is_same_shape {
                true => known.compare.clone(),
                false => Some(String::new()),
            };
            let laid_out = PublishedStream {
                definition,
                compare,
                ..known
            };
            self.save_stream(&table.stream, laid_out).await?;
        }
        Ok(())
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
        let is_erasure = (self.streams.values()).any(|stream| stream.erasures > stream.erased);
        for stream in &left {
            // Whatever happens next, also if it is published again.
            let open = PublishedStream {
                definition: String::new(),
                compare: Some(String::new()),
                ..self.stream(stream)
            };
            self.save_stream(stream, open).await?;
            self.streams.remove(stream);
        }
        if !gone.is_empty() {
            self.leave_tables(&gone, is_erasure).await?;
            self.advance(self.state.run).await?;
        }
        for stream in left {
            let (name, source) = (self.name.clone(), self.source.clone());
            let forget = move |connection: &mut _| {
                published::forget_stream(connection, &name, &source, &stream)
            };
            self.app.store().write(forget).await?;
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

/// What tables are made from: first the part on which their rows depend, then all.
fn definition(
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
    let shape = format!("{:?} {:?}", whole.0, columns.collect::<Vec<_>>());
    format!("{} {}", hash(shape), hash(format!("{parts:?} {whole:?}")))
}

fn shape(definition: &str) -> &str {
    definition.split(' ').next().unwrap_or_default()
}
