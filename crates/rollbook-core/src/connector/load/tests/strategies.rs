//! Keys of paging, rows and requests that do not fit together.

use super::*;
use crate::connector::file::PageBy;

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
            "rows = 'u'\npage = { by = 'offset', offset = 'o', first = 1 }",
            None,
        ),
        // Read as one page, every row behind it would count as missing.
        (
            "rows = 'u'\npage = { offset = 'o', limit = 'l', size = 50 }",
            Some("page.offset: `offset` does nothing without `by`"),
        ),
        // An admin changes what a connector inherits.
        (
            "rows = 'u'\npage = { by = 'none', offset = 'o', limit = 'l', size = 50 }",
            None,
        ),
        (
            "rows = 'u'\npage = { by = 'cursor', cursor = 'c', next = 'n', first = 1 }",
            Some("page.first: `first` belongs to `offset` and `number`"),
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

/// What is sent for the first page and for one behind it, by the lines of `page`.
#[test]
fn positions_are_counted_from_the_first_one() {
    for (page, expected) in [
        ("by = 'offset', offset = 'o'", ["0", "100"]),
        ("by = 'offset', offset = 'o', first = 0", ["0", "100"]),
        ("by = 'offset', offset = 'marker', first = 1", ["1", "101"]),
        (
            "by = 'offset', offset = 'range', first = 1, value = '{offset}-{size}'",
            ["1-50", "101-50"],
        ),
        ("by = 'number', number = 'p'", ["1", "2"]),
        ("by = 'number', number = 'p', first = 0", ["0", "1"]),
        (
            "by = 'number', number = 'p', value = '{number},{size}'",
            ["1,50", "2,50"],
        ),
        (
            "by = 'number', number = 'offset', value = '{offset}'",
            ["0", "50"],
        ),
    ] {
        let text = format!(
            "connector = 'x'\ntitle = 'X'\nbase_url = 'https://x.example'\n[streams.users]\npath = '/users'\n\
             rows = 'u'\nkey = ['id']\ncolumns = {{ id = 'id : text' }}\npage = {{ {page} }}"
        );
        let connector: Connector = toml::from_str(&text).expect(page);
        let streams = streams(&connector).expect(page);
        let rules = &streams.values().next().expect("a stream").page;
        let sent = match rules.by {
            PageBy::Offset => [0, 100].map(|rows| rules.offset_value(rows, 50)),
            _ if rules.counts_requested() => [0, 50].map(|rows| rules.offset_value(rows, 50)),
            _ => [rules.first, rules.first + 1].map(|number| rules.number_value(number, 50)),
        };
        assert_eq!(sent, expected, "{page}");
    }
}
