//! A small OneRoster vendor over plain sockets: lists, tokens, totals, links, and scripted faults.
//!
//! Written by hand, so that it can send responses that no correct server would. Its log has every
//! request and its time. The surprise: it has no clock; a script decides by the number of the request.

use std::collections::BTreeMap;
use std::io::{BufReader, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::paging::List;
pub use crate::paging::{Fault, LoggedRequest, Paging, VendorRequest};
use crate::wire::{HttpResponse, Port, Request, Served, read_request};

/// The limit of every wait for a state.
pub const WAIT_LIMIT: Duration = Duration::from_secs(60);

type Script = Box<dyn Fn(&VendorRequest<'_>) -> Option<Fault> + Send>;

struct State {
    lists: BTreeMap<String, List>,
    script: Script,
    requests: BTreeMap<String, u32>,
    log: Vec<LoggedRequest>,
    /// Data requests that a token is valid for.
    token_lasts: Option<u32>,
    tokens: u32,
    uses: u32,
    /// Every secret sent or received, for `Echo`.
    secrets: Vec<String>,
    refuse_tokens: Option<u16>,
    /// What the token endpoint sends in place of a token.
    token_answer: Option<(u16, &'static str)>,
    hold_tokens: bool,
    unconfirmed: u32,
    released: bool,
}

struct Shared {
    paging: Paging,
    origin: String,
    state: Mutex<State>,
    changed: Condvar,
}

/// The vendor, up until it is dropped.
pub struct Server {
    shared: Arc<Shared>,
    _served: Served,
}

impl Server {
    /// A vendor with these lists.
    pub fn start(
        paging: Paging,
        lists: impl IntoIterator<Item = (&'static str, Vec<Value>)>,
    ) -> Self {
        let port = Port::open();
        let origin = port.origin();
        let state = State {
            lists: lists
                .into_iter()
                .map(|(name, rows)| (name.to_owned(), List::of(rows)))
                .collect(),
            script: Box::new(|_| None),
            requests: BTreeMap::new(),
            log: Vec::new(),
            token_lasts: None,
            tokens: 0,
            uses: 0,
            secrets: Vec::new(),
            refuse_tokens: None,
            token_answer: None,
            hold_tokens: false,
            unconfirmed: 0,
            released: false,
        };
        let shared = Arc::new(Shared {
            paging,
            origin,
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let for_all = Arc::clone(&shared);
        let served = port.serve(move |stream| for_all.serve(stream));
        Self {
            shared,
            _served: served,
        }
    }

    /// A vendor with users only.
    pub fn of_users(paging: Paging, users: Vec<Value>) -> Self {
        Self::start(paging, [("users", users)])
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> &str {
        &self.shared.origin
    }

    /// How it pages.
    pub fn paging(&self) -> Paging {
        self.shared.paging
    }

    /// Changes a list.
    pub fn edit(&self, list: &str, change: impl FnOnce(&mut Vec<Value>)) {
        let mut state = self.shared.state();
        let mut rows = std::mem::take(state.lists.entry(list.to_owned()).or_default()).rows;
        change(&mut rows);
        state.lists.insert(list.to_owned(), List::of(rows));
    }

    /// Sets the faults from now on; restarts the request counts.
    pub fn script(&self, script: impl Fn(&VendorRequest<'_>) -> Option<Fault> + Send + 'static) {
        let mut state = self.shared.state();
        state.script = Box::new(script);
        state.requests.clear();
        (state.unconfirmed, state.released) = (0, false);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.script(|_| None);
    }

    /// Limits a token to this many data requests.
    pub fn token_lasts(&self, requests: u32) {
        self.shared.state().token_lasts = Some(requests);
    }

    /// The token endpoint responds with this status and repeats what it received.
    pub fn refuse_tokens(&self, status: u16) {
        self.shared.state().refuse_tokens = Some(status);
    }

    /// The token endpoint responds with this status and body.
    pub fn answer_tokens(&self, status: u16, body: &'static str) {
        self.shared.state().token_answer = Some((status, body));
    }

    /// The token endpoint issues tokens again.
    pub fn issue_tokens(&self) {
        let mut state = self.shared.state();
        (state.refuse_tokens, state.token_answer) = (None, None);
    }

    /// Holds token requests until everything is released.
    pub fn hold_tokens(&self) {
        self.shared.state().hold_tokens = true;
    }

    /// Waits until `Fault::Wait` holds a request.
    pub fn until_a_request_is_held(&self) {
        let state = self.shared.state();
        let waited = self
            .shared
            .changed
            .wait_timeout_while(state, WAIT_LIMIT, |state| state.unconfirmed == 0)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.1.timed_out(), "the held page was not requested");
    }

    /// Waits until a request was answered.
    pub fn until_a_request_was_answered(&self) {
        let state = self.shared.state();
        let is_silent = |state: &mut State| state.log.iter().all(|seen| seen.path == "/token");
        let waited = self
            .shared
            .changed
            .wait_timeout_while(state, WAIT_LIMIT, is_silent)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.1.timed_out(), "no request was received");
    }

    /// Sends the held responses, and holds no further ones.
    pub fn release(&self) {
        self.shared.state().released = true;
        self.shared.changed.notify_all();
    }

    /// The log of the data requests.
    pub fn log(&self) -> Vec<LoggedRequest> {
        let state = self.shared.state();
        state
            .log
            .iter()
            .filter(|seen| seen.path != "/token")
            .cloned()
            .collect()
    }

    /// Every secret between the vendor and its client so far.
    pub fn secrets(&self) -> Vec<String> {
        self.shared.state().secrets.clone()
    }

    /// Number of issued tokens.
    pub fn tokens(&self) -> u32 {
        self.shared.state().tokens
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.release(); // a blocked thread
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let Ok(mut writer) = stream.try_clone() else {
            return;
        };
        let mut reader = BufReader::new(stream);
        while let Some(request) = read_request(&mut reader) {
            let received = Instant::now();
            let answer = self.answer(&request);
            let seen = LoggedRequest {
                path: request.path,
                query: request.query,
                status: answer.status,
                received,
                answered: Instant::now(),
            };
            self.state().log.push(seen);
            self.changed.notify_all();
            if writer.write_all(&answer.wire()).is_err() {
                return;
            }
        }
    }

    fn answer(&self, request: &Request) -> HttpResponse {
        if request.path == "/token" {
            return self.token(request);
        }
        assert_eq!(request.method, "GET", "nothing but a GET may be sent");
        let list = request
            .path
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        let number = |name: &str| request.query.get(name).and_then(|text| text.parse().ok());
        let (offset, limit) = (
            number("offset").unwrap_or(0),
            number("limit").unwrap_or(100),
        );
        let mut state = self.state();
        if !state.is_valid(request) {
            return HttpResponse::new(401, json!({"error": "invalid_token"}).to_string());
        }
        let nth = state.requests.entry(list.clone()).or_default();
        *nth += 1;
        let list_request = VendorRequest {
            list: &list,
            nth: *nth,
            offset,
        };
        let fault = (state.script)(&list_request);
        if matches!(fault, Some(Fault::Wait)) {
            state = self.hold(state);
        }
        let Some(rows) = state.lists.get(&list) else {
            return HttpResponse::new(404, "{}");
        };
        match fault {
            Some(Fault::Status(status)) => {
                let mut answer = HttpResponse::new(status, "{}");
                // A 403 that asks to wait is throttling.
                if status != 403 {
                    answer.headers = vec![("retry-after".into(), "1".into())];
                }
                return answer;
            }
            Some(Fault::Later(seconds)) => {
                let mut answer = HttpResponse::new(429, "{}");
                answer.headers = vec![("retry-after".into(), seconds.to_string())];
                return answer;
            }
            Some(Fault::Echo(status)) => return echo(status, &state.secrets),
            _ => {}
        }
        let filter = request.query.get("filter");
        let rows = rows.filtered(filter);
        let mut answer = self.page(&list, &rows, (offset, limit), fault.as_ref());
        let next = offset + limit;
        if self.paging == Paging::Linked && next < rows.len() {
            let filter = filter
                .map(|filter| {
                    format!(
                        "&filter={}",
                        filter.replace('>', "%3E").replace('\'', "%27")
                    )
                })
                .unwrap_or_default();
            let link = format!(
                "<{}/v1p1/{list}?offset={next}&limit={limit}{filter}>; rel=\"next\"",
                self.origin
            );
            answer.headers.push(("link".into(), link));
        }
        answer
    }

    /// Holds a request until everything is released.
    fn hold<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.unconfirmed += 1;
        self.changed.notify_all();
        self.changed
            .wait_timeout_while(state, WAIT_LIMIT, |state| !state.released)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    fn page(
        &self,
        list: &str,
        rows: &[&str],
        at: (usize, usize),
        fault: Option<&Fault>,
    ) -> HttpResponse {
        let mut page: Vec<&str> = rows.iter().skip(at.0).take(at.1).copied().collect();
        let mut total = rows.len();
        match fault {
            Some(Fault::Half) => page.truncate(page.len() / 2),
            Some(Fault::Empty) => page.clear(),
            Some(Fault::Duplicate) => page.extend(page.first().copied()),
            Some(Fault::Total(wrong)) => total = *wrong,
            _ => {}
        }
        let size = match self.paging {
            Paging::TotalInBody => format!("\"total\":{total},"),
            _ => String::new(),
        };
        let body = format!("{{{size}\"{list}\":[{}]}}", page.join(","));
        let mut answer = HttpResponse::new(200, body);
        answer
            .headers
            .push(("content-type".into(), "application/json".into()));
        if matches!(self.paging, Paging::TotalInHeader | Paging::Linked) {
            answer
                .headers
                .push(("x-total-count".into(), total.to_string()));
        }
        answer
    }

    fn token(&self, request: &Request) -> HttpResponse {
        let mut state = self.state();
        state
            .secrets
            .extend(request.headers.get("authorization").cloned());
        state.secrets.push(request.body.clone());
        if state.hold_tokens {
            state = self.hold(state);
        }
        if let Some((status, body)) = state.token_answer {
            return HttpResponse::new(status, body);
        }
        if let Some(status) = state.refuse_tokens {
            return echo(status, &state.secrets);
        }
        state.tokens += 1;
        state.uses = 0;
        let token = format!("access-{}-{}", state.tokens, "k9".repeat(20));
        state.secrets.push(token.clone());
        let mut given = json!({"access_token": token, "token_type": "Bearer", "expires_in": 3600});
        if request.body.contains("refresh_token") {
            let refresh = format!("refresh-{}-{}", state.tokens, "r7".repeat(20));
            given["refresh_token"] = json!(refresh);
            state.secrets.push(refresh);
        }
        let mut answer = HttpResponse::new(200, given.to_string());
        answer
            .headers
            .push(("content-type".into(), "application/json".into()));
        answer
    }
}

impl State {
    fn is_valid(&mut self, request: &Request) -> bool {
        if let Some(key) = request.headers.get("x-api-key") {
            self.secrets.push(key.clone());
            return true;
        }
        let newest = format!("Bearer access-{}-{}", self.tokens, "k9".repeat(20));
        let spent = self.token_lasts.is_some_and(|lasts| self.uses >= lasts);
        self.uses += 1;
        !spent && request.headers.get("authorization") == Some(&newest)
    }
}

fn echo(status: u16, secrets: &[String]) -> HttpResponse {
    let all = secrets.join(" ");
    let body = json!({"error": all.clone(), "error_description": all.clone(), "message": all.clone(), "code": all});
    let mut answer = HttpResponse::new(status, body.to_string());
    let last = secrets.last().cloned().unwrap_or_default();
    answer.headers = vec![
        ("content-type".into(), "application/json".into()),
        (
            "www-authenticate".into(),
            format!("Bearer realm=\"{last}\", error=\"{last}\""),
        ),
        (
            "location".into(),
            format!("http://127.0.0.1:9/?token={last}"),
        ),
        ("x-echo".into(), last),
    ];
    answer
}
