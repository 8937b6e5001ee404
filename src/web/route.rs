//! What a path leads to, and which methods it takes.

use hyper::Method;

use super::request_kind::RequestKind;

/// The longest path that is looked at.
const MAX_PATH: usize = 1024;

/// The longest name of a webhook.
const MAX_NAME: usize = 64;

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebRoute {
    /// A page, if there is one of this path.
    Page(String),
    /// The status file.
    Status,
    /// The icon.
    Icon,
    /// Metrics.
    Metrics,
    /// Health.
    Health,
    /// A webhook of this name.
    Webhook(String),
}

/// Why a path leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathFault {
    /// A percent sign without two digits, or a character that no path has.
    Malformed,
    /// Longer than any that exists.
    TooLong,
}

impl WebRoute {
    /// Of a path. Nothing here is spelled with a percent sign, so none is decoded: such a path is that of no page.
    ///
    /// # Errors
    /// If it is none.
    pub fn of(path: &str) -> Result<Self, PathFault> {
        if path.len() > MAX_PATH {
            return Err(PathFault::TooLong);
        }
        if !path.starts_with('/') || !is_well_formed(path) {
            return Err(PathFault::Malformed);
        }
        Ok(match path {
            "/status.json" => Self::Status,
            "/icon.svg" => Self::Icon,
            "/metrics" => Self::Metrics,
            "/healthz" => Self::Health,
            _ => match path.strip_prefix("/webhooks/") {
                Some(name) if is_name(name) => Self::Webhook(name.to_owned()),
                _ => Self::Page(path.to_owned()),
            },
        })
    }

    /// The allowance that it is taken from.
    pub fn kind(&self) -> RequestKind {
        match self {
            Self::Page(_) | Self::Status | Self::Icon => RequestKind::Page,
            Self::Metrics => RequestKind::Metrics,
            Self::Health => RequestKind::Health,
            Self::Webhook(_) => RequestKind::Webhook,
        }
    }

    /// The methods for `Allow`.
    pub fn methods(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "POST",
            _ => "GET, HEAD",
        }
    }

    /// Whether it takes this method.
    pub fn takes(&self, method: &Method) -> bool {
        self.methods()
            .split(", ")
            .any(|known| known == method.as_str())
    }
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(fits)
}

fn is_well_formed(path: &str) -> bool {
    let plain = path
        .bytes()
        .all(|byte| (b'!'..=b'~').contains(&byte) && byte != b'\\');
    let mut parts = path.split('%');
    parts.next();
    let is_encoded = |part: &str| {
        let code = part.as_bytes().get(..2);
        code.is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit))
    };
    plain && parts.all(is_encoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_one_meaning() {
        let page = |path: &str| Ok(WebRoute::Page(path.to_owned()));
        let long = format!("/{}", "a".repeat(MAX_PATH));
        let long_name = format!("/webhooks/{}", "a".repeat(65));
        for (path, expected) in [
            ("/", page("/")),
            ("/jobs/rosters", page("/jobs/rosters")),
            ("/status.json", Ok(WebRoute::Status)),
            ("/icon.svg", Ok(WebRoute::Icon)),
            ("/metrics", Ok(WebRoute::Metrics)),
            ("/healthz", Ok(WebRoute::Health)),
            (
                "/webhooks/north-1",
                Ok(WebRoute::Webhook("north-1".to_owned())),
            ),
            ("/metrics/", page("/metrics/")),
            ("//metrics", page("//metrics")),
            ("/%6detrics", page("/%6detrics")),
            ("/jobs/../metrics", page("/jobs/../metrics")),
            ("/webhooks/", page("/webhooks/")),
            ("/webhooks/a/b", page("/webhooks/a/b")),
            ("/webhooks/%61", page("/webhooks/%61")),
            (&long_name, page(&long_name)),
            ("/%zz", Err(PathFault::Malformed)),
            ("/%", Err(PathFault::Malformed)),
            ("/a%4", Err(PathFault::Malformed)),
            ("/a\\b", Err(PathFault::Malformed)),
            ("/ä", Err(PathFault::Malformed)),
            ("*", Err(PathFault::Malformed)),
            ("", Err(PathFault::Malformed)),
            (&long, Err(PathFault::TooLong)),
        ] {
            assert_eq!(WebRoute::of(path), expected, "{path}");
        }
    }

    #[test]
    fn webhooks_are_posted_and_all_else_is_read() {
        let webhook = WebRoute::Webhook("a".to_owned());
        for method in [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::OPTIONS,
        ] {
            assert_eq!(webhook.takes(&method), method == Method::POST, "{method}");
            let reads = [Method::GET, Method::HEAD].contains(&method);
            assert_eq!(WebRoute::Health.takes(&method), reads, "{method}");
        }
    }
}
