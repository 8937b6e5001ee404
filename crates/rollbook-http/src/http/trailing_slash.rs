//! A redirect to the same address with or without a slash at the end of its path, which some frameworks send.
//!
//! The only redirect that is followed: it stays on the origin, below the base address, and sends the same query.

use reqwest::Url;

/// The path that a redirect leads to, if it differs from that of the request in a slash at its end only.
pub(super) fn path_of_redirect(sent: &Url, status: u16, location: Option<&str>) -> Option<String> {
    if !matches!(status, 301 | 302 | 307 | 308) {
        return None;
    }
    let target = sent.join(location?).ok()?;
    let has_user = !target.username().is_empty() || target.password().is_some();
    let is_same_query = target
        .query()
        .is_none_or(|query| Some(query) == sent.query());
    if has_user || target.origin() != sent.origin() || !is_same_query {
        return None;
    }
    let (from, to) = (sent.path(), target.path());
    let differs_in_slash = from.strip_suffix('/') == Some(to) || to.strip_suffix('/') == Some(from);
    differs_in_slash.then(|| to.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kinds: a slash more and less, relative, without the query, another status; another path, query, host, port or
    /// scheme, a user, two slashes.
    #[test]
    fn only_a_slash_may_differ() {
        const SENT: &str = "https://a.example/v1/users?limit=5";
        for (sent, status, location, expected) in [
            (
                SENT,
                301,
                "https://a.example/v1/users/?limit=5",
                Some("/v1/users/"),
            ),
            (SENT, 302, "/v1/users/?limit=5", Some("/v1/users/")),
            (SENT, 308, "users/", Some("/v1/users/")),
            (
                SENT,
                307,
                "https://a.example:443/v1/users/",
                Some("/v1/users/"),
            ),
            (
                "https://a.example/v1/users/",
                301,
                "/v1/users",
                Some("/v1/users"),
            ),
            (SENT, 303, "/v1/users/", None),
            (SENT, 200, "/v1/users/", None),
            (SENT, 301, "/v1/users", None),
            (SENT, 301, "/v1/users//", None),
            (SENT, 301, "/v1/users/?limit=50", None),
            (SENT, 301, "/v2/users/", None),
            (SENT, 301, "/login/?next=/v1/users", None),
            (SENT, 301, "http://a.example/v1/users/?limit=5", None),
            (SENT, 301, "https://a.example:8443/v1/users/", None),
            (SENT, 301, "https://evil.example/v1/users/?limit=5", None),
            (SENT, 301, "//evil.example/v1/users/", None),
            (SENT, 301, "https://u:p@a.example/v1/users/", None),
            (SENT, 301, "https://", None),
        ] {
            let address = Url::parse(sent).expect("an address");
            let path = path_of_redirect(&address, status, Some(location));
            assert_eq!(path.as_deref(), expected, "{sent} {status} {location}");
            assert_eq!(path_of_redirect(&address, status, None), None);
        }
    }
}
