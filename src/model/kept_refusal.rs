//! How a vendor rejected a credential, as the vault keeps it.

use jiff::Timestamp;

/// A rejection of a credential. Without the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptRefusal {
    /// When it was sent last.
    pub at: Timestamp,
    /// How often it was sent since it was accepted last.
    pub attempts: u32,
    /// Whether the vendor's last response was a refusal; otherwise it was unclear, such as a web page.
    pub is_clear: bool,
}
