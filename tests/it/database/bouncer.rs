//! PgBouncer in front of a server, as schools with many programs at one database have it.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use super::client::Database;
use super::folder::{self, Folder};
use super::ports::Port;
use super::programs::{Programs, pgbouncer};
use super::server::{CERTIFICATE, KEY, Server};
use crate::server::WAIT_LIMIT;

/// PgBouncer with `pool_mode = transaction`, until it is dropped.
pub struct Bouncer {
    /// The database through it.
    pub url: String,
    port: Port,
    folder: PathBuf,
    running: Child,
}

impl Server {
    /// PgBouncer in front of a database; `None` where it is not installed.
    pub fn pgbouncer(&self, database: &Database) -> Option<Bouncer> {
        let program = pgbouncer()?;
        loop {
            let port = Port::reserve();
            let folder = Folder::get()?.make_folder();
            let settings = configure(self, database, port.number, &folder);
            let log = fs::File::create(folder.join("log")).expect("a log");
            let mut command = self.programs.command(program, &folder);
            let running = command.arg(settings).stderr(log).spawn();
            let mut bouncer = Bouncer {
                url: database.url_at("127.0.0.1", port.number),
                port,
                folder,
                running: running.expect("pgbouncer"),
            };
            if bouncer.has_started() {
                return Some(bouncer);
            }
            let log = bouncer.log();
            assert!(log.contains("Address already in use"), "{log}");
        }
    }
}

/// Writes the configuration.
///
/// With a lifetime of 0 each transaction has a connection of its own to the server, so a client that counts on what an
/// earlier transaction left in its session fails always, not by chance.
fn configure(server: &Server, database: &Database, port: u16, folder: &Path) -> PathBuf {
    let (name, server_port) = (&database.name, server.port());
    let write = |file: &str, text: &str| folder::write(server.programs, &folder.join(file), text);
    write(
        "users.txt",
        &format!("\"{name}\" \"{}\"\n", database.password),
    );
    write("server.crt", CERTIFICATE);
    write("server.key", KEY);
    let path = folder.display();
    write(
        "pgbouncer.ini",
        &format!(
            "[databases]\n{name} = host=127.0.0.1 port={server_port}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir = {path}\n\
             auth_type = scram-sha-256\nauth_file = {path}/users.txt\n\
             client_tls_sslmode = allow\nclient_tls_cert_file = {path}/server.crt\nclient_tls_key_file = {path}/server.key\n\
             pool_mode = transaction\nserver_lifetime = 0\n"
        ),
    );
    folder.join("pgbouncer.ini")
}

impl Bouncer {
    /// On 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.number
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn has_started(&mut self) -> bool {
        let started = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port())).is_err() {
            if self.running.try_wait().expect("a status").is_some() {
                return false;
            }
            assert!(started.elapsed() < WAIT_LIMIT, "not ready: {}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
        true
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        if let Some(programs) = Programs::get() {
            folder::end(programs, &self.folder);
        }
        let _ = self.running.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
