//! The parts that the files of all services have: an address to listen on, reverse proxies, a certificate.
//!
//! The doc comments are the reference text of `rollbook schema`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::str::FromStr;

use serde::Deserialize;

use rollbook_core::document::text_value::{TextValue, ValueError, text_value};
use rollbook_core::model::SecretRef;

/// HTTPS without a proxy.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate, then those between it and the root, in PEM. A file may be readable by everyone.
    pub certificate: SecretRef,
    /// Its private key, in PEM.
    pub key: SecretRef,
}

/// An address with its port; port 0 is any free one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenAddress(pub SocketAddr);

impl ListenAddress {
    /// This port, for clients on this machine.
    pub const fn on_loopback(port: u16) -> Self {
        Self(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)))
    }
}

impl FromStr for ListenAddress {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let help = format!("an address and a port, such as `\"{}\"`", Self::EXAMPLE);
        let address = text.parse().map(Self);
        address.map_err(|_| ValueError::new("this is not an address to listen on").help(help))
    }
}

text_value!(
    ListenAddress,
    pattern = r"^([0-9.]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$",
    example = "127.0.0.1:8181"
);

/// The address of a reverse proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyAddress(pub IpAddr);

impl FromStr for ProxyAddress {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let address: Result<IpAddr, _> = text.parse();
        let help = "a single address without port, such as `\"192.0.2.10\"`";
        let address = address.map(|address| Self(address.to_canonical()));
        address.map_err(|_| ValueError::new("this is not the address of a proxy").help(help))
    }
}

text_value!(
    ProxyAddress,
    pattern = r"^([0-9.]+|[0-9A-Fa-f:]+(:[0-9.]+)?)$",
    example = "192.0.2.10"
);
