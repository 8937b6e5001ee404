//! Makes a failing scenario smaller: everything is left out that can be, while the same law breaks.

use super::laws::Law;
use super::mirror::Mirror;
use super::play::play;
use super::scenario::{Leaves, Order, Scenario, ScenarioRun, ScenarioStep, Second, Total};

/// The most reductions of one scenario.
const MAX_STEPS: u32 = 200;

/// The smallest scenario that is found which breaks the same law.
pub(super) async fn smaller(scenario: &Scenario, law: Law, mirror: &mut Mirror) -> Scenario {
    let mut best = scenario.clone();
    'again: for _ in 0..MAX_STEPS {
        for candidate in candidates(&best) {
            if candidate == best {
                continue;
            }
            let broken = play(&candidate, mirror).await;
            if broken.is_err_and(|violation| violation.law == law) {
                best = candidate;
                continue 'again;
            }
        }
        break;
    }
    best
}

/// Plans with one thing less, the largest parts first.
fn candidates(scenario: &Scenario) -> Vec<Scenario> {
    let mut all = Vec::new();
    let mut with = |edit: &dyn Fn(&mut Scenario)| {
        let mut other = scenario.clone();
        edit(&mut other);
        all.push(other);
    };
    with(&|scenario| scenario.job.second = Second::Alone);
    for number in (0..scenario.steps.len()).rev() {
        with(&|scenario| drop(scenario.steps.remove(number)));
    }
    for (number, step) in scenario.steps.iter().enumerate() {
        let ScenarioStep::Run(run) = step else {
            continue;
        };
        let mut in_run = |edit: &dyn Fn(&mut ScenarioRun)| {
            with(&|scenario| {
                if let ScenarioStep::Run(run) = &mut scenario.steps[number] {
                    edit(run);
                }
            });
        };
        in_run(&|run| run.stop = None);
        in_run(&|run| run.full = false);
        for place in 0..run.during.len() {
            in_run(&|run| {
                run.during.remove(place);
            });
        }
        for place in 0..run.odd.len() {
            in_run(&|run| {
                run.odd.remove(place);
            });
        }
    }
    for half in [0, 1] {
        with(&|scenario| {
            let middle = scenario.rows.len() / 2;
            match half {
                0 => scenario.rows.truncate(middle),
                _ => drop(scenario.rows.drain(..middle)),
            }
        });
    }
    for number in 0..scenario.rows.len() {
        with(&|scenario| {
            scenario.rows.remove(number);
        });
    }
    with(&|scenario| scenario.job.incremental = false);
    with(&|scenario| scenario.job.newest = false);
    with(&|scenario| scenario.job.usual_guard = false);
    with(&|scenario| scenario.job.together = false);
    with(&|scenario| scenario.vendor.total = Total::Undeclared);
    with(&|scenario| scenario.vendor.total_in_header = false);
    with(&|scenario| scenario.vendor.order = Order::ByKey);
    // Not back and forth.
    if scenario.vendor.order != Order::ByKey {
        with(&|scenario| scenario.vendor.order = Order::Placed);
    }
    with(&|scenario| scenario.vendor.leaves = Leaves::Silently);
    with(&|scenario| scenario.vendor.date = true);
    with(&|scenario| scenario.vendor.cap = scenario.vendor.size);
    with(&|scenario| {
        let size = scenario.vendor.size.saturating_sub(1).max(2);
        scenario.vendor.cap = scenario.vendor.cap.min(size);
        scenario.vendor.size = size;
    });
    all
}
