//! What a sandbox says it serves today, for a test to compare a mirror with.

use std::collections::BTreeMap;

use serde::Serialize;

use super::authorization::Login;

/// One face of a vendor: where it answers, and what an admin would write down about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// Name of the vendor, as vendor descriptions call it.
    pub vendor: String,
    /// `http://127.0.0.1:port`, without a slash at the end.
    pub origin: String,
    /// Settings of the vendor's description, filled with this sandbox's addresses.
    pub settings: BTreeMap<String, String>,
    /// Invented secrets by credential name.
    pub secrets: BTreeMap<String, String>,
    /// What a login by browser needs; none where the vendor has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<Login>,
}

/// How many rows a complete reading finds today.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Description {
    /// Which school.
    pub seed: u64,
    /// Days of churn so far.
    pub day: u64,
    /// Rows that are there (not marked as deleted) by vendor and stream.
    pub vendors: BTreeMap<String, BTreeMap<String, u64>>,
    /// What a login by browser needs, by vendor; with free ports it holds for this start only.
    pub logins: BTreeMap<String, Login>,
}
