//! The only access to files that people edit: reads a TOML file, or all of a folder.
//!
//! Not a watcher, and it does not interpret the content. Hidden files and editors' backups are skipped silently, other
//! names with a note, so that a mistyped `rosters.tml` is noticed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use crate::document::parse::{LARGEST, text_of};
use crate::document::{FileText, Location, Problem, ProblemKind, Problems};
use crate::permissions::{denied, let_read};

/// The content of a folder.
#[derive(Debug, Default)]
pub struct Folder {
    /// Each `.toml` file that could be read, with its name before the dot, by name.
    pub files: Vec<(String, Arc<FileText>)>,
    /// Problems of files that could not be read, and notes on skipped ones.
    pub problems: Problems,
}

/// Files that are not written yet: each counts instead of the one on disk.
#[derive(Clone, Debug, Default)]
pub struct DraftFiles(BTreeMap<PathBuf, String>);

impl DraftFiles {
    /// One more.
    pub fn add(&mut self, path: PathBuf, text: String) {
        self.0.insert(path, text);
    }

    /// The text of one.
    pub fn text(&self, path: &Path) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// Whether a file or folder exists, or has a draft.
    pub fn exists(&self, path: &Path) -> bool {
        path.exists() || self.0.keys().any(|draft| draft.starts_with(path))
    }

    /// Reads a file or its draft.
    pub fn read_file(&self, path: &Path) -> Result<Arc<FileText>, Problem> {
        match self.0.get(path) {
            Some(text) => text_of(&path.display().to_string(), text.clone().into_bytes()),
            None => read_file(path),
        }
    }

    /// Reads every `.toml` file directly in a folder, and every draft.
    pub fn read_folder(&self, path: &Path) -> Result<Folder, Problem> {
        let drafts: Vec<&PathBuf> = self
            .0
            .keys()
            .filter(|draft| draft.parent() == Some(path))
            .collect();
        let mut folder = match path.exists() || drafts.is_empty() {
            true => read_folder(path)?,
            false => Folder::default(),
        };
        for draft in drafts {
            let stem = draft.file_stem().unwrap_or_default().to_string_lossy();
            folder.files.retain(|(name, _)| *name != stem);
            folder
                .files
                .push((stem.into_owned(), self.read_file(draft)?));
        }
        folder.files.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(folder)
    }
}

/// Reads one file.
pub fn read_file(path: &Path) -> Result<Arc<FileText>, Problem> {
    let unreadable = |error: &io::Error| unreadable(path, "file", error);
    // A pipe or a device would never end.
    if !std::fs::metadata(path)
        .map_err(|error| unreadable(&error))?
        .is_file()
    {
        return Err(Problem::error(
            Location::whole(&FileText::unread(path)),
            "this is not a file",
        ));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(&error))?;
    text_of(&path.display().to_string(), bytes)
}

/// Reads every `.toml` file directly in a folder.
pub fn read_folder(path: &Path) -> Result<Folder, Problem> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|error| unreadable(path, "folder", &error))? {
        let entry = entry.map_err(|error| unreadable(path, "folder", &error))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let mut folder = Folder::default();
    for name in names.iter().filter(|name| !is_leftover(name)) {
        let file = path.join(name);
        match name.strip_suffix(".toml") {
            Some(stem) => match read_file(&file) {
                Ok(text) => folder.files.push((stem.to_owned(), text)),
                Err(problem) => folder.problems.push(problem),
            },
            None => {
                let note = Problem::note(
                    Location::whole(&FileText::unread(&file)),
                    "this file is skipped",
                );
                folder
                    .problems
                    .push(note.help("only `.toml` files in this folder are read"));
            }
        }
    }
    Ok(folder)
}

/// What is in some folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Changes when a `.toml` file directly in one of the folders is changed, renamed, added or removed. Independent of
    /// where the folders are, and of links.
    pub content: u64,
    /// Changes also when such a file is written or replaced and then has its old content again.
    pub stamp: u64,
}

impl Snapshot {
    /// Reads the folders. A folder or file that cannot be read counts as missing.
    pub fn of(folders: &[PathBuf]) -> Self {
        let (mut content, mut stamp) = (Xxh3Default::new(), Xxh3Default::new());
        for (number, folder) in folders.iter().enumerate() {
            content.update(&number.to_le_bytes());
            for file in toml_files(folder) {
                let name = file.file_name().unwrap_or_default().as_encoded_bytes();
                let mut bytes = Vec::new();
                let file = File::open(&file).and_then(|file| {
                    let about = file.metadata()?;
                    file.take(LARGEST as u64 + 1).read_to_end(&mut bytes)?;
                    Ok(about)
                });
                content.update(&xxh3_64(name).to_le_bytes());
                content.update(
                    &file
                        .as_ref()
                        .map_or([0; 8], |_| xxh3_64(&bytes).to_le_bytes()),
                );
                if let Ok(about) = file {
                    let (seconds, nanos) = (about.ctime(), about.ctime_nsec());
                    for part in [about.dev(), about.ino(), seconds as u64, nanos as u64] {
                        stamp.update(&part.to_le_bytes());
                    }
                }
            }
        }
        Self {
            content: content.digest(),
            stamp: stamp.digest(),
        }
    }
}

/// The SHA-256 of each `.toml` file in these folders, in hexadecimal, by the file's name. Files in another folder than the
/// first have the folder's name before theirs. A file that cannot be read is left out.
pub fn hashes(folders: &[PathBuf]) -> BTreeMap<String, String> {
    let mut hashes = BTreeMap::new();
    for (number, folder) in folders.iter().enumerate() {
        for file in toml_files(folder) {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let name = match folder.file_name() {
                Some(folder) if number > 0 => format!("{}/{name}", folder.to_string_lossy()),
                _ => name.into_owned(),
            };
            let mut bytes = Vec::new();
            let read = File::open(&file)
                .and_then(|file| file.take(LARGEST as u64 + 1).read_to_end(&mut bytes));
            if read.is_ok() {
                let hash = digest(&SHA256, &bytes);
                let hash = hash.as_ref().iter().map(|byte| format!("{byte:02x}"));
                hashes.insert(name, hash.collect());
            }
        }
    }
    hashes
}

/// The `.toml` files directly in a folder, by name; none if it cannot be read.
fn toml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "toml") && file.is_file());
    files.sort();
    files
}

/// A `file` or `folder` that cannot be read.
fn unreadable(path: &Path, what: &str, error: &io::Error) -> Problem {
    let location = Location::whole(&FileText::unread(path));
    let message = format!("cannot read this {what}: {}", plain(path, error));
    let problem = Problem::error(location, message);
    match error.kind() {
        io::ErrorKind::PermissionDenied => problem
            .kind(ProblemKind::Denied)
            .help(format!("run `{}`", let_read(path))),
        _ => problem,
    }
}

/// Backups of editors and package managers; packages also install a README in such folders.
fn is_leftover(name: &str) -> bool {
    const ENDINGS: [&str; 11] = [
        "~",
        "#",
        ".bak",
        ".orig",
        ".swp",
        ".tmp",
        ".rpmsave",
        ".rpmnew",
        ".dpkg-old",
        ".dpkg-dist",
        ".dpkg-new",
    ];
    name == "README"
        || name.starts_with(['.', '#'])
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// The reason why this process could not read a file or folder, for a message.
pub fn plain(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => denied(path),
        io::ErrorKind::NotADirectory => "it is not a folder".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_gives_its_toml_files_by_name() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in [
            "b.toml",
            "a.toml",
            ".a.toml.swp",
            "a.toml~",
            "#a.toml#",
            "a.toml.bak",
            "c.tml",
            "d.toml.dpkg-old",
            "d.toml.dpkg-new",
            "README",
        ] {
            fs::write(folder.path().join(name), "x = 1").expect("written");
        }
        fs::create_dir(folder.path().join("e.toml")).expect("made");
        fs::write(folder.path().join("f.toml"), b"\xff").expect("written");
        let found = read_folder(folder.path()).expect("readable");
        let names: Vec<&str> = found.files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        let prefix = format!("{}/", folder.path().display());
        let problems: Vec<String> = found
            .problems
            .iter()
            .map(|one| one.to_string().replace(&prefix, ""))
            .collect();
        assert_eq!(
            problems,
            [
                "c.tml: this file is skipped (only `.toml` files in this folder are read)",
                "e.toml: this is not a file",
                "f.toml:1:1: this is not UTF-8 (save the file as UTF-8)",
            ]
        );
        assert_eq!(found.problems.errors(), 2);
    }

    #[test]
    fn a_missing_file_or_folder_is_reported() {
        let missing = Path::new("/nowhere/at/all.toml");
        let found = read_file(missing).expect_err("missing").to_string();
        assert_eq!(
            found,
            "/nowhere/at/all.toml: cannot read this file: it does not exist"
        );
        let found = read_folder(missing).expect_err("missing").to_string();
        assert_eq!(
            found,
            "/nowhere/at/all.toml: cannot read this folder: it does not exist"
        );
    }
}
