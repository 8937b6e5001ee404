//! What a session needs from the module that manages tokens.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::access::Access;
use super::error::HttpError;

/// What to do after the vendor refused a token or key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterRefusal {
    /// Repeat the request with the same one after this wait: it may be good.
    SameAgain(Duration),
    /// Repeat the request: there is another one, or one can be requested.
    Replaced,
    /// It stays refused.
    Stop,
}

/// Provides the authorization headers of a session, and is notified of how the vendor responds to them.
pub trait Authorizer: Send + Sync {
    /// The headers for the next request; obtains or renews a token when needed.
    ///
    /// # Errors
    /// When there is no token and none can be obtained.
    fn access(&self) -> BoxFuture<'_, Result<Access, HttpError>>;

    /// The vendor accepted a request with these headers.
    fn accepted<'a>(&'a self, access: &'a Access) -> BoxFuture<'a, ()>;

    /// The vendor refused the token or key. `may_replace`: the request was not repeated with another one yet.
    fn refused<'a>(&'a self, access: &'a Access, may_replace: bool) -> BoxFuture<'a, AfterRefusal>;

    /// The vendor returned 403, by which some mean 401. Returns whether to repeat the request with another token.
    fn forbidden<'a>(&'a self, access: &'a Access) -> BoxFuture<'a, bool>;

    /// The scopes that were requested and not granted, as far as the vendor declares them.
    fn missing_scopes(&self) -> BoxFuture<'_, Vec<String>>;
}
