//! What a source needs from its admin: derived from its text and its connector.

use super::edit::{comment_of, parsed};
use crate::cli::starter::StarterSource;
use rollbook_core::connector::file::{Connector, Setting};
use rollbook_core::document::Node;
use rollbook_core::model::GrantKind;

/// Keys of `auth` that are not secret, and what they are where no comment says it.
pub const NAMES: [(&str, &str); 2] = [
    ("client_id", "the client's public name at the vendor"),
    ("username", "the user that the client acts for"),
];

/// Keys of `auth` that refer to secrets.
pub const SECRETS: [(&str, &str); 6] = [
    ("client_secret", "the client's secret"),
    ("password", "that user's password"),
    (
        "refresh_token",
        "the first refresh token; later ones are kept in the vault",
    ),
    ("api_key", "the key"),
    ("api_secret", "the second key"),
    ("service_account", "the JSON file of the service account"),
];

/// One value that an admin knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceQuestion {
    /// `settings` or `auth`.
    pub table: &'static str,
    /// The key below it.
    pub key: String,
    /// What it is, and where to find it.
    pub help: String,
    /// What an empty answer does.
    pub kind: QuestionKind,
}

impl SourceQuestion {
    /// Whether the answer is a secret.
    pub fn is_secret(&self) -> bool {
        matches!(self.kind, QuestionKind::Secret(_))
    }
}

/// What an empty answer does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuestionKind {
    /// One of these; without an answer the value that is written already.
    Choice {
        /// All of them.
        choices: Vec<String>,
        /// The one that is written.
        written: String,
    },
    /// Without an answer it stays to be filled in.
    Required,
    /// Without an answer the connector's default counts.
    Optional,
    /// The secret of this credential.
    Secret(String),
}

/// The questions in the order of the text.
pub fn questions(source: &StarterSource, connector: &Connector) -> Vec<SourceQuestion> {
    let tree = parsed(&source.text);
    let entries = |table: &'static str| {
        let found = tree.at(&["sources", &source.name, table]);
        found.map(Node::entries).unwrap_or_default()
    };
    let mut all = Vec::new();
    for entry in entries("settings") {
        let comment = comment_of(&source.text, &entry.value).unwrap_or_default();
        let rules = match connector.settings.get(&entry.name) {
            Some(Setting::Full(rules)) => rules.clone(),
            _ => Default::default(),
        };
        let kind = match rules.choices.as_slice() {
            [] if rules.required => QuestionKind::Required,
            [] => QuestionKind::Optional,
            choices => QuestionKind::Choice {
                choices: choices.to_vec(),
                written: entry.value.text().unwrap_or_default().to_owned(),
            },
        };
        all.push(SourceQuestion {
            table: "settings",
            key: entry.name.clone(),
            help: first_of([rules.help, comment]),
            kind,
        });
    }
    for entry in entries("auth") {
        let comment = comment_of(&source.text, &entry.value).unwrap_or_default();
        let credential = entry.value.at(&["credential"]).and_then(Node::text);
        let known = NAMES.iter().chain(&SECRETS);
        let known = known.clone().find(|(name, _)| *name == entry.name);
        let kind = match credential {
            Some(name) => QuestionKind::Secret(name.to_owned()),
            None if known.is_some() => QuestionKind::Required,
            None => continue,
        };
        let usual = known.map_or("", |(_, help)| help).to_owned();
        all.push(SourceQuestion {
            table: "auth",
            key: entry.name.clone(),
            help: first_of([comment, usual]),
            kind,
        });
    }
    all
}

fn first_of(texts: [String; 2]) -> String {
    let mut texts = texts.into_iter();
    texts.find(|text| !text.is_empty()).unwrap_or_default()
}

/// What a grant means for an admin.
pub fn grant_help(grant: GrantKind) -> &'static str {
    match grant {
        GrantKind::ClientCredentials => "a client's id and secret",
        GrantKind::AuthorizationCode => "a person signs in once by browser: `rollbook login`",
        GrantKind::RefreshToken => "a token that a person obtained once; it renews itself",
        GrantKind::Password => {
            "a person's user name and password; only where the vendor offers nothing better"
        }
        GrantKind::JwtBearer => "the private key of a service account",
        GrantKind::ApiKey => "a fixed key",
        GrantKind::Oauth1 => "a client's id and secret that sign each request; deprecated",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::starter;
    use rollbook_core::connector::Connectors;

    #[test]
    fn what_each_connector_asks() {
        let connectors = Connectors::built_in().expect("right");
        let rows = [
            (
                "wisenet",
                None,
                "region? client_id client_secret* refresh_token*",
            ),
            (
                "wisenet",
                Some(GrantKind::AuthorizationCode),
                "region? client_id client_secret*",
            ),
            (
                "wapi",
                None,
                "wac woc- client_id client_secret* username password*",
            ),
            ("webuntis", None, "tenant client_id client_secret*"),
            (
                "oneroster",
                None,
                "base_url token_url client_id client_secret*",
            ),
            // Its requests are signed: there is no token endpoint.
            (
                "oneroster",
                Some(GrantKind::Oauth1),
                "base_url client_id client_secret*",
            ),
        ];
        for (name, grant, expected) in rows {
            let source = starter::source(name, "other", &connectors, grant).expect("known");
            let asked = questions(&source, connectors.get(name).expect("known"));
            let shown = asked.iter().map(|question| {
                assert!(!question.help.is_empty(), "{name}: {question:?}");
                let sign = match &question.kind {
                    QuestionKind::Choice { .. } => "?",
                    QuestionKind::Required => "",
                    QuestionKind::Optional => "-",
                    QuestionKind::Secret(credential) => {
                        assert!(credential.starts_with("other_"), "{credential}");
                        "*"
                    }
                };
                format!("{}{sign}", question.key)
            });
            assert_eq!(shown.collect::<Vec<_>>().join(" "), expected, "{name}");
        }
    }
}
