//! The redirect address of a sign-in.
//!
//! Kept exactly as written: vendors compare it byte for byte with the registered one (wisenet.md 2.1,
//! webuntis-oneroster.md 1.4).

use std::net::IpAddr;

use reqwest::Url;

/// The path on loopback where no address is registered.
const PATH: &str = "/callback";

/// A checked redirect address, exactly as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    text: String,
    url: Url,
}

impl Redirect {
    /// Checks an address that is registered at the vendor.
    ///
    /// # Errors
    /// A message: it is not an http URL, has a query or a fragment, or is plain http to another machine.
    pub fn registered(text: &str) -> Result<Self, String> {
        let problem = |why: &str| Err(format!("redirect_url {why}"));
        let Ok(url) = Url::parse(text) else {
            return problem("is not a URL; write it as it is registered at the vendor");
        };
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return problem("must begin with http:// or https://");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return problem("must not have a query or a fragment");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return problem("must not contain a user or a password");
        }
        let redirect = Self {
            text: text.to_owned(),
            url,
        };
        if redirect.url.scheme() == "http" && redirect.loopback().is_none() {
            return problem("must be https, because the redirect carries the code");
        }
        Ok(redirect)
    }

    /// An address on loopback, for a vendor that accepts any port there (RFC 8252 7.3).
    ///
    /// # Errors
    /// Never in practice: every port makes a valid address.
    pub fn on_loopback(port: u16) -> Result<Self, String> {
        Self::registered(&format!("http://127.0.0.1:{port}{PATH}"))
    }

    /// Exactly as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The loopback address and port for a listener; `None` where it is not on loopback.
    pub fn loopback(&self) -> Option<(IpAddr, u16)> {
        let host = self.url.host_str()?;
        let number = host.trim_start_matches('[').trim_end_matches(']');
        let number: IpAddr = match number {
            "localhost" => IpAddr::from([127, 0, 0, 1]),
            number => number.parse().ok()?,
        };
        let is_ours = number.is_loopback() && self.url.scheme() == "http";
        is_ours.then_some((number, self.url.port_or_known_default()?))
    }

    pub(super) fn path(&self) -> &str {
        self.url.path()
    }

    /// Whether scheme, host, port and path are the same.
    pub(super) fn matches(&self, ended: &Url) -> bool {
        ended.origin() == self.url.origin() && ended.path() == self.url.path()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registered_addresses_by_rows() {
        for (text, fine, loopback) in [
            ("http://127.0.0.1:8765/callback", true, Some(8765)),
            ("http://127.0.0.1/callback", true, Some(80)),
            ("http://localhost:8765", true, Some(8765)),
            ("http://[::1]:8765/cb", true, Some(8765)),
            ("https://school.example/rollbook", true, None),
            ("https://127.0.0.1:8765/cb", true, None),
            ("http://school.example/rollbook", false, None),
            ("https://school.example/rollbook?a=b", false, None),
            ("https://school.example/rollbook?", false, None),
            ("https://school.example/#a", false, None),
            ("https://me:word@school.example/", false, None),
            ("urn:ietf:wg:oauth:2.0:oob", false, None),
            ("school.example", false, None),
            ("", false, None),
        ] {
            let redirect = Redirect::registered(text);
            assert_eq!(redirect.is_ok(), fine, "{text}: {redirect:?}");
            if let Ok(redirect) = redirect {
                assert_eq!(redirect.as_str(), text);
                assert_eq!(
                    redirect.loopback().map(|(_, port)| port),
                    loopback,
                    "{text}"
                );
            }
        }
        let own = Redirect::on_loopback(4711).expect("an address");
        assert_eq!(own.as_str(), "http://127.0.0.1:4711/callback");
        assert_eq!(own.path(), "/callback");
    }
}
