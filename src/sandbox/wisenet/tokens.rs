//! The authorisation server: the token endpoint with its refresh grant (sections 2.4, 2.5, 2.9).
//!
//! Tokens are worked out from the seed, so a restarted sandbox accepts the token that an earlier
//! one handed out; the current one is noted for that. Only here does real time count.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::switches::{ExpiresAt, Rotation, Switches};
use crate::sandbox::random::Random;
use crate::sandbox::shared::Shared;

/// The client id that is known here.
pub const CLIENT_ID: &str = "rollbook";
/// Under this name the current refresh token outlives the process.
const NOTE: &str = "wisenet.refresh_token";
/// What is noted when the family has ended.
const ENDED: &str = "ended";

/// A refusal: status and the body's `error` and `error_description`.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal(pub u16, pub &'static str, pub &'static str);

impl Refusal {
    /// The body of RFC 6749.
    pub fn body(&self) -> Value {
        json!({ "error": self.1, "error_description": self.2 })
    }
}

/// Which tokens are good.
#[derive(Debug, Default)]
pub struct Tokens(Mutex<Good>);

#[derive(Debug, Default)]
struct Good {
    access: Vec<(String, Instant)>,
    used: Vec<String>,
    issued: u64,
}

impl Tokens {
    /// The refresh token that is accepted now; none when the family has ended.
    fn current(shared: &Shared) -> Option<String> {
        let noted = shared
            .note(NOTE)
            .unwrap_or_else(|| seed_refresh_token(shared.school.seed));
        (noted != ENDED).then_some(noted)
    }

    /// Answers a token request made of form fields.
    pub fn grant(
        &self,
        shared: &Shared,
        switches: &Switches,
        form: &[(String, String)],
    ) -> Result<Value, Refusal> {
        let field = |name: &str| {
            form.iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
        };
        let client_known = field("client_id") == Some(CLIENT_ID)
            && field("client_secret") == Some(client_secret(shared.school.seed).as_str());
        if !client_known || switches.invalid_client {
            return Err(Refusal(
                401,
                "invalid_client",
                "client authentication failed",
            ));
        }
        match field("grant_type") {
            Some("refresh_token") => {}
            Some(_) => {
                return Err(Refusal(
                    400,
                    "unsupported_grant_type",
                    "only refresh_token is offered here",
                ));
            }
            None => return Err(Refusal(400, "invalid_request", "grant_type is missing")),
        }
        let Some(offered) = field("refresh_token") else {
            return Err(Refusal(400, "invalid_request", "refresh_token is missing"));
        };
        self.refresh(shared, switches, offered)
    }

    fn refresh(
        &self,
        shared: &Shared,
        switches: &Switches,
        offered: &str,
    ) -> Result<Value, Refusal> {
        let refused = Refusal(
            400,
            "invalid_grant",
            "the refresh token is expired, revoked or already used",
        );
        let Ok(mut good) = self.0.lock() else {
            return Err(refused);
        };
        let current = Self::current(shared).filter(|_| !switches.revoked);
        if current.as_deref() != Some(offered) {
            if switches.rotation == Rotation::DetectReuse && was_ours(shared, &good, offered) {
                shared.set_note(NOTE, ENDED);
                good.access.clear();
            }
            return Err(refused);
        }
        let seed = shared.school.seed;
        let life = Duration::from_secs(switches.token_seconds);
        good.issued += 1;
        let access = token("wn_at_", seed, offered, good.issued);
        good.access.push((access.clone(), Instant::now() + life));
        let mut answer = json!({
            "access_token": access, "token_type": "Bearer", "expires_in": life.as_secs(),
            "scope": "learner_read course_read unit_read course_enrolment_read unit_enrolment_read audit_log_read",
        });
        if let Some(at) = expires_at(switches, life) {
            answer["expires_at"] = at;
        }
        if !switches.hide_api_key {
            answer["api_key"] = json!(api_key(seed));
        }
        if switches.rotation != Rotation::None {
            let next = token("wn_rt_", seed, offered, 0);
            shared.set_note(NOTE, &next);
            good.used.push(offered.to_owned());
            answer["refresh_token"] = json!(next);
        }
        Ok(answer)
    }

    /// Whether this bearer token may read now.
    pub fn accepts(&self, bearer: &str) -> bool {
        let now = Instant::now();
        self.0.lock().is_ok_and(|good| {
            good.access
                .iter()
                .any(|(token, until)| token == bearer && now < *until)
        })
    }

    /// Ends every access token, as when their life is over.
    pub fn expire(&self) {
        if let Ok(mut good) = self.0.lock() {
            good.access.clear();
        }
    }

    /// Ends the family: the administrator has disconnected the app.
    pub fn revoke(&self, shared: &Shared) {
        self.expire();
        shared.set_note(NOTE, ENDED);
    }
}

/// Whether a token was handed out before, by this process or by one that ran earlier.
fn was_ours(shared: &Shared, good: &Good, offered: &str) -> bool {
    let mut token_then = seed_refresh_token(shared.school.seed);
    // The chain from the seed is short in practice; the bound only guards against a foreign note.
    for _ in 0..10_000 {
        if token_then == offered {
            return true;
        }
        if Tokens::current(shared).as_deref() == Some(token_then.as_str()) {
            break;
        }
        token_then = token("wn_rt_", shared.school.seed, &token_then, 0);
    }
    good.used.iter().any(|used| used == offered)
}

fn expires_at(switches: &Switches, life: Duration) -> Option<Value> {
    let at = (SystemTime::now() + life).duration_since(UNIX_EPOCH).ok()?;
    match switches.expires_at {
        ExpiresAt::Iso => {
            let time = jiff::Timestamp::from_second(at.as_secs() as i64).ok()?;
            Some(json!(time.to_string()))
        }
        ExpiresAt::Seconds => Some(json!(at.as_secs())),
        ExpiresAt::Milliseconds => Some(json!(at.as_millis() as u64)),
        ExpiresAt::Absent => None,
    }
}

fn token(prefix: &str, seed: u64, from: &str, number: u64) -> String {
    let mut random = Random::of(seed, from, number ^ prefix.len() as u64);
    format!("{prefix}{:016x}{:08x}", random.next(), random.next() >> 32)
}

/// The secret of the client `rollbook`.
pub fn client_secret(seed: u64) -> String {
    token("wn_cs_", seed, "wisenet.client", 0)
}

/// The refresh token that the first consent gave.
pub fn seed_refresh_token(seed: u64) -> String {
    token("wn_rt_", seed, "wisenet.consent", 0)
}

/// The key that goes beside the bearer: forty letters and digits (section 2.8).
pub fn api_key(seed: u64) -> String {
    let mut random = Random::of(seed, "wisenet.key", 0);
    let letters = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz0123456789";
    (0..40).map(|_| char::from(*random.pick(letters))).collect()
}
