//! Secrets: where the configuration says they are, and fetching one when it is needed.
//!
//! Not at load: a missing credential stops one job in plain words, not the daemon. A value never
//! stands in an error, a log or `{:?}`. systemd's credentials do not change while a service runs.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use schemars::JsonSchema;
use secrecy::SecretString;
use secrecy::zeroize::Zeroize;
use serde::Deserialize;

use crate::folder::plain;
use crate::model::Class;
use crate::model::spelled::{Complaint, Spelled, spelled};

/// The largest secret read, in bytes; a longer one is a wrong file.
const LARGEST: usize = 64 * 1024;

/// What the units set where no credential was given, because systemd's own error says nothing.
const PLACEHOLDER: &str = "unset";

/// Where a secret is: exactly one of `credential`, `file`, `env`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretRef {
    /// A systemd credential; without systemd the file of that name in `credentials/` beside `rollbook.toml`.
    Credential(CredentialName),
    /// A file that nobody else can read; a relative path starts at the folder of `rollbook.toml`.
    File(PathBuf),
    /// An environment variable; others on the machine may be able to read it.
    Env(VariableName),
}

/// `writeOnly` is the standard's mark of a secret; the walk through a file refuses one in clear by it.
impl JsonSchema for SecretRef {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SecretRef".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "Where a secret is: exactly one of `credential`, `file`, `env`.",
            "type": "object",
            "writeOnly": true,
            "properties": {
                "credential": {
                    "description": "A systemd credential; without systemd the file of that name in `credentials/` beside `rollbook.toml`.",
                    "type": "string",
                    "pattern": CredentialName::PATTERN,
                },
                "file": {
                    "description": "A file that nobody else can read; a relative path starts at the folder of `rollbook.toml`.",
                    "type": "string",
                    "minLength": 1,
                },
                "env": {
                    "description": "An environment variable; others on the machine may be able to read it.",
                    "type": "string",
                    "pattern": VariableName::PATTERN,
                },
            },
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        })
    }
}

/// The name of a credential; it becomes a file's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialName(String);

impl FromStr for CredentialName {
    type Err = Complaint;

    /// Never repeats the text: somebody may have put the secret itself here.
    fn from_str(text: &str) -> Result<Self, Complaint> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.len() <= 80
            && text.chars().all(fits)
        {
            return Ok(Self(text.to_owned()));
        }
        Err(Complaint::new("this is not the name of a credential")
            .help("letters, digits, `_`, `-` and dots, such as `\"webuntis_password\"`; the secret itself goes into the credential"))
    }
}

spelled!(
    CredentialName,
    pattern = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$",
    example = "webuntis_password"
);

/// The name of an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableName(String);

impl FromStr for VariableName {
    type Err = Complaint;

    /// Never repeats the text: somebody may have put the secret itself here.
    fn from_str(text: &str) -> Result<Self, Complaint> {
        let fits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        if text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.len() <= 80
            && text.chars().all(fits)
        {
            return Ok(Self(text.to_owned()));
        }
        Err(Complaint::new("this is not the name of an environment variable")
            .help("capital letters, digits and `_`, such as `\"WEBUNTIS_PASSWORD\"`; the secret itself goes into the variable"))
    }
}

spelled!(
    VariableName,
    pattern = "^[A-Z][A-Z0-9_]{0,79}$",
    example = "WEBUNTIS_PASSWORD"
);

/// Fetches secrets.
#[derive(Debug)]
pub struct Secrets {
    config: PathBuf,
    credentials: Credentials,
}

#[derive(Debug)]
enum Credentials {
    /// Its files show an access list as group rights, so rights are not looked at.
    Systemd(PathBuf),
    Folder(PathBuf),
    Memory(BTreeMap<String, SecretString>),
}

impl Secrets {
    /// Secrets of a configuration folder; `credentials` is what `$CREDENTIALS_DIRECTORY` says, if it does.
    pub fn new(config: &Path, credentials: Option<PathBuf>) -> Self {
        let credentials = match credentials {
            Some(folder) => Credentials::Systemd(folder),
            None => Credentials::Folder(config.join("credentials")),
        };
        Self {
            config: config.to_owned(),
            credentials,
        }
    }

    /// Secrets that are given: every reference is looked up by its name, path or variable, and nowhere else.
    pub fn in_memory(secrets: BTreeMap<String, SecretString>) -> Self {
        Self {
            config: PathBuf::new(),
            credentials: Credentials::Memory(secrets),
        }
    }

    /// The secret. One line end at its end is cut off, because editors add it.
    pub fn fetch(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        if let Credentials::Memory(secrets) = &self.credentials {
            return secrets
                .get(&name_of(reference))
                .cloned()
                .ok_or_else(|| SecretError::Missing {
                    what: described(reference),
                    advice: "it was not given".to_owned(),
                });
        }
        let bytes = match reference {
            SecretRef::Credential(CredentialName(name)) => self.credential(name)?,
            SecretRef::File(path) => {
                let path = self.config.join(path);
                private(&path)?;
                let advice = format!("write it into {} and run `chmod 600 {0}`", path.display());
                read(&path).map_err(|error| {
                    unreadable(format!("secret file {}", path.display()), &error, advice)
                })?
            }
            SecretRef::Env(VariableName(name)) => match std::env::var_os(name) {
                Some(value) => value.into_encoded_bytes(),
                None => {
                    let advice = format!(
                        "set {name} in the daemon's environment, or better use a credential"
                    );
                    return Err(SecretError::Missing {
                        what: described(reference),
                        advice,
                    });
                }
            },
        };
        checked(bytes, &described(reference))
    }

    fn credential(&self, name: &str) -> Result<Vec<u8>, SecretError> {
        let what = format!("credential `{name}`");
        match &self.credentials {
            Credentials::Systemd(folder) => read(&folder.join(name)).map_err(|error| {
                let advice = format!(
                    "encrypt it by `systemd-creds encrypt --name={name}`, add `LoadCredentialEncrypted={name}` to the unit and restart it"
                );
                unreadable(what, &error, advice)
            }),
            Credentials::Folder(folder) => {
                let path = folder.join(name);
                private(&path)?;
                let advice = format!("write it into {} and run `chmod 600 {0}`", path.display());
                read(&path).map_err(|error| unreadable(what, &error, advice))
            }
            Credentials::Memory(_) => unreachable!("answered before"),
        }
    }
}

fn name_of(reference: &SecretRef) -> String {
    match reference {
        SecretRef::Credential(CredentialName(name)) | SecretRef::Env(VariableName(name)) => {
            name.clone()
        }
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
    let mut bytes = Vec::new();
    File::open(path)?
        .take(LARGEST as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Refuses a file that others can read; one that is not there is found out by reading it.
fn private(path: &Path) -> Result<(), SecretError> {
    match fs::metadata(path) {
        Ok(found) if found.permissions().mode() & 0o077 != 0 => Err(SecretError::Open {
            path: path.display().to_string(),
        }),
        _ => Ok(()),
    }
}

fn unreadable(what: String, error: &io::Error, advice: String) -> SecretError {
    match error.kind() {
        io::ErrorKind::NotFound => SecretError::Missing { what, advice },
        _ => SecretError::Unreadable {
            what,
            reason: plain(error),
        },
    }
}

fn checked(bytes: Vec<u8>, what: &str) -> Result<SecretString, SecretError> {
    let what = || what.to_owned();
    if bytes.len() > LARGEST {
        return Err(SecretError::Odd {
            what: what(),
            why: "is longer than 64 KiB",
        });
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        error.into_bytes().zeroize();
        SecretError::Odd {
            what: what(),
            why: "is not UTF-8",
        }
    })?;
    let value = text.strip_suffix('\n').map_or(text.as_str(), |line| {
        line.strip_suffix('\r').unwrap_or(line)
    });
    let result = match value {
        "" => Err(SecretError::Empty { what: what() }),
        PLACEHOLDER => Err(SecretError::Placeholder { what: what() }),
        _ if value.contains(['\n', '\r']) => Err(SecretError::Odd {
            what: what(),
            why: "has more than one line",
        }),
        _ if value.contains(char::is_control) => Err(SecretError::Odd {
            what: what(),
            why: "has a control character in it",
        }),
        value => Ok(SecretString::from(value)),
    };
    text.zeroize();
    result
}

/// Why there is no secret. Names where it was looked for, never what was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It is not there.
    #[error("{what} is missing: {advice}")]
    Missing {
        /// Which.
        what: String,
        /// How to supply it.
        advice: String,
    },
    /// It is there and has nothing in it.
    #[error("{what} is empty: put the secret into it")]
    Empty {
        /// Which.
        what: String,
    },
    /// The unit's fallback was never replaced.
    #[error(
        "{what} is still the placeholder `{PLACEHOLDER}`: put the secret into it and restart the service"
    )]
    Placeholder {
        /// Which.
        what: String,
    },
    /// Others on the machine can read it.
    #[error("secret file {path} can be read by others: run `chmod 600 {path}`")]
    Open {
        /// The file.
        path: String,
    },
    /// It cannot be read.
    #[error("{what} cannot be read: {reason}")]
    Unreadable {
        /// Which.
        what: String,
        /// The system's reason.
        reason: String,
    },
    /// It cannot be a secret as vendors give them.
    #[error("{what} {why}: put the bare secret into it, on one line")]
    Odd {
        /// Which.
        what: String,
        /// Why not.
        why: &'static str,
    },
}

impl SecretError {
    /// Always for a human.
    pub fn class(&self) -> Class {
        match self {
            Self::Missing { .. }
            | Self::Empty { .. }
            | Self::Placeholder { .. }
            | Self::Open { .. }
            | Self::Unreadable { .. }
            | Self::Odd { .. } => Class::Auth,
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn check(secrets: &Secrets, reference: &SecretRef, expected: Result<&str, &str>) {
        let found = secrets.fetch(reference);
        assert!(!format!("{found:?}").contains("hunter2"));
        let found = found
            .map(|secret| secret.expose_secret().to_owned())
            .map_err(|error| error.to_string());
        assert_eq!(
            found.as_deref().map_err(String::as_str),
            expected,
            "{reference:?}"
        );
    }

    fn credential(name: &str) -> SecretRef {
        SecretRef::Credential(name.parse().expect("a name"))
    }

    fn written(path: &Path, bytes: &[u8], mode: u32) {
        fs::write(path, bytes).expect("written");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
    }

    #[test]
    fn what_a_credential_holds() {
        let folder = tempfile::tempdir().expect("a folder");
        let secrets = Secrets::new(Path::new("/nowhere"), Some(folder.path().to_owned()));
        let rows: &[(&[u8], Result<&str, &str>)] = &[
            (b"hunter2", Ok("hunter2")),
            (b"hunter2\n", Ok("hunter2")),
            (b"hunter2\r\n", Ok("hunter2")),
            (b" hunter2 ", Ok(" hunter2 ")),
            (b"", Err("credential `x` is empty: put the secret into it")),
            (
                b"\n",
                Err("credential `x` is empty: put the secret into it"),
            ),
            (
                b"unset\n",
                Err(
                    "credential `x` is still the placeholder `unset`: put the secret into it and restart the service",
                ),
            ),
            (
                b"hunter2\n\n",
                Err(
                    "credential `x` has more than one line: put the bare secret into it, on one line",
                ),
            ),
            (
                b"hunter2\xff",
                Err("credential `x` is not UTF-8: put the bare secret into it, on one line"),
            ),
            (
                b"hunter2\0",
                Err(
                    "credential `x` has a control character in it: put the bare secret into it, on one line",
                ),
            ),
            (
                &[b'x'; LARGEST + 1],
                Err(
                    "credential `x` is longer than 64 KiB: put the bare secret into it, on one line",
                ),
            ),
        ];
        for (bytes, expected) in rows {
            written(&folder.path().join("x"), bytes, 0o440);
            check(&secrets, &credential("x"), *expected);
        }
        check(
            &secrets,
            &credential("y"),
            Err(
                "credential `y` is missing: encrypt it by `systemd-creds encrypt --name=y`, add \
                 `LoadCredentialEncrypted=y` to the unit and restart it",
            ),
        );
    }

    #[test]
    fn a_file_must_be_private() {
        let folder = tempfile::tempdir().expect("a folder");
        let secrets = Secrets::new(folder.path(), None);
        let path = folder.path().join("secret");
        let shown = path.display();
        let reference = SecretRef::File("secret".into());
        let missing = format!(
            "secret file {shown} is missing: write it into {shown} and run `chmod 600 {shown}`"
        );
        check(&secrets, &reference, Err(&missing));
        for (mode, private) in [
            (0o600, true),
            (0o400, true),
            (0o640, false),
            (0o604, false),
            (0o644, false),
        ] {
            written(&path, b"hunter2\n", mode);
            let open =
                format!("secret file {shown} can be read by others: run `chmod 600 {shown}`");
            check(
                &secrets,
                &reference,
                if private { Ok("hunter2") } else { Err(&open) },
            );
        }
    }

    #[test]
    fn without_systemd_credentials_are_files_beside_the_configuration() {
        let folder = tempfile::tempdir().expect("a folder");
        let secrets = Secrets::new(folder.path(), None);
        fs::create_dir(folder.path().join("credentials")).expect("made");
        let path = folder.path().join("credentials/x");
        let shown = path.display();
        let missing =
            format!("credential `x` is missing: write it into {shown} and run `chmod 600 {shown}`");
        check(&secrets, &credential("x"), Err(&missing));
        written(&path, b"hunter2", 0o600);
        check(&secrets, &credential("x"), Ok("hunter2"));
        written(&path, b"hunter2", 0o644);
        let open = format!("secret file {shown} can be read by others: run `chmod 600 {shown}`");
        check(&secrets, &credential("x"), Err(&open));
    }

    #[test]
    fn a_variable_may_be_missing() {
        let secrets = Secrets::new(Path::new("/nowhere"), None);
        let reference = |name: &str| SecretRef::Env(name.parse().expect("a name"));
        check(&secrets, &reference("CARGO_PKG_NAME"), Ok("rollbook"));
        check(
            &secrets,
            &reference("ROLLBOOK_TEST_NOT_SET"),
            Err(
                "environment variable `ROLLBOOK_TEST_NOT_SET` is missing: set ROLLBOOK_TEST_NOT_SET in the daemon's \
                 environment, or better use a credential",
            ),
        );
    }

    #[test]
    fn given_secrets_are_the_only_ones() {
        let secrets = Secrets::in_memory(BTreeMap::from([(
            "x".to_owned(),
            SecretString::from("hunter2"),
        )]));
        assert!(!format!("{secrets:?}").contains("hunter2"));
        check(&secrets, &credential("x"), Ok("hunter2"));
        check(
            &secrets,
            &credential("y"),
            Err("credential `y` is missing: it was not given"),
        );
        check(
            &secrets,
            &SecretRef::Env("CARGO_PKG_NAME".parse().expect("a name")),
            Err("environment variable `CARGO_PKG_NAME` is missing: it was not given"),
        );
    }

    #[test]
    fn names_that_may_be_the_secret_itself_are_not_repeated() {
        for text in ["../etc/passwd", "", "hunter2 !", ".hidden", "a/b"] {
            let complaint = text.parse::<CredentialName>().expect_err("not a name");
            assert_eq!(complaint.message, "this is not the name of a credential");
        }
        for text in ["hunter2", "lower", "", "A-B", "1A"] {
            let complaint = text.parse::<VariableName>().expect_err("not a name");
            assert_eq!(
                complaint.message,
                "this is not the name of an environment variable"
            );
        }
    }
}
