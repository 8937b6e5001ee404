//! Which keys of `auth` belong to which grant.
//!
//! What the vendor offers is not known here. Works on the tree, so that it also speaks when something else
//! in the file is wrong.

use super::rollbook::Grant;
use crate::model::nearest::{listed, quoted};
use crate::model::{Node, Place, Problem, Problems};

/// Keys that a grant cannot do without, and keys that it may use.
fn keys(grant: Grant) -> (&'static [&'static str], &'static [&'static str]) {
    match grant {
        Grant::ClientCredentials => (&["client_id", "client_secret"], &["api_key"]),
        Grant::Password => (
            &["username", "password"],
            &["client_id", "client_secret", "api_key"],
        ),
        Grant::RefreshToken => (
            &["client_id"],
            &["client_secret", "refresh_token", "api_key"],
        ),
        Grant::AuthorizationCode => (&["client_id"], &["client_secret", "api_key"]),
        Grant::ApiKey => (&["api_key"], &[]),
    }
}

const ALL_KEYS: [&str; 6] = [
    "client_id",
    "client_secret",
    "username",
    "password",
    "refresh_token",
    "api_key",
];

/// What is missing from a source's `auth`, and what has no use in it.
pub fn check(source: &Node) -> Problems {
    let mut problems = Problems::new();
    let Some(auth) = source.at(&["auth"]) else {
        return problems;
    };
    let written = auth.at(&["grant"]).and_then(Node::text);
    let Some(grant) = Grant::ALL
        .into_iter()
        .find(|grant| written == Some(grant.as_str()))
    else {
        return problems;
    };
    let (needed, useful) = keys(grant);
    for key in needed.iter().filter(|key| auth.at(&[key]).is_none()) {
        let message = format!("the grant `{grant}` needs the key {}", quoted(key));
        let example = match *key {
            "client_id" | "username" => format!("{key} = \"…\""),
            _ => format!("{key} = {{ credential = \"NAME\" }}"),
        };
        problems.push(
            Problem::error(source.nearest_place(&["auth", "grant"]), message)
                .help(format!("add `{example}`")),
        );
    }
    for entry in auth.entries() {
        let key = entry.name.as_str();
        if ALL_KEYS.contains(&key) && !needed.contains(&key) && !useful.contains(&key) {
            let place = Place::within(entry.value.file(), entry.key.clone());
            let message = format!("{} has no use with the grant `{grant}`", quoted(key));
            let help = format!(
                "remove it; this grant uses {}",
                listed(needed.iter().chain(useful).copied())
            );
            problems.push(Problem::error(place, message).help(help));
        }
    }
    problems
}
