//! The frame of every page that a command writes: no script, nothing from elsewhere, not for search engines.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// A whole page.
pub fn html_page(title: &str, style: &'static str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) }
                style { (PreEscaped(style)) }
            }
            body { (body) }
        }
    };
    page.into_string()
}
