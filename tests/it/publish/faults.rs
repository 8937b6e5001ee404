//! Connections that break at every step, commits whose answer is lost, a server that never answers: no run fails by it, and
//! the next attempt heals.

use std::time::{Duration, Instant};

use super::school::{
    assert_rows, assert_same, message, next_day, publishing, status, sync, vendor,
};
use crate::database::{Database, Fault, Proxy, Server};
use crate::installation::Installation;
use crate::service::Service;

/// Cuts in each direction.
const CUTS: usize = 6;

struct Setting {
    vendor: crate::server::Server,
    installation: Installation,
    database: Database,
    proxy: Proxy,
}

impl Setting {
    fn new(server: &Server) -> Self {
        let (vendor, database) = (vendor(), server.database());
        let proxy = Proxy::start(server.port());
        let installation = publishing(&vendor, &proxy.url(&database), "");
        Self {
            vendor,
            installation,
            database,
            proxy,
        }
    }

    /// A run that cannot publish, and one that can.
    fn broken_and_healed(&self, fault: Fault, once: bool) {
        match once {
            true => self.proxy.set_once(fault),
            false => self.proxy.set(fault),
        }
        let broken = sync(&self.installation);
        assert!(!broken.err.contains("Given"), "{broken:?}");
        self.proxy.set(Fault::None);
        sync(&self.installation);
        assert_rows(&self.installation, &self.database, &format!("{fault:?}"));
    }

    /// As if the database had been lost.
    fn empty_database(&self) {
        self.database.execute("DROP SCHEMA rollbook CASCADE");
    }

    /// How many bytes are sent in each direction by a run without a fault.
    fn bytes(&self) -> (usize, usize) {
        self.proxy.set(Fault::None);
        sync(&self.installation);
        self.proxy.forwarded()
    }
}

fn sweep(fault: fn(usize) -> Fault, of: fn((usize, usize)) -> usize) {
    let Some(server) = Server::get() else { return };
    let setting = Setting::new(server);
    let fill = of(setting.bytes());
    for step in 0..CUTS {
        setting.empty_database();
        setting.broken_and_healed(fault(fill * step / CUTS), false);
    }
    next_day(&setting.vendor, 1);
    let change = of(setting.bytes());
    for step in 0..CUTS {
        next_day(&setting.vendor, 2 + step);
        setting.broken_and_healed(fault(change * step / CUTS), false);
    }
    assert!(setting.proxy.strikes() as usize >= CUTS);
    assert_same(&setting.installation, &setting.database, "at the end");
}

#[test]
fn cuts_on_the_way_to_the_server() {
    sweep(Fault::CutToServer, |(to_server, _)| to_server);
}

#[test]
fn cuts_on_the_way_to_the_client() {
    sweep(Fault::CutToClient, |(_, to_client)| to_client);
}

#[test]
fn answers_to_commits_are_lost() {
    let Some(server) = Server::get() else { return };
    let setting = Setting::new(server);
    setting.bytes();
    // Of the first fill, all of them: each attempt ends at the first commit, so it takes some.
    setting.empty_database();
    setting.proxy.set(Fault::LoseCommit);
    for _ in 0..6 {
        sync(&setting.installation);
    }
    let strikes = setting.proxy.strikes();
    assert!(strikes >= 6, "{strikes}");
    setting.proxy.set(Fault::None);
    sync(&setting.installation);
    assert_same(&setting.installation, &setting.database, "filled");
    for day in 0..3 {
        next_day(&setting.vendor, day);
        setting.broken_and_healed(Fault::LoseCommit, true);
    }
    assert_eq!(setting.proxy.strikes(), strikes + 3);
    assert_same(&setting.installation, &setting.database, "at the end");
}

#[test]
fn a_closed_port_delays_no_run() {
    let Some(server) = Server::get() else { return };
    let setting = Setting::new(server);
    setting.proxy.set(Fault::Refuse);
    let started = Instant::now();
    sync(&setting.installation);
    assert!(started.elapsed() < Duration::from_secs(20));
    let status = status(&setting.installation);
    let due = (status["due"].is_string(), &status["attempts"]);
    assert_eq!(due, (true, &0.into()), "it may be starting: {status}");
    let why = status["message"].as_str().unwrap_or_default();
    assert!(why.contains("no connection to the database"), "{status}");
    assert!(!why.contains(&setting.database.password), "{status}");
    setting.proxy.set(Fault::None);
    sync(&setting.installation);
    assert_eq!(message(&setting.installation), "");
    assert_same(&setting.installation, &setting.database, "at last");
}

/// The service goes on reading while a publication waits for an answer that never comes.
#[test]
fn a_silent_server_delays_no_run_of_the_service() {
    let Some(server) = Server::get() else { return };
    let setting = Setting::new(server);
    setting.proxy.set(Fault::HalfOpen);
    let Setting {
        vendor,
        installation,
        database,
        proxy,
    } = setting;
    let mut service = Service::start(installation, &[]);
    service.expect("STATUS=next tick roster at ");
    for day in 0..3 {
        next_day(&vendor, day);
        let started = Instant::now();
        let ran = crate::daemon::run_command(&service, &["sync", "roster"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(started.elapsed() < Duration::from_secs(20));
    }
    let was_silent = || proxy.strikes() > 0;
    service.until("a connection that nobody answers", was_silent);
    let (installation, log) = service.stop();
    assert!(!log.contains("Given"), "{log}");
    proxy.set(Fault::None);
    sync(&installation);
    assert_same(&installation, &database, "at last");
}
