//! What the guard holds back, what it lets through, and what an approval is good for.
//!
//! All of it on the real program and small lists; the rules as values are tested where they stand.

use serde_json::Value;

use crate::look;
use crate::people::{class, roster, user, users};
use crate::place::{Place, Plan, Ran};
use crate::server::{Asked, Fault, Server, Way};

/// A vendor with users `0..count`, mirrored.
fn mirrored(way: Way, count: usize, job: &str) -> (Server, Place) {
    let server = Server::of_users(way, users(count));
    let place = Place::new(
        &server,
        &Plan {
            page: 50,
            job,
            ..Plan::default()
        },
    );
    place.sync().fine("the first time");
    (server, place)
}

fn live(place: &Place) -> u64 {
    look::count(&place.mirror(), "own_users")
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
    let cases: [(&str, usize, Change, Result<u64, &str>); 9] = [
        (
            "empty",
            200,
            |users| users.clear(),
            Err("0 of 200 rows came"),
        ),
        (
            "two fifths missing",
            200,
            |users| users.truncate(120),
            Err("80 of 200 rows would go"),
        ),
        (
            "exactly a tenth missing",
            200,
            |users| users.truncate(180),
            Ok(180),
        ),
        (
            "a tenth and one missing",
            200,
            |users| users.truncate(179),
            Err("21 of 200 rows would go"),
        ),
        (
            "a small school lost four of twelve",
            12,
            |users| users.truncate(8),
            Ok(8),
        ),
        (
            "a small school is empty",
            12,
            |users| users.clear(),
            Err("0 of 12 rows came"),
        ),
        (
            "keys given anew",
            200,
            rekeyed,
            Err("the keys of 200 of 200 rows were replaced"),
        ),
        (
            "a status says that most are gone",
            200,
            |users| (0..150).for_each(|number| users[number]["status"] = "tobedeleted".into()),
            Err("150 of 200 rows would go"),
        ),
        (
            "three in a hundred cannot be taken",
            200,
            |users| (0..6).for_each(|number| users[number]["dateLastModified"] = "soon".into()),
            Err("6 of 200 rows could not be taken"),
        ),
    ];
    for (what, count, change, expected) in cases {
        let (server, place) = mirrored(Way::TotalInHeader, count, "");
        server.edit("users", change);
        let before = look::data(&place.mirror());
        let ran = place.sync();
        match expected {
            Ok(left) => {
                ran.fine(what);
                assert_eq!(live(&place), left, "{what}");
            }
            Err(why) => {
                ran.held(why);
                assert_eq!(look::data(&place.mirror()), before, "{what}");
            }
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
    place.sync().held("31 of 200 rows would go, more than 30");
    server.edit("users", |users| {
        users.extend((169..170).map(|number| user(number, 1)))
    });
    place.sync().fine("thirty may go");
    assert_eq!(live(&place), 170);
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
        if is_held {
            place.sync().held("all 8 rows of school-small would go");
        } else {
            assert_eq!(place.sync().fine("8 of 300").number("classes", "gone"), 8);
        }
    }
}

#[test]
fn an_approval_is_good_for_exactly_the_difference_that_was_held() {
    for way in [Way::TotalInHeader, Way::Silent] {
        let (server, place) = mirrored(way, 200, "");
        server.edit("users", |users| users.truncate(120));
        let held = place.sync().held("80 of 200 rows would go");
        let before = look::data(&place.mirror());
        server.edit("users", |users| users.truncate(119));
        let another = approve(&place, &held).held("81 of 200 rows would go");
        assert_eq!(look::data(&place.mirror()), before, "{way:?}");
        server.edit("users", |list| list[0] = user(119, 1));
        let other_rows = approve(&place, &another).held("81 of 200 rows would go");
        let ran = approve(&place, &other_rows).fine("what was approved");
        assert_eq!(
            (ran.number("users", "gone"), live(&place)),
            (81, 119),
            "{way:?}"
        );
        let gone = "SELECT count(*) FROM own_users_history WHERE _ended = 'gone'";
        assert_eq!(look::one::<u64>(&place.mirror(), gone), 81, "{way:?}");
        // The same rows come back and go again: that is another day, and another approval.
        let less = |list: &mut Vec<Value>| {
            list.truncate(119);
            list[0] = user(119, 1);
        };
        server.edit("users", |list| *list = users(200));
        place.sync().fine("all are back");
        server.edit("users", less);
        place.sync().held("81 of 200 rows would go");
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
        let (outcome, sentence) = ran.said();
        assert_eq!(
            (ran.code, outcome.as_str()),
            (Some(1), "failed"),
            "{apply}: {ran:?}"
        );
        assert!(
            sentence.contains("read page 1 of classes") && sentence.contains("400"),
            "{sentence}"
        );
        let counts: Vec<u64> = STREAMS
            .iter()
            .map(|stream| look::count(&place.mirror(), &format!("own_{stream}")))
            .collect();
        assert_eq!(counts, visible, "{apply}");
        server.behave();
        place.sync().fine("when the vendor is well again");
        let counts: Vec<u64> = STREAMS
            .iter()
            .map(|stream| look::count(&place.mirror(), &format!("own_{stream}")))
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
    let before = look::data(&place.mirror());
    server.edit("users", |users| {
        users.extend((100..110).map(|number| user(number, 1)))
    });
    server.edit("classes", |classes| classes.truncate(10));
    let held = place.sync().held("20 of 30 rows would go");
    assert_eq!(look::data(&place.mirror()), before);
    approve(&place, &held).fine("what was approved");
    assert_eq!(
        (live(&place), look::count(&place.mirror(), "own_classes")),
        (110, 10)
    );
}

#[test]
fn absence_is_believed_at_once_only_where_a_total_proves_the_reading() {
    for (way, at_first) in [
        (Way::TotalInHeader, 5),
        (Way::TotalInBody, 5),
        (Way::Linked, 5),
        (Way::Silent, 0),
    ] {
        let (server, place) = mirrored(way, 200, "");
        server.edit("users", |users| drop(users.drain(50..55)));
        let first = place.sync().fine("five are missing");
        assert_eq!(
            (
                first.number("users", "gone"),
                first.number("users", "waiting")
            ),
            (at_first, 5 - at_first),
            "{way:?}"
        );
        assert_eq!(live(&place), 200 - at_first, "{way:?}");
        let second = place.sync().fine("and again");
        assert_eq!(second.number("users", "gone"), 5 - at_first, "{way:?}");
        assert_eq!(live(&place), 195, "{way:?}");
    }
}

#[test]
fn a_row_that_waits_and_comes_back_has_never_left() {
    let (server, place) = mirrored(Way::Silent, 200, "");
    for _ in 0..2 {
        server.edit("users", |users| drop(users.remove(50)));
        assert_eq!(
            place.sync().fine("missing once").number("users", "waiting"),
            1
        );
        server.edit("users", |users| users.push(user(50, 1)));
        let back = place.sync().fine("back");
        assert_eq!(
            (back.number("users", "waiting"), back.number("users", "new")),
            (0, 0)
        );
    }
    assert_eq!(look::count(&place.mirror(), "own_users_history"), 0);
}

#[test]
fn a_reading_that_does_not_hold_together_is_made_once_more_and_removes_nothing() {
    type Script = fn(&Asked<'_>) -> Option<Fault>;
    let moving = |asked: &Asked<'_>| Some(Fault::Total(200 + asked.nth as usize));
    let twice = |asked: &Asked<'_>| (asked.offset == 50).then_some(Fault::Twice);
    let cases: [(&str, Way, Script); 4] = [
        ("the total moves", Way::TotalInHeader, moving),
        ("the total moves", Way::TotalInBody, moving),
        ("a row comes twice", Way::TotalInHeader, twice),
        ("a row comes twice", Way::Silent, twice),
    ];
    for (what, way, fault) in cases {
        let (server, place) = mirrored(way, 200, "");
        server.edit("users", |users| {
            users.drain(100..105);
            users[150] = user(155, 2);
        });
        let usual = server.log().len();
        server.script(fault);
        let ran = place.sync().fine(what);
        assert!(
            server.log().len() > usual + 4,
            "{what} at {way:?}: read once only"
        );
        assert_eq!(
            (ran.number("users", "changed"), ran.number("users", "gone")),
            (1, 0),
            "{what} at {way:?}: {ran:?}"
        );
        assert_eq!(live(&place), 200, "{what} at {way:?}");
    }
}

#[test]
fn a_total_that_is_wrong_each_time_does_not_prove_a_reading() {
    for way in [Way::TotalInHeader, Way::TotalInBody, Way::Linked] {
        let (server, place) = mirrored(way, 200, "");
        server.edit("users", |users| drop(users.drain(100..105)));
        server.script(|_| Some(Fault::Total(210)));
        let first = place.sync().fine("a wrong total");
        assert_eq!(
            (
                first.number("users", "gone"),
                first.number("users", "waiting")
            ),
            (0, 5),
            "{way:?}: {first:?}"
        );
        let second = place.sync().fine("the same again");
        assert_eq!(second.number("users", "gone"), 5, "{way:?}: {second:?}");
    }
}

#[test]
fn an_answer_without_rows_among_pages_is_no_end() {
    let (server, place) = mirrored(Way::TotalInHeader, 200, "");
    let before = look::data(&place.mirror());
    server.script(|asked| (asked.offset == 100).then_some(Fault::Empty));
    let ran = place.sync();
    assert_eq!(look::data(&place.mirror()), before, "{ran:?}");
    assert_ne!(
        ran.said(),
        ("ok".to_owned(), String::new()),
        "it says what was wrong"
    );
}
