//! The other end of a connection: its name in messages, and what TLS says of it.

use std::error::Error;
use std::io;

use reqwest::Url;

/// The host and port of an address, for messages.
pub(crate) fn host_of(address: &Url) -> String {
    let host = address.host_str().unwrap_or("the server");
    address
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// TLS errors are wrapped in an I/O error, which hides them from the chain of sources.
pub(super) fn tls_error<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    cause.downcast_ref::<rustls::Error>().or_else(|| {
        let inside = cause.downcast_ref::<io::Error>()?.get_ref()?;
        tls_error(inside)
    })
}
