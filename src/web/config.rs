//! `web.toml`: where the status page listens, whom it answers, and who may look.
//!
//! Every key has a default, so there may be no file. The daemon does not read it. The doc comments are the reference text:
//! `rollbook schema web` is made from them.

use std::net::SocketAddr;
use std::path::Path;

use serde::Deserialize;

use rollbook_core::document::file_kind::file_kind;
use rollbook_core::document::text_value::{Check, ValueError};
use rollbook_core::document::{Document, Node, Problem, Problems};
use rollbook_core::folder::read_file;
use rollbook_core::model::health::HealthMeaning;
use rollbook_core::model::{CredentialName, SecretRef, VariableName};
use rollbook_http::http_server::config::{ListenAddress, ProxyAddress, TlsConfig};
use rollbook_http::http_server::exposure::{Protection, exposure};
use rollbook_http::http_server::hosts::HostName;

/// The file's name in the configuration folder.
pub const FILE: &str = "web.toml";

/// The port of the status page.
const PORT: u16 = 8181;

/// The texts with rules in this file.
const CHECKS: &[Check] = &[
    Check::of::<ListenAddress>(),
    Check::of::<HostName>(),
    Check::of::<ProxyAddress>(),
    Check::of::<CredentialName>(),
    Check::of::<VariableName>(),
];

/// The status page, metrics, health and webhooks: `rollbook web`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WebConfig {
    /// Address and port. Not used under `rollbook-web.socket`, which has its own `ListenStream`. An address that is not on
    /// loopback needs `token` and `[tls]`, or `trusted_proxy`. Default `"127.0.0.1:8181"`.
    #[serde(default = "usual_listen")]
    pub listen: ListenAddress,
    /// The names under which browsers and other clients open the page, without port; those of loopback always work. A request
    /// for another name is refused, so that no foreign site can read the page through a browser here.
    #[serde(default)]
    pub hosts: Vec<HostName>,
    /// The addresses of your reverse proxy. Then only they and loopback may connect, and the client's address is the last
    /// one of `X-Forwarded-For` that is not one of them.
    #[serde(default)]
    pub trusted_proxy: Vec<ProxyAddress>,
    /// A token that browsers ask for as the password of any user, and that programs send as `Authorization: Bearer`.
    /// `/healthz` and `/webhooks/` need none. Default: the page is open to those who may connect.
    pub token: Option<SecretRef>,
    /// Another token, for `/metrics` alone, so that the monitoring cannot read the pages. Needs `token`.
    pub metrics_token: Option<SecretRef>,
    /// HTTPS without a proxy.
    pub tls: Option<TlsConfig>,
    /// When `/healthz` returns 200: `alive` while the daemon runs and makes progress, `fresh` if no job is overdue either.
    /// Default `"alive"`.
    #[serde(default)]
    pub health: HealthMeaning,
    /// Whether `POST /webhooks/NAME` is passed to the daemon. Default true.
    #[serde(default = "yes")]
    pub webhooks: bool,
}

file_kind!(WebConfig, "web", "");

const fn usual_listen() -> ListenAddress {
    ListenAddress::on_loopback(PORT)
}

const fn yes() -> bool {
    true
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            listen: usual_listen(),
            hosts: Vec::new(),
            trusted_proxy: Vec::new(),
            token: None,
            metrics_token: None,
            tls: None,
            health: HealthMeaning::default(),
            webhooks: true,
        }
    }
}

impl WebConfig {
    /// Reads `web.toml` of this folder; the defaults if there is none.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read(folder: &Path) -> Result<Self, Problems> {
        let path = folder.join(FILE);
        if matches!(path.try_exists(), Ok(false)) {
            return Ok(Self::default());
        }
        let document = Document::<Self>::read(&read_file(&path)?, CHECKS)?;
        let problems = document.value.problems(&document.tree);
        match problems.has_errors() {
            true => Err(problems),
            false => Ok(document.value),
        }
    }

    /// Why it must not listen on this address as it is configured, and what to do.
    pub fn exposure(&self, address: SocketAddr) -> Option<ValueError> {
        let protection = Protection {
            keys: &[
                ("`token`", self.token.is_some()),
                ("`[tls]`", self.tls.is_some()),
            ],
            trusted_proxy: &self.trusted_proxy,
            hosts: &self.hosts,
            usual: usual_listen(),
        };
        exposure(address, &protection)
    }

    fn problems(&self, tree: &Node) -> Problems {
        let mut problems = Problems::new();
        if let Some(error) = self.exposure(self.listen.0) {
            let location = tree.nearest_location(&["listen"]);
            problems.push(Problem::error(location, error.message).maybe_help(error.help));
        }
        if self.metrics_token.is_some() && self.token.is_none() {
            let location = tree.nearest_location(&["metrics_token"]);
            let message = "`metrics_token` is not used without `token`";
            let help = "set `token` too: without it the pages and `/metrics` are open";
            problems.push(Problem::error(location, message).help(help));
        }
        problems
    }
}

/// The JSON Schema of `web.toml`.
pub fn web_schema() -> serde_json::Value {
    rollbook_core::document::parse::schema::<WebConfig>()
}

#[cfg(test)]
mod tests;
