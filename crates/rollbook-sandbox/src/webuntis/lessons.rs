//! Lessons (the classes of OneRoster) and their enrollments.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::people;
use super::roster::{Profile, RosterBuilder, YEAR, reference, years};
use super::switches::{ClassCourse, Deletion, Presence};
use crate::calendar::{change_time, stamp};
use crate::random::Random;
use crate::roll::Member;
use crate::school::Role;

/// Subject, code and name of the lessons every form has.
pub(super) const SUBJECTS: &[(&str, &str)] = &[
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

/// One lesson: its index among all lessons, and how often and when its teacher changed.
pub(super) struct Lesson {
    index: u64,
    form: u64,
    subject: usize,
    changes: u64,
    changed: u64,
}

impl RosterBuilder<'_> {
    pub(super) fn forms(&self) -> u64 {
        self.school.students.div_ceil(FORM)
    }

    /// All lessons of the year; each day about one in a hundred changes its teacher.
    pub(super) fn lessons(&self) -> Vec<Lesson> {
        let subjects = SUBJECTS.len() as u64;
        let count = self.forms() * subjects;
        let mut lessons: Vec<Lesson> = (0..count)
            .map(|index| Lesson {
                index,
                form: index / subjects,
                subject: (index % subjects) as usize,
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

    fn class_id(&self, index: u64) -> String {
        ((self.year - YEAR) * 1_000_000 + 20_000 + index).to_string()
    }

    fn teacher(&self, index: u64, changes: u64) -> u64 {
        let mut random = Random::of(self.school.seed, "lesson-teacher", index);
        (random.below(self.school.teachers()) + changes) % self.school.teachers()
    }

    fn changed(&self, label: &str, number: u64, day: u64) -> String {
        stamp(change_time(self.school.seed, label, number, day))
    }

    pub(super) fn class(&self, lesson: &Lesson) -> Value {
        let (code, subject) = SUBJECTS[lesson.subject];
        let form = form_name(lesson.form);
        let teacher = self
            .school
            .person(Role::Teacher, self.teacher(lesson.index, lesson.changes));
        let (first, last) = years(self.year);
        let mut row = json!({
            "sourcedId": self.class_id(lesson.index), "status": "active",
            "dateLastModified": self.changed("lesson", lesson.index, lesson.changed),
            "metadata": {
                "PLACEHOLDER_organisationalClasses": [{ "id": (312 + lesson.form).to_string(), "name": form }],
                "PLACEHOLDER_from": format!("{first}-09-01"), "PLACEHOLDER_to": format!("{last}-07-03"),
                "PLACEHOLDER_lessonName": format!("{code} {form}"),
            },
            "title": format!("{subject} - {form} - {}", teacher.family), "classType": "scheduled",
            "school": reference("org", &self.org_id()),
        });
        let course = format!("c-{}-{}", code.to_lowercase(), grade(lesson.form));
        if self.profile.is_plain() || self.switches.optional_members {
            row["course"] = reference("course", &course);
            row["classCode"] = json!(format!("{code}-{form}"));
            row["subjects"] = json!([subject]);
            row["subjectCodes"] = json!([code]);
            row["grades"] = json!([format!("{:02}", grade(lesson.form))]);
        } else if self.switches.class_course == ClassCourse::Dangling {
            row["course"] = reference("course", &course);
        }
        if self.switches.class_terms == Presence::Present {
            let terms = match self.profile {
                Profile::Untis => vec![self.year.to_string()],
                Profile::Standard | Profile::Newer => {
                    vec![format!("{}-1", self.year), format!("{}-2", self.year)]
                }
            };
            row["terms"] = terms
                .iter()
                .map(|term| reference("academicSession", term))
                .collect();
        }
        row
    }

    pub(super) fn enrollments(&self, lessons: &[Lesson]) -> Vec<Value> {
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
            let teacher = self.teacher(lesson.index, lesson.changes);
            rows.push(self.enrollment(lesson, Role::Teacher, teacher, "active", lesson.changed));
            if lesson.changes > 0 && self.switches.deletion == Deletion::Marked {
                let before = self.teacher(lesson.index, lesson.changes - 1);
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
        let class = self.class_id(lesson.index);
        let (label, word) = people::labels(role);
        let mut row = json!({
            "sourcedId": format!("e-{class}-{}", people::internal_id(role, number)), "status": status,
            "dateLastModified": self.changed(&format!("enrollment-{label}-{}", lesson.index), number, day),
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

    /// webuntis-oneroster.md 4.1 Q18: users without an account, and duplicate enrollments.
    fn odd_enrollments(&self, lessons: &[Lesson], rows: &mut Vec<Value>) {
        if self.switches.dangling {
            for lesson in lessons.iter().take(3) {
                rows.push(self.enrollment(
                    lesson,
                    Role::Student,
                    900_000 + lesson.index,
                    "active",
                    0,
                ));
            }
        }
        if self.switches.duplicates {
            let mut repeated: Vec<Value> = rows.iter().take(3).cloned().collect();
            for row in &mut repeated {
                row["sourcedId"] = json!(format!(
                    "{}-again",
                    row["sourcedId"].as_str().unwrap_or_default()
                ));
            }
            rows.extend(repeated);
        }
    }
}

/// School years five to twelve, repeating.
pub(super) fn grade(form: u64) -> u64 {
    5 + form % 8
}

fn form_name(form: u64) -> String {
    let letter = char::from(b'A' + u8::try_from((form / 8) % 26).unwrap_or(0));
    match form / 208 {
        0 => format!("{}{letter}", grade(form)),
        more => format!("{}{letter}{more}", grade(form)),
    }
}
