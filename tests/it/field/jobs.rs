//! J1, J2, J3: concurrent jobs, reloads in the middle of a run, lists that belong together.

use std::time::Duration;

use rollbook_engine::setup::{Folders, Overlay, Setup};
use serde_json::{Value, json};

use super::harness::{Config, Harness, each, id, once, people, persons, until};
use super::server::{Gate, Reply, Shared, VendorRequest};
use rollbook_engine::sync::Cause;

/// No run takes longer at a vendor that responds at once.
const LIMIT: Duration = Duration::from_secs(4);

/// A stream of this name with a name.
fn stream(name: &str) -> String {
    people("page = { by = \"none\" }", "", "name = \"name : text\"\n").replace("people", name)
}

/// Streams, and jobs that read some of them in their own order.
fn plan(streams: &[&str], jobs: &[(&str, &[&str], &str)]) -> Config {
    let text: String = streams.iter().map(|name| stream(name)).collect();
    let mut plan = Config::of(&text);
    plan.in_flight = 4;
    plan.real_time = true;
    plan.jobs = jobs
        .iter()
        .map(|(name, streams, more)| {
            (
                (*name).to_owned(),
                format!("{}{more}", super::harness::reads(streams)),
            )
        })
        .collect();
    plan
}

const TOGETHER: &str = "apply = \"together\"\ntimeout = \"30s\"\n";

/// J1: jobs that read the same streams in other orders all end.
#[test]
fn j1_jobs_that_read_the_same_streams_in_other_orders() {
    type Jobs = &'static [(&'static str, &'static [&'static str], &'static str)];
    let cases: [(&str, Jobs); 5] = [
        (
            "two, in reverse",
            &[
                ("one", &["users", "classes"], TOGETHER),
                ("two", &["classes", "users"], TOGETHER),
            ],
        ),
        (
            "two in the same order",
            &[
                ("one", &["users", "classes"], TOGETHER),
                ("two", &["users", "classes"], TOGETHER),
            ],
        ),
        (
            "three in a ring",
            &[
                ("one", &["users", "classes"], TOGETHER),
                ("two", &["classes", "orgs"], TOGETHER),
                ("three", &["orgs", "users"], TOGETHER),
            ],
        ),
        (
            "one together, one each",
            &[
                ("one", &["users", "classes"], TOGETHER),
                ("two", &["classes", "users"], ""),
            ],
        ),
        (
            "three, in every order",
            &[
                ("one", &["users", "classes", "orgs"], TOGETHER),
                ("two", &["orgs", "classes", "users"], TOGETHER),
                ("three", &["classes", "orgs", "users"], TOGETHER),
            ],
        ),
    ];
    each(
        &cases,
        |(name, _)| (*name).to_owned(),
        |(name, jobs)| {
            let mut harness = Harness::new(&plan(&["users", "classes", "orgs"], jobs));
            harness
                .vendor
                .respond_with(super::harness::all(&persons(20)));
            let names: Vec<&str> = jobs.iter().map(|(name, ..)| *name).collect();
            for round in 1..=2 {
                let runs = harness.run_together(&names, LIMIT);
                let runs = runs
                    .unwrap_or_else(|| panic!("{name}: they wait for each other, round {round}"));
                runs.into_iter().for_each(|ran| drop(ran.ended("ok", name)));
            }
        },
    );
}

/// J1: a job waits for another one no longer than its own timeout, and names what it waited for.
#[test]
fn j1_a_wait_is_bounded_by_the_timeout() {
    let short = "apply = \"together\"\ntimeout = \"1s\"\n";
    let mut harness = Harness::new(&plan(
        &["users", "classes"],
        &[
            ("one", &["users", "classes"], TOGETHER),
            ("two", &["classes", "users"], short),
        ],
    ));
    let gate = Gate::default();
    let held = gate.clone();
    harness.vendor.respond_with(move |request| {
        let reply = Reply::json(&json!({"rows": persons(20)}));
        if request.list() == "users" {
            reply.behind(&held)
        } else {
            reply
        }
    });
    let (one, two) = harness.run_with("one", &gate, async |app, _| {
        once(app, "two", Cause::Command, false).await
    });
    one.ended("ok", "who was first");
    let two = two.expect("it does not wait for ever");
    harness
        .of(two)
        .ended("failed", "who waited")
        .reports(&["another run still reads `classes`"], "who waited");
}

fn loaded(folders: &Folders) -> Setup {
    Setup::load(folders, &Overlay::default()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn folders(harness: &Harness) -> Folders {
    Folders {
        config: harness.installation.path("config"),
        jobs: harness.installation.path("jobs"),
        state: harness.installation.path("state"),
        source: None,
    }
}

/// J2: two jobs read the same stream, with a reload in between: they take turns all the same.
#[test]
fn j2_a_reload_while_two_jobs_read_the_same_stream() {
    let jobs: &[(&str, &[&str], &str)] = &[("one", &["users"], ""), ("two", &["users"], "")];
    let mut harness = Harness::new(&plan(&["users"], jobs));
    let gate = Gate::default();
    let held = gate.clone();
    harness.vendor.respond_with(move |request| {
        let reply = Reply::json(&json!({"rows": persons(20)}));
        if request.nth == 1 {
            reply.behind(&held)
        } else {
            reply
        }
    });
    // Any changed file causes a reload; this one is unrelated to the source.
    harness.installation.write(
        "jobs/three.toml",
        "source = \"own\"\nstreams = [\"users\"]\nschedule = \"0 4 * * *\"\n",
    );
    let setup = loaded(&folders(&harness));
    let opens = gate.clone();
    let (one, two) = harness.run_with("one", &gate, async |app, vendor| {
        app.replace(setup).await.expect("a reload");
        let open = async {
            until(|| vendor.requests() > 1).await;
            opens.open();
        };
        futures_util::future::join(once(app, "two", Cause::Command, false), open)
            .await
            .0
    });
    one.ended("ok", "the run of before the reload");
    let two = harness
        .of(two.expect("it ends"))
        .ended("ok", "the run of after it");
    assert_eq!(
        two.part("users").new,
        0,
        "the first one received the rows: {two:?}"
    );
    assert_eq!(
        crate::queries::count(&harness.installation.mirror(), "own_users"),
        20
    );
}

/// J2: an unchanged source keeps its limits through a reload: one concurrent request stays one.
#[test]
fn j2_a_reload_does_not_double_concurrent_requests() {
    let jobs: &[(&str, &[&str], &str)] = &[("one", &["users"], ""), ("two", &["classes"], "")];
    for reloads in [false, true] {
        let mut plan = plan(&["users", "classes"], jobs);
        plan.in_flight = 1;
        let mut harness = Harness::new(&plan);
        let gate = Gate::default();
        let held = gate.clone();
        harness.vendor.respond_with(move |request| {
            let reply = Reply::json(&json!({"rows": persons(20)}));
            if request.list() == "users" {
                reply.behind(&held)
            } else {
                reply
            }
        });
        harness.installation.write(
            "jobs/three.toml",
            "source = \"own\"\nstreams = [\"users\"]\nschedule = \"0 4 * * *\"\n",
        );
        let setup = loaded(&folders(&harness));
        let opens = gate.clone();
        let (one, two) = harness.run_with("one", &gate, async |app, vendor| {
            if reloads {
                app.replace(setup).await.expect("a reload");
            }
            let observed = async {
                until(|| vendor.requests() > 1).await;
                let requests = vendor.requests();
                opens.open();
                requests
            };
            futures_util::future::join(once(app, "two", Cause::Command, false), observed).await
        });
        one.ended("ok", reloads);
        let (two, concurrent) = two.expect("it ends");
        harness.of(two).ended("ok", reloads);
        assert_eq!(concurrent, 1, "with a reload: {reloads}");
    }
}

/// J2: a `Retry-After` of a day is respected after a reload too.
#[test]
fn j2_a_reload_keeps_a_retry_after() {
    let jobs: &[(&str, &[&str], &str)] = &[("one", &["users"], ""), ("two", &["classes"], "")];
    for reloads in [false, true] {
        let mut plan = plan(&["users", "classes"], jobs);
        plan.real_time = false;
        let mut harness = Harness::new(&plan);
        harness
            .vendor
            .respond_with(|_| Reply::status(429).header("retry-after", "86400"));
        harness
            .run("one", Cause::Command, false)
            .ended_in(&["failed", "incomplete"], "429");
        harness
            .vendor
            .respond_with(super::harness::all(&persons(20)));
        if reloads {
            harness.installation.write(
                "jobs/three.toml",
                "source = \"own\"\nstreams = [\"users\"]\nschedule = \"0 4 * * *\"\n",
            );
            harness.reload();
        }
        harness
            .run("two", Cause::Command, false)
            .ended_in(&["failed", "incomplete"], reloads);
        assert_eq!(harness.vendor.requests(), 0, "with a reload: {reloads}");
        harness.advance(Duration::from_secs(86_401));
        harness
            .run("two", Cause::Command, false)
            .ended("ok", "a day later");
    }
}

/// J2: a run keeps the columns that it started with, whatever a reload changes.
#[test]
fn j2_a_reload_that_changes_the_columns_of_a_run() {
    let columns = |more: &str| {
        let mut plan = plan(&["users"], &[("one", &["users"], "")]);
        plan.streams.push_str(more);
        plan
    };
    let (less, more) = (columns(""), columns("email = \"email : text\"\n"));
    let other = columns("email = \"mail : integer\"\n");
    let cases = [
        ("one is dropped", &more, &less),
        ("one is added", &less, &more),
        ("one is another", &more, &other),
    ];
    each(
        &cases,
        |(name, ..)| (*name).to_owned(),
        |(name, before, after)| {
            let mut harness = Harness::new(before);
            let mut rows = persons(20);
            rows.iter_mut().for_each(|row| row["email"] = json!("a@x"));
            harness.vendor.respond_with(super::harness::all(&rows));
            harness
                .run("one", Cause::Command, false)
                .ended("ok", "first");
            rows.push(json!({"id": id(20), "name": "New", "email": "b@x"}));
            let gate = Gate::default();
            let (held, body) = (gate.clone(), json!({"rows": rows}));
            harness
                .vendor
                .respond_with(move |_| Reply::json(&body).behind(&held));
            // The files change while the program runs.
            let written = Harness::new(after);
            let text =
                std::fs::read_to_string(written.installation.path("config/connectors/own.toml"))
                    .expect("a file");
            harness
                .installation
                .write("config/connectors/own.toml", &text);
            let setup = loaded(&folders(&harness));
            let opens = gate.clone();
            let (one, taken) = harness.run_with("one", &gate, async |app, _| {
                let opens = async {
                    until(|| false).await;
                    opens.open();
                };
                futures_util::future::join(app.replace(setup), opens)
                    .await
                    .0
            });
            one.ended("ok", name);
            assert!(
                matches!(taken, Some(Ok(()))),
                "{name}: the reload is applied"
            );
            harness
                .run("one", Cause::Command, false)
                .ended("ok", "with the new columns");
            let table = crate::queries::count(&harness.installation.mirror(), "own_users");
            assert_eq!(table, 21, "{name}");
        },
    );
}

/// Users and enrolments of them, applied together.
fn roster(order: &[&str], apply: &str) -> Config {
    let mut plan = Config::of(&format!(
        "{}{}user_id = {{ from = \"user.id : text\", refers_to = \"users.id\" }}\n",
        stream("users"),
        stream("enrolments")
    ));
    plan.jobs = vec![(
        "job".to_owned(),
        format!("{}apply = \"{apply}\"\n", super::harness::reads(order)),
    )];
    plan
}

fn enrolment(number: usize, user: Option<usize>) -> Value {
    json!({"id": format!("e{number:04}"), "name": "E", "user": {"id": user.map(id)}})
}

/// Both lists from the shared ones; `between` runs before the second list of the first set is answered.
fn answers(
    users: &Shared,
    enrolments: &Shared,
    between: impl Fn(&Shared, &Shared) + Send + 'static,
) -> impl FnMut(&VendorRequest) -> Reply + Send + 'static {
    let (users, enrolments) = (users.clone(), enrolments.clone());
    let mut lists = 0;
    move |request| {
        lists += 1;
        if lists == 2 {
            between(&users, &enrolments);
        }
        let rows = match request.list() {
            "users" => users.rows(),
            _ => enrolments.rows(),
        };
        Reply::json(&json!({"rows": rows}))
    }
}

/// J3: the vendor changes between two lists of a set: the set is read once more, and is then consistent.
#[test]
fn j3_the_vendor_changes_between_two_lists() {
    type Between = fn(&Shared, &Shared);
    let joins: Between = |users, enrolments| {
        users.edit(|rows| rows.push(super::harness::person(20)));
        enrolments.edit(|rows| rows.push(enrolment(20, Some(20))));
    };
    let leaves: Between = |users, enrolments| {
        users.edit(|rows| drop(rows.remove(3)));
        enrolments.edit(|rows| drop(rows.remove(3)));
    };
    let cases: [(&str, &[&str], Between); 2] = [
        ("a user is added", &["users", "enrolments"], joins),
        ("a user is removed", &["enrolments", "users"], leaves),
    ];
    for is_first_load in [true, false] {
        each(
            &cases,
            |(name, ..)| format!("{name}, first load: {is_first_load}"),
            |(name, order, between)| {
                let mut harness = Harness::new(&roster(order, "together"));
                let users = Shared::of(persons(20));
                let enrolments = Shared::of(
                    (0..20)
                        .map(|number| enrolment(number, Some(number)))
                        .collect(),
                );
                if !is_first_load {
                    harness
                        .vendor
                        .respond_with(answers(&users, &enrolments, |_, _| {}));
                    harness.sync().ended("ok", "first");
                }
                harness
                    .vendor
                    .respond_with(answers(&users, &enrolments, *between));
                harness.sync().ended("ok", name);
                assert_eq!(
                    harness.vendor.requests(),
                    4,
                    "{name}: the set is read once more"
                );
                let dangling = "SELECT count(*) FROM own_enrolments WHERE user_id NOT IN (SELECT id FROM own_users)";
                assert_eq!(
                    crate::queries::one::<u64>(&harness.installation.mirror(), dangling),
                    0,
                    "{name}"
                );
            },
        );
    }
}

/// J3: references that dangle at the vendor are reported with their number, and cost one second reading.
#[test]
fn j3_references_that_always_dangle() {
    let mut harness = Harness::new(&roster(&["users", "enrolments"], "together"));
    let users = Shared::of(persons(20));
    let mut rows: Vec<Value> = (0..20)
        .map(|number| enrolment(number, Some(number)))
        .collect();
    // No reference refers to nothing.
    rows.push(enrolment(20, None));
    let enrolments = Shared::of(rows);
    harness
        .vendor
        .respond_with(answers(&users, &enrolments, |_, _| {}));
    let ran = harness.sync().ended("ok", "nothing dangles");
    assert!(!ran.reported.contains("users"), "{ran:?}");
    assert_eq!(harness.vendor.log().len(), 2);
    enrolments.edit(|rows| rows.extend((30..37).map(|number| enrolment(number, Some(number)))));
    let ran = harness.sync().reports(&["7", "users"], "seven dangle");
    assert_eq!(harness.vendor.log().len(), 4, "read once more: {ran:?}");
    assert_eq!(
        crate::queries::count(&harness.installation.mirror(), "own_enrolments"),
        28,
        "they are there all the same"
    );
    for reading in 1..=2 {
        harness.sync();
        assert_eq!(
            harness.vendor.log().len(),
            2,
            "what dangled before costs nothing, reading {reading}"
        );
    }
    enrolments.edit(|rows| rows.push(enrolment(40, Some(40))));
    harness.sync().reports(&["1 row", "users"], "one more");
    assert_eq!(harness.vendor.log().len(), 4);
}

/// J3: streams that are applied separately are not read again; a reference to an unknown stream is refused.
#[test]
fn j3_only_streams_applied_together_are_checked() {
    let mut harness = Harness::new(&roster(&["users", "enrolments"], "each"));
    let (users, enrolments) = (
        Shared::of(persons(20)),
        Shared::of(vec![enrolment(1, Some(99))]),
    );
    harness
        .vendor
        .respond_with(answers(&users, &enrolments, |_, _| {}));
    harness.sync().ended("ok", "each");
    assert_eq!(harness.vendor.log().len(), 2);
    let mut plan = roster(&["users", "enrolments"], "together");
    plan.streams = plan
        .streams
        .replace("refers_to = \"users.id\"", "refers_to = \"pupils.id\"");
    let problems = Harness::new(&plan).check().err().unwrap_or_default();
    assert!(problems.contains("pupils"), "{problems}");
}
