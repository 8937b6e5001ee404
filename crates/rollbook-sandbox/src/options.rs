//! How a sandbox is set up before it starts.

use std::path::PathBuf;

use super::faults::Faults;
use super::{wapi, webuntis, wisenet};

/// Everything a sandbox can be told at its start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Students on day zero.
    pub students: u64,
    /// Same seed, same school.
    pub seed: u64,
    /// Where day and rotated tokens are remembered; none forgets them.
    pub state: Option<PathBuf>,
    /// Whether one more day has passed since the state file was written.
    pub advance: bool,
    /// First of the consecutive ports; none takes free ones.
    pub port: Option<u16>,
    /// What goes wrong, at every vendor.
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
    /// Sets a quirk that is written `vendor.name=value`, such as `wapi.point_keys=long`.
    ///
    /// # Errors
    /// What is known instead.
    pub fn set_quirk(&mut self, quirk: &str) -> Result<(), String> {
        let parts = quirk
            .split_once('=')
            .and_then(|(name, value)| Some((name.split_once('.')?, value)));
        let ((vendor, name), value) = parts.ok_or("write a quirk as vendor.name=value")?;
        match vendor {
            "webuntis" => self.webuntis.set(name, value),
            "wapi" => self.wapi.set(name, value),
            "wisenet" => self.wisenet.set(name, value),
            _ => Err("the vendors are webuntis, wapi and wisenet".to_owned()),
        }
    }
}
