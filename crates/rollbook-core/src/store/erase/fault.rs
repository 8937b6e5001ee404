//! For tests: fails at the nth step of an erasure, as if the machine had lost power there.

use crate::store::error::StoreError;

#[cfg(test)]
thread_local! {
    static STEPS_LEFT: std::cell::Cell<Option<usize>> = const { std::cell::Cell::new(None) };
}

/// Fails after so many steps on this thread.
#[cfg(test)]
pub(super) fn fail_after(steps: Option<usize>) {
    STEPS_LEFT.set(steps);
}

/// A step was done.
#[cfg(test)]
pub(super) fn step() -> Result<(), StoreError> {
    match STEPS_LEFT.get() {
        Some(0) => Err(StoreError::WriterStopped),
        left => {
            STEPS_LEFT.set(left.map(|left| left - 1));
            Ok(())
        }
    }
}

/// Nothing but in tests.
#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "fails in tests")]
pub(super) fn step() -> Result<(), StoreError> {
    Ok(())
}
