//! Keys that this installation made for itself: not of a vendor, and never replaced, because what they made is stored.

use rusqlite::{OptionalExtension as _, params};
use secrecy::ExposeSecret as _;
use secrecy::zeroize::Zeroizing;

use super::Vault;
use super::keys::VaultCell;
use super::seal::{CellId, fresh_key};
use crate::store::StoreError;

/// The secret column; its name is part of what is sealed.
pub(super) const SECRET: &str = "local_keys.secret";

/// The key of pseudonyms.
const PSEUDONYMS: &str = "pseudonyms";

impl Vault {
    /// The key of the installation's pseudonyms, made at its first use.
    ///
    /// # Errors
    /// When the vault cannot be read or written, or its own key is missing or another one.
    pub fn pseudonym_key(&self) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let cell_id = CellId {
            source: PSEUDONYMS,
            column: SECRET,
        };
        let keys = self.keys();
        let connection = self.connection();
        let read = || -> Result<Option<VaultCell>, StoreError> {
            connection
                .query_row(
                    "SELECT key_id, secret FROM local_keys WHERE source = ?1",
                    [PSEUDONYMS],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()
                .map_err(StoreError::sql("read the vault"))
        };
        if let Some(cell) = read()? {
            return keys.open(cell_id, &cell);
        }
        let sealed = keys.seal(cell_id, fresh_key()?.expose_secret())?;
        // Another process may have been first: its key counts.
        connection
            .execute(
                "INSERT OR IGNORE INTO local_keys (source, key_id, secret) VALUES (?1, ?2, ?3)",
                params![PSEUDONYMS, keys.id(), sealed],
            )
            .map_err(StoreError::sql("write the vault"))?;
        let made = read()?.ok_or(StoreError::Sealing)?;
        keys.open(cell_id, &made)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretBox;

    use super::super::{KEY, Keys, Vault, VaultKey};

    fn key(byte: u8) -> Keys {
        let bytes = SecretBox::new(Box::new([byte; KEY]));
        Keys::Given(VaultKey::new(&bytes).expect("a key"))
    }

    #[test]
    fn the_key_stays_and_is_sealed_with_the_vault() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = |keys| Vault::open(folder.path(), keys).expect("a vault");
        let made = open(Keys::None).pseudonym_key().expect("a key");
        assert_eq!(made.len(), KEY);
        assert_eq!(open(Keys::None).pseudonym_key().expect("the key"), made);
        // Sealed as soon as the vault has a key, and moved to another one.
        assert_eq!(open(key(1)).pseudonym_key().expect("the key"), made);
        let refused = open(key(2)).pseudonym_key().expect_err("another key");
        assert!(refused.to_string().contains("sealed with key"), "{refused}");
        assert!(open(Keys::None).pseudonym_key().is_err(), "no key");
        let moved = open(key(1)).rekey(&[&key(1)], &key(2)).expect("moved");
        assert_eq!(moved, 1);
        assert_eq!(open(key(2)).pseudonym_key().expect("the key"), made);
    }
}
