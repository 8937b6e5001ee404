//! What passes a socket by HTTP: sessions with vendors, sign-in and its tokens, and the limits of what is served.

pub mod auth;
pub mod http;
pub mod http_server;
pub mod oneroster;
