//! One HTTP session: sends every request of a source, and has the only retry loop.
//!
//! It waits for a permit, gets a token, sends a GET, classifies the response, reads the body within the limits,
//! decodes it on a blocking thread as it arrives, and retries where that may help. It does not
//! know what a page is, nor which one follows.

mod prepare;
mod prepared_request;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use reqwest::Client;
use reqwest::header::HeaderMap;
use secrecy::SecretString;
use tokio::sync::{Semaphore, SemaphorePermit};

use self::prepared_request::PreparedRequest;
use super::access::{self, Access};
use super::authorizer::{AfterRefusal, Authorizer};
use super::body::{self, BodyReader, Oversized};
use super::budget::{RunBudget, Tries};
use super::circuit_breaker::CircuitBreaker;
use super::classify::{Classification, Response, classify};
use super::client::{peer_of, send};
use super::deadline::Deadline;
use super::decode::{BodyDecoder, Decode};
use super::error::{HttpError, HttpErrorKind, Slow};
use super::limits::{ERROR_BODY, LARGE, PIECE};
use super::message;
use super::pace::Pace;
use super::page_request::{self, PageRequest};
use super::reply::{Headers, Reply};
use super::rules::{DayCount, SessionRules};
use super::vendor_word::vendor_word;
use rollbook_core::blocking::blocking;
use rollbook_core::clock::Clock;
use rollbook_core::model::retry::RetryDecision;
use rollbook_core::model::{Class, UnexpectedResponse};

/// The HTTP session of one source, shared by all its jobs. Clones are the same session.
#[derive(Clone)]
pub struct Session(Arc<SessionState>);

struct SessionState {
    rules: SessionRules,
    host: String,
    client: Client,
    headers: HeaderMap,
    authorizer: Option<Arc<dyn Authorizer>>,
    day_count: Arc<dyn DayCount>,
    clock: Clock,
    permits: Semaphore,
    decode_permits: Semaphore,
    pace: Pace,
    breaker: CircuitBreaker,
    /// The day on which the daily limit was reached.
    exhausted_day: Mutex<Option<String>>,
}

/// Responses of a source that are decoded concurrently. The decoder is faster than any vendor; more threads would
/// only use more memory.
const MAX_DECODERS: usize = 1;

/// How often a request is repeated with the same refused token at most, also where the vendor accepts every other one.
const MAX_SAME_TOKEN: u32 = 4;

/// The largest bodies of the whole process are held one at a time.
static LARGE_BODY: Semaphore = Semaphore::const_new(1);

/// Clocks that differ by fewer seconds explain no refusal: servers allow minutes (webuntis-oneroster.md 1.7).
const NOTABLE_SKEW: i64 = 30;

/// Whether a request may be repeated with another token.
#[derive(PartialEq, Eq)]
enum SecondToken {
    Open,
    Used,
}

impl Session {
    /// Creates a session; sends nothing. Without an authorizer its requests carry no authorization.
    ///
    /// # Errors
    /// When an address is not safe, a header is not valid, or a limit is zero.
    pub fn new(
        rules: SessionRules,
        authorizer: Option<Arc<dyn Authorizer>>,
        day_count: Arc<dyn DayCount>,
        clock: Clock,
    ) -> Result<Self, HttpError> {
        let host = peer_of(&rules.base_url, &rules.route);
        let step = format!("prepare the requests of {}", rules.source);
        let (client, headers) = prepare::prepare(&rules).map_err(|kind| kind.at(step, ""))?;
        Ok(Self(Arc::new(SessionState {
            host,
            client,
            headers,
            authorizer,
            day_count,
            clock,
            permits: Semaphore::new(rules.in_flight as usize),
            decode_permits: Semaphore::new(MAX_DECODERS),
            pace: Pace::new(rules.per_second),
            breaker: CircuitBreaker::default(),
            exhausted_day: Mutex::default(),
            rules,
        })))
    }

    /// Requests one page, and retries while that may help and the budget allows it.
    ///
    /// `decode` runs on a blocking thread on the body of a response with 200, 204 or 206, while it arrives; when it fails, the
    /// page is requested once more.
    ///
    /// # Errors
    /// The last failure, with the number of attempts.
    pub async fn get<T: Send + 'static>(
        &self,
        page: &PageRequest,
        budget: &RunBudget,
        decode: Decode<T>,
    ) -> Result<T, HttpError> {
        let address = page_request::address(&self.0.rules.base_url, page)
            .map_err(|kind| kind.at(step(&page.what), &self.0.host))?;
        let request = PreparedRequest {
            address,
            page,
            budget,
        };
        let mut second_token = SecondToken::Open;
        let mut tries = Tries::none();
        budget.count_page();
        loop {
            let error = match self.0.attempt(&request, &decode, &mut second_token).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            tries.failed(error.kind().retry_limit());
            let mut error = error.after_attempts(tries.attempt);
            if !page.effort.is_about_size(&error) {
                error = self.0.note_failure(error);
            }
            let is_over = error.deferred_until().is_some();
            if is_over || page.effort.ends_with(&error, tries.attempt) {
                return Err(error);
            }
            let delay = match budget.after(tries, &error, fastrand::f64()) {
                RetryDecision::Wait(delay) => delay,
                RetryDecision::Stop => return Err(error),
                RetryDecision::Defer(wait) => {
                    return Err(error.deferred(self.0.clock.wall_clock_after(wait)));
                }
            };
            let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
            tracing::debug!(source = %self.0.rules.source, attempt = tries.attempt, delay_ms, %error, "will try again");
            // The others of this source would be refused as well.
            if matches!(error.kind(), HttpErrorKind::Unavailable(429, None)) {
                self.0.pace.pause(self.0.clock.running() + delay, 429);
            }
            budget.sleep(delay).await;
        }
    }

    /// A person wants this source to be read now, also while it is left alone.
    pub fn wake(&self) {
        self.0.breaker.wake();
    }

    /// The scopes that were requested and not granted, as far as the vendor declares them; empty before the first token.
    pub async fn missing_scopes(&self) -> Vec<String> {
        match &self.0.authorizer {
            Some(authorizer) => authorizer.missing_scopes().await,
            None => Vec::new(),
        }
    }

    /// Makes a request from a link of the server.
    ///
    /// # Errors
    /// When the link has another scheme, host or port, is outside the base address's path, or
    /// contains a user. Nothing is sent then.
    pub fn follow(&self, link: &str, what: String) -> Result<PageRequest, HttpError> {
        let step = step(&what);
        page_request::follow(&self.0.rules.base_url, link, what)
            .map_err(|kind| kind.at(step, &self.0.host))
    }
}

/// A response: with its whole body, or with the first piece and a reader of the rest.
struct FirstPart<'a> {
    reply: Reply,
    rest: Option<BodyReader<'a>>,
}

/// A successful response whose body is decoded while it is read; until its end it is in flight.
struct Receiving<'a> {
    reply: Reply,
    rest: Option<BodyReader<'a>>,
    permit: SemaphorePermit<'a>,
}

/// A decoder, and what it did not take.
type Undecoded<T> = (Box<dyn BodyDecoder<T>>, Vec<u8>);

impl SessionState {
    /// One attempt; after a refused token it sends the same request once more with another one.
    async fn attempt<T: Send + 'static>(
        &self,
        request: &PreparedRequest<'_>,
        decode: &Decode<T>,
        second_token: &mut SecondToken,
    ) -> Result<T, HttpError> {
        let failed = |kind: HttpErrorKind| kind.at(step(&request.page.what), &self.host);
        let mut repeats = 0;
        loop {
            let permit = self.permit(request.budget).await.map_err(failed)?;
            if let Some(rest) = self.breaker.rest(self.clock.running()) {
                let left = rest.until.saturating_sub(self.clock.running());
                let until = self.clock.wall_clock_after(left);
                return Err(failed(HttpErrorKind::Resting(until, rest.reason)));
            }
            let access = match &self.authorizer {
                Some(authorizer) => Some(authorizer.access().await?),
                None => None,
            };
            self.count_day().await.map_err(failed)?;
            request.budget.count_request(self.rules.timeouts.whole);
            let sent = self.clock.running();
            let mut response = self.send(request, access.as_ref()).await;
            if let Ok(FirstPart { reply, .. }) = &response
                && let Some(address) = request.redirected_to(access.as_ref(), reply)
            {
                self.slot(request.budget).await.map_err(failed)?;
                self.count_day().await.map_err(failed)?;
                request.budget.count_request(self.rules.timeouts.whole);
                let request = PreparedRequest {
                    address,
                    ..*request
                };
                response = self.send(&request, access.as_ref()).await;
                if let Ok(FirstPart { reply, .. }) = &mut response {
                    reply.redirected = true;
                }
            }
            let mut latency = self.clock.running().saturating_sub(sent);
            let metrics = &self.rules.metrics;
            let FirstPart { reply, rest } = response.map_err(|kind| {
                metrics.count_request(Some(kind.class()), latency);
                failed(kind)
            })?;
            let status = reply.status;
            let after = match self.classify(&reply, request) {
                Classification::Fine => {
                    if let (Some(authorizer), Some(access)) = (&self.authorizer, &access) {
                        authorizer.accepted(access).await;
                    }
                    let body = Receiving {
                        reply,
                        rest,
                        permit,
                    };
                    let decoded = self.receive(body, request, decode, &mut latency).await;
                    if decoded.is_ok() {
                        self.breaker.succeeded();
                    }
                    let failure = decoded.as_ref().err().map(HttpErrorKind::class);
                    metrics.count_request(failure, latency);
                    return decoded.map_err(failed);
                }
                Classification::Failed(kind) => {
                    metrics.count_request(Some(kind.class()), latency);
                    self.pause_session(&kind);
                    return Err(
                        failed(kind).quoting(vendor_word(&reply, &secrets(access.as_ref())))
                    );
                }
                Classification::Token => {
                    metrics.count_request(Some(Class::Auth), latency);
                    drop(permit);
                    self.after_refusal(access.as_ref(), second_token, Rejected::Token)
                        .await
                }
                Classification::Forbidden => {
                    metrics.count_request(Some(Class::Auth), latency);
                    drop(permit);
                    self.after_refusal(access.as_ref(), second_token, Rejected::Right)
                        .await
                }
            };
            match after {
                AfterRefusal::SameAgain(wait)
                    if repeats < MAX_SAME_TOKEN && wait < request.budget.left() =>
                {
                    repeats += 1;
                    request.budget.sleep(wait).await;
                }
                AfterRefusal::Replaced if *second_token == SecondToken::Open => {
                    *second_token = SecondToken::Used;
                }
                _ => {
                    let kind = match status {
                        403 => HttpErrorKind::Forbidden,
                        _ if access.as_ref().is_some_and(Access::is_signed) => {
                            HttpErrorKind::SignatureRefused(status, self.clock_skew(&reply))
                        }
                        status => HttpErrorKind::Unauthorised(status),
                    };
                    return Err(
                        failed(kind).quoting(vendor_word(&reply, &secrets(access.as_ref())))
                    );
                }
            }
        }
    }

    /// Waits for a permit and for the time when a request may start.
    async fn permit(&self, budget: &RunBudget) -> Result<SemaphorePermit<'_>, HttpErrorKind> {
        // The semaphore is never closed.
        let permit = budget.acquire(&self.permits).await;
        let permit = permit.map_err(|_| HttpErrorKind::OutOfTime)?;
        self.slot(budget).await?;
        Ok(permit)
    }

    /// Waits for the next slot of the pace, and the end of a pause that the vendor requested.
    async fn slot(&self, budget: &RunBudget) -> Result<(), HttpErrorKind> {
        if budget.left().is_zero() {
            return Err(HttpErrorKind::OutOfTime);
        }
        let mut wait = self.pace.reserve(self.clock.running());
        loop {
            let (paused, status) = self.pace.paused(self.clock.running());
            if paused > budget.left() {
                return Err(HttpErrorKind::Deferred(
                    status,
                    self.clock.wall_clock_after(paused),
                ));
            }
            wait = wait.max(paused);
            if wait.is_zero() {
                return Ok(());
            }
            if wait > budget.left() {
                return Err(HttpErrorKind::OutOfTime);
            }
            budget.sleep(wait).await;
            wait = Duration::ZERO;
        }
    }

    /// Counts the request before it is sent, so that the count is never too small after a crash.
    async fn count_day(&self) -> Result<(), HttpErrorKind> {
        let Some(limit) = self.rules.per_day else {
            return Ok(());
        };
        let now = self.clock.now();
        let day = now.strftime("%Y-%m-%d").to_string();
        let quota = || HttpErrorKind::Quota(limit, next_midnight(now));
        if self.exhausted_day().as_ref() == Some(&day) {
            return Err(quota());
        }
        let (count, source, today) = (
            self.day_count.clone(),
            self.rules.source.clone(),
            day.clone(),
        );
        let total = blocking(move || count.add(&source, &today, limit))
            .await
            .map_err(HttpErrorKind::Count)?;
        let ends = next_midnight(now);
        self.rules.metrics.note_day(total, limit, ends);
        if total > limit {
            *self.exhausted_day() = Some(day);
            return Err(quota());
        }
        Ok(())
    }

    fn exhausted_day(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.exhausted_day
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the rest of a body and decodes it piece by piece.
    async fn receive<T: Send + 'static>(
        &self,
        mut body: Receiving<'_>,
        request: &PreparedRequest<'_>,
        decode: &Decode<T>,
        latency: &mut Duration,
    ) -> Result<T, HttpErrorKind> {
        let status = body.reply.status;
        let bad = |bad| HttpErrorKind::UnexpectedResponse(status, bad);
        let mut decoder = decode.begin();
        let mut large = None;
        while let Some(reader) = &mut body.rest {
            let since = self.clock.running();
            let text = std::mem::take(&mut body.reply.body);
            (decoder, body.reply.body) = self.take_piece(decoder, text).await?.map_err(bad)?;
            match body.reply.body.len() > LARGE {
                // The semaphore is never closed.
                true if large.is_none() => large = request.budget.acquire(&LARGE_BODY).await.ok(),
                true => {}
                false => {
                    body.reply.body.shrink_to(LARGE);
                    large = None;
                }
            }
            request.budget.note_piece(self.rules.timeouts.whole);
            reader.postpone(self.clock.running().saturating_sub(since));
            let since = self.clock.running();
            let enough = body.reply.body.len() + PIECE;
            let filled = reader.fill(&mut body.reply.body, enough).await;
            *latency += self.clock.running().saturating_sub(since);
            if filled.map_err(|kind| self.at_the_end(kind))? {
                body.rest = None;
            }
        }
        drop(body.permit);
        let _decode_permit = self.decode_permit().await?;
        let (reply, budget) = (body.reply, request.budget.clone());
        let decoded = blocking(move || {
            let decoded = decoder.finish(&reply);
            budget.reuse(reply.body);
            decoded
        });
        decoded.await.map_err(bad)
    }

    /// Decodes what can be decoded of a body so far; returns what is left of it.
    async fn take_piece<T: Send + 'static>(
        &self,
        mut decoder: Box<dyn BodyDecoder<T>>,
        mut text: Vec<u8>,
    ) -> Result<Result<Undecoded<T>, UnexpectedResponse>, HttpErrorKind> {
        let _decode_permit = self.decode_permit().await?;
        let act = move || decoder.take(&mut text).map(|()| (decoder, text));
        Ok(blocking(act).await)
    }

    async fn decode_permit(&self) -> Result<SemaphorePermit<'_>, HttpErrorKind> {
        // The semaphore is never closed.
        let permit = self.decode_permits.acquire().await;
        permit.map_err(|_| HttpErrorKind::OutOfTime)
    }

    /// Sends one GET and reads the response, or its first piece, not beyond the end of the run.
    async fn send<'s>(
        &'s self,
        request: &PreparedRequest<'_>,
        access: Option<&Access>,
    ) -> Result<FirstPart<'s>, HttpErrorKind> {
        let whole = self.rules.timeouts.whole.min(request.budget.left());
        let response = self.send_within(whole, request, access).await;
        response.map_err(|kind| self.at_the_end(kind))
    }

    /// A response that the run's end leaves less time than usual was not too slow by itself.
    fn at_the_end(&self, kind: HttpErrorKind) -> HttpErrorKind {
        match kind {
            HttpErrorKind::TooSlow(Slow::Whole, limit) if limit < self.rules.timeouts.whole => {
                HttpErrorKind::TooSlow(Slow::Run, limit)
            }
            kind => kind,
        }
    }

    async fn send_within<'s>(
        &'s self,
        whole: Duration,
        request: &PreparedRequest<'_>,
        access: Option<&Access>,
    ) -> Result<FirstPart<'s>, HttpErrorKind> {
        let timeouts = &self.rules.timeouts;
        let mut headers = self.headers.clone();
        for (name, value) in &request.page.headers {
            let value = access::value(&SecretString::from(value.as_str()), name)?;
            headers.insert(access::name(name)?, value);
        }
        if let Some(access) = access {
            access.put_on(&mut headers, &request.address, self.clock.now())?;
        }
        let mut deadline = Deadline::start(timeouts, whole);
        let get = self.client.get(request.sent_address(access));
        let get = get.headers(headers);
        let sending = send(get, &self.host, timeouts);
        let mut response = deadline.first_byte(sending).await??;
        let status = response.status().as_u16();
        let headers = Headers::from(std::mem::take(response.headers_mut()));
        let peer = (self.host.as_str(), timeouts);
        let (mut body, mut rest) = (Vec::new(), None);
        match status {
            200 | 206 => {
                let limit = (self.rules.body_limit, Oversized::Refuse);
                let mut reader = BodyReader::begin(response, &headers, limit, deadline, peer)?;
                body = request.budget.spare();
                if !reader.fill(&mut body, PIECE).await? {
                    rest = Some(reader);
                }
            }
            // The status is enough to classify an error, however much of its body arrives.
            400.. => {
                let limit = (ERROR_BODY, Oversized::Truncate);
                let read = body::read(response, &headers, limit, deadline, peer);
                body = read.await.unwrap_or_default();
            }
            _ => {}
        }
        let reply = Reply {
            status,
            date: headers.date(),
            headers,
            redirected: false,
            body,
        };
        Ok(FirstPart { reply, rest })
    }

    /// How far this machine's clock is ahead of the server's, in seconds; `None` where that may be the time on the way.
    fn clock_skew(&self, reply: &Reply) -> Option<i64> {
        let skew = self.clock.now().as_second() - reply.date?.as_second();
        (skew.abs() >= NOTABLE_SKEW).then_some(skew)
    }

    fn classify(&self, reply: &Reply, request: &PreparedRequest<'_>) -> Classification {
        let response = Response {
            status: reply.status,
            headers: &reply.headers,
            body: &reply.body,
            address: &request.address,
            now: self.clock.now(),
        };
        classify(&self.rules.errors, &response)
    }

    /// Adds the end of the rest that begins with a failure, if one does.
    fn note_failure(&self, error: HttpError) -> HttpError {
        let now = self.clock.running();
        let reason = || message::quoting_message(error.failure());
        let until = self.breaker.failed(error.kind(), now, reason);
        let until = until.map(|until| self.clock.wall_clock_after(until.saturating_sub(now)));
        error.resting_until(until)
    }

    /// 403, 429 and 503 with `Retry-After`: no request of this source starts before then.
    fn pause_session(&self, kind: &HttpErrorKind) {
        if let HttpErrorKind::Unavailable(status @ (403 | 429 | 503), Some(wait)) = kind {
            self.pace.pause(self.clock.running() + *wait, *status);
        }
    }

    async fn after_refusal(
        &self,
        access: Option<&Access>,
        second_token: &SecondToken,
        rejected: Rejected,
    ) -> AfterRefusal {
        let (Some(authorizer), Some(access)) = (&self.authorizer, access) else {
            return AfterRefusal::Stop;
        };
        let may_replace = *second_token == SecondToken::Open;
        match rejected {
            Rejected::Token => authorizer.refused(access, may_replace).await,
            Rejected::Right if may_replace && authorizer.forbidden(access).await => {
                AfterRefusal::Replaced
            }
            Rejected::Right => AfterRefusal::Stop,
        }
    }
}

/// What the vendor rejected.
#[derive(Clone, Copy)]
enum Rejected {
    Token,
    /// 403: a right is missing, or the token is too old and the vendor confuses the two.
    Right,
}

/// What no message may contain.
fn secrets(access: Option<&Access>) -> Vec<&str> {
    access.map(Access::secrets).unwrap_or_default()
}

fn step(what: &str) -> String {
    format!("read {what}")
}

fn next_midnight(now: Timestamp) -> Timestamp {
    now.to_zoned(TimeZone::UTC)
        .tomorrow()
        .and_then(|tomorrow| tomorrow.start_of_day())
        .map_or(Timestamp::MAX, |midnight| midnight.timestamp())
}
