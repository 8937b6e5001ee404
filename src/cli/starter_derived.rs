//! A source and a job out of nothing but a vendor's description, for vendors that no shipped example shows.

use std::fmt::Write as _;

use super::starter::{Draft, Part};
use crate::config::Grant;
use crate::vendor::description::{Description, Grants, Setting, Stream};

/// Stands where only the admin knows what to write.
const YOURS: &str = "CHANGE-ME";

/// The same where it must be an address.
const YOUR_ADDRESS: &str = "https://change-me.example";

/// One source of this vendor, named like it, with one job.
pub fn part(vendor: &str, description: &Description) -> Part {
    let job = Draft {
        name: format!("jobs/{vendor}.toml"),
        text: job(vendor, description),
    };
    Part {
        text: source(vendor, description),
        jobs: vec![job],
    }
}

fn source(vendor: &str, description: &Description) -> String {
    let mut text = format!(
        "# ---------------------------------------------------------------- {}\n\n\
         [sources.{vendor}]    # the name begins every table\n\
         vendor = \"{vendor}\"    # which description reads it\n\n",
        description.title
    );
    let settings: String = description
        .settings
        .iter()
        .filter_map(|(name, rules)| setting(name, rules))
        .collect();
    if !settings.is_empty() {
        let _ = write!(text, "[sources.{vendor}.settings]\n{settings}\n"); // a text takes anything
    }
    text + &auth(vendor, &description.auth)
}

/// A setting with what it means: as a line to fill in where it must be said, as a comment where it has a default.
fn setting(name: &str, setting: &Setting) -> Option<String> {
    let Setting::Full(rules) = setting else {
        return None;
    };
    let default = rules.default.as_deref().filter(|text| !text.is_empty());
    let (off, value) = match default {
        Some(default) => ("#", default),
        None if rules.required && name.ends_with("_url") => ("", YOUR_ADDRESS),
        None if rules.required => ("", rules.choices.first().map_or(YOURS, String::as_str)),
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

fn auth(vendor: &str, offered: &Grants) -> String {
    let ways = ways(offered);
    let Some(grant) = ways.first() else {
        return String::new();
    };
    let mut text = format!("[sources.{vendor}.auth]\ngrant = \"{grant}\"\n");
    let keys: &[&str] = match grant {
        Grant::ClientCredentials => &["client_id", "client_secret"],
        Grant::AuthorizationCode => {
            text.push_str("# Then sign in once: rollbook login ");
            text.push_str(vendor);
            text.push('\n');
            &["client_id", "client_secret"]
        }
        Grant::RefreshToken => &["client_id", "client_secret", "refresh_token"],
        Grant::Password => &["client_id", "client_secret", "username", "password"],
        Grant::ApiKey => &["api_key"],
    };
    for key in keys {
        let _ = match *key {
            "client_id" | "username" => writeln!(text, "{key} = \"{YOURS}\""),
            _ => writeln!(text, "{key} = {{ credential = \"{vendor}_{key}\" }}"),
        };
    }
    let others: Vec<&str> = ways[1..].iter().map(|grant| grant.as_str()).collect();
    if !others.is_empty() {
        let _ = writeln!(text, "# The vendor also offers: {}.", others.join(", "));
    }
    text
}

/// The grants that a vendor offers, first the one that asks least of people.
fn ways(offered: &Grants) -> Vec<Grant> {
    [
        (
            offered.client_credentials.is_some(),
            Grant::ClientCredentials,
        ),
        (
            offered.authorization_code.is_some(),
            Grant::AuthorizationCode,
        ),
        (offered.refresh_token.is_some(), Grant::RefreshToken),
        (offered.api_key.is_some(), Grant::ApiKey),
        (offered.password.is_some(), Grant::Password),
    ]
    .into_iter()
    .filter_map(|(is_offered, grant)| is_offered.then_some(grant))
    .collect()
}

fn job(vendor: &str, description: &Description) -> String {
    let served = || description.streams.iter().filter(|(_, stream)| !stream.off);
    // What is read for each row of something else costs as many requests: an admin adds it knowingly.
    let is_plain = |stream: &Stream| stream.for_each.is_none();
    let chosen: Vec<_> = served().filter(|(_, stream)| is_plain(stream)).collect();
    let others: Vec<_> = served().filter(|(_, stream)| !is_plain(stream)).collect();
    let mut text = format!(
        "# What is read of {}, and when. Take out what nobody needs: it then never reaches the disk.\n\n\
         source    = \"{vendor}\"\nstreams   = [\n",
        description.title
    );
    for (sign, streams) in [("", chosen), ("#", others)] {
        for (name, stream) in streams {
            let title = &stream.title;
            let _ = writeln!(text, "  {sign}{:24} # {title}", format!("\"{name}\","));
        }
    }
    text + "]\n\
        schedule  = \"40 4 * * *\"           # minute, hour, day, month, weekday: once a night\n\
        time_zone = \"UTC\"                  # the zone that the schedule means, such as \"Europe/Vienna\"\n\
        apply     = \"each\"                 # a stream that fails does not hold up the others\n\
        catch_up  = true                   # a run missed while the machine was off is made up once after start\n\n\
        [guard]                            # a run that would remove more is held until `rollbook approve`\n\
        removals     = \"10%\"\n\
        removals_max = 500\n"
}
