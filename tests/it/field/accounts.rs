//! T1, J4: a mirror belongs to an account: address, tenant, client, identity.

use std::time::Duration;

use serde_json::{Value, json};

use super::bench::{Bench, Plan, each, id, people, persons, reads};
use super::server::{Ask, Reply};

const CHANGES: &str = "name = \"name : text\"\nchanged = \"changed : timestamp\"\n";

/// Where the tenant stands.
#[derive(Clone, Copy, Debug)]
enum Tenant {
    Address,
    Header,
    Query,
    TokenRequest,
}

/// A stream of changes, and a client that signs in.
fn plan(tenant: Tenant) -> Plan {
    let since = "since = { column = \"changed\", query = { since = \"{since}\" }, overlap = \"1s\", default = true, full_every = \"30d\" }";
    let (header, query, token) = match tenant {
        Tenant::Address => ("", "", ""),
        Tenant::Header => ("[headers]\nX-School = \"{tenant}\"\n", "", ""),
        Tenant::Query => ("", "query = { school = \"{tenant}\" }\n", ""),
        Tenant::TokenRequest => ("", "", "token_query = { school = \"{tenant}\" }\n"),
    };
    let mut plan = Plan::of(&format!(
        "[auth.client_credentials]\ntoken_url = \"{{token_url}}\"\n{token}{header}{}",
        people(
            "page = { by = \"none\" }",
            &format!("{query}{since}"),
            CHANGES
        )
    ));
    if matches!(tenant, Tenant::Address) {
        plan.template = "{base_url}/{tenant}";
    }
    plan.settings = "token_url = { required = true, help = \"where\" }\n\
        tenant = { required = true, help = \"the school's number\" }\n"
        .to_owned();
    plan.base = "/v1/test".to_owned();
    source(&mut plan, "4711", "rollbook-test");
    plan
}

/// What the source says of its account.
fn source(plan: &mut Plan, tenant: &str, client: &str) {
    plan.source = format!("token_url = \"ORIGIN/token\"\ntenant = {tenant:?}\n");
    plan.auth = format!(
        "grant = \"client_credentials\"\nclient_id = {client:?}\nclient_secret = {{ credential = \"secret\" }}\n"
    );
}

fn person(number: usize, name: &str) -> Value {
    json!({"id": id(number), "name": name, "changed": "2026-03-01T01:00:00Z"})
}

/// An account's rows; only the changes where changes are asked for.
fn rows(ask: &Ask, all: &[Value]) -> Reply {
    let since = ask.query.get("since").cloned().unwrap_or_default();
    let rows: Vec<&Value> = all
        .iter()
        .filter(|row| row["changed"].as_str().unwrap_or_default() >= since.as_str())
        .collect();
    Reply::json(&json!({"rows": rows}))
}

/// Where the tenant stands, how a source comes to another account, and what names the old and the new one.
type Moves = (&'static str, Tenant, fn(&mut Plan), [&'static str; 2]);

const OTHER_TENANT: fn(&mut Plan) = |plan| source(plan, "4712", "rollbook-test");

const MOVES: [Moves; 6] = [
    (
        "another address",
        Tenant::Header,
        |plan| plan.base = "/v1/production".to_owned(),
        ["/v1/test", "/v1/production"],
    ),
    (
        "another client",
        Tenant::Address,
        |plan| source(plan, "4711", "rollbook-live"),
        ["rollbook-test", "rollbook-live"],
    ),
    (
        "another tenant in the address",
        Tenant::Address,
        OTHER_TENANT,
        ["4711", "4712"],
    ),
    (
        "another tenant in a header",
        Tenant::Header,
        OTHER_TENANT,
        ["4711", "4712"],
    ),
    (
        "another tenant in the query",
        Tenant::Query,
        OTHER_TENANT,
        ["4711", "4712"],
    ),
    (
        "another tenant in the token request",
        Tenant::TokenRequest,
        OTHER_TENANT,
        ["4711", "4712"],
    ),
];

/// T1: another account is held: nothing is applied, nothing is asked since the old cursor, both are named; an approval reads in full.
#[test]
fn t1_a_source_that_moves_to_another_account() {
    each(
        &MOVES,
        |(name, ..)| (*name).to_owned(),
        |(name, tenant, moves, [old, new])| {
            let mut plan = plan(*tenant);
            let mut bench = Bench::new(&plan);
            let test: Vec<Value> = (0..40).map(|number| person(number, "Test")).collect();
            bench.vendor.answers(move |ask| rows(ask, &test));
            bench.sync().ended("ok", "first");
            bench.pass(Duration::from_secs(60));
            assert_eq!(
                bench.sync().ended("ok", "as before").people().reading,
                "incremental"
            );
            moves(&mut plan);
            bench.write(&plan);
            let real: Vec<Value> = (100..400).map(|number| person(number, "Real")).collect();
            bench.vendor.answers(move |ask| rows(ask, &real));
            let mut held = None;
            for reading in 1..=2 {
                bench.pass(Duration::from_secs(60));
                let ran = bench
                    .sync()
                    .ended("held", (name, reading))
                    .removed_none(name)
                    .says(&[old, new], name);
                held = Some(ran);
                assert_eq!(
                    bench.ids(),
                    (0..40).map(id).collect::<Vec<_>>(),
                    "{name}: nothing is applied"
                );
                let log = bench.vendor.log();
                assert!(
                    log.iter().all(|seen| !seen.query.contains_key("since")),
                    "{name}: {log:?}"
                );
            }
            let ran = bench.approve(&held.expect("held")).ended("ok", name);
            assert_eq!(ran.people().reading, "full", "{ran:?}");
            assert_eq!(
                bench.ids(),
                (100..400).map(id).collect::<Vec<_>>(),
                "{name}"
            );
            assert_eq!(bench.history(), 40, "{name}: the old rows are history");
            bench.pass(Duration::from_secs(60));
            bench.vendor.log();
            assert_eq!(
                bench.sync().ended("ok", name).people().reading,
                "incremental",
                "{name}"
            );
        },
    );
}

/// T1: back at the old account before anybody approved: all is as it was.
#[test]
fn t1_a_source_that_comes_back() {
    let before = plan(Tenant::Address);
    let mut bench = Bench::new(&before);
    let test: Vec<Value> = (0..40).map(|number| person(number, "Test")).collect();
    let ours = test.clone();
    bench.vendor.answers(move |ask| rows(ask, &ours));
    bench.sync().ended("ok", "first");
    let mut plan = before.clone();
    plan.base = "/v1/production".to_owned();
    bench.write(&plan);
    bench.sync().ended("held", "another account");
    bench.write(&before);
    bench.vendor.answers(move |ask| rows(ask, &test));
    bench.sync().ended("ok", "the account of before");
    assert_eq!(bench.ids().len(), 40);
    assert_eq!(bench.history(), 0);
}

/// T1: what is not the account may change.
#[test]
fn t1_changes_that_are_no_other_account() {
    type Change = fn(&mut Plan);
    let cases: [(&str, Change); 4] = [
        ("nothing", |_| {}),
        ("another limit", |plan| plan.in_flight = 3),
        ("another schedule", |plan| {
            plan.jobs[0].1 = reads(&["people"]).replace("0 3", "0 5")
        }),
        ("one column more", |plan| {
            plan.streams.push_str("email = \"email : text\"\n")
        }),
    ];
    each(
        &cases,
        |(name, _)| (*name).to_owned(),
        |(name, change)| {
            let mut plan = plan(Tenant::Address);
            let mut bench = Bench::new(&plan);
            let test: Vec<Value> = (0..40).map(|number| person(number, "Test")).collect();
            bench.vendor.answers(move |ask| rows(ask, &test));
            bench.sync().ended("ok", "first");
            change(&mut plan);
            bench.write(&plan);
            bench.sync().ended("ok", name);
        },
    );
}

/// Schools, whose name is the account's identity, and people.
fn identified(order: &[&str], apply: &str) -> Plan {
    let schools = people("page = { by = \"none\" }", "", "name = \"name : text\"\n")
        .replace("people", "schools");
    let mut plan = Plan::of(&format!(
        "{}{schools}",
        people("page = { by = \"none\" }", "", "name = \"name : text\"\n")
    ));
    plan.top
        .push_str("identity = { stream = \"schools\", column = \"name\" }\n");
    plan.jobs = vec![(
        "job".to_owned(),
        format!("{}apply = {apply:?}\n", reads(order)),
    )];
    plan
}

fn account(
    schools: &'static [&'static str],
    people: Vec<Value>,
) -> impl FnMut(&Ask) -> Reply + Send + 'static {
    move |ask| match ask.list() {
        "schools" => {
            let rows: Vec<Value> = schools
                .iter()
                .map(|name| json!({"id": format!("id of {name}"), "name": name}))
                .collect();
            Reply::json(&json!({"rows": rows}))
        }
        _ => Reply::json(&json!({"rows": people})),
    }
}

/// J4: the account is another school's: nothing of it enters the mirror, in whatever order its streams are read.
#[test]
fn j4_the_account_of_another_school() {
    let cases: [(&[&str], &str); 5] = [
        (&["schools", "people"], "each"),
        (&["people", "schools"], "each"),
        (&["schools", "people"], "together"),
        (&["people"], "each"),
        (&["schools"], "each"),
    ];
    each(
        &cases,
        |case| format!("{case:?}"),
        |(order, apply)| {
            let mut bench = Bench::new(&identified(order, apply));
            bench
                .vendor
                .answers(account(&["Gymnasium Eins"], persons(30)));
            bench.sync().ended("ok", "first");
            let before = crate::queries::data(&bench.place.mirror());
            // The same people with one more, so that no other guard says anything.
            bench
                .vendor
                .answers(account(&["Gymnasium Zwei"], persons(31)));
            let mut held = None;
            for reading in 1..=2 {
                let ran = bench.sync().ended("held", reading);
                held = Some(ran.says(&["Gymnasium Eins", "Gymnasium Zwei"], reading));
                assert_eq!(
                    crate::queries::data(&bench.place.mirror()),
                    before,
                    "nothing is applied"
                );
            }
            bench.approve(&held.expect("held")).ended("ok", order);
            assert_ne!(crate::queries::data(&bench.place.mirror()), before);
            bench.sync().ended("ok", "it is known now");
            bench
                .vendor
                .answers(account(&["Gymnasium Eins"], persons(30)));
            bench.sync().ended("held", "and back again");
        },
    );
}

/// J4: what is the same account all the same, and the first run, which has nothing to compare with.
#[test]
fn j4_the_same_account() {
    let cases: [(&str, &[&str], &[&str]); 3] = [
        ("the same", &["A"], &["A"]),
        ("in another order", &["A", "B"], &["B", "A"]),
        ("one school more", &["A"], &["A", "B"]),
    ];
    each(
        &cases,
        |(name, ..)| (*name).to_owned(),
        |(name, before, after)| {
            let mut bench = Bench::new(&identified(&["people", "schools"], "each"));
            bench.vendor.answers(account(before, persons(30)));
            bench.sync().ended("ok", "first");
            bench.vendor.answers(account(after, persons(31)));
            bench.sync().ended("ok", name);
            assert_eq!(bench.ids().len(), 31, "{name}");
        },
    );
}

/// J4: an identity that cannot be asked for is no other identity, and lets nothing in either.
#[test]
fn j4_an_identity_that_cannot_be_read() {
    for fault in [
        Reply::status(500),
        Reply::status(403),
        Reply::raw(200, "{}"),
    ] {
        let mut bench = Bench::new(&identified(&["people"], "each"));
        bench.vendor.answers(account(&["A"], persons(30)));
        bench.sync().ended("ok", "first");
        let mut good = account(&["A"], persons(31));
        let status = fault.status;
        bench.vendor.answers(move |ask| match ask.list() {
            "schools" => fault.clone(),
            _ => good(ask),
        });
        let ran = bench.sync();
        assert_ne!(ran.outcome, "ok", "{status}: {ran:?}");
        assert_eq!(bench.ids().len(), 30, "{status}");
    }
}
