//! Makes a source's session: the description's limits, the admin's choices, the way to a token.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use secrecy::ExposeSecret as _;
use xxhash_rust::xxh3::Xxh3;

use super::App;
use super::granting::{Granting, address};
use super::keeping::Keeping;
use super::setup::SourceSetup;
use crate::config::{Auth, Secrets, SourceConfig};
use crate::http::{
    ErrorWords, KeeperRules, Reach, Route, Session, SessionRules, Timeouts, TokenKeeper,
};
use crate::sync::{Identity, Source};
use crate::vendor::description::{Description, Setting};
use crate::vendor::template;

/// Requests at once, requests a second and MiB in an answer, unless somebody says otherwise (wapi.md 12 A49).
const IN_FLIGHT: u32 = 2;
const PER_SECOND: f64 = 5.0;
const BODY_MIB: u32 = 64;

/// How a source's requests leave the machine. The error is a sentence for the admin.
pub fn route(source: &SourceConfig, config_folder: &Path) -> Result<Route, String> {
    let proxy = source.proxy.as_ref();
    Ok(Route {
        ca_file: source.ca_file.as_ref().map(|file| config_folder.join(file)),
        proxy: proxy
            .map(|proxy| address("the proxy", proxy.as_str()))
            .transpose()?,
        reach: match source.allow_private {
            true => Reach::Anywhere,
            false => Reach::Internet,
        },
    })
}

/// What keeps a source's token; nothing where its vendor asks for none. The error is a sentence for the admin.
pub fn keeper_rules(
    name: &str,
    source: &SourceSetup,
    secrets: &Secrets,
    config_folder: &Path,
) -> Result<Option<KeeperRules>, String> {
    let Some(auth) = &source.config.auth else {
        return Ok(None);
    };
    let granting = Granting {
        source,
        auth,
        secrets,
    };
    Ok(Some(KeeperRules {
        source: name.to_owned(),
        grant: granting.grant()?,
        timeouts: Timeouts::default(),
        route: route(&source.config, config_folder)?,
    }))
}

/// Of everything that a source's session is made of: its configuration, its vendor's description, and what stands in
/// the files that these name. It is kept in memory only, because secrets go into it.
pub fn fingerprint(source: &SourceSetup, secrets: &Secrets, vault_key: &str) -> u64 {
    let mut hash = Xxh3::new();
    let mut part = |bytes: &[u8]| {
        hash.update(&bytes.len().to_le_bytes());
        hash.update(bytes);
    };
    part(source.fingerprint.as_bytes());
    part(vault_key.as_bytes());
    if let Some(file) = &source.config.ca_file {
        part(&std::fs::read(file).unwrap_or_default());
    }
    for reference in source.config.auth.iter().flat_map(Auth::secrets) {
        match secrets.fetch(reference) {
            Ok(secret) => part(secret.expose_secret().as_bytes()),
            Err(error) => part(error.to_string().as_bytes()),
        }
    }
    hash.digest()
}

/// A source, ready to be asked. The error is a sentence for the admin.
pub fn make(name: &str, source: &SourceSetup, app: &App) -> Result<Source, String> {
    let limits = (&source.config.limits, &source.description.limits);
    let in_flight = limits
        .0
        .in_flight
        .map(u32::from)
        .or(limits.1.in_flight)
        .unwrap_or(IN_FLIGHT)
        .max(1);
    let fill = |text: &str| template::fill(text, &[&source.settings.texts]);
    let errors = &source.description.errors;
    let rules = SessionRules {
        source: name.to_owned(),
        base_url: address("the base address", &fill(&source.description.base_url))?,
        headers: source
            .description
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), fill(value)))
            .collect(),
        in_flight,
        per_second: limits
            .0
            .per_second
            .or(limits.1.per_second)
            .unwrap_or(PER_SECOND),
        per_day: limits.0.per_day.map(u32::from).or(limits.1.per_day),
        body_limit: u64::from(
            limits
                .0
                .body_mib
                .map(u32::from)
                .or(limits.1.body_mib)
                .unwrap_or(BODY_MIB),
        ) << 20,
        timeouts: Timeouts::default(),
        errors: ErrorWords {
            code: errors.code.clone(),
            too_many: errors.too_many.clone(),
            missing: errors.missing.clone(),
            token: errors.token.clone(),
        },
        route: route(&source.config, &app.config_folder)?,
    };
    let keeping = Arc::new(Keeping(Arc::clone(&app.vault)));
    let keeper = keeper_rules(name, source, &app.secrets, &app.config_folder)?
        .map(|rules| TokenKeeper::new(rules, keeping.clone(), app.clock.clone()))
        .transpose()
        .map_err(|error| error.to_string())?;
    let session = Session::new(rules, keeper, keeping, app.clock.clone())
        .map_err(|error| error.to_string())?;
    let made = Source::new(
        name.to_owned(),
        Arc::new(session),
        in_flight as usize,
        source.settings.lists.clone(),
    );
    Ok(made.with_account(account(source), identity(source)))
}

/// Whose account it is by the configuration, one fact a line: the address, the settings that choose an account within it,
/// and who signs in. Never a secret.
fn account(source: &SourceSetup) -> String {
    if source.config.is_simulated {
        return String::new();
    }
    let base_url = template::fill(&source.description.base_url, &[&source.settings.texts]);
    let mut lines = vec![base_url];
    for name in choosing_settings(&source.description) {
        let value = source.settings.texts.get(name).map(String::as_str);
        let value = value.filter(|value| !value.is_empty() && !value.contains("://"));
        lines.extend(value.map(|value| format!("{name} {value}")));
    }
    if let Some(auth) = &source.config.auth {
        lines.extend(auth.client_id.as_ref().map(|id| format!("client {id}")));
        lines.extend(auth.username.as_ref().map(|name| format!("user {name}")));
    }
    lines.join("\n")
}

/// The settings that are sent with requests choose whose data it is, unless the connector says that one does not.
fn choosing_settings(description: &Description) -> BTreeSet<&str> {
    let grants = &description.auth;
    let grants = [
        &grants.client_credentials,
        &grants.password,
        &grants.refresh_token,
        &grants.authorization_code,
    ];
    let tokens = grants.into_iter().flatten().flat_map(|grant| {
        let values = grant.token_query.values().chain(grant.token_form.values());
        values.chain([&grant.token_url])
    });
    let streams = description.streams.values();
    let streams =
        streams.flat_map(|stream| stream.path.texts().iter().chain(stream.query.values()));
    let templates = tokens.chain(streams).chain(description.headers.values());
    templates
        .chain([&description.base_url])
        .flat_map(|text| template::names(text))
        .filter(|name| {
            description
                .settings
                .get(*name)
                .is_some_and(Setting::chooses_account)
        })
        .collect()
}

/// Where the vendor says whose account it is, if the connector knows and the stream is served.
fn identity(source: &SourceSetup) -> Option<Identity> {
    let identity = source.description.identity.as_ref()?;
    let spec = Arc::clone(source.streams.get(&identity.stream)?);
    let column = spec.column(&identity.column)?;
    Some(Identity { spec, column })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_source_that_says_so_reaches_inward() {
        for (line, reach) in [
            ("", Reach::Internet),
            ("allow_private = false", Reach::Internet),
            ("allow_private = true", Reach::Anywhere),
        ] {
            let source: SourceConfig =
                toml::from_str(&format!("vendor = \"own\"\n{line}")).expect("a source");
            let route = route(&source, Path::new("/etc/rollbook")).expect("a route");
            assert_eq!(route.reach, reach, "{line}");
        }
    }
}
