//! The key of the suppression list, and the hashes that are made with it.

use aws_lc_rs::hmac;

use super::HashTarget;

/// A keyed hash of values.
pub type Hash = [u8; 32];

/// A key's name distinguishes keys and reveals nothing else of them. Never change this text: ledgers contain names made
/// with it.
const NAME_OF: &[u8] = b"rollbook suppression key, its name";

/// The key of the list. With it, an id that is known from elsewhere can be tested for having been erased.
#[derive(Debug)]
pub struct SuppressionKey {
    key: hmac::Key,
    name: String,
}

impl SuppressionKey {
    /// A key of these bytes.
    pub fn new(bytes: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let name = hmac::sign(&key, NAME_OF);
        let digits = name.as_ref()[..8].iter();
        let name: String = digits.map(|byte| format!("{byte:02x}")).collect();
        Self {
            key,
            name: format!("suppression-{name}"),
        }
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The hash of the values of some columns. Never change what is hashed: every list contains hashes of it. The source is
    /// not in it, so that an entry is still of the same row when the source is renamed.
    pub fn hash(&self, target: &HashTarget, values: &[String]) -> Hash {
        let mut context = hmac::Context::with_key(&self.key);
        for name in [target.stream.as_str(), &target.columns] {
            context.update(name.as_bytes());
            context.update(b"\0");
        }
        for value in values {
            context.update(&(value.len() as u64).to_le_bytes());
            context.update(value.as_bytes());
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(context.sign().as_ref());
        hash
    }
}
