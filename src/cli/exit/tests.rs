//! Messages on standard error, as terminals show them.

use std::io;
use std::path::{Path, PathBuf};

use super::*;
use crate::cli::table::snapshots;

#[test]
fn a_snapshot_of_messages() {
    let absent = io::Error::from(io::ErrorKind::NotFound);
    let busy = StoreError::Busy {
        path: PathBuf::from("/var/lib/rollbook/rollbook.lock"),
        pid: "812".to_owned(),
    };
    let missing = StoreError::disk(Path::new("/srv/school/mirror.db"), "look for the mirror");
    let messages = [
        Exit::from(busy),
        Exit::from(missing(absent)),
        Exit::failed(
            "nothing was written, because these files exist already:\n  /etc/rollbook/rollbook.toml\n\
             to get the missing parts, write the files to another folder and copy from it: rollbook init --dir DIR one two",
        ),
        Exit::denied(
            "/var/lib/rollbook belongs to rollbook:rollbook with mode 0700, and you are anna: only root and rollbook may do \
             this.\nRun `sudo rollbook --config /etc/rollbook sync rosters --dry-run --rows --removed`",
        ),
    ];
    let texts: Vec<String> = messages.into_iter().map(Exit::into_text).collect();
    snapshots::check("messages", |_| texts.join("\n\n"));
}
