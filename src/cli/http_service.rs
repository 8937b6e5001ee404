//! What the commands that serve HTTP share: socket, certificate, signals, systemd.

use std::io;
use std::net::SocketAddr;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use sd_notify::NotifyState;
use tokio::net::TcpListener;

use super::exit::Exit;
use rollbook_core::clock::Clock;
use rollbook_core::document::text_value::ValueError;
use rollbook_engine::daemon::{ControlHandle, Signals};
use rollbook_engine::setup::files::{SecretError, Secrets};
use rollbook_http::http_server::config::{ListenAddress, TlsConfig};
use rollbook_http::http_server::listen::{inherited, listen};
use rollbook_http::http_server::server::HttpServer;
use rollbook_http::http_server::site::Site;

/// File handles for all connections; the usual limit is 1024.
const FILES: u64 = 4096;

/// A service of one configuration file.
pub struct HttpService<'a> {
    /// The file's name, such as `web.toml`.
    pub file: &'static str,
    /// What it serves, in the log.
    pub what: &'static str,
    /// The unit whose socket it takes over.
    pub socket_unit: &'static str,
    /// Where it listens without a socket of systemd.
    pub listen: ListenAddress,
    /// HTTPS, if it is configured.
    pub tls: Option<&'a TlsConfig>,
    /// Why it must not listen on an address, and what to do.
    pub exposure: &'a dyn Fn(SocketAddr) -> Option<ValueError>,
}

/// Serves the site until SIGTERM or Ctrl-C.
pub async fn serve(
    site: impl Site,
    service: &HttpService<'_>,
    secrets: &Secrets,
    clock: &Clock,
) -> Result<(), Exit> {
    let (control, file) = (ControlHandle::default(), service.file);
    let mut server = HttpServer::new(site, control.stop.clone());
    if let Some(tls) = service.tls {
        let certificate = secrets.fetch_public(&tls.certificate);
        let certificate = certificate.map_err(|error| refused(file, "tls.certificate", &error))?;
        let key = secrets.fetch_pem(&tls.key);
        let key = key.map_err(|error| refused(file, "tls.key", &error))?;
        let made = server.with_tls(&certificate, &key);
        server = made.map_err(|why| Exit::no_configuration(format!("{file}: tls: {why}")))?;
    }
    let listener = listener(service)?;
    let signals = Signals::listen().map_err(|error| not_started("receive signals", &error))?;
    admit_files();
    let _ = sd_notify::notify(&[NotifyState::Ready]); // without systemd there is no one to tell
    tokio::select! {
        () = server.serve(listener, clock) => {}
        () = signals.forward(&control) => {}
    }
    tracing::info!("{} stopped", service.what);
    Ok(())
}

/// The socket that systemd passed, else one of our own; only where the configuration protects it.
fn listener(service: &HttpService<'_>) -> Result<TcpListener, Exit> {
    let from_systemd = inherited().map_err(|error| {
        let what = format!("use the socket of {}", service.socket_unit);
        not_started(&what, &error)
    })?;
    let address = match &from_systemd {
        Some(listener) => listener.local_addr(),
        None => Ok(service.listen.0),
    };
    let address = address.map_err(|error| not_started("use the socket", &error))?;
    if let Some(error) = (service.exposure)(address) {
        let (file, message) = (service.file, error.message);
        let help = error.help.unwrap_or_default();
        return Err(Exit::no_configuration(format!("{file}: {message}: {help}")));
    }
    let listener = match from_systemd {
        Some(listener) => listener,
        None => {
            listen(address).map_err(|error| not_started(&format!("listen on {address}"), &error))?
        }
    };
    let address = listener.local_addr().unwrap_or(address);
    let scheme = if service.tls.is_some() {
        "https"
    } else {
        "http"
    };
    tracing::info!("{} on {scheme}://{address}/", service.what);
    Ok(listener)
}

/// A secret of this key in this file cannot be used.
pub fn refused(file: &str, key: &str, error: &SecretError) -> Exit {
    Exit::no_configuration(format!("{file}: {key}: {error}"))
}

fn not_started(what: &str, error: &io::Error) -> Exit {
    Exit::failed(format!("could not {what}: {error}"))
}

/// Admits a file handle for each connection, as far as this process may.
fn admit_files() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, soft.max(FILES.min(hard)), hard); // fewer connections then
    }
}
