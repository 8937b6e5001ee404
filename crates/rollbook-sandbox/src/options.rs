//! Options of a sandbox.

use std::path::PathBuf;

use super::faults::Faults;
use super::{wapi, webuntis, wisenet};

/// Options of a sandbox; the default is a school without faults.
#[derive(Clone, Debug)]
pub struct Options {
    /// Students on day zero.
    pub students: u64,
    /// The same seed gives the same school.
    pub seed: u64,
    /// File for the day and the vendors' state; none keeps them in memory.
    pub state: Option<PathBuf>,
    /// Whether to simulate one more day when the state file exists.
    pub advance: bool,
    /// First of the consecutive ports; none uses free ones.
    pub port: Option<u16>,
    /// Faults, injected at every vendor.
    pub faults: Faults,
    /// Quirks of WebUntis and of the plain OneRoster standard.
    pub webuntis: webuntis::Switches,
    /// Quirks of WAPI.
    pub wapi: wapi::Switches,
    /// Quirks of Wisenet.
    pub wisenet: wisenet::Switches,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            students: 600,
            seed: 1,
            state: None,
            advance: false,
            port: None,
            faults: Faults::default(),
            webuntis: webuntis::Switches::default(),
            wapi: wapi::Switches::default(),
            wisenet: wisenet::Switches::default(),
        }
    }
}

impl Options {
    /// Sets a quirk of the form `vendor.name=value`, such as `wapi.point_keys=long`.
    ///
    /// # Errors
    /// Lists the known vendors, switches or values.
    pub fn set_quirk(&mut self, quirk: &str) -> Result<(), String> {
        let parts = quirk
            .split_once('=')
            .and_then(|(name, value)| Some((name.split_once('.')?, value)));
        let ((vendor, name), value) = parts.ok_or("not of the form vendor.name=value")?;
        match vendor {
            "webuntis" => self.webuntis.set(name, value),
            "wapi" => self.wapi.set(name, value),
            "wisenet" => self.wisenet.set(name, value),
            _ => Err("unknown vendor; known are webuntis, wapi and wisenet".to_owned()),
        }
    }
}
