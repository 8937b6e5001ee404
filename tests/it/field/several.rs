//! S10: a request for several series, and servers that do not serve it as they should.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::harness::{Config, Harness, RunRecord, START, each};
use super::server::{Reply, VendorRequest};
use crate::queries;

/// When the vendor has its first points.
const FIRST: &str = "2026-01-20T00:00:00Z";

/// What the server does with a request for several series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    Serves,
    /// It answers for the first one only.
    First,
    /// It answers for the last one only.
    Last,
    /// Every other one is left out.
    EveryOther,
    /// It cuts the response behind so many rows.
    Cuts(usize),
    /// The rows of all series are in an order, without the last ones beyond so many and without so many more.
    Orders(Order, usize, usize),
    /// Rows do not name their series.
    Unnamed,
    /// Rows name series that were not asked for.
    Others,
    Refuses(u16),
    /// There may be so many rows in a response.
    TooMany(usize),
}

/// in which order rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    BySeries,
    BySeriesBack,
    ByTime,
    ByTimeBack,
    None,
}

/// More rows than any response has.
const ALL: usize = 1_000_000;

#[derive(Clone)]
struct World {
    server: Server,
    /// Points by series.
    points: Arc<Mutex<BTreeMap<String, BTreeSet<Timestamp>>>>,
    /// Series that are not there any more, although they are listed.
    gone: BTreeSet<String>,
    /// One series has a time that cannot be read.
    has_odd_time: bool,
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|_| panic!("{text} is no time"))
}

impl World {
    fn new(server: Server, series: usize) -> Self {
        let mut points = BTreeMap::new();
        for number in 0..series {
            // Each begins and ends at a time of its own.
            let from = time(FIRST) + SignedDuration::from_hours(5 * number as i64);
            let to = time(START) - SignedDuration::from_mins(7 * number as i64);
            let mut at = from;
            let mut times = BTreeSet::new();
            while at < to {
                // One is silent for weeks, as a meter is in the holidays.
                if number != 3
                    || at < time("2026-01-25T00:00:00Z")
                    || at > time("2026-02-20T00:00:00Z")
                {
                    times.insert(at);
                }
                at += SignedDuration::from_hours(6);
            }
            points.insert(format!("{}", 100 + number), times);
        }
        Self {
            server,
            points: Arc::new(Mutex::new(points)),
            gone: BTreeSet::new(),
            has_odd_time: false,
        }
    }

    fn points(&self) -> BTreeMap<String, BTreeSet<Timestamp>> {
        let points = self.points.lock().unwrap_or_else(PoisonError::into_inner);
        points.clone()
    }

    fn add(&self, series: &str, at: Timestamp) {
        let mut points = self.points.lock().unwrap_or_else(PoisonError::into_inner);
        points.entry(series.to_owned()).or_default().insert(at);
    }

    fn list(&self) -> Reply {
        let row = |(id, times): (&String, &BTreeSet<Timestamp>)| {
            let text = |at: Option<&Timestamp>| at.map(ToString::to_string);
            json!({"id": id, "first": text(times.first()), "last": text(times.last())})
        };
        Reply::json(&json!({"rows": self.points().iter().map(row).collect::<Vec<_>>()}))
    }

    fn answer(&self, request: &VendorRequest) -> Reply {
        let (from, to) = (time(&request.query["from"]), time(&request.query["to"]));
        let ids: Vec<&str> = request.list().split(',').collect();
        let several = ids.len() > 1;
        if ids.iter().any(|id| self.gone.contains(*id)) {
            return Reply::status(404);
        }
        let answered = |index: usize| match self.server {
            _ if !several => true,
            Server::First => index == 0,
            Server::Last => index + 1 == ids.len(),
            Server::EveryOther => index.is_multiple_of(2),
            _ => true,
        };
        let points = self.points();
        let mut rows: Vec<Value> = Vec::new();
        for (index, id) in ids.iter().enumerate().filter(|(index, _)| answered(*index)) {
            for at in points[*id].iter().filter(|at| from <= **at && **at <= to) {
                let named = match self.server {
                    Server::Unnamed => Value::Null,
                    Server::Others => json!(format!("9{id}")),
                    _ => json!(id),
                };
                let odd = self.has_odd_time && index == 1;
                let at = if odd {
                    "yesterday".to_owned()
                } else {
                    at.to_string()
                };
                rows.push(match several {
                    true => json!({"d": named, "t": at}),
                    false => json!({"t": at}),
                });
            }
        }
        match self.server {
            Server::Refuses(status) if several => return Reply::status(status),
            Server::TooMany(most) if rows.len() > most => return Reply::status(413),
            Server::Cuts(most) if several => rows.truncate(most),
            Server::Orders(order, most, fewer) if several => {
                let time = |row: &Value| row["t"].to_string();
                match order {
                    Order::BySeries => {}
                    Order::BySeriesBack => rows.reverse(),
                    Order::ByTime => rows.sort_by_key(time),
                    Order::ByTimeBack => rows.sort_by_key(|row| std::cmp::Reverse(time(row))),
                    Order::None => {
                        rows.sort_by_key(|row| time(row).bytes().rev().collect::<Vec<_>>())
                    }
                }
                // A limit just below what there is; less than that it serves.
                let fewer = if rows.len() > 50 { fewer } else { 0 };
                rows.truncate(most.min(rows.len() - fewer));
            }
            _ => {}
        }
        Reply::json(&json!({"rows": rows}))
    }
}

fn config() -> Config {
    Config::of(
        "[streams.series]\npath = \"/series\"\nrows = \"rows\"\nkey = [\"id\"]\n[streams.series.columns]\n\
         id = \"id : integer\"\nfirst = \"first : timestamp\"\nlast = \"last : timestamp\"\n\
         [streams.points]\npath = \"/points/{s}\"\nrows = \"rows\"\nkey = [\"s\", \"t\"]\nhistory = \"off\"\n\
         for_each = { stream = \"series\", take = { s = \"id\", first = \"first\", last = \"last\" }, \
         skip_while_same = [\"first\", \"last\"], several = { most = 20, id = \"d\" } }\n\
         window = { from = \"from\", to = \"to\", column = \"t\", start = \"{first}\", end = \"{last}\", step = \"7d\", \
         reread = { every = \"7d\", span = \"35d\" }, format = \"%Y-%m-%dT%H:%M:%SZ\" }\n\
         [streams.points.columns]\ns = \"= {s} : integer\"\nt = \"t : timestamp\"\n",
    )
}

fn serve(harness: &Harness, world: &World) {
    let world = world.clone();
    harness
        .vendor
        .respond_with(move |request| match request.list() {
            "series" => world.list(),
            _ => world.answer(request),
        });
}

/// How many series each request for points named.
fn asked(harness: &Harness) -> Vec<usize> {
    let log = harness.vendor.log();
    let points = log.iter().filter_map(|one| one.path.split_once("/points/"));
    points.map(|(_, ids)| ids.split(',').count()).collect()
}

fn mirrored(harness: &Harness) -> BTreeMap<String, BTreeSet<Timestamp>> {
    let mirror = harness.installation.mirror();
    let rows = queries::one::<String>(
        &mirror,
        "SELECT json_group_array(json_array(s, t)) FROM own_points",
    );
    let rows: Vec<(i64, String)> = serde_json::from_str(&rows).expect("rows");
    let mut found: BTreeMap<String, BTreeSet<Timestamp>> = BTreeMap::new();
    for (series, at) in rows {
        found
            .entry(series.to_string())
            .or_default()
            .insert(time(&at));
    }
    found
}

fn assert_same(harness: &Harness, world: &World, what: &str) {
    let (found, all) = (mirrored(harness), world.points());
    for (series, times) in all
        .iter()
        .filter(|(series, _)| !world.gone.contains(*series))
    {
        let missing = found
            .get(series)
            .map_or(times.len(), |found| times.difference(found).count());
        assert_eq!(missing, 0, "{what}: points of {series} are missing");
    }
    assert!(
        found
            .iter()
            .all(|(series, times)| times.is_subset(&all[series])),
        "{what}: wrong series"
    );
}

fn assert_ok(run: &RunRecord, what: &str) {
    assert_eq!(run.outcome, "ok", "{what}: {run:?}");
}

/// S10: whatever a server does with a request for several series, no point is lost and none is taken for another
/// series'; what it does not serve is asked for one by one from then on.
#[test]
fn s10_no_server_loses_points_of_several_series() {
    let servers = [
        (Server::Serves, 20, 18),
        (Server::First, 20, 200),
        (Server::Last, 20, 200),
        (Server::EveryOther, 20, 200),
        (Server::Cuts(50), 20, 200),
        (Server::Unnamed, 20, 200),
        (Server::Others, 20, 200),
        (Server::Refuses(400), 20, 200),
        (Server::Refuses(404), 20, 200),
        (Server::TooMany(200), 20, 100),
        (Server::TooMany(28), 20, 250),
    ];
    each(
        &servers,
        |(server, ..)| format!("{server:?}"),
        |(server, series, most)| {
            let what = format!("{server:?}");
            let mut harness = Harness::new(&config());
            let world = World::new(*server, *series);
            serve(&harness, &world);
            assert_ok(&harness.sync(), &what);
            assert_same(&harness, &world, &what);
            let first = asked(&harness);
            assert!(first.len() <= *most, "{what}: {} requests", first.len());
            assert_ok(&harness.sync(), &what);
            let unmoved = asked(&harness);
            assert!(unmoved.is_empty(), "{what}: nothing moved: {unmoved:?}");
            harness.advance(Duration::from_secs(24 * 3600));
            for series in world.points().keys() {
                let at = time(START) + SignedDuration::from_hours(20);
                world.add(series, at);
            }
            assert_ok(&harness.sync(), &what);
            assert_same(&harness, &world, &what);
            let second = asked(&harness);
            let several = second.iter().any(|ids| *ids > 1);
            let serves = matches!(server, Server::Serves | Server::TooMany(_));
            assert_eq!(several, serves, "{what}: {second:?}");
            if *server == Server::Serves {
                assert_eq!(second, [20], "{what}: one request for all that moved");
            }
        },
    );
}

/// S10: a response that was cut silently is not taken for whole, in whatever order its rows are, and a whole one
/// costs two further requests at most.
#[test]
fn s10_a_response_that_was_cut_silently_loses_nothing() {
    let mut servers = Vec::new();
    for order in [
        Order::BySeries,
        Order::BySeriesBack,
        Order::ByTime,
        Order::ByTimeBack,
        Order::None,
    ] {
        for (most, fewer) in [(ALL, 0), (ALL, 1), (300, 0), (100, 0)] {
            servers.push(Server::Orders(order, most, fewer));
        }
    }
    each(
        &servers,
        |server| format!("{server:?}"),
        |server| {
            let what = format!("{server:?}");
            let mut harness = Harness::new(&config());
            let world = World::new(*server, 20);
            serve(&harness, &world);
            assert_ok(&harness.sync(), &what);
            assert_same(&harness, &world, &what);
            let requests = asked(&harness).len();
            let most = match server {
                Server::Orders(Order::None, ..) => 200,
                Server::Orders(_, ALL, 0) => 3 * 16,
                _ => 400,
            };
            assert!(requests <= most, "{what}: {requests} requests");
            harness.advance(Duration::from_secs(24 * 3600));
            for series in world.points().keys() {
                world.add(series, time(START) + SignedDuration::from_hours(20));
            }
            assert_ok(&harness.sync(), &what);
            assert_same(&harness, &world, &what);
        },
    );
}

/// S10: one series of twenty that is gone, or has a row that cannot be read, costs the others nothing.
#[test]
fn s10_one_of_several_stops_no_other() {
    let mut harness = Harness::new(&config());
    let mut world = World::new(Server::Serves, 20);
    world.gone = BTreeSet::from(["107".to_owned()]);
    serve(&harness, &world);
    let run = harness.sync();
    assert!(run.reported.contains("107"), "{run:?}");
    assert_same(&harness, &world, "one is gone");
    let requests = asked(&harness);
    assert!(requests.len() < 60, "{} requests", requests.len());
    assert!(requests.iter().any(|ids| *ids > 10), "{requests:?}");

    let mut harness = Harness::new(&config());
    let mut world = World::new(Server::Serves, 20);
    world.has_odd_time = true;
    serve(&harness, &world);
    let run = harness.sync();
    assert_ok(&run, "an odd time in a response for several");
    assert_same(&harness, &world, "an odd time");
}

/// S10: a run that ends in the middle has whole steps of every series, and the next ones continue them.
#[test]
fn s10_several_series_continue_after_a_run_that_ended() {
    let mut plan = config().job("timeout = \"10m\"\n");
    // A first walk that was interrupted reads the span of `reread` again.
    let (step, span) = (["step = \"7d\"", "step = \"1d\""], ["\"35d\"", "\"3d\""]);
    plan.streams = plan
        .streams
        .replace(step[0], step[1])
        .replace(span[0], span[1]);
    let mut harness = Harness::new(&plan);
    let world = World::new(Server::Serves, 20);
    let (ours, clock) = (world.clone(), harness.clock.clone());
    harness.vendor.respond_with(move |request| {
        clock.pass(Duration::from_secs(20));
        match request.list() {
            "series" => ours.list(),
            _ => ours.answer(request),
        }
    });
    let mut runs = 0;
    loop {
        let run = harness.sync();
        if run.outcome == "ok" {
            break;
        }
        runs += 1;
        assert!(runs < 40, "it does not end");
    }
    assert!(runs > 0, "it was not interrupted");
    assert_same(&harness, &world, "after several runs");
}

/// S10: a vendor that wants no request for a day ends all walks, and each reports how far it is.
#[test]
fn s10_what_a_deferral_stops_is_reported() {
    for most in [1, 3, 20] {
        let mut plan = config();
        plan.streams = plan.streams.replace("most = 20", &format!("most = {most}"));
        let mut harness = Harness::new(&plan);
        let world = World::new(Server::Serves, 20);
        let ours = world.clone();
        let left = Arc::new(Mutex::new(4));
        harness.vendor.respond_with(move |request| {
            if request.list() == "series" {
                return ours.list();
            }
            let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
            if *left == 0 {
                return Reply::status(429).header("retry-after", "86400");
            }
            *left -= 1;
            ours.answer(request)
        });
        let run = harness.sync();
        let what = format!("{most} a request: {run:?}");
        assert_ne!(run.outcome, "ok", "{what}");
        assert!(run.reported.contains("of 20 could not be read"), "{what}");
        let is_named = run.reported.contains("0 of 20 are read to their end");
        let all_failed = run.reported.contains("20 of 20 could not be read");
        assert!(is_named || all_failed, "{what}");
    }
}

/// Requests for series and for points: of a first reading, of one where nothing moved, and of the next day's.
fn costs(meters: usize, several: bool) -> [(usize, usize); 3] {
    let streams = config()
        .streams
        .replace(
            "[streams.series]\npath = \"/series\"",
            "[streams.meters]\npath = \"/meters\"\nrows = \"rows\"\nkey = [\"id\"]\n[streams.meters.columns]\n\
             id = \"id : integer\"\nlast = \"last : timestamp\"\n\
             [streams.series]\npath = \"/series/{m}\"\n\
             for_each = { stream = \"meters\", take = { m = \"id\", moved = \"last\" }, skip_while_same = [\"moved\"] }",
        )
        .replace(
            "last = \"last : timestamp\"\n[streams.points]",
            "last = \"last : timestamp\"\nmeter = \"= {m} : integer\"\n[streams.points]",
        )
        .replace("most = 20", "most = 100");
    let streams = match several {
        true => streams,
        false => streams.replace(", several = { most = 100, id = \"d\" }", ""),
    };
    let plan = Config::of(&streams);
    let mut harness = Harness::new(&plan);
    let world = World::new(Server::Serves, 0);
    let every = SignedDuration::from_hours(6);
    for meter in 0..meters {
        for at in 0..112 {
            world.add(
                &format!("{}", 1000 + meter),
                time("2026-02-02T00:00:00Z") + every * at,
            );
        }
    }
    let ours = world.clone();
    harness.vendor.respond_with(move |request| {
        let parts: Vec<&str> = request.path.rsplit('/').collect();
        match parts[..] {
            ["meters", ..] => ours.list(),
            [meter, "series", ..] => {
                let points = ours.points();
                let times = &points[meter];
                let text = |at: Option<&Timestamp>| at.map(ToString::to_string);
                let row =
                    json!({"id": meter, "first": text(times.first()), "last": text(times.last())});
                Reply::json(&json!({"rows": [row]}))
            }
            _ => ours.answer(request),
        }
    });
    let count = |harness: &Harness| {
        let log = harness.vendor.log();
        let of = |part: &str| log.iter().filter(|one| one.path.contains(part)).count();
        (of("/series/"), of("/points/"))
    };
    let mut costs = [(0, 0); 3];
    assert_ok(&harness.sync(), "first");
    costs[0] = count(&harness);
    assert_ok(&harness.sync(), "nothing moved");
    costs[1] = count(&harness);
    harness.advance(Duration::from_secs(6 * 3600));
    for meter in world.points().keys() {
        world.add(meter, time(START) + SignedDuration::from_hours(1));
    }
    assert_ok(&harness.sync(), "all moved");
    costs[2] = count(&harness);
    assert_same(&harness, &world, "several meters");
    costs
}

/// S11: what many meters cost. `ROLLBOOK_METERS=1000` with `--nocapture` prints it for so many.
#[test]
fn s11_many_meters_cost_few_requests() {
    let meters = std::env::var("ROLLBOOK_METERS").ok();
    let meters = meters
        .and_then(|text| text.parse().ok())
        .unwrap_or(40_usize);
    let (alone, together) = (costs(meters, false), costs(meters, true));
    println!(
        "{meters} meters, requests for series and points: one by one {alone:?}, together {together:?}"
    );
    assert_eq!(alone, [(meters, 4 * meters), (0, 0), (meters, meters)]);
    let full = meters.div_ceil(100);
    // The first response is compared by three requests; of each later step but the last one the series of the last row is
    // asked for once more.
    assert_eq!(together, [(meters, 9 * full), (0, 0), (meters, full)]);
}
