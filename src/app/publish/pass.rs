//! One source brought up to date in one database: its claim, its tables, what runs changed, what was purged.

use std::collections::{BTreeMap, BTreeSet};

use super::chunks::ChunkReading;
use super::standing::{Standing, standing};
use crate::app::App;
use crate::app::maintenance::retained;
use crate::model::published::{PublishedPart, PublishedTable, RowChunk};
use crate::model::{ConnectorName, PublishName, SourceName, StreamName, Table};
use crate::postgres::fence::{self, Fence, HeldFence, NewClaim, NextRevision};
use crate::postgres::layout::{self, LabelColumns, PublishTarget, StreamLayout, TargetTable};
use crate::postgres::rows::SourceRows;
use crate::postgres::{DatabaseError, DatabaseSession};
use crate::setup::files::PublishConfig;
use crate::setup::{Setup, lookups};
use crate::store::StoreError;
use crate::store::published::{
    self, PublishedChange, PublishedSource, PublishedStream, changed_chunks, oldest,
};
use crate::store::queries::Reader;

/// Why a pass ended before everything was published.
#[derive(Debug)]
pub(super) enum PassError {
    /// The mirror cannot be read or written.
    Store(StoreError),
    /// The database, or whoever else publishes there, does not let it.
    Refused(String),
    /// Another mirror publishes the source.
    Claimed {
        /// Its machine.
        by: String,
        /// What to do.
        why: String,
    },
    /// The connection is of no use any more.
    Lost(String),
}

impl From<StoreError> for PassError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<DatabaseError> for PassError {
    fn from(error: DatabaseError) -> Self {
        match error.is_refusal() {
            true => Self::Refused(error.to_string()),
            false => Self::Lost(error.to_string()),
        }
    }
}

/// What a pass works with.
pub(super) struct PublishPass<'a> {
    pub(super) app: &'a App,
    setup: &'a Setup,
    pub(super) name: &'a PublishName,
    config: &'a PublishConfig,
    pub(super) session: &'a DatabaseSession,
    pub(super) target: &'a PublishTarget,
    pub(super) source: &'a SourceName,
    pub(super) state: PublishedSource,
    streams: BTreeMap<StreamName, PublishedStream>,
    targets: BTreeMap<StreamName, Vec<TargetTable>>,
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
        }
    }

    /// Brings the source up to date.
    pub async fn run(mut self, tables: &[Table]) -> Result<(), PassError> {
        self.find_standing().await?;
        self.lay_out(tables).await?;
        for table in tables {
            self.compare_if_due(table).await?;
        }
        // First what was announced, then what came after it.
        while self.publish_changes(tables).await? {}
        for table in tables {
            self.follow_purge(table).await?;
        }
        Ok(())
    }

    fn connector(&self) -> Result<&'a ConnectorName, PassError> {
        let source = self.setup.sources.get(self.source);
        let source = source.ok_or_else(|| PassError::Refused("the source is gone".to_owned()))?;
        Ok(&source.config.connector)
    }

    /// Makes sure that this mirror publishes the source, and that the database has what was left there.
    async fn find_standing(&mut self) -> Result<(), PassError> {
        let known = published::source(&*self.app.store().reader()?, self.name, self.source)?;
        let found = fence::find(self.session, &self.target.schema, self.source.as_str()).await?;
        let standing = standing(known.as_ref(), found.as_ref());
        self.state = known.unwrap_or_default();
        match (standing, found) {
            (Standing::Same, _) => {}
            (Standing::Committed, Some(found)) => {
                (self.state.revision, self.state.run) = (found.revision, found.run);
                (self.state.next_revision, self.state.next_run) = (None, None);
                self.save().await?;
            }
            (Standing::Taken, Some(found)) => {
                // A restored mirror may have taken it with a run that it does not have any more.
                let run = self.newest_complete()?;
                self.has_taken(found.claim, run).await?;
            }
            (Standing::Foreign, Some(found)) => {
                let why = format!(
                    "another mirror publishes this source: that of {}, last at {} UTC; if that one is gone, \
                     `rollbook publish rebuild {} {}` lets this one take its place",
                    found.host, found.published, self.name, self.source
                );
                return Err(PassError::Claimed {
                    by: found.host,
                    why,
                });
            }
            (_, found) => self.take(found).await?,
        }
        let reader = self.app.store().reader()?;
        self.streams = published::streams(&reader, self.name, self.source)?;
        Ok(())
    }

    fn newest_complete(&self) -> Result<i64, PassError> {
        let reader = self.app.store().reader()?;
        Ok(published::complete_through(&reader, self.source, 0)?)
    }

    /// Takes the source with a new claim. What is sent is known here before it is sent.
    async fn take(&mut self, found: Option<Fence>) -> Result<(), PassError> {
        if let Some(found) = &found {
            tracing::info!(
                publish = %self.name, source = %self.source,
                "the published tables are not as they were left (revision {}, {} is known): comparing all of them",
                found.revision, self.state.revision
            );
        }
        let run = self.newest_complete()?;
        let claim = new_claim()?;
        let unknown = self.state.next_claim.replace(claim.clone());
        self.state.former.extend(unknown);
        self.save().await?;
        let new = NewClaim {
            source: self.source.as_str(),
            connector: self.connector()?.as_str(),
            claim: &claim,
            run,
            host: &host(),
        };
        let is_taken = fence::take(self.session, &self.target.schema, new, found.as_ref()).await?;
        if !is_taken {
            return Err(overtaken());
        }
        self.has_taken(claim, run).await
    }

    /// The claim is there: everything is laid out and compared.
    async fn has_taken(&mut self, claim: String, run: i64) -> Result<(), PassError> {
        let former = std::mem::replace(&mut self.state.claim, claim);
        self.state.former.push(former);
        (self.state.revision, self.state.run) = (fence::FIRST_REVISION, run);
        self.state.seen = 0;
        self.state.next_claim = None;
        (self.state.next_revision, self.state.next_run) = (None, None);
        self.state.rebuild = false;
        let (name, source, state) = (self.name.clone(), self.source.clone(), self.state.clone());
        let save = move |connection: &mut Reader| {
            for (stream, known) in published::streams(connection, &name, &source)? {
                let anew = PublishedStream {
                    definition: String::new(),
                    compare: Some(String::new()),
                    // People may be back.
                    erased: 0,
                    ..known
                };
                published::save_stream(connection, &name, (&source, &stream), &anew)?;
            }
            published::save_source(connection, &name, &source, &state)
        };
        Ok(self.app.store().write(save).await?)
    }

    async fn save(&self) -> Result<(), PassError> {
        let (name, source, state) = (self.name.clone(), self.source.clone(), self.state.clone());
        let save =
            move |connection: &mut _| published::save_source(connection, &name, &source, &state);
        Ok(self.app.store().write(save).await?)
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
    fn parts(&self, table: &Table) -> Vec<PublishedTable> {
        let mut parts = PublishedTable::all(table);
        parts.retain(|part| part.part == PublishedPart::Live || self.config.history);
        parts
    }

    /// Makes and changes the tables of streams whose definition changed, and removes what is published no longer.
    async fn lay_out(&mut self, tables: &[Table]) -> Result<(), PassError> {
        let connector = self.connector()?;
        let combos = self.combos(tables);
        // The views of the others look into the table of the lists.
        let is_lists = |table: &&Table| {
            combos
                .as_ref()
                .is_some_and(|one| one.stream == table.stream)
        };
        let (lists, others): (Vec<&Table>, Vec<&Table>) = tables.iter().partition(is_lists);
        for table in lists.into_iter().chain(others) {
            let parts = self.parts(table);
            let known = self.stream(&table.stream);
            let definition = definition(&parts, (connector, combos.as_ref(), self.target));
            if known.definition == definition {
                continue;
            }
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
            let made = layout::lay_out(self.session, self.target, layout).await?;
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
        self.remove_others(connector, tables).await
    }

    async fn remove_others(
        &mut self,
        connector: &ConnectorName,
        tables: &[Table],
    ) -> Result<(), PassError> {
        let wanted: BTreeSet<&StreamName> = tables.iter().map(|table| &table.stream).collect();
        let known = self.streams.keys();
        let gone: Vec<StreamName> = known.filter(|one| !wanted.contains(one)).cloned().collect();
        for stream in gone {
            let of = (self.source, connector);
            layout::remove_stream(self.session, self.target, of, &stream).await?;
            self.advance(self.state.run).await?;
            self.streams.remove(&stream);
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
        work: impl Future<Output = Result<T, PassError>>,
    ) -> Result<T, PassError> {
        self.session.begin().await?;
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
    async fn announce(&mut self, run: i64) -> Result<(), PassError> {
        if self.state.next_run != Some(run) || self.state.next_revision.is_none() {
            self.state.next_revision = Some(new_revision()?);
        }
        self.state.next_run = Some(run);
        self.save().await
    }

    /// Runs `work` and sets the next revision, in one transaction that commits only if nobody else published meanwhile.
    /// `is_complete` is what is said of the tables then; `None` for what was said before.
    pub(super) async fn advance_with<T>(
        &self,
        run: i64,
        is_complete: Option<bool>,
        work: impl Future<Output = Result<T, PassError>>,
    ) -> Result<T, PassError> {
        self.transaction(async {
            let done = work.await?;
            let next = NextRevision {
                revision: self.state.next_revision.unwrap_or_default(),
                run,
                is_complete,
            };
            let (schema, held) = (&self.target.schema, self.held());
            let is_advanced = fence::advance(self.session, schema, held, next).await?;
            is_advanced.then_some(done).ok_or_else(overtaken)
        })
        .await
    }

    /// Notes that it is there.
    async fn has_advanced(&mut self, run: i64) -> Result<(), PassError> {
        self.state.revision = self.state.next_revision.take().unwrap_or_default();
        self.state.next_run = None;
        self.state.run = run;
        self.state.published = Some(self.app.clock.now());
        self.save().await
    }

    /// Publishes what runs changed, in one transaction with the new position. Returns whether there was something.
    async fn publish_changes(&mut self, tables: &[Table]) -> Result<bool, PassError> {
        let after = self.state.run;
        let (through, changed, lag) = {
            let reader = self.app.store().reader()?;
            let through = match self.state.next_run {
                // An attempt that may still take effect is made again as it was: the same position and the same rows.
                Some(run) if run > after => run,
                _ => published::complete_through(&reader, self.source, after)?,
            };
            let changed = published::changed_streams(&reader, self.source, (after, through))?;
            (
                through,
                changed,
                published::lag(&reader, self.source, after.max(self.state.seen))?,
            )
        };
        if through <= after {
            return Ok(false);
        }
        if lag.runs == 0 {
            if through > self.state.seen {
                self.state.seen = through;
                self.save().await?;
            }
            return Ok(false);
        }
        let changed = tables
            .iter()
            .filter(|table| changed.contains(&table.stream));
        let mut wanted: Vec<(Table, Vec<TargetTable>)> = Vec::new();
        for table in changed {
            if let Some(removed) = self.removed_without_history(table, (after, through))? {
                // Which rows is not known any more.
                let state = PublishedStream {
                    compare: Some(String::new()),
                    ..removed
                };
                self.save_stream(&table.stream, state).await?;
                self.compare_if_due(table).await?;
            }
            wanted.push((table.clone(), self.targets(table).await?));
        }
        let read: Vec<Table> = wanted.iter().map(|(table, _)| table.clone()).collect();
        let with_ended = self.config.history;
        let mut reading = ChunkReading::start(self.app.store().path(), move |moment, each| {
            for (number, table) in read.iter().enumerate() {
                let mut is_over = false;
                changed_chunks(moment, table, (after, through), with_ended, &mut |found| {
                    let flow = each((number, found));
                    is_over = flow.is_break();
                    flow
                })?;
                if is_over {
                    break;
                }
            }
            Ok(())
        });
        self.announce(through).await?;
        let work = async {
            while let Some((number, (change, chunk))) = reading.next().await? {
                if let Some((_, targets)) = wanted.get(number) {
                    self.apply(targets, change, &chunk).await?;
                }
            }
            Ok(())
        };
        self.advance_with(through, None, work).await?;
        self.has_advanced(through).await?;
        Ok(true)
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

    /// A stream without old versions that lost rows.
    fn removed_without_history(
        &self,
        table: &Table,
        range: (i64, i64),
    ) -> Result<Option<PublishedStream>, PassError> {
        if table.history || table.series {
            return Ok(None);
        }
        let reader = self.app.store().reader()?;
        let has_removed = published::has_removed(&reader, (self.source, &table.stream), range)?;
        Ok(has_removed.then(|| self.stream(&table.stream)))
    }

    /// Removes what the mirror has purged since: old versions, and points that are kept no longer.
    async fn follow_purge(&mut self, table: &Table) -> Result<(), PassError> {
        let known = self.stream(&table.stream);
        let purged = published::purged(&*self.app.store().reader()?, self.source, &table.stream)?;
        if known.purged == purged || purged.is_none() {
            return Ok(());
        }
        let time = retained(self.setup, table).map(|column| table.columns[column].name.clone());
        let mut removals = Vec::new();
        for target in self.targets(table).await? {
            let column = match (target.table.part, &time) {
                (PublishedPart::History, _) => "_until".to_owned(),
                (PublishedPart::Live, Some(time)) => time.clone(),
                (PublishedPart::Live, None) => continue,
            };
            let reader = self.app.store().reader()?;
            let oldest = oldest(&reader, table, target.table.part, &column)?;
            removals.push((target, column, oldest));
        }
        let run = self.state.run;
        self.announce(run).await?;
        let work = async {
            for (target, column, oldest) in &removals {
                let rows = self.rows(target);
                rows.remove_before(column, oldest.as_deref()).await?;
            }
            Ok(())
        };
        self.advance_with(run, None, work).await?;
        self.has_advanced(run).await?;
        self.save_stream(&table.stream, PublishedStream { purged, ..known })
            .await
    }
}

/// Somebody else has written the row of the source: the next attempt finds out who.
pub(super) fn overtaken() -> PassError {
    PassError::Refused("the source was published by somebody else meanwhile".to_owned())
}

fn random<const N: usize>() -> Result<[u8; N], PassError> {
    let mut bytes = [0; N];
    let filled = aws_lc_rs::rand::fill(&mut bytes);
    filled.map_err(|_| PassError::Refused("the system gives no random numbers".to_owned()))?;
    Ok(bytes)
}

fn new_claim() -> Result<String, PassError> {
    Ok(format!("{:032x}", u128::from_le_bytes(random()?)))
}

/// Never that of a claim's first transaction, and never below 0.
fn new_revision() -> Result<i64, PassError> {
    let number = i64::from_le_bytes(random()?) & i64::MAX;
    Ok(number.max(fence::FIRST_REVISION + 1))
}

fn host() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    name.to_string_lossy().into_owned()
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
