//! The collections of wisenet.md 4 that a mirror reads, with the exact spelling of their parameters.
//!
//! Data only; `listing` implements the parameters. A field with a dot and a small letter is on a
//! linked row: the learner or offer of an enrolment.

use super::world::Entity;

/// One collection of `/v1`.
#[derive(Debug)]
pub struct Resource {
    /// The path below `/v1`; learners have the region's letters appended.
    pub path: &'static str,
    /// Entity of its rows.
    pub entity: Entity,
    /// Spelling of the change filter; unit enrolments have it differently (wisenet.md 10 rule 4).
    pub changed: &'static str,
    /// Other parameters and the field each filters; `search` covers several.
    pub filters: &'static [(&'static str, &'static [&'static str])],
    /// Sort fields; the first is the default, none means undocumented order.
    pub sorts: &'static [&'static str],
}

const CHANGED: &str = "lastModifiedTimeStampFilter";
const LEARNER_FILTERS: &[(&str, &[&str])] = &[
    ("search", &["Personal.FirstName", "Personal.LastName"]),
    ("isActiveFilter", &["Personal.IsActive"]),
    ("syncToXeroFilter", &["Personal.SyncToXero"]),
    ("learnerNumberFilter", &["Personal.LearnerNumber"]),
    ("emailAddressFilter", &["Personal.EmailAddresses.Email"]),
    ("mobileFilter", &["Personal.PhoneNumbers.Mobile"]),
    ("learnerAlt1NumberFilter", &["Personal.LearnerAlt1Number"]),
    ("learnerAlt2NumberFilter", &["Personal.LearnerAlt2Number"]),
    (
        "uniqueStudentIdentifierFilter",
        &["Personal.UniqueStudentIdentifier"],
    ),
    ("learnerUsernameFilter", &["LearnerAccess.Username"]),
];

const fn resource(
    path: &'static str,
    entity: Entity,
    filters: &'static [(&'static str, &'static [&'static str])],
    sorts: &'static [&'static str],
) -> Resource {
    Resource {
        path,
        entity,
        changed: CHANGED,
        filters,
        sorts,
    }
}

/// The collections of wisenet.md 4 that a mirror reads.
pub const RESOURCES: &[Resource] = &[
    resource("learners", Entity::Learner, LEARNER_FILTERS, &[]),
    resource(
        "courses",
        Entity::Course,
        &[
            ("search", &["CourseCode", "CourseDesc"]),
            ("courseCodeFilter", &["CourseCode"]),
        ],
        &[],
    ),
    resource(
        "units",
        Entity::Unit,
        &[
            ("search", &["UnitCode", "UnitDesc"]),
            ("unitCodeFilter", &["UnitCode"]),
            ("courseIdFilter", &["CourseId"]),
        ],
        &[],
    ),
    resource(
        "course-offers",
        Entity::CourseOffer,
        &[
            ("search", &["Code", "Description"]),
            ("publishFlagFilter", &["PublishFlag"]),
            ("courseOfferStartDateFilter", &["CourseOfferStartDate"]),
        ],
        &[],
    ),
    resource(
        "unit-offers",
        Entity::UnitOffer,
        &[
            ("search", &["UnitOfferCode"]),
            ("courseOfferIdFilter", &["CourseOfferId"]),
        ],
        &[],
    ),
    resource(
        "course-enrolments",
        Entity::CourseEnrolment,
        &[
            (
                "search",
                &[
                    "learner.given",
                    "learner.family",
                    "learner.number",
                    "offer.code",
                ],
            ),
            ("learnerIdFilter", &["LearnerId"]),
            ("learnerNumberFilter", &["learner.number"]),
            ("courseOfferIdFilter", &["CourseOfferId"]),
            ("applicationStatusIdFilter", &["ApplicationStatusId"]),
            ("enrolmentStatusIdFilter", &["EnrolmentStatusId"]),
        ],
        &["LastModifiedTimeStamp", "EndDate", "EnquiryDate"],
    ),
    Resource {
        path: "unit-enrolments",
        entity: Entity::UnitEnrolment,
        changed: "lastModifiedTimestampFilter",
        filters: &[
            ("courseEnrolmentIdFilter", &["CourseEnrolmentId"]),
            ("unitOfferIdFilter", &["UnitOfferId"]),
            ("learnerIdFilter", &["learner.id"]),
            ("enrolmentStatusIdFilter", &["course.status"]),
        ],
        sorts: &[],
    },
    resource(
        "audit-logs",
        Entity::AuditLog,
        &[
            ("auditActionFilter", &["AuditAction"]),
            ("entityNameFilter", &["EntityName"]),
        ],
        &[],
    ),
    resource(
        "agents",
        Entity::Agent,
        &[
            ("search", &["Code", "Name"]),
            ("agentStatusIdFilter", &["AgentStatusId"]),
            ("archivedFlagFilter", &["ArchivedFlag"]),
        ],
        &["AgentId", "Name"],
    ),
    resource(
        "workplaces",
        Entity::Workplace,
        &[("search", &["Code", "Description"])],
        &[],
    ),
    resource(
        "locations",
        Entity::Location,
        &[("search", &["Code", "Description"])],
        &["Description", "Code", "LastModifiedTimeStamp"],
    ),
    resource(
        "staff",
        Entity::Staff,
        &[
            ("search", &["FirstName", "LastName"]),
            ("archivedFlagFilter", &["ArchivedFlag"]),
            ("trainerIdFilter", &["TrainerId"]),
            ("assessorIdFilter", &["AssessorId"]),
            ("coordinatorIdFilter", &["CoordinatorId"]),
            ("salesPersonIdFilter", &["SalesPersonId"]),
        ],
        &[],
    ),
    resource("entities", Entity::NameOfEntities, &[], &[]),
];
