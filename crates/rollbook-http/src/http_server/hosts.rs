//! Whose names a request may use: the `Host` that it is for, and the `Origin` of the page that sent it.
//!
//! A foreign site can point its own name at this machine (DNS rebinding) and send a browser here; the browser then tells its name.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use rollbook_core::document::text_value::{TextValue, ValueError, text_value};

/// The names of this machine for itself.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The longest name in DNS.
const MAX_LENGTH: usize = 253;

/// A name or address without port, in lower case; an IPv6 address has brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(String);

impl FromStr for HostName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let error = |message: &str| {
            let example = Self::EXAMPLE;
            ValueError::new(message).help(format!("a name alone, such as `\"{example}\"`"))
        };
        if text.contains("://") || text.contains('/') {
            return Err(error("a name has no scheme and no path"));
        }
        if text.contains('*') {
            return Err(error("each name is written out, without `*`"));
        }
        match HostAndPort::parse(text) {
            Some(HostAndPort { port: Some(_), .. }) => Err(error("a name has no port")),
            Some(found) => Ok(Self(found.host)),
            None => Err(error("this is not the name of a host")),
        }
    }
}

text_value!(
    HostName,
    pattern = r"^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])$",
    example = "rollbook.school.example"
);

/// A host as headers have it.
#[derive(Debug, PartialEq, Eq)]
struct HostAndPort {
    host: String,
    port: Option<u16>,
}

impl HostAndPort {
    fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']')?;
                let address: Ipv6Addr = address.parse().ok()?;
                (format!("[{address}]"), port)
            }
            None => {
                let end = text.find(':').unwrap_or(text.len());
                let (name, port) = text.split_at(end);
                is_name(name).then(|| (name.to_ascii_lowercase(), port))?
            }
        };
        let port = match port.strip_prefix(':') {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().ok()?)
            }
            None if port.is_empty() => None,
            _ => return None,
        };
        Some(Self { host, port })
    }
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let ends = |c: char| c.is_ascii_alphanumeric();
    name.len() <= MAX_LENGTH
        && name.starts_with(ends)
        && name.ends_with(ends)
        && name.chars().all(fits)
        && !name.contains("..")
}

/// The names that are answered.
#[derive(Clone, Debug)]
pub struct AllowedHosts {
    file: &'static str,
    names: Vec<HostName>,
}

impl AllowedHosts {
    /// Those of loopback, and `hosts` of this file.
    pub fn new(file: &'static str, hosts: &[HostName]) -> Self {
        Self {
            file,
            names: hosts.to_vec(),
        }
    }

    /// The name of the file that lists them.
    pub fn file(&self) -> &'static str {
        self.file
    }

    /// Whether a request for this host is answered, whatever the port; `None` if it is none.
    pub fn has(&self, authority: &str) -> Option<bool> {
        HostAndPort::parse(authority).map(|found| self.knows(&found.host))
    }

    fn knows(&self, host: &str) -> bool {
        LOOPBACK.contains(&host) || self.names.iter().any(|known| known.0 == host)
    }

    /// Whether a page of this origin may send a request for this host: only a page of the same host.
    ///
    /// A proxy may drop the port of `Host`, so ports are compared if it has one.
    pub fn is_own_origin(&self, origin: &str, host: &str) -> bool {
        let (name, default) = match origin.split_once("://") {
            Some(("http", name)) => (name, 80),
            Some(("https", name)) => (name, 443),
            _ => return false,
        };
        let (Some(origin), Some(host)) = (HostAndPort::parse(name), HostAndPort::parse(host))
        else {
            return false;
        };
        let same_port = host
            .port
            .is_none_or(|port| port == origin.port.unwrap_or(default));
        origin.host == host.host && same_port && self.knows(&origin.host)
    }
}

/// Whether only this machine can connect to the address.
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> AllowedHosts {
        AllowedHosts::new(
            "web.toml",
            &["Rollbook.school.example".parse().expect("a name")],
        )
    }

    #[test]
    fn hosts_are_compared_by_name_whatever_the_port() {
        for (authority, expected) in [
            ("localhost", Some(true)),
            ("LOCALHOST:8181", Some(true)),
            ("127.0.0.1:1", Some(true)),
            ("[::1]:8181", Some(true)),
            ("[0:0:0:0:0:0:0:1]", Some(true)),
            ("rollbook.school.example", Some(true)),
            ("ROLLBOOK.school.example:443", Some(true)),
            ("school.example", Some(false)),
            ("rollbook.school.example.evil.example", Some(false)),
            ("127.0.0.2", Some(false)),
            ("192.0.2.1", Some(false)),
            ("localhost.", None),
            ("", None),
            (":8181", None),
            ("localhost:", None),
            ("localhost:port", None),
            ("localhost:+80", None),
            ("localhost:99999", None),
            ("localhost:80:80", None),
            ("user@localhost", None),
            ("localhost,evil.example", None),
            ("localhost evil.example", None),
            ("[::1", None),
            ("[::1]x", None),
            ("::1", None),
            ("löcalhost", None),
        ] {
            assert_eq!(hosts().has(authority), expected, "{authority:?}");
        }
        let long = "a".repeat(254);
        assert_eq!(hosts().has(&long), None);
    }

    #[test]
    fn an_origin_is_that_of_the_same_host() {
        for (origin, host, expected) in [
            ("http://localhost:8181", "localhost:8181", true),
            ("http://localhost", "localhost:80", true),
            (
                "https://rollbook.school.example",
                "rollbook.school.example",
                true,
            ),
            (
                "https://rollbook.school.example",
                "rollbook.school.example:443",
                true,
            ),
            (
                "https://rollbook.school.example:8443",
                "rollbook.school.example",
                true,
            ),
            ("http://localhost:3000", "localhost:8181", false),
            ("http://localhost", "localhost:8181", false),
            ("http://localhost:8181", "127.0.0.1:8181", false),
            ("https://evil.example", "localhost:8181", false),
            ("https://evil.example", "evil.example", false),
            ("null", "localhost:8181", false),
            ("", "localhost:8181", false),
            ("file://", "localhost:8181", false),
            ("http://localhost:8181/", "localhost:8181", false),
            (
                "http://localhost:8181 http://localhost:8181",
                "localhost:8181",
                false,
            ),
        ] {
            assert_eq!(
                hosts().is_own_origin(origin, host),
                expected,
                "{origin:?} {host:?}"
            );
        }
    }

    #[test]
    fn names_in_the_file_are_names_alone() {
        for (text, message) in [
            ("https://a.example", "a name has no scheme and no path"),
            ("a.example/rollbook", "a name has no scheme and no path"),
            ("a.example:443", "a name has no port"),
            ("*.school.example", "each name is written out, without `*`"),
            ("a b", "this is not the name of a host"),
        ] {
            let error = text.parse::<HostName>().expect_err(text);
            assert_eq!(error.message, message, "{text}");
        }
    }
}
