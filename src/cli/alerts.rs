//! `rollbook alerts test`: does an alert arrive?

use super::exit::Exit;
use super::{out, start};
use crate::app::{Overlay, Places, Setup};
use crate::clock::Clock;
use crate::daemon::alerts::{Alert, Kind, send, ways};
use crate::model::scalar;

/// Options of `alerts`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// What to do.
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Send a test by every way that [alerts] names, now; ends with 1 when one fails
    Test,
}

/// Sends the test.
pub async fn run(places: &Places, options: &Options) -> Result<(), Exit> {
    let Act::Test = options.act;
    let overlay = Overlay::default();
    let setup = Setup::load(places, &overlay)?;
    let Some(config) = &setup.config.alerts else {
        return Err(Exit::usage(
            "rollbook.toml has no [alerts], so nobody is told of anything",
        ));
    };
    let secrets = start::secrets(places, &overlay);
    let alert = Alert {
        kind: Kind::Test.word().to_owned(),
        job: "alerts".to_owned(),
        source: String::new(),
        sentence: "this is a test; when you can read it, alerts arrive".to_owned(),
        at: scalar::written(Clock::system().now()),
    };
    let mut is_well = true;
    for way in ways(config) {
        match send(way, config, &secrets, &alert).await {
            Ok(()) => out::text(format!("{way}: sent")),
            Err(why) => {
                is_well = false;
                out::text(format!("{way}: {why}"));
            }
        }
    }
    if is_well { Ok(()) } else { Err(Exit::unwell()) }
}
