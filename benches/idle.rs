//! The cost of a daemon while nothing is due: its memory with 200 idle jobs, and how often it wakes up.
//!
//! Each job has a source of its own and is due once a year. No thread may run between the loop's sleeps, which
//! last half a minute at most. `cargo bench --bench idle` measures for 75 seconds; `-- --quick`, and every run
//! that is not `cargo bench`, is small and only shows that it still works. Nothing here fails for a figure.

#[path = "common/folder.rs"]
mod folder;
#[path = "common/process.rs"]
mod process;
#[path = "common/users.rs"]
mod users;

use std::process::{Child, Stdio};
use std::time::Duration;

use folder::Folder;
use users::Reading;

/// The longest sleep of the daemon's loop, in seconds.
const MAX_SLEEP: usize = 30;

/// The daemon, which is killed with this value.
struct Daemon(Child);

impl Daemon {
    fn start(folder: &Folder) -> Self {
        let process = folder
            .rollbook()
            .arg("run")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(process.expect("the daemon starts"))
    }

    /// A number of its status; an ended daemon is an error.
    fn status(&self, name: &str) -> u64 {
        process::number(self.0.id(), name).expect("the daemon runs")
    }

    /// How often its threads went to sleep voluntarily, in total.
    fn sleeps(&self) -> u64 {
        let threads = format!("/proc/{}/task", self.0.id());
        std::fs::read_dir(threads)
            .expect("the daemon runs")
            .filter_map(|thread| {
                let status = thread.ok()?.path().join("status");
                process::number_in(status.to_str()?, "voluntary_ctxt_switches")
            })
            .sum()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill(); // its folder is removed too
        let _ = self.0.wait();
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|one| one == word);
    let quick = has("--quick") || !has("--bench");
    let (jobs, seconds) = if quick { (3, 2) } else { (200, 75) };
    let folder = Folder::new();
    let reading = Reading {
        base_url: "http://127.0.0.1:9",
        path: "/users",
        token_url: "http://127.0.0.1:9/token",
        page: 1_000,
        in_flight: 2,
    };
    reading.describe(&folder, jobs);
    let daemon = Daemon::start(&folder);
    // Threads that were needed at the start end after ten seconds.
    std::thread::sleep(Duration::from_secs(if quick { 1 } else { 15 }));
    let resident = daemon.status("VmRSS") as f64 / 1024.0;
    let mut woken = Vec::new();
    let mut before = daemon.sleeps();
    for second in 1..=seconds {
        std::thread::sleep(Duration::from_secs(1));
        let now = daemon.sleeps();
        if now != before {
            woken.push((second, now.saturating_sub(before)));
        }
        before = now;
    }
    let most = seconds / MAX_SLEEP + 1;
    let mark = |met: bool| match (quick, met) {
        (true, _) => "",
        (false, true) => "✓",
        (false, false) => "✗ MISSED",
    };
    println!("| {jobs} idle jobs | figure | limit |");
    println!("| --- | --- | --- |");
    println!(
        "| memory, MiB | {resident:.1} (peak {:.1}) | {} ≤ 25 |",
        daemon.status("VmHWM") as f64 / 1024.0,
        mark(resident <= 25.0)
    );
    println!("| threads | {} | |", daemon.status("Threads"));
    println!(
        "| seconds in which a thread ran, of {seconds} | {} | {} ≤ {most} |",
        woken.len(),
        mark(woken.len() <= most)
    );
    println!("\nSecond and times: {woken:?}");
}
