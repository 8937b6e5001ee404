//! How a token request ended, as far as its refresh token is concerned.

/// How a token request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestEnd {
    /// Nothing was sent: it was too late for that, or there was no connection.
    NotSent,
    /// The server refused it by a response that says that the token was not used.
    Refused,
    /// It returned tokens.
    Granted,
    /// Any other end: a cut connection, the time limit, a response of another program.
    Unknown,
}
