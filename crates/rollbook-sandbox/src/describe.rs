//! What a sandbox serves today, for tests to compare a mirror with.

use std::collections::BTreeMap;

use serde::Serialize;

use super::authorization::Login;

/// One account at a vendor: its address, and what an admin configures for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// Name of the connector that reads it.
    pub vendor: String,
    /// `http://127.0.0.1:port`, without a slash at the end.
    pub origin: String,
    /// Settings of the connector, with this sandbox's addresses.
    pub settings: BTreeMap<String, String>,
    /// Invented secrets by credential name.
    pub secrets: BTreeMap<String, String>,
    /// What a browser login needs; none where the vendor has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<Login>,
}

/// What a complete reading receives today.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Description {
    /// Seed of the school.
    pub seed: u64,
    /// Days of churn so far.
    pub day: u64,
    /// Rows by vendor and stream, without those marked as deleted.
    pub vendors: BTreeMap<String, BTreeMap<String, u64>>,
    /// What a browser login needs, by vendor; with free ports valid for this start only.
    pub logins: BTreeMap<String, Login>,
}
