//! Makes a source's session: the description's quirks, the admin's choices, the secrets.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;

use super::App;
use super::keeping::Keeping;
use super::setup::SourceSetup;
use crate::config::{Auth, Grant as GrantKind, SecretRef};
use crate::http::{
    ApiKeySpec, ClientAuth, ErrorWords, Grant, GrantSpec, KeeperRules, Session, SessionRules,
    Timeouts, TokenBody, TokenKeeper,
};
use crate::model::duration::duration;
use crate::sync::Source;
use crate::vendor::description::{
    ApiKeyRules, ClientAuth as DescribedAuth, GrantRules, TokenBody as DescribedBody,
};
use crate::vendor::template;

/// Requests at once, requests a second and MiB in an answer, unless somebody says otherwise (wapi.md A49).
const IN_FLIGHT: u32 = 2;
const PER_SECOND: f64 = 5.0;
const BODY_MIB: u32 = 64;

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
    let proxy = source
        .config
        .proxy
        .as_ref()
        .map(|proxy| address("the proxy", proxy.as_str()))
        .transpose()?;
    let ca_file = source
        .config
        .ca_file
        .as_ref()
        .map(|file| app.config_folder.join(file));
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
        ca_file: ca_file.clone(),
        proxy: proxy.clone(),
    };
    let keeping = Arc::new(Keeping(Arc::clone(&app.vault)));
    let keeper = match &source.config.auth {
        None => None,
        Some(auth) => {
            let grant = Granting {
                source,
                auth,
                app,
                fill: &fill,
            }
            .grant()?;
            let rules = KeeperRules {
                source: name.to_owned(),
                grant,
                timeouts: Timeouts::default(),
                ca_file,
                proxy,
            };
            Some(
                TokenKeeper::new(rules, keeping.clone(), app.clock.clone())
                    .map_err(|error| error.to_string())?,
            )
        }
    };
    let session = Session::new(rules, keeper, keeping, app.clock.clone())
        .map_err(|error| error.to_string())?;
    Ok(Source::new(
        name.to_owned(),
        session,
        in_flight as usize,
        source.settings.lists.clone(),
    ))
}

fn address(what: &str, text: &str) -> Result<Url, String> {
    Url::parse(text).map_err(|_| format!("{what} is no address; look at the source's settings"))
}

/// The way to a token, put together from the description's rules and the source's choices.
struct Granting<'a> {
    source: &'a SourceSetup,
    auth: &'a Auth,
    app: &'a App,
    fill: &'a dyn Fn(&str) -> String,
}

impl Granting<'_> {
    fn grant(&self) -> Result<Grant, String> {
        let offered = &self.source.description.auth;
        let not_offered = || {
            format!(
                "{} does not offer the grant {}",
                self.source.description.title, self.auth.grant
            )
        };
        let rules = |rules: &Option<GrantRules>| rules.clone().ok_or_else(not_offered);
        match self.auth.grant {
            GrantKind::ApiKey => {
                let rules = offered.api_key.as_ref().ok_or_else(not_offered)?;
                let key = self.secret(self.auth.api_key.as_ref())?.ok_or("api_key is missing")?;
                Ok(Grant::ApiKey { header: rules.header.clone(), key })
            }
            GrantKind::ClientCredentials => Ok(Grant::ClientCredentials(self.spec(&rules(&offered.client_credentials)?)?)),
            GrantKind::Password => Ok(Grant::Password {
                spec: self.spec(&rules(&offered.password)?)?,
                username: self.auth.username.clone().unwrap_or_default(),
                password: self.secret(self.auth.password.as_ref())?.ok_or("password is missing")?,
            }),
            GrantKind::RefreshToken => Ok(Grant::RefreshToken {
                spec: self.spec(&rules(&offered.refresh_token)?)?,
                seed: self.secret(self.auth.refresh_token.as_ref())?,
            }),
            GrantKind::AuthorizationCode => Err(
                "signing in by browser (authorization_code) is not built yet; use refresh_token with a token that you have".into(),
            ),
        }
    }

    fn spec(&self, rules: &GrantRules) -> Result<GrantSpec, String> {
        let fill = self.fill;
        let filled = |map: &std::collections::BTreeMap<String, String>| -> Vec<(String, String)> {
            map.iter()
                .map(|(name, value)| (name.clone(), fill(value)))
                .collect()
        };
        Ok(GrantSpec {
            token_url: address("the token address", &fill(&rules.token_url))?,
            token_query: filled(&rules.token_query),
            token_form: filled(&rules.token_form),
            client_id: self.auth.client_id.clone().unwrap_or_default(),
            client_secret: self.secret(self.auth.client_secret.as_ref())?,
            client_auth: match rules.client_auth {
                DescribedAuth::Basic => ClientAuth::Basic,
                DescribedAuth::BasicEncoded => ClientAuth::BasicEncoded,
                DescribedAuth::Post => ClientAuth::Post,
            },
            body: match rules.body {
                DescribedBody::Form => TokenBody::Form,
                DescribedBody::Json => TokenBody::Json,
            },
            scope: fill(&rules.scope),
            lifetime: rules.lifetime.as_deref().map(lifetime).transpose()?,
            api_key: rules
                .api_key
                .as_ref()
                .map(|rules| self.key_beside(rules))
                .transpose()?,
        })
    }

    fn key_beside(&self, rules: &ApiKeyRules) -> Result<ApiKeySpec, String> {
        let fixed = self.secret(self.auth.api_key.as_ref())?;
        Ok(ApiKeySpec {
            header: rules.header.clone(),
            member: rules.member.clone(),
            fixed,
        })
    }

    fn secret(&self, reference: Option<&SecretRef>) -> Result<Option<SecretString>, String> {
        reference
            .map(|reference| self.app.secrets.fetch(reference))
            .transpose()
            .map_err(|error| error.to_string())
    }
}

fn lifetime(text: &str) -> Result<Duration, String> {
    duration(text).map_err(|complaint| complaint.message)
}
