//! A sandbox from start to stop: one school, one day, one port for each vendor.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::authorization::Login;
use super::control::Control;
use super::describe::{Description, Endpoint};
use super::options::Options;
use super::school::School;
use super::server::{Server, bind};
use super::shared::Shared;
use super::state_file::{SavedState, StateFile, read};
use super::vendor::{SimulatedAccount, Vendor};
use super::wapi::Wapi;
use super::webuntis::WebUntis;
use super::wisenet::Wisenet;

/// Simulated vendors on loopback.
pub struct Sandbox {
    shared: Arc<Shared>,
    state_file: Arc<StateFile>,
    servers: Vec<Server>,
    endpoints: Vec<Endpoint>,
    accounts: Vec<(&'static str, Arc<dyn SimulatedAccount>, Arc<Control>)>,
    wisenet: Arc<Wisenet>,
}

impl Sandbox {
    /// Binds all ports, then serves.
    ///
    /// # Errors
    ///
    /// When a port is taken, or the state file cannot be read or written.
    pub async fn start(options: Options) -> io::Result<Self> {
        let before = match &options.state {
            Some(path) => read(path)?,
            None => None,
        };
        let passed = u64::from(options.advance && before.is_some());
        let SavedState { day, values } = before.unwrap_or_default();
        let school = School {
            seed: options.seed,
            students: options.students,
        };
        let shared = Arc::new(Shared::new(school, day + passed, values));
        let state_file = Arc::new(StateFile::new(options.state.clone(), Arc::clone(&shared)));
        state_file.save_if_changed()?;

        let control = Control::new("wisenet", &shared, options.faults.clone());
        let wisenet = Wisenet::new(
            Arc::clone(&shared),
            options.wisenet.clone(),
            Arc::clone(&control),
        );
        let vendors = vendors(&shared, &options, (&wisenet, control));
        let mut sandbox = Self {
            shared,
            state_file,
            servers: Vec::new(),
            endpoints: Vec::new(),
            accounts: Vec::new(),
            wisenet,
        };
        for (index, vendor) in vendors.into_iter().enumerate() {
            let port = options.port.map(|first| first.saturating_add(index as u16));
            sandbox.open(vendor, port).await?;
        }
        Ok(sandbox)
    }

    async fn open(&mut self, vendor: Vendor, port: Option<u16>) -> io::Result<()> {
        let listener = bind(port).await?;
        let Vendor {
            router,
            control,
            accounts,
        } = vendor;
        let server = Server::start(
            listener,
            router,
            Arc::clone(&control),
            Arc::clone(&self.state_file),
        )?;
        let registered = control.authorization.switches().redirect_urls;
        for (name, account) in accounts {
            let login = account.login(&server.origin).map(|login| Login {
                redirect_url: registered.first().cloned().unwrap_or(login.redirect_url),
                ..login
            });
            self.endpoints.push(Endpoint {
                vendor: name.to_owned(),
                origin: server.origin.clone(),
                settings: account.settings(&server.origin),
                secrets: account.secrets(),
                login,
            });
            self.accounts.push((name, account, Arc::clone(&control)));
        }
        self.servers.push(server);
        Ok(())
    }

    /// The endpoints of all vendors; WebUntis and plain OneRoster share an origin.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// The endpoint of one vendor.
    pub fn endpoint(&self, vendor: &str) -> Option<&Endpoint> {
        self.endpoints
            .iter()
            .find(|endpoint| endpoint.vendor == vendor)
    }

    /// The handle on one vendor.
    pub fn control(&self, vendor: &str) -> Option<Arc<Control>> {
        let (_, _, control) = self.accounts.iter().find(|(name, _, _)| *name == vendor)?;
        Some(Arc::clone(control))
    }

    /// Wisenet's own handle, which sets switches at run time and has its own counters.
    pub fn wisenet(&self) -> &Arc<Wisenet> {
        &self.wisenet
    }

    /// What a complete reading receives today.
    pub fn describe(&self) -> Description {
        let vendors: BTreeMap<_, _> = self
            .accounts
            .iter()
            .map(|(name, account, _)| ((*name).to_owned(), account.describe()))
            .collect();
        let logins = self.endpoints.iter().filter_map(|endpoint| {
            let login = endpoint.login.clone()?;
            Some((endpoint.vendor.clone(), login))
        });
        Description {
            seed: self.shared.school.seed,
            day: self.shared.day(),
            vendors,
            logins: logins.collect(),
        }
    }

    /// The day at the invented school.
    pub fn day(&self) -> u64 {
        self.shared.day()
    }

    /// Simulates one more day at every vendor.
    ///
    /// # Errors
    ///
    /// When the state file cannot be written; the day is simulated all the same.
    pub fn advance(&self) -> io::Result<()> {
        self.shared.advance();
        self.state_file.save_if_changed()
    }

    /// Closes all ports; returns when no request is active.
    pub async fn stop(self) {
        for server in self.servers {
            server.stop().await;
        }
    }
}

/// The vendors in the order of their ports.
fn vendors(
    shared: &Arc<Shared>,
    options: &Options,
    (wisenet, wisenet_control): (&Arc<Wisenet>, Arc<Control>),
) -> Vec<Vendor> {
    let control = |name| Control::new(name, shared, options.faults.clone());
    vec![
        WebUntis::vendor(shared, options.webuntis.clone(), control("webuntis")),
        Wapi::vendor(shared, options.wapi.clone(), control("wapi")),
        Vendor {
            router: Arc::clone(wisenet).router(),
            control: wisenet_control,
            accounts: vec![("wisenet", Arc::clone(wisenet) as Arc<dyn SimulatedAccount>)],
        },
    ]
}

impl SimulatedAccount for Wisenet {
    fn describe(&self) -> BTreeMap<String, u64> {
        self.describe()
    }

    fn settings(&self, origin: &str) -> BTreeMap<String, String> {
        self.settings(origin)
    }

    fn login(&self, origin: &str) -> Option<Login> {
        Some(self.login(origin))
    }

    fn secrets(&self) -> BTreeMap<String, String> {
        self.secrets()
    }
}
