//! The authorization server of every simulated vendor: codes, grants, tokens, metadata.
//!
//! The rules of the RFCs are implemented here once; each vendor passes its differences as `Rules`. Paths, and
//! grants that only one vendor has, are in the vendors' folders.
//! The surprise: opening the authorization endpoint counts as consent; by default no page is shown.

mod authorize;
mod codes;
mod consent;
mod fault_choices;
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
#[cfg(test)]
mod tests;
mod token_counts;
mod token_request;
mod token_response;

pub use login::Login;
pub use server::Authorization;
pub(crate) use server::PostRequest;
pub use switches::Switches;
pub use token_counts::TokenCounts;

pub(crate) use grants::first_refresh_token;
pub(crate) use id_token::key_set;
pub(crate) use metadata::Addresses;
pub(crate) use rules::{Client, OTHER_CLIENT, RedirectRule, Rules};
pub(crate) use token_request::{TokenRequest, form_body, origin};
pub(crate) use token_response::{IssuedTokens, TokenError};
