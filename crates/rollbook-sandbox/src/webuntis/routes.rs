//! Maps an address to records (webuntis-oneroster.md 2.1; the plain standard has more).

use std::collections::BTreeSet;

use serde_json::Value;

use super::roster::{Profile, Roster};

pub(super) enum Target {
    /// A list of a collection, counted and edited under its own name.
    List(Selection),
    /// One record of a collection.
    One(&'static str, String),
}

/// The rows of a list.
pub(super) struct Selection {
    /// Last path segment: the key of page counts and edits.
    pub(super) name: String,
    pub(super) collection: &'static str,
    pub(super) rows: Rows,
}

/// A selection of a collection's rows.
pub(super) enum Rows {
    All,
    /// Rows with this text in a member.
    With(&'static str, &'static str),
    /// Rows with these ids.
    Ids(BTreeSet<String>),
    /// Rows that reference this id in a member.
    To(&'static str, String),
}

impl Rows {
    pub(super) fn contains(&self, row: &Value) -> bool {
        match self {
            Self::All => true,
            Self::With(member, text) => row[*member] == *text,
            Self::Ids(ids) => row["sourcedId"].as_str().is_some_and(|id| ids.contains(id)),
            Self::To(member, id) => match &row[*member] {
                Value::Array(items) => items.iter().any(|item| item["sourcedId"] == id.as_str()),
                one => one["sourcedId"] == id.as_str(),
            },
        }
    }
}

/// Wrapper keys of a collection, for lists and for single records (webuntis-oneroster.md 3.3).
pub(super) fn wrapper(collection: &str) -> (&str, &str) {
    match collection {
        "academicSessions" => ("academicSessions", "academicSession"),
        "classes" => ("classes", "class"),
        "courses" => ("courses", "course"),
        "enrollments" => ("enrollments", "enrollment"),
        "orgs" => ("orgs", "org"),
        "users" => ("users", "user"),
        "resources" => ("resources", "resource"),
        "categories" => ("categories", "category"),
        "lineItems" => ("lineItems", "lineItem"),
        "results" => ("results", "result"),
        "scoreScales" => ("scoreScales", "scoreScale"),
        "assessmentLineItems" => ("assessmentLineItems", "assessmentLineItem"),
        "assessmentResults" => ("assessmentResults", "assessmentResult"),
        other => (other, other),
    }
}

/// The service of OneRoster 1.2 that a collection belongs to (oneroster-1.2.md 1).
pub(super) fn service(collection: &str) -> &'static str {
    match collection {
        "resources" => "resources",
        "categories"
        | "lineItems"
        | "results"
        | "scoreScales"
        | "assessmentLineItems"
        | "assessmentResults" => "gradebook",
        _ => "rostering",
    }
}

/// The target of the path segments after `v1p1`; none when it is not served.
pub(super) fn target(profile: Profile, words: &[String], roster: &Roster) -> Option<Target> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let standard = profile.is_plain();
    let (collection, rows) = match words.as_slice() {
        [list] => top_level(standard, list)?,
        [list, id] => return Some(Target::One(top_level(standard, list)?.0, (*id).to_owned())),
        ["schools", school, inner] => {
            below_school(standard, known(roster, "orgs", school)?, inner)?
        }
        ["schools", school, "classes", class, inner] => {
            known(roster, "orgs", school)?;
            below_class(standard, roster, class, inner, "enrollments")?
        }
        ["classes", class, inner @ ("students" | "teachers")] => {
            below_class(true, roster, class, inner, "")?
        }
        ["users" | "students" | "teachers", user, "classes"] if standard => {
            known(roster, "users", user)?;
            (
                "classes",
                Rows::Ids(other_end(roster, "user", user, "class", None)),
            )
        }
        ["terms", term, "classes"] if standard => {
            known(roster, "academicSessions", term)?;
            ("classes", Rows::To("terms", (*term).to_owned()))
        }
        ["courses", course, "classes"] if standard => {
            known(roster, "courses", course)?;
            ("classes", Rows::To("course", (*course).to_owned()))
        }
        _ => return None,
    };
    let name = words.last().map(|word| (*word).to_owned())?;
    Some(Target::List(Selection {
        name,
        collection,
        rows,
    }))
}

fn top_level(standard: bool, list: &str) -> Option<(&'static str, Rows)> {
    Some(match list {
        "orgs" => ("orgs", Rows::All),
        "schools" => ("orgs", Rows::With("type", "school")),
        "academicSessions" => ("academicSessions", Rows::All),
        "users" => ("users", Rows::All),
        "students" => ("users", Rows::With("role", "student")),
        "teachers" => ("users", Rows::With("role", "teacher")),
        "classes" => ("classes", Rows::All),
        "enrollments" => ("enrollments", Rows::All),
        "terms" if standard => ("academicSessions", Rows::With("type", "term")),
        "gradingPeriods" if standard => ("academicSessions", Rows::With("type", "gradingPeriod")),
        "courses" if standard => ("courses", Rows::All),
        "demographics" if standard => ("demographics", Rows::All),
        "resources" if standard => ("resources", Rows::All),
        "categories" if standard => ("categories", Rows::All),
        "lineItems" if standard => ("lineItems", Rows::All),
        "results" if standard => ("results", Rows::All),
        "scoreScales" if standard => ("scoreScales", Rows::All),
        "assessmentLineItems" if standard => ("assessmentLineItems", Rows::All),
        "assessmentResults" if standard => ("assessmentResults", Rows::All),
        _ => return None,
    })
}

fn below_school(standard: bool, school: String, inner: &str) -> Option<(&'static str, Rows)> {
    Some(match inner {
        "students" => ("users", Rows::With("role", "student")),
        "teachers" => ("users", Rows::With("role", "teacher")),
        "enrollments" => ("enrollments", Rows::To("school", school)),
        "classes" if standard => ("classes", Rows::To("school", school)),
        "courses" if standard => ("courses", Rows::To("org", school)),
        "terms" if standard => ("academicSessions", Rows::With("type", "term")),
        _ => return None,
    })
}

/// Untis serves people of a class without, and enrollments of a class with the school in the path.
fn below_class(
    people: bool,
    roster: &Roster,
    class: &str,
    inner: &str,
    also: &str,
) -> Option<(&'static str, Rows)> {
    let class = known(roster, "classes", class)?;
    Some(match inner {
        "students" if people => (
            "users",
            Rows::Ids(other_end(roster, "class", &class, "user", Some("student"))),
        ),
        "teachers" if people => (
            "users",
            Rows::Ids(other_end(roster, "class", &class, "user", Some("teacher"))),
        ),
        "enrollments" if also == inner => ("enrollments", Rows::To("class", class)),
        _ => return None,
    })
}

fn known(roster: &Roster, collection: &str, id: &str) -> Option<String> {
    roster
        .get(collection)?
        .iter()
        .any(|row| row["sourcedId"] == id)
        .then(|| id.to_owned())
}

/// Ids referenced by `far` in the enrollments that reference `id` by `near`.
fn other_end(
    roster: &Roster,
    near: &str,
    id: &str,
    far: &str,
    role: Option<&str>,
) -> BTreeSet<String> {
    roster
        .get("enrollments")
        .into_iter()
        .flatten()
        .filter(|row| row[near]["sourcedId"] == id && role.is_none_or(|role| row["role"] == role))
        .filter_map(|row| row[far]["sourcedId"].as_str().map(str::to_owned))
        .collect()
}

/// Fields of a collection's records, for filter, sort and selection.
pub(super) fn fields(collection: &str) -> &'static [&'static str] {
    match collection {
        "orgs" => &[
            "sourcedId",
            "status",
            "dateLastModified",
            "metadata",
            "name",
            "type",
            "identifier",
            "parent",
            "children",
        ],
        "academicSessions" => &[
            "sourcedId",
            "status",
            "dateLastModified",
            "metadata",
            "title",
            "startDate",
            "endDate",
            "type",
            "schoolYear",
            "parent",
            "children",
        ],
        "users" => &[
            "sourcedId",
            "status",
            "dateLastModified",
            "metadata",
            "username",
            "userIds",
            "enabledUser",
            "givenName",
            "familyName",
            "middleName",
            "role",
            "identifier",
            "email",
            "sms",
            "phone",
            "agents",
            "orgs",
            "grades",
        ],
        "classes" => &[
            "sourcedId",
            "status",
            "dateLastModified",
            "metadata",
            "title",
            "classCode",
            "classType",
            "location",
            "grades",
            "subjects",
            "subjectCodes",
            "course",
            "school",
            "terms",
            "periods",
            "resources",
        ],
        "enrollments" => &[
            "sourcedId",
            "status",
            "dateLastModified",
            "metadata",
            "user",
            "class",
            "school",
            "role",
            "primary",
            "beginDate",
            "endDate",
        ],
        "courses" => &[
            "sourcedId",
            "status",
            "dateLastModified",
            "metadata",
            "title",
            "courseCode",
            "schoolYear",
            "org",
            "grades",
            "subjects",
            "subjectCodes",
            "resources",
        ],
        "demographics" => &[
            "sourcedId",
            "status",
            "dateLastModified",
            "metadata",
            "birthDate",
            "sex",
        ],
        _ => &[
            "sourcedId",
            "status",
            "dateLastModified",
            "metadata",
            "title",
            "class",
            "student",
            "lineItem",
            "category",
            "scoreStatus",
            "scoreDate",
        ],
    }
}
