//! Builds a source's session from the connector's limits, the source's settings and its grant.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use secrecy::ExposeSecret as _;
use xxhash_rust::xxh3::Xxh3;

use super::App;
use super::grant_builder::{GrantBuilder, url};
use rollbook_core::connector::file::{Connector, QueryValue, Setting};
use rollbook_core::connector::template;
use rollbook_core::model::SourceName;
use rollbook_engine::setup::files::{Auth, Secrets, SourceConfig};
use rollbook_engine::setup::{Setup, SourceSetup};
use rollbook_engine::sync::{Identity, Source};
use rollbook_http::auth::{Refetch, TokenManager, TokenRules};
use rollbook_http::http::{Authorizer, ProxyLogin, Reach, Route, Session, SessionRules, Timeouts};

/// CA file, proxy and address rules for a source's requests. The error is a message for the admin.
pub fn route(
    source: &SourceConfig,
    secrets: &Secrets,
    config_folder: &Path,
) -> Result<Route, String> {
    let proxy = source.proxy.as_ref();
    let proxy_login = match (&source.proxy_user, &source.proxy_password) {
        (Some(user), Some(password)) => Some(ProxyLogin {
            user: user.clone(),
            password: secrets.fetch(password).map_err(|error| error.to_string())?,
        }),
        _ => None,
    };
    Ok(Route {
        ca_file: source.ca_file.as_ref().map(|file| config_folder.join(file)),
        proxy: proxy
            .map(|proxy| url("proxy", proxy.as_str()))
            .transpose()?,
        proxy_login,
        reach: match source.allow_private {
            true => Reach::Anywhere,
            false => Reach::Internet,
        },
    })
}

/// Rules of a source's token manager; `None` without authentication. The error is a message for the admin.
pub fn token_rules(
    name: &SourceName,
    source: &SourceSetup,
    secrets: &Secrets,
    config_folder: &Path,
) -> Result<Option<TokenRules>, String> {
    let Some(auth) = &source.config.auth else {
        return Ok(None);
    };
    let builder = GrantBuilder {
        source,
        auth,
        secrets,
    };
    Ok(Some(TokenRules {
        source: name.clone(),
        grant: builder.grant()?,
        timeouts: Timeouts::default(),
        route: route(&source.config, secrets, config_folder)?,
    }))
}

/// Covers everything that a session is built from: the source's configuration, its connector, and the content of files
/// that these name. Never stored, because it covers secrets.
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
    let secrets_of_auth = source.config.auth.iter().flat_map(Auth::secrets);
    for reference in secrets_of_auth.chain(&source.config.proxy_password) {
        match secrets.fetch(reference) {
            Ok(secret) => part(secret.expose_secret().as_bytes()),
            Err(error) => part(error.to_string().as_bytes()),
        }
    }
    hash.digest()
}

/// Builds a source with its session. The error is a message for the admin.
pub fn build(
    name: &SourceName,
    setup: &Arc<Setup>,
    source: &SourceSetup,
    app: &App,
) -> Result<Source, String> {
    let limits = source.config.limits.or(&source.connector.limits);
    let metrics = app.source_metrics(name);
    let fill = |text: &str| template::fill(text, &[&source.settings.texts]);
    let rules = SessionRules {
        source: name.clone(),
        base_url: url("base_url", &fill(&source.connector.base_url))?,
        headers: source
            .connector
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), fill(value)))
            .collect(),
        in_flight: limits.in_flight(),
        per_second: limits.per_second(),
        per_day: limits.per_day.map(u32::from),
        body_limit: limits.body_bytes(),
        timeouts: Timeouts::default(),
        errors: source.connector.errors.clone(),
        route: route(&source.config, &app.secrets, &app.folders.config)?,
        metrics: Arc::clone(&metrics),
    };
    // Before the rules: a change in between is seen at the first token request.
    let refetch = refetch(name, setup, source, app);
    let token_manager = token_rules(name, source, &app.secrets, &app.folders.config)?
        .map(|rules| {
            let (grants, clock) = (app.grants.clone(), app.clock.clone());
            TokenManager::following(rules, refetch, grants, clock, metrics)
        })
        .transpose()
        .map_err(|error| error.to_string())?;
    let authorizer = token_manager.map(|manager| Arc::new(manager) as Arc<dyn Authorizer>);
    let session = Session::new(rules, authorizer, app.day_count.clone(), app.clock.clone())
        .map_err(|error| error.to_string())?;
    let made = Source::new(
        name.clone(),
        Arc::new(session),
        limits.in_flight() as usize,
        source.settings.lists.clone(),
    );
    Ok(made.with_account(account(source), identity(source)))
}

/// Fetches the rules of the source's tokens again, if its secrets or its CA file have changed since. A secret that cannot be
/// fetched, such as a file that is being replaced, changes nothing.
fn refetch(
    name: &SourceName,
    setup: &Arc<Setup>,
    source: &SourceSetup,
    app: &App,
) -> (u64, Refetch) {
    let (name, setup) = (name.clone(), Arc::clone(setup));
    let (secrets, folder) = (Arc::clone(&app.secrets), app.folders.config.clone());
    let fingerprint_then = fingerprint(source, &secrets, "");
    let refetch = move |known| {
        let source = setup.sources.get(&name)?;
        let now = fingerprint(source, &secrets, "");
        let rules = (now != known).then(|| token_rules(&name, source, &secrets, &folder))?;
        Some((now, rules.ok()??))
    };
    (fingerprint_then, Arc::new(refetch))
}

/// Identifies the account by the configuration, one fact a line: the base URL, the settings that choose an account, the
/// client and the user. Never a secret.
fn account(source: &SourceSetup) -> String {
    if source.config.is_simulated {
        return String::new();
    }
    let base_url = template::fill(&source.connector.base_url, &[&source.settings.texts]);
    let mut lines = vec![base_url];
    for name in choosing_settings(&source.connector) {
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

/// Settings that are sent with requests choose the account, unless the connector excludes them.
fn choosing_settings(connector: &Connector) -> BTreeSet<&str> {
    let grants = &connector.auth;
    let grants = [
        &grants.client_credentials,
        &grants.password,
        &grants.refresh_token,
        &grants.authorization_code,
        &grants.jwt_bearer,
    ];
    let tokens = grants.into_iter().flatten().flat_map(|grant| {
        let rules = &grant.endpoint;
        let maps = rules.token_query.iter().chain(&rules.token_form);
        let maps = maps.chain(&rules.claims);
        maps.flat_map(BTreeMap::values).chain(&rules.token_url)
    });
    let streams = connector.streams.values();
    let of_streams = streams.clone().flat_map(|stream| stream.path.texts());
    let headers = connector.headers.values();
    let headers = headers.chain(streams.clone().flat_map(|stream| stream.headers.values()));
    let queries = [&connector.query].into_iter();
    let queries = queries.chain(streams.map(|stream| &stream.query));
    let values = queries.flat_map(BTreeMap::values);
    let texts = tokens.chain(of_streams).chain(headers);
    texts
        .chain([&connector.base_url])
        .map(String::as_str)
        .chain(values.flat_map(QueryValue::templates))
        .flat_map(template::names)
        .filter(|name| {
            connector
                .settings
                .get(*name)
                .is_some_and(Setting::chooses_account)
        })
        .collect()
}

/// The stream and column with the account's name, if the connector names them and the stream is served.
fn identity(source: &SourceSetup) -> Option<Identity> {
    let identity = source.connector.identity.as_ref()?;
    let spec = Arc::clone(source.streams.get(identity.stream.as_str())?);
    let column = spec.column(&identity.column)?;
    Some(Identity { spec, column })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_allow_private_permits_private_addresses() {
        for (line, reach) in [
            ("", Reach::Internet),
            ("allow_private = false", Reach::Internet),
            ("allow_private = true", Reach::Anywhere),
        ] {
            let source: SourceConfig =
                toml::from_str(&format!("connector = \"own\"\n{line}")).expect("a source");
            let folder = Path::new("/etc/rollbook");
            let route = route(&source, &Secrets::new(folder, None), folder).expect("a route");
            assert_eq!(route.reach, reach, "{line}");
        }
    }
}
