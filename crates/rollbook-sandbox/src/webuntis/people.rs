//! People as OneRoster users: ids, user records, demographics.

use serde_json::{Value, json};

use crate::calendar::{change_time, stamp};
use crate::random::Random;
use crate::roll::Member;
use crate::school::{Role, School};

/// Label of a role in seeds, and its name in OneRoster.
pub(super) fn labels(role: Role) -> (&'static str, &'static str) {
    match role {
        Role::Student => ("student", "student"),
        Role::Teacher => ("teacher", "teacher"),
        Role::Parent => ("parent", "parent"),
    }
}

/// A hashed id in the form of a version 4 UUID.
pub(super) fn uuid(seed: u64, label: &str, number: u64) -> String {
    let mut random = Random::of(seed, label, number);
    let (high, low) = (random.next(), random.next());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | ((low >> 48) & 0x3fff),
        low & 0xffff_ffff_ffff
    )
}

/// `sourcedId` of a person.
pub(super) fn user_id(seed: u64, role: Role, number: u64) -> String {
    uuid(seed, &format!("webuntis-user-{}", labels(role).0), number)
}

/// WebUntis' internal number of a person; unique among all users.
pub(super) fn internal_id(role: Role, number: u64) -> u64 {
    let start = match role {
        Role::Teacher => 3000,
        Role::Student => 1_000_000,
        Role::Parent => 5_000_000,
    };
    start + number
}

/// A user record; a change of a person changes `phone`.
pub(super) fn user(school: &School, member: &Member, status: &str, org: Value) -> Value {
    let Member { role, number, .. } = *member;
    let person = school.person(role, number);
    let (label, word) = labels(role);
    let id = user_id(school.seed, role, number);
    let changed = stamp(change_time(
        school.seed,
        &format!("user-{label}"),
        number,
        member.changed,
    ));
    let mut row = json!({
        "sourcedId": id, "status": status, "dateLastModified": changed,
        "username": person.email.split('@').next().unwrap_or_default(), "enabledUser": true,
        "givenName": person.given, "familyName": person.family, "role": word, "orgs": [org],
    });
    // A parent's record is minimal, as in the contract's sample: no ids, no identifier.
    if role != Role::Parent {
        row["identifier"] = json!(id);
        row["metadata"] = json!({});
        row["userIds"] = json!([
            { "type": "uuid", "identifier": id },
            { "type": "id", "identifier": internal_id(role, number).to_string() },
            { "type": "person-id", "identifier": (61 + number).to_string() },
            { "type": "short-name", "identifier": short_name(&person.family, number) },
        ]);
    }
    // One student in ten has no e-mail address.
    if role != Role::Student || number % 10 != 9 {
        row["email"] = json!(person.email);
    }
    if member.changes > 0 {
        row["phone"] = json!(format!("+43 1 555 01{:02}", member.changes % 100));
    }
    row
}

fn short_name(family: &str, number: u64) -> String {
    let letters: String = family
        .chars()
        .filter(char::is_ascii_alphabetic)
        .take(3)
        .collect();
    format!("{}{number}", letters.to_uppercase())
}

/// The demographics record of a student (the plain standard only).
pub(super) fn demographics(school: &School, member: &Member, status: &str) -> Value {
    let person = school.person(member.role, member.number);
    let mut random = Random::of(school.seed, "demographics", member.number);
    let day = member.left.unwrap_or(member.joined);
    json!({
        "sourcedId": user_id(school.seed, member.role, member.number), "status": status,
        "dateLastModified": stamp(change_time(school.seed, "demographics", member.number, day)),
        "birthDate": person.born, "sex": *random.pick(&["female", "male"]), "countryOfBirthCode": "AT",
        "cityOfBirth": *random.pick(&["Graz", "Linz", "Villach", "Wels"]),
    })
}
