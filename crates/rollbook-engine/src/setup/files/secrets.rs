//! Secrets: references to them in the configuration, and fetching one when it is needed.
//!
//! Not at load: a missing credential parks one job and does not stop the daemon. No error, log or `{:?}` holds a
//! value. systemd's credentials do not change while a service runs.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroize;
use secrecy::{ExposeSecret as _, SecretBox, SecretSlice, SecretString};

use super::key::key_of;
use rollbook_core::document::lookalike::Lookalike;
use rollbook_core::folder::plain;
use rollbook_core::model::Class;
pub use rollbook_core::model::{CredentialName, SecretRef, VariableName};
use rollbook_core::permissions::{chown, denied, is_own};

/// The largest secret read, in bytes; a longer one is a wrong file.
const LARGEST: usize = 64 * 1024;

/// What the units set where no credential was given, because systemd's own error does not name it.
const PLACEHOLDER: &str = "unset";

/// The folder of secrets in files, below the configuration.
pub const CREDENTIALS: &str = "credentials";

/// The folder that systemd searches for encrypted credentials.
const ENCRYPTED_CREDENTIALS: &str = "/etc/credstore.encrypted";

/// What root has read of credentials that are encrypted for the service, by name; else why it could not.
pub type Opened = BTreeMap<String, Result<SecretSlice<u8>, String>>;

/// Fetches secrets.
#[derive(Debug)]
pub struct Secrets {
    config: PathBuf,
    credentials: Credentials,
}

#[derive(Debug)]
enum Credentials {
    /// Its files show an access list as group rights, so rights are not checked. What it lacks may be in `credentials/`.
    Systemd(PathBuf),
    Folder(PathBuf, Opened),
    Memory(BTreeMap<String, SecretString>),
}

impl Secrets {
    /// Secrets of a configuration folder; `credentials` is the value of `$CREDENTIALS_DIRECTORY`, if set.
    pub fn new(config: &Path, credentials: Option<PathBuf>) -> Self {
        let credentials = match credentials {
            Some(folder) => Credentials::Systemd(folder),
            None => Credentials::Folder(config.join(CREDENTIALS), Opened::new()),
        };
        Self {
            config: config.to_owned(),
            credentials,
        }
    }

    /// The same with credentials that were encrypted for the service; ignored where systemd has passed its own.
    pub fn with_opened(mut self, opened: Opened) -> Self {
        if let Credentials::Folder(_, none) = &mut self.credentials {
            *none = opened;
        }
        self
    }

    /// Secrets that are given: every reference is looked up by its name, path or variable, and nowhere else.
    pub fn in_memory(secrets: BTreeMap<String, SecretString>) -> Self {
        Self {
            config: PathBuf::new(),
            credentials: Credentials::Memory(secrets),
        }
    }

    /// The secret. One line end at its end is cut off, because editors add it.
    ///
    /// # Errors
    /// When it is not there, cannot be read, can be read by others, or cannot be a secret.
    pub fn fetch(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        checked(self.bytes(reference)?, &described(reference))
    }

    /// A key of 32 bytes, bare or as base64 or hexadecimal text.
    ///
    /// # Errors
    /// As for [`Secrets::fetch`], and when it is no such key.
    pub fn fetch_key(&self, reference: &SecretRef) -> Result<SecretBox<[u8; 32]>, SecretError> {
        let bytes = self.bytes(reference)?;
        let what = described(reference);
        if is_placeholder(&bytes) {
            return Err(SecretError::Placeholder { what });
        }
        key_of(bytes).map_err(|why| SecretError::NoKey { what, why })
    }

    /// Several lines, such as a key in PEM.
    ///
    /// # Errors
    /// As for [`Secrets::fetch`].
    pub fn fetch_pem(&self, reference: &SecretRef) -> Result<SecretSlice<u8>, SecretError> {
        let bytes = self.bytes(reference)?;
        if is_placeholder(&bytes) {
            let what = described(reference);
            return Err(SecretError::Placeholder { what });
        }
        Ok(bytes.into())
    }

    /// What may be public, such as a certificate in PEM: everyone may be able to read its file.
    ///
    /// # Errors
    /// As for [`Secrets::fetch`].
    pub fn fetch_public(&self, reference: &SecretRef) -> Result<Vec<u8>, SecretError> {
        let (SecretRef::File(path), what) = (reference, described(reference)) else {
            return self.bytes(reference);
        };
        let path = self.config.join(path);
        let advice = format!("write it into {}", path.display());
        read(&path).map_err(|error| unreadable(&what, &path, &error, advice))
    }

    /// Whether a credential is encrypted for the service, so that only the service and root can open it.
    pub fn is_encrypted(&self, reference: &SecretRef) -> bool {
        match (&self.credentials, reference) {
            (Credentials::Folder(..), SecretRef::Credential(name)) => {
                encrypted_file(&self.config, name.as_str()).is_some()
            }
            _ => false,
        }
    }

    fn bytes(&self, reference: &SecretRef) -> Result<Vec<u8>, SecretError> {
        let what = described(reference);
        match (&self.credentials, reference) {
            (Credentials::Memory(secrets), _) => {
                let advice = "it was not given".to_owned();
                secrets
                    .get(&name_of(reference))
                    .map(|secret| secret.expose_secret().as_bytes().to_vec())
                    .ok_or(SecretError::Missing { what, advice })
            }
            (Credentials::Systemd(folder), SecretRef::Credential(name)) => {
                let name = name.as_str();
                let advice = format!(
                    "encrypt it by `systemd-creds encrypt --name={name}`, add `LoadCredentialEncrypted={name}` \
                     to the unit and restart it"
                );
                let path = folder.join(name);
                let passed = read(&path);
                let is_lacking = match &passed {
                    Ok(bytes) => is_placeholder(bytes),
                    Err(error) => error.kind() == io::ErrorKind::NotFound,
                };
                let own = self.config.join(CREDENTIALS).join(name);
                if is_lacking && own.exists() {
                    return read_private(&own, &what);
                }
                passed.map_err(|error| unreadable(&what, &path, &error, advice))
            }
            (Credentials::Folder(folder, opened), SecretRef::Credential(name)) => {
                let name = name.as_str();
                match opened.get(name) {
                    Some(Ok(secret)) => Ok(secret.expose_secret().to_vec()),
                    Some(Err(reason)) => Err(SecretError::Unreadable {
                        what,
                        reason: reason.clone(),
                    }),
                    None => read_private(&folder.join(name), &what),
                }
            }
            (_, SecretRef::File(path)) => read_private(&self.config.join(path), &what),
            (_, SecretRef::Env(name)) => match std::env::var_os(name.as_str()) {
                Some(value) => Ok(value.into_encoded_bytes()),
                None => {
                    let advice = format!(
                        "set {} in the daemon's environment, or better use a credential",
                        name.as_str()
                    );
                    Err(SecretError::Missing { what, advice })
                }
            },
        }
    }
}

/// The file of a credential that is encrypted for the service: where `rollbook init` says, or where systemd looks.
pub fn encrypted_file(config: &Path, name: &str) -> Option<PathBuf> {
    let of_init = config.join(format!("{name}.cred"));
    let of_systemd = Path::new(ENCRYPTED_CREDENTIALS).join(name);
    [of_init, of_systemd].into_iter().find(|file| file.exists())
}

fn name_of(reference: &SecretRef) -> String {
    match reference {
        SecretRef::Credential(name) => name.as_str().to_owned(),
        SecretRef::Env(name) => name.as_str().to_owned(),
        SecretRef::File(path) => path.display().to_string(),
    }
}

fn described(reference: &SecretRef) -> String {
    let kind = match reference {
        SecretRef::Credential(_) => "credential",
        SecretRef::File(_) => "secret file",
        SecretRef::Env(_) => "environment variable",
    };
    format!("{kind} `{}`", name_of(reference))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    read_all(&File::open(path)?)
}

fn read_all(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(LARGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a file that must not be readable by others.
fn read_private(path: &Path, what: &str) -> Result<Vec<u8>, SecretError> {
    let shown = path.display();
    let mut advice = format!("write it into {shown} and run `chmod 600 {shown}`");
    // In a folder of root's the file would be root's.
    let folder = path.ancestors().skip(1).find(|folder| folder.is_dir());
    if folder.is_some_and(|folder| !is_own(folder)) {
        advice.push_str(&format!(" and `{}`", chown(path)));
    }
    let unreadable = |error: io::Error| unreadable(what, path, &error, advice.clone());
    let file = File::open(path).map_err(unreadable)?;
    // The rights of the open file: the path may lead to another file by now.
    let rights = file.metadata().map_err(unreadable)?.permissions().mode();
    if rights & 0o077 != 0 {
        return Err(SecretError::Open {
            path: shown.to_string(),
        });
    }
    read_all(&file).map_err(unreadable)
}

fn unreadable(what: &str, path: &Path, error: &io::Error, advice: String) -> SecretError {
    let what = what.to_owned();
    let reason = match error.kind() {
        io::ErrorKind::NotFound => return SecretError::Missing { what, advice },
        io::ErrorKind::PermissionDenied => format!("{}; run `{}`", denied(path), chown(path)),
        _ => plain(path, error),
    };
    SecretError::Unreadable { what, reason }
}

/// Why a text cannot be the secret of this credential; fits after the name of the credential's key.
pub fn unusable_secret(name: &str, secret: &SecretString) -> Option<SecretError> {
    let bytes = secret.expose_secret().as_bytes().to_vec();
    checked(bytes, &format!("credential `{name}`")).err()
}

fn is_placeholder(bytes: &[u8]) -> bool {
    bytes.strip_suffix(b"\n").unwrap_or(bytes) == PLACEHOLDER.as_bytes()
}

fn checked(bytes: Vec<u8>, what: &str) -> Result<SecretString, SecretError> {
    let what = || what.to_owned();
    let odd = |why: &str| SecretError::Odd {
        what: what(),
        why: why.to_owned(),
    };
    if bytes.len() > LARGEST {
        return Err(odd("is longer than 64 KiB"));
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        error.into_bytes().zeroize();
        odd("is not UTF-8")
    })?;
    let value = text.strip_suffix('\n').map_or(text.as_str(), |line| {
        line.strip_suffix('\r').unwrap_or(line)
    });
    let result = match value {
        "" => Err(SecretError::Empty { what: what() }),
        PLACEHOLDER => Err(SecretError::Placeholder { what: what() }),
        _ if value.contains(['\n', '\r']) => Err(odd("has more than one line")),
        _ if value.contains(char::is_control) => Err(odd("has a control character in it")),
        value => match Lookalike::reason_against(value) {
            Some(why) => Err(odd(&why)),
            None => Ok(SecretString::from(value)),
        },
    };
    text.zeroize();
    result
}

/// Why there is no secret. Names where it is expected, never its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretError {
    /// There is none.
    Missing {
        /// Which.
        what: String,
        /// How to supply it.
        advice: String,
    },
    /// It has no content.
    Empty {
        /// Which.
        what: String,
    },
    /// The unit's fallback was never replaced.
    Placeholder {
        /// Which.
        what: String,
    },
    /// Other users of the machine can read it.
    Open {
        /// The file.
        path: String,
    },
    /// The system refuses to read it.
    Unreadable {
        /// Which.
        what: String,
        /// The system's reason.
        reason: String,
    },
    /// It is no key.
    NoKey {
        /// Which.
        what: String,
        /// Why not.
        why: String,
    },
    /// No vendor gives such a secret.
    Odd {
        /// Which.
        what: String,
        /// Why not.
        why: String,
    },
}

impl std::error::Error for SecretError {}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.message(), self.advice())
    }
}

impl SecretError {
    /// What is wrong.
    pub fn message(&self) -> String {
        match self {
            Self::Missing { what, .. } => format!("{what} is missing"),
            Self::Empty { what } => format!("{what} is empty"),
            Self::Placeholder { what } => {
                format!("{what} is still the placeholder `{PLACEHOLDER}`")
            }
            Self::Open { path } => format!("secret file {path} can be read by others"),
            Self::Unreadable { what, .. } => format!("{what} cannot be read"),
            Self::NoKey { what, why } | Self::Odd { what, why } => format!("{what} {why}"),
        }
    }

    /// What to do; for a file that cannot be read, the system's reason.
    pub fn advice(&self) -> String {
        match self {
            Self::Missing { advice, .. } => advice.clone(),
            Self::Empty { .. } => "put the secret into it".to_owned(),
            Self::Placeholder { .. } => "put the secret into it and restart the service".to_owned(),
            Self::Open { path } => format!("run `chmod 600 {path}`"),
            Self::Unreadable { reason, .. } => reason.clone(),
            Self::NoKey { .. } => "`rollbook vault key` makes a key".to_owned(),
            Self::Odd { .. } => "put the bare secret into it, on one line".to_owned(),
        }
    }

    /// Always for a human.
    pub fn class(&self) -> Class {
        match self {
            Self::Missing { .. }
            | Self::Empty { .. }
            | Self::Placeholder { .. }
            | Self::Open { .. }
            | Self::Unreadable { .. }
            | Self::NoKey { .. }
            | Self::Odd { .. } => Class::Auth,
        }
    }
}

#[cfg(test)]
mod tests;
