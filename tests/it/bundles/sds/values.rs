//! The rules of single values, see school-data-sync.md 3 and 4.

use super::super::strict_csv::{is_address, is_phone};
use super::schema::{Column, Kind};

/// The rule that a value breaks, and what is wrong; the empty value is checked too.
pub fn problem(column: &Column, value: &str) -> Option<(&'static str, &'static str)> {
    if value.trim().is_empty() && column.is_required {
        return Some(("required", "no value"));
    }
    if value.contains(['\r', '\n']) {
        return Some(("line-break", "a line break in a value"));
    }
    if value != value.trim() {
        return Some(("space", "a blank at an end of the value"));
    }
    if value.is_empty() {
        return None;
    }
    kind_problem(column.kind, value)
}

fn kind_problem(kind: Kind, value: &str) -> Option<(&'static str, &'static str)> {
    let unless = |is_valid: bool, rule, what| (!is_valid).then_some((rule, what));
    match kind {
        Kind::Text(max) => unless(
            value.chars().count() <= max,
            "length",
            "too many characters",
        ),
        Kind::ListedId => unless(
            !value.contains(','),
            "listed-id",
            "a comma in an identifier of lists",
        ),
        Kind::Reference(_) => None,
        Kind::References(_) => unless(is_list(value), "list", "an empty part or a blank in a list"),
        Kind::OneOf(known) => unless(known.contains(&value), "enum", "not in the list of values"),
        Kind::AnyOf(known) => any_of_problem(known, value),
        Kind::Username => username_problem(value),
        Kind::Address => unless(is_address(value), "address", "not an e-mail address"),
        Kind::Phone => unless(is_phone(value), "phone", "not a number after E.164"),
        Kind::Date => unless(is_date(value), "date", "not a date as YYYY-MM-DD"),
        Kind::Boolean => unless(
            ["true", "false"].contains(&value),
            "boolean",
            "not true or false",
        ),
        Kind::Year => unless(is_year(value), "year", "not a year of four digits"),
        Kind::Digits => unless(
            all(value, |byte| byte.is_ascii_digit()),
            "digits",
            "not only digits",
        ),
        Kind::Flag => unless(
            all(value, |byte| byte.is_ascii_alphanumeric()),
            "flag",
            "not only letters and digits",
        ),
        Kind::Unused => Some(("unused", "a value in a column that stays empty")),
    }
}

fn any_of_problem(known: &[&str], value: &str) -> Option<(&'static str, &'static str)> {
    if !is_list(value) {
        return Some(("list", "an empty part or a blank in a list"));
    }
    let is_valid = value.split(',').all(|part| known.contains(&part));
    (!is_valid).then_some(("enum", "not in the list of values"))
}

fn username_problem(value: &str) -> Option<(&'static str, &'static str)> {
    let (local, domain) = value.split_once('@').unwrap_or((value, ""));
    if local.len() > 64 || domain.len() > 48 {
        return Some((
            "length",
            "more than 64 characters before or 48 behind the @",
        ));
    }
    (!is_address(value)).then_some(("username", "not a name with a domain"))
}

fn is_list(value: &str) -> bool {
    value
        .split(',')
        .all(|part| !part.is_empty() && part == part.trim())
}

fn all(value: &str, known: impl Fn(u8) -> bool) -> bool {
    value.bytes().all(known)
}

fn is_year(value: &str) -> bool {
    value.len() == 4 && value.starts_with('2') && all(value, |byte| byte.is_ascii_digit())
}

/// An existing day, as `2026-02-28`.
pub fn is_date(value: &str) -> bool {
    let parts: Vec<&str> = value.split('-').collect();
    let [year, month, day] = parts[..] else {
        return false;
    };
    let widths = [year.len(), month.len(), day.len()];
    let number = |part: &str| {
        let is_number = all(part, |byte| byte.is_ascii_digit());
        is_number.then(|| part.parse::<u32>().ok()).flatten()
    };
    let (Some(year), Some(month), Some(day)) = (number(year), number(month), number(day)) else {
        return false;
    };
    widths == [4, 2, 2] && (1..=days_of_month(year, month)).contains(&day)
}

/// 0 for a month that does not exist.
fn days_of_month(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(is_leap),
        _ => 0,
    }
}
