//! Which entries of which folders decide what a path leads to: links can be anywhere in it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// As many links as the kernel follows in one path.
const MAX_LINKS: u32 = 40;

/// What must be watched to see a change of the `.toml` files of some folders. Contains no link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Trace {
    /// The folders themselves: every entry counts.
    folders: BTreeSet<PathBuf>,
    /// The entries on the way to them, and to files that are links: a change means that something else is read.
    entries: BTreeSet<PathBuf>,
    /// The folders to watch.
    watched: BTreeSet<PathBuf>,
}

impl Trace {
    /// Of absolute paths.
    pub fn of(folders: &[PathBuf]) -> Self {
        let mut trace = Self::default();
        for folder in folders {
            let real = trace.follow(folder).filter(|real| real.is_dir());
            if let Some(real) = real {
                trace.watched.insert(real.clone());
                trace.folders.insert(real.clone());
                trace.follow_files(&real);
            }
        }
        trace
    }

    /// The folders to watch.
    pub fn watched(&self) -> impl Iterator<Item = &PathBuf> {
        self.watched.iter()
    }

    /// Whether a change of this entry may be a change of the files.
    pub fn is_relevant(&self, path: &Path) -> bool {
        let folder = path.parent();
        self.entries.contains(path) || folder.is_some_and(|folder| self.folders.contains(folder))
    }

    fn follow_files(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            if is_link && path.extension().is_some_and(|ending| ending == "toml") {
                self.follow(&path);
            }
        }
    }

    /// Resolves a path as the kernel does, and notes each entry; `None` if it leads to nothing.
    fn follow(&mut self, path: &Path) -> Option<PathBuf> {
        let mut real = PathBuf::from("/");
        let mut rest = parts_reversed(path);
        let mut links = 0;
        while let Some(part) = rest.pop() {
            if part == ".." {
                real.pop();
                continue;
            }
            let entry = real.join(part);
            self.entries.insert(entry.clone());
            let Ok(about) = fs::symlink_metadata(&entry) else {
                self.watched.insert(real);
                return None;
            };
            if !about.is_symlink() {
                real = entry;
                continue;
            }
            links += 1;
            self.watched.insert(real.clone());
            let target = fs::read_link(&entry).ok()?;
            if links > MAX_LINKS {
                return None;
            }
            if target.is_absolute() {
                real = PathBuf::from("/");
            }
            rest.extend(parts_reversed(&target));
        }
        self.watched.extend(real.parent().map(Path::to_owned));
        Some(real)
    }
}

fn parts_reversed(path: &Path) -> Vec<OsString> {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    });
    let mut parts: Vec<OsString> = parts.collect();
    parts.reverse();
    parts
}
