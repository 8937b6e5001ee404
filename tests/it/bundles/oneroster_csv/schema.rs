//! The columns of every rostering file, as in oneroster-csv.md 4 and 5.

use super::Version;

/// When a column must have a value.
#[derive(Clone, Copy, PartialEq)]
pub enum Need {
    Yes,
    No,
    /// Required in delta, blank in bulk.
    Delta,
}

/// What a value must be.
#[derive(Clone, Copy)]
pub enum Format {
    Guid,
    /// The `sourcedId` of a row of this file (without `.csv`).
    Reference(&'static str),
    References(&'static str),
    Text,
    Texts,
    /// A list of `{Type:Id}`.
    UserIds,
    Enumeration(&'static [&'static str]),
    /// In 1.2 also `ext:…`.
    Extensible(&'static [&'static str]),
    Date,
    DateTime,
    Year,
}

#[derive(Clone, Copy)]
pub struct Column {
    pub name: &'static str,
    pub need: Need,
    pub format: Format,
}

pub struct Table {
    /// The file without `.csv`.
    pub name: &'static str,
    pub columns: Vec<Column>,
}

use Format::{
    Date, DateTime, Enumeration, Extensible, Guid, Reference, References, Text, Texts, UserIds,
    Year,
};

const BOOL: &[&str] = &["true", "false"];
const STATUS: &[&str] = &["active", "tobedeleted"];
const SESSION: &[&str] = &["gradingPeriod", "semester", "schoolYear", "term"];
const CLASS: &[&str] = &["homeroom", "scheduled"];
const ORG: &[&str] = &[
    "department",
    "school",
    "district",
    "local",
    "state",
    "national",
];
const ENROLLED: &[&str] = &["administrator", "proctor", "student", "teacher"];
const USER: &[&str] = &[
    "administrator",
    "aide",
    "guardian",
    "parent",
    "proctor",
    "relative",
    "student",
    "teacher",
];
const ROLE: &[&str] = &[
    "aide",
    "counselor",
    "districtAdministrator",
    "guardian",
    "parent",
    "principal",
    "proctor",
    "relative",
    "siteAdministrator",
    "student",
    "systemAdministrator",
    "teacher",
];

/// Files of both versions, in the order of the manifest's table.
const FILES_1P1: &[&str] = &[
    "academicSessions",
    "categories",
    "classes",
    "classResources",
    "courses",
    "courseResources",
    "demographics",
    "enrollments",
    "lineItems",
    "orgs",
    "resources",
    "results",
    "users",
];

const ADDED_IN_1P2: &[&str] = &[
    "lineItemLearningObjectiveIds",
    "lineItemScoreScales",
    "resultLearningObjectiveIds",
    "resultScoreScales",
    "roles",
    "scoreScales",
    "userProfiles",
    "userResources",
];

/// All data files that the version knows, also those that are always absent here.
pub fn files(version: Version) -> Vec<&'static str> {
    let added = if version == Version::V1p2 {
        ADDED_IN_1P2
    } else {
        &[]
    };
    FILES_1P1.iter().chain(added).copied().collect()
}

/// The files that are checked row by row.
pub fn tables(version: Version) -> Vec<Table> {
    let mut tables = vec![
        table("orgs", orgs()),
        table("academicSessions", academic_sessions()),
        table("courses", courses()),
        table("classes", classes()),
        table("users", users(version)),
        table("demographics", demographics(version)),
        table("enrollments", enrollments()),
    ];
    if version == Version::V1p2 {
        tables.push(table("roles", roles()));
        tables.push(table("userProfiles", user_profiles()));
        tables.push(table("userResources", user_resources()));
    }
    tables
}

fn table(name: &'static str, own: Vec<Column>) -> Table {
    let id = if name == "demographics" {
        Reference("users")
    } else {
        Guid
    };
    let mut columns = vec![
        yes("sourcedId", id),
        Column {
            name: "status",
            need: Need::Delta,
            format: Enumeration(STATUS),
        },
        Column {
            name: "dateLastModified",
            need: Need::Delta,
            format: DateTime,
        },
    ];
    columns.extend(own);
    Table { name, columns }
}

fn yes(name: &'static str, format: Format) -> Column {
    Column {
        name,
        need: Need::Yes,
        format,
    }
}

fn no(name: &'static str, format: Format) -> Column {
    Column {
        name,
        need: Need::No,
        format,
    }
}

fn orgs() -> Vec<Column> {
    vec![
        yes("name", Text),
        yes("type", Extensible(ORG)),
        no("identifier", Text),
        no("parentSourcedId", Reference("orgs")),
    ]
}

fn academic_sessions() -> Vec<Column> {
    vec![
        yes("title", Text),
        yes("type", Extensible(SESSION)),
        yes("startDate", Date),
        yes("endDate", Date),
        no("parentSourcedId", Reference("academicSessions")),
        yes("schoolYear", Year),
    ]
}

fn courses() -> Vec<Column> {
    vec![
        no("schoolYearSourcedId", Reference("academicSessions")),
        yes("title", Text),
        no("courseCode", Text),
        no("grades", Texts),
        yes("orgSourcedId", Reference("orgs")),
        no("subjects", Texts),
        no("subjectCodes", Texts),
    ]
}

fn classes() -> Vec<Column> {
    vec![
        yes("title", Text),
        no("grades", Texts),
        yes("courseSourcedId", Reference("courses")),
        no("classCode", Text),
        yes("classType", Extensible(CLASS)),
        no("location", Text),
        yes("schoolSourcedId", Reference("orgs")),
        yes("termSourcedIds", References("academicSessions")),
        no("subjects", Texts),
        no("subjectCodes", Texts),
        no("periods", Texts),
    ]
}

fn users(version: Version) -> Vec<Column> {
    let mut columns = vec![yes("enabledUser", Enumeration(BOOL))];
    if version == Version::V1p1 {
        columns.push(yes("orgSourcedIds", References("orgs")));
        columns.push(yes("role", Enumeration(USER)));
    }
    columns.extend([
        yes("username", Text),
        no("userIds", UserIds),
        yes("givenName", Text),
        yes("familyName", Text),
        no("middleName", Text),
        no("identifier", Text),
        no("email", Text),
        no("sms", Text),
        no("phone", Text),
        no("agentSourcedIds", References("users")),
        no("grades", Texts),
        no("password", Text),
    ]);
    if version == Version::V1p2 {
        columns.extend([
            no("userMasterIdentifier", Text),
            no("preferredGivenName", Text),
            no("preferredMiddleName", Text),
            no("preferredFamilyName", Text),
            no("primaryOrgSourcedId", Reference("orgs")),
            no("pronouns", Text),
        ]);
    }
    columns
}

fn demographics(version: Version) -> Vec<Column> {
    let sex: &[&str] = match version {
        Version::V1p1 => &["male", "female"],
        Version::V1p2 => &["male", "female", "unspecified", "other"],
    };
    let mut columns = vec![no("birthDate", Date), no("sex", Extensible(sex))];
    let flags = [
        "americanIndianOrAlaskaNative",
        "asian",
        "blackOrAfricanAmerican",
        "nativeHawaiianOrOtherPacificIslander",
        "white",
        "demographicRaceTwoOrMoreRaces",
        "hispanicOrLatinoEthnicity",
    ];
    columns.extend(flags.map(|name| no(name, Enumeration(BOOL))));
    let texts = [
        "countryOfBirthCode",
        "stateOfBirthAbbreviation",
        "cityOfBirth",
        "publicSchoolResidenceStatus",
    ];
    columns.extend(texts.map(|name| no(name, Text)));
    columns
}

fn enrollments() -> Vec<Column> {
    vec![
        yes("classSourcedId", Reference("classes")),
        yes("schoolSourcedId", Reference("orgs")),
        yes("userSourcedId", Reference("users")),
        yes("role", Extensible(ENROLLED)),
        no("primary", Enumeration(BOOL)),
        no("beginDate", Date),
        no("endDate", Date),
    ]
}

fn roles() -> Vec<Column> {
    vec![
        yes("userSourcedId", Reference("users")),
        yes("roleType", Enumeration(&["primary", "secondary"])),
        yes("role", Extensible(ROLE)),
        no("beginDate", Date),
        no("endDate", Date),
        yes("orgSourcedId", Reference("orgs")),
        no("userProfileSourcedId", Reference("userProfiles")),
    ]
}

fn user_profiles() -> Vec<Column> {
    vec![
        yes("userSourcedId", Reference("users")),
        yes("profileType", Text),
        yes("vendorId", Text),
        no("applicationId", Text),
        no("description", Text),
        yes("credentialType", Text),
        yes("username", Text),
        no("password", Text),
    ]
}

fn user_resources() -> Vec<Column> {
    vec![
        yes("userSourcedId", Reference("users")),
        no("orgSourcedId", Reference("orgs")),
        no("classSourcedId", Reference("classes")),
        yes("resourceSourcedId", Reference("resources")),
    ]
}
