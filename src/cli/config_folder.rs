//! The folders of a command without `--config` and `--state`.

use std::path::PathBuf;

/// The configuration folder of the packages.
pub const INSTALLED_CONFIG: &str = "/etc/rollbook";

/// The state directory of the shipped unit.
pub const INSTALLED_STATE: &str = "/var/lib/rollbook";

/// The configuration folder: that of the environment, else one in the current folder, else that of the packages.
pub fn default_config() -> PathBuf {
    let given = std::env::var_os("ROLLBOOK_CONFIG").map(PathBuf::from);
    given
        .or_else(local_config)
        .unwrap_or_else(|| PathBuf::from(INSTALLED_CONFIG))
}

/// The one in the current folder.
pub fn local_config() -> Option<PathBuf> {
    let local = PathBuf::from("config");
    local.is_dir().then_some(local)
}
