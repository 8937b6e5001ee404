//! A temporary folder with a configuration, jobs and a state folder, and the program run in it.
//!
//! The environment is empty, so the machine's proxy and its own Rollbook have no effect.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::server::{Paging, Server, WAIT_LIMIT};

/// The client's secret at the vendor.
pub const SECRET: &str = "s3cr3t-of-the-client-0123456789";

/// A schedule without a tick while a test runs. The program has the real clock, so an hourly one would run a job in the middle
/// of every test that runs at a full hour.
pub const NO_TICK: &str = "0 0 29 2 *";

/// How the program is set up.
pub struct Config<'a> {
    /// The job's streams.
    pub streams: &'a [&'a str],
    /// Rows per page.
    pub page: usize,
    /// Concurrent requests.
    pub in_flight: u32,
    /// Further lines of the job, such as `apply = "together"`; tables come last.
    pub job: &'a str,
    /// The lines below `[sources.own.auth]`.
    pub auth: &'a str,
}

impl Default for Config<'_> {
    fn default() -> Self {
        Self {
            streams: &["users"],
            page: 200,
            in_flight: 4,
            job: "",
            auth: "grant = \"client_credentials\"\nclient_id = \"rollbook\"\nclient_secret = { file = \"secret\" }\n",
        }
    }
}

pub struct Installation {
    folder: TempDir,
}

impl Installation {
    /// An installation with a job `roster` that reads this vendor.
    pub fn new(server: &Server, plan: &Config<'_>) -> Self {
        let installation = Self::empty();
        installation.write("config/connectors/own.toml", &connector(server, plan));
        installation.write("config/rollbook.toml", &rollbook(server, plan));
        installation.secret("secret", SECRET);
        let streams: Vec<String> = plan
            .streams
            .iter()
            .map(|name| format!("{name:?}"))
            .collect();
        let job = format!(
            "source = \"own\"\nstreams = [{}]\nschedule = \"{NO_TICK}\"\n{}",
            streams.join(", "),
            plan.job
        );
        installation.write("jobs/roster.toml", &job);
        installation
    }

    /// An installation without files.
    pub fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn mirror(&self) -> PathBuf {
        self.path("state/mirror.db")
    }

    /// Writes a file of the configuration.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    /// Writes a secret that only we can read.
    pub fn secret(&self, name: &str, text: &str) {
        self.secret_at(&format!("config/{name}"), text);
    }

    /// The same in any folder.
    pub fn secret_at(&self, name: &str, text: &str) {
        use std::io::Write as _;
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .expect("a file");
        file.write_all(text.as_bytes()).expect("written");
    }

    /// The program without arguments.
    pub fn bare(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollbook"));
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    /// The program with these arguments, not started; its output is written to files.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.bare();
        self.folders(&mut command);
        command.args(arguments);
        command
    }

    /// Adds the folder options to a command.
    pub fn folders(&self, command: &mut Command) {
        for (name, folder) in [
            ("--config", "config"),
            ("--jobs", "jobs"),
            ("--state", "state"),
        ] {
            command.arg(name).arg(self.path(folder));
        }
    }

    pub fn start(&self, command: Command) -> Running {
        self.spawn(command, None)
    }

    /// The same with another standard error, which is then empty in the recorded output.
    pub fn start_into(&self, command: Command, log: Stdio) -> Running {
        self.spawn(command, Some(log))
    }

    fn spawn(&self, mut command: Command, log: Option<Stdio>) -> Running {
        let output = tempfile::tempdir_in(self.folder.path()).expect("a folder");
        let file = |name: &str| fs::File::create(output.path().join(name)).expect("a file");
        let err = file("err");
        let child = command
            .stdout(file("out"))
            .stderr(log.unwrap_or_else(|| err.into()))
            .stdin(Stdio::null())
            .spawn();
        Running {
            child: child.expect("started"),
            output,
        }
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        self.start(self.command(arguments)).end()
    }

    /// `rollbook sync --json` to its end.
    pub fn sync(&self) -> Finished {
        self.run(&["sync", "--json"])
    }
}

/// The program while it runs.
pub struct Running {
    child: Child,
    output: TempDir,
}

impl Running {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Standard error so far.
    pub fn log(&self) -> String {
        read(&self.output.path().join("err"))
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("removed");
    }

    /// Stops it as systemd does.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends it a signal by its short name.
    pub fn signal(&self, name: &str) {
        let killed = Command::new("kill")
            .args(["-s", name, &self.pid().to_string()])
            .status();
        assert!(killed.expect("kill runs").success());
    }

    /// Waits for the end.
    pub fn end(mut self) -> Finished {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            if started.elapsed() > WAIT_LIMIT {
                self.kill();
                panic!(
                    "the program did not end within {WAIT_LIMIT:?}: {}",
                    read(&self.output.path().join("err"))
                );
            }
            thread::sleep(Duration::from_millis(5));
        };
        Finished {
            code: status.code(),
            out: read(&self.output.path().join("out")),
            err: read(&self.output.path().join("err")),
            took: started.elapsed(),
        }
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).expect("read")).into_owned()
}

/// The ended program.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
    pub took: Duration,
}

impl Finished {
    /// The only job's report.
    pub fn report(&self) -> Value {
        let reports: Value =
            serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no JSON: {self:?}"));
        reports[0].clone()
    }

    /// One stream of the only job's report.
    pub fn stream(&self, name: &str) -> Value {
        let report = self.report();
        let streams = report["streams"].as_array().expect("streams");
        streams
            .iter()
            .find(|stream| stream["stream"] == name)
            .unwrap_or_else(|| panic!("no {name}: {self:?}"))
            .clone()
    }

    /// A number of a stream.
    pub fn number(&self, stream: &str, name: &str) -> u64 {
        self.stream(stream)[name]
            .as_u64()
            .unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }

    /// The only job's outcome and message.
    pub fn outcome_and_message(&self) -> (String, String) {
        let report = self.report();
        let text = |name: &str| report[name].as_str().unwrap_or_default().to_owned();
        (text("outcome"), text("message"))
    }

    /// Asserts a run without problems.
    pub fn assert_ok(self, what: &str) -> Self {
        assert_eq!(
            (self.code, self.outcome_and_message().0.as_str()),
            (Some(0), "ok"),
            "{what}: {self:?}"
        );
        self
    }

    /// Asserts a held run, with this reason.
    pub fn held(self, why: &str) -> Self {
        self.ended((1, "held"), why)
    }

    /// Asserts a run that may have missed rows, with this reason.
    pub fn incomplete(self, why: &str) -> Self {
        self.ended((1, "incomplete"), why)
    }

    /// Asserts a run that received all rows, some of them incomplete, with this message.
    pub fn with_rejects(self, what: &str) -> Self {
        self.ended((0, "ok_with_rejects"), what)
    }

    fn ended(self, (code, outcome): (i32, &str), why: &str) -> Self {
        let (got, reported) = self.outcome_and_message();
        assert_eq!(
            (self.code, got.as_str()),
            (Some(code), outcome),
            "{why}: {self:?}"
        );
        assert!(reported.contains(why), "{why:?} is not in {reported:?}");
        self
    }
}

fn connector(server: &Server, plan: &Config<'_>) -> String {
    let page = match server.paging() {
        Paging::TotalInHeader => "total_header = \"X-Total-Count\"",
        Paging::TotalInBody => "total_member = [\"total\"]",
        Paging::Silent => "",
        Paging::Linked => "by = \"link\", total_header = \"X-Total-Count\"",
    };
    let streams: String = [
        "academic_sessions",
        "orgs",
        "users",
        "classes",
        "enrollments",
    ]
    .iter()
    .map(|name| {
        let comma = if page.is_empty() { "" } else { ", " };
        format!(
            "[streams.{name}]\npage = {{ size = {}{comma}{page} }}\n",
            plan.page
        )
    })
    .collect();
    let grant = format!("token_url = \"{}/token\"", server.origin());
    format!(
        "connector = \"own\"\ntitle = \"the tests' own vendor\"\nextends = \"oneroster\"\n\
         [limits]\nin_flight = {}\nper_second = 1000.0\n\
         [auth.password]\n{grant}\n[auth.refresh_token]\n{grant}\n[auth.api_key]\nheader = \"X-Api-Key\"\n{streams}",
        plan.in_flight
    )
}

fn rollbook(server: &Server, plan: &Config<'_>) -> String {
    format!(
        "[sources.own]\nconnector = \"own\"\n[sources.own.settings]\nbase_url = \"{0}/v1p1\"\ntoken_url = \"{0}/token\"\n[sources.own.auth]\n{1}",
        server.origin(),
        plan.auth
    )
}
