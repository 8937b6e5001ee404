//! Switches of the authorization server: how vendors differ, and every fault that can be injected.
//!
//! Shared by the three vendors, under `auth.` of their switches. `usual` means what the vendor's
//! contract documents; the other defaults are a server without faults.

use serde::{Deserialize, Serialize};

pub use super::fault_choices::*;
use crate::switches::choice;

choice! { /// What the person at the authorization endpoint does.
    Consent {
        /// Consents at once.
        #[default] Give,
        /// Refuses: `access_denied`.
        Deny,
        /// Is shown a page with two buttons, for a demonstration in a browser.
        Page,
    }
}
choice! { /// Whether an authorization request needs a PKCE challenge (RFC 7636).
    Pkce {
        /// As the contract documents.
        #[default] Usual,
        /// Required.
        Required,
        /// Optional, and verified when present.
        Optional,
        /// Challenge and verifier are ignored.
        Ignored,
    }
}
choice! { /// How a client authenticates at the token endpoint.
    ClientAuth {
        /// As the contract documents.
        #[default] Usual,
        /// `client_id` and `client_secret` in the body.
        Post,
        /// HTTP Basic.
        Basic,
        /// One of the two.
        Either,
    }
}
choice! { /// Media type of a token request.
    TokenBody {
        /// A form.
        #[default] Form,
        /// A JSON object.
        Json,
    }
}
choice! { /// What happens to a used refresh token.
    Rotation {
        /// It stays valid, and the response holds none.
        None,
        /// It stays valid, and the response repeats it.
        Keep,
        /// A new one is issued; the old one is refused.
        #[default] Rotate,
        /// As `Rotate`, and using an old one ends the grant.
        DetectReuse,
    }
}
choice! { /// What the previous refresh token returns during the grace period.
    Grace {
        /// The same response as before.
        #[default] Same,
        /// New tokens.
        New,
    }
}
choice! { /// Whether a code exchange returns a refresh token.
    RefreshToken {
        /// As the contract documents.
        #[default] Usual,
        /// It does.
        Always,
        /// It does not.
        Never,
    }
}
choice! { /// Signature algorithm of an id token.
    IdTokenAlg {
        /// With the key of the key set.
        #[default] Rs256,
        /// With the client's secret.
        Hs256,
    }
}

/// All switches of an authorization server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Decision of the person.
    pub consent: Consent,
    /// Error code of every authorization response (RFC 6749 4.1.2.1); empty disables it.
    pub authorize_error: String,
    /// `code` in the redirect.
    pub code: Code,
    /// `state` in the redirect.
    pub state: State,
    /// `iss` in the redirect, and whether the metadata announce it (RFC 9207).
    pub iss: Iss,
    /// Lifetime of a code in seconds; shorter than the contracts assume.
    pub code_seconds: u64,
    /// Codes contain letters that must be percent-encoded.
    pub odd_codes: bool,
    /// Whether PKCE is required.
    pub pkce: Pkce,
    /// Registered redirect URLs; empty uses the vendor's default.
    pub redirect_urls: Vec<String>,
    /// Scopes that are not granted even when requested.
    pub withhold: Vec<String>,
    /// Client authentication.
    pub client_auth: ClientAuth,
    /// Media type of token requests.
    pub token_body: TokenBody,
    /// What happens to used refresh tokens.
    pub rotation: Rotation,
    /// Seconds during which the previous refresh token is still accepted.
    pub grace_seconds: u64,
    /// What the previous refresh token returns.
    pub grace: Grace,
    /// Whether a code exchange returns a refresh token.
    pub refresh_token: RefreshToken,
    /// Lifetime of a refresh token in seconds; none is unlimited.
    pub refresh_seconds: Option<u64>,
    /// Number of refresh responses that are lost after the token rotated.
    pub refresh_lost: u64,
    /// Delay of a token response in milliseconds, after the tokens were issued.
    pub slow_ms: u64,
    /// The response in place of tokens.
    pub token_response: TokenResponse,
    /// Error code of token responses (RFC 6749 5.2); empty disables it.
    pub token_error: String,
    /// Status of `token_error`; zero uses that of the RFC.
    pub token_error_status: u16,
    /// Number of token requests that `token_response` and `token_error` affect; none affects all.
    pub fault_requests: Option<u64>,
    /// Whether these faults apply after the tokens were issued: the refresh token is used up.
    pub fault_after_issue: bool,
    /// `expires_in` of a token response.
    pub expires_in: ExpiresIn,
    /// `token_type` of a token response.
    pub token_type: TokenType,
    /// `scope` of a token response.
    pub scope: Scope,
    /// The id token, where there is one.
    pub id_token: IdToken,
    /// Signature algorithm of the id token.
    pub id_token_alg: IdTokenAlg,
    /// The metadata document, where there is one.
    pub discovery: Discovery,
    /// `issuer` of the metadata document.
    pub discovery_issuer: DiscoveryIssuer,
    /// Whether there is a revocation endpoint (RFC 7009); no vendor documents one.
    pub revocation: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            consent: Consent::default(),
            authorize_error: String::new(),
            code: Code::default(),
            state: State::default(),
            iss: Iss::default(),
            code_seconds: 60,
            odd_codes: false,
            pkce: Pkce::default(),
            redirect_urls: Vec::new(),
            withhold: Vec::new(),
            client_auth: ClientAuth::default(),
            token_body: TokenBody::default(),
            rotation: Rotation::default(),
            grace_seconds: 0,
            grace: Grace::default(),
            refresh_token: RefreshToken::default(),
            refresh_seconds: None,
            refresh_lost: 0,
            slow_ms: 0,
            token_response: TokenResponse::default(),
            token_error: String::new(),
            token_error_status: 0,
            fault_requests: None,
            fault_after_issue: false,
            expires_in: ExpiresIn::default(),
            token_type: TokenType::default(),
            scope: Scope::default(),
            id_token: IdToken::default(),
            id_token_alg: IdTokenAlg::default(),
            discovery: Discovery::default(),
            discovery_issuer: DiscoveryIssuer::default(),
            revocation: false,
        }
    }
}
