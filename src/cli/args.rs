//! The command line: global options and commands.

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};
use tracing_subscriber::filter::LevelFilter;

use super::log::LogFormat;
use super::owner::StateUse;
use super::{
    alerts, approve, backup, check, combos, completions, crosswalk, erase, init, jobs, login,
    logout, man, matches, reset, restore, resume, runs, schema, status, streams, sync, tokens,
    vault, verify, why,
};
use crate::connector::builtin::DEMO_CONFIG;
use crate::setup::Folders;

/// Heading of the options that all commands have.
const GLOBAL_OPTIONS: &str = "Global options";

/// The configuration folder of the packages.
const INSTALLED_CONFIG: &str = "/etc/rollbook";

/// The state directory of the shipped unit.
const INSTALLED_STATE: &str = "/var/lib/rollbook";

/// Mirrors school data from other services into one local SQLite file.
#[derive(Debug, Parser)]
#[command(name = "rollbook", version, about, max_term_width = 100)]
pub struct Args {
    /// Folder with rollbook.toml and connectors/ [default: ./config, else /etc/rollbook]
    #[arg(long, global = true, value_name = "DIR", env = "ROLLBOOK_CONFIG", help_heading = GLOBAL_OPTIONS)]
    config: Option<PathBuf>,
    /// Folder with the jobs [default: jobs/ in the configuration folder, else beside it]
    #[arg(
        long = "jobs",
        global = true,
        value_name = "DIR",
        env = "ROLLBOOK_JOBS",
        help_heading = GLOBAL_OPTIONS
    )]
    jobs_folder: Option<PathBuf>,
    /// Folder of the mirror [default: systemd's state directory, else /var/lib/rollbook for /etc/rollbook, else the current folder]
    #[arg(long, global = true, value_name = "DIR", env = "ROLLBOOK_STATE", help_heading = GLOBAL_OPTIONS)]
    state: Option<PathBuf>,
    /// Log more: -v for information, -vv for each request
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = GLOBAL_OPTIONS)]
    verbose: u8,
    /// Format of the log on standard error [default: journal under systemd, else text]
    #[arg(long, global = true, value_name = "FORMAT", env = "ROLLBOOK_LOG_FORMAT", help_heading = GLOBAL_OPTIONS)]
    pub log: Option<LogFormat>,
    #[command(subcommand)]
    pub command: Command,
}

/// The commands, in the order in which an admin needs them.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start simulated vendors, run every job once, show the mirror
    #[cfg(feature = "demo")]
    Demo(super::demo::DemoOptions),
    /// Write a commented starter configuration
    Init(init::InitOptions),
    /// Sign in to a source once by browser; tokens are renewed from then on
    Login(login::LoginOptions),
    /// Sign out of a source: revoke its tokens if the vendor supports that, and delete them
    Logout(logout::LogoutOptions),
    /// Show how each source authenticates (never a secret)
    Tokens(tokens::TokensOptions),
    /// Check all files, and show what the next start would do to the mirror; `--online` also checks the vendors
    Check(check::CheckOptions),
    /// Run the daemon: every job on its schedule, until it is stopped
    Run,
    /// Run jobs now
    Sync(sync::SyncOptions),
    /// Show every job: last run, next run, what needs your attention
    Status(status::StatusOptions),
    /// List past runs with their outcomes; `runs show RUN` shows one run
    Runs(runs::RunsOptions),
    /// List jobs: what each reads, and when it runs next
    Jobs(jobs::JobsOptions),
    /// List streams: which are available, which are mirrored, and how they are read
    Streams(streams::StreamsOptions),
    /// Show which runs added, changed or removed a row
    Why(why::WhyOptions),
    /// Show combo lists, look up codes, or compare a spreadsheet with the mirror
    Combos(combos::CombosOptions),
    /// Show unmapped values of crosswalks, or draft a new crosswalk
    Crosswalk(crosswalk::CrosswalkOptions),
    /// Show how people of two sources are matched: matches, conflicts, unmatched
    Matches(matches::MatchesOptions),
    /// Accept the changes that a run held back, and run its job now
    Approve(approve::ApproveOptions),
    /// Resume a job that is parked, deferred or backing off after failures
    Resume(resume::ResumeOptions),
    /// Delete a stream's checkpoint, so that the next run reads it in full
    Reset(reset::ResetOptions),
    /// Erase a person from the mirror and all its copies, and do not mirror them again
    Erase(erase::EraseOptions),
    /// Send a test alert
    Alerts(alerts::AlertsOptions),
    /// Create a verified backup of the mirror, also while the daemon runs, and delete the oldest ones
    Backup(backup::BackupOptions),
    /// Check the integrity of the mirror or a backup
    Verify(verify::VerifyOptions),
    /// Replace the mirror with a backup; the current mirror is kept under another name
    Restore(restore::RestoreOptions),
    /// Generate a vault key, or re-encrypt the vault with another key
    Vault(vault::VaultOptions),
    /// Print the JSON Schema of a configuration file, for editors
    Schema(schema::SchemaOptions),
    /// Generate shell completions
    Completions(completions::CompletionsOptions),
    /// Write the man pages
    #[command(hide = true)]
    Man(man::ManOptions),
    /// Serve the simulated vendors on loopback
    #[cfg(feature = "demo")]
    Sandbox(super::sandbox::SandboxOptions),
}

impl Command {
    /// What the command does with the mirror's folder.
    pub fn state_use(&self) -> StateUse {
        match self {
            #[cfg(feature = "demo")]
            Self::Demo(_) | Self::Sandbox(_) => StateUse::None,
            Self::Init(_) | Self::Schema(_) | Self::Completions(_) | Self::Man(_) => StateUse::None,
            Self::Vault(options) => options.state_use(),
            Self::Status(_)
            | Self::Runs(_)
            | Self::Jobs(_)
            | Self::Streams(_)
            | Self::Why(_)
            | Self::Combos(_)
            | Self::Crosswalk(_)
            | Self::Verify(_) => StateUse::Reads,
            Self::Login(_)
            | Self::Logout(_)
            | Self::Tokens(_)
            | Self::Check(_)
            | Self::Run
            | Self::Sync(_)
            | Self::Matches(_)
            | Self::Approve(_)
            | Self::Resume(_)
            | Self::Reset(_)
            | Self::Erase(_)
            | Self::Alerts(_)
            | Self::Backup(_)
            | Self::Restore(_) => StateUse::Owns,
        }
    }
}

impl Args {
    /// The least severe level that is logged. Commands print their results themselves: the log is for the daemon and
    /// for `-v`.
    pub fn log_level(&self) -> LevelFilter {
        match (&self.command, self.verbose) {
            (Command::Run, 0) | (_, 1) => LevelFilter::INFO,
            (_, 0) => LevelFilter::OFF,
            _ => LevelFilter::DEBUG,
        }
    }

    /// The folders of configuration, jobs and state.
    pub fn folders(&self) -> Folders {
        let config = self.config.clone().unwrap_or_else(|| {
            let local = PathBuf::from("config");
            if local.is_dir() {
                local
            } else if self.is_demo() {
                self.state.clone().unwrap_or_default().join(DEMO_CONFIG)
            } else {
                PathBuf::from(INSTALLED_CONFIG)
            }
        });
        let jobs = self.jobs_folder.clone().unwrap_or_else(|| {
            let inside = config.join("jobs");
            if inside.is_dir() || config.ends_with(DEMO_CONFIG) {
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
        Folders {
            config,
            jobs,
            state: state.unwrap_or_default(),
        }
    }

    /// The service's state directory, for the installed configuration. Never for the demo, which has invented data.
    fn installed_state(&self, config: &Path) -> Option<PathBuf> {
        let is_installed = config == Path::new(INSTALLED_CONFIG)
            && !self.is_demo()
            && Path::new(INSTALLED_STATE).is_dir();
        is_installed.then(|| PathBuf::from(INSTALLED_STATE))
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
    fn the_command_line_is_valid() {
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
            &["rollbook", "streams", "north", "--diagram"],
            &["rollbook", "streams", "--datasette"],
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
            &["rollbook", "erase", "north_users", "17", "--dry-run"],
            &["rollbook", "erase", "--person", "pupils:17", "--yes"],
            &[
                "rollbook",
                "erase",
                "--file",
                "left.csv",
                "--reason",
                "retention",
            ],
            &["rollbook", "erase", "--list", "--json"],
            &["rollbook", "erase", "--undo", "3f9a12bc"],
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
            &["rollbook", "erase"],
            &["rollbook", "erase", "north_users"],
            &["rollbook", "erase", "north_users", "17", "--list"],
            &[
                "rollbook",
                "erase",
                "north_users",
                "17",
                "--reason",
                "Kim left",
            ],
            &["rollbook", "combos", "--csv", "--json"],
            &["rollbook", "streams", "north", "--columns", "north.users"],
            &["rollbook", "streams", "--diagram", "--json"],
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
