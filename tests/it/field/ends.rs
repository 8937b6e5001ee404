//! L4, L5, L6, L8, L9, L14: finding the next page, and recognizing the end.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::harness::{Config, Harness, each, id, persons};
use super::server::{PAGED, Pages, Reply, Style, Total, VendorRequest, pages};

const NAMES: &str = "name = \"name : text\"\n";

fn plan(style: Pages) -> Config {
    Config::people(&style.toml(), NAMES)
}

/// Rows `start..` of 45, ten of them.
fn ten(start: usize) -> Vec<Value> {
    persons(45).into_iter().skip(start).take(10).collect()
}

/// Serves a correct list of this many persons.
fn serve(harness: &Harness, style: Pages, count: usize) {
    harness
        .vendor
        .respond_with(move |request| style.page(request, &persons(count)));
}

/// A list of 45 in pages of ten; `lines` are the header lines that link to the next page.
fn linked(lines: fn(&str) -> Vec<String>) -> impl FnMut(&VendorRequest) -> Reply + Send {
    move |request| {
        let start = request.number("offset").unwrap_or(0);
        let mut reply = Reply::json(&json!({"rows": ten(start)}));
        if start + 10 < 45 {
            let next = format!(
                "{}/v1/people?offset={}&limit=10",
                request.origin,
                start + 10
            );
            for line in lines(&next) {
                reply = reply.header("link", line);
            }
        }
        reply
    }
}

/// Lines of `Link` for an address.
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
    let mut harness = Harness::new(&plan(pages(Style::Link, 10)));
    each(
        &cases,
        |(name, _)| (*name).to_owned(),
        |(name, lines)| {
            harness.vendor.respond_with(linked(*lines));
            harness.sync().ended("ok", name).removed_none(name);
            assert_eq!(harness.ids().len(), 45, "{name}");
        },
    );
}

/// L4: an invalid next link is not an end: nothing is removed, and the run is not ok.
#[test]
fn l4_invalid_next_links_are_not_an_end() {
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
    assert_not_an_end(
        pages(Style::Link, 10),
        &cases.map(|(name, lines)| (name, Box::new(linked_once(lines)) as InvalidPage)),
    );
}

fn linked_once(lines: Lines) -> impl Fn(&VendorRequest) -> Reply + Send + Sync {
    move |request| {
        let next = format!("{}/v1/people?offset=10&limit=10", request.origin);
        let reply = Reply::json(&json!({"rows": ten(0)}));
        lines(&next)
            .into_iter()
            .fold(reply, |reply, line| reply.header("link", line))
    }
}

/// A first page with an invalid next link.
type InvalidPage = Box<dyn Fn(&VendorRequest) -> Reply + Send + Sync>;

/// None of these is an end, neither on a full mirror nor at the first load; no other URL is requested.
fn assert_not_an_end(style: Pages, cases: &[(&str, InvalidPage)]) {
    let mut harness = Harness::new(&plan(style));
    serve(&harness, style, 45);
    harness.sync().ended("ok", "all");
    let mut fresh = Harness::new(&plan(style));
    for harness in [&mut harness, &mut fresh] {
        let before = crate::queries::maybe(
            &harness.installation.mirror(),
            "SELECT count(*) FROM own_people",
        )
        .unwrap_or(0);
        each(
            cases,
            |(name, _)| (*name).to_owned(),
            |(name, wrong)| {
                let requests = Arc::new(Mutex::new(Vec::new()));
                let (seen, first) = (Arc::clone(&requests), body_of(wrong, harness));
                harness.vendor.respond_with(move |request| {
                    seen.lock().expect("a log").push(request.path.clone());
                    match style.start(request) {
                        0 => first.clone(),
                        start => Reply::json(&json!({"rows": ten(start)})),
                    }
                });
                for _ in 0..2 {
                    harness
                        .sync()
                        .ended_in(&["incomplete", "failed"], name)
                        .removed_none(name);
                    assert!(harness.ids().len() as u64 >= before, "{name}");
                }
                let requests = requests.lock().expect("a log");
                assert!(
                    requests.iter().all(|path| path == "/v1/people"),
                    "{name}: {requests:?}"
                );
            },
        );
    }
}

fn body_of(wrong: &InvalidPage, harness: &Harness) -> Reply {
    wrong(&VendorRequest {
        nth: 1,
        path: "/v1/people".to_owned(),
        query: Default::default(),
        origin: harness.vendor.origin().to_owned(),
    })
}

/// The rest of the body around the rows, from the address of the next page; nothing on the last page.
type Envelope = fn(Option<&str>) -> Value;

/// L9: a whole address in the body, at every location that vendors use.
#[test]
fn l9_the_next_address_in_the_body() {
    let cases: [(&str, &str, Envelope); 14] = [
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
        |(name, path, around)| {
            let page = format!(
                "page = {{ by = \"next_url\", next = \"{path}\", limit = \"limit\", size = 10 }}"
            );
            let mut harness = Harness::new(&Config::people(&page, NAMES));
            let around = *around;
            harness.vendor.respond_with(move |request| {
                address_in_body(request, around, |next| next.to_owned())
            });
            for reading in 1..=2 {
                harness
                    .sync()
                    .ended("ok", (name, reading))
                    .removed_none(name);
                assert_eq!(harness.ids().len(), 45, "{name}");
                assert_eq!(harness.vendor.log().len(), 5, "one request a page");
            }
        },
    );
}

fn address_in_body(
    request: &VendorRequest,
    around: Envelope,
    form: impl Fn(&str) -> String,
) -> Reply {
    let start = request.number("offset").unwrap_or(0);
    let next = format!(
        "{}/v1/people?offset={}&limit=10",
        request.origin,
        start + 10
    );
    let next = (start + 10 < 45).then(|| form(&next));
    let mut body = around(next.as_deref());
    body["rows"] = json!(ten(start));
    Reply::json(&body)
}

/// L9: whole, relative, with other parameters, with characters that must be escaped.
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
    let mut harness = Harness::new(&plan(pages(Style::NextUrl, 10)));
    each(
        &cases,
        |(name, _)| (*name).to_owned(),
        |(name, form)| {
            let form = *form;
            harness.vendor.respond_with(move |request| {
                address_in_body(request, |next| json!({"next": next}), form)
            });
            harness.sync().ended("ok", name).removed_none(name);
            assert_eq!(harness.ids().len(), 45, "{name}");
        },
    );
}

/// L9: an address elsewhere, or an invalid one, is not followed and is not an end.
#[test]
fn l9_invalid_next_addresses_are_not_an_end() {
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
        move |request: &VendorRequest| {
            let address = format!("{}/v1/people?offset=10&limit=10", request.origin);
            Reply::json(&json!({"rows": ten(0), "next": next(&address)}))
        }
    };
    assert_not_an_end(
        pages(Style::NextUrl, 10),
        &cases.map(|(name, next)| (name, Box::new(wrong(next)) as InvalidPage)),
    );
}

/// L8: a repeated address, cursor or page ends the reading at once, and nothing is removed.
#[test]
fn l8_lists_with_a_cycle() {
    // From the start of the requested page to the start of the page that is named as next.
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
        let mut harness = Harness::new(&plan(style));
        let ready = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            serve(&harness, style, 45);
            harness.sync().ended("ok", "all");
        }));
        each(
            &cases,
            |(name, _)| format!("{style:?}: {name}"),
            |(name, next)| {
                assert!(ready.is_ok(), "the list cannot be read at all");
                let next = *next;
                harness.vendor.respond_with(move |request| {
                    let start = style.start(request);
                    match request.nth {
                        // A program that has not noticed by now never will.
                        100.. => Reply::status(400),
                        _ => style.answer(request, &ten(start), Some(next(start)), 45),
                    }
                });
                harness
                    .sync()
                    .ended_in(&["failed", "incomplete"], name)
                    .removed_none(name);
                let requests = harness.vendor.log().len();
                assert!(requests <= 15, "{name}: {requests} requests");
                assert_eq!(harness.ids().len(), 45, "{name}");
            },
        );
    }
}

/// L8: a list without an end, with pages that differ in form only.
#[test]
fn l8_servers_that_ignore_the_start_of_the_next_page() {
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
            let mut harness = Harness::new(&plan(style));
            // Always the same rows for every request; the next page is always another one.
            harness.vendor.respond_with(move |request| {
                let next = style.start(request) + rows;
                style.answer(request, &persons(rows), Some(next), rows)
            });
            harness
                .sync()
                .ended_in(&["failed", "incomplete"], rows)
                .removed_none(rows);
            let requests = harness.vendor.log().len();
            assert!(requests <= 15, "{requests} requests");
        },
    );
}

/// L5: null where rows are expected is a page without rows; a missing member is an error.
#[test]
fn l5_null_where_rows_are_expected() {
    // Body after the last row, and whether it is a page without rows.
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
        |(path, body, _)| format!("{path}: {body}"),
        |(path, body, is_empty)| {
            let mut plan = plan(style);
            plan.streams = plan
                .streams
                .replace("rows = \"rows\"", &format!("rows = \"{path}\""));
            let mut harness = Harness::new(&plan);
            let (nested, body) = (path.contains('.'), (*body).to_owned());
            harness.vendor.respond_with(move |request| {
                let start = style.start(request);
                let rows: Vec<Value> = persons(20).into_iter().skip(start).take(10).collect();
                match (rows.is_empty(), nested) {
                    (true, _) => Reply::raw(200, body.clone()),
                    (false, true) => Reply::json(&json!({"data": {"rows": rows}})),
                    (false, false) => Reply::json(&json!({"rows": rows})),
                }
            });
            for reading in 1..=2 {
                let ran = harness.sync();
                match is_empty {
                    true => {
                        ran.ended("ok", reading);
                        assert_eq!(harness.ids().len(), 20);
                    }
                    false => drop(ran.ended("failed", reading)),
                }
            }
        },
    );
}

/// L5: null in place of the whole list is an empty list: ok at first, implausible later; among pages it is not an end.
#[test]
fn l5_null_in_place_of_a_whole_list_or_among_pages() {
    for style in [
        pages(Style::None, 0),
        pages(Style::Offset, 10),
        pages(Style::Cursor, 10),
        pages(Style::Link, 10),
    ] {
        let mut harness = Harness::new(&plan(style));
        harness
            .vendor
            .respond_with(|_| Reply::raw(200, "{\"rows\": null}"));
        harness.sync().ended("ok", style);
        serve(&harness, style, 45);
        harness.sync().ended("ok", style);
        harness
            .vendor
            .respond_with(|_| Reply::raw(200, "{\"rows\": null}"));
        harness.sync().ended("held", style).removed_none(style);
        assert_eq!(harness.ids().len(), 45);
    }
    let style = pages(Style::Offset, 10).with(Total::InBody);
    let mut harness = Harness::new(&plan(style));
    serve(&harness, style, 45);
    harness.sync().ended("ok", style);
    harness
        .vendor
        .respond_with(move |request| match style.start(request) {
            20.. => Reply::raw(200, "{\"rows\": null, \"total\": 45}"),
            _ => style.page(request, &persons(45)),
        });
    for _ in 0..2 {
        harness
            .sync()
            .ended_in(&["incomplete", "failed"], "null among pages")
            .removed_none("null among pages");
    }
    assert_eq!(harness.ids().len(), 45);
}

/// A server that refuses unknown parameters: the status of the refusal, or nothing.
type Refusal = fn(&VendorRequest) -> Option<u16>;

/// L6: a parameter that the server refuses is omitted, which is remembered and reported.
#[test]
fn l6_a_parameter_that_the_server_refuses() {
    let cases: [(&str, Refusal, &[&str]); 4] = [
        (
            "sort",
            |request| request.query.contains_key("sort").then_some(400),
            &["sort"],
        ),
        (
            "orderBy",
            |request| request.query.contains_key("orderBy").then_some(400),
            &["orderBy"],
        ),
        (
            "both",
            |request| {
                (request.query.contains_key("sort") || request.query.contains_key("orderBy"))
                    .then_some(400)
            },
            &["sort", "orderBy"],
        ),
        (
            "orderBy without sort",
            |request| {
                (request.query.contains_key("orderBy") || request.query.contains_key("sort"))
                    .then_some(400)
            },
            &["sort"],
        ),
    ];
    each(
        &cases,
        |(name, ..)| (*name).to_owned(),
        |(name, refuses, reported)| {
            let style = pages(Style::Offset, 10);
            let mut plan =
                Config::people(&style.toml_and("optional = [\"sort\", \"orderBy\"]"), NAMES);
            plan.streams = plan.streams.replace(
                "rows = \"rows\"",
                "query = { sort = \"id\", orderBy = \"asc\", kind = \"all\" }\nrows = \"rows\"",
            );
            let mut harness = Harness::new(&plan);
            let refuses = *refuses;
            harness
                .vendor
                .respond_with(move |request| match refuses(request) {
                    Some(status) => Reply::status(status),
                    None => style.page(request, &persons(45)),
                });
            harness.sync().ended("ok", name).reports(reported, name);
            assert_eq!(harness.ids().len(), 45);
            let log = harness.vendor.log();
            assert!(
                log.iter().filter(|seen| seen.status == 400).count() <= 2,
                "{name}: {log:?}"
            );
            assert!(
                log.iter().all(|seen| seen.query.contains_key("kind")),
                "what is not optional stays"
            );
            for reading in 1..=2 {
                harness.sync().ended("ok", (name, reading));
                let log = harness.vendor.log();
                assert!(
                    log.iter().all(|seen| seen.status == 200),
                    "{name}: it is remembered: {log:?}"
                );
            }
        },
    );
}

/// L6: where no parameter is optional, or omitting it does not help, the stream fails and names the refusal.
#[test]
fn l6_a_parameter_that_must_not_be_omitted() {
    for optional in ["", "optional = [\"sort\"]"] {
        let style = pages(Style::Offset, 10);
        let mut plan = Config::people(&style.toml_and(optional), NAMES);
        plan.streams = plan.streams.replace(
            "rows = \"rows\"",
            "query = { sort = \"id\", kind = \"all\" }\nrows = \"rows\"",
        );
        let mut harness = Harness::new(&plan);
        harness
            .vendor
            .respond_with(move |request| match request.query.contains_key("kind") {
                true => Reply::status(400),
                false => style.page(request, &persons(45)),
            });
        harness.sync().ended("failed", optional);
        assert!(harness.vendor.log().len() <= 6, "few requests");
    }
}

/// L6: a page size that is refused is reduced, which is remembered and reported.
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
        let mut harness = Harness::new(&plan(style));
        harness
            .vendor
            .respond_with(move |request| match request.number("limit") {
                Some(limit) if limit > most => Reply::status(400),
                _ => style.page(request, &persons(1200)),
            });
        let reported = harness.sync().ended("ok", (style, most)).reported;
        assert!(
            reported.contains("1000") || reported.contains("limit"),
            "{reported}"
        );
        assert_eq!(harness.ids().len(), 1200, "{style:?} {most}");
        let refused = harness
            .vendor
            .log()
            .iter()
            .filter(|seen| seen.status == 400)
            .count();
        assert!(refused <= 4, "{refused} refusals");
        harness.sync().ended("ok", (style, most));
        let log = harness.vendor.log();
        assert!(
            log.iter().all(|seen| seen.status == 200),
            "{style:?} {most}: it is remembered"
        );
    }
}

/// L6: 404 after a full page is an unproven end; on the first page, or below a total, it is an error.
#[test]
fn l6_not_found_after_the_last_page() {
    for style in [Style::Offset, Style::Number] {
        let style = pages(style, 10);
        let mut harness = Harness::new(&plan(style));
        let answers = |count: usize| {
            move |request: &VendorRequest| match style.start(request) < count {
                true => style.page(request, &persons(count)),
                false => Reply::status(404),
            }
        };
        harness.vendor.respond_with(answers(40));
        for reading in 1..=2 {
            harness
                .sync()
                .ended("ok", (style, reading))
                .removed_none(reading);
            assert_eq!(harness.ids().len(), 40);
        }
        // Ten fewer, after a full page again: two readings.
        harness.write(&plan(style).job("[guard]\nremovals = \"50%\"\n"));
        harness.vendor.respond_with(answers(30));
        assert_eq!(harness.sync().ended("ok", style).people().unconfirmed, 10);
        assert_eq!(harness.sync().ended("ok", style).people().removed, 10);
        // On the first page it is not a list.
        harness.vendor.respond_with(|_| Reply::status(404));
        harness.sync().ended("failed", style).removed_none(style);
        assert_eq!(harness.ids().len(), 30);
        // Below a total it is not an end either.
        let style = style.with(Total::InBody);
        let mut harness = Harness::new(&plan(style));
        serve(&harness, style, 45);
        harness.sync().ended("ok", style);
        harness
            .vendor
            .respond_with(move |request| match style.start(request) {
                20.. => Reply::status(404),
                _ => style.page(request, &persons(45)),
            });
        harness
            .sync()
            .ended_in(&["incomplete", "failed"], style)
            .removed_none(style);
        assert_eq!(harness.ids().len(), 45);
    }
}

/// A response without rows that may be meant as an end.
type Blank = fn(Pages, &VendorRequest) -> Reply;

/// L14: one response without rows where more pages are announced is not an end: the run reads again, and no row is missing.
#[test]
fn l14_a_response_without_rows_where_more_are_announced() {
    let blanks: [(&str, Blank); 5] = [
        ("204", |_, _| Reply::status(204)),
        ("an empty body", |_, _| Reply::raw(200, "")),
        ("blanks", |_, _| Reply::raw(200, "  \n")),
        ("null", |_, _| Reply::raw(200, "null")),
        ("no rows and no next page", |style, request| {
            style.answer(request, &[], None, 42)
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
            let mut harness = Harness::new(&plan(style));
            serve(&harness, style, 42);
            harness.sync().ended("ok", "first");
            for (name, blank) in blanks {
                for at in [10, 40] {
                    let mut is_done = false;
                    harness.vendor.respond_with(move |request| {
                        if style.start(request) == at && !is_done {
                            is_done = true;
                            return blank(style, request);
                        }
                        style.page(request, &persons(42))
                    });
                    let ran = harness.sync().removed_none((name, at));
                    // An empty list where rows are expected may be an end, and is then implausible or unconfirmed.
                    let may_be_held = name == "no rows and no next page";
                    assert!(
                        may_be_held || ran.outcome == "ok",
                        "{name} at {at}: {ran:?}"
                    );
                    assert_eq!(harness.ids().len(), 42, "{name} at {at}: {ran:?}");
                    // The missing rows are not remembered either: the next miss is a first one again.
                    harness.sync().ended("ok", (name, at));
                    assert_eq!(harness.ids().len(), 42, "{name} at {at}");
                }
            }
        },
    );
}

/// L14: the same at every reading: it never becomes an end, and the run is never ok.
#[test]
fn l14_always_a_response_without_rows_where_more_are_announced() {
    let blanks: [(&str, Blank); 3] = [
        ("204", |_, _| Reply::status(204)),
        ("an empty body", |_, _| Reply::raw(200, "")),
        ("no rows and the same next page", |style, request| {
            style.answer(request, &[], Some(10), 45)
        }),
    ];
    each(
        &[Style::Cursor, Style::Link, Style::NextUrl],
        |style| format!("{style:?}"),
        |style| {
            let style = pages(*style, 10);
            let mut harness = Harness::new(&plan(style));
            serve(&harness, style, 21);
            harness.sync().ended("ok", "first");
            for (name, blank) in blanks {
                harness
                    .vendor
                    .respond_with(move |request| match style.start(request) {
                        10 => blank(style, request),
                        _ => style.page(request, &persons(21)),
                    });
                for _ in 0..3 {
                    harness
                        .sync()
                        .ended_in(&["incomplete", "failed"], name)
                        .removed_none(name);
                    assert_eq!(harness.ids().len(), 21, "{name}");
                }
            }
        },
    );
}

/// L14: a page without rows that has a next page is read on; the third in a row ends the reading.
#[test]
fn l14_empty_pages_with_a_next_page() {
    each(
        &[Style::Cursor, Style::Link, Style::NextUrl],
        |style| format!("{style:?}"),
        |style| {
            let style = pages(*style, 10);
            let mut harness = Harness::new(&plan(style));
            // Row numbers from 100 on are empty pages between the first and the second.
            let with_empty = |empty: usize| {
                move |request: &VendorRequest| {
                    let start = style.start(request);
                    let behind = |number: usize| if number < empty { 100 + number } else { 10 };
                    match start {
                        0 => style.answer(request, &ten(0), Some(behind(0)), 45),
                        100.. => style.answer(request, &[], Some(behind(start - 99)), 45),
                        _ => style.page(request, &persons(45)),
                    }
                }
            };
            for empty in [1, 2] {
                harness.vendor.respond_with(with_empty(empty));
                harness.sync().ended("ok", empty).removed_none(empty);
                assert_eq!(
                    harness.ids(),
                    (0..45).map(id).collect::<Vec<_>>(),
                    "{empty}"
                );
            }
            harness.vendor.respond_with(with_empty(50));
            harness
                .sync()
                .ended_in(&["incomplete", "failed"], "fifty")
                .removed_none("fifty");
            assert!(harness.vendor.log().len() <= 20, "bounded");
        },
    );
}
