//! The vault's copy of the ledger of erasures, and the key of the suppression list, sealed like a token.
//!
//! The mirror holds the same cells (`suppression/ledger.rs`), so that a backup is enough to suppress what was erased; a
//! key that is sealed needs the vault's key there too.

use rusqlite::Connection;
use secrecy::ExposeSecret as _;

use super::Vault;
use super::grants::may_write;
use super::keys::Keys;
use super::seal::{CellId, fresh_key};
use super::{maskings, room};
use crate::store::StoreError;
use crate::store::suppression::{
    self, Erasure, KeyCell, Suppressed, SuppressedKind, Suppression, SuppressionKey,
};

/// The secret column of a suppression key.
pub(super) const SECRET: &str = "rollbook_suppression_keys.secret";

impl Vault {
    /// The keys of a database's suppression list, opened.
    ///
    /// # Errors
    /// When a key is sealed and the vault's key is missing or another one.
    pub fn open_suppression_keys(
        &self,
        cells: Vec<KeyCell>,
    ) -> Result<Vec<SuppressionKey>, StoreError> {
        open(&self.keys(), cells)
    }

    /// Makes sure that there is a key for new entries, in the vault and in a mirror, and that the vault knows how the mirror's
    /// columns are masked.
    ///
    /// # Errors
    /// When one of them cannot be written, or not without the vault's key.
    pub fn need_suppression_key(&self, mirror: &Connection) -> Result<(), StoreError> {
        let keys = self.keys();
        let connection = self.connection();
        if suppression::key_cells(&connection)?.is_empty() {
            may_write(&keys, &connection)?;
            let bytes = fresh_key()?;
            let name = SuppressionKey::new(bytes.expose_secret()).name().to_owned();
            let cell_id = CellId {
                source: &name,
                column: SECRET,
            };
            let secret = keys.seal(cell_id, bytes.expose_secret())?;
            let cell = (name.clone(), keys.id().map(str::to_owned), secret);
            suppression::save_key(&connection, &cell)?;
        }
        for cell in suppression::key_cells(&connection)? {
            suppression::save_key(mirror, &cell)?;
        }
        maskings::note(&connection, mirror)
    }

    /// Writes an erasure and its entries down, in one transaction.
    ///
    /// # Errors
    /// When the vault cannot be written.
    pub fn record_erasure(
        &self,
        erasure: &Erasure,
        entries: &[(Suppressed, SuppressedKind)],
    ) -> Result<(), StoreError> {
        self.in_transaction(|vault| suppression::record(vault, erasure, entries))
    }

    /// Makes a mirror and the vault know the same erasures; see [`suppression::exchange`].
    ///
    /// # Errors
    /// When one of them cannot be written.
    pub fn exchange_erasures(&self, mirror: &mut Connection) -> Result<bool, StoreError> {
        let what = StoreError::sql("compare the ledgers of erasures");
        let transaction = mirror.transaction().map_err(&what)?;
        let is_new = self.in_transaction(|vault| {
            let is_new = suppression::exchange(vault, &transaction)?;
            suppression::renew_keys(vault, &transaction)?;
            maskings::note(vault, &transaction)?;
            Ok(is_new)
        })?;
        transaction.commit().map_err(&what)?;
        Ok(is_new)
    }

    /// Notes that erasures are finished.
    ///
    /// # Errors
    /// When the vault cannot be written.
    pub fn finish_erasures(&self, ids: &[String], copies: u64) -> Result<(), StoreError> {
        self.in_transaction(|vault| suppression::set_done(vault, ids, copies))
    }

    /// Lifts the suppression of an erasure; what is deleted is wiped from the log.
    ///
    /// # Errors
    /// When the vault cannot be written.
    pub fn lift_erasure(&self, id: &str) -> Result<Option<u64>, StoreError> {
        self.in_transaction(|vault| {
            room::must_be_wiped(vault).map_err(StoreError::sql("lift a suppression"))?;
            suppression::lift(vault, id)
        })
        .and_then(|lifted| {
            room::wipe(&self.connection())?;
            Ok(lifted)
        })
    }

    fn in_transaction<T>(
        &self,
        act: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let what = StoreError::sql("write the ledger of erasures in the vault");
        let mut connection = self.connection();
        let transaction = connection.transaction().map_err(&what)?;
        let done = act(&transaction)?;
        transaction.commit().map_err(&what)?;
        Ok(done)
    }
}

/// Opens stored keys; those that make new entries first.
fn open(keys: &Keys, cells: Vec<KeyCell>) -> Result<Vec<SuppressionKey>, StoreError> {
    let one = |(name, key_id, secret): KeyCell| {
        let cell_id = CellId {
            source: &name,
            column: SECRET,
        };
        let bytes = keys.open(cell_id, &(key_id, secret))?;
        Ok(SuppressionKey::new(&bytes))
    };
    cells.into_iter().map(one).collect()
}

/// The list of a mirror with its keys.
///
/// # Errors
/// When a key cannot be opened: then no row may be taken, because it could be of an erased person.
pub fn load_suppression(vault: &Vault, mirror: &Connection) -> Result<Suppression, StoreError> {
    let none = suppression::suppressed(mirror, Suppression::default())?;
    if none.is_empty() {
        return Ok(none); // the key is not needed
    }
    open_suppression(vault, mirror)
}

/// The same with the keys in any case, to add entries.
///
/// # Errors
/// When a key cannot be opened.
pub fn open_suppression(vault: &Vault, mirror: &Connection) -> Result<Suppression, StoreError> {
    let keys = vault.open_suppression_keys(suppression::key_cells(mirror)?)?;
    suppression::suppressed(mirror, Suppression::new(keys))
}
