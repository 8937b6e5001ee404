//! Local stand-in: replaced by the pages.

use jiff::Timestamp;

use crate::daemon::status::Status;
use crate::model::run_history::RunHistory;

/// The script.
pub const SCRIPT: &str = "";
/// The style.
pub const STYLE: &str = "body{font-family:sans-serif}";
/// The icon.
pub const ICON: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1 1\"/>";

/// What pages show.
#[derive(Clone, Copy, Debug)]
pub struct SiteView<'a> {
    /// The daemon's status, if it runs.
    pub status: Option<&'a Status>,
    /// The history.
    pub history: Option<&'a RunHistory>,
    /// The time.
    pub now: Timestamp,
}

/// A page.
pub fn page(path: &str, view: &SiteView<'_>) -> Option<String> {
    let state = if view.status.is_some() {
        "runs"
    } else {
        "does not run"
    };
    (path == "/").then(|| format!("<!DOCTYPE html><html lang=\"en\"><title>Rollbook</title><style>{STYLE}</style><p>The daemon {state}.</html>"))
}

/// The page for others.
pub fn not_found() -> String {
    "<!DOCTYPE html><title>Not found</title><p>There is no such page.".to_owned()
}
