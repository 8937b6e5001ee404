//! From a request to an answer: token, operation, format.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode};

use super::Wapi;
use super::answers::Answer;
use super::errors::Failure;
use super::formats::{Format, spell};
use super::operations::{Asked, Params, find};
use crate::authorization::form_body;
use crate::query::{bearer, pairs};
use crate::tamper::answer;

/// Answers every request to the platform's port, which plays both of its hosts.
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
            let (media, body) = spell(&rows, format, wapi.switches.dates);
            answer(StatusCode::OK, media, body)
        }
        Err(failure) => failure.answer(&wapi.switches),
    }
}

impl Wapi {
    fn api(&self, parts: &Parts) -> Result<(Format, Answer), Failure> {
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
        let (path, format) = Format::chosen(parts.uri.path(), &params, &parts.headers);
        let token = bearer(&parts.headers)
            .or(params.get("access_token"))
            .or(params.get("oauth_token"));
        let holder = token
            .and_then(|token| self.control.tokens.check(token))
            .ok_or(Failure::InvalidToken)?;
        match find(path, params, &self.switches) {
            Asked::Write => Err(Failure::ReadOnly),
            Asked::Nothing => Err(Failure::NoRoute),
            Asked::Read(operation, _) if operation.needs_user() && holder.user.is_none() => {
                Err(Failure::NoUser)
            }
            Asked::Read(operation, params) => Ok((format, self.read(operation, &params)?)),
        }
    }
}
