//! The frame of every page: nothing from elsewhere, not for search engines. A script only where a caller gives one.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// A whole page without a script, for a file.
pub fn html_page(title: &str, style: &'static str, body: &Markup) -> String {
    framed(title, style, &Markup::default(), body)
}

/// A page of the status site. The tags of style and script have exactly these texts, so that a policy can allow their hashes.
pub fn site_page(title: &str, style: &'static str, script: &'static str, body: &Markup) -> String {
    let head = html! { link rel="icon" type="image/svg+xml" href="/icon.svg"; };
    let body = html! {
        (body)
        @if !script.is_empty() { script { (PreEscaped(script)) } }
    };
    framed(title, style, &head, &body)
}

fn framed(title: &str, style: &'static str, head: &Markup, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                meta name="color-scheme" content="light dark";
                title { (title) }
                (head)
                style { (PreEscaped(style)) }
            }
            body { (body) }
        }
    };
    page.into_string()
}
