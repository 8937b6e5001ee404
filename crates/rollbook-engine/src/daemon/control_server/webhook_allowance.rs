//! How many webhooks the daemon looks at: a flood costs it a bounded share of a processor, however many peers send it.

use std::time::Duration;

/// Webhooks that are looked at without a pause: an import at the vendor sends some hundred at once.
const BURST: f64 = 200.0;

/// Webhooks a second after that. One costs a file that is read and a hash of 64 KiB at most, about half a millisecond.
const PER_SECOND: f64 = 20.0;

/// What is left of the allowance.
#[derive(Debug)]
pub(super) struct WebhookAllowance {
    left: f64,
    counted: Duration,
}

impl WebhookAllowance {
    /// Full; `running` is monotonic time.
    pub(super) fn new(running: Duration) -> Self {
        Self {
            left: BURST,
            counted: running,
        }
    }

    /// Whether one more is looked at now.
    pub(super) fn take(&mut self, running: Duration) -> bool {
        let passed = running.saturating_sub(self.counted);
        self.counted = running;
        self.left = (self.left + passed.as_secs_f64() * PER_SECOND).min(BURST);
        let is_allowed = self.left >= 1.0;
        if is_allowed {
            self.left -= 1.0;
        }
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_to_a_burst_and_then_a_rate() {
        let start = Duration::from_secs(7);
        let mut allowance = WebhookAllowance::new(start);
        let mut taken = |second: u64| {
            let now = start + Duration::from_secs(second);
            (0..1000).filter(|_| allowance.take(now)).count()
        };
        for (second, expected) in [(0, 200), (0, 0), (1, 20), (3, 40), (60, 200), (61, 20)] {
            assert_eq!(taken(second), expected, "second {second}");
        }
    }
}
