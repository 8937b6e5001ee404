//! The collections beside the enrolments (wisenet.md 5.9): which rows exist, what a day changes, and values that must agree.
//!
//! The surprise: the audit log does not name them, unless `log_all` is on, because nothing says that it does
//! (wisenet.md 14).

use serde_json::{Value, json};

use super::rows::View;
use super::times::now_of;
use super::world::{ENTITY_NAMES, Entity, Entry, World};
use crate::random::Random;
use crate::school::{Role, School};

/// The collections, in the order in which a day changes them.
const SIDE: &[Entity] = &[
    Entity::ElementEnrolment,
    Entity::Credential,
    Entity::LanguageLiteracyNumeracy,
    Entity::Promotion,
    Entity::LearnerPosition,
    Entity::SalesContact,
    Entity::Opportunity,
    Entity::Tag,
    Entity::SalesPerson,
    Entity::Trainer,
    Entity::Assessor,
    Entity::Coordinator,
    Entity::Checklist,
    Entity::ChecklistItem,
    Entity::Filenote,
    Entity::Invoice,
];
/// The roles of staff with a list each, and their names in short forms.
const ROLES: &[(&str, Entity)] = &[
    ("sales-person", Entity::SalesPerson),
    ("trainer", Entity::Trainer),
    ("assessor", Entity::Assessor),
    ("coordinator", Entity::Coordinator),
];
/// Further names of the audit log, when it has them all, and their display names.
pub(super) const MORE_NAMES: &[(&str, &str)] = &[
    ("Promotion", "Promotion"),
    ("LearnerPosition", "Learner Position"),
    ("SalesContact", "Sales Contact"),
    ("Credential", "Credential"),
    ("ElementEnrolment", "Element Enrolment"),
    (
        "LanguageLiteracyNumeracy",
        "Language, Literacy and Numeracy",
    ),
    ("Tag", "Tag"),
    ("Checklist", "Checklist"),
    ("ChecklistItem", "Checklist Item"),
    ("Filenote", "Filenote"),
    ("Invoice", "Invoice"),
];
/// Rows of short lists; the ids that other rows refer to are the first nine.
const FEW: u64 = 12;
const CONTACTS: u64 = 40;
/// Invoice ids are texts (wisenet.md 7).
pub(super) const INVOICE: &str = "inv-";

/// Whether the audit log may leave out an entity.
pub(super) fn is_side(entity: Entity) -> bool {
    SIDE.contains(&entity)
}

/// What is deleted with a row, or before it.
pub(super) fn children(entity: Entity) -> &'static [Entity] {
    match entity {
        Entity::UnitEnrolment => &[Entity::ElementEnrolment],
        Entity::CourseEnrolment => &[Entity::Credential, Entity::LanguageLiteracyNumeracy],
        _ => &[],
    }
}

impl World {
    /// The rows of day zero.
    pub(super) fn fill_side(&mut self, school: &School) {
        let elements = self.linked(Entity::UnitEnrolment, 4, |row| {
            [row.id, 100 + row.number % 30, row.links[2]]
        });
        let of_course = |row: &Entry| [row.id, 0, row.links[0]];
        let credentials = self.linked(Entity::CourseEnrolment, 5, of_course);
        let literacy = self.linked(Entity::CourseEnrolment, 6, of_course);
        let positions = self.linked(Entity::Learner, 4, |row| [row.id, 0, row.id]);
        let invoices = self.linked(Entity::Learner, 2, |row| [row.id, 0, row.id]);
        for (entity, links) in [
            (Entity::ElementEnrolment, elements),
            (Entity::Credential, credentials),
            (Entity::LanguageLiteracyNumeracy, literacy),
            (Entity::LearnerPosition, positions),
            (Entity::Invoice, invoices),
        ] {
            self.fill(entity, links.len() as u64, |number| links[number as usize]);
        }
        self.fill(Entity::SalesContact, CONTACTS, |_| [0; 3]);
        let contact = |number| [Entity::SalesContact.first_id() + number % CONTACTS, 0, 0];
        self.fill(Entity::Opportunity, 30, contact);
        for entity in [Entity::Promotion, Entity::Tag, Entity::ChecklistItem] {
            self.fill(entity, FEW, |_| [0; 3]);
        }
        for (_, entity) in ROLES {
            self.fill(*entity, school.teachers(), |_| [0; 3]);
        }
        let records = school.students.max(1);
        let about = |number: u64| {
            let (item, which) = (1 + number % FEW, number % 3);
            let of = [Entity::Learner, Entity::CourseEnrolment, Entity::Staff][which as usize];
            [item, of.first_id() + number % records, which]
        };
        self.fill(Entity::Checklist, records / 2 + FEW, about);
        self.fill(Entity::Filenote, records / 2 + FEW, about);
        self.spans = self.made;
    }

    /// A day: of each collection a row changes, one is deleted, and one is new.
    pub(super) fn simulate_side(&mut self) {
        let mut random = Random::of(self.seed, "wisenet.side", self.day);
        for entity in SIDE {
            self.change_some(*entity, 1, &mut random);
            let at = self.random_time(&mut random);
            if let Some(id) = self.random_id(*entity, &mut random) {
                self.remove(*entity, id, at);
            }
            let is_role = ROLES.iter().any(|(_, role)| role == entity);
            let like = self.random_id(*entity, &mut random);
            let like = like
                .and_then(|id| self.find(*entity, id))
                .filter(|_| !is_role);
            if let Some(links) = like.map(|row| row.links) {
                self.add(*entity, links, at, at);
            }
        }
    }

    /// Links for every n-th row of another collection.
    fn linked(
        &self,
        entity: Entity,
        every: u64,
        links: impl Fn(&Entry) -> [u64; 3],
    ) -> Vec<[u64; 3]> {
        let rows = self.rows(entity).iter();
        rows.filter(|row| row.number.is_multiple_of(every))
            .map(links)
            .collect()
    }
}

impl View<'_> {
    /// Values of these collections that must agree with other rows.
    pub(super) fn fixed_values_of_side(
        &self,
        entity: Entity,
        row: &Entry,
    ) -> Vec<(&'static str, Value)> {
        let [first, second, third] = row.links;
        match entity {
            Entity::ElementEnrolment => vec![
                ("UnitEnrolmentId", json!(first)),
                ("ElementId", json!(second)),
            ],
            Entity::Credential | Entity::LanguageLiteracyNumeracy => {
                vec![("CourseEnrolmentId", json!(first))]
            }
            Entity::LearnerPosition => vec![("LearnerId", json!(first))],
            Entity::Invoice => vec![
                ("InvoiceId", json!(format!("{INVOICE}{:06}", row.id))),
                ("LearnerId", json!(first)),
            ],
            Entity::Promotion => vec![
                ("Code", json!(format!("P{}", row.id))),
                ("Description", json!(format!("Early tide {}", row.id))),
            ],
            Entity::Opportunity => vec![
                ("SalesContactId", json!(first)),
                ("Description", json!(format!("Open day {}", row.id))),
                ("ReferringEntityName", json!("Agent")),
            ],
            Entity::Tag => {
                let of = ["CourseEnrolment", "Opportunity"][row.id as usize % 2];
                let archived = row.id.is_multiple_of(4) != is_odd(row.version);
                vec![
                    ("Name", json!(format!("Tag {}", row.id))),
                    ("EntityName", json!(of)),
                    ("ArchivedFlag", json!(archived)),
                ]
            }
            Entity::ChecklistItem => {
                vec![("EntityName", json!(ENTITY_NAMES[row.number as usize % 3].0))]
            }
            Entity::Checklist | Entity::Filenote => {
                let mut given = vec![
                    ("RecordId", json!(second)),
                    (
                        "EntityName",
                        json!(["Learner", "CourseEnrolment", "Staff"][third as usize % 3]),
                    ),
                ];
                given.push(if entity == Entity::Checklist {
                    ("ChecklistItemId", json!(first))
                } else {
                    ("AssignedTo.EntityName", json!("Staff"))
                });
                given
            }
            role => {
                let person = self.school.person(Role::Teacher, row.number);
                vec![
                    ("FirstName", json!(person.given)),
                    ("LastName", json!(person.family)),
                    ("IsActive", json!(self.is_active_as(role, row.number))),
                ]
            }
        }
    }

    /// Whether a member of staff is active in a role; a new version of the row turns it over.
    pub(super) fn is_active_as(&self, role: Entity, number: u64) -> bool {
        let row = self.world.find(role, role.first_id() + number);
        super::people::has_left(number) == row.is_some_and(|row| is_odd(row.version))
    }

    /// Short forms that only these collections have, with those of their own rows.
    pub(super) fn short_of_side(&self, name: &str, id: u64) -> Option<Value> {
        let row = |entity| self.world.find(entity, id);
        let of = |entity: Entity, row: &Entry, path: &str| self.one(entity, row, path);
        Some(match name {
            "element" => {
                json!({ "ElementId": id, "Code": format!("E{id}"), "Description": format!("Element {id}") })
            }
            "document" => {
                json!({ "DocumentId": id, "Filepath": format!("files/{id}"), "Filename": format!("{id}.pdf"),
                "Size": id * 1000, "LastModifiedTimeStamp": super::times::format_date(now_of(0)), "LastModifiedUserId": 1 })
            }
            "user" => json!({ "UserId": id, "FirstName": "Isla", "LastName": "Marchetti" }),
            "unit-enrolment-short" => {
                let row = row(Entity::UnitEnrolment)?;
                json!({ "UnitEnrolmentId": id, "CourseEnrolmentId": row.links[0], "LearnerId": row.links[2] })
            }
            "checklist-item" => {
                let (entity, row) = (Entity::ChecklistItem, row(Entity::ChecklistItem)?);
                json!({ "ChecklistItemId": id, "Type": of(entity, row, "Type"),
                    "Description": of(entity, row, "Description"), "IsActive": of(entity, row, "IsActive") })
            }
            "tag" => {
                let (entity, row) = (Entity::Tag, row(Entity::Tag)?);
                json!({ "TagId": id, "Name": of(entity, row, "Name"), "EntityName": of(entity, row, "EntityName"),
                    "ArchivedFlag": of(entity, row, "ArchivedFlag") })
            }
            "sales-contact" => {
                let (entity, row) = (Entity::SalesContact, row(Entity::SalesContact)?);
                json!({ "SalesContactId": id, "SalesContactGuid": of(entity, row, "SalesContactGuid"),
                    "FirstName": of(entity, row, "FirstName"), "LastName": of(entity, row, "LastName"),
                    "Email": of(entity, row, "Email"), "SalesContactTypeId": of(entity, row, "SalesContactTypeId") })
            }
            _ => return None,
        })
    }
}

/// The list of a role by its name in short forms.
pub(super) fn role(name: &str) -> Option<Entity> {
    ROLES
        .iter()
        .find(|(role, _)| *role == name)
        .map(|(_, entity)| *entity)
}

fn is_odd(version: u64) -> bool {
    version % 2 == 1
}
