//! `rollbook alerts test`: sends a test alert over each configured channel.

use super::exit::Exit;
use super::{out, start};
use rollbook_core::clock::Clock;
use rollbook_core::model::scalar;
use rollbook_engine::daemon::alerts::{Alert, AlertKind, channels, send};
use rollbook_engine::setup::{Folders, Overlay, Setup};

/// Options of `alerts`.
#[derive(Debug, clap::Args)]
pub struct AlertsOptions {
    #[command(subcommand)]
    action: AlertsAction,
}

#[derive(Debug, clap::Subcommand)]
enum AlertsAction {
    /// Send a test alert over every channel in [alerts]; the exit code is 1 if one fails
    Test,
}

/// Sends the test alert.
pub async fn run(folders: &Folders, options: &AlertsOptions) -> Result<(), Exit> {
    let AlertsAction::Test = options.action;
    let overlay = Overlay::default();
    let setup = Setup::load(folders, &overlay)?;
    let Some(config) = &setup.config.alerts else {
        return Err(Exit::usage(
            "rollbook.toml has no [alerts], so no alerts are sent",
        ));
    };
    let secrets = start::secrets(folders, &overlay);
    let alert = Alert {
        kind: AlertKind::Test.as_str().to_owned(),
        subject: "alerts"
            .parse()
            .map_err(|error| Exit::failed(format!("{error}")))?,
        message: "this is a test alert".to_owned(),
        at: scalar::to_canonical(Clock::system().now()),
    };
    let mut is_ok = true;
    for channel in channels(config) {
        match send(channel, config, &secrets, &alert).await {
            Ok(()) => out::text(format!("{channel}: sent")),
            Err(why) => {
                is_ok = false;
                out::text(format!("{channel}: {why}"));
            }
        }
    }
    if is_ok {
        Ok(())
    } else {
        Err(Exit::unsuccessful())
    }
}
