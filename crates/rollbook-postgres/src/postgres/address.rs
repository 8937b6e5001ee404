//! The address of a database: `postgres://user:password@host:port/database`, a secret as a whole.
//!
//! A connection without TLS is for this machine alone, as plain http is.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::error::DatabaseError;

/// How long to wait for a connection to each of its hosts.
const CONNECT: Duration = Duration::from_secs(10);

/// How long sent bytes may stay without an acknowledgement.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// Where and as whom to connect.
#[derive(Clone)]
pub struct Address {
    pub(super) config: Config,
    /// Certificates that are trusted instead of the machine's.
    pub(super) ca_file: Option<PathBuf>,
}

impl Address {
    /// An address as an admin writes it.
    ///
    /// # Errors
    /// When it is none, or when it would be used without TLS over a network.
    pub fn parse(text: &str, ca_file: Option<PathBuf>) -> Result<Self, DatabaseError> {
        let wrong = |why: &str| DatabaseError::Address(why.to_owned());
        // The error may repeat the text, which holds a password.
        let mut config = Config::from_str(text.trim())
            .map_err(|_| wrong("it is not like postgres://user:password@host:5432/database"))?;
        if config.get_hosts().is_empty() {
            return Err(wrong("it names no host"));
        }
        if config.get_dbname().is_none() {
            return Err(wrong("it names no database"));
        }
        if config.get_user().is_none() {
            return Err(wrong("it names no user"));
        }
        let addresses = config.get_hostaddrs();
        let is_local = config.get_hosts().iter().all(is_here)
            && addresses.iter().all(std::net::IpAddr::is_loopback);
        match (is_local, config.get_ssl_mode()) {
            (false, SslMode::Disable) => {
                return Err(wrong("sslmode=disable is for this machine alone"));
            }
            (false, _) => {
                config.ssl_mode(SslMode::Require);
            }
            // No network between, so no encryption is needed.
            (true, SslMode::Prefer) => {
                config.ssl_mode(SslMode::Disable);
            }
            (true, _) => {}
        }
        config
            .application_name("rollbook")
            .connect_timeout(CONNECT)
            .tcp_user_timeout(UNACKNOWLEDGED);
        Ok(Self { config, ca_file })
    }

    /// A number of where it is and of a schema there, so that another one is noticed.
    pub fn place(&self, schema: &str) -> String {
        let config = &self.config;
        let parts = (
            config.get_hosts(),
            config.get_hostaddrs(),
            config.get_ports(),
        );
        let place = format!("{parts:?} {:?} {schema}", config.get_dbname());
        format!("{:016x}", xxhash_rust::xxh3::xxh3_64(place.as_bytes()))
    }

    /// Its hosts, for messages.
    pub fn hosts(&self) -> String {
        let hosts = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        });
        hosts.collect::<Vec<_>>().join(", ")
    }
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) if name == "localhost" => true,
        Host::Tcp(name) => name
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_address_must_have() {
        for (text, expected) in [
            ("postgres://u:p@127.0.0.1/d", "Disable"),
            ("postgres://u:p@localhost:5432/d?sslmode=require", "Require"),
            ("postgresql://u:p@db.example/d", "Require"),
            ("postgres://u:p@db.example/d?sslmode=prefer\n", "Require"),
            ("host=/run/postgresql user=u dbname=d", "Disable"),
            (
                "host=localhost hostaddr=203.0.113.5 user=u dbname=d",
                "Require",
            ),
            (
                "postgres://u:p@db.example/d?sslmode=disable",
                "sslmode=disable is for this machine alone",
            ),
            ("postgres://u:p@db.example", "it names no database"),
            ("postgres://db.example/d", "it names no user"),
            (
                "mysql secret",
                "it is not like postgres://user:password@host:5432/database",
            ),
        ] {
            let found = match Address::parse(text, None) {
                Ok(address) => format!("{:?}", address.config.get_ssl_mode()),
                Err(error) => error.to_string(),
            };
            assert!(found.ends_with(expected), "{text}: {found}");
            assert!(
                !found.contains("secret") && !found.contains(":p@1"),
                "{found}"
            );
        }
    }
}
