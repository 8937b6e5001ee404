//! The measured roster: invented people, the same in every run and in every role.
//!
//! Keys are spread like random identifiers and sorted, in the requested order.

use std::fmt::Write as _;

/// Every hundredth row is another version in the changed list.
const CHANGED_EVERY: usize = 100;

/// Number of schools.
const SCHOOLS: usize = 40;

/// The served list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// The plain list.
    Plain,
    /// One row in a hundred is another version.
    Changed,
    /// The rows of the plain list in an order unrelated to their keys.
    Shuffled,
}

impl List {
    /// All lists, by their path.
    pub const ALL: [(&str, Self); 3] = [
        ("plain", Self::Plain),
        ("changed", Self::Changed),
        ("shuffled", Self::Shuffled),
    ];
}

/// Number of rows that differ between the plain and the changed list.
pub fn changed(people: usize) -> usize {
    people.div_ceil(CHANGED_EVERY)
}

/// One person, in the mirror's columns; missing members are null.
pub struct Person {
    /// The key.
    pub id: String,
    /// When the row was changed last.
    pub modified: String,
    /// `student` or `teacher`.
    pub role: &'static str,
    /// The name to sign in with.
    pub username: String,
    /// The first name.
    pub given: &'static str,
    /// The family name.
    pub family: String,
    /// The number in the school's books.
    pub identifier: String,
    /// An address.
    pub email: String,
    /// The grade, for pupils.
    pub grade: Option<String>,
    /// The school.
    pub school: String,
    /// Related users.
    pub agents: Vec<String>,
    /// The number of the person.
    pub person: String,
}

impl Person {
    /// The person with a number, out of `people`.
    pub fn new(number: usize, people: usize, list: List) -> Self {
        const GIVEN: [&str; 8] = [
            "Anna", "Ben", "Clara", "David", "Emma", "Zoë", "Jakob", "Lina",
        ];
        const FAMILY: [&str; 7] = [
            "Berger", "Gruber", "Huber", "Moser", "Pichler", "Steiner", "Wagner",
        ];
        let other = list == List::Changed && number.is_multiple_of(CHANGED_EVERY);
        let family = FAMILY[number % FAMILY.len()];
        let teacher = number.is_multiple_of(12);
        let month = if other { 9 } else { 1 + number % 8 };
        Self {
            id: identifier(number, people),
            modified: format!(
                "2026-{month:02}-{:02}T{:02}:{:02}:{:02}.000Z",
                1 + number % 28,
                number % 24,
                number % 60,
                number / 60 % 60
            ),
            role: if teacher { "teacher" } else { "student" },
            username: format!("{}{number:06}", family.to_lowercase()),
            given: GIVEN[number / 3 % GIVEN.len()],
            family: format!("{family}{}", if other { "-Neu" } else { "" }),
            identifier: format!("{}", 400_000 + number),
            email: format!("{}.{number:06}@school.example", family.to_lowercase()),
            grade: (!teacher).then(|| format!("{:02}", 5 + number % 8)),
            school: identifier(number % SCHOOLS, SCHOOLS),
            agents: if number.is_multiple_of(4) {
                vec![identifier(number / 4, people)]
            } else {
                Vec::new()
            },
            person: format!("{}", 9_000_000 + number),
        }
    }

    /// Appends the row in the form of OneRoster 1.1.
    pub fn write(&self, out: &mut String) {
        let Self {
            id,
            modified,
            role,
            username,
            given,
            family,
            identifier,
            email,
            school,
            person,
            ..
        } = self;
        let link = "https://roster.school.example/ims/oneroster/v1p1";
        let agents: Vec<String> = self
            .agents
            .iter()
            .map(|agent| {
                format!(r#"{{"href":"{link}/users/{agent}","sourcedId":"{agent}","type":"user"}}"#)
            })
            .collect();
        let grades = self
            .grade
            .as_ref()
            .map_or(String::new(), |grade| format!("\"{grade}\""));
        let written = write!(
            out,
            r#"{{"sourcedId":"{id}","status":"active","dateLastModified":"{modified}","username":"{username}","userIds":[{{"type":"person-id","identifier":"{person}"}}],"enabledUser":"true","givenName":"{given}","familyName":"{family}","middleName":null,"role":"{role}","identifier":"{identifier}","email":"{email}","sms":"","phone":"+43 1 555 {person}","agents":[{}],"orgs":[{{"href":"{link}/orgs/{school}","sourcedId":"{school}","type":"org"}}],"grades":[{grades}],"password":null}}"#,
            agents.join(",")
        );
        written.expect("memory does not fail");
    }
}

/// An identifier that looks random and increases with the number.
fn identifier(number: usize, of: usize) -> String {
    let step = u64::MAX / (of as u64 + 1);
    let mixed = (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let high = step * number as u64 + mixed % step;
    let low = mixed.rotate_left(29) | 1;
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        high >> 32,
        high >> 16 & 0xFFFF,
        high & 0xFFF,
        low >> 48 & 0xFFF,
        low & 0xFFFF_FFFF_FFFF
    )
}
