//! The files of a starter configuration.
//!
//! For connectors with a shipped example, its text: it is tested, and contains experience, such as which of several
//! grants can read enough. For others, text derived from the connector.

mod derived;

use std::path::Path;

use crate::connector::Connectors;
use crate::connector::builtin::{EXAMPLE, EXAMPLE_JOBS};

/// Prefix of the line above each source in the shipped `rollbook.toml`.
const RULER: &str = "# -----";

/// A file to write.
pub struct Draft {
    /// Path relative to the configuration folder.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// A whole configuration.
pub struct Starter {
    /// In the order of writing: jobs after the sources that they refer to.
    pub drafts: Vec<Draft>,
    /// The credentials that it refers to.
    pub secrets: Vec<String>,
}

/// One source of a configuration.
pub struct StarterSource {
    /// Its lines in `rollbook.toml`.
    pub text: String,
    /// Its jobs.
    pub jobs: Vec<Draft>,
}

/// A configuration for these connectors, which exist.
pub fn of(names: &[&str], connectors: &Connectors, folder: &Path) -> Starter {
    let mut text = head().to_owned();
    let (mut jobs, mut secrets) = (Vec::new(), Vec::new());
    for name in names {
        let derived = || {
            let connector = connectors.get(name)?;
            Some(derived::part(name, connector))
        };
        let Some(part) = example(name).or_else(derived) else {
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

/// The text above the first source of the shipped file.
fn head() -> &'static str {
    EXAMPLE.split(RULER).next().unwrap_or_default()
}

/// The part of the shipped files that is about a connector.
fn example(connector: &str) -> Option<StarterSource> {
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
        if source.get("connector")?.as_str()? != connector {
            return None;
        }
        let jobs = jobs_of(name);
        Some(StarterSource { text, jobs })
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
pub fn credentials(text: &str) -> Vec<String> {
    fn walk(table: &toml::Table, found: &mut Vec<String>) {
        for (key, value) in table {
            match value {
                toml::Value::String(name) if key == "credential" => found.push(name.clone()),
                toml::Value::Table(table) => walk(table, found),
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    walk(&text.parse().unwrap_or_default(), &mut found);
    found
}

/// Comments next to a source on how to create its secrets.
fn how_to_make(secrets: &[String], folder: &Path) -> String {
    let shown = folder.display();
    let lines = secrets.iter().map(|name| {
        format!(
            "#   systemd-ask-password -n | systemd-creds encrypt --name={name} - {shown}/{name}.cred\n"
        )
    });
    format!(
        "# Enter the secrets once; they are stored encrypted, and credentials.conf passes them to the service:\n{}\
         # Or one file each that only the user rollbook can read:\n\
         #   systemd-ask-password -n | install -D -o rollbook -m 600 /dev/stdin {shown}/credentials/NAME\n\n",
        lines.collect::<String>()
    )
}

/// A drop-in for the unit that loads the secrets.
fn drop_in(secrets: &[String], folder: &Path) -> String {
    let shown = folder.display();
    let lines = secrets.iter().map(|name| {
        format!("LoadCredentialEncrypted={name}:{shown}/{name}.cred\nSetCredential={name}:unset\n")
    });
    format!(
        "# Passes the encrypted secrets of rollbook.toml to the service. Copy this file to\n\
         # /etc/systemd/system/rollbook.service.d/credentials.conf, then: systemctl daemon-reload\n\
         # Not needed for secrets in {shown}/credentials/. If one is \"unset\", only the jobs that need it fail.\n\
         [Service]\n{}",
        lines.collect::<String>()
    )
}

#[cfg(test)]
mod tests;
