//! `oneroster.toml`: where the OneRoster service listens, what it serves, and to whom.
//!
//! The daemon does not read it. The doc comments are the reference text: `rollbook schema oneroster` is made from them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use serde::Deserialize;

use super::client_secret::ClientSecretHash;
use super::scope::RosterScope;
use crate::http_server::config::{ListenAddress, ProxyAddress, TlsConfig};
use crate::http_server::exposure::{Protection, exposure};
use crate::http_server::hosts::HostName;
use rollbook_core::document::file_kind::file_kind;
use rollbook_core::document::text_value::{Check, ValueError};
use rollbook_core::document::{Document, Node, Problem, Problems};
use rollbook_core::folder::read_file;
use rollbook_core::model::{BundleName, ClientName, CredentialName, VariableName};

/// The file's name in the configuration folder.
pub const FILE: &str = "oneroster.toml";

const USUAL: ListenAddress = ListenAddress::on_loopback(8182);

/// The texts with rules in this file.
const CHECKS: &[Check] = &[
    Check::of::<ListenAddress>(),
    Check::of::<HostName>(),
    Check::of::<ProxyAddress>(),
    Check::of::<CredentialName>(),
    Check::of::<VariableName>(),
    Check::of::<BundleName>(),
    Check::of::<ClientName>(),
    Check::of::<ClientSecretHash>(),
    Check::of::<RosterScope>(),
];

/// A local OneRoster 1.1 service: `rollbook serve oneroster`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OneRosterConfig {
    /// The bundle whose rows are served: a file in `exports/` with `mode = "served"`. Its files are called `orgs.csv`,
    /// `users.csv` and so on, with the columns of OneRoster 1.1 CSV.
    pub bundle: BundleName,
    /// Address and port. Not used under `rollbook-oneroster.socket`, which has its own `ListenStream`. An address that is not
    /// on loopback needs `[tls]` or `trusted_proxy`. Default `"127.0.0.1:8182"`.
    #[serde(default = "usual_listen")]
    pub listen: ListenAddress,
    /// The names under which clients reach the service, without port; those of loopback always work. A request for another name
    /// is refused.
    #[serde(default)]
    pub hosts: Vec<HostName>,
    /// The addresses of your reverse proxy. Then only they and loopback may connect, and the client's address is the last
    /// one of `X-Forwarded-For` that is not one of them.
    #[serde(default)]
    pub trusted_proxy: Vec<ProxyAddress>,
    /// HTTPS without a proxy.
    pub tls: Option<TlsConfig>,
    /// The programs that may read, by their client ids. At least one.
    #[serde(default)]
    pub clients: BTreeMap<ClientName, OneRosterClient>,
}

file_kind!(OneRosterConfig, "oneroster", "../../");

/// A program that may read.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OneRosterClient {
    /// The SHA-256 of its secret, in hexadecimal digits: `rollbook serve client NAME` makes a secret and prints this.
    pub secret_sha256: ClientSecretHash,
    /// What it may read: `"roster-core.readonly"` (lists and objects without demographics), `"roster.readonly"` (also lists below an
    /// object, such as a school's students), `"roster-demographics.readonly"`. Default `["roster.readonly"]`.
    #[serde(default = "usual_scopes")]
    pub scopes: Vec<RosterScope>,
}

const fn usual_listen() -> ListenAddress {
    USUAL
}

fn usual_scopes() -> Vec<RosterScope> {
    vec![RosterScope::Full]
}

impl OneRosterConfig {
    /// Reads `oneroster.toml` of this folder; `None` if there is none.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read(folder: &Path) -> Result<Option<Document<Self>>, Problems> {
        let path = folder.join(FILE);
        if matches!(path.try_exists(), Ok(false)) {
            return Ok(None);
        }
        let document = Document::<Self>::read(&read_file(&path)?, CHECKS)?;
        let problems = document.value.problems(&document.tree);
        match problems.has_errors() {
            true => Err(problems),
            false => Ok(Some(document)),
        }
    }

    /// Why it must not listen on this address as it is configured, and what to do.
    pub fn exposure(&self, address: SocketAddr) -> Option<ValueError> {
        let protection = Protection {
            keys: &[("`[tls]`", self.tls.is_some())],
            trusted_proxy: &self.trusted_proxy,
            hosts: &self.hosts,
            usual: USUAL,
        };
        exposure(address, &protection)
    }

    fn problems(&self, tree: &Node) -> Problems {
        let mut problems = Problems::new();
        if let Some(error) = self.exposure(self.listen.0) {
            let location = tree.nearest_location(&["listen"]);
            problems.push(Problem::error(location, error.message).maybe_help(error.help));
        }
        if self.clients.is_empty() {
            let location = tree.nearest_location(&["clients"]);
            let help = "`rollbook serve client NAME` prints what to add";
            problems.push(Problem::error(location, "no program may read").help(help));
        }
        problems
    }
}

/// The JSON Schema of `oneroster.toml`.
pub fn oneroster_schema() -> serde_json::Value {
    rollbook_core::document::parse::schema::<OneRosterConfig>()
}
