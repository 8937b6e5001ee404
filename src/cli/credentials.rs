//! Credentials that are encrypted for the service: root opens them for its commands, as systemd does for the service.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use secrecy::SecretSlice;

use rollbook_engine::setup::files::{Opened, encrypted_file};

/// Opened once, before root's rights are given up.
static OPENED: OnceLock<Opened> = OnceLock::new();

/// What was opened.
pub fn opened() -> Opened {
    OPENED.get().cloned().unwrap_or_default()
}

/// Opens the credentials of these names that are encrypted. Only root can.
pub fn open(config: &Path, names: &[String]) {
    // systemd has passed them.
    if std::env::var_os("CREDENTIALS_DIRECTORY").is_some() {
        return;
    }
    let files = names
        .iter()
        .filter_map(|name| Some((name.clone(), encrypted_file(config, name)?)));
    let opened = files.map(|(name, file)| {
        let secret = decrypt(&name, &file);
        (name, secret)
    });
    // A second call would bring the same.
    let _ = OPENED.set(opened.collect());
}

fn decrypt(name: &str, file: &Path) -> Result<SecretSlice<u8>, String> {
    let failed = |why: &str| {
        format!(
            "`systemd-creds decrypt` could not open {}: {why}; encrypt it again as the comment in rollbook.toml says",
            file.display()
        )
    };
    let ran = Command::new("systemd-creds")
        .arg("decrypt")
        .arg(format!("--name={name}"))
        .arg(file)
        .arg("-")
        .output()
        .map_err(|error| failed(&error.to_string()))?;
    if ran.status.success() {
        return Ok(SecretSlice::from(ran.stdout));
    }
    let said = String::from_utf8_lossy(&ran.stderr);
    Err(failed(
        said.lines().next().unwrap_or("no reason given").trim(),
    ))
}
