//! What a test can do to a server of its own; that of all tests is never `mut`.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::folder;
use super::server::{Server, copy};

impl Server {
    /// As an admin does: open connections end, running transactions are rolled back.
    pub fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            self.resume();
            let process = Pid::from_raw(running.id().try_into().expect("a process"));
            kill(process, Signal::SIGINT).expect("sent");
            running.wait().expect("a status");
        }
    }

    /// At the same port; after [`Server::kill`] it first recovers.
    pub fn start(&mut self) {
        assert!(self.running.is_none(), "it runs already");
        assert!(self.has_started(), "{}", self.log());
    }

    /// All processes end at once, as when the power fails.
    pub fn kill(&mut self) {
        self.pause(); // else those that are left report it to their clients
        if let Some(mut running) = self.running.take() {
            while folder::signal(self.programs, "KILL", &self.data()) {}
            running.wait().expect("a status");
        }
    }

    /// Nothing answers any more; new connections are accepted by the kernel only.
    pub fn pause(&mut self) {
        // Again for processes that the server started meanwhile.
        for _ in 0..2 {
            folder::signal(self.programs, "STOP", &self.data());
        }
    }

    pub fn resume(&mut self) {
        folder::signal(self.programs, "CONT", &self.data());
    }

    /// Copies the data of the server, which is stopped for that and started again. There is one copy.
    pub fn backup(&mut self) {
        self.stop();
        let backup = self.folder.join("backup");
        let _ = fs::remove_dir_all(&backup); // there may be none
        copy(self.programs, &self.data(), &backup);
        self.start();
    }

    /// Continues with the data of the last backup; what was written since is lost.
    pub fn restore(&mut self) {
        self.stop();
        fs::remove_dir_all(self.data()).expect("removed");
        copy(self.programs, &self.folder.join("backup"), &self.data());
        self.start();
    }
}
