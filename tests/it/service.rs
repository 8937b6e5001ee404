//! `rollbook run` as a service: a notify socket of the test, signals, and the status file.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::installation::{Config, Installation, Running};
use crate::people::users;
use crate::server::{Paging, Server, WAIT_LIMIT};

/// How long the program may take to stop (reliability.md 9 R11).
pub const STOPS_WITHIN: Duration = Duration::from_secs(5);

/// A daemon, and its notifications to the service manager.
pub struct Service {
    /// Its installation.
    pub installation: Installation,
    /// Its process.
    pub running: Running,
    /// The service manager's socket.
    pub socket: UnixDatagram,
    /// Notifications received so far.
    pub notifications: Vec<String>,
}

impl Service {
    /// Starts `rollbook run` with the environment of a unit, and further variables.
    pub fn start(installation: Installation, environment: &[(&str, &str)]) -> Self {
        Self::start_with(installation, environment, None)
    }

    /// The same, with a target for its log.
    pub fn start_with(
        installation: Installation,
        environment: &[(&str, &str)],
        log: Option<Stdio>,
    ) -> Self {
        let path = installation.path("notify");
        let _of_a_service_before = std::fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_read_timeout(Some(WAIT_LIMIT)).expect("set");
        let mut command = installation.command(&["run"]);
        command.env("NOTIFY_SOCKET", &path);
        command.env("RUNTIME_DIRECTORY", installation.path("runtime"));
        command.envs(environment.iter().copied());
        let running = match log {
            Some(log) => installation.start_into(command, log),
            None => installation.start(command),
        };
        Self {
            installation,
            running,
            socket,
            notifications: Vec::new(),
        }
    }

    /// Waits for a notification that has a line with this prefix, and returns the whole notification.
    pub fn expect(&mut self, line: &str) -> String {
        let begun = Instant::now();
        while begun.elapsed() < WAIT_LIMIT {
            let mut room = [0; 8192];
            let Ok(length) = self.socket.recv(&mut room) else {
                break;
            };
            let message = String::from_utf8_lossy(&room[..length]).into_owned();
            self.notifications.push(message.clone());
            if message.lines().any(|found| found.starts_with(line)) {
                return message;
            }
        }
        panic!("{line} was not received: {:#?}", self.notifications);
    }

    pub fn signal(&self, name: &str) {
        let pid = self.running.pid().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.expect("kill runs").success());
    }

    pub fn status_file(&self) -> PathBuf {
        self.installation.path("runtime/status.json")
    }

    /// Waits for a state.
    pub fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            assert!(
                begun.elapsed() < WAIT_LIMIT,
                "never so: {what}: {}",
                self.running.log()
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until the status file has a state.
    pub fn until_status(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        let mut last = String::new();
        while begun.elapsed() < WAIT_LIMIT {
            if let Ok(text) = fs::read_to_string(self.status_file()) {
                let status = serde_json::from_str(&text);
                let status: Value = status.unwrap_or_else(|error| panic!("{error} in {text:?}"));
                if is_so(&status) {
                    return status;
                }
                last = text;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the status file never showed {what}: {last}");
    }

    /// Stops it as systemd does; it must report that, be quick, and remove the status file.
    pub fn stop(mut self) -> (Installation, String) {
        self.running.terminate();
        self.expect("STOPPING=1");
        let file = self.status_file();
        let ran = self.running.end();
        assert!(ran.took < STOPS_WITHIN, "{:?}", ran.took);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(!file.exists(), "a stale status file");
        (self.installation, ran.err)
    }
}

/// A vendor with sixty users, and a job that reads pages of twenty.
pub fn school() -> (Server, Installation) {
    let server = Server::of_users(Paging::TotalInHeader, users(60));
    let installation = Installation::new(
        &server,
        &Config {
            page: 20,
            ..Config::default()
        },
    );
    (server, installation)
}

/// A job that ticks every second.
pub fn tick_every_second(installation: &Installation) {
    let job = "source = \"own\"\nstreams = [\"users\"]\nschedule = \"* * * * * *\"\n";
    installation.write("jobs/roster.toml", job);
}
