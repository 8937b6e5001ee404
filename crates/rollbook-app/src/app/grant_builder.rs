//! Builds a source's grant from the connector's rules, the source's settings and the secrets.
//!
//! A setting of the source overrides the connector's. Errors are messages for the admin.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

use rollbook_core::connector::file::{ApiKeyRules, FixedKeyRules, GrantRules};
use rollbook_core::connector::template::{self, Variables};
use rollbook_core::model::{ClientAuth, EndpointRules, GrantKind};
use rollbook_engine::setup::SourceSetup;
use rollbook_engine::setup::files::{Auth, SecretRef, Secrets};
use rollbook_http::auth::{ApiKeySpec, Grant, GrantSpec, IssuerSpec, Redirect, Signer};
use rollbook_http::http::FixedKeys;

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
                Ok(Grant::ApiKey(self.fixed_keys(rules)?))
            }
            GrantKind::JwtBearer => {
                let mut spec = self.spec(&self.rules(&offered.jwt_bearer)?)?;
                let signer = self.signer()?;
                // RFC 7523 2.1: the assertion already identifies the client.
                spec.rules.client_auth.get_or_insert(ClientAuth::None);
                let issuer = Variables::from([("issuer".to_owned(), signer.issuer().to_owned())]);
                for claim in spec.rules.claims.iter_mut().flat_map(BTreeMap::values_mut) {
                    *claim = template::fill(claim, &[&issuer]);
                }
                Ok(Grant::JwtBearer { spec, signer })
            }
            GrantKind::Oauth1 => {
                if !offered.offers_oauth1() {
                    return Err(self.not_offered());
                }
                Ok(Grant::Signature {
                    client_id: self.auth.client_id.clone().unwrap_or_default(),
                    client_secret: self
                        .secret(self.auth.client_secret.as_ref())?
                        .ok_or("client_secret is missing")?,
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
                audience: endpoint.audience.as_deref().map(|text| self.fill(text)),
                claims: self.filled(&endpoint.claims),
                ..endpoint.clone()
            },
            api_key: api_key
                .as_ref()
                .map(|rules| self.api_key_spec(rules))
                .transpose()?,
        })
    }

    /// The fixed keys, as the connector sends them.
    fn fixed_keys(&self, rules: &FixedKeyRules) -> Result<FixedKeys, String> {
        let key = self.secret(self.auth.api_key.as_ref())?;
        let key = key.ok_or("api_key is missing")?;
        let secret = self.secret(self.auth.api_secret.as_ref())?;
        if secret.is_none() && rules.needs_secret() {
            return Err("api_secret is missing".to_owned());
        }
        let text = |secret: &SecretString| secret.expose_secret().to_owned();
        let (api_key, api_secret) = (text(&key), secret.as_ref().map(text).unwrap_or_default());
        let basic = BASE64_STANDARD.encode(format!("{api_key}:{api_secret}"));
        let secrets = [
            ("api_key", api_key),
            ("api_secret", api_secret),
            ("basic", basic),
        ];
        let secrets: Variables = secrets.map(|(name, text)| (name.to_owned(), text)).into();
        let fill = |(name, value): (String, String)| {
            let value = template::fill(&value, &[&self.source.settings.texts, &secrets]);
            (name, SecretString::from(value))
        };
        let header = self.auth.api_key_header.as_deref();
        let headers = rules.all_headers(header).into_iter();
        Ok(FixedKeys {
            headers: headers.map(fill).collect(),
            query: rules.query.clone().into_iter().map(fill).collect(),
            parts: [Some(key), secret].into_iter().flatten().collect(),
        })
    }

    /// What signs assertions: the key of a service account, or one by itself.
    fn signer(&self) -> Result<Signer, String> {
        let auth = self.auth;
        let pem = |reference: &SecretRef| {
            let secret = self.secrets.fetch_pem(reference);
            secret.map_err(|error| error.to_string())
        };
        if let Some(reference) = &auth.service_account {
            let file = pem(reference)?;
            let signer = Signer::of_service_account(file.expose_secret());
            return signer.map_err(|why| format!("service_account {why}"));
        }
        let reference = auth.private_key.as_ref();
        let key = pem(reference.ok_or("neither service_account nor private_key is set")?)?;
        let issuer = auth.client_id.as_deref().ok_or("client_id is missing")?;
        Signer::of_pem(issuer, auth.key_id.as_deref(), key.expose_secret())
            .map_err(|why| format!("private_key {why}"))
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
