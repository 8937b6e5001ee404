//! Whose files a command touches: root continues as the owner of the mirror's folder, others are told who may.
//!
//! What root wrote there the service could not open. And root opens no file in a folder of another user, so that no link
//! there leads it elsewhere.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::{self, Gid, Uid, getgrouplist, setgid, setgroups, setuid};

use super::credentials;
use super::exit::Exit;
use super::starter;
use rollbook_core::permissions::{User, owners, this_user, user_name};
use rollbook_engine::setup::Folders;
use rollbook_engine::setup::files::StoreConfig;

/// What a command does with the mirror's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateUse {
    /// Nothing.
    None,
    /// Reads the mirror.
    Reads,
    /// Writes, or reads what only the owner may see: the vault, secrets.
    Owns,
}

/// Whose a folder is.
#[derive(Clone, Copy)]
struct FolderRights {
    uid: u32,
    gid: u32,
    mode: u32,
}

/// What the process does about its user.
#[derive(Debug, PartialEq, Eq)]
enum UserChange {
    Stay,
    /// Continue as the folder's owner.
    Become,
    Refuse,
}

fn decide(user: &User, folder: FolderRights, state_use: StateUse) -> UserChange {
    let needed = match state_use {
        StateUse::None => return UserChange::Stay,
        StateUse::Reads => 0o5,
        StateUse::Owns => 0o7,
    };
    match user.uid {
        0 if folder.uid != 0 => UserChange::Become,
        // What an owner lacks is the command's own error.
        uid if uid == folder.uid => UserChange::Stay,
        _ if user.rights_by(folder.uid, folder.gid, folder.mode) & needed == needed => {
            UserChange::Stay
        }
        _ => UserChange::Refuse,
    }
}

/// Makes this process the owner of the mirror's folder if it is root's; before any other thread or file.
///
/// # Errors
/// When this user may not run the command, with the line that works.
pub fn continue_as_owner(folders: &Folders, state_use: StateUse) -> Result<(), Exit> {
    if state_use == StateUse::None {
        return Ok(());
    }
    let (text, table) = rollbook_table(&folders.config);
    let mirror = mirror_of(&table);
    // The address of a cluster's database is a secret.
    let state_use = match table.contains_key("cluster") {
        true => StateUse::Owns,
        false => state_use,
    };
    let folder = folder_of(&folders.state.join(mirror));
    let Ok(found) = fs::metadata(&folder) else {
        return Ok(());
    };
    let rights = FolderRights {
        uid: found.uid(),
        gid: found.gid(),
        mode: found.mode(),
    };
    let user = User::this();
    match decide(&user, rights, state_use) {
        UserChange::Stay => {
            if user.uid == 0 && state_use == StateUse::Owns {
                credentials::open(&folders.config, &starter::credentials(&text));
            }
            Ok(())
        }
        UserChange::Become => {
            if state_use == StateUse::Owns {
                credentials::open(&folders.config, &starter::credentials(&text));
            }
            become_user(rights).map_err(|error| {
                Exit::failed(format!(
                    "could not continue as {}, the owner of {}: {error}",
                    user_name(rights.uid),
                    folder.display()
                ))
            })
        }
        UserChange::Refuse => Err(Exit::denied(refusal(&folder, &found))),
    }
}

/// The folder's group is the process' own, so that files belong to it as those of the service do, which may have another
/// group than the user (`Group=` in its unit).
fn become_user(folder: FolderRights) -> nix::Result<()> {
    let (uid, mut gid) = (Uid::from_raw(folder.uid), Gid::from_raw(folder.gid));
    let mut groups = match unistd::User::from_uid(uid)? {
        Some(user) => {
            // Root's group is given up with root.
            gid = if folder.gid == 0 { user.gid } else { gid };
            let name = std::ffi::CString::new(user.name).unwrap_or_default();
            getgrouplist(&name, user.gid)?
        }
        // The user of a container may have no name.
        None => Vec::new(),
    };
    if !groups.contains(&gid) {
        groups.push(gid);
    }
    setgroups(&groups)?;
    setgid(gid)?;
    setuid(uid)
}

fn refusal(folder: &Path, found: &fs::Metadata) -> String {
    let line: Vec<String> = std::env::args().skip(1).collect();
    format!(
        "{} belongs to {} with mode {:04o}, and you are {}: only root and {} may do this.\nRun `sudo rollbook {}`",
        folder.display(),
        owners(found),
        found.mode() & 0o7777,
        this_user(),
        user_name(found.uid()),
        line.join(" ")
    )
}

/// `rollbook.toml`, also if it has mistakes.
fn rollbook_table(config: &Path) -> (String, toml::Table) {
    let text = fs::read_to_string(config.join("rollbook.toml")).unwrap_or_default();
    let table = text.parse().unwrap_or_default();
    (text, table)
}

/// Whether a cluster is configured.
pub fn is_cluster(config: &Path) -> bool {
    rollbook_table(config).1.contains_key("cluster")
}

fn mirror_of(table: &toml::Table) -> PathBuf {
    let path = table.get("store").and_then(|store| store.get("path"));
    path.and_then(toml::Value::as_str)
        .map_or_else(|| StoreConfig::default().path, PathBuf::from)
}

/// The mirror's folder, or the one in which it would be created.
fn folder_of(mirror: &Path) -> PathBuf {
    let existing = mirror.ancestors().skip(1).find(|folder| folder.is_dir());
    match existing {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::StateUse::{None, Owns, Reads};
    use super::*;

    #[test]
    fn who_may_do_what() {
        let (anna, rollbook) = (1000, 990);
        let rows = [
            // Root continues as the owner, whatever the mode; in a folder of its own it stays.
            (
                0,
                &[][..],
                (rollbook, rollbook, 0o700),
                Owns,
                UserChange::Become,
            ),
            (
                0,
                &[],
                (rollbook, rollbook, 0o700),
                Reads,
                UserChange::Become,
            ),
            (0, &[], (0, 0, 0o755), Owns, UserChange::Stay),
            (0, &[], (rollbook, rollbook, 0o700), None, UserChange::Stay),
            (
                rollbook,
                &[],
                (rollbook, rollbook, 0o700),
                Owns,
                UserChange::Stay,
            ),
            // Members of a group read if the folder lets them, and never own.
            (
                anna,
                &[rollbook],
                (rollbook, rollbook, 0o700),
                Reads,
                UserChange::Refuse,
            ),
            (
                anna,
                &[rollbook],
                (rollbook, rollbook, 0o750),
                Reads,
                UserChange::Stay,
            ),
            (
                anna,
                &[rollbook],
                (rollbook, rollbook, 0o750),
                Owns,
                UserChange::Refuse,
            ),
            (
                anna,
                &[],
                (rollbook, rollbook, 0o750),
                Reads,
                UserChange::Refuse,
            ),
            // A folder for all, such as /tmp.
            (anna, &[], (0, 0, 0o1777), Owns, UserChange::Stay),
        ];
        for (uid, groups, (owner, gid, mode), state_use, expected) in rows {
            let user = User {
                uid,
                groups: groups.to_vec(),
            };
            let folder = FolderRights {
                uid: owner,
                gid,
                mode,
            };
            assert_eq!(
                decide(&user, folder, state_use),
                expected,
                "user {uid} {groups:?}, folder {owner}:{gid} {mode:o}, {state_use:?}"
            );
        }
    }
}
