//! The HTTP client of the floors.

/// A client.
pub fn new() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .http1_only()
        .build()
        .expect("a client")
}
