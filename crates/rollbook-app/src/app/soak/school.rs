//! The installation of the soak: four sources, 20 jobs, and their files.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rollbook_engine::setup::Folders;

/// How a source signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignIn {
    Client,
    Refresh,
    Password,
    Browser,
}

/// How a list is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// One response.
    Single,
    /// By offset, with a total.
    Counted,
    /// By offset, without a total.
    Plain,
    /// By cursor.
    Cursor,
    /// Changes only, and a full reading once a day.
    Changes,
}

pub(super) const STYLES: [(&str, Style); 5] = [
    ("single", Style::Single),
    ("counted", Style::Counted),
    ("plain", Style::Plain),
    ("cursor", Style::Cursor),
    ("changes", Style::Changes),
];

pub(super) struct SchoolSource {
    pub name: &'static str,
    pub zone: &'static str,
    pub sign_in: SignIn,
    /// Of the jobs of each list.
    pub schedules: [&'static str; 5],
}

const DAY: u64 = 24 * 3600;

/// The longest pause between two ticks of a job.
pub(super) fn period(source: usize, list: usize) -> Duration {
    let schedule = SOURCES[source].schedules[list];
    let days = match schedule.split(' ').next_back().unwrap_or_default() {
        "*" => 1,
        "Mon-Fri" => 3,
        "Mon,Thu" | "Tue,Fri" => 4,
        _ => 7,
    };
    Duration::from_secs(days * DAY)
}

/// Half past two does not exist on one day of the year, and exists twice on another.
pub(super) const SOURCES: [SchoolSource; 4] = [
    SchoolSource {
        name: "vienna",
        zone: "Europe/Vienna",
        sign_in: SignIn::Client,
        schedules: [
            "30 5 * * Mon",
            "30 2 * * *",
            "40 4 * * Tue,Fri",
            "20 6 * * Mon-Fri",
            "5 */12 * * *",
        ],
    },
    SchoolSource {
        name: "sydney",
        zone: "Australia/Sydney",
        sign_in: SignIn::Refresh,
        schedules: [
            "0 22 * * Sun",
            "30 2 * * *",
            "45 4 * * Tue,Fri",
            "20 6 * * Mon,Thu",
            "10 17 * * *",
        ],
    },
    SchoolSource {
        name: "new_york",
        zone: "America/New_York",
        sign_in: SignIn::Password,
        schedules: [
            "15 3 * * Wed",
            "30 1 * * *",
            "40 4 * * Tue,Fri",
            "20 6 * * Mon,Thu",
            "30 2 * * *",
        ],
    },
    SchoolSource {
        name: "kolkata",
        zone: "Asia/Kolkata",
        sign_in: SignIn::Browser,
        schedules: [
            "45 1 * * Sat",
            "0 0 * * *",
            "40 4 * * Tue,Fri",
            "20 6 * * Mon,Thu",
            "5 23 * * *",
        ],
    },
];

/// The name of the job of a list, and of its table.
pub(super) fn job(source: usize, list: usize) -> String {
    format!("{}_{}", SOURCES[source].name, STYLES[list].0)
}

/// The host of a source, and of the alerts.
pub(super) fn host(source: usize) -> String {
    format!("{}.soak.test", SOURCES[source].name)
}

pub(super) const ALERTS: &str = "alerts.soak.test";

/// The file of a source's secret.
pub(super) fn secret_file(source: usize) -> String {
    format!("{}_secret", SOURCES[source].name)
}

/// A folder with all files; in memory where that is possible.
pub(super) struct Installation(tempfile::TempDir);

impl Installation {
    pub(super) fn new() -> Self {
        let memory = PathBuf::from("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        let installation = Self(folder.expect("a folder"));
        installation.write("config/connectors/school.toml", &connector());
        installation.write("config/rollbook.toml", &config());
        installation.secret("webhook", &format!("https://{ALERTS}/webhook"));
        for (number, source) in SOURCES.iter().enumerate() {
            for (list, (stream, _)) in STYLES.iter().enumerate() {
                let text = format!(
                    "source = \"{}\"\nstreams = [\"{stream}\"]\nschedule = \"{}\"\ntime_zone = \"{}\"\ncatch_up = {}\n\
                     [stream.{stream}]\nhistory = \"60 days\"\n",
                    source.name,
                    source.schedules[list],
                    source.zone,
                    // A week is too long to wait for the next tick.
                    list != 3,
                );
                installation.write(&format!("jobs/{}.toml", job(number, list)), &text);
            }
        }
        installation
    }

    pub(super) fn folders(&self) -> Folders {
        Folders {
            config: self.path("config"),
            jobs: self.path("jobs"),
            state: self.path("state"),
            source: None,
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    /// Writes a secret as an admin does: another file in its place.
    pub(super) fn secret(&self, name: &str, text: &str) {
        let (path, next) = (self.path("config"), self.path("config/next"));
        fs::create_dir_all(&path).expect("made");
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&next)
            .expect("a file");
        file.write_all(text.as_bytes()).expect("written");
        fs::rename(next, path.join(name)).expect("in its place");
    }

    /// The files of the state folder with their sizes.
    pub(super) fn state_files(&self) -> Vec<(String, u64)> {
        let mut files = Vec::new();
        collect(&self.path("state"), &mut files);
        files.sort();
        files
    }
}

fn collect(folder: &Path, files: &mut Vec<(String, u64)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            let size = entry.metadata().map_or(0, |metadata| metadata.len());
            files.push((path.display().to_string(), size));
        }
    }
}

fn connector() -> String {
    let mut text = "connector = \"school\"\ntitle = \"School\"\nbase_url = \"{base_url}\"\n\
         [settings]\nbase_url = { required = true, help = \"the address\" }\n\
         token_url = { required = true, help = \"the address that gives tokens\" }\n\
         [limits]\nin_flight = 2\nper_second = 5\n"
        .to_owned();
    for grant in ["client_credentials", "password", "refresh_token"] {
        text += &format!("[auth.{grant}]\ntoken_url = \"{{token_url}}\"\nclient_auth = \"post\"\n");
    }
    text += "[auth.authorization_code]\nauthorize_url = \"{base_url}/authorize\"\ntoken_url = \"{token_url}\"\nclient_auth = \"post\"\n";
    for (name, style) in STYLES {
        let page = match style {
            Style::Single => "page = { by = \"none\" }",
            Style::Counted => {
                "page = { by = \"offset\", offset = \"offset\", limit = \"limit\", size = 12, total_member = [\"total\"] }"
            }
            Style::Plain => {
                "page = { by = \"offset\", offset = \"offset\", limit = \"limit\", size = 12 }"
            }
            Style::Cursor => {
                "page = { by = \"cursor\", cursor = \"after\", next = \"next\", limit = \"limit\", size = 12 }"
            }
            Style::Changes => {
                "page = { by = \"offset\", offset = \"offset\", limit = \"limit\", size = 20, total_member = [\"total\"] }\n\
                 since = { column = \"changed\", query = { changed_from = \"{since}\" }, overlap = \"10m\", default = true, full_every = \"1d\" }"
            }
        };
        text += &format!(
            "[streams.{name}]\ntitle = \"a row\"\npath = \"/{name}\"\nrows = \"rows\"\nkey = [\"id\"]\n{page}\n\
             removed = {{ absence = true }}\n\
             [streams.{name}.columns]\nid = \"id : text\"\nname = \"name : text\"\nchanged = \"changed : timestamp\"\n"
        );
    }
    text
}

fn config() -> String {
    let mut text = "[store]\nruns = \"60 days\"\nrejects = \"30 days\"\n\
         [store.backup]\nschedule = \"17 3 * * Sun\"\nkeep = 3\n\
         [alerts]\nstale_after = \"2 days\"\n[alerts.webhook]\nurl = { file = \"webhook\" }\nform = \"json\"\n"
        .to_owned();
    for (number, source) in SOURCES.iter().enumerate() {
        let (name, host, secret) = (source.name, host(number), secret_file(number));
        let secret = format!("{{ file = \"{secret}\" }}");
        let auth = match source.sign_in {
            SignIn::Client => format!(
                "grant = \"client_credentials\"\nclient_id = \"rollbook\"\nclient_secret = {secret}\n"
            ),
            SignIn::Refresh => format!(
                "grant = \"refresh_token\"\nclient_id = \"rollbook\"\nrefresh_token = {secret}\n"
            ),
            SignIn::Password => {
                format!("grant = \"password\"\nusername = \"ada\"\npassword = {secret}\n")
            }
            SignIn::Browser => format!(
                "grant = \"authorization_code\"\nclient_id = \"rollbook\"\nclient_secret = {secret}\n"
            ),
        };
        text += &format!(
            "[sources.{name}]\nconnector = \"school\"\n[sources.{name}.settings]\n\
             base_url = \"https://{host}/v1\"\ntoken_url = \"https://{host}/token\"\n[sources.{name}.auth]\n{auth}"
        );
    }
    text
}
