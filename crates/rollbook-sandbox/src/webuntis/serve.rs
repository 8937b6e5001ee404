//! From a request to an answer: address, method, token, right, list or record.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Response, StatusCode};
use serde_json::{Value, json};

use super::WebUntis;
use super::errors::Problem;
use super::order::Served;
use super::page::Asked;
use super::render::Renderer;
use super::roster::Face;
use super::routes::{Selection, Target, target, wrapper};
use super::switches::{Redirect, Total, Trouble, Wrapper};
use crate::authorization::{Posted, form_body, origin};
use crate::query::{bearer, words};
use crate::tamper::{answer, instead, login_page, moved};

/// Answers every request to the platform's port.
pub(super) async fn serve(
    State(platform): State<Arc<WebUntis>>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let words = words(parts.uri.path());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let post = parts.method == Method::POST;
    let body = form_body(body).await;
    let posted = Posted {
        path: parts.uri.path(),
        headers: &parts.headers,
        body: &body,
    };
    match words.as_slice() {
        ["WebUntis", "api", "sso", "v3", tenant, rest @ ..] => platform
            .sign_on(
                parts.method.as_str(),
                (tenant, rest),
                &origin(&parts.headers),
                parts.uri.query().unwrap_or_default(),
                posted,
            )
            .unwrap_or_else(|| platform.not_served()),
        ["standard", "token"] if post => platform.standard_token(posted),
        ["ims", "oneroster", "v1p1", rest @ ..] => platform.oneroster(Face::Untis, &parts, rest),
        ["standard", "ims", "oneroster", "v1p1", rest @ ..] => {
            platform.oneroster(Face::Standard, &parts, rest)
        }
        _ => platform.not_served(),
    }
}

impl WebUntis {
    fn not_served(&self) -> Response<Body> {
        Problem::new(StatusCode::NOT_FOUND, "unknown object", "not served here")
            .answer(&self.switches)
    }

    fn oneroster(&self, face: Face, parts: &Parts, words: &[&str]) -> Response<Body> {
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            return Problem::new(StatusCode::METHOD_NOT_ALLOWED, "invalid data", "read only")
                .answer(&self.switches);
        }
        if let Some(response) = self.redirect(parts) {
            return response;
        }
        let holder = bearer(&parts.headers).and_then(|token| self.control.tokens.check(token));
        let tenant = match (face, holder.as_ref().map(|holder| holder.realm.as_str())) {
            (Face::Untis, Some(realm)) => realm.strip_prefix("untis/"),
            (Face::Standard, Some("standard")) => Some(super::TENANT),
            _ => None,
        };
        let Some(tenant) = tenant else {
            return Problem::bad_token(&self.switches);
        };
        self.collection(face, tenant, parts, words)
            .unwrap_or_else(|problem| problem.answer(&self.switches))
    }

    fn redirect(&self, parts: &Parts) -> Option<Response<Body>> {
        let path = parts.uri.path();
        let query = parts
            .uri
            .query()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        let place = match self.switches.redirect {
            Redirect::Slash if path.ends_with('/') => {
                format!("{}{query}", path.trim_end_matches('/'))
            }
            Redirect::Host => format!(
                "{}{path}{query}",
                origin(&parts.headers).replacen("127.0.0.1", "localhost", 1)
            ),
            Redirect::Slash | Redirect::Never => return None,
        };
        Some(moved(&place))
    }

    fn collection(
        &self,
        face: Face,
        tenant: &str,
        parts: &Parts,
        words: &[&str],
    ) -> Result<Response<Body>, Problem> {
        let roster = self.roster(tenant, face);
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let unknown = || {
            Problem::new(
                StatusCode::NOT_FOUND,
                "unknown object",
                "no such object or collection",
            )
        };
        let target = target(face, &words, &roster.rows).ok_or_else(unknown)?;
        let name = match &target {
            Target::List(selection) => selection.collection,
            Target::One(collection, _) => collection,
        };
        if self
            .switches
            .forbidden
            .iter()
            .any(|forbidden| forbidden == name)
        {
            let status = StatusCode::from_u16(self.switches.forbidden_status)
                .unwrap_or(StatusCode::FORBIDDEN);
            return Err(Problem::new(
                status,
                "forbidden",
                "the application has no right to this collection",
            ));
        }
        let prefix = if face == Face::Untis { "" } else { "/standard" };
        let base = format!("{}{prefix}/ims/oneroster/v1p1", origin(&parts.headers));
        let renderer = Renderer {
            base,
            switches: &self.switches,
        };
        match target {
            Target::One(collection, id) => {
                let rows = roster.rows.get(collection).into_iter().flatten();
                let row = rows
                    .into_iter()
                    .find(|row| row["sourcedId"] == id.as_str())
                    .ok_or_else(unknown)?;
                Ok(self.single(&renderer, collection, row.clone()))
            }
            Target::List(selection) => self.list(face, parts, &renderer, &selection, &roster),
        }
    }

    fn single(&self, renderer: &Renderer<'_>, collection: &str, row: Value) -> Response<Body> {
        let mut row = renderer.row(collection, row);
        renderer.reveal(collection, &mut row);
        let body = match (self.switches.wrapper, wrapper(collection).1) {
            (Wrapper::Bare, _) => row,
            (Wrapper::WrongSingle, "org") => json!({ "school": row }),
            (Wrapper::Right | Wrapper::WrongSingle, key) => json!({ key: row }),
        };
        let mut response = answer(StatusCode::OK, "application/json", body.to_string());
        if self.switches.total == Total::One {
            response
                .headers_mut()
                .insert("x-total-count", HeaderValue::from_static("1"));
        }
        response
    }

    fn list(
        &self,
        face: Face,
        parts: &Parts,
        renderer: &Renderer<'_>,
        selection: &Selection,
        served: &Served,
    ) -> Result<Response<Body>, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let asked = Asked::read(query, selection.collection, &self.switches)?;
        let turn = self.turn(&selection.name);
        let all = served
            .rows
            .get(selection.collection)
            .map_or(&[][..], Vec::as_slice);
        let belongs = |row: &Value| selection.rows.hold(row);
        let places = served.order(parts.uri.path(), asked.sort_field(), all, belongs);
        let mut rows = asked.arrange(all, &places, &self.switches, turn);
        self.moved(&selection.name, &mut rows);
        let trouble = if turn == self.switches.trouble_page {
            self.switches.trouble
        } else {
            Trouble::Never
        };
        if let Some(response) = in_trouble(trouble) {
            return Ok(response);
        }
        let page = asked.cut(&rows);
        let page = match trouble {
            Trouble::EmptyPage => &[][..],
            Trouble::PartialPage => &page[..page.len() / 2],
            _ => page,
        };
        let page = page
            .iter()
            .map(|row| asked.select(renderer.row(selection.collection, row.clone().into_owned())));
        let key = if trouble == Trouble::NoKey {
            "unavailable"
        } else {
            wrapper(selection.collection).0
        };
        let body = asked.body(key, page.collect(), self.switches.wrapper);
        let mut response = answer(StatusCode::OK, "application/json", body.to_string());
        let address = format!("{}{}", origin(&parts.headers), parts.uri.path());
        let total = asked.total(face, rows.len(), places.len(), &self.switches);
        let link = asked.link(face, &address, rows.len(), &self.switches);
        for (name, value) in [("x-total-count", total), ("link", link)] {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
                response.headers_mut().insert(name, value);
            }
        }
        self.control.edits.page_served(&selection.name);
        Ok(response)
    }

    /// How often a list was asked for, this time included.
    fn turn(&self, list: &str) -> u64 {
        let Ok(mut pages) = self.pages.lock() else {
            return 0;
        };
        let count = pages.entry(list.to_owned()).or_default();
        *count += 1;
        *count
    }
}

/// The answer of a server in trouble, when it is no page at all.
fn in_trouble(trouble: Trouble) -> Option<Response<Body>> {
    use crate::faults::Fault;
    match trouble {
        Trouble::Html => Some(login_page()),
        Trouble::Busy => instead(Fault::TooMany),
        Trouble::BusySeconds => instead(Fault::TooManySeconds),
        Trouble::BusyDate => instead(Fault::TooManyDate),
        Trouble::BadGateway => instead(Fault::BadGateway),
        Trouble::Unavailable => instead(Fault::Unavailable),
        Trouble::Never | Trouble::EmptyPage | Trouble::PartialPage | Trouble::NoKey => None,
    }
}
