//! Signs in once by a browser: OAuth 2 authorization code with PKCE (RFC 6749 4.1, 7636, 8252, 9700).
//!
//! An [`Attempt`] has the URL for the browser, recognises the response that belongs to it,
//! and redeems the code by one POST. A listener on loopback receives the response, or a
//! person pastes it. Not here: where the grant is kept (`app/`), and what is printed (`cli/`).

mod attempt;
mod id_token;
mod listener;
mod page;
mod random;
mod redirect;
mod response;

#[cfg(test)]
mod tests;

pub use attempt::{Attempt, Ends, LoginRules, SignedIn};
pub use listener::{Listener, SIGN_IN_TIMEOUT};
pub use redirect::Redirect;
pub use response::AuthorizationCode;
