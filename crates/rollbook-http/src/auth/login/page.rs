//! The pages that the browser shows after the redirect: plain text, no external resources.

/// Heading and text.
#[derive(Clone, Copy)]
pub(super) struct Text(&'static str, &'static str);

/// The code was received.
pub(super) const FINISHED: Text = Text(
    "Sign-in finished",
    "The terminal shows what was granted. You can close this page.",
);

/// The vendor refused.
pub(super) const REFUSED: Text = Text(
    "Sign-in refused",
    "Nothing was granted. The terminal shows why.",
);

/// The response belongs to another sign-in.
pub(super) const FOREIGN: Text = Text(
    "Response rejected",
    "This response belongs to another sign-in. Open the address that the terminal shows.",
);

/// A second response to the same sign-in.
pub(super) const OVER: Text = Text(
    "Sign-in already finished",
    "To sign in again, repeat the command in the terminal.",
);

/// Another path or method.
pub(super) const NOTHING_HERE: Text = Text(
    "Not found",
    "Rollbook expects the sign-in at another address.",
);

pub(super) fn html(Text(title, text): Text) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title} – Rollbook</title>\n\
         <style>:root{{color-scheme:light dark}}body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;\
         margin:20vh auto 0;padding:0 1rem}}</style>\n<h1>{title}</h1>\n<p>{text}</p>\n</html>\n"
    )
}
