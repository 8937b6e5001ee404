//! What a database holds of a person: rows with all versions, references, records, and where the name occurs; only reads.
//!
//! `store/erase` erases what is found here, and `report.rs` shows it.

mod find;
mod mentions;
mod records;
mod report;

pub(super) use find::exists;
pub use find::{
    FoundPeople, FoundRows, FoundTable, PersonKey, entries_of, find, key_of_text, list_of,
    tables_of,
};
pub use mentions::{Mentions, mentions};
pub use records::PersonRecords;
pub use report::{
    PersonMatch, PersonReport, PersonRow, PersonTable, RowReference, RowVersion, report,
};

#[cfg(test)]
mod tests;
