//! How pages are requested where that is not an offset: what is sent, and what the end proves.

use super::*;

/// A stream of a vendor with a path in its base address, which is no part of the paths that are asked for.
fn walked(rest: &str, answers: &[&str]) -> Walked {
    Stage::of(&format!(
        "connector = \"v\"\ntitle = \"V\"\nbase_url = \"https://vendor.test/api/v3\"\n\
         query = {{ format = \"json\", fields = [\"id\", \"n\"] }}\n[streams.users]\npath = \"/users\"\n{rest}\nkey = [\"id\"]\n\
         [streams.users.columns]\nid = \"id : text\"\nn = \"n : integer\"\n"
    ))
    .walk(answers)
}

const SENT: &str = r#"/users?fields=["id","n"]&format=json"#;

const PART: &str = "the server calls its answer a part of the list (206) and says neither how many rows the list has nor \
                    where it goes on; correct `page` of the connector";

/// Kinds: numbers with sizes, tokens in headers both ways, links relative to the base, OData, ranges.
#[test]
fn what_is_asked_for_and_what_it_proves() {
    let page = |ids: &[&str], members: &str| {
        let rows: Vec<String> = ids.iter().map(|id| format!(r#"{{"id":"{id}"}}"#)).collect();
        format!(r#"{{"users":[{}]{members}}}"#, rows.join(","))
    };
    for (what, rest, answers, asked, end) in [
        (
            "page=N,SIZE",
            r#"rows = "users"
               page = { by = "number", number = "page", value = "{number},{size}", size = 2, until = ["short"] }"#,
            vec![
                format!("200\n{}", page(&["a", "b"], "")),
                format!("200\n{}", page(&["c"], "")),
            ],
            vec!["&page=1,2", "&page=2,2"],
            "unproven",
        ),
        (
            "LIMIT offset,size",
            r#"rows = "users"
               page = { by = "offset", offset = "limit", value = "{offset},{size}", size = 2, total_member = ["total"] }"#,
            vec![
                format!("200\n{}", page(&["a", "b"], r#","total":3"#)),
                format!("200\n{}", page(&["c"], r#","total":3"#)),
            ],
            vec!["&limit=0,2", "&limit=2,2"],
            "proven",
        ),
        (
            "a token in a header",
            r#"rows = "users"
               page = { by = "cursor", cursor = "page", next_header = "X-Next-Page" }"#,
            vec![
                format!("200\nx-next-page: 2\n{}", page(&["a"], "")),
                format!("200\nx-next-page:\n{}", page(&["b"], "")),
            ],
            vec!["", "&page=2"],
            "unproven",
        ),
        (
            "a token in headers both ways",
            r#"rows = "users"
               headers = { Prefer = "a" }
               page = { by = "cursor", cursor_header = "x-continuation", next_header = "x-continuation" }"#,
            vec![
                format!("200\nx-continuation: t+1=\n{}", page(&["a"], "")),
                format!("200\n{}", page(&["b"], "")),
            ],
            vec![" Prefer: a", " Prefer: a x-continuation: t+1="],
            "unproven",
        ),
        (
            "the same token again",
            r#"rows = "users"
               page = { by = "cursor", cursor = "page", next_header = "X-Next-Page" }"#,
            vec![
                format!("200\nx-next-page: 2\n{}", page(&["a"], "")),
                format!("200\nx-next-page: 2\n{}", page(&["b"], "")),
            ],
            vec!["", "&page=2"],
            "the link to the next page points to a page that was read before",
        ),
        (
            "missing members on the way",
            r#"rows = "users"
               page = { by = "cursor", cursor = "pageToken", next = "nextPageToken", until = ["missing"] }"#,
            vec![
                format!("200\n{}", page(&["a"], r#","nextPageToken":"t1""#)),
                "200\n{\"nextPageToken\":\"t2\"}".to_owned(),
                format!("200\n{}", page(&["b"], "")),
            ],
            vec!["", "&pageToken=t1", "&pageToken=t2"],
            "unproven",
        ),
        (
            "nothing at all",
            r#"rows = "users"
               page = { by = "cursor", cursor = "pageToken", next = "nextPageToken", until = ["missing"] }"#,
            vec!["200\n{}".to_owned()],
            vec![""],
            "unproven",
        ),
        (
            "nothing where a page was promised",
            r#"rows = "users"
               page = { by = "cursor", cursor = "pageToken", next = "nextPageToken", until = ["missing"] }"#,
            vec![
                format!("200\n{}", page(&["a"], r#","nextPageToken":"t1""#)),
                "200\n{}".to_owned(),
                format!("200\n{}", page(&["b"], r#","nextPageToken":"t2""#)),
                "200\n{}".to_owned(),
                "200\n{}".to_owned(),
            ],
            vec![
                "",
                "&pageToken=t1",
                "&pageToken=t1",
                "&pageToken=t2",
                "&pageToken=t2",
            ],
            "unproven",
        ),
        (
            "a range that is all",
            "rows = \"users\"",
            vec![format!(
                "206\ncontent-range: items 0-1/2\n{}",
                page(&["a", "b"], "")
            )],
            vec![""],
            "proven",
        ),
        (
            "a range of unknown size",
            "rows = \"users\"",
            vec![format!(
                "206\ncontent-range: items 0-1/*\n{}",
                page(&["a", "b"], "")
            )],
            vec![""],
            PART,
        ),
        (
            "a range of unknown size, at the end of cursors",
            r#"rows = "users"
               page = { by = "cursor", cursor = "page", next = "next" }"#,
            vec![
                format!(
                    "206\ncontent-range: items 0-0/*\n{}",
                    page(&["a"], r#","next":"t""#)
                ),
                format!("206\ncontent-range: items 1-1/*\n{}", page(&["b"], "")),
            ],
            vec!["", "&page=t"],
            PART,
        ),
        (
            "a range of unknown size, and no link",
            r#"rows = "users"
               page = { by = "link" }"#,
            vec![format!(
                "206\ncontent-range: items 0-1/*\n{}",
                page(&["a", "b"], "")
            )],
            vec![""],
            PART,
        ),
        (
            "a range of unknown size that says it is the last",
            r#"rows = "users"
               page = { by = "cursor", cursor = "page", next = "next", more = "more" }"#,
            vec![format!(
                "206\ncontent-range: items 0-1/*\n{}",
                page(&["a", "b"], r#","more":false"#)
            )],
            vec![""],
            "unproven",
        ),
        (
            "ranges of unknown size by offset",
            r#"rows = "users"
               page = { by = "offset", offset = "offset", limit = "limit", size = 2 }"#,
            vec![
                format!("206\ncontent-range: 0-0/*\n{}", page(&["a"], "")),
                format!("200\n{}", page(&[], "")),
            ],
            vec!["&offset=0&limit=2", "&offset=1&limit=2"],
            "unproven",
        ),
        (
            "ranges by offset",
            r#"rows = "users"
               page = { by = "offset", offset = "offset", limit = "limit", size = 2 }"#,
            vec![
                format!("206\ncontent-range: 0-1/3\n{}", page(&["a", "b"], "")),
                format!("206\ncontent-range: 2-2/3\n{}", page(&["c"], "")),
            ],
            vec!["&offset=0&limit=2", "&offset=2&limit=2"],
            "proven",
        ),
    ] {
        let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
        let walked = walked(rest, &answers);
        let sent: Vec<String> = asked.iter().map(|rest| format!("{SENT}{rest}")).collect();
        assert_eq!(walked.asked, sent, "{what}");
        assert_eq!(walked.end(), end, "{what}");
    }
}

/// Less than the range declares removes nothing.
#[test]
fn a_part_of_a_list_is_not_the_list() {
    let walked = walked(
        "rows = \"users\"",
        &["206\ncontent-range: items 0-1/60\n{\"users\":[{\"id\":\"a\"},{\"id\":\"b\"}]}"],
    );
    assert!(walked.end().contains("60"), "{}", walked.end());
    assert_eq!(walked.facts().total, Some(60));
}

/// Kinds: relative to the host, to the base, in a list of `rel` and `uri`, OData; each only at home.
#[test]
fn addresses_of_next_pages() {
    let by_list = r#"rows = "users"
        page = { by = "next_url", next = "links[rel=next].uri" }"#;
    let by_odata = r#"rows = "users"
        page = { by = "next_url", next = "@odata.nextLink", total_member = ["@odata.count"] }"#;
    let by_base = r#"rows = "users"
        page = { by = "next_url", next = "next", relative_to = "base_url" }"#;
    let by_header = r#"rows = "users"
        page = { by = "next_url", next_header = "X-Next" }"#;
    let outside = "read page 2 of users: the address is outside the source's base_url, so no request was sent; \
                   if the vendor has moved, change base_url";
    let body = |members: &str| {
        format!(
            r#"200
        {{"users":[{{"id":"a"}}]{members}}}"#
        )
    };
    let last = r#"200
        {"users":[{"id":"b"}]}"#;
    for (rest, first, second, end) in [
        (
            by_list,
            body(
                r#","links":[{"rel":"self","uri":"/x"},{"rel":"next","uri":"/api/v3/users?after=a&limit=1"}]"#,
            ),
            "/users?after=a&limit=1",
            "unproven",
        ),
        (
            by_odata,
            body(
                r#","@odata.count":2,"@odata.nextLink":"https://vendor.test/api/v3/users?$skiptoken=a%2Bb==&$top=1""#,
            ),
            "/users?$skiptoken=a%2Bb==&$top=1",
            "proven",
        ),
        (
            by_odata,
            body(r#","@odata.nextLink":"users?$skiptoken=x""#),
            "/users?$skiptoken=x",
            "unproven",
        ),
        (
            by_base,
            body(r#","next":"/users?page=2""#),
            "/users?page=2",
            "unproven",
        ),
        (
            by_base,
            body(r#","next":"https://vendor.test/api/v3/users?page=2""#),
            "/users?page=2",
            "unproven",
        ),
        (
            by_header,
            format!(
                "200\nx-next: https://vendor.test/api/v3/users?page=2\n{}",
                &body("")[4..]
            ),
            "/users?page=2",
            "unproven",
        ),
        (
            by_list,
            body(r#","links":[{"rel":"next","uri":"/users?after=a"}]"#),
            "",
            outside,
        ),
        (
            by_odata,
            body(r#","@odata.nextLink":"https://evil.test/api/v3/users""#),
            "",
            outside,
        ),
        (
            by_odata,
            body(r#","@odata.nextLink":"http://vendor.test/api/v3/users""#),
            "",
            outside,
        ),
        (by_base, body(r#","next":"//evil.test/users""#), "", outside),
        (by_base, body(r#","next":"/../v2/users""#), "", outside),
    ] {
        let mut answers = vec![first.as_str()];
        if !second.is_empty() {
            answers.push(last);
        }
        let walked = walked(rest, &answers);
        let mut asked = vec![SENT];
        asked.extend((!second.is_empty()).then_some(second));
        assert_eq!(walked.asked, asked, "{first}");
        assert_eq!(walked.end(), end, "{first}");
    }
}
