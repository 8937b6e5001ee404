//! A vendor with responses from a closure: the request in, status, headers and bytes out.
//!
//! It knows nothing of lists; the second half of this file cuts lists into pages in every style.
//! Requests are answered one at a time, so that a list changes at a known request.

use std::collections::BTreeMap;
use std::io::{BufReader, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::server::WAIT_LIMIT;
use crate::wire::{Port, Served, read_request};

/// One request, as a closure sees it.
pub struct VendorRequest {
    /// The number of this request of the path since the responses were set, from one.
    pub nth: usize,
    /// The path, including that of the base address.
    pub path: String,
    /// The parameters.
    pub query: BTreeMap<String, String>,
    /// `http://127.0.0.1:PORT`, for links.
    pub origin: String,
}

impl VendorRequest {
    /// A parameter as a number.
    pub fn number(&self, name: &str) -> Option<usize> {
        let text = self.query.get(name)?;
        text.trim_start_matches('c').parse().ok()
    }

    /// The last part of the path: the list.
    pub fn list(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// It is sent once this gate is open.
    pub gate: Option<Gate>,
}

/// Holds responses back until a test opens it.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// Releases everything, now and later.
    pub fn open(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    fn wait(&self) {
        let closed = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(
            self.0
                .1
                .wait_timeout_while(closed, WAIT_LIMIT, |is_open| !*is_open),
        );
    }
}

impl Reply {
    /// This status and these bytes, declared as JSON.
    pub fn raw(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self {
            status,
            headers,
            body: body.into(),
            gate: None,
        }
    }

    /// The same once the gate is open.
    pub fn behind(self, gate: &Gate) -> Self {
        Self {
            gate: Some(gate.clone()),
            ..self
        }
    }

    /// 200 with JSON.
    pub fn json(body: &Value) -> Self {
        Self::raw(200, body.to_string())
    }

    /// A status with an empty object.
    pub fn status(status: u16) -> Self {
        match status {
            204 => Self {
                headers: Vec::new(),
                ..Self::raw(204, "")
            },
            status => Self::raw(status, "{}"),
        }
    }

    /// With one more header line.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    fn wire(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} X\r\n", self.status);
        if self.status != 204 {
            head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        [head.into_bytes(), self.body.clone()].concat()
    }
}

/// A logged request and the status of its response.
#[derive(Clone, Debug)]
pub struct LoggedRequest {
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub status: u16,
}

type Answers = Box<dyn FnMut(&VendorRequest) -> Reply + Send>;

struct State {
    answers: Answers,
    requests: BTreeMap<String, usize>,
    log: Vec<LoggedRequest>,
}

/// The vendor, up until it is dropped.
pub struct Vendor {
    origin: String,
    state: Arc<Mutex<State>>,
    _served: Served,
}

impl Vendor {
    /// A vendor without responses.
    pub fn start() -> Self {
        let port = Port::open();
        let origin = port.origin();
        let state = Arc::new(Mutex::new(State {
            answers: Box::new(|_| Reply::status(404)),
            requests: BTreeMap::new(),
            log: Vec::new(),
        }));
        let (ours, base) = (Arc::clone(&state), origin.clone());
        let served = port.serve(move |stream| serve(stream, &ours, &base));
        Self {
            origin,
            state,
            _served: served,
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Sets the responses from now on; restarts the counts and the log.
    pub fn respond_with(&self, answers: impl FnMut(&VendorRequest) -> Reply + Send + 'static) {
        let mut state = lock(&self.state);
        state.answers = Box::new(answers);
        state.requests.clear();
        state.log.clear();
    }

    /// Number of requests since then, answered or not.
    pub fn requests(&self) -> usize {
        let state = lock(&self.state);
        state
            .log
            .iter()
            .filter(|seen| seen.path != "/token")
            .count()
    }

    /// The requests since the responses were set or the log was read, without token requests; clears the log.
    pub fn log(&self) -> Vec<LoggedRequest> {
        let log = std::mem::take(&mut lock(&self.state).log);
        log.into_iter()
            .filter(|seen| seen.path != "/token")
            .collect()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(stream: TcpStream, state: &Mutex<State>, origin: &str) {
    let _ = stream.set_nodelay(true);
    let Ok(mut writer) = stream.try_clone() else {
        return;
    };
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        let reply = {
            let mut state = lock(state);
            let nth = state.requests.entry(request.path.clone()).or_default();
            *nth += 1;
            let request = VendorRequest {
                nth: *nth,
                path: request.path,
                query: request.query,
                origin: origin.to_owned(),
            };
            let reply = if request.path == "/token" {
                Reply::json(
                    &json!({"access_token": "a-token", "token_type": "Bearer", "expires_in": 3600}),
                )
            } else {
                (state.answers)(&request)
            };
            state.log.push(LoggedRequest {
                path: request.path,
                query: request.query,
                status: reply.status,
            });
            reply
        };
        if let Some(gate) = &reply.gate {
            gate.wait();
        }
        if writer.write_all(&reply.wire()).is_err() {
            return;
        }
    }
}

/// How a list is cut into pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// One response.
    None,
    /// Skip and take.
    Offset,
    /// The page's number, from one.
    Number,
    /// A cursor in the body, which is an offset inside.
    Cursor,
    /// A `Link` header, with an offset inside.
    Link,
    /// A whole address in the body, with an offset inside.
    NextUrl,
}

/// Every style with more than one page.
pub const PAGED: [Style; 5] = [
    Style::Offset,
    Style::Number,
    Style::Cursor,
    Style::Link,
    Style::NextUrl,
];

/// Where the size of the whole list is stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    Unsaid,
    InHeader,
    InBody,
}

/// One form of paging, and the lines of a connector that read it.
#[derive(Clone, Copy, Debug)]
pub struct Pages {
    pub style: Style,
    pub size: usize,
    pub total: Total,
}

/// Pages of this style and size without a total.
pub const fn pages(style: Style, size: usize) -> Pages {
    Pages {
        style,
        size,
        total: Total::Unsaid,
    }
}

impl Pages {
    /// With a total.
    pub const fn with(self, total: Total) -> Self {
        Self { total, ..self }
    }

    /// The value of `page` of a stream.
    pub fn toml(&self) -> String {
        self.toml_and("")
    }

    /// The same with more keys in it.
    pub fn toml_and(&self, more: &str) -> String {
        let size = self.size;
        let by = match self.style {
            Style::None => "by = \"none\"".to_owned(),
            Style::Offset => {
                format!("by = \"offset\", offset = \"offset\", limit = \"limit\", size = {size}")
            }
            Style::Number => {
                format!("by = \"number\", number = \"page\", limit = \"limit\", size = {size}")
            }
            Style::Cursor => format!(
                "by = \"cursor\", cursor = \"after\", next = \"next\", limit = \"limit\", size = {size}"
            ),
            Style::Link => format!("by = \"link\", limit = \"limit\", size = {size}"),
            Style::NextUrl => {
                format!("by = \"next_url\", next = \"next\", limit = \"limit\", size = {size}")
            }
        };
        let total = match self.total {
            Total::Unsaid => "",
            Total::InHeader => ", total_header = \"X-Total-Count\"",
            Total::InBody => ", total_member = [\"total\"]",
        };
        let more = if more.is_empty() {
            String::new()
        } else {
            format!(", {more}")
        };
        format!("page = {{ {by}{total}{more} }}")
    }

    /// Start of the requested page.
    pub fn start(&self, request: &VendorRequest) -> usize {
        match self.style {
            Style::None => 0,
            Style::Number => (request.number("page").unwrap_or(1) - 1) * self.limit(request),
            Style::Cursor => request.number("after").unwrap_or(0),
            Style::Offset | Style::Link | Style::NextUrl => request.number("offset").unwrap_or(0),
        }
    }

    fn limit(&self, request: &VendorRequest) -> usize {
        request.number("limit").unwrap_or(self.size)
    }

    /// The page of a correct vendor.
    pub fn page(&self, request: &VendorRequest, rows: &[Value]) -> Reply {
        self.page_of(request, rows, rows.len())
    }

    /// The page of a vendor that declares another total.
    pub fn page_of(&self, request: &VendorRequest, rows: &[Value], total: usize) -> Reply {
        let start = self.start(request).min(rows.len());
        let end = match self.style {
            Style::None => rows.len(),
            _ => (start + self.limit(request)).min(rows.len()),
        };
        self.answer(
            request,
            &rows[start..end],
            (end < rows.len()).then_some(end),
            total,
        )
    }

    /// These rows, a link to the row `next` if there is one, and a total.
    pub fn answer(
        &self,
        request: &VendorRequest,
        rows: &[Value],
        next: Option<usize>,
        total: usize,
    ) -> Reply {
        let mut body = json!({"rows": rows});
        if self.total == Total::InBody {
            body["total"] = json!(total);
        }
        let address = next.map(|next| self.address(request, next));
        match self.style {
            Style::Cursor => {
                body["next"] = next.map_or(Value::Null, |next| json!(format!("c{next}")))
            }
            Style::NextUrl => body["next"] = address.clone().map_or(Value::Null, Value::from),
            _ => {}
        }
        let mut reply = Reply::json(&body);
        if self.total == Total::InHeader {
            reply = reply.header("x-total-count", total.to_string());
        }
        match (self.style, address) {
            (Style::Link, Some(address)) => {
                reply.header("link", format!("<{address}>; rel=\"next\""))
            }
            _ => reply,
        }
    }

    /// The address of the page that starts at this row; other parameters stay.
    pub fn address(&self, request: &VendorRequest, next: usize) -> String {
        let mut query = request.query.clone();
        query.insert("offset".to_owned(), next.to_string());
        query.insert("limit".to_owned(), self.limit(request).to_string());
        let query: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{name}={}", value.replace(':', "%3A")))
            .collect();
        format!("{}{}?{}", request.origin, request.path, query.join("&"))
    }
}

/// A list that a test and the vendor share.
#[derive(Clone, Default)]
pub struct Shared(Arc<Mutex<Vec<Value>>>);

impl Shared {
    pub fn of(rows: Vec<Value>) -> Self {
        Self(Arc::new(Mutex::new(rows)))
    }

    pub fn rows(&self) -> Vec<Value> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub fn edit(&self, change: impl FnOnce(&mut Vec<Value>)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
