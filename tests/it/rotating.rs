//! A token server that rotates on every use and detects reuse, with one list to read; it can block at each step.
//!
//! Written by hand, without shared code. Token `n` is valid once; using it again ends the whole
//! grant, unless the server has a grace period. The surprise: it waits for as many readers as the test requests before
//! it refuses their expired token, so that they race.

use std::io::{BufReader, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::server::WAIT_LIMIT;
use crate::wire::{HttpResponse, Port, Request, Served, read_request};

/// Where the server blocks until the test releases it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The token request was received; nothing is rotated yet.
    BeforeRotating,
    /// The token is rotated, the response is not sent.
    BeforeAnswering,
    /// The response is sent; the server does not block here, it only reports the step.
    Answered,
    /// The new token was received with its first page request.
    BeforeFirstPage,
}

/// What happens to a token that was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// All tokens of the grant are revoked.
    EndsAll,
    /// The previous one is accepted again, as at servers with a grace period; older ones end the grant.
    Forgiven,
}

struct State {
    /// The number of the current refresh token.
    current: u32,
    alive: bool,
    /// The access token is expired, until a new one is issued.
    expired: bool,
    /// Numbers of the received refresh tokens, and whether they were accepted.
    requests: Vec<(Option<u32>, bool)>,
    hold: Option<Step>,
    holding: bool,
    released: bool,
    /// The blocked request is dropped.
    given_up: bool,
    /// So many readers receive the refusal of their token together.
    together: usize,
    messages: usize,
    rows: Vec<Value>,
}

struct Shared {
    origin: String,
    reuse: Reuse,
    state: Mutex<State>,
    changed: Condvar,
}

/// The server, up until it is dropped.
pub struct Rotating(
    Arc<Shared>,
    #[expect(dead_code, reason = "kept for its end")] Served,
);

/// The refresh token of this number.
pub fn refresh_token(number: u32) -> String {
    format!("refresh-{number}-{}", "r7".repeat(20))
}

fn access_token(number: u32) -> String {
    format!("access-{number}-{}", "k9".repeat(20))
}

impl Rotating {
    /// A server with the first refresh token number 0.
    pub fn start(reuse: Reuse, rows: Vec<Value>) -> Self {
        let port = Port::open();
        let shared = Arc::new(Shared {
            origin: port.origin(),
            reuse,
            state: Mutex::new(State {
                current: 0,
                alive: true,
                expired: true,
                requests: Vec::new(),
                hold: None,
                holding: false,
                released: false,
                given_up: false,
                together: 1,
                messages: 0,
                rows,
            }),
            changed: Condvar::new(),
        });
        let for_all = Arc::clone(&shared);
        let served = port.serve(move |stream| for_all.serve(stream));
        Self(shared, served)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> &str {
        &self.0.origin
    }

    /// Expires the access token; `together` readers receive the refusal at once.
    pub fn expire(&self, together: usize) {
        let mut state = self.0.state();
        (state.expired, state.together, state.messages) = (true, together, 0);
    }

    /// Blocks at this step of the next rotation.
    pub fn hold(&self, time: Step) {
        let mut state = self.0.state();
        (state.hold, state.holding, state.released) = (Some(time), false, false);
        state.given_up = false;
    }

    /// Waits until it blocks.
    pub fn until_blocked(&self) {
        let (state, waited) = self
            .0
            .changed
            .wait_timeout_while(self.0.state(), WAIT_LIMIT, |state| !state.holding)
            .unwrap_or_else(PoisonError::into_inner);
        drop(state);
        assert!(!waited.timed_out(), "no token was requested");
    }

    /// Continues.
    pub fn release(&self) {
        self.0.state().released = true;
        self.0.changed.notify_all();
    }

    /// Continues without the blocked request, as a server does after its client disconnected; or without the answer, as a gateway does
    /// that gave up.
    pub fn drop_blocked(&self) {
        self.0.state().given_up = true;
        self.release();
        let state = self.0.state();
        let given_up = |state: &mut State| state.given_up;
        drop(
            self.0
                .changed
                .wait_timeout_while(state, WAIT_LIMIT, given_up),
        );
    }

    /// The numbers of the tokens received since the last call, and whether they were accepted.
    pub fn token_requests(&self) -> Vec<(Option<u32>, bool)> {
        std::mem::take(&mut self.0.state().requests)
    }

    /// The rows from now on.
    pub fn set_rows(&self, rows: Vec<Value>) {
        self.0.state().rows = rows;
    }

    /// Whether any token is still valid.
    pub fn is_alive(&self) -> bool {
        self.0.state().alive
    }
}

impl Drop for Rotating {
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
            let mut answer = if request.path == "/token" {
                self.token(&request)
            } else {
                self.page(&request)
            };
            let json = ("content-type".into(), "application/json".into());
            answer.headers.push(json);
            if writer.write_all(&answer.wire()).is_err() {
                break;
            }
            if request.path == "/token" {
                self.reached(Step::Answered);
            }
        }
        let _ = writer.shutdown(Shutdown::Both);
    }

    fn token(&self, request: &Request) -> HttpResponse {
        let mut state = self.block_at(self.state(), Step::BeforeRotating);
        if std::mem::take(&mut state.given_up) {
            self.changed.notify_all();
            return HttpResponse::new(503, "{}");
        }
        let newest = state.current;
        let sent = (0..=newest).find(|number| request.body.contains(&refresh_token(*number)));
        let good = match sent {
            Some(number) if number == newest => true,
            Some(number) => self.reuse == Reuse::Forgiven && number + 1 == newest,
            None => false,
        };
        state.alive &= good;
        let taken = state.alive;
        state.requests.push((sent, taken));
        if !taken {
            return HttpResponse::new(400, json!({"error": "invalid_grant"}).to_string());
        }
        state.current += 1;
        (state.expired, state.messages) = (false, 0);
        let number = state.current;
        let mut state = self.block_at(state, Step::BeforeAnswering);
        if std::mem::take(&mut state.given_up) {
            self.changed.notify_all();
            return HttpResponse::new(502, "{}");
        }
        drop(state);
        HttpResponse::new(
            200,
            json!({
                "access_token": access_token(number),
                "refresh_token": refresh_token(number),
                "token_type": "Bearer",
                "expires_in": 3600,
            })
            .to_string(),
        )
    }

    fn page(&self, request: &Request) -> HttpResponse {
        let mut state = self.state();
        let bearer = format!("Bearer {}", access_token(state.current));
        let is_newest = request.headers.get("authorization") == Some(&bearer);
        if !state.alive || !is_newest || state.expired {
            state.messages += 1;
            self.changed.notify_all();
            let waiting = |state: &mut State| state.expired && state.messages < state.together;
            drop(self.changed.wait_timeout_while(state, WAIT_LIMIT, waiting));
            return HttpResponse::new(401, json!({"error": "invalid_token"}).to_string());
        }
        let state = self.block_at(state, Step::BeforeFirstPage);
        let number = |name: &str| request.query.get(name).and_then(|text| text.parse().ok());
        let (offset, limit) = (
            number("offset").unwrap_or(0),
            number("limit").unwrap_or(100),
        );
        let rows: Vec<&Value> = state.rows.iter().skip(offset).take(limit).collect();
        let mut answer = HttpResponse::new(200, json!({"users": rows}).to_string());
        let total = state.rows.len().to_string();
        answer.headers.push(("x-total-count".into(), total));
        answer
    }

    fn reached(&self, time: Step) {
        let mut state = self.state();
        if state.hold == Some(time) {
            (state.hold, state.holding) = (None, true);
            self.changed.notify_all();
        }
    }

    fn block_at<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        time: Step,
    ) -> MutexGuard<'a, State> {
        if state.hold != Some(time) {
            return state;
        }
        state.hold = None;
        state.holding = true;
        self.changed.notify_all();
        self.changed
            .wait_timeout_while(state, WAIT_LIMIT, |state| !state.released)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}
