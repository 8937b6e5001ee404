//! The temporary folder of this test process, and the watcher that removes it with every server when the process ends.

use std::env;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::statvfs::statvfs;

use super::programs::Programs;

/// Functions of the watcher's shell.
const PROCESSES: &str = include_str!("processes.sh");

/// Its input ends when this process does, however it does. Servers are in `FOLDER/N/data`, PgBouncer in `FOLDER/N`.
const WATCH: &str = r#"
trap '' HUP INT TERM
cat
end "$1"/* "$1"/*/data
rm -rf "$1"
"#;

/// Bytes of a test run: 30 MB for each server, 8 MB for each database.
const ENOUGH: u64 = 2 << 30;

pub struct Folder {
    pub path: PathBuf,
    programs: &'static Programs,
    /// Holds the pipe whose end the watcher waits for.
    _watcher: Child,
}

impl Folder {
    /// The only one of this process.
    pub fn get() -> Option<&'static Self> {
        static FOLDER: OnceLock<Option<Folder>> = OnceLock::new();
        let made = FOLDER.get_or_init(|| Programs::get().map(Self::make));
        made.as_ref()
    }

    fn make(programs: &'static Programs) -> Self {
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix("rollbook-postgres-");
        let path = builder.tempdir_in(parent()).expect("a folder").keep();
        own(programs, &path);
        // A group of its own, so that what is sent to ours does not reach it.
        let watcher = shell(programs, WATCH, &[&path])
            .process_group(0)
            .stdin(Stdio::piped())
            .spawn();
        Self {
            path,
            programs,
            _watcher: watcher.expect("sh"),
        }
    }

    /// An empty folder in this one.
    pub fn make_folder(&self) -> PathBuf {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
        let path = self.path.join(name);
        fs::create_dir(&path).expect("a folder");
        own(self.programs, &path);
        path
    }
}

/// Memory where there is enough of it: a server is a thousand small files, which disks of virtual machines take seconds for.
fn parent() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let free = statvfs(memory).map_or(0, |space| space.blocks_available() * space.fragment_size());
    if free >= ENOUGH {
        memory.to_owned()
    } else {
        env::temp_dir()
    }
}

/// Writes a file which only the servers' user can read.
pub fn write(programs: &Programs, path: &Path, text: &str) {
    fs::write(path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("permissions");
    own(programs, path);
}

fn own(programs: &Programs, path: &Path) {
    if let Some((user, group)) = programs.ids() {
        chown(path, Some(user), Some(group)).expect("an owner");
    }
}

/// Sends a signal to all processes of a folder; whether there is one.
pub fn signal(programs: &Programs, name: &str, folder: &Path) -> bool {
    let script = format!("to_each {name} \"$1\"");
    let status = shell(programs, &script, &[folder]).status();
    status.expect("sh").success()
}

/// Ends all processes of a folder.
pub fn end(programs: &Programs, folder: &Path) {
    let status = shell(programs, "end \"$1\"", &[folder]).status();
    status.expect("sh");
}

/// A script after [`PROCESSES`], outside of every server's folder.
fn shell(programs: &Programs, script: &str, arguments: &[&Path]) -> Command {
    let mut command = programs.command("sh", Path::new("/"));
    let script = format!("{PROCESSES}\n{script}");
    command.arg("-c").arg(script).arg("sh").args(arguments);
    command
}
