//! The cost of a child process: CPU of all its threads, wall time, and peak memory.
//!
//! From /proc, so without `unsafe` and without another program. The surprise: the kernel adds a child's CPU to
//! its parent's account when the child is waited for, so two reads of our own account are exact to a
//! tick of 10 ms, however many threads the child had.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::process;

/// How often a child's memory is read. Its high-water mark never falls, so only its growth in the
/// last interval can be missed.
const POLL_INTERVAL: Duration = Duration::from_millis(4);

/// Every Linux counts CPU in ticks of a hundredth of a second.
const TICK: Duration = Duration::from_millis(10);

/// The cost of one process.
#[derive(Clone, Debug)]
pub struct Cost {
    /// User and system time of all its threads.
    pub cpu: Duration,
    /// From its start to its end.
    pub wall: Duration,
    /// Its peak resident memory.
    pub peak_kib: u64,
    /// What it wrote takes on disk, where somebody has looked.
    pub disk_bytes: Option<u64>,
    /// What it printed.
    pub output: String,
}

impl Cost {
    /// The result of one measurement: the least CPU and wall time, the most memory and disk.
    fn best(costs: &[Self]) -> Self {
        let least = |of: fn(&Self) -> Duration| costs.iter().map(of).min().unwrap_or_default();
        Self {
            cpu: least(|cost| cost.cpu),
            wall: least(|cost| cost.wall),
            peak_kib: costs.iter().map(|cost| cost.peak_kib).max().unwrap_or(0),
            disk_bytes: costs.iter().filter_map(|cost| cost.disk_bytes).max(),
            output: String::new(),
        }
    }
}

/// Runs a command to its end. Its output must fit into a pipe; a failure ends the benchmark.
pub fn run(command: &mut Command) -> Cost {
    let before = cpu_of_children();
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut peak_kib = 0;
    let status = loop {
        peak_kib = peak_kib.max(process::number(child.id(), "VmHWM").unwrap_or_default());
        match child.try_wait().expect("a child can be waited for") {
            Some(status) => break status,
            None => std::thread::sleep(POLL_INTERVAL),
        }
    };
    let wall = started.elapsed();
    let cpu = cpu_of_children() - before;
    let mut output = String::new();
    let mut pipe = child.stdout.take().expect("its output was piped");
    pipe.read_to_string(&mut output).expect("it prints text");
    assert!(
        status.success(),
        "{command:?} ended with {status}: {output}"
    );
    Cost {
        cpu,
        wall,
        peak_kib,
        disk_bytes: None,
        output,
    }
}

/// The best of several rounds; each measures everything in turns, so that load on the machine does not affect one
/// measurement only.
pub fn best_of<const N: usize>(rounds: usize, mut round: impl FnMut() -> [Cost; N]) -> [Cost; N] {
    let mut costs: [Vec<Cost>; N] = std::array::from_fn(|_| Vec::new());
    for _ in 0..rounds {
        let costs = costs.iter_mut().zip(round());
        costs.for_each(|(all, one)| all.push(one));
    }
    costs.map(|costs| Cost::best(&costs))
}

/// Measures another role of this program, which prints the CPU in milliseconds that it used before its work: creating
/// the rows is not part of it.
pub fn run_prepared(command: &mut Command) -> Cost {
    let mut cost = run(command);
    let before = cost.output.trim().parse().expect("milliseconds");
    cost.cpu = cost.cpu.saturating_sub(Duration::from_millis(before));
    cost
}

/// CPU used by this process so far.
pub fn own_cpu() -> Duration {
    let [user, system, ..] = account();
    TICK * (user + system)
}

fn cpu_of_children() -> Duration {
    let [_, _, user, system] = account();
    TICK * (user + system)
}

/// Ticks of user and system time: ours, then those of waited-for children.
fn account() -> [u32; 4] {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux has /proc");
    // The program's name, in brackets, may contain spaces; the fields are counted after it.
    let (_, fields) = stat.rsplit_once(')').expect("the name is in brackets");
    let mut ticks = fields
        .split_whitespace()
        .skip(11)
        .map(|field| field.parse().expect("ticks are a number"));
    std::array::from_fn(|_| ticks.next().expect("stat has at least 17 fields"))
}
