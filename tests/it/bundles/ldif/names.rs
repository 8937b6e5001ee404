//! Distinguished names as RFC 4514 writes them (ldif.md 4).

/// The components of a name, each with its pairs of type and unescaped value.
pub fn parse_dn(dn: &str) -> Result<Vec<Vec<(String, String)>>, String> {
    if dn.is_empty() {
        return Err("the empty name".to_owned());
    }
    let components = split_unescaped(dn, ',').into_iter();
    components
        .map(|component| {
            let pairs = split_unescaped(component, '+').into_iter();
            pairs.map(parse_pair).collect()
        })
        .collect()
}

fn split_unescaped(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut is_escaped) = (0, false);
    for (at, sign) in text.char_indices() {
        if sign == separator && !is_escaped {
            parts.push(&text[start..at]);
            start = at + sign.len_utf8();
        }
        is_escaped = sign == '\\' && !is_escaped;
    }
    parts.push(&text[start..]);
    parts
}

fn parse_pair(pair: &str) -> Result<(String, String), String> {
    let Some((name, value)) = pair.split_once('=') else {
        return Err(format!("no `=` in the component `{pair}`"));
    };
    if name.contains(' ') {
        return Err("a space around a separator".to_owned());
    }
    if !is_type(name) {
        return Err(format!("`{name}` is not a type"));
    }
    Ok((name.to_owned(), unescape(value)?))
}

fn unescape(value: &str) -> Result<String, String> {
    if value.is_empty() {
        return Err("an empty value".to_owned());
    }
    if value.starts_with([' ', '#']) {
        return Err("an unescaped space or # at the start of a value".to_owned());
    }
    let mut bytes = Vec::new();
    let mut rest = value;
    let mut ends_with_space = false;
    while let Some(sign) = rest.chars().next() {
        let escaped = sign == '\\';
        ends_with_space = sign == ' ';
        let length = if escaped {
            unescape_one(rest, &mut bytes)?
        } else {
            sign.len_utf8()
        };
        if !escaped && "\"+,;<>\0".contains(sign) {
            return Err(format!("an unescaped `{sign}`"));
        }
        if !escaped {
            bytes.extend(sign.to_string().bytes());
        }
        rest = &rest[length..];
    }
    if ends_with_space {
        return Err("an unescaped space at the end of a value".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "escaped bytes that are not UTF-8".to_owned())
}

/// Reads a backslash and what it escapes; returns the length of both.
fn unescape_one(text: &str, bytes: &mut Vec<u8>) -> Result<usize, String> {
    let hex = text
        .get(1..3)
        .filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    if let Some(byte) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
        bytes.push(byte);
        return Ok(3);
    }
    let sign = text[1..]
        .chars()
        .next()
        .filter(|sign| " \"#+,;<=>\\".contains(*sign));
    let Some(sign) = sign else {
        return Err("a backslash that escapes nothing".to_owned());
    };
    bytes.extend(sign.to_string().bytes());
    Ok(2)
}

/// A name or an OID (ldif.md 2 rule 5).
pub fn is_type(name: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let is_name = name.starts_with(|sign: char| sign.is_ascii_alphabetic())
        && (name.bytes()).all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_name || name.split('.').all(is_number)
}
