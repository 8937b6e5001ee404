//! When the streams of a run become visible.

use serde::Deserialize;

/// When the streams of a run become visible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ApplyMode {
    /// All in one transaction, or none.
    Together,
    /// Each by itself; one that fails does not stop the others.
    #[default]
    Each,
}

impl ApplyMode {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Together => "together",
            Self::Each => "each",
        }
    }
}
