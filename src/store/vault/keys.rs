//! Which key there is, and what follows for texts that are plain or sealed.

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use super::seal::{Spot, VaultKey};
use crate::store::StoreError;

/// What the vault is opened with.
#[derive(Debug, Default)]
pub enum Keys {
    /// No key is configured: what is kept is protected by the file's mode alone.
    #[default]
    None,
    /// Everything is sealed with this key.
    Given(VaultKey),
    /// A key is configured and cannot be had; why. Nothing is read or written in clear instead.
    Missing(String),
}

/// A text as it stands in the file: which key it is sealed with, if any, and its bytes.
pub(super) type Cell = (Option<String>, Vec<u8>);

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

    /// Seals a text, or leaves it as it is where no key is wanted.
    pub(super) fn seal(&self, spot: Spot<'_>, text: &[u8]) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::None => Ok(text.to_vec()),
            Self::Given(key) => key.seal(spot, text),
            Self::Missing(why) => Err(missing(why)),
        }
    }

    /// The text of a cell.
    pub(super) fn open(
        &self,
        spot: Spot<'_>,
        (id, bytes): &Cell,
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        if let Some(refusal) = self.refusal(id.as_deref()) {
            return Err(refusal);
        }
        match (id, self) {
            (Some(_), Self::Given(key)) => {
                key.open(spot, bytes).ok_or_else(|| damaged(spot.source))
            }
            _ => Ok(Zeroizing::new(bytes.clone())),
        }
    }

    /// The same as a text.
    pub(super) fn text(&self, spot: Spot<'_>, cell: &Cell) -> Result<String, StoreError> {
        let bytes = self.open(spot, cell)?;
        std::str::from_utf8(&bytes)
            .map(str::to_owned)
            .map_err(|_| damaged(spot.source))
    }

    /// The same as a secret.
    pub(super) fn secret(&self, spot: Spot<'_>, cell: &Cell) -> Result<SecretString, StoreError> {
        self.text(spot, cell).map(SecretString::from)
    }
}

fn missing(why: &str) -> StoreError {
    shut(format!("the vault's key cannot be had: {why}"))
}

/// What to say where something is sealed with a key that is not the given one.
pub(super) fn wrong(sealed: &str, given: Option<&str>) -> StoreError {
    shut(match given {
        None => format!(
            "the vault is sealed with key {sealed}, and no key is given; say under [store] vault_key where it is"
        ),
        Some(given) => format!(
            "the vault is sealed with key {sealed}, but the key given is {given}; give the right one, \
             or change it by `rollbook vault rekey --old-key FILE`"
        ),
    })
}

fn damaged(source: &str) -> StoreError {
    shut(format!(
        "what the vault keeps of {source} was damaged or moved after it was sealed; \
         `rollbook logout {source}` forgets it, then sign in anew"
    ))
}

fn shut(problem: String) -> StoreError {
    StoreError::Shut { problem }
}
