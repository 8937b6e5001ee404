//! What leaves the mirror as files. Each is of one moment, and replaces the last one when it is complete.

pub mod bundle;
mod csv_rows;
pub mod export;
mod ndjson;
#[cfg(feature = "parquet")]
mod parquet;
mod row_sink;
pub mod rows;
