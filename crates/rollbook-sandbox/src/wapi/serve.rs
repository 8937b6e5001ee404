//! Handles a request: token, operation, format.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode};

use super::Wapi;
use super::errors::Failure;
use super::formats::{Format, encode};
use super::operations::{Params, Route, find};
use super::payloads::Payload;
use crate::authorization::form_body;
use crate::fault_responses::build_response;
use crate::query::{bearer, pairs};

/// Handles every request to the platform's port, which serves both of its hosts.
pub(super) async fn serve(State(wapi): State<Arc<Wapi>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let body = form_body(body).await;
    let signed_in = wapi.authorization(parts.method.as_str(), path, query, &parts.headers, &body);
    if let Some(response) = signed_in {
        return response;
    }
    match wapi.api(&parts) {
        Ok((format, rows)) => {
            let (media, body) = encode(&rows, format, wapi.switches.dates);
            build_response(StatusCode::OK, media, body)
        }
        Err(failure) => failure.response(&wapi.switches),
    }
}

impl Wapi {
    fn api(&self, parts: &Parts) -> Result<(Format, Payload), Failure> {
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            return Err(Failure::ReadOnly);
        }
        let pairs = pairs(parts.uri.query().unwrap_or_default());
        let params = Params(
            pairs
                .into_iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value))
                .collect(),
        );
        let xml = self.switches.xml_unless_named;
        let (path, format) = Format::negotiate(parts.uri.path(), &params, &parts.headers, xml);
        let token = bearer(&parts.headers)
            .or(params.get("access_token"))
            .or(params.get("oauth_token"));
        let holder = token
            .and_then(|token| self.control.tokens.check(token))
            .ok_or(Failure::InvalidToken)?;
        match find(path, params, &self.switches) {
            Route::Write => Err(Failure::ReadOnly),
            Route::Unknown => Err(Failure::NoRoute),
            Route::Read(operation, _) if operation.needs_user() && holder.user.is_none() => {
                Err(Failure::NoUser)
            }
            Route::Read(operation, params) => Ok((format, self.read(operation, &params)?)),
        }
    }
}
