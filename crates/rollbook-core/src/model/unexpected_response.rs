//! A response with a good status that is no page, and whose fault that is.

use std::fmt;

/// What is wrong with a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseFault {
    /// A web page, an empty body, or one that was cut: something in front of the API responded, or the server broke.
    /// The API's own response may follow later, and nothing may be concluded from this one.
    Server,
    /// The text is not JSON at one position, such as `NaN` for a number: a stored value that the vendor cannot write.
    Value,
    /// JSON of another form than the connector describes.
    Form,
}

/// A response that violates the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnexpectedResponse {
    /// What is wrong.
    pub fault: ResponseFault,
    /// The reason: a path and what was expected, never a value.
    pub reason: String,
}

impl UnexpectedResponse {
    /// A response that is not the API's.
    pub fn of_server(reason: impl Into<String>) -> Self {
        Self {
            fault: ResponseFault::Server,
            reason: reason.into(),
        }
    }

    /// A response with a value that cannot be read.
    pub fn of_value(reason: impl Into<String>) -> Self {
        Self {
            fault: ResponseFault::Value,
            reason: reason.into(),
        }
    }

    /// A response of another form.
    pub fn of_form(reason: impl Into<String>) -> Self {
        Self {
            fault: ResponseFault::Form,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for UnexpectedResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}
