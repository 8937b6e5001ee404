//! The school as OneRoster records: sessions, schools, users, lessons, enrollments.
//!
//! Rows are canonical: correct by the standard, references without `href`. Quirks of form are
//! applied when a page is rendered; quirks of content are here.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::lessons::{SUBJECTS, grade};
use super::people;
use super::switches::{Deletion, PastYear, Switches};
use crate::roll::Member;
use crate::school::{Role, School};

/// Which server the rows imitate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Profile {
    /// What Untis serves (webuntis-oneroster.md 2).
    Untis,
    /// The plain standard with everything in it (webuntis-oneroster.md 3).
    Standard,
    /// OneRoster 1.2 (oneroster-1.2.md 3).
    Newer,
}

impl Profile {
    /// Whether it is a standard as it is written.
    pub(super) fn is_plain(self) -> bool {
        self != Self::Untis
    }
}

/// All collections of one tenant on one day, in order of creation.
pub(super) type Roster = BTreeMap<&'static str, Vec<Value>>;

/// Id of the current school year until the switch `roll_over` changes it.
pub(super) const YEAR: u64 = 18;

/// Builds all rows of a tenant on one day.
pub(super) fn build(
    school: &School,
    tenant: &str,
    day: u64,
    profile: Profile,
    switches: &Switches,
) -> Roster {
    let year = if switches.roll_over.is_some_and(|from| day >= from) {
        YEAR + 1
    } else {
        YEAR
    };
    let builder = RosterBuilder {
        school,
        tenant,
        day,
        year,
        profile,
        switches,
        members: school.roll(day),
    };
    let mut roster = Roster::new();
    roster.insert("academicSessions", builder.sessions());
    roster.insert("orgs", vec![builder.org()]);
    roster.insert("users", builder.users());
    let lessons = builder.lessons();
    roster.insert(
        "classes",
        lessons.iter().map(|lesson| builder.class(lesson)).collect(),
    );
    roster.insert("enrollments", builder.enrollments(&lessons));
    if profile.is_plain() {
        roster.insert("courses", builder.courses());
        roster.insert("demographics", builder.demographics());
        builder.complete(&mut roster);
    } else if switches.optional_members {
        builder.add_optional(&mut roster);
    }
    roster
}

/// Builds the rows of one tenant, day and profile.
pub(super) struct RosterBuilder<'a> {
    pub(super) school: &'a School,
    pub(super) tenant: &'a str,
    pub(super) day: u64,
    pub(super) year: u64,
    pub(super) profile: Profile,
    pub(super) switches: &'a Switches,
    pub(super) members: Vec<Member>,
}

impl RosterBuilder<'_> {
    pub(super) fn org_id(&self) -> String {
        people::uuid(self.school.seed, "org", 0)
    }

    fn org(&self) -> Value {
        let name = if self.tenant == super::TENANT {
            "Realgymnasium Pausenhof"
        } else {
            "Neue Mittelschule Pausenhof"
        };
        json!({
            "sourcedId": self.org_id(), "status": "active", "dateLastModified": "2025-08-20T06:00:00.000Z",
            "name": name, "type": "school", "identifier": self.tenant,
        })
    }

    fn sessions(&self) -> Vec<Value> {
        let mut rows: Vec<Value> = (self.year - 1..=self.year + 1)
            .map(|year| self.school_year(year))
            .collect();
        if self.profile.is_plain() || self.switches.optional_members {
            let (first, last) = years(self.year);
            rows.push(self.term(1, &format!("{first}-09-01"), &format!("{last}-02-01")));
            rows.push(self.term(2, &format!("{last}-02-01"), &format!("{last}-07-04")));
        }
        rows
    }

    fn school_year(&self, year: u64) -> Value {
        let (first, last) = years(year);
        let status = match self.switches.past_year {
            _ if year >= self.year => "active",
            PastYear::Active => "active",
            PastYear::Inactive => "inactive",
            PastYear::Tobedeleted => "tobedeleted",
        };
        json!({
            "sourcedId": year.to_string(), "status": status,
            // Next year was entered together with this one; nothing is dated after today.
            "dateLastModified": format!("{}-06-30T10:12:00.000Z", first.min(2025)), "title": format!("{first}-{last}"),
            "startDate": format!("{first}-09-01"), "endDate": format!("{last}-07-04"),
            "type": "schoolYear", "schoolYear": last.to_string(),
        })
    }

    fn term(&self, number: u64, start: &str, end: &str) -> Value {
        json!({
            "sourcedId": format!("{}-{number}", self.year), "status": "active",
            "dateLastModified": "2025-06-30T10:12:00.000Z", "title": format!("Term {number}"),
            "startDate": start, "endDate": end, "type": "term", "schoolYear": years(self.year).1.to_string(),
            "parent": reference("academicSession", &self.year.to_string()),
        })
    }

    fn users(&self) -> Vec<Value> {
        let org = self.org_id();
        self.members
            .iter()
            .filter_map(|member| {
                let status = self.status(member.left)?;
                let mut row = people::user(self.school, member, status, reference("org", &org));
                if member.role == Role::Student {
                    row["grades"] = json!([format!("{:02}", grade(member.number % self.forms()))]);
                }
                Some(row)
            })
            .collect()
    }

    /// `active`; `tobedeleted` for a removed record that is still shown; none for one that is not.
    pub(super) fn status(&self, left: Option<u64>) -> Option<&'static str> {
        match (left, self.switches.deletion) {
            (None, _) => Some("active"),
            (Some(_), Deletion::Marked) => Some("tobedeleted"),
            (Some(_), Deletion::Disappears) => None,
        }
    }

    fn courses(&self) -> Vec<Value> {
        let grades: std::collections::BTreeSet<u64> = (0..self.forms()).map(grade).collect();
        grades
            .into_iter()
            .flat_map(|grade| SUBJECTS.iter().map(move |subject| (grade, subject)))
            .map(|(grade, (code, subject))| {
                json!({
                    "sourcedId": format!("c-{}-{grade}", code.to_lowercase()), "status": "active",
                    "dateLastModified": "2025-08-01T00:00:00.000Z", "title": format!("{subject} year {grade}"),
                    "courseCode": format!("{code}{grade}"), "grades": [format!("{grade:02}")],
                    "subjects": [subject], "subjectCodes": [code],
                    "schoolYear": reference("academicSession", &self.year.to_string()),
                    "org": reference("org", &self.org_id()),
                })
            })
            .collect()
    }

    fn demographics(&self) -> Vec<Value> {
        self.members
            .iter()
            .filter(|member| member.role == Role::Student)
            .filter_map(|member| {
                Some(people::demographics(
                    self.school,
                    member,
                    self.status(member.left)?,
                ))
            })
            .collect()
    }
}

/// A GUIDRef without `href`, which is added for each request.
pub(super) fn reference(kind: &str, id: &str) -> Value {
    let mut row = Map::new();
    row.insert("sourcedId".to_owned(), Value::from(id));
    row.insert("type".to_owned(), Value::from(kind));
    Value::Object(row)
}

pub(super) fn years(year: u64) -> (u64, u64) {
    (2007 + year, 2008 + year)
}
