//! Eight accidents that other sync tools lose rows to, each at vendors that page differently.
//!
//! Every one must end with all rows, or with a run that was held or failed and says why. The
//! program's patience is real here: a `Retry-After` of one second is one second.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::people::{key, user, users};
use crate::place::{Place, Plan};
use crate::queries;
use crate::server::{Fault, PATIENCE, Seen, Server, Way};

/// Rows of the list, and rows on a page.
const ROWS: usize = 4_000;
const PAGE: usize = 200;
const PAGES: u32 = (ROWS / PAGE) as u32;

/// A vendor with all rows, and a place to mirror it.
fn begin(way: Way, plan: &Plan<'_>) -> (Server, Place) {
    let server = Server::of_users(way, users(ROWS));
    let place = Place::new(
        &server,
        &Plan {
            page: PAGE,
            ..*plan
        },
    );
    (server, place)
}

/// Runs a test at every kind of vendor, side by side.
fn each_way(test: impl Fn(Way) + Sync) {
    at_each(&[Way::TotalInHeader, Way::Silent, Way::Linked], test);
}

fn at_each(ways: &[Way], test: impl Fn(Way) + Sync) {
    thread::scope(|scope| {
        let test = &test;
        for way in ways.iter().copied() {
            let named = thread::Builder::new().name(format!("{way:?}"));
            named
                .spawn_scoped(scope, move || test(way))
                .expect("a thread");
        }
    });
}

/// The mirror holds exactly the users `0..count`.
fn holds(place: &Place, count: usize) {
    let mirror = place.mirror();
    assert_eq!(queries::count(&mirror, "own_users"), count as u64);
    let ends: Vec<String> = ["min", "max"]
        .iter()
        .map(|end| queries::one(&mirror, &format!("SELECT {end}(sourced_id) FROM own_users")))
        .collect();
    assert_eq!(ends, [key(0), key(count - 1)]);
}

/// After a wish for peace nobody asked before it was over.
fn waits_were_kept(log: &[Seen]) {
    for (number, busy) in log
        .iter()
        .enumerate()
        .filter(|(_, seen)| [429, 503].contains(&seen.status))
    {
        let next = log.get(number + 1).expect("it was asked again");
        let pause = next.came - busy.answered;
        assert!(
            pause >= Duration::from_secs(1),
            "asked again after {pause:?}"
        );
    }
}

#[test]
fn an_overloaded_vendor_is_waited_for() {
    each_way(|way| {
        for (status, times) in [(503, 3), (429, 2)] {
            let (server, place) = begin(
                way,
                &Plan {
                    in_flight: 1,
                    ..Plan::default()
                },
            );
            server.script(move |asked| {
                (5..5 + times)
                    .contains(&asked.nth)
                    .then_some(Fault::Status(status))
            });
            place.sync().fine("after the vendor had its peace");
            holds(&place, ROWS);
            let busy = server
                .log()
                .iter()
                .filter(|seen| seen.status == status)
                .count();
            assert_eq!(busy, times as usize);
            waits_were_kept(&server.log());
        }
    });
}

#[test]
fn a_token_that_dies_in_mid_reading_is_replaced() {
    each_way(|way| {
        let (server, place) = begin(way, &Plan::default());
        server.token_lasts(8);
        place.sync().fine("with several tokens");
        holds(&place, ROWS);
        let refused = server
            .log()
            .iter()
            .filter(|seen| seen.status == 401)
            .count() as u32;
        assert!(server.tokens() >= PAGES / 8, "{} tokens", server.tokens());
        assert!(refused >= 1, "no token ever died");
        assert!(
            server.tokens() <= 1 + refused,
            "{} tokens after {refused} refusals",
            server.tokens()
        );
    });
}

#[test]
fn a_page_that_comes_half_is_noticed() {
    at_each(
        &[
            Way::TotalInHeader,
            Way::TotalInBody,
            Way::Silent,
            Way::Linked,
        ],
        |way| {
            let (server, place) = begin(way, &Plan::default());
            server.script(|asked| (asked.nth == 8).then_some(Fault::Half));
            place.sync().fine("the other half was fetched");
            holds(&place, ROWS);
            assert!(
                server.log().len() as u32 > PAGES,
                "nothing more was asked for"
            );
        },
    );
}

#[test]
fn a_list_that_shrinks_to_a_tenth_is_held() {
    each_way(|way| {
        let (server, place) = begin(way, &Plan::default());
        place.sync().fine("the first time");
        let before = queries::data(&place.mirror());
        server.edit("users", |users| users.truncate(ROWS / 10));
        for _ in 0..2 {
            place.sync().held("3600 of 4000 rows would be removed");
            assert_eq!(
                queries::data(&place.mirror()),
                before,
                "a held run writes no row"
            );
        }
    });
}

#[test]
fn a_row_with_the_newest_stamp_is_found() {
    each_way(|way| {
        let (server, place) = begin(
            way,
            &Plan {
                job: "[stream.users]\nmode = \"incremental\"\n",
                ..Plan::default()
            },
        );
        place.sync().fine("the first time");
        server.behave();
        let newest = user(ROWS - 1, 1)["dateLastModified"].clone();
        server.edit("users", |users| {
            let mut same_moment = user(ROWS, 1);
            same_moment["dateLastModified"] = newest;
            users.push(same_moment);
            users.push(user(ROWS + 1, 9));
        });
        let asked = server.log().len();
        let ran = place.sync().fine("with the new rows");
        assert_eq!(ran.stream("users")["reading"], "incremental");
        assert_eq!(
            (ran.number("users", "new"), ran.number("users", "changed")),
            (2, 0)
        );
        assert!(
            server.log()[asked..]
                .iter()
                .filter(|seen| !seen.path.ends_with("/orgs")) // whose account it is
                .all(|seen| seen.query.contains_key("filter")),
            "only changes were asked for"
        );
        holds(&place, ROWS + 2);
    });
}

#[test]
fn a_program_killed_in_mid_reading_leaves_nothing_half() {
    each_way(|way| {
        let (server, place) = begin(way, &Plan::default());
        for (kills, versions) in [("before the first rows", 1), ("with rows in the mirror", 2)] {
            server.edit("users", |users| {
                for number in (0..ROWS).filter(|number| number.is_multiple_of(2)) {
                    users[number] = user(number, versions);
                }
            });
            let before = place
                .mirror()
                .exists()
                .then(|| queries::data(&place.mirror()));
            server.script(|asked| (asked.nth == PAGES / 2).then_some(Fault::Wait));
            let mut running = place.start(place.command(&["sync", "--json"]));
            server.until_somebody_waits();
            running.kill();
            server.release();
            match before {
                Some(before) => assert_eq!(queries::data(&place.mirror()), before, "{kills}"),
                None => assert_eq!(queries::count(&place.mirror(), "own_users"), 0, "{kills}"),
            }
            server.behave();
            let ran = place.sync().fine("the run after it");
            let written = ran.number("users", "new") + ran.number("users", "changed");
            assert_eq!(
                written,
                if versions == 1 {
                    ROWS as u64
                } else {
                    ROWS as u64 / 2
                },
                "{kills}"
            );
            holds(&place, ROWS);
            let outcomes: Vec<String> = queries::list(
                &place.mirror(),
                "SELECT outcome FROM rollbook_runs ORDER BY run DESC LIMIT 2",
            );
            assert_eq!(outcomes, ["ok", "interrupted"], "{kills}");
        }
    });
}

#[test]
fn a_reader_sees_the_old_mirror_or_the_new_one() {
    each_way(|way| {
        let (server, place) = begin(way, &Plan::default());
        place.sync().fine("the first time");
        server.edit("users", |users| {
            for number in (0..ROWS).filter(|number| number.is_multiple_of(2)) {
                users[number] = user(number, 2);
            }
        });
        // The reading stands still in its middle until the reader has looked, so that it surely looks during the run.
        server.script(|asked| (asked.nth == PAGES / 2).then_some(Fault::Wait));
        let (looks, ended) = (AtomicU32::new(0), AtomicBool::new(false));
        let states = thread::scope(|scope| {
            let reader = scope.spawn(|| read_until(&place, &looks, &ended));
            let running = place.start(place.command(&["sync", "--json"]));
            server.until_somebody_waits();
            let (seen, started) = (looks.load(Ordering::SeqCst), Instant::now());
            while looks.load(Ordering::SeqCst) < seen + 5 {
                assert!(started.elapsed() < PATIENCE, "the reader does not look");
                thread::yield_now();
            }
            server.release();
            running.end().fine("with half of the rows changed");
            ended.store(true, Ordering::SeqCst);
            reader.join().expect("a reader")
        });
        let half = ROWS as u64 / 2;
        let (old, new) = ((ROWS as u64, 0, 0), (ROWS as u64, half, half));
        assert!(
            states.iter().all(|state| *state == old || *state == new),
            "a half state: {states:?}"
        );
        assert!(
            states.contains(&old) && states.last() == Some(&new),
            "old, then new: {states:?}"
        );
        assert!(states.is_sorted(), "never back: {states:?}");
    });
}

/// Looks every ten milliseconds: rows, rows of the second version, rows of the history.
fn read_until(place: &Place, looks: &AtomicU32, ended: &AtomicBool) -> Vec<(u64, u64, u64)> {
    let connection = queries::open(&place.mirror());
    let sql = "SELECT (SELECT count(*) FROM own_users), (SELECT count(*) FROM own_users WHERE family_name LIKE '%the 2th%'), \
               (SELECT count(*) FROM own_users_history)";
    let mut states = Vec::new();
    loop {
        let last = ended.load(Ordering::SeqCst);
        let state =
            connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        states.push(state.expect("a reader is never refused"));
        looks.fetch_add(1, Ordering::SeqCst);
        if last {
            return states;
        }
        thread::sleep(Duration::from_millis(10));
    }
}
