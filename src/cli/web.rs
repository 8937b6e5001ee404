//! `rollbook web`: the status page, metrics, health and webhooks, as a process of its own.
//!
//! It opens neither the mirror nor the vault, and needs no `rollbook.toml`: it reads the two files that the daemon writes, and
//! passes webhooks to its control socket. So what reaches it by the network reaches no data about people.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use sd_notify::NotifyState;
use tokio::net::TcpListener;

use super::exit::Exit;
use super::start;
use crate::clock::Clock;
use crate::daemon::{ControlHandle, Signals};
use crate::document::Problems;
use crate::model::SecretRef;
use crate::setup::files::{SecretError, Secrets, StoreConfig};
use crate::setup::{Folders, Overlay};
use crate::web::access_token::AccessToken;
use crate::web::config::{ListenAddress, WebConfig};
use crate::web::listen::{inherited, listen};
use crate::web::server::WebServer;
use crate::web::web_site::{AccessTokens, WebSite};

/// File handles for all connections; the usual limit is 1024.
const FILES: u64 = 4096;

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
    let (control, clock) = (ControlHandle::default(), Clock::system());
    let secrets = start::secrets(folders, &Overlay::default());
    let site = WebSite::new(
        &config,
        tokens(&config, &secrets)?,
        start::runtime_folders(&folders.state.join(StoreConfig::default().path)),
        clock.clone(),
    );
    let mut server = WebServer::new(site, control.stop.clone());
    if let Some(tls) = &config.tls {
        let certificate = secrets.fetch_public(&tls.certificate);
        let certificate = certificate.map_err(|error| refused("tls.certificate", &error))?;
        let key = secrets.fetch_pem(&tls.key);
        let key = key.map_err(|error| refused("tls.key", &error))?;
        let made = server.with_tls(&certificate, &key);
        server = made.map_err(|why| Exit::no_configuration(format!("web.toml: tls: {why}")))?;
    }
    let listener = listener(&config)?;
    let signals = Signals::listen().map_err(|error| not_started("receive signals", &error))?;
    admit_files();
    let _ = sd_notify::notify(&[NotifyState::Ready]); // without systemd there is no one to tell
    tokio::select! {
        () = server.serve(listener, &clock) => {}
        () = signals.forward(&control) => {}
    }
    tracing::info!("status page stopped");
    Ok(())
}

/// The socket that systemd passed, else one of our own; only where the configuration protects it.
fn listener(config: &WebConfig) -> Result<TcpListener, Exit> {
    let from_systemd = inherited()
        .map_err(|error| not_started("use the socket of rollbook-web.socket", &error))?;
    let address = match &from_systemd {
        Some(listener) => listener.local_addr(),
        None => Ok(config.listen.0),
    };
    let address = address.map_err(|error| not_started("use the socket", &error))?;
    if let Some(error) = config.exposure(address) {
        let help = error.help.unwrap_or_default();
        let message = error.message;
        return Err(Exit::no_configuration(format!(
            "web.toml: {message}: {help}"
        )));
    }
    let listener = match from_systemd {
        Some(listener) => listener,
        None => {
            listen(address).map_err(|error| not_started(&format!("listen on {address}"), &error))?
        }
    };
    let address = listener.local_addr().unwrap_or(address);
    let scheme = if config.tls.is_some() {
        "https"
    } else {
        "http"
    };
    tracing::info!("status page on {scheme}://{address}/");
    Ok(listener)
}

fn tokens(config: &WebConfig, secrets: &Secrets) -> Result<AccessTokens, Exit> {
    let token = |key: &str, reference: &Option<SecretRef>| {
        let Some(reference) = reference else {
            return Ok::<_, Exit>(None);
        };
        let token = secrets
            .fetch(reference)
            .map_err(|error| refused(key, &error))?;
        Ok(Some(AccessToken::new(&token)))
    };
    Ok(AccessTokens {
        page: token("token", &config.token)?,
        metrics: token("metrics_token", &config.metrics_token)?,
    })
}

fn refused(key: &str, error: &SecretError) -> Exit {
    Exit::no_configuration(format!("web.toml: {key}: {error}"))
}

fn not_started(what: &str, error: &std::io::Error) -> Exit {
    Exit::failed(format!("could not {what}: {error}"))
}

/// Admits a file handle for each connection, as far as this process may.
fn admit_files() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, soft.max(FILES.min(hard)), hard); // fewer connections then
    }
}
