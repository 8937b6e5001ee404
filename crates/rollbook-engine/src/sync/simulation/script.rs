//! Plays the vendor for the engine: each request of a [`PageClient`] returns a page of the world at that time.
//!
//! What happens during a reading is bound to requests, so that a scenario gives the same history each time.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio_util::sync::CancellationToken;

use super::scenario::{Odd, ScenarioRun, Stop, Style};
use super::vendor::{List, Request, VendorAnswer, VendorRow, World, json};
use crate::sync::PageClient;
use crate::sync::client::Batch;
use rollbook_core::clock::{Clock, TestClock};
use rollbook_http::http::{
    Decode, Effort, Headers, HttpError, HttpErrorKind, PageRequest, Reply, RunBudget,
};

/// How long an answer takes.
const ANSWER: Duration = Duration::from_secs(1);

/// Where the vendor's addresses start.
const BASE: &str = "https://vendor.test";

/// A vendor that is asked by the engine and changed by a scenario.
pub(super) struct Script {
    state: Mutex<ScriptState>,
    clock: TestClock,
}

pub(super) struct ScriptState {
    pub world: World,
    run: ScenarioRun,
    requests: u32,
    news: u32,
    last: Option<VendorAnswer>,
    /// Where the last page of each list ended.
    furthest: BTreeMap<List, u64>,
    /// What was answered in this run.
    pub served: Vec<Served>,
    stop: CancellationToken,
    kill: CancellationToken,
}

/// One answer with rows, or with something in their place.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub list: List,
    /// A walk begins here.
    pub first: bool,
    /// Everything was asked for, and not changes only.
    pub full: bool,
    pub rows: Vec<VendorRow>,
    pub total: Option<i64>,
    pub odd: Option<Odd>,
    /// The changes that were asked for.
    pub since: Option<jiff::Timestamp>,
    /// It starts before the end of a page that was received: only a look.
    pub looks_back: bool,
}

impl Served {
    /// The page before once more.
    pub(super) fn is_repeated(&self) -> bool {
        self.odd == Some(Odd::SamePage) && !self.first
    }
}

impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<String> = self.rows.iter().map(|row| row.key.to_string()).collect();
        write!(f, "{:?} [{}]", self.list, keys.join(" "))?;
        for (what, holds) in [
            ("first", self.first),
            ("changes", !self.full),
            ("looks back", self.looks_back),
        ] {
            if holds {
                write!(f, ", {what}")?;
            }
        }
        if let Some(total) = self.total {
            write!(f, ", total {total}")?;
        }
        self.odd.map_or(Ok(()), |odd| write!(f, ", {odd:?}"))
    }
}

enum Play {
    Reply(Reply),
    Fail(HttpErrorKind),
    /// No response.
    Never,
}

impl Script {
    pub(super) fn new(world: World, clock: TestClock) -> Self {
        Self {
            state: Mutex::new(ScriptState {
                world,
                run: ScenarioRun::default(),
                requests: 0,
                news: 0,
                last: None,
                furthest: BTreeMap::new(),
                served: Vec::new(),
                stop: CancellationToken::new(),
                kill: CancellationToken::new(),
            }),
            clock,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, ScriptState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run begins; gives what stops it and what kills the program.
    pub(super) fn begin(&self, run: &ScenarioRun) -> (CancellationToken, CancellationToken) {
        let mut state = self.lock();
        state.run = run.clone();
        (state.requests, state.news, state.last) = (0, 0, None);
        state.served.clear();
        state.furthest.clear();
        (state.stop, state.kill) = (CancellationToken::new(), CancellationToken::new());
        (state.stop.clone(), state.kill.clone())
    }

    /// The run reports progress.
    pub(super) fn on_progress(&self) {
        let mut state = self.lock();
        state.news += 1;
        if state.run.stop == Some(Stop::AtNews(state.news)) {
            state.stop.cancel();
        }
    }

    fn play(&self, ask: &PageRequest, clock: &Clock) -> Play {
        self.clock.pass(ANSWER);
        let mut state = self.lock();
        state.requests += 1;
        let number = state.requests;
        let now = clock.now();
        let run = state.run.clone();
        for (_, change) in run.during.iter().filter(|(at, _)| *at == number) {
            state.world.change(*change, now);
        }
        match run.stop {
            Some(Stop::At(at)) if at == number => {
                state.stop.cancel();
                return Play::Never;
            }
            Some(Stop::KillAt(at)) if at == number => {
                state.kill.cancel();
                return Play::Never;
            }
            _ => {}
        }
        let odd = run.odd.iter().find(|(at, _)| *at == number);
        state.respond(ask, number, odd.map(|(_, odd)| *odd), now)
    }
}

impl ScriptState {
    fn respond(
        &mut self,
        ask: &PageRequest,
        number: u32,
        odd: Option<Odd>,
        now: jiff::Timestamp,
    ) -> Play {
        let (path, verbatim) = ask.path.split_once('?').unwrap_or((&ask.path, ""));
        let mut parameters = ask.query.clone();
        parameters.extend(verbatim.split('&').filter_map(|part| {
            let (name, value) = part.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        }));
        let Some(request) = Request::of(path, &parameters) else {
            return Play::Fail(HttpErrorKind::Missing(404, None));
        };
        if let List::Marks(user) = request.list
            && !self.world.now().iter().any(|row| row.key == user)
        {
            let goes_on = self.world.vendor.style == Style::Watermark && request.since.is_some();
            if request.is_first() && !goes_on {
                self.served.retain(|page| page.list != request.list); // what was read of it before was for nothing
            }
            return Play::Fail(HttpErrorKind::Missing(404, None));
        }
        let mut answer = match (&self.last, odd) {
            (Some(last), Some(Odd::SamePage)) if !request.is_first() => last.clone(),
            _ => self.world.answer(&request, number, odd),
        };
        match odd {
            Some(Odd::Empty) => (answer.rows, answer.next) = (Vec::new(), None),
            Some(Odd::EmptyWithNext) => answer.rows.clear(),
            Some(Odd::NoNext) => answer.next = None,
            _ => {}
        }
        let vendor_skips = self.world.vendor.style == Style::Offset;
        let has_rows = !matches!(
            odd,
            Some(Odd::NoContent | Odd::Down | Odd::Cut | Odd::WebPage)
        );
        // The walk by change time continues with a time of its own.
        let goes_on = self.world.vendor.style == Style::Watermark && request.since.is_some();
        let mut walks = self.served.iter();
        let begun = walks.rfind(|page| page.list == request.list && page.first);
        // The same time once more is a second look.
        let goes_on = goes_on && begun.is_some_and(|page| page.since != request.since);
        let (first, full) = match begun {
            Some(before) if goes_on => (false, before.full),
            _ => (request.is_first(), request.since.is_none()),
        };
        let furthest = self.furthest.entry(request.list).or_default();
        let offset = request.offset.unwrap_or(0);
        if request.is_first() {
            *furthest = 0;
        }
        let looks_back = vendor_skips && offset < *furthest;
        if !looks_back && has_rows {
            *furthest = offset + answer.rows.len() as u64;
        }
        self.served.push(Served {
            looks_back,
            since: request.since,
            list: request.list,
            first,
            full,
            rows: if has_rows {
                answer.rows.clone()
            } else {
                Vec::new()
            },
            total: has_rows.then_some(answer.total).flatten(),
            // A page that leads nowhere has nothing that cannot be understood.
            odd: odd.filter(|odd| *odd != Odd::BadNext || answer.next.is_some()),
        });
        if odd == Some(Odd::Down) {
            return Play::Fail(HttpErrorKind::Unavailable(500, None));
        }
        let reply = self.reply(&request, &answer, odd, now);
        if has_rows {
            self.last = Some(answer);
        }
        Play::Reply(reply)
    }

    fn reply(
        &self,
        request: &Request,
        answer: &VendorAnswer,
        odd: Option<Odd>,
        now: jiff::Timestamp,
    ) -> Reply {
        let vendor = &self.world.vendor;
        let mut headers = HeaderMap::new();
        let mut body = serde_json::Map::new();
        let rows: Vec<_> = answer.rows.iter().map(json).collect();
        body.insert("rows".into(), rows.into());
        if let Some(total) = answer.total {
            if vendor.total_in_header {
                headers.insert(HeaderName::from_static("x-total-count"), total.into());
            } else {
                body.insert("total".into(), total.into());
            }
        }
        match (vendor.style, &answer.next) {
            (Style::Link(_), Some(next)) => {
                let link = link(request, next, odd);
                if let Ok(link) = HeaderValue::from_str(&link) {
                    headers.insert(HeaderName::from_static("link"), link);
                }
            }
            (Style::Cursor(_), Some(next)) => {
                let next = match odd {
                    Some(Odd::BadNext) => serde_json::json!({"to": next}),
                    _ => next.as_str().into(),
                };
                body.insert("next".into(), next);
            }
            _ => {}
        }
        let mut body = serde_json::Value::Object(body).to_string().into_bytes();
        let mut status = 200;
        match odd {
            Some(Odd::NoContent) => (status, body) = (204, Vec::new()),
            Some(Odd::Cut) => body.truncate(body.len() / 2),
            Some(Odd::WebPage) => body = b"<html>maintenance</html>".to_vec(),
            _ => {}
        }
        Reply {
            status,
            redirected: false,
            headers: Headers::from(headers),
            date: vendor.date.then_some(now),
            body,
        }
    }
}

/// The header that leads to the next page.
fn link(request: &Request, next: &str, odd: Option<Odd>) -> String {
    if odd == Some(Odd::BadNext) {
        return "next page: see the manual".to_owned();
    }
    let path = match request.list {
        List::Users => "/users".to_owned(),
        List::Notes => "/notes".to_owned(),
        List::Marks(user) => format!("/users/{user:04}/marks"),
    };
    let limit = request.limit.unwrap_or(0);
    let since = request
        .since
        .map_or(String::new(), |since| format!("&since={since}"));
    format!("<{BASE}{path}?limit={limit}&cursor={next}{since}>; rel=\"next\"")
}

impl PageClient for Script {
    fn get<'a>(
        &'a self,
        ask: &'a PageRequest,
        _: &'a RunBudget,
        decode: Decode<Batch>,
    ) -> BoxFuture<'a, Result<Batch, HttpError>> {
        async move {
            match self.play(ask, &self.clock.clock()) {
                Play::Reply(reply) => decode.whole(&reply).map_err(|bad| {
                    failed(
                        HttpErrorKind::UnexpectedResponse(reply.status, bad),
                        &ask.what,
                    )
                }),
                Play::Fail(kind) => Err(failed(kind, &ask.what)),
                Play::Never => std::future::pending().await,
            }
        }
        .boxed()
    }

    fn follow(&self, link: &str, what: String) -> Result<PageRequest, HttpError> {
        let Some(path) = link.strip_prefix(BASE) else {
            return Err(failed(HttpErrorKind::OutsideBaseUrl, &what));
        };
        Ok(PageRequest {
            path: path.to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            what,
            effort: Effort::USUAL,
        })
    }
}

fn failed(kind: HttpErrorKind, what: &str) -> HttpError {
    kind.at(format!("read {what}"), "vendor.test")
}

/// A script that the engine and the scenario share.
pub(super) type SharedScript = Arc<Script>;
