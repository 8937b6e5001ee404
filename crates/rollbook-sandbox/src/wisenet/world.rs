//! The rows that exist on a day: ids, links, change times; no other field.
//!
//! Day zero is derived from the seed, every later day from the previous one. The surprise: a deleted
//! row leaves its list without a trace, and only the audit log has it (wisenet.md 8).

use super::side;
use super::times::{self, now_of, tick};
use super::values;
use crate::random::Random;
use crate::school::School;

/// Number of entities.
const KINDS: usize = 29;

/// Entity names of the audit log (wisenet.md 5.9), and their display names.
pub const ENTITY_NAMES: &[(&str, &str)] = &[
    ("Learner", "Learner"),
    ("Course", "Course"),
    ("Unit", "Unit"),
    ("CourseOffer", "Course Offer"),
    ("UnitOffer", "Unit Offer"),
    ("CourseEnrolment", "Course Enrolment"),
    ("UnitEnrolment", "Unit Enrolment"),
    ("Agent", "Agent"),
    ("Workplace", "Workplace"),
    ("Location", "Location"),
    ("Staff", "Staff"),
    ("Opportunity", "Opportunity"),
];

/// The entities, with the names of the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entity {
    /// A student.
    Learner,
    /// A course.
    Course,
    /// A unit of a course.
    Unit,
    /// An intake of a course.
    CourseOffer,
    /// A unit within an intake.
    UnitOffer,
    /// A learner in an intake.
    CourseEnrolment,
    /// A course enrolment in a unit offer.
    UnitEnrolment,
    /// A person or company that refers learners.
    Agent,
    /// A company.
    Workplace,
    /// A site of the school.
    Location,
    /// What happened to a row.
    AuditLog,
    /// A member of staff; trainers and assessors have ids of their own.
    Staff,
    /// A name of an entity in the audit log.
    NameOfEntities,
    /// The result of a learner in an element of a unit.
    ElementEnrolment,
    /// A certificate or statement.
    Credential,
    /// What a course enrolment's learner needs in language, literacy and numeracy.
    LanguageLiteracyNumeracy,
    /// A promotion.
    Promotion,
    /// A learner's position at a workplace.
    LearnerPosition,
    /// A person whom the provider sells to.
    SalesContact,
    /// A possible sale.
    Opportunity,
    /// A tag.
    Tag,
    /// A member of staff as a sales person.
    SalesPerson,
    /// A member of staff as a trainer.
    Trainer,
    /// A member of staff as an assessor.
    Assessor,
    /// A member of staff as a coordinator.
    Coordinator,
    /// An item that is due or done for a record.
    Checklist,
    /// What a checklist can ask for.
    ChecklistItem,
    /// A note about a record.
    Filenote,
    /// An invoice to a learner.
    Invoice,
}

impl Entity {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; KINDS] = [
        Self::Learner,
        Self::Course,
        Self::Unit,
        Self::CourseOffer,
        Self::UnitOffer,
        Self::CourseEnrolment,
        Self::UnitEnrolment,
        Self::Agent,
        Self::Workplace,
        Self::Location,
        Self::AuditLog,
        Self::Staff,
        Self::NameOfEntities,
        Self::ElementEnrolment,
        Self::Credential,
        Self::LanguageLiteracyNumeracy,
        Self::Promotion,
        Self::LearnerPosition,
        Self::SalesContact,
        Self::Opportunity,
        Self::Tag,
        Self::SalesPerson,
        Self::Trainer,
        Self::Assessor,
        Self::Coordinator,
        Self::Checklist,
        Self::ChecklistItem,
        Self::Filenote,
        Self::Invoice,
    ];

    /// The id of row number zero; the ranges overlap as little as possible.
    pub fn first_id(self) -> u64 {
        match self {
            Self::Learner => 9_000,
            Self::Course => 70,
            Self::Unit => 900,
            Self::CourseOffer => 600,
            Self::UnitOffer => 4_400,
            Self::CourseEnrolment => 48_000,
            Self::UnitEnrolment => 300_000,
            Self::Agent => 20,
            Self::Workplace => 300,
            // The roles begin where `people` refers to them.
            Self::ElementEnrolment => 7000,
            Self::Credential => 2000,
            Self::LanguageLiteracyNumeracy => 8000,
            Self::SalesPerson => 500,
            Self::Trainer => 40,
            Self::Assessor => 140,
            Self::Coordinator => 12,
            Self::Checklist => 3000,
            Self::Filenote => 6000,
            Self::Invoice => 100,
            Self::Location
            | Self::Promotion
            | Self::LearnerPosition
            | Self::SalesContact
            | Self::Opportunity
            | Self::Tag
            | Self::ChecklistItem => 1,
            Self::AuditLog => 990_000,
            Self::Staff => 700,
            Self::NameOfEntities => 1,
        }
    }

    /// The name in `EntityName` of an audit log row.
    pub fn name(self) -> &'static str {
        match self {
            Self::Learner => "Learner",
            Self::Course => "Course",
            Self::Unit => "Unit",
            Self::CourseOffer => "CourseOffer",
            Self::UnitOffer => "UnitOffer",
            Self::CourseEnrolment => "CourseEnrolment",
            Self::UnitEnrolment => "UnitEnrolment",
            Self::Agent => "Agent",
            Self::Workplace => "Workplace",
            Self::Location => "Location",
            Self::AuditLog => "AuditLog",
            Self::Staff => "Staff",
            Self::NameOfEntities => "Entity",
            Self::ElementEnrolment => "ElementEnrolment",
            Self::Credential => "Credential",
            Self::LanguageLiteracyNumeracy => "LanguageLiteracyNumeracy",
            Self::Promotion => "Promotion",
            Self::LearnerPosition => "LearnerPosition",
            Self::SalesContact => "SalesContact",
            Self::Opportunity => "Opportunity",
            Self::Tag => "Tag",
            Self::SalesPerson => "SalesPerson",
            Self::Trainer => "Trainer",
            Self::Assessor => "Assessor",
            Self::Coordinator => "Coordinator",
            Self::Checklist => "Checklist",
            Self::ChecklistItem => "ChecklistItem",
            Self::Filenote => "Filenote",
            Self::Invoice => "Invoice",
        }
    }
}

/// What happened to a row; the letter of the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It was created.
    Insert,
    /// It was changed.
    Update,
    /// It was deleted.
    Delete,
}

impl Action {
    /// `I`, `U` or `D`.
    pub fn letter(self) -> &'static str {
        match self {
            Self::Insert => "I",
            Self::Update => "U",
            Self::Delete => "D",
        }
    }
}

/// One row, reduced to what is stored.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Index among all rows ever created of this entity.
    pub number: u64,
    /// The primary id.
    pub id: u64,
    /// When it last changed, in milliseconds.
    pub stamp: i64,
    /// When it was created, in milliseconds.
    pub created: i64,
    /// How often it changed.
    pub version: u64,
    /// Ids of parent rows. Course enrolment: learner, offer; unit enrolment: course enrolment, unit
    /// offer, learner; offers and units: their course or unit; audit log: the record; for others see `side`.
    pub links: [u64; 3],
    /// The action in the audit log; for other rows, their last action.
    pub action: Action,
    /// The entity in the audit log; for other rows, their own.
    pub of: Entity,
}

/// All rows of one day.
#[derive(Clone, Debug)]
pub struct World {
    /// The day.
    pub day: u64,
    pub(super) seed: u64,
    pub(super) tables: [Vec<Entry>; KINDS],
    pub(super) made: [u64; KINDS],
    /// Rows of each entity on day zero.
    pub(super) spans: [u64; KINDS],
    /// Whether the audit log names every entity.
    log_all: bool,
}

const COURSES: u64 = 8;
const UNITS: u64 = 60;
const COURSE_OFFERS: u64 = 30;
const UNITS_AN_OFFER: u64 = 5;

impl World {
    /// The school on day zero; `same_stamp` course enrolments carry one identical change time, and with `log_all` the audit
    /// log names every entity.
    pub fn new(school: &School, same_stamp: u64, log_all: bool) -> Self {
        let mut world = Self {
            day: 0,
            seed: school.seed,
            tables: Default::default(),
            made: [0; KINDS],
            spans: [0; KINDS],
            log_all,
        };
        world.fill(Entity::Course, COURSES, |_| [0; 3]);
        world.fill(Entity::Unit, UNITS, |number| {
            [Entity::Course.first_id() + number % COURSES, 0, 0]
        });
        world.fill(Entity::CourseOffer, COURSE_OFFERS, |number| {
            [Entity::Course.first_id() + number % COURSES, 0, 0]
        });
        world.fill(
            Entity::UnitOffer,
            COURSE_OFFERS * UNITS_AN_OFFER,
            |number| {
                let offer = number / UNITS_AN_OFFER;
                // Every course has at least seven units: those with the same remainder.
                let unit =
                    offer % COURSES + COURSES * ((number % UNITS_AN_OFFER + offer / COURSES) % 7);
                [
                    Entity::CourseOffer.first_id() + offer,
                    Entity::Unit.first_id() + unit,
                    0,
                ]
            },
        );
        world.fill(Entity::Agent, 12, |_| [0; 3]);
        world.fill(Entity::Workplace, 25, |_| [0; 3]);
        world.fill(Entity::Location, 6, |_| [0; 3]);
        world.fill(Entity::Staff, school.teachers(), |_| [0; 3]);
        let names = ENTITY_NAMES.len() + if log_all { side::MORE_NAMES.len() } else { 0 };
        world.fill(Entity::NameOfEntities, names as u64, |_| [0; 3]);
        world.fill(Entity::Learner, school.students, |_| [0; 3]);
        for learner in 0..school.students {
            world.enrol_first(learner);
        }
        world.delete_some();
        world.apply_bulk_update(same_stamp);
        world.fill_side(school);
        world
    }

    /// The rows of an entity, by id.
    pub fn rows(&self, entity: Entity) -> &[Entry] {
        &self.tables[entity as usize]
    }

    /// The row with this id.
    pub fn find(&self, entity: Entity, id: u64) -> Option<&Entry> {
        let rows = self.rows(entity);
        rows.binary_search_by_key(&id, |row| row.id)
            .ok()
            .and_then(|index| rows.get(index))
    }

    pub(super) fn add(&mut self, of: Entity, links: [u64; 3], created: i64, stamp: i64) -> u64 {
        let number = self.made[of as usize];
        self.made[of as usize] += 1;
        let id = of.first_id() + number;
        let action = if created == stamp {
            Action::Insert
        } else {
            Action::Update
        };
        self.tables[of as usize].push(Entry {
            number,
            id,
            stamp,
            created,
            version: 0,
            links,
            action,
            of,
        });
        id
    }

    pub(super) fn log(&mut self, of: Entity, record: u64, action: Action, at: i64) {
        if side::is_side(of) && !self.log_all {
            return;
        }
        self.add(Entity::AuditLog, [record, 0, 0], at, at);
        if let Some(row) = self.tables[Entity::AuditLog as usize].last_mut() {
            row.of = of;
            row.action = action;
        }
    }

    /// A course enrolment with a unit enrolment for three to five units of its offer.
    pub(super) fn enrol(
        &mut self,
        learner: u64,
        offer: u64,
        random: &mut Random,
        created: i64,
        stamp: i64,
    ) -> u64 {
        let learner_id = Entity::Learner.first_id() + learner;
        let offer_id = Entity::CourseOffer.first_id() + offer;
        let enrolment = self.add(
            Entity::CourseEnrolment,
            [learner_id, offer_id, 0],
            created,
            stamp,
        );
        for unit in 0..3 + random.below(3) {
            let unit_offer = Entity::UnitOffer.first_id() + offer * UNITS_AN_OFFER + unit;
            let after = tick(created + random.below((stamp - created + 1) as u64) as i64);
            self.add(
                Entity::UnitEnrolment,
                [enrolment, unit_offer, learner_id],
                created,
                after,
            );
        }
        enrolment
    }

    pub(super) fn fill(&mut self, entity: Entity, count: u64, links: impl Fn(u64) -> [u64; 3]) {
        for number in 0..count {
            let mut random = Random::of(self.seed, entity.name(), number);
            let (one, other) = (
                values::change_time(&mut random, now_of(0)),
                values::change_time(&mut random, now_of(0)),
            );
            self.add(entity, links(number), one.min(other), one.max(other));
        }
    }

    /// Three to six enrolments a learner, so that 600 learners fill three pages (wisenet.md 13).
    fn enrol_first(&mut self, learner: u64) {
        let mut random = Random::of(self.seed, "wisenet.enrol", learner);
        let start = random.below(COURSE_OFFERS);
        for turn in 0..3 + random.below(4) {
            // Seven and thirty share no factor, so no offer repeats, except for learner 3 on purpose.
            let turn = if learner == 3 && turn == 1 { 0 } else { turn };
            let offer = (start + 7 * turn) % COURSE_OFFERS;
            let (one, other) = (
                values::change_time(&mut random, now_of(0)),
                values::change_time(&mut random, now_of(0)),
            );
            self.enrol(learner, offer, &mut random, one.min(other), one.max(other));
        }
    }

    /// Rows deleted before the first reading: only the audit log has them.
    fn delete_some(&mut self) {
        let courses: Vec<u64> = self.ids(Entity::CourseEnrolment, |number| number % 613 == 5);
        let units: Vec<u64> = self.ids(Entity::UnitEnrolment, |number| number % 401 == 7);
        let at = now_of(0) - 40 * times::DAY;
        for (index, unit) in units.iter().enumerate() {
            self.remove(
                Entity::UnitEnrolment,
                *unit,
                tick(at + index as i64 * 61_003),
            );
        }
        for (index, course) in courses.iter().enumerate() {
            self.remove_course_enrolment(*course, tick(at + times::DAY + index as i64 * 61_003));
        }
    }

    fn ids(&self, entity: Entity, wanted: impl Fn(u64) -> bool) -> Vec<u64> {
        self.rows(entity)
            .iter()
            .filter(|row| wanted(row.number))
            .map(|row| row.id)
            .collect()
    }

    /// A bulk update: many rows with the same change time.
    fn apply_bulk_update(&mut self, count: u64) {
        let at = tick(now_of(0) - 10 * times::DAY + 127);
        let rows = self.tables[Entity::CourseEnrolment as usize]
            .iter_mut()
            .skip(100);
        for row in rows.take(count as usize) {
            row.stamp = at;
            row.created = row.created.min(at);
        }
    }
}
