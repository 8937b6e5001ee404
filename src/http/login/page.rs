//! What the browser shows when it comes back: a few plain words, and nothing from outside.

/// A heading and a sentence.
#[derive(Clone, Copy)]
pub(super) struct Text(&'static str, &'static str);

/// The code came.
pub(super) const FINISHED: Text = Text(
    "Sign-in finished",
    "Return to the terminal: it says what was granted. This page can be closed.",
);

/// The vendor said no.
pub(super) const REFUSED: Text = Text(
    "Sign-in refused",
    "Nothing was granted. Return to the terminal: it says why.",
);

/// The answer belongs to another sign-in.
pub(super) const STRANGER: Text = Text(
    "This answer was not taken",
    "It belongs to another sign-in. Open the address that the terminal shows.",
);

/// The answer came a second time.
pub(super) const OVER: Text = Text(
    "This sign-in is over",
    "Return to the terminal. To sign in once more, run the command again.",
);

/// Another path or method.
pub(super) const NOTHING_HERE: Text = Text(
    "There is nothing here",
    "Rollbook waits for a sign-in at another address.",
);

/// The whole page.
pub(super) fn html(Text(title, words): Text) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title} – Rollbook</title>\n\
         <style>:root{{color-scheme:light dark}}body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;\
         margin:20vh auto 0;padding:0 1rem}}</style>\n<h1>{title}</h1>\n<p>{words}</p>\n</html>\n"
    )
}
