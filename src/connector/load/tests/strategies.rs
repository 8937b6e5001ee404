//! Keys of paging, rows and requests that do not fit together.

use super::*;

/// The first problem of a connector whose stream has these lines.
fn problem(lines: &str) -> Option<String> {
    let text = format!(
        "connector = 'x'\ntitle = 'X'\nbase_url = 'https://x.example'\n[streams.users]\npath = '/users'\n{lines}\nkey = ['id']\n\
         columns = {{ id = 'id : text' }}"
    );
    let connector: Connector = toml::from_str(&text).expect(lines);
    let problems = streams(&connector).err()?;
    Some(format!(
        "{}: {}",
        problems[0].at[2..].join("."),
        problems[0].message
    ))
}

#[test]
fn keys_of_pages_that_do_not_fit() {
    for (lines, expected) in [
        (
            "rows = 'u'\npage = { by = 'number', number = 'page', value = '{number},{size}' }",
            None,
        ),
        (
            "rows = 'u'\npage = { by = 'cursor', cursor_header = 'X-A', next_header = 'X-A' }",
            None,
        ),
        ("rows = 'u.{*}'\npage = { until = ['missing'] }", None),
        (
            "rows = 'u'\npage = { by = 'number', number = 'page', value = '{page},{size}' }",
            Some(
                "page.value: `value` is the template of `offset` or `number`, and lacks `{number}`",
            ),
        ),
        (
            "rows = 'u'\npage = { by = 'link', value = '{offset}' }",
            Some(
                "page.value: `value` is the template of `offset` or `number`, and lacks `{offset}`",
            ),
        ),
        (
            "rows = 'u'\npage = { by = 'cursor', cursor = 'c', next = 'n', next_header = 'X-A' }",
            Some("page: the same is named twice, in the body or query and in a header"),
        ),
        (
            "rows = 'u'\npage = { by = 'cursor', next = 'n' }",
            Some("page: this paging needs `cursor`"),
        ),
        (
            "rows = 'u'\npage = { by = 'offset', offset = 'o', relative_to = 'base_url' }",
            Some("page.relative_to: `relative_to` belongs to `next_url` and `link`"),
        ),
        (
            "rows = '[]'\npage = { until = ['missing'] }",
            Some("page.until: `missing` needs a member in `rows` that can be missing"),
        ),
        (
            "rows = 'u'\npage = { by = 'cursor', cursor = 'c', next_header = 'X A' }",
            Some("page.next_header: `X A` is not a valid header name"),
        ),
        (
            "rows = 'u'\nheaders = { 'a:' = 'b' }",
            Some("headers.a:: `a:` is not a valid header name"),
        ),
    ] {
        assert_eq!(problem(lines).as_deref(), expected, "{lines}");
    }
}
