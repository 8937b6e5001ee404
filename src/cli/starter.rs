//! The content of a starter configuration.
//!
//! For connectors with a shipped example, its text: it is tested, and contains experience, such as which of several
//! grants can read enough. For others, text derived from the connector. Nothing here reads or writes a file.

pub mod companions;
mod derived;
pub mod handover;
mod renamed;

pub use derived::offered_grants;

use rollbook_core::connector::Connectors;
use rollbook_core::connector::builtin::{EXAMPLE, EXAMPLE_JOBS};
use rollbook_core::document::{FileText, Node};
use rollbook_core::model::GrantKind;

/// Prefix of the line above each source in the shipped `rollbook.toml`.
const RULER: &str = "# -----";

/// A file to write.
#[derive(Clone)]
pub struct Draft {
    /// Its name without folder and ending.
    pub stem: String,
    /// Its content.
    pub text: String,
}

/// One source of a configuration.
#[derive(Clone)]
pub struct StarterSource {
    /// Its name.
    pub name: String,
    /// The name of its connector.
    pub connector: String,
    /// Its lines in `rollbook.toml`.
    pub text: String,
    /// Its jobs.
    pub jobs: Vec<Draft>,
}

/// A source of this name; `None` if there is no such connector. Without a grant it uses that of the example.
pub fn source(
    connector: &str,
    name: &str,
    connectors: &Connectors,
    grant: Option<GrantKind>,
) -> Option<StarterSource> {
    let file = connectors.get(connector)?;
    let found = example(connector).map(|example| renamed::source(example, name));
    let mut found = found.unwrap_or_else(|| derived::part(name, connector, file, grant));
    if let Some(grant) = grant.filter(|grant| grant_of(&found) != Some(*grant)) {
        let mut auth = derived::auth(name, &file.auth, Some(grant));
        // Where to find it does not depend on the grant; the secret does.
        let is_id = |line: &&str| line.starts_with("client_id ");
        let comment = found
            .text
            .lines()
            .find(is_id)
            .and_then(|line| line.find('#').map(|at| &line[at..]));
        let id = auth.lines().find(is_id).map(str::to_owned);
        if let (Some(comment), Some(id)) = (comment, id) {
            auth = auth.replacen(&id, &format!("{id}    {comment}"), 1);
        }
        found.text = with_auth(&found.text, name, &auth);
    }
    Some(found)
}

/// The grant that a source uses.
pub fn grant_of(source: &StarterSource) -> Option<GrantKind> {
    let tree = Node::parse(&FileText::new("rollbook.toml", &*source.text)).0;
    let written = tree.at(&["sources", &source.name, "auth", "grant"])?;
    let written = written.text()?;
    let mut all = GrantKind::ALL.into_iter();
    all.find(|grant| grant.as_str() == written)
}

/// The text above the first source of the shipped file.
pub fn head() -> &'static str {
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
        Some(StarterSource {
            name: name.clone(),
            connector: connector.to_owned(),
            jobs: jobs_of(name),
            text,
        })
    })
}

fn jobs_of(source: &str) -> Vec<Draft> {
    let reads = |text: &str| {
        let table: Option<toml::Table> = text.parse().ok();
        table.is_some_and(|job| job.get("source").and_then(toml::Value::as_str) == Some(source))
    };
    let jobs = EXAMPLE_JOBS.iter().filter(|(_, text)| reads(text));
    let draft = |(stem, text): &(&str, &str)| Draft {
        stem: (*stem).to_owned(),
        text: (*text).to_owned(),
    };
    jobs.map(draft).collect()
}

/// A source's text with other lines below `auth`, without the comment above it, which is about the former grant.
fn with_auth(text: &str, name: &str, auth: &str) -> String {
    let header = format!("[sources.{name}.auth]");
    let lines = text.split_inclusive('\n');
    let mut kept: Vec<&str> = lines.take_while(|line| line.trim_end() != header).collect();
    while kept.last().is_some_and(|line| line.starts_with('#')) {
        kept.pop();
    }
    kept.concat() + auth
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

#[cfg(test)]
mod tests;
