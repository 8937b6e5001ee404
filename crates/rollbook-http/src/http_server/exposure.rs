//! Whether others can connect to a service that nothing protects. Pure.

use std::net::SocketAddr;

use super::config::{ListenAddress, ProxyAddress};
use super::hosts::{HostName, is_loopback};
use rollbook_core::document::text_value::ValueError;

/// What protects a service.
#[derive(Clone, Copy, Debug)]
pub struct Protection<'a> {
    /// The keys that it needs without a proxy, as messages name them, and whether each is set. One or two.
    pub keys: &'a [(&'static str, bool)],
    /// `trusted_proxy`.
    pub trusted_proxy: &'a [ProxyAddress],
    /// `hosts`.
    pub hosts: &'a [HostName],
    /// Where it listens by default, on loopback.
    pub usual: ListenAddress,
}

/// Why a service must not listen on this address as it is configured, and what to do.
pub fn exposure(address: SocketAddr, protection: &Protection<'_>) -> Option<ValueError> {
    if is_loopback(address.ip()) || !protection.trusted_proxy.is_empty() {
        return None;
    }
    let keys = protection.keys.iter();
    let missing: Vec<&str> = keys
        .filter_map(|(key, is_set)| (!is_set).then_some(*key))
        .collect();
    if missing.is_empty() {
        return has_no_name(address, protection.hosts);
    }
    let are = if missing.len() == 1 { "is" } else { "are" };
    let message = format!(
        "others can connect to {address}, and {} {are} missing",
        missing.join(" and ")
    );
    let all = match protection.keys {
        [(key, _)] => key,
        _ => "both",
    };
    Some(ValueError::new(message).help(format!(
        "set {all}, or `trusted_proxy` to the address of your reverse proxy, or listen on `\"{}\"`",
        protection.usual.0
    )))
}

fn has_no_name(address: SocketAddr, hosts: &[HostName]) -> Option<ValueError> {
    let message = format!("no name in `hosts` leads to {address}");
    let help = "set `hosts` to the names that clients use, such as `[\"rollbook.school.example\"]`";
    hosts
        .is_empty()
        .then(|| ValueError::new(message).help(help))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The problem with its advice, or nothing.
    fn found(address: &str, keys: &[(&'static str, bool)], proxy: &str, host: &str) -> String {
        let of = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let proxies: Vec<ProxyAddress> = of(proxy)
            .iter()
            .map(|text| text.parse().expect("an address"))
            .collect();
        let hosts: Vec<HostName> = of(host)
            .iter()
            .map(|text| text.parse().expect("a name"))
            .collect();
        let protection = Protection {
            keys,
            trusted_proxy: &proxies,
            hosts: &hosts,
            usual: ListenAddress::on_loopback(81),
        };
        let error = exposure(address.parse().expect("an address"), &protection);
        let text =
            |error: ValueError| format!("{error}: {}", error.help.clone().unwrap_or_default());
        error.map(text).unwrap_or_default()
    }

    #[test]
    fn another_address_needs_every_key_or_a_proxy() {
        let others = "others can connect to 192.0.2.1:80, and";
        let or = "or `trusted_proxy` to the address of your reverse proxy, or listen on `\"127.0.0.1:81\"`";
        let two = |a, b| [("`a`", a), ("`b`", b)];
        let address = "192.0.2.1:80";
        for (found, expected) in [
            (found("127.3.2.1:80", &two(false, false), "", ""), String::new()),
            (found("[::1]:80", &two(false, false), "", ""), String::new()),
            (found(address, &two(false, false), "192.0.2.2", ""), String::new()),
            (found(address, &two(true, true), "", "a.example"), String::new()),
            (
                found(address, &two(false, false), "", ""),
                format!("{others} `a` and `b` are missing: set both, {or}"),
            ),
            (
                found(address, &two(true, false), "", ""),
                format!("{others} `b` is missing: set both, {or}"),
            ),
            (
                found(address, &[("`[tls]`", false)], "", "a.example"),
                format!("{others} `[tls]` is missing: set `[tls]`, {or}"),
            ),
            (
                found(address, &[("`[tls]`", true)], "", ""),
                "no name in `hosts` leads to 192.0.2.1:80: set `hosts` to the names that clients use, such as \
                 `[\"rollbook.school.example\"]`"
                    .to_owned(),
            ),
        ] {
            assert_eq!(found, expected);
        }
    }
}
