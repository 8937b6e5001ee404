//! Invented rows of a roster in OneRoster's form: 17 members and about 600 bytes per user.
//!
//! Row number and version determine everything, so a test can compute what must be in the mirror.

use serde_json::{Value, json};

/// The key of user number `number`; keys sort like their numbers.
pub fn key(number: usize) -> String {
    format!("user-{number:06}")
}

/// A user. Another version is the same person with another name and a later change time.
pub fn user(number: usize, version: u32) -> Value {
    let school = format!("school-{}", number % 3);
    json!({
        "sourcedId": key(number),
        "status": "active",
        "dateLastModified": format!("2026-03-{version:02}T{:02}:{:02}:{:02}.000Z", number / 3600, number / 60 % 60, number % 60),
        "role": if number.is_multiple_of(10) { "teacher" } else { "student" },
        "username": format!("given{number}.family{}", number % 97),
        "givenName": format!("Given {number}"),
        "middleName": "Maria Theresia Antonia",
        "familyName": format!("Family {} the {version}th of a name that is rather long", number % 97),
        "identifier": format!("{:010}", number * 7919),
        "enabledUser": "true",
        "email": format!("given{number}.family{}@students.school.example", number % 97),
        "phone": format!("+43 1 {number:07}"),
        "sms": format!("+43 664 {number:07}"),
        "grades": ["09", "10"],
        "orgs": [{"href": format!("https://vendor.example/ims/oneroster/v1p1/orgs/{school}"), "sourcedId": school, "type": "org"}],
        "agents": [{"href": "https://vendor.example/ims/oneroster/v1p1/users/none", "sourcedId": format!("parent-{number}"), "type": "user"}],
        "userIds": [{"type": "person-id", "identifier": format!("P{number:06}")}, {"type": "uuid", "identifier": format!("0000-{number:06}")}],
    })
}

/// Users `0..count`, all in their first version.
pub fn users(count: usize) -> Vec<Value> {
    (0..count).map(|number| user(number, 1)).collect()
}

/// A class of a school.
pub fn class(number: usize, school: &str) -> Value {
    json!({
        "sourcedId": format!("class-{number:05}"),
        "status": "active",
        "dateLastModified": "2026-03-01T01:00:00.000Z",
        "title": format!("Class {number}"),
        "classCode": format!("C{number}"),
        "classType": "scheduled",
        "school": {"sourcedId": school, "type": "org"},
        "course": {"sourcedId": "course-1", "type": "course"},
        "terms": [{"sourcedId": "year-1", "type": "academicSession"}],
    })
}

/// A whole small roster by the paths of its lists.
pub fn roster(users: usize) -> [(&'static str, Vec<Value>); 5] {
    let stamp = "2026-03-01T01:00:00.000Z";
    let year = json!({
        "sourcedId": "year-1", "status": "active", "dateLastModified": stamp, "title": "2026", "type": "schoolYear",
        "startDate": "2026-02-01", "endDate": "2026-12-20", "schoolYear": "2026",
    });
    let school = |number| {
        json!({
            "sourcedId": format!("school-{number}"), "status": "active", "dateLastModified": stamp,
            "name": format!("School {number}"), "type": "school", "identifier": format!("{number}"),
        })
    };
    let enrollment = |number| {
        json!({
            "sourcedId": format!("enrollment-{number:06}"), "status": "active", "dateLastModified": stamp, "role": "student",
            "user": {"sourcedId": key(number), "type": "user"}, "class": {"sourcedId": "class-00001", "type": "class"},
            "school": {"sourcedId": format!("school-{}", number % 3), "type": "org"}, "primary": "false",
        })
    };
    [
        ("academicSessions", vec![year]),
        ("orgs", (0..3).map(school).collect()),
        ("users", self::users(users)),
        (
            "classes",
            (0..30)
                .map(|number| class(number, &format!("school-{}", number % 3)))
                .collect(),
        ),
        ("enrollments", (0..users).map(enrollment).collect()),
    ]
}
