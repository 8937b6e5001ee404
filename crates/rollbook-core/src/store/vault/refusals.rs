//! Credentials that a vendor rejected, in the vault, so that a restart does not forget them.
//!
//! Holds a mark by which a credential is recognised, never the credential. One rejection a source; it ends with a success
//! or with `rollbook resume`.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, params};

use super::Vault;
use crate::model::scalar;
use crate::model::{KeptRefusal, SourceName};
use crate::store::StoreError;

impl Vault {
    /// How the credential with this mark was rejected; `None` when another one was, or none.
    pub fn refusal(
        &self,
        source: &SourceName,
        credential: &str,
    ) -> Result<Option<KeptRefusal>, StoreError> {
        let kept = |row: &Row<'_>| -> rusqlite::Result<Option<KeptRefusal>> {
            let (at, attempts, is_clear): (String, u32, bool) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            let at: Option<Timestamp> = scalar::parse(&at);
            Ok(at.map(|at| KeptRefusal {
                at,
                attempts,
                is_clear,
            }))
        };
        self.connection()
            .query_row(
                "SELECT at, attempts, is_clear FROM refusals WHERE source = ?1 AND credential = ?2",
                [source.as_str(), credential],
                kept,
            )
            .optional()
            .map(Option::flatten)
            .map_err(StoreError::sql("read the vault"))
    }

    /// Replaces the source's last rejection by this one.
    pub fn note_refusal(
        &self,
        source: &SourceName,
        credential: &str,
        refusal: KeptRefusal,
    ) -> Result<(), StoreError> {
        self.connection()
            .execute(
                "INSERT OR REPLACE INTO refusals (source, credential, at, attempts, is_clear) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    source,
                    credential,
                    scalar::to_canonical(refusal.at),
                    refusal.attempts,
                    refusal.is_clear
                ],
            )
            .map(drop)
            .map_err(StoreError::sql("record a rejected credential in the vault"))
    }

    /// Forgets the source's rejection, and returns whether there was one.
    pub fn lift_refusal(&self, source: &SourceName) -> Result<bool, StoreError> {
        self.connection()
            .execute("DELETE FROM refusals WHERE source = ?1", [source])
            .map(|rows| rows > 0)
            .map_err(StoreError::sql("forget a rejected credential in the vault"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::named;

    #[test]
    fn a_refusal_outlasts_the_process_and_gives_way_to_the_next() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || Vault::open(folder.path(), crate::store::vault::Keys::None).expect("a vault");
        let refusal = |text: &str, attempts, is_clear| KeptRefusal {
            at: text.parse().expect("a time"),
            attempts,
            is_clear,
        };
        let first = refusal("2026-03-02T06:00:00Z", 1, true);
        let second = refusal("2026-03-03T06:00:00Z", 3, false);
        open()
            .note_refusal(&named("school"), "abc", first)
            .expect("noted");
        let vault = open();
        let known = |source: &str, mark: &str| vault.refusal(&named(source), mark).expect("read");
        assert_eq!(known("school", "abc"), Some(first));
        assert_eq!(known("school", "def"), None, "another credential");
        assert_eq!(known("other", "abc"), None, "another source");
        vault
            .note_refusal(&named("school"), "def", second)
            .expect("noted");
        assert_eq!(known("school", "def"), Some(second));
        assert_eq!(known("school", "abc"), None);
        let lift = |source: &str| vault.lift_refusal(&named(source)).expect("lifted");
        assert!(!lift("other"));
        assert_eq!(known("school", "def"), Some(second));
        assert!(lift("school"));
        assert_eq!(known("school", "def"), None);
        assert!(!lift("school"), "it is lifted");
    }
}
