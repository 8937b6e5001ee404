//! What a stream is read for: once, or once for each item of a list, a setting, or another stream's rows.

use std::collections::BTreeMap;

use super::error::Failure;
use super::job::{Source, StreamJob};
use rollbook_core::connector::api::StreamSpec;
use rollbook_core::connector::columns::ColumnSource;
use rollbook_core::connector::template::Variables;
use rollbook_core::store::StoreError;
use rollbook_core::store::queries::{self, Reader};
use rollbook_core::store::readers::ReadConnection;

/// One item of `for_each`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// Its name in checkpoints and messages; empty for a stream that is read once.
    pub name: String,
    /// The values of the columns that identify the item of a row.
    pub partition: Vec<String>,
    /// What it fills into templates.
    pub variables: Variables,
    /// The values that mean "nothing new" while they stay; nothing when the connector names none.
    pub same: Option<String>,
    /// Its row indicates that there is nothing to read.
    pub is_empty: bool,
    /// How many rows the vendor holds of it and its like.
    pub count: Option<ItemCount>,
}

/// How many rows the vendor holds of the items of one group, all together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemCount {
    /// The key of the row that states it.
    pub group: String,
    /// The number.
    pub rows: i64,
}

/// All items of a stream, in order. Reads the mirror only if they are the rows of another stream.
pub fn items(
    job: &StreamJob,
    source: &Source,
    mirror: impl FnOnce() -> Result<ReadConnection, StoreError>,
) -> Result<Vec<Item>, Failure> {
    match listed(&job.spec, source) {
        Some(items) => Ok(items),
        None => rows_of_another(job, &*mirror()?),
    }
}

/// The items that the configuration lists; `None` if they are the rows of another stream.
pub fn listed(spec: &StreamSpec, source: &Source) -> Option<Vec<Item>> {
    let Some(each) = &spec.for_each else {
        return Some(vec![Item::default()]);
    };
    if !each.list.is_empty() {
        let one = |variables: &Variables| item(spec, variables.clone(), false);
        return Some(each.list.iter().map(one).collect());
    }
    let listed = each
        .setting
        .as_ref()
        .and_then(|name| source.lists.get(name))
        .filter(|list| !list.is_empty());
    if let (Some(list), Some(variable)) = (listed, &each.variable) {
        let one = |value: &String| {
            let variables = Variables::from([(variable.clone(), value.clone())]);
            item(spec, variables, false)
        };
        return Some(list.iter().map(one).collect());
    }
    None
}

/// An item for each row of the stream that this one is read for; none while it has no table.
pub fn rows_of_another(job: &StreamJob, mirror: &Reader) -> Result<Vec<Item>, Failure> {
    let each = job.spec.for_each.as_ref();
    let parent = each.and_then(|each| Some((each, job.parents.get(each.stream.as_deref()?)?)));
    let Some((each, table)) = parent else {
        return Ok(Vec::new());
    };
    let mut columns: Vec<&str> = each.take.values().map(String::as_str).collect();
    columns.extend(each.count.iter().map(|count| count.by.as_str()));
    let rows = queries::columns_of_rows(mirror, table, &columns)?;
    let counts = counts(job, mirror)?;
    let of_row = |row: Vec<Option<String>>| {
        let group = row.get(each.take.len()).cloned().flatten();
        let names = each.take.keys().cloned();
        let variables = names.zip(row.into_iter().map(Option::unwrap_or_default));
        let count = group.and_then(|group| {
            let rows = *counts.get(&group)?;
            Some(ItemCount { group, rows })
        });
        Item {
            count,
            ..item(&job.spec, variables.collect(), true)
        }
    };
    Ok(rows.into_iter().map(of_row).collect())
}

/// How many rows the vendor holds, by the key of the row that states it.
fn counts(job: &StreamJob, mirror: &Reader) -> Result<BTreeMap<String, i64>, Failure> {
    let count = job
        .spec
        .for_each
        .as_ref()
        .and_then(|each| each.count.as_ref());
    let found = count.and_then(|count| {
        let table = job.parents.get(count.stream.as_str())?;
        let [key] = table.key[..] else { return None };
        Some((table, table.columns.get(key)?, count))
    });
    let Some((table, key, count)) = found else {
        return Ok(BTreeMap::new());
    };
    let rows = queries::columns_of_rows(mirror, table, &[&key.name, &count.column])?;
    let counted = rows.into_iter().filter_map(|mut row| {
        let rows = row.pop()??.parse().ok()?;
        Some((row.pop()??, rows))
    });
    Ok(counted.collect())
}

/// The item with these values.
pub fn item(spec: &StreamSpec, variables: Variables, from_row: bool) -> Item {
    let partition = partition(spec, &variables);
    let each = spec.for_each.as_ref();
    let watched = each
        .map(|each| each.skip_while_same.as_slice())
        .unwrap_or_default();
    let values: Vec<&str> = watched
        .iter()
        .filter_map(|name| variables.get(name).map(String::as_str))
        .collect();
    let name = if partition.is_empty() {
        let kept = variables.iter().filter(|(name, _)| !watched.contains(name));
        kept.map(|(_, value)| value.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    } else {
        partition.join(" ")
    };
    let is_told = values.iter().any(|value| !value.is_empty());
    let rows = each.and_then(|each| variables.get(each.rows.as_ref()?));
    let is_empty = match rows {
        Some(rows) => rows == "0",
        None => !values.is_empty() && !is_told,
    };
    Item {
        name,
        same: (!values.is_empty()).then(|| values.join(" ")),
        is_empty: from_row && is_empty,
        partition,
        variables,
        count: None,
    }
}

/// The values of the columns that identify the item of a row.
fn partition(spec: &StreamSpec, variables: &Variables) -> Vec<String> {
    let constant = |index: &usize| match &spec.columns[*index].origin {
        ColumnSource::Constant(text) => spec.fill(text, variables),
        ColumnSource::Paths(_) => String::new(),
    };
    spec.partition.iter().map(constant).collect()
}
