//! Sealing: AES-256-GCM with a random nonce, bound to source and column.
//!
//! What is sealed for one source or column does not open for another one, and not under another
//! key's name. Sealed = nonce (12 bytes), then the text as long as it was, then the tag (16 bytes).

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hmac, rand};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretBox};

use crate::store::StoreError;

/// Bytes of a key.
pub const KEY: usize = 32;

/// A key's id distinguishes keys and reveals nothing else of them. Never change this text: every vault contains ids
/// made with it.
const NAME_OF: &[u8] = b"rollbook vault key, its name";

/// A key that seals the vault's entries. It is wiped from memory when it is dropped.
#[derive(Debug)]
pub struct VaultKey {
    key: RandomizedNonceKey,
    id: String,
}

/// Where a sealed text belongs.
#[derive(Clone, Copy)]
pub(super) struct CellId<'a> {
    pub source: &'a str,
    /// Table and column.
    pub column: &'static str,
}

/// A new random key, from the operating system's generator.
///
/// # Errors
/// When that does not work.
pub fn fresh_key() -> Result<SecretBox<[u8; KEY]>, StoreError> {
    let mut filled = Ok(());
    let key = SecretBox::init_with_mut(|key: &mut [u8; KEY]| filled = rand::fill(key));
    filled.map(|()| key).map_err(|_| StoreError::Sealing)
}

impl VaultKey {
    /// A key of these bytes.
    ///
    /// # Errors
    /// When the library refuses it, which it has no reason to.
    pub fn new(bytes: &SecretBox<[u8; KEY]>) -> Result<Self, StoreError> {
        let bytes = bytes.expose_secret();
        let name = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, bytes), NAME_OF);
        let key = RandomizedNonceKey::new(&AES_256_GCM, bytes);
        Ok(Self {
            key: key.map_err(|_| StoreError::Sealing)?,
            id: name.as_ref()[..8]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        })
    }

    /// The key's name: 16 hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn seal(&self, cell_id: CellId<'_>, text: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut sealed = text.to_vec();
        let nonce = self
            .key
            .seal_in_place_append_tag(self.aad(cell_id), &mut sealed)
            .map_err(|_| StoreError::Sealing)?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// The text, or nothing when it was sealed elsewhere, with another key, or changed since.
    pub(super) fn open(&self, cell_id: CellId<'_>, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(sealed.to_vec());
        let length = self
            .key
            .open_in_place(nonce, self.aad(cell_id), &mut text)
            .ok()?
            .len();
        text.truncate(length);
        Some(text)
    }

    /// What is authenticated beside the text. No part can hold a NUL.
    fn aad(&self, cell_id: CellId<'_>) -> Aad<Vec<u8>> {
        let parts = ["rollbook vault 1", cell_id.source, cell_id.column, &self.id];
        Aad::from(parts.join("\0").into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> VaultKey {
        VaultKey::new(&SecretBox::new(Box::new([byte; KEY]))).expect("a key")
    }

    const SPOT: CellId<'static> = CellId {
        source: "north",
        column: "grants.refresh_token",
    };

    #[test]
    fn a_sealed_value_opens_only_for_its_source_and_column() {
        let sealed = key(1).seal(SPOT, b"a token").expect("sealed");
        let opened = |key: &VaultKey, cell_id, sealed: &[u8]| {
            key.open(cell_id, sealed)
                .map(|text| text.as_slice().to_vec())
        };
        assert_eq!(opened(&key(1), SPOT, &sealed), Some(b"a token".to_vec()));
        assert_eq!(sealed.len(), 12 + 7 + 16);
        let (elsewhere, other) = (
            CellId {
                source: "south",
                ..SPOT
            },
            CellId {
                column: "grants.previous",
                ..SPOT
            },
        );
        assert_eq!(opened(&key(2), SPOT, &sealed), None, "another key");
        assert_eq!(opened(&key(1), elsewhere, &sealed), None, "another source");
        assert_eq!(opened(&key(1), other, &sealed), None, "another column");
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert_eq!(opened(&key(1), SPOT, &changed), None, "byte {index}");
            assert_eq!(opened(&key(1), SPOT, &sealed[..index]), None, "cut {index}");
        }
    }

    #[test]
    fn no_two_sealings_are_the_same() {
        let key = key(1);
        let one = key.seal(SPOT, b"").expect("sealed");
        assert_ne!(one, key.seal(SPOT, b"").expect("sealed"));
        assert_eq!(key.open(SPOT, &one).expect("opens").len(), 0);
    }

    #[test]
    fn a_key_has_a_name_that_stays() {
        // HMAC-SHA-256 of the words above, computed elsewhere.
        assert_eq!(key(1).id(), ID_OF_ONES);
        assert_ne!(key(1).id(), key(2).id());
        assert!(!format!("{:?}", key(7)).contains("7, 7"));
    }

    const ID_OF_ONES: &str = "777c838f6c35e066";
}
