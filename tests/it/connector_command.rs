//! `rollbook connector`: from an answer of an unknown API to rows on the screen, without a person's value and without a mirror.

use std::fs;

use serde_json::{Value, json};

use crate::installation::{Finished, Installation};
use crate::replay::Replay;
use crate::wire::{HttpResponse, Request};

/// A library with 7 books and the loans of each.
fn library() -> Replay {
    Replay::start(|request, _| {
        if request.headers.get("x-api-key").map(String::as_str) != Some("k3y") {
            return HttpResponse::new(401, "{}");
        }
        let number = |name: &str| {
            request
                .query
                .get(name)
                .and_then(|text| text.parse::<usize>().ok())
        };
        let body = match request.path.as_str() {
            "/v2/books" => {
                let (skip, take) = (number("offset").unwrap_or(0), number("limit").unwrap_or(5));
                let books = (skip..7.min(skip + take)).map(|id| {
                    let bought = if id == 3 { "soon" } else { "2026-01-31" };
                    json!({"id": id, "title": format!("Book {id}"), "bought": bought, "price": 9.5, "buyer": {"name": "Kim Quill"}})
                });
                json!({"total": 7, "books": books.collect::<Vec<_>>()})
            }
            "/feed/3f9cmellon0c1de77a2b4e1/loans" => json!([{"id": 1}, {"id": 2}]),
            "/v2/books/0/loans" => {
                json!([{"id": 1, "borrower": "Kim Quill"}, {"id": 1, "borrower": "Lee Quill"}])
            }
            _ => return HttpResponse::new(404, "{}"),
        };
        HttpResponse::new(200, body.to_string())
    })
}

fn installation() -> Installation {
    let installation = Installation::empty();
    installation.secret("credentials/shelf_key", "k3y\n");
    fs::create_dir(installation.path("jobs")).expect("a folder");
    installation
}

fn draft(installation: &Installation, vendor: &Replay, more: &[&str]) -> Finished {
    let address = format!("{}/v2/books?offset=0&limit=2", vendor.origin());
    let line = [
        "connector",
        "new",
        &address,
        "--header-credential",
        "X-Api-Key=shelf_key",
    ];
    installation.run(&[&line[..], more].concat())
}

/// The source that uses the draft.
fn add_source(installation: &Installation) {
    let source = "[sources.library]\nconnector = \"shelf\"\n[sources.library.auth]\ngrant = \"api_key\"\napi_key = { credential = \"shelf_key\" }\n";
    installation.write("config/rollbook.toml", source);
}

#[test]
fn an_address_becomes_a_connector_that_reads_it() {
    let (vendor, installation) = (library(), installation());
    let ran = draft(&installation, &vendor, &["--write", "shelf"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    assert!(ran.out.contains("shelf.toml with 1 stream and "), "{ran:?}");
    let log = vendor.log();
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].headers["x-api-key"], "k3y");
    let text =
        fs::read_to_string(installation.path("config/connectors/shelf.toml")).expect("a draft");
    assert!(!text.contains("Quill") && !text.contains("k3y"), "{text}");
    let again = draft(&installation, &vendor, &["--write", "shelf"]);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(
        again.err.contains("exists already and is not replaced"),
        "{again:?}"
    );
    assert!(vendor.log().is_empty(), "and nothing was requested");

    let early = installation.run(&["connector", "test", "shelf"]);
    assert_eq!(early.code, Some(78), "{early:?}");
    add_source(&installation);
    let ran = installation.run(&["connector", "test", "config/connectors/shelf.toml"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    for words in [
        "library.books: 7 rows, 7 declared, no next page\n",
        "id (key)",
        "column bought: ",
        "Nothing was written.",
    ] {
        assert!(ran.out.contains(words), "{words}: {ran:?}");
    }
    assert!(
        !ran.out.contains("Quill") && !ran.out.contains("Book 0"),
        "{ran:?}"
    );
    assert!(
        !installation.path("state").exists(),
        "neither mirror nor vault"
    );
    let ran = installation.run(&["connector", "test", "shelf", "books", "--rows"]);
    assert!(
        ran.out.contains("Kim Quill") && ran.out.contains("Book 2") && !ran.out.contains("Book 3"),
        "{ran:?}"
    );
}

#[test]
fn a_secret_in_a_path_is_neither_written_nor_printed() {
    let (vendor, installation) = (library(), installation());
    let address = format!("{}/feed/3f9cmellon0c1de77a2b4e1/loans", vendor.origin());
    let new = |address: &str, more: &[&str]| {
        let key = ["--header-credential", "X-Api-Key=shelf_key"];
        installation.run(&[&["connector", "new", address][..], &key, more].concat())
    };
    let printed = new(&address, &[]);
    let written = new(&address, &["--write", "feed"]);
    let missing = new(&address.replace("loans", "users"), &[]);
    assert_eq!(written.code, Some(0), "{written:?}");
    let file =
        fs::read_to_string(installation.path("config/connectors/feed.toml")).expect("a draft");
    let whole = format!("{printed:?}{written:?}{missing:?}{file}");
    assert!(!whole.contains("mellon"), "{whole}");
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(
        printed.out.contains("path    = \"/{address_key}/loans\""),
        "{printed:?}"
    );
    assert!(
        written.out.contains("write it as the setting address_key"),
        "{written:?}"
    );
    let source = format!(
        "[sources.feed]\nconnector = \"feed\"\n[sources.feed.settings]\nbase_url = \"{}/feed\"\n\
         address_key = \"3f9cmellon0c1de77a2b4e1\"\n[sources.feed.auth]\ngrant = \"api_key\"\n\
         api_key = {{ credential = \"shelf_key\" }}\n",
        vendor.origin()
    );
    installation.write("config/rollbook.toml", &source);
    let ran = installation.run(&["connector", "test", "feed"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("feed.loans: 2 rows"), "{ran:?}");
}

#[test]
fn a_stream_for_each_row_is_read_for_the_first_one() {
    let (vendor, installation) = (library(), installation());
    let connector = format!(
        "connector = \"shelf\"\ntitle = \"Shelf\"\nbase_url = \"{}/v2\"\n[auth.api_key]\nheader = \"X-Api-Key\"\n\
         [streams.books]\npath = \"/books\"\nrows = \"books\"\nkey = [\"id\"]\n[streams.books.columns]\nid = \"id : integer\"\ntitle = \"title : text\"\n\
         [streams.loans]\npath = \"/books/{{book_id}}/loans\"\nrows = \"[]\"\nkey = [\"book_id\", \"id\"]\n\
         for_each = {{ stream = \"books\", take = {{ book_id = \"id\" }} }}\n\
         [streams.loans.columns]\nbook_id = \"= {{book_id}} : integer\"\nid = \"id : integer\"\n\
         [streams.missing]\npath = \"/books/{{book_id}}/missing\"\nfor_each = {{ stream = \"books\", take = {{ book_id = \"title\" }} }}\nrows = \"[]\"\nkey = [\"id\"]\n[streams.missing.columns]\nid = \"id : text\"\n",
        vendor.origin()
    );
    installation.write("config/connectors/shelf.toml", &connector);
    add_source(&installation);
    let ran = installation.run(&["connector", "test", "shelf", "loans", "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let paths: Vec<String> = vendor
        .log()
        .into_iter()
        .map(|request: Request| request.path)
        .collect();
    assert_eq!(paths, ["/v2/books", "/v2/books/0/loans"]);
    let view: Value = serde_json::from_str(&ran.out).expect("JSON");
    let loans = &view[0];
    assert_eq!(
        (&loans["stream"], &loans["item"]),
        (&json!("loans"), &json!("a row of books"))
    );
    assert_eq!(
        (&loans["received"], &loans["duplicates"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(loans["unlisted"], json!(["borrower"]));
    assert_eq!(loans["next"], "no next page");
    assert_eq!(loans["columns"][1]["values"], 2);
    let ran = installation.run(&["connector", "test", "shelf", "loans", "--rows"]);
    assert!(ran.out.contains("library.loans (0): 2 rows"), "{ran:?}");
    let ran = installation.run(&["connector", "test", "shelf"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.out.contains("library.loans (a row of books): 2 rows"),
        "{ran:?}"
    );
    assert!(!ran.out.contains("Book 0"), "no value of a row: {ran:?}");
    assert!(
        ran.out.contains("1 of 3 streams could not be read."),
        "{ran:?}"
    );
}

#[test]
fn mistakes_are_answered_with_advice() {
    let (vendor, installation) = (library(), installation());
    installation.write("sample.html", "<html>");
    installation.write("sample.json", r#"{"users": [{"id": 1, "password": "x"}]}"#);
    let address = format!("{}/v2/books", vendor.origin());
    for (line, code, words) in [
        (&["connector", "new", &address][..], 1, "returned 401"),
        (
            &["connector", "new", "http://books.example/v1"],
            1,
            "must be https",
        ),
        (&["connector", "new", "sample.html"], 1, "looks like HTML"),
        (
            &["connector", "new", "nothing.json"],
            1,
            "could not read nothing.json",
        ),
        (
            &[
                "connector",
                "new",
                "sample.json",
                "--header-credential",
                "A=b",
            ],
            2,
            "this is a file",
        ),
        (
            &[
                "connector",
                "new",
                &address,
                "--header-credential",
                "X-Api-Key=other",
            ],
            1,
            "credential `other`",
        ),
        (
            &[
                "connector",
                "new",
                &address,
                "--header-credential",
                "X-Api-Key: k3y!",
            ],
            2,
            "with the name of a credential",
        ),
    ] {
        let ran = installation.run(line);
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.err.contains(words), "{words}: {ran:?}");
    }
    let ran = installation.run(&["connector", "new", "sample.json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("ignore  = [\"password\"]"), "{ran:?}");
    installation.write(
        "config/connectors/shelf.toml",
        &ran.out
            .replace("connector = \"sample\"", "connector = \"shelf\""),
    );
    installation.write("config/rollbook.toml", "");
    for (line, code, words) in [
        (
            &["connector", "test", "shelf"][..],
            1,
            "`rollbook init shelf` adds one",
        ),
        (&["connector", "test", "shelf.toml"], 2, "copy it to "),
    ] {
        let ran = installation.run(line);
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.err.contains(words), "{words}: {ran:?}");
    }
}
