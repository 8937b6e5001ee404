//! The questions of `init` on a terminal, and the same answers from `--set`.
//!
//! Each answer is checked at once, by the rules of `rollbook check`.

use std::collections::BTreeSet;

use secrecy::ExposeSecret as _;

use super::edit::{parsed, with_value, without_value};
use super::proposal::Proposal;
use super::questions::{NAMES, QuestionKind, SECRETS, SourceQuestion, grant_help, questions};
use crate::cli::exit::Exit;
use crate::cli::out;
use crate::cli::prompt::Prompt;
use crate::cli::starter::{self, offered_grants};
use crate::cli::table::indented;
use rollbook_core::connector::Connectors;
use rollbook_core::connector::file::{Connector, Setting};
use rollbook_core::document::Node;
use rollbook_core::document::lookalike::Lookalike;
use rollbook_core::document::suggest::{advice, listed};
use rollbook_core::model::{GrantKind, SourceName};
use rollbook_engine::setup::files::unusable_secret;
use rollbook_engine::setup::{CHANGE_ME, CHANGE_ME_URL};

/// What is printed first.
pub const INTRODUCTION: &str = "Each answer is checked at once. Enter alone leaves an answer open; Ctrl-C ends without writing anything.";

/// The name of a source whose usual name is taken.
pub async fn name(prompt: &Prompt, free: &str, used: &[String]) -> Result<SourceName, Exit> {
    loop {
        let answer = prompt
            .line(&format!(
                "Name of the new source, with which its tables begin [{free}]: "
            ))
            .await?;
        let answer = if answer.is_empty() { free } else { &answer };
        match answer.parse::<SourceName>() {
            Ok(_) if used.iter().any(|name| name == answer) => {
                out::text(format!("  `{answer}` is a source already"));
            }
            Ok(name) => return Ok(name),
            Err(error) => out::text(with_help(&error.message, error.help.as_deref())),
        }
    }
}

/// The grant of a source, if the vendor offers several.
pub async fn grant(
    prompt: &Prompt,
    connector: &Connector,
    usual: Option<GrantKind>,
) -> Result<Option<GrantKind>, Exit> {
    let offered = offered_grants(&connector.auth);
    let Some(usual) = usual.filter(|_| offered.len() > 1) else {
        return Ok(usual);
    };
    let lines = offered
        .iter()
        .map(|grant| [grant.as_str().to_owned(), grant_help(*grant).to_owned()]);
    out::text(format!(
        "\n  grant: how Rollbook signs in\n{}",
        indented(4, lines)
    ));
    loop {
        let answer = prompt.line(&format!("  grant [{usual}]: ")).await?;
        if answer.is_empty() {
            return Ok(Some(usual));
        }
        match offered.iter().find(|grant| grant.as_str() == answer) {
            Some(grant) => return Ok(Some(*grant)),
            None => out::text(format!("  {}", unknown_grant(&answer, &offered))),
        }
    }
}

/// What a vendor offers instead of a grant.
pub fn unknown_grant(name: &str, offered: &[GrantKind]) -> String {
    let names = offered.iter().map(|grant| grant.as_str());
    format!(
        "the vendor does not offer `{name}`: {}",
        advice(name, names.collect::<Vec<_>>())
    )
}

/// Asks for what the new source of this index needs.
pub async fn source(
    prompt: &Prompt,
    proposal: &mut Proposal,
    index: usize,
    connectors: &Connectors,
) -> Result<(), Exit> {
    let source = &proposal.sources[index];
    let Some(connector) = connectors.get(&source.connector) else {
        return Ok(());
    };
    for question in questions(source, connector) {
        if let QuestionKind::Secret(credential) = &question.kind {
            secret(prompt, proposal, &question, credential).await?;
            continue;
        }
        let name = proposal.sources[index].name.clone();
        if !proposal.answered.contains(&(name, question.key.clone())) {
            value(prompt, proposal, index, &question).await?;
        }
    }
    Ok(())
}

async fn value(
    prompt: &Prompt,
    proposal: &mut Proposal,
    index: usize,
    question: &SourceQuestion,
) -> Result<(), Exit> {
    let key = question.key.as_str();
    let (more, shown) = match &question.kind {
        QuestionKind::Choice { choices, written } => {
            let known = listed(choices.iter().map(String::as_str));
            (format!("; {known}"), format!("  {key} [{written}]: "))
        }
        QuestionKind::Optional => ("; optional".to_owned(), format!("  {key}: ")),
        QuestionKind::Required | QuestionKind::Secret(_) => (String::new(), format!("  {key}: ")),
    };
    out::text(format!("\n  {key}: {}{more}", question.help));
    loop {
        let answer = prompt.line(&shown).await?;
        let before = proposal.sources[index].text.clone();
        let name = proposal.sources[index].name.clone();
        let answer = match (&question.kind, answer.as_str()) {
            (QuestionKind::Choice { written, .. }, "") => written.clone(),
            (QuestionKind::Optional, "") => {
                let path = ["sources", &name, question.table, key];
                proposal.sources[index].text = without_value(&before, &path);
                proposal.answered.insert((name, key.to_owned()));
                return Ok(());
            }
            (_, "") => return Ok(()),
            (QuestionKind::Choice { choices, .. }, answer) => {
                let mut known = choices.iter();
                let meant = known.find(|choice| choice.eq_ignore_ascii_case(answer));
                meant.map_or(answer, String::as_str).to_owned()
            }
            (_, answer) => answer.to_owned(),
        };
        let value = toml::Value::from(answer);
        match set(proposal, index, (question.table, key), &value) {
            Ok(()) => return Ok(()),
            Err(message) => {
                proposal.sources[index].text = before;
                out::text(format!("  {message}"));
            }
        }
    }
}

async fn secret(
    prompt: &Prompt,
    proposal: &mut Proposal,
    question: &SourceQuestion,
    credential: &str,
) -> Result<(), Exit> {
    let key = &question.key;
    if proposal.is_stored(credential) {
        out::text(format!(
            "\n  {key}: the credential `{credential}` exists already, and is used"
        ));
        return Ok(());
    }
    out::text(format!("\n  {key}: {}", question.help));
    loop {
        let secret = prompt.secret(&format!("  {key} (not shown): ")).await?;
        if secret.expose_secret().is_empty() {
            return Ok(());
        }
        if let Some(error) = unusable_secret(credential, &secret) {
            out::text(format!("  {error}"));
            continue;
        }
        if let Some(remark) = Lookalike::remark_on(secret.expose_secret()) {
            out::text(format!(
                "  It {remark}; if the vendor refuses it, that is the reason."
            ));
        }
        proposal.secrets.insert(credential.to_owned(), secret);
        return Ok(());
    }
}

/// Asks for each secret that the existing configuration refers to and that is not stored.
pub async fn missing_secrets(prompt: &Prompt, proposal: &mut Proposal) -> Result<(), Exit> {
    let mut names = starter::credentials(proposal.own_text());
    let mut seen = BTreeSet::new();
    names.retain(|name| !proposal.is_stored(name) && seen.insert(name.clone()));
    if !names.is_empty() {
        out::text(INTRODUCTION);
    }
    for name in names {
        let question = SourceQuestion {
            table: "auth",
            help: format!("the secret of `{{ credential = \"{name}\" }}` in rollbook.toml"),
            kind: QuestionKind::Secret(name.clone()),
            key: name.clone(),
        };
        secret(prompt, proposal, &question, &name).await?;
    }
    Ok(())
}

/// Sets a value of a source, unless `rollbook check` would refuse it.
///
/// # Errors
/// What is wrong with it. The text of the source is then to be restored.
fn set(
    proposal: &mut Proposal,
    index: usize,
    (table, key): (&str, &str),
    value: &toml::Value,
) -> Result<(), String> {
    let source = &mut proposal.sources[index];
    let name = source.name.clone();
    source.text = with_value(&source.text, &["sources", &name, table], key, value);
    match proposal.problem_at(&name, table, key) {
        Some(problem) => Err(with_help(&problem.message, problem.help.as_deref())),
        None => {
            proposal.answered.insert((name, key.to_owned()));
            Ok(())
        }
    }
}

/// Marks what was left open of a source that has own values: an example among them would look like one. `rollbook check`
/// refuses the mark. What is optional is left out.
pub fn mark_open(proposal: &mut Proposal, connectors: &Connectors) {
    let answered = proposal.answered.clone();
    for source in &mut proposal.sources {
        let is_answered = |key: &str| answered.contains(&(source.name.clone(), key.to_owned()));
        let Some(connector) = connectors.get(&source.connector) else {
            continue;
        };
        let asked = questions(source, connector);
        if !asked.iter().any(|question| is_answered(&question.key)) {
            continue;
        }
        let open = asked.iter().filter(|question| !is_answered(&question.key));
        let mut text = source.text.clone();
        for question in open {
            let table = ["sources", &source.name, question.table];
            let path = [&table[..], &[&question.key]].concat();
            let written = parsed(&text)
                .at(&path)
                .and_then(Node::text)
                .map(str::to_owned);
            let is_marked =
                written.is_some_and(|written| [CHANGE_ME, CHANGE_ME_URL].contains(&&*written));
            match question.kind {
                QuestionKind::Required if !is_marked => {
                    text = with_value(&text, &table, &question.key, &toml::Value::from(CHANGE_ME));
                }
                QuestionKind::Optional => text = without_value(&text, &path),
                QuestionKind::Required | QuestionKind::Choice { .. } | QuestionKind::Secret(_) => {}
            }
        }
        source.text = text;
    }
}

fn with_help(message: &str, help: Option<&str>) -> String {
    match help {
        Some(help) => format!("{message}: {help}"),
        None => message.to_owned(),
    }
}

/// Sets a value that `--set` gives.
///
/// # Errors
/// An unknown key, a secret, or a value that `rollbook check` would refuse.
pub fn set_given(
    proposal: &mut Proposal,
    connector: &Connector,
    (key, value): &(String, String),
) -> Result<(), Exit> {
    if SECRETS.iter().any(|(name, _)| name == key) {
        return Err(Exit::usage(format!(
            "--set does not take `{key}`: other users can see the arguments of a command; enter it at the prompt, or \
             into the file that the comments in rollbook.toml name"
        )));
    }
    let setting = connector.settings.get(key);
    let is_list = matches!(setting, Some(Setting::Full(rules)) if rules.list);
    let table = match setting {
        Some(_) => "settings",
        None if NAMES.iter().any(|(name, _)| name == key) => "auth",
        None => {
            let names = NAMES.iter().map(|(name, _)| *name);
            let settings = connector.settings.keys().map(String::as_str);
            let known: Vec<&str> = settings.chain(names).chain(["grant"]).collect();
            return Err(Exit::usage(format!(
                "{} has no setting `{key}`: {}",
                connector.title,
                advice(key, known)
            )));
        }
    };
    let value = match is_list {
        true => toml::Value::Array(value.split(',').map(|item| item.trim().into()).collect()),
        false => toml::Value::from(value.as_str()),
    };
    set(proposal, 0, (table, key), &value)
        .map_err(|message| Exit::usage(format!("--set {key}: {message}")))
}
