//! Where a secret is: a reference that configuration files hold in its place.
//!
//! Fetching one is in `setup/files/secrets.rs`. No error repeats a text: it may be the secret itself.

use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;

use crate::document::text_value::{ValueError, text_value};

/// Where a secret is: exactly one of `credential`, `file`, `env`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretRef {
    /// A systemd credential; where systemd passes none, the file of that name in `credentials/` beside `rollbook.toml`.
    Credential(CredentialName),
    /// A file that other users cannot read; a relative path starts at the folder of `rollbook.toml`.
    File(PathBuf),
    /// An environment variable; others on the machine may be able to read it.
    Env(VariableName),
}

/// `writeOnly` is the standard's mark of a secret; the walk through a file refuses one in clear by it.
#[cfg(any(test, feature = "testing"))]
impl schemars::JsonSchema for SecretRef {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SecretRef".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        use crate::document::text_value::TextValue as _;

        schemars::json_schema!({
            "description": "Where a secret is: exactly one of `credential`, `file`, `env`.",
            "type": "object",
            "writeOnly": true,
            "properties": {
                "credential": {
                    "description": "A systemd credential; where systemd passes none, the file of that name in `credentials/` beside `rollbook.toml`.",
                    "type": "string",
                    "pattern": CredentialName::PATTERN,
                },
                "file": {
                    "description": "A file that other users cannot read; a relative path starts at the folder of `rollbook.toml`.",
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

impl CredentialName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CredentialName {
    type Err = ValueError;

    /// Never repeats the text: it may be the secret itself.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.len() <= 80
            && text.chars().all(fits)
        {
            return Ok(Self(text.to_owned()));
        }
        Err(ValueError::new("this is not the name of a credential")
            .help("letters, digits, `_`, `-` and dots, such as `\"roster_password\"`; write the secret itself into the credential"))
    }
}

text_value!(
    CredentialName,
    pattern = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$",
    example = "roster_password"
);

/// The name of an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableName(String);

impl VariableName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VariableName {
    type Err = ValueError;

    /// Never repeats the text: it may be the secret itself.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let fits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        if text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.len() <= 80
            && text.chars().all(fits)
        {
            return Ok(Self(text.to_owned()));
        }
        Err(ValueError::new("this is not the name of an environment variable")
            .help("capital letters, digits and `_`, such as `\"ROSTER_PASSWORD\"`; write the secret itself into the variable"))
    }
}

text_value!(
    VariableName,
    pattern = "^[A-Z][A-Z0-9_]{0,79}$",
    example = "ROSTER_PASSWORD"
);
