//! One try to sign in, from its address to its grant.
//!
//! State and proof key are made here, live in memory, and die with the attempt. The code goes out once:
//! whether its answer was lost cannot be known, so a person signs in again instead.

use std::path::PathBuf;

use jiff::Timestamp;
use oauth2::{CsrfToken, PkceCodeChallenge};
use reqwest::Url;
use secrecy::SecretString;

use super::answer::{Code, Expected, Verdict, judge_pasted};
use super::redirect::Redirect;
use crate::clock::Clock;
use crate::http::client::{Connections, Road};
use crate::http::error::{HttpError, Kind};
use crate::http::grant::{GrantSpec, KeptAccess, KeptGrant, SignInMark};
use crate::http::rules::{Timeouts, must_be_safe};
use crate::http::token_request::{CodeProof, Endpoint, Proof, Token};

/// Random bytes in a state: as many as in a proof key.
const STATE_BYTES: u32 = 32;

/// What an attempt is told.
#[derive(Clone)]
pub struct LoginRules {
    /// The source's name.
    pub source: String,
    /// The token endpoint, the client, and the scopes to ask for.
    pub spec: GrantSpec,
    /// Where the browser starts; https, or http on loopback.
    pub authorize_url: Url,
    /// Further parameters of that address.
    pub authorize_query: Vec<(String, String)>,
    /// Whether a proof key is sent (RFC 7636). Only a vendor that refuses the parameter goes without.
    pub pkce: bool,
    /// How long each step of the token request may take.
    pub timeouts: Timeouts,
    /// A file with further certificate authorities (PEM), beside the system's.
    pub ca_file: Option<PathBuf>,
    /// The proxy to go through.
    pub proxy: Option<Url>,
}

/// One try to sign in.
pub struct Attempt {
    source: String,
    endpoint: Endpoint,
    address: Url,
    verifier: Option<SecretString>,
    expected: Expected,
}

/// What came of it.
pub struct SignedIn {
    /// What is to be kept. Without a renewal its refresh token is empty.
    pub grant: KeptGrant,
    /// The host that was signed in to.
    pub host: String,
    /// The scopes that the vendor says it granted; those asked for where it does not say (RFC 6749 5.1).
    pub granted: Vec<String>,
    /// Scopes that were asked for and not granted.
    pub missing: Vec<String>,
    /// When the access ends that cannot be renewed, because no refresh token came.
    pub ends: Option<Ends>,
}

/// When an access ends that nothing renews.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Then.
    At(Timestamp),
    /// The vendor does not say.
    Unknown,
}

impl Attempt {
    /// A new attempt, with a state and a proof key of its own.
    ///
    /// # Errors
    /// When an address is not safe.
    pub fn new(rules: &LoginRules, redirect: Redirect) -> Result<Self, HttpError> {
        Self::make(rules, redirect).map_err(|kind| kind.at(step(&rules.source), ""))
    }

    fn make(rules: &LoginRules, redirect: Redirect) -> Result<Self, Kind> {
        must_be_safe(&rules.authorize_url, "authorize_url")?;
        let road = Road {
            connections: Connections::Fresh,
            ca_file: rules.ca_file.as_deref(),
            proxy: rules.proxy.as_ref(),
            timeouts: &rules.timeouts,
        };
        let endpoint = Endpoint::new(rules.spec.clone(), &road)?;
        let state = CsrfToken::new_random_len(STATE_BYTES);
        let proof = rules.pkce.then(PkceCodeChallenge::new_random_sha256);
        let mut address = rules.authorize_url.clone();
        {
            let mut query = address.query_pairs_mut();
            query
                .append_pair("response_type", "code")
                .append_pair("client_id", &rules.spec.client_id)
                .append_pair("redirect_uri", redirect.as_str())
                .append_pair("state", state.secret());
            let scopes = asked(&rules.spec).join(" ");
            if !scopes.is_empty() {
                query.append_pair("scope", &scopes);
            }
            if let Some((challenge, _)) = &proof {
                query
                    .append_pair("code_challenge", challenge.as_str())
                    .append_pair("code_challenge_method", "S256");
            }
            query.extend_pairs(&rules.authorize_query);
        }
        let verifier = proof.map(|(_, verifier)| SecretString::from(verifier.secret().as_str()));
        Ok(Self {
            source: rules.source.clone(),
            endpoint,
            address,
            verifier,
            expected: Expected {
                state: SecretString::from(state.secret().as_str()),
                redirect,
            },
        })
    }

    /// The address to open in a browser. It holds the state, which is worthless without this attempt.
    pub fn address(&self) -> &Url {
        &self.address
    }

    /// Where the browser is sent back to.
    pub fn redirect(&self) -> &Redirect {
        &self.expected.redirect
    }

    /// Reads what a person pasted: the address that the browser ended at, or only the code.
    ///
    /// # Errors
    /// When it is of another sign-in, says no, or is something else.
    pub fn read(&self, pasted: &str) -> Result<Code, HttpError> {
        match judge_pasted(pasted, &self.expected) {
            Verdict::Code(code) => Ok(code),
            Verdict::Stranger(why) => Err(self.failed(format!(
                "this answer was not taken: {why}; paste the one of the address above"
            ))),
            Verdict::Refused(sentence) => Err(self.failed(sentence)),
        }
    }

    /// Exchanges the code for tokens: one POST, never repeated.
    ///
    /// # Errors
    /// When the vendor refuses it or its answer makes no sense.
    pub async fn redeem(self, code: &Code, clock: &Clock) -> Result<SignedIn, HttpError> {
        let at = clock.now();
        let proof = Proof::Code(CodeProof {
            code: &code.0,
            verifier: self.verifier.as_ref(),
            redirect: self.expected.redirect.as_str(),
        });
        match self.endpoint.ask(&proof, at).await {
            Ok(token) => Ok(self.signed_in(token, at)),
            Err(kind) => {
                let host = self.endpoint.host.clone();
                Err(exchange_failed(kind, &host).at(step(&self.source), host))
            }
        }
    }

    fn signed_in(&self, token: Token, at: Timestamp) -> SignedIn {
        let spec = &self.endpoint.spec;
        let (granted, missing) = compared(asked(spec), token.scope.clone(), &token);
        let ends = token.refresh.is_none().then(|| {
            let end = token.life.and_then(|life| at.checked_add(life).ok());
            end.map_or(Ends::Unknown, Ends::At)
        });
        let grant = KeptGrant {
            refresh_token: token.refresh.unwrap_or_default(),
            previous: None,
            seed_hash: SignInMark::new(spec, at).to_string(),
            intent: None,
            api_key: token.key,
            access: Some(KeptAccess {
                token: token.access,
                life: token.life,
            }),
            obtained: at,
        };
        SignedIn {
            grant,
            host: self.endpoint.host.clone(),
            granted,
            missing,
            ends,
        }
    }

    pub(super) fn expected(&self) -> &Expected {
        &self.expected
    }

    pub(super) fn failed(&self, sentence: String) -> HttpError {
        Kind::SignInFailed(sentence).at(step(&self.source), &*self.endpoint.host)
    }
}

fn step(source: &str) -> String {
    format!("sign in to {source}")
}

/// The scopes asked for.
fn asked(spec: &GrantSpec) -> Vec<String> {
    spec.scope.split_whitespace().map(str::to_owned).collect()
}

/// What was granted, and what was asked for and not granted.
fn compared(
    asked: Vec<String>,
    told: Option<Vec<String>>,
    token: &Token,
) -> (Vec<String>, Vec<String>) {
    let Some(told) = told else {
        return (asked, Vec::new());
    };
    // Few servers repeat this one; the token that it is for says it.
    let came = |scope: &str| scope == "offline_access" && token.refresh.is_some();
    let missing = asked
        .into_iter()
        .filter(|scope| !told.contains(scope) && !came(scope))
        .collect();
    (told, missing)
}

/// A refusal of the code in words that help; everything else speaks for itself.
fn exchange_failed(kind: Kind, host: &str) -> Kind {
    let Kind::GrantRefused(status, word) = kind else {
        return kind;
    };
    let advice = match word {
        Some("invalid_client" | "unauthorized_client") => {
            "check client_id, client_secret and client_auth of the source"
        }
        Some("invalid_grant") => {
            "the code is used up, too old, or meant for another redirect_url; sign in again"
        }
        _ => "check the grant's keys against what the vendor says, and sign in again",
    };
    let word = word.map(|word| format!(", {word}")).unwrap_or_default();
    Kind::SignInFailed(format!(
        "{host} did not exchange the code for a token ({status}{word}): {advice}"
    ))
}
