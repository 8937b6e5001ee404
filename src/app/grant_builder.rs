//! Builds a source's grant from the connector's rules, the source's settings and the secrets.
//!
//! A setting of the source overrides the connector's. Errors are messages for the admin.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;

use crate::auth::{
    ApiKeySpec, ClientAuth, Grant, GrantSpec, IssuerSpec, Redirect, TokenBody, TokenMembers,
};
use crate::connector::file::{
    ApiKeyRules, ClientAuth as DescribedAuth, GrantRules, TokenBody as DescribedBody,
};
use crate::connector::template;
use crate::model::duration::duration;
use crate::setup::SourceSetup;
use crate::setup::files::{
    Auth, ClientAuth as ChosenAuth, Grant as GrantKind, SecretRef, Secrets, TokenBody as ChosenBody,
};

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
                let wanted = std::mem::take(&mut spec.scope);
                Ok(Grant::SignedIn { spec, wanted })
            }
        }
    }

    /// What a sign-in by browser needs: the endpoint with the scopes to request, the authorization URL, and the
    /// redirect URL if one is registered.
    pub fn browser(&self) -> Result<Browser, String> {
        let rules = self.rules(&self.source.connector.auth.authorization_code)?;
        let start = rules.authorize_url.as_deref().unwrap_or_default();
        let redirect = self.fill(rules.redirect_url.as_deref().unwrap_or_default());
        Ok(Browser {
            spec: self.spec(&rules)?,
            authorize_url: self.optional_url("authorize_url", start)?,
            authorize_query: self.filled(&rules.authorize_query),
            redirect: (!redirect.is_empty())
                .then(|| Redirect::registered(&redirect))
                .transpose()?,
            pkce: rules.pkce.unwrap_or(true),
        })
    }

    fn not_offered(&self) -> String {
        let title = &self.source.connector.title;
        format!("{title} does not offer the grant {}", self.auth.grant)
    }

    /// The connector's rules, overridden by the source's.
    fn rules(&self, offered: &Option<GrantRules>) -> Result<GrantRules, String> {
        let mut rules = offered.clone().ok_or_else(|| self.not_offered())?;
        let auth = self.auth;
        overwrite(&mut rules.token_url, &auth.token_url);
        overwrite_option(&mut rules.issuer, &auth.issuer);
        overwrite_option(&mut rules.metadata_url, &auth.metadata_url);
        overwrite(&mut rules.allow_origins, &auth.allow_origins);
        overwrite_option(&mut rules.revocation_url, &auth.revocation_url);
        overwrite(&mut rules.token_query, &auth.token_query);
        overwrite(&mut rules.token_form, &auth.token_form);
        overwrite(&mut rules.scope, &auth.scope);
        if let Some(chosen) = auth.client_auth {
            rules.client_auth = match chosen {
                ChosenAuth::Basic => DescribedAuth::Basic,
                ChosenAuth::BasicEncoded => DescribedAuth::BasicEncoded,
                ChosenAuth::Post => DescribedAuth::Post,
            };
        }
        if let Some(chosen) = auth.body {
            rules.body = match chosen {
                ChosenBody::Form => DescribedBody::Form,
                ChosenBody::Json => DescribedBody::Json,
            };
        }
        overwrite_option(&mut rules.authorize_url, &auth.authorize_url);
        overwrite(&mut rules.authorize_query, &auth.authorize_query);
        overwrite_option(&mut rules.redirect_url, &auth.redirect_url);
        overwrite_option(&mut rules.pkce, &auth.pkce);
        let (described, chosen) = (&mut rules.members, &auth.members);
        overwrite_option(&mut described.access_token, &chosen.access_token);
        overwrite_option(&mut described.refresh_token, &chosen.refresh_token);
        overwrite_option(&mut described.expires_in, &chosen.expires_in);
        overwrite_option(&mut described.expires_at, &chosen.expires_at);
        overwrite_option(&mut described.scope, &chosen.scope);
        match (&mut rules.api_key, &auth.api_key_header) {
            (Some(key), header) => {
                overwrite(&mut key.header, header);
                overwrite_option(&mut key.member, &auth.api_key_member);
            }
            (None, Some(header)) => {
                let (header, member) = (header.clone(), auth.api_key_member.clone());
                rules.api_key = Some(ApiKeyRules { header, member });
            }
            (None, None) => {}
        }
        Ok(rules)
    }

    fn spec(&self, rules: &GrantRules) -> Result<GrantSpec, String> {
        let members = &rules.members;
        let standard = TokenMembers::default();
        let named = |name: &Option<String>, usual: String| name.clone().unwrap_or(usual);
        Ok(GrantSpec {
            token_url: self.optional_url("token_url", &rules.token_url)?,
            issuer: self.issuer(rules)?,
            revocation_url: self.optional_url(
                "revocation_url",
                rules.revocation_url.as_deref().unwrap_or_default(),
            )?,
            token_query: self.filled(&rules.token_query),
            token_form: self.filled(&rules.token_form),
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
            scope: self.fill(&rules.scope),
            lifetime: match &self.auth.lifetime {
                Some(chosen) => Some(chosen.0),
                None => rules.lifetime.as_deref().map(lifetime).transpose()?,
            },
            members: TokenMembers {
                access_token: named(&members.access_token, standard.access_token),
                refresh_token: named(&members.refresh_token, standard.refresh_token),
                expires_in: named(&members.expires_in, standard.expires_in),
                expires_at: named(&members.expires_at, standard.expires_at),
                scope: named(&members.scope, standard.scope),
            },
            api_key: rules
                .api_key
                .as_ref()
                .map(|rules| self.api_key_spec(rules))
                .transpose()?,
        })
    }

    /// The issuer, if the connector or the source names one.
    fn issuer(&self, rules: &GrantRules) -> Result<Option<IssuerSpec>, String> {
        let issuer = self.fill(rules.issuer.as_deref().unwrap_or_default());
        let metadata_url = rules.metadata_url.as_deref().unwrap_or_default();
        let origins = rules.allow_origins.iter();
        if issuer.is_empty() {
            return Ok(None);
        }
        Ok(Some(IssuerSpec {
            issuer,
            metadata_url: self.optional_url("metadata_url", metadata_url)?,
            allow_origins: origins
                .map(|origin| url("an entry of allow_origins", &self.fill(origin)))
                .collect::<Result<_, _>>()?,
        }))
    }

    fn optional_url(&self, what: &str, text: &str) -> Result<Option<Url>, String> {
        let text = self.fill(text);
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

    fn filled(&self, map: &BTreeMap<String, String>) -> Vec<(String, String)> {
        map.iter()
            .map(|(name, value)| (name.clone(), self.fill(value)))
            .collect()
    }
}

/// The parameters of a sign-in by browser.
pub struct Browser {
    /// The token endpoint, the client, and the scopes to request.
    pub spec: GrantSpec,
    /// The authorization endpoint, unless the issuer's metadata names it.
    pub authorize_url: Option<Url>,
    /// Further parameters of the authorization request.
    pub authorize_query: Vec<(String, String)>,
    /// The redirect URL, if one is registered at the vendor.
    pub redirect: Option<Redirect>,
    /// Whether PKCE is used (RFC 7636).
    pub pkce: bool,
}

/// Parses a URL of the configuration.
pub fn url(what: &str, text: &str) -> Result<Url, String> {
    Url::parse(text).map_err(|_| format!("{what} is not a URL; check the source's settings"))
}

fn lifetime(text: &str) -> Result<Duration, String> {
    duration(text).map_err(|complaint| complaint.message)
}

fn overwrite<T: Clone>(described: &mut T, chosen: &Option<T>) {
    if let Some(chosen) = chosen {
        described.clone_from(chosen);
    }
}

fn overwrite_option<T: Clone>(described: &mut Option<T>, chosen: &Option<T>) {
    if chosen.is_some() {
        described.clone_from(chosen);
    }
}

#[cfg(test)]
mod tests;
