//! Makes a failing plan smaller: everything is left out that can be, while the same law breaks.

use super::laws::Law;
use super::mirror::Mirror;
use super::plan::{Leaves, Order, Plan, Run, Second, Step, Total};
use super::play::play;

/// The most reductions of one plan.
const MAX_STEPS: u32 = 200;

/// The smallest plan that is found which breaks the same law.
pub(super) async fn smaller(plan: &Plan, law: Law, mirror: &mut Mirror) -> Plan {
    let mut best = plan.clone();
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
fn candidates(plan: &Plan) -> Vec<Plan> {
    let mut all = Vec::new();
    let mut with = |edit: &dyn Fn(&mut Plan)| {
        let mut other = plan.clone();
        edit(&mut other);
        all.push(other);
    };
    with(&|plan| plan.job.second = Second::Alone);
    for number in (0..plan.steps.len()).rev() {
        with(&|plan| drop(plan.steps.remove(number)));
    }
    for (number, step) in plan.steps.iter().enumerate() {
        let Step::Run(run) = step else { continue };
        let mut in_run = |edit: &dyn Fn(&mut Run)| {
            with(&|plan| {
                if let Step::Run(run) = &mut plan.steps[number] {
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
        with(&|plan| {
            let middle = plan.rows.len() / 2;
            match half {
                0 => plan.rows.truncate(middle),
                _ => drop(plan.rows.drain(..middle)),
            }
        });
    }
    for number in 0..plan.rows.len() {
        with(&|plan| {
            plan.rows.remove(number);
        });
    }
    with(&|plan| plan.job.incremental = false);
    with(&|plan| plan.job.newest = false);
    with(&|plan| plan.job.usual_guard = false);
    with(&|plan| plan.job.together = false);
    with(&|plan| plan.vendor.total = Total::Undeclared);
    with(&|plan| plan.vendor.total_in_header = false);
    with(&|plan| plan.vendor.order = Order::ByKey);
    // Not back and forth.
    if plan.vendor.order != Order::ByKey {
        with(&|plan| plan.vendor.order = Order::Placed);
    }
    with(&|plan| plan.vendor.leaves = Leaves::Silently);
    with(&|plan| plan.vendor.date = true);
    with(&|plan| plan.vendor.cap = plan.vendor.size);
    with(&|plan| {
        let size = plan.vendor.size.saturating_sub(1).max(2);
        plan.vendor.cap = plan.vendor.cap.min(size);
        plan.vendor.size = size;
    });
    all
}
