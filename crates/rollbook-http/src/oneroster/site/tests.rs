//! What is refused before a row is looked at, over a connection. `tests/oneroster/` asks for everything else.

use super::*;
use crate::http_server::test_client::{sent, statuses};
use crate::oneroster::client_secret::ClientSecretHash;
use crate::oneroster::entity::RosterEntity;
use rollbook_core::document::FileText;
use rollbook_core::document::parse::read_with_tree;
use rollbook_core::model::named;

/// A service whose mirror is not there, and a token that opens the collections.
async fn site(more: &str) -> (OneRosterSite, String) {
    let text = format!(
        "bundle = \"roster\"\n{more}[clients.library]\nsecret_sha256 = \"{}\"\nscopes = [\"roster-core.readonly\"]\n",
        ClientSecretHash::of("secret")
    );
    let (_, config) =
        read_with_tree::<OneRosterConfig>(&FileText::new("oneroster.toml", &text), &[]);
    let key = AccessKey::new().expect("random numbers");
    let reader = RosterReader::new(
        "/nowhere".into(),
        named("roster"),
        RosterEntity::ALL.to_vec(),
    );
    let config = config.expect("a configuration");
    let site = OneRosterSite::new(&config, key, reader, Clock::system());
    let form = "grant_type=client_credentials&client_id=library&client_secret=secret";
    let (reply, _) = sent(&site, post(form)).await;
    let token = reply.split("\"access_token\":\"").nth(1).expect("a token");
    let token = token.split('"').next().unwrap_or_default().to_owned();
    (site, token)
}

fn post(form: &str) -> String {
    format!(
        "POST /token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    )
}

fn request(start: &str, headers: &str) -> String {
    format!("{start} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n")
}

#[tokio::test]
async fn what_may_not_be_read_is_refused() {
    let (site, token) = site("").await;
    let with = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let base = "/ims/oneroster/v1p1";
    for (start, headers, status, text) in [
        (
            format!("GET {base}/users"),
            String::new(),
            401,
            "unauthorized",
        ),
        (format!("GET {base}/users"), with("x"), 401, "invalid_token"),
        (
            format!("GET {base}/users"),
            "Authorization: Basic eDp5\r\n".to_owned(),
            401,
            "unauthorized",
        ),
        (format!("GET {base}/none"), with("x"), 401, "unauthorized"),
        (
            format!("GET {base}/none"),
            with(&token),
            404,
            "unknown object",
        ),
        (
            format!("GET {base}/schools/a/students"),
            with(&token),
            403,
            "forbidden",
        ),
        (
            format!("GET {base}/demographics"),
            with(&token),
            403,
            "forbidden",
        ),
        (
            format!("GET {base}/users?limit=0"),
            with(&token),
            400,
            "invalid data",
        ),
        (
            format!("GET {base}/users?fields="),
            with(&token),
            400,
            "invalid_blank_selection_field",
        ),
        (
            format!("GET {base}/users"),
            with(&token),
            503,
            "server_busy",
        ),
        (
            format!("GET {base}/users/a?limit=0"),
            with(&token),
            503,
            "retry-after: 10",
        ),
        (
            format!("PUT {base}/users/a"),
            with(&token),
            405,
            "allow: GET, HEAD",
        ),
        (
            format!("GET {base}/users"),
            with(&token) + "Content-Length: 1\r\n",
            400,
            "no body",
        ),
        ("GET /".to_owned(), with(&token), 404, "unknown object"),
        ("GET /token".to_owned(), String::new(), 405, "allow: POST"),
        (
            format!("GET {base}/users"),
            "Origin: https://other.example\r\n".to_owned(),
            403,
            "other sites",
        ),
    ] {
        let (reply, _) = sent(&site, request(&start, &headers)).await;
        assert_eq!(statuses(&reply), [status], "{start}: {reply}");
        assert!(reply.contains(text), "{start}: {reply}");
        assert!(
            reply.contains("cache-control: no-store"),
            "{start}: {reply}"
        );
    }
    let foreign = request(&format!("GET {base}/users"), "").replace("localhost", "school.example");
    let (reply, _) = sent(&site, foreign).await;
    assert!(
        reply.contains("not one of `hosts` in oneroster.toml"),
        "{reply}"
    );
    let (reply, _) = sent(&site, post(&"x".repeat(9000))).await;
    assert_eq!(statuses(&reply), [400], "{reply}");
    let as_json = post("grant_type=client_credentials").replace("x-www-form-urlencoded", "json");
    assert!(sent(&site, as_json).await.0.contains("invalid_request"));
}

#[tokio::test]
async fn a_client_that_guesses_is_stopped() {
    let (site, token) = site("").await;
    let wrong = "grant_type=client_credentials&client_id=library&client_secret=guess";
    for number in 0..20 {
        let (reply, _) = sent(&site, post(wrong)).await;
        assert_eq!(statuses(&reply), [401], "{number}");
    }
    let (reply, _) = sent(&site, post(wrong)).await;
    assert!(
        reply.contains("retry-after: ") && statuses(&reply) == [429],
        "{reply}"
    );
    let users = |token: &str| {
        let headers = format!("Authorization: Bearer {token}\r\n");
        request("GET /ims/oneroster/v1p1/users", &headers)
    };
    let (reply, _) = sent(&site, users("guess")).await;
    assert_eq!(statuses(&reply), [429], "{reply}");
    let (reply, _) = sent(&site, users(&token)).await;
    assert_eq!(
        statuses(&reply),
        [503],
        "a token is read, though there are no rows: {reply}"
    );
}

#[tokio::test]
async fn addresses_are_those_that_the_client_uses() {
    let base = |site: &OneRosterSite, headers: &[(&str, &str)]| {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        site.base(&parts.headers)
    };
    let (plain, _) = site("").await;
    let host = ("host", "roster.example:81");
    let proto = ("x-forwarded-proto", "https");
    assert_eq!(
        base(&plain, &[host, proto]),
        "http://roster.example:81/ims/oneroster/v1p1"
    );
    let (behind, _) = site("trusted_proxy = [\"127.0.0.1\"]\n").await;
    assert_eq!(
        base(&behind, &[host]),
        "http://roster.example:81/ims/oneroster/v1p1"
    );
    assert_eq!(
        base(&behind, &[host, proto]),
        "https://roster.example:81/ims/oneroster/v1p1"
    );
}

#[test]
fn links_lead_to_the_other_pages() {
    let link = |query: &str, total: usize| {
        let question = RosterQuestion {
            route: RosterRoute::of("/users").expect("a path"),
            parameters: ListParameters::of(query).expect("parameters"),
            base: "http://h/v1p1".to_owned(),
            path: "/users".to_owned(),
            query: query.to_owned(),
        };
        question.link(total).replace("http://h/v1p1/users", "")
    };
    for (query, total, expected) in [
        (
            "",
            0,
            r#"<?limit=100&offset=0>; rel="first", <?limit=100&offset=0>; rel="last""#,
        ),
        (
            "limit=10&sort=role",
            20,
            r#"<?limit=10&offset=0&sort=role>; rel="first", <?limit=10&offset=10&sort=role>; rel="next", <?limit=10&offset=10&sort=role>; rel="last""#,
        ),
        (
            "offset=5&li%6dit=10",
            21,
            r#"<?limit=10&offset=0>; rel="first", <?limit=10&offset=0>; rel="prev", <?limit=10&offset=15>; rel="next", <?limit=10&offset=20>; rel="last""#,
        ),
        (
            "filter=role>'a\"<'&limit=9&offset=99",
            3,
            r#"<?limit=9&offset=0&filter=role%3E'a%22%3C'>; rel="first", <?limit=9&offset=90&filter=role%3E'a%22%3C'>; rel="prev", <?limit=9&offset=0&filter=role%3E'a%22%3C'>; rel="last""#,
        ),
    ] {
        assert_eq!(link(query, total), expected, "{query}");
    }
}
