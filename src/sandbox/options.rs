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
