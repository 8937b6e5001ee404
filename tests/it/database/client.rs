//! A test's database, read and written by `psql`, so that no code of the program checks itself.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use super::programs::{Programs, bare};
use super::server::{PASSWORD, SUPERUSER};
use crate::server::WAIT_LIMIT;

/// Between columns and between rows: characters that no text should have.
const COLUMN: &str = "\u{1f}";
const ROW: &str = "\u{1e}";

/// What is printed for NULL.
pub const NULL: &str = "\\N";

/// A database and the role that owns it, which have the same name.
pub struct Database {
    /// `postgres://…`, over TCP to 127.0.0.1; the server offers TLS.
    pub url: String,
    pub name: String,
    pub password: String,
    /// The same database for a superuser.
    pub superuser_url: String,
    /// The folder of the server's Unix socket.
    socket: PathBuf,
    port: u16,
}

impl Database {
    pub(super) fn create(port: u16, socket: &Path) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let password = format!("pa55word-of-{name}");
        let create = format!(
            "CREATE ROLE {name} LOGIN PASSWORD '{password}';\nCREATE DATABASE {name} OWNER {name};"
        );
        let superuser = format!("postgres://{SUPERUSER}:{PASSWORD}@127.0.0.1:{port}");
        psql(&format!("{superuser}/postgres"), &create).expect("created");
        let mut database = Self {
            url: String::new(),
            superuser_url: format!("{superuser}/{name}"),
            name,
            password,
            socket: socket.to_owned(),
            port,
        };
        database.url = database.url_at("127.0.0.1", port);
        database
    }

    /// At another host and port, such as those of a proxy.
    pub fn url_at(&self, host: &str, port: u16) -> String {
        let Self { name, password, .. } = self;
        format!("postgres://{name}:{password}@{host}:{port}/{name}")
    }

    /// By the name in the server's certificate, so that `sslmode=verify-full` can be added.
    pub fn url_of_certificate(&self) -> String {
        self.url_at("localhost", self.port)
    }

    /// Over the Unix socket.
    pub fn socket_url(&self) -> String {
        let Self { name, password, .. } = self;
        let (socket, port) = (self.socket.display(), self.port);
        format!("postgres://{name}:{password}@/{name}?host={socket}&port={port}")
    }

    /// The rows of one statement, as the owner.
    pub fn query(&self, sql: &str) -> Vec<Vec<String>> {
        psql(&self.url, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Any statements, each in its own transaction, as the owner.
    pub fn execute(&self, sql: &str) {
        self.query(sql);
    }
}

/// The rows of one statement, or the error of any. NULL is [`NULL`].
pub fn psql(url: &str, sql: &str) -> Result<Vec<Vec<String>>, String> {
    let programs = Programs::get().expect("PostgreSQL");
    let mut command = bare(programs.path("psql"));
    // No file of the user's, no command tags.
    command.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"]);
    command.args(["--field-separator", COLUMN, "--record-separator", ROW]);
    command.arg(format!("--pset=null={NULL}"));
    command.args(["--set=ON_ERROR_STOP=1", "--file=-", url]);
    command.env("PGCONNECT_TIMEOUT", WAIT_LIMIT.as_secs().to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = command.stderr(Stdio::piped()).spawn().expect("psql");
    let mut input = running.stdin.take().expect("piped");
    let _ = input.write_all(sql.as_bytes()); // it may have ended already
    drop(input);
    let output = running.wait_with_output().expect("psql");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    // The last row ends with a line break; no row is nothing.
    let rows = text.strip_suffix('\n').map(|text| text.split(ROW));
    let columns = |row: &str| row.split(COLUMN).map(str::to_owned).collect();
    Ok(rows.into_iter().flatten().map(columns).collect())
}
