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
    /// Spelling of the change filter; unit enrolments have it differently (wisenet.md 10 rule 4). Empty where there is none.
    pub changed: &'static str,
    /// Whether operators are promised for it (wisenet.md 3.5); else `ge:` is a part of the value.
    pub operators: bool,
    /// Whether the list takes `skip` and `take`.
    pub paged: bool,
    /// Whether the default order is descending.
    pub newest_first: bool,
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
        operators: true,
        paged: true,
        newest_first: false,
        filters,
        sorts,
    }
}

/// A list without change filter.
const fn unfiltered(
    path: &'static str,
    entity: Entity,
    filters: &'static [(&'static str, &'static [&'static str])],
) -> Resource {
    Resource {
        changed: "",
        ..resource(path, entity, filters, &[])
    }
}

/// A list with a change filter that takes no operators.
const fn plain_filter(
    path: &'static str,
    entity: Entity,
    filters: &'static [(&'static str, &'static [&'static str])],
) -> Resource {
    Resource {
        operators: false,
        ..resource(path, entity, filters, &[])
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
        changed: "lastModifiedTimestampFilter",
        ..resource(
            "unit-enrolments",
            Entity::UnitEnrolment,
            &[
                ("courseEnrolmentIdFilter", &["CourseEnrolmentId"]),
                ("unitOfferIdFilter", &["UnitOfferId"]),
                ("learnerIdFilter", &["learner.id"]),
                ("enrolmentStatusIdFilter", &["course.status"]),
            ],
            &[],
        )
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
    plain_filter(
        "element-enrolments",
        Entity::ElementEnrolment,
        &[
            ("learnerIdFilter", &["learner.id"]),
            ("courseEnrolmentIdFilter", &["course.id"]),
            ("unitEnrolmentIdFilter", &["UnitEnrolmentId"]),
            ("learnerNumberFilter", &["member.number"]),
            ("unitCodeFilter", &["unit.code"]),
        ],
    ),
    unfiltered(
        "credentials",
        Entity::Credential,
        &[
            ("credentialIdFilter", &["CredentialId"]),
            ("courseEnrolmentIdFilter", &["CourseEnrolmentId"]),
            ("credentialNumberFilter", &["CredentialNumber"]),
            ("learnerIdFilter", &["learner.id"]),
            ("credentialStatusIdFilter", &["CredentialStatusId"]),
        ],
    ),
    plain_filter(
        "language-literacy-numeracy",
        Entity::LanguageLiteracyNumeracy,
        &[("courseEnrolmentIdFilter", &["CourseEnrolmentId"])],
    ),
    resource(
        "promotions",
        Entity::Promotion,
        &[],
        &["LastModifiedTimeStamp", "PromotionId"],
    ),
    resource(
        "learner-positions",
        Entity::LearnerPosition,
        &[
            ("learnerIdFilter", &["LearnerId"]),
            ("workplaceIdFilter", &["WorkplaceId"]),
        ],
        &[],
    ),
    Resource {
        newest_first: true,
        sorts: &["LastModifiedTimeStamp"],
        ..unfiltered(
            "sales-contacts",
            Entity::SalesContact,
            &[
                ("contactTypeIdFilter", &["SalesContactTypeId"]),
                (
                    "search",
                    &["FirstName", "LastName", "Email", "Company", "Mobile"],
                ),
                ("relationshipEntityNameFilter", &["relationships"]),
                ("relationshipRecordIdFilter", &["relationships"]),
                ("emailFilter", &["Email"]),
            ],
        )
    },
    resource(
        "opportunities",
        Entity::Opportunity,
        &[
            ("salesContactIdFilter", &["SalesContactId"]),
            ("search", &["Description"]),
            ("closeDateFilter", &["CloseDate"]),
            ("opportunityStageIdFilter", &["OpportunityStageId"]),
            ("ownerIdFilter", &["OwnerId"]),
            ("createdOnFilter", &["CreatedOn"]),
            ("pipelineIdFilter", &["PipelineId"]),
            ("amountFilter", &["Amount"]),
            ("previousIdentifierFilter", &["PreviousIdentifier"]),
            ("opportunitySourceIdFilter", &["OpportunitySourceId"]),
            ("opportunityTypeIdFilter", &["OpportunityTypeId"]),
            ("closeLostReasonIdFilter", &["CloseLostReasonId"]),
        ],
        &["LastModifiedTimeStamp", "CloseDate", "Amount"],
    ),
    Resource {
        paged: false,
        ..unfiltered(
            "tags",
            Entity::Tag,
            &[
                ("entityNameFilter", &["EntityName"]),
                ("search", &["Name"]),
                ("archivedFlagFilter", &["ArchivedFlag"]),
            ],
        )
    },
    unfiltered(
        "sales-persons",
        Entity::SalesPerson,
        &[
            ("salesPersonIdFilter", &["SalesPersonId"]),
            ("isActiveFilter", &["IsActive"]),
            ("firstNameFilter", &["FirstName"]),
            ("lastNameFilter", &["LastName"]),
        ],
    ),
    unfiltered("trainers", Entity::Trainer, &[]),
    unfiltered("assessors", Entity::Assessor, &[]),
    unfiltered("coordinators", Entity::Coordinator, &[]),
    plain_filter(
        "checklists",
        Entity::Checklist,
        &[
            ("checklistItemIdFilter", &["ChecklistItemId"]),
            ("entityNameFilter", &["EntityName"]),
            ("recordIdFilter", &["RecordId"]),
        ],
    ),
    plain_filter(
        "checklist-items",
        Entity::ChecklistItem,
        &[
            ("entityNameFilter", &["EntityName"]),
            ("typeFilter", &["Type"]),
            ("descriptionFilter", &["Description"]),
            ("isActiveFilter", &["IsActive"]),
        ],
    ),
    resource(
        "filenotes",
        Entity::Filenote,
        &[
            ("entityNameFilter", &["EntityName"]),
            ("recordIdFilter", &["RecordId"]),
        ],
        &[],
    ),
    unfiltered(
        "invoices",
        Entity::Invoice,
        &[("learnerIdFilter", &["LearnerId"])],
    ),
];
