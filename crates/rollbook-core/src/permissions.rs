//! Whom a file belongs to, for the message when this process may not open it; `readers.rs`: a group that may read files.

pub mod readers;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nix::unistd::{self, Gid, Group, Uid};
use serde::{Deserialize, Serialize};

/// A user with the groups that a process has.
#[derive(Clone, Debug)]
pub struct User {
    /// The number; 0 is root.
    pub uid: u32,
    /// The groups' numbers.
    pub groups: Vec<u32>,
}

impl User {
    /// The one that this process runs as.
    pub fn this() -> Self {
        let mut groups = vec![unistd::getegid().as_raw()];
        let more = unistd::getgroups().unwrap_or_default();
        groups.extend(more.iter().map(|group| group.as_raw()));
        Self {
            uid: unistd::geteuid().as_raw(),
            groups,
        }
    }

    /// The bits `rwx` that the user has of a file or folder; root has all.
    pub fn rights(&self, found: &fs::Metadata) -> u32 {
        self.rights_by(found.uid(), found.gid(), found.mode())
    }

    /// The same by owner, group and mode.
    pub fn rights_by(&self, owner: u32, group: u32, mode: u32) -> u32 {
        let shift = match self.uid {
            0 => return 0o7,
            uid if uid == owner => 6,
            _ if self.groups.contains(&group) => 3,
            _ => 0,
        };
        (mode >> shift) & 0o7
    }
}

/// The person or service that did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The user's number.
    pub uid: u32,
    /// The user's name, or the number of one without a name.
    pub name: String,
}

static INVOKER: OnceLock<Actor> = OnceLock::new();

/// Makes this process one that a person on another host asked for; before [`invoker`].
pub fn invoked_by(actor: Actor) {
    let _ = INVOKER.set(actor); // only once
}

/// Who started this process, even if it continues as another user. Call it first before it does.
///
/// A person who became root by `sudo` is the one who called `sudo`.
pub fn invoker() -> &'static Actor {
    INVOKER.get_or_init(|| {
        let uid = unistd::getuid().as_raw();
        let person = std::env::var("SUDO_UID").ok().filter(|_| uid == 0);
        let uid = person.and_then(|uid| uid.parse().ok()).unwrap_or(uid);
        Actor {
            uid,
            name: user_name(uid),
        }
    })
}

/// The name of the user that this process runs as.
pub fn this_user() -> String {
    user_name(unistd::geteuid().as_raw())
}

/// The name of a user, or the number of one without a name.
pub fn user_name(uid: u32) -> String {
    let known = unistd::User::from_uid(Uid::from_raw(uid)).ok().flatten();
    known.map_or_else(|| uid.to_string(), |user| user.name)
}

/// Whether a file or folder belongs to the user that this process runs as.
pub fn is_own(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.uid() == unistd::geteuid().as_raw())
}

/// What keeps this process from a file: the first folder on the way that it may not enter, else the file, else the folder
/// in which it would be created.
fn obstacle(path: &Path) -> PathBuf {
    let is_closed = |inside: &Path| {
        fs::symlink_metadata(inside)
            .is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
    };
    let mut way: Vec<&Path> = path
        .ancestors()
        .filter(|part| *part != Path::new(""))
        .collect();
    way.reverse();
    for pair in way.windows(2) {
        if is_closed(pair[1]) {
            return pair[0].to_owned();
        }
    }
    let existing = path.ancestors().find(|part| part.exists());
    existing.unwrap_or(Path::new(".")).to_owned()
}

/// `it belongs to root:root with mode 0600, and this process runs as rollbook`; of a folder above the file with its path.
pub fn denied(path: &Path) -> String {
    let obstacle = obstacle(path);
    let what = if obstacle == path {
        "it".to_owned()
    } else {
        obstacle.display().to_string()
    };
    let me = this_user();
    match fs::metadata(&obstacle) {
        Ok(found) => format!(
            "{what} belongs to {} with mode {:04o}, and this process runs as {me}",
            owners(&found),
            found.mode() & 0o7777
        ),
        Err(_) => format!("{me} may not open {}", obstacle.display()),
    }
}

/// `user:group` of a file.
pub fn owners(found: &fs::Metadata) -> String {
    let group = Group::from_gid(Gid::from_raw(found.gid())).ok().flatten();
    let group = group.map_or_else(|| found.gid().to_string(), |group| group.name);
    format!("{}:{group}", user_name(found.uid()))
}

/// The command that lets this process use a file that only it should open, or everything in a folder.
pub fn chown(path: &Path) -> String {
    let option = if path.is_dir() { "-R " } else { "" };
    format!("chown {option}{}: {}", this_user(), path.display())
}

/// The command that lets this process read a file or folder of the configuration, which root keeps.
pub fn let_read(path: &Path) -> String {
    let mode = if path.is_dir() { "g+rx" } else { "g+r" };
    let me = this_user();
    let path = path.display();
    format!("chgrp {me} {path} && chmod {mode} {path}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_rights_of_a_user() {
        let user = |uid, groups: &[u32]| User {
            uid,
            groups: groups.to_vec(),
        };
        let rows = [
            (user(0, &[]), 0o000, 0o7),
            (user(990, &[]), 0o640, 0o6),
            // The owner has what the owner is given, although the group has more.
            (user(990, &[991]), 0o040, 0o0),
            (user(1000, &[991]), 0o640, 0o4),
            (user(1000, &[1000]), 0o644, 0o4),
            (user(1000, &[1000]), 0o640, 0o0),
        ];
        for (user, mode, expected) in rows {
            assert_eq!(
                user.rights_by(990, 991, mode),
                expected,
                "{user:?} {mode:o}"
            );
        }
    }

    #[test]
    fn what_keeps_this_process_from_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("secret");
        fs::write(&file, "x").expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("set");
        let me = this_user();
        let text = denied(&file);
        assert!(text.starts_with(&format!("it belongs to {me}:")), "{text}");
        assert!(
            text.ends_with(&format!(" with mode 0640, and this process runs as {me}")),
            "{text}"
        );
        // Of a file that is not there, the folder in which it would be created.
        let text = denied(&folder.path().join("new"));
        assert!(
            text.starts_with(&format!("{} belongs to", folder.path().display())),
            "{text}"
        );
        assert_eq!(chown(&file), format!("chown {me}: {}", file.display()));
        assert_eq!(
            chown(folder.path()),
            format!("chown -R {me}: {}", folder.path().display())
        );
    }
}
