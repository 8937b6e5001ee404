//! What an admin reads when a request fails: what, where, and what to do.
//!
//! Lower case, no full stop, fits after "could not". Nothing here can leak, because the kinds hold
//! nothing that could.

use std::fmt;
use std::time::Duration;

use super::error::{Failure, HttpError, Kind, Slow, Unreachable};
use crate::model::sign_in;

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failure = self.failure();
        write!(f, "{}: {}", failure.step, sentence(failure))?;
        match failure.attempts {
            0 | 1 => Ok(()),
            attempts => write!(f, " (after {attempts} attempts)"),
        }
    }
}

pub(super) fn sentence(failure: &Failure) -> String {
    let host = &failure.host;
    match &failure.kind {
        Kind::Setup(problem) | Kind::SignInFailed(problem) => problem.clone(),
        Kind::DocumentRefused(problem) => {
            format!("the document that says where {host} has its endpoints {problem}")
        }
        Kind::Astray => "the address leads out of the source's base address and was not asked; \
                         if the vendor has moved, change base_url"
            .into(),
        Kind::Inward(name, range) => format!(
            "the name {name} leads to {range} and was not asked; if the server stands there, in your own network, \
             write `allow_private = true` at the source"
        ),
        Kind::Unreachable(why) => unreachable(*why, host),
        Kind::Certificate(problem) => problem.clone(),
        Kind::Cut => format!("the connection to {host} broke before the answer was whole"),
        Kind::TooSlow(limit, length) => too_slow(*limit, *length, host),
        Kind::Busy(status, _) => format!("{host} answered {status}{}", passing(*status)),
        Kind::Unauthorised(status) => format!(
            "{host} answered {status} and does not accept our token or key; check the credential, \
             and whether the vendor has switched it off"
        ),
        Kind::Forbidden => format!(
            "{host} answered 403: the credential is accepted but lacks the right to read this; \
             ask the vendor's administrator for it"
        ),
        Kind::Missing(status, code) => format!(
            "{host} answered {status}{}: there is nothing at this path; \
             check the path and the settings of the source",
            named(code.as_deref())
        ),
        Kind::TooMany(status, code) => format!(
            "{host} answered {status}{}: too much was asked for at once",
            named(code.as_deref())
        ),
        Kind::Redirect(status, target) => format!(
            "{host} answered {status} and points to {}, which is not followed; \
             if the vendor has moved, change the address",
            target.as_deref().unwrap_or("another place")
        ),
        Kind::Rejected(status) => {
            format!(
                "{host} answered {status} and would again; {}",
                advice(*status)
            )
        }
        Kind::BadAnswer(status, reason) => {
            format!("the answer of {host} ({status}) is not what it should be: {reason}")
        }
        Kind::TooLarge(limit) => format!(
            "the answer of {host} is larger than {} MiB; \
             ask for smaller pages, or raise body_mib in the source's limits",
            limit.div_ceil(1024 * 1024)
        ),
        Kind::Bomb => format!(
            "the answer of {host} unpacks to more than a hundred times its size and was not read on"
        ),
        Kind::Encoding => {
            format!("{host} packed its answer in a way that was not asked for; only gzip is read")
        }
        Kind::Deferred(status, until) => {
            format!(
                "{host} answered {status} and asks not to be asked before {}",
                second(*until)
            )
        }
        Kind::Quota(limit, until) => format!(
            "the {limit} requests of today are used up; the count starts anew at {}, \
             or raise per_day in the source's limits",
            second(*until)
        ),
        Kind::OutOfTime => "the run's time is over; it goes on at the next tick".into(),
        Kind::GrantRefused(status, word) => format!(
            "{host} refused the credential ({status}{}); it is not tried again for now: {}, \
             and resume the job",
            word.map(|word| format!(", {word}")).unwrap_or_default(),
            repair(*word)
        ),
        Kind::PasswordRests(until) => format!(
            "{host} refused the password, and it is not tried again before {}, or the account may be \
             locked; put the right one where the source looks for it and resume the job",
            second(*until)
        ),
        Kind::SignInNeeded(Some(source)) => format!(
            "sign-in needed: nobody is signed in to this source, or the sign-in no longer works; \
             run `{}`",
            sign_in::command(source)
        ),
        Kind::SignInNeeded(None) => {
            "there is no sign-in that still works; a person must sign in at the vendor again and put the new refresh token where the source looks for it"
                .into()
        }
        Kind::GrantUnclear => format!(
            "the answer of {host} to a token refresh is lost or unreadable; \
             the old token is tried once more at the next tick"
        ),
        Kind::GrantPaused(until, cause) => {
            format!(
                "{cause}; the next token request waits until {}",
                second(*until)
            )
        }
        Kind::Vault(problem) => format!(
            "the vault does not work, and without it no new token is asked for or used: {problem}"
        ),
        Kind::VaultShut(problem) => problem.clone(),
        Kind::Count(problem) => {
            format!("today's requests cannot be counted, so none was sent: {problem}")
        }
    }
}

fn unreachable(why: Unreachable, host: &str) -> String {
    match why {
        Unreachable::NoSuchHost => {
            format!("cannot find server {host}; check the address and this machine's name service")
        }
        Unreachable::Refused => format!("{host} takes no connection"),
        Unreachable::Silent => format!("{host} does not answer to a connection attempt"),
        Unreachable::Handshake => format!("no encrypted connection to {host} could be agreed on"),
    }
}

fn too_slow(limit: Slow, length: Duration, host: &str) -> String {
    let length = if length.subsec_nanos() == 0 {
        format!("{} s", length.as_secs())
    } else {
        format!("{} ms", length.as_millis())
    };
    match limit {
        Slow::FirstByte => format!("{host} sent no answer within {length}"),
        Slow::Idle => format!("{host} fell silent in mid-answer for {length}"),
        Slow::Whole => format!("the answer of {host} took longer than {length}"),
        Slow::Pace => format!("the answer of {host} trickles: almost nothing came within {length}"),
    }
}

/// What to do about a refused token request, by the standard's word for it.
fn repair(word: Option<&str>) -> &'static str {
    match word {
        Some("mfa_required" | "interaction_required") => {
            "it wants a second factor, which nobody can give at night; choose another grant, such as \
             authorization_code, or have the vendor exempt this account"
        }
        Some("invalid_scope") => "change `scope` at the source, or have the vendor allow it",
        Some("unauthorized_client" | "unsupported_grant_type") => {
            "choose another `grant` at the source, or have the vendor allow this one"
        }
        Some("invalid_request") => "compare the quirks of the grant with what the vendor says",
        _ => "check it, store the right one",
    }
}

fn passing(status: u16) -> &'static str {
    match status {
        429 => ": too many requests",
        503 => ": it is overloaded or closed for maintenance",
        408 | 504 => ": it took too long itself",
        _ => ": a fault on its side",
    }
}

fn advice(status: u16) -> &'static str {
    match status {
        400 | 422 => {
            "it does not understand the request; check the query in the vendor's description"
        }
        402 => "the vendor wants to be paid",
        407 => "the proxy wants a user and a password; put them into its address",
        _ => "look at the vendor's status page or ask its support",
    }
}

fn named(code: Option<&str>) -> String {
    code.map(|code| format!(" ({code})")).unwrap_or_default()
}

fn second(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
