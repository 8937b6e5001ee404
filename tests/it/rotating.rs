//! A token server that rotates at every use and notices re-use, with one list to read; it can stand still at each step.
//!
//! Written by hand and shared with nothing. Token `n` is good once; one that was used before ends the whole
//! family, unless the server has a grace. The surprise: it waits for as many readers as the test says before
//! it tells them that their token is over, so that they race.

use std::io::{BufReader, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::server::PATIENCE;
use crate::wire::{Answer, Port, Request, Served, read_request};

/// Where the server stands still until the test lets it go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The token request has come; nothing is rotated yet.
    BeforeRotating,
    /// The token is rotated, the answer is not sent.
    BeforeAnswering,
    /// The answer is sent; the server does not stand still here, it only says so.
    Answered,
    /// The new token has come with its first page request.
    BeforeFirstPage,
}

/// What happens to a token that was used once already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// All tokens of the family die.
    EndsAll,
    /// The last one is taken again, as servers with a grace period do; older ones end all.
    Forgiven,
}

struct State {
    /// The number of the refresh token that is good now.
    current: u32,
    alive: bool,
    /// The access token is over, until there is a new one.
    expired: bool,
    /// Numbers of the refresh tokens that were sent, and whether they were taken.
    asked: Vec<(Option<u32>, bool)>,
    hold: Option<Moment>,
    holding: bool,
    released: bool,
    /// The request that is held comes to nothing.
    given_up: bool,
    /// So many readers are told together that their token is over.
    together: usize,
    told: usize,
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
    /// A server whose first refresh token has the number 0.
    pub fn start(reuse: Reuse, rows: Vec<Value>) -> Self {
        let port = Port::open();
        let shared = Arc::new(Shared {
            origin: port.origin(),
            reuse,
            state: Mutex::new(State {
                current: 0,
                alive: true,
                expired: true,
                asked: Vec::new(),
                hold: None,
                holding: false,
                released: false,
                given_up: false,
                together: 1,
                told: 0,
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

    /// The access token is over; so many readers are told together.
    pub fn expire(&self, together: usize) {
        let mut state = self.0.state();
        (state.expired, state.together, state.told) = (true, together, 0);
    }

    /// Stands still at this moment of the next rotation.
    pub fn hold(&self, moment: Moment) {
        let mut state = self.0.state();
        (state.hold, state.holding, state.released) = (Some(moment), false, false);
        state.given_up = false;
    }

    /// Waits until it stands still.
    pub fn until_it_holds(&self) {
        let (state, waited) = self
            .0
            .changed
            .wait_timeout_while(self.0.state(), PATIENCE, |state| !state.holding)
            .unwrap_or_else(PoisonError::into_inner);
        drop(state);
        assert!(!waited.timed_out(), "nobody asked for a token");
    }

    /// Goes on.
    pub fn release(&self) {
        self.0.state().released = true;
        self.0.changed.notify_all();
    }

    /// Goes on without the request that it held, as a server does whose client hung up in time.
    pub fn give_up(&self) {
        self.0.state().given_up = true;
        self.release();
        let state = self.0.state();
        let given_up = |state: &mut State| state.given_up;
        drop(self.0.changed.wait_timeout_while(state, PATIENCE, given_up));
    }

    /// The numbers of the tokens that were sent since the last look, and whether they were taken.
    pub fn asked(&self) -> Vec<(Option<u32>, bool)> {
        std::mem::take(&mut self.0.state().asked)
    }

    /// Whether any token is still good.
    pub fn is_alive(&self) -> bool {
        self.0.state().alive
    }
}

impl Drop for Rotating {
    fn drop(&mut self) {
        self.release(); // who stands still
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
                self.say(Moment::Answered);
            }
        }
        let _ = writer.shutdown(Shutdown::Both);
    }

    fn token(&self, request: &Request) -> Answer {
        let mut state = self.stand_still(self.state(), Moment::BeforeRotating);
        if std::mem::take(&mut state.given_up) {
            self.changed.notify_all();
            return Answer::new(503, "{}");
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
        state.asked.push((sent, taken));
        if !taken {
            return Answer::new(400, json!({"error": "invalid_grant"}).to_string());
        }
        state.current += 1;
        (state.expired, state.told) = (false, 0);
        let number = state.current;
        drop(self.stand_still(state, Moment::BeforeAnswering));
        Answer::new(
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

    fn page(&self, request: &Request) -> Answer {
        let mut state = self.state();
        let bearer = format!("Bearer {}", access_token(state.current));
        let is_newest = request.headers.get("authorization") == Some(&bearer);
        if !state.alive || !is_newest || state.expired {
            state.told += 1;
            self.changed.notify_all();
            let waiting = |state: &mut State| state.expired && state.told < state.together;
            drop(self.changed.wait_timeout_while(state, PATIENCE, waiting));
            return Answer::new(401, json!({"error": "invalid_token"}).to_string());
        }
        let state = self.stand_still(state, Moment::BeforeFirstPage);
        let number = |name: &str| request.query.get(name).and_then(|text| text.parse().ok());
        let (offset, limit) = (
            number("offset").unwrap_or(0),
            number("limit").unwrap_or(100),
        );
        let rows: Vec<&Value> = state.rows.iter().skip(offset).take(limit).collect();
        let mut answer = Answer::new(200, json!({"users": rows}).to_string());
        let total = state.rows.len().to_string();
        answer.headers.push(("x-total-count".into(), total));
        answer
    }

    fn say(&self, moment: Moment) {
        let mut state = self.state();
        if state.hold == Some(moment) {
            (state.hold, state.holding) = (None, true);
            self.changed.notify_all();
        }
    }

    fn stand_still<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        moment: Moment,
    ) -> MutexGuard<'a, State> {
        if state.hold != Some(moment) {
            return state;
        }
        state.hold = None;
        state.holding = true;
        self.changed.notify_all();
        self.changed
            .wait_timeout_while(state, PATIENCE, |state| !state.released)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}
