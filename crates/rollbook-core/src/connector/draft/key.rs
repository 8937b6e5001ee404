//! Guesses which columns identify a row.

use std::collections::BTreeSet;

use super::columns::DraftColumn;

/// A key that was guessed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FoundKey {
    pub columns: Vec<String>,
    pub why: &'static str,
}

/// Members with such names are keys more often than others; earlier ones first.
const NAMES: &[&str] = &[
    "id",
    "uuid",
    "guid",
    "sourced_id",
    "object_id",
    "key",
    "external_id",
    "code",
    "name",
];

/// The key of rows; `None` where no column can be one.
pub(super) fn guess(columns: &[DraftColumn], stream: &str) -> Option<FoundKey> {
    let can_be = |column: &&DraftColumn| {
        matches!(column.kind, "text" | "integer") && column.values.iter().all(Option::is_some)
    };
    let mut candidates: Vec<&DraftColumn> = columns.iter().filter(can_be).collect();
    candidates.sort_by_key(|column| rank(column, stream));
    let is_unique = |key: &[&DraftColumn]| {
        let rows = key.first().map_or(0, |column| column.values.len());
        let value =
            |row: usize| -> Vec<_> { key.iter().map(|column| &column.values[row]).collect() };
        (0..rows).map(value).collect::<BTreeSet<_>>().len() == rows
    };
    let found = |key: &[&DraftColumn], why| {
        let is_in = |column: &&DraftColumn| key.iter().any(|one| one.name == column.name);
        let columns = columns
            .iter()
            .filter(is_in)
            .map(|column| column.name.clone());
        FoundKey {
            columns: columns.collect(),
            why,
        }
    };
    let first = *candidates.first()?;
    if first.values.len() == 1 {
        return Some(found(&[first], "by its name: the sample has one row"));
    }
    if let Some(one) = candidates.iter().find(|column| is_unique(&[column])) {
        return Some(found(&[one], "has another value in each row of the sample"));
    }
    let ids: Vec<&DraftColumn> = candidates
        .iter()
        .copied()
        .filter(|column| column.name.ends_with("id"))
        .collect();
    for (index, one) in ids.iter().enumerate() {
        if let Some(other) = ids[index + 1..]
            .iter()
            .find(|other| is_unique(&[one, other]))
        {
            return Some(found(
                &[one, other],
                "have other values together in each row of the sample",
            ));
        }
    }
    Some(match is_unique(&candidates) {
        true => found(
            &candidates,
            "only together do they differ in each row of the sample",
        ),
        false => found(
            &candidates,
            "NOT unique in the sample: what identifies a row?",
        ),
    })
}

/// Lower is more likely.
fn rank(column: &DraftColumn, stream: &str) -> (usize, usize) {
    let name = column.name.as_str();
    let depth = column.path.matches('.').count();
    let singular = stream.strip_suffix('s').unwrap_or(stream);
    let of_stream = name
        .strip_suffix("id")
        .map(|rest| rest.trim_end_matches('_'));
    let rank = match NAMES.iter().position(|other| *other == name) {
        Some(0) => 0,
        _ if of_stream.is_some_and(|rest| rest == singular || rest == stream) => 1,
        Some(position) if position < 7 => 1 + position,
        Some(position) => 20 + position,
        None if name.ends_with("id") => 10,
        None => 40,
    };
    (depth * 100 + rank, name.len())
}
