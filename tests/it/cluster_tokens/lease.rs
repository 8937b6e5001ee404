//! A lease that ends when a test says so.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rollbook_app::app::SourceLease;
use rollbook_postgres::cluster::lease::LEASE;

type OnQuestion = Box<dyn FnMut(u32) + Send>;

pub struct TestLease {
    claim: String,
    left: Mutex<Duration>,
    /// Called with the number of each question for what is left.
    asked: Mutex<(u32, Option<OnQuestion>)>,
    announcing: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl TestLease {
    pub fn of(name: &str) -> Self {
        Self {
            claim: format!("claim-{name}"),
            left: Mutex::new(LEASE),
            asked: Mutex::default(),
            announcing: Mutex::default(),
        }
    }

    pub fn end(&self) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = Duration::ZERO;
    }

    /// Calls this at the next question for the claim, which an announcement begins with.
    pub fn on_claim(&self, act: impl FnOnce() + Send + 'static) {
        *self
            .announcing
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(Box::new(act));
    }

    pub fn on_question(&self, act: impl FnMut(u32) + Send + 'static) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = (0, Some(Box::new(act)));
    }
}

impl SourceLease for TestLease {
    fn claim(&self) -> String {
        let act = (self
            .announcing
            .lock()
            .unwrap_or_else(PoisonError::into_inner))
        .take();
        if let Some(act) = act {
            act();
        }
        self.claim.clone()
    }

    fn left(&self) -> Duration {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.0 += 1;
        let number = asked.0;
        if let Some(act) = &mut asked.1 {
            act(number);
        }
        *self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
