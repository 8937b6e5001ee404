//! One session per source: request, retry, pace, limits, body. Owns the trait `Authorizer`.
//!
//! A [`Session`] applies all of them, so no caller can omit one. It sends only GET. Not here: how a token is
//! obtained (`auth/`), what a page means (`connector/`), and what a failure means for a run (`sync/`, by [`HttpError::class`]).

pub(crate) mod access;
mod authorizer;
pub(crate) mod body;
mod budget;
mod ca_file;
mod charset;
mod circuit_breaker;
pub(crate) mod classify;
pub(crate) mod client;
pub(crate) mod deadline;
mod decode;
pub(crate) mod error;
pub(crate) mod limits;
pub(crate) mod message;
pub(crate) mod oauth1;
mod pace;
pub(crate) mod page_request;
pub(crate) mod peer;
mod post;
mod proxy;
mod reach;
pub(crate) mod refusal;
pub(crate) mod reply;
pub(crate) mod rules;
mod send_gate;
mod session;
mod single;
mod source_metrics;
mod trailing_slash;
pub(crate) mod vendor_text;
mod vendor_word;

#[cfg(test)]
pub(crate) mod fault_server;
#[cfg(any(test, feature = "testing"))]
pub mod scripted;
#[cfg(test)]
pub(crate) mod tests;

pub use access::{Access, FixedKeys};
pub use authorizer::{AfterRefusal, Authorizer};
pub use budget::RunBudget;
pub use ca_file::unusable_ca_file;
pub use deadline::within;
pub use decode::{BodyDecoder, Decode};
pub use error::{HttpError, HttpErrorKind, ProxyFailure, Slow, Unreachable};
#[cfg(any(test, feature = "testing"))]
pub use page_request::follow;
pub use page_request::{Effort, PageRequest, Shrinks};
pub use post::{Post, post, send_heartbeat};
pub use reach::Reach;
pub use refusal::{PasswordRest, Refused, TokenRefusal};
pub use reply::{Headers, Reply};
pub use rules::{DayCount, ProxyLogin, Route, SessionRules, Timeouts, unusable_address};
pub use send_gate::SendGate;
pub use session::Session;
pub use single::{SingleReply, get_once};
pub use source_metrics::SourceMetrics;
