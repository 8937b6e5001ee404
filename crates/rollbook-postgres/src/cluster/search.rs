//! A search of all histories, breadth first, so that the first fault has the shortest one.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::rc::Rc;

/// A system that takes steps.
pub trait System: Clone + Eq + Hash + Debug {
    /// Everything that can happen next.
    fn successors(&self) -> Vec<Self>;
    /// What is wrong now.
    fn fault(&self) -> Option<String>;
}

/// What a search has found.
#[derive(Debug)]
pub struct Searched {
    /// How many states were reached.
    pub states: usize,
    /// The steps of the shortest history with a fault.
    pub steps: Option<usize>,
    /// That history, a state a line, and what is wrong with the last.
    pub history: String,
}

/// Searches until a fault is found, or every state was seen.
pub fn search<S: System>(first: S) -> Searched {
    let first = Rc::new(first);
    let mut seen = HashSet::from([first.clone()]);
    let mut states = vec![(first, 0)];
    let mut at = 0;
    while let Some((state, _)) = states.get(at).cloned() {
        if let Some(fault) = state.fault() {
            let history = history(&states, at);
            return Searched {
                states: states.len(),
                steps: Some(history.len() - 1),
                history: format!("{}\n{fault}", history.join("\n")),
            };
        }
        for next in state.successors() {
            let next = Rc::new(next);
            if seen.insert(next.clone()) {
                states.push((next, at));
            }
        }
        at += 1;
    }
    Searched {
        states: states.len(),
        steps: None,
        history: String::new(),
    }
}

fn history<S: Debug>(states: &[(Rc<S>, usize)], mut at: usize) -> Vec<String> {
    let mut history = vec![format!("{:?}", states[at].0)];
    while at > 0 {
        at = states[at].1;
        history.push(format!("{:?}", states[at].0));
    }
    history.reverse();
    history
}

/// Whether a search or a simulation is to be a large one, for minutes.
pub fn is_large() -> bool {
    std::env::var("ROLLBOOK_MODEL").is_ok_and(|size| size == "large")
}
