//! The trait of what is served.

use std::error::Error;
use std::future::Future;
use std::net::IpAddr;

use http_body_util::Full;
use hyper::body::{Body, Bytes};
use hyper::{Request, Response};

/// What a server serves, for all connections.
pub trait Site: Send + Sync + 'static {
    /// Whether this peer may connect.
    fn admits(&self, peer: IpAddr) -> bool;

    /// Replies to one request of this peer.
    fn reply<B>(
        &self,
        request: Request<B>,
        peer: IpAddr,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send;
}
