//! The command that ends the want of a sign-in; several messages name it.

/// What an admin types to sign in to a source.
pub fn command(source: &str) -> String {
    format!("rollbook login {source}")
}
