//! What the files of a bundle are made from: questions, rules, references. As the store and the writer of files take it.

use serde::Deserialize;

use super::percent::Percent;

/// A value that questions name as `:name`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum BundleParameter {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

/// What is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BundleMode {
    /// Everything.
    #[default]
    Bulk,
    /// What has changed since the last bundle; the first one holds everything.
    Delta,
    /// Everything, in the mirror, with the time at which each row changed; no file is written.
    Served,
}

impl BundleMode {
    /// As the file says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bulk => "bulk",
            Self::Delta => "delta",
            Self::Served => "served",
        }
    }
}

/// The question of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleQuestion {
    /// The file's name. Later questions name its rows so.
    pub file: String,
    /// The columns that tell rows apart; none for a file that is always written whole.
    pub key: Vec<String>,
    /// An SQL query.
    pub sql: String,
    /// What each row must fulfil, in SQL; by what is said of those that do not.
    pub rules: Vec<(String, String)>,
    /// Columns that name rows of other files.
    pub references: Vec<BundleReference>,
    /// The delimiter of a file without quotation marks: rows with one in a value have no form.
    pub unquoted: Option<String>,
}

/// A column whose values are found in a column of another file of the bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleReference {
    /// The column.
    pub column: String,
    /// The other file.
    pub file: String,
    /// Its column.
    pub target: String,
    /// What is between several values; one value without it.
    pub separator: Option<String>,
    /// Whether a row stays without a value that is not found; else it is left out.
    pub keeps_row: bool,
}

/// How many rows a file has, and how they differ from those of the last bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BundleCounts {
    /// Rows.
    pub rows: u64,
    /// Rows of the last bundle.
    pub before: u64,
    /// Rows that the last bundle does not have.
    pub added: u64,
    /// Rows that are different there.
    pub changed: u64,
    /// Rows that only the last bundle has.
    pub removed: u64,
    /// Rows that are left out, by reason.
    pub left_out: Vec<(String, u64)>,
}

/// How many rows may be missing that the last bundle had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundleGuard {
    /// Of a file's rows.
    pub share: Percent,
    /// So many rows may always be missing.
    pub rows: u64,
}

impl BundleGuard {
    /// Why a file must not be written, if so.
    pub fn check(self, file: &str, counts: &BundleCounts) -> Option<String> {
        let BundleCounts {
            before, removed, ..
        } = *counts;
        let is_all = counts.rows == 0 && before > 0;
        let is_many = removed > self.rows && self.share.is_exceeded_by(removed, before);
        (is_all || is_many)
            .then(|| format!("{file} would lose {removed} of {before} rows of the last bundle"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_lose_a_few_rows_or_a_small_share_and_never_all() {
        let guard = BundleGuard {
            share: Percent::whole(10),
            rows: 5,
        };
        for (before, rows, removed, is_held) in [
            (0, 0, 0, false),
            (0, 100, 0, false),
            (100, 95, 5, false),
            (20, 15, 5, false),
            (100, 90, 10, false),
            (100, 89, 11, true),
            (20, 14, 6, true),
            (3, 0, 3, true),
            // Other keys for everyone.
            (100, 100, 100, true),
        ] {
            let counts = BundleCounts {
                rows,
                before,
                removed,
                ..BundleCounts::default()
            };
            let held = guard.check("users.csv", &counts);
            assert_eq!(held.is_some(), is_held, "{before} {rows} {removed}");
        }
    }
}
