//! Writes several files, all or none.
//!
//! Each is written beside its path first, as a hidden file that no reader of the folder takes; only when all are on the disk
//! are they given their names, in an order in which each part is a valid configuration. The surprise: a file that changed
//! meanwhile is not replaced, and a new one replaces nothing.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown,
};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

/// Mode of files that hold no secret: the service runs as another user.
pub const MODE: u32 = 0o644;

/// Mode of a secret.
const SECRET_MODE: u32 = 0o600;

/// Mode of a folder that has to be created.
const FOLDER_MODE: u32 = 0o755;

/// The same for the folder of secrets.
const SECRET_FOLDER_MODE: u32 = 0o750;

/// One file.
pub struct NewFile {
    /// Where.
    pub path: PathBuf,
    /// What.
    pub content: NewContent,
    /// What it replaces; `None` if there must be no file.
    pub replaces: Option<String>,
}

/// What a file holds.
pub enum NewContent {
    /// A text without secrets.
    Text(String),
    /// A secret, and the user and group that it is for, if not this process.
    Secret(SecretString, Option<(u32, u32)>),
}

/// Writes all files, or leaves everything as it is.
///
/// # Errors
/// The file that could not be written.
pub fn write_all(files: Vec<NewFile>) -> Result<(), (PathBuf, io::Error)> {
    let mut folders = Vec::new();
    let mut staged = Vec::new();
    let result = stage(files, &mut folders, &mut staged).and_then(|()| commit(&mut staged));
    if result.is_err() {
        staged.iter().rev().for_each(StagedFile::undo);
    }
    staged.iter().for_each(StagedFile::clean);
    if result.is_err() {
        for folder in folders.iter().rev() {
            let _ = fs::remove_dir(folder); // another program may have written into it
        }
    }
    result
}

/// A file that is written and has not its name yet.
struct StagedFile {
    file: NewFile,
    aside: PathBuf,
    /// The file that was replaced, under another name.
    former: PathBuf,
    is_named: bool,
}

fn stage(
    files: Vec<NewFile>,
    folders: &mut Vec<PathBuf>,
    staged: &mut Vec<StagedFile>,
) -> Result<(), (PathBuf, io::Error)> {
    for mut file in files {
        let shown = file.path.clone();
        // A link is followed, so that it stays one.
        if file.replaces.is_some()
            && let Ok(path) = file.path.canonicalize()
        {
            file.path = path;
        }
        let folder = file.path.parent().unwrap_or(Path::new("."));
        let name = file.path.file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        let aside = folder.join(format!(".{name}.new"));
        let former = folder.join(format!(".{name}.former"));
        let written =
            create_folder(folder, &file.content, folders).and_then(|()| write_aside(&aside, &file));
        staged.push(StagedFile {
            file,
            aside,
            former,
            is_named: false,
        });
        written.map_err(|error| (shown, error))?;
    }
    Ok(())
}

fn commit(staged: &mut [StagedFile]) -> Result<(), (PathBuf, io::Error)> {
    for one in staged.iter_mut() {
        one.give_name()
            .map_err(|error| (one.file.path.clone(), error))?;
        one.is_named = true;
    }
    for one in staged.iter() {
        // After a power cut the names may be the old ones, which is a valid configuration too.
        let folder = one.file.path.parent().map(File::open);
        let _ = folder.and_then(Result::ok).map(|folder| folder.sync_all());
    }
    Ok(())
}

impl StagedFile {
    fn give_name(&self) -> io::Result<()> {
        let path = &self.file.path;
        let Some(replaces) = &self.file.replaces else {
            // Unlike a rename, a link never replaces a file that was created meanwhile.
            return fs::hard_link(&self.aside, path);
        };
        if fs::read(path)? != replaces.as_bytes() {
            return Err(io::Error::other("it was changed meanwhile"));
        }
        remove(&self.former)?;
        fs::hard_link(path, &self.former)?;
        fs::rename(&self.aside, path)
    }

    fn undo(&self) {
        if !self.is_named {
            return;
        }
        let _ = match self.file.replaces {
            Some(_) => fs::rename(&self.former, &self.file.path),
            None => fs::remove_file(&self.file.path),
        };
    }

    fn clean(&self) {
        let _ = remove(&self.aside);
        let _ = remove(&self.former);
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Creates a folder and those above it, and notes which.
fn create_folder(
    folder: &Path,
    content: &NewContent,
    created: &mut Vec<PathBuf>,
) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent().filter(|above| *above != Path::new("")) {
        create_folder(above, &NewContent::Text(String::new()), created)?;
    }
    let (mode, group) = match content {
        NewContent::Text(_) => (FOLDER_MODE, None),
        NewContent::Secret(_, reader) => (SECRET_FOLDER_MODE, reader.map(|(_, group)| group)),
    };
    DirBuilder::new().mode(mode).create(folder)?;
    created.push(folder.to_owned());
    let opened = File::open(folder)?;
    if group.is_some() {
        fchown(&opened, None, group)?;
    }
    // Independent of the umask: root's is often 077, and the service must read the files.
    opened.set_permissions(Permissions::from_mode(mode))
}

fn write_aside(aside: &Path, file: &NewFile) -> io::Result<()> {
    // What an interrupted command left.
    remove(aside)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(SECRET_MODE);
    let mut opened = options.open(aside)?;
    let (bytes, owner, mode) = match &file.content {
        NewContent::Secret(secret, owner) => {
            (secret.expose_secret().as_bytes(), *owner, SECRET_MODE)
        }
        NewContent::Text(text) => {
            let former = file.replaces.as_ref().map(|_| fs::metadata(&file.path));
            let former = former.transpose()?;
            let owner = former.as_ref().map(|former| (former.uid(), former.gid()));
            let mode = former.map_or(MODE, |former| former.mode() & 0o7777);
            (text.as_bytes(), owner, mode)
        }
    };
    opened.write_all(bytes)?;
    if let Some((user, group)) = owner {
        let made = opened.metadata()?;
        if (made.uid(), made.gid()) != (user, group) {
            fchown(&opened, Some(user), Some(group))?;
        }
    }
    opened.set_permissions(Permissions::from_mode(mode))?;
    opened.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: PathBuf, text: &str, replaces: Option<&str>) -> NewFile {
        NewFile {
            path,
            content: NewContent::Text(text.to_owned()),
            replaces: replaces.map(str::to_owned),
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<String> = names
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn all_are_written_with_their_modes_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("old.toml"), "old").expect("written");
        fs::set_permissions(at("old.toml"), Permissions::from_mode(0o640)).expect("set");
        // What a killed command left.
        fs::write(at(".old.toml.new"), "half").expect("written");
        fs::write(at(".old.toml.former"), "older").expect("written");
        let secret = NewContent::Secret(SecretString::from("hunter2"), None);
        let files = vec![
            NewFile {
                path: at("credentials/x"),
                content: secret,
                replaces: None,
            },
            text(at("old.toml"), "old and new", Some("old")),
            text(at("jobs/new.toml"), "new", None),
        ];
        write_all(files).expect("written");
        assert_eq!(names(folder.path()), ["credentials", "jobs", "old.toml"]);
        for (name, content, mode) in [
            ("credentials/x", "hunter2", 0o600),
            ("old.toml", "old and new", 0o640),
            ("jobs/new.toml", "new", 0o644),
        ] {
            assert_eq!(fs::read_to_string(at(name)).expect("read"), content);
            let found = at(name).metadata().expect("there").mode();
            assert_eq!(found & 0o7777, mode, "{name}");
        }
        let mode = |name: &str| at(name).metadata().expect("there").mode() & 0o7777;
        assert_eq!((mode("credentials"), mode("jobs")), (0o750, 0o755));
    }

    #[test]
    fn one_that_cannot_be_written_leaves_everything_as_it_was() {
        type Break = fn(&Path);
        let rows: [(&str, Break, &str); 3] = [
            (
                "a job of that name was created meanwhile",
                |folder| {
                    fs::create_dir(folder.join("jobs")).expect("made");
                    fs::write(folder.join("jobs/new.toml"), "theirs").expect("written");
                },
                "jobs/new.toml",
            ),
            (
                "the folder is a file",
                |folder| fs::write(folder.join("jobs"), "").expect("written"),
                "jobs/new.toml",
            ),
            (
                "the file was edited meanwhile",
                |folder| fs::write(folder.join("old.toml"), "edited").expect("written"),
                "old.toml",
            ),
        ];
        for (what, break_it, expected) in rows {
            let folder = tempfile::tempdir().expect("a folder");
            let at = |name: &str| folder.path().join(name);
            fs::write(at("old.toml"), "old").expect("written");
            break_it(folder.path());
            let before = names(folder.path());
            let old = fs::read_to_string(at("old.toml")).expect("read");
            let files = vec![
                text(at("first.toml"), "first", None),
                text(at("old.toml"), "old and new", Some("old")),
                text(at("jobs/new.toml"), "new", None),
            ];
            let (path, _) = write_all(files).expect_err(what);
            assert_eq!(path, at(expected), "{what}");
            assert_eq!(names(folder.path()), before, "{what}");
            assert_eq!(
                fs::read_to_string(at("old.toml")).expect("read"),
                old,
                "{what}"
            );
        }
    }

    #[test]
    fn a_link_stays_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&file, "old").expect("written");
        std::os::unix::fs::symlink("real", &link).expect("linked");
        write_all(vec![text(link.clone(), "new", Some("old"))]).expect("written");
        assert!(link.symlink_metadata().expect("there").is_symlink());
        assert_eq!(fs::read_to_string(&file).expect("read"), "new");
    }
}
