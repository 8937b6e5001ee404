//! The words of the command line.

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};

use super::log::Form;
use super::{
    alerts, approve, backup, check, combos, completions, crosswalk, init, jobs, login, logout, man,
    matches, reset, restore, resume, runs, schema, status, streams, sync, tokens, vault, verify,
    why,
};
use crate::app::Places;

/// The heading of options that every command takes.
const EVERYWHERE: &str = "Options of every command";

/// Where a package puts the configuration.
const INSTALLED_CONFIG: &str = "/etc/rollbook";

/// Where the shipped unit keeps the mirror.
const INSTALLED_STATE: &str = "/var/lib/rollbook";

/// Mirrors what other services say about a school into one local SQLite file.
#[derive(Debug, Parser)]
#[command(name = "rollbook", version, about, max_term_width = 100)]
pub struct Args {
    /// Folder with rollbook.toml and vendors/ [default: ./config, else /etc/rollbook]
    #[arg(long, global = true, value_name = "DIR", env = "ROLLBOOK_CONFIG", help_heading = EVERYWHERE)]
    config: Option<PathBuf>,
    /// Folder with the jobs [default: jobs/ in the configuration folder, else beside it]
    #[arg(
        long = "jobs",
        global = true,
        value_name = "DIR",
        env = "ROLLBOOK_JOBS",
        help_heading = EVERYWHERE
    )]
    jobs_folder: Option<PathBuf>,
    /// Folder of the mirror [default: systemd's state directory, else /var/lib/rollbook beside /etc/rollbook, else this one]
    #[arg(long, global = true, value_name = "DIR", env = "ROLLBOOK_STATE", help_heading = EVERYWHERE)]
    state: Option<PathBuf>,
    /// Log more: -v what happens, -vv each request
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = EVERYWHERE)]
    pub verbose: u8,
    /// How the log on standard error is written [default: the journal's way where that is it, else text]
    #[arg(long, global = true, value_name = "FORM", env = "ROLLBOOK_LOG_FORM", help_heading = EVERYWHERE)]
    pub log: Option<Form>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What rollbook can do, in the order in which an admin comes by it.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start simulated vendors, run every job once, show what is in the mirror
    #[cfg(feature = "demo")]
    Demo(super::demo::Options),
    /// Write a commented configuration to start with
    Init(init::Options),
    /// Sign in to a source once by a browser; from then on it renews itself
    Login(login::Options),
    /// Sign out of a source: have it revoked where the vendor says how, and forget it
    Logout(logout::Options),
    /// How each source is let in, and what is kept of it; never a value
    Tokens(tokens::Options),
    /// Check all files, and say what the next start would do to the mirror; `--online` asks the vendors too
    Check(check::Options),
    /// Run every job on its schedule, until it is stopped
    Run,
    /// Run jobs now
    Sync(sync::Options),
    /// How each job fares, what waits for you, how large the mirror is
    Status(status::Options),
    /// What ran, when and how it ended; `runs show RUN` shows one run
    Runs(runs::Options),
    /// What each job reads, and when it runs next
    Jobs(jobs::Options),
    /// What can be mirrored, what is, and how it is read
    Streams(streams::Options),
    /// Which run brought, changed or removed a row
    Why(why::Options),
    /// Combo lists: what is mirrored, what a code means, what a spreadsheet says differently
    Combos(combos::Options),
    /// Show what crosswalks leave unmapped, or draft a new one
    Crosswalk(crosswalk::Options),
    /// Who is who in two sources: how many are matched, in doubt and left over
    Matches(matches::Options),
    /// Accept what a run held back, and run its job now
    Approve(approve::Options),
    /// Let a job run again that is parked, deferred or slowed down by failures
    Resume(resume::Options),
    /// Forget how far a stream was read, so that the next run reads it in full
    Reset(reset::Options),
    /// Try whether alerts arrive
    Alerts(alerts::Options),
    /// Make a verified copy of the mirror, also while the daemon runs; the oldest copies go
    Backup(backup::Options),
    /// Check that the mirror, or a backup, is what was written to it
    Verify(verify::Options),
    /// Put a backup in the mirror's place; what is there now is kept aside
    Restore(restore::Options),
    /// Make a key for the vault, or give the vault another one
    Vault(vault::Options),
    /// Print the JSON Schema of a kind of file, for editors
    Schema(schema::Options),
    /// Print what a shell needs to complete this command line
    Completions(completions::Options),
    /// Write the manual
    #[command(hide = true)]
    Man(man::Options),
    /// Serve the simulated vendors on loopback
    #[cfg(feature = "demo")]
    Sandbox(super::sandbox::Options),
}

impl Args {
    /// The folders to work with.
    pub fn places(&self) -> Places {
        let config = self.config.clone().unwrap_or_else(|| {
            let here = PathBuf::from("config");
            if here.is_dir() {
                here
            } else {
                PathBuf::from(INSTALLED_CONFIG)
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
            .or_else(|| std::env::var_os("STATE_DIRECTORY").map(PathBuf::from))
            .or_else(|| self.installed_state(&config));
        Places {
            config,
            jobs,
            state: state.unwrap_or_default(),
        }
    }

    /// Where the service keeps the mirror of the installed configuration. Never the demo's, which is invented.
    fn installed_state(&self, config: &Path) -> Option<PathBuf> {
        let is_meant = config == Path::new(INSTALLED_CONFIG)
            && !self.is_demo()
            && Path::new(INSTALLED_STATE).is_dir();
        is_meant.then(|| PathBuf::from(INSTALLED_STATE))
    }

    fn is_demo(&self) -> bool {
        #[cfg(feature = "demo")]
        return matches!(self.command, Command::Demo(_));
        #[cfg(not(feature = "demo"))]
        false
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
            #[cfg(feature = "demo")]
            &["rollbook", "demo", "--json"],
            &["rollbook", "runs", "rosters", "--limit", "3", "--json"],
            &["rollbook", "runs", "show", "12", "--json"],
            &["rollbook", "why", "north_grades", "17", "2026-01-01"],
            &["rollbook", "streams", "north"],
            &["rollbook", "streams", "--columns", "north.users"],
            &["rollbook", "schema", "job"],
            &["rollbook", "check", "--online", "--json"],
            &["rollbook", "vault", "rekey", "--new-key", "new.key"],
            &["rollbook", "schema", "people"],
            &["rollbook", "matches", "pupils", "--show", "--json"],
            &["rollbook", "combos", "genders", "--csv"],
            &["rollbook", "combos", "--search", "@@", "--json"],
            &[
                "rollbook",
                "combos",
                "import",
                "lists.xlsx",
                "--source",
                "north",
            ],
            &["rollbook", "crosswalk", "check", "roles", "--json"],
            &[
                "rollbook",
                "crosswalk",
                "suggest",
                "rosters_users.role",
                "genders",
            ],
            &["rollbook", "run", "--log", "json"],
            &["rollbook", "init"],
            &["rollbook", "init", "--dir", "new", "north", "south"],
            &["rollbook", "completions", "bash"],
            &["rollbook", "man", "--out", "pages"],
        ] {
            assert!(Args::try_parse_from(line).is_ok(), "{line:?}");
        }
        for line in [
            &["rollbook", "why", "north_users"][..],
            &["rollbook", "approve"],
            &["rollbook", "combos", "--csv", "--json"],
            &["rollbook", "streams", "north", "--columns", "north.users"],
            &["rollbook", "sandbox", "--faults", "101"],
            &["rollbook", "sandbox", "--advance"],
            &["rollbook", "schema", "mirror"],
            &[
                "rollbook",
                "vault",
                "rekey",
                "--new-key",
                "new.key",
                "--plain",
            ],
            &["rollbook", "logout"],
        ] {
            assert!(Args::try_parse_from(line).is_err(), "{line:?}");
        }
    }
}
