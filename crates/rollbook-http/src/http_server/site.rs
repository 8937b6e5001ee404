//! The trait of what is served.

use std::net::IpAddr;
use std::pin::Pin;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};

/// A reply that is being made. In a box, so that the server is there once for all sites.
pub type PendingReply<'a> = Pin<Box<dyn Future<Output = Response<Full<Bytes>>> + Send + 'a>>;

/// What a server serves, for all connections.
pub trait Site: Send + Sync + 'static {
    /// Whether this peer may connect.
    fn admits(&self, peer: IpAddr) -> bool;

    /// Replies to one request of this peer.
    fn reply(&self, request: Request<Incoming>, peer: IpAddr) -> PendingReply<'_>;
}
