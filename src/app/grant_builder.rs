//! Builds a source's grant from the connector's rules, the source's settings and the secrets.
//!
//! A setting of the source overrides the connector's. Errors are messages for the admin.

use std::collections::BTreeMap;

use reqwest::Url;
use secrecy::SecretString;

use crate::auth::{ApiKeySpec, Grant, GrantSpec, IssuerSpec, Redirect};
use crate::connector::file::{ApiKeyRules, GrantRules};
use crate::connector::template;
use crate::model::{EndpointRules, GrantKind};
use crate::setup::SourceSetup;
use crate::setup::files::{Auth, SecretRef, Secrets};

/// Builds the grant of one source.
pub struct GrantBuilder<'a> {
    /// The source, with its connector.
    pub source: &'a SourceSetup,
    /// The source's `[auth]` table.
    pub auth: &'a Auth,
    /// The secrets that it refers to.
    pub secrets: &'a Secrets,
}

impl GrantBuilder<'_> {
    /// The grant that the source selects.
    pub fn grant(&self) -> Result<Grant, String> {
        let offered = &self.source.connector.auth;
        match self.auth.grant {
            GrantKind::ApiKey => {
                let rules = offered.api_key.as_ref().ok_or_else(|| self.not_offered())?;
                let header = self.auth.api_key_header.as_ref();
                Ok(Grant::ApiKey {
                    header: header.unwrap_or(&rules.header).clone(),
                    key: self
                        .secret(self.auth.api_key.as_ref())?
                        .ok_or("api_key is missing")?,
                })
            }
            GrantKind::ClientCredentials => Ok(Grant::ClientCredentials(
                self.spec(&self.rules(&offered.client_credentials)?)?,
            )),
            GrantKind::Password => Ok(Grant::Password {
                spec: self.spec(&self.rules(&offered.password)?)?,
                username: self.auth.username.clone().unwrap_or_default(),
                password: self
                    .secret(self.auth.password.as_ref())?
                    .ok_or("password is missing")?,
            }),
            GrantKind::RefreshToken => Ok(Grant::RefreshToken {
                spec: self.spec(&self.rules(&offered.refresh_token)?)?,
                seed: self.secret(self.auth.refresh_token.as_ref())?,
            }),
            GrantKind::AuthorizationCode => {
                let mut spec = self.spec(&self.rules(&offered.authorization_code)?)?;
                let wanted = spec.rules.scope.take().unwrap_or_default();
                Ok(Grant::SignedIn { spec, wanted })
            }
        }
    }

    /// What a sign-in by browser needs: the endpoint with the scopes to request, the authorization URL, and the
    /// redirect URL if one is registered.
    pub fn browser(&self) -> Result<Browser, String> {
        let rules = self.rules(&self.source.connector.auth.authorization_code)?;
        let endpoint = &rules.endpoint;
        let redirect = self.fill(endpoint.redirect_url.as_deref().unwrap_or_default());
        Ok(Browser {
            spec: self.spec(&rules)?,
            authorize_url: self.optional_url("authorize_url", &endpoint.authorize_url)?,
            redirect: (!redirect.is_empty())
                .then(|| Redirect::registered(&redirect))
                .transpose()?,
        })
    }

    fn not_offered(&self) -> String {
        let title = &self.source.connector.title;
        format!("{title} does not offer the grant {}", self.auth.grant)
    }

    /// The connector's rules, overridden by the source's.
    fn rules(&self, offered: &Option<GrantRules>) -> Result<GrantRules, String> {
        let offered = offered.as_ref().ok_or_else(|| self.not_offered())?;
        let auth = self.auth;
        let header = auth.api_key_header.as_ref();
        let header = header.or(offered.api_key.as_ref().map(|key| &key.header));
        let member = auth.api_key_member.as_ref();
        let member = member.or(offered.api_key.as_ref().and_then(|key| key.member.as_ref()));
        Ok(GrantRules {
            endpoint: auth.endpoint.over(&offered.endpoint),
            api_key: header.map(|header| ApiKeyRules {
                header: header.clone(),
                member: member.cloned(),
            }),
        })
    }

    fn spec(&self, rules: &GrantRules) -> Result<GrantSpec, String> {
        let GrantRules { endpoint, api_key } = rules;
        Ok(GrantSpec {
            token_url: self.optional_url("token_url", &endpoint.token_url)?,
            issuer: self.issuer(endpoint)?,
            revocation_url: self.optional_url("revocation_url", &endpoint.revocation_url)?,
            client_id: self.auth.client_id.clone().unwrap_or_default(),
            client_secret: self.secret(self.auth.client_secret.as_ref())?,
            rules: EndpointRules {
                token_query: self.filled(&endpoint.token_query),
                token_form: self.filled(&endpoint.token_form),
                authorize_query: self.filled(&endpoint.authorize_query),
                scope: endpoint.scope.as_deref().map(|scope| self.fill(scope)),
                ..endpoint.clone()
            },
            api_key: api_key
                .as_ref()
                .map(|rules| self.api_key_spec(rules))
                .transpose()?,
        })
    }

    /// The issuer, if the connector or the source names one.
    fn issuer(&self, rules: &EndpointRules) -> Result<Option<IssuerSpec>, String> {
        let issuer = self.fill(rules.issuer.as_deref().unwrap_or_default());
        let origins = rules.allow_origins.iter().flatten();
        if issuer.is_empty() {
            return Ok(None);
        }
        Ok(Some(IssuerSpec {
            issuer,
            metadata_url: self.optional_url("metadata_url", &rules.metadata_url)?,
            allow_origins: origins
                .map(|origin| url("an entry of allow_origins", &self.fill(origin)))
                .collect::<Result<_, _>>()?,
        }))
    }

    fn optional_url(&self, what: &str, text: &Option<String>) -> Result<Option<Url>, String> {
        let text = self.fill(text.as_deref().unwrap_or_default());
        (!text.is_empty()).then(|| url(what, &text)).transpose()
    }

    fn api_key_spec(&self, rules: &ApiKeyRules) -> Result<ApiKeySpec, String> {
        let fixed = self.secret(self.auth.api_key.as_ref())?;
        Ok(ApiKeySpec {
            header: rules.header.clone(),
            member: rules.member.clone(),
            fixed,
        })
    }

    fn secret(&self, reference: Option<&SecretRef>) -> Result<Option<SecretString>, String> {
        reference
            .map(|reference| self.secrets.fetch(reference))
            .transpose()
            .map_err(|error| error.to_string())
    }

    fn fill(&self, text: &str) -> String {
        template::fill(text, &[&self.source.settings.texts])
    }

    fn filled(&self, map: &Option<BTreeMap<String, String>>) -> Option<BTreeMap<String, String>> {
        let fill = |(name, value): (&String, &String)| (name.clone(), self.fill(value));
        map.as_ref().map(|map| map.iter().map(fill).collect())
    }
}

/// The parameters of a sign-in by browser.
pub struct Browser {
    /// The token endpoint, the client, and the scopes to request.
    pub spec: GrantSpec,
    /// The authorization endpoint, unless the issuer's metadata names it.
    pub authorize_url: Option<Url>,
    /// The redirect URL, if one is registered at the vendor.
    pub redirect: Option<Redirect>,
}

/// Parses a URL of the configuration.
pub fn url(what: &str, text: &str) -> Result<Url, String> {
    Url::parse(text).map_err(|_| format!("{what} is not a URL; check the source's settings"))
}

#[cfg(test)]
mod tests;
