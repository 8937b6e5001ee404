//! Authorization codes: short-lived, good once, bound to all that was said when they were asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::tokens::Holder;

/// What a code stands for.
#[derive(Clone, Debug)]
pub(super) struct Code {
    /// Who asked for it.
    pub(super) client: &'static str,
    /// Where it was sent to.
    pub(super) redirect_url: String,
    /// The challenge, where there was one.
    pub(super) challenge: Option<String>,
    /// To be repeated in the id token.
    pub(super) nonce: Option<String>,
    /// Who consented, to what.
    pub(super) holder: Holder,
    /// When it dies, by the sandbox's clock.
    pub(super) until: Duration,
}

/// What became of a code.
#[derive(Debug)]
enum Fate {
    Waiting(Code),
    /// Used, well or badly; with the grant it brought.
    Spent(Option<u64>),
}

/// All codes; those long dead are forgotten with the process.
#[derive(Debug, Default)]
pub(super) struct Codes(BTreeMap<String, Fate>);

/// What a presented code is.
#[derive(Debug)]
pub(super) enum Presented {
    /// Nobody's.
    Unknown,
    /// Good, and spent from now on.
    Good(Code),
    /// Used before; with the grant that it brought then.
    Again(Option<u64>),
}

impl Codes {
    /// Takes note of a new code.
    pub(super) fn add(&mut self, text: String, code: Code) {
        self.0.insert(text, Fate::Waiting(code));
    }

    /// Spends a code: whoever presents it has had it, also when the request then proves wrong.
    pub(super) fn take(&mut self, text: &str) -> Presented {
        match self.0.get_mut(text) {
            None => Presented::Unknown,
            Some(Fate::Spent(grant)) => Presented::Again(*grant),
            Some(fate) => match std::mem::replace(fate, Fate::Spent(None)) {
                Fate::Waiting(code) => Presented::Good(code),
                Fate::Spent(grant) => Presented::Again(grant),
            },
        }
    }

    /// Remembers which grant a spent code brought.
    pub(super) fn brought(&mut self, text: &str, grant: u64) {
        self.0.insert(text.to_owned(), Fate::Spent(Some(grant)));
    }
}
