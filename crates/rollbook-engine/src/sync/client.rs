//! Where pages are received from: a source's HTTP session, or a script in a test of the engine.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use rollbook_core::connector::paging::PageFacts;
use rollbook_core::model::Unlisted;
use rollbook_core::store::{PageRows, StoreError};
use rollbook_http::http::{Decode, HttpError, PageRequest, RunBudget, Session};

/// One page, decoded.
pub struct Batch {
    /// An error of the disk where they are put aside.
    pub(super) rows: Result<PageRows, StoreError>,
    pub(super) unlisted: Unlisted,
    pub(super) facts: PageFacts,
    pub(super) newest: Option<Timestamp>,
    pub(super) server_time: Option<Timestamp>,
    /// The server redirected its request to the same path with, or without, a slash at its end.
    pub(super) redirected: bool,
    /// Its own normalized address, if responses contain the address of the next page.
    pub(super) asked: Option<String>,
}

/// Sends one request for a page and decodes its answer; retries, pace and limits are its own business.
pub trait PageClient: Send + Sync {
    /// The page that the request gives.
    fn get<'a>(
        &'a self,
        ask: &'a PageRequest,
        budget: &'a RunBudget,
        decode: Decode<Batch>,
    ) -> BoxFuture<'a, Result<Batch, HttpError>>;

    /// The request for a link that the server gave.
    ///
    /// # Errors
    /// When it leaves the source's base address.
    fn follow(&self, link: &str, what: String) -> Result<PageRequest, HttpError>;

    /// A person wants the source to be read now, also while it is left alone because all requests fail.
    fn wake(&self) {}

    /// The requested scopes that were not granted, as far as the server reports them.
    fn missing_scopes(&self) -> BoxFuture<'_, Vec<String>> {
        async { Vec::new() }.boxed()
    }
}

impl PageClient for Session {
    fn get<'a>(
        &'a self,
        ask: &'a PageRequest,
        budget: &'a RunBudget,
        decode: Decode<Batch>,
    ) -> BoxFuture<'a, Result<Batch, HttpError>> {
        Self::get(self, ask, budget, decode).boxed()
    }

    fn follow(&self, link: &str, what: String) -> Result<PageRequest, HttpError> {
        Self::follow(self, link, what)
    }

    fn wake(&self) {
        Self::wake(self);
    }

    fn missing_scopes(&self) -> BoxFuture<'_, Vec<String>> {
        Self::missing_scopes(self).boxed()
    }
}
