//! The rows that are served, in memory: by entity in the order of their ids, with an index of each reference.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::entity::{EntityMember, MemberKind, RosterEntity};
use super::member_path::MemberPath;
use super::recent_lists::RecentLists;
use rollbook_core::model::row::{Cell, Cells};
use rollbook_core::model::scalar;

/// All rows of one bundle.
#[derive(Debug)]
pub struct Roster {
    /// Of the entities of which the bundle has a file.
    tables: Vec<RosterTable>,
    pub(super) recent: RecentLists,
}

/// The rows of an entity.
#[derive(Debug)]
pub struct RosterTable {
    entity: RosterEntity,
    rows: Vec<RosterRow>,
    /// For each member that is a reference: the rows that name an id.
    naming: Vec<HashMap<Box<str>, Vec<u32>>>,
}

#[derive(Debug)]
struct RosterRow {
    id: Box<str>,
    changed: Timestamp,
    is_removed: bool,
    /// One for each member; none of a row whose values were erased.
    cells: Option<Box<[u8]>>,
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum MemberValue<'a> {
    /// None.
    Missing,
    /// A text, or a day.
    Text(&'a str),
    /// True or false.
    Boolean(bool),
    /// A time.
    Time(Timestamp),
    /// The items of a list.
    Items(Vec<&'a str>),
}

/// A row of the mirror that is none of OneRoster 1.1.
#[derive(Debug, thiserror::Error)]
#[error("the file {file} has no column `{column}`, which OneRoster 1.1 requires")]
pub struct UnfitRow {
    file: &'static str,
    column: &'static str,
}

impl Roster {
    /// Without rows, of these entities.
    pub fn new(entities: &[RosterEntity]) -> Self {
        let table = |entity: &RosterEntity| RosterTable {
            entity: *entity,
            rows: Vec::new(),
            naming: Vec::new(),
        };
        Self {
            tables: entities.iter().map(table).collect(),
            recent: RecentLists::default(),
        }
    }

    /// The rows of an entity; `None` if this roster does not know any.
    pub fn table(&self, entity: RosterEntity) -> Option<&RosterTable> {
        self.tables.iter().find(|table| table.entity == entity)
    }

    /// How many rows there are.
    pub fn row_count(&self) -> usize {
        self.tables.iter().map(|table| table.rows.len()).sum()
    }

    /// Adds a row as the mirror has it.
    ///
    /// # Errors
    /// If a column is missing: the bundle is of another layout.
    pub fn add(
        &mut self,
        entity: RosterEntity,
        (changed, is_removed): (&str, bool),
        id: &str,
        row: Option<&str>,
    ) -> Result<(), UnfitRow> {
        let file = entity.plural();
        let unfit = |column: &'static str| move || UnfitRow { file, column };
        let Some(table) = self.tables.iter_mut().find(|table| table.entity == entity) else {
            return Ok(());
        };
        let id = serde_json::from_str::<Map<String, Value>>(id).unwrap_or_default();
        let id = id.get("sourcedId").and_then(Value::as_str);
        let id = id.ok_or_else(unfit("sourcedId"))?;
        let row = row.and_then(|row| serde_json::from_str::<Map<String, Value>>(row).ok());
        // A row that left has the columns of its time.
        if let (Some(row), false) = (&row, is_removed) {
            let mut required = entity.required_columns().iter().copied();
            if let Some(column) = required.find(|column| !row.contains_key(*column)) {
                return Err(unfit(column)());
            }
        }
        let cells = row.map(|row| {
            let mut bytes = Vec::new();
            for member in entity.members() {
                let value = row.get(member.column).and_then(Value::as_str);
                match value.filter(|text| !text.is_empty()) {
                    Some(text) => Cell::Text(text).write(&mut bytes),
                    None => Cell::Null.write(&mut bytes),
                }
            }
            bytes.into_boxed_slice()
        });
        table.rows.push(RosterRow {
            id: id.into(),
            changed: scalar::parse(changed).unwrap_or_default(),
            is_removed,
            cells,
        });
        Ok(())
    }

    /// Orders and indexes the rows; then they can be asked for.
    pub fn finish(&mut self) {
        for table in &mut self.tables {
            table
                .rows
                .sort_unstable_by(|one, other| one.id.cmp(&other.id));
            let members = table.entity.members().iter().enumerate();
            let naming = members.map(|(position, member)| match member.kind {
                MemberKind::Reference(_) | MemberKind::References(_) => table.index(position),
                _ => HashMap::new(),
            });
            table.naming = naming.collect();
        }
    }
}

impl RosterTable {
    /// What its rows are.
    pub fn entity(&self) -> RosterEntity {
        self.entity
    }

    /// How many rows there are.
    pub fn len(&self) -> u32 {
        self.rows.len() as u32
    }

    /// The number of the row with this id.
    pub fn find(&self, id: &str) -> Option<u32> {
        let found = self.rows.binary_search_by(|row| (*row.id).cmp(id));
        found.ok().map(|number| number as u32)
    }

    /// The id of a row.
    pub fn id(&self, row: u32) -> &str {
        &self.rows[row as usize].id
    }

    /// Whether a row has not left.
    pub fn is_active(&self, row: u32) -> bool {
        !self.rows[row as usize].is_removed
    }

    /// The rows that name this id in a member, in order.
    pub fn naming(&self, member: &str, id: &str) -> &[u32] {
        let position = self.entity.position(member);
        let rows = position.and_then(|position| self.naming[position].get(id));
        rows.map_or(&[], Vec::as_slice)
    }

    /// A value of a row.
    pub fn value(&self, row: u32, path: MemberPath) -> MemberValue<'_> {
        let of = &self.rows[row as usize];
        match path {
            MemberPath::Id => MemberValue::Text(&of.id),
            MemberPath::Status => MemberValue::Text(self.status(row)),
            MemberPath::Changed => MemberValue::Time(of.changed),
            MemberPath::Member(position) => self.member(row, position),
            MemberPath::TypeOf(position) => match self.entity.members()[position].kind {
                MemberKind::UserIds => match self.text(row, position) {
                    Some(text) => {
                        MemberValue::Items(user_ids(text).map(|(kind, _)| kind).collect())
                    }
                    None => MemberValue::Missing,
                },
                MemberKind::Reference(entity) => match self.text(row, position) {
                    Some(_) => MemberValue::Text(entity.singular()),
                    None => MemberValue::Missing,
                },
                MemberKind::References(entity) => self.types(row, position, entity),
                MemberKind::Children => self.types(row, position, self.entity),
                _ => MemberValue::Missing,
            },
        }
    }

    fn types(&self, row: u32, position: usize, entity: RosterEntity) -> MemberValue<'_> {
        match self.member(row, position) {
            MemberValue::Items(_) => MemberValue::Items(vec![entity.singular()]),
            _ => MemberValue::Missing,
        }
    }

    fn status(&self, row: u32) -> &'static str {
        match self.is_active(row) {
            true => "active",
            false => "tobedeleted",
        }
    }

    fn text(&self, row: u32, position: usize) -> Option<&str> {
        let cells = self.rows[row as usize].cells.as_ref()?;
        Cells::of(cells).at(position).text()
    }

    fn member(&self, row: u32, position: usize) -> MemberValue<'_> {
        let kind = self.entity.members()[position].kind;
        if kind == MemberKind::Children {
            let rows = self.naming("parent", self.id(row)).iter();
            let active = rows.filter(|row| self.is_active(**row));
            return items(active.map(|row| self.id(*row)));
        }
        let Some(text) = self.text(row, position) else {
            return MemberValue::Missing;
        };
        match kind {
            MemberKind::Boolean => match text {
                "true" => MemberValue::Boolean(true),
                "false" => MemberValue::Boolean(false),
                _ => MemberValue::Missing,
            },
            MemberKind::List | MemberKind::References(_) => items(list(text)),
            MemberKind::UserIds => items(user_ids(text).map(|(_, id)| id)),
            _ => MemberValue::Text(text),
        }
    }

    fn index(&self, position: usize) -> HashMap<Box<str>, Vec<u32>> {
        let mut index: HashMap<Box<str>, Vec<u32>> = HashMap::new();
        for row in 0..self.len() {
            let ids = match self.member(row, position) {
                MemberValue::Text(id) => vec![id],
                MemberValue::Items(ids) => ids,
                _ => Vec::new(),
            };
            for id in ids {
                let rows = index.entry(id.into()).or_default();
                // A vendor may name one twice.
                if rows.last() != Some(&row) {
                    rows.push(row);
                }
            }
        }
        index
    }

    /// A row as JSON, with the members that are wanted; references lead to paths below `base`.
    pub fn json(&self, row: u32, base: &str, wanted: Option<&[String]>) -> Value {
        let is_wanted = |name: &str| wanted.is_none_or(|names| names.iter().any(|one| one == name));
        let mut object = Map::new();
        let mut put = |name: &str, value: Value| {
            if is_wanted(name) {
                object.insert(name.to_owned(), value);
            }
        };
        let of = &self.rows[row as usize];
        put("sourcedId", (*of.id).into());
        put("status", self.status(row).into());
        put("dateLastModified", scalar::to_canonical(of.changed).into());
        for (position, member) in self.entity.members().iter().enumerate() {
            if let Some(value) = self.member_json(row, position, member, base) {
                put(member.name, value);
            }
        }
        Value::Object(object)
    }

    fn member_json(
        &self,
        row: u32,
        position: usize,
        member: &EntityMember,
        base: &str,
    ) -> Option<Value> {
        let reference = |entity: RosterEntity, id: &str| {
            let path = form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>();
            let path = path.replace('+', "%20");
            serde_json::json!({
                "href": format!("{base}/{}/{path}", entity.plural()),
                "sourcedId": id,
                "type": entity.singular(),
            })
        };
        let references = |entity: RosterEntity, ids: Vec<&str>| {
            let references = ids.into_iter().map(|id| reference(entity, id));
            Value::Array(references.collect())
        };
        Some(match (member.kind, self.member(row, position)) {
            (_, MemberValue::Missing) => return None,
            (MemberKind::Reference(entity), MemberValue::Text(id)) => reference(entity, id),
            (MemberKind::References(entity), MemberValue::Items(ids)) => references(entity, ids),
            (MemberKind::Children, MemberValue::Items(ids)) => references(self.entity, ids),
            (MemberKind::UserIds, _) => {
                let ids = user_ids(self.text(row, position)?);
                let ids = ids.map(|(kind, id)| serde_json::json!({"type": kind, "identifier": id}));
                Value::Array(ids.collect())
            }
            (_, MemberValue::Items(items)) => items.into(),
            (_, MemberValue::Text(text)) => text.into(),
            (_, MemberValue::Boolean(value)) => value.into(),
            (_, MemberValue::Time(time)) => scalar::to_canonical(time).into(),
        })
    }
}

fn items<'a>(items: impl Iterator<Item = &'a str>) -> MemberValue<'a> {
    let items: Vec<&str> = items.collect();
    match items.is_empty() {
        true => MemberValue::Missing,
        false => MemberValue::Items(items),
    }
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

/// `{type:id},{type:id}`; items of another form are left out.
fn user_ids(text: &str) -> impl Iterator<Item = (&str, &str)> {
    list(text).filter_map(|item| item.strip_prefix('{')?.strip_suffix('}')?.split_once(':'))
}
