//! Writes the files of a bundle: all at once, or none.
//!
//! One file replaces the last one by its name, a zip file too. Several files are written into a new folder, which then changes
//! places with the last one in one step of the file system.

mod folder;
mod ldif;
mod lines;

use std::fs;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use self::folder::NewFolder;
use self::ldif::LdifEntries;
use self::lines::LineFile;
use crate::setup::files::bundle::{BundleConfig, BundleFormat, DeltaConfig};
use rollbook_core::model::bundle::BundleMode;
use rollbook_core::permissions::readers::{GroupError, ReaderGroup, put_file_right};
use rollbook_core::replacement::{PRIVATE, Replacement};
use rollbook_core::store::StoreError;
use rollbook_core::store::bundle::{BundleChange, BundleRows, RowValues};

/// A bundle that is to be written.
#[derive(Debug)]
pub struct BundleOrder<'a> {
    /// What the admin wrote.
    pub config: &'a BundleConfig,
    /// Whether the files hold what has changed.
    pub is_delta: bool,
    /// The time of the bundle, UTC.
    pub now: &'a str,
    /// The folder or zip file.
    pub to: &'a Path,
    /// Who may read it besides its owner.
    pub group: Option<&'a ReaderGroup>,
}

/// Why a bundle was not written; the last one is still there.
#[derive(Debug, thiserror::Error)]
pub enum BundleWriteError {
    /// The mirror cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be written.
    #[error("could not write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The group cannot be given the files.
    #[error("{}", .0.with_help())]
    Group(#[from] GroupError),
    /// The folder holds something else.
    #[error("{} holds {name}, which is no file of this bundle; give the bundle a folder of its own", folder.display())]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// What is there.
        name: String,
    },
    /// The last bundle of changes is still there.
    #[error("{} was not fetched yet; the next changes are written when it is gone", .0.display())]
    NotFetched(PathBuf),
}

impl BundleWriteError {
    /// Whether it is nothing but waiting.
    pub fn is_wait(&self) -> bool {
        matches!(self, Self::NotFetched(_))
    }
}

/// What rows of one file are written to.
trait BundleFileWriter {
    /// A row of a bundle that holds everything.
    fn row(&mut self, values: &[Option<String>]) -> io::Result<()>;

    /// A row that is new, changed or was removed.
    fn change(&mut self, change: &FileChange<'_>) -> io::Result<()>;

    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// One row of a bundle of changes, by the file's columns.
enum FileChange<'a> {
    /// New.
    Added(&'a [Option<String>]),
    /// Before and after.
    Changed(&'a [Option<String>], &'a [Option<String>]),
    /// As it was.
    Removed(&'a [Option<String>]),
}

/// Writes it.
///
/// # Errors
/// When it cannot be written as a whole; then the last one stays.
pub fn write(rows: &BundleRows<'_>, order: &BundleOrder<'_>) -> Result<(), BundleWriteError> {
    let files: Vec<usize> = (0..order.config.file.len())
        .filter(|number| is_written(rows, order, *number))
        .collect();
    let above = order.to.parent().unwrap_or(Path::new("."));
    folder::make(above, order.group, false)?;
    if order.config.archive.is_some() {
        return replace(order, order.to, |file| zip(rows, order, &files, file));
    }
    if let ([number], [only]) = (&files[..], &order.config.file[..]) {
        folder::make(
            order.to,
            order.group,
            order.config.mode == BundleMode::Delta,
        )?;
        let path = order.to.join(&only.name);
        return replace(order, &path, |file| {
            write_file(rows, order, *number, &mut &*file)
        });
    }
    let names: Vec<&str> = order
        .config
        .file
        .iter()
        .map(|file| file.name.as_str())
        .collect();
    if let Some(name) = folder::foreign(order.to, &names) {
        return Err(BundleWriteError::Foreign {
            folder: order.to.to_owned(),
            name,
        });
    }
    let new = NewFolder::begin(order.to).map_err(write_error(order.to))?;
    for number in files {
        let path = new.part().join(&order.config.file[number].name);
        let failed = write_error(&path);
        let file = folder::create(&path).map_err(&failed)?;
        write_file(rows, order, number, &mut &file)?;
        file.sync_all().map_err(&failed)?;
        put_file_right(&path, order.group)?;
    }
    folder::open_to(new.part(), order.group, order.is_delta)?;
    new.commit().map_err(write_error(order.to))
}

/// The files of a bundle; those that may be absent need not be there.
pub fn files_of(config: &BundleConfig, to: &Path) -> Vec<PathBuf> {
    match config.archive {
        Some(_) => vec![to.to_owned()],
        None => config.file.iter().map(|file| to.join(&file.name)).collect(),
    }
}

/// What is still there of the last bundle of changes; it is not overwritten. A bundle with everything replaces anything.
pub fn not_fetched(order: &BundleOrder<'_>) -> Option<PathBuf> {
    let path = match (&order.config.archive, &order.config.file[..]) {
        (None, [only]) => order.to.join(&only.name),
        _ => order.to.to_owned(),
    };
    let is_there = match fs::read_dir(&path) {
        Ok(mut files) => files.next().is_some(),
        Err(_) => path.exists(),
    };
    (order.is_delta && is_there).then_some(path)
}

/// Whether a file is part of the bundle.
fn is_written(rows: &BundleRows<'_>, order: &BundleOrder<'_>, number: usize) -> bool {
    let file = &order.config.file[number];
    !file.may_be_absent || rows.written(number, order.is_delta) > 0
}

fn replace(
    order: &BundleOrder<'_>,
    path: &Path,
    fill: impl FnOnce(&fs::File) -> Result<(), BundleWriteError>,
) -> Result<(), BundleWriteError> {
    let failed = write_error(path);
    let new = Replacement::begin(path, Some(PRIVATE)).map_err(&failed)?;
    fill(new.file())?;
    if let Some(group) = order.group {
        put_file_right(new.part(), Some(group))?;
    }
    new.commit().map_err(&failed)
}

fn zip(
    rows: &BundleRows<'_>,
    order: &BundleOrder<'_>,
    files: &[usize],
    file: &fs::File,
) -> Result<(), BundleWriteError> {
    let failed = |error: zip::result::ZipError| write_error(order.to)(error.into());
    let mut zip = ZipWriter::new(BufWriter::new(file));
    for number in files {
        let name = order.config.file[*number].name.as_str();
        zip.start_file(name, SimpleFileOptions::default())
            .map_err(failed)?;
        write_file(rows, order, *number, &mut zip)?;
    }
    let mut out = zip.finish().map_err(failed)?;
    out.flush().map_err(write_error(order.to))
}

fn write_file(
    rows: &BundleRows<'_>,
    order: &BundleOrder<'_>,
    number: usize,
    out: &mut dyn Write,
) -> Result<(), BundleWriteError> {
    let config = order.config;
    let name = Path::new(&config.file[number].name);
    let (failed, columns) = (write_error(name), rows.columns(number));
    let out = BufWriter::new(out);
    let mut writer: Box<dyn BundleFileWriter + '_> = match config.format {
        BundleFormat::Csv => {
            let marks = FilledColumns::of(columns, &config.delta, order.now);
            Box::new(
                LineFile::new(&config.csv, columns, marks, config.delta.replaces, out)
                    .map_err(&failed)?,
            )
        }
        BundleFormat::Ldif => {
            Box::new(LdifEntries::new(columns, config.csv.line_end, out).map_err(&failed)?)
        }
    };
    let is_followed = !config.file[number].key.is_empty();
    let end = match order.is_delta && is_followed {
        false => rows.rows(number, |cells| {
            let values: Vec<Option<String>> = cells.iter().map(|cell| cell.plain()).collect();
            step(writer.row(&values))
        })?,
        true => rows.changes(number, |change| {
            let of = |values: &RowValues| -> Vec<Option<String>> {
                columns
                    .iter()
                    .map(|name| values.get(name).cloned().flatten())
                    .collect()
            };
            step(match change {
                BundleChange::Removed(values) => writer.change(&FileChange::Removed(&of(values))),
                BundleChange::Present(cells, before) => {
                    let now: Vec<Option<String>> = cells.iter().map(|cell| cell.plain()).collect();
                    match before.map(of) {
                        Some(before) => writer.change(&FileChange::Changed(&before, &now)),
                        None => writer.change(&FileChange::Added(&now)),
                    }
                }
            })
        })?,
    };
    match end {
        Some(error) => Err(failed(error)),
        None => writer.finish().map_err(failed),
    }
}

fn step(written: io::Result<()>) -> ControlFlow<io::Error> {
    written.map_or_else(ControlFlow::Break, ControlFlow::Continue)
}

/// The columns that a bundle of changes fills in.
struct FilledColumns<'a> {
    status: Option<usize>,
    time: Option<usize>,
    delta: &'a DeltaConfig,
    now: &'a str,
}

impl<'a> FilledColumns<'a> {
    fn of(columns: &[String], delta: &'a DeltaConfig, now: &'a str) -> Self {
        let position = |name: &str| columns.iter().position(|column| column == name);
        Self {
            status: position(&delta.status),
            time: position(&delta.time),
            delta,
            now,
        }
    }

    fn added(&self, values: &[Option<String>]) -> Vec<Option<String>> {
        self.mark(values, &self.delta.present)
    }

    fn changed(&self, values: &[Option<String>]) -> Vec<Option<String>> {
        let word = self.delta.changed.as_ref();
        self.mark(values, word.unwrap_or(&self.delta.present))
    }

    fn removed(&self, values: &[Option<String>]) -> Vec<Option<String>> {
        self.mark(values, &self.delta.removed)
    }

    fn mark(&self, values: &[Option<String>], word: &str) -> Vec<Option<String>> {
        let mut values = values.to_vec();
        if let Some(status) = self.status {
            values[status] = Some(word.to_owned());
        }
        if let Some(time) = self.time {
            values[time] = Some(self.now.to_owned());
        }
        values
    }
}

fn write_error(path: &Path) -> impl Fn(io::Error) -> BundleWriteError + use<> {
    let path = path.to_owned();
    move |source| BundleWriteError::Write {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests;
