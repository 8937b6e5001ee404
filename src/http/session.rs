//! One HTTP session: every request of a source goes through here, and the only retry loop stands here.
//!
//! It waits its turn, gets a token, sends a GET, reads the body within the limits, judges the
//! answer, has it decoded on a blocking thread, and tries again where that may help. It does not
//! know what a page is, nor what comes after it.

mod prepare;

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use reqwest::header::HeaderMap;
use reqwest::{Client, Url};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::access::Access;
use super::ask::{self, Ask, Effort};
use super::body::{self, Beyond};
use super::budget::{RunBudget, Tries};
use super::client::{fault, host_of};
use super::deadline::Deadline;
use super::error::{HttpError, Kind};
use super::keeper::{TokenKeeper, ahead};
use super::limits::ERROR_BODY;
use super::pace::Pace;
use super::reply::{BadAnswer, Headers, Reply};
use super::rotation::blocking;
use super::rules::{DayCount, SessionRules};
use super::verdict::{Answer, Verdict, judge};
use crate::clock::Clock;
use crate::model::retry::Then;

/// The way to one source's API, shared by all its jobs. Clones are the same session.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    rules: SessionRules,
    host: String,
    client: Client,
    headers: HeaderMap,
    keeper: Option<TokenKeeper>,
    day_count: Arc<dyn DayCount>,
    clock: Clock,
    turns: Semaphore,
    decoders: Semaphore,
    pace: Pace,
    /// The day whose requests are used up.
    spent_day: Mutex<Option<String>>,
}

/// Answers of a source that are decoded at once. The decoder is faster than any vendor; more threads would
/// only hold more memory, each its own.
const DECODERS: usize = 1;

/// Turns a fine answer into what the caller wants.
pub type Decode<T> = Arc<dyn Fn(&Reply) -> Result<T, BadAnswer> + Send + Sync>;

/// May a request be repeated with another token?
#[derive(PartialEq, Eq)]
enum SecondToken {
    Open,
    Used,
}

impl Session {
    /// A session that has not asked anything yet. Without a keeper its requests carry no authorisation.
    ///
    /// # Errors
    /// When an address is not safe, a header is none, or a limit is zero.
    pub fn new(
        rules: SessionRules,
        keeper: Option<TokenKeeper>,
        day_count: Arc<dyn DayCount>,
        clock: Clock,
    ) -> Result<Self, HttpError> {
        let host = host_of(&rules.base_url);
        let step = format!("prepare the requests of {}", rules.source);
        let (client, headers) = prepare::prepare(&rules).map_err(|kind| kind.at(step, ""))?;
        Ok(Self(Arc::new(Inner {
            host,
            client,
            headers,
            keeper,
            day_count,
            clock,
            turns: Semaphore::new(rules.in_flight as usize),
            decoders: Semaphore::new(DECODERS),
            pace: Pace::new(rules.per_second),
            spent_day: Mutex::default(),
            rules,
        })))
    }

    /// Asks for one page, and again while that may help and the budget allows it.
    ///
    /// `decode` runs on a blocking thread on an answer with 200 or 204; when it finds a fault, the
    /// page is asked for once more.
    ///
    /// # Errors
    /// The last failure, with the number of attempts.
    pub async fn get<T: Send + 'static>(
        &self,
        ask: &Ask,
        budget: &RunBudget,
        decode: Decode<T>,
    ) -> Result<T, HttpError> {
        let address = ask::address(&self.0.rules.base_url, ask)
            .map_err(|kind| kind.at(step(&ask.what), &self.0.host))?;
        let question = Question {
            address,
            ask,
            budget,
        };
        let mut second_token = SecondToken::Open;
        let mut tries = Tries::none();
        budget.count_page();
        loop {
            let error = match self.0.attempt(&question, &decode, &mut second_token).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            tries.failed(error.kind().worth());
            let error = error.after_attempts(tries.attempt);
            if ask.effort == Effort::Once {
                return Err(error);
            }
            let delay = match budget.after(tries, &error, fastrand::f64()) {
                Then::Wait(delay) => delay,
                Then::Stop => return Err(error),
                Then::Defer(asked) => return Err(error.deferred(ahead(&self.0.clock, asked))),
            };
            let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
            tracing::debug!(source = self.0.rules.source, attempt = tries.attempt, delay_ms, %error, "will try again");
            budget.sleep(delay).await;
        }
    }

    /// The scopes that were asked for and not granted, as far as the vendor said; nothing before the first token.
    pub async fn missing_scopes(&self) -> Vec<String> {
        match &self.0.keeper {
            Some(keeper) => keeper.missing_scopes().await,
            None => Vec::new(),
        }
    }

    /// Turns a link that the server gave into a question.
    ///
    /// # Errors
    /// When the link leads to another scheme, host or port, out of the base address's path, or
    /// carries a user. Nothing is sent then.
    pub fn follow(&self, link: &str, what: String) -> Result<Ask, HttpError> {
        let step = step(&what);
        ask::follow(&self.0.rules.base_url, link, what).map_err(|kind| kind.at(step, &self.0.host))
    }
}

/// One page that is asked for.
struct Question<'a> {
    address: Url,
    ask: &'a Ask,
    budget: &'a RunBudget,
}

impl Inner {
    /// One attempt; a refused token makes it send the same request once more with another one.
    async fn attempt<T: Send + 'static>(
        &self,
        question: &Question<'_>,
        decode: &Decode<T>,
        second_token: &mut SecondToken,
    ) -> Result<T, HttpError> {
        let failed = |kind: Kind| kind.at(step(&question.ask.what), &self.host);
        loop {
            let turn = self.turn(question.budget).await.map_err(failed)?;
            let access = match &self.keeper {
                Some(keeper) => Some(keeper.access().await?),
                None => None,
            };
            self.count_day().await.map_err(failed)?;
            question.budget.count_request(self.rules.timeouts.whole);
            let reply = self.send(question, access.as_ref()).await.map_err(failed)?;
            drop(turn);
            let status = reply.status;
            let may_repeat = match self.judge(&reply, question) {
                Verdict::Fine => {
                    if let (Some(keeper), Some(access)) = (&self.keeper, &access) {
                        keeper.worked(access).await;
                    }
                    // The semaphore is never closed.
                    let seat = self.decoders.acquire().await;
                    let _seat = seat.map_err(|_| failed(Kind::OutOfTime))?;
                    let (decode, budget) = (decode.clone(), question.budget.clone());
                    let act = move || {
                        let decoded = decode(&reply);
                        budget.reuse(reply.body);
                        decoded
                    };
                    return blocking(act)
                        .await
                        .map_err(|bad| failed(Kind::BadAnswer(status, bad.reason)));
                }
                Verdict::Failed(kind) => {
                    self.hold_everybody(&kind);
                    return Err(failed(kind));
                }
                Verdict::Token => {
                    self.is_token_worth_replacing(access.as_ref(), second_token, Doubt::None)
                        .await
                }
                Verdict::Forbidden => {
                    self.is_token_worth_replacing(access.as_ref(), second_token, Doubt::Right)
                        .await
                }
            };
            if !may_repeat {
                let kind = if status == 403 {
                    Kind::Forbidden
                } else {
                    Kind::Unauthorised(status)
                };
                return Err(failed(kind));
            }
            *second_token = SecondToken::Used;
        }
    }

    /// Waits for a free place and the next slot of the pace, and for as long as the vendor wants peace.
    async fn turn(&self, budget: &RunBudget) -> Result<SemaphorePermit<'_>, Kind> {
        // The semaphore is never closed.
        let permit = budget.place(&self.turns).await;
        let permit = permit.map_err(|_| Kind::OutOfTime)?;
        if budget.left().is_zero() {
            return Err(Kind::OutOfTime);
        }
        let mut wait = self.pace.reserve(self.clock.running());
        loop {
            let (held, status) = self.pace.held(self.clock.running());
            if held > budget.left() {
                return Err(Kind::Deferred(status, ahead(&self.clock, held)));
            }
            wait = wait.max(held);
            if wait.is_zero() {
                return Ok(permit);
            }
            if wait > budget.left() {
                return Err(Kind::OutOfTime);
            }
            budget.sleep(wait).await;
            wait = std::time::Duration::ZERO;
        }
    }

    /// Counts the request before it is sent, so a crash never makes the count too small.
    async fn count_day(&self) -> Result<(), Kind> {
        let Some(limit) = self.rules.per_day else {
            return Ok(());
        };
        let now = self.clock.now();
        let day = now.strftime("%Y-%m-%d").to_string();
        let over = || Kind::Quota(limit, next_midnight(now));
        if self.spent_day().as_ref() == Some(&day) {
            return Err(over());
        }
        let (count, source, today) = (
            self.day_count.clone(),
            self.rules.source.clone(),
            day.clone(),
        );
        let total = blocking(move || count.add(&source, &today, 1))
            .await
            .map_err(Kind::Count)?;
        if total > limit {
            *self.spent_day() = Some(day);
            return Err(over());
        }
        Ok(())
    }

    fn spent_day(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.spent_day
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends one GET and reads the answer.
    async fn send(&self, question: &Question<'_>, access: Option<&Access>) -> Result<Reply, Kind> {
        let timeouts = &self.rules.timeouts;
        let mut headers = self.headers.clone();
        if let Some(access) = access {
            access.put_on(&mut headers);
        }
        let mut deadline = Deadline::start(timeouts, timeouts.whole);
        let sending = self
            .client
            .get(question.address.clone())
            .headers(headers)
            .send();
        let mut response = deadline
            .first_byte(sending)
            .await?
            .map_err(|error| fault(&error, &self.host, timeouts))?;
        let status = response.status().as_u16();
        let headers = Headers::from(std::mem::take(response.headers_mut()));
        let place = (self.host.as_str(), timeouts);
        let body = match status {
            200 => {
                let limit = (self.rules.body_limit, Beyond::Refuse);
                let room = question.budget.spare();
                body::read(response, &headers, room, limit, &mut deadline, place).await?
            }
            // A refusal is a refusal, however much of its text arrives.
            400.. => {
                let limit = (ERROR_BODY, Beyond::Cut);
                body::read(response, &headers, Vec::new(), limit, &mut deadline, place)
                    .await
                    .unwrap_or_default()
            }
            _ => Vec::new(),
        };
        Ok(Reply {
            status,
            date: headers.date(),
            headers,
            body,
        })
    }

    fn judge(&self, reply: &Reply, question: &Question<'_>) -> Verdict {
        let answer = Answer {
            status: reply.status,
            headers: &reply.headers,
            body: &reply.body,
            address: &question.address,
            now: self.clock.now(),
        };
        judge(&self.rules.errors, &answer)
    }

    /// 429 and 503 with a wish: nobody of this source asks before it is over.
    fn hold_everybody(&self, kind: &Kind) {
        if let Kind::Busy(status @ (429 | 503), Some(asked)) = kind {
            self.pace.hold(self.clock.running() + *asked, *status);
        }
    }

    async fn is_token_worth_replacing(
        &self,
        access: Option<&Access>,
        second_token: &SecondToken,
        doubt: Doubt,
    ) -> bool {
        let (Some(keeper), Some(access), SecondToken::Open) = (&self.keeper, access, second_token)
        else {
            return false;
        };
        match doubt {
            Doubt::None => keeper.refused(access).await,
            Doubt::Right => keeper.forbidden(access).await,
        }
    }
}

/// Is it the token at all that was refused?
#[derive(Clone, Copy)]
enum Doubt {
    /// The vendor said so.
    None,
    /// The vendor said that a right is missing.
    Right,
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
