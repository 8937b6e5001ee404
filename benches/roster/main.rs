//! The cost of a roster of 200,000 users, compared with a lower bound of the same work.
//!
//! One program in several roles: without one it measures; it starts itself as the vendor's
//! server and as the two floors, and rollbook's own binary as the measured program. All CPU and memory
//! are those of whole processes. Nothing here fails for being slow: docs/performance.md explains the figures.
//!
//! `cargo bench --bench roster` measures; `-- --quick`, and every run that is not `cargo bench`, is small and
//! only shows that it still works.

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
#[path = "../common/table.rs"]
mod table;
#[path = "../common/users.rs"]
mod users;
#[path = "../common/vendor.rs"]
mod vendor;

mod floors;
mod people;
mod server;

use std::path::Path;

use folder::Folder;
use measure::Cost;
use program::{Server, role};
use sync::Counts;
use table::{Limit, Line};
use users::Reading;

/// Concurrent requests, in every measurement.
const IN_FLIGHT: usize = 8;

/// The size of a measurement.
struct Size {
    people: usize,
    page: usize,
    large_page: usize,
    rounds: usize,
    latency_ms: u64,
}

const FULL: Size = Size {
    people: 200_000,
    page: 1_000,
    large_page: 5_000,
    rounds: 3,
    latency_ms: 50,
};

const QUICK: Size = Size {
    people: 2_000,
    page: 100,
    large_page: 500,
    rounds: 1,
    latency_ms: 1,
};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let role: Vec<&str> = words.iter().map(String::as_str).collect();
    let number = |word: &str| word.parse().expect("a number");
    match role[..] {
        ["server", people] => server::serve(number(people)),
        ["floor-fetch", base_url, people, page] => {
            floors::fetch(base_url, number(people), number(page), IN_FLIGHT);
        }
        ["floor-insert", folder, people] => floors::insert(Path::new(folder), number(people)),
        _ => {
            let quick = role.contains(&"--quick") || !role.contains(&"--bench");
            measure_all(if quick { QUICK } else { FULL }, quick);
        }
    }
}

/// The inputs of a measurement.
struct Measurement {
    size: Size,
    server: Server,
    folder: Folder,
}

impl Measurement {
    fn people(&self) -> usize {
        self.size.people
    }

    /// Lets the roster's address give another list.
    fn show(&self, list: &str) {
        let address = format!("{}/show/{list}", self.server.address);
        program::runtime().block_on(async {
            let answer = client::new().get(address).send().await;
            let answer = answer.and_then(reqwest::Response::error_for_status);
            answer.expect("the server has the list");
        });
    }

    /// One run of `rollbook sync` on a list; its reported row counts must be right.
    fn sync(&self, list: &str, latency_ms: u64, page: usize, expected: Counts) -> Cost {
        let address = &self.server.address;
        self.show(list);
        let reading = Reading {
            base_url: address,
            path: &format!("/roster/{latency_ms}/users"),
            token_url: &format!("{address}/token"),
            page,
            in_flight: IN_FLIGHT,
        };
        reading.describe(&self.folder, 1);
        sync::run(&self.folder, list, expected)
    }

    fn first_load(&self, list: &str, latency_ms: u64, page: usize) -> Cost {
        sync::forget(&self.folder);
        self.sync(list, latency_ms, page, (self.people(), 0, 0))
    }

    fn rerun(&self, list: &str, page: usize) -> Cost {
        self.sync(list, 0, page, (0, 0, self.people()))
    }

    fn changed(&self, page: usize) -> Cost {
        let changed = people::changed(self.people());
        self.sync("changed", 0, page, (0, changed, self.people() - changed))
    }

    fn floor_fetch(&self) -> Cost {
        measure::run(&mut role(&[
            "floor-fetch",
            &format!("{}/plain/0", self.server.address),
            &self.people().to_string(),
            &self.size.page.to_string(),
        ]))
    }

    fn floor_insert(&self) -> Cost {
        let folder = tempfile::TempDir::new().expect("a temporary folder");
        let path = folder.path().to_str().expect("a plain path");
        measure::run_prepared(&mut role(&[
            "floor-insert",
            path,
            &self.people().to_string(),
        ]))
    }
}

/// Measures everything and prints the tables.
fn measure_all(size: Size, quick: bool) {
    let bench = Measurement {
        server: Server::start(&["server", &size.people.to_string()]),
        folder: Folder::new(),
        size,
    };
    let (page, large) = (bench.size.page, bench.size.large_page);
    let [
        fetch,
        insert,
        first,
        rerun,
        changed,
        large_pages,
        shuffled,
        latency,
        first_shuffled,
    ] = measure::best_of(bench.size.rounds, || {
        [
            bench.floor_fetch(),
            bench.floor_insert(),
            bench.first_load("plain", 0, page),
            bench.rerun("plain", page),
            bench.changed(page),
            bench.first_load("plain", 0, large),
            bench.rerun("shuffled", page),
            bench.first_load("plain", bench.size.latency_ms, page),
            bench.first_load("shuffled", 0, page),
        ]
    });
    let both = fetch.cpu + insert.cpu;
    let lines = [
        Line::new("floor 1: fetched and decoded", &fetch, None, vec![]),
        Line::new("floor 2: inserted", &insert, None, vec![]),
        Line::new(
            "first load",
            &first,
            Some(both),
            vec![Limit::Ratio(2.0), Limit::Cpu(2.0), Limit::Peak(40)],
        ),
        Line::new(
            "again, nothing changed",
            &rerun,
            Some(fetch.cpu),
            vec![Limit::Ratio(1.5), Limit::Peak(40)],
        ),
        Line::new(
            "again, 1 % changed",
            &changed,
            Some(fetch.cpu),
            vec![Limit::Peak(40)],
        ),
        Line::new(
            "again, rows in any order",
            &shuffled,
            Some(fetch.cpu),
            vec![Limit::Peak(40)],
        ),
        Line::new(
            &format!("first load, {large} a page"),
            &large_pages,
            Some(both),
            vec![Limit::Peak(80)],
        ),
        Line::new(
            &format!("first load, {} ms a page", bench.size.latency_ms),
            &latency,
            Some(both),
            vec![Limit::Wall(3.0), Limit::Peak(40)],
        ),
        Line::new(
            "first load, rows in any order",
            &first_shuffled,
            Some(both),
            vec![Limit::Ratio(2.0), Limit::Peak(64)],
        ),
    ];
    println!(
        "{} users, {page} a page, {IN_FLIGHT} requests in flight, best of {}\n",
        bench.people(),
        bench.size.rounds
    );
    table::print(&lines, quick);
}
