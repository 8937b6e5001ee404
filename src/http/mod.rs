//! Asking a vendor: one session a source, and the tokens it asks with.
//!
//! A [`Session`] carries authorisation, pacing, retry, timeouts and limits, so nobody above can
//! forget them. It sends GET and nothing else; a POST goes to a token endpoint, or to an admin's own webhook. Not here: what
//! an answer means (`vendor/`), where a token is kept (`store/`, behind [`GrantVault`]), what a
//! failure means for a run (`sync/`, by [`HttpError::class`]).

mod access;
mod ask;
mod body;
mod budget;
mod charset;
mod client;
mod deadline;
mod discovery;
mod error;
mod grant;
mod keeper;
mod limits;
mod login;
mod note;
mod pace;
mod reach;
mod reply;
mod revocation;
mod rotation;
mod rules;
mod scopes;
mod sentence;
mod session;
mod token_answer;
mod token_form;
mod token_refusal;
mod token_request;
mod verdict;
mod way;

#[cfg(test)]
mod fault_server;
#[cfg(test)]
mod tests;

pub use ask::{Ask, Effort};
pub use budget::RunBudget;
pub use discovery::IssuerSpec;
pub use error::{HttpError, Kind, Slow, Unreachable};
pub use grant::{
    ApiKeySpec, ClientAuth, Grant, GrantSpec, GrantVault, KeptAccess, KeptGrant, SignInMark,
    TokenBody, TokenMembers, VaultError,
};
pub use keeper::{KeeperRules, TokenKeeper};
pub use login::{Attempt, Code, Ends, Listener, LoginRules, PATIENCE, Redirect, SignedIn};
pub use note::{Note, post_note};
pub use reach::Reach;
pub use reply::{BadAnswer, Headers, Reply};
pub use revocation::{Revocation, revoke};
pub use rules::{DayCount, ErrorWords, Route, SessionRules, Timeouts};
pub use session::{Decode, Session};
