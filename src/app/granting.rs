//! The way to a token, put together from the description's rules, the source's choices and the secrets.
//!
//! A quirk that the source writes wins over the description's. The errors are sentences for the admin.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;

use super::setup::SourceSetup;
use crate::config::{
    Auth, ClientAuth as ChosenAuth, Grant as GrantKind, SecretRef, Secrets, TokenBody as ChosenBody,
};
use crate::http::{
    ApiKeySpec, ClientAuth, Grant, GrantSpec, IssuerSpec, Redirect, TokenBody, TokenMembers,
};
use crate::model::duration::duration;
use crate::vendor::description::{
    ApiKeyRules, ClientAuth as DescribedAuth, GrantRules, TokenBody as DescribedBody,
};
use crate::vendor::template;

/// One source's grant.
pub struct Granting<'a> {
    /// The source, with its description.
    pub source: &'a SourceSetup,
    /// What the admin chose.
    pub auth: &'a Auth,
    /// Where the secrets are.
    pub secrets: &'a Secrets,
}

impl Granting<'_> {
    /// The grant that the source picks.
    pub fn grant(&self) -> Result<Grant, String> {
        let offered = &self.source.description.auth;
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

    /// What a sign-in to this source needs: the endpoint with the scopes to ask for, where a browser
    /// starts, and where it comes back to, if that is registered.
    pub fn browser(&self) -> Result<Browser, String> {
        let rules = self.rules(&self.source.description.auth.authorization_code)?;
        let start = rules.authorize_url.as_deref().unwrap_or_default();
        let redirect = self.fill(rules.redirect_url.as_deref().unwrap_or_default());
        Ok(Browser {
            spec: self.spec(&rules)?,
            authorize_url: self.maybe_address("authorize_url", start)?,
            authorize_query: self.filled(&rules.authorize_query),
            redirect: (!redirect.is_empty())
                .then(|| Redirect::registered(&redirect))
                .transpose()?,
            pkce: rules.pkce.unwrap_or(true),
        })
    }

    fn not_offered(&self) -> String {
        let title = &self.source.description.title;
        format!("{title} does not offer the grant {}", self.auth.grant)
    }

    /// The description's rules with the source's own over them.
    fn rules(&self, offered: &Option<GrantRules>) -> Result<GrantRules, String> {
        let mut rules = offered.clone().ok_or_else(|| self.not_offered())?;
        let auth = self.auth;
        over(&mut rules.token_url, &auth.token_url);
        maybe_over(&mut rules.issuer, &auth.issuer);
        maybe_over(&mut rules.metadata_url, &auth.metadata_url);
        over(&mut rules.allow_origins, &auth.allow_origins);
        maybe_over(&mut rules.revocation_url, &auth.revocation_url);
        over(&mut rules.token_query, &auth.token_query);
        over(&mut rules.token_form, &auth.token_form);
        over(&mut rules.scope, &auth.scope);
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
        maybe_over(&mut rules.authorize_url, &auth.authorize_url);
        over(&mut rules.authorize_query, &auth.authorize_query);
        maybe_over(&mut rules.redirect_url, &auth.redirect_url);
        maybe_over(&mut rules.pkce, &auth.pkce);
        let (described, chosen) = (&mut rules.members, &auth.members);
        maybe_over(&mut described.access_token, &chosen.access_token);
        maybe_over(&mut described.refresh_token, &chosen.refresh_token);
        maybe_over(&mut described.expires_in, &chosen.expires_in);
        maybe_over(&mut described.expires_at, &chosen.expires_at);
        maybe_over(&mut described.scope, &chosen.scope);
        match (&mut rules.api_key, &auth.api_key_header) {
            (Some(key), header) => {
                over(&mut key.header, header);
                maybe_over(&mut key.member, &auth.api_key_member);
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
            token_url: self.maybe_address("token_url", &rules.token_url)?,
            issuer: self.issuer(rules)?,
            revocation_url: self.maybe_address(
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
                .map(|rules| self.key_beside(rules))
                .transpose()?,
        })
    }

    /// The issuer, where the description or the source names one.
    fn issuer(&self, rules: &GrantRules) -> Result<Option<IssuerSpec>, String> {
        let issuer = self.fill(rules.issuer.as_deref().unwrap_or_default());
        let place = rules.metadata_url.as_deref().unwrap_or_default();
        let origins = rules.allow_origins.iter();
        if issuer.is_empty() {
            return Ok(None);
        }
        Ok(Some(IssuerSpec {
            issuer,
            metadata_url: self.maybe_address("metadata_url", place)?,
            allow_origins: origins
                .map(|origin| address("an entry of allow_origins", &self.fill(origin)))
                .collect::<Result<_, _>>()?,
        }))
    }

    /// An address that may be left out.
    fn maybe_address(&self, what: &str, text: &str) -> Result<Option<Url>, String> {
        let text = self.fill(text);
        (!text.is_empty()).then(|| address(what, &text)).transpose()
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

/// What a sign-in by browser needs.
pub struct Browser {
    /// The token endpoint, the client, and the scopes to ask for.
    pub spec: GrantSpec,
    /// Where a browser starts, unless the issuer's document says it.
    pub authorize_url: Option<Url>,
    /// Further parameters of that address.
    pub authorize_query: Vec<(String, String)>,
    /// Where it comes back to, if that is registered at the vendor.
    pub redirect: Option<Redirect>,
    /// Whether a proof key is sent.
    pub pkce: bool,
}

/// An address of the configuration.
pub fn address(what: &str, text: &str) -> Result<Url, String> {
    Url::parse(text).map_err(|_| format!("{what} is no address; look at the source's settings"))
}

fn lifetime(text: &str) -> Result<Duration, String> {
    duration(text).map_err(|complaint| complaint.message)
}

fn over<T: Clone>(described: &mut T, chosen: &Option<T>) {
    if let Some(chosen) = chosen {
        described.clone_from(chosen);
    }
}

fn maybe_over<T: Clone>(described: &mut Option<T>, chosen: &Option<T>) {
    if chosen.is_some() {
        described.clone_from(chosen);
    }
}

#[cfg(test)]
mod tests;
