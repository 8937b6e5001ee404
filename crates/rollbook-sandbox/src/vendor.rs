//! What the sandbox needs from a simulated vendor to serve it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;

use super::authorization::Login;
use super::control::Control;

/// One account that an admin can configure as a source.
pub trait SimulatedAccount: Send + Sync {
    /// Rows served today, by stream.
    fn describe(&self) -> BTreeMap<String, u64>;

    /// Settings of the connector, with the address of this server.
    fn settings(&self, origin: &str) -> BTreeMap<String, String>;

    /// What a browser login needs; none where the vendor has none.
    fn login(&self, origin: &str) -> Option<Login>;

    /// Invented secrets by credential name.
    fn secrets(&self) -> BTreeMap<String, String>;
}

/// A vendor to be served on one port, with one or more accounts.
pub(crate) struct Vendor {
    pub(crate) router: Router,
    pub(crate) control: Arc<Control>,
    pub(crate) accounts: Vec<(&'static str, Arc<dyn SimulatedAccount>)>,
}
