//! From a request to its reply: who asks, whether they may, and what they get.
//!
//! The order matters: what is refused costs nothing, and a token is compared only for a client that has not failed too often.

use std::error::Error;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use http_body_util::Full;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header;
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};

use super::access_token::AccessToken;
use super::config::{FILE, WebConfig};
use super::metrics;
use super::page_headers::page_headers;
use super::pages::site::{self, SiteView};
use super::readings::Readings;
use super::request_kind::RequestKind;
use super::route::{PathFault, WebRoute};
use super::shared_bodies::SharedBodies;
use super::webhook_path::WebhookPath;
use rollbook_core::clock::Clock;
use rollbook_core::model::health::HealthMeaning;
use rollbook_engine::daemon::health::is_healthy;
use rollbook_http::http_server::reply::{FixedHeaders, HttpReply};
use rollbook_http::http_server::request_check::RequestCheck;
use rollbook_http::http_server::site::{PendingReply, Site};

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const SVG: &str = "image/svg+xml";

/// When to ask again while slow readers hold all memory, in seconds.
const RETRY_AFTER: u64 = 10;

/// The tokens of the configuration.
#[derive(Debug, Default)]
pub struct AccessTokens {
    /// Of everything that needs one.
    pub page: Option<AccessToken>,
    /// Of `/metrics` alone.
    pub metrics: Option<AccessToken>,
}

/// Everything that is served, for all connections.
pub struct WebSite {
    check: RequestCheck<RequestKind>,
    tokens: AccessTokens,
    meaning: HealthMeaning,
    has_webhooks: bool,
    headers: FixedHeaders,
    readings: Readings,
    bodies: Mutex<SharedBodies>,
    webhook_path: WebhookPath,
    clock: Clock,
}

impl WebSite {
    /// With the files of a daemon that uses one of these runtime folders.
    pub fn new(
        config: &WebConfig,
        tokens: AccessTokens,
        folders: Vec<PathBuf>,
        clock: Clock,
    ) -> Self {
        Self {
            check: RequestCheck::new(FILE, &config.hosts, &config.trusted_proxy, clock.clone()),
            tokens,
            meaning: config.health,
            has_webhooks: config.webhooks,
            headers: page_headers(),
            readings: Readings::new(folders),
            bodies: Mutex::default(),
            webhook_path: WebhookPath::new(),
            clock,
        }
    }

    /// What is asked for, if this client may have it now.
    fn admitted(&self, parts: &Parts, client: IpAddr) -> Result<WebRoute, HttpReply> {
        if let Some(refusal) = self.check.refusal(parts) {
            return Err(refusal);
        }
        let route = match WebRoute::of(parts.uri.path()) {
            Ok(WebRoute::Webhook(_)) if !self.has_webhooks => {
                WebRoute::Page(parts.uri.path().to_owned())
            }
            Ok(route) => route,
            Err(PathFault::Malformed) => {
                return Err(HttpReply::bad_request("the path is malformed\n"));
            }
            Err(PathFault::TooLong) => {
                return Err(
                    HttpReply::text(StatusCode::URI_TOO_LONG, "the path is too long\n").closing(),
                );
            }
        };
        if !route.takes(&parts.method) {
            let reply = HttpReply::text(StatusCode::METHOD_NOT_ALLOWED, "not this method\n");
            return Err(reply.with(header::ALLOW, route.methods()));
        }
        let taken = self.check.take(route.kind(), client);
        taken.map_err(|seconds| too_many(seconds, "too many requests\n"))?;
        self.check_token(&route, parts, client)?;
        Ok(route)
    }

    fn check_token(
        &self,
        route: &WebRoute,
        parts: &Parts,
        client: IpAddr,
    ) -> Result<(), HttpReply> {
        let Some(page) = &self.tokens.page else {
            return Ok(());
        };
        let metrics = match route {
            WebRoute::Health | WebRoute::Webhook(_) => return Ok(()),
            WebRoute::Metrics => self.tokens.metrics.as_ref(),
            WebRoute::Page(_) | WebRoute::Status | WebRoute::Icon => None,
        };
        let unauthorized = || {
            let reply = HttpReply::text(StatusCode::UNAUTHORIZED, "this page needs its token\n");
            reply.with(
                header::WWW_AUTHENTICATE,
                "Basic realm=\"Rollbook\", charset=\"UTF-8\"",
            )
        };
        let Some(given) = parts.headers.get(header::AUTHORIZATION) else {
            return Err(unauthorized());
        };
        let left = self.check.left(RequestKind::WrongToken, client);
        left.map_err(|seconds| too_many(seconds, "too many wrong tokens\n"))?;
        if page.is_in(given.as_bytes())
            || metrics.is_some_and(|token| token.is_in(given.as_bytes()))
        {
            return Ok(());
        }
        let _ = self.check.take(RequestKind::WrongToken, client); // one is left
        Err(unauthorized())
    }

    /// What a path shows now.
    fn read(&self, route: &WebRoute) -> HttpReply {
        match route {
            WebRoute::Page(path) => self.page(path),
            WebRoute::Status => self.shared(
                "/status.json",
                JSON,
                StatusCode::SERVICE_UNAVAILABLE,
                || self.readings.status_text(),
            ),
            WebRoute::Metrics => {
                let text = || {
                    let (status, history) = self.readings.both();
                    Some(metrics::metrics(
                        status.as_ref(),
                        history.as_deref(),
                        self.clock.now(),
                    ))
                };
                self.shared(
                    "/metrics",
                    metrics::CONTENT_TYPE,
                    StatusCode::NOT_FOUND,
                    text,
                )
            }
            WebRoute::Icon => HttpReply::new(StatusCode::OK, SVG, site::ICON),
            WebRoute::Health => {
                let status = self.readings.status();
                match is_healthy(self.meaning, status.as_ref(), self.clock.now()) {
                    true => HttpReply::text(StatusCode::OK, "ok"),
                    false => HttpReply::text(StatusCode::SERVICE_UNAVAILABLE, "not ok"),
                }
            }
            WebRoute::Webhook(_) => HttpReply::text(StatusCode::NOT_FOUND, "unknown webhook\n"),
        }
    }

    fn page(&self, path: &str) -> HttpReply {
        self.shared(path, HTML, StatusCode::NOT_FOUND, || {
            let (status, history) = self.readings.both();
            let cluster = self.readings.cluster();
            let view = SiteView {
                status: status.as_ref(),
                history: history.as_deref(),
                cluster: cluster.as_ref(),
                now: self.clock.now(),
            };
            site::page(path, &view)
        })
    }

    /// A body that is made now, or is being sent to another reader; `missing` where there is none.
    fn shared(
        &self,
        path: &str,
        content_type: &'static str,
        missing: StatusCode,
        make: impl FnOnce() -> Option<String>,
    ) -> HttpReply {
        let now = self.clock.running();
        let mut bodies = self.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        match bodies.body(path, now, make) {
            Ok(Some(body)) => HttpReply::new(StatusCode::OK, content_type, body),
            Ok(None) if content_type == HTML => HttpReply::new(missing, HTML, site::not_found()),
            Ok(None) => HttpReply::new(missing, JSON, "{\"error\": \"the daemon does not run\"}\n"),
            Err(_) => {
                let line = "too many slow readers\n";
                HttpReply::retry_after(StatusCode::SERVICE_UNAVAILABLE, RETRY_AFTER, line)
            }
        }
    }
}

fn too_many(seconds: u64, line: &'static str) -> HttpReply {
    HttpReply::retry_after(StatusCode::TOO_MANY_REQUESTS, seconds, line)
}

impl WebSite {
    /// Replies to one request of this peer.
    async fn respond<B>(&self, request: Request<B>, peer: IpAddr) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send,
    {
        let (parts, body) = request.into_parts();
        let client = self.check.client(peer, &parts.headers);
        let reply = match self.admitted(&parts, client) {
            Err(reply) => reply,
            Ok(WebRoute::Webhook(name)) => {
                let folder = self.readings.folder();
                self.webhook_path.pass(name, &parts, body, folder).await
            }
            Ok(_) if !body.is_end_stream() => HttpReply::bad_request("this path takes no body\n"),
            Ok(route) => self.read(&route),
        };
        reply.into_response(&parts, &self.headers)
    }
}

impl Site for WebSite {
    fn admits(&self, peer: IpAddr) -> bool {
        self.check.admits(peer)
    }

    fn reply(&self, request: Request<Incoming>, peer: IpAddr) -> PendingReply<'_> {
        Box::pin(self.respond(request, peer))
    }
}

#[cfg(test)]
mod connection_tests;
#[cfg(test)]
mod tests;
