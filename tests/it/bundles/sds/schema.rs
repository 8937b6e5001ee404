//! The files, columns and lists of values of School Data Sync, see school-data-sync.md 3 and 4.

/// What a value must be, and how it is checked.
#[derive(Clone, Copy)]
pub enum Kind {
    /// At most so many characters.
    Text(usize),
    /// An identifier that occurs in lists, so it has no comma.
    ListedId,
    /// The `sourcedId` of a row of this file.
    Reference(&'static str),
    /// Several of them.
    References(&'static str),
    OneOf(&'static [&'static str]),
    AnyOf(&'static [&'static str]),
    Username,
    Address,
    Phone,
    Date,
    Boolean,
    Year,
    Digits,
    Flag,
    /// A column that may be there but has no value.
    Unused,
}

pub struct Column {
    pub name: &'static str,
    pub is_required: bool,
    pub kind: Kind,
}

/// One file of the set.
pub struct File {
    pub name: &'static str,
    /// Whether it is in every set, and has a row.
    pub is_required: bool,
    pub columns: &'static [Column],
    /// The columns whose values together occur once.
    pub key: &'static [&'static str],
}

const NAME: Kind = Kind::Text(256);
const PERSON_NAME: Kind = Kind::Text(64);
const FREE: Kind = Kind::Text(usize::MAX);

const fn required(name: &'static str, kind: Kind) -> Column {
    column(name, true, kind)
}

const fn optional(name: &'static str, kind: Kind) -> Column {
    column(name, false, kind)
}

const fn column(name: &'static str, is_required: bool, kind: Kind) -> Column {
    Column {
        name,
        is_required,
        kind,
    }
}

const fn file(
    name: &'static str,
    is_required: bool,
    key: &'static [&'static str],
    columns: &'static [Column],
) -> File {
    File {
        name,
        is_required,
        columns,
        key,
    }
}

pub const ORGS: &str = "orgs.csv";
pub const USERS: &str = "users.csv";
pub const ROLES: &str = "roles.csv";
pub const CLASSES: &str = "classes.csv";
pub const ENROLLMENTS: &str = "enrollments.csv";
pub const SESSIONS: &str = "academicSessions.csv";
pub const COURSES: &str = "courses.csv";
pub const RELATIONSHIPS: &str = "relationships.csv";

pub const FILES: &[File] = &[
    file(
        ORGS,
        true,
        &["sourcedId"],
        &[
            required("sourcedId", FREE),
            required("name", NAME),
            required("type", Kind::OneOf(ORG_TYPES)),
            optional("parentSourcedId", Kind::Reference(ORGS)),
        ],
    ),
    file(
        USERS,
        true,
        &["sourcedId"],
        &[
            required("sourcedId", FREE),
            required("username", Kind::Username),
            optional("familyName", PERSON_NAME),
            optional("givenName", PERSON_NAME),
            optional("activeDirectoryMatchId", Kind::Address),
            optional("email", Kind::Address),
            optional("phone", Kind::Phone),
            optional("sms", Kind::Phone),
            optional("userNumber", FREE),
            optional("password", Kind::Unused),
        ],
    ),
    file(
        ROLES,
        true,
        &["userSourcedId", "orgSourcedId", "role", "grade"],
        &[
            required("userSourcedId", Kind::Reference(USERS)),
            required("orgSourcedId", Kind::Reference(ORGS)),
            required("role", Kind::OneOf(ORG_ROLES)),
            optional("sessionSourcedId", Kind::Reference(SESSIONS)),
            optional("grade", Kind::OneOf(GRADES)),
            optional("isPrimary", Kind::Boolean),
            optional("roleStartDate", Kind::Date),
            optional("roleEndDate", Kind::Date),
        ],
    ),
    file(
        CLASSES,
        false,
        &["sourcedId"],
        &[
            required("sourcedId", FREE),
            required("orgSourcedId", Kind::Reference(ORGS)),
            required("title", NAME),
            optional("sessionSourcedIds", Kind::References(SESSIONS)),
            optional("courseSourcedId", Kind::Reference(COURSES)),
            optional("code", FREE),
        ],
    ),
    file(
        ENROLLMENTS,
        false,
        &["classSourcedId", "userSourcedId", "role"],
        &[
            required("classSourcedId", Kind::Reference(CLASSES)),
            required("userSourcedId", Kind::Reference(USERS)),
            required("role", Kind::OneOf(CLASS_ROLES)),
        ],
    ),
    file(
        SESSIONS,
        false,
        &["sourcedId"],
        &[
            required("sourcedId", Kind::ListedId),
            required("title", NAME),
            required("type", Kind::OneOf(SESSION_TYPES)),
            required("schoolYear", Kind::Year),
            required("startDate", Kind::Date),
            required("endDate", Kind::Date),
        ],
    ),
    file(
        COURSES,
        false,
        &["sourcedId"],
        &[
            required("sourcedId", FREE),
            required("orgSourcedId", Kind::Reference(ORGS)),
            required("title", NAME),
            optional("code", FREE),
            optional("schoolYearSourcedId", Kind::Reference(SESSIONS)),
            optional("subject", Kind::Digits),
            optional("grade", Kind::OneOf(GRADES)),
        ],
    ),
    file(
        RELATIONSHIPS,
        false,
        &[
            "userSourcedId",
            "relationshipUserSourcedId",
            "relationshipRole",
        ],
        &[
            required("userSourcedId", Kind::Reference(USERS)),
            required("relationshipUserSourcedId", Kind::Reference(USERS)),
            required("relationshipRole", Kind::OneOf(RELATIONSHIP_ROLES)),
        ],
    ),
    file(
        "demographics.csv",
        false,
        &["userSourcedId"],
        &[
            required("userSourcedId", Kind::Reference(USERS)),
            optional("sex", Kind::OneOf(&["male", "female", "notSelected"])),
            optional("birthDate", Kind::Date),
            optional("birthCity", FREE),
            optional("birthState", FREE),
            optional("birthCountry", FREE),
            optional(
                "ethnicityCodes",
                Kind::AnyOf(&["hispanicOrLatinoEthnicity"]),
            ),
            optional("raceCodes", Kind::AnyOf(RACES)),
        ],
    ),
    file(
        "userFlags.csv",
        false,
        &["userSourcedId", "flag"],
        &[
            required("userSourcedId", Kind::Reference(USERS)),
            required("flag", Kind::Flag),
        ],
    ),
];

const ORG_TYPES: &[&str] = &[
    "school",
    "department",
    "district",
    "local",
    "state",
    "national",
    "departmentOfEducation",
    "ministryOfEducation",
    "university",
    "college",
    "campus",
    "adultEducation",
    "municipality",
    "academicTrust",
    "localAuthority",
    "region",
    "division",
    "province",
    "researchCenter",
    "program",
];

const ORG_ROLES: &[&str] = &[
    "principal",
    "chair",
    "professor",
    "researcher",
    "adjunct",
    "affiliate",
    "occupationalTherapist",
    "physicalTherapist",
    "speechTherapist",
    "visionTherapist",
    "paraprofessional",
    "specialServices",
    "advisor",
    "proctor",
    "nurse",
    "officeStaff",
    "lecturer",
    "itAdmin",
    "administrator",
    "teacher",
    "faculty",
    "staff",
    "teacherAssistant",
    "assistant",
    "instructor",
    "substitute",
    "coach",
    "alumni",
    "student",
    "other",
];

const CLASS_ROLES: &[&str] = &[
    "principal",
    "chair",
    "professor",
    "adjunct",
    "affiliate",
    "occupationalTherapist",
    "physicalTherapist",
    "speechTherapist",
    "visionTherapist",
    "paraprofessional",
    "specialServices",
    "advisor",
    "proctor",
    "officeStaff",
    "lecturer",
    "itAdmin",
    "administrator",
    "teacher",
    "staff",
    "teacherAssistant",
    "assistant",
    "instructor",
    "substitute",
    "coach",
    "alumni",
    "student",
    "aid",
];

const GRADES: &[&str] = &[
    "it",
    "pr",
    "pk",
    "tk",
    "kg",
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "07",
    "08",
    "09",
    "10",
    "11",
    "12",
    "13",
    "14",
    "ps",
    "ug",
    "other",
    "ps1",
    "ps2",
    "ps3",
    "ps4",
    "undergraduate",
    "graduate",
    "postgraduate",
    "alumni",
    "adultEducation",
];

const SESSION_TYPES: &[&str] = &["schoolYear", "semester", "term", "gradingPeriod", "quarter"];

const RELATIONSHIP_ROLES: &[&str] = &["parent", "guardian", "relative", "aide", "doctor", "other"];

const RACES: &[&str] = &[
    "asian",
    "white",
    "blackOrAfricanAmerican",
    "americanIndianOrAlaskaNative",
    "nativeHawaiianOrOtherPacificIslander",
    "demographicRaceTwoOrMoreRaces",
];
