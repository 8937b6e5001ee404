//! Eight accidents by which other sync tools lose rows, each at vendors with different paging.
//!
//! Every one must end with all rows, or with a held or failed run that gives the reason. Waiting
//! times are real here: a `Retry-After` of one second is one second.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::installation::{Config, Installation};
use crate::people::{key, user, users};
use crate::queries;
use crate::server::{Fault, LoggedRequest, Paging, Server, WAIT_LIMIT};

/// Rows of the list, and rows per page.
const ROWS: usize = 4_000;
const PAGE: usize = 200;
const PAGES: u32 = (ROWS / PAGE) as u32;

/// A vendor with all rows, and an installation to mirror it.
fn start(paging: Paging, plan: &Config<'_>) -> (Server, Installation) {
    let server = Server::of_users(paging, users(ROWS));
    let installation = Installation::new(
        &server,
        &Config {
            page: PAGE,
            ..*plan
        },
    );
    (server, installation)
}

/// Runs a test at every kind of vendor, in parallel.
fn each_paging(test: impl Fn(Paging) + Sync) {
    each_of(
        &[Paging::TotalInHeader, Paging::Silent, Paging::Linked],
        test,
    );
}

fn each_of(pagings: &[Paging], test: impl Fn(Paging) + Sync) {
    thread::scope(|scope| {
        let test = &test;
        for paging in pagings.iter().copied() {
            let named = thread::Builder::new().name(format!("{paging:?}"));
            named
                .spawn_scoped(scope, move || test(paging))
                .expect("a thread");
        }
    });
}

/// The mirror holds exactly the users `0..count`.
fn assert_users(installation: &Installation, count: usize) {
    let mirror = installation.mirror();
    assert_eq!(queries::count(&mirror, "own_users"), count as u64);
    let ends: Vec<String> = ["min", "max"]
        .iter()
        .map(|end| queries::one(&mirror, &format!("SELECT {end}(sourced_id) FROM own_users")))
        .collect();
    assert_eq!(ends, [key(0), key(count - 1)]);
}

/// No request was sent before the end of a `Retry-After`.
fn assert_waits(log: &[LoggedRequest]) {
    for (number, refused) in log
        .iter()
        .enumerate()
        .filter(|(_, seen)| [429, 503].contains(&seen.status))
    {
        let next = log.get(number + 1).expect("the retry");
        let pause = next.received - refused.answered;
        assert!(pause >= Duration::from_secs(1), "retried after {pause:?}");
    }
}

#[test]
fn retry_after_is_respected() {
    each_paging(|paging| {
        for (status, times) in [(503, 3), (429, 2)] {
            let (server, installation) = start(
                paging,
                &Config {
                    in_flight: 1,
                    ..Config::default()
                },
            );
            server.script(move |request| {
                (5..5 + times)
                    .contains(&request.nth)
                    .then_some(Fault::Status(status))
            });
            installation
                .sync()
                .assert_ok("after the end of its Retry-After");
            assert_users(&installation, ROWS);
            let refused = server
                .log()
                .iter()
                .filter(|seen| seen.status == status)
                .count();
            assert_eq!(refused, times as usize);
            assert_waits(&server.log());
        }
    });
}

#[test]
fn a_token_that_expires_during_a_reading_is_replaced() {
    each_paging(|paging| {
        let (server, installation) = start(paging, &Config::default());
        server.token_lasts(8);
        installation.sync().assert_ok("with several tokens");
        assert_users(&installation, ROWS);
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
fn a_partial_page_is_detected() {
    each_of(
        &[
            Paging::TotalInHeader,
            Paging::TotalInBody,
            Paging::Silent,
            Paging::Linked,
        ],
        |paging| {
            let (server, installation) = start(paging, &Config::default());
            server.script(|request| (request.nth == 8).then_some(Fault::Half));
            installation.sync().assert_ok("the other half was fetched");
            assert_users(&installation, ROWS);
            assert!(server.log().len() as u32 > PAGES, "no further request");
        },
    );
}

#[test]
fn a_list_that_shrinks_to_a_tenth_is_held() {
    each_paging(|paging| {
        let (server, installation) = start(paging, &Config::default());
        installation.sync().assert_ok("the first time");
        let before = queries::data(&installation.mirror());
        server.edit("users", |users| users.truncate(ROWS / 10));
        for _ in 0..2 {
            installation
                .sync()
                .held("3600 of 4000 rows would be removed");
            assert_eq!(
                queries::data(&installation.mirror()),
                before,
                "a held run writes no row"
            );
        }
    });
}

#[test]
fn a_row_with_the_newest_change_time_is_found() {
    each_paging(|paging| {
        let (server, installation) = start(
            paging,
            &Config {
                job: "[stream.users]\nmode = \"incremental\"\n",
                ..Config::default()
            },
        );
        installation.sync().assert_ok("the first time");
        server.clear_faults();
        let newest = user(ROWS - 1, 1)["dateLastModified"].clone();
        server.edit("users", |users| {
            let mut same_time = user(ROWS, 1);
            same_time["dateLastModified"] = newest;
            users.push(same_time);
            users.push(user(ROWS + 1, 9));
        });
        let request = server.log().len();
        let ran = installation.sync().assert_ok("with the new rows");
        assert_eq!(ran.stream("users")["reading"], "incremental");
        assert_eq!(
            (ran.number("users", "new"), ran.number("users", "changed")),
            (2, 0)
        );
        assert!(
            server.log()[request..]
                .iter()
                .filter(|seen| !seen.path.ends_with("/orgs")) // the account's identity
                .all(|seen| seen.query.contains_key("filter")),
            "only changes were requested"
        );
        assert_users(&installation, ROWS + 2);
    });
}

#[test]
fn a_program_killed_during_a_reading_leaves_nothing_partial() {
    each_paging(|paging| {
        let (server, installation) = start(paging, &Config::default());
        for (kills, versions) in [("before the first rows", 1), ("with rows in the mirror", 2)] {
            server.edit("users", |users| {
                for number in (0..ROWS).filter(|number| number.is_multiple_of(2)) {
                    users[number] = user(number, versions);
                }
            });
            let before = installation
                .mirror()
                .exists()
                .then(|| queries::data(&installation.mirror()));
            server.script(|request| (request.nth == PAGES / 2).then_some(Fault::Wait));
            let mut running = installation.start(installation.command(&["sync", "--json"]));
            server.until_a_request_is_held();
            running.kill();
            server.release();
            match before {
                Some(before) => {
                    assert_eq!(queries::data(&installation.mirror()), before, "{kills}")
                }
                None => assert_eq!(
                    queries::count(&installation.mirror(), "own_users"),
                    0,
                    "{kills}"
                ),
            }
            server.clear_faults();
            let ran = installation.sync().assert_ok("the run after it");
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
            assert_users(&installation, ROWS);
            let outcomes: Vec<String> = queries::list(
                &installation.mirror(),
                "SELECT outcome FROM rollbook_runs ORDER BY run DESC LIMIT 2",
            );
            assert_eq!(outcomes, ["ok", "interrupted"], "{kills}");
        }
    });
}

#[test]
fn a_reader_sees_the_old_mirror_or_the_new_one() {
    each_paging(|paging| {
        let (server, installation) = start(paging, &Config::default());
        installation.sync().assert_ok("the first time");
        server.edit("users", |users| {
            for number in (0..ROWS).filter(|number| number.is_multiple_of(2)) {
                users[number] = user(number, 2);
            }
        });
        // The reading is held in its middle until the reader has queried, so that it certainly queries during the run.
        server.script(|request| (request.nth == PAGES / 2).then_some(Fault::Wait));
        let (queries, ended) = (AtomicU32::new(0), AtomicBool::new(false));
        let states = thread::scope(|scope| {
            let reader = scope.spawn(|| read_until(&installation, &queries, &ended));
            let running = installation.start(installation.command(&["sync", "--json"]));
            server.until_a_request_is_held();
            let (seen, started) = (queries.load(Ordering::SeqCst), Instant::now());
            while queries.load(Ordering::SeqCst) < seen + 5 {
                assert!(started.elapsed() < WAIT_LIMIT, "the reader does not query");
                thread::yield_now();
            }
            server.release();
            running.end().assert_ok("with half of the rows changed");
            ended.store(true, Ordering::SeqCst);
            reader.join().expect("a reader")
        });
        let half = ROWS as u64 / 2;
        let (old, new) = ((ROWS as u64, 0, 0), (ROWS as u64, half, half));
        assert!(
            states.iter().all(|state| *state == old || *state == new),
            "a partial state: {states:?}"
        );
        assert!(
            states.contains(&old) && states.last() == Some(&new),
            "old, then new: {states:?}"
        );
        assert!(states.is_sorted(), "never back: {states:?}");
    });
}

/// Queries every ten milliseconds: rows, rows of the second version, rows of the history.
fn read_until(
    installation: &Installation,
    queries: &AtomicU32,
    ended: &AtomicBool,
) -> Vec<(u64, u64, u64)> {
    let connection = queries::open(&installation.mirror());
    let sql = "SELECT (SELECT count(*) FROM own_users), (SELECT count(*) FROM own_users WHERE family_name LIKE '%the 2th%'), \
               (SELECT count(*) FROM own_users_history)";
    let mut states = Vec::new();
    loop {
        let last = ended.load(Ordering::SeqCst);
        let state =
            connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        states.push(state.expect("a reader is never refused"));
        queries.fetch_add(1, Ordering::SeqCst);
        if last {
            return states;
        }
        thread::sleep(Duration::from_millis(10));
    }
}
