//! What an admin reads when a request fails: what, where, and what to do.
//!
//! Lower case, no full stop, fits after "could not". Contains no secret, because no `HttpErrorKind` holds one.

use std::fmt;
use std::time::Duration;

use super::error::{HttpError, HttpErrorKind, HttpFailure, ProxyFailure, Slow, Unreachable};
use super::refusal::{PasswordRest, Refused, TokenRefusal};
use rollbook_core::model::sign_in;

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failure = self.failure();
        write!(f, "{}: {}", failure.step, quoting_message(failure))?;
        if failure.attempts > 1 {
            write!(f, " (after {} attempts)", failure.attempts)?;
        }
        match failure.rests_until {
            Some(until) => write!(
                f,
                "; every request fails, so none is sent before {}",
                display_time(until)
            ),
            None => Ok(()),
        }
    }
}

/// The message with the vendor's own word.
pub(crate) fn quoting_message(failure: &HttpFailure) -> String {
    let message = message(failure);
    match &failure.quoted {
        Some(word) => format!("{message}; it reports \"{word}\""),
        None => message,
    }
}

pub(crate) fn message(failure: &HttpFailure) -> String {
    let host = &failure.host;
    match &failure.kind {
        HttpErrorKind::Setup(problem) | HttpErrorKind::SignInFailed(problem) => problem.clone(),
        HttpErrorKind::DocumentRefused(problem) => {
            format!("the discovery document of {host} {problem}")
        }
        HttpErrorKind::OutsideBaseUrl => "the address is outside the source's base_url, so no request was sent; \
                         if the vendor has moved, change base_url"
            .into(),
        HttpErrorKind::PrivateAddress(name, range) => format!(
            "the name {name} resolves to {range}, so no request was sent; if the server is in your own network, \
             set `allow_private = true` at the source"
        ),
        HttpErrorKind::Unreachable(why) => unreachable(*why, host),
        HttpErrorKind::Proxy(proxy, why) => through_proxy(*why, proxy, host),
        HttpErrorKind::Certificate(problem) => problem.clone(),
        HttpErrorKind::Cut => format!("the connection to {host} broke before the response was complete"),
        HttpErrorKind::TooSlow(limit, length) => too_slow(*limit, *length, host),
        HttpErrorKind::Unavailable(status, _) => format!("{host} returned {status}{}", reason(*status)),
        HttpErrorKind::Unauthorised(status) => format!(
            "{host} returned {status} and does not accept the token or key; check the credential, \
             and whether the vendor has disabled it"
        ),
        HttpErrorKind::SignatureRefused(status, skew) => signature_refused(*status, *skew, host),
        HttpErrorKind::Forbidden => format!(
            "{host} refuses this request with 403: the credential lacks the right to read this, or was revoked; \
             have the vendor's administrator grant the right, or replace the credential"
        ),
        HttpErrorKind::Missing(status, code) => format!(
            "{host} returned {status}{}: nothing exists at this path; \
             check the path and the settings of the source",
            in_parentheses(code.as_deref())
        ),
        HttpErrorKind::TooMuchRequested(status, code) => format!(
            "{host} returned {status}{}: too much was requested at once",
            in_parentheses(code.as_deref())
        ),
        HttpErrorKind::Redirect(status, target) => format!(
            "{host} returned {status} and redirects to {}, which is not followed; \
             if the vendor has moved, change the address",
            target.as_deref().unwrap_or("another address")
        ),
        HttpErrorKind::HttpStatus(407) => {
            format!("{host} returned 407, as a proxy does: {PROXY_LOGIN}")
        }
        HttpErrorKind::HttpStatus(status) => {
            format!(
                "{host} returned {status}, which a retry does not change; {}",
                advice(*status)
            )
        }
        HttpErrorKind::UnexpectedResponse(status, reason) => {
            format!("unexpected response from {host} ({status}): {reason}")
        }
        HttpErrorKind::TooLarge(limit) => format!(
            "the response of {host} is larger than {} MiB; \
             request smaller pages, or raise body_mib in the source's limits",
            limit.div_ceil(1024 * 1024)
        ),
        HttpErrorKind::Bomb => format!(
            "the response of {host} decompresses to more than a hundred times its size; it was not read to its end"
        ),
        HttpErrorKind::Encoding => {
            format!("the response of {host} has a Content-Encoding that was not requested; only gzip and deflate are supported")
        }
        HttpErrorKind::Deferred(status, until) => {
            format!(
                "{host} returned {status} with a request to wait; no request is sent before {}",
                display_time(*until)
            )
        }
        HttpErrorKind::Quota(limit, until) => format!(
            "the limit of {limit} requests a day is reached; it resets at {}; \
             if the vendor allows more, raise per_day in the source's limits",
            display_time(*until)
        ),
        HttpErrorKind::Resting(until, cause) => format!(
            "{cause}; every request fails, so none is sent before {}",
            display_time(*until)
        ),
        HttpErrorKind::OutOfTime => "the run's time limit is reached; the next run continues".into(),
        HttpErrorKind::GrantRefused(refusal) => token_refused(refusal, host),
        HttpErrorKind::NoTokenResponse(status @ (404 | 410), received) => format!(
            "{host} returned {status} with {received} in place of a token: nothing exists at the token address; \
             check the settings in it, such as a tenant, and the token_url of the source"
        ),
        HttpErrorKind::NoTokenResponse(status, received) => format!(
            "{host} returned {status} with {received} in place of a token; a proxy or web filter may have sent it: \
             check the network, and the token_url of the source"
        ),
        HttpErrorKind::PasswordRests(rest) => password_rests(rest, host),
        HttpErrorKind::SignInNeeded(Some(source)) => format!(
            "sign-in needed: this source has no sign-in, or the sign-in is no longer valid; \
             run `{}`",
            sign_in::command(source.as_str())
        ),
        HttpErrorKind::SignInNeeded(None) => {
            "sign-in needed: no refresh token is valid any more; sign in at the vendor again, and store the new \
             refresh token where the source reads it"
                .into()
        }
        HttpErrorKind::GrantUnclear => format!(
            "the response of {host} to a token refresh is lost or unreadable; \
             the next run tries the old token once more"
        ),
        HttpErrorKind::RefreshOpen(source) => format!(
            "a token refresh began, by this worker or another, and its end is not known: the refresh token may be used up, \
             so it is not sent again; sign in again with `{}`, or let it be sent once more with `rollbook resume {source}`, \
             after which the vendor may demand a sign-in",
            sign_in::command(source.as_str())
        ),
        HttpErrorKind::NotRefreshed(reason) => format!("no token was requested, because {reason}"),
        HttpErrorKind::GrantPaused(until, cause) => {
            format!(
                "{cause}; the next token request is sent after {}",
                display_time(*until)
            )
        }
        HttpErrorKind::Vault(problem) => format!(
            "the vault failed, and without it no new token is requested or used: {problem}"
        ),
        HttpErrorKind::VaultShut(problem) => problem.clone(),
        HttpErrorKind::Count(problem) => {
            format!("the count of today's requests cannot be stored, so no request was sent: {problem}")
        }
    }
}

fn signature_refused(status: u16, skew: Option<i64>, host: &str) -> String {
    let Some(skew) = skew else {
        return format!(
            "{host} returned {status} and does not accept the signature; check `client_id` and `client_secret` of \
             the source, and whether the vendor has disabled them"
        );
    };
    let direction = if skew > 0 { "ahead of" } else { "behind" };
    let seconds = skew.unsigned_abs();
    let length = match seconds {
        ..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h", seconds / 3600),
    };
    format!(
        "{host} returned {status} and does not accept the signature: this machine's clock is {length} {direction} \
         the server's, and a signature is valid for a few minutes; set the right time, as by `timedatectl set-ntp true`"
    )
}

fn unreachable(why: Unreachable, host: &str) -> String {
    match why {
        Unreachable::NoSuchHost => {
            format!("cannot find server {host}; check the address and this machine's DNS")
        }
        Unreachable::Refused => format!("{host} refuses connections"),
        Unreachable::Silent => format!("{host} does not respond to a connection attempt"),
        Unreachable::Handshake => format!("the TLS handshake with {host} failed"),
    }
}

fn through_proxy(why: ProxyFailure, proxy: &str, host: &str) -> String {
    match why {
        ProxyFailure::NoSuchHost => format!(
            "cannot find the proxy {proxy}; check `proxy` at the source and this machine's DNS"
        ),
        ProxyFailure::Down => format!(
            "the proxy {proxy} refuses connections; check that it runs, and `proxy` at the source"
        ),
        ProxyFailure::Silent => format!(
            "the proxy {proxy} opened no connection to {host} in time; check that both can be reached"
        ),
        ProxyFailure::Cut => format!("the proxy {proxy} closed the connection to {host}"),
        ProxyFailure::Refused(None) => {
            format!("the proxy {proxy} refuses to connect to {host}; ask its administrator")
        }
        ProxyFailure::Refused(Some(407)) => {
            format!("the proxy {proxy} returned 407: {PROXY_LOGIN}")
        }
        ProxyFailure::Refused(Some(status @ (502..=504))) => {
            format!("the proxy {proxy} returned {status}: it cannot reach {host}")
        }
        ProxyFailure::Refused(Some(403)) => format!(
            "the proxy {proxy} returned 403: it does not allow connections to {host}; \
             have its administrator allow them"
        ),
        ProxyFailure::Refused(Some(status)) => format!(
            "the proxy {proxy} returned {status} instead of a connection to {host}; \
             ask its administrator"
        ),
    }
}

/// What to do about 407.
const PROXY_LOGIN: &str = "it requires a user and a password, or does not accept those that were sent; \
                           set `proxy_user` and `proxy_password` at the source";

fn too_slow(limit: Slow, length: Duration, host: &str) -> String {
    let length = if length.subsec_nanos() == 0 {
        format!("{} s", length.as_secs())
    } else {
        format!("{} ms", length.as_millis())
    };
    match limit {
        Slow::FirstByte => format!("{host} sent no response within {length}"),
        Slow::Idle => format!("{host} sent nothing for {length} in the middle of a response"),
        Slow::Whole => format!("the response of {host} took longer than {length}"),
        Slow::Run => format!(
            "{host} sent no complete response before the run's time limit; the next run continues"
        ),
        Slow::Pace => format!(
            "the response of {host} is too slow: almost nothing was received within {length}"
        ),
    }
}

fn token_refused(refusal: &TokenRefusal, host: &str) -> String {
    let TokenRefusal {
        status,
        code,
        description,
        refused,
    } = refusal;
    let code_text = code.map(|code| format!(", {code}")).unwrap_or_default();
    let description = description.as_ref();
    let description = description.map(|text| format!(": \"{text}\""));
    format!(
        "{host} refused {} ({status}{code_text}{}); it is not retried for now: {}, and resume the job",
        refused.as_str(),
        description.unwrap_or_default(),
        repair(*code, *refused)
    )
}

fn password_rests(rest: &PasswordRest, host: &str) -> String {
    let until = display_time(rest.until);
    let advice =
        "if it is wrong, store the right one where the source reads it, and resume the job";
    match (rest.is_refused, &rest.received) {
        (true, _) => format!(
            "{host} refused the user name or password, and it is not sent again before {until}, to keep the account \
             from being locked; store the right password where the source reads it, and resume the job"
        ),
        (false, Some(received)) => format!(
            "{host} returned {received} in place of a token or a refusal; while it does, the password is not sent again \
             before {until}, to keep the account from being locked; {advice}"
        ),
        (false, None) => format!(
            "{host} has neither accepted nor refused the password; it is not sent again before {until}, to keep the \
             account from being locked; {advice}"
        ),
    }
}

/// What to do about a client that is unknown or refused. Vendors answer an unknown tenant in the same way.
const CLIENT: &str = "check `client_id`, `client_secret` and `client_auth` of the source, and the settings in its \
                      token address, such as a tenant";

/// What to do about a refused token request, by its RFC 6749 error code.
fn repair(code: Option<&str>, refused: Refused) -> &'static str {
    match code {
        Some("mfa_required" | "interaction_required") => {
            "it requires a second factor, which a scheduled job cannot give; choose another grant, such as \
             authorization_code, or have the vendor exempt this account"
        }
        Some("invalid_scope") => "change `scope` at the source, or have the vendor allow it",
        Some("unauthorized_client") => {
            "check `client_id` and the settings in the token address, such as a tenant; if they are right, choose \
             another `grant` at the source, or have the vendor allow this one"
        }
        Some("unsupported_grant_type") => {
            "choose another `grant` at the source, or have the vendor allow this one"
        }
        Some("invalid_request") => {
            "check the settings in the token address, such as a tenant, and compare the keys of the grant with the \
             vendor's documentation"
        }
        _ => match refused {
            Refused::Client | Refused::Request | Refused::Unknown => CLIENT,
            Refused::Password | Refused::Token => "check it, store the right one",
        },
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        403 | 429 => ": too many requests",
        503 => ": it is overloaded or in maintenance",
        408 | 504 => ": it timed out",
        _ => ": an error on its side",
    }
}

fn advice(status: u16) -> &'static str {
    match status {
        400 | 422 => "it does not understand the request; check the query in the connector",
        402 => "the vendor requires payment",
        _ => "check the vendor's status page or ask its support",
    }
}

fn in_parentheses(code: Option<&str>) -> String {
    code.map(|code| format!(" ({code})")).unwrap_or_default()
}

fn display_time(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
