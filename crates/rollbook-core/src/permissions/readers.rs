//! A group that may read files besides their owner: the group, and setting a file's group and mode.
//!
//! Files are changed by their path and never opened: closing a database would end SQLite's own locks.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use nix::unistd::Group;

use super::{User, this_user, user_name};

/// The modes of a file and a folder that only their owner may use, and what a group adds to them.
const FILE: u32 = 0o600;
const FOLDER: u32 = 0o700;
const READ_FILE: u32 = 0o040;
const READ_FOLDER: u32 = 0o050;

/// New files of a folder with this bit belong to its group.
const SET_GROUP: u32 = 0o2000;

/// How the kernel shows a group that a user namespace does not map, as in a unit with `PrivateUsers=`.
const UNMAPPED: u32 = 65_534;

/// A group whose members may read files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderGroup {
    /// Its name, as the admin wrote it.
    pub name: String,
    /// Its number.
    pub gid: u32,
}

/// Why a group cannot read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// There is none of this name.
    #[error("there is no group `{0}`")]
    Unknown(String),
    /// The kernel lets a user give files only to groups of which the user is a member, and a sandbox may forbid it.
    #[error("{user} cannot give files to the group `{group}`")]
    CannotGive {
        /// The group.
        group: String,
        /// The user of this process.
        user: String,
    },
    /// The file is there, and the service has not given it to the group.
    #[error("{} is not given to the group `{group}` yet", path.display())]
    NotYet {
        /// The group.
        group: String,
        /// The user of this process.
        user: String,
        /// The file.
        path: PathBuf,
    },
    /// A folder on the way to the file keeps the group out.
    #[error("by its mode, members of the group `{group}` cannot enter {}", folder.display())]
    Closed {
        /// The group.
        group: String,
        /// The outermost such folder.
        folder: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// The operating system refused it for another reason.
    #[error("could not set group and mode of {}: {reason}", path.display())]
    Refused {
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
}

impl GroupError {
    /// What to do, with the commands.
    pub fn help(&self) -> String {
        match self {
            Self::Unknown(group) => {
                format!(
                    "run `groupadd --system {group}`, and `usermod -aG {group} USER` for each reader"
                )
            }
            Self::CannotGive { group, user } => how_to_give(group, user),
            Self::NotYet { group, user, .. } => {
                format!(
                    "the service gives it when it starts: {}",
                    how_to_give(group, user)
                )
            }
            Self::Closed {
                group,
                folder,
                owner,
            } => {
                let folder = folder.display();
                match *owner == nix::unistd::geteuid().as_raw() {
                    true => format!("run `chgrp {group} {folder} && chmod g+rx {folder}`"),
                    false => format!(
                        "it belongs to {}: run `setfacl -m g:{group}:x {folder}`, or use another folder",
                        user_name(*owner)
                    ),
                }
            }
            Self::Refused { path, .. } => {
                format!(
                    "look at its owner and mode with `ls -ld {}`",
                    path.display()
                )
            }
        }
    }

    /// What to do for a file in a folder that can be given to the group as a whole.
    pub fn help_with_folder(&self, folder: &Path) -> String {
        match self {
            Self::CannotGive { group, user } | Self::NotYet { group, user, .. } => format!(
                "run `install -d -o {user} -g {group} -m 2750 {}` and restart the service",
                folder.display()
            ),
            _ => self.help(),
        }
    }

    /// What is wrong and what to do, in one line.
    pub fn with_help(&self) -> String {
        format!("{self}; {}", self.help())
    }
}

/// With the group as the unit's own, files belong to it from the beginning.
fn how_to_give(group: &str, user: &str) -> String {
    format!(
        "under systemd, set `Group={group}` and `SupplementaryGroups={user}` in `[Service]` by `systemctl edit rollbook`, \
         elsewhere run `usermod -aG {group} {user}`; then restart the service"
    )
}

/// A mode that was wider than configured, and was put right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Narrowed {
    /// The file.
    pub path: PathBuf,
    /// The mode that it had.
    pub from: u32,
    /// The mode that it has now.
    pub to: u32,
}

impl ReaderGroup {
    /// The group of this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn named(name: &str) -> Result<Self, GroupError> {
        match Group::from_name(name).ok().flatten() {
            Some(group) => Ok(Self {
                name: name.to_owned(),
                gid: group.gid.as_raw(),
            }),
            None => Err(GroupError::Unknown(name.to_owned())),
        }
    }

    /// A user who owns nothing and is in no other group.
    fn member(&self) -> User {
        User {
            uid: u32::MAX,
            groups: vec![self.gid],
        }
    }

    /// Whether this process may give files of its own to the group.
    ///
    /// # Errors
    /// When it may not.
    pub fn may_be_given(&self) -> Result<(), GroupError> {
        let user = User::this();
        match user.uid == 0 || user.groups.contains(&self.gid) {
            true => Ok(()),
            false => Err(self.cannot_give()),
        }
    }

    fn cannot_give(&self) -> GroupError {
        GroupError::CannotGive {
            group: self.name.clone(),
            user: this_user(),
        }
    }

    /// Whether members may pass every folder above a file by its mode. An access list (`setfacl`) is not seen.
    ///
    /// # Errors
    /// With the outermost folder that keeps them out. A folder that this process cannot see counts as open.
    pub fn may_reach(&self, file: &Path) -> Result<(), GroupError> {
        let member = self.member();
        let folder = match file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        let mut way: Vec<&Path> = folder.ancestors().collect();
        way.reverse();
        for folder in way {
            let Ok(found) = fs::metadata(folder) else {
                return Ok(());
            };
            if member.rights(&found) & 0o1 == 0 {
                return Err(GroupError::Closed {
                    group: self.name.clone(),
                    folder: folder.to_owned(),
                    owner: found.uid(),
                });
            }
        }
        Ok(())
    }
}

/// What keeps a group from reading a file of this process, or from passing the folders above `way`.
pub fn obstacle(group: &ReaderGroup, file: &Path, way: &Path) -> Option<GroupError> {
    if is_given(file, group) {
        return group.may_reach(way).err();
    }
    let not_yet = || GroupError::NotYet {
        group: group.name.clone(),
        user: this_user(),
        path: file.to_owned(),
    };
    let given = group.may_be_given();
    let is_made = file.exists();
    given.err().or_else(|| is_made.then(not_yet))
}

/// Whether a file has the group's number and mode, or would inherit its number from a folder with the set-group bit.
fn is_given(file: &Path, group: &ReaderGroup) -> bool {
    let is_shared = fs::metadata(file).is_ok_and(|found| {
        found.gid() == group.gid && found.mode() & 0o777 == file_mode(Some(group))
    });
    let folder = file.parent().map(fs::metadata);
    let inherits = folder.is_some_and(|folder| {
        folder.is_ok_and(|found| found.gid() == group.gid && found.mode() & SET_GROUP != 0)
    });
    is_shared || inherits
}

/// What the mode of a file must be.
fn file_mode(group: Option<&ReaderGroup>) -> u32 {
    FILE | group.map_or(0, |_| READ_FILE)
}

/// Sets group and mode of a file: readable for the group if there is one, else for its owner only. A symbolic link is
/// followed. Returns a mode that was wider.
///
/// # Errors
/// When the file cannot be given to the group; then only its owner can read it.
pub fn put_file_right(
    path: &Path,
    group: Option<&ReaderGroup>,
) -> Result<Option<Narrowed>, GroupError> {
    let refused = |error: io::Error| GroupError::Refused {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let found = fs::metadata(path).map_err(refused)?;
    let (from, to) = (found.mode() & 0o7777, file_mode(group));
    let is_given =
        group.is_none_or(|group| group.gid == found.gid() || is_inherited_unseen(path, &found));
    if !is_given || (from & !to) != 0 {
        // First closed, then given: no other group reads it in between.
        set_mode(path, from & FILE).map_err(refused)?;
    }
    if let (Some(group), false) = (group, is_given) {
        give(path, group)?;
    }
    if !is_given || from != to {
        set_mode(path, to).map_err(refused)?;
    }
    // Another group's rights are not wider: the group is what was set.
    let is_wider = from & !to & 0o777 != 0;
    Ok(is_wider.then(|| Narrowed {
        path: path.to_owned(),
        from,
        to,
    }))
}

/// Whether a file has the group of its folder, and this process cannot see which one: then it is the admin's choice.
fn is_inherited_unseen(path: &Path, found: &fs::Metadata) -> bool {
    let folder = path.parent().and_then(|folder| fs::metadata(folder).ok());
    let is_unseen = |folder: fs::Metadata| {
        folder.gid() == UNMAPPED && folder.mode() & SET_GROUP != 0 && found.gid() == UNMAPPED
    };
    folder.is_some_and(is_unseen)
}

/// Lets the group enter and list a folder of this user. One that lets the group in already is left as it is.
///
/// # Errors
/// When the folder is another user's, or cannot be given to the group.
pub fn open_folder(path: &Path, group: &ReaderGroup) -> Result<(), GroupError> {
    let refused = |error: io::Error| GroupError::Refused {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let found = fs::metadata(path).map_err(refused)?;
    if group.member().rights(&found) & 0o5 == 0o5 {
        return Ok(());
    }
    if found.uid() != nix::unistd::geteuid().as_raw() {
        return Err(GroupError::Closed {
            group: group.name.clone(),
            folder: path.to_owned(),
            owner: found.uid(),
        });
    }
    if found.gid() != group.gid {
        give(path, group)?;
    }
    set_mode(path, found.mode() & 0o7777 | READ_FOLDER).map_err(refused)
}

/// Closes a new folder to all but its owner, and the group if there is one.
///
/// # Errors
/// When it cannot be given to the group; then the folder is removed again.
pub fn set_up_folder(path: &Path, group: Option<&ReaderGroup>) -> Result<(), GroupError> {
    let refused = |error: io::Error| GroupError::Refused {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    set_mode(path, FOLDER).map_err(refused)?;
    match group.map(|group| open_folder(path, group)) {
        Some(Err(error)) => {
            // One that the group cannot enter would not be opened the next time.
            let _ = fs::remove_dir(path);
            Err(error)
        }
        _ => Ok(()),
    }
}

fn give(path: &Path, group: &ReaderGroup) -> Result<(), GroupError> {
    chown(path, None, Some(group.gid)).map_err(|_| group.cannot_give())
}

fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests;
