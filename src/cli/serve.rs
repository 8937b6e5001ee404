//! `rollbook serve`: services for programs that read the mirror over HTTP, each a process of its own that writes nothing.

use secrecy::ExposeSecret as _;

use super::exit::Exit;
use super::http_service::{HttpService, serve};
use super::mirror_access::MirrorAccess;
use super::{out, start};
use rollbook_core::clock::Clock;
use rollbook_core::document::suggest::advice;
use rollbook_core::document::{Problem, Problems};
use rollbook_core::model::bundle::BundleMode;
use rollbook_core::model::{BundleName, ClientName};
use rollbook_engine::setup::{Folders, Overlay, Setup};
use rollbook_http::http_server::config::ListenAddress;
use rollbook_http::oneroster::access::AccessKey;
use rollbook_http::oneroster::client_secret::{hash_of, new_client_secret};
use rollbook_http::oneroster::config::{FILE, OneRosterConfig};
use rollbook_http::oneroster::entity::RosterEntity;
use rollbook_http::oneroster::roster_reader::RosterReader;
use rollbook_http::oneroster::site::OneRosterSite;

/// Options of `serve`.
#[derive(Debug, clap::Args)]
pub struct ServeOptions {
    #[command(subcommand)]
    what: ServeWhat,
}

#[derive(Debug, clap::Subcommand)]
enum ServeWhat {
    /// Serve a bundle as OneRoster 1.1, until it is stopped
    ///
    /// As oneroster.toml says. The mirror is only read; the daemon keeps the rows current.
    #[command(name = "oneroster")]
    OneRoster {
        /// Listen here [default: `listen` of oneroster.toml, else 127.0.0.1:8182]
        #[arg(long, value_name = "ADDRESS")]
        listen: Option<ListenAddress>,
    },
    /// Make the secret of a program that reads, and print what oneroster.toml needs
    ///
    /// Nothing is written, and the secret is shown only now.
    Client {
        /// Its client id
        name: ClientName,
    },
}

impl ServeOptions {
    /// Whether it runs until it is stopped.
    pub fn is_service(&self) -> bool {
        matches!(self.what, ServeWhat::OneRoster { .. })
    }
}

/// What is wrong with `oneroster.toml`, and whether it fits the bundles.
pub fn problems(folders: &Folders, setup: Option<&Setup>) -> Problems {
    let config = match OneRosterConfig::read(&folders.config) {
        Ok(config) => config,
        Err(problems) => return problems,
    };
    let mut problems = Problems::new();
    if let (Some(config), Some(setup)) = (config, setup)
        && let Err((message, help)) = entities(&config.value, setup)
    {
        let location = config.tree.nearest_location(&["bundle"]);
        problems.push(Problem::error(location, message).help(help));
    }
    problems
}

/// Which column the service misses in a file of the bundle that it serves.
pub fn missing_column(
    folders: &Folders,
) -> impl Fn(&BundleName, &str, &[String]) -> Option<&'static str> + use<> {
    let config = OneRosterConfig::read(&folders.config).ok().flatten();
    move |bundle, file, columns| {
        let is_served = config.as_ref()?.value.bundle == *bundle;
        let entity = RosterEntity::of_file(file).filter(|_| is_served)?;
        let mut required = entity.required_columns().iter().copied();
        required.find(|column| columns.iter().all(|known| known != column))
    }
}

/// Serves, or makes a secret.
pub async fn run(folders: &Folders, options: &ServeOptions) -> Result<(), Exit> {
    match &options.what {
        ServeWhat::OneRoster { listen } => oneroster(folders, *listen).await,
        ServeWhat::Client { name } => client(folders, name),
    }
}

async fn oneroster(folders: &Folders, listen: Option<ListenAddress>) -> Result<(), Exit> {
    let Some(document) = OneRosterConfig::read(&folders.config)? else {
        let path = folders.config.join(FILE);
        return Err(Exit::no_configuration(format!(
            "there is no {}; `man rollbook-oneroster-service` shows one, and `rollbook serve client NAME` prints a part of it",
            path.display()
        )));
    };
    let mut config = document.value;
    if let Some(address) = listen {
        config.listen = address;
    }
    let access = MirrorAccess::open_quietly(folders)?;
    let entities = entities(&config, access.setup()?)
        .map_err(|(message, help)| Exit::no_configuration(format!("{FILE}: {message}; {help}")))?;
    let clock = Clock::system();
    let key = AccessKey::new().map_err(|_| no_random_numbers())?;
    let reader = RosterReader::new(access.path.clone(), config.bundle.clone(), entities);
    let site = OneRosterSite::new(&config, key, reader, clock.clone());
    drop(access);
    let service = HttpService {
        file: FILE,
        what: "OneRoster service",
        socket_unit: "rollbook-oneroster.socket",
        listen: config.listen,
        tls: config.tls.as_ref(),
        exposure: &|address| config.exposure(address),
    };
    let secrets = start::secrets(folders, &Overlay::default());
    serve(site, &service, &secrets, &clock).await
}

/// What the bundle has files of; else what is wrong with it, and what to do.
fn entities(
    config: &OneRosterConfig,
    setup: &Setup,
) -> Result<Vec<RosterEntity>, (String, String)> {
    let name = &config.bundle;
    let Some(bundle) = setup.bundles.get(name) else {
        let help = match setup.bundles.is_empty() {
            true => "`man rollbook-oneroster-service` shows how to make one".to_owned(),
            false => advice(name.as_str(), setup.bundles.keys().map(BundleName::as_str)),
        };
        return Err((format!("there is no bundle `{name}`"), help));
    };
    if bundle.value.mode != BundleMode::Served {
        let message = format!("the bundle {name} is written to files");
        let help = format!("set `mode = \"served\"` in exports/{name}.toml, without `to`");
        return Err((message, help));
    }
    let mut entities = Vec::new();
    for file in &bundle.value.file {
        let Some(entity) = RosterEntity::of_file(&file.name) else {
            continue;
        };
        if file.key != ["sourcedId"] {
            let message = format!(
                "the key of {} in the bundle {name} is not `sourcedId`",
                file.name
            );
            return Err((message, "set `key = [\"sourcedId\"]`".to_owned()));
        }
        if entities.contains(&entity) {
            let message = format!("the bundle {name} has two files of {}", entity.plural());
            return Err((message, "join their questions".to_owned()));
        }
        entities.push(entity);
    }
    match entities.is_empty() {
        true => {
            let message = format!("the bundle {name} has no file of OneRoster");
            Err((
                message,
                "its files are called orgs.csv, users.csv and so on".to_owned(),
            ))
        }
        false => Ok(entities),
    }
}

fn client(folders: &Folders, name: &ClientName) -> Result<(), Exit> {
    let secret = new_client_secret().map_err(|_| no_random_numbers())?;
    out::text(format!(
        "For {}:\n\n[clients.{name}]\nsecret_sha256 = \"{}\"\nscopes = [\"roster.readonly\"]\n\n\
         For the program; the secret is not shown again:\n\nclient id      {name}\nclient secret  {}\n",
        folders.config.join(FILE).display(),
        hash_of(&secret),
        secret.expose_secret()
    ));
    Ok(())
}

fn no_random_numbers() -> Exit {
    Exit::failed("the system has no random numbers")
}
