//! One PostgreSQL server: how it is set up and started. What only a test's own server can do is in [`super::own`].

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use super::client::Database;
use super::folder::{self, Folder};
use super::ports::Port;
use super::programs::Programs;
use crate::server::WAIT_LIMIT;

/// Signed the server's certificate, which names `localhost` and no address.
pub const AUTHORITY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/crates/rollbook-http/src/http/tests/certificates/authority.pem"
);

pub const CERTIFICATE: &str =
    include_str!("../../../crates/rollbook-http/src/http/tests/certificates/good.pem");
pub const KEY: &str =
    include_str!("../../../crates/rollbook-http/src/http/tests/certificates/server.key");

pub const SUPERUSER: &str = "postgres";
pub const PASSWORD: &str = "pa55word-of-postgres";

/// Nothing waits for the disk: what a server wrote survives its own death without that. Commits are written before they are
/// acknowledged, as usual, so that tests that kill a server lose none.
///
/// `autovacuum` would disturb the creation of databases. Shared memory is in the folder, so that a killed server leaves none.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
max_connections = 200
shared_buffers = 16MB
dynamic_shared_memory_type = mmap
fsync = off
full_page_writes = off
autovacuum = off
min_wal_size = 2MB
max_wal_size = 32MB
jit = off
ssl = on
timezone = 'UTC'
log_timezone = 'UTC'
log_statement = all
log_connections = on
log_disconnections = on
log_line_prefix = '%m [%p] %q%u@%d %a: '
";

/// A PostgreSQL server on loopback, with TLS, and on a Unix socket in its folder.
pub struct Server {
    pub(super) programs: &'static Programs,
    /// With the data, the socket and the log.
    pub(super) folder: PathBuf,
    port: Port,
    pub(super) running: Option<Child>,
}

impl Server {
    /// The server of all tests; `None` where PostgreSQL is not installed.
    pub fn get() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Server>> = OnceLock::new();
        SHARED.get_or_init(Self::own).as_ref()
    }

    /// A server of the test's own, which it can stop, kill and pause.
    pub fn own() -> Option<Self> {
        let programs = Programs::get()?;
        loop {
            let folder = Folder::get()?.make_folder();
            copy(programs, template()?, &folder.join("data"));
            let mut server = Self {
                programs,
                folder,
                port: Port::reserve(),
                running: None,
            };
            if server.has_started() {
                return Some(server);
            }
            let log = server.log();
            assert!(log.contains("Address already in use"), "{log}");
        }
    }

    /// A new empty database, with a role that owns it and has no other rights.
    pub fn database(&self) -> Database {
        Database::create(self.port.number, &self.folder)
    }

    /// On 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.number
    }

    /// All statements, connections and errors so far.
    pub fn log(&self) -> String {
        let log = fs::read(self.folder.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// What it was told in a database since a part of its log.
    pub fn told(&self, database: &Database, since: usize) -> Vec<String> {
        let user = format!("@{} ", database.name);
        let log = self.log();
        let lines = log[since..].lines().filter(|line| line.contains(&user));
        lines.map(str::to_owned).collect()
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Starts the server, and waits until it accepts connections. False if it ends instead; its log has the reason.
    pub(super) fn has_started(&mut self) -> bool {
        let log = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.folder.join("log"));
        let mut command = self
            .programs
            .command(self.programs.path("postgres"), &self.data());
        command.arg("-D").arg(self.data());
        command.arg("-c").arg(format!("port={}", self.port.number));
        let socket = format!("unix_socket_directories={}", self.folder.display());
        command.arg("-c").arg(socket).stderr(log.expect("a log"));
        let mut child = command.spawn().expect("postgres");
        let started = Instant::now();
        while !is_ready(&self.data(), child.id()) {
            if child.try_wait().expect("a status").is_some() {
                return false;
            }
            assert!(started.elapsed() < WAIT_LIMIT, "not ready: {}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
        self.running = Some(child);
        true
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        folder::end(self.programs, &self.data()); // also what a killed server leaves
        if let Some(mut running) = self.running.take() {
            let _ = running.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The server writes its process and, in line 8, its state into this file.
fn is_ready(data: &Path, process: u32) -> bool {
    let text = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let mut lines = text.lines();
    let is_its = lines.next().is_some_and(|line| line == process.to_string());
    is_its && lines.nth(6).is_some_and(|state| state.trim() == "ready")
}

/// The data of a server that was never started: it is made once, and copied.
fn template() -> Option<&'static Path> {
    static TEMPLATE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let template = TEMPLATE.get_or_init(|| {
        let programs = Programs::get()?;
        let folder = Folder::get()?.make_folder();
        let (data, password) = (folder.join("template"), folder.join("password"));
        folder::write(programs, &password, PASSWORD);
        let mut initdb = programs.command(programs.path("initdb"), &folder);
        initdb.args([
            "--no-sync",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
        ]);
        // Small files of the write-ahead log, which is copied too.
        initdb.args(["--wal-segsize=1", "--username", SUPERUSER]);
        initdb.arg("--pwfile").arg(password).arg("-D").arg(&data);
        let log = fs::File::create(folder.join("log")).expect("a log");
        let status = initdb.stderr(log).status().expect("initdb");
        let log = || fs::read_to_string(folder.join("log"));
        assert!(status.success(), "initdb: {:?}", log());
        let settings = data.join("postgresql.conf");
        let defaults = fs::read_to_string(&settings).expect("settings");
        folder::write(programs, &settings, &(defaults + SETTINGS));
        folder::write(programs, &data.join("server.crt"), CERTIFICATE);
        folder::write(programs, &data.join("server.key"), KEY);
        Some(data)
    });
    template.as_deref()
}

/// Copies data to a path where nothing is.
pub(super) fn copy(programs: &Programs, from: &Path, to: &Path) {
    let mut copy = programs.command("cp", Path::new("/"));
    let status = copy.arg("-a").arg(from).arg(to).status().expect("cp");
    assert!(status.success(), "cp -a {from:?} {to:?}: {status}");
}
