//! One entry of a combo list, as the mirror has it.

use serde::Serialize;

/// What an id or a code of a list means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ComboEntry {
    /// The key at the vendor, which another account does not share.
    pub id: String,
    /// The code: a text, also where it looks like a number. Some lists have none.
    pub code: Option<String>,
    /// What it means.
    pub label: Option<String>,
    /// Whether it is in use; entries of lists that do not say are.
    pub active: bool,
    /// When this version of it arrived.
    pub since: String,
}
