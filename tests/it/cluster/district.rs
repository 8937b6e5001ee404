//! A district: a vendor of many schools, a database server of its own, and workers with one configuration.

use std::collections::BTreeSet;
use std::env;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::vendor::{Vendor, source};
use super::watch::Watch;
use super::workers::Worker;
use crate::database::{Database, Server, psql};
use crate::installation::{Finished, Installation, NO_TICK};

/// The limit of a wait for a state. A lease lasts 30 seconds, and a machine may be busy.
const LIMIT: Duration = Duration::from_secs(240);

/// Between two looks at a state: each look is a process.
const LOOK: Duration = Duration::from_millis(200);

/// How a district is made.
#[derive(Default)]
pub struct Plan {
    pub schools: usize,
    /// Seconds between the ticks of a school; 0 without ticks.
    pub every: usize,
    pub are_clocks_wrong: bool,
}

/// A district, up until it is dropped. Workers end first.
pub struct District {
    pub workers: Vec<Worker>,
    pub watch: Watch,
    pub installation: Installation,
    pub vendor: Vendor,
    pub database: Database,
    pub server: Server,
    pub plan: Plan,
}

impl District {
    /// Without workers; `None` where PostgreSQL is not installed, or nobody asked for what takes minutes: leases are real, and a machine
    /// that is busy with other tests loses them.
    pub fn new(plan: Plan) -> Option<Self> {
        if env::var_os("ROLLBOOK_CLUSTER").is_none() {
            println!("skipped: ROLLBOOK_CLUSTER=1 runs it");
            return None;
        }
        let server = Server::own()?;
        let database = server.database();
        // Pages in the server's log would fill the memory that it is in.
        let quiet = format!(
            "ALTER DATABASE {} SET log_statement = 'none'",
            database.name
        );
        psql(&database.superuser_url, &quiet).expect("set");
        let vendor = Vendor::start(plan.schools);
        let installation = Installation::empty();
        configure(&installation, "config", &vendor, &plan);
        Some(Self {
            workers: Vec::new(),
            watch: Watch::start(&database.url),
            installation,
            vendor,
            database,
            server,
            plan,
        })
    }

    /// Starts another worker, which finds the database at this address.
    pub fn add(&mut self, url: &str) {
        let worker = Worker::new(&self.installation, self.workers.len(), url);
        self.workers.push(worker);
        self.start(self.workers.len() - 1);
    }

    /// Starts workers without anything between them and the database.
    pub fn add_many(&mut self, workers: usize) {
        let url = self.database.url.clone();
        (0..workers).for_each(|_| self.add(&url));
    }

    pub fn start(&mut self, worker: usize) {
        self.workers[worker].start(&self.installation);
    }

    /// Another configuration, which differs in one key.
    pub fn other_config(&self) -> PathBuf {
        configure(&self.installation, "other", &self.vendor, &self.plan);
        let job = format!("other/jobs/{}.toml", source(0));
        let text = std::fs::read_to_string(self.installation.path(&job)).expect("read");
        self.installation
            .write(&job, &format!("timeout = \"20m\"\n{text}"));
        self.installation.path("other")
    }

    /// Runs a command on a worker's machine to its end.
    pub fn run_at(&self, worker: usize, arguments: &[&str]) -> Finished {
        let command = self.workers[worker].command(&self.installation, arguments);
        self.installation.start(command).end()
    }

    /// Waits for a state.
    pub fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let missing = |district: &Self| (!is_so(district)).then(String::new);
        self.until_nothing_is_wrong(what, missing);
    }

    /// Waits until `problem` finds nothing.
    pub fn until_nothing_is_wrong(&self, what: &str, problem: impl Fn(&Self) -> Option<String>) {
        let started = Instant::now();
        while let Some(problem) = problem(self) {
            self.assert_good();
            let has_ended = self.workers.iter().any(Worker::has_ended);
            if started.elapsed() > LIMIT || has_ended {
                panic!("never so: {what}: {problem}\n{}", self.told());
            }
            thread::sleep(LOOK);
        }
    }

    /// Nothing was seen so far that must not be.
    pub fn assert_good(&self) {
        if let Some(problems) = self.watch.problems() {
            panic!("{problems}\n{}", self.told());
        }
    }

    /// What the workers and the database say, for a test that fails.
    pub fn told(&self) -> String {
        let mut told = String::new();
        for (number, worker) in self.workers.iter().enumerate() {
            let log = worker.log();
            let is_usual =
                |line: &&str| line.contains(" INFO run ") || line.contains("tick skipped");
            let mut lines: Vec<&str> = log.lines().filter(|line| !is_usual(line)).collect();
            lines.extend(log.lines().rev().take(5));
            let last = &lines[lines.len().saturating_sub(60)..];
            let folders = worker.folders();
            told += &format!("worker {number}, {folders:?}:\n{}\n", last.join("\n"));
        }
        for sql in [
            "SELECT start, until - clock_timestamp(), load, leaving, room, waits FROM rollbook_cluster.workers ORDER BY until",
            "SELECT pid, application_name, state, wait_event, now() - state_change, left(query, 100) FROM pg_stat_activity WHERE usename = current_user",
            "SELECT source, epoch, start, position_epoch, position_run, moved FROM rollbook_cluster.leases ORDER BY source LIMIT 30",
        ] {
            let rows = psql(&self.database.url, sql);
            told += &match rows {
                Ok(rows) => rows.iter().map(|row| row.join(" | ") + "\n").collect(),
                Err(error) => error,
            };
        }
        let log = self.server.log();
        let refused = log
            .lines()
            .filter(|line| line.contains("ERROR:") || line.contains("STATEMENT:"));
        let is_of_workers = |line: &&str| line.contains("] test_") && !line.contains("psql");
        let refused: Vec<&str> = refused.filter(is_of_workers).collect();
        let last = refused.iter().skip(refused.len().saturating_sub(20));
        told + &last
            .map(|line| line[..line.len().min(300)].to_owned() + "\n")
            .collect::<String>()
    }

    /// Waits until each source has a folder at one running worker, which the lease names, and no other folder anywhere.
    pub fn until_placed(&self) {
        self.until_nothing_is_wrong("each source is at one worker", |district| {
            let mut all: Vec<String> = Vec::new();
            for worker in &district.workers {
                all.extend(worker.folders());
            }
            all.sort();
            let expected: Vec<String> = (0..district.plan.schools).map(source).collect();
            let leased = district.leased();
            let starts: BTreeSet<&String> = leased.iter().map(|(_, start)| start).collect();
            let with_folders = district.workers.iter();
            let with_folders = with_folders.filter(|worker| !worker.folders().is_empty());
            let is_placed = all == expected
                && leased.len() == expected.len()
                && starts.len() == with_folders.count();
            (!is_placed)
                .then(|| format!("{} folders, {} leases, {starts:?}", all.len(), leased.len()))
        });
    }

    /// Waits until in addition each worker has a source. One that joins late gets its part when what the others claimed before it
    /// is older than a lease (rule 30).
    pub fn until_shared(&self) {
        self.until("each worker has a source", |district| {
            let mut workers = district.workers.iter();
            workers.all(|worker| !worker.folders().is_empty())
        });
        self.until_placed();
    }

    /// Each source with a valid lease, and the start that has it.
    pub fn leased(&self) -> Vec<(String, String)> {
        let sql = "SELECT source, start FROM rollbook_cluster.leases JOIN rollbook_cluster.workers USING (start) \
                   WHERE until > clock_timestamp() ORDER BY source";
        let rows = psql(&self.database.url, sql).unwrap_or_default();
        let pair = |row: Vec<String>| (row[0].clone(), row[1].clone());
        rows.into_iter().map(pair).collect()
    }
}

/// Writes a configuration into this folder of the installation.
fn configure(installation: &Installation, folder: &str, vendor: &Vendor, plan: &Plan) {
    let origin = vendor.origin();
    let mut rollbook = "[store]\nvault_key = { file = \"vault_key\" }\n\
                        [cluster]\nurl = { env = \"DISTRICT_URL\" }\n[publish.main]\nurl = { env = \"DISTRICT_URL\" }\n"
        .to_owned();
    for school in 0..plan.schools {
        let name = source(school);
        rollbook += &format!(
            "[sources.{name}]\nconnector = \"own\"\n[sources.{name}.settings]\nbase_url = \"{origin}/school-{school}/v1p1\"\n\
             token_url = \"{origin}/token\"\n[sources.{name}.auth]\ngrant = \"api_key\"\napi_key = {{ env = \"VENDOR_KEY\" }}\n"
        );
        let schedule = schedule(plan.every, school);
        installation.write(
            &format!("{folder}/jobs/{name}.toml"),
            &format!(
                "source = \"{name}\"\nstreams = [\"users\"]\nschedule = \"{schedule}\"\ncatch_up = true\n\
                 [guard]\nchanged_keys = \"100%\"\n"
            ),
        );
    }
    installation.write(&format!("{folder}/rollbook.toml"), &rollbook);
    installation.write(
        &format!("{folder}/connectors/own.toml"),
        "connector = \"own\"\ntitle = \"the tests' own vendor\"\nextends = \"oneroster\"\n\
         [limits]\nin_flight = 4\nper_second = 1000.0\n[auth.api_key]\nheader = \"X-Api-Key\"\n\
         [streams.users]\npage = { size = 200, total_header = \"X-Total-Count\" }\n",
    );
    installation.secret_at(&format!("{folder}/vault_key"), &"4b".repeat(32));
}

/// A schedule with seconds, which has no spread; schools are due one after the other.
fn schedule(every: usize, school: usize) -> String {
    if every == 0 {
        return NO_TICK.to_owned();
    }
    let seconds = (school % every..60).step_by(every);
    let seconds: Vec<String> = seconds.map(|second| second.to_string()).collect();
    format!("{} * * * * *", seconds.join(","))
}

/// A seed for each time that a test with chance is played; each is printed.
pub fn seeds() -> impl Iterator<Item = u64> {
    let variable = |name: &str| env::var(name).ok()?.parse::<u64>().ok();
    let first = variable("ROLLBOOK_CLUSTER_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    let count = variable("ROLLBOOK_SOAK_SEEDS").unwrap_or(1);
    (first..first + count).inspect(|seed| println!("ROLLBOOK_CLUSTER_SEED={seed}"))
}
