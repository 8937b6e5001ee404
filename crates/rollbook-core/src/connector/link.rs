//! Where the next page is: the `Link` header, and what two spellings of one address have in common.
//!
//! Pure. Tolerant of what servers send (webuntis-oneroster.md 4.1 Q7): several lines, no angle brackets, a trailing
//! comma, other parameters first. "No next link" and "a next link that cannot be read" are two results, because the
//! second is never an end. The session decides whether a link may be followed.

/// The next page according to a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NextPage {
    /// There is none.
    #[default]
    None,
    /// An address, or a cursor.
    To(String),
    /// There is something, and it is no address or cursor.
    Unclear,
}

/// The `rel="next"` of all `Link` lines, joined by commas.
pub fn next(header: &str) -> NextPage {
    let mut unclear = false;
    for link in split_links(header) {
        match read_link(&link) {
            Some((address, Rel::Next)) if is_address(address) => {
                return NextPage::To(address.to_owned());
            }
            Some((_, Rel::Other)) => {}
            Some((_, Rel::Next | Rel::Unclear)) => unclear = true,
            None => unclear |= link == "?" || mentions_next(&link),
        }
    }
    if unclear {
        NextPage::Unclear
    } else {
        NextPage::None
    }
}

/// A reference as the server means it: relative to the address of the request (RFC 3986 5.2), where the
/// session takes it as relative to the base address.
pub fn beside(path: &str, link: &str) -> String {
    let link = link.trim();
    let path = path.split('?').next().unwrap_or_default();
    let path = path.trim_start_matches('/');
    let has_scheme = link
        .split_once(':')
        .is_some_and(|(scheme, _)| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if link.starts_with('?') {
        format!("{path}{link}")
    } else if link.starts_with(['/', '\\', '#']) || has_scheme {
        link.to_owned()
    } else {
        let folder = path.rfind('/').map_or("", |end| &path[..=end]);
        format!("{folder}{link}")
    }
}

/// A reference that is relative to the base address, also where it begins with a slash.
pub fn below(link: &str) -> String {
    let link = link.trim();
    match link.strip_prefix('/') {
        // Anything else after the slash leads to another host.
        Some(rest) if !rest.starts_with(['/', '\\']) => format!("./{rest}"),
        _ => link.to_owned(),
    }
}

/// The same text for two spellings of one request: its path, and its parameters in the order of their names.
pub fn identity(path: &str, query: &[(String, String)]) -> String {
    let (path, verbatim) = path.split_once('?').unwrap_or((path, ""));
    let mut pairs: Vec<(String, String)> = verbatim
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (plain(name), plain(value)))
        .chain(query.iter().cloned())
        .collect();
    pairs.sort_unstable();
    let mut text = plain(path.trim_matches('/'));
    for (name, value) in pairs {
        text.push('\n');
        text.push_str(&name);
        text.push('\n');
        text.push_str(&value);
    }
    text
}

/// Percent-decoded, `+` as a space.
fn plain(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while let Some(byte) = bytes.get(index) {
        let code = text.get(index + 1..index + 3);
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        match (byte, code) {
            (b'%', Some(code)) => {
                out.push(code);
                index += 2;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(*byte),
        }
        index += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rel {
    Next,
    Other,
    /// It mentions a next page in an unknown form.
    Unclear,
}

/// One link: its address and what it leads to.
fn read_link(link: &str) -> Option<(&str, Rel)> {
    let (address, parameters) = match link.strip_prefix('<') {
        Some(rest) => rest.split_once('>')?,
        None => link.split_once(';')?,
    };
    Some((address.trim(), rel(parameters)))
}

fn rel(parameters: &str) -> Rel {
    let value = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("rel").then_some(value)
    });
    let Some(value) = value else {
        return if mentions_next(parameters) {
            Rel::Unclear
        } else {
            Rel::Other
        };
    };
    let mut words = value
        .trim()
        .trim_matches(['"', '\''])
        .split(|letter: char| letter.is_whitespace() || letter == ',');
    if words.clone().any(|word| word.eq_ignore_ascii_case("next")) {
        Rel::Next
    } else if words.any(mentions_next) {
        Rel::Unclear
    } else {
        Rel::Other
    }
}

/// Whether the word "next" occurs.
fn mentions_next(text: &str) -> bool {
    text.split(|letter: char| !letter.is_ascii_alphanumeric())
        .any(|word| word.eq_ignore_ascii_case("next"))
}

fn is_address(address: &str) -> bool {
    !address.is_empty()
        && !address.starts_with('&')
        && !address.contains(|letter: char| letter.is_whitespace() || "<>\"".contains(letter))
}

/// Splits at commas outside of angle brackets and quotes. An address may contain commas; without brackets it ends at
/// the first parameter.
fn split_links(header: &str) -> Vec<String> {
    let (mut inside, mut quote, mut before) = (false, None, ' ');
    let pieces = header.split(|letter: char| {
        match (letter, quote) {
            ('"' | '\'', Some(open)) if open == letter && before != '\\' => quote = None,
            ('"', None) if !inside => quote = Some('"'),
            ('\'', None) if !inside && before == '=' => quote = Some('\''),
            ('<', None) => inside = true,
            ('>', None) => inside = false,
            _ => {}
        }
        if !letter.is_whitespace() {
            before = letter;
        }
        letter == ',' && !inside && quote.is_none()
    });
    let mut links: Vec<String> = Vec::new();
    for piece in pieces.map(str::trim).filter(|piece| !piece.is_empty()) {
        match links.last_mut() {
            Some(last) if is_begun(last) && !piece.starts_with('<') => {
                last.push(',');
                last.push_str(piece);
            }
            _ => links.push(piece.to_owned()),
        }
    }
    links
}

/// An address without brackets that was cut at one of its commas.
fn is_begun(link: &str) -> bool {
    !link.starts_with('<') && !link.contains(';') && link != "?" && !mentions_next(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(address: &str) -> NextPage {
        NextPage::To(address.to_owned())
    }

    /// Kinds: brackets, quotes, case, several rels, several lines, commas, relative addresses, what only looks like a next link.
    #[test]
    fn the_next_link_is_found_in_every_spelling() {
        for (header, expected) in [
            (
                r#"<https://a/u?offset=100>; rel="next", <https://a/u?offset=300>; rel="last""#,
                to("https://a/u?offset=100"),
            ),
            (
                r#"<https://a/u?offset=300>; rel="last",<https://a/u?offset=100>; rel="next""#,
                to("https://a/u?offset=100"),
            ),
            (
                r#"<https://a/u?ids=1,2>; rel="prev", <https://a/u?ids=3,4>; rel=next,"#,
                to("https://a/u?ids=3,4"),
            ),
            (
                r#"</u?offset=1>; title="a, b"; REL="first next""#,
                to("/u?offset=1"),
            ),
            (
                "https://a/u?offset=100; rel=\"next\"",
                to("https://a/u?offset=100"),
            ),
            (
                "https://a/u?ids=1,2; rel=next, https://a/u; rel=first",
                to("https://a/u?ids=1,2"),
            ),
            ("<https://a/u?p=2>; rel='next'", to("https://a/u?p=2")),
            (
                "<https://a/u?p=2>; title='a, b'; rel='prev next'",
                to("https://a/u?p=2"),
            ),
            (r#"<https://a/u?p=2> ; Rel = "NEXT""#, to("https://a/u?p=2")),
            (
                r#"<https://a/u?p=2>;rel=Next;type=x"#,
                to("https://a/u?p=2"),
            ),
            (r#"<?p=2>; rel="next""#, to("?p=2")),
            (
                r#"<https://a/u?p=2>; title="a \" b, c"; rel="next""#,
                to("https://a/u?p=2"),
            ),
            (r#"?, <https://a/u?p=2>; rel="next""#, to("https://a/u?p=2")),
            (r#"<https://a/u>; rel="last""#, NextPage::None),
            (r#"<https://a/next?next=1>; rel="last""#, NextPage::None),
            (r#"<https://a/u>; rel="prev"; title="next""#, NextPage::None),
            (r#"<https://a/u.css>; as=style"#, NextPage::None),
            ("", NextPage::None),
            ("<<<;;;,,,\"", NextPage::None),
            (r#"<>; rel="next""#, NextPage::Unclear),
            (r#"; rel="next""#, NextPage::Unclear),
            (r#"rel="next""#, NextPage::Unclear),
            (r#"<https://a/u?p=2; rel="next""#, NextPage::Unclear),
            (r#"<https://a/u?p=2>; next"#, NextPage::Unclear),
            (r#"https://a/u?p=2 rel=next"#, NextPage::Unclear),
            (
                r#"<https://a/u?p=2>; rel="https://a/rels/next""#,
                NextPage::Unclear,
            ),
            (r#"&lt;https://a/u?p=2&gt;; rel="next""#, NextPage::Unclear),
            ("?", NextPage::Unclear),
        ] {
            assert_eq!(next(header), expected, "{header}");
        }
    }

    #[test]
    fn references_are_relative_to_what_was_asked() {
        for (path, link, expected) in [
            ("/users", "?page=2", "users?page=2"),
            ("/users?page=2", "?page=3", "users?page=3"),
            ("/users", "users?page=2", "users?page=2"),
            ("/schools/1/users", "users?page=2", "schools/1/users?page=2"),
            ("/schools/1/users", "/v1/users?page=2", "/v1/users?page=2"),
            (
                "/users",
                "https://a/v1/users?page=2",
                "https://a/v1/users?page=2",
            ),
            ("/users", " users?at=10:30 ", "users?at=10:30"),
        ] {
            assert_eq!(beside(path, link), expected, "{path} {link}");
        }
    }

    #[test]
    fn references_below_the_base_address() {
        for (link, expected) in [
            ("/users?page=2", "./users?page=2"),
            (" users?page=2 ", "users?page=2"),
            ("/users/10:30?page=2", "./users/10:30?page=2"),
            ("/http://evil.example/", "./http://evil.example/"),
            ("//evil.example/users", "//evil.example/users"),
            ("/\\evil.example/users", "/\\evil.example/users"),
            ("https://a/v1/users?page=2", "https://a/v1/users?page=2"),
        ] {
            assert_eq!(below(link), expected, "{link}");
        }
    }

    #[test]
    fn two_spellings_of_one_request_are_the_same() {
        let asked = identity(
            "/users",
            &[("limit".into(), "10".into()), ("a b".into(), "é".into())],
        );
        for (link, same) in [
            ("/users?limit=10&a+b=%C3%A9", true),
            ("users/?a%20b=%c3%a9&limit=10", true),
            ("/users?limit=10&a+b=%C3%A9&page=2", false),
            ("/user?limit=10&a+b=%C3%A9", false),
        ] {
            assert_eq!(identity(link, &[]) == asked, same, "{link}");
        }
    }
}
