//! L4, L5, L6, L8, L9, L14: what comes next, and what is an end.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::bench::{Bench, Plan, each, id, persons};
use super::server::{Ask, PAGED, Pages, Reply, Style, Total, pages};

const NAMES: &str = "name = \"name : text\"\n";

fn plan(style: Pages) -> Plan {
    Plan::people(&style.toml(), NAMES)
}

/// Rows `start..` of 45, ten of them.
fn ten(start: usize) -> Vec<Value> {
    persons(45).into_iter().skip(start).take(10).collect()
}

/// A list of 45 in pages of ten: a page by its first row, and the header lines that lead to the next one.
fn linked(lines: fn(&str) -> Vec<String>) -> impl FnMut(&Ask) -> Reply + Send {
    move |ask| {
        let start = ask.number("offset").unwrap_or(0);
        let mut reply = Reply::json(&json!({"rows": ten(start)}));
        if start + 10 < 45 {
            let next = format!("{}/v1/people?offset={}&limit=10", ask.origin, start + 10);
            for line in lines(&next) {
                reply = reply.header("link", line);
            }
        }
        reply
    }
}

/// Lines of `Link` that lead to an address.
type Lines = fn(&str) -> Vec<String>;

/// L4: the next page is found in every spelling and on every line.
#[test]
fn l4_next_links_in_every_spelling() {
    let cases: [(&str, Lines); 22] = [
        ("plain", |next| vec![format!("<{next}>; rel=\"next\"")]),
        ("on the second line", |next| {
            vec![
                format!("<{next}&x=1>; rel=\"last\""),
                format!("<{next}>; rel=\"next\""),
            ]
        }),
        ("on the third line", |next| {
            vec![
                format!("<{next}&x=0>; rel=\"first\""),
                format!("<{next}&x=1>; rel=\"prev\""),
                format!("<{next}>; rel=\"next\""),
            ]
        }),
        ("on the first of two lines", |next| {
            vec![
                format!("<{next}>; rel=\"next\""),
                format!("<{next}&x=1>; rel=\"last\""),
            ]
        }),
        ("on the second line, behind a comma", |next| {
            vec![
                "<https://other.example/help>; rel=\"help\"".to_owned(),
                format!("<{next}&x=1>; rel=\"last\", <{next}>; rel=\"next\""),
            ]
        }),
        ("behind a comma", |next| {
            vec![format!(
                "<{next}&x=1>; rel=\"prev\", <{next}>; rel=\"next\""
            )]
        }),
        ("behind a comma without a blank", |next| {
            vec![format!("<{next}&x=1>; rel=\"prev\",<{next}>; rel=\"next\"")]
        }),
        ("behind an empty line", |next| {
            vec![String::new(), format!("<{next}>; rel=\"next\"")]
        }),
        ("behind a line that is none", |next| {
            vec!["nonsense".to_owned(), format!("<{next}>; rel=\"next\"")]
        }),
        ("without quotes", |next| vec![format!("<{next}>; rel=next")]),
        ("in capitals", |next| {
            vec![format!("<{next}>; REL=\"NEXT\"")]
        }),
        ("several relations", |next| {
            vec![format!("<{next}>; rel=\"last next\"")]
        }),
        ("single quotes", |next| {
            vec![format!("<{next}>; rel='next'")]
        }),
        ("blanks around", |next| {
            vec![format!("  <{next}> ;  rel = \"next\" ")]
        }),
        ("other parameters first", |next| {
            vec![format!("<{next}>; title=\"a, b; c\"; rel=\"next\"")]
        }),
        ("a comma in the address", |next| {
            vec![format!("<{next}&fields=a,b>; rel=\"next\"")]
        }),
        ("a semicolon in the address", |next| {
            vec![format!("<{next}&fields=a;b>; rel=\"next\"")]
        }),
        ("a trailing comma", |next| {
            vec![format!("<{next}>; rel=\"next\",")]
        }),
        ("without brackets", |next| {
            vec![format!("{next}; rel=\"next\"")]
        }),
        ("a path", |next| {
            vec![format!(
                "<{}>; rel=\"next\"",
                &next[next.find("/v1").expect("a path")..]
            )]
        }),
        ("a query", |next| {
            vec![format!(
                "<{}>; rel=\"next\"",
                &next[next.find('?').expect("a query")..]
            )]
        }),
        ("relative to the list", |next| {
            vec![format!(
                "<people{}>; rel=\"next\"",
                &next[next.find('?').expect("a query")..]
            )]
        }),
    ];
    let mut bench = Bench::new(&plan(pages(Style::Link, 10)));
    each(
        &cases,
        |(name, _)| (*name).to_owned(),
        |(name, lines)| {
            bench.vendor.answers(linked(*lines));
            bench.sync().ended("ok", name).removed_none(name);
            assert_eq!(bench.ids().len(), 45, "{name}");
        },
    );
}

/// L4: a next link that cannot be understood or followed is no end: nothing is removed, and the run is not well.
#[test]
fn l4_next_links_that_lead_nowhere_are_no_end() {
    let cases: [(&str, Lines); 11] = [
        ("no address", |_| vec!["<>; rel=\"next\"".to_owned()]),
        ("only parameters", |_| vec!["; rel=\"next\"".to_owned()]),
        ("no address at all", |_| vec!["rel=\"next\"".to_owned()]),
        ("no such host", |_| {
            vec!["<http://[::bad/people>; rel=\"next\"".to_owned()]
        }),
        ("no such port", |_| {
            vec!["<http://127.0.0.1:99999/v1/people>; rel=\"next\"".to_owned()]
        }),
        ("another origin", |_| {
            vec!["<https://elsewhere.example/v1/people?offset=10>; rel=\"next\"".to_owned()]
        }),
        ("another name of this machine", |next| {
            vec![format!(
                "<{}>; rel=\"next\"",
                next.replace("127.0.0.1", "localhost")
            )]
        }),
        ("a path outside", |next| {
            vec![format!(
                "<{}>; rel=\"next\"",
                next.replace("/v1/", "/admin/")
            )]
        }),
        ("a path that climbs", |next| {
            vec![format!(
                "<{}>; rel=\"next\"",
                next.replace("/v1/", "/v1/../admin/")
            )]
        }),
        ("another scheme", |_| {
            vec!["<ftp://127.0.0.1/v1/people>; rel=\"next\"".to_owned()]
        }),
        ("a user in it", |next| {
            vec![format!(
                "<{}>; rel=\"next\"",
                next.replace("http://", "http://evil@")
            )]
        }),
    ];
    lead_nowhere(
        pages(Style::Link, 10),
        &cases.map(|(name, lines)| (name, Box::new(linked_once(lines)) as Wrong)),
    );
}

fn linked_once(lines: Lines) -> impl Fn(&Ask) -> Reply + Send + Sync {
    move |ask| {
        let next = format!("{}/v1/people?offset=10&limit=10", ask.origin);
        let reply = Reply::json(&json!({"rows": ten(0)}));
        lines(&next)
            .into_iter()
            .fold(reply, |reply, line| reply.header("link", line))
    }
}

/// A first page whose next one is wrong.
type Wrong = Box<dyn Fn(&Ask) -> Reply + Send + Sync>;

/// Nothing of these is an end, over a mirror that has them all and as a first load; nothing outside is asked for.
fn lead_nowhere(style: Pages, cases: &[(&str, Wrong)]) {
    let good = |bench: &Bench| {
        bench
            .vendor
            .answers(move |ask| style.page(ask, &persons(45)))
    };
    let mut bench = Bench::new(&plan(style));
    good(&bench);
    bench.sync().ended("ok", "all");
    let mut fresh = Bench::new(&plan(style));
    for bench in [&mut bench, &mut fresh] {
        let before =
            crate::queries::maybe(&bench.place.mirror(), "SELECT count(*) FROM own_people")
                .unwrap_or(0);
        each(
            cases,
            |(name, _)| (*name).to_owned(),
            |(name, wrong)| {
                let asked = Arc::new(Mutex::new(Vec::new()));
                let (seen, first) = (Arc::clone(&asked), body_of(wrong, bench));
                bench.vendor.answers(move |ask| {
                    seen.lock().expect("a log").push(ask.path.clone());
                    match style.start(ask) {
                        0 => first.clone(),
                        start => Reply::json(&json!({"rows": ten(start)})),
                    }
                });
                for _ in 0..2 {
                    bench
                        .sync()
                        .ended_in(&["incomplete", "failed"], name)
                        .removed_none(name);
                    assert!(bench.ids().len() as u64 >= before, "{name}");
                }
                let asked = asked.lock().expect("a log");
                assert!(
                    asked.iter().all(|path| path == "/v1/people"),
                    "{name}: {asked:?}"
                );
            },
        );
    }
}

fn body_of(wrong: &Wrong, bench: &Bench) -> Reply {
    wrong(&Ask {
        nth: 1,
        path: "/v1/people".to_owned(),
        query: Default::default(),
        origin: bench.vendor.origin().to_owned(),
    })
}

/// The rest of the body around the rows, from the address of the next page; nothing behind the last one.
type Around = fn(Option<&str>) -> Value;

/// L9: a whole address in the body, wherever vendors put it.
#[test]
fn l9_the_next_address_in_the_body() {
    let cases: [(&str, &str, Around); 14] = [
        (
            "Django REST",
            "next",
            |next| json!({"count": 45, "next": next, "previous": null}),
        ),
        ("left out behind the last", "next", |next| {
            next.map_or(json!({}), |next| json!({"next": next}))
        }),
        (
            "empty behind the last",
            "next",
            |next| json!({"next": next.unwrap_or("")}),
        ),
        (
            "below another member",
            "links.next",
            |next| json!({"links": {"next": next}}),
        ),
        (
            "two levels down",
            "meta.paging.next",
            |next| json!({"meta": {"paging": {"next": next}}}),
        ),
        ("the outer member left out", "links.next", |next| {
            next.map_or(json!({}), |next| json!({"links": {"next": next}}))
        }),
        (
            "the outer member null",
            "links.next",
            |next| json!({"links": next.map(|next| json!({"next": next}))}),
        ),
        ("OData", "@odata.nextLink", |next| {
            next.map_or(
                json!({}),
                |next| json!({"@odata.context": "x", "@odata.nextLink": next}),
            )
        }),
        ("OData, older", "odata.nextLink", |next| {
            next.map_or(json!({}), |next| json!({"odata.nextLink": next}))
        }),
        ("Clever", "links[rel=next].uri", |next| {
            let mut links = vec![json!({"rel": "self", "uri": "/v1/people"})];
            links.extend(next.map(|next| json!({"rel": "next", "uri": next})));
            json!({"links": links})
        }),
        ("Clever, the last first", "links[rel=next].uri", |next| {
            let mut links: Vec<Value> = next
                .map(|next| json!({"rel": "next", "uri": next}))
                .into_iter()
                .collect();
            links.push(json!({"uri": "/v1/people", "rel": "self"}));
            json!({"links": links})
        }),
        (
            "no links behind the last",
            "links[rel=next].uri",
            |next| json!({"links": next.map(|next| vec![json!({"rel": "next", "uri": next})]).unwrap_or_default()}),
        ),
        (
            "named otherwise",
            "nextPage",
            |next| json!({"nextPage": next}),
        ),
        (
            "SCIM-like, before the rows",
            "aNext",
            |next| json!({"aNext": next}),
        ),
    ];
    each(
        &cases,
        |(name, ..)| (*name).to_owned(),
        |(name, place, around)| {
            let page = format!(
                "page = {{ by = \"next_url\", next = \"{place}\", limit = \"limit\", size = 10 }}"
            );
            let mut bench = Bench::new(&Plan::people(&page, NAMES));
            let around = *around;
            bench
                .vendor
                .answers(move |ask| address_in_body(ask, around, |next| next.to_owned()));
            for reading in 1..=2 {
                bench.sync().ended("ok", (name, reading)).removed_none(name);
                assert_eq!(bench.ids().len(), 45, "{name}");
                assert_eq!(bench.vendor.log().len(), 5, "one request a page");
            }
        },
    );
}

fn address_in_body(ask: &Ask, around: Around, form: impl Fn(&str) -> String) -> Reply {
    let start = ask.number("offset").unwrap_or(0);
    let next = format!("{}/v1/people?offset={}&limit=10", ask.origin, start + 10);
    let next = (start + 10 < 45).then(|| form(&next));
    let mut body = around(next.as_deref());
    body["rows"] = json!(ten(start));
    Reply::json(&body)
}

/// L9: whole, relative, with other parameters, with what has to be escaped.
#[test]
fn l9_forms_of_the_next_address() {
    type Form = fn(&str) -> String;
    let cases: [(&str, Form); 9] = [
        ("whole", |next| next.to_owned()),
        ("a path", |next| {
            next[next.find("/v1").expect("a path")..].to_owned()
        }),
        ("a query", |next| {
            next[next.find('?').expect("a query")..].to_owned()
        }),
        ("relative to the list", |next| {
            format!("people{}", &next[next.find('?').expect("a query")..])
        }),
        ("without its scheme", |next| next.replace("http:", "")),
        ("the scheme in capitals", |next| {
            next.replace("http:", "HTTP:")
        }),
        ("more parameters", |next| {
            format!("{next}&fields=a,b&sort=name%20asc")
        }),
        ("a fragment", |next| format!("{next}#rows")),
        ("blanks around", |next| format!(" {next} ")),
    ];
    let mut bench = Bench::new(&plan(pages(Style::NextUrl, 10)));
    each(
        &cases,
        |(name, _)| (*name).to_owned(),
        |(name, form)| {
            let form = *form;
            bench
                .vendor
                .answers(move |ask| address_in_body(ask, |next| json!({"next": next}), form));
            bench.sync().ended("ok", name).removed_none(name);
            assert_eq!(bench.ids().len(), 45, "{name}");
        },
    );
}

/// L9: an address elsewhere, or something that is none, is followed by nobody and is no end.
#[test]
fn l9_next_addresses_that_lead_nowhere_are_no_end() {
    type Next = fn(&str) -> Value;
    let cases: [(&str, Next); 14] = [
        ("another origin", |_| {
            json!("https://elsewhere.example/v1/people?offset=10")
        }),
        ("another port", |_| {
            json!("http://127.0.0.1:9/v1/people?offset=10")
        }),
        ("another name of this machine", |next| {
            json!(next.replace("127.0.0.1", "localhost"))
        }),
        ("another host without a scheme", |_| {
            json!("//elsewhere.example/v1/people?offset=10")
        }),
        ("https where http is configured", |next| {
            json!(next.replace("http://", "https://"))
        }),
        ("a user in it", |next| {
            json!(next.replace("http://", "http://evil@"))
        }),
        ("a path outside", |next| {
            json!(next.replace("/v1/", "/admin/"))
        }),
        ("a path that climbs", |next| {
            json!(next.replace("/v1/", "/v1/../admin/"))
        }),
        ("a path that climbs in disguise", |next| {
            json!(next.replace("/v1/", "/v1/%2e%2e/admin/"))
        }),
        ("a number", |_| json!(2)),
        ("an object", |next| json!({"href": next})),
        ("a list", |next| json!([next])),
        ("true", |_| json!(true)),
        ("no address", |_| json!("http://")),
    ];
    let wrong = |next: Next| {
        move |ask: &Ask| {
            let address = format!("{}/v1/people?offset=10&limit=10", ask.origin);
            Reply::json(&json!({"rows": ten(0), "next": next(&address)}))
        }
    };
    lead_nowhere(
        pages(Style::NextUrl, 10),
        &cases.map(|(name, next)| (name, Box::new(wrong(next)) as Wrong)),
    );
}

/// L8: an address, cursor or page that was there before ends the walk at once, and nothing is removed.
#[test]
fn l8_lists_that_go_in_circles() {
    // From the page that was asked for, by its first row, to the one that is said to be next.
    type Next = fn(usize) -> usize;
    let cases: [(&str, Next); 5] = [
        ("a page leads to itself", |_| 10),
        (
            "two lead to each other",
            |start| if start == 10 { 20 } else { 10 },
        ),
        ("back to the first", |start| (start + 10) % 30),
        ("three in a ring", |start| match start {
            0 => 10,
            10 => 20,
            20 => 30,
            _ => 10,
        }),
        ("the first leads to itself", |_| 0),
    ];
    for style in [Style::Link, Style::NextUrl, Style::Cursor] {
        let style = pages(style, 10);
        let mut bench = Bench::new(&plan(style));
        let ready = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            bench
                .vendor
                .answers(move |ask| style.page(ask, &persons(45)));
            bench.sync().ended("ok", "all");
        }));
        each(
            &cases,
            |(name, _)| format!("{style:?}: {name}"),
            |(name, next)| {
                assert!(ready.is_ok(), "the list cannot be read at all");
                let next = *next;
                bench.vendor.answers(move |ask| {
                    let start = style.start(ask);
                    match ask.nth {
                        // Who has not noticed by now never will.
                        100.. => Reply::status(400),
                        _ => style.answer(ask, &ten(start), Some(next(start)), 45),
                    }
                });
                bench
                    .sync()
                    .ended_in(&["failed", "incomplete"], name)
                    .removed_none(name);
                let requests = bench.vendor.log().len();
                assert!(requests <= 15, "{name}: {requests} requests");
                assert_eq!(bench.ids().len(), 45, "{name}");
            },
        );
    }
}

/// L8: a list that never ends, with pages that are new in their form only.
#[test]
fn l8_servers_that_ignore_where_the_next_page_begins() {
    let mut cases = Vec::new();
    for style in PAGED {
        for rows in [10, 7, 1] {
            cases.push((pages(style, 10), rows));
        }
    }
    each(
        &cases,
        |case| format!("{case:?}"),
        |(style, rows)| {
            let (style, rows) = (*style, *rows);
            let mut bench = Bench::new(&plan(style));
            // Always the same rows, whatever is asked for; the next page is always another one.
            bench.vendor.answers(move |ask| {
                let next = style.start(ask) + rows;
                style.answer(ask, &persons(rows), Some(next), rows)
            });
            bench
                .sync()
                .ended_in(&["failed", "incomplete"], rows)
                .removed_none(rows);
            let requests = bench.vendor.log().len();
            assert!(requests <= 15, "{requests} requests");
        },
    );
}

/// L5: null where rows are expected is a page without rows; a member that is not there is none.
#[test]
fn l5_null_where_rows_are_expected() {
    // Body behind the last row, and whether it is a page without rows.
    let cases = [
        ("rows", "{\"rows\": null}", true),
        ("rows", "{\"rows\": []}", true),
        ("rows", "{\"rows\": null, \"total\": 20}", true),
        ("data.rows", "{\"data\": {\"rows\": null}}", true),
        ("data.rows", "{\"data\": {\"rows\": []}}", true),
        ("rows", "{}", false),
        ("rows", "{\"error\": null}", false),
        ("rows", "{\"rows\": \"none\"}", false),
        ("rows", "{\"rows\": 0}", false),
        ("rows", "{\"rows\": false}", false),
        ("data.rows", "{\"rows\": null}", false),
        ("data.rows", "{\"data\": []}", false),
    ];
    let style = pages(Style::Offset, 10);
    each(
        &cases,
        |(place, body, _)| format!("{place}: {body}"),
        |(place, body, is_empty)| {
            let mut plan = plan(style);
            plan.streams = plan
                .streams
                .replace("rows = \"rows\"", &format!("rows = \"{place}\""));
            let mut bench = Bench::new(&plan);
            let (nested, body) = (place.contains('.'), (*body).to_owned());
            bench.vendor.answers(move |ask| {
                let start = style.start(ask);
                let rows: Vec<Value> = persons(20).into_iter().skip(start).take(10).collect();
                match (rows.is_empty(), nested) {
                    (true, _) => Reply::raw(200, body.clone()),
                    (false, true) => Reply::json(&json!({"data": {"rows": rows}})),
                    (false, false) => Reply::json(&json!({"rows": rows})),
                }
            });
            for reading in 1..=2 {
                let ran = bench.sync();
                match is_empty {
                    true => {
                        ran.ended("ok", reading);
                        assert_eq!(bench.ids().len(), 20);
                    }
                    false => drop(ran.ended("failed", reading)),
                }
            }
        },
    );
}

/// L5: null in place of the whole list is an empty list: at first well, later implausible; among pages it is no end.
#[test]
fn l5_null_in_place_of_a_whole_list_or_among_pages() {
    for style in [
        pages(Style::None, 0),
        pages(Style::Offset, 10),
        pages(Style::Cursor, 10),
        pages(Style::Link, 10),
    ] {
        let mut bench = Bench::new(&plan(style));
        bench
            .vendor
            .answers(|_| Reply::raw(200, "{\"rows\": null}"));
        bench.sync().ended("ok", style);
        bench
            .vendor
            .answers(move |ask| style.page(ask, &persons(45)));
        bench.sync().ended("ok", style);
        bench
            .vendor
            .answers(|_| Reply::raw(200, "{\"rows\": null}"));
        bench.sync().ended("held", style).removed_none(style);
        assert_eq!(bench.ids().len(), 45);
    }
    let style = pages(Style::Offset, 10).with(Total::InBody);
    let mut bench = Bench::new(&plan(style));
    bench
        .vendor
        .answers(move |ask| style.page(ask, &persons(45)));
    bench.sync().ended("ok", style);
    bench.vendor.answers(move |ask| match style.start(ask) {
        20.. => Reply::raw(200, "{\"rows\": null, \"total\": 45}"),
        _ => style.page(ask, &persons(45)),
    });
    for _ in 0..2 {
        bench
            .sync()
            .ended_in(&["incomplete", "failed"], "null among pages")
            .removed_none("null among pages");
    }
    assert_eq!(bench.ids().len(), 45);
}

/// A server that refuses what it does not know: the status of the refusal, or nothing.
type Refuses = fn(&Ask) -> Option<u16>;

/// L6: what a server does not know of a query is left out once, remembered and said.
#[test]
fn l6_a_parameter_that_the_server_refuses() {
    let cases: [(&str, Refuses, &[&str]); 4] = [
        (
            "sort",
            |ask| ask.query.contains_key("sort").then_some(400),
            &["sort"],
        ),
        (
            "orderBy",
            |ask| ask.query.contains_key("orderBy").then_some(400),
            &["orderBy"],
        ),
        (
            "both",
            |ask| {
                (ask.query.contains_key("sort") || ask.query.contains_key("orderBy")).then_some(400)
            },
            &["sort", "orderBy"],
        ),
        (
            "orderBy without sort",
            |ask| {
                (ask.query.contains_key("orderBy") || ask.query.contains_key("sort")).then_some(400)
            },
            &["sort"],
        ),
    ];
    each(
        &cases,
        |(name, ..)| (*name).to_owned(),
        |(name, refuses, said)| {
            let style = pages(Style::Offset, 10);
            let mut plan =
                Plan::people(&style.toml_and("optional = [\"sort\", \"orderBy\"]"), NAMES);
            plan.streams = plan.streams.replace(
                "rows = \"rows\"",
                "query = { sort = \"id\", orderBy = \"asc\", kind = \"all\" }\nrows = \"rows\"",
            );
            let mut bench = Bench::new(&plan);
            let refuses = *refuses;
            bench.vendor.answers(move |ask| match refuses(ask) {
                Some(status) => Reply::status(status),
                None => style.page(ask, &persons(45)),
            });
            bench.sync().ended("ok", name).says(said, name);
            assert_eq!(bench.ids().len(), 45);
            let log = bench.vendor.log();
            assert!(
                log.iter().filter(|seen| seen.status == 400).count() <= 2,
                "{name}: {log:?}"
            );
            assert!(
                log.iter().all(|seen| seen.query.contains_key("kind")),
                "what is not optional stays"
            );
            for reading in 1..=2 {
                bench.sync().ended("ok", (name, reading));
                let log = bench.vendor.log();
                assert!(
                    log.iter().all(|seen| seen.status == 200),
                    "{name}: it is remembered: {log:?}"
                );
            }
        },
    );
}

/// L6: where nothing may be left out, or leaving it out does not help, the stream fails and says what was refused.
#[test]
fn l6_a_parameter_that_may_not_be_left_out() {
    for optional in ["", "optional = [\"sort\"]"] {
        let style = pages(Style::Offset, 10);
        let mut plan = Plan::people(&style.toml_and(optional), NAMES);
        plan.streams = plan.streams.replace(
            "rows = \"rows\"",
            "query = { sort = \"id\", kind = \"all\" }\nrows = \"rows\"",
        );
        let mut bench = Bench::new(&plan);
        bench
            .vendor
            .answers(move |ask| match ask.query.contains_key("kind") {
                true => Reply::status(400),
                false => style.page(ask, &persons(45)),
            });
        bench.sync().ended("failed", optional);
        assert!(bench.vendor.log().len() <= 6, "few requests");
    }
}

/// L6: a page that is too large is asked for smaller, which is remembered and said.
#[test]
fn l6_a_limit_that_the_server_refuses() {
    for (style, most) in [
        (Style::Offset, 500),
        (Style::Offset, 100),
        (Style::Cursor, 500),
        (Style::NextUrl, 200),
        (Style::Link, 250),
    ] {
        let style = pages(style, 1000);
        let mut bench = Bench::new(&plan(style));
        bench.vendor.answers(move |ask| match ask.number("limit") {
            Some(limit) if limit > most => Reply::status(400),
            _ => style.page(ask, &persons(1200)),
        });
        let said = bench.sync().ended("ok", (style, most)).said;
        assert!(said.contains("1000") || said.contains("limit"), "{said}");
        assert_eq!(bench.ids().len(), 1200, "{style:?} {most}");
        let refused = bench
            .vendor
            .log()
            .iter()
            .filter(|seen| seen.status == 400)
            .count();
        assert!(refused <= 4, "{refused} refusals");
        bench.sync().ended("ok", (style, most));
        let log = bench.vendor.log();
        assert!(
            log.iter().all(|seen| seen.status == 200),
            "{style:?} {most}: it is remembered"
        );
    }
}

/// L6: 404 behind a full page is an end without proof; on the first page, or below a total, it is none.
#[test]
fn l6_not_found_behind_the_last_page() {
    for style in [Style::Offset, Style::Number] {
        let style = pages(style, 10);
        let mut bench = Bench::new(&plan(style));
        let answers = |count: usize| {
            move |ask: &Ask| match style.start(ask) < count {
                true => style.page(ask, &persons(count)),
                false => Reply::status(404),
            }
        };
        bench.vendor.answers(answers(40));
        for reading in 1..=2 {
            bench
                .sync()
                .ended("ok", (style, reading))
                .removed_none(reading);
            assert_eq!(bench.ids().len(), 40);
        }
        // Ten fewer, behind a full page again: two readings.
        bench.write(&plan(style).job("[guard]\nremovals = \"50%\"\n"));
        bench.vendor.answers(answers(30));
        assert_eq!(bench.sync().ended("ok", style).people().unconfirmed, 10);
        assert_eq!(bench.sync().ended("ok", style).people().removed, 10);
        // On the first page it is no list at all.
        bench.vendor.answers(|_| Reply::status(404));
        bench.sync().ended("failed", style).removed_none(style);
        assert_eq!(bench.ids().len(), 30);
        // Below a total it is no end either.
        let style = style.with(Total::InBody);
        let mut bench = Bench::new(&plan(style));
        bench
            .vendor
            .answers(move |ask| style.page(ask, &persons(45)));
        bench.sync().ended("ok", style);
        bench.vendor.answers(move |ask| match style.start(ask) {
            20.. => Reply::status(404),
            _ => style.page(ask, &persons(45)),
        });
        bench
            .sync()
            .ended_in(&["incomplete", "failed"], style)
            .removed_none(style);
        assert_eq!(bench.ids().len(), 45);
    }
}

/// An answer that has no rows and may be meant as an end.
type Blank = fn(Pages, &Ask) -> Reply;

/// L14: one answer without rows where pages were promised is no end: the run reads again, and nobody is missing.
#[test]
fn l14_an_answer_without_rows_where_more_was_promised() {
    let blanks: [(&str, Blank); 5] = [
        ("204", |_, _| Reply::status(204)),
        ("an empty body", |_, _| Reply::raw(200, "")),
        ("blanks", |_, _| Reply::raw(200, "  \n")),
        ("null", |_, _| Reply::raw(200, "null")),
        ("no rows and no way on", |style, ask| {
            style.answer(ask, &[], None, 42)
        }),
    ];
    let mut cases = Vec::new();
    for style in PAGED {
        for total in [Total::Unsaid, Total::InBody] {
            cases.push(pages(style, 10).with(total));
        }
    }
    each(
        &cases,
        |style| format!("{style:?}"),
        |style| {
            let style = *style;
            let mut bench = Bench::new(&plan(style));
            bench
                .vendor
                .answers(move |ask| style.page(ask, &persons(42)));
            bench.sync().ended("ok", "first");
            for (name, blank) in blanks {
                for at in [10, 40] {
                    let mut is_done = false;
                    bench.vendor.answers(move |ask| {
                        if style.start(ask) == at && !is_done {
                            is_done = true;
                            return blank(style, ask);
                        }
                        style.page(ask, &persons(42))
                    });
                    let ran = bench.sync().removed_none((name, at));
                    // An empty list in its place may be an end, and is then implausible or unconfirmed.
                    let may_be_held = name == "no rows and no way on";
                    assert!(
                        may_be_held || ran.outcome == "ok",
                        "{name} at {at}: {ran:?}"
                    );
                    assert_eq!(bench.ids().len(), 42, "{name} at {at}: {ran:?}");
                    // Nothing is half believed either: the next miss is a first one again.
                    bench.sync().ended("ok", (name, at));
                    assert_eq!(bench.ids().len(), 42, "{name} at {at}");
                }
            }
        },
    );
}

/// L14: the same at every reading: it never becomes an end, and the run is never well.
#[test]
fn l14_always_an_answer_without_rows_where_more_was_promised() {
    let blanks: [(&str, Blank); 3] = [
        ("204", |_, _| Reply::status(204)),
        ("an empty body", |_, _| Reply::raw(200, "")),
        ("no rows and the same way on", |style, ask| {
            style.answer(ask, &[], Some(10), 45)
        }),
    ];
    each(
        &[Style::Cursor, Style::Link, Style::NextUrl],
        |style| format!("{style:?}"),
        |style| {
            let style = pages(*style, 10);
            let mut bench = Bench::new(&plan(style));
            bench
                .vendor
                .answers(move |ask| style.page(ask, &persons(21)));
            bench.sync().ended("ok", "first");
            for (name, blank) in blanks {
                bench.vendor.answers(move |ask| match style.start(ask) {
                    10 => blank(style, ask),
                    _ => style.page(ask, &persons(21)),
                });
                for _ in 0..3 {
                    bench
                        .sync()
                        .ended_in(&["incomplete", "failed"], name)
                        .removed_none(name);
                    assert_eq!(bench.ids().len(), 21, "{name}");
                }
            }
        },
    );
}

/// L14: a page without rows that leads on is read on; three of them in a row are enough.
#[test]
fn l14_empty_pages_with_a_way_on() {
    each(
        &[Style::Cursor, Style::Link, Style::NextUrl],
        |style| format!("{style:?}"),
        |style| {
            let style = pages(*style, 10);
            let mut bench = Bench::new(&plan(style));
            // Row numbers from 100 on are empty pages between the first and the second.
            let with_empty = |empty: usize| {
                move |ask: &Ask| {
                    let start = style.start(ask);
                    let behind = |number: usize| if number < empty { 100 + number } else { 10 };
                    match start {
                        0 => style.answer(ask, &ten(0), Some(behind(0)), 45),
                        100.. => style.answer(ask, &[], Some(behind(start - 99)), 45),
                        _ => style.page(ask, &persons(45)),
                    }
                }
            };
            for empty in [1, 2] {
                bench.vendor.answers(with_empty(empty));
                bench.sync().ended("ok", empty).removed_none(empty);
                assert_eq!(bench.ids(), (0..45).map(id).collect::<Vec<_>>(), "{empty}");
            }
            bench.vendor.answers(with_empty(50));
            bench
                .sync()
                .ended_in(&["incomplete", "failed"], "fifty")
                .removed_none("fifty");
            assert!(bench.vendor.log().len() <= 20, "bounded");
        },
    );
}
