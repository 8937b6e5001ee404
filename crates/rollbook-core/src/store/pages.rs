//! A SQLite file as its pages: read at one moment while it is in use, and written as a file that was never open.
//!
//! A file of pages read in one transaction is what a power failure at that moment would have left behind, so who opens it continues
//! as after one.

use std::fs::File;
use std::io::Write as _;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::error::StoreError;
use super::private;
use super::readers::ReadConnection;
use super::vault::vault_file;

/// The hash of each page of a file, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageHashes(Vec<u64>);

impl PageHashes {
    /// How many pages there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Identifies the content of the file.
    pub fn hash(&self) -> u64 {
        self.0
            .iter()
            .fold(0, |hash, page| xxh3_64_with_seed(&page.to_le_bytes(), hash))
    }
}

/// One page by its number, in every table that SQLite itself has.
const PAGE: &str = "SELECT data FROM sqlite_dbpage WHERE pgno = ?1";

/// A page, by its number from 1 on.
pub type NumberedPage = (i32, Vec<u8>);

/// All pages of a file, as they were at one moment, and which of them have changed.
pub struct PageSnapshot {
    connection: SnapshotConnection,
    /// The numbers of the changed pages that were not read yet, in order from the end.
    changed: Vec<i32>,
    /// Whether there were more pages before, or none is known.
    is_shorter: bool,
    hashes: PageHashes,
}

enum SnapshotConnection {
    Shared(ReadConnection),
    Own(Connection),
}

impl Deref for SnapshotConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match self {
            Self::Shared(connection) => connection,
            Self::Own(connection) => connection,
        }
    }
}

impl PageSnapshot {
    /// The pages of a mirror now; `before` are those that are known.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of_mirror(reader: ReadConnection, before: &PageHashes) -> Result<Self, StoreError> {
        Self::scan(SnapshotConnection::Shared(reader), before)
    }

    /// The pages of the vault in a folder.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of_vault(folder: &Path, before: &PageHashes) -> Result<Self, StoreError> {
        Self::of_file(&vault_file(folder), before)
    }

    /// The pages of a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of_file(path: &Path, before: &PageHashes) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)
            .map_err(StoreError::sql("open a file to read its pages"))?;
        Self::scan(SnapshotConnection::Own(connection), before)
    }

    fn scan(connection: SnapshotConnection, before: &PageHashes) -> Result<Self, StoreError> {
        let what = StoreError::sql("read the pages of a file");
        connection.execute_batch("BEGIN").map_err(&what)?;
        let count: i32 = connection
            .query_row("PRAGMA page_count", [], |row| row.get(0))
            .map_err(&what)?;
        let (mut changed, mut hashes) = (Vec::new(), PageHashes::default());
        let mut read = connection.prepare_cached(PAGE).map_err(&what)?;
        for number in 1..=count {
            let hash = read
                .query_row([number], |row| Ok(xxh3_64(row.get_ref(0)?.as_blob()?)))
                .map_err(&what)?;
            if before.0.get(hashes.count()) != Some(&hash) {
                changed.push(number);
            }
            hashes.0.push(hash);
        }
        drop(read);
        changed.reverse();
        Ok(Self {
            connection,
            changed,
            is_shorter: before.count() == 0 || hashes.count() < before.count(),
            hashes,
        })
    }

    /// Whether the file is as it was before.
    pub fn is_same(&self, before: &PageHashes) -> bool {
        self.hashes == *before
    }

    /// The next pages that have changed, as many as fit into `bytes`; none at the end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next(&mut self, bytes: usize) -> Result<Vec<NumberedPage>, StoreError> {
        let what = StoreError::sql("read the pages of a file");
        let mut read = self.connection.prepare_cached(PAGE).map_err(&what)?;
        let (mut pages, mut size) = (Vec::new(), 0);
        while size < bytes
            && let Some(number) = self.changed.pop()
        {
            let page: Vec<u8> = read.query_row([number], |row| row.get(0)).map_err(&what)?;
            size += page.len();
            pages.push((number, page));
        }
        Ok(pages)
    }

    /// The number of the last page, if pages behind it must be removed: there were more, or it is not known what there is.
    pub fn cut_behind(&self) -> Option<i32> {
        let last = i32::try_from(self.hashes.count()).ok();
        last.filter(|_| self.is_shorter)
    }

    /// The hashes of all pages.
    pub fn hashes(&self) -> PageHashes {
        self.hashes.clone()
    }
}

impl Drop for PageSnapshot {
    fn drop(&mut self) {
        // A connection that others use too; one on which this fails is not used again.
        let _ = self.connection.execute_batch("ROLLBACK");
    }
}

/// A file that is written page by page.
#[derive(Debug)]
pub struct PagesFile {
    path: PathBuf,
    file: File,
    hashes: PageHashes,
}

impl PagesFile {
    /// Makes the file, which only this user can open.
    ///
    /// # Errors
    /// When there is one, or it cannot be made.
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        let file =
            private::create_file(path).map_err(StoreError::disk(path, "write a source's file"))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            hashes: PageHashes::default(),
        })
    }

    /// Appends a page; returns false if it is not the next one.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn append(&mut self, number: i32, page: &[u8]) -> Result<bool, StoreError> {
        if usize::try_from(number).ok() != Some(self.hashes.count() + 1) {
            return Ok(false);
        }
        let written = self.file.write_all(page);
        written.map_err(StoreError::disk(&self.path, "write a source's file"))?;
        self.hashes.0.push(xxh3_64(page));
        Ok(true)
    }

    /// Makes the file durable.
    ///
    /// # Errors
    /// When the disk refuses it.
    pub fn finish(self) -> Result<PageHashes, StoreError> {
        let synced = self.file.sync_all();
        synced.map_err(StoreError::disk(&self.path, "write a source's file"))?;
        Ok(self.hashes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Changes while a snapshot is read do not get into it, and the next one has only what they changed.
    #[test]
    fn a_copy_by_pages_is_the_file_at_one_moment() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = vault_file(folder.path());
        let writer = Connection::open(&path).expect("a file");
        let write = |sql: &str| writer.execute_batch(sql).expect("valid SQL");
        write("PRAGMA journal_mode = wal; CREATE TABLE t (a INTEGER PRIMARY KEY, b)");
        write(
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 500) \
             INSERT INTO t SELECT x, hex(randomblob(200)) FROM n",
        );
        let copy = |name: &str, known: &PagesAndHashes| {
            let (mut pages, before) = known.clone();
            let mut snapshot = PageSnapshot::of_vault(folder.path(), &before).expect("a snapshot");
            assert!(!snapshot.is_same(&before));
            let mut changed = 0;
            loop {
                let batch = snapshot.next(10_000).expect("pages");
                if batch.is_empty() {
                    break;
                }
                for (number, page) in batch {
                    changed += 1;
                    let at = usize::try_from(number - 1).expect("a number");
                    pages.resize(pages.len().max(at + 1), Vec::new());
                    pages[at] = page;
                }
                write("UPDATE t SET b = b || '.' WHERE a = 7");
            }
            if let Some(last) = snapshot.cut_behind() {
                pages.truncate(usize::try_from(last).expect("a count"));
            }
            let hashes = snapshot.hashes();
            drop(snapshot);
            let mut file = PagesFile::create(&folder.path().join(name)).expect("a file");
            for (at, page) in pages.iter().enumerate() {
                let number = i32::try_from(at + 1).expect("a number");
                assert!(file.append(number, page).expect("a page"));
            }
            assert_eq!(file.finish().expect("a file"), hashes);
            let copied = Connection::open(folder.path().join(name)).expect("a copy");
            let check: String = copied
                .query_row("PRAGMA integrity_check", [], |row| row.get(0))
                .expect("a check");
            assert_eq!(check, "ok");
            let length: i64 = copied
                .query_row("SELECT length(b) FROM t WHERE a = 7", [], |row| row.get(0))
                .expect("a row");
            (changed, length, (pages, hashes))
        };
        type PagesAndHashes = (Vec<Vec<u8>>, PageHashes);
        let (all, length, known) = copy("first.db", &PagesAndHashes::default());
        assert_eq!(length, 400, "what came later is not in it");
        let (few, later, known) = copy("second.db", &known);
        assert!(later > 400 && few * 10 < all, "{few} of {all}");
        write("DELETE FROM t; VACUUM");
        write("INSERT INTO t VALUES (7, 'x')");
        let (_, length, (pages, _)) = copy("third.db", &known);
        assert!(length <= 2 && pages.len() * 10 < all, "it has become short");
    }
}
