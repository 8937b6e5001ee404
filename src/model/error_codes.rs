//! How a vendor reports errors in the body of a response.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The error codes that a vendor returns in bodies.
///
/// Codes are compared without regard to case, blanks and underscores, because vendors spell them differently in
/// documents and responses (webuntis-oneroster.md 3).
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ErrorCodes {
    /// Paths of the error code in a body, such as `"responseStatus.errorCode"`.
    #[serde(default)]
    pub code: Vec<String>,
    /// Codes that mean "too much requested at once": a window shrinks, a page is halved.
    #[serde(default)]
    pub too_many: Vec<String>,
    /// Codes that mean "not found", whatever the status.
    #[serde(default)]
    pub missing: Vec<String>,
    /// Members that only a failure has, though its status is 200, such as `"exception"`. One that is null, false or empty
    /// is none.
    #[serde(default)]
    pub failed: Vec<String>,
    /// Members of each response with status 200 and the values that mean success, such as `"ocs.meta.statuscode" =
    /// ["100", "200"]`: any other value is a failure.
    #[serde(default)]
    pub ok: BTreeMap<String, Vec<String>>,
    /// Codes that mean "token invalid or expired", whatever the status.
    #[serde(default)]
    pub token: Vec<String>,
}
