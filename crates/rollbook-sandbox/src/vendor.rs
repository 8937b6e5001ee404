//! What the sandbox needs to know of a simulated vendor to open a door for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;

use super::authorization::Login;
use super::control::Control;

/// One account an admin could write down: a vendor as its description names it.
pub trait Simulated: Send + Sync {
    /// Rows per stream served today.
    fn describe(&self) -> BTreeMap<String, u64>;

    /// Settings of the vendor's description, with the address it is served at.
    fn settings(&self, origin: &str) -> BTreeMap<String, String>;

    /// What somebody who signs in by browser has to know; none where nobody can.
    fn login(&self, origin: &str) -> Option<Login>;

    /// Invented secrets by credential name.
    fn secrets(&self) -> BTreeMap<String, String>;
}

/// A vendor ready to be served on one port, where it may show several faces.
pub(crate) struct Vendor {
    pub(crate) router: Router,
    pub(crate) control: Arc<Control>,
    pub(crate) faces: Vec<(&'static str, Arc<dyn Simulated>)>,
}
