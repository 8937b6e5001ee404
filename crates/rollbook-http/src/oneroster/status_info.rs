//! What the service says of a request: errors, and warnings beside the data (oneroster-service.md 8).

use hyper::StatusCode;
use serde_json::{Value, json};

/// `imsx_codeMinor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeMinor {
    InvalidData,
    InvalidFilterField,
    InvalidBlankSelectionField,
    InvalidSortField,
    InvalidSelectionField,
    Unauthorized,
    Forbidden,
    UnknownObject,
    ServerBusy,
}

impl CodeMinor {
    fn as_str(self) -> &'static str {
        match self {
            Self::InvalidData => "invalid data",
            Self::InvalidFilterField => "invalid_filter_field",
            Self::InvalidBlankSelectionField => "invalid_blank_selection_field",
            Self::InvalidSortField => "invalid_sort_field",
            Self::InvalidSelectionField => "invalid_selection_field",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::UnknownObject => "unknown object",
            Self::ServerBusy => "server_busy",
        }
    }
}

/// Why a request is not answered. The description never repeats what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFault {
    pub status: StatusCode,
    pub code_minor: CodeMinor,
    pub description: String,
}

impl RequestFault {
    pub fn new(status: StatusCode, code_minor: CodeMinor, description: impl Into<String>) -> Self {
        Self {
            status,
            code_minor,
            description: description.into(),
        }
    }

    /// A parameter is wrong.
    pub fn data(description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, CodeMinor::InvalidData, description)
    }

    /// The filter names a member that the objects do not have.
    pub fn filter_field() -> Self {
        let description = "filter names a member that these objects do not have";
        Self::new(
            StatusCode::BAD_REQUEST,
            CodeMinor::InvalidFilterField,
            description,
        )
    }

    /// `fields` names nothing.
    pub fn blank_fields() -> Self {
        let code = CodeMinor::InvalidBlankSelectionField;
        Self::new(StatusCode::BAD_REQUEST, code, "fields names no member")
    }

    /// There is no such object or path.
    pub fn unknown(description: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, CodeMinor::UnknownObject, description)
    }

    /// The body of the reply.
    pub fn body(&self) -> String {
        json!({"statusInfoSet": [status_info("failure", "error", self.code_minor, &self.description)]})
            .to_string()
    }
}

/// Something of a request was passed over.
pub fn warning(code_minor: CodeMinor) -> Value {
    let description = match code_minor {
        CodeMinor::InvalidSortField => "these objects cannot be sorted by that member",
        _ => "fields names a member that these objects do not have",
    };
    status_info("success", "warning", code_minor, description)
}

fn status_info(major: &str, severity: &str, minor: CodeMinor, description: &str) -> Value {
    json!({
        "imsx_codeMajor": major,
        "imsx_severity": severity,
        "imsx_description": description,
        "imsx_codeMinor": minor.as_str(),
    })
}
