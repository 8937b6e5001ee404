//! Error responses of the platform (wapi.md 8); none of them is documented, so all shapes exist.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

use super::switches::{ErrorBody, Switches};
use crate::fault_responses::build_response;
use crate::server::WriteAttempt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// No such entity.
    NotExist,
    /// No such address.
    NoRoute,
    /// More rows than one response may hold.
    TooManyRequested,
    /// A parameter is missing, or not a number or date.
    Argument,
    /// The token is missing, unknown or expired.
    InvalidToken,
    /// The token has no person.
    NoUser,
    /// The person has no role there.
    Forbidden,
    /// A write.
    ReadOnly,
}

impl Failure {
    /// The response in the shape that the switches select.
    pub(super) fn response(self, switches: &Switches) -> Response<Body> {
        let (status, code, message) = match self {
            Self::NotExist => (switches.not_exist, "NotExist", "the entity does not exist"),
            Self::NoRoute => (404, "NotFound", "no such address"),
            Self::TooManyRequested => (
                switches.too_many,
                "TooManyRequested",
                "too many elements requested",
            ),
            Self::Argument => (400, "ArgumentException", "a parameter cannot be read"),
            Self::InvalidToken => (
                switches.bad_token,
                "invalid_token",
                "the token is not valid",
            ),
            Self::NoUser => (switches.no_user, "Forbidden", "this operation needs a user"),
            Self::Forbidden => (403, "Forbidden", "no role on this account"),
            Self::ReadOnly => (405, "NotImplementedException", "not allowed"),
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = match switches.error_body {
            ErrorBody::Lower => {
                json!({ "responseStatus": { "errorCode": code, "message": message, "errors": [] } })
                    .to_string()
            }
            ErrorBody::Upper => {
                json!({ "ResponseStatus": { "ErrorCode": code, "Message": message, "Errors": [] } })
                    .to_string()
            }
            ErrorBody::Wca => {
                json!({ "wType": "WCAExceptionResource", "errorCode": code, "message": message })
                    .to_string()
            }
            ErrorBody::Html => format!("<html><body><h1>{status}</h1><p>{code}</p></body></html>"),
        };
        let media = if switches.error_body == ErrorBody::Html {
            "text/html"
        } else {
            "application/json"
        };
        let mut response = build_response(status, media, body);
        match self {
            Self::InvalidToken => {
                let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
                response
                    .headers_mut()
                    .insert(header::WWW_AUTHENTICATE, challenge);
            }
            Self::ReadOnly => _ = response.extensions_mut().insert(WriteAttempt),
            _ => {}
        }
        response
    }
}
