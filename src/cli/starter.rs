//! The texts of a configuration to start with.
//!
//! For a vendor that the shipped examples show, their very words: they are tested, and carry what only people know, such
//! as which of several grants reads enough. For any other, what its description says of itself.

use std::path::Path;

use super::starter_derived as derived;
use crate::vendor::Descriptions;
use crate::vendor::builtin::{EXAMPLE, EXAMPLE_JOBS};

/// What begins the part of one source in the shipped `rollbook.toml`.
const RULER: &str = "# -----";

/// A file that is not written yet.
pub struct Draft {
    /// Below the configuration folder.
    pub name: String,
    /// What it will hold.
    pub text: String,
}

/// A whole configuration.
pub struct Starter {
    /// In the order in which they are written: a job comes after the source that it names.
    pub drafts: Vec<Draft>,
    /// The credentials that it refers to.
    pub secrets: Vec<String>,
}

/// One source of it.
pub struct Part {
    /// Its lines in `rollbook.toml`.
    pub text: String,
    /// Its jobs.
    pub jobs: Vec<Draft>,
}

/// A configuration of these vendors; each is known.
pub fn of(vendors: &[&str], descriptions: &Descriptions, folder: &Path) -> Starter {
    let mut text = head().to_owned();
    let (mut jobs, mut secrets) = (Vec::new(), Vec::new());
    for vendor in vendors {
        let derived = || {
            let description = descriptions.get(vendor)?;
            Some(derived::part(vendor, description))
        };
        let Some(part) = example(vendor).or_else(derived) else {
            continue;
        };
        let named = credentials(&part.text);
        text.push_str(part.text.trim_end());
        text.push_str("\n\n");
        text.push_str(&how_to_make(&named, folder));
        jobs.extend(part.jobs);
        secrets.extend(named);
    }
    let mut drafts = vec![
        draft("rollbook.toml", text.trim_end().to_owned() + "\n"),
        draft("credentials.conf", drop_in(&secrets, folder)),
    ];
    drafts.extend(jobs);
    Starter { drafts, secrets }
}

fn draft(name: &str, text: String) -> Draft {
    Draft {
        name: name.to_owned(),
        text,
    }
}

/// What stands above the first source of the shipped file.
fn head() -> &'static str {
    EXAMPLE.split(RULER).next().unwrap_or_default()
}

/// The part of the shipped files that is about a vendor.
fn example(vendor: &str) -> Option<Part> {
    let parts = EXAMPLE
        .split_inclusive('\n')
        .fold(Vec::new(), |mut parts, line| {
            if line.starts_with(RULER) {
                parts.push(String::new());
            }
            if let Some(part) = parts.last_mut() {
                part.push_str(line);
            }
            parts
        });
    parts.into_iter().find_map(|text| {
        let table: toml::Table = text.parse().ok()?;
        let (name, source) = table.get("sources")?.as_table()?.iter().next()?;
        if source.get("vendor")?.as_str()? != vendor {
            return None;
        }
        let jobs = jobs_of(name);
        Some(Part { text, jobs })
    })
}

fn jobs_of(source: &str) -> Vec<Draft> {
    let reads = |text: &str| {
        let table: Option<toml::Table> = text.parse().ok();
        table.is_some_and(|job| job.get("source").and_then(toml::Value::as_str) == Some(source))
    };
    EXAMPLE_JOBS
        .iter()
        .filter(|(_, text)| reads(text))
        .map(|(name, text)| draft(&format!("jobs/{name}.toml"), (*text).to_owned()))
        .collect()
}

/// The names of the credentials that a text refers to, outside its comments.
fn credentials(text: &str) -> Vec<String> {
    fn walk(value: &toml::Value, found: &mut Vec<String>) {
        for (key, value) in value.as_table().into_iter().flatten() {
            match value.as_str() {
                Some(name) if key == "credential" => found.push(name.to_owned()),
                _ => walk(value, found),
            }
        }
    }
    let mut found = Vec::new();
    if let Ok(table) = text.parse() {
        walk(&toml::Value::Table(table), &mut found);
    }
    found
}

/// How an admin makes the secrets of a source: beside it, because nobody remembers it.
fn how_to_make(secrets: &[String], folder: &Path) -> String {
    let shown = folder.display();
    let lines = secrets.iter().map(|name| {
        format!(
            "#   systemd-ask-password -n | systemd-creds encrypt --name={name} - {shown}/{name}.cred\n"
        )
    });
    format!(
        "# Its secrets are typed once and kept encrypted; credentials.conf says how the service gets them:\n{}\
         # Or, for commands by hand too: each in {shown}/credentials/NAME, mode 0600, of the user rollbook.\n\n",
        lines.collect::<String>()
    )
}

/// What tells systemd of the secrets.
fn drop_in(secrets: &[String], folder: &Path) -> String {
    let shown = folder.display();
    let lines = secrets.iter().map(|name| {
        format!("LoadCredentialEncrypted={name}:{shown}/{name}.cred\nSetCredential={name}:unset\n")
    });
    format!(
        "# How the service gets the secrets that rollbook.toml names, once they are encrypted as it says. Copy this to\n\
         # /etc/systemd/system/rollbook.service.d/credentials.conf, then: systemctl daemon-reload\n\
         # Leave it out if they lie in {shown}/credentials/. Where one is \"unset\", only the jobs that need it stop.\n\
         [Service]\n{}",
        lines.collect::<String>()
    )
}

#[cfg(test)]
mod tests;
