//! A worker: `rollbook run` in a state folder of its own, which can be killed, stopped for a while and started again.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::installation::{Finished, Installation, Running};

/// A worker, up until it is dropped.
pub struct Worker {
    /// Its key at the vendor, by which the vendor's log names it.
    pub key: String,
    /// Where it finds the database.
    pub url: String,
    /// Its folder of `rollbook.toml` and of the jobs.
    config: PathBuf,
    state: PathBuf,
    running: Option<Running>,
}

impl Worker {
    /// Not started.
    pub fn new(installation: &Installation, number: usize, url: &str) -> Self {
        Self {
            key: format!("key-of-worker-{number}"),
            url: url.to_owned(),
            config: installation.path("config"),
            state: installation.path(&format!("state-{number}")),
            running: None,
        }
    }

    /// With a configuration of its own.
    pub fn with_config(mut self, config: PathBuf) -> Self {
        self.config = config;
        self
    }

    /// A command on the worker's machine.
    pub fn command(&self, installation: &Installation, arguments: &[&str]) -> Command {
        let mut command = installation.bare();
        command.env("DISTRICT_URL", &self.url);
        command.env("VENDOR_KEY", &self.key);
        command.arg("--config").arg(&self.config);
        command.arg("--jobs").arg(self.config.join("jobs"));
        command.arg("--state").arg(&self.state).args(arguments);
        command
    }

    pub fn start(&mut self, installation: &Installation) {
        let command = self.command(installation, &["run"]);
        self.start_as(installation, command);
    }

    /// By a command that is not [`Worker::command`]'s `run`.
    pub fn start_as(&mut self, installation: &Installation, command: Command) {
        assert!(self.running.is_none(), "it runs already");
        self.running = Some(installation.start(command));
    }

    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// It has ended, and nobody has told it to.
    pub fn has_ended(&self) -> bool {
        let state = self.running.as_ref().map(Running::pid);
        let state = state.map(|pid| fs::read_to_string(format!("/proc/{pid}/stat")));
        state.is_some_and(|state| state.is_ok_and(|state| state.contains(") Z ")))
    }

    pub fn running(&self) -> &Running {
        self.running.as_ref().expect("it runs")
    }

    /// As a power cut does; its folders stay.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill();
        }
    }

    /// As systemd does.
    pub fn stop(&mut self) -> Finished {
        let running = self.running.take().expect("it runs");
        running.terminate();
        running.end()
    }

    /// The log since the last start.
    pub fn log(&self) -> String {
        self.running.as_ref().map(Running::log).unwrap_or_default()
    }

    /// The sources that it has a folder of.
    pub fn folders(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.state.join("cluster"));
        let names = entries.into_iter().flatten().flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.collect()
    }

    /// The mirror of a source that it has.
    pub fn mirror(&self, source: &str) -> PathBuf {
        self.state.join("cluster").join(source).join("mirror.db")
    }

    /// The files in its state folder, at any depth.
    pub fn files(&self) -> Vec<PathBuf> {
        let (mut folders, mut files) = (vec![self.state.clone()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    true => folders.push(entry.path()),
                    false => files.push(entry.path()),
                }
            }
        }
        files
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill(); // also one that is stopped
    }
}
