//! The command line: global options and commands.

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};
use tracing_subscriber::filter::LevelFilter;

#[cfg(feature = "postgres")]
use super::cluster;
use super::config_folder::{INSTALLED_CONFIG, INSTALLED_STATE, local_config};
use super::help::GLOBAL_OPTIONS;
use super::log::LogFormat;
use super::owner::StateUse;
use super::{
    alerts, approve, audit, backup, changes, check, combos, completions, connector, crosswalk,
    erase, export, hooks, init, jobs, login, logout, matches, pause, person, privacy, publish,
    rename, report, reset, restore, resume, runs, schema, serve, status, streams, sync, tokens,
    vault, verify, web, why,
};
use rollbook_core::connector::builtin::DEMO_CONFIG;
use rollbook_core::model::SourceName;
use rollbook_engine::setup::Folders;

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
    /// Of a cluster: the source whose mirror the command works with
    #[arg(long = "in", global = true, value_name = "SOURCE", help_heading = GLOBAL_OPTIONS)]
    pub in_source: Option<SourceName>,
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
    /// Add sources and jobs to the configuration, or write a new one
    Init(init::InitOptions),
    /// Draft a connector for an API, or read one page with one
    Connector(connector::ConnectorOptions),
    /// Sign in to a source by browser, once; its tokens are then renewed
    Login(login::LoginOptions),
    /// Sign out of a source: revoke and delete its tokens
    ///
    /// Tokens are revoked if the vendor supports that, and deleted in any case.
    Logout(logout::LogoutOptions),
    /// Show how each source authenticates (never a secret)
    Tokens(tokens::TokensOptions),
    /// Check all files; `--online` also signs in to the vendors
    ///
    /// Also shows what the next start would do to the mirror: columns that it would erase, and tables without a job.
    Check(check::CheckOptions),
    /// Run the daemon: every job on its schedule, until it is stopped
    Run,
    /// Run jobs now
    Sync(sync::SyncOptions),
    /// Show every job: last run, next run, what needs your attention
    ///
    /// A wide terminal shows the last 30 runs of each job: ▁ good, ▄ incomplete or interrupted, ▆ held, █ failed or parked.
    Status(status::StatusOptions),
    /// Write a page with every job and a chart of every stream
    ///
    /// One static file without names of people, for a web folder or a mail.
    Report(report::ReportOptions),
    /// Serve the status page, metrics and health, and receive webhooks
    ///
    /// Until it is stopped. Reads the files that the daemon writes for it; opens neither the mirror nor the vault.
    Web(web::WebOptions),
    /// Serve the mirror to programs that speak OneRoster
    ///
    /// A process of its own, which only reads.
    Serve(serve::ServeOptions),
    /// List past runs and their outcomes; `runs show RUN` shows one
    Runs(runs::RunsOptions),
    /// List jobs: what each reads, and when it runs next
    Jobs(jobs::JobsOptions),
    /// List streams: which exist, which are mirrored, how they are read
    Streams(streams::StreamsOptions),
    /// Print a register of the personal data that is mirrored
    ///
    /// Which categories, by which job, for how long, in which files, and who may read them.
    Privacy(privacy::PrivacyOptions),
    /// Show or export everything that is kept of a person
    Person(person::PersonOptions),
    /// Show what was added, changed and removed, column by column
    ///
    /// Since a time or a run. Prints values of rows.
    Changes(changes::ChangesOptions),
    /// Write streams as files: CSV, NDJSON or Parquet
    ///
    /// All of one moment, now or in the past. Writes values of rows.
    Export(export::ExportOptions),
    /// Show which runs added, changed or removed a row
    Why(why::WhyOptions),
    /// Show combo lists, look up codes, or compare a spreadsheet
    Combos(combos::CombosOptions),
    /// Show unmapped values of crosswalks, or draft a new crosswalk
    Crosswalk(crosswalk::CrosswalkOptions),
    /// Show which people of two sources are the same person
    ///
    /// Shows matches, conflicts and people without a match, as the sets of crosswalks/people.toml define them.
    Matches(matches::MatchesOptions),
    /// Accept the changes that a run held back, and run its job now
    Approve(approve::ApproveOptions),
    /// Pause a job or a source, for holidays
    ///
    /// No run starts by its schedule.
    Pause(pause::PauseOptions),
    /// Resume a job or source that is paused, parked or deferred
    Resume(resume::ResumeOptions),
    /// Give a source's rows and history the name that it has now
    ///
    /// After a source was renamed in the configuration.
    Rename(rename::RenameOptions),
    /// Delete a stream's checkpoint: the next run reads it in full
    Reset(reset::ResetOptions),
    /// Show who did what, and which configuration files changed
    Audit(audit::AuditOptions),
    /// Erase a person from the mirror and all its copies, for good
    Erase(erase::EraseOptions),
    /// Send a test alert
    Alerts(alerts::AlertsOptions),
    /// Show what programs and addresses were told of changes, or try one
    Hooks(hooks::HooksOptions),
    /// Show, compare, rebuild or remove what is published to databases
    Publish(publish::PublishOptions),
    /// Show a cluster, or move a source into or out of it
    #[cfg(feature = "postgres")]
    Cluster(cluster::ClusterOptions),
    /// Create a verified backup of the mirror, and delete the oldest
    ///
    /// Also while the daemon runs.
    Backup(backup::BackupOptions),
    /// Check the integrity of the mirror or a backup
    Verify(verify::VerifyOptions),
    /// Replace the mirror with a backup, and keep the current one
    ///
    /// The current mirror is kept under another name. The daemon must not run.
    Restore(restore::RestoreOptions),
    /// Generate a vault key, or re-encrypt the vault with another key
    Vault(vault::VaultOptions),
    /// Print the JSON Schema of a configuration file, for editors
    Schema(schema::SchemaOptions),
    /// Generate shell completions
    Completions(completions::CompletionsOptions),
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
            Self::Init(_) | Self::Web(_) | Self::Schema(_) | Self::Completions(_) => StateUse::None,
            #[cfg(feature = "postgres")]
            Self::Cluster(_) => StateUse::Owns,
            Self::Vault(options) => options.state_use(),
            Self::Serve(options) if !options.is_service() => StateUse::None,
            Self::Crosswalk(options) => options.state_use(),
            Self::Connector(options) => options.state_use(),
            Self::Status(_)
            | Self::Report(_)
            | Self::Audit(_)
            | Self::Runs(_)
            | Self::Jobs(_)
            | Self::Streams(_)
            | Self::Privacy(_)
            | Self::Changes(_)
            | Self::Export(_)
            | Self::Why(_)
            | Self::Combos(_)
            | Self::Serve(_)
            | Self::Verify(_) => StateUse::Reads,
            Self::Login(_)
            | Self::Logout(_)
            | Self::Tokens(_)
            | Self::Check(_)
            | Self::Run
            | Self::Sync(_)
            | Self::Matches(_)
            | Self::Approve(_)
            | Self::Pause(_)
            | Self::Resume(_)
            | Self::Rename(_)
            | Self::Reset(_)
            | Self::Erase(_)
            | Self::Person(_)
            | Self::Alerts(_)
            | Self::Hooks(_)
            | Self::Publish(_)
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
            (Command::Run | Command::Web(_), 0) | (_, 1) => LevelFilter::INFO,
            (Command::Serve(options), 0) if options.is_service() => LevelFilter::INFO,
            (_, 0) => LevelFilter::OFF,
            _ => LevelFilter::DEBUG,
        }
    }

    /// The folders of configuration, jobs and state.
    pub fn folders(&self) -> Folders {
        let config = self.config.clone().unwrap_or_else(|| match local_config() {
            Some(local) => local,
            None if self.is_demo() => self.state.clone().unwrap_or_default().join(DEMO_CONFIG),
            None => PathBuf::from(INSTALLED_CONFIG),
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
        let folders = Folders {
            config,
            jobs,
            state: state.unwrap_or_default(),
            source: None,
        };
        #[cfg(feature = "postgres")]
        if let (Some(source), true) = (&self.in_source, cluster::is_asked()) {
            return folders.of_source(source);
        }
        folders
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
            &["rollbook", "streams", "north", "users"],
            &["rollbook", "streams", "north", "--diagram"],
            &["rollbook", "streams", "--datasette"],
            &["rollbook", "report", "--html", "-"],
            &["rollbook", "web"],
            &["rollbook", "web", "--listen", "[::1]:8282"],
            &["rollbook", "privacy", "--markdown"],
            &["rollbook", "person", "show", "north_users", "17"],
            &[
                "rollbook",
                "person",
                "show",
                "--person",
                "pupils:17",
                "--json",
            ],
            &[
                "rollbook",
                "person",
                "export",
                "north_users",
                "--where",
                "name=Kim",
                "--out",
                "-",
            ],
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
            &[
                "rollbook",
                "init",
                "north",
                "--name",
                "n",
                "--set",
                "a=b=c",
                "--set",
                "d=",
                "--no-input",
            ],
            &["rollbook", "init", "--people", "--crosswalk"],
            &[
                "rollbook",
                "connector",
                "new",
                "openapi.json",
                "--only",
                "/users",
            ],
            &[
                "rollbook",
                "connector",
                "test",
                "shelf",
                "books",
                "--rows",
                "--json",
            ],
            &["rollbook", "init", "--secrets", "--dir", "new"],
            &["rollbook", "completions", "bash"],
        ] {
            assert!(Args::try_parse_from(line).is_ok(), "{line:?}");
        }
        for line in [
            &["rollbook", "why", "north_users"][..],
            &["rollbook", "connector", "new"],
            &[
                "rollbook",
                "connector",
                "new",
                "https://x.example",
                "--header-credential",
                "no",
            ],
            &["rollbook", "connector", "test"],
            &["rollbook", "approve"],
            &["rollbook", "report"],
            &["rollbook", "web", "--listen", "8282"],
            &["rollbook", "init", "north", "--set", "tenant"],
            &["rollbook", "init", "north", "--secrets"],
            &["rollbook", "init", "north", "--name", "No"],
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
            &["rollbook", "streams", "north", "users", "--diagram"],
            &["rollbook", "streams", "--diagram", "--json"],
            &["rollbook", "sandbox", "--faults", "101"],
            &["rollbook", "sandbox", "--advance"],
            &["rollbook", "sandbox", "--init", "trial", "--describe"],
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
            &["rollbook", "privacy", "--markdown", "--json"],
            &["rollbook", "person", "show"],
            &["rollbook", "person", "show", "north_users"],
            &[
                "rollbook",
                "person",
                "show",
                "north_users",
                "17",
                "--person",
                "pupils:17",
            ],
            &[
                "rollbook",
                "person",
                "show",
                "--person",
                "pupils:17",
                "--where",
                "a=b",
            ],
        ] {
            assert!(Args::try_parse_from(line).is_err(), "{line:?}");
        }
    }
}
