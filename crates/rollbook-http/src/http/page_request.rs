//! A request for one page, and its URL.
//!
//! The surprise: an address outside the source's base address is refused before anything
//! is sent, whether it is a server's link or contains a value in its path.

use reqwest::Url;

use super::error::{HttpError, HttpErrorKind};
use rollbook_core::model::retry::DEFAULT_LIMITS;

/// A request for one page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Appended to the path of `base_url`; already percent-encoded. May end in `?query`, which is sent
    /// unchanged, as a followed link needs it.
    pub path: String,
    /// Query parameters, not encoded; the session encodes them, a blank as `%20`.
    pub query: Vec<(String, String)>,
    /// Further headers, in place of the source's of the same name.
    pub headers: Vec<(String, String)>,
    /// The name for messages: `page 3 of users`.
    pub what: String,
    /// How often to try.
    pub effort: Effort,
}

/// How often a request is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// The most attempts, the first included; where a retry may help and the budget allows it.
    pub attempts: u32,
    /// The most attempts without any response.
    pub silences: u32,
    /// The caller can request less instead.
    pub shrinks: Shrinks,
}

/// When a caller requests less instead of the same again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shrinks {
    /// It cannot.
    Never,
    /// At the first sign that a response is too large.
    WhenTooLarge,
    /// Then, and at the second 500 in a row, by which some vendors mean it (wapi.md 7 rule 2).
    OnServerErrors,
}

impl Effort {
    /// As often as the policy allows.
    pub const USUAL: Self = Self {
        attempts: DEFAULT_LIMITS.attempts,
        silences: DEFAULT_LIMITS.attempts,
        shrinks: Shrinks::Never,
    };

    /// Once: to the caller, a failure is a result.
    pub const ONCE: Self = Self {
        attempts: 1,
        silences: 1,
        shrinks: Shrinks::Never,
    };

    /// The first attempts at a list, where others can be read meanwhile if the server is silent.
    pub const FIRST: Self = Self {
        silences: 2,
        ..Self::USUAL
    };

    /// What is left for that list when the others were read.
    pub const SECOND: Self = Self {
        silences: Self::USUAL.silences - Self::FIRST.silences,
        ..Self::USUAL
    };

    /// What is left after earlier attempts at the same, all sizes together; at least one.
    pub fn after(self, attempts: u32) -> Self {
        Self {
            attempts: self.attempts.saturating_sub(attempts).max(1),
            silences: self.silences.saturating_sub(attempts).max(1),
            ..self
        }
    }

    /// Whether a failure may concern the size of the request, and not the server.
    pub(super) fn is_about_size(self, error: &HttpError) -> bool {
        match self.shrinks {
            Shrinks::Never => false,
            Shrinks::WhenTooLarge => error.is_too_many(),
            Shrinks::OnServerErrors => error.is_too_many() || error.status() == Some(500),
        }
    }

    /// Whether the caller requests less after so many attempts of this request.
    pub(super) fn ends_with(self, error: &HttpError, attempts: u32) -> bool {
        let earlier = Self::USUAL.attempts.saturating_sub(self.attempts);
        let is_second = earlier + attempts >= 2;
        match self.shrinks {
            _ if attempts >= self.attempts => true,
            _ if attempts >= self.silences && error.is_silence() => true,
            Shrinks::Never => false,
            _ if error.is_too_many() => true,
            _ => is_second && self.is_about_size(error),
        }
    }
}

/// The URL of a request.
pub(super) fn address(base: &Url, request: &PageRequest) -> Result<Url, HttpErrorKind> {
    let (path, verbatim) = match request.path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (request.path.as_str(), None),
    };
    let mut query = verbatim.unwrap_or_default().to_owned();
    for (name, value) in &request.query {
        add_parameter(name, value, &mut query);
    }
    let mut address = base.clone();
    address.set_path(&format!(
        "{}/{}",
        base.path().trim_end_matches('/'),
        path.trim_start_matches('/')
    ));
    address.set_query((!query.is_empty()).then_some(query.as_str()));
    address.set_fragment(None);
    if is_below(base, &address) {
        Ok(address)
    } else {
        Err(HttpErrorKind::OutsideBaseUrl)
    }
}

/// Makes a request from a link of the server, absolute or relative.
pub fn follow(base: &Url, link: &str, what: String) -> Result<PageRequest, HttpErrorKind> {
    let mut folder = base.clone();
    folder.set_query(None);
    if !folder.path().ends_with('/') {
        folder.set_path(&format!("{}/", base.path()));
    }
    let target = folder
        .join(link.trim())
        .map_err(|_| HttpErrorKind::OutsideBaseUrl)?;
    let has_user = !target.username().is_empty() || target.password().is_some();
    if has_user || target.origin() != base.origin() || !is_below(base, &target) {
        return Err(HttpErrorKind::OutsideBaseUrl);
    }
    let path = target
        .path()
        .strip_prefix(base.path().trim_end_matches('/'))
        .unwrap_or_default();
    let query = target
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    Ok(PageRequest {
        path: format!("{path}{query}"),
        query: Vec::new(),
        headers: Vec::new(),
        what,
        effort: Effort::USUAL,
    })
}

/// The URL parser has already resolved `..`, also as `%2e%2e`.
fn is_below(base: &Url, address: &Url) -> bool {
    address
        .path()
        .strip_prefix(base.path().trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Adds a parameter to a query.
pub(super) fn add_parameter(name: &str, value: &str, query: &mut String) {
    if !query.is_empty() {
        query.push('&');
    }
    encode(name, query);
    query.push('=');
    encode(value, query);
}

/// Percent-encodes everything but the unreserved characters of RFC 3986, so that no server misreads it.
pub(super) fn encode(text: &str, into: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            into.push('%');
            into.push(char::from(HEX[usize::from(byte >> 4)]));
            into.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn base() -> Url {
        Url::parse("https://api.example.org/ims/v1").expect("an address")
    }

    #[test]
    fn paths_and_queries_become_addresses() {
        for (path, query, should) in [
            ("/users", &[][..], "https://api.example.org/ims/v1/users"),
            ("users", &[], "https://api.example.org/ims/v1/users"),
            (
                "/users",
                &[("filter", "a>='1 b'"), ("é&", "+=")],
                "https://api.example.org/ims/v1/users?filter=a%3E%3D%271%20b%27&%C3%A9%26=%2B%3D",
            ),
            (
                "/users?c=a+b%2F=",
                &[("n", "1")],
                "https://api.example.org/ims/v1/users?c=a+b%2F=&n=1",
            ),
            (
                "/a%20b/%C3%A9",
                &[],
                "https://api.example.org/ims/v1/a%20b/%C3%A9",
            ),
            ("/a#b", &[], "https://api.example.org/ims/v1/a%23b"),
        ] {
            let query = query
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect();
            let request = PageRequest {
                path: path.into(),
                query,
                headers: Vec::new(),
                what: String::new(),
                effort: Effort::USUAL,
            };
            assert_eq!(
                address(&base(), &request).map(String::from),
                Ok(should.to_owned()),
                "{path}"
            );
        }
        for path in [
            "/../v2/users",
            "/%2e%2e/v2",
            "/a/../../../etc",
            "/..\\..\\x",
        ] {
            let request = PageRequest {
                path: path.into(),
                query: Vec::new(),
                headers: Vec::new(),
                what: String::new(),
                effort: Effort::USUAL,
            };
            assert_eq!(
                address(&base(), &request),
                Err(HttpErrorKind::OutsideBaseUrl),
                "{path}"
            );
        }
    }

    #[test]
    fn links_are_followed_only_at_home() {
        for (link, should) in [
            (
                "https://api.example.org/ims/v1/users?offset=100",
                Some("/users?offset=100"),
            ),
            (
                "https://API.example.org:443/ims/v1/users?a=b+c%2b",
                Some("/users?a=b+c%2b"),
            ),
            ("/ims/v1/users?offset=100#x", Some("/users?offset=100")),
            ("users?offset=100", Some("/users?offset=100")),
            ("?offset=100", Some("/?offset=100")),
            ("http://api.example.org/ims/v1/users", None),
            ("https://api.example.org:8443/ims/v1/users", None),
            ("https://api.example.org.evil.example/ims/v1/users", None),
            ("https://evil.example/ims/v1/users", None),
            ("//evil.example/ims/v1/users", None),
            ("\\\\evil.example\\ims\\v1", None),
            ("https://user:word@api.example.org/ims/v1/users", None),
            ("https://api.example.org@evil.example/ims/v1", None),
            ("https://169.254.169.254/ims/v1/users", None),
            ("https://127.0.0.1/ims/v1/users", None),
            ("file:///ims/v1/users", None),
            ("/ims/v2/users", None),
            ("/ims/v10/users", None),
            ("/ims/v1/../../secret", None),
            ("../v2", None),
            ("https://", None),
        ] {
            let request = follow(&base(), link, "page 2 of users".into());
            assert_eq!(
                request.ok().map(|request| request.path).as_deref(),
                should,
                "{link}"
            );
        }
    }

    #[test]
    fn a_followed_link_comes_out_as_it_was() {
        let link = "https://api.example.org/ims/v1/users?cursor=ab+c%2F==&limit=5";
        let request = follow(&base(), link, String::new()).expect("at home");
        assert_eq!(
            address(&base(), &request).map(String::from),
            Ok(link.to_owned())
        );
    }

    proptest! {
        #[test]
        fn no_link_leads_away(
            start in "(https?:)?[/\\\\]{0,3}|\\?|\\.\\./|",
            host in "(user:word@)?(api\\.example\\.org|evil\\.example|127\\.0\\.0\\.1|)(:443|:80|@evil\\.example|)",
            rest in "(/ims/v1|/ims|/ims/v2|)(/\\.\\.|/%2e%2e|/\\\\\\.\\.|/users|\\PC){0,4}(\\?\\PC{0,9}|)",
        ) {
            let link = format!("{start}{host}{rest}");
            if let Ok(request) = follow(&base(), &link, String::new()) {
                let to = address(&base(), &request).expect("what was followed can be asked");
                prop_assert_eq!(to.origin(), base().origin());
                prop_assert!(to.path() == "/ims/v1" || to.path().starts_with("/ims/v1/"), "{}", to);
                prop_assert!(to.username().is_empty() && to.password().is_none());
            }
        }
    }
}
