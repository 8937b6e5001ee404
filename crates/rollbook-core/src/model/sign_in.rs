//! The command to sign in to a source; several messages name it.

/// The command line.
pub fn command(source: &str) -> String {
    format!("rollbook login {source}")
}
