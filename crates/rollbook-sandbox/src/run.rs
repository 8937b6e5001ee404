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
use super::state::{Notebook, Remembered, read};
use super::vendor::{Simulated, Vendor};
use super::wapi::Wapi;
use super::webuntis::WebUntis;
use super::wisenet::Wisenet;

/// Simulated vendors on loopback, until stopped.
pub struct Sandbox {
    shared: Arc<Shared>,
    notebook: Arc<Notebook>,
    servers: Vec<Server>,
    endpoints: Vec<Endpoint>,
    faces: Vec<(&'static str, Arc<dyn Simulated>, Arc<Control>)>,
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
        let Remembered { day, notes } = before.unwrap_or_default();
        let school = School {
            seed: options.seed,
            students: options.students,
        };
        let shared = Arc::new(Shared::new(school, day + passed, notes));
        let notebook = Arc::new(Notebook::new(options.state.clone(), Arc::clone(&shared)));
        notebook.write_when_changed()?;

        let control = Control::new("wisenet", &shared, options.faults.clone());
        let wisenet = Wisenet::new(
            Arc::clone(&shared),
            options.wisenet.clone(),
            Arc::clone(&control),
        );
        let vendors = vendors(&shared, &options, (&wisenet, control));
        let mut sandbox = Self {
            shared,
            notebook,
            servers: Vec::new(),
            endpoints: Vec::new(),
            faces: Vec::new(),
            wisenet,
        };
        for (place, vendor) in vendors.into_iter().enumerate() {
            let port = options.port.map(|first| first.saturating_add(place as u16));
            sandbox.open(vendor, port).await?;
        }
        Ok(sandbox)
    }

    async fn open(&mut self, vendor: Vendor, port: Option<u16>) -> io::Result<()> {
        let listener = bind(port).await?;
        let Vendor {
            router,
            control,
            faces,
        } = vendor;
        let server = Server::start(
            listener,
            router,
            Arc::clone(&control),
            Arc::clone(&self.notebook),
        )?;
        let registered = control.authorization.switches().redirect_urls;
        for (name, face) in faces {
            let login = face.login(&server.origin).map(|login| Login {
                redirect_url: registered.first().cloned().unwrap_or(login.redirect_url),
                ..login
            });
            self.endpoints.push(Endpoint {
                vendor: name.to_owned(),
                origin: server.origin.clone(),
                settings: face.settings(&server.origin),
                secrets: face.secrets(),
                login,
            });
            self.faces.push((name, face, Arc::clone(&control)));
        }
        self.servers.push(server);
        Ok(())
    }

    /// Where the vendors answer; WebUntis and the plain standard share an origin.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// The endpoint of one vendor.
    pub fn endpoint(&self, vendor: &str) -> Option<&Endpoint> {
        self.endpoints
            .iter()
            .find(|endpoint| endpoint.vendor == vendor)
    }

    /// What was asked of one vendor, and what it shall do next.
    pub fn control(&self, vendor: &str) -> Option<Arc<Control>> {
        let (_, _, control) = self.faces.iter().find(|(name, _, _)| *name == vendor)?;
        Some(Arc::clone(control))
    }

    /// Wisenet's own handle: it takes switches while it runs, and counts by itself.
    pub fn wisenet(&self) -> &Arc<Wisenet> {
        &self.wisenet
    }

    /// What a complete reading finds today.
    pub fn describe(&self) -> Description {
        let vendors: BTreeMap<_, _> = self
            .faces
            .iter()
            .map(|(name, face, _)| ((*name).to_owned(), face.describe()))
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

    /// Lets one more day of churn pass at every vendor.
    ///
    /// # Errors
    ///
    /// When the state file cannot be written; the day has passed all the same.
    pub fn advance(&self) -> io::Result<()> {
        self.shared.advance();
        self.notebook.write_when_changed()
    }

    /// Closes all ports; returns when no request is being answered any more.
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
    (wisenet, of_wisenet): (&Arc<Wisenet>, Arc<Control>),
) -> Vec<Vendor> {
    let control = |name| Control::new(name, shared, options.faults.clone());
    vec![
        WebUntis::vendor(shared, options.webuntis.clone(), control("webuntis")),
        Wapi::vendor(shared, options.wapi.clone(), control("wapi")),
        Vendor {
            router: Arc::clone(wisenet).router(),
            control: of_wisenet,
            faces: vec![("wisenet", Arc::clone(wisenet) as Arc<dyn Simulated>)],
        },
    ]
}

impl Simulated for Wisenet {
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
