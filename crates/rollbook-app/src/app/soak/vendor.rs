//! The vendors: lists, accounts, faults, and the responses to requests; and the receiver of alerts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::Response as HttpResponse;
use fastrand::Rng;
use futures_util::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Request, Response};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::school::{ALERTS, SOURCES, STYLES, SignIn, Style, host};
use rollbook_core::clock::PausedClock;
use rollbook_http::http::scripted::Answer;
use rollbook_http::http::{HttpErrorKind, Unreachable};

/// What a source or a list returns instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Refused,
    Silent,
    Cut,
    Status(u16),
    WebPage,
    /// 429, with `Retry-After` in seconds.
    TooMany(Option<u32>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VendorRow {
    pub name: String,
    pub changed: Timestamp,
}

/// A list of a vendor.
pub(super) struct List {
    pub rows: BTreeMap<u32, VendorRow>,
    next: u32,
    pub fault: Option<Fault>,
    /// Rows that are not listed, for no reason.
    pub hidden: BTreeSet<u32>,
    /// When it was last changed, or its fault or half.
    pub touched: Timestamp,
}

/// A vendor's side of the sign-in.
#[derive(Default)]
pub(super) struct Account {
    /// Client secrets or passwords that are accepted.
    pub secrets: Vec<String>,
    /// The refresh token that is accepted, and the one before it.
    refresh: Option<String>,
    previous: Option<String>,
    code: Option<String>,
    tokens: VecDeque<(String, Timestamp)>,
    issued: u64,
}

impl Account {
    fn fresh(&mut self, what: &str) -> String {
        self.issued += 1;
        format!("{what}-{}-{}", self.issued, "k7".repeat(12))
    }

    fn issue(&mut self, now: Timestamp, with_refresh: bool) -> Value {
        let access = self.fresh("access");
        self.tokens
            .push_back((access.clone(), now + SignedDuration::from_secs(3600)));
        while self.tokens.len() > 20 {
            self.tokens.pop_front();
        }
        let mut response =
            json!({ "access_token": access, "token_type": "Bearer", "expires_in": 3600 });
        if with_refresh {
            let refresh = self.fresh("refresh");
            self.previous = self.refresh.replace(refresh.clone());
            response["refresh_token"] = refresh.into();
        }
        response
    }

    /// Ends every token.
    pub(super) fn revoke(&mut self) {
        self.tokens.clear();
        (self.refresh, self.previous) = (None, None);
    }

    /// A secret that is accepted from now on.
    pub(super) fn new_secret(&mut self) -> String {
        let secret = self.fresh("secret");
        self.secrets.push(secret.clone());
        secret
    }

    /// A refresh token that a person obtained.
    pub(super) fn new_seed(&mut self) -> String {
        let seed = self.fresh("seed");
        (self.refresh, self.previous) = (Some(seed.clone()), None);
        seed
    }

    /// The code at the end of a sign-in by browser.
    pub(super) fn new_code(&mut self) -> String {
        let code = self.fresh("code");
        self.code = Some(code.clone());
        code
    }
}

/// Requests of an hour or a day, and the most so far.
#[derive(Default)]
pub(super) struct Count {
    at: i64,
    now: u32,
    pub most: u32,
}

impl Count {
    fn add(&mut self, at: i64) {
        if self.at != at {
            (self.at, self.now) = (at, 0);
        }
        self.now += 1;
        self.most = self.most.max(self.now);
    }
}

#[derive(Default)]
pub(super) struct Counts {
    pub total: u64,
    /// Requests of lists.
    pub hour: Count,
    pub day: Count,
    /// Those that a fault of the whole source answered.
    pub outage_hour: Count,
    pub outage_day: Count,
    pub token_hour: Count,
    pub token_day: Count,
    pub wrong_passwords: Vec<WrongPassword>,
}

/// A password that was refused.
pub(super) struct WrongPassword {
    pub at: Timestamp,
    password: String,
    /// The first time that this one was sent, and the program was killed before it could know the response.
    pub is_unknown: bool,
}

pub(super) struct Vendor {
    pub lists: Vec<List>,
    pub fault: Option<Fault>,
    /// What the token endpoint returns instead.
    pub token_fault: Option<TokenFault>,
    pub account: Account,
    pub counts: Counts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenFault {
    /// Everything is refused as by a standard server.
    Refuses,
    Status(u16),
    WebPage,
    /// It issues a token, and the response is lost.
    Loses,
}

/// An alert that was received.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub at: Timestamp,
    pub kind: String,
    /// The job; empty if it is about a source.
    pub job: String,
    pub source: String,
    pub text: String,
}

pub(super) struct World {
    pub clock: PausedClock,
    rng: Rng,
    pub vendors: Vec<Vendor>,
    pub alerts: Vec<Received>,
    /// Alerts cannot be received.
    pub is_deaf: bool,
    pub in_flight: usize,
    /// The program is killed at the request that this counts down to.
    pub kill: Option<(u32, CancellationToken)>,
}

#[derive(Clone)]
pub(super) struct SharedWorld(Arc<Mutex<World>>);

impl SharedWorld {
    pub(super) fn new(seed: u64, clock: PausedClock) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0x50AC);
        let now = clock.truth();
        let vendors = SOURCES.iter().map(|_| Vendor {
            lists: STYLES
                .iter()
                .map(|_| {
                    let mut list = List {
                        rows: BTreeMap::new(),
                        next: 1,
                        fault: None,
                        hidden: BTreeSet::new(),
                        touched: now,
                    };
                    (0..rng.u32(28..34)).for_each(|_| list.join(now));
                    list
                })
                .collect(),
            fault: None,
            token_fault: None,
            account: Account::default(),
            counts: Counts::default(),
        });
        let vendors = vendors.collect();
        Self(Arc::new(Mutex::new(World {
            clock,
            rng,
            vendors,
            alerts: Vec::new(),
            is_deaf: false,
            in_flight: 0,
            kill: None,
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request; the transport of the soak.
    pub(super) fn answer(&self, request: &Request) -> Answer {
        let (answer, latency, clock) = {
            let mut world = self.lock();
            world.in_flight += 1;
            let latency = Duration::from_millis(world.rng.u64(20..400));
            (world.answer(request), latency, world.clock.clone())
        };
        let guard = InFlight(self.clone());
        async move {
            let _guard = guard;
            clock.clock().sleep(latency).await;
            match answer {
                Reaction::Reply(status, headers, body) => Ok(response(status, &headers, body)),
                Reaction::Fails(kind) => Err(kind),
                Reaction::Silence => std::future::pending().await,
            }
        }
        .boxed()
    }
}

struct InFlight(SharedWorld);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.lock().in_flight -= 1;
    }
}

enum Reaction {
    Reply(u16, Vec<(&'static str, String)>, Vec<u8>),
    Fails(HttpErrorKind),
    Silence,
}

fn response(status: u16, headers: &[(&'static str, String)], body: Vec<u8>) -> Response {
    let mut response = HttpResponse::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, value);
    }
    response.body(body).expect("a response").into()
}

fn json_reply(status: u16, value: &Value) -> Reaction {
    let headers = vec![("content-type", "application/json".to_owned())];
    Reaction::Reply(status, headers, value.to_string().into_bytes())
}

fn web_page() -> Reaction {
    let headers = vec![("content-type", "text/html".to_owned())];
    let body = "<!DOCTYPE html><html><body>We will be back soon</body></html>";
    Reaction::Reply(200, headers, body.into())
}

impl Fault {
    fn reaction(self) -> Reaction {
        match self {
            Self::Refused => Reaction::Fails(HttpErrorKind::Unreachable(Unreachable::Refused)),
            Self::Cut => Reaction::Fails(HttpErrorKind::Cut),
            Self::Silent => Reaction::Silence,
            Self::Status(status) => Reaction::Reply(status, Vec::new(), Vec::new()),
            Self::WebPage => web_page(),
            Self::TooMany(wait) => {
                let wait = wait.map(|wait| ("retry-after", wait.to_string()));
                Reaction::Reply(429, wait.into_iter().collect(), Vec::new())
            }
        }
    }
}

impl World {
    fn answer(&mut self, request: &Request) -> Reaction {
        let name = request.url().host_str().unwrap_or_default();
        if name == ALERTS {
            return self.alert(request);
        }
        // Not at an alert: it would be sent again, because it is unknown whether it arrived.
        let mut is_killed = false;
        if let Some((left, kill)) = &mut self.kill {
            *left = left.saturating_sub(1);
            if *left == 0 {
                kill.cancel();
                is_killed = true;
                self.kill = None;
            }
        }
        let number = (0..SOURCES.len()).find(|number| host(*number) == name);
        let number = number.expect("a known host");
        match request.url().path() {
            "/token" => self.token(number, request, is_killed),
            path => {
                let list = path.strip_prefix("/v1/").unwrap_or_default();
                let list = STYLES.iter().position(|(name, _)| *name == list);
                self.page(number, list.expect("a known list"), request)
            }
        }
    }

    fn alert(&mut self, request: &Request) -> Reaction {
        if self.is_deaf {
            return Reaction::Fails(HttpErrorKind::Unreachable(Unreachable::Refused));
        }
        let body = request.body().and_then(|body| body.as_bytes());
        let value: Value = serde_json::from_slice(body.unwrap_or_default()).expect("JSON");
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        self.alerts.push(Received {
            at: self.clock.truth(),
            kind: text("kind"),
            job: text("job"),
            source: text("source"),
            text: text("text"),
        });
        json_reply(200, &json!({}))
    }

    fn token(&mut self, number: usize, request: &Request, is_killed: bool) -> Reaction {
        let now = self.clock.truth();
        let vendor = &mut self.vendors[number];
        vendor.counts.token_hour.add(now.as_second() / 3600);
        vendor.counts.token_day.add(now.as_second() / 86_400);
        if let Some(fault) = vendor.fault {
            return fault.reaction();
        }
        let body = request.body().and_then(|body| body.as_bytes());
        let form: BTreeMap<String, String> = form_urlencoded::parse(body.unwrap_or_default())
            .into_owned()
            .collect();
        let refuse = |status: u16, error: &str| json_reply(status, &json!({ "error": error }));
        let field = |name: &str| form.get(name).cloned().unwrap_or_default();
        let account = &mut vendor.account;
        let error = match SOURCES[number].sign_in {
            SignIn::Client => "invalid_client",
            SignIn::Refresh | SignIn::Password | SignIn::Browser => "invalid_grant",
        };
        match vendor.token_fault {
            Some(TokenFault::Refuses) => return refuse(400, error),
            Some(TokenFault::Status(status)) => {
                return Reaction::Reply(status, Vec::new(), Vec::new());
            }
            Some(TokenFault::WebPage) => return web_page(),
            Some(TokenFault::Loses) | None => {}
        }
        let issued = match field("grant_type").as_str() {
            "client_credentials" if account.secrets.contains(&field("client_secret")) => {
                account.issue(now, false)
            }
            "password" if account.secrets.contains(&field("password")) => account.issue(now, false),
            "refresh_token"
                if [&account.refresh, &account.previous]
                    .into_iter()
                    .flatten()
                    .any(|token| *token == field("refresh_token")) =>
            {
                account.issue(now, true)
            }
            "authorization_code" if account.code.take() == Some(field("code")) => {
                account.issue(now, true)
            }
            "client_credentials" => return refuse(401, error),
            "password" => {
                // A request without one asks only who responds.
                if let Some(password) = form.get("password") {
                    let wrong = &mut vendor.counts.wrong_passwords;
                    let is_first = wrong.iter().all(|wrong| wrong.password != *password);
                    wrong.push(WrongPassword {
                        at: now,
                        password: password.clone(),
                        is_unknown: is_first && is_killed,
                    });
                }
                return refuse(400, error);
            }
            _ => return refuse(400, error),
        };
        if vendor.token_fault == Some(TokenFault::Loses) {
            return Reaction::Fails(HttpErrorKind::Cut);
        }
        json_reply(200, &issued)
    }

    fn page(&mut self, number: usize, list: usize, request: &Request) -> Reaction {
        let now = self.clock.truth();
        let (hour, day) = (now.as_second() / 3600, now.as_second() / 86_400);
        let vendor = &mut self.vendors[number];
        vendor.counts.total += 1;
        vendor.counts.hour.add(hour);
        vendor.counts.day.add(day);
        if let Some(fault) = vendor.fault {
            vendor.counts.outage_hour.add(hour);
            vendor.counts.outage_day.add(day);
            return fault.reaction();
        }
        let bearer = request.headers().get("authorization");
        let bearer = bearer.and_then(|value| value.to_str().ok());
        let bearer = bearer.and_then(|value| value.strip_prefix("Bearer "));
        let is_known =
            |(token, end): &(String, Timestamp)| Some(token.as_str()) == bearer && now < *end;
        if !vendor.account.tokens.iter().any(is_known) {
            return json_reply(401, &json!({ "message": "the token is not valid" }));
        }
        if let Some(fault) = vendor.lists[list].fault {
            return fault.reaction();
        }
        let query: BTreeMap<String, String> = request.url().query_pairs().into_owned().collect();
        let mut body = vendor.lists[list].page(STYLES[list].1, &query);
        let headers = body.as_object_mut().map(|_| {
            let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            vec![
                ("content-type", "application/json".to_owned()),
                ("date", date),
            ]
        });
        Reaction::Reply(
            200,
            headers.unwrap_or_default(),
            body.to_string().into_bytes(),
        )
    }
}

impl List {
    pub(super) fn join(&mut self, now: Timestamp) {
        let key = self.next;
        self.next += 1;
        let row = VendorRow {
            name: format!("row {key}"),
            changed: now,
        };
        self.rows.insert(key, row);
        self.touched = now;
    }

    /// A change of a random row.
    pub(super) fn change(&mut self, at: usize, leaves: bool, now: Timestamp) {
        let Some(key) = self.rows.keys().nth(at % self.rows.len().max(1)).copied() else {
            return;
        };
        self.touched = now;
        if leaves {
            self.rows.remove(&key);
        } else if let Some(row) = self.rows.get_mut(&key) {
            row.name = format!("row {key} since {now}");
            row.changed = now;
        }
    }

    /// Half of the rows really leave.
    pub(super) fn halve(&mut self, now: Timestamp) {
        for key in self.half() {
            self.rows.remove(&key);
        }
        self.touched = now;
    }

    /// Every other row.
    pub(super) fn half(&self) -> BTreeSet<u32> {
        self.rows.keys().copied().step_by(2).collect()
    }

    fn listed(&self) -> impl Iterator<Item = (&u32, &VendorRow)> {
        self.rows
            .iter()
            .filter(|(key, _)| !self.hidden.contains(key))
    }

    fn page(&self, style: Style, query: &BTreeMap<String, String>) -> Value {
        let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
        let since: Option<Timestamp> = query.get("changed_from").and_then(|text| text.parse().ok());
        let rows: Vec<Value> = self
            .listed()
            .filter(|(_, row)| since.is_none_or(|since| row.changed >= since))
            .map(|(key, row)| {
                json!({ "id": key.to_string(), "name": row.name, "changed": row.changed.to_string() })
            })
            .collect();
        let limit = number("limit").unwrap_or(usize::MAX);
        let from = match style {
            Style::Single => return json!({ "rows": rows }),
            Style::Cursor => number("after").unwrap_or(0),
            Style::Counted | Style::Plain | Style::Changes => number("offset").unwrap_or(0),
        };
        let total = rows.len();
        let rows: Vec<Value> = rows.into_iter().skip(from).take(limit).collect();
        let end = from + rows.len();
        match style {
            Style::Counted | Style::Changes => json!({ "rows": rows, "total": total }),
            Style::Cursor if end < total => json!({ "rows": rows, "next": end.to_string() }),
            _ => json!({ "rows": rows }),
        }
    }
}
