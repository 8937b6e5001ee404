//! Deterministic random numbers, the same on every machine.
//!
//! The same seed must give the same school in every release, so this does not use a crate that may
//! change its stream. This is SplitMix64, keyed by words.

/// A small deterministic generator; the same seed and label always give the same stream.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A separate stream for a seed, a label such as `"wisenet.learners"`, and a row number.
    pub fn of(seed: u64, label: &str, number: u64) -> Self {
        let start = seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let state = label.bytes().fold(start, |state, byte| {
            (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        let mut random = Self(state);
        random.next();
        random
    }

    /// The next 64 bits.
    #[expect(
        clippy::should_implement_trait,
        reason = "it never ends, so it is not an iterator to collect"
    )]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// A number from zero up to but not including `end`; zero when `end` is zero.
    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.next() % end }
    }

    /// A random element; panics on an empty slice, which only a bug in the sandbox can pass.
    pub fn pick<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len() as u64) as usize]
    }

    /// True with a probability of `percent`.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}
