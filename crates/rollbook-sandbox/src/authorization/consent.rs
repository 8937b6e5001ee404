//! What a person in front of a browser is shown, where a demonstration wants one to choose.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};

use crate::tamper::answer;

/// The name of the buttons.
pub(super) const BUTTON: &str = "sandbox_consent";

/// A page with the two buttons; they repeat the request and say which one it was.
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

/// A page that says why nobody is sent anywhere.
pub(super) fn refusal(error: &str, words: &str) -> Response<Body> {
    let (error, words) = (escaped(error), escaped(words));
    html(
        StatusCode::BAD_REQUEST,
        &format!("<h1>{error}</h1><p>{words}</p>"),
    )
}

fn html(status: StatusCode, inside: &str) -> Response<Body> {
    let page = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Sign in</title></head><body>{inside}</body></html>"
    );
    let mut response = answer(status, "text/html; charset=utf-8", page);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Text as it may stand in a page.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
