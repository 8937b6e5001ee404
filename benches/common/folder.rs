//! A configuration of rollbook in a folder of its own: sources, jobs and their state.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// The secret of every source; the server accepts any.
const SECRET: &str = "ROLLBOOK_BENCH_SECRET";

/// Folders that are removed with the value.
pub struct Folder(TempDir);

impl Folder {
    /// An empty one.
    pub fn new() -> Self {
        let folder = TempDir::with_prefix("rollbook-bench-").expect("a temporary folder");
        for name in ["config/connectors", "config/jobs", "state"] {
            std::fs::create_dir_all(folder.path().join(name)).expect("a folder in it");
        }
        Self(folder)
    }

    /// Writes the connector `bench`: all that follows its name.
    pub fn connector(&self, text: &str) {
        let text = format!("connector = \"bench\"\n{text}");
        self.write("connectors/bench.toml", &text);
    }

    /// Writes this many sources of it named `bench1`, `bench2` ... with these settings and a job of one stream each,
    /// due once a year.
    pub fn sources(&self, sources: usize, settings: &str, stream: &str) {
        let mut rollbook = String::new();
        for number in 1..=sources {
            rollbook.push_str(&format!(
                "[sources.bench{number}]\nconnector = \"bench\"\n\
                 [sources.bench{number}.settings]\n{settings}\
                 [sources.bench{number}.auth]\ngrant = \"client_credentials\"\nclient_id = \"bench\"\n\
                 client_secret = {{ env = \"{SECRET}\" }}\n"
            ));
            self.write(
                &format!("jobs/bench{number}.toml"),
                &format!(
                    "source = \"bench{number}\"\nstreams = [\"{stream}\"]\nschedule = \"0 3 1 1 *\"\n"
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

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join("config").join(name), text).expect("a small file");
    }
}
