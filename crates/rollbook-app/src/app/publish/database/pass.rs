//! One source brought up to date in one database: its claim, its tables, what runs changed, what was purged.

use std::collections::BTreeMap;

use super::chunks::ChunkReading;
use super::pass_error::PassError;
use crate::app::App;
use crate::app::publish::still_published;
use rollbook_core::model::published::{PublishedPart, PublishedTable, RowChunk};
use rollbook_core::model::{ConnectorName, PublishName, SourceName, StreamName, Table};
use rollbook_core::store::published::{
    self, PublishedChange, PublishedSource, PublishedStream, changed_chunks, oldest,
};
use rollbook_engine::setup::Setup;
use rollbook_engine::setup::files::PublishConfig;
use rollbook_postgres::postgres::DatabaseSession;
use rollbook_postgres::postgres::fence::{self, HeldFence, NextRevision};
use rollbook_postgres::postgres::layout::{self, PublishTarget, TargetTable};
use rollbook_postgres::postgres::random::new_revision;
use rollbook_postgres::postgres::rows::SourceRows;

/// How long the statements of a transaction may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Statements {
    /// Each has some rows.
    Short,
    /// One may change a whole table.
    Long,
}

/// What of a stream is published.
pub(super) fn parts(config: &PublishConfig, table: &Table) -> Vec<PublishedTable> {
    let mut parts = PublishedTable::all(table);
    parts.retain(|part| part.part == PublishedPart::Live || config.history);
    parts
}

/// What a pass works with.
pub(super) struct PublishPass<'a> {
    pub(super) app: &'a App,
    pub(super) setup: &'a Setup,
    pub(super) name: &'a PublishName,
    config: &'a PublishConfig,
    pub(super) session: &'a DatabaseSession,
    pub(super) target: &'a PublishTarget,
    pub(super) source: &'a SourceName,
    pub(super) state: PublishedSource,
    pub(super) streams: BTreeMap<StreamName, PublishedStream>,
    pub(super) targets: BTreeMap<StreamName, Vec<TargetTable>>,
    /// Streams whose tables the database does not let be as they should, and why. The others are published.
    pub(super) refused: BTreeMap<StreamName, String>,
}

impl<'a> PublishPass<'a> {
    pub fn new(
        app: &'a App,
        setup: &'a Setup,
        (name, config): (&'a PublishName, &'a PublishConfig),
        session: &'a DatabaseSession,
        target: &'a PublishTarget,
        source: &'a SourceName,
    ) -> Self {
        Self {
            app,
            setup,
            name,
            config,
            session,
            target,
            source,
            state: PublishedSource::default(),
            streams: BTreeMap::new(),
            targets: BTreeMap::new(),
            refused: BTreeMap::new(),
        }
    }

    /// Brings the source up to date.
    pub async fn run(mut self, tables: &[Table]) -> Result<(), PassError> {
        let known = published::source(&*self.app.store().reader()?, self.name, self.source)?;
        let is_to_leave = known.is_some_and(|known| known.removal);
        if is_to_leave && still_published(&self.app.setup(), self.name, self.source).is_none() {
            return Ok(()); // requested since this round began: the next one works it off
        }
        self.find_ownership().await?;
        self.lay_out(tables).await?;
        let mut tables = tables.to_vec();
        tables.retain(|table| !self.refused.contains_key(&table.stream));
        for table in &tables {
            self.compare_if_due(table).await?;
        }
        // First what was announced, then what came after it.
        while self.publish_changes(&tables).await? {}
        for table in &tables {
            self.follow_purge(table).await?;
        }
        if self.refused.is_empty() {
            return Ok(());
        }
        let refused: Vec<String> = self.refused.into_values().collect();
        Err(PassError::Streams(refused.join("; ")))
    }

    pub(super) fn connector(&self) -> Result<&'a ConnectorName, PassError> {
        let source = self.setup.sources.get(self.source);
        let source = source.ok_or_else(|| PassError::Refused("the source is gone".to_owned()))?;
        Ok(&source.config.connector)
    }

    pub(super) async fn save(&self) -> Result<(), PassError> {
        let (name, source, state) = (self.name.clone(), self.source.clone(), self.state.clone());
        let save =
            move |connection: &mut _| published::save_source(connection, &name, &source, &state);
        self.app.store().write(save).await?;
        // In a cluster nothing is published that a worker which takes the source over would not know of.
        match self.app.ship().await {
            true => Ok(()),
            false => Err(PassError::Overtaken),
        }
    }

    pub(super) fn stream(&self, stream: &StreamName) -> PublishedStream {
        self.streams.get(stream).cloned().unwrap_or_default()
    }

    pub(super) fn put_stream(&mut self, stream: &StreamName, state: PublishedStream) {
        self.streams.insert(stream.clone(), state);
    }

    pub(super) async fn save_stream(
        &mut self,
        stream: &StreamName,
        state: PublishedStream,
    ) -> Result<(), PassError> {
        self.streams.insert(stream.clone(), state.clone());
        let (name, source, stream) = (self.name.clone(), self.source.clone(), stream.clone());
        let save = move |connection: &mut _| {
            published::save_stream(connection, &name, (&source, &stream), &state)
        };
        Ok(self.app.store().write(save).await?)
    }

    /// What of a stream is published.
    pub(super) fn parts(&self, table: &Table) -> Vec<PublishedTable> {
        parts(self.config, table)
    }

    /// The tables of a stream, as the database has them.
    pub(super) async fn targets(&mut self, table: &Table) -> Result<Vec<TargetTable>, PassError> {
        if let Some(known) = self.targets.get(&table.stream) {
            return Ok(known.clone());
        }
        let parts = self.parts(table);
        let of = (self.connector()?, &table.stream);
        let found = layout::find(self.session, self.target, of, &parts).await?;
        self.targets.insert(table.stream.clone(), found.clone());
        Ok(found)
    }

    pub(super) fn rows<'t>(&'t self, table: &'t TargetTable) -> SourceRows<'t> {
        SourceRows {
            session: self.session,
            schema: &self.target.schema,
            table,
            source: self.source.as_str(),
        }
    }

    pub(super) fn held(&self) -> HeldFence<'_> {
        HeldFence {
            source: self.source.as_str(),
            claim: &self.state.claim,
            revision: self.state.revision,
        }
    }

    pub(super) async fn transaction<T>(
        &self,
        statements: Statements,
        work: impl Future<Output = Result<T, PassError>>,
    ) -> Result<T, PassError> {
        let limit = self.app.publishing_limit();
        match statements {
            Statements::Short => self.session.begin_within(limit).await?,
            Statements::Long => self.session.begin_long(limit).await?,
        }
        // On the heap, as all that is nested deeply here: the stack of a thread is small.
        let work = Box::pin(work);
        let work = async {
            let done = work.await?;
            match self.app.still_has_lease(self.session).await? {
                true => Ok(done),
                false => Err(PassError::Overtaken),
            }
        };
        match work.await {
            Ok(done) => {
                self.session.commit().await?;
                Ok(done)
            }
            Err(error) => {
                // A lost connection gives its transaction up by itself.
                if !matches!(error, PassError::Lost(_)) {
                    self.session.roll_back().await;
                }
                Err(error)
            }
        }
    }

    /// A new revision without other statements in its transaction.
    pub(super) async fn advance(&mut self, run: i64) -> Result<(), PassError> {
        self.announce(run).await?;
        let is_complete = self.streams.values().all(|stream| stream.compare.is_none());
        self.advance_with(run, Some(is_complete), async { Ok(()) })
            .await?;
        self.has_advanced(run).await
    }

    /// What comparisons send from now on may be there with the next revision.
    pub(super) async fn begin_comparing(&mut self) -> Result<(), PassError> {
        self.announce(self.state.run).await
    }

    /// Notes that a part of a comparison is there, from where on it continues, and what the next part makes of the source.
    pub(super) async fn has_compared(
        &mut self,
        stream: &StreamName,
        compared: PublishedStream,
    ) -> Result<(), PassError> {
        let next = new_revision()?;
        let revision = self.state.next_revision.replace(next);
        self.state.revision = revision.unwrap_or_default();
        self.streams.insert(stream.clone(), compared.clone());
        let (name, source, stream) = (self.name.clone(), self.source.clone(), stream.clone());
        let state = self.state.clone();
        let save = move |connection: &mut _| {
            published::save_source(connection, &name, &source, &state)?;
            published::save_stream(connection, &name, (&source, &stream), &compared)
        };
        Ok(self.app.store().write(save).await?)
    }

    /// Notes what the next transaction makes of the source, before it is sent: its answer may be lost. The revision is one that no
    /// other transaction sets, also none of this mirror before it was restored; an attempt that is made again has that of before.
    pub(super) async fn announce(&mut self, run: i64) -> Result<(), PassError> {
        if self.state.next_run != Some(run) || self.state.next_revision.is_none() {
            self.state.next_revision = Some(new_revision()?);
        }
        self.state.next_run = Some(run);
        self.save().await
    }

    /// Runs `work` and sets the next revision, in one transaction that commits only if no other publisher did meanwhile.
    /// `is_complete` is what is said of the tables then; `None` for what was said before.
    pub(super) async fn advance_with<T>(
        &self,
        run: i64,
        is_complete: Option<bool>,
        work: impl Future<Output = Result<T, PassError>>,
    ) -> Result<T, PassError> {
        self.advance_by(Statements::Short, (run, is_complete), work)
            .await
    }

    /// The same, also with statements that take long.
    pub(super) async fn advance_by<T>(
        &self,
        statements: Statements,
        (run, is_complete): (i64, Option<bool>),
        work: impl Future<Output = Result<T, PassError>>,
    ) -> Result<T, PassError> {
        self.transaction(statements, async {
            let done = work.await?;
            let next = NextRevision {
                revision: self.state.next_revision.unwrap_or_default(),
                run,
                is_complete,
            };
            let (schema, held) = (&self.target.schema, self.held());
            let is_advanced = fence::advance(self.session, schema, held, next).await?;
            is_advanced.then_some(done).ok_or(PassError::Overtaken)
        })
        .await
    }

    /// Notes that it is there.
    pub(super) async fn has_advanced(&mut self, run: i64) -> Result<(), PassError> {
        self.state.revision = self.state.next_revision.take().unwrap_or_default();
        self.state.next_run = None;
        self.state.run = run;
        self.state.published = Some(self.app.clock.now());
        self.save().await
    }

    /// Publishes what runs changed, in one transaction with the new position. Returns whether there was something.
    async fn publish_changes(&mut self, tables: &[Table]) -> Result<bool, PassError> {
        let Some(range) = self.next_runs().await? else {
            return Ok(false);
        };
        let reader = self.app.store().reader()?;
        let changed = published::changed_streams(&reader, self.source, range)?;
        drop(reader);
        let (mut read, mut targets) = (Vec::new(), Vec::new());
        for table in tables
            .iter()
            .filter(|table| changed.contains(&table.stream))
        {
            if self.lacks_removals(table, range)? {
                let state = self.stream(&table.stream).uncompared();
                self.save_stream(&table.stream, state).await?;
                self.compare_if_due(table).await?;
            }
            targets.push(self.targets(table).await?);
            read.push(table.clone());
        }
        let (_, through) = range;
        self.announce(through).await?;
        let mut reading = self.read_changes(read, range);
        let work = async {
            while let Some((number, (change, chunk))) = reading.next().await? {
                if let Some(targets) = targets.get(number) {
                    self.apply(targets, change, &chunk).await?;
                }
            }
            Ok(())
        };
        self.advance_with(through, None, work).await?;
        self.has_advanced(through).await?;
        Ok(true)
    }

    /// Behind which run and up to which one is to be published; `None` where nothing was changed.
    async fn next_runs(&mut self) -> Result<Option<(i64, i64)>, PassError> {
        let after = self.state.run;
        let (through, lag) = {
            let reader = self.app.store().reader()?;
            let through = match self.state.next_run {
                // An attempt that may still take effect is made again as it was: the same position and the same rows.
                Some(run) if run > after => run,
                _ => published::complete_through(&reader, self.source, after)?,
            };
            let lag = published::lag(&reader, self.source, after.max(self.state.seen))?;
            (through, lag)
        };
        if through > after && lag.runs > 0 {
            return Ok(Some((after, through)));
        }
        if through > after.max(self.state.seen) {
            self.state.seen = through;
            self.save().await?;
        }
        Ok(None)
    }

    /// What runs changed in tables, with the number of the table.
    fn read_changes(
        &self,
        tables: Vec<Table>,
        range: (i64, i64),
    ) -> ChunkReading<(usize, (PublishedChange, RowChunk))> {
        let with_ended = self.config.history;
        ChunkReading::start(self.app.store().path(), move |moment, each| {
            for (number, table) in tables.iter().enumerate() {
                let mut is_over = false;
                changed_chunks(moment, table, range, with_ended, &mut |found| {
                    let flow = each((number, found));
                    is_over = flow.is_break();
                    flow
                })?;
                if is_over {
                    break;
                }
            }
            Ok(())
        })
    }

    async fn apply(
        &self,
        targets: &[TargetTable],
        change: PublishedChange,
        chunk: &RowChunk,
    ) -> Result<(), PassError> {
        let part = match change {
            PublishedChange::Removed | PublishedChange::Written => PublishedPart::Live,
            PublishedChange::Ended => PublishedPart::History,
        };
        let target = targets.iter().find(|target| target.table.part == part);
        let Some(target) = target else {
            return Ok(());
        };
        let rows = self.rows(target);
        match change {
            PublishedChange::Removed => rows.remove(chunk).await?,
            PublishedChange::Written | PublishedChange::Ended => rows.write(chunk, false).await?,
        };
        Ok(())
    }

    /// Whether runs removed rows of a stream without old versions: which ones is not known any more.
    fn lacks_removals(&self, table: &Table, range: (i64, i64)) -> Result<bool, PassError> {
        if table.history || table.series {
            return Ok(false);
        }
        let reader = self.app.store().reader()?;
        Ok(published::has_removed(
            &reader,
            (self.source, &table.stream),
            range,
        )?)
    }

    async fn remove_some_before(
        &mut self,
        target: &TargetTable,
        column: &str,
        oldest: Option<&str>,
    ) -> Result<u64, PassError> {
        let run = self.state.run;
        self.announce(run).await?;
        let rows = self.rows(target);
        let work = async { Ok(rows.remove_some_before(column, oldest).await?) };
        let removed = self.advance_with(run, None, work).await?;
        self.has_advanced(run).await?;
        Ok(removed)
    }

    /// Removes what the mirror has purged since: old versions, and points that are kept no longer.
    async fn follow_purge(&mut self, table: &Table) -> Result<(), PassError> {
        let known = self.stream(&table.stream);
        let purged = published::purged(&*self.app.store().reader()?, self.source, &table.stream)?;
        if known.purged == purged || purged.is_none() {
            return Ok(());
        }
        let mut removals = Vec::new();
        for target in self.targets(table).await? {
            let column = match (target.table.part, table.key.last()) {
                (PublishedPart::History, _) => "_until".to_owned(),
                // Its points are purged in the order of their times.
                (PublishedPart::Live, Some(time)) if table.series => {
                    table.columns[*time].name.clone()
                }
                (PublishedPart::Live, _) => continue,
            };
            let reader = self.app.store().reader()?;
            let oldest = oldest(&reader, table, target.table.part, &column)?;
            removals.push((target, column, oldest));
        }
        for (target, column, oldest) in &removals {
            while self
                .remove_some_before(target, column, oldest.as_deref())
                .await?
                > 0
            {}
        }
        self.save_stream(&table.stream, PublishedStream { purged, ..known })
            .await
    }
}
