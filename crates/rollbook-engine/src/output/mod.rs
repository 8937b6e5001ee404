//! What leaves the mirror as files. Each is of one moment, and replaces the last one when it is complete.

pub mod bundle;
pub mod changes;
mod csv_rows;
pub mod export;
pub mod hook;
mod ndjson;
#[cfg(feature = "parquet")]
mod parquet;
mod row_sink;
pub mod rows;
