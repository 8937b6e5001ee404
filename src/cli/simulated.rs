//! The configuration for simulated vendors: what `demo` puts over the shipped one, and what `sandbox --init` writes.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rollbook_sandbox::Sandbox;

use super::exit::Exit;
use super::starter;
use rollbook_core::connector::Connectors;
use rollbook_core::connector::builtin::{EXAMPLE, EXAMPLE_JOBS};
use rollbook_core::model::RequestLimits;
use rollbook_engine::daemon::absolute;
use rollbook_engine::setup::Overlay;

/// The sandbox's state in the folder of a demo or of `sandbox --init`; its presence marks a mirror as invented.
pub const SANDBOX_STATE: &str = "sandbox.json";

/// Requests per second; a vendor on loopback serves only us.
const PER_SECOND: f64 = 1000.0;

/// Concurrent requests.
const IN_FLIGHT: u32 = 4;

/// The sandbox's URLs and secrets, for the shipped configuration.
pub fn overlay(sandbox: &Sandbox) -> Overlay {
    let mut overlay = Overlay {
        limits: RequestLimits {
            in_flight: IN_FLIGHT.try_into().ok(),
            per_second: Some(PER_SECOND),
            ..RequestLimits::default()
        },
        ..Overlay::default()
    };
    for endpoint in sandbox.endpoints() {
        overlay
            .settings
            .insert(endpoint.vendor.clone(), endpoint.settings.clone());
        overlay.secrets.extend(endpoint.secrets.clone());
    }
    overlay
}

/// Writes the shipped jobs, then a `rollbook.toml`: without it the folder is no configuration.
pub fn write_shipped(config: &Path, jobs: &Path, rollbook: &str) -> io::Result<()> {
    fs::create_dir_all(jobs)?;
    for (name, text) in EXAMPLE_JOBS {
        fs::write(jobs.join(format!("{name}.toml")), text)?;
    }
    fs::write(config.join("rollbook.toml"), rollbook)
}

/// Creates the folder, or refuses one with content.
pub fn make_empty(folder: &Path) -> Result<(), Exit> {
    let shown = folder.display();
    let made = fs::create_dir_all(folder).and_then(|()| fs::read_dir(folder)?.next().transpose());
    match made {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err(Exit::usage(format!(
            "{shown} is not empty, so nothing was written; name another folder"
        ))),
        Err(error) => Err(Exit::failed(format!("could not create {shown}: {error}"))),
    }
}

/// Writes a configuration for these vendors into an empty folder: the shipped sources and jobs, and their credentials. The
/// mirror is in the same folder, wherever commands are started.
pub fn write(folder: &Path, sandbox: &Sandbox) -> Result<(), Exit> {
    let rollbook = configuration(folder, &overlay(sandbox))?;
    let credentials = folder.join("credentials");
    let write = || {
        DirBuilder::new().mode(0o700).create(&credentials)?;
        for name in starter::credentials(EXAMPLE) {
            let mut endpoints = sandbox.endpoints().iter();
            let secret = endpoints.find_map(|endpoint| endpoint.secrets.get(&name));
            write_secret(&credentials.join(&name), secret.map_or("", String::as_str))?;
        }
        write_shipped(folder, &folder.join("jobs"), &rollbook)
    };
    write().map_err(|error: io::Error| {
        Exit::failed(format!(
            "could not write into {}: {error}",
            folder.display()
        ))
    })
}

fn write_secret(path: &Path, secret: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    // Independent of the umask, which may take more away.
    file.set_permissions(Permissions::from_mode(0o600))?;
    writeln!(file, "{secret}")
}

/// The shipped `rollbook.toml` with the settings and limits of the overlay.
fn configuration(folder: &Path, overlay: &Overlay) -> Result<String, Exit> {
    let connectors = Connectors::load(&folder.join("connectors"))?;
    let mut table: toml::Table = EXAMPLE.parse().unwrap_or_default();
    let mirror = absolute(folder).join("mirror.db").display().to_string();
    table["store"]["path"] = mirror.into();
    let sources = table.get_mut("sources").and_then(toml::Value::as_table_mut);
    for (_, source) in sources.into_iter().flatten() {
        let name = source.get("connector").and_then(toml::Value::as_str);
        let (Some(name), Some(source)) = (name.map(str::to_owned), source.as_table_mut()) else {
            continue;
        };
        let known = connectors.get(&name).map(|connector| &connector.settings);
        let settings = known
            .into_iter()
            .flat_map(|known| overlay.settings_of(&name, known));
        let mut merged = match source.remove("settings") {
            Some(toml::Value::Table(settings)) => settings,
            _ => toml::Table::new(),
        };
        merged.extend(settings.map(|(name, value)| (name.clone(), value.clone().into())));
        let mut limits = toml::Table::new();
        limits.insert("in_flight".to_owned(), i64::from(IN_FLIGHT).into());
        limits.insert("per_second".to_owned(), PER_SECOND.into());
        source.insert("settings".to_owned(), merged.into());
        source.insert("limits".to_owned(), limits.into());
    }
    Ok(format!(
        "# Written by `rollbook sandbox --init`: the shipped sources, at simulated vendors of this machine.\n\n{table}"
    ))
}

#[cfg(test)]
mod tests;
