//! The formats of single values, as in oneroster-csv.md 6.

use super::Version;
use super::schema::Format;

/// The rule that a value breaks, with the reason. The value is not blank.
pub fn problem(version: Version, format: Format, value: &str) -> Option<(&'static str, String)> {
    let (is_right, rule, text) = match format {
        Format::Guid | Format::Reference(_) => (is_guid(version, value), "guid", "not a GUID"),
        Format::References(_) => {
            return list_problem(value).or_else(|| guids_problem(version, value));
        }
        Format::Texts => return list_problem(value),
        Format::UserIds => return list_problem(value).or_else(|| user_ids_problem(value)),
        Format::Enumeration(words) => (words.contains(&value), "enum", "not a permitted value"),
        Format::Extensible(words) => (
            words.contains(&value) || is_extension(version, value),
            "enum",
            "not a permitted value",
        ),
        Format::Date => (is_date(value), "date", "not a date YYYY-MM-DD"),
        Format::DateTime => (
            is_date_time(value),
            "date-time",
            "not YYYY-MM-DDThh:mm:ss.sssZ",
        ),
        Format::Year => (is_digits(value, 4), "year", "not a year YYYY"),
        Format::Text => return None,
    };
    (!is_right).then(|| (rule, format!("`{value}` is {text}")))
}

/// The items of a list; blank means none.
pub fn items(value: &str) -> Vec<&str> {
    if value.is_empty() {
        Vec::new()
    } else {
        value.split(',').collect()
    }
}

/// `ext:` terms exist in 1.2 only.
pub fn is_extension(version: Version, value: &str) -> bool {
    version == Version::V1p2
        && value
            .strip_prefix("ext:")
            .is_some_and(|rest| !rest.is_empty())
}

fn is_guid(version: Version, value: &str) -> bool {
    let is_permitted = |sign: char| match version {
        // ASSUMPTION of oneroster-csv.md 6 rule 3: 1.1 names no characters.
        Version::V1p1 => sign != ',' && !sign.is_whitespace() && !sign.is_control(),
        Version::V1p2 => sign.is_ascii_alphanumeric() || ".-_/@".contains(sign),
    };
    (1..=255).contains(&value.chars().count()) && value.chars().all(is_permitted)
}

fn list_problem(value: &str) -> Option<(&'static str, String)> {
    items(value)
        .into_iter()
        .find(|item| item.is_empty() || item.trim() != *item)
        .map(|item| {
            (
                "list",
                format!("`{item}` is blank or has a space at an end"),
            )
        })
}

fn guids_problem(version: Version, value: &str) -> Option<(&'static str, String)> {
    items(value)
        .into_iter()
        .find(|item| !is_guid(version, item))
        .map(|item| ("guid", format!("`{item}` is not a GUID")))
}

fn user_ids_problem(value: &str) -> Option<(&'static str, String)> {
    items(value)
        .into_iter()
        .find(|item| !is_typed_id(item))
        .map(|item| ("user-ids", format!("`{item}` is not {{Type:Id}}")))
}

fn is_typed_id(item: &str) -> bool {
    item.strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .and_then(|inner| inner.split_once(':'))
        .is_some_and(|(kind, id)| {
            !kind.is_empty() && !id.is_empty() && !inner_brace(kind) && !inner_brace(id)
        })
}

fn inner_brace(text: &str) -> bool {
    text.contains(['{', '}'])
}

fn is_digits(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn number(text: &str, length: usize) -> Option<u32> {
    if is_digits(text, length) {
        text.parse().ok()
    } else {
        None
    }
}

fn is_date(value: &str) -> bool {
    let mut parts = value.split('-');
    let year = parts.next().and_then(|part| number(part, 4));
    let month = parts.next().and_then(|part| number(part, 2));
    let day = parts.next().and_then(|part| number(part, 2));
    match (year, month, day, parts.next()) {
        (Some(year), Some(month), Some(day), None) => (1..=days_of(year, month)).contains(&day),
        _ => false,
    }
}

/// 0 for a month that does not exist.
fn days_of(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(400) || (year.is_multiple_of(4) && !year.is_multiple_of(100)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => 0,
    }
}

fn is_date_time(value: &str) -> bool {
    let Some((date, time)) = value.split_once('T') else {
        return false;
    };
    is_date(date) && time.strip_suffix('Z').is_some_and(is_time)
}

/// `hh:mm:ss.sss`.
fn is_time(time: &str) -> bool {
    let Some((clock, millis)) = time.split_once('.') else {
        return false;
    };
    let parts: Vec<Option<u32>> = clock.split(':').map(|part| number(part, 2)).collect();
    let is_clock = matches!(parts[..], [Some(hour), Some(minute), Some(second)] if hour < 24 && minute < 60 && second < 60);
    is_clock && is_digits(millis, 3)
}
