//! What is known of a key that is held elsewhere.

use super::super::PublicKey;

/// What is known of a key that is held elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Nothing that could be believed, and why.
    Unusable(String),
    /// The key, read lately enough.
    Usable(PublicKey),
}
