//! `rollbook web`: the status page, metrics, health and webhooks, as a process of its own.
//!
//! It opens neither the mirror nor the vault, and needs no `rollbook.toml`: it reads the two files that the daemon writes, and
//! passes webhooks to its control socket. So what reaches it by the network reaches no data about people.

use super::exit::Exit;
use super::http_service::{HttpService, refused, serve};
use super::start;
use crate::web::access_token::AccessToken;
use crate::web::config::{FILE, WebConfig};
use crate::web::web_site::{AccessTokens, WebSite};
use rollbook_core::clock::Clock;
use rollbook_core::document::Problems;
use rollbook_core::model::SecretRef;
use rollbook_engine::setup::files::{Secrets, StoreConfig};
use rollbook_engine::setup::{Folders, Overlay};
use rollbook_http::http_server::config::ListenAddress;

/// Options of `web`.
#[derive(Debug, clap::Args)]
pub struct WebOptions {
    /// Listen here [default: `listen` of web.toml, else 127.0.0.1:8181]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<ListenAddress>,
}

/// What is wrong with `web.toml`.
pub fn problems(folders: &Folders) -> Problems {
    WebConfig::read(&folders.config).err().unwrap_or_default()
}

/// Serves until SIGTERM or Ctrl-C.
pub async fn run(folders: &Folders, options: &WebOptions) -> Result<(), Exit> {
    let mut config = WebConfig::read(&folders.config)?;
    if let Some(address) = options.listen {
        config.listen = address;
    }
    let clock = Clock::system();
    let secrets = start::secrets(folders, &Overlay::default());
    let site = WebSite::new(
        &config,
        tokens(&config, &secrets)?,
        start::runtime_folders(folders, &folders.state.join(StoreConfig::default().path)),
        clock.clone(),
    );
    let service = HttpService {
        file: FILE,
        what: "status page",
        socket_unit: "rollbook-web.socket",
        listen: config.listen,
        tls: config.tls.as_ref(),
        exposure: &|address| config.exposure(address),
    };
    serve(site, &service, &secrets, &clock).await
}

fn tokens(config: &WebConfig, secrets: &Secrets) -> Result<AccessTokens, Exit> {
    let token = |key: &str, reference: &Option<SecretRef>| {
        let Some(reference) = reference else {
            return Ok::<_, Exit>(None);
        };
        let token = secrets
            .fetch(reference)
            .map_err(|error| refused(FILE, key, &error))?;
        Ok(Some(AccessToken::new(&token)))
    };
    Ok(AccessTokens {
        page: token("token", &config.token)?,
        metrics: token("metrics_token", &config.metrics_token)?,
    })
}
