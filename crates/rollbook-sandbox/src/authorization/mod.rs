//! The authorization server behind every simulated vendor: codes, grants, tokens, metadata.
//!
//! What the RFCs say stands here once; where the vendors differ, each hands in its `Rules`. Not
//! here: which path answers what, and grants only one vendor has; those are in the vendors' folders.
//! The surprise: nobody is asked anything. A person who opens the authorize address has consented.

mod answers;
mod ask;
mod authorize;
mod bad;
mod codes;
mod consent;
mod grants;
mod id_token;
mod login;
mod metadata;
mod pkce;
mod redeem;
mod refresh;
mod rules;
mod server;
pub mod switches;
mod tally;
#[cfg(test)]
mod tests;

pub use login::Login;
pub use server::Authorization;
pub(crate) use server::Posted;
pub use switches::Switches;
pub use tally::Tally;

pub(crate) use answers::{Granted, Refusal};
pub(crate) use ask::{Ask, form_body, origin};
pub(crate) use grants::first_refresh_token;
pub(crate) use id_token::key_set;
pub(crate) use metadata::Addresses;
pub(crate) use rules::{ANOTHER_CLIENT, Client, RedirectRule, Rules};
