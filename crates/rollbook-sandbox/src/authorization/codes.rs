//! Authorization codes: short-lived, single-use, bound to their authorization request.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::tokens::Holder;

/// What a code is bound to.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) client: &'static str,
    pub(super) redirect_url: String,
    /// The PKCE challenge, if one was sent.
    pub(super) challenge: Option<String>,
    /// Copied into the id token.
    pub(super) nonce: Option<String>,
    pub(super) holder: Holder,
    /// Expiry, by the sandbox's clock.
    pub(super) expires_at: Duration,
}

#[derive(Debug)]
enum CodeState {
    Unused(Code),
    /// Presented once, in a valid request or not; with the grant it created.
    Used(Option<u64>),
}

/// All codes; they are kept until the process ends.
#[derive(Debug, Default)]
pub(super) struct Codes(BTreeMap<String, CodeState>);

#[derive(Debug)]
pub(super) enum CodeLookup {
    Unknown,
    /// Valid; used from now on.
    Valid(Code),
    /// Presented before; with the grant it created.
    Reused(Option<u64>),
}

impl Codes {
    pub(super) fn add(&mut self, text: String, code: Code) {
        self.0.insert(text, CodeState::Unused(code));
    }

    /// Looks a code up and marks it as used, also when the rest of the request is invalid.
    pub(super) fn take(&mut self, text: &str) -> CodeLookup {
        match self.0.get_mut(text) {
            None => CodeLookup::Unknown,
            Some(CodeState::Used(grant)) => CodeLookup::Reused(*grant),
            Some(state) => match std::mem::replace(state, CodeState::Used(None)) {
                CodeState::Unused(code) => CodeLookup::Valid(code),
                CodeState::Used(grant) => CodeLookup::Reused(grant),
            },
        }
    }

    /// Records the grant that a used code created.
    pub(super) fn record_grant(&mut self, text: &str, grant: u64) {
        self.0.insert(text.to_owned(), CodeState::Used(Some(grant)));
    }
}
