//! Handles a request: address, method, token, right, list or record.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Response, StatusCode};
use serde_json::{Value, json};

use super::WebUntis;
use super::errors::ApiError;
use super::oauth1;
use super::order::DayRoster;
use super::page::ListQuery;
use super::render::Renderer;
use super::roster::Profile;
use super::routes::{Selection, Target, service, target, wrapper};
use super::switches::{PageFault, Redirect, Total, Wrapper};
use crate::authorization::{PostRequest, form_body, origin};
use crate::fault_responses::{build_response, login_page, redirect, replacement};
use crate::query::{bearer, segments};

/// Handles every request to the platform's port.
pub(super) async fn serve(
    State(platform): State<Arc<WebUntis>>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let words = segments(parts.uri.path());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let post = parts.method == Method::POST;
    let body = form_body(body).await;
    let posted = PostRequest {
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
        ["ims", "oneroster", "v1p1", rest @ ..] => platform.oneroster(Profile::Untis, &parts, rest),
        ["standard", "ims", "oneroster", "v1p1", rest @ ..] => {
            platform.oneroster(Profile::Standard, &parts, rest)
        }
        [
            "standard",
            "ims",
            "oneroster",
            name,
            "v1p2",
            list,
            rest @ ..,
        ] if service(list) == *name => {
            let words: Vec<&str> = [list].into_iter().chain(rest).copied().collect();
            platform.oneroster(Profile::Newer, &parts, &words)
        }
        _ => platform.not_served(),
    }
}

impl WebUntis {
    fn not_served(&self) -> Response<Body> {
        ApiError::new(StatusCode::NOT_FOUND, "unknown object", "not served here")
            .response(&self.switches)
    }

    fn oneroster(&self, profile: Profile, parts: &Parts, words: &[&str]) -> Response<Body> {
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            return ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "invalid data", "read only")
                .response(&self.switches);
        }
        if let Some(response) = self.redirect(parts) {
            return response;
        }
        let holder = bearer(&parts.headers).and_then(|token| self.control.tokens.check(token));
        let tenant = match (profile, holder.as_ref().map(|holder| holder.realm.as_str())) {
            (Profile::Untis, Some(realm)) => realm.strip_prefix("untis/"),
            (Profile::Standard | Profile::Newer, Some("standard")) => Some(super::TENANT),
            (Profile::Standard, None) if self.is_signed(parts) => Some(super::TENANT),
            _ => None,
        };
        let Some(tenant) = tenant else {
            return self.refused();
        };
        self.collection(profile, tenant, parts, words)
            .unwrap_or_else(|error| error.response(&self.switches))
    }

    fn is_signed(&self, parts: &Parts) -> bool {
        let now = oauth1::server_time(self.switches.clock_off);
        oauth1::is_signed(parts, &self.nonces, now)
    }

    fn refused(&self) -> Response<Body> {
        let mut response = ApiError::bad_token(&self.switches);
        let time = jiff::Timestamp::from_second(oauth1::server_time(self.switches.clock_off));
        let date = time.map(|time| time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
        if let Some(date) = date.ok().and_then(|date| HeaderValue::from_str(&date).ok()) {
            response.headers_mut().insert("date", date);
        }
        response
    }

    fn redirect(&self, parts: &Parts) -> Option<Response<Body>> {
        let path = parts.uri.path();
        let query = parts
            .uri
            .query()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        let index = match self.switches.redirect {
            Redirect::Slash if path.ends_with('/') => {
                format!("{}{query}", path.trim_end_matches('/'))
            }
            Redirect::Host => format!(
                "{}{path}{query}",
                origin(&parts.headers).replacen("127.0.0.1", "localhost", 1)
            ),
            Redirect::Slash | Redirect::Never => return None,
        };
        Some(redirect(&index))
    }

    fn collection(
        &self,
        profile: Profile,
        tenant: &str,
        parts: &Parts,
        words: &[&str],
    ) -> Result<Response<Body>, ApiError> {
        let roster = self.roster(tenant, profile);
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let unknown = || {
            ApiError::new(
                StatusCode::NOT_FOUND,
                "unknown object",
                "no such object or collection",
            )
        };
        let target = target(profile, &words, &roster.rows).ok_or_else(unknown)?;
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
            return Err(ApiError::new(
                status,
                "forbidden",
                "the application has no right to this collection",
            ));
        }
        let path = match profile {
            Profile::Untis => "/ims/oneroster/v1p1",
            Profile::Standard => "/standard/ims/oneroster/v1p1",
            Profile::Newer => "/standard/ims/oneroster",
        };
        let base = format!("{}{path}", origin(&parts.headers));
        let renderer = Renderer {
            base,
            profile,
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
            Target::List(selection) => self.list(profile, parts, &renderer, &selection, &roster),
        }
    }

    fn single(&self, renderer: &Renderer<'_>, collection: &str, row: Value) -> Response<Body> {
        let mut row = renderer.row(collection, row);
        renderer.add_sensitive_fields(collection, &mut row);
        let body = match (self.switches.wrapper, wrapper(collection).1) {
            (Wrapper::Bare, _) => row,
            (Wrapper::WrongSingle, "org") => json!({ "school": row }),
            (Wrapper::Right | Wrapper::WrongSingle, key) => json!({ key: row }),
        };
        let mut response = build_response(StatusCode::OK, "application/json", body.to_string());
        if self.switches.total == Total::One {
            response
                .headers_mut()
                .insert("x-total-count", HeaderValue::from_static("1"));
        }
        response
    }

    fn list(
        &self,
        profile: Profile,
        parts: &Parts,
        renderer: &Renderer<'_>,
        selection: &Selection,
        served: &DayRoster,
    ) -> Result<Response<Body>, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let query = ListQuery::read(query, selection.collection, &self.switches)?;
        let request_number = self.request_number(&selection.name);
        let all = served
            .rows
            .get(selection.collection)
            .map_or(&[][..], Vec::as_slice);
        let belongs = |row: &Value| selection.rows.contains(row);
        let indexes = served.order(parts.uri.path(), query.sort_field(), all, belongs);
        let mut rows = query.arrange(all, &indexes, &self.switches, request_number);
        self.apply_edits(&selection.name, &mut rows);
        let page_fault = if request_number == self.switches.fault_page {
            self.switches.page_fault
        } else {
            PageFault::Never
        };
        if let Some(response) = fault_response(page_fault) {
            return Ok(response);
        }
        let page = query.cut(&rows);
        let page = match page_fault {
            PageFault::EmptyPage => &[][..],
            PageFault::PartialPage => &page[..page.len() / 2],
            _ => page,
        };
        let page = page
            .iter()
            .map(|row| query.select(renderer.row(selection.collection, row.clone().into_owned())));
        let key = if page_fault == PageFault::NoKey {
            "unavailable"
        } else {
            wrapper(selection.collection).0
        };
        let body = query.body(key, page.collect(), self.switches.wrapper);
        let mut response = build_response(StatusCode::OK, "application/json", body.to_string());
        let address = format!("{}{}", origin(&parts.headers), parts.uri.path());
        let total = query.total(profile, rows.len(), indexes.len(), &self.switches);
        let link = query.link(profile, &address, rows.len(), &self.switches);
        for (name, value) in [("x-total-count", total), ("link", link)] {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
                response.headers_mut().insert(name, value);
            }
        }
        self.control.edits.page_served(&selection.name);
        Ok(response)
    }

    /// How often a list was requested, including this request.
    fn request_number(&self, list: &str) -> u64 {
        let Ok(mut pages) = self.pages.lock() else {
            return 0;
        };
        let count = pages.entry(list.to_owned()).or_default();
        *count += 1;
        *count
    }
}

/// The response that replaces a page, for faults without a page.
fn fault_response(page_fault: PageFault) -> Option<Response<Body>> {
    use crate::faults::Fault;
    match page_fault {
        PageFault::Html => Some(login_page()),
        PageFault::TooMany => replacement(Fault::TooMany),
        PageFault::TooManySeconds => replacement(Fault::TooManySeconds),
        PageFault::TooManyDate => replacement(Fault::TooManyDate),
        PageFault::BadGateway => replacement(Fault::BadGateway),
        PageFault::Unavailable => replacement(Fault::Unavailable),
        PageFault::Never | PageFault::EmptyPage | PageFault::PartialPage | PageFault::NoKey => None,
    }
}
