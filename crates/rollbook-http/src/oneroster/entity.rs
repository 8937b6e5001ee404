//! The entities of OneRoster 1.1: their members in JSON, and the columns of a bundle's file that hold them
//! (oneroster-service.md 3, oneroster-csv.md 4).

/// An entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RosterEntity {
    /// A school year, semester, term or grading period.
    AcademicSession,
    /// A course that is taught to a group.
    Class,
    /// A course of study.
    Course,
    /// Birth date and the like of a user.
    Demographics,
    /// A user in a class.
    Enrollment,
    /// A school, or what it belongs to.
    Org,
    /// A person with an account.
    User,
}

/// How a column's text is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberKind {
    /// As it is.
    Text,
    /// `true` or `false`.
    Boolean,
    /// A day, as it is.
    Date,
    /// A list, by its commas.
    List,
    /// A list of ids with their types, `{type:id}`.
    UserIds,
    /// The id of another object.
    Reference(RosterEntity),
    /// A list of ids of other objects.
    References(RosterEntity),
    /// The objects whose member `parent` names this one. No column.
    Children,
}

/// A member of an entity, besides those that all have.
#[derive(Clone, Copy, Debug)]
pub struct EntityMember {
    /// Its name in JSON.
    pub name: &'static str,
    /// Its column in the bundle's file.
    pub column: &'static str,
    /// How it is served.
    pub kind: MemberKind,
}

const fn member(name: &'static str, column: &'static str, kind: MemberKind) -> EntityMember {
    EntityMember { name, column, kind }
}

const fn same(name: &'static str, kind: MemberKind) -> EntityMember {
    member(name, name, kind)
}

use MemberKind::{Boolean, Children, Date, List, Reference, References, Text, UserIds};

const ACADEMIC_SESSION: &[EntityMember] = &[
    same("title", Text),
    same("startDate", Date),
    same("endDate", Date),
    same("type", Text),
    member(
        "parent",
        "parentSourcedId",
        Reference(RosterEntity::AcademicSession),
    ),
    same("children", Children),
    same("schoolYear", Text),
];

const CLASS: &[EntityMember] = &[
    same("title", Text),
    same("classCode", Text),
    same("classType", Text),
    same("location", Text),
    same("grades", List),
    same("subjects", List),
    member("course", "courseSourcedId", Reference(RosterEntity::Course)),
    member("school", "schoolSourcedId", Reference(RosterEntity::Org)),
    member(
        "terms",
        "termSourcedIds",
        References(RosterEntity::AcademicSession),
    ),
    same("subjectCodes", List),
    same("periods", List),
];

const COURSE: &[EntityMember] = &[
    same("title", Text),
    member(
        "schoolYear",
        "schoolYearSourcedId",
        Reference(RosterEntity::AcademicSession),
    ),
    same("courseCode", Text),
    same("grades", List),
    same("subjects", List),
    member("org", "orgSourcedId", Reference(RosterEntity::Org)),
    same("subjectCodes", List),
];

const DEMOGRAPHICS: &[EntityMember] = &[
    same("birthDate", Date),
    same("sex", Text),
    same("americanIndianOrAlaskaNative", Boolean),
    same("asian", Boolean),
    same("blackOrAfricanAmerican", Boolean),
    same("nativeHawaiianOrOtherPacificIslander", Boolean),
    same("white", Boolean),
    same("demographicRaceTwoOrMoreRaces", Boolean),
    same("hispanicOrLatinoEthnicity", Boolean),
    same("countryOfBirthCode", Text),
    same("stateOfBirthAbbreviation", Text),
    same("cityOfBirth", Text),
    same("publicSchoolResidenceStatus", Text),
];

const ENROLLMENT: &[EntityMember] = &[
    member("user", "userSourcedId", Reference(RosterEntity::User)),
    member("class", "classSourcedId", Reference(RosterEntity::Class)),
    member("school", "schoolSourcedId", Reference(RosterEntity::Org)),
    same("role", Text),
    same("primary", Boolean),
    same("beginDate", Date),
    same("endDate", Date),
];

const ORG: &[EntityMember] = &[
    same("name", Text),
    same("type", Text),
    same("identifier", Text),
    member("parent", "parentSourcedId", Reference(RosterEntity::Org)),
    same("children", Children),
];

/// Without `password`, which is never served.
const USER: &[EntityMember] = &[
    same("username", Text),
    same("userIds", UserIds),
    same("enabledUser", Boolean),
    same("givenName", Text),
    same("familyName", Text),
    same("middleName", Text),
    same("role", Text),
    same("identifier", Text),
    same("email", Text),
    same("sms", Text),
    same("phone", Text),
    member("agents", "agentSourcedIds", References(RosterEntity::User)),
    member("orgs", "orgSourcedIds", References(RosterEntity::Org)),
    same("grades", List),
];

impl RosterEntity {
    /// All.
    pub const ALL: [Self; 7] = [
        Self::AcademicSession,
        Self::Class,
        Self::Course,
        Self::Demographics,
        Self::Enrollment,
        Self::Org,
        Self::User,
    ];

    /// The members besides `sourcedId`, `status` and `dateLastModified`.
    pub fn members(self) -> &'static [EntityMember] {
        match self {
            Self::AcademicSession => ACADEMIC_SESSION,
            Self::Class => CLASS,
            Self::Course => COURSE,
            Self::Demographics => DEMOGRAPHICS,
            Self::Enrollment => ENROLLMENT,
            Self::Org => ORG,
            Self::User => USER,
        }
    }

    /// The columns that its file must have (oneroster-service.md 3).
    pub fn required_columns(self) -> &'static [&'static str] {
        match self {
            Self::AcademicSession => &["title", "type", "startDate", "endDate", "schoolYear"],
            Self::Class => &["title", "schoolSourcedId"],
            Self::Course => &["title"],
            Self::Demographics => &[],
            Self::Enrollment => &["userSourcedId", "classSourcedId", "schoolSourcedId", "role"],
            Self::Org => &["name", "type"],
            Self::User => &[
                "username",
                "givenName",
                "familyName",
                "role",
                "orgSourcedIds",
            ],
        }
    }

    /// Its collection's name: that of its path and of its file in a bundle.
    pub fn plural(self) -> &'static str {
        match self {
            Self::AcademicSession => "academicSessions",
            Self::Class => "classes",
            Self::Course => "courses",
            Self::Demographics => "demographics",
            Self::Enrollment => "enrollments",
            Self::Org => "orgs",
            Self::User => "users",
        }
    }

    /// The key of a single object, and the `type` of a reference.
    pub fn singular(self) -> &'static str {
        match self {
            Self::AcademicSession => "academicSession",
            Self::Class => "class",
            Self::Course => "course",
            Self::Demographics => "demographics",
            Self::Enrollment => "enrollment",
            Self::Org => "org",
            Self::User => "user",
        }
    }

    /// Of a file of a bundle, such as `users.csv`.
    pub fn of_file(name: &str) -> Option<Self> {
        let stem = name.split('.').next()?;
        Self::ALL.into_iter().find(|entity| entity.plural() == stem)
    }

    /// The position of a member.
    pub fn position(self, name: &str) -> Option<usize> {
        self.members().iter().position(|member| member.name == name)
    }
}
