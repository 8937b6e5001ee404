//! The program is killed at random moments while it fills a database, and while it publishes a change.

use std::fs;
use std::thread;
use std::time::Duration;

use super::school::{assert_rows, assert_same, next_day, publishing, sync, vendor};
use crate::database::{Fault, Proxy, Server};
use crate::installation::Running;

const KILLS: usize = 4;

fn has_ended(running: &Running) -> bool {
    let state = fs::read_to_string(format!("/proc/{}/stat", running.pid()));
    state.is_ok_and(|state| state.contains(") Z "))
}

#[test]
fn a_killed_program_goes_on_where_it_was() {
    let Some(server) = Server::get() else { return };
    let (vendor, database) = (vendor(), server.database());
    let proxy = Proxy::start(server.port());
    let installation = publishing(&vendor, &proxy.url(&database), "");
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    sync(&installation);
    for (phase, is_filled) in [("filling", true), ("a change", false)] {
        let mut most = 1 << 20;
        for kill in 0..=KILLS {
            match is_filled {
                true => database.execute("DROP SCHEMA rollbook CASCADE"),
                false => next_day(&vendor, kill),
            }
            proxy.set(Fault::None);
            // The first one ends by itself: it says how much is sent.
            let bytes = if kill == 0 {
                most
            } else {
                random.usize(..most)
            };
            let mut running = installation.start(installation.command(&["sync", "--json"]));
            while proxy.forwarded().0 <= bytes && !has_ended(&running) {
                thread::sleep(Duration::from_millis(1));
            }
            if kill == 0 {
                most = proxy.forwarded().0;
            }
            running.kill();
            sync(&installation);
            let what = format!("seed {seed}, {phase}, kill {kill} after {bytes} bytes");
            assert_rows(&installation, &database, &what);
        }
    }
    assert_same(&installation, &database, &format!("seed {seed}"));
}
