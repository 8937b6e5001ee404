//! How a successful response is decoded while it arrives.

use std::sync::Arc;

use super::reply::Reply;
use rollbook_core::model::UnexpectedResponse;

/// Decodes the body of one response.
///
/// A body may be larger than what a process should hold: it comes in pieces, and what was decoded is forgotten.
pub trait BodyDecoder<T>: Send {
    /// Takes from the front of `body` what can be decoded without the rest. What stays comes back with more behind it.
    ///
    /// # Errors
    /// When the response is not the expected one; the rest of it is not read then.
    fn take(&mut self, body: &mut Vec<u8>) -> Result<(), UnexpectedResponse>;

    /// The response ended; its body is what was not taken.
    ///
    /// # Errors
    /// When the response is not the expected one.
    fn finish(self: Box<Self>, reply: &Reply) -> Result<T, UnexpectedResponse>;
}

/// Makes a decoder for each attempt at a response.
pub struct Decode<T>(Arc<dyn Fn() -> Box<dyn BodyDecoder<T>> + Send + Sync>);

impl<T> Clone for Decode<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Decode<T> {
    /// `begin` makes a decoder.
    pub fn new<D: BodyDecoder<T> + 'static>(begin: impl Fn() -> D + Send + Sync + 'static) -> Self {
        Self(Arc::new(move || Box::new(begin())))
    }

    pub(super) fn begin(&self) -> Box<dyn BodyDecoder<T>> {
        (self.0)()
    }

    /// Decodes a response that is there.
    #[cfg(any(test, feature = "testing"))]
    pub fn whole(&self, reply: &Reply) -> Result<T, UnexpectedResponse> {
        self.begin().finish(reply)
    }
}
