//! Renders a canonical record: references get their `href`, then every quirk of form is
//! applied.

use serde_json::{Map, Value, json};

use super::roster::Profile;
use super::routes::service;
use super::switches::{
    AbsentText, Booleans, Dates, Ids, Presence, Refs, Roles, Switches, Timestamps,
};

/// URL prefix and switches of a response.
pub(super) struct Renderer<'a> {
    /// Origin and path up to and including `v1p1`; for 1.2 up to the name of a service.
    pub(super) base: String,
    pub(super) profile: Profile,
    pub(super) switches: &'a Switches,
}

/// Members that hold references.
const REFERENCES: &[&str] = &[
    "orgs",
    "org",
    "school",
    "user",
    "class",
    "terms",
    "course",
    "parent",
    "children",
    "schoolYear",
    "agents",
    "resources",
    "primaryOrg",
    "lineItem",
    "student",
    "category",
    "gradingPeriod",
    "academicSession",
    "scoreScale",
    "assessmentLineItem",
    "parentAssessmentLineItem",
];
const DATES: &[&str] = &["startDate", "endDate", "beginDate", "birthDate"];
const BOOLEANS: &[&str] = &[
    "enabledUser",
    "primary",
    "americanIndianOrAlaskaNative",
    "asian",
    "blackOrAfricanAmerican",
    "nativeHawaiianOrOtherPacificIslander",
    "white",
    "demographicRaceTwoOrMoreRaces",
    "hispanicOrLatinoEthnicity",
    "inProgress",
    "incomplete",
    "late",
    "missing",
];
/// Optional text by collection, for servers that send it even when it is missing.
const OPTIONAL: &[(&str, &[&str])] = &[
    (
        "users",
        &["middleName", "identifier", "email", "sms", "phone"],
    ),
    ("classes", &["classCode", "location"]),
    ("orgs", &["identifier"]),
    ("courses", &["courseCode"]),
];

impl Renderer<'_> {
    /// Renders one record of a collection.
    pub(super) fn row(&self, collection: &str, mut row: Value) -> Value {
        let Some(members) = row.as_object_mut() else {
            return row;
        };
        let kind = members
            .get("role")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        if let Some(role) = self.role(collection, &kind) {
            members.insert("role".to_owned(), role.into());
        }
        self.fill_absent(collection, members);
        if (self.profile, collection) == (Profile::Newer, "users") {
            self.rename_role(members);
        }
        for (name, value) in members.iter_mut() {
            self.member(name, value);
        }
        if self.switches.refs == Refs::EmptyParent {
            members.entry("parent").or_insert_with(|| json!({}));
        }
        if self.switches.modified == Presence::Absent {
            members.remove("dateLastModified");
        }
        row
    }

    fn member(&self, name: &str, value: &mut Value) {
        if REFERENCES.contains(&name) && !value.is_string() {
            match value {
                Value::Array(items) => items.iter_mut().for_each(|item| self.reference(item)),
                one => self.reference(one),
            }
        } else if name == "sourcedId" {
            self.id(value);
        } else if name == "dateLastModified" {
            self.timestamp(value);
        } else if DATES.contains(&name) && self.switches.dates == Dates::Datetimes {
            *value = json!(format!(
                "{}T00:00:00.000Z",
                value.as_str().unwrap_or_default()
            ));
        } else if BOOLEANS.contains(&name) {
            self.boolean(value);
        }
    }

    fn reference(&self, value: &mut Value) {
        let Some(id) = value
            .get("sourcedId")
            .and_then(Value::as_str)
            .map(str::to_owned)
        else {
            return;
        };
        let path = match value.get("type").and_then(Value::as_str) {
            Some("org") => "orgs",
            Some("user") => "users",
            Some("class") => "classes",
            Some("course") => "courses",
            Some("resource") => "resources",
            Some("category") => "categories",
            Some("lineItem") => "lineItems",
            Some("scoreScale") => "scoreScales",
            Some("assessmentLineItem") => "assessmentLineItems",
            _ => "academicSessions",
        };
        let service = match self.profile {
            Profile::Newer => format!("{}/v1p2/", service(path)),
            Profile::Untis | Profile::Standard => String::new(),
        };
        match self.switches.refs {
            Refs::Plain => {
                *value = json!(id);
                self.id(value);
                return;
            }
            Refs::BareId => *value = json!({ "sourcedId": id }),
            Refs::Full | Refs::EmptyParent => {
                value["href"] = json!(format!("{}/{service}{path}/{id}", self.base))
            }
        }
        self.id(&mut value["sourcedId"]);
    }

    fn id(&self, value: &mut Value) {
        if self.switches.ids == Ids::Numbers
            && let Some(number) = value.as_str().and_then(|text| text.parse::<u64>().ok())
        {
            *value = json!(number);
        }
    }

    fn timestamp(&self, value: &mut Value) {
        let Some(text) = value.as_str() else { return };
        let changed = match self.switches.timestamps {
            Timestamps::Utc => return,
            Timestamps::Blank => text.replacen('T', " ", 1),
            Timestamps::NoFraction => format!("{}Z", text.split('.').next().unwrap_or(text)),
            Timestamps::Offset => one_hour_east(text),
        };
        *value = json!(changed);
    }

    fn boolean(&self, value: &mut Value) {
        let Some(truth) = value.as_bool() else { return };
        *value = match self.switches.booleans {
            // oneroster-1.2.md 3: a text from 1.2 on.
            Booleans::Json if self.profile == Profile::Newer => json!(truth.to_string()),
            Booleans::Json => json!(truth),
            Booleans::Text => json!(truth.to_string()),
            Booleans::Upper => json!(truth.to_string().to_uppercase()),
            Booleans::Number => json!(u8::from(truth)),
            Booleans::NumberText => json!(u8::from(truth).to_string()),
        };
    }

    fn role(&self, collection: &str, role: &str) -> Option<String> {
        match (self.switches.roles, collection, role) {
            (_, _, "") | (Roles::Standard, ..) => None,
            (Roles::Capital, ..) => Some(role[..1].to_uppercase() + &role[1..]),
            (Roles::Newer, "users", "teacher") => Some("districtAdministrator".to_owned()),
            (Roles::OddEnrollment, "enrollments", "teacher") => Some("aide".to_owned()),
            (Roles::Newer | Roles::OddEnrollment, ..) => None,
        }
    }

    /// oneroster-1.2.md 3: a user's role and organisations are in `roles`.
    fn rename_role(&self, members: &mut Map<String, Value>) {
        let role = members.remove("role").unwrap_or_default();
        let orgs = members.remove("orgs").unwrap_or_default();
        let role = match role.as_str() {
            Some("administrator") => json!("siteAdministrator"),
            _ => role,
        };
        let profile = members["userProfiles"][0]["profileId"].clone();
        let of_org = |(number, org): (usize, &Value)| {
            let mut org = org.clone();
            self.reference(&mut org);
            let rank = if number == 0 { "primary" } else { "secondary" };
            json!({
                "roleType": rank, "role": role, "org": org, "userProfile": profile,
                "beginDate": "2025-09-01", "endDate": "2026-07-04",
            })
        };
        let orgs = orgs.as_array().into_iter().flatten();
        let roles = orgs.enumerate().map(of_org).collect();
        members.insert("roles".to_owned(), roles);
    }

    fn fill_absent(&self, collection: &str, members: &mut Map<String, Value>) {
        let filler = match self.switches.absent_text {
            AbsentText::Omitted => return,
            AbsentText::Empty => json!(""),
            AbsentText::NullWord => json!("NULL"),
            AbsentText::Null => Value::Null,
        };
        let names = OPTIONAL
            .iter()
            .find(|(name, _)| *name == collection)
            .map_or(&[][..], |(_, names)| names);
        for name in names {
            members.entry(*name).or_insert_with(|| filler.clone());
        }
    }

    /// webuntis-oneroster.md 4.1 Q21: sensitive fields of a single user's record.
    pub(super) fn add_sensitive_fields(&self, collection: &str, row: &mut Value) {
        if self.switches.secrets && collection == "users" {
            row["password"] = json!("{SSHA}bm90IGEgcmVhbCBvbmU=");
            row["phone"] = json!("+43 1 555 0199");
        }
    }
}

fn one_hour_east(text: &str) -> String {
    let Ok(instant) = text.parse::<jiff::Timestamp>() else {
        return text.to_owned();
    };
    let east = instant + jiff::SignedDuration::from_hours(1);
    format!("{}+01:00", east.strftime("%Y-%m-%dT%H:%M:%S%.3f"))
}
