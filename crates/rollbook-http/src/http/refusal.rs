//! What a token endpoint refused, as an error object of RFC 6749 5.2 says it; and what a refused password waits for.
//!
//! The vendor's `error_description` is kept as one short line, from which `auth` has removed every secret.

use jiff::Timestamp;

/// A refusal by a token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRefusal {
    /// The status of the response; some servers send the error with 200.
    pub status: u16,
    /// The standard's error code; `None` for a code of the vendor's own.
    pub code: Option<&'static str>,
    /// The vendor's explanation: one line without secrets.
    pub description: Option<String>,
    /// What it is about.
    pub refused: Refused,
}

/// What a token endpoint refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The client: its id, its secret, or how it sends them.
    Client,
    /// The user name or the password, or the person may not sign in.
    Password,
    /// The refresh token, or the code of a sign-in.
    Token,
    /// The scopes, the grant or another parameter.
    Request,
    /// The vendor's code does not say.
    Unknown,
}

impl Refused {
    /// The object of a message.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "the client_id or client_secret",
            Self::Password => "the user name or password",
            Self::Token => "the token",
            Self::Request => "the token request",
            Self::Unknown => "the credential",
        }
    }
}

/// Why a password is not sent, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordRest {
    /// The password is not sent before this time.
    pub until: Timestamp,
    /// Whether the vendor clearly refused the password.
    pub is_refused: bool,
    /// Whether a person must act: it is refused, or has not been accepted in three attempts.
    pub needs_person: bool,
    /// What the vendor sent in place of a token or a refusal, if that was just received.
    pub received: Option<String>,
}
