//! What the list means for the rows of one table: which are suppressed, and out of which a reference is cut.
//!
//! The same rules are used for received rows and for those that a database holds, so that what is cut in both stays equal.

use std::sync::Arc;

use serde_json::Value;

use super::{SuppressedKind, Suppression};
use crate::model::row::{Cell, Cells, Kind, RowEdit, Rows};
use crate::model::{PersonRows, SourceName, StreamName, Table};

/// Columns of a stream; the names of several have commas between them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HashTarget {
    /// The source.
    pub source: SourceName,
    /// The stream.
    pub stream: StreamName,
    /// The columns.
    pub columns: String,
}

impl HashTarget {
    /// The key of a table.
    pub fn key_of(table: &Table) -> Self {
        let names = table.key.iter().map(|index| &table.columns[*index].name);
        let names: Vec<&str> = names.map(String::as_str).collect();
        Self {
            source: table.source.clone(),
            stream: table.stream.clone(),
            columns: names.join(","),
        }
    }

    /// What a text such as `north_users.id` names, in a table of the source `north`.
    pub fn parse(source: &SourceName, text: &str) -> Option<Self> {
        let (table, column) = text.rsplit_once('.')?;
        let stream = table.strip_prefix(source.as_str())?.strip_prefix('_')?;
        Some(Self {
            source: source.clone(),
            stream: stream.parse().ok()?,
            columns: column.to_owned(),
        })
    }
}

/// Columns that get other values, by number: the text of a list that got shorter, or no value.
pub type Cuts = Vec<(usize, Option<String>)>;

/// What becomes of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays as it is.
    Keep,
    /// It is of an erased person; the kind of entry that decided.
    Suppress(SuppressedKind),
    /// References to an erased person are cut out of it.
    Cut(Cuts),
}

/// The rules for one table.
#[derive(Debug)]
pub struct RowFilter {
    list: Arc<Suppression>,
    key: Vec<usize>,
    key_target: HashTarget,
    /// Whether rows are about a person that their columns name.
    is_about: bool,
    about: Vec<About>,
    references: Vec<ReferenceCheck>,
    is_empty: bool,
}

/// A column that names the person of a row, in rows of one kind.
#[derive(Debug)]
struct About {
    column: usize,
    target: HashTarget,
    /// Columns and the values that they must have.
    rows: Vec<(usize, String)>,
}

/// A column that refers to a column with entries.
#[derive(Debug)]
struct ReferenceCheck {
    column: usize,
    target: HashTarget,
    is_list: bool,
    is_key: bool,
}

impl RowFilter {
    /// The rules of a list for a table.
    pub fn new(list: &Arc<Suppression>, table: &Table) -> Self {
        let column = |name: &str| table.columns.iter().position(|one| one.name == name);
        let about: Vec<About> = match &table.person {
            PersonRows::None | PersonRows::Each => Vec::new(),
            PersonRows::About(columns) => columns
                .iter()
                .filter_map(|about| {
                    let rows = about.rows.iter();
                    Some(About {
                        column: column(&about.column)?,
                        target: HashTarget::parse(&table.source, &about.refers_to)?,
                        rows: rows
                            .map(|(name, value)| Some((column(name)?, value.clone())))
                            .collect::<Option<_>>()?,
                    })
                })
                .collect(),
        };
        let references: Vec<ReferenceCheck> = (table.columns.iter().enumerate())
            .filter_map(|(index, column)| {
                let target = HashTarget::parse(&table.source, column.refers_to.as_deref()?)?;
                list.concerns(&target).then(|| ReferenceCheck {
                    column: index,
                    target,
                    is_list: column.kind == Kind::Json,
                    is_key: table.key.contains(&index),
                })
            })
            .collect();
        let key_target = HashTarget::key_of(table);
        let is_empty = references.is_empty()
            && !list.concerns(&key_target)
            && !about.iter().any(|about| list.concerns(&about.target));
        Self {
            list: Arc::clone(list),
            key: table.key.clone(),
            key_target,
            is_about: !about.is_empty(),
            about,
            references,
            is_empty,
        }
    }

    /// Whether it changes no row.
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// A hash of all that it suppresses.
    pub fn fingerprint(&self) -> u128 {
        match self.is_empty {
            true => 0,
            false => self.list.fingerprint(),
        }
    }

    /// Marks and changes received rows.
    pub fn apply(&self, rows: &mut Rows) {
        if self.is_empty {
            return;
        }
        rows.suppress(|row, other| match self.fate(row) {
            Fate::Keep => RowEdit::Keep,
            Fate::Suppress(_) => RowEdit::Suppress,
            Fate::Cut(cuts) => {
                write_cut(row, &cuts, other);
                RowEdit::Replace
            }
        });
    }

    /// What becomes of a row.
    pub fn fate(&self, row: Cells<'_>) -> Fate {
        let key: Option<Vec<String>> = self
            .key
            .iter()
            .map(|index| row.at(*index).plain())
            .collect();
        let by_key = key.and_then(|key| self.list.kind(&self.key_target, &key));
        if by_key == Some(SuppressedKind::Row) {
            return Fate::Suppress(SuppressedKind::Row);
        }
        let mut is_of_another = false;
        for about in self.about.iter().filter(|about| about.is_meant(row)) {
            let Some(value) = row.at(about.column).plain() else {
                continue;
            };
            if self.list.kind(&about.target, &[value]).is_some() {
                return Fate::Suppress(SuppressedKind::About);
            }
            is_of_another = true;
            break;
        }
        if self.is_about && !is_of_another && (by_key.is_some() || self.refers_to_part(row)) {
            return Fate::Suppress(SuppressedKind::About);
        }
        self.cuts(row)
    }

    /// Whether a row that names no person refers to another row about an erased one.
    fn refers_to_part(&self, row: Cells<'_>) -> bool {
        let mut scalars = self.references.iter().filter(|one| !one.is_list);
        scalars.any(|one| {
            let value = row.at(one.column).plain();
            value.and_then(|value| self.list.kind(&one.target, &[value]))
                == Some(SuppressedKind::About)
        })
    }

    fn cuts(&self, row: Cells<'_>) -> Fate {
        let mut cuts = Vec::new();
        for one in &self.references {
            let is_erased =
                |value: &str| self.list.kind(&one.target, &[value.to_owned()]).is_some();
            let Some(value) = row.at(one.column).plain() else {
                continue;
            };
            let list = if one.is_list {
                shorter(&value, &is_erased)
            } else {
                None
            };
            match list {
                Some(shorter) => cuts.push((one.column, shorter)),
                None if !is_erased(&value) => {}
                None if one.is_key => return Fate::Suppress(SuppressedKind::About),
                None => cuts.push((one.column, None)),
            }
        }
        match cuts.is_empty() {
            true => Fate::Keep,
            false => Fate::Cut(cuts),
        }
    }
}

impl About {
    fn is_meant(&self, row: Cells<'_>) -> bool {
        let mut rows = self.rows.iter();
        rows.all(|(column, value)| row.at(*column).plain().as_deref() == Some(value))
    }
}

/// The cells of a row with other values in some columns.
pub(in crate::store) fn write_cut(
    row: Cells<'_>,
    cuts: &[(usize, Option<String>)],
    bytes: &mut Vec<u8>,
) {
    for (index, cell) in row.enumerate() {
        match cuts.iter().find(|(column, _)| *column == index) {
            None => cell.write(bytes),
            Some((_, Some(text))) => Cell::Text(text).write(bytes),
            Some((_, None)) => Cell::Null.write(bytes),
        }
    }
}

/// A list without the elements that are, or contain, an erased value; the outer `None` if it is none or has none.
fn shorter(text: &str, is_erased: &impl Fn(&str) -> bool) -> Option<Option<String>> {
    let value = serde_json::from_str(text).ok()?;
    let Value::Array(mut items) = value else {
        return mentions(&value, is_erased).then_some(None);
    };
    let length = items.len();
    items.retain(|item| !mentions(item, is_erased));
    (items.len() < length).then(|| Some(Value::Array(items).to_string()))
}

fn mentions(value: &Value, is_erased: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(number) => is_erased(&number.to_string()),
        Value::String(text) => is_erased(text),
        Value::Array(items) => items.iter().any(|item| mentions(item, is_erased)),
        Value::Object(members) => members.values().any(|value| mentions(value, is_erased)),
    }
}
