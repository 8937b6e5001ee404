//! What the guard holds, what it permits, and the validity of an approval.
//!
//! On the real program and small lists; unit tests in `src/` cover the rules as values.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::installation::{Config, Finished, Installation};
use crate::people::{class, key, roster, user, users};
use crate::queries;
use crate::server::{Fault, Paging, Server, VendorRequest};

/// A vendor with users `0..count`, and its mirror.
fn mirrored(paging: Paging, count: usize, job: &str) -> (Server, Installation) {
    mirrored_by(50, paging, count, job)
}

/// The same with pages of another size.
fn mirrored_by(page: usize, paging: Paging, count: usize, job: &str) -> (Server, Installation) {
    let server = Server::of_users(paging, users(count));
    let installation = Installation::new(
        &server,
        &Config {
            page,
            job,
            ..Config::default()
        },
    );
    installation.sync().assert_ok("the first time");
    (server, installation)
}

fn live(installation: &Installation) -> u64 {
    queries::count(&installation.mirror(), "own_users")
}

/// `rollbook approve` of a held run: reads again, and applies the same difference.
fn approve(installation: &Installation, held: &Finished) -> Finished {
    let run = held.report()["run"].as_i64().expect("a run");
    installation.run(&["approve", &run.to_string(), "--yes", "--json"])
}

#[test]
fn the_rows_of_a_held_run_are_listed_until_it_is_decided() {
    let (server, installation) = mirrored(Paging::TotalInHeader, 60, "");
    server.edit("users", |users| {
        users.truncate(30);
        users[3]["givenName"] = "Renamed".into();
        users.push(user(900, 2));
    });
    // What a dry run shows is what a held run keeps.
    let dry = installation.run(&["sync", "--dry-run", "--rows", "--csv"]);
    let ran = installation.sync().held("30 of 60 rows");
    let run = ran.report()["run"].to_string();
    let show = |arguments: &[&str]| {
        let mut line = vec!["runs", "show", run.as_str(), "--rows"];
        line.extend(arguments);
        let shown = installation.run(&line);
        assert_eq!(shown.code, Some(0), "{shown:?}");
        shown.out
    };
    let all = show(&["--csv"]);
    assert_eq!(all, dry.out);
    assert_eq!(all.lines().count(), 1 + 30 + 1 + 1, "{all}");
    let line = |number: usize, difference: &str, name: &str| {
        format!("own_users,{difference},{},{name}", key(number))
    };
    let last = format!(
        "\"Family {} the 1th of a name that is rather long, Given 59\"",
        59
    );
    for expected in [
        line(59, "removed", &last),
        line(
            3,
            "changed",
            "\"Family 3 the 1th of a name that is rather long, Given 3\"",
        ),
        // New values are not kept.
        line(900, "new", ""),
    ] {
        assert!(
            all.lines().any(|line| line == expected),
            "{expected} in {all}"
        );
    }
    assert_eq!(show(&["--removed", "--csv"]).lines().count(), 31);
    let text = show(&["--new"]);
    assert_eq!(
        text,
        format!("own_users: 1 row would be added\n  {}\n", key(900))
    );
    let json: Value = serde_json::from_str(&show(&["--json"])).expect("JSON");
    assert_eq!(json["own_users"]["removed"]["total"], 30);

    // It asks; without a terminal a script must say yes.
    let asked = installation.run(&["approve", &run]);
    assert_eq!(asked.code, Some(2), "{asked:?}");
    assert!(
        asked.err.contains(&format!("rollbook approve {run} --yes")),
        "{asked:?}"
    );
    assert_eq!(approve(&installation, &ran).code, Some(0));
    let kept = queries::count(&installation.mirror(), "rollbook_held_rows");
    assert_eq!((live(&installation), kept), (31, 0));
    let gone = installation.run(&["runs", "show", &run, "--rows"]);
    assert_eq!(gone.code, Some(1), "{gone:?}");
}

#[test]
fn implausible_readings_are_held_and_plausible_ones_are_not() {
    type Change = fn(&mut Vec<Value>);
    let rekeyed: Change = |users| {
        for user in users.iter_mut() {
            user["sourcedId"] =
                format!("new-{}", user["sourcedId"].as_str().expect("a key")).into();
        }
    };
    // Removed rows after each reading: one reading where a response holds the whole list, otherwise two.
    type Case = (
        &'static str,
        usize,
        Change,
        Result<(u32, u64), &'static str>,
    );
    let cases: [Case; 8] = [
        (
            "empty",
            200,
            |users| users.clear(),
            Err("received 0 of 200 rows"),
        ),
        (
            "two fifths missing",
            200,
            |users| users.truncate(120),
            Err("80 of 200 rows would be removed"),
        ),
        (
            "exactly a tenth missing",
            200,
            |users| users.truncate(180),
            Ok((2, 180)),
        ),
        (
            "a tenth and one missing",
            200,
            |users| users.truncate(179),
            Err("21 of 200 rows would be removed"),
        ),
        (
            "a small school lost four of twelve",
            12,
            |users| users.truncate(8),
            Ok((1, 8)),
        ),
        (
            "a small school is empty",
            12,
            |users| users.clear(),
            Err("received 0 of 12 rows"),
        ),
        (
            "keys reassigned",
            200,
            rekeyed,
            Err("the keys of 200 of 200 rows were replaced"),
        ),
        (
            "a status removes most rows",
            200,
            |users| (0..150).for_each(|number| users[number]["status"] = "tobedeleted".into()),
            Err("150 of 200 rows would be removed"),
        ),
    ];
    for (what, count, change, expected) in cases {
        let (server, installation) = mirrored(Paging::TotalInHeader, count, "");
        server.edit("users", change);
        let before = queries::data(&installation.mirror());
        match expected {
            Ok((readings, left)) => {
                for reading in 1..=readings {
                    assert_eq!(
                        live(&installation),
                        count as u64,
                        "{what}: before reading {reading}"
                    );
                    installation.sync().assert_ok(what);
                }
                assert_eq!(live(&installation), left, "{what}");
            }
            Err(why) => {
                installation.sync().held(why);
                assert_eq!(queries::data(&installation.mirror()), before, "{what}");
            }
        }
    }
}

/// An unreadable value costs a cell, an unidentifiable one a row; many of either are another format.
#[test]
fn unreadable_values_hold_a_stream_only_when_there_are_many() {
    const UNREADABLE: fn(&mut Value) = |user| user["dateLastModified"] = "soon".into();
    const UNIDENTIFIED: fn(&mut Value) = |user| user["sourcedId"] = Value::Null;
    for (what, change, rows, expected) in [
        (
            "a few cells",
            UNREADABLE,
            6,
            Ok("6 values cannot be read and keep their last value: `date_last_modified` (6)"),
        ),
        (
            "a tenth of the cells, but few",
            UNREADABLE,
            19,
            Ok("`date_last_modified` (19)"),
        ),
        (
            "many cells",
            UNREADABLE,
            20,
            Err("the format of `date_last_modified` changed: 20 of 200 values cannot be read"),
        ),
        (
            "a few rows without a key",
            UNIDENTIFIED,
            6,
            Ok("6 rows rejected: `sourcedId : text`: "),
        ),
        (
            "many rows without a key",
            UNIDENTIFIED,
            20,
            Err("20 of 200 rows were rejected"),
        ),
    ] {
        let (server, installation) = mirrored(Paging::TotalInHeader, 200, "");
        let before = queries::data(&installation.mirror());
        server.edit("users", |users| {
            users.iter_mut().take(rows).for_each(change)
        });
        for _ in 0..3 {
            match expected {
                Ok(reported) => drop(installation.sync().with_rejects(reported)),
                Err(why) => drop(installation.sync().held(why)),
            }
            // A list with an unidentifiable row removes nothing: it may be any missing row.
            assert_eq!(queries::data(&installation.mirror()), before, "{what}");
        }
    }
}

#[test]
fn more_than_five_hundred_rows_are_many_whatever_their_share() {
    let (server, installation) = mirrored(
        Paging::TotalInHeader,
        200,
        "[guard]\nremovals = \"50%\"\nremovals_max = 30\n",
    );
    server.edit("users", |users| users.truncate(169));
    installation
        .sync()
        .held("31 of 200 rows would be removed, more than 30");
    server.edit("users", |users| {
        users.extend((169..170).map(|number| user(number, 1)))
    });
    for left in [200, 170] {
        installation.sync().assert_ok("thirty may go");
        assert_eq!(live(&installation), left);
    }
}

#[test]
fn a_removed_school_is_held_where_the_guard_groups_by_school() {
    for (guard, is_held) in [("[guard]\nper = \"school_id\"\n", true), ("", false)] {
        let school = |number: usize| {
            if number < 8 {
                "school-small".to_owned()
            } else {
                format!("school-{}", number % 3)
            }
        };
        let classes: Vec<Value> = (0..300)
            .map(|number| class(number, &school(number)))
            .collect();
        let server = Server::start(Paging::TotalInHeader, [("classes", classes)]);
        let installation = Installation::new(
            &server,
            &Config {
                streams: &["classes"],
                page: 100,
                job: guard,
                ..Config::default()
            },
        );
        installation.sync().assert_ok("the first time");
        server.edit("classes", |classes| drop(classes.drain(..8)));
        for removed in [0, 8] {
            if is_held {
                installation
                    .sync()
                    .held("all 8 rows of school-small would be removed");
            } else {
                let ran = installation
                    .sync()
                    .assert_ok("8 of 300, when two readings say so");
                assert_eq!(ran.number("classes", "removed"), removed);
            }
        }
    }
}

#[test]
fn an_approval_is_valid_for_the_held_difference_only() {
    for paging in [Paging::TotalInHeader, Paging::Silent] {
        let (server, installation) = mirrored(paging, 200, "");
        server.edit("users", |users| users.truncate(120));
        let held = installation.sync().held("80 of 200 rows would be removed");
        let before = queries::data(&installation.mirror());
        server.edit("users", |users| users.truncate(119));
        let another = approve(&installation, &held).held("81 of 200 rows would be removed");
        assert_eq!(queries::data(&installation.mirror()), before, "{paging:?}");
        server.edit("users", |list| list[0] = user(119, 1));
        let other_rows = approve(&installation, &another).held("81 of 200 rows would be removed");
        let ran = approve(&installation, &other_rows).assert_ok("what was approved");
        assert_eq!(
            (ran.number("users", "removed"), live(&installation)),
            (81, 119),
            "{paging:?}"
        );
        let removed = "SELECT count(*) FROM own_users_history WHERE _ended = 'removed'";
        assert_eq!(
            queries::one::<u64>(&installation.mirror(), removed),
            81,
            "{paging:?}"
        );
        // The same rows return and are removed again: that is another day, and another approval.
        let less = |list: &mut Vec<Value>| {
            list.truncate(119);
            list[0] = user(119, 1);
        };
        server.edit("users", |list| *list = users(200));
        installation.sync().assert_ok("all are back");
        server.edit("users", less);
        installation.sync().held("81 of 200 rows would be removed");
    }
}

#[test]
fn together_means_all_streams_or_none() {
    const STREAMS: &[&str] = &[
        "academic_sessions",
        "orgs",
        "users",
        "classes",
        "enrollments",
    ];
    for (apply, visible) in [("together", [0, 0, 0, 0, 0]), ("each", [1, 3, 100, 0, 100])] {
        let server = Server::start(Paging::TotalInHeader, roster(100));
        let plan = Config {
            streams: STREAMS,
            page: 50,
            job: &format!("apply = \"{apply}\"\n"),
            ..Config::default()
        };
        let installation = Installation::new(&server, &plan);
        server.script(|request| (request.list == "classes").then_some(Fault::Status(400)));
        let ran = installation.sync();
        let (outcome, message) = ran.outcome_and_message();
        assert_eq!(
            (ran.code, outcome.as_str()),
            (Some(1), "failed"),
            "{apply}: {ran:?}"
        );
        assert!(
            message.contains("read page 1 of classes") && message.contains("400"),
            "{message}"
        );
        let counts: Vec<u64> = STREAMS
            .iter()
            .map(|stream| queries::count(&installation.mirror(), &format!("own_{stream}")))
            .collect();
        assert_eq!(counts, visible, "{apply}");
        server.clear_faults();
        installation
            .sync()
            .assert_ok("when the vendor is well again");
        let counts: Vec<u64> = STREAMS
            .iter()
            .map(|stream| queries::count(&installation.mirror(), &format!("own_{stream}")))
            .collect();
        assert_eq!(counts, [1, 3, 100, 30, 100], "{apply}");
    }
}

#[test]
fn a_held_stream_holds_back_the_streams_applied_together_with_it() {
    let server = Server::start(Paging::TotalInHeader, roster(100));
    let plan = Config {
        streams: &["users", "classes"],
        page: 50,
        job: "apply = \"together\"\n",
        ..Config::default()
    };
    let installation = Installation::new(&server, &plan);
    installation.sync().assert_ok("the first time");
    let before = queries::data(&installation.mirror());
    server.edit("users", |users| {
        users.extend((100..110).map(|number| user(number, 1)))
    });
    server.edit("classes", |classes| classes.truncate(10));
    let held = installation.sync().held("20 of 30 rows would be removed");
    assert_eq!(queries::data(&installation.mirror()), before);
    approve(&installation, &held).assert_ok("what was approved");
    assert_eq!(
        (
            live(&installation),
            queries::count(&installation.mirror(), "own_classes")
        ),
        (110, 10)
    );
}

/// A list of several pages may have moved unseen while it was read, also when its total agrees.
#[test]
fn absence_counts_at_once_only_where_one_response_holds_the_whole_list() {
    for (paging, page, at_first) in [
        (Paging::TotalInHeader, 50, 0),
        (Paging::TotalInBody, 50, 0),
        (Paging::Linked, 50, 0),
        (Paging::Silent, 50, 0),
        (Paging::TotalInHeader, 1000, 5),
        (Paging::TotalInBody, 1000, 5),
        (Paging::Linked, 1000, 5),
        // The vendor does not declare that the page is the whole list.
        (Paging::Silent, 1000, 0),
    ] {
        let what = format!("{paging:?}, pages of {page}");
        let (server, installation) = mirrored_by(page, paging, 200, "");
        server.edit("users", |users| drop(users.drain(50..55)));
        let first = installation.sync().assert_ok("five are missing");
        assert_eq!(
            (
                first.number("users", "removed"),
                first.number("users", "unconfirmed")
            ),
            (at_first, 5 - at_first),
            "{what}"
        );
        assert_eq!(live(&installation), 200 - at_first, "{what}");
        let second = installation.sync().assert_ok("and again");
        assert_eq!(second.number("users", "removed"), 5 - at_first, "{what}");
        assert_eq!(live(&installation), 195, "{what}");
    }
}

#[test]
fn an_unconfirmed_removal_that_returns_was_never_removed() {
    let (server, installation) = mirrored(Paging::Silent, 200, "");
    for _ in 0..2 {
        server.edit("users", |users| drop(users.remove(50)));
        assert_eq!(
            installation
                .sync()
                .assert_ok("missing once")
                .number("users", "unconfirmed"),
            1
        );
        server.edit("users", |users| users.push(user(50, 1)));
        let back = installation.sync().assert_ok("back");
        assert_eq!(
            (
                back.number("users", "unconfirmed"),
                back.number("users", "new")
            ),
            (0, 0)
        );
    }
    assert_eq!(
        queries::count(&installation.mirror(), "own_users_history"),
        0
    );
}

/// How often a reading begins at the first page.
fn counted(
    fault: impl Fn(usize, &VendorRequest<'_>) -> Option<Fault> + Send + 'static,
) -> (
    Arc<AtomicUsize>,
    impl Fn(&VendorRequest<'_>) -> Option<Fault> + Send,
) {
    let readings = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&readings);
    let script = move |request: &VendorRequest<'_>| {
        if request.list != "users" {
            return None;
        }
        let before = count.fetch_add(usize::from(request.offset == 0), Ordering::SeqCst);
        fault(before + usize::from(request.offset == 0), request)
    };
    (readings, script)
}

#[test]
fn a_contradicted_reading_is_repeated_up_to_two_times_and_removes_nothing() {
    type Script = fn(usize, &VendorRequest<'_>) -> Option<Fault>;
    let moving: Script = |_, request| Some(Fault::Total(200 + request.nth as usize));
    let wrong: Script = |_, _| Some(Fault::Total(210));
    // Another row each time: rows that move, not a permanent duplicate of this vendor.
    let duplicate: Script =
        |reading, request| (request.offset == 50 * (reading % 3)).then_some(Fault::Duplicate);
    let always: Script = |_, request| (request.offset == 50).then_some(Fault::Duplicate);
    let at_first: Script =
        |reading, request| (reading == 1 && request.offset == 50).then_some(Fault::Half);
    let total = "received 195 of 210 declared rows";
    let cases: [(Paging, Script, usize, Result<u64, &str>); 9] = [
        (
            Paging::TotalInHeader,
            moving,
            3,
            Err("the declared total changed"),
        ),
        (
            Paging::TotalInBody,
            moving,
            3,
            Err("the declared total changed"),
        ),
        (Paging::TotalInHeader, wrong, 3, Err(total)),
        (Paging::Linked, wrong, 3, Err(total)),
        (
            Paging::TotalInHeader,
            duplicate,
            3,
            Err("received 1 row twice"),
        ),
        (Paging::Silent, duplicate, 3, Err("received 1 row twice")),
        // The same duplicate in two readings is a habit and proves nothing about other rows; those stay unconfirmed until the next run.
        (Paging::TotalInHeader, always, 2, Ok(5)),
        (Paging::Silent, always, 2, Ok(5)),
        (Paging::Linked, at_first, 2, Ok(5)),
    ];
    for (number, (paging, fault, readings, expected)) in cases.into_iter().enumerate() {
        let what = format!("case {number} at {paging:?}");
        let (server, installation) = mirrored(paging, 200, "");
        server.edit("users", |users| {
            users.drain(100..105);
            users[150] = user(155, 2);
        });
        let (counter, script) = counted(fault);
        server.script(script);
        let ran = match expected {
            Ok(_) => installation.sync().assert_ok(&what),
            Err(why) => installation.sync().incomplete(why),
        };
        assert_eq!(counter.load(Ordering::SeqCst), readings, "{what}");
        let counts = ["changed", "removed", "unconfirmed"].map(|name| ran.number("users", name));
        assert_eq!(counts, [1, 0, expected.unwrap_or(0)], "{what}: {ran:?}");
        assert_eq!(live(&installation), 200, "{what}");
    }
}

/// The difference must be the same for three days before absence counts again (`field::totals`).
#[test]
fn a_total_that_is_wrong_each_time_does_not_prove_a_reading() {
    for paging in [Paging::TotalInHeader, Paging::TotalInBody, Paging::Linked] {
        let (server, installation) = mirrored(paging, 200, "");
        server.edit("users", |users| drop(users.drain(100..105)));
        server.script(|_| Some(Fault::Total(210)));
        for _ in 0..3 {
            let ran = installation
                .sync()
                .incomplete("received 195 of 210 declared rows");
            assert_eq!(ran.number("users", "removed"), 0, "{paging:?}: {ran:?}");
            assert_eq!(live(&installation), 200, "{paging:?}");
        }
        server.clear_faults();
        for removed in [0, 5] {
            let ran = installation.sync().assert_ok("the total is right again");
            assert_eq!(
                ran.number("users", "removed"),
                removed,
                "{paging:?}: {ran:?}"
            );
        }
    }
}

#[test]
fn a_response_without_rows_among_pages_is_not_an_end() {
    let (server, installation) = mirrored(Paging::TotalInHeader, 200, "");
    let before = queries::data(&installation.mirror());
    server.script(|request| (request.offset == 100).then_some(Fault::Empty));
    let ran = installation.sync();
    assert_eq!(queries::data(&installation.mirror()), before, "{ran:?}");
    assert_ne!(
        ran.outcome_and_message(),
        ("ok".to_owned(), String::new()),
        "the reason is reported"
    );
}
