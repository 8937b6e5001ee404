//! Lives of some seeds, each in a process of its own.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::life::live;

/// The seed of the process that lives one.
const CHILD: &str = "ROLLBOOK_SOAK_CHILD";

/// The months of a life; of the one in a usual test run, which people wait for.
const MONTHS: u64 = 36;
const USUAL_MONTHS: u64 = 2;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A life in this process; prints what was counted.
fn one_life(seed: u64) {
    let months = variable("ROLLBOOK_SOAK_MONTHS").unwrap_or(MONTHS);
    let log = variable("ROLLBOOK_SOAK_LOG").is_some();
    let months = u32::try_from(months).expect("few months");
    match live(seed, months, log) {
        Ok(summary) => println!("{}", summary.text),
        Err(wrong) => panic!("{wrong}"),
    }
}

#[test]
fn years_pass_and_everything_stays_fresh() {
    if let Some(seed) = variable(CHILD) {
        return one_life(seed);
    }
    let start = variable("ROLLBOOK_SOAK_SEED").unwrap_or(1);
    let count = variable("ROLLBOOK_SOAK_SEEDS").unwrap_or(1);
    let threads = variable("ROLLBOOK_SOAK_THREADS").unwrap_or(1);
    let is_usual = variable("ROLLBOOK_SOAK_SEED")
        .or(variable("ROLLBOOK_SOAK_SEEDS"))
        .is_none();
    let usual = if is_usual { USUAL_MONTHS } else { MONTHS };
    let months = variable("ROLLBOOK_SOAK_MONTHS").unwrap_or(usual);
    let next = AtomicU64::new(start);
    let lives = || {
        let mut failed = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= start.saturating_add(count) {
                return failed;
            }
            let began = Instant::now();
            let program = std::env::current_exe().expect("this program");
            let ran = Command::new(program)
                .args([
                    "--exact",
                    "app::soak::tests::years_pass_and_everything_stays_fresh",
                    "--nocapture",
                ])
                .env(CHILD, seed.to_string())
                .env("ROLLBOOK_SOAK_MONTHS", months.to_string())
                .output()
                .expect("a process");
            let out = String::from_utf8_lossy(&ran.stdout);
            let seconds = began.elapsed().as_secs();
            println!("seed {seed} took {seconds} s\n{out}");
            if !ran.status.success() {
                let error = String::from_utf8_lossy(&ran.stderr);
                failed.push(format!(
                    "{error}\nrepeat it: ROLLBOOK_SOAK_SEED={seed} cargo test --locked -p rollbook-app app::soak -- --nocapture"
                ));
            }
        }
    };
    let failed: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(lives)).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Vec<String>>| {
            thread.join().expect("a thread")
        };
        threads.into_iter().flat_map(join).collect()
    });
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
