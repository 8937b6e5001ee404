//! Error responses in all observed shapes (webuntis-oneroster.md 3.8).

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::switches::{ErrorBody, Switches};
use crate::fault_responses::build_response;

/// An error of the standard: status, code and description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) text: String,
}

impl ApiError {
    pub(super) fn invalid(text: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: "invalid data",
            text: text.into(),
        }
    }

    pub(super) fn new(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        Self {
            status,
            code,
            text: text.into(),
        }
    }

    /// The response in the shape that the switches select.
    pub(super) fn response(&self, switches: &Switches) -> Response<Body> {
        let Self { status, code, text } = self;
        let body = match switches.error_body {
            ErrorBody::StatusInfo => {
                json!({ "statusInfoSet": [status_info("failure", "error", code, text)] })
            }
            ErrorBody::Errors => json!({ "errors": [
                { "codeMajor": "failure", "severity": "error", "codeMinor": code, "description": text },
            ] }),
            ErrorBody::Flat => {
                json!({ "codeMajor": "failure", "severity": "error", "codeMinor": code, "description": text })
            }
            ErrorBody::Imsx => json!({ "imsx_StatusInfo": {
                "imsx_codeMajor": "failure", "imsx_severity": "error", "imsx_description": text,
                "imsx_CodeMinor": { "imsx_codeMinorField": [
                    { "imsx_codeMinorFieldName": "TargetEndSystem", "imsx_codeMinorFieldValue": code },
                ] },
            } }),
            ErrorBody::Framework => json!({ "status": status.canonical_reason(), "message": text }),
            ErrorBody::Untis => json!({
                "errorCode": code.to_uppercase().replace(' ', "_"), "errorMessage": text,
                "requestId": "00000000-0000-4000-8000-000000000000", "traceId": "0000000000000000",
            }),
            ErrorBody::Html => {
                return build_response(
                    *status,
                    "text/html",
                    format!("<html><body><h1>{status}</h1></body></html>"),
                );
            }
            ErrorBody::Empty => return build_response(*status, "text/plain", ""),
        };
        build_response(*status, "application/json", body.to_string())
    }

    /// The response to a missing, wrong or expired token.
    pub(super) fn bad_token(switches: &Switches) -> Response<Body> {
        let status = StatusCode::from_u16(switches.bad_token).unwrap_or(StatusCode::UNAUTHORIZED);
        let mut response = Self::new(
            status,
            "unauthorized",
            "The access token is no longer valid",
        )
        .response(switches);
        let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, challenge);
        response
    }
}

/// One element of a `statusInfoSet`, for errors and for warnings next to data.
pub(super) fn status_info(major: &str, severity: &str, minor: &str, text: &str) -> Value {
    json!({
        "imsx_codeMajor": major, "imsx_severity": severity, "imsx_description": text, "imsx_codeMinor": minor,
    })
}
