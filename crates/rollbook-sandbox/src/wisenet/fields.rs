//! The field tables of wisenet.md 5, read from `data/` once.
//!
//! A line is `path kind [argument] [region] [share] [-> relationship]`. A path at the start of a line
//! is in `Data`; a line without one describes what only `Relationships` holds. `[]` after a
//! member makes it an array. A mistake in a table fails the first test that uses it.

use std::sync::LazyLock;

use super::switches::Region;
use super::world::Entity;

/// What kind of value a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The row's own id.
    Id,
    /// The change time of the row.
    Stamp,
    /// Creation time of the row.
    Created,
    /// `I` or `U`, as in audit logs.
    Action,
    /// An object that is null in most rows; the fields below it follow.
    Block,
    /// An entry of a combo list, by id.
    Combo(&'static str),
    /// The same, with the id written as text.
    TextCombo(&'static str),
    /// The id of a row elsewhere.
    Ref(&'static str),
    /// A member of staff with a role.
    Staff(&'static str),
    /// A number; no documented list has its object.
    Lookup,
    /// A short form in place of a value.
    Short(&'static str),
    /// A short form of a linked row.
    Via(&'static str),
    /// Text with this maximum of characters.
    Text(usize),
    /// Another kind, by name.
    Plain(&'static str),
}

/// The name in `Relationships`.
#[derive(Clone, Debug)]
pub enum Relation {
    /// None.
    None,
    /// One object.
    One(&'static str),
    /// A pool of objects, to be matched by id.
    Many(&'static str),
}

/// One line of a table.
#[derive(Clone, Debug)]
pub struct Field {
    /// The path as written, with `[]`.
    pub path: &'static str,
    /// Its members, without `[]`.
    pub parts: Vec<&'static str>,
    /// Index in `parts` of the array member.
    pub array: Option<usize>,
    /// What it holds.
    pub kind: Kind,
    /// Percentage of rows with a value.
    pub share: u64,
    /// The name in `Relationships`.
    pub relation: Relation,
    /// Seed of its random numbers.
    pub hash: u64,
}

const WORDS: &[&str] = &[
    "int", "number", "bool", "yn", "date", "datetime", "time", "digits", "factor", "year",
    "yearint", "guid", "phone", "email", "url", "weekday", "title", "given", "family", "suburb",
];

static TABLES: LazyLock<[Vec<Vec<Field>>; 4]> = LazyLock::new(|| {
    [Region::AU, Region::NZ, Region::SG, Region::SA].map(|region| {
        Entity::ALL
            .iter()
            .map(|entity| parse(source(*entity, region), region))
            .collect()
    })
});

/// The table of an entity in a region.
pub fn table(entity: Entity, region: Region) -> &'static [Field] {
    &TABLES[region as usize][entity as usize]
}

fn source(entity: Entity, region: Region) -> &'static str {
    match (entity, region) {
        (Entity::Learner, Region::AU) => include_str!("data/learners_au.txt"),
        (Entity::Learner, Region::NZ) => include_str!("data/learners_nz.txt"),
        (Entity::Learner, Region::SG) => include_str!("data/learners_sg.txt"),
        (Entity::Learner, Region::SA) => include_str!("data/learners_sa.txt"),
        (Entity::Course, _) => include_str!("data/courses.txt"),
        (Entity::Unit, _) => include_str!("data/units.txt"),
        (Entity::CourseOffer, _) => include_str!("data/course_offers.txt"),
        (Entity::UnitOffer, _) => include_str!("data/unit_offers.txt"),
        (Entity::CourseEnrolment, _) => include_str!("data/course_enrolments.txt"),
        (Entity::UnitEnrolment, _) => include_str!("data/unit_enrolments.txt"),
        (Entity::Agent, _) => include_str!("data/agents.txt"),
        (Entity::Workplace, _) => include_str!("data/workplaces.txt"),
        (Entity::Location, _) => include_str!("data/locations.txt"),
        (Entity::AuditLog, _) => include_str!("data/audit_logs.txt"),
        (Entity::Staff, _) => include_str!("data/staff.txt"),
        (Entity::NameOfEntities, _) => include_str!("data/entities.txt"),
        (Entity::ElementEnrolment, _) => include_str!("data/element_enrolments.txt"),
        (Entity::Credential, _) => include_str!("data/credentials.txt"),
        (Entity::LanguageLiteracyNumeracy, _) => {
            include_str!("data/language_literacy_numeracy.txt")
        }
        (Entity::Promotion, _) => include_str!("data/promotions.txt"),
        (Entity::LearnerPosition, _) => include_str!("data/learner_positions.txt"),
        (Entity::SalesContact, _) => include_str!("data/sales_contacts.txt"),
        (Entity::Opportunity, _) => include_str!("data/opportunities.txt"),
        (Entity::Tag, _) => include_str!("data/tags.txt"),
        (Entity::SalesPerson, _) => include_str!("data/sales_persons.txt"),
        (Entity::Trainer, _) => include_str!("data/trainers.txt"),
        (Entity::Assessor, _) => include_str!("data/assessors.txt"),
        (Entity::Coordinator, _) => include_str!("data/coordinators.txt"),
        (Entity::Checklist, _) => include_str!("data/checklists.txt"),
        (Entity::ChecklistItem, _) => include_str!("data/checklist_items.txt"),
        (Entity::Filenote, _) => include_str!("data/filenotes.txt"),
        (Entity::Invoice, _) => include_str!("data/invoices.txt"),
    }
}

fn parse(text: &'static str, region: Region) -> Vec<Field> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| parse_line(line, region))
        .collect()
}

fn parse_line(line: &'static str, region: Region) -> Field {
    let (before, relation) =
        line.split_once("->")
            .map_or((line, Relation::None), |(before, name)| {
                let name = name.trim();
                (
                    before,
                    name.strip_suffix("[]")
                        .map_or(Relation::One(name), Relation::Many),
                )
            });
    let mut words = before.split_whitespace();
    let path = if line.starts_with(' ') {
        ""
    } else {
        words.next().unwrap_or_default()
    };
    let kind = parse_kind(&mut words, line);
    let share = words.fold(60, |share, word| match (word, word.strip_suffix('%')) {
        ("always", _) => 100,
        (_, Some(percent)) => percent.parse().unwrap_or(share),
        // Fields of another country are filled in a few rows, as leftovers are in real accounts.
        _ if word.split('+').any(|letters| letters == region.letters()) => share,
        _ => 3,
    });
    let always = matches!(
        kind,
        Kind::Id | Kind::Stamp | Kind::Created | Kind::Action | Kind::Via(_)
    );
    let parts: Vec<&str> = path
        .split('.')
        .map(|part| part.trim_end_matches("[]"))
        .collect();
    let array = path.split('.').position(|part| part.ends_with("[]"));
    let key = if path.is_empty() { line } else { path };
    let hash = key.bytes().fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    Field {
        path,
        parts,
        array,
        kind,
        share: if always { 100 } else { share },
        relation,
        hash,
    }
}

fn parse_kind(words: &mut std::str::SplitWhitespace<'static>, line: &str) -> Kind {
    let word = words.next().unwrap_or_default();
    match word {
        "id" => Kind::Id,
        "stamp" => Kind::Stamp,
        "created" => Kind::Created,
        "action" => Kind::Action,
        "block" => Kind::Block,
        "lookup" => Kind::Lookup,
        "combo" => Kind::Combo(words.next().unwrap_or_default()),
        "textcombo" => Kind::TextCombo(words.next().unwrap_or_default()),
        "ref" => Kind::Ref(words.next().unwrap_or_default()),
        "staff" => Kind::Staff(words.next().unwrap_or_default()),
        "short" => Kind::Short(words.next().unwrap_or_default()),
        "via" => Kind::Via(words.next().unwrap_or_default()),
        "text" => Kind::Text(
            words
                .next()
                .and_then(|length| length.parse().ok())
                .unwrap_or(100),
        ),
        other => {
            assert!(
                WORDS.contains(&other),
                "unknown kind in a field table: {line}"
            );
            Kind::Plain(other)
        }
    }
}
