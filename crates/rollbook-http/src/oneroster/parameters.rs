//! The parameters of a list and of an object (oneroster-service.md 4 to 7).

use super::status_info::RequestFault;

/// Without `limit`.
const USUAL_LIMIT: usize = 100;

/// The most objects of a page.
const MAX_LIMIT: usize = 10_000;

/// The parameters of a request, as they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListParameters {
    /// The most objects of the page.
    pub limit: usize,
    /// Objects before it.
    pub offset: usize,
    /// The member to sort by.
    pub sort: Option<String>,
    /// Whether from the largest to the smallest.
    pub is_descending: bool,
    /// A condition.
    pub filter: Option<String>,
    /// The members that are wanted.
    pub fields: Option<Vec<String>>,
}

impl ListParameters {
    /// Reads a query. Other parameters are not looked at; those that are known may be there once.
    pub fn of(query: &str) -> Result<Self, RequestFault> {
        let mut found = Self {
            limit: USUAL_LIMIT,
            ..Self::default()
        };
        let mut seen: Vec<String> = Vec::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let bad_encoding = || RequestFault::data("a parameter is not percent-encoded UTF-8");
            let name = decoded(name, true).ok_or_else(bad_encoding)?;
            let value = decoded(value, true).ok_or_else(bad_encoding)?;
            if seen.contains(&name) {
                return Err(RequestFault::data("a parameter is given twice"));
            }
            match name.as_str() {
                "limit" => {
                    let limit = number(&value).filter(|limit| (1..=MAX_LIMIT).contains(limit));
                    found.limit = limit.ok_or_else(|| {
                        RequestFault::data(format!("limit is a number from 1 to {MAX_LIMIT}"))
                    })?;
                }
                "offset" => {
                    let offset = number(&value);
                    found.offset =
                        offset.ok_or_else(|| RequestFault::data("offset is a number from 0"))?;
                }
                "sort" => found.sort = Some(value),
                "orderBy" => {
                    found.is_descending = match value.as_str() {
                        "asc" => false,
                        "desc" => true,
                        _ => return Err(RequestFault::data("orderBy is asc or desc")),
                    }
                }
                "filter" => found.filter = Some(value),
                "fields" => {
                    let names: Vec<String> = value
                        .split(',')
                        .map(str::trim)
                        .filter(|name| !name.is_empty())
                        .map(str::to_owned)
                        .collect();
                    if names.is_empty() {
                        return Err(RequestFault::blank_fields());
                    }
                    found.fields = Some(names);
                }
                _ => continue,
            }
            seen.push(name);
        }
        Ok(found)
    }

    /// Reads the query of a single object: only `fields` counts.
    pub fn of_object(query: &str) -> Result<Self, RequestFault> {
        let is_fields = |part: &&str| {
            let name = part.split('=').next().unwrap_or_default();
            decoded(name, true).is_none_or(|name| name == "fields")
        };
        let parts: Vec<&str> = query.split('&').filter(is_fields).collect();
        Self::of(&parts.join("&"))
    }
}

/// Digits only, and not too many.
fn number(text: &str) -> Option<usize> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}

/// What percent signs stand for; in a query a plus sign is a blank. `None` if it is not UTF-8 then, or two digits are missing.
pub fn decoded(text: &str, is_query: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        match first {
            b'%' => {
                let [high, low, behind @ ..] = rest else {
                    return None;
                };
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                bytes.push((digit(high)? * 16 + digit(low)?) as u8);
                rest = behind;
            }
            b'+' if is_query => bytes.push(b' '),
            byte => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oneroster::status_info::CodeMinor;

    #[test]
    fn the_parameters_of_a_list() {
        let usual = ListParameters {
            limit: 100,
            ..ListParameters::default()
        };
        for (query, expected) in [
            ("", usual.clone()),
            ("colour=red&colour=%C3%A9&=x&&a", usual.clone()),
            (
                "limit=10000&offset=7",
                ListParameters {
                    limit: 10_000,
                    offset: 7,
                    ..usual.clone()
                },
            ),
            (
                "sort=familyName&orderBy=desc",
                ListParameters {
                    sort: Some("familyName".to_owned()),
                    is_descending: true,
                    ..usual.clone()
                },
            ),
            (
                "filter=a%3D%27%C3%A9+b%2B%27&fields=a,+b,,c",
                ListParameters {
                    filter: Some("a='é b+'".to_owned()),
                    fields: Some(["a", "b", "c"].map(str::to_owned).to_vec()),
                    ..usual.clone()
                },
            ),
        ] {
            assert_eq!(ListParameters::of(query), Ok(expected), "{query}");
        }
    }

    #[test]
    fn what_is_no_parameter_is_refused() {
        for query in [
            "limit=0",
            "limit=10001",
            "limit=",
            "limit=-1",
            "limit=+5",
            "limit=1e3",
            "limit=99999999999999999999999",
            "limit=%",
            "offset=-1",
            "offset=x",
            "orderBy=acs",
            "orderBy=ASC",
            "sort=a&sort=a",
            "limit=1&limit=2",
            "filter=a%3D%27b%27&filter=",
            "x=%zz",
            "fields=a&fields=",
            "%ff=1",
        ] {
            let fault = ListParameters::of(query).expect_err(query);
            assert_eq!(fault.code_minor, CodeMinor::InvalidData, "{query}");
        }
        for query in ["fields=", "fields", "fields=,+,"] {
            let fault = ListParameters::of(query).expect_err(query);
            assert_eq!(
                fault.code_minor,
                CodeMinor::InvalidBlankSelectionField,
                "{query}"
            );
        }
    }
}
