//! The collections of OneRoster 1.1, and the lists that are found below an object (oneroster-service.md 2).

use super::entity::RosterEntity;

/// A collection: an entity's objects, or those with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RosterCollection {
    /// Its path.
    pub path: &'static str,
    /// What its objects are.
    pub entity: RosterEntity,
    /// The member and value that its objects have.
    pub having: Option<(&'static str, &'static str)>,
}

const fn all(path: &'static str, entity: RosterEntity) -> RosterCollection {
    RosterCollection {
        path,
        entity,
        having: None,
    }
}

const fn some(
    path: &'static str,
    entity: RosterEntity,
    member: &'static str,
    value: &'static str,
) -> RosterCollection {
    RosterCollection {
        path,
        entity,
        having: Some((member, value)),
    }
}

const CLASSES: RosterCollection = all("classes", RosterEntity::Class);
const COURSES: RosterCollection = all("courses", RosterEntity::Course);
const ENROLLMENTS: RosterCollection = all("enrollments", RosterEntity::Enrollment);
const USERS: RosterCollection = all("users", RosterEntity::User);
/// Schools, among all organisations.
pub const SCHOOLS: RosterCollection = some("schools", RosterEntity::Org, "type", "school");
const STUDENTS: RosterCollection = some("students", RosterEntity::User, "role", "student");
const TEACHERS: RosterCollection = some("teachers", RosterEntity::User, "role", "teacher");
const TERMS: RosterCollection = some("terms", RosterEntity::AcademicSession, "type", "term");
const GRADING_PERIODS: RosterCollection = some(
    "gradingPeriods",
    RosterEntity::AcademicSession,
    "type",
    "gradingPeriod",
);

/// All collections.
pub const COLLECTIONS: [RosterCollection; 12] = [
    all("academicSessions", RosterEntity::AcademicSession),
    CLASSES,
    COURSES,
    all("demographics", RosterEntity::Demographics),
    ENROLLMENTS,
    GRADING_PERIODS,
    all("orgs", RosterEntity::Org),
    SCHOOLS,
    STUDENTS,
    TEACHERS,
    TERMS,
    USERS,
];

/// How the objects of a list are found below an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListRelation {
    /// They name it in this member.
    Naming(&'static str),
    /// They are named in this member by active classes of it, a school.
    TermsOfClasses,
    /// Users with this role in active enrollments of it, a class.
    Enrolled(&'static str),
    /// Classes of its active enrollments, a user's, in this role or any.
    Attended(Option<&'static str>),
}

/// A list below an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NestedList {
    /// The collection of the object.
    pub parent: RosterCollection,
    /// Whether the object is a class and the path names its school first.
    pub is_in_school: bool,
    /// The last part of the path.
    pub name: &'static str,
    /// What is listed.
    pub child: RosterCollection,
    /// How it is found.
    pub relation: ListRelation,
}

const fn below(
    parent: RosterCollection,
    name: &'static str,
    child: RosterCollection,
    relation: ListRelation,
) -> NestedList {
    NestedList {
        parent,
        is_in_school: false,
        name,
        child,
        relation,
    }
}

const fn in_school(list: NestedList) -> NestedList {
    NestedList {
        is_in_school: true,
        ..list
    }
}

const CLASS_STUDENTS: NestedList = below(
    CLASSES,
    "students",
    USERS,
    ListRelation::Enrolled("student"),
);
const CLASS_TEACHERS: NestedList = below(
    CLASSES,
    "teachers",
    USERS,
    ListRelation::Enrolled("teacher"),
);
const CLASS_ENROLLMENTS: NestedList = below(
    CLASSES,
    "enrollments",
    ENROLLMENTS,
    ListRelation::Naming("class"),
);

/// All lists below an object.
pub const NESTED_LISTS: [NestedList; 17] = [
    below(SCHOOLS, "courses", COURSES, ListRelation::Naming("org")),
    below(
        SCHOOLS,
        "enrollments",
        ENROLLMENTS,
        ListRelation::Naming("school"),
    ),
    below(SCHOOLS, "classes", CLASSES, ListRelation::Naming("school")),
    below(SCHOOLS, "students", STUDENTS, ListRelation::Naming("orgs")),
    below(SCHOOLS, "teachers", TEACHERS, ListRelation::Naming("orgs")),
    below(SCHOOLS, "terms", TERMS, ListRelation::TermsOfClasses),
    in_school(CLASS_ENROLLMENTS),
    in_school(CLASS_STUDENTS),
    in_school(CLASS_TEACHERS),
    below(TERMS, "classes", CLASSES, ListRelation::Naming("terms")),
    below(
        TERMS,
        "gradingPeriods",
        GRADING_PERIODS,
        ListRelation::Naming("parent"),
    ),
    below(COURSES, "classes", CLASSES, ListRelation::Naming("course")),
    CLASS_STUDENTS,
    CLASS_TEACHERS,
    below(
        STUDENTS,
        "classes",
        CLASSES,
        ListRelation::Attended(Some("student")),
    ),
    below(
        TEACHERS,
        "classes",
        CLASSES,
        ListRelation::Attended(Some("teacher")),
    ),
    below(USERS, "classes", CLASSES, ListRelation::Attended(None)),
];

impl NestedList {
    /// The entities whose rows are needed to know the list.
    pub fn entities(&self) -> Vec<RosterEntity> {
        let mut entities = vec![self.parent.entity, self.child.entity];
        if self.is_in_school {
            entities.push(RosterEntity::Org);
        }
        entities.extend(match self.relation {
            ListRelation::Naming(_) => None,
            ListRelation::TermsOfClasses => Some(RosterEntity::Class),
            ListRelation::Enrolled(_) | ListRelation::Attended(_) => Some(RosterEntity::Enrollment),
        });
        entities
    }
}
