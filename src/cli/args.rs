//! The words of the command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::{demo, sandbox, sync};
use crate::app::Places;

/// Mirrors what other services say about a school into one local SQLite file.
#[derive(Debug, Parser)]
#[command(name = "rollbook", version, about, max_term_width = 100)]
pub struct Args {
    /// Folder with rollbook.toml and vendors/ [default: ./config, else /etc/rollbook]
    #[arg(long, global = true, value_name = "DIR", env = "ROLLBOOK_CONFIG")]
    config: Option<PathBuf>,
    /// Folder with the jobs [default: jobs/ in the configuration folder, else beside it]
    #[arg(
        long = "jobs",
        global = true,
        value_name = "DIR",
        env = "ROLLBOOK_JOBS"
    )]
    jobs_folder: Option<PathBuf>,
    /// Folder of the mirror [default: systemd's state directory, else this one]
    #[arg(long, global = true, value_name = "DIR", env = "ROLLBOOK_STATE")]
    state: Option<PathBuf>,
    /// Log more: -v what happens, -vv each request
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What rollbook can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start simulated vendors, run every job once, show what is in the mirror
    Demo(demo::Options),
    /// Run every job on its schedule, until it is stopped
    Run,
    /// Run jobs now
    Sync(sync::Options),
    /// Serve the simulated vendors on loopback
    Sandbox(sandbox::Options),
}

impl Args {
    /// The folders to work with.
    pub fn places(&self) -> Places {
        let config = self.config.clone().unwrap_or_else(|| {
            let here = PathBuf::from("config");
            if here.is_dir() {
                here
            } else {
                PathBuf::from("/etc/rollbook")
            }
        });
        let jobs = self.jobs_folder.clone().unwrap_or_else(|| {
            let inside = config.join("jobs");
            if inside.is_dir() {
                inside
            } else {
                config
                    .parent()
                    .map(|above| above.join("jobs"))
                    .unwrap_or_default()
            }
        });
        let state = self
            .state
            .clone()
            .or_else(|| std::env::var_os("STATE_DIRECTORY").map(PathBuf::from));
        Places {
            config,
            jobs,
            state: state.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Args::command().debug_assert();
        for line in [
            &["rollbook", "sync", "one", "--dry-run"][..],
            &["rollbook", "demo", "--json"],
        ] {
            assert!(Args::try_parse_from(line).is_ok(), "{line:?}");
        }
    }
}
