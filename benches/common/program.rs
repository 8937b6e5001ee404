//! This benchmark as several processes: itself in another role, and the vendor's server among them.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// This program in another role.
pub fn role(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program's path"));
    command.args(words);
    command
}

/// The runtime of a server and of a floor: one thread, because more would only cost more.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// The server's process, which is killed with this value.
pub struct Server {
    process: Child,
    /// Its base address.
    pub address: String,
}

impl Server {
    /// Starts this program in the role of the server; returns when it is ready.
    pub fn start(words: &[&str]) -> Self {
        let mut process = role(words)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut address = String::new();
        BufReader::new(process.stdout.take().expect("its output was piped"))
            .read_line(&mut address)
            .expect("its address");
        Self {
            process,
            address: format!("http://{}", address.trim()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it has no state
        let _ = self.process.wait();
    }
}
