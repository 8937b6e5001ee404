//! A source and a job derived from a connector, for those without a shipped example.

use std::fmt::Write as _;

use super::{Draft, StarterSource};
use rollbook_core::connector::file::{Connector, Grants, Setting, StreamConfig};
use rollbook_core::model::GrantKind;
use rollbook_engine::setup::{CHANGE_ME, CHANGE_ME_URL};

/// One source, and one job. Without a grant it uses the one of least manual work.
pub fn part(
    name: &str,
    connector_name: &str,
    connector: &Connector,
    grant: Option<GrantKind>,
) -> StarterSource {
    let grant = grant.or_else(|| offered_grants(&connector.auth).first().copied());
    let job = Draft {
        stem: name.to_owned(),
        text: job(name, connector),
    };
    StarterSource {
        name: name.to_owned(),
        connector: connector_name.to_owned(),
        text: source(name, connector_name, connector, grant),
        jobs: vec![job],
    }
}

fn source(
    name: &str,
    connector_name: &str,
    connector: &Connector,
    grant: Option<GrantKind>,
) -> String {
    let mut text = format!(
        "# ---------------------------------------------------------------- {}\n\n\
         [sources.{name}]    # the name begins every table\n\
         connector = \"{connector_name}\"    # which connector reads it\n\n",
        connector.title
    );
    let settings: String = connector
        .settings
        .iter()
        .filter_map(|(name, rules)| setting(name, rules, grant))
        .collect();
    if !settings.is_empty() {
        let _ = write!(text, "[sources.{name}.settings]\n{settings}\n"); // a text takes anything
    }
    text + &auth(name, &connector.auth, grant)
}

/// A setting with its description: a line to fill in if it is required, a comment if it has a default; nothing if the
/// grant has no use for it.
fn setting(name: &str, setting: &Setting, grant: Option<GrantKind>) -> Option<String> {
    let Setting::Full(rules) = setting else {
        return None;
    };
    if grant.is_some_and(|grant| rules.unused_by.contains(&grant)) {
        return None;
    }
    let default = rules.default.as_deref().filter(|text| !text.is_empty());
    let (off, value) = match default {
        Some(default) => ("#", default),
        None if rules.required && name.ends_with("_url") => ("", CHANGE_ME_URL),
        None if rules.required => ("", rules.choices.first().map_or(CHANGE_ME, String::as_str)),
        None => return None,
    };
    let value = toml::Value::from(value);
    let mut help: Vec<String> = vec![rules.help.clone()];
    if !rules.choices.is_empty() {
        help.push(format!("one of {}", rules.choices.join(", ")));
    }
    help.retain(|text| !text.is_empty());
    let help = match help.is_empty() {
        true => String::new(),
        false => format!("# {}\n", help.join("; ")),
    };
    Some(format!("{help}{off}{name} = {value}\n"))
}

/// The lines below `auth` for this grant.
pub fn auth(name: &str, offered: &Grants, grant: Option<GrantKind>) -> String {
    let Some(grant) = grant else {
        return String::new();
    };
    let grants = offered_grants(offered);
    let mut text = format!("[sources.{name}.auth]\ngrant = \"{grant}\"\n");
    let keys: &[&str] = match grant {
        GrantKind::ClientCredentials | GrantKind::Oauth1 => &["client_id", "client_secret"],
        GrantKind::AuthorizationCode => {
            text.push_str("# Then sign in once: rollbook login ");
            text.push_str(name);
            text.push('\n');
            &["client_id", "client_secret"]
        }
        GrantKind::RefreshToken => &["client_id", "client_secret", "refresh_token"],
        GrantKind::Password => &["client_id", "client_secret", "username", "password"],
        GrantKind::JwtBearer => &["service_account"],
        GrantKind::ApiKey => match &offered.api_key {
            Some(rules) if rules.needs_secret() => &["api_key", "api_secret"],
            _ => &["api_key"],
        },
    };
    for key in keys {
        let _ = match *key {
            "client_id" | "username" => writeln!(text, "{key} = \"{CHANGE_ME}\""),
            _ => writeln!(text, "{key} = {{ credential = \"{name}_{key}\" }}"),
        };
    }
    let others = grants.iter().filter(|other| **other != grant);
    let others: Vec<&str> = others.map(|grant| grant.as_str()).collect();
    if !others.is_empty() {
        let _ = writeln!(text, "# The vendor also offers: {}.", others.join(", "));
    }
    text
}

/// The grants that a connector offers, in order of least manual work.
pub fn offered_grants(offered: &Grants) -> Vec<GrantKind> {
    [
        (
            offered.client_credentials.is_some(),
            GrantKind::ClientCredentials,
        ),
        (
            offered.authorization_code.is_some(),
            GrantKind::AuthorizationCode,
        ),
        (offered.refresh_token.is_some(), GrantKind::RefreshToken),
        (offered.jwt_bearer.is_some(), GrantKind::JwtBearer),
        (offered.api_key.is_some(), GrantKind::ApiKey),
        (offered.offers_oauth1(), GrantKind::Oauth1),
        (offered.password.is_some(), GrantKind::Password),
    ]
    .into_iter()
    .filter_map(|(is_offered, grant)| is_offered.then_some(grant))
    .collect()
}

fn job(name: &str, connector: &Connector) -> String {
    let served = || connector.streams.iter().filter(|(_, stream)| !stream.off);
    // Streams that are read for each row of another cost many requests: the admin has to enable them too.
    let is_plain = |stream: &StreamConfig| stream.for_each.is_none() && !stream.opt_in;
    let chosen: Vec<_> = served().filter(|(_, stream)| is_plain(stream)).collect();
    let others: Vec<_> = served().filter(|(_, stream)| !is_plain(stream)).collect();
    let mut text = format!(
        "# What is read of {}, and when. Remove streams that you do not need: they are then never stored.\n\n\
         source    = \"{name}\"\nstreams   = [\n",
        connector.title
    );
    for (sign, streams) in [("", chosen), ("#", others)] {
        for (name, stream) in streams {
            let title = &stream.title;
            let _ = writeln!(text, "  {sign}{:24} # {title}", format!("\"{name}\","));
        }
    }
    text + "]\n\
        schedule  = \"40 4 * * *\"           # minute, hour, day, month, weekday: once a night\n\
        time_zone = \"UTC\"                  # the schedule's time zone, such as \"Europe/Vienna\"\n\
        apply     = \"each\"                 # a stream that fails does not stop the others\n\
        catch_up  = true                   # a run missed while the machine was off is caught up after start\n\n\
        [guard]                            # a run that would remove more is held until `rollbook approve`\n\
        removals     = \"10%\"\n\
        removals_max = 500\n"
}
