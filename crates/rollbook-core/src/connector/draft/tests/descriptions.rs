//! What a description says of every request: parameters and sign-in.

use super::*;

#[test]
fn a_required_parameter_is_written_or_reported() {
    let mut description = description();
    let required = |name: &str, place: &str| json!({"name": name, "in": place, "required": true, "schema": {"type": "integer"}});
    description["paths"]["/courses"]["parameters"] =
        json!([required("schoolYear", "query"), required("offset", "query")]);
    description["paths"]["/courses"]["get"]["parameters"] = json!([
        required("schoolYear", "query"),
        required("offset", "query"),
        required("X-District", "header"),
        required("Accept", "header"),
        {"name": "since", "in": "query"},
    ]);
    let text = drafted(&sample(&description, ""));
    let left_out = text.lines().filter(|line| line.contains("every request"));
    assert_eq!(
        left_out.collect::<Vec<_>>(),
        [
            "# ASSUMPTION: left out: \"schoolYear\", which every request needs: add it to `query`",
            "# ASSUMPTION: left out: \"X-District\", which every request needs: add it to `headers`",
        ],
        "{text}"
    );
    // Without pages the size of one is none.
    description["paths"]["/courses"]["parameters"] = json!([]);
    description["paths"]["/courses"]["get"]["parameters"] = json!([required("limit", "query")]);
    let text = drafted(&sample(&description, ""));
    let words = "left out: \"limit\", which every request needs";
    assert!(text.contains(words), "{text}");
}

#[test]
fn a_described_sign_in_is_written_or_named() {
    for (scheme, lines) in [
        (
            json!({"type": "apiKey", "in": "query", "name": "k"}),
            "\n[auth.api_key]\nquery = { \"k\" = \"{api_key}\" }\n",
        ),
        (
            json!({"type": "apiKey", "in": "header", "name": "X-Key"}),
            "\n[auth.api_key]\nheader = \"X-Key\"\n",
        ),
        (
            json!({"type": "apiKey", "in": "cookie", "name": "k"}),
            "left out: the sign-in by a key in a cookie, which is not supported\n",
        ),
        (
            json!({"type": "oauth2", "flows": {"implicit": {}}}),
            "left out: the sign-in by OAuth 2 `implicit`, which is not supported\n",
        ),
        (
            json!({"type": "http", "scheme": "Digest"}),
            "left out: the sign-in by http digest, which is not supported\n",
        ),
        (
            json!({"type": "openIdConnect"}),
            "left out: the sign-in by openIdConnect, which is not supported\n",
        ),
    ] {
        let mut description = description();
        description["components"]["securitySchemes"] = json!({"x": scheme});
        let text = drafted(&sample(&description, ""));
        assert!(text.contains(lines), "{lines}: {text}");
        let is_none = text.contains("# ASSUMPTION: it names no sign-in that is supported");
        assert_eq!(is_none, lines.starts_with("left out"), "{text}");
        assert!(!text.contains("no sign-in was needed"), "{text}");
    }
}
