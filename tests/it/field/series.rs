//! S3 to S9: time series of a vendor that is broken in part, late, ahead, or silent.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::harness::{Config, Harness, RunRecord, START};
use super::server::{LoggedRequest, Reply, VendorRequest};
use crate::queries;

const HOUR: Duration = Duration::from_secs(3600);
const MAINTENANCE: &str = "<!doctype html><html><body>We will be back soon</body></html>";
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The vendor's points: series and time.
#[derive(Clone, Default)]
struct Points(Arc<Mutex<BTreeSet<(String, Timestamp)>>>);

impl Points {
    fn add(&self, series: &str, from: &str, to: &str, every: SignedDuration) {
        let (mut at, to) = (time(from), time(to));
        let mut points = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while at < to {
            points.insert((series.to_owned(), at));
            at += every;
        }
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn of(&self, series: &str) -> Vec<Timestamp> {
        let points = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let points = points.iter().filter(|(name, _)| name == series);
        points.map(|(_, at)| *at).collect()
    }

    /// The points that a request asks for.
    fn answer(&self, request: &VendorRequest) -> Reply {
        let bound = |name: &str| time(&request.query[name]);
        let (from, to) = (bound("from"), bound("to"));
        let points = self.of(request.list());
        let points = points.iter().filter(|at| from <= **at && **at <= to);
        let rows: Vec<_> = points.map(|at| json!({"t": at.to_string()})).collect();
        Reply::json(&json!({"rows": rows}))
    }

    /// A row for each series, with the ends of its points and the number of all.
    fn list(&self, names: &[&str]) -> Reply {
        let row = |name: &&str| {
            let points = self.of(name);
            let text = |at: Option<&Timestamp>| at.map(ToString::to_string);
            json!({"id": name, "meter": "m", "first": text(points.first()), "last": text(points.last())})
        };
        Reply::json(&json!({"rows": names.iter().map(row).collect::<Vec<_>>()}))
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|_| panic!("{text} is no time"))
}

/// A stream `points` whose items are a list in the connector.
fn listed(series: &[&str], start: &str) -> Config {
    let items: Vec<String> = series
        .iter()
        .map(|s| format!("{{ s = \"{s}\" }}"))
        .collect();
    Config::of(&points(
        &format!("list = [{}]", items.join(", ")),
        &format!("start = \"{start}\""),
    ))
}

fn points(each: &str, window: &str) -> String {
    format!(
        "[streams.points]\npath = \"/points/{{s}}\"\nrows = \"rows\"\nkey = [\"s\", \"t\"]\nfor_each = {{ {each} }}\n\
         window = {{ from = \"from\", to = \"to\", column = \"t\", {window}, step = \"7d\", smallest = \"1h\", overlap = \"48h\", \
         reread = {{ every = \"7d\", span = \"35d\" }}, format = \"%Y-%m-%dT%H:%M:%SZ\" }}\n\
         [streams.points.columns]\ns = \"= {{s}} : text\"\nt = \"t : timestamp\"\n"
    )
}

/// Meters with a count, series of them, points of the series.
fn counted() -> Config {
    let list = |name: &str, columns: &str| {
        format!(
            "[streams.{name}]\npath = \"/{name}\"\nrows = \"rows\"\nkey = [\"id\"]\nremoved = {{ absence = true }}\n\
             [streams.{name}.columns]\nid = \"id : text\"\n{columns}"
        )
    };
    let streams = [
        list("meters", "points_count = \"count : integer\"\n"),
        list(
            "series",
            "meter = \"meter : text\"\nfirst = \"first : timestamp\"\nlast = \"last : timestamp\"\n",
        ),
        points(
            "stream = \"series\", take = { s = \"id\", first = \"first\", last = \"last\" }, skip_while_same = [\"first\", \"last\"], \
             count = { stream = \"meters\", column = \"points_count\", by = \"meter\" }",
            "start = \"{first}\", end = \"{last}\"",
        ),
    ];
    Config::of(&streams.concat())
}

/// Answers the three lists of `counted`.
fn serve_counted(harness: &Harness, points: &Points, names: &'static [&'static str]) {
    let points = points.clone();
    harness
        .vendor
        .respond_with(move |request| match request.list() {
            "meters" => Reply::json(&json!({"rows": [{"id": "m", "count": points.len()}]})),
            "series" => points.list(names),
            _ => points.answer(request),
        });
}

fn serve(harness: &Harness, points: &Points) {
    let points = points.clone();
    harness
        .vendor
        .respond_with(move |request| points.answer(request));
}

fn mirrored(harness: &Harness) -> usize {
    queries::count(&harness.installation.mirror(), "own_points") as usize
}

fn of_points(log: &[LoggedRequest]) -> usize {
    log.iter()
        .filter(|one| one.path.contains("/points/"))
        .count()
}

fn assert_ok(run: &RunRecord) {
    assert_eq!(run.outcome, "ok", "{run:?}");
}

/// S3: one of five series is refused or broken for ever; the others are read, and the outcome names the one.
#[test]
fn s3_one_broken_series_stops_no_other() {
    for status in [400, 404, 422, 500, 503] {
        let mut harness = Harness::new(&listed(&["a", "b", "c", "d", "e"], "-20d"));
        let points = Points::default();
        for series in ["a", "b", "c", "d", "e"] {
            points.add(
                series,
                "2026-02-20T00:00:00Z",
                "2026-03-01T00:00:00Z",
                SignedDuration::from_hours(6),
            );
        }
        let ours = points.clone();
        harness
            .vendor
            .respond_with(move |request| match request.list() {
                "c" => Reply::status(status),
                _ => ours.answer(request),
            });
        let run = harness.sync();
        assert_eq!(
            mirrored(&harness),
            points.len() * 4 / 5,
            "{status}: {run:?}"
        );
        assert!(run.outcome.starts_with("failed"), "{status}: {run:?}");
        assert!(run.reported.contains("1 of 5"), "{status}: {run:?}");
        assert!(run.reported.contains('c'), "{status}: {run:?}");
        let broken = harness.vendor.log();
        let broken = broken.iter().filter(|one| one.path.ends_with("/c")).count();
        assert!(broken <= 5, "{status}: {broken} requests for one span");
        serve(&harness, &points);
        assert_ok(&harness.sync());
        assert_eq!(mirrored(&harness), points.len(), "{status}");
    }
}

/// A response of a server that is broken.
type Broken = fn(&Points, &VendorRequest) -> Reply;

/// S4: a web page, an empty or a cut body is a fault of the server: the walk stops there and goes on there.
#[test]
fn s4_a_maintenance_page_loses_no_point() {
    let cases: [(&str, Broken); 8] = [
        ("a web page", |_, _| Reply::raw(200, MAINTENANCE)),
        ("an empty body", |_, _| Reply::raw(200, "")),
        ("a cut body", |points, request| {
            let mut whole = points.answer(request);
            whole.body.truncate(whole.body.len() - 3);
            whole
        }),
        ("502", |_, _| Reply::raw(502, MAINTENANCE)),
        ("500 with a web page", |_, _| Reply::raw(500, MAINTENANCE)),
        ("403", |_, _| Reply::status(403)),
        ("404", |_, _| Reply::status(404)),
        ("another form", |_, _| {
            Reply::raw(200, "{\"message\": \"maintenance\"}")
        }),
    ];
    for (what, broken) in cases {
        let mut harness = Harness::new(&listed(&["a"], "-60d"));
        let points = Points::default();
        points.add(
            "a",
            "2026-01-05T00:00:00Z",
            "2026-03-02T00:00:00Z",
            SignedDuration::from_hours(12),
        );
        let ours = points.clone();
        let mut requests = 0;
        harness.vendor.respond_with(move |request| {
            requests += 1;
            match (4..64).contains(&requests) {
                true => broken(&ours, request),
                false => ours.answer(request),
            }
        });
        let run = harness.sync();
        assert!(run.outcome.starts_with("failed"), "{what}: {run:?}");
        assert!(harness.vendor.log().len() <= 3 + 5, "{what}");
        let kept = mirrored(&harness);
        assert!((1..points.len()).contains(&kept), "{what}: {kept} points");
        serve(&harness, &points);
        assert_ok(&harness.sync());
        assert_eq!(mirrored(&harness), points.len(), "{what}");
    }
}

/// A single value that is not JSON is passed over, and reported; four bad spans in a row are not.
#[test]
fn s4_only_a_bad_value_is_passed_over() {
    for (bad, should) in [
        (1, "ok_with_rejects"),
        (3, "ok_with_rejects"),
        (4, "failed"),
    ] {
        let mut harness = Harness::new(&listed(&["a"], "-10d"));
        let points = Points::default();
        points.add(
            "a",
            "2026-02-21T00:30:00Z",
            "2026-03-01T00:00:00Z",
            SignedDuration::from_hours(1),
        );
        let first = time("2026-02-24T00:30:00Z");
        let last = first + SignedDuration::from_hours(bad - 1);
        let ours = points.clone();
        harness.vendor.respond_with(move |request| {
            let bound = |name: &str| time(&request.query[name]);
            match bound("from") <= last && first <= bound("to") {
                true => Reply::raw(200, "{\"rows\": [{\"t\": 12:30}]}"),
                false => ours.answer(request),
            }
        });
        let run = harness.sync();
        assert!(run.outcome.starts_with(should), "{bad}: {run:?}");
        let lost = points.len() - mirrored(&harness);
        match should {
            "failed" => assert!(lost > 4, "{bad}: it stops there: {lost}"),
            // A span that is passed over has an hour and its seam.
            _ => assert!(
                (bad as usize..=bad as usize + 2).contains(&lost),
                "{bad}: {lost} lost"
            ),
        }
    }
}

/// S5: a point dated three days ahead does not hide the normal ones that follow.
#[test]
fn s5_a_point_of_the_future_hides_no_other() {
    let mut harness = Harness::new(&counted());
    let points = Points::default();
    points.add(
        "a",
        "2026-02-20T00:00:00Z",
        START,
        SignedDuration::from_hours(1),
    );
    points.add(
        "a",
        "2026-03-05T06:00:00Z",
        "2026-03-05T07:00:00Z",
        SignedDuration::from_hours(1),
    );
    serve_counted(&harness, &points, &["a"]);
    assert_ok(&harness.sync());
    assert_eq!(mirrored(&harness), points.len());
    for day in 2..6 {
        points.add(
            "a",
            &format!("2026-03-0{day}T06:00:00Z"),
            &format!("2026-03-0{}T06:00:00Z", day + 1),
            SignedDuration::from_hours(1),
        );
        harness.advance(DAY);
        assert_ok(&harness.sync());
        assert_eq!(mirrored(&harness), points.len(), "day {day}");
    }
}

/// K5: points end by their own time: what is over is removed once a day, and no reading brings it back.
#[test]
fn k5_points_end_by_their_time_and_do_not_return() {
    let plan = || listed(&["a"], "2024-01-01T00:00:00Z");
    let mut harness = Harness::new(&plan());
    let points = Points::default();
    let every = SignedDuration::from_hours(12);
    points.add("a", "2024-01-01T00:00:00Z", START, every);
    serve(&harness, &points);
    assert_ok(&harness.sync());
    assert_eq!(mirrored(&harness), points.len());

    let retain = "[stream.points]\nretain = { column = \"t\", for = \"100 days\" }\n";
    harness.write(&plan().job(retain));
    harness.advance(DAY + HOUR);
    let kept_from = time(START) + SignedDuration::from_hours(25) - SignedDuration::from_hours(2400);
    let kept = || {
        points
            .of("a")
            .into_iter()
            .filter(|at| *at >= kept_from)
            .count()
    };
    assert_ok(&harness.sync());
    assert_eq!(mirrored(&harness), kept(), "after the run of the next day");
    assert!(kept() < points.len() / 2 && kept() > 100);

    // The vendor has them still; a full reading does not ask for them.
    let _ = harness.vendor.log();
    let run = harness.full();
    assert_ok(&run);
    assert_eq!((run.part("points").new, mirrored(&harness)), (0, kept()));
    let slack = SignedDuration::from_mins(1);
    let log = harness.vendor.log();
    assert!(of_points(&log) > 5);
    assert!(
        log.iter()
            .all(|one| time(&one.query["from"]) >= kept_from - slack)
    );

    // A mirror that is built from nothing has the same.
    harness.close();
    let mirror = harness.installation.mirror();
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", mirror.display())); // not each is there
    }
    assert!(!mirror.exists());
    assert_ok(&harness.sync());
    assert_eq!(mirrored(&harness), kept());
}

/// K7: of two jobs that read one series, the one without `retain` keeps all its points.
#[test]
fn k7_points_stay_that_another_job_keeps() {
    let plan = listed(&["a"], "2025-06-01T00:00:00Z");
    let mut harness = Harness::new(&plan);
    let points = Points::default();
    let every = SignedDuration::from_hours(12);
    points.add("a", "2025-06-01T00:00:00Z", START, every);
    serve(&harness, &points);
    assert_ok(&harness.sync());

    let mut plan = plan;
    let reads = plan.jobs[0].1.clone();
    let retain = "[stream.points]\nretain = { column = \"t\", for = \"100 days\" }\n";
    plan.jobs
        .push(("shorter".to_owned(), format!("{reads}{retain}")));
    harness.write(&plan);
    harness.advance(DAY + HOUR);
    assert_ok(&harness.sync());
    assert_eq!(mirrored(&harness), points.len());
}

/// K6: another column than the points' time does not end them.
#[test]
fn k6_points_end_by_no_other_column() {
    let plan = listed(&["a"], START);
    let streams = plan
        .streams
        .replace("t = \"t", "other = \"o : date\"\nt = \"t");
    let rule = "[stream.points]\nretain = { column = \"other\", for = \"100 days\" }\n";
    let problems = Harness::new(&Config::of(&streams).job(rule)).check();
    let problems = problems.err().unwrap_or_default();
    assert!(
        problems.contains("its points end by their time, `t`"),
        "{problems}"
    );
}

/// S6: late points older than every usual reading, which only the vendor's own number shows.
#[test]
fn s6_late_points_are_found_by_the_vendors_number() {
    for (what, from, to) in [
        (
            "20 days late",
            "2026-02-10T00:10:00Z",
            "2026-02-12T00:00:00Z",
        ),
        (
            "60 days late",
            "2026-01-01T00:10:00Z",
            "2026-01-03T00:00:00Z",
        ),
    ] {
        let mut harness = Harness::new(&counted());
        let points = Points::default();
        for series in ["a", "b"] {
            points.add(
                series,
                "2025-12-01T00:00:00Z",
                START,
                SignedDuration::from_hours(3),
            );
        }
        serve_counted(&harness, &points, &["a", "b"]);
        assert_ok(&harness.sync());
        harness.advance(HOUR);
        assert_ok(&harness.sync());
        let quiet = of_points(&harness.vendor.log());
        assert!(quiet < 60, "{quiet} requests for both runs");
        points.add("a", from, to, SignedDuration::from_mins(10));
        harness.advance(HOUR);
        assert_ok(&harness.sync());
        assert_eq!(mirrored(&harness), points.len(), "{what}");
        let _ = harness.vendor.log();
        harness.advance(HOUR);
        assert_ok(&harness.sync());
        assert_eq!(
            of_points(&harness.vendor.log()),
            0,
            "{what}: nothing is new"
        );
    }
}

/// S6, S7: the same where a run has no time for all of the series: the next runs go on, and nothing is forgotten.
#[test]
fn s6_late_points_are_found_over_several_runs() {
    let mut harness = Harness::new(&counted().job("timeout = \"3m\"\n"));
    let points = Points::default();
    points.add(
        "a",
        "2025-12-01T00:00:00Z",
        START,
        SignedDuration::from_hours(3),
    );
    let (ours, clock) = (points.clone(), harness.clock.clone());
    harness
        .vendor
        .respond_with(move |request| match request.list() {
            "meters" => Reply::json(&json!({"rows": [{"id": "m", "count": ours.len()}]})),
            "series" => ours.list(&["a"]),
            _ => {
                clock.pass(Duration::from_secs(20));
                ours.answer(request)
            }
        });
    let until_ok = |harness: &mut Harness| {
        let mut runs = 1;
        while harness.sync().outcome != "ok" {
            runs += 1;
            assert!(runs < 10, "it does not end");
        }
        runs
    };
    assert!(
        until_ok(&mut harness) > 1,
        "a run has time for nine requests"
    );
    assert_eq!(mirrored(&harness), points.len());
    points.add(
        "a",
        "2026-01-01T00:10:00Z",
        "2026-01-03T00:00:00Z",
        SignedDuration::from_mins(10),
    );
    harness.advance(HOUR);
    assert!(until_ok(&mut harness) > 1);
    assert_eq!(mirrored(&harness), points.len());
}

/// A number that is wrong for good costs a reading of the series once, and is then known.
#[test]
fn s6_a_number_that_is_always_too_large_costs_little() {
    let mut harness = Harness::new(&counted());
    let points = Points::default();
    points.add(
        "a",
        "2026-01-01T00:00:00Z",
        START,
        SignedDuration::from_hours(3),
    );
    let ours = points.clone();
    harness
        .vendor
        .respond_with(move |request| match request.list() {
            "meters" => Reply::json(&json!({"rows": [{"id": "m", "count": 2 * ours.len()}]})),
            "series" => ours.list(&["a"]),
            _ => ours.answer(request),
        });
    assert_ok(&harness.sync());
    let _ = harness.vendor.log();
    let mut requests = 0;
    for hour in 0..24 {
        harness.advance(HOUR);
        let from = START.parse::<Timestamp>().expect("a time") + SignedDuration::from_hours(hour);
        points.add(
            "a",
            &from.to_string(),
            &(from + SignedDuration::from_mins(1)).to_string(),
            SignedDuration::from_hours(1),
        );
        assert_ok(&harness.sync());
        requests += of_points(&harness.vendor.log());
    }
    assert_eq!(mirrored(&harness), points.len());
    assert!(requests < 24 * 10, "{requests} requests");
}

/// S3: one of five meters refuses its list of series for ever. The others' series are read, also for the first time;
/// rows of the one stay, and the outcome names it.
#[test]
fn s3_one_broken_list_stops_no_other() {
    for status in [400, 403, 500] {
        let mut harness = Harness::new(&tree());
        let points = Points::default();
        for meter in 0..5 {
            points.add(
                &format!("s{meter}"),
                "2026-02-20T00:00:00Z",
                START,
                SignedDuration::from_hours(6),
            );
        }
        serve_tree(&harness, &points, None);
        assert_ok(&harness.sync());
        assert_eq!(mirrored(&harness), points.len());
        for meter in 0..5 {
            points.add(
                &format!("s{meter}"),
                START,
                "2026-03-02T12:00:00Z",
                SignedDuration::from_hours(1),
            );
        }
        serve_tree(&harness, &points, Some(status));
        harness.advance(DAY);
        let run = harness.sync();
        assert!(!run.outcome.starts_with("ok"), "{status}: {run:?}");
        assert!(
            run.parts["series"].reported.contains("m2"),
            "{status}: {run:?}"
        );
        assert_eq!(run.parts["series"].removed, 0, "{status}: {run:?}");
        assert_eq!(run.parts["points"].outcome, "ok", "{status}: {run:?}");
        assert_eq!(
            mirrored(&harness),
            points.len(),
            "{status}: all five are read"
        );
        let asked = harness.vendor.log();
        let asked = asked.iter().filter(|one| one.path.ends_with("/m2")).count();
        assert!(asked <= 5, "{status}: {asked}");
    }
}

/// S3: also when three of five in a row are broken.
#[test]
fn s3_three_broken_lists_stop_no_other() {
    let mut harness = Harness::new(&tree());
    let points = Points::default();
    for meter in 0..5 {
        points.add(
            &format!("s{meter}"),
            "2026-02-20T00:00:00Z",
            START,
            SignedDuration::from_hours(6),
        );
    }
    let ours = points.clone();
    harness
        .vendor
        .respond_with(move |request| match request.list() {
            "meters" => {
                let rows: Vec<_> = (0..5).map(|n| json!({"id": format!("m{n}")})).collect();
                Reply::json(&json!({"rows": rows}))
            }
            "m0" | "m1" | "m2" => Reply::status(500),
            meter if meter.starts_with('m') => {
                Reply::json(&json!({"rows": [{"id": meter.replace('m', "s")}]}))
            }
            _ => ours.answer(request),
        });
    let run = harness.run("job", rollbook_engine::sync::Cause::Schedule, false);
    assert_eq!(run.parts["series"].new, 2, "{run:?}");
    assert_eq!(run.parts["points"].outcome, "ok", "{run:?}");
    assert_eq!(mirrored(&harness), points.len() * 2 / 5);
}

/// Meters, the series of each, and their points.
fn tree() -> Config {
    let streams = [
        "[streams.meters]\npath = \"/meters\"\nrows = \"rows\"\nkey = [\"id\"]\nremoved = { absence = true }\n\
         [streams.meters.columns]\nid = \"id : text\"\n"
            .to_owned(),
        "[streams.series]\npath = \"/series/{meter}\"\nrows = \"rows\"\nkey = [\"id\"]\nremoved = { absence = true }\n\
         optional = true\nfor_each = { stream = \"meters\", take = { meter = \"id\" } }\n\
         [streams.series.columns]\nid = \"id : text\"\nmeter = \"= {meter} : text\"\n"
            .to_owned(),
        points(
            "stream = \"series\", take = { s = \"id\" }",
            "start = \"-30d\"",
        ),
    ];
    Config::of(&streams.concat())
}

/// Answers the lists of `tree`; the list of the third meter by a status.
fn serve_tree(harness: &Harness, points: &Points, third: Option<u16>) {
    let points = points.clone();
    harness
        .vendor
        .respond_with(move |request| match request.list() {
            "meters" => {
                let rows: Vec<_> = (0..5).map(|n| json!({"id": format!("m{n}")})).collect();
                Reply::json(&json!({"rows": rows}))
            }
            meter if meter.starts_with('m') => match third.filter(|_| meter == "m2") {
                Some(status) => Reply::status(status),
                None => Reply::json(&json!({"rows": [{"id": meter.replace('m', "s")}]})),
            },
            _ => points.answer(request),
        });
}

/// S7: a first walk that needs longer than the job's timeout goes on from run to run, is no failure, and leaves time to
/// the stream behind it.
#[test]
fn s7_a_first_walk_longer_than_the_timeout_goes_on() {
    let mut config = listed(&["a", "b"], "2024-01-01T00:00:00Z").job("timeout = \"10m\"\n");
    config.streams.push_str(
        "[streams.rooms]\npath = \"/rooms\"\nrows = \"rows\"\nkey = [\"id\"]\n[streams.rooms.columns]\nid = \"id : text\"\n",
    );
    config.jobs[0].1 = config.jobs[0]
        .1
        .replace("[\"points\"]", "[\"points\", \"rooms\"]");
    let mut harness = Harness::new(&config);
    let points = Points::default();
    for series in ["a", "b"] {
        points.add(
            series,
            "2024-01-01T12:00:00Z",
            START,
            SignedDuration::from_hours(24),
        );
    }
    let (ours, clock) = (points.clone(), harness.clock.clone());
    harness.vendor.respond_with(move |request| {
        clock.pass(Duration::from_secs(20));
        match request.list() {
            "rooms" => Reply::json(&json!({"rows": [{"id": "x"}]})),
            _ => ours.answer(request),
        }
    });
    let (mut runs, mut before) = (0, 0);
    loop {
        runs += 1;
        let run = harness.sync();
        assert_eq!(run.parts["rooms"].outcome, "ok", "{run:?}");
        if run.outcome == "ok" {
            break;
        }
        assert_eq!(run.outcome, "incomplete", "{run:?}");
        assert!(
            run.reported.contains("the next run continues there"),
            "{run:?}"
        );
        let now = mirrored(&harness);
        assert!(now > before, "run {runs}: {now} points");
        before = now;
        assert!(runs < 40, "it does not end");
    }
    assert!(runs > 5, "{runs}");
    assert_eq!(mirrored(&harness), points.len());
}

/// S9: a series that is asked for by its id and is silent costs a handful of requests a run.
#[test]
fn s9_a_silent_series_costs_little() {
    let mut harness = Harness::new(&listed(&["a"], "2023-06-01T00:00:00Z"));
    let points = Points::default();
    points.add(
        "a",
        "2023-06-01T00:00:00Z",
        "2024-03-01T00:00:00Z",
        SignedDuration::from_hours(24),
    );
    serve(&harness, &points);
    assert_ok(&harness.sync());
    assert_eq!(mirrored(&harness), points.len());
    let _ = harness.vendor.log();
    for _ in 0..5 {
        harness.advance(DAY);
        assert_ok(&harness.sync());
        let requests = harness.vendor.log().len();
        assert!(requests <= 3, "{requests} requests");
    }
    // It is heard of again, with all that it recorded meanwhile.
    points.add(
        "a",
        "2025-01-01T00:00:00Z",
        "2026-03-07T00:00:00Z",
        SignedDuration::from_hours(24),
    );
    harness.advance(DAY);
    assert_ok(&harness.sync());
    assert_eq!(mirrored(&harness), points.len());
}
