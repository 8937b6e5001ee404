//! Only for tests: a transport without sockets.
//!
//! Everything above the connection is real: session, retries, deadlines, body, token requests, alerts. It is installed for
//! one thread, so other tests do not see it.

use std::cell::RefCell;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::{Request, RequestBuilder, Response};

use super::error::HttpErrorKind;

/// The response to a request, or why there is none. It may take its time.
pub type Answer = BoxFuture<'static, Result<Response, HttpErrorKind>>;

type Transport = Arc<dyn Fn(Request) -> Answer>;

thread_local! {
    static TRANSPORT: RefCell<Option<Transport>> = const { RefCell::new(None) };
}

/// Sends all further requests of this thread to `transport`.
pub fn install(transport: impl Fn(Request) -> Answer + 'static) {
    TRANSPORT.with_borrow_mut(|installed| *installed = Some(Arc::new(transport)));
}

/// The answer to a request, if a transport is installed.
pub(crate) fn answer(request: &RequestBuilder) -> Option<Answer> {
    let transport = TRANSPORT.with_borrow(Clone::clone)?;
    let request = request.try_clone()?.build().ok()?;
    Some(transport(request))
}
