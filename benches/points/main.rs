//! The cost of telemetry: a million points of 200 series, compared with a lower bound and with a loop written by hand.
//!
//! One program in several roles, like the roster's benchmark. Rollbook's clock is the real one, so the path says up to
//! which time there are points: the daily run sees one more day. Nothing here fails for a figure.
//!
//! `cargo bench --bench points` measures; `-- --year` measures once with a year of each series, 10.5 million points;
//! `-- --quick`, and every run that is not `cargo bench`, is small and only shows that it still works.

#[path = "../common/client.rs"]
mod client;
#[path = "../common/folder.rs"]
mod folder;
#[path = "../common/measure.rs"]
mod measure;
#[path = "../common/process.rs"]
mod process;
#[path = "../common/program.rs"]
mod program;
#[path = "../common/sync.rs"]
mod sync;
#[expect(dead_code, reason = "only the roster has limits")]
#[path = "../common/table.rs"]
mod table;
#[path = "../common/vendor.rs"]
mod vendor;

mod floors;
mod questions;
mod series;
mod server;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

use folder::Folder;
use measure::Cost;
use program::{Server, role};
use questions::Table;
use series::{DAY, INTERVAL, Period};
use sync::Counts;
use table::Line;

/// Concurrent requests of rollbook and of the first floor: the connector's default.
const IN_FLIGHT: usize = 2;

/// What every run reads again: the connector's overlap.
const OVERLAP: i64 = 2 * DAY;

/// The size of a measurement.
struct Size {
    series: usize,
    points: usize,
    rounds: usize,
}

const FULL: Size = Size {
    series: 200,
    points: 5_000,
    rounds: 3,
};

const YEAR: Size = Size {
    series: 200,
    points: 52_560,
    rounds: 1,
};

const QUICK: Size = Size {
    series: 5,
    points: 600,
    rounds: 1,
};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let role: Vec<&str> = words.iter().map(String::as_str).collect();
    let number = |word: &str| word.parse().expect("a number");
    let period = |from: &str, to: &str| Period {
        from: from.parse().expect("seconds"),
        to: to.parse().expect("seconds"),
    };
    match role[..] {
        ["server", from, to] => server::serve(period(from, to)),
        ["floor-fetch", from, to, series, list] => {
            floors::fetch(list, number(series), period(from, to), IN_FLIGHT);
        }
        ["floor-insert", from, to, series, file] => {
            floors::insert(Path::new(file), number(series), period(from, to));
        }
        ["by-hand", from, to, series, list, file] => {
            floors::by_hand(Path::new(file), list, number(series), period(from, to));
        }
        _ => {
            let has = |word| role.contains(&word);
            measure_all(match (has("--quick") || !has("--bench"), has("--year")) {
                (true, _) => QUICK,
                (false, true) => YEAR,
                (false, false) => FULL,
            });
        }
    }
}

/// The inputs of a measurement.
struct Measurement {
    size: Size,
    server: Server,
    folder: Folder,
    /// Where the databases of the second floor and of the loop are.
    plain: TempDir,
    /// The first load's points.
    loaded: Period,
}

impl Measurement {
    fn new(size: Size) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.expect("a time after 1970").as_secs() as i64;
        // The last point is in the past, so that no run meets it at its end, where two requests overlap.
        let next = now / INTERVAL * INTERVAL - DAY;
        let loaded = Period {
            from: next - size.points as i64 * INTERVAL,
            to: next,
        };
        let served = [loaded.from, next + DAY].map(|at| at.to_string());
        Self {
            server: Server::start(&["server", &served[0], &served[1]]),
            folder: Folder::new(),
            plain: TempDir::new().expect("a temporary folder"),
            loaded,
            size,
        }
    }

    /// All points, up to the end of the daily run.
    fn all(&self) -> Period {
        let to = self.loaded.to + DAY;
        Period { to, ..self.loaded }
    }

    /// What is read again up to a time: the overlap before the last known point.
    fn again(&self, to: i64) -> Period {
        let from = self.loaded.to - INTERVAL - OVERLAP;
        Period { from, to }
    }

    /// The points of all series in a period.
    fn points(&self, period: Period) -> usize {
        self.size.series * period.points()
    }

    /// The path of the lists of points, as they were at a time.
    fn path(to: i64) -> String {
        format!("/upto/{}/WAC000000000001/Point", to - 1)
    }

    /// One run of `rollbook sync` on the points before a time; its reported row counts must be right.
    fn sync(&self, to: i64, expected: Counts) -> Cost {
        let path = Self::path(to);
        self.folder.connector(&format!(
            "extends = \"wapi\"\n\
             [limits]\nin_flight = {IN_FLIGHT}\nper_second = 1000\n\
             [streams.points]\npath = \"{path}/{{data_id}}\"\n"
        ));
        let address = &self.server.address;
        let ids: Vec<String> = (0..self.size.series)
            .map(|series| format!("\"{}\"", series::id(series)))
            .collect();
        let (ids, since) = (ids.join(", "), series::time(self.loaded.from));
        let settings = format!(
            "base_url = \"{address}\"\ntoken_url = \"{address}/token\"\nwac = \"WAC000000000001\"\n\
             data_ids = [{ids}]\npoints_since = \"{since}\"\n"
        );
        self.folder.sources(1, &settings, "points");
        let mut cost = sync::run(&self.folder, &path, expected);
        cost.disk_bytes = Some(disk_bytes(&self.mirror()));
        cost
    }

    fn mirror(&self) -> PathBuf {
        self.folder.state().join("mirror.db")
    }

    fn first_load(&self) -> Cost {
        sync::forget(&self.folder);
        self.sync(self.loaded.to, (self.points(self.loaded), 0, 0))
    }

    fn rerun(&self) -> Cost {
        let to = self.loaded.to;
        self.sync(to, (0, 0, self.points(self.again(to))))
    }

    fn daily(&self) -> Cost {
        let to = self.all().to;
        let known = self.points(self.again(self.loaded.to));
        let new = self.points(self.again(to)) - known;
        self.sync(to, (new, 0, known))
    }

    fn floor_fetch(&self, period: Period) -> Cost {
        let list = self.list(period.to);
        let cost = self.other("floor-fetch", period, &[&list]);
        let rows = cost.output.split(' ').next();
        let expected = self.points(period).to_string();
        assert_eq!(rows, Some(expected.as_str()), "{period:?}");
        cost
    }

    fn floor_insert(&self) -> Cost {
        let file = self.plain("floor.db");
        remove(&file);
        let mut command = self.command("floor-insert", self.loaded, &[text(&file)]);
        let cost = measure::run_prepared(&mut command);
        Cost {
            disk_bytes: Some(disk_bytes(&file)),
            ..cost
        }
    }

    fn first_by_hand(&self) -> Cost {
        remove(&self.plain("hand.db"));
        self.by_hand(self.loaded)
    }

    fn by_hand(&self, period: Period) -> Cost {
        let file = self.plain("hand.db");
        let list = self.list(period.to);
        let cost = self.other("by-hand", period, &[&list, text(&file)]);
        Cost {
            disk_bytes: Some(disk_bytes(&file)),
            ..cost
        }
    }

    /// The address of the lists of points, as they were at a time.
    fn list(&self, to: i64) -> String {
        format!("{}{}", self.server.address, Self::path(to))
    }

    fn plain(&self, name: &str) -> PathBuf {
        self.plain.path().join(name)
    }

    /// This program in another role for all series of a period.
    fn command(&self, name: &str, period: Period, words: &[&str]) -> std::process::Command {
        let numbers = [period.from, period.to, self.size.series as i64];
        let numbers = numbers.map(|number| number.to_string());
        let mut all = vec![name];
        all.extend(numbers.iter().map(String::as_str));
        all.extend(words);
        role(&all)
    }

    fn other(&self, name: &str, period: Period, words: &[&str]) -> Cost {
        measure::run(&mut self.command(name, period, words))
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// Where a database keeps what is not in its file yet.
fn log_of(file: &Path) -> PathBuf {
    PathBuf::from(format!("{}-wal", text(file)))
}

/// What a database takes on disk.
fn disk_bytes(file: &Path) -> u64 {
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
    size(file) + size(&log_of(file))
}

fn remove(file: &Path) {
    for path in [file, &log_of(file)] {
        let _ = std::fs::remove_file(path); // before the first round there is none
    }
}

/// Measures everything and prints the tables.
fn measure_all(size: Size) {
    let bench = Measurement::new(size);
    let (loaded, all) = (bench.loaded, bench.all());
    let (two_days, three_days) = (bench.again(loaded.to), bench.again(all.to));
    let [
        fetch,
        insert,
        first_by_hand,
        first,
        fetch_two,
        rerun,
        fetch_three,
        daily_by_hand,
        daily,
    ] = measure::best_of(bench.size.rounds, || {
        [
            bench.floor_fetch(loaded),
            bench.floor_insert(),
            bench.first_by_hand(),
            bench.first_load(),
            bench.floor_fetch(two_days),
            bench.rerun(),
            bench.floor_fetch(three_days),
            bench.by_hand(three_days),
            bench.daily(),
        ]
    });
    let both = Some(fetch.cpu + insert.cpu);
    let (two, three) = (Some(fetch_two.cpu), Some(fetch_three.cpu));
    let lines = [
        ("floor 1: fetched and decoded", &fetch, None),
        ("floor 2: inserted", &insert, None),
        ("loop by hand, first load", &first_by_hand, both),
        ("first load", &first, both),
        ("floor 1 of two days", &fetch_two, None),
        ("again, nothing new", &rerun, two),
        ("floor 1 of three days", &fetch_three, None),
        ("loop by hand, a day later", &daily_by_hand, three),
        ("a day later", &daily, three),
    ]
    .map(|(what, cost, floor)| Line::new(what, cost, floor, vec![]));
    println!(
        "{} points of {} series, and {} more a day later; {IN_FLIGHT} requests in flight, best of {}\n",
        bench.points(loaded),
        bench.size.series,
        bench.points(all) - bench.points(loaded),
        bench.size.rounds
    );
    table::print(&lines, bench.size.points == QUICK.points);
    println!();
    let (mirror, hand) = (bench.mirror(), bench.plain("hand.db"));
    let tables = [
        Table {
            title: "mirror",
            file: &mirror,
            name: "bench1_points",
        },
        Table {
            title: "loop by hand",
            file: &hand,
            name: "points",
        },
    ];
    questions::print(&tables, bench.size.series, all);
}
