//! T1, J4: a mirror belongs to an account: address, tenant, client, identity.

use std::time::Duration;

use serde_json::{Value, json};

use super::harness::{Config, Harness, each, id, people, persons, reads};
use super::server::{Reply, VendorRequest};

const CHANGES: &str = "name = \"name : text\"\nchanged = \"changed : timestamp\"\n";

/// Where the tenant is configured.
#[derive(Clone, Copy, Debug)]
enum Tenant {
    Address,
    Header,
    Query,
    TokenRequest,
}

/// A stream of changes, and a client that signs in.
fn plan(tenant: Tenant) -> Config {
    let since = "since = { column = \"changed\", query = { since = \"{since}\" }, overlap = \"1s\", default = true, full_every = \"30d\" }";
    let (header, query, token) = match tenant {
        Tenant::Address => ("", "", ""),
        Tenant::Header => ("[headers]\nX-School = \"{tenant}\"\n", "", ""),
        Tenant::Query => ("", "query = { school = \"{tenant}\" }\n", ""),
        Tenant::TokenRequest => ("", "", "token_query = { school = \"{tenant}\" }\n"),
    };
    let mut plan = Config::of(&format!(
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

/// Sets the account of the source.
fn source(plan: &mut Config, tenant: &str, client: &str) {
    plan.source = format!("token_url = \"ORIGIN/token\"\ntenant = {tenant:?}\n");
    plan.auth = format!(
        "grant = \"client_credentials\"\nclient_id = {client:?}\nclient_secret = {{ credential = \"secret\" }}\n"
    );
}

fn person(number: usize, name: &str) -> Value {
    json!({"id": id(number), "name": name, "changed": "2026-03-01T01:00:00Z"})
}

/// An account's rows; only the changes where changes are requested.
fn rows(request: &VendorRequest, all: &[Value]) -> Reply {
    let since = request.query.get("since").cloned().unwrap_or_default();
    let rows: Vec<&Value> = all
        .iter()
        .filter(|row| row["changed"].as_str().unwrap_or_default() >= since.as_str())
        .collect();
    Reply::json(&json!({"rows": rows}))
}

/// Where the tenant is configured, how the source changes to another account, and the names of the old and the new one.
type Moves = (&'static str, Tenant, fn(&mut Config), [&'static str; 2]);

const OTHER_TENANT: fn(&mut Config) = |plan| source(plan, "4712", "rollbook-test");

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

/// T1: another account is held: nothing is applied, no changes since the old cursor are requested, both are named; an approval reads in full.
#[test]
fn t1_a_source_that_changes_its_account() {
    each(
        &MOVES,
        |(name, ..)| (*name).to_owned(),
        |(name, tenant, moves, [old, new])| {
            let mut plan = plan(*tenant);
            let mut harness = Harness::new(&plan);
            let test: Vec<Value> = (0..40).map(|number| person(number, "Test")).collect();
            harness
                .vendor
                .respond_with(move |request| rows(request, &test));
            harness.sync().ended("ok", "first");
            harness.advance(Duration::from_secs(60));
            assert_eq!(
                harness.sync().ended("ok", "as before").people().reading,
                "incremental"
            );
            moves(&mut plan);
            harness.write(&plan);
            let real: Vec<Value> = (100..400).map(|number| person(number, "Real")).collect();
            harness
                .vendor
                .respond_with(move |request| rows(request, &real));
            let mut held = None;
            for reading in 1..=2 {
                harness.advance(Duration::from_secs(60));
                let ran = harness
                    .sync()
                    .ended("held", (name, reading))
                    .removed_none(name)
                    .reports(&[old, new], name);
                held = Some(ran);
                assert_eq!(
                    harness.ids(),
                    (0..40).map(id).collect::<Vec<_>>(),
                    "{name}: nothing is applied"
                );
                let log = harness.vendor.log();
                assert!(
                    log.iter().all(|seen| !seen.query.contains_key("since")),
                    "{name}: {log:?}"
                );
            }
            let ran = harness.approve(&held.expect("held")).ended("ok", name);
            assert_eq!(ran.people().reading, "full", "{ran:?}");
            assert_eq!(
                harness.ids(),
                (100..400).map(id).collect::<Vec<_>>(),
                "{name}"
            );
            assert_eq!(harness.history(), 40, "{name}: the old rows are history");
            harness.advance(Duration::from_secs(60));
            harness.vendor.log();
            assert_eq!(
                harness.sync().ended("ok", name).people().reading,
                "incremental",
                "{name}"
            );
        },
    );
}

/// T1: back at the old account before an approval: everything is as before.
#[test]
fn t1_a_source_that_returns_to_its_account() {
    let before = plan(Tenant::Address);
    let mut harness = Harness::new(&before);
    let test: Vec<Value> = (0..40).map(|number| person(number, "Test")).collect();
    let ours = test.clone();
    harness
        .vendor
        .respond_with(move |request| rows(request, &ours));
    harness.sync().ended("ok", "first");
    let mut plan = before.clone();
    plan.base = "/v1/production".to_owned();
    harness.write(&plan);
    harness.sync().ended("held", "another account");
    harness.write(&before);
    harness
        .vendor
        .respond_with(move |request| rows(request, &test));
    harness.sync().ended("ok", "the account of before");
    assert_eq!(harness.ids().len(), 40);
    assert_eq!(harness.history(), 0);
}

/// T1: settings outside the account may change.
#[test]
fn t1_changes_within_the_account() {
    type Change = fn(&mut Config);
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
            let mut harness = Harness::new(&plan);
            let test: Vec<Value> = (0..40).map(|number| person(number, "Test")).collect();
            harness
                .vendor
                .respond_with(move |request| rows(request, &test));
            harness.sync().ended("ok", "first");
            change(&mut plan);
            harness.write(&plan);
            harness.sync().ended("ok", name);
        },
    );
}

/// Schools, which name the account's identity, and people.
fn identified(order: &[&str], apply: &str) -> Config {
    let schools = people("page = { by = \"none\" }", "", "name = \"name : text\"\n")
        .replace("people", "schools");
    let mut plan = Config::of(&format!(
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
) -> impl FnMut(&VendorRequest) -> Reply + Send + 'static {
    move |request| match request.list() {
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

/// J4: the account is another school's: none of its rows are written, in whatever order its streams are read.
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
            let mut harness = Harness::new(&identified(order, apply));
            harness
                .vendor
                .respond_with(account(&["Gymnasium Eins"], persons(30)));
            harness.sync().ended("ok", "first");
            let before = crate::queries::data(&harness.installation.mirror());
            // The same people and one more, so that no other guard applies.
            harness
                .vendor
                .respond_with(account(&["Gymnasium Zwei"], persons(31)));
            let mut held = None;
            for reading in 1..=2 {
                let ran = harness.sync().ended("held", reading);
                held = Some(ran.reports(&["Gymnasium Eins", "Gymnasium Zwei"], reading));
                assert_eq!(
                    crate::queries::data(&harness.installation.mirror()),
                    before,
                    "nothing is applied"
                );
            }
            harness.approve(&held.expect("held")).ended("ok", order);
            assert_ne!(crate::queries::data(&harness.installation.mirror()), before);
            harness.sync().ended("ok", "it is known now");
            harness
                .vendor
                .respond_with(account(&["Gymnasium Eins"], persons(30)));
            harness.sync().ended("held", "and back again");
        },
    );
}

/// J4: the same account in other forms, and the first run, which has nothing to compare with.
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
            let mut harness = Harness::new(&identified(&["people", "schools"], "each"));
            harness.vendor.respond_with(account(before, persons(30)));
            harness.sync().ended("ok", "first");
            harness.vendor.respond_with(account(after, persons(31)));
            harness.sync().ended("ok", name);
            assert_eq!(harness.ids().len(), 31, "{name}");
        },
    );
}

/// J4: an identity that cannot be read is not another identity, and nothing is written either.
#[test]
fn j4_an_identity_that_cannot_be_read() {
    for fault in [
        Reply::status(500),
        Reply::status(403),
        Reply::raw(200, "{}"),
    ] {
        let mut harness = Harness::new(&identified(&["people"], "each"));
        harness.vendor.respond_with(account(&["A"], persons(30)));
        harness.sync().ended("ok", "first");
        let mut good = account(&["A"], persons(31));
        let status = fault.status;
        harness
            .vendor
            .respond_with(move |request| match request.list() {
                "schools" => fault.clone(),
                _ => good(request),
            });
        let ran = harness.sync();
        assert_ne!(ran.outcome, "ok", "{status}: {ran:?}");
        assert_eq!(harness.ids().len(), 30, "{status}");
    }
}
