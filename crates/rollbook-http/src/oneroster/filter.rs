//! `filter`: one or two conditions about members (oneroster-service.md 7).
//!
//! A quotation mark inside a value is written twice.

use std::cmp::Ordering;

use jiff::Timestamp;

use super::entity::{MemberKind, RosterEntity};
use super::member_path::MemberPath;
use super::roster::{MemberValue, RosterTable};
use super::status_info::RequestFault;
use rollbook_core::model::scalar;

/// A condition, or two.
#[derive(Clone, Debug, PartialEq)]
pub struct RosterFilter {
    first: Condition,
    second: Option<(Connective, Condition)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Connective {
    And,
    Or,
}

/// `member predicate 'value'`.
#[derive(Clone, Debug, PartialEq)]
struct Condition {
    member: MemberPath,
    predicate: Predicate,
    wanted: Wanted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Predicate {
    NotEqual,
    AtLeast,
    AtMost,
    Equal,
    Greater,
    Less,
    Contains,
}

/// Longest first.
const PREDICATES: [(&str, Predicate); 7] = [
    ("!=", Predicate::NotEqual),
    (">=", Predicate::AtLeast),
    ("<=", Predicate::AtMost),
    ("=", Predicate::Equal),
    (">", Predicate::Greater),
    ("<", Predicate::Less),
    ("~", Predicate::Contains),
];

/// A value by the member's kind. Text is in lower case.
#[derive(Clone, Debug, PartialEq)]
enum Wanted {
    Text(String),
    Items(Vec<String>),
    Boolean(bool),
    Day(String),
    Time(Timestamp),
}

impl RosterFilter {
    /// Reads a condition about objects of this entity.
    pub fn of(entity: RosterEntity, text: &str) -> Result<Self, RequestFault> {
        let (first, rest) = Condition::begin(entity, text)?;
        let second = match rest {
            "" => None,
            rest => {
                let is_and = rest
                    .strip_prefix(" AND ")
                    .map(|rest| (Connective::And, rest));
                let is_or = || rest.strip_prefix(" OR ").map(|rest| (Connective::Or, rest));
                let (connective, rest) = is_and.or_else(is_or).ok_or_else(malformed)?;
                let (second, rest) = Condition::begin(entity, rest)?;
                if !rest.is_empty() {
                    return Err(RequestFault::data("filter has at most two conditions"));
                }
                Some((connective, second))
            }
        };
        Ok(Self { first, second })
    }

    /// Whether a row fits.
    pub fn fits(&self, table: &RosterTable, row: u32) -> bool {
        let first = self.first.fits(table, row);
        match &self.second {
            None => first,
            Some((Connective::And, second)) => first && second.fits(table, row),
            Some((Connective::Or, second)) => first || second.fits(table, row),
        }
    }
}

impl Condition {
    /// Reads a condition, and returns what is behind it.
    fn begin(entity: RosterEntity, text: &str) -> Result<(Self, &str), RequestFault> {
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        let end = text.find(|letter| !is_name(letter)).ok_or_else(malformed)?;
        let (name, rest) = text.split_at(end);
        let mut predicates = PREDICATES.into_iter();
        let (predicate, rest) = predicates
            .find_map(|(written, predicate)| Some((predicate, rest.strip_prefix(written)?)))
            .ok_or_else(malformed)?;
        let (value, rest) = quoted(rest).ok_or_else(malformed)?;
        if name.is_empty() {
            return Err(malformed());
        }
        let member = MemberPath::of(entity, name).ok_or_else(RequestFault::filter_field)?;
        let wanted = wanted(entity, member, predicate, &value)?;
        let condition = Self {
            member,
            predicate,
            wanted,
        };
        Ok((condition, rest))
    }

    fn fits(&self, table: &RosterTable, row: u32) -> bool {
        let value = table.value(row, self.member);
        let order = match (&value, &self.wanted) {
            (MemberValue::Missing, _) => return self.predicate == Predicate::NotEqual,
            (MemberValue::Items(items), Wanted::Items(wanted)) => {
                return fits_items(items, self.predicate, wanted);
            }
            (MemberValue::Time(time), Wanted::Time(wanted)) => time.cmp(wanted),
            (MemberValue::Boolean(value), Wanted::Boolean(wanted)) => value.cmp(wanted),
            (MemberValue::Text(day), Wanted::Day(wanted)) => (*day).cmp(wanted),
            (MemberValue::Text(text), Wanted::Text(wanted)) => {
                let text = text.to_lowercase();
                if self.predicate == Predicate::Contains {
                    return text.contains(wanted);
                }
                text.cmp(wanted)
            }
            _ => return false,
        };
        match self.predicate {
            Predicate::NotEqual => order != Ordering::Equal,
            Predicate::AtLeast => order != Ordering::Less,
            Predicate::AtMost => order != Ordering::Greater,
            Predicate::Equal | Predicate::Contains => order == Ordering::Equal,
            Predicate::Greater => order == Ordering::Greater,
            Predicate::Less => order == Ordering::Less,
        }
    }
}

/// `~`: one of them is wanted; `=`: these and no others, in any order.
fn fits_items(items: &[&str], predicate: Predicate, wanted: &[String]) -> bool {
    let items: Vec<String> = items.iter().map(|item| item.to_lowercase()).collect();
    let is_same = || {
        items.iter().all(|item| wanted.contains(item))
            && wanted.iter().all(|item| items.contains(item))
    };
    match predicate {
        Predicate::Contains => items.iter().any(|item| wanted.contains(item)),
        Predicate::NotEqual => !is_same(),
        _ => is_same(),
    }
}

/// The value by the member's kind, if the predicate makes sense for it.
fn wanted(
    entity: RosterEntity,
    member: MemberPath,
    predicate: Predicate,
    value: &str,
) -> Result<Wanted, RequestFault> {
    let is_order = !matches!(
        predicate,
        Predicate::Equal | Predicate::NotEqual | Predicate::Contains
    );
    if member.is_list(entity) {
        return match is_order {
            true => Err(RequestFault::data("a list has no order: use =, != or ~")),
            false => Ok(Wanted::Items(
                value.split(',').map(str::to_lowercase).collect(),
            )),
        };
    }
    let no_contains = |wanted: Wanted| match predicate {
        Predicate::Contains => Err(RequestFault::data("~ is for text and lists")),
        _ => Ok(wanted),
    };
    let kind = match member {
        MemberPath::Changed => {
            let day = || {
                is_day(value)
                    .then(|| scalar::parse(&format!("{value}T00:00:00Z")))
                    .flatten()
            };
            let time = scalar::parse(value).or_else(day);
            let time = time.ok_or_else(|| RequestFault::data("the value is no date and time"))?;
            return no_contains(Wanted::Time(time));
        }
        MemberPath::Member(position) => entity.members()[position].kind,
        MemberPath::Id | MemberPath::Status | MemberPath::TypeOf(_) => MemberKind::Text,
    };
    match kind {
        MemberKind::Date if is_day(value) => no_contains(Wanted::Day(value.to_owned())),
        MemberKind::Date => Err(RequestFault::data("the value is no date")),
        MemberKind::Boolean if is_order => Err(RequestFault::data("true and false have no order")),
        MemberKind::Boolean => match value {
            "true" => no_contains(Wanted::Boolean(true)),
            "false" => no_contains(Wanted::Boolean(false)),
            _ => Err(RequestFault::data("the value is neither true nor false")),
        },
        _ => Ok(Wanted::Text(value.to_lowercase())),
    }
}

fn is_day(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

/// A value in quotation marks, and what is behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('\'')?;
    let mut value = String::new();
    loop {
        let (before, behind) = rest.split_once('\'')?;
        value.push_str(before);
        match behind.strip_prefix('\'') {
            Some(behind) => {
                value.push('\'');
                rest = behind;
            }
            None => return Some((value, behind)),
        }
    }
}

fn malformed() -> RequestFault {
    RequestFault::data(
        "filter is a member, one of = != > >= < <= ~ and a value in single quotation marks, once or twice with AND or OR between",
    )
}
