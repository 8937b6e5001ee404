//! What the status page counts apart from each other, with the rates.

use rollbook_http::http_server::allowance::{Rate, Rated};

/// A kind of request, of which each client has an allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// Pages, `/status.json` and the icon.
    Page,
    /// `/metrics`.
    Metrics,
    /// `/healthz`.
    Health,
    /// `/webhooks/`: a vendor sends many at once, and repeats what is refused.
    Webhook,
    /// A wrong token.
    WrongToken,
}

impl Rated for RequestKind {
    /// The numbers of `docs/reference/web.md`.
    fn rate(self) -> Rate {
        let (burst, per_minute) = match self {
            Self::Page => (120, 600),
            Self::Metrics => (20, 60),
            Self::Health => (60, 300),
            Self::Webhook => (200, 1200),
            Self::WrongToken => (10, 10),
        };
        Rate { burst, per_minute }
    }
}
