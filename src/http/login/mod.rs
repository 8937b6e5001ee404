//! Signing in once by a browser: OAuth 2 authorization code with PKCE (RFC 6749 4.1, 7636, 8252, 9700).
//!
//! An [`Attempt`] is one try: it has the address for the browser, recognises the answer that belongs to it,
//! and redeems the code by one POST. How the answer comes back is next door: a listener on loopback, or a
//! person who pastes it. Not here: where the grant is kept (`app/`), and what is printed (`cli/`).

mod answer;
mod attempt;
mod id_token;
mod listener;
mod page;
mod redirect;

#[cfg(test)]
mod tests;

pub use answer::Code;
pub use attempt::{Attempt, Ends, LoginRules, SignedIn};
pub use listener::{Listener, PATIENCE};
pub use redirect::Redirect;
