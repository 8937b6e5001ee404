//! The consent page for a demonstration in a browser.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};

use crate::fault_responses::build_response;

/// Form field of the two buttons.
pub(super) const BUTTON: &str = "sandbox_consent";

/// A page with two buttons that repeat the request together with the choice.
pub(super) fn page(path: &str, client: &str, pairs: &[(String, String)]) -> Response<Body> {
    let hidden: String = pairs
        .iter()
        .map(|(name, value)| {
            let (name, value) = (escaped(name), escaped(value));
            format!(r#"<input type="hidden" name="{name}" value="{value}">"#)
        })
        .collect();
    let (path, client) = (escaped(path), escaped(client));
    html(
        StatusCode::OK,
        &format!(
            "<h1>A simulated vendor</h1><p>May the application <b>{client}</b> read for you?</p>\
             <form method=\"get\" action=\"{path}\">{hidden}\
             <button name=\"{BUTTON}\" value=\"give\">Yes</button> \
             <button name=\"{BUTTON}\" value=\"deny\">No</button></form>"
        ),
    )
}

/// An error page, shown where no redirect is possible.
pub(super) fn refusal(error: &str, description: &str) -> Response<Body> {
    let (error, description) = (escaped(error), escaped(description));
    html(
        StatusCode::BAD_REQUEST,
        &format!("<h1>{error}</h1><p>{description}</p>"),
    )
}

fn html(status: StatusCode, inside: &str) -> Response<Body> {
    let page = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Sign in</title></head><body>{inside}</body></html>"
    );
    let mut response = build_response(status, "text/html; charset=utf-8", page);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// HTML-escapes a text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
