//! A row as served: `Data` from its table and `Relationships` from the rows it references.
//!
//! Nothing is stored: the same entry of the world always gives the same row, and a new version
//! changes notes, phones, status and change time only.

use serde_json::{Map, Value, json};

use super::combos::Combos;
use super::fields::{Field, Kind, Relation, table};
use super::switches::{Switches, Unset};
use super::times::{self, now_of};
use super::values;
use super::world::{Entity, Entry, World};
use crate::random::Random;
use crate::school::School;

/// The inputs of a row.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The rows of today.
    pub world: &'a World,
    /// The lists of today.
    pub combos: &'a Combos,
    /// The school, for the people.
    pub school: &'a School,
    /// Region, format of times, unknown ids and fields.
    pub switches: &'a Switches,
}

impl View<'_> {
    /// `Data` and `Relationships` of one row.
    pub fn row(&self, entity: Entity, row: &Entry) -> (Value, Map<String, Value>) {
        let mut data = Map::new();
        let mut relations = Map::new();
        let given = self.fixed_values(entity, row);
        let mut absent_block = "";
        for field in table(entity, self.switches.region) {
            if !absent_block.is_empty() && field.path.starts_with(absent_block) {
                continue;
            }
            if field.array.is_some() {
                self.elements(entity, row, field, &mut data, &mut relations);
                continue;
            }
            let value = match given.iter().find(|(path, _)| *path == field.path) {
                Some((_, value)) => value.clone(),
                None => self.value(entity, row, field, 0),
            };
            if field.kind == Kind::Block {
                absent_block = if value.is_null() { field.path } else { "" };
            }
            self.relate(field, row, &value, &mut relations);
            if !(field.path.is_empty() || field.kind == Kind::Block && !value.is_null()) {
                insert_at_path(&mut data, field, 0, value);
            }
        }
        if entity == Entity::Learner {
            repeat_disabilities(&mut data);
        }
        if self.switches.extra_fields {
            data.insert(
                "AddedAfter2023".to_owned(),
                json!({ "StatusId": row.number % 7 }),
            );
        }
        (Value::Object(data), relations)
    }

    /// One field of a row; null when its table has no such field.
    pub fn one(&self, entity: Entity, row: &Entry, path: &str) -> Value {
        let given = self
            .fixed_values(entity, row)
            .into_iter()
            .find(|(name, _)| *name == path);
        given.map_or_else(|| self.random_value(entity, row, path), |(_, value)| value)
    }

    /// One field of a row that does not depend on other rows.
    pub(super) fn random_value(&self, entity: Entity, row: &Entry, path: &str) -> Value {
        let fields = table(entity, self.switches.region);
        let field = fields.iter().find(|field| field.path == path);
        field.map_or(Value::Null, |field| self.value(entity, row, field, 0))
    }

    /// Zero to two elements of an array, one member of each.
    fn elements(
        &self,
        entity: Entity,
        row: &Entry,
        field: &Field,
        data: &mut Map<String, Value>,
        relations: &mut Map<String, Value>,
    ) {
        let array = field.path.split("[]").next().unwrap_or_default();
        let key = array
            .bytes()
            .fold(7, |key: u64, byte| key.wrapping_mul(31) ^ u64::from(byte));
        let number = key.wrapping_add(row.number);
        let count = Random::of(self.school.seed, "wisenet.count", number)
            .below(5)
            .saturating_sub(2);
        ensure_array(data, field);
        // The member exists even when it is empty, as in the vendor's samples.
        self.relate(field, row, &Value::Null, relations);
        for element in 0..count {
            let value = self.value(entity, row, field, element + 1);
            self.relate(field, row, &value, relations);
            insert_at_path(data, field, element as usize, value);
        }
    }

    fn value(&self, entity: Entity, row: &Entry, field: &Field, element: u64) -> Value {
        let key = field
            .hash
            .wrapping_add(row.number.wrapping_mul(0x2545_F491_4F6C_DD1D))
            .wrapping_add(element);
        let mut random = Random::of(self.school.seed, entity.name(), key);
        let whole_element = element > 0 && !matches!(field.kind, Kind::Plain(_));
        // One row of each table always has the field, so no column is empty everywhere.
        let pinned = field.hash % self.span(entity) == row.number;
        let filled = random.chance(field.share) || pinned || whole_element;
        if !filled {
            return Value::Null;
        }
        if changes(field) && row.version > 0 {
            random = Random::of(
                self.school.seed,
                "wisenet.version",
                key.wrapping_add(row.version << 32),
            );
        }
        let now = now_of(0);
        match &field.kind {
            Kind::Id => json!(row.id),
            Kind::Stamp => json!(times::format_time(row.stamp, self.switches.fraction_digits)),
            Kind::Created => json!(times::format_time(
                row.created,
                self.switches.fraction_digits
            )),
            Kind::Action => json!(row.action.letter()),
            Kind::Block => json!(true),
            Kind::Combo(list) => self
                .combo_id(list, &mut random)
                .map_or(Value::Null, |id| json!(id)),
            Kind::TextCombo(list) => self
                .combo_id(list, &mut random)
                .map_or(Value::Null, |id| json!(id.to_string())),
            Kind::Ref(name) => json!(self.any_id(name, &mut random)),
            Kind::Staff(role) => json!(self.any_staff(role, &mut random)),
            Kind::Lookup => json!(1 + random.below(9)),
            Kind::Short(name) => json!(self.short(name, self.any_id(name, &mut random))),
            Kind::Via(_) => Value::Null,
            Kind::Text(limit) => values::text(*limit, &mut random),
            Kind::Plain(kind) => values::plain(kind, &mut random, now),
        }
    }

    fn combo_id(&self, list: &str, random: &mut Random) -> Option<u64> {
        if self.switches.unknown_combo_ids && random.chance(4) {
            return Some(99_990 + random.below(5));
        }
        Some(*random.pick(&self.combos.get(list)?.ids))
    }

    fn relate(
        &self,
        field: &Field,
        row: &Entry,
        value: &Value,
        relations: &mut Map<String, Value>,
    ) {
        match field.relation {
            Relation::None => {}
            Relation::One(name) => {
                let object = self.object(field, row, value);
                if object.is_some() || self.switches.unset == Unset::Null {
                    relations.insert(name.to_owned(), object.unwrap_or_default());
                }
            }
            Relation::Many(name) => {
                let pool = relations
                    .entry(name.to_owned())
                    .or_insert_with(|| json!([]));
                if let (Some(object), Value::Array(pool)) = (self.object(field, row, value), pool)
                    && !pool.contains(&object)
                {
                    pool.push(object);
                }
            }
        }
    }

    fn object(&self, field: &Field, row: &Entry, value: &Value) -> Option<Value> {
        let id = value.as_u64().or_else(|| value.as_str()?.parse().ok());
        match field.kind {
            Kind::Combo(list) | Kind::TextCombo(list) => Some(Value::Object(
                self.combos.get(list)?.rows.get(&id?)?.clone(),
            )),
            Kind::Ref(name) | Kind::Staff(name) => self.short(name, id?),
            Kind::Lookup => {
                let (name, id) = (field.parts.last()?, id?);
                Some(
                    json!({ *name: id, "Code": format!("{id:02}"), "Description": format!("Entry {id}") }),
                )
            }
            Kind::Via(name) => self.short(name, self.linked_id(name, row)?),
            _ => None,
        }
    }

    /// Id of a row that is linked to a unit enrolment or a credential.
    fn linked_id(&self, name: &str, row: &Entry) -> Option<u64> {
        if name == "learner" {
            return Some(row.links[2]);
        }
        if row.of == Entity::Credential {
            let course = self.world.find(Entity::CourseEnrolment, row.links[0])?;
            return Some(course.links[1]);
        }
        let offer = self.world.find(Entity::UnitOffer, row.links[1]);
        match name {
            "course-offer" => Some(offer?.links[0]),
            _ => Some(offer?.links[1]),
        }
    }

    /// The minimum of rows of a table on day zero, for every seed.
    fn span(&self, entity: Entity) -> u64 {
        let students = self.school.students.max(1);
        match entity {
            Entity::Learner => students,
            Entity::CourseEnrolment => students * 3,
            Entity::UnitEnrolment => students * 9,
            Entity::AuditLog => 1,
            entity => self.world.spans[entity as usize].max(1),
        }
    }
}

/// Whether a new version changes the field: long notes and phones.
fn changes(field: &Field) -> bool {
    matches!(field.kind, Kind::Text(400..) | Kind::Plain("phone"))
}

fn ensure_array(data: &mut Map<String, Value>, field: &Field) {
    if let Some(at) = field.array {
        let mut here = data;
        for part in &field.parts[..at] {
            let next = here.entry(*part).or_insert_with(|| json!({}));
            let Value::Object(next) = next else { return };
            here = next;
        }
        here.entry(field.parts[at]).or_insert_with(|| json!([]));
    }
}

/// Inserts a value at its path, creating objects and elements as needed.
fn insert_at_path(data: &mut Map<String, Value>, field: &Field, element: usize, value: Value) {
    let mut value = Some(value);
    let mut here = data;
    for (depth, part) in field.parts.iter().enumerate() {
        let last = depth + 1 == field.parts.len();
        if last && field.array != Some(depth) {
            here.insert((*part).to_owned(), value.take().unwrap_or_default());
            return;
        }
        let empty = if field.array == Some(depth) {
            json!([])
        } else {
            json!({})
        };
        let mut next = here.entry(*part).or_insert(empty);
        if let Value::Array(array) = next {
            if last {
                array.push(value.take().unwrap_or_default());
                return;
            }
            if array.len() <= element {
                array.push(json!({}));
            }
            next = &mut array[element];
        }
        let Value::Object(object) = next else { return };
        here = object;
    }
}

/// `DisabilityIds` is the obsolete form of `Disabilities` (wisenet.md 5.3), so both have the same ids.
fn repeat_disabilities(data: &mut Map<String, Value>) {
    let Some(Value::Object(demographics)) = data.get_mut("Demographics") else {
        return;
    };
    let Some(Value::Array(whole)) = demographics.get("Disabilities") else {
        return;
    };
    let ids: Vec<Value> = whole
        .iter()
        .filter_map(|one| one.get("DisabilityId").cloned())
        .collect();
    demographics.insert("DisabilityIds".to_owned(), Value::Array(ids));
}
