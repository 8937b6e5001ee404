//! How a described API signs requests in, by its `securitySchemes`: the tables of `[auth]`.

use std::collections::{BTreeMap, BTreeSet};

use super::address::has_secret;
use super::json_node::JsonNode;
use super::lines::{assumption, key_in_header, key_in_query, line};
use crate::document::toml_text::toml_string;

/// The lines of the grants, and what is said of those that are not supported.
pub(super) fn lines<'a>(schemes: impl Iterator<Item = &'a JsonNode>) -> (String, Vec<String>) {
    let (mut key, mut grants) = (String::new(), BTreeMap::new());
    let mut others = BTreeSet::new();
    for scheme in schemes {
        let text = |name| {
            scheme
                .get(name)
                .and_then(JsonNode::text)
                .unwrap_or_default()
        };
        let lines = match (
            text("type"),
            text("in"),
            text("scheme").to_ascii_lowercase().as_str(),
        ) {
            ("apiKey", "header", _) => key_in_header(text("name"), ""),
            ("apiKey", "query", _) if !text("name").is_empty() => key_in_query(text("name")),
            ("apiKey", place, _) => {
                others.insert(format!("a key in a {place}"));
                continue;
            }
            ("http", _, "bearer") => key_in_header("Authorization", "Bearer {api_key}"),
            ("http", _, "basic") => key_in_header("Authorization", "Basic {basic}"),
            ("oauth2", ..) => {
                for (flow, rules) in scheme
                    .get("flows")
                    .map(JsonNode::members)
                    .unwrap_or_default()
                {
                    match grant(flow, rules) {
                        Some((grant, lines)) => {
                            grants.entry(grant).or_insert(lines);
                        }
                        None => {
                            others.insert(format!("OAuth 2 `{flow}`"));
                        }
                    }
                }
                continue;
            }
            ("", ..) => continue,
            (kind, _, scheme) => {
                others.insert(format!("{kind} {scheme}").trim_end().to_owned());
                continue;
            }
        };
        if key.is_empty() {
            key = lines;
        }
    }
    let others = others
        .into_iter()
        .map(|kind| format!("the sign-in by {kind}, which is not supported"));
    let grants: Vec<String> = grants
        .into_values()
        .chain((!key.is_empty()).then_some(key))
        .collect();
    let lines = match grants.is_empty() {
        true => String::new(),
        false => format!(
            "{}\n{}",
            assumption("which of these the vendor offers you"),
            grants.join("\n")
        ),
    };
    (lines, others.collect())
}

/// The table of an OAuth flow.
fn grant(flow: &str, rules: &JsonNode) -> Option<(&'static str, String)> {
    let text = |name| rules.get(name).and_then(JsonNode::text).unwrap_or_default();
    let grant = match flow {
        "clientCredentials" => "client_credentials",
        "authorizationCode" => "authorization_code",
        "password" => "password",
        _ => return None,
    };
    let scopes = rules
        .get("scopes")
        .map(JsonNode::members)
        .unwrap_or_default();
    let scopes: Vec<&str> = scopes.iter().map(|(name, _)| name.as_str()).collect();
    let mut lines = format!("[auth.{grant}]\n");
    for (key, value) in [
        ("authorize_url", text("authorizationUrl")),
        ("token_url", text("tokenUrl")),
        ("scope", &scopes.join(" ")),
    ] {
        if key != "scope" && has_secret(value) {
            let why = format!(
                "left out: {key}, whose address in the description may have a secret: see the vendor's documentation"
            );
            lines.push_str(&line(&assumption(&why)));
        } else if !value.is_empty() && !value.contains(['{', '}']) {
            lines.push_str(&line(&format!("{key} = {}", toml_string(value))));
        }
    }
    Some((grant, lines))
}
