//! Credentials that a vendor refused, in the vault, so that a restart does not forget them.
//!
//! Holds a mark by which a credential is recognised, never the credential. One refusal a source.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::Vault;
use crate::model::SourceName;
use crate::model::scalar;
use crate::store::StoreError;

impl Vault {
    /// When the credential with this mark was refused; `None` when another one was, or none.
    pub fn refused(
        &self,
        source: &SourceName,
        credential: &str,
    ) -> Result<Option<Timestamp>, StoreError> {
        let at: Option<String> = self
            .connection()
            .query_row(
                "SELECT at FROM refusals WHERE source = ?1 AND credential = ?2",
                [source.as_str(), credential],
                |row| row.get(0),
            )
            .optional()
            .map_err(StoreError::sql("read the vault"))?;
        Ok(at.as_deref().and_then(scalar::parse))
    }

    /// Replaces the source's last refusal by this one.
    pub fn note_refusal(
        &self,
        source: &SourceName,
        credential: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.connection()
            .execute(
                "INSERT OR REPLACE INTO refusals (source, credential, at) VALUES (?1, ?2, ?3)",
                params![source, credential, scalar::to_canonical(at)],
            )
            .map(drop)
            .map_err(StoreError::sql("record a refused credential in the vault"))
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
        let time = |text: &str| text.parse::<Timestamp>().expect("a time");
        let (first, second) = (time("2026-03-02T06:00:00Z"), time("2026-03-03T06:00:00Z"));
        open()
            .note_refusal(&named("school"), "abc", first)
            .expect("noted");
        let vault = open();
        let refused_at =
            |source: &str, mark: &str| vault.refused(&named(source), mark).expect("read");
        assert_eq!(refused_at("school", "abc"), Some(first));
        assert_eq!(refused_at("school", "def"), None, "another credential");
        assert_eq!(refused_at("other", "abc"), None, "another source");
        vault
            .note_refusal(&named("school"), "def", second)
            .expect("noted");
        assert_eq!(refused_at("school", "def"), Some(second));
        assert_eq!(refused_at("school", "abc"), None);
    }
}
