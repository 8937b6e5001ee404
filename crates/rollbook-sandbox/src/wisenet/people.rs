//! Values that must agree between rows: names, codes, dates, and the short forms of wisenet.md 5.8.
//!
//! The same values are in a row's own `Data` and in the `Relationships` of others, so both use this module.

use serde_json::{Value, json};

use super::rows::View;
use super::side;
use super::times::{self, DAY, now_of};
use super::world::{ENTITY_NAMES, Entity, Entry};
use crate::random::Random;
use crate::school::{Person, Role};

const COURSES: &[(&str, &str)] = &[
    ("TB41", "Diploma in Harbour Studies"),
    ("MN30", "Certificate III in Small Craft"),
    ("RG21", "Certificate II in Rigging"),
    ("LH52", "Diploma of Lighthouse Keeping"),
    ("KF11", "Certificate I in Kelp Farming"),
    ("NV60", "Advanced Diploma of Navigation"),
    ("FY40", "Certificate IV in Ferry Operations"),
    ("SG35", "Certificate III in Signals"),
];
const SUBJECTS: &[&str] = &[
    "charts", "ropes", "safety", "signals", "engines", "weather", "law", "practice",
];
/// Mostly current, so that a filter for the active ones has many pages.
const STATUSES: &[u64] = &[4, 4, 4, 4, 4, 4, 4, 3, 3, 7, 6, 5, 8, 1, 2, 9, 10, 11];

/// First ids of the roles of staff.
const ROLES: &[(&str, &str, u64)] = &[
    ("coordinator", "CoordinatorId", 12),
    ("trainer", "TrainerId", 40),
    ("assessor", "AssessorId", 140),
    ("sales-person", "SalesPersonId", 500),
    ("staff", "StaffId", 700), // the first of Entity::Staff
];

impl View<'_> {
    /// The student of a learner's number, the e-mail address (some share one) and the user name.
    pub(super) fn learner(&self, number: u64) -> (Person, String, Option<String>) {
        let person = self.school.person(Role::Student, number);
        // A learner who enrolled with an address already in use has no username (wisenet.md 5.3).
        if number % 50 == 49 {
            let shared = self.school.person(Role::Student, number - 1).email;
            return (person, shared, None);
        }
        let email = person.email.clone();
        (person, email.clone(), Some(email))
    }

    /// The status of a course enrolment in its current version.
    pub(super) fn status(&self, enrolment: &Entry) -> u64 {
        let key = enrolment.number * 1_000 + enrolment.version;
        *Random::of(self.school.seed, "wisenet.status", key).pick(STATUSES)
    }

    /// A random staff id in a role.
    pub(super) fn any_staff(&self, role: &str, random: &mut Random) -> u64 {
        first_in_role(role) + random.below(self.school.teachers())
    }

    /// A random id of a row, or of an entity without a list.
    pub(super) fn any_id(&self, name: &str, random: &mut Random) -> u64 {
        let (first, count) = match name {
            "document" | "user" => (1, 30),
            "agent" => (Entity::Agent.first_id(), 12),
            "workplace" => (Entity::Workplace.first_id(), 25),
            "location" => (Entity::Location.first_id(), 6),
            _ => (1, 9),
        };
        first + random.below(count)
    }

    /// Values of a row that must agree with other rows, by path.
    pub(super) fn fixed_values(&self, entity: Entity, row: &Entry) -> Vec<(&'static str, Value)> {
        let links = row.links;
        match entity {
            Entity::Learner => self.fixed_values_of_learner(row),
            Entity::Course => {
                let (code, name) = course(row.id);
                vec![("CourseCode", json!(code)), ("CourseDesc", json!(name))]
            }
            Entity::Unit => {
                let (code, name) = unit(row.id, links[0]);
                vec![
                    ("CourseId", json!(links[0])),
                    ("UnitCode", json!(code)),
                    ("UnitDesc", json!(name)),
                ]
            }
            Entity::CourseOffer => {
                let (start, end) = dates(row.id);
                let mut given = vec![
                    ("CourseId", json!(links[0])),
                    ("Code", json!(offer_code(row.id, links[0]))),
                ];
                given.push(("Description", json!(offer_name(row.id, links[0]))));
                given.extend([
                    ("CourseOfferStartDate", json!(start)),
                    ("CourseOfferEndDate", json!(end)),
                ]);
                given
            }
            Entity::UnitOffer => {
                let (start, end) = dates(links[0]);
                let mut given = vec![
                    ("CourseOfferId", json!(links[0])),
                    ("UnitId", json!(links[1])),
                ];
                given.push(("UnitOfferCode", json!(self.unit_offer_code(links))));
                given.extend([("StartDate", json!(start)), ("EndDate", json!(end))]);
                given
            }
            Entity::CourseEnrolment => {
                let (start, end) = dates(links[1]);
                let mut given = vec![
                    ("LearnerId", json!(links[0])),
                    ("CourseOfferId", json!(links[1])),
                ];
                given.push(("EnrolmentStatusId", json!(self.status(row))));
                given.extend([("StartDate", json!(start)), ("EndDate", json!(end))]);
                given
            }
            Entity::UnitEnrolment => vec![
                ("CourseEnrolmentId", json!(links[0])),
                ("UnitOfferId", json!(links[1])),
            ],
            Entity::AuditLog => vec![
                ("RecordId", json!(links[0])),
                ("EntityName", json!(row.of.name())),
            ],
            Entity::Staff => self.fixed_values_of_staff(row),
            Entity::NameOfEntities => {
                let mut names = ENTITY_NAMES.iter().chain(side::MORE_NAMES);
                let (name, words) = names.nth(row.number as usize).unwrap_or(&("", ""));
                let words = match row.version {
                    0 => (*words).to_owned(),
                    version => format!("{words} ({version})"),
                };
                vec![("EntityName", json!(name)), ("DisplayName", json!(words))]
            }
            Entity::Agent | Entity::Workplace | Entity::Location | Entity::SalesContact => {
                Vec::new()
            }
            _ => self.fixed_values_of_side(entity, row),
        }
    }

    /// The same people as in the short forms; everyone is a trainer, every second one also an assessor.
    fn fixed_values_of_staff(&self, row: &Entry) -> Vec<(&'static str, Value)> {
        let person = self.school.person(Role::Teacher, row.number);
        let assesses = row.number.is_multiple_of(2);
        let assessor = assesses.then(|| first_in_role("assessor") + row.number);
        vec![
            ("FirstName", json!(person.given)),
            ("LastName", json!(person.family)),
            ("Email", json!(person.email)),
            ("ArchivedFlag", json!(has_left(row.number))),
            ("TrainerFlag", json!(true)),
            ("TrainerId", json!(first_in_role("trainer") + row.number)),
            ("AssessorFlag", json!(assesses)),
            ("AssessorId", json!(assessor)),
        ]
    }

    fn fixed_values_of_learner(&self, row: &Entry) -> Vec<(&'static str, Value)> {
        let (person, email, username) = self.learner(row.number);
        vec![
            ("Personal.FirstName", json!(person.given)),
            ("Personal.LastName", json!(person.family)),
            (
                "Personal.DateOfBirth",
                json!(format!("{}T00:00:00", person.born)),
            ),
            ("Personal.IsActive", json!(is_active(row.number))),
            ("Personal.LearnerNumber", json!(learner_number(row.id))),
            ("Personal.EmailAddresses.Email", json!(email)),
            ("LearnerAccess.Username", json!(username)),
        ]
    }

    /// The short form of a row, as in `Relationships`; none when the row does not exist.
    pub(super) fn short(&self, name: &str, id: u64) -> Option<Value> {
        let world = self.world;
        Some(match name {
            "learner" => self.learner_basic(world.find(Entity::Learner, id)?),
            "course" => {
                let (code, name) = course(id);
                json!({ "CourseId": id, "CourseCode": code, "CourseDesc": name })
            }
            "unit" => {
                let course = world.find(Entity::Unit, id)?.links[0];
                let (code, name) = unit(id, course);
                json!({ "UnitId": id, "CourseId": course, "Code": code, "Description": name })
            }
            "course-offer" => {
                let course = world.find(Entity::CourseOffer, id)?.links[0];
                let (start, end) = dates(id);
                json!({ "CourseOfferId": id, "Code": offer_code(id, course), "CourseId": course,
                    "Description": offer_name(id, course), "CourseOfferStartDate": start, "CourseOfferEndDate": end })
            }
            "unit-offer" => {
                let links = world.find(Entity::UnitOffer, id)?.links;
                let (start, end) = dates(links[0]);
                let (unit_code, _) = unit(links[1], world.find(Entity::Unit, links[1])?.links[0]);
                json!({ "UnitOfferId": id, "UnitId": links[1], "CourseOfferId": links[0],
                    "UnitOfferCode": self.unit_offer_code(links), "StartDate": start, "EndDate": end,
                    "UnitCode": unit_code, "AutoGradeRuleId": null })
            }
            "course-enrolment" => {
                self.course_enrolment_basic(world.find(Entity::CourseEnrolment, id)?)
            }
            "agent" | "workplace" | "location" => self.coded(name, id)?,
            "opportunity" => {
                json!({ "OpportunityId": id, "Description": format!("Open day {id}") })
            }
            "promotion" => {
                json!({ "PromotionId": id, "Code": format!("P{id}"), "Description": format!("Early tide {id}") })
            }
            "contract" => {
                json!({ "ContractId": id, "Code": format!("C{id}"), "Description": format!("Contract {id}"),
                "StateId": 2, "StartDate": "2025-01-01T00:00:00", "EndDate": null,
                "TrainingScheduleCode": null, "TrainingScheduleDescription": null })
            }
            other => self
                .short_of_side(other, id)
                .or_else(|| self.staff(other, id))?,
        })
    }

    /// A learner as in `/list` and in relationships.
    pub(super) fn learner_basic(&self, row: &Entry) -> Value {
        let (person, email, username) = self.learner(row.number);
        let own = |path: &str| self.random_value(Entity::Learner, row, path);
        json!({ "LearnerId": row.id, "FirstName": person.given, "InformalName": own("Personal.PreferredNamed"),
            "LastName": person.family, "LearnerNumber": learner_number(row.id), "Email": email,
            "DateOfBirth": format!("{}T00:00:00", person.born), "IsActive": is_active(row.number),
            "UniqueStudentIdentifier": own("Personal.UniqueStudentIdentifier"), "Username": username,
            "Mobile": own("Personal.PhoneNumbers.Mobile") })
    }

    fn course_enrolment_basic(&self, row: &Entry) -> Value {
        let status = self.status(row);
        let ended = self.random_value(Entity::CourseEnrolment, row, "ActualEndDate");
        let (start, end) = dates(row.links[1]);
        let list = self.combos.get("enrolment-statuses");
        let words = list.and_then(|list| list.rows.get(&status)?.get("Description").cloned());
        json!({ "CourseEnrolmentId": row.id, "LearnerId": row.links[0], "CourseOfferId": row.links[1],
            "StartDate": start, "EndDate": end, "ActualEndDate": ended,
            "EnrolmentStatusId": status, "EnrolmentStatusDescription": words })
    }

    /// Agents, workplaces and locations: id, code and a description, which an agent calls its name.
    fn coded(&self, name: &str, id: u64) -> Option<Value> {
        let (entity, property, words) = match name {
            "agent" => (Entity::Agent, "AgentId", "Name"),
            "workplace" => (Entity::Workplace, "WorkplaceId", "Description"),
            _ => (Entity::Location, "LocationId", "Description"),
        };
        let row = self.world.find(entity, id)?;
        Some(json!({ property: id, "Code": self.one(entity, row, "Code"),
            "Description": self.one(entity, row, words) }))
    }

    fn staff(&self, role: &str, id: u64) -> Option<Value> {
        let (_, property, first) = ROLES.iter().find(|(name, ..)| *name == role)?;
        let number = id.checked_sub(*first)?;
        let person = self.school.person(Role::Teacher, number);
        Some(
            json!({ *property: id, "FirstName": person.given, "LastName": person.family,
            "IsActive": side::role(role).map_or(!has_left(number), |role| self.is_active_as(role, number)) }),
        )
    }

    fn unit_offer_code(&self, links: [u64; 3]) -> String {
        let course = self
            .world
            .find(Entity::Unit, links[1])
            .map_or(0, |unit| unit.links[0]);
        format!("{}{}", term(links[0]), unit(links[1], course).0)
    }
}

/// Every fifth member of staff has left; rows still reference them (wisenet.md 10 rule 14).
pub(super) fn has_left(staff: u64) -> bool {
    staff % 5 == 3
}

/// The first id of a role; zero for an unknown role.
fn first_in_role(role: &str) -> u64 {
    ROLES
        .iter()
        .find(|(name, ..)| *name == role)
        .map_or(0, |(.., first)| *first)
}

/// Every thirtieth learner has left.
fn is_active(learner: u64) -> bool {
    learner % 30 != 17
}

/// The school's number of a learner.
pub fn learner_number(id: u64) -> String {
    format!("L{id:07}")
}

/// Code and name; of a course that was deleted those of the first.
fn course(id: u64) -> (&'static str, &'static str) {
    let number = id.saturating_sub(Entity::Course.first_id());
    COURSES[number as usize % COURSES.len()]
}

fn unit(id: u64, of: u64) -> (String, String) {
    let (code, name) = course(of);
    let index = (id - Entity::Unit.first_id()) as usize / COURSES.len();
    (
        format!("{code}{index:02}"),
        format!("{name}: {}", SUBJECTS[index % SUBJECTS.len()]),
    )
}

/// Index of an offer's half year.
fn half_year(offer: u64) -> u64 {
    (offer - Entity::CourseOffer.first_id()) / COURSES.len() as u64
}

fn term(offer: u64) -> &'static str {
    ["25S1", "25S2", "26S1", "26S2"][half_year(offer) as usize % 4]
}

fn offer_code(id: u64, of: u64) -> String {
    format!("{}{}", term(id), course(of).0)
}

fn offer_name(id: u64, of: u64) -> String {
    format!("{}, {}", course(of).1, term(id))
}

/// First and last day of an offer; the first half year begins on 2025-02-17.
fn dates(offer: u64) -> (String, String) {
    let start = now_of(0) - 378 * DAY + half_year(offer) as i64 * 182 * DAY;
    (
        times::format_date(start),
        times::format_date(start + 284 * DAY),
    )
}
