//! The `Link` header: where the next page is.
//!
//! Pure. Tolerant of what providers send (webuntis-oneroster.md 4.1 Q7): no angle brackets, a
//! trailing comma, other parameters first. Whether a link may be followed is the session's business.

/// The address of `rel="next"`, if the header has one.
pub fn next(header: &str) -> Option<&str> {
    split_links(header).into_iter().find_map(|link| {
        let (address, parameters) =
            match link.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
                Some((address, parameters)) => (address, parameters),
                None => link.split_once(';')?,
            };
        let is_next = parameters.split(';').any(|parameter| {
            parameter.split_once('=').is_some_and(|(name, value)| {
                let words = value.trim().trim_matches('"');
                name.trim().eq_ignore_ascii_case("rel")
                    && words
                        .split_whitespace()
                        .any(|word| word.eq_ignore_ascii_case("next"))
            })
        });
        is_next.then(|| address.trim())
    })
}

/// Splits at commas outside of angle brackets and quotes; an address may hold commas.
fn split_links(header: &str) -> Vec<&str> {
    let (mut inside, mut quoted) = (false, false);
    header
        .split(|letter| {
            match letter {
                '<' if !quoted => inside = true,
                '>' if !quoted => inside = false,
                '"' if !inside => quoted = !quoted,
                _ => {}
            }
            letter == ',' && !inside && !quoted
        })
        .map(str::trim)
        .filter(|link| !link.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_is_found_in_every_spelling() {
        for (header, expected) in [
            (
                r#"<https://a/u?offset=100>; rel="next", <https://a/u?offset=300>; rel="last""#,
                Some("https://a/u?offset=100"),
            ),
            (
                r#"<https://a/u?ids=1,2>; rel="prev", <https://a/u?ids=3,4>; rel=next,"#,
                Some("https://a/u?ids=3,4"),
            ),
            (
                r#"</u?offset=1>; title="a, b"; REL="first next""#,
                Some("/u?offset=1"),
            ),
            (
                "https://a/u?offset=100; rel=\"next\"",
                Some("https://a/u?offset=100"),
            ),
            (r#"<https://a/u>; rel="last""#, None),
            ("", None),
            ("<<<;;;,,,\"", None),
        ] {
            assert_eq!(next(header), expected, "{header}");
        }
    }
}
