//! What the guard holds back, what it lets through, and what an approval is good for.
//!
//! All of it on the real program and small lists; the rules as values are tested where they stand.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::people::{class, roster, user, users};
use crate::place::{Place, Plan, Ran};
use crate::queries;
use crate::server::{Asked, Fault, Server, Way};

/// A vendor with users `0..count`, mirrored.
fn mirrored(way: Way, count: usize, job: &str) -> (Server, Place) {
    mirrored_by(50, way, count, job)
}

/// The same in pages of another size.
fn mirrored_by(page: usize, way: Way, count: usize, job: &str) -> (Server, Place) {
    let server = Server::of_users(way, users(count));
    let place = Place::new(
        &server,
        &Plan {
            page,
            job,
            ..Plan::default()
        },
    );
    place.sync().fine("the first time");
    (server, place)
}

fn live(place: &Place) -> u64 {
    queries::count(&place.mirror(), "own_users")
}

/// `rollbook approve` of a held run: reads again, and applies the same difference.
fn approve(place: &Place, held: &Ran) -> Ran {
    let run = held.report()["run"].as_i64().expect("a run");
    place.run(&["approve", &run.to_string(), "--json"])
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
    // What is removed after how many readings: one where an answer holds the whole list, else two.
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
            "keys given anew",
            200,
            rekeyed,
            Err("the keys of 200 of 200 rows were replaced"),
        ),
        (
            "a status says that most are removed",
            200,
            |users| (0..150).for_each(|number| users[number]["status"] = "tobedeleted".into()),
            Err("150 of 200 rows would be removed"),
        ),
    ];
    for (what, count, change, expected) in cases {
        let (server, place) = mirrored(Way::TotalInHeader, count, "");
        server.edit("users", change);
        let before = queries::data(&place.mirror());
        match expected {
            Ok((readings, left)) => {
                for reading in 1..=readings {
                    assert_eq!(
                        live(&place),
                        count as u64,
                        "{what}: before reading {reading}"
                    );
                    place.sync().fine(what);
                }
                assert_eq!(live(&place), left, "{what}");
            }
            Err(why) => {
                place.sync().held(why);
                assert_eq!(queries::data(&place.mirror()), before, "{what}");
            }
        }
    }
}

/// What cannot be read costs a cell, and what cannot be identified a row; many of either are another format.
#[test]
fn values_that_cannot_be_read_hold_a_stream_only_where_they_are_many() {
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
        let (server, place) = mirrored(Way::TotalInHeader, 200, "");
        let before = queries::data(&place.mirror());
        server.edit("users", |users| {
            users.iter_mut().take(rows).for_each(change)
        });
        for _ in 0..3 {
            match expected {
                Ok(said) => drop(place.sync().with_rejects(said)),
                Err(why) => drop(place.sync().held(why)),
            }
            // A list with a row that cannot be identified removes nothing: it may be any that is missing.
            assert_eq!(queries::data(&place.mirror()), before, "{what}");
        }
    }
}

#[test]
fn more_than_five_hundred_rows_are_many_whatever_their_share() {
    let (server, place) = mirrored(
        Way::TotalInHeader,
        200,
        "[guard]\nremovals = \"50%\"\nremovals_max = 30\n",
    );
    server.edit("users", |users| users.truncate(169));
    place
        .sync()
        .held("31 of 200 rows would be removed, more than 30");
    server.edit("users", |users| {
        users.extend((169..170).map(|number| user(number, 1)))
    });
    for left in [200, 170] {
        place.sync().fine("thirty may go");
        assert_eq!(live(&place), left);
    }
}

#[test]
fn a_school_that_vanishes_is_held_where_the_job_looks_at_schools() {
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
        let server = Server::start(Way::TotalInHeader, [("classes", classes)]);
        let place = Place::new(
            &server,
            &Plan {
                streams: &["classes"],
                page: 100,
                job: guard,
                ..Plan::default()
            },
        );
        place.sync().fine("the first time");
        server.edit("classes", |classes| drop(classes.drain(..8)));
        for removed in [0, 8] {
            if is_held {
                place
                    .sync()
                    .held("all 8 rows of school-small would be removed");
            } else {
                let ran = place.sync().fine("8 of 300, when two readings say so");
                assert_eq!(ran.number("classes", "removed"), removed);
            }
        }
    }
}

#[test]
fn an_approval_is_good_for_exactly_the_difference_that_was_held() {
    for way in [Way::TotalInHeader, Way::Silent] {
        let (server, place) = mirrored(way, 200, "");
        server.edit("users", |users| users.truncate(120));
        let held = place.sync().held("80 of 200 rows would be removed");
        let before = queries::data(&place.mirror());
        server.edit("users", |users| users.truncate(119));
        let another = approve(&place, &held).held("81 of 200 rows would be removed");
        assert_eq!(queries::data(&place.mirror()), before, "{way:?}");
        server.edit("users", |list| list[0] = user(119, 1));
        let other_rows = approve(&place, &another).held("81 of 200 rows would be removed");
        let ran = approve(&place, &other_rows).fine("what was approved");
        assert_eq!(
            (ran.number("users", "removed"), live(&place)),
            (81, 119),
            "{way:?}"
        );
        let removed = "SELECT count(*) FROM own_users_history WHERE _ended = 'removed'";
        assert_eq!(queries::one::<u64>(&place.mirror(), removed), 81, "{way:?}");
        // The same rows come back and go again: that is another day, and another approval.
        let less = |list: &mut Vec<Value>| {
            list.truncate(119);
            list[0] = user(119, 1);
        };
        server.edit("users", |list| *list = users(200));
        place.sync().fine("all are back");
        server.edit("users", less);
        place.sync().held("81 of 200 rows would be removed");
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
        let server = Server::start(Way::TotalInHeader, roster(100));
        let plan = Plan {
            streams: STREAMS,
            page: 50,
            job: &format!("apply = \"{apply}\"\n"),
            ..Plan::default()
        };
        let place = Place::new(&server, &plan);
        server.script(|asked| (asked.list == "classes").then_some(Fault::Status(400)));
        let ran = place.sync();
        let (outcome, message) = ran.said();
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
            .map(|stream| queries::count(&place.mirror(), &format!("own_{stream}")))
            .collect();
        assert_eq!(counts, visible, "{apply}");
        server.behave();
        place.sync().fine("when the vendor is well again");
        let counts: Vec<u64> = STREAMS
            .iter()
            .map(|stream| queries::count(&place.mirror(), &format!("own_{stream}")))
            .collect();
        assert_eq!(counts, [1, 3, 100, 30, 100], "{apply}");
    }
}

#[test]
fn a_held_stream_holds_back_the_streams_applied_together_with_it() {
    let server = Server::start(Way::TotalInHeader, roster(100));
    let plan = Plan {
        streams: &["users", "classes"],
        page: 50,
        job: "apply = \"together\"\n",
        ..Plan::default()
    };
    let place = Place::new(&server, &plan);
    place.sync().fine("the first time");
    let before = queries::data(&place.mirror());
    server.edit("users", |users| {
        users.extend((100..110).map(|number| user(number, 1)))
    });
    server.edit("classes", |classes| classes.truncate(10));
    let held = place.sync().held("20 of 30 rows would be removed");
    assert_eq!(queries::data(&place.mirror()), before);
    approve(&place, &held).fine("what was approved");
    assert_eq!(
        (live(&place), queries::count(&place.mirror(), "own_classes")),
        (110, 10)
    );
}

/// A list of several pages may have moved unseen while it was read, also where its total agrees.
#[test]
fn absence_is_believed_at_once_only_where_one_answer_holds_the_whole_list() {
    for (way, page, at_first) in [
        (Way::TotalInHeader, 50, 0),
        (Way::TotalInBody, 50, 0),
        (Way::Linked, 50, 0),
        (Way::Silent, 50, 0),
        (Way::TotalInHeader, 1000, 5),
        (Way::TotalInBody, 1000, 5),
        (Way::Linked, 1000, 5),
        // Nobody says that the page is all of it.
        (Way::Silent, 1000, 0),
    ] {
        let what = format!("{way:?}, pages of {page}");
        let (server, place) = mirrored_by(page, way, 200, "");
        server.edit("users", |users| drop(users.drain(50..55)));
        let first = place.sync().fine("five are missing");
        assert_eq!(
            (
                first.number("users", "removed"),
                first.number("users", "unconfirmed")
            ),
            (at_first, 5 - at_first),
            "{what}"
        );
        assert_eq!(live(&place), 200 - at_first, "{what}");
        let second = place.sync().fine("and again");
        assert_eq!(second.number("users", "removed"), 5 - at_first, "{what}");
        assert_eq!(live(&place), 195, "{what}");
    }
}

#[test]
fn a_row_that_waits_and_comes_back_has_never_left() {
    let (server, place) = mirrored(Way::Silent, 200, "");
    for _ in 0..2 {
        server.edit("users", |users| drop(users.remove(50)));
        assert_eq!(
            place
                .sync()
                .fine("missing once")
                .number("users", "unconfirmed"),
            1
        );
        server.edit("users", |users| users.push(user(50, 1)));
        let back = place.sync().fine("back");
        assert_eq!(
            (
                back.number("users", "unconfirmed"),
                back.number("users", "new")
            ),
            (0, 0)
        );
    }
    assert_eq!(queries::count(&place.mirror(), "own_users_history"), 0);
}

/// How often a reading begins: at the first page.
fn counted(
    fault: impl Fn(usize, &Asked<'_>) -> Option<Fault> + Send + 'static,
) -> (
    Arc<AtomicUsize>,
    impl Fn(&Asked<'_>) -> Option<Fault> + Send,
) {
    let readings = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&readings);
    let script = move |asked: &Asked<'_>| {
        if asked.list != "users" {
            return None;
        }
        let before = count.fetch_add(usize::from(asked.offset == 0), Ordering::SeqCst);
        fault(before + usize::from(asked.offset == 0), asked)
    };
    (readings, script)
}

#[test]
fn a_reading_that_contradicts_itself_is_made_twice_more_and_then_removes_nothing() {
    type Script = fn(usize, &Asked<'_>) -> Option<Fault>;
    let moving: Script = |_, asked| Some(Fault::Total(200 + asked.nth as usize));
    let wrong: Script = |_, _| Some(Fault::Total(210));
    // Another row each time: rows that move, and not a row that this vendor always lists twice.
    let twice: Script =
        |reading, asked| (asked.offset == 50 * (reading % 3)).then_some(Fault::Twice);
    let always: Script = |_, asked| (asked.offset == 50).then_some(Fault::Twice);
    let at_first: Script =
        |reading, asked| (reading == 1 && asked.offset == 50).then_some(Fault::Half);
    let total = "received 195 of 210 declared rows";
    let cases: [(Way, Script, usize, Result<u64, &str>); 9] = [
        (
            Way::TotalInHeader,
            moving,
            3,
            Err("the declared total changed"),
        ),
        (
            Way::TotalInBody,
            moving,
            3,
            Err("the declared total changed"),
        ),
        (Way::TotalInHeader, wrong, 3, Err(total)),
        (Way::Linked, wrong, 3, Err(total)),
        (Way::TotalInHeader, twice, 3, Err("received 1 row twice")),
        (Way::Silent, twice, 3, Err("received 1 row twice")),
        // The same row in two readings is a habit, and says nothing of others; they wait for the next run.
        (Way::TotalInHeader, always, 2, Ok(5)),
        (Way::Silent, always, 2, Ok(5)),
        (Way::Linked, at_first, 2, Ok(5)),
    ];
    for (number, (way, fault, readings, expected)) in cases.into_iter().enumerate() {
        let what = format!("case {number} at {way:?}");
        let (server, place) = mirrored(way, 200, "");
        server.edit("users", |users| {
            users.drain(100..105);
            users[150] = user(155, 2);
        });
        let (counter, script) = counted(fault);
        server.script(script);
        let ran = match expected {
            Ok(_) => place.sync().fine(&what),
            Err(why) => place.sync().incomplete(why),
        };
        assert_eq!(counter.load(Ordering::SeqCst), readings, "{what}");
        let counts = ["changed", "removed", "unconfirmed"].map(|name| ran.number("users", name));
        assert_eq!(counts, [1, 0, expected.unwrap_or(0)], "{what}: {ran:?}");
        assert_eq!(live(&place), 200, "{what}");
    }
}

/// The difference must be the same for three days before absence counts again (`field::totals`).
#[test]
fn a_total_that_is_wrong_each_time_does_not_prove_a_reading() {
    for way in [Way::TotalInHeader, Way::TotalInBody, Way::Linked] {
        let (server, place) = mirrored(way, 200, "");
        server.edit("users", |users| drop(users.drain(100..105)));
        server.script(|_| Some(Fault::Total(210)));
        for _ in 0..3 {
            let ran = place.sync().incomplete("received 195 of 210 declared rows");
            assert_eq!(ran.number("users", "removed"), 0, "{way:?}: {ran:?}");
            assert_eq!(live(&place), 200, "{way:?}");
        }
        server.behave();
        for removed in [0, 5] {
            let ran = place.sync().fine("the total is right again");
            assert_eq!(ran.number("users", "removed"), removed, "{way:?}: {ran:?}");
        }
    }
}

#[test]
fn an_answer_without_rows_among_pages_is_no_end() {
    let (server, place) = mirrored(Way::TotalInHeader, 200, "");
    let before = queries::data(&place.mirror());
    server.script(|asked| (asked.offset == 100).then_some(Fault::Empty));
    let ran = place.sync();
    assert_eq!(queries::data(&place.mirror()), before, "{ran:?}");
    assert_ne!(
        ran.said(),
        ("ok".to_owned(), String::new()),
        "it says what was wrong"
    );
}
