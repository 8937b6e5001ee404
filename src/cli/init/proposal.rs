//! What `init` would write, as a value: checked like files on disk before anything is written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::append;
use super::edit::parsed;
use super::write_files::{NewContent, NewFile};
use crate::cli::start;
use crate::cli::starter::handover::{self, Host};
use crate::cli::starter::{self, Draft, StarterSource};
use rollbook_app::app::unusable_database;
use rollbook_core::document::{Node, Problem, Problems, Severity};
use rollbook_engine::setup::files::crosswalk::CROSSWALKS;
use rollbook_engine::setup::files::encrypted_file;
use rollbook_engine::setup::files::people::PEOPLE_FILE;
use rollbook_engine::setup::{self, Folders, Overlay, Setup};

/// The `rollbook.toml` that is there.
pub enum Existing {
    /// None.
    Missing,
    /// The package's, unmodified, with its text: it has no sources and is replaced.
    Packaged(String),
    /// An admin's, with its text: it is extended.
    Own(String),
}

/// New sources, and what belongs to them.
pub struct Proposal {
    /// Where the files are written.
    pub folders: Folders,
    /// Who uses them.
    pub host: Host,
    /// The configuration that is there.
    pub existing: Existing,
    /// The new sources.
    pub sources: Vec<StarterSource>,
    /// The secrets that were entered, by credential.
    pub secrets: BTreeMap<String, SecretString>,
    /// Source and key of each value that is not an example.
    pub answered: BTreeSet<(String, String)>,
    /// A new crosswalk.
    pub crosswalk: Option<Draft>,
    /// New lines of `people.toml`.
    pub people: Option<String>,
}

impl Proposal {
    /// The path of `rollbook.toml`.
    pub fn rollbook(&self) -> PathBuf {
        self.folders.config.join("rollbook.toml")
    }

    /// The text of the file that is extended; empty if a new one is written.
    pub fn own_text(&self) -> &str {
        match &self.existing {
            Existing::Own(text) => text,
            Existing::Missing | Existing::Packaged(_) => "",
        }
    }

    /// The names of the new sources.
    pub fn names(&self) -> Vec<String> {
        let names = self.sources.iter().map(|source| source.name.clone());
        names.collect()
    }

    /// The names of the sources in the file that is extended.
    pub fn existing_names(&self) -> Vec<String> {
        let tree = parsed(self.own_text());
        let entries = tree.at(&["sources"]).map(Node::entries).unwrap_or_default();
        entries.iter().map(|entry| entry.name.clone()).collect()
    }

    /// The credentials of a source, each with whether its secret was entered or is there already.
    fn credentials(&self, source: &StarterSource) -> (Vec<String>, Vec<String>) {
        let names = starter::credentials(&source.text);
        names
            .into_iter()
            .partition(|name| self.secrets.contains_key(name) || self.is_stored(name))
    }

    /// Whether there is a secret for a credential.
    pub fn is_stored(&self, name: &str) -> bool {
        // A folder that may not be entered is the service's.
        self.host.secret(name).exists() || encrypted_file(&self.folders.config, name).is_some()
    }

    /// Where the secret of a credential is, or will be.
    fn secret_file(&self, name: &str) -> PathBuf {
        let file = self.host.secret(name);
        match self.secrets.contains_key(name) || file.exists() {
            true => file,
            false => encrypted_file(&self.folders.config, name).unwrap_or(file),
        }
    }

    /// The credentials without a secret.
    pub fn missing_secrets(&self) -> Vec<String> {
        let missing = self.sources.iter().map(|source| self.credentials(source).1);
        missing.flatten().collect()
    }

    /// The new text of `rollbook.toml`.
    pub fn rollbook_text(&self) -> String {
        let mut section = String::new();
        for source in &self.sources {
            let (stored, missing) = self.credentials(source);
            let stored: Vec<PathBuf> = stored.iter().map(|name| self.secret_file(name)).collect();
            section.push_str(source.text.trim_end());
            section.push_str("\n\n");
            section.push_str(&handover::comments(&stored, &missing, &self.host));
        }
        let section = section.trim_end().to_owned() + "\n";
        match &self.existing {
            Existing::Own(text) if self.sources.is_empty() => text.clone(),
            Existing::Own(text) => append::appended(text, &section),
            Existing::Missing | Existing::Packaged(_) => starter::head().to_owned() + &section,
        }
    }

    /// The jobs, each at a path that no file has.
    fn jobs(&self) -> Vec<(PathBuf, String)> {
        let mut jobs: Vec<(PathBuf, String)> = Vec::new();
        for job in self.sources.iter().flat_map(|source| &source.jobs) {
            let path = |stem: &str| self.folders.jobs.join(format!("{stem}.toml"));
            let is_free = |stem: &str| {
                let path = path(stem);
                path.symlink_metadata().is_err() && jobs.iter().all(|(other, _)| *other != path)
            };
            let stem = free_name(&job.stem, is_free);
            jobs.push((path(&stem), job.text.clone()));
        }
        jobs
    }

    fn companions(&self) -> Vec<NewFile> {
        let mut files = Vec::new();
        if let Some(draft) = &self.crosswalk {
            let folder = self.folders.config.join(CROSSWALKS);
            let path = |stem: &str| folder.join(format!("{stem}.toml"));
            let stem = free_name(&draft.stem, |stem| path(stem).symlink_metadata().is_err());
            files.push(new_file(path(&stem), draft.text.clone()));
        }
        if let Some(text) = &self.people {
            let path = self.folders.config.join(PEOPLE_FILE);
            files.push(extended(path, |old| append::appended(old, text)));
        }
        files
    }

    /// Every file, in an order in which each part of them is a valid configuration.
    pub fn files(&self) -> Vec<NewFile> {
        let mut files: Vec<NewFile> = Vec::new();
        for (name, secret) in &self.secrets {
            let content = NewContent::Secret(secret.clone(), self.host.reader);
            files.push(NewFile {
                path: self.host.secret(name),
                content,
                replaces: None,
            });
        }
        let missing = self.missing_secrets();
        // systemd's credentials are root's business.
        if self.host.is_root && !missing.is_empty() {
            let path = self.folders.config.join("credentials.conf");
            let old = std::fs::read_to_string(&path).ok();
            let text = handover::drop_in(old.as_deref(), &missing, &self.folders.config);
            if old.as_ref() != Some(&text) {
                files.push(NewFile {
                    path,
                    content: NewContent::Text(text),
                    replaces: old,
                });
            }
        }
        if !self.sources.is_empty() {
            let replaces = match &self.existing {
                Existing::Missing => None,
                Existing::Packaged(text) | Existing::Own(text) => Some(text.clone()),
            };
            files.push(NewFile {
                path: self.rollbook(),
                content: NewContent::Text(self.rollbook_text()),
                replaces,
            });
        }
        files.extend(
            self.jobs()
                .into_iter()
                .map(|(path, text)| new_file(path, text)),
        );
        files.extend(self.companions());
        files
    }

    /// The same for the checks, which read what is on disk besides.
    fn overlay(&self) -> Overlay {
        let mut overlay = Overlay::default();
        if !self.sources.is_empty() {
            overlay.files.add(self.rollbook(), self.rollbook_text());
        }
        for (path, text) in self.jobs() {
            overlay.files.add(path, text);
        }
        for file in self.companions() {
            if let NewContent::Text(text) = file.content {
                overlay.files.add(file.path, text);
            }
        }
        overlay
    }

    /// What `rollbook check` would report.
    fn problems(&self, overlay: &Overlay) -> Problems {
        let secrets = start::secrets(&self.folders, &Overlay::default());
        setup::check(&self.folders, overlay, &secrets, unusable_database).1
    }

    /// The error at a value of a new source, as `rollbook check` would report it.
    pub fn problem_at(&self, source: &str, table: &str, key: &str) -> Option<Problem> {
        let (text, path) = (self.rollbook_text(), self.rollbook().display().to_string());
        let tree = parsed(&text);
        let start = tree.at(&["sources", source, table, key])?.span().start;
        let line = text[..start].rfind('\n').map_or(0, |end| end + 1);
        let end = text[start..]
            .find('\n')
            .map_or(text.len(), |end| start + end);
        let is_at = |problem: &Problem| {
            let span = problem.location.span.as_ref();
            problem.severity == Severity::Error
                && problem.location.file.name() == path
                && span.is_some_and(|span| (line..=end).contains(&span.start))
        };
        self.problems(&self.overlay()).into_iter().find(is_at)
    }

    /// Checks that the files would be a valid configuration, in which nothing but the new sources is new.
    ///
    /// # Errors
    /// Everything that would be wrong. That a new source still has examples, and lacks secrets, is not.
    pub fn verify(&self) -> Result<Setup, Problems> {
        let (old, path) = (self.own_text(), self.rollbook().display().to_string());
        if let (Existing::Own(_), false) = (&self.existing, self.sources.is_empty()) {
            if let Some(problem) = append::obstacle(&path, old) {
                return Err(problem.into());
            }
            let names: Vec<&str> = self.sources.iter().map(|source| &*source.name).collect();
            append::verify(&path, old, &self.rollbook_text(), &names)?;
        }
        let overlay = self.overlay();
        let setup = Setup::load(&self.folders, &overlay)?;
        let before = self.problems(&Overlay::default());
        let before: BTreeSet<String> = before.iter().map(ToString::to_string).collect();
        let is_expected = |problem: &Problem| {
            let span = problem.location.span.as_ref();
            problem.severity != Severity::Error
                || problem.location.file.name() == path
                    && span.is_some_and(|span| span.start >= old.len())
                || before.contains(&problem.to_string())
        };
        let mut new = Problems::new();
        let found = self.problems(&overlay).into_iter();
        new.extend(found.filter(|problem| !is_expected(problem)));
        match new.has_errors() {
            true => Err(new),
            false => Ok(setup),
        }
    }
}

fn new_file(path: PathBuf, text: String) -> NewFile {
    NewFile {
        path,
        content: NewContent::Text(text),
        replaces: None,
    }
}

fn extended(path: PathBuf, extend: impl Fn(&str) -> String) -> NewFile {
    let old = std::fs::read_to_string(&path).ok();
    NewFile {
        content: NewContent::Text(extend(old.as_deref().unwrap_or_default())),
        replaces: old,
        path,
    }
}

/// The name itself, else the first of `name_2`, `name_3` that is free.
pub fn free_name(name: &str, is_free: impl Fn(&str) -> bool) -> String {
    let further = (2..).map(|number| format!("{name}_{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(further);
    names.find(|name| is_free(name)).unwrap_or_default()
}

/// The absolute path of a folder that need not exist.
pub fn canonical(folder: &Path) -> std::io::Result<PathBuf> {
    let absolute = std::path::absolute(folder)?;
    for existing in absolute.ancestors() {
        if let (Ok(found), Ok(rest)) = (existing.canonicalize(), absolute.strip_prefix(existing)) {
            // A join with nothing would end with a slash.
            return Ok(rest.iter().fold(found, |path, part| path.join(part)));
        }
    }
    Ok(absolute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_free_name() {
        let rows = [
            (&[][..], "a"),
            (&["a"], "a_2"),
            (&["a", "a_2", "a_4"], "a_3"),
        ];
        for (taken, expected) in rows {
            assert_eq!(free_name("a", |name| !taken.contains(&name)), expected);
        }
    }

    #[test]
    fn a_folder_that_need_not_exist_has_an_absolute_path() {
        let folder = tempfile::tempdir().expect("a folder");
        let real = folder.path().canonicalize().expect("there");
        std::os::unix::fs::symlink(&real, folder.path().join("link")).expect("linked");
        for (path, expected) in [
            (folder.path().to_owned(), real.clone()),
            (folder.path().join("link/new/deep"), real.join("new/deep")),
            (
                PathBuf::from("/no-such-folder/x"),
                PathBuf::from("/no-such-folder/x"),
            ),
        ] {
            assert_eq!(canonical(&path).expect("a path"), expected);
        }
        assert!(canonical(Path::new("new")).expect("a path").is_absolute());
    }
}
