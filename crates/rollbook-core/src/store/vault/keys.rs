//! Which key there is, and what follows for texts that are plain or sealed.

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use super::seal::{CellId, VaultKey};
use crate::store::StoreError;

/// What the vault is opened with.
#[derive(Debug, Default)]
pub enum Keys {
    /// No key is configured: only the file's mode protects the entries.
    #[default]
    None,
    /// Everything is sealed with this key.
    Given(VaultKey),
    /// A key is configured and cannot be had; why. Nothing is read or written in clear instead.
    Missing(String),
}

/// A cell of the file: the id of the key that it is sealed with, if any, and its bytes.
pub(super) type VaultCell = (Option<String>, Vec<u8>);

impl Keys {
    /// The given key's name.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Given(key) => Some(key.id()),
            Self::None | Self::Missing(_) => None,
        }
    }

    /// Why what is sealed with the key of this name, or not sealed, cannot be had.
    pub fn refusal(&self, sealed: Option<&str>) -> Option<StoreError> {
        match (self, sealed) {
            (Self::Missing(why), _) => Some(missing(why)),
            (keys, Some(id)) if keys.id() != Some(id) => Some(wrong(id, keys.id())),
            _ => None,
        }
    }

    /// Seals a text that another database keeps, and returns the name of the key too. Nothing is left in clear there.
    ///
    /// # Errors
    /// When there is no key.
    pub fn seal_elsewhere(
        &self,
        source: &str,
        column: &'static str,
        text: &[u8],
    ) -> Result<(String, Vec<u8>), StoreError> {
        let Some(id) = self.id().map(str::to_owned) else {
            let no_key = || {
                shut(
                    "tokens are stored sealed, and no key is configured; set [store] vault_key"
                        .to_owned(),
                )
            };
            return Err(self.refusal(None).unwrap_or_else(no_key));
        };
        let sealed = self.seal(CellId { source, column }, text)?;
        Ok((id, sealed))
    }

    /// Opens what [`Keys::seal_elsewhere`] has sealed.
    ///
    /// # Errors
    /// When it is sealed with another key, or was damaged.
    pub fn open_elsewhere(
        &self,
        source: &str,
        column: &'static str,
        (key_id, sealed): (&str, &[u8]),
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let cell = (Some(key_id.to_owned()), sealed.to_vec());
        self.open(CellId { source, column }, &cell)
    }

    /// Seals a text, or leaves it as it is where no key is wanted.
    pub(super) fn seal(&self, cell_id: CellId<'_>, text: &[u8]) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::None => Ok(text.to_vec()),
            Self::Given(key) => key.seal(cell_id, text),
            Self::Missing(why) => Err(missing(why)),
        }
    }

    /// The text of a cell.
    pub(super) fn open(
        &self,
        cell_id: CellId<'_>,
        (id, bytes): &VaultCell,
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        if let Some(refusal) = self.refusal(id.as_deref()) {
            return Err(refusal);
        }
        match (id, self) {
            (Some(_), Self::Given(key)) => key
                .open(cell_id, bytes)
                .ok_or_else(|| damaged(cell_id.source)),
            _ => Ok(Zeroizing::new(bytes.clone())),
        }
    }

    /// The same as a text.
    pub(super) fn text(&self, cell_id: CellId<'_>, cell: &VaultCell) -> Result<String, StoreError> {
        let bytes = self.open(cell_id, cell)?;
        std::str::from_utf8(&bytes)
            .map(str::to_owned)
            .map_err(|_| damaged(cell_id.source))
    }

    /// The same as a secret.
    pub(super) fn secret(
        &self,
        cell_id: CellId<'_>,
        cell: &VaultCell,
    ) -> Result<SecretString, StoreError> {
        self.text(cell_id, cell).map(SecretString::from)
    }
}

fn missing(why: &str) -> StoreError {
    shut(format!("the vault key is not available: {why}"))
}

/// The error for something that is sealed with another key than the given one.
pub(super) fn wrong(sealed: &str, given: Option<&str>) -> StoreError {
    shut(match given {
        None => format!(
            "the vault is sealed with key {sealed}, and no key is configured; set [store] vault_key"
        ),
        Some(given) => format!(
            "the vault is sealed with key {sealed}, but the configured key is {given}; configure the right one, \
             or change it with `rollbook vault rekey --old-key FILE`"
        ),
    })
}

fn damaged(source: &str) -> StoreError {
    shut(format!(
        "the vault entry of {source} was damaged or moved after it was sealed; \
         delete it with `rollbook logout {source}`, then sign in again"
    ))
}

fn shut(problem: String) -> StoreError {
    StoreError::Shut { problem }
}
