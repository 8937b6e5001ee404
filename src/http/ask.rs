//! One question to a vendor, and the address that it becomes.
//!
//! The surprise: an address that leads out of the source's base address is refused before anything
//! is sent, whoever made it: a server's link, or a value in a path.

use reqwest::Url;

use super::error::Kind;

/// One page to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Put behind the path of `base_url`; already percent-encoded. May end in `?query`, kept to the
    /// letter, as a followed link does.
    pub path: String,
    /// Query parameters as they are meant; the session encodes them, a blank as `%20`.
    pub query: Vec<(String, String)>,
    /// What it is, for messages: `page 3 of users`.
    pub what: String,
    /// How much trouble it is worth.
    pub effort: Effort,
}

/// How much trouble a question is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effort {
    /// Asked again while that may help and the budget allows it.
    #[default]
    Usual,
    /// Asked once: without an answer the asker knows enough.
    Once,
}

/// The full address of a question.
pub(super) fn address(base: &Url, ask: &Ask) -> Result<Url, Kind> {
    let (path, verbatim) = match ask.path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (ask.path.as_str(), None),
    };
    let mut query = verbatim.unwrap_or_default().to_owned();
    for (name, value) in &ask.query {
        if !query.is_empty() {
            query.push('&');
        }
        encode(name, &mut query);
        query.push('=');
        encode(value, &mut query);
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
        Err(Kind::Astray)
    }
}

/// Turns a link that the server gave, absolute or relative, into a question.
pub(super) fn follow(base: &Url, link: &str, what: String) -> Result<Ask, Kind> {
    let mut folder = base.clone();
    folder.set_query(None);
    if !folder.path().ends_with('/') {
        folder.set_path(&format!("{}/", base.path()));
    }
    let target = folder.join(link.trim()).map_err(|_| Kind::Astray)?;
    let has_user = !target.username().is_empty() || target.password().is_some();
    if has_user || target.origin() != base.origin() || !is_below(base, &target) {
        return Err(Kind::Astray);
    }
    let path = target
        .path()
        .strip_prefix(base.path().trim_end_matches('/'))
        .unwrap_or_default();
    let query = target
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    Ok(Ask {
        path: format!("{path}{query}"),
        query: Vec::new(),
        what,
        effort: Effort::Usual,
    })
}

/// The parser has resolved `..` by now, also when it was written as `%2e%2e`.
fn is_below(base: &Url, address: &Url) -> bool {
    address
        .path()
        .strip_prefix(base.path().trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Percent-encodes everything but RFC 3986's unreserved characters, so no server can misread it.
fn encode(text: &str, into: &mut String) {
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
            let ask = Ask {
                path: path.into(),
                query,
                what: String::new(),
                effort: Effort::Usual,
            };
            assert_eq!(
                address(&base(), &ask).map(String::from),
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
            let ask = Ask {
                path: path.into(),
                query: Vec::new(),
                what: String::new(),
                effort: Effort::Usual,
            };
            assert_eq!(address(&base(), &ask), Err(Kind::Astray), "{path}");
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
            let ask = follow(&base(), link, "page 2 of users".into());
            assert_eq!(ask.ok().map(|ask| ask.path).as_deref(), should, "{link}");
        }
    }

    #[test]
    fn a_followed_link_comes_out_as_it_was() {
        let link = "https://api.example.org/ims/v1/users?cursor=ab+c%2F==&limit=5";
        let ask = follow(&base(), link, String::new()).expect("at home");
        assert_eq!(
            address(&base(), &ask).map(String::from),
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
            if let Ok(ask) = follow(&base(), &link, String::new()) {
                let to = address(&base(), &ask).expect("what was followed can be asked");
                prop_assert_eq!(to.origin(), base().origin());
                prop_assert!(to.path() == "/ims/v1" || to.path().starts_with("/ims/v1/"), "{}", to);
                prop_assert!(to.username().is_empty() && to.password().is_none());
            }
        }
    }
}
