//! Compares what a vendor sends with the mirror while it arrives, and stages what differs.
//!
//! Each page is merged with the table in key order; a row with the same fingerprint is only marked as seen. New and
//! different rows are put aside, page by page (`stage.rs`). So memory is bounded by a page plus one bit per row of the
//! table. The mirror is not changed here: that is `apply.rs`.

mod columns;
mod key_order;
mod key_set;
mod keys;
mod matching;
mod missing;
mod new_keys;
mod older;
mod partial;
mod received;
mod row_set;
mod space;
mod stage;
mod waiting;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use rusqlite::Connection;

pub use self::received::{PageNote, PageRows};
pub use self::space::StagingSpace;
pub use self::waiting::WaitingRows;

pub(super) use self::stage::{Stage, each_entry, push_entry};

use self::key_order::KeyOrder;
use self::key_set::KeySet;
use self::matching::StoredRow;
use self::new_keys::NewKeys;
use self::row_set::RowSet;
use self::space::Share;
use super::database::Store;
use super::error::StoreError;
use super::known_pages::ReceivedPages;
use super::readers::ReadConnection;
use crate::model::absence::Duplicates;
use crate::model::plan::Plan;
use crate::model::row::{Cells, RawCell, Rows};
use crate::model::{Expiry, StreamName, Table};

/// How the table's size is found before a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Row by row: what absence and the guard need.
    Counted,
    /// Only whether there are any, which costs nothing: for a time series, which loses no rows.
    Unknown,
}

/// How a reading ended.
pub struct Ending<'a> {
    /// What absence means.
    pub absence: Absence,
    /// All rows were requested, and not changes only.
    pub full: bool,
    /// In how many readings in a row a row must be missing before it is removed.
    pub confirm: u32,
    /// The guard's group column.
    pub group: Option<usize>,
    /// The stream that lists deletions.
    pub feed: Option<&'a Feed>,
}

#[cfg(any(test, feature = "testing"))]
impl Ending<'_> {
    /// A reading that was full where absence means something.
    pub fn of(absence: Absence, confirm: u32) -> Self {
        Self {
            full: absence != Absence::Nothing,
            absence,
            confirm,
            group: None,
            feed: None,
        }
    }
}

/// What absence may mean when the reading has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absence {
    /// Nothing: the reading was not full, or cannot be believed.
    Nothing,
    /// A row that was not received is missing.
    All,
    /// The same, for rows of these items only; each is the partition columns' values.
    Of(Vec<Vec<String>>),
}

/// What is staged for one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mark {
    /// Its key was not in the table.
    New = b'n',
    /// Its key was, with another fingerprint.
    Changed = b'c',
    /// A duplicate of an earlier row of this reading; which version stays is decided when it is applied.
    Duplicate = b'a',
    /// Its status marks it as removed.
    Removed = b'g',
}

/// A deletion feed: which rows of another stream's table name this one's keys.
#[derive(Clone, Debug)]
pub struct Feed {
    /// The feed's stream, of the same source.
    pub stream: StreamName,
    /// The feed's table.
    pub table: String,
    /// The feed's column with the key.
    pub key: String,
    /// Which of its rows are meant.
    pub rows: BTreeMap<String, String>,
}

/// How many rows were received, and how many of them have a value in each column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValueCounts {
    rows: u64,
    values: Vec<u64>,
}

impl ValueCounts {
    /// Whether there are enough rows to compare others with.
    pub fn is_telling(&self) -> bool {
        self.rows >= columns::ENOUGH_ROWS
    }
}

/// A reading in progress.
pub struct Staging {
    table: Arc<Table>,
    mirror: ReadConnection,
    stage: Stage,
    share: Share,
    live: u64,
    stamp: i64,
    /// Rows of the table that were received.
    seen: RowSet,
    changed: RowSet,
    new_keys: NewKeys,
    all_keys: u64,
    shifted: u64,
    /// The rows are received again later.
    is_ahead: bool,
    /// The keys of rows that will be received again.
    ahead: HashSet<u64>,
    /// Received rows that were rejected: they stay unchanged.
    present: u64,
    /// Values other than null by column; empty before the first page.
    values: Vec<u64>,
    /// Of the step before this one, where the mirror may not have it yet.
    step_before: Option<ValueCounts>,
    unreadable: BTreeMap<u32, u64>,
    /// Keys of rows that are not in the table and whose status marks them as removed: they are not staged.
    unknown_removed: KeySet,
    /// Keys of received rows that are not stored: of erased people, or too old.
    left_out: KeySet,
    /// Columns of which some row keeps its value.
    kept: BTreeSet<usize>,
    /// Rows that are removed by a date of their own, whatever the vendor lists.
    expiry: Option<Expiry>,
    /// Points of a time series that are kept no longer; they are not staged.
    over: Option<Expiry>,
    /// A time series: rows are added and hardly ever changed.
    only_grows: bool,
    /// The item of a time series that the rows belong to: the cells of the partition columns.
    item: Vec<u8>,
    problems: Vec<StagedProblem>,
    plan: Plan,
    entries: Vec<u8>,
    /// Of what was staged; `None` once it was not in the order of the keys.
    order: Option<KeyOrder>,
    pages: ReceivedPages,
    /// Prepared once: it is used for each changed row.
    is_older_sql: String,
    /// A point of the table as cells.
    point: Vec<u8>,
}

/// Why a row, or a cell of it, keeps what it had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagedProblem {
    /// The row's key, as cells.
    pub(super) key: Vec<u8>,
    pub(super) column: String,
    pub(super) reason: String,
    /// The whole row was rejected.
    pub(super) rejected: bool,
}

/// At most so many are kept of one reading; the counts in the report are whole.
const MAX_ROW_PROBLEMS: usize = 1000;

/// A reading that has ended: what differs, ready to be applied.
pub struct Staged {
    /// The stream's table.
    pub table: Arc<Table>,
    /// What it would do.
    pub plan: Plan,
    /// What was received.
    pub received: ValueCounts,
    pub(super) stage: Stage,
    /// What is staged is not in the order of the keys, and too much to be written like that.
    pub(super) must_be_sorted: bool,
    /// The stage's bytes count while it is there.
    share: Share,
    pub(super) pages: ReceivedPages,
    pub(super) problems: Vec<StagedProblem>,
    /// Keys of unconfirmed removals that this reading received.
    pub(super) found_again: Vec<Vec<u8>>,
}

impl Staged {
    /// Requests the disk that applying it needs besides the mirror's: what is in another order than that of the keys is sorted.
    ///
    /// # Errors
    /// When the disk has not as much.
    pub fn request_room(&mut self) -> Result<(), StoreError> {
        if self.must_be_sorted {
            self.share.sort()?;
        }
        Ok(())
    }
}

impl Staging {
    /// Starts a reading of one stream.
    ///
    /// # Errors
    /// Also when the disk has no more free space than readings leave.
    pub fn open(store: &Store, table: Arc<Table>, size: Size) -> Result<Self, StoreError> {
        let share = Share::begin(store.staging_space())?;
        let what = StoreError::sql("start a reading");
        let mirror = store.reader()?;
        let rows = table.quoted();
        let count = match size {
            Size::Counted => format!("SELECT count(*) FROM {rows}"),
            Size::Unknown => format!("SELECT EXISTS (SELECT 1 FROM {rows})"),
        };
        let live = mirror
            .prepare_cached(&count)
            .and_then(|mut count| count.query_row([], |row| row.get(0)))
            .map_err(&what)?;
        let stamp = schema_stamp(&mirror)?;
        let plan = Plan::of_table(live);
        Ok(Self {
            seen: RowSet::new(table.series),
            changed: RowSet::new(table.series),
            table,
            mirror,
            stage: Stage::default(),
            share,
            live,
            stamp,
            new_keys: NewKeys::default(),
            all_keys: 0,
            shifted: 0,
            is_ahead: false,
            ahead: HashSet::new(),
            present: 0,
            values: Vec::new(),
            step_before: None,
            unreadable: BTreeMap::new(),
            unknown_removed: KeySet::default(),
            left_out: KeySet::default(),
            kept: BTreeSet::new(),
            expiry: None,
            over: None,
            only_grows: size == Size::Unknown,
            item: Vec::new(),
            problems: Vec::new(),
            plan,
            entries: Vec::new(),
            order: Some(KeyOrder::default()),
            pages: ReceivedPages::default(),
            is_older_sql: String::new(),
            point: Vec::new(),
        })
    }

    /// Removes the rows that are kept no longer, and takes no such row.
    pub fn expire(&mut self, expiry: Expiry) {
        self.expiry = Some(expiry);
    }

    /// Takes no point that is kept no longer; what the table has of them stays.
    pub fn leave_out(&mut self, over: Expiry) {
        self.over = Some(over);
    }

    /// Compares columns with the step before this one, whose rows may not be in the mirror yet.
    pub fn follow(&mut self, before: Option<ValueCounts>) {
        self.step_before = before;
    }

    /// Compares a page with the table and puts aside what differs.
    ///
    /// # Errors
    /// Also when the reading reaches a limit: it can only be dropped then.
    pub fn add(&mut self, rows: &Rows) -> Result<(), StoreError> {
        self.share.receive(rows.received(), rows.byte_count())?;
        self.count(rows);
        self.compare(rows)
    }

    fn add_recheck(&mut self, before: &Rows, ahead: &Rows) -> Result<(), StoreError> {
        let (distinct, duplicates) = (self.identity().0, self.plan.duplicates);
        self.compare(before)?;
        self.shifted += self.identity().0 - distinct;
        self.is_ahead = true;
        self.compare(ahead)?;
        self.is_ahead = false;
        self.plan.duplicates = duplicates;
        Ok(())
    }

    fn compare(&mut self, rows: &Rows) -> Result<(), StoreError> {
        let what = StoreError::sql("compare a page");
        self.entries.clear();
        let matches = self.matches(rows).map_err(&what)?;
        for (number, known) in matches.into_iter().enumerate() {
            let row = rows.row(number);
            if rows.is_suppressed(number) {
                self.plan.suppressed += u64::from(self.note_left_out(row).map_err(&what)?);
            } else if self.over.as_ref().is_some_and(|over| over.is_over(row)) {
                self.plan.expired += u64::from(self.note_left_out(row).map_err(&what)?);
            } else if rows.is_present_only(number) {
                self.keep_present(row, known);
            } else if rows.is_partial(number) {
                let whole = self.completed(row, known).map_err(&what)?;
                let whole = Cells::of(&whole);
                self.take(whole, whole.fingerprint(), known)
                    .map_err(&what)?;
            } else {
                self.take(row, rows.fingerprints()[number], known)
                    .map_err(&what)?;
            }
        }
        self.stage_entries()
    }

    fn stage_entries(&mut self) -> Result<(), StoreError> {
        if !self.entries.is_empty() {
            self.share.stage(self.entries.len())?;
            self.stage
                .add(&self.entries)
                .map_err(StoreError::sql("stage a page"))?;
        }
        Ok(())
    }

    /// The number of distinct rows received, and the sum of their keys: equal for two readings that received the same
    /// rows.
    pub fn identity(&self) -> (u64, u64) {
        let left_out = self.left_out.len();
        (self.plan.distinct() + left_out, self.all_keys)
    }

    /// The keys that were received more than once.
    pub fn duplicates(&self) -> Duplicates {
        self.plan.duplicates
    }

    /// Rows that only a recheck returned.
    pub fn shifted(&self) -> u64 {
        self.shifted + self.ahead.len() as u64
    }

    /// Ends the reading: works out what is missing and how much each group and column loses.
    pub fn finish(mut self, ending: &Ending<'_>) -> Result<Staged, StoreError> {
        let what = StoreError::sql("find missing rows");
        self.plan.was_read_in_full = ending.full;
        self.plan.rebuilt = schema_stamp(&self.mirror)? != self.stamp;
        let unconfirmed = self.unconfirmed().map_err(&what)?;
        let found_again = match self.plan.rebuilt {
            true => Vec::new(),
            false => self.found_again(&unconfirmed).map_err(&what)?,
        };
        // Row numbers may have changed (VACUUM), so it is unknown which rows were received.
        if !self.plan.rebuilt {
            self.find_missing(ending, &unconfirmed).map_err(&what)?;
            self.find_expired(ending.group).map_err(&what)?;
        }
        if let Some(feed) = ending.feed {
            self.find_deleted(feed, ending.group).map_err(&what)?;
        }
        self.plan.unchanged = self.plan.distinct()
            - self.plan.new
            - self.plan.changed
            - self.plan.by_status
            - self.plan.older
            - self.present;
        if self.plan.lost() > 0
            && let Some(group) = ending.group
        {
            self.count_groups(group).map_err(&what)?;
        }
        self.count_columns().map_err(&what)?;
        let must_be_sorted = self.order.is_none() && !self.table.series && self.stage.has_spilled();
        Ok(Staged {
            received: ValueCounts {
                rows: self.plan.read,
                values: self.values,
            },
            table: self.table,
            plan: self.plan,
            stage: self.stage,
            must_be_sorted,
            share: self.share,
            pages: self.pages,
            problems: self.problems,
            found_again,
        })
    }

    /// Marks a row of the table as received; returns whether for the first time.
    fn see(&mut self, row: Cells<'_>, number: i64) -> bool {
        self.see_key(row.fingerprint_of(&self.table.key), number)
    }

    fn see_key(&mut self, key: u64, number: i64) -> bool {
        let first = self.seen.insert(number);
        if first {
            self.plan.known += 1;
            self.note_first(key);
        } else {
            self.note_duplicate(key);
        }
        first
    }

    /// A row of an erased person, or a point that is too old: whether the list is whole and moved is decided as with any row,
    /// and nothing is staged. Returns whether it was received for the first time.
    fn note_left_out(&mut self, row: Cells<'_>) -> rusqlite::Result<bool> {
        let key = row.fingerprint_of(&self.table.key);
        let is_first = self.left_out.insert(key)?;
        match is_first {
            true => self.note_first(key),
            false => self.note_duplicate(key),
        }
        Ok(is_first)
    }

    fn note_first(&mut self, key: u64) {
        self.all_keys = self.all_keys.wrapping_add(key);
        if self.is_ahead {
            self.ahead.insert(key);
        }
    }

    fn note_duplicate(&mut self, key: u64) {
        if !self.ahead.is_empty() && self.ahead.remove(&key) {
            return;
        }
        self.plan.duplicates.rows += 1;
        self.plan.duplicates.fingerprint = self.plan.duplicates.fingerprint.wrapping_add(key);
    }

    fn take(
        &mut self,
        row: Cells<'_>,
        fingerprint: i64,
        known: Option<StoredRow>,
    ) -> rusqlite::Result<()> {
        let removed = self.is_removed(row);
        let Some(known) = known else {
            return self.take_unknown(row, removed);
        };
        let number = known.number;
        let first = self.see(row, number);
        let same = fingerprint == known.fingerprint;
        if first && !same && self.is_older(row)? {
            self.plan.older += 1;
            return Ok(());
        }
        match (first, removed) {
            (true, true) => {
                self.plan.by_status += 1;
                self.changed.insert(number);
                self.put(Mark::Removed, row);
            }
            (true, false) if same => {}
            (true, false) => {
                self.plan.changed += 1;
                self.changed.insert(number);
                self.put(Mark::Changed, row);
            }
            (false, _) if same && !self.changed.contains(number) => {}
            (false, true) => self.put(Mark::Removed, row),
            (false, false) => self.put(Mark::Duplicate, row),
        }
        Ok(())
    }

    fn take_unknown(&mut self, row: Cells<'_>, removed: bool) -> rusqlite::Result<()> {
        let mut was_removed = false;
        if removed || self.unknown_removed.len() > 0 {
            let key = row.fingerprint_of(&self.table.key);
            was_removed = match removed {
                true => !self.unknown_removed.insert(key)?,
                false => self.unknown_removed.remove(key)?,
            };
        }
        let first = self.is_first(row, removed)?;
        if first && was_removed {
            self.note_duplicate(row.fingerprint_of(&self.table.key));
        }
        match (first, removed) {
            (true, true) => {}
            (true, false) => {
                let key = row.fingerprint_of(&self.table.key);
                self.plan.new += 1;
                self.note_first(key);
                self.put(Mark::New, row);
            }
            (false, removed) => {
                self.note_duplicate(row.fingerprint_of(&self.table.key));
                self.put(
                    if removed {
                        Mark::Removed
                    } else {
                        Mark::Duplicate
                    },
                    row,
                );
            }
        }
        Ok(())
    }

    fn put(&mut self, mark: Mark, row: Cells<'_>) {
        push_entry(&mut self.entries, mark, row);
        let Some(order) = &mut self.order else {
            return;
        };
        match order.is_behind_all(row, &self.table.key) {
            true => order.note(row, &self.table.key),
            false => self.order = None,
        }
    }

    fn is_removed(&self, row: Cells<'_>) -> bool {
        if self
            .expiry
            .as_ref()
            .is_some_and(|expiry| expiry.is_over(row))
        {
            return true;
        }
        let Some((column, words)) = &self.table.removed_status else {
            return false;
        };
        let RawCell::Text(status) = row.raw_at(*column) else {
            return false;
        };
        let lower = |status: &[u8]| std::str::from_utf8(status).map(str::to_lowercase);
        words.iter().any(|word| {
            status.eq_ignore_ascii_case(word.as_bytes())
                || (!status.is_ascii() && lower(status).is_ok_and(|status| status == *word))
        })
    }
}

/// VACUUM and every change of a table's shape move this number.
fn schema_stamp(connection: &Connection) -> Result<i64, StoreError> {
    connection
        .query_row("PRAGMA schema_version", [], |row| row.get(0))
        .map_err(StoreError::sql("read the mirror's schema stamp"))
}
