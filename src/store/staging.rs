//! Comparing what a vendor sends with the mirror while it comes, and putting aside what differs.
//!
//! Each page is walked beside the table in the key's order; a row whose fingerprint is the same is
//! only ticked off. What is new or different goes, a page at a time, into a private temporary database
//! that SQLite keeps on disk and deletes by itself. So memory is bounded by a page; what grows with the
//! table is one bit a row. Nothing in the mirror is touched: that is `apply.rs`.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use roaring::RoaringTreemap;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

use super::database::Store;
use super::error::StoreError;
use super::table::Table;
use crate::model::plan::{GroupLoss, Plan};
use crate::model::row::{Cell, Cells, Rows};

/// Rows of the table that may lie between two rows of a page before the walk jumps instead of steps.
const LONGEST_STROLL: u32 = 16;

/// How the table's size is found before a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Row by row: what absence and the guard need.
    Counted,
    /// From the largest row number, which costs nothing: for a time series, which loses no rows.
    Guessed,
}

/// What absence may mean when the reading has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absence {
    /// Nothing: the reading was not full, or cannot be believed.
    Nothing,
    /// A row that was not seen is missing.
    All,
    /// The same, for rows of these items only; each is the partition columns' values.
    Of(Vec<Vec<String>>),
}

/// What stands in the temporary database for one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mark {
    /// Its key was not in the table.
    New = b'n',
    /// Its key was, with another fingerprint.
    Changed = b'c',
    /// It came before in this reading; which version stays is decided when it is applied.
    Again = b'a',
    /// Its status says it is gone.
    Gone = b'g',
}

/// A deletion feed: which rows of another stream's table name this one's keys.
#[derive(Clone, Debug)]
pub struct Feed {
    /// The feed's table.
    pub table: String,
    /// The feed's column with the key.
    pub key: String,
    /// Which of its rows are meant.
    pub rows: BTreeMap<String, String>,
}

/// A reading in progress.
pub struct Staging {
    table: Arc<Table>,
    mirror: Connection,
    stage: Connection,
    live: u64,
    stamp: i64,
    /// Row numbers that were seen; ids may be sparse, hence no plain array of bits.
    seen: RoaringTreemap,
    changed: RoaringTreemap,
    new_keys: HashSet<u64>,
    all_keys: u64,
    plan: Plan,
    entries: Vec<u8>,
}

/// A reading that has ended: what differs, ready to be applied.
pub struct Staged {
    /// The stream's table.
    pub table: Arc<Table>,
    /// What it would do.
    pub plan: Plan,
    pub(super) stage: Connection,
}

impl Staging {
    /// Starts a reading of one stream.
    pub fn open(store: &Store, table: Arc<Table>, size: Size) -> Result<Self, StoreError> {
        let what = StoreError::sql("start a reading");
        let mirror = store.reader()?;
        let stage = Connection::open("").map_err(&what)?;
        stage
            .execute_batch(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1024;\
                 CREATE TABLE page (number INTEGER PRIMARY KEY, entries BLOB NOT NULL);\
                 CREATE TABLE missing (key BLOB PRIMARY KEY, missed INTEGER NOT NULL, first_run INTEGER, gone INTEGER NOT NULL, here INTEGER NOT NULL);",
            )
            .map_err(&what)?;
        let size = match size {
            Size::Counted => "count(*)",
            Size::Guessed => "coalesce(max(rowid), 0)",
        };
        let count = format!("SELECT {size} FROM {}", table.quoted());
        let live = mirror
            .query_row(&count, [], |row| row.get(0))
            .map_err(&what)?;
        let stamp = schema_stamp(&mirror)?;
        let plan = Plan::of_table(live);
        Ok(Self {
            table,
            mirror,
            stage,
            live,
            stamp,
            seen: RoaringTreemap::new(),
            changed: RoaringTreemap::new(),
            new_keys: HashSet::new(),
            all_keys: 0,
            plan,
            entries: Vec::new(),
        })
    }

    /// Compares a page with the table and puts aside what differs.
    pub fn add(&mut self, rows: &Rows) -> Result<(), StoreError> {
        self.plan.read += rows.len() as u64;
        self.plan.rejected += rows.rejects.len() as u64;
        self.entries.clear();
        let matches = self
            .matches(rows)
            .map_err(StoreError::sql("compare a page"))?;
        for (number, known) in matches.into_iter().enumerate() {
            let row = rows.row(number);
            match known.filter(|_| self.table.keep) {
                Some((number, _)) => {
                    let whole = self
                        .completed(row, number)
                        .map_err(StoreError::sql("complete a short row"))?;
                    self.take(Cells::of(&whole), known);
                }
                None => self.take(row, known),
            }
        }
        if !self.entries.is_empty() {
            self.stage
                .prepare_cached("INSERT INTO page (entries) VALUES (?1)")
                .and_then(|mut insert| insert.execute([&self.entries]))
                .map_err(StoreError::sql("put a page aside"))?;
        }
        Ok(())
    }

    /// How many different rows were seen so far, and the sum of their keys: two readings with the
    /// same numbers saw the same rows.
    pub fn identity(&self) -> (u64, u64) {
        (self.plan.distinct(), self.all_keys)
    }

    /// How often a key came twice.
    pub fn doubles(&self) -> u64 {
        self.plan.doubles
    }

    /// Ends the reading. `confirm` readings in a row must miss a row before it is gone; `group` is the
    /// column that the guard looks at one value at a time.
    pub fn finish(
        mut self,
        absence: &Absence,
        confirm: u32,
        group: Option<usize>,
        feed: Option<&Feed>,
    ) -> Result<Staged, StoreError> {
        let what = StoreError::sql("work out what is missing");
        if schema_stamp(&self.mirror)? != self.stamp && *absence != Absence::Nothing {
            // Row numbers may have moved (VACUUM), so the ticks cannot be believed.
            self.plan.doubt =
                Some("the mirror was rebuilt by another program during the reading".into());
        } else {
            self.find_missing(absence, confirm, group).map_err(&what)?;
        }
        if let Some(feed) = feed {
            self.find_fed(feed, group).map_err(&what)?;
        }
        self.plan.unchanged =
            self.plan.distinct() - self.plan.new - self.plan.changed - self.plan.by_status;
        if self.plan.lost() > 0
            && let Some(group) = group
        {
            self.count_groups(group).map_err(&what)?;
        }
        Ok(Staged {
            table: self.table,
            plan: self.plan,
            stage: self.stage,
        })
    }

    /// For each row of the page the table's row with the same key.
    fn matches(&self, rows: &Rows) -> rusqlite::Result<Vec<Option<(i64, i64)>>> {
        let mut found = vec![None; rows.len()];
        if self.live == 0 || rows.is_empty() {
            return Ok(found);
        }
        let keys = Keys::of(rows, &self.table.key);
        let order = keys.order();
        let mut walk = self.mirror.prepare_cached(&self.table.walk_sql())?;
        let mut next = 0;
        while next < order.len() {
            for (number, cell) in keys.at(order[next]).iter().enumerate() {
                walk.raw_bind_parameter(number + 1, Bound(*cell))?;
            }
            let mut table_rows = walk.raw_query();
            let mut stroll = 0;
            loop {
                let Some(row) = table_rows.next()? else {
                    return Ok(found);
                };
                let hit = match_row(row, &keys, &order, &mut next, &mut found)?;
                if next >= order.len() {
                    return Ok(found);
                }
                stroll = if hit { 0 } else { stroll + 1 };
                if stroll > LONGEST_STROLL {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// The row with the table's values where it has none.
    fn completed(&self, row: Cells<'_>, number: i64) -> rusqlite::Result<Vec<u8>> {
        let mut statement = self.mirror.prepare_cached(&self.table.row_sql())?;
        statement.query_row([number], |stored| {
            let mut whole = Vec::with_capacity(row.bytes().len());
            for (place, cell) in row.enumerate() {
                match cell {
                    Cell::Null => cell_of(stored.get_ref(place)?).write(&mut whole),
                    cell => cell.write(&mut whole),
                }
            }
            Ok(whole)
        })
    }

    fn take(&mut self, row: Cells<'_>, known: Option<(i64, i64)>) {
        let gone = self.is_gone(row);
        let Some((number, fingerprint)) = known else {
            return self.take_unknown(row, gone);
        };
        let first = self.seen.insert(number as u64);
        if first {
            self.plan.known += 1;
            self.all_keys = self
                .all_keys
                .wrapping_add(row.fingerprint_of(&self.table.key));
        } else {
            self.plan.doubles += 1;
        }
        let same = row.fingerprint() == fingerprint;
        match (first, gone) {
            (true, true) => {
                self.plan.by_status += 1;
                self.changed.insert(number as u64);
                self.put(Mark::Gone, row);
            }
            (true, false) if same => {}
            (true, false) => {
                self.plan.changed += 1;
                self.changed.insert(number as u64);
                self.put(Mark::Changed, row);
            }
            (false, _) if same && !self.changed.contains(number as u64) => {}
            (false, true) => self.put(Mark::Gone, row),
            (false, false) => self.put(Mark::Again, row),
        }
    }

    fn take_unknown(&mut self, row: Cells<'_>, gone: bool) {
        let key = row.fingerprint_of(&self.table.key);
        let first = self.new_keys.insert(key);
        match (first, gone) {
            (true, true) => {
                self.new_keys.remove(&key);
            }
            (true, false) => {
                self.plan.new += 1;
                self.all_keys = self.all_keys.wrapping_add(key);
                self.put(Mark::New, row);
            }
            (false, gone) => {
                self.plan.doubles += 1;
                self.put(if gone { Mark::Gone } else { Mark::Again }, row);
            }
        }
    }

    fn put(&mut self, mark: Mark, row: Cells<'_>) {
        self.entries.push(mark as u8);
        self.entries
            .extend_from_slice(&(row.bytes().len() as u32).to_le_bytes());
        self.entries.extend_from_slice(row.bytes());
    }

    fn is_gone(&self, row: Cells<'_>) -> bool {
        let Some((column, words)) = &self.table.gone_status else {
            return false;
        };
        row.at(*column).text().is_some_and(|status| {
            words.iter().any(|word| {
                status.eq_ignore_ascii_case(word)
                    || (!status.is_ascii() && status.to_lowercase() == *word)
            })
        })
    }

    fn find_missing(
        &mut self,
        absence: &Absence,
        confirm: u32,
        group: Option<usize>,
    ) -> rusqlite::Result<()> {
        self.plan.full = *absence != Absence::Nothing;
        let items = match absence {
            Absence::Nothing => return Ok(()),
            Absence::All if self.plan.known == self.live => return Ok(()),
            Absence::All => None,
            Absence::Of(items) => Some(items.iter().collect::<HashSet<_>>()),
        };
        let waiting = self.waiting()?;
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
            .prepare("INSERT OR IGNORE INTO missing VALUES (?1, ?2, ?3, ?4, ?5)")?;
        let mut rows = statement.query([])?;
        let mut bytes = Vec::new();
        while let Some(row) = rows.next()? {
            if self.seen.contains(row.get::<_, i64>(0)? as u64) {
                continue;
            }
            bytes.clear();
            read_cells(row, 1, columns.len(), &mut bytes)?;
            let cells = Cells::of(&bytes);
            let places: Vec<usize> = (key.len()..key.len() + partition.len()).collect();
            let item: Vec<String> = places
                .iter()
                .map(|place| cells.at(*place).plain().unwrap_or_default())
                .collect();
            let key_bytes = key_bytes(cells, key.len());
            if items.as_ref().is_some_and(|items| !items.contains(&item)) {
                // Its item was not read: if it waits, it goes on waiting.
                if let Some((missed, first_run)) = waiting.get(&key_bytes) {
                    insert.execute(params![key_bytes, missed, first_run, false, false])?;
                }
                continue;
            }
            let (missed, first_run) = waiting
                .get(&key_bytes)
                .map_or((1, None), |(missed, run)| (missed + 1, Some(*run)));
            let gone = missed >= confirm;
            self.plan.missing(&key_bytes, gone);
            if let Some(place) = group.map(|_| columns.len() - 1) {
                self.plan.lose(cells.at(place).plain());
            }
            insert.execute(params![key_bytes, missed, first_run, gone, true])?;
        }
        Ok(())
    }

    /// Rows that another stream lists as deleted and that this reading did not see.
    fn find_fed(&mut self, feed: &Feed, group: Option<usize>) -> rusqlite::Result<()> {
        let key = &self.table.key;
        let mut columns = key.clone();
        columns.extend(group);
        let conditions: Vec<String> = feed
            .rows
            .keys()
            .enumerate()
            .map(|(number, column)| format!("{} = ?{}", super::table::quote(column), number + 1))
            .collect();
        let sql = format!(
            "SELECT rowid, {} FROM {} WHERE {} IN (SELECT {} FROM {} WHERE {})",
            self.table.names_of(&columns),
            self.table.quoted(),
            self.table.names_of(key),
            super::table::quote(&feed.key),
            super::table::quote(&feed.table),
            if conditions.is_empty() {
                "true".to_owned()
            } else {
                conditions.join(" AND ")
            },
        );
        let mut statement = self.mirror.prepare(&sql)?;
        let mut insert = self.stage.prepare(
            "INSERT INTO missing VALUES (?1, 1, NULL, 1, 1) ON CONFLICT (key) DO UPDATE SET gone = 1 WHERE gone = 0",
        )?;
        let mut rows = statement.query(rusqlite::params_from_iter(feed.rows.values()))?;
        let mut bytes = Vec::new();
        while let Some(row) = rows.next()? {
            if self.seen.contains(row.get::<_, i64>(0)? as u64) {
                continue;
            }
            bytes.clear();
            read_cells(row, 1, columns.len(), &mut bytes)?;
            let cells = Cells::of(&bytes);
            let key_bytes = key_bytes(cells, key.len());
            let known: Option<bool> = self
                .stage
                .prepare_cached("SELECT gone FROM missing WHERE key = ?1")?
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

    fn waiting(&self) -> rusqlite::Result<BTreeMap<Vec<u8>, (u32, i64)>> {
        let mut statement = self.mirror.prepare(
            "SELECT key, missed, first_run FROM rollbook_waiting WHERE source = ?1 AND stream = ?2",
        )?;
        statement
            .query_map(params![self.table.source, self.table.stream], |row| {
                Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))
            })?
            .collect()
    }

    fn count_groups(&mut self, group: usize) -> rusqlite::Result<()> {
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

/// Notes which rows of a page the table's row answers; says whether it answered one.
fn match_row(
    row: &Row<'_>,
    keys: &Keys<'_>,
    order: &[usize],
    next: &mut usize,
    found: &mut [Option<(i64, i64)>],
) -> rusqlite::Result<bool> {
    let mut hit = false;
    while let Some(place) = order.get(*next) {
        match compare_row(keys.at(*place), row)? {
            Ordering::Less => *next += 1,
            Ordering::Equal => {
                found[*place] = Some((row.get(0)?, row.get(1)?));
                hit = true;
                *next += 1;
            }
            Ordering::Greater => break,
        }
    }
    Ok(hit)
}

/// The keys of a page's rows, one behind the other.
struct Keys<'a> {
    cells: Vec<Cell<'a>>,
    /// Cells of one key.
    width: usize,
}

impl<'a> Keys<'a> {
    fn of(rows: &'a Rows, key: &[usize]) -> Self {
        let mut cells = Vec::with_capacity(rows.len() * key.len());
        for row in rows.iter() {
            cells.extend(key.iter().map(|place| row.at(*place)));
        }
        Self {
            cells,
            width: key.len(),
        }
    }

    fn at(&self, row: usize) -> &[Cell<'a>] {
        &self.cells[row * self.width..][..self.width]
    }

    /// The rows' numbers in the keys' order; most lists come in it.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.cells.len() / self.width).collect();
        let is_sorted = self
            .cells
            .chunks_exact(self.width)
            .is_sorted_by(|left, right| compare(left, right) != Ordering::Greater);
        if !is_sorted {
            order.sort_by(|left, right| compare(self.at(*left), self.at(*right)));
        }
        order
    }
}

fn key_bytes(cells: Cells<'_>, length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    cells.take(length).for_each(|cell| cell.write(&mut bytes));
    bytes
}

fn compare(left: &[Cell<'_>], right: &[Cell<'_>]) -> Ordering {
    left.iter()
        .zip(right)
        .map(|(left, right)| compare_cells(*left, *right))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// The order that SQLite gives values: null, numbers, text by bytes.
fn compare_cells(left: Cell<'_>, right: Cell<'_>) -> Ordering {
    let class = |cell: Cell<'_>| match cell {
        Cell::Null => 0,
        Cell::Integer(_) | Cell::Real(_) => 1,
        Cell::Text(_) => 2,
    };
    match (left, right) {
        (Cell::Integer(left), Cell::Integer(right)) => left.cmp(&right),
        (Cell::Real(left), Cell::Real(right)) => left.total_cmp(&right),
        (Cell::Text(left), Cell::Text(right)) => left.as_bytes().cmp(right.as_bytes()),
        _ => class(left).cmp(&class(right)),
    }
}

fn compare_row(key: &[Cell<'_>], row: &Row<'_>) -> rusqlite::Result<Ordering> {
    for (number, cell) in key.iter().enumerate() {
        let order = match (*cell, row.get_ref(number + 2)?) {
            (Cell::Text(left), ValueRef::Text(right)) => left.as_bytes().cmp(right),
            (Cell::Integer(left), ValueRef::Integer(right)) => left.cmp(&right),
            (left, right) => compare_cells(left, cell_of(right)),
        };
        if order.is_ne() {
            return Ok(order);
        }
    }
    Ok(Ordering::Equal)
}

/// A value of SQLite as a cell; a mirror holds no blobs.
fn cell_of(value: ValueRef<'_>) -> Cell<'_> {
    match value {
        ValueRef::Null | ValueRef::Blob(_) => Cell::Null,
        ValueRef::Integer(number) => Cell::Integer(number),
        ValueRef::Real(number) => Cell::Real(number),
        ValueRef::Text(text) => std::str::from_utf8(text).map_or(Cell::Null, Cell::Text),
    }
}

/// Appends `count` columns of a row, from `first` on, as cells.
pub(super) fn read_cells(
    row: &Row<'_>,
    first: usize,
    count: usize,
    bytes: &mut Vec<u8>,
) -> rusqlite::Result<()> {
    for place in first..first + count {
        cell_of(row.get_ref(place)?).write(bytes);
    }
    Ok(())
}

/// VACUUM and every change of a table's shape move this number.
fn schema_stamp(connection: &Connection) -> Result<i64, StoreError> {
    connection
        .query_row("PRAGMA schema_version", [], |row| row.get(0))
        .map_err(StoreError::sql("read the mirror's schema stamp"))
}

/// A cell that SQLite can bind.
pub(super) struct Bound<'a>(pub Cell<'a>);

impl rusqlite::ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(rusqlite::types::ToSqlOutput::Borrowed(match self.0 {
            Cell::Null => ValueRef::Null,
            Cell::Integer(number) => ValueRef::Integer(number),
            Cell::Real(number) => ValueRef::Real(number),
            Cell::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}
