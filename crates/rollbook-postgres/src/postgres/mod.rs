//! The only code that speaks to PostgreSQL: connection, statements, and the row that fences what is published.
//!
//! Statements are unnamed and settings are `SET LOCAL`, so that PgBouncer may stand between in transaction mode; no
//! temporary tables, advisory locks, triggers or superuser; every statement about rows names one source, so that tables can be
//! distributed by it.

pub mod address;
pub mod cluster;
pub mod error;
pub mod fence;
pub mod layout;
pub mod named_rows;
pub mod random;
pub mod rows;
pub mod session;
pub mod survey;
mod tls;
mod values;

pub use address::Address;
pub use error::DatabaseError;
pub use session::DatabaseSession;

/// A name as SQL has it.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL has it.
fn literal(text: &str) -> String {
    match text.contains('\\') {
        true => format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''")),
        false => format!("'{}'", text.replace('\'', "''")),
    }
}
