//! How an authorization server can differ, and every way in which it can be wrong.
//!
//! The same for the three vendors, under `auth.` of their switches. `usual` means what the vendor's
//! contract says; the other defaults are a server without fault.

use serde::{Deserialize, Serialize};

pub use super::bad::*;
use crate::switches::choice;

choice! { /// What the person at the authorize address does.
    Consent {
        /// Consents at once.
        #[default] Give,
        /// Refuses: `access_denied`.
        Deny,
        /// Is shown a page with two buttons, for a demonstration in a browser.
        Page,
    }
}
choice! { /// Whether an authorization request needs a challenge of RFC 7636.
    Pkce {
        /// As the contract says.
        #[default] Usual,
        /// It does.
        Required,
        /// It may have one, and is then held to it.
        Optional,
        /// Challenge and verifier are overlooked.
        Ignored,
    }
}
choice! { /// How a client proves itself at the token endpoint.
    ClientAuth {
        /// As the contract says.
        #[default] Usual,
        /// `client_id` and `client_secret` in the body.
        Post,
        /// HTTP Basic.
        Basic,
        /// Either way.
        Either,
    }
}
choice! { /// What a token request's body must be.
    TokenBody {
        /// A form.
        #[default] Form,
        /// A JSON object.
        Json,
    }
}
choice! { /// What becomes of a refresh token that was used.
    Rotation {
        /// It stays, and the answer holds none.
        None,
        /// It stays, and the answer repeats it.
        Keep,
        /// A new one comes; the old one is refused.
        #[default] Rotate,
        /// As `Rotate`, and whoever uses an old one ends the whole family.
        DetectReuse,
    }
}
choice! { /// What an old refresh token brings while the grace lasts.
    Grace {
        /// The answer it brought the first time.
        #[default] Same,
        /// New tokens.
        New,
    }
}
choice! { /// Whether a code brings a refresh token.
    RefreshToken {
        /// As the contract says.
        #[default] Usual,
        /// It does.
        Always,
        /// It does not.
        Never,
    }
}
choice! { /// How an id token is signed.
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
    /// What the person does.
    pub consent: Consent,
    /// An error of RFC 6749 4.1.2.1 with which every authorization request ends; empty is none.
    pub authorize_error: String,
    /// What becomes of `code` on the way back.
    pub code: Code,
    /// What becomes of `state` on the way back.
    pub state: State,
    /// `iss` on the way back, and whether the metadata promise it (RFC 9207).
    pub iss: Iss,
    /// Life of a code in seconds; the contracts assume more, no client needs it.
    pub code_seconds: u64,
    /// Codes with letters that must be escaped in an address.
    pub odd_codes: bool,
    /// Challenges.
    pub pkce: Pkce,
    /// The registered redirect URLs; none are the vendor's usual ones.
    pub redirect_urls: Vec<String>,
    /// Scopes that are not granted although they were asked for.
    pub withhold: Vec<String>,
    /// How a client proves itself.
    pub client_auth: ClientAuth,
    /// Form or JSON.
    pub token_body: TokenBody,
    /// Used refresh tokens.
    pub rotation: Rotation,
    /// For how many seconds the refresh token before the current one is taken all the same.
    pub grace_seconds: u64,
    /// What it then brings.
    pub grace: Grace,
    /// Whether a code brings a refresh token.
    pub refresh_token: RefreshToken,
    /// Life of a refresh token in seconds; none is unlimited.
    pub refresh_seconds: Option<u64>,
    /// How many refresh answers are lost after the old token was spent.
    pub refresh_lost: u64,
    /// Milliseconds that an answer of the token endpoint waits after the work was done.
    pub slow_ms: u64,
    /// The body of token answers.
    pub token_answer: TokenAnswer,
    /// An error of RFC 6749 5.2 with which token requests end; empty is none.
    pub token_error: String,
    /// The status of `token_error`; zero is that of the RFC.
    pub token_error_status: u16,
    /// How many token requests `token_answer` and `token_error` strike; none is all of them.
    pub trouble_for: Option<u64>,
    /// Whether the work was done before they strike: a refresh token is spent.
    pub trouble_after: bool,
    /// `expires_in` of a token answer.
    pub expires_in: ExpiresIn,
    /// `token_type` of a token answer.
    pub token_type: TokenType,
    /// `scope` of a token answer.
    pub scope: Scope,
    /// The id token, where there is one.
    pub id_token: IdToken,
    /// How it is signed.
    pub id_token_alg: IdTokenAlg,
    /// The metadata document, where there is one.
    pub discovery: Discovery,
    /// Its `issuer`.
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
            token_answer: TokenAnswer::default(),
            token_error: String::new(),
            token_error_status: 0,
            trouble_for: None,
            trouble_after: false,
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
