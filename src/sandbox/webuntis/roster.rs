//! The school as OneRoster records: sessions, schools, users, lessons, enrollments.
//!
//! Rows are canonical: right by the standard, references without `href`. Quirks of form are laid
//! on later, when a page is rendered; quirks of content are in here.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::people;
use super::switches::{ClassCourse, Deletion, PastYear, Presence, Switches};
use crate::sandbox::calendar::{moment, stamp};
use crate::sandbox::random::Random;
use crate::sandbox::roll::Member;
use crate::sandbox::school::{Role, School};

/// Whose habits the rows follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Face {
    /// What Untis serves (section 2).
    Untis,
    /// The plain standard with courses, terms and demographics (section 3).
    Standard,
}

/// All collections of one tenant on one day, in order of arrival.
pub(super) type Roster = BTreeMap<&'static str, Vec<Value>>;

/// Subject, code and name of the lessons every form has.
const SUBJECTS: &[(&str, &str)] = &[
    ("DE", "German"),
    ("EN", "English"),
    ("MA", "Mathematics"),
    ("PH", "Physics"),
    ("BI", "Biology"),
    ("HI", "History"),
    ("MU", "Music"),
    ("SP", "Sports"),
];

/// Students of a form (a WebUntis class such as "9A").
const FORM: u64 = 25;

/// The current school year's id until the switch `roll_over` says otherwise.
const YEAR: u64 = 18;

/// Builds everything one tenant serves on one day.
pub(super) fn build(
    school: &School,
    tenant: &str,
    day: u64,
    face: Face,
    switches: &Switches,
) -> Roster {
    let year = if switches.roll_over.is_some_and(|from| day >= from) {
        YEAR + 1
    } else {
        YEAR
    };
    let maker = Maker {
        school,
        tenant,
        day,
        year,
        face,
        switches,
        members: school.roll(day),
    };
    let mut roster = Roster::new();
    roster.insert("academicSessions", maker.sessions());
    roster.insert("orgs", vec![maker.org()]);
    roster.insert("users", maker.users());
    let lessons = maker.lessons();
    roster.insert(
        "classes",
        lessons.iter().map(|lesson| maker.class(lesson)).collect(),
    );
    roster.insert("enrollments", maker.enrollments(&lessons));
    if face == Face::Standard {
        roster.insert("courses", maker.courses());
        roster.insert("demographics", maker.demographics());
    }
    roster
}

struct Maker<'a> {
    school: &'a School,
    tenant: &'a str,
    day: u64,
    year: u64,
    face: Face,
    switches: &'a Switches,
    members: Vec<Member>,
}

/// One lesson: its place among all lessons, and how often and when its teacher changed.
struct Lesson {
    place: u64,
    form: u64,
    subject: usize,
    changes: u64,
    changed: u64,
}

impl Maker<'_> {
    fn org_id(&self) -> String {
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
        if self.face == Face::Standard {
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
            // Next year was entered together with this one; nothing changed after today.
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

    /// `active`; `tobedeleted` for what is gone but still shown; none for what is not shown.
    fn status(&self, left: Option<u64>) -> Option<&'static str> {
        match (left, self.switches.deletion) {
            (None, _) => Some("active"),
            (Some(_), Deletion::Marked) => Some("tobedeleted"),
            (Some(_), Deletion::Disappears) => None,
        }
    }

    fn forms(&self) -> u64 {
        self.school.students.div_ceil(FORM)
    }

    /// All lessons of the year; each day about one in a hundred gets another teacher.
    fn lessons(&self) -> Vec<Lesson> {
        let subjects = SUBJECTS.len() as u64;
        let count = self.forms() * subjects;
        let mut lessons: Vec<Lesson> = (0..count)
            .map(|place| Lesson {
                place,
                form: place / subjects,
                subject: (place % subjects) as usize,
                changes: 0,
                changed: 0,
            })
            .collect();
        for today in 1..=self.day {
            let mut random = Random::of(self.school.seed, "lessons", today);
            for _ in 0..(count / 100).max(1).min(count) {
                let lesson = &mut lessons[random.below(count) as usize];
                lesson.changes += 1;
                lesson.changed = today;
            }
        }
        lessons
    }

    fn class_id(&self, place: u64) -> String {
        ((self.year - YEAR) * 1_000_000 + 20_000 + place).to_string()
    }

    fn teacher(&self, place: u64, changes: u64) -> u64 {
        let mut random = Random::of(self.school.seed, "lesson-teacher", place);
        (random.below(self.school.teachers()) + changes) % self.school.teachers()
    }

    fn changed(&self, label: &str, number: u64, day: u64) -> String {
        stamp(moment(self.school.seed, label, number, day))
    }

    fn class(&self, lesson: &Lesson) -> Value {
        let (code, subject) = SUBJECTS[lesson.subject];
        let form = form_name(lesson.form);
        let teacher = self
            .school
            .person(Role::Teacher, self.teacher(lesson.place, lesson.changes));
        let (first, last) = years(self.year);
        let mut row = json!({
            "sourcedId": self.class_id(lesson.place), "status": "active",
            "dateLastModified": self.changed("lesson", lesson.place, lesson.changed),
            "metadata": {
                "PLACEHOLDER_organisationalClasses": [{ "id": (312 + lesson.form).to_string(), "name": form }],
                "PLACEHOLDER_from": format!("{first}-09-01"), "PLACEHOLDER_to": format!("{last}-07-03"),
                "PLACEHOLDER_lessonName": format!("{code} {form}"),
            },
            "title": format!("{subject} - {form} - {}", teacher.family), "classType": "scheduled",
            "school": reference("org", &self.org_id()),
        });
        let course = format!("c-{}-{}", code.to_lowercase(), grade(lesson.form));
        if self.face == Face::Standard {
            row["course"] = reference("course", &course);
            row["classCode"] = json!(format!("{code}-{form}"));
            row["subjects"] = json!([subject]);
            row["subjectCodes"] = json!([code]);
            row["grades"] = json!([format!("{:02}", grade(lesson.form))]);
        } else if self.switches.class_course == ClassCourse::Dangling {
            row["course"] = reference("course", &course);
        }
        if self.switches.class_terms == Presence::Present {
            let terms = match self.face {
                Face::Untis => vec![self.year.to_string()],
                Face::Standard => vec![format!("{}-1", self.year), format!("{}-2", self.year)],
            };
            row["terms"] = terms
                .iter()
                .map(|term| reference("academicSession", term))
                .collect();
        }
        row
    }

    fn enrollments(&self, lessons: &[Lesson]) -> Vec<Value> {
        let mut by_form: BTreeMap<u64, Vec<&Member>> = BTreeMap::new();
        for member in self
            .members
            .iter()
            .filter(|member| member.role == Role::Student)
        {
            by_form
                .entry(member.number % self.forms())
                .or_default()
                .push(member);
        }
        let mut rows = Vec::new();
        for lesson in lessons {
            let teacher = self.teacher(lesson.place, lesson.changes);
            rows.push(self.enrollment(lesson, Role::Teacher, teacher, "active", lesson.changed));
            if lesson.changes > 0 && self.switches.deletion == Deletion::Marked {
                let before = self.teacher(lesson.place, lesson.changes - 1);
                rows.push(self.enrollment(
                    lesson,
                    Role::Teacher,
                    before,
                    "tobedeleted",
                    lesson.changed,
                ));
            }
            for member in by_form.get(&lesson.form).into_iter().flatten() {
                if let Some(status) = self.status(member.left) {
                    let day = member.left.unwrap_or(member.joined);
                    rows.push(self.enrollment(lesson, Role::Student, member.number, status, day));
                }
            }
        }
        self.odd_enrollments(lessons, &mut rows);
        rows
    }

    fn enrollment(
        &self,
        lesson: &Lesson,
        role: Role,
        number: u64,
        status: &str,
        day: u64,
    ) -> Value {
        let class = self.class_id(lesson.place);
        let (label, word) = people::words(role);
        let mut row = json!({
            "sourcedId": format!("e-{class}-{}", people::internal_id(role, number)), "status": status,
            "dateLastModified": self.changed(&format!("enrollment-{label}-{}", lesson.place), number, day),
            "user": reference("user", &people::user_id(self.school.seed, role, number)),
            "class": reference("class", &class), "school": reference("org", &self.org_id()), "role": word,
        });
        if role == Role::Teacher {
            row["primary"] = json!(true);
        }
        if self.switches.enrollment_dates == Presence::Present {
            let (first, last) = years(self.year);
            row["beginDate"] = json!(format!("{first}-09-01"));
            row["endDate"] = json!(format!("{last}-07-04"));
        }
        row
    }

    /// Q18: users without an account, and the same user twice in a class.
    fn odd_enrollments(&self, lessons: &[Lesson], rows: &mut Vec<Value>) {
        if self.switches.dangling {
            for lesson in lessons.iter().take(3) {
                rows.push(self.enrollment(
                    lesson,
                    Role::Student,
                    900_000 + lesson.place,
                    "active",
                    0,
                ));
            }
        }
        if self.switches.duplicates {
            let mut twice: Vec<Value> = rows.iter().take(3).cloned().collect();
            for row in &mut twice {
                row["sourcedId"] = json!(format!(
                    "{}-again",
                    row["sourcedId"].as_str().unwrap_or_default()
                ));
            }
            rows.extend(twice);
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

/// A GUIDRef without `href`, which is made for each request.
pub(super) fn reference(kind: &str, id: &str) -> Value {
    let mut row = Map::new();
    row.insert("sourcedId".to_owned(), Value::from(id));
    row.insert("type".to_owned(), Value::from(kind));
    Value::Object(row)
}

fn years(year: u64) -> (u64, u64) {
    (2007 + year, 2008 + year)
}

/// School years five to twelve, round and round.
fn grade(form: u64) -> u64 {
    5 + form % 8
}

fn form_name(form: u64) -> String {
    let letter = char::from(b'A' + u8::try_from((form / 8) % 26).unwrap_or(0));
    match form / 208 {
        0 => format!("{}{letter}", grade(form)),
        more => format!("{}{letter}{more}", grade(form)),
    }
}
