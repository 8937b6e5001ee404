//! From a request to its reply: who asks, whether they may, and what they get.

use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use serde_json::Value;
use tokio::time::timeout;

use super::access::AccessKey;
use super::bodies::BodyRoom;
use super::config::{FILE, OneRosterConfig};
use super::entity::RosterEntity;
use super::parameters::{ListParameters, decoded};
use super::roster::Roster;
use super::roster_reader::RosterReader;
use super::route::RosterRoute;
use super::status_info::{CodeMinor, RequestFault, warning};
use super::token_request::{TokenFault, TokenIssuer};
use crate::http_server::allowance::{Rate, Rated};
use crate::http_server::reply::{FixedHeaders, HttpReply};
use crate::http_server::request_check::RequestCheck;
use crate::http_server::site::{PendingReply, Site};
use rollbook_core::clock::Clock;

const BASE: &str = "/ims/oneroster/v1p1";

const JSON: &str = "application/json";

/// The longest form of a token request.
const MAX_FORM: usize = 8 << 10;

/// How long a client may take to send it.
const FORM_TIMEOUT: Duration = Duration::from_secs(10);

/// When to ask again while there are no rows, or slow readers hold all room, in seconds.
const RETRY_AFTER: u64 = 10;

/// How much a client may ask (oneroster-service.md 8 rule 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum OneRosterRequest {
    Read,
    Token,
    /// A wrong secret or token.
    Refused,
}

impl Rated for OneRosterRequest {
    fn rate(self) -> Rate {
        let (burst, per_minute) = match self {
            Self::Read => (5000, 30_000),
            Self::Token => (60, 120),
            Self::Refused => (20, 20),
        };
        Rate { burst, per_minute }
    }
}

/// The service, for all connections.
pub struct OneRosterSite {
    check: RequestCheck<OneRosterRequest>,
    issuer: TokenIssuer,
    reader: Arc<RosterReader>,
    headers: FixedHeaders,
    room: BodyRoom,
    has_tls: bool,
    has_proxy: bool,
    clock: Clock,
}

/// What a request asks for, with what is needed to answer it elsewhere.
struct RosterQuestion {
    route: RosterRoute,
    parameters: ListParameters,
    /// The address of the service, without a slash at its end.
    base: String,
    path: String,
    query: String,
}

/// A page of a list, or an object.
struct RosterAnswer {
    body: Vec<u8>,
    /// Of a list: its length, and the header `Link`.
    list: Option<(usize, String)>,
}

impl OneRosterSite {
    /// What the reader reads, for the clients of the configuration.
    pub fn new(
        config: &OneRosterConfig,
        key: AccessKey,
        reader: RosterReader,
        clock: Clock,
    ) -> Self {
        let fixed = |name: HeaderName, value: &'static str| (name, HeaderValue::from_static(value));
        Self {
            check: RequestCheck::new(FILE, &config.hosts, &config.trusted_proxy, clock.clone()),
            issuer: TokenIssuer::new(config, key),
            reader: Arc::new(reader),
            headers: FixedHeaders::new([
                fixed(header::CACHE_CONTROL, "no-store"),
                fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ]),
            room: BodyRoom::default(),
            has_tls: config.tls.is_some(),
            has_proxy: !config.trusted_proxy.is_empty(),
            clock,
        }
    }

    async fn answer<B>(&self, parts: &Parts, body: B, client: IpAddr) -> HttpReply
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>,
    {
        if let Some(refusal) = self.check.refusal(parts) {
            return refusal;
        }
        let path = parts.uri.path();
        if path == "/token" {
            return self.token(parts, body, client).await;
        }
        let Some(below) = path.strip_prefix(BASE) else {
            return fault(&RequestFault::unknown("there is no such path"));
        };
        if parts.method != Method::GET && parts.method != Method::HEAD {
            let refused = RequestFault::new(
                StatusCode::METHOD_NOT_ALLOWED,
                CodeMinor::InvalidData,
                "this service can only be read",
            );
            return fault(&refused).with(header::ALLOW, "GET, HEAD").closing();
        }
        if !body.is_end_stream() {
            return fault(&RequestFault::data("a request to read has no body")).closing();
        }
        if let Err(seconds) = self.check.take(OneRosterRequest::Read, client) {
            return busy(StatusCode::TOO_MANY_REQUESTS, seconds, "too many requests");
        }
        match self.question(parts, below, client) {
            Ok(question) => self.read(question).await,
            Err(reply) => reply,
        }
    }

    /// What is asked for, if this client may have it.
    fn question(
        &self,
        parts: &Parts,
        below: &str,
        client: IpAddr,
    ) -> Result<RosterQuestion, HttpReply> {
        let token = parts.headers.get(header::AUTHORIZATION);
        let token = token.and_then(|value| bearer(value.as_bytes()));
        let Some(token) = token else {
            return Err(unauthorized("the request has no bearer token", "Bearer"));
        };
        // A signature cannot be guessed, so a client that tries tokens does not stop others behind the same address.
        let Some(access) = self.issuer.key().access(token, self.clock.running()) else {
            let challenge = "Bearer error=\"invalid_token\"";
            return Err(match self.check.take(OneRosterRequest::Refused, client) {
                Ok(()) => unauthorized("the token is wrong or has ended", challenge),
                Err(seconds) => busy(
                    StatusCode::TOO_MANY_REQUESTS,
                    seconds,
                    "too many wrong tokens",
                ),
            });
        };
        let route = RosterRoute::of(below)
            .ok_or_else(|| fault(&RequestFault::unknown("there is no such path")))?;
        if !access.scopes.open(&route) {
            let refused = RequestFault::new(
                StatusCode::FORBIDDEN,
                CodeMinor::Forbidden,
                "the token has no scope for this path",
            );
            return Err(fault(&refused));
        }
        let query = parts.uri.query().unwrap_or_default();
        let parameters = match &route {
            RosterRoute::One(..) => ListParameters::of_object(query),
            RosterRoute::All(_) | RosterRoute::Below(..) => ListParameters::of(query),
        };
        Ok(RosterQuestion {
            parameters: parameters.map_err(|refused| fault(&refused))?,
            route,
            base: self.base(&parts.headers),
            path: below.to_owned(),
            query: query.to_owned(),
        })
    }

    /// The address of the service as this client knows it; its host was compared with `hosts`.
    fn base(&self, headers: &HeaderMap) -> String {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let is_forwarded = self.has_proxy && text("x-forwarded-proto") == Some("https");
        let scheme = match self.has_tls || is_forwarded {
            true => "https",
            false => "http",
        };
        format!("{scheme}://{}{BASE}", text("host").unwrap_or_default())
    }

    async fn read(&self, question: RosterQuestion) -> HttpReply {
        let (reader, now) = (Arc::clone(&self.reader), self.clock.running());
        let work = tokio::task::spawn_blocking(move || {
            let roster = reader.current(now)?;
            Some(question.answer(&roster))
        });
        let not_yet = "the rows are not there yet";
        let answer = match work.await {
            Ok(Some(Ok(answer))) => answer,
            Ok(Some(Err(refused))) => return fault(&refused),
            Ok(None) | Err(_) => {
                return busy(StatusCode::SERVICE_UNAVAILABLE, RETRY_AFTER, not_yet);
            }
        };
        let Some(body) = self.room.hold(answer.body) else {
            let line = "too many slow readers";
            return busy(StatusCode::SERVICE_UNAVAILABLE, RETRY_AFTER, line);
        };
        let reply = HttpReply::new(StatusCode::OK, JSON, body);
        match answer.list {
            None => reply,
            Some((total, link)) => reply
                .with(HeaderName::from_static("x-total-count"), total.to_string())
                .with(header::LINK, link),
        }
    }

    async fn token<B>(&self, parts: &Parts, body: B, client: IpAddr) -> HttpReply
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>,
    {
        if parts.method != Method::POST {
            let body = "{\"error\":\"invalid_request\"}";
            let reply = HttpReply::new(StatusCode::METHOD_NOT_ALLOWED, JSON, body);
            return reply.with(header::ALLOW, "POST").closing();
        }
        for (kind, line) in [
            (OneRosterRequest::Token, "too many token requests"),
            (OneRosterRequest::Refused, "too many wrong secrets"),
        ] {
            let left = match kind {
                OneRosterRequest::Token => self.check.take(kind, client),
                _ => self.check.left(kind, client),
            };
            if let Err(seconds) = left {
                return busy(StatusCode::TOO_MANY_REQUESTS, seconds, line).closing();
            }
        }
        let is_form = parts.headers.get(header::CONTENT_TYPE).is_none_or(|kind| {
            let form = b"application/x-www-form-urlencoded";
            let kind = kind.as_bytes().get(..form.len());
            kind.is_some_and(|kind| kind.eq_ignore_ascii_case(form))
        });
        let received = timeout(FORM_TIMEOUT, Limited::new(body, MAX_FORM).collect()).await;
        let (Ok(Ok(form)), true) = (received, is_form) else {
            return TokenFault::InvalidRequest.reply().closing();
        };
        let authorization = parts.headers.get(header::AUTHORIZATION);
        let authorization = authorization.map(HeaderValue::as_bytes);
        let issued = self
            .issuer
            .issue(authorization, &form.to_bytes(), self.clock.running());
        issued.unwrap_or_else(|refused| {
            if refused == TokenFault::InvalidClient {
                let _ = self.check.take(OneRosterRequest::Refused, client); // one is left
            }
            refused.reply()
        })
    }
}

impl RosterQuestion {
    fn answer(&self, roster: &Roster) -> Result<RosterAnswer, RequestFault> {
        let fields = self.parameters.fields.as_deref();
        match &self.route {
            RosterRoute::One(collection, id) => {
                let (table, row) = roster.object(*collection, id)?;
                let (wanted, warnings) = selection(table.entity(), fields);
                let object = table.json(row, &self.base, wanted.as_deref());
                let mut body = format!("{{\"{}\":{object}", table.entity().singular());
                end_with(&mut body, &warnings);
                Ok(RosterAnswer {
                    body: body.into_bytes(),
                    list: None,
                })
            }
            RosterRoute::All(_) | RosterRoute::Below(..) => {
                let found = roster.list(&self.route, &self.parameters)?;
                let (table, total) = (found.table, found.rows.len());
                let (wanted, mut warnings) = selection(table.entity(), fields);
                if found.is_unsorted {
                    warnings.insert(0, warning(CodeMinor::InvalidSortField));
                }
                let page = found.rows.iter().skip(self.parameters.offset);
                let mut body = format!("{{\"{}\":[", table.entity().plural());
                for (number, row) in page.take(self.parameters.limit).enumerate() {
                    if number > 0 {
                        body.push(',');
                    }
                    let object = table.json(*row, &self.base, wanted.as_deref());
                    body.push_str(&object.to_string());
                }
                body.push(']');
                end_with(&mut body, &warnings);
                Ok(RosterAnswer {
                    body: body.into_bytes(),
                    list: Some((total, self.link(total))),
                })
            }
        }
    }

    /// The header `Link`: first, previous, next and last page, with the other parameters as they were sent.
    fn link(&self, total: usize) -> String {
        let ListParameters { limit, offset, .. } = self.parameters;
        let is_other = |part: &&str| {
            let name = part.split('=').next().unwrap_or_default();
            let name = decoded(name, true);
            !part.is_empty() && !matches!(name.as_deref(), Some("limit" | "offset"))
        };
        let others: String = (self.query.split('&').filter(is_other))
            .map(|part| format!("&{part}"))
            .collect();
        let last = total.saturating_sub(1) / limit * limit;
        let mut pages = vec![("first", 0)];
        if offset > 0 {
            pages.push(("prev", offset.saturating_sub(limit)));
        }
        if offset.saturating_add(limit) < total {
            pages.push(("next", offset + limit));
        }
        pages.push(("last", last));
        let links = pages.into_iter().map(|(rel, offset)| {
            let (base, path) = (&self.base, &self.path);
            let address = format!("{base}{path}?limit={limit}&offset={offset}{others}");
            // Some clients send them as they are, and here they would end the address.
            let address = address
                .replace('<', "%3C")
                .replace('>', "%3E")
                .replace('"', "%22");
            format!("<{address}>; rel=\"{rel}\"")
        });
        links.collect::<Vec<_>>().join(", ")
    }
}

/// The members that are wanted and exist; all if none does. With a warning for those that do not.
fn selection(entity: RosterEntity, fields: Option<&[String]>) -> (Option<Vec<String>>, Vec<Value>) {
    let Some(fields) = fields else {
        return (None, Vec::new());
    };
    let is_known = |name: &&String| {
        ["sourcedId", "status", "dateLastModified"].contains(&name.as_str())
            || entity.position(name).is_some()
    };
    let known: Vec<String> = fields.iter().filter(is_known).cloned().collect();
    let warnings = match known.len() == fields.len() {
        true => Vec::new(),
        false => vec![warning(CodeMinor::InvalidSelectionField)],
    };
    ((!known.is_empty()).then_some(known), warnings)
}

/// Ends the object of a reply, with its warnings.
fn end_with(body: &mut String, warnings: &[Value]) {
    if !warnings.is_empty() {
        let warnings: Vec<String> = warnings.iter().map(Value::to_string).collect();
        body.push_str(&format!(",\"statusInfoSet\":[{}]", warnings.join(",")));
    }
    body.push('}');
}

fn bearer(header: &[u8]) -> Option<&[u8]> {
    let at = header.iter().position(|byte| *byte == b' ')?;
    let (scheme, token) = header.split_at(at);
    scheme
        .eq_ignore_ascii_case(b"bearer")
        .then(|| token.trim_ascii())
}

fn fault(refused: &RequestFault) -> HttpReply {
    HttpReply::new(refused.status, JSON, refused.body())
}

fn unauthorized(description: &str, challenge: &str) -> HttpReply {
    let code = CodeMinor::Unauthorized;
    let refused = RequestFault::new(StatusCode::UNAUTHORIZED, code, description);
    fault(&refused).with(header::WWW_AUTHENTICATE, challenge)
}

fn busy(status: StatusCode, seconds: u64, description: &str) -> HttpReply {
    let refused = RequestFault::new(status, CodeMinor::ServerBusy, description);
    fault(&refused).with(header::RETRY_AFTER, seconds.to_string())
}

impl OneRosterSite {
    /// Replies to one request of this peer.
    async fn respond<B>(&self, request: Request<B>, peer: IpAddr) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send,
    {
        let (parts, body) = request.into_parts();
        let client = self.check.client(peer, &parts.headers);
        let reply = self.answer(&parts, body, client).await;
        reply.into_response(&parts, &self.headers)
    }
}

impl Site for OneRosterSite {
    fn admits(&self, peer: IpAddr) -> bool {
        self.check.admits(peer)
    }

    fn reply(&self, request: Request<Incoming>, peer: IpAddr) -> PendingReply<'_> {
        Box::pin(self.respond(request, peer))
    }
}

#[cfg(test)]
mod tests;
