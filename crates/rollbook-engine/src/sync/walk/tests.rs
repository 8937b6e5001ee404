//! Tests of `walk.rs`: one walk against answers by script, without sockets.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::*;
use crate::sync::client::PageClient;
use rollbook_core::clock::Clock;
use rollbook_core::connector::api;
use rollbook_core::connector::file::Connector;
use rollbook_core::model::row::Rows;
use rollbook_core::model::{Completeness, named};
use rollbook_http::http::Slow;
use rollbook_http::http::follow;
use rollbook_http::http::{Headers, HttpErrorKind, Reply};

mod known;
mod strategies;

/// The status of an answer that is silence.
const SILENT: u16 = 599;

/// Answers in order: a status, header lines, a body, each on a line of its own.
struct Script {
    base: Url,
    answers: Mutex<VecDeque<String>>,
    asked: Mutex<Vec<String>>,
    /// What each answer was for the pager.
    pages: Mutex<Vec<String>>,
}

impl Script {
    fn reply(&self, ask: &PageRequest, decode: &Decode<Batch>) -> Result<Batch, HttpError> {
        let query: Vec<String> = ask
            .query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let joint = if query.is_empty() { "" } else { "?" };
        let mut asked = format!("{}{joint}{}", ask.path, query.join("&"));
        for (name, value) in &ask.headers {
            asked.push_str(&format!(" {name}: {value}"));
        }
        self.asked.lock().expect("a lock").push(asked);
        let answer = self.answers.lock().expect("a lock").pop_front();
        let answer = answer.unwrap_or_else(|| panic!("no answer left for {:?}", self.asked));
        let mut lines: Vec<&str> = answer.lines().map(str::trim).collect();
        let status: u16 = lines.remove(0).parse().expect("a status");
        let kind = match status {
            404 | 410 => Some(HttpErrorKind::Missing(status, None)),
            413 => Some(HttpErrorKind::TooMuchRequested(status, None)),
            504 => Some(HttpErrorKind::Unavailable(status, None)),
            SILENT => Some(HttpErrorKind::TooSlow(
                Slow::FirstByte,
                Duration::from_secs(60),
            )),
            400.. => Some(HttpErrorKind::HttpStatus(status)),
            _ => None,
        };
        let failed = |kind: HttpErrorKind| kind.at(format!("read {}", ask.what), "vendor.test");
        if let Some(kind) = kind {
            return Err(failed(kind));
        }
        let is_body = |line: &&str| line.starts_with(['{', '[']);
        let body = lines.iter().copied().find(is_body).unwrap_or_default();
        let mut headers = HeaderMap::new();
        for (name, value) in lines
            .iter()
            .filter(|line| !is_body(line))
            .filter_map(|line| line.split_once(": "))
        {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                HeaderValue::from_str(value).expect("a value"),
            );
        }
        let reply = Reply {
            status,
            redirected: false,
            headers: Headers::from(headers),
            date: None,
            body: body.into(),
        };
        let batch = decode
            .whole(&reply)
            .map_err(|bad| failed(HttpErrorKind::UnexpectedResponse(status, bad)))?;
        let facts = format!("{:?}", batch.facts);
        self.pages.lock().expect("a lock").push(facts);
        Ok(batch)
    }
}

impl PageClient for Script {
    fn get<'a>(
        &'a self,
        ask: &'a PageRequest,
        _: &'a RunBudget,
        decode: Decode<Batch>,
    ) -> BoxFuture<'a, Result<Batch, HttpError>> {
        async move { self.reply(ask, &decode) }.boxed()
    }

    fn follow(&self, link: &str, what: String) -> Result<PageRequest, HttpError> {
        let step = format!("read {what}");
        follow(&self.base, link, what).map_err(|kind| kind.at(step, "vendor.test"))
    }
}

/// How a walk went, in words.
struct Walked {
    asked: Vec<String>,
    pages: Vec<String>,
    rows: usize,
    result: Result<(WalkFacts, ListEnd), Failure>,
}

impl Walked {
    fn end(&self) -> String {
        match &self.result {
            Err(error) => error.to_string(),
            Ok((_, end)) => match &end.completeness {
                Completeness::Contradicted(why) => why.to_string(),
                completeness => format!("{completeness:?}").to_lowercase(),
            },
        }
    }

    fn facts(&self) -> &WalkFacts {
        &self.result.as_ref().expect("it was read").0
    }
}

struct Stage {
    source: Source,
    script: Arc<Script>,
    spec: Arc<StreamSpec>,
}

impl Stage {
    fn new(page: &str) -> Self {
        Self::of(&format!(
            "connector = \"v\"\ntitle = \"V\"\nbase_url = \"https://vendor.test\"\n[streams.users]\npath = \"/users\"\n\
             query = {{ sort = \"id\", orderBy = \"asc\" }}\nrows = \"users\"\nkey = [\"id\"]\npage = {{ {page} }}\n\
             [streams.users.columns]\nid = \"id : text\"\nn = \"n : integer\"\n"
        ))
    }

    /// A connector with the stream `users`.
    fn of(text: &str) -> Self {
        let connector: Connector = toml::from_str(text).expect("a connector");
        let spec = api::streams(&connector).expect("no flaws").remove("users");
        let script = Arc::new(Script {
            base: Url::parse(&connector.base_url).expect("an address"),
            answers: Mutex::default(),
            asked: Mutex::default(),
            pages: Mutex::default(),
        });
        Self {
            source: Source::new(
                named("own"),
                Arc::clone(&script) as Arc<dyn PageClient>,
                1,
                BTreeMap::new(),
            ),
            script,
            spec: Arc::new(spec.expect("the stream")),
        }
    }

    fn walk(&self, answers: &[&str]) -> Walked {
        self.walk_with(None, answers).0
    }

    /// One walk, and its pages.
    fn walk_with(&self, pages: Option<ListPages>, answers: &[&str]) -> (Walked, Vec<PageRows>) {
        *self.script.answers.lock().expect("a lock") =
            answers.iter().map(|answer| (*answer).to_owned()).collect();
        self.script.asked.lock().expect("a lock").clear();
        self.script.pages.lock().expect("a lock").clear();
        let item = Item::default();
        let space = Arc::new(StagingSpace::new(std::env::temp_dir()));
        let budget = RunBudget::new(&Clock::system(), Duration::from_secs(60));
        let request = ListRequest {
            source: &self.source,
            spec: &self.spec,
            item: &item,
            decoder: self.spec.decoder(&item.variables),
            filter: None,
            pages,
            space: &space,
            extra: Vec::new(),
            since: None,
            effort: Effort::USUAL,
            budget: &budget,
        };
        let (sender, mut inbox) = mpsc::channel(100);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let result = runtime.block_on(walk(&request, &sender, &|_, _| {}));
        let mut rows = 0;
        let mut listed = Vec::new();
        while let Ok(page) = inbox.try_recv() {
            if let Page::Listed(page) = page {
                rows += page.rows.outlines().map(Rows::received).sum::<usize>();
                listed.push(page);
            }
        }
        let left = self.script.answers.lock().expect("a lock").len();
        assert_eq!(left, 0, "an answer was not asked for");
        let walked = Walked {
            asked: self.script.asked.lock().expect("a lock").clone(),
            pages: self.script.pages.lock().expect("a lock").clone(),
            rows,
            result,
        };
        (walked, listed)
    }
}

/// A page with rows from one id on; further members behind them.
fn page(first: usize, rows: usize, members: &str) -> String {
    let rows: Vec<String> = (first..first + rows)
        .map(|id| format!(r#"{{"id":"{id}"}}"#))
        .collect();
    format!(r#"{{"users":[{}]{members}}}"#, rows.join(","))
}

fn check(page: &str, answers: &[String], rows: usize, end: &str) {
    let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
    let walked = Stage::new(page).walk(&answers);
    assert_eq!(
        (walked.rows, walked.end().as_str()),
        (rows, end),
        "{page} {answers:?}"
    );
}

const NEXT_LINK: &str = "the link to the next page cannot be read, so the rows behind it were not received; compare `page` \
                         of the connector with a response";

/// L4: several lines, relative addresses, what cannot be understood, what leads away, what leads back.
#[test]
fn link_headers() {
    let by_link = r#"by = "link", limit = "limit", size = 10"#;
    let linked = |lines: &str, first| format!("200\n{lines}\n{}", page(first, 10, ""));
    let last = || format!("200\n{}", page(10, 3, ""));
    for (lines, rows, end) in [
        (
            r#"link: <https://vendor.test/users?page=2>; rel="next""#,
            13,
            "unproven",
        ),
        (
            "link: <https://vendor.test/users>; rel=\"first\"\nlink: <https://vendor.test/users?page=2>; rel=\"next\"",
            13,
            "unproven",
        ),
        ("Link: </users?page=2>; REL=Next", 13, "unproven"),
        ("link: <?page=2>; rel='next'", 13, "unproven"),
        ("link: <users?page=2>; rel=next", 13, "unproven"),
    ] {
        check(by_link, &[linked(lines, 0), last()], rows, end);
    }
    for (lines, rows, end) in [
        ("link: <>; rel=next", 10, NEXT_LINK),
        (
            "link: <https://vendor.test/users?page=2; rel=next",
            10,
            NEXT_LINK,
        ),
        (
            r#"link: <https://vendor.test/users?orderBy=asc&sort=id&limit=10>; rel="next""#,
            10,
            "the link to the next page points to a page that was read before",
        ),
        (
            "link: </users?sort=id&orderBy=%61sc&limit=10>; rel=next",
            10,
            "the link to the next page points to a page that was read before",
        ),
    ] {
        check(by_link, &[linked(lines, 0)], rows, end);
    }
    let away = [linked(
        "link: <https://other.test/users?page=2>; rel=next",
        0,
    )];
    let walked = Stage::new(by_link).walk(&[&away[0]]);
    let error = walked.result.expect_err("never followed");
    assert_eq!(
        error.http().map(HttpError::kind),
        Some(&HttpErrorKind::OutsideBaseUrl)
    );
}

/// L8: two pages whose next links point at each other.
#[test]
fn two_pages_that_point_at_each_other() {
    let first = format!(
        "200\nlink: <https://vendor.test/users?page=2>; rel=next\n{}",
        page(0, 10, "")
    );
    let second = format!(
        "200\nlink: <https://vendor.test/users?limit=10&sort=id&orderBy=asc>; rel=next\n{}",
        page(10, 10, "")
    );
    let end = "the link to the next page points to a page that was read before";
    check(
        r#"by = "link", limit = "limit", size = 10"#,
        &[first, second],
        20,
        end,
    );
}

/// L9: the next page's address in the body.
#[test]
fn addresses_in_the_body() {
    for (next, second) in [
        ("next", r#","next":"https://vendor.test/users?page=2""#),
        ("next", r#","next":"/users?page=2""#),
        ("next", r#","next":"?page=2""#),
        (
            "@odata.nextLink",
            r#","@odata.nextLink":"https://vendor.test/users?$skiptoken=a%20b""#,
        ),
        (
            "meta.next",
            r#","meta":{"next":"https://vendor.test/users?page=2"}"#,
        ),
        (
            "links[rel=next].uri",
            r#","links":[{"rel":"next","uri":"/users?page=2"}]"#,
        ),
    ] {
        let rules = format!(r#"by = "next_url", next = "{next}""#);
        let answers = [
            format!("200\n{}", page(0, 10, second)),
            format!("200\n{}", page(10, 3, "")),
        ];
        check(&rules, &answers, 13, "unproven");
    }
    let rules = r#"by = "next_url", next = "next""#;
    for (members, end) in [
        (r#","next":null"#, "proven"),
        (r#","next":"""#, "proven"),
        ("", "proven"),
        (r#","next":false"#, NEXT_LINK),
        (r#","next":2"#, NEXT_LINK),
        (r#","next":{}"#, NEXT_LINK),
    ] {
        check(rules, &[format!("200\n{}", page(0, 10, members))], 10, end);
    }
    let asked = Stage::new(rules).walk(&[
        &format!(
            "200\n{}",
            page(0, 2, r#","next":"https://vendor.test/users?a=b+c%2B""#)
        ),
        &format!("200\n{}", page(2, 2, "")),
    ]);
    assert_eq!(
        asked.asked,
        ["/users?orderBy=asc&sort=id", "/users?a=b+c%2B"]
    );
}

/// L14: 204 and empty bodies, at first and where a page was promised.
#[test]
fn answers_without_content() {
    let by_cursor = r#"by = "cursor", cursor = "after", next = "next""#;
    let first = || format!("200\n{}", page(0, 10, r#","next":"c""#));
    let last = || format!("200\n{}", page(10, 3, ""));
    let none = || "204".to_owned();
    let empty = || "200".to_owned();
    let contradicted = "the server promised another page and returned no content twice";
    check(by_cursor, &[first(), none(), last()], 13, "unproven");
    check(by_cursor, &[first(), empty(), last()], 13, "unproven");
    check(by_cursor, &[first(), none(), empty()], 10, contradicted);
    check(by_cursor, &[none()], 0, "unproven");
    check(
        &format!("{by_cursor}, until = [\"blank\"]"),
        &[none()],
        0,
        "proven",
    );
    check(
        &format!("{by_cursor}, until = [\"blank\"]"),
        &[empty()],
        0,
        "proven",
    );
    check("", &[none()], 0, "unproven");
    check("", &[format!("200\n{}", page(0, 0, ""))], 0, "proven");
    check("", &["200\n{\"users\":{}}".to_owned()], 0, "unproven");
    check("", &["200\n{\"users\":null}".to_owned()], 0, "proven");
    let walked = Stage::new("").walk(&["200"]);
    assert!(
        walked.end().contains("expected rows, got nothing"),
        "{}",
        walked.end()
    );
}

/// S1, S2: a gateway that gave up is a sign of size, silence is none.
#[test]
fn a_page_is_halved_for_its_size_and_never_for_silence() {
    let rules = r#"by = "offset", offset = "offset", limit = "limit", size = 1000, total_member = ["total"]"#;
    let all = format!("200\n{}", page(0, 3, ",\"total\":3"));
    for (what, statuses, rows, size) in [
        ("a gateway's timeout", &["504"][..], Some(3), 500),
        ("twice", &["504", "504"], Some(3), 250),
        ("413", &["413"], Some(3), 500),
        ("silence", &["599"], None, 1000),
        ("five times", &["504"; 5], None, 62),
    ] {
        let stage = Stage::new(rules);
        let mut answers = statuses.to_vec();
        answers.extend(rows.map(|_| all.as_str()));
        // The rest of each page that was too large, and what follows the rows.
        let rest = rows.map_or(0, |_| statuses.len() + 1);
        answers.extend(vec!["200\n{\"users\":[],\"total\":3}"; rest]);
        let walked = stage.walk(&answers);
        assert_eq!(
            walked.result.is_ok(),
            rows.is_some(),
            "{what}: {}",
            walked.end()
        );
        let last_size = |asked: &String| asked.ends_with(&format!("limit={size}"));
        assert!(
            walked.asked.iter().any(last_size),
            "{what}: {:?}",
            walked.asked
        );
        assert!(
            walked
                .asked
                .iter()
                .filter(|asked| asked.contains("offset=0&"))
                .count()
                <= 5,
            "{what}: {:?}",
            walked.asked
        );
        // The next walk begins with the size that worked.
        let known = stage.source.memory.get(&stage.spec.name);
        let expected = rows.filter(|_| size < 1000).map(|_| size);
        assert_eq!(known.size, expected, "{what}");
    }
}

/// L6: `sort` refused, `limit` refused, both, neither; 404 behind rows and at first.
#[test]
fn refused_parameters_are_found_out_once() {
    let rules = r#"by = "offset", offset = "offset", limit = "limit", size = 1000, optional = ["sort", "orderBy"]"#;
    let (full, end) = (format!("200\n{}", page(0, 3, "")), "200\n{\"users\":[]}");
    let lean = "/users?offset=0&limit=1000";
    let half = "/users?orderBy=asc&sort=id&offset=0&limit=500";
    let as_it_is = "/users?orderBy=asc&sort=id&offset=0&limit=1000";
    let adaptation = |without: &[&str], size| {
        Some(Adaptation {
            without: without.iter().map(|name| (*name).to_owned()).collect(),
            size,
            ..Adaptation::default()
        })
    };
    for (what, statuses, last, expected) in [
        ("nothing", &[][..], as_it_is, None),
        (
            "sort",
            &["400"],
            lean,
            adaptation(&["sort", "orderBy"], None),
        ),
        (
            "sort, 422",
            &["422"],
            lean,
            adaptation(&["sort", "orderBy"], None),
        ),
        (
            "sort, 501",
            &["501"],
            lean,
            adaptation(&["sort", "orderBy"], None),
        ),
        ("limit", &["400", "400"], half, adaptation(&[], Some(500))),
        (
            "both",
            &["400", "400", "400", "400"],
            "/users?offset=0&limit=100",
            adaptation(&["sort", "orderBy"], Some(100)),
        ),
    ] {
        let stage = Stage::new(rules);
        let mut answers = statuses.to_vec();
        answers.extend([full.as_str(), end]);
        let walked = stage.walk(&answers);
        assert_eq!(
            (walked.rows, walked.end().as_str()),
            (3, "unproven"),
            "{what}"
        );
        assert_eq!(walked.asked[statuses.len()], last, "{what}");
        assert_eq!(walked.facts().adaptation, expected, "{what}");
        assert_eq!(
            walked.facts().notes.len(),
            usize::from(expected.is_some()),
            "{what}"
        );
        // The next walk of this process begins with it and reports nothing; so does another process that knows it.
        let again = stage.walk(&[&full, end]);
        assert_eq!(
            (again.asked[0].as_str(), again.facts().notes.len()),
            (last, 0),
            "{what}"
        );
        let stage = Stage::new(rules);
        let informed = expected.unwrap_or_default();
        stage
            .source
            .memory
            .update(&stage.spec.name, |memory| *memory = informed);
        assert_eq!(stage.walk(&[&full, end]).asked[0], last, "{what}");
    }
    let stage = Stage::new(rules);
    let walked = stage.walk(&["400"; 5]);
    assert!(walked.end().contains("400"), "{}", walked.end());
    // For a while nothing else is tried: it is not about parameters.
    assert_eq!(stage.walk(&["400"]).asked, [as_it_is]);
    for status in ["404", "410"] {
        let walked = Stage::new(rules).walk(&[status]);
        assert!(walked.result.is_err(), "{status}");
        let walked = Stage::new(rules).walk(&[&full, status]);
        assert_eq!(
            (walked.rows, walked.end().as_str()),
            (3, "unproven"),
            "{status}"
        );
    }
}

/// Messages name the position of the page in the list.
#[test]
fn a_page_is_named_by_its_position() {
    let rules = r#"by = "offset", offset = "offset", limit = "limit", size = 100"#;
    let full = format!("200\n{}", page(0, 100, ""));
    let walked = Stage::new(rules).walk(&[&full, "413", "400"]);
    assert!(walked.end().contains("page 2 of users"), "{}", walked.end());
    let by_cursor = r#"by = "cursor", cursor = "after", next = "next""#;
    let first = format!("200\n{}", page(0, 10, r#","next":"c""#));
    let walked = Stage::new(by_cursor).walk(&[&first, "204", "400"]);
    assert!(walked.end().contains("page 2 of users"), "{}", walked.end());
}

#[test]
fn what_is_counted() {
    let rules = r#"by = "offset", offset = "offset", limit = "limit", size = 2, total_member = ["total"], total = "ignore""#;
    let first = r#"200
        {"users":[{"id":"a","n":1},{"id":"b"}],"total":9}"#;
    let second = r#"200
        {"users":[{"n":5}],"total":9}"#;
    let walked = Stage::new(rules).walk(&[first, second, "200\n{\"users\":[]}"]);
    let facts = walked.facts();
    assert_eq!((facts.pages, facts.received, facts.total), (2, 3, Some(9)));
    assert_eq!((facts.unidentified, facts.rejects.len()), (1, 1));
    assert_eq!(walked.end(), "unproven");
}
