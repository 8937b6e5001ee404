//! Many histories, and what failed before.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio::runtime::Builder;

use super::laws::{Law, Violation};
use super::mirror::Mirror;
use super::play::{Tally, play};
use super::scenario::Scenario;
use super::smaller::smaller;
use super::{random, regressions};

/// Histories of a usual test run.
const USUAL: u64 = 150;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn alone<T>(act: impl AsyncFnOnce(&mut Mirror) -> T) -> T {
    let runtime = Builder::new_current_thread()
        .max_blocking_threads(2)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut mirror = Mirror::new().await;
        act(&mut mirror).await
    })
}

#[test]
fn what_failed_once_holds() {
    alone(async |mirror: &mut Mirror| {
        let mut failed = Vec::new();
        for (name, scenario) in regressions::all() {
            if let Err(violation) = play(&scenario, mirror).await {
                failed.push(format!("{name}\n  {violation}"));
            }
        }
        assert!(failed.is_empty(), "{}", failed.join("\n"));
    });
}

struct FailedScenario {
    seed: u64,
    scenario: Scenario,
    violation: Violation,
}

/// The histories of some seeds, the failing ones of which are collected.
fn histories(next: &AtomicU64, end: u64) -> (Tally, Vec<FailedScenario>) {
    alone(async |mirror: &mut Mirror| {
        let (mut all, mut failures) = (Tally::default(), Vec::new());
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return (all, failures);
            }
            let scenario = random::scenario(seed);
            match play(&scenario, mirror).await {
                Ok(tally) => {
                    all.runs += tally.runs;
                    all.requests += tally.requests;
                    all.unobservable += tally.unobservable;
                }
                Err(violation) => failures.push(FailedScenario {
                    seed,
                    scenario,
                    violation,
                }),
            }
        }
    })
}

#[test]
fn random_histories_keep_the_laws() {
    let start = variable("ROLLBOOK_SEED").unwrap_or(1);
    let count = variable("ROLLBOOK_HISTORIES").unwrap_or(USUAL);
    let threads = variable("ROLLBOOK_THREADS").unwrap_or(2);
    let shown = variable("ROLLBOOK_SHOW").unwrap_or(1) as usize;
    let (next, begun) = (AtomicU64::new(start), Instant::now());
    let parts: Vec<(Tally, Vec<FailedScenario>)> = std::thread::scope(|scope| {
        let work = || histories(&next, start.saturating_add(count));
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a thread"))
            .collect()
    });
    let seconds = begun.elapsed().as_secs_f64();
    let (runs, requests, unobservable) = parts.iter().fold((0, 0, 0), |sum, (tally, _)| {
        (
            sum.0 + tally.runs,
            sum.1 + tally.requests,
            sum.2 + tally.unobservable,
        )
    });
    println!(
        "{count} histories from seed {start} on in {seconds:.1} s ({:.0}/s): {runs} runs, {requests} requests, {unobservable} losses that cannot be noticed",
        count as f64 / seconds
    );
    let mut by_law: BTreeMap<Law, Vec<&FailedScenario>> = BTreeMap::new();
    for failure in parts.iter().flat_map(|(_, failures)| failures) {
        by_law
            .entry(failure.violation.law)
            .or_default()
            .push(failure);
    }
    for (law, failures) in &mut by_law {
        failures.sort_by_key(|failure| failure.seed);
        println!("\n=== {law:?}: {} histories", failures.len());
        for failure in failures.iter().take(shown) {
            show(failure);
        }
    }
    let seeds: Vec<u64> = by_law.values().flatten().map(|one| one.seed).collect();
    assert!(
        seeds.is_empty(),
        "{} of {count} histories break a law; the first seeds are {:?}",
        seeds.len(),
        &seeds[..seeds.len().min(10)]
    );
}

/// Prints a failing scenario, made smaller, as a regression.
fn show(failure: &FailedScenario) {
    let law = failure.violation.law;
    let (scenario, violation) = alone(async |mirror: &mut Mirror| {
        let scenario = smaller(&failure.scenario, law, mirror).await;
        let violation = play(&scenario, mirror).await.expect_err("it still fails");
        (scenario, violation)
    });
    println!("seed {}: {violation}\n{}", failure.seed, scenario.code());
}
