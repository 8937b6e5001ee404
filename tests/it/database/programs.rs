//! Where PostgreSQL and PgBouncer are installed, and the user that runs them.
//!
//! Where they are missing this is printed once, past the capture of the tests' output. With `ROLLBOOK_POSTGRES=must` it is
//! an error.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use nix::unistd::{User, getuid};

/// Debian's folder with a folder for each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// What the feature is tested with.
const VERSION: u32 = 15;

/// Older ones are out of support.
const OLDEST: u32 = 14;

pub struct Programs {
    /// With `initdb`, `postgres` and `psql`.
    folder: PathBuf,
    /// Who runs the servers instead of root, whom they refuse.
    user: Option<User>,
}

impl Programs {
    pub fn get() -> Option<&'static Self> {
        static FOUND: OnceLock<Option<Programs>> = OnceLock::new();
        let found = FOUND.get_or_init(|| {
            let folder = newest().or_else(|| missing("PostgreSQL"))?;
            let user = getuid().is_root().then(other_user);
            Some(Self { folder, user })
        });
        found.as_ref()
    }

    /// The ids of the user that runs the servers; `None` if it is our own.
    pub fn ids(&self) -> Option<(u32, u32)> {
        let user = self.user.as_ref()?;
        Some((user.uid.as_raw(), user.gid.as_raw()))
    }

    /// A program of PostgreSQL.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Runs a program as the servers' user in this folder, without our input, output and environment.
    pub fn command(&self, program: impl AsRef<OsStr>, folder: &Path) -> Command {
        let mut command = bare(program);
        command.current_dir(folder).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((user, group)) = self.ids() {
            command.uid(user).gid(group);
        }
        command
    }
}

/// A program with an environment that says nothing of a server.
pub fn bare(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    let path = env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).env("LC_ALL", "C");
    command
}

/// PgBouncer, which Debian installs outside of a user's `PATH`.
pub fn pgbouncer() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let path = env::var_os("PATH").unwrap_or_default();
        let mut folders = env::split_paths(&path).chain(["/usr/sbin".into()]);
        let program = folders.find_map(|folder| is_file(folder.join("pgbouncer")));
        program.or_else(|| missing("PgBouncer"))
    });
    found.as_deref()
}

/// The programs of the tested version, else those of the newest.
fn newest() -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).ok()?.filter_map(|entry| {
        let version: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let folder = Path::new(VERSIONS).join(version.to_string()).join("bin");
        let mut programs = ["initdb", "postgres", "psql"].iter();
        let is_whole = programs.all(|name| is_file(folder.join(name)).is_some());
        (version >= OLDEST && is_whole).then_some((version == VERSION, version, folder))
    });
    versions.max().map(|(.., folder)| folder)
}

fn is_file(path: PathBuf) -> Option<PathBuf> {
    path.is_file().then_some(path)
}

fn other_user() -> User {
    let mut users = ["postgres", "nobody"].into_iter();
    let user = users.find_map(|name| User::from_name(name).ok().flatten());
    user.expect("a user `postgres` or `nobody`, because PostgreSQL refuses root")
}

fn missing(what: &str) -> Option<PathBuf> {
    let message = format!("{what} is not installed (apt-get install postgresql-15 pgbouncer)");
    let is_needed = env::var("ROLLBOOK_POSTGRES").is_ok_and(|value| value == "must");
    assert!(!is_needed, "{message}");
    let _ = writeln!(std::io::stderr(), "skipped: {message}");
    None
}
