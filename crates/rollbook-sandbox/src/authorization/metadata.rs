//! The metadata document (RFC 8414, OpenID Connect Discovery 3), correct or as a switch alters it.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde_json::{Value, json};

use super::rules::Rules;
use super::server::Authorization;
use super::switches::{ClientAuth, Discovery, DiscoveryIssuer, IdTokenAlg, Iss, Pkce, Switches};
use super::token_response::huge;
use crate::fault_responses::{build_response, login_page, redirect};

/// Endpoint URLs of one vendor's server.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    pub(crate) metadata: String,
    pub(crate) authorize: String,
    pub(crate) token: String,
    /// In the document only with the switch `revocation`.
    pub(crate) revocation: String,
    /// The key set; none where no id tokens are signed.
    pub(crate) keys: Option<String>,
}

impl Authorization {
    /// Handles a GET of the metadata document.
    pub(crate) fn metadata(&self, rules: &Rules, addresses: &Addresses) -> Response<Body> {
        let switches = self.switches();
        let ok = |body: String| build_response(StatusCode::OK, "application/json", body);
        match switches.discovery {
            Discovery::Missing => build_response(StatusCode::NOT_FOUND, "text/plain", ""),
            Discovery::Redirected => redirect(&elsewhere(&addresses.metadata)),
            Discovery::Html => login_page(),
            Discovery::Huge => ok(format!(r#"{{"issuer":"{}"}}"#, huge())),
            Discovery::InvalidJson => {
                let mut text = document(rules, &switches, addresses).to_string();
                text.truncate(text.len() / 2);
                ok(text)
            }
            _ => ok(document(rules, &switches, addresses).to_string()),
        }
    }
}

/// The document, altered by the switches.
fn document(rules: &Rules, switches: &Switches, addresses: &Addresses) -> Value {
    let mut document = correct(rules, switches, addresses);
    match switches.discovery {
        Discovery::ForeignToken => {
            document["token_endpoint"] = json!(elsewhere(&addresses.token));
        }
        Discovery::ForeignAuthorize => {
            document["authorization_endpoint"] = json!(elsewhere(&addresses.authorize));
        }
        Discovery::PlainHttp => document["token_endpoint"] = json!("http://auth.example/token"),
        Discovery::PlainPkce => document["code_challenge_methods_supported"] = json!(["plain"]),
        Discovery::NoToken => document["token_endpoint"] = Value::Null,
        Discovery::NoPkce => document["code_challenge_methods_supported"] = Value::Null,
        _ => {}
    }
    document["issuer"] = match switches.discovery_issuer {
        DiscoveryIssuer::Right => json!(rules.issuer),
        DiscoveryIssuer::Slash => json!(format!("{}/", rules.issuer)),
        DiscoveryIssuer::LetterCase => json!(rules.issuer.replacen("/api", "/Api", 1)),
        DiscoveryIssuer::Host => json!(elsewhere(&rules.issuer)),
        DiscoveryIssuer::Missing => Value::Null,
    };
    if let Some(members) = document.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    document
}

fn correct(rules: &Rules, switches: &Switches, addresses: &Addresses) -> Value {
    let methods = match rules.client_auth(switches) {
        ClientAuth::Post => json!(["client_secret_post"]),
        ClientAuth::Basic => json!(["client_secret_basic"]),
        ClientAuth::Either | ClientAuth::Usual => {
            json!(["client_secret_basic", "client_secret_post"])
        }
    };
    let mut document = json!({
        "authorization_endpoint": addresses.authorize, "token_endpoint": addresses.token,
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "scopes_supported": rules.scopes, "token_endpoint_auth_methods_supported": methods,
    });
    if rules.pkce(switches) != Pkce::Ignored {
        document["code_challenge_methods_supported"] = json!(["S256"]);
    }
    if switches.iss != Iss::Absent {
        document["authorization_response_iss_parameter_supported"] = json!(true);
    }
    if switches.revocation {
        document["revocation_endpoint"] = json!(addresses.revocation);
    }
    if let Some(keys) = &addresses.keys {
        let alg = match switches.id_token_alg {
            IdTokenAlg::Rs256 => "RS256",
            IdTokenAlg::Hs256 => "HS256",
        };
        document["jwks_uri"] = json!(keys);
        document["subject_types_supported"] = json!(["public"]);
        document["id_token_signing_alg_values_supported"] = json!([alg]);
        document["grant_types_supported"] = json!(["authorization_code", "client_credentials"]);
    }
    document
}

/// The same server under the name `localhost`, which makes it another origin.
fn elsewhere(url: &str) -> String {
    url.replacen("127.0.0.1", "localhost", 1)
}
