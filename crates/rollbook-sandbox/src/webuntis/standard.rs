//! What the standards have and Untis does not serve: a value in every field, resources, gradebook, assessments
//! (webuntis-oneroster.md 3.2, oneroster-1.2.md 3).
//!
//! Rows are those of 1.1 with the fields of 1.2 added; what 1.2 calls differently is renamed when a page is rendered.
//! From the first day on, one row of each collection is changed and one is removed.

use serde_json::{Value, json};

use super::people;
use super::roster::{Profile, Roster, RosterBuilder, reference};
use super::switches::Deletion;
use crate::calendar::{change_time, stamp};
use crate::roll::Member;
use crate::school::Role;

/// When everything was entered that never changes.
const ENTERED: &str = "2025-09-01T06:00:00.000Z";

/// Lessons that have a gradebook, from the first on.
const GRADED: usize = 8;

/// Collections of which one row changes and one is removed, and the kinds of row within each that do so on their own.
const CHURNED: &[(&str, &[&str])] = &[
    ("academicSessions", &["schoolYear", "term", "gradingPeriod"]),
    ("orgs", &[]),
    ("courses", &[]),
    ("classes", &[]),
    ("enrollments", &[]),
    ("demographics", &[]),
    ("resources", &[]),
    ("categories", &[]),
    ("lineItems", &[]),
    ("results", &[]),
    ("scoreScales", &[]),
    ("assessmentLineItems", &[]),
    ("assessmentResults", &[]),
];

impl RosterBuilder<'_> {
    /// Completes the rows of a plain standard.
    pub(super) fn complete(&self, roster: &mut Roster) {
        let is_newer = self.profile == Profile::Newer;
        self.fill(roster);
        for name in ["courses", "classes"] {
            for row in rows(roster, name) {
                row["resources"] =
                    json!([reference("resource", "r-1"), reference("resource", "r-2")]);
            }
        }
        for row in rows(roster, "demographics") {
            fill_demographics(row);
        }
        roster.insert("resources", (1..=4).map(resource).collect());
        let categories = ["Homework", "Test", "Oral"].into_iter().zip(1..);
        let categories = categories.map(|(title, number)| {
            entity(
                format!("cat-{number}"),
                json!({ "title": title, "weight": 0.25 * f64::from(number) }),
            )
        });
        roster.insert("categories", categories.collect());
        let items = self.line_items(rows(roster, "classes"));
        let results = self.results(&items, rows(roster, "enrollments"));
        if is_newer {
            let class = items.first().map(|item| item["class"].clone());
            let class = class.unwrap_or_default();
            roster.insert(
                "scoreScales",
                (1..=2).map(|number| score_scale(number, &class)).collect(),
            );
            roster.insert(
                "assessmentLineItems",
                (1..=3).map(|number| assessment(number, &class)).collect(),
            );
            roster.insert("assessmentResults", self.assessment_results());
        }
        roster.insert("lineItems", items);
        roster.insert("results", results);
        for (name, kinds) in CHURNED {
            if let Some(rows) = roster.get_mut(name) {
                self.churn(name, kinds, rows);
            }
        }
        if !is_newer {
            remove_newer_fields(roster);
        }
    }

    /// Adds what the standard allows and no page of Untis shows.
    pub(super) fn add_optional(&self, roster: &mut Roster) {
        self.fill(roster);
        for row in rows(roster, "users") {
            if let Some(ids) = row["userIds"].as_array_mut() {
                let number = ids[1]["identifier"].clone();
                ids.push(json!({ "type": "external-user-id", "identifier": number }));
                ids.push(json!({ "type": "external-person-id", "identifier": number }));
            }
        }
        remove_newer_fields(roster);
    }

    fn fill(&self, roster: &mut Roster) {
        self.fill_sessions(rows(roster, "academicSessions"));
        self.fill_orgs(rows(roster, "orgs"));
        for (member, row) in self.shown_members().zip(rows(roster, "users")) {
            self.fill_user(member, row);
        }
        for row in rows(roster, "classes") {
            row["location"] = json!("Room 12");
            row["periods"] = json!(["1", "3"]);
        }
    }

    fn shown_members(&self) -> impl Iterator<Item = &Member> {
        self.members
            .iter()
            .filter(|member| self.status(member.left).is_some())
    }

    fn session(&self, number: u64) -> String {
        format!("{}-{number}", self.year)
    }

    fn fill_sessions(&self, sessions: &mut Vec<Value>) {
        let terms = [self.session(1), self.session(2)];
        let year = self.year.to_string();
        if let Some(row) = sessions
            .iter_mut()
            .find(|row| row["sourcedId"] == year.as_str())
        {
            row["children"] = terms
                .iter()
                .map(|term| reference("academicSession", term))
                .collect();
        }
        for (number, term) in terms.iter().enumerate() {
            let Some(parent) = sessions
                .iter_mut()
                .find(|row| row["sourcedId"] == term.as_str())
            else {
                continue;
            };
            let id = format!("{term}-g");
            parent["children"] = json!([reference("academicSession", &id)]);
            let mut row = parent.clone();
            row["sourcedId"] = json!(id);
            row["title"] = json!(format!("Grading period {}", number + 1));
            row["type"] = json!("gradingPeriod");
            row["parent"] = reference("academicSession", term);
            row["children"] = json!([]);
            sessions.push(row);
        }
    }

    fn fill_orgs(&self, orgs: &mut Vec<Value>) {
        let school = self.org_id();
        for org in orgs.iter_mut() {
            org["parent"] = reference("org", "district");
        }
        let district = json!({
            "name": "Bildungsdirektion Pausenhof", "type": "district", "identifier": "AT-9",
            "children": [reference("org", &school)],
        });
        orgs.push(entity("district".to_owned(), district));
    }

    fn fill_user(&self, member: &Member, row: &mut Value) {
        let number = member.number;
        let other = match member.role {
            Role::Student if number < self.school.parents() => Some(Role::Parent),
            Role::Parent => Some(Role::Student),
            Role::Student | Role::Teacher => None,
        };
        if let Some(role) = other {
            let agent = people::user_id(self.school.seed, role, number);
            row["agents"] = json!([reference("user", &agent)]);
        }
        if row["phone"].is_null() {
            row["phone"] = json!("+43 1 555 0100");
        }
        row["middleName"] = json!("Maria");
        row["sms"] = json!(format!("+43 660 {number:04}"));
        row["password"] = json!("never-to-be-mirrored");
        row["userMasterIdentifier"] = json!(format!(
            "master-{}",
            people::internal_id(member.role, number)
        ));
        row["preferredFirstName"] = json!("Kim");
        row["preferredMiddleName"] = json!("M.");
        row["preferredLastName"] = row["familyName"].clone();
        row["pronouns"] = json!("they");
        row["resources"] = json!([reference("resource", "r-3")]);
        row["primaryOrg"] = reference("org", &self.org_id());
        row["userProfiles"] = json!([{
            "profileId": format!("https://learn.example/{number}"), "profileType": "learning", "vendorId": "learn.example",
            "applicationId": "reader", "description": "The reader", "credentials": [
                { "type": "password", "username": "kim", "password": "never-to-be-mirrored" },
            ],
        }]);
    }

    fn line_items(&self, classes: &[Value]) -> Vec<Value> {
        let item = |(number, class): (usize, &Value)| {
            let id = class["sourcedId"].as_str().unwrap_or_default();
            let body = json!({
                "title": "Essay", "description": "One page", "assignDate": "2026-01-10T08:00:00.000Z",
                "dueDate": "2026-01-17T22:00:00.000Z", "class": reference("class", id),
                "school": reference("org", &self.org_id()), "category": reference("category", "cat-1"),
                "gradingPeriod": reference("academicSession", &format!("{}-g", self.session(1))),
                "academicSession": reference("academicSession", &self.session(1)),
                "scoreScale": reference("scoreScale", "scale-1"), "resultValueMin": 0.0, "resultValueMax": 24.5,
                "learningObjectiveSet": [{ "source": "case", "learningObjectiveIds": ["lo-1"] }],
            });
            entity(format!("li-{number}"), body)
        };
        classes.iter().take(GRADED).enumerate().map(item).collect()
    }

    fn results(&self, items: &[Value], enrollments: &[Value]) -> Vec<Value> {
        let mut results = Vec::new();
        for item in items {
            let (id, class) = (
                item["sourcedId"].as_str().unwrap_or_default(),
                &item["class"],
            );
            let pupils = enrollments.iter().filter(|row| {
                row["class"] == *class && row["role"] == "student" && row["status"] == "active"
            });
            for row in pupils {
                let user = row["user"]["sourcedId"].as_str().unwrap_or_default();
                let mut result = graded(format!("{id}-{user}"), user);
                result["lineItem"] = reference("lineItem", id);
                result["class"] = class.clone();
                results.push(result);
            }
        }
        results
    }

    fn assessment_results(&self) -> Vec<Value> {
        let pupils = self
            .shown_members()
            .filter(|member| member.role == Role::Student && member.left.is_none());
        let result = |member: &Member| {
            let user = people::user_id(self.school.seed, Role::Student, member.number);
            let mut row = graded(format!("a-1-{user}"), &user);
            row["assessmentLineItem"] = reference("assessmentLineItem", "a-1");
            row["scorePercentile"] = json!(62.5);
            row
        };
        pupils.take(30).map(result).collect()
    }

    /// Changes the first row of each kind, and removes one that nothing refers to.
    fn churn(&self, name: &str, kinds: &[&str], rows: &mut Vec<Value>) {
        let kinds = if kinds.is_empty() { &[""][..] } else { kinds };
        let changed = stamp(change_time(self.school.seed, name, 0, self.day));
        for kind in kinds {
            let is_meant = |row: &&mut Value| {
                (kind.is_empty() || row["type"] == *kind) && row["status"] == "active"
            };
            let Some(first) = rows.iter_mut().find(is_meant) else {
                continue;
            };
            let mut spare = first.clone();
            spare["sourcedId"] = json!(format!("spare-{name}-{kind}"));
            spare["children"] = json!([]);
            if self.day > 0 {
                first["dateLastModified"] = json!(changed);
                if first["title"].is_string() {
                    first["title"] = json!(format!(
                        "{} ({})",
                        first["title"].as_str().unwrap_or_default(),
                        self.day
                    ));
                }
                spare["status"] = json!("tobedeleted");
                spare["dateLastModified"] = json!(changed);
            }
            if self.day == 0 || self.switches.deletion == Deletion::Marked {
                rows.push(spare);
            }
        }
    }
}

/// The rows of a collection, made empty where there is none.
fn rows<'a>(roster: &'a mut Roster, name: &'static str) -> &'a mut Vec<Value> {
    roster.entry(name).or_default()
}

/// An active row with these members.
fn entity(id: String, mut members: Value) -> Value {
    members["sourcedId"] = json!(id);
    members["status"] = json!("active");
    members["dateLastModified"] = json!(ENTERED);
    members
}

fn resource(number: u64) -> Value {
    let importance = if number == 1 { "primary" } else { "secondary" };
    let body = json!({
        "title": format!("Book {number}"), "roles": ["student", "teacher"], "importance": importance,
        "vendorResourceId": format!("isbn-{number}"), "vendorId": "books.example", "applicationId": "reader",
    });
    entity(format!("r-{number}"), body)
}

fn fill_demographics(row: &mut Value) {
    for (name, is_so) in [
        ("americanIndianOrAlaskaNative", false),
        ("asian", true),
        ("blackOrAfricanAmerican", false),
        ("nativeHawaiianOrOtherPacificIslander", false),
        ("white", true),
        ("demographicRaceTwoOrMoreRaces", true),
        ("hispanicOrLatinoEthnicity", false),
    ] {
        row[name] = json!(is_so);
    }
    row["stateOfBirthAbbreviation"] = json!("ST");
    row["publicSchoolResidenceStatus"] = json!("01652");
}

fn score_scale(number: u64, class: &Value) -> Value {
    let body = json!({
        "title": format!("Grades {number}"), "type": "letters", "class": class, "course": reference("course", "c-de-5"),
        "scoreScaleValue": [
            { "itemValueLHS": "1", "itemValueRHS": "very good" }, { "itemValueLHS": "5", "itemValueRHS": "failed" },
        ],
    });
    entity(format!("scale-{number}"), body)
}

fn assessment(number: u64, class: &Value) -> Value {
    let mut body = json!({
        "title": format!("Reading test {number}"), "description": "Standard test", "class": class,
        "scoreScale": reference("scoreScale", "scale-1"), "resultValueMin": 0, "resultValueMax": 100,
        "learningObjectiveSet": [{ "source": "case", "learningObjectiveIds": ["lo-1", "lo-2"] }],
    });
    body["parentAssessmentLineItem"] = reference("assessmentLineItem", "a-1");
    entity(format!("a-{number}"), body)
}

/// What results of line items and of assessments have in common.
fn graded(id: String, user: &str) -> Value {
    let body = json!({
        "student": reference("user", user), "scoreStatus": "fully graded", "score": 17.5, "textScore": "2",
        "scoreDate": "2026-01-20", "comment": "Good", "scoreScale": reference("scoreScale", "scale-1"),
        "learningObjectiveSet": [{
            "source": "case", "learningObjectiveResults": [{ "learningObjectiveId": "lo-1", "score": 3.5 }],
        }],
        "inProgress": false, "incomplete": false, "late": true, "missing": false,
    });
    entity(id, body)
}

/// What 1.1 does not have.
fn remove_newer_fields(roster: &mut Roster) {
    const NEWER: &[(&str, &[&str])] = &[
        (
            "users",
            &[
                "userMasterIdentifier",
                "preferredFirstName",
                "preferredMiddleName",
                "preferredLastName",
                "pronouns",
                "resources",
                "primaryOrg",
                "userProfiles",
            ],
        ),
        ("categories", &["weight"]),
        (
            "lineItems",
            &[
                "school",
                "academicSession",
                "scoreScale",
                "learningObjectiveSet",
            ],
        ),
        (
            "results",
            &[
                "class",
                "scoreScale",
                "textScore",
                "learningObjectiveSet",
                "inProgress",
                "incomplete",
                "late",
                "missing",
            ],
        ),
    ];
    for (name, members) in NEWER {
        for row in roster.get_mut(name).into_iter().flatten() {
            if let Some(row) = row.as_object_mut() {
                row.retain(|member, _| !members.contains(&member.as_str()));
            }
        }
    }
}
