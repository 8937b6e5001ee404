//! `rollbook run` as a service: a notify socket of the test's own, signals, and the status file.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::people::users;
use crate::place::{Place, Plan, Running};
use crate::server::{PATIENCE, Server, Way};

/// How long the program may take to stop (reliability.md 9 R11).
pub const STOPS_WITHIN: Duration = Duration::from_secs(5);

/// A daemon, and what it tells the service manager.
pub struct Service {
    /// Where it runs.
    pub place: Place,
    /// Its process.
    pub running: Running,
    /// What the service manager listens at.
    pub socket: UnixDatagram,
    /// What it was told so far.
    pub heard: Vec<String>,
}

impl Service {
    /// Starts `rollbook run` with the environment of a unit, and further variables.
    pub fn start(place: Place, environment: &[(&str, &str)]) -> Self {
        Self::start_with(place, environment, None)
    }

    /// The same, with a place for its log.
    pub fn start_with(place: Place, environment: &[(&str, &str)], log: Option<Stdio>) -> Self {
        let path = place.path("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("set");
        let mut command = place.command(&["run"]);
        command.env("NOTIFY_SOCKET", &path);
        command.env("RUNTIME_DIRECTORY", place.path("runtime"));
        command.envs(environment.iter().copied());
        let running = match log {
            Some(log) => place.start_into(command, log),
            None => place.start(command),
        };
        Self {
            place,
            running,
            socket,
            heard: Vec::new(),
        }
    }

    /// Waits for a message with a line that begins like this, and gives the whole message.
    pub fn hear(&mut self, line: &str) -> String {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let mut room = [0; 8192];
            let Ok(length) = self.socket.recv(&mut room) else {
                break;
            };
            let message = String::from_utf8_lossy(&room[..length]).into_owned();
            self.heard.push(message.clone());
            if message.lines().any(|found| found.starts_with(line)) {
                return message;
            }
        }
        panic!("{line} was not heard: {:#?}", self.heard);
    }

    pub fn signal(&self, name: &str) {
        let pid = self.running.pid().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.expect("kill runs").success());
    }

    pub fn status_file(&self) -> PathBuf {
        self.place.path("runtime/status.json")
    }

    /// Waits for a state.
    pub fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            assert!(
                begun.elapsed() < PATIENCE,
                "never so: {what}: {}",
                self.running.log()
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until the status file shows something.
    pub fn shows(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        let mut last = String::new();
        while begun.elapsed() < PATIENCE {
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

    /// Stops it as systemd does; it must say so, be quick, and leave no status behind.
    pub fn stop(mut self) -> (Place, String) {
        self.running.terminate();
        self.hear("STOPPING=1");
        let file = self.status_file();
        let ran = self.running.end();
        assert!(ran.took < STOPS_WITHIN, "{:?}", ran.took);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(!file.exists(), "a status of nobody");
        (self.place, ran.err)
    }
}

/// A vendor with sixty users, and a job that reads them by twenties.
pub fn school() -> (Server, Place) {
    let server = Server::of_users(Way::TotalInHeader, users(60));
    let place = Place::new(
        &server,
        &Plan {
            page: 20,
            ..Plan::default()
        },
    );
    (server, place)
}

/// A job that ticks every second.
pub fn hurry(place: &Place) {
    let job = "source = \"own\"\nstreams = [\"users\"]\nschedule = \"* * * * * *\"\n";
    place.write("jobs/roster.toml", job);
}
