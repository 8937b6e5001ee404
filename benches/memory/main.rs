//! The memory that a reading takes, whatever a vendor sends: pages of 45 and 60 MB, of rows that are right and of rows
//! that are not, and millions of new keys.
//!
//! Each case is one `rollbook sync` into an empty mirror with the service's environment, and, where this user may make
//! one, in a control group with the memory that the service has (`systemd/rollbook.service`): a case that needs more is
//! killed, which ends the benchmark.
//!
//! `cargo bench --bench memory` measures; `-- --quick`, and every run that is not `cargo bench`, is small and only
//! shows that it still works.

#[path = "../common/folder.rs"]
mod folder;
#[path = "../common/process.rs"]
mod process;
#[path = "../common/program.rs"]
mod program;
#[path = "../common/vendor.rs"]
mod vendor;

mod bodies;
mod group;

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use bodies::{CASES, Case};
use folder::Folder;
use group::Group;
use program::Server;

/// What the service runs with.
const UNIT: &str = include_str!("../../systemd/rollbook.service");

/// No case may need more.
const BAR_MIB: f64 = 128.0;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [role, percent] = &words[..]
        && role == "server"
    {
        return bodies::serve(percent.parse().expect("a number"));
    }
    let has = |word: &str| words.iter().any(|one| one == word);
    let quick = has("--quick") || !has("--bench");
    let percent = if quick { "3" } else { "100" };
    let server = Server::start(&["server", percent]);
    let group = Group::new(setting("MemoryMax").next().expect("the unit has a limit"));
    println!("| what | ended with | peak MiB | ≤ {BAR_MIB:.0} |\n|---|---|---|---|");
    for case in &CASES {
        measure(case, &server, group.as_ref(), quick);
    }
    match group {
        Some(_) => println!("\nEach in a control group with the service's MemoryMax."),
        None => println!("\nWithout a limit: this user may not make a control group."),
    }
}

/// The values of a setting in the unit.
fn setting(name: &str) -> impl Iterator<Item = &'static str> {
    UNIT.lines()
        .filter_map(move |line| line.strip_prefix(name)?.strip_prefix('='))
}

fn measure(case: &Case, server: &Server, group: Option<&Group>, quick: bool) {
    let folder = Folder::new();
    folder.connector(bodies::CONNECTOR);
    let address = &server.address;
    let settings = format!(
        "base_url = \"{address}\"\ntoken_url = \"{address}/token\"\ncase = \"{}\"\n",
        case.path
    );
    folder.sources(1, &settings, "users");
    let mut command = folder.rollbook();
    for variable in setting("Environment") {
        let (name, value) = variable.split_once('=').expect("a variable of the unit");
        command.env(name, value);
    }
    command.arg("sync");
    if let Some(group) = group {
        command = group.run(&command);
    }
    let (status, peak_kib) = run(&mut command);
    assert_eq!(status.signal(), None, "{}: it was killed", case.what);
    let peak = peak_kib as f64 / 1024.0;
    let met = match peak <= BAR_MIB {
        _ if quick => "",
        true => "met",
        false => "MISSED",
    };
    let code = status.code().unwrap_or_default();
    // 1: the reading is held or incomplete, as it should be with such rows.
    assert!(code <= 1, "{}: it ended with {code}", case.what);
    println!("| {} | {code} | {peak:.1} | {met} |", case.what);
}

/// Runs a command to its end, and returns its peak resident memory in KiB. Its high-water mark never falls, so only the
/// growth in its last moments can be missed.
fn run(command: &mut Command) -> (ExitStatus, u64) {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the command starts");
    let mut peak = 0;
    loop {
        peak = peak.max(process::number(child.id(), "VmHWM").unwrap_or_default());
        match child.try_wait().expect("a child can be waited for") {
            Some(status) => return (status, peak),
            None => std::thread::sleep(Duration::from_millis(4)),
        }
    }
}
