//! One try to sign in, from its address to its grant.
//!
//! State and proof key are made here, live in memory, and die with the attempt. The code goes out once:
//! whether its answer was lost cannot be known, so a person signs in again instead.

use jiff::Timestamp;
use oauth2::{CsrfToken, PkceCodeChallenge};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::answer::{Code, Expected, Issuer, Verdict, judge_pasted};
use super::id_token;
use super::redirect::Redirect;
use crate::clock::Clock;
use crate::http::client::{Connections, Road};
use crate::http::error::{HttpError, Kind};
use crate::http::grant::{GrantSpec, KeptAccess, KeptGrant, SignInMark};
use crate::http::rules::{Route, Timeouts, must_be_safe};
use crate::http::scopes;
use crate::http::token_request::{CodeProof, Endpoint, Proof, Token};

/// Random bytes in a state: as many as in a proof key.
const STATE_BYTES: u32 = 32;

/// The one kind of proof key that we send.
const S256: &str = "S256";

const NO_START: &str =
    "neither authorize_url nor the issuer's document says where a browser starts";
const NO_PROOFS: &str = "the issuer's document names no proof key of the kind S256; write `pkce = false` only when \
                         the vendor says that it has none";
const NO_ISSUER: &str = "the scope openid asks for an id token, and it cannot be checked without `issuer`; say it, \
                         or leave openid out";
const NO_ID_TOKEN: &str = "the scope openid asks for an id token, and none came; leave openid out of `scope` where \
                           the vendor does not know it";

/// What an attempt is told.
#[derive(Clone)]
pub struct LoginRules {
    /// The source's name.
    pub source: String,
    /// The token endpoint, the client, and the scopes to ask for.
    pub spec: GrantSpec,
    /// Where the browser starts; https, or http on loopback. `None`: the issuer's document says it.
    pub authorize_url: Option<Url>,
    /// Further parameters of that address.
    pub authorize_query: Vec<(String, String)>,
    /// Whether a proof key is sent (RFC 7636). Only a vendor that refuses the parameter goes without.
    pub pkce: bool,
    /// How long each step of the token request may take.
    pub timeouts: Timeouts,
    /// How the token request leaves the machine.
    pub route: Route,
}

/// One try to sign in.
pub struct Attempt {
    source: String,
    endpoint: Endpoint,
    address: Url,
    verifier: Option<SecretString>,
    /// Ties the id token to the attempt; sent where the vendor is asked for one.
    nonce: Option<SecretString>,
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
    /// A new attempt, with a state and a proof key of its own. Asks the issuer for its document, where one is
    /// named.
    ///
    /// # Errors
    /// When an address is not safe, or the issuer's document cannot be had or believed.
    pub async fn begin(
        rules: &LoginRules,
        redirect: Redirect,
        clock: &Clock,
    ) -> Result<Self, HttpError> {
        let at = |kind: Kind, host: &str| kind.at(step(&rules.source), host);
        let endpoint = endpoint(rules).map_err(|kind| at(kind, ""))?;
        let host = endpoint.host.clone();
        let attempt = Self::make(rules, endpoint, redirect, clock).await;
        attempt.map_err(|kind| at(kind, &host))
    }

    async fn make(
        rules: &LoginRules,
        endpoint: Endpoint,
        redirect: Redirect,
        clock: &Clock,
    ) -> Result<Self, Kind> {
        let metadata = match endpoint.discovery() {
            Some(discovery) => Some(discovery.metadata(clock).await?),
            None => None,
        };
        let start = metadata
            .as_deref()
            .and_then(|found| found.authorize_url.clone());
        let start = rules.authorize_url.clone().or(start);
        let start = start.ok_or_else(|| Kind::Setup(NO_START.into()))?;
        must_be_safe(&start, "authorize_url")?;
        let methods = metadata
            .as_deref()
            .and_then(|found| found.pkce_methods.as_ref());
        let knows_proofs = methods.is_none_or(|words| words.iter().any(|word| word == S256));
        if rules.pkce && !knows_proofs {
            return Err(Kind::Setup(NO_PROOFS.into()));
        }
        let issuer = endpoint.discovery().map(|discovery| Issuer {
            name: discovery.issuer().to_owned(),
            names_itself: metadata.is_some_and(|found| found.names_itself),
        });
        let asks_who = asked(&rules.spec).iter().any(|scope| scope == "openid");
        if asks_who && issuer.is_none() {
            return Err(Kind::Setup(NO_ISSUER.into()));
        }
        let nonce = asks_who.then(random);
        let state = random();
        let proof = rules.pkce.then(PkceCodeChallenge::new_random_sha256);
        let sent = Sent {
            start,
            redirect: &redirect,
            state: &state,
            nonce: nonce.as_ref(),
            challenge: proof.as_ref().map(|(challenge, _)| challenge),
        };
        let address = sent.address(rules);
        let verifier = proof.map(|(_, verifier)| SecretString::from(verifier.secret().as_str()));
        Ok(Self {
            source: rules.source.clone(),
            endpoint,
            address,
            verifier,
            nonce,
            expected: Expected {
                state,
                redirect,
                issuer,
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
        match self.endpoint.ask(&proof, clock).await {
            Ok(token) => {
                self.is_ours(&token)
                    .map_err(|sentence| self.failed(sentence))?;
                Ok(self.signed_in(token, at))
            }
            Err(kind) => {
                let host = self.endpoint.host.clone();
                Err(exchange_failed(kind, &host).at(step(&self.source), host))
            }
        }
    }

    /// Where an id token was asked for, it must come and be of this attempt.
    fn is_ours(&self, token: &Token) -> Result<(), String> {
        let (Some(nonce), Some(issuer)) = (&self.nonce, &self.expected.issuer) else {
            return Ok(());
        };
        let id_token = token.id_token.as_ref().ok_or(NO_ID_TOKEN)?;
        let expected = id_token::Expected {
            issuer: &issuer.name,
            client_id: &self.endpoint.spec.client_id,
            nonce,
            now: token.made,
        };
        id_token::check(id_token, &expected)
    }

    fn signed_in(&self, token: Token, at: Timestamp) -> SignedIn {
        let spec = &self.endpoint.spec;
        let asked = asked(spec);
        let missing = scopes::missing(&asked, token.scope.as_deref(), |scope| match scope {
            "offline_access" => token.refresh.is_some(),
            "openid" => token.id_token.is_some(),
            _ => false,
        });
        let granted = token.scope.clone().unwrap_or(asked);
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
            scope: token.scope,
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

/// What goes into the address for the browser.
struct Sent<'a> {
    start: Url,
    redirect: &'a Redirect,
    state: &'a SecretString,
    nonce: Option<&'a SecretString>,
    challenge: Option<&'a PkceCodeChallenge>,
}

impl Sent<'_> {
    /// RFC 6749 4.1.1, RFC 7636 4.3, OpenID Connect Core 3.1.2.1.
    fn address(&self, rules: &LoginRules) -> Url {
        let mut address = self.start.clone();
        let mut query = address.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &rules.spec.client_id)
            .append_pair("redirect_uri", self.redirect.as_str())
            .append_pair("state", self.state.expose_secret());
        let scopes = asked(&rules.spec).join(" ");
        if !scopes.is_empty() {
            query.append_pair("scope", &scopes);
        }
        if let Some(nonce) = self.nonce {
            query.append_pair("nonce", nonce.expose_secret());
        }
        if let Some(challenge) = self.challenge {
            query
                .append_pair("code_challenge", challenge.as_str())
                .append_pair("code_challenge_method", S256);
        }
        query.extend_pairs(&rules.authorize_query);
        drop(query);
        address
    }
}

/// A text that nobody can guess.
fn random() -> SecretString {
    CsrfToken::new_random_len(STATE_BYTES)
        .secret()
        .as_str()
        .into()
}

fn endpoint(rules: &LoginRules) -> Result<Endpoint, Kind> {
    let road = Road {
        connections: Connections::Fresh,
        route: &rules.route,
        timeouts: &rules.timeouts,
    };
    Endpoint::new(rules.spec.clone(), &road)
}

fn step(source: &str) -> String {
    format!("sign in to {source}")
}

/// The scopes asked for.
fn asked(spec: &GrantSpec) -> Vec<String> {
    scopes::split(&spec.scope)
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
