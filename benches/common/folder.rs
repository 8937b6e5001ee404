//! A configuration of rollbook in a folder of its own: sources, jobs and their state.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// The secret of every source; the server accepts any.
const SECRET: &str = "ROLLBOOK_BENCH_SECRET";

/// Folders that are removed with the value.
pub struct Folder(TempDir);

/// How the roster is read.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// The base address: always the same, so that the same mirror reads another list.
    pub base_url: &'a str,
    /// Path of the list of users, below that.
    pub path: &'a str,
    /// The token endpoint.
    pub token_url: &'a str,
    /// Rows per page.
    pub page: usize,
    /// Concurrent requests.
    pub in_flight: usize,
}

impl Folder {
    /// An empty one.
    pub fn new() -> Self {
        let folder = TempDir::with_prefix("rollbook-bench-").expect("a temporary folder");
        for name in ["config/connectors", "config/jobs", "state"] {
            std::fs::create_dir_all(folder.path().join(name)).expect("a folder in it");
        }
        Self(folder)
    }

    /// Writes a file of the configuration.
    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join("config").join(name), text).expect("a small file");
    }

    /// Writes the connector, and this many sources named `bench1`, `bench2` ... with a job each, due once a year.
    pub fn describe(&self, reading: Reading<'_>, sources: usize) {
        let Reading {
            base_url,
            path,
            token_url,
            page,
            in_flight,
        } = reading;
        self.write(
            "connectors/bench.toml",
            &format!(
                "connector = \"bench\"\nextends = \"oneroster\"\n\
                 [limits]\nin_flight = {in_flight}\nper_second = 1000\n\
                 [streams.users]\npath = \"{path}\"\n[streams.users.page]\nsize = {page}\n"
            ),
        );
        let mut rollbook = String::new();
        for number in 1..=sources {
            rollbook.push_str(&format!(
                "[sources.bench{number}]\nconnector = \"bench\"\n\
                 [sources.bench{number}.settings]\nbase_url = \"{base_url}\"\ntoken_url = \"{token_url}\"\n\
                 [sources.bench{number}.auth]\ngrant = \"client_credentials\"\nclient_id = \"bench\"\n\
                 client_secret = {{ env = \"{SECRET}\" }}\n"
            ));
            self.write(
                &format!("jobs/bench{number}.toml"),
                &format!(
                    "source = \"bench{number}\"\nstreams = [\"users\"]\nschedule = \"0 3 1 1 *\"\n"
                ),
            );
        }
        self.write("rollbook.toml", &rollbook);
    }

    /// The folder of the mirror.
    pub fn state(&self) -> std::path::PathBuf {
        self.0.path().join("state")
    }

    /// The release binary on this configuration, without a command.
    pub fn rollbook(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollbook"));
        command
            .env_clear()
            .env(SECRET, "bench")
            .args([Path::new("--config"), &self.0.path().join("config")])
            .args([Path::new("--state"), &self.state()]);
        command
    }
}
