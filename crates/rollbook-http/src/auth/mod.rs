//! How a source authenticates: grants, the token manager, rotation, discovery and the sign-in by browser.
//!
//! Implements [`Authorizer`](crate::http::Authorizer) for a session, and owns [`GrantStore`], which keeps refresh tokens.

mod assertion;
mod discovery;
mod grant;
mod login;
mod revocation;
mod rotation;
mod scopes;
mod token_form;
mod token_manager;
mod token_refusal;
mod token_request;
mod token_response;
mod token_source;

#[cfg(test)]
mod tests;

pub use assertion::Signer;
pub use discovery::IssuerSpec;
pub use grant::{
    ApiKeySpec, Grant, GrantSpec, GrantStore, Intended, RefreshIntent, SignInMark, VaultError,
};
pub use login::{
    Attempt, AuthorizationCode, Ends, Listener, LoginRules, Redirect, SIGN_IN_TIMEOUT, SignedIn,
};
pub use revocation::{Revocation, revoke};
pub use token_manager::{Refetch, TokenManager};
pub use token_source::TokenRules;
