//! The shapes of wisenet.md 5 and wisenet.md 6: every field in every row, every relationship in some row, every list.
//!
//! The names below are copied from the contract, not read from the simulator's tables.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Harness;

const COURSE_ENROLMENT: &str = "Opportunity EnrolmentStatus EnrolmentStatusReason StudyMode TargetGroup StudylinkStatus \
    StudylinkStatusReason DurationType ProgramStatus ContractType AvStudyReason CommencingCourse \
    CommencingStudentIdentifier FeeTypeIndicator AdmissionBasis AttendanceType FhStudyReason \
    SpecialisationFieldOfEducation ScholarshipType SeparationStatus FundSource MainSubject1 MainSubject2 MainSubject3 \
    NzqaAwardingProvider NzqaRequestType ManagedApprenticeship Aac RtoStatus PaymentType StudentPassRequirement \
    FpsStatus FpsWaiverReason Trainer Assessor Coordinator SalesPerson Learner CourseOffer Agent Tags Promotion \
    SalesContact ApplicationStatus ApplicationStatusReason CompletionPathway CommencedAtSchoolFlag \
    CommencingProgramCohort1 CommencingProgramCohort2 CommencingProgramCohort3";
const UNIT_ENROLMENT: &str = "AssessmentMethod Unit UnitOffer CourseEnrolment Learner CourseOffer Contract Location \
    Assessor Trainer SpecificProgramIdentifier FeeExemption FeeExemptionWaiver Result Outcome DeliveryMode \
    FundSourceNational FundSourceState NzFeeAssessmentCategory NzMurualAttendance NzOutcome NzResult NzFundSource \
    WorkPlace DeliveryModeAv8 PredominantDeliveryMode DeliveryModeWa1 DeliveryModeWa2 DeliveryModeWa3";
const LEARNER_AU: &str = "Gender AgeCategory TargetGroup EmploymentStatus OccupationIdentifier IndustryOfEmployment \
    HighestSchoolLevelCompleted PrimaryLanguage SpokenEnglishProficiency IndigenousStatus PriorEducationFlag \
    PriorEducations PriorEducationTypes DisabilityFlag Disabilities EnglishTestScoreType SurveyStatus \
    FhCitizenResident CitizenResidents FhHighestEducationLevel FhIndigenousStatus FhParentEducationLevel1 \
    FhParentEducationLevel2 FhAdditionalEntranceCriteria FhBasisForAdmission VisaType Countries States \
    NextOfKinRelationships VaccineStatus";
const LEARNER_NZ: &str = "Gender TargetGroup FeesFreeEligile EmploymentStatus LastSchoolAttended SecondaryQualification \
    MainActivityPriorToStudy PriorEducationFlag PriorEducations PrimaryLanguage SpokenEnglishProficiency \
    EnglishTestScoreType ResidentialStatus IwiAffiliation1 IwiAffiliation2 IwiAffiliation3 Ethnicity1 Ethnicity2 \
    Ethnicity3 DisabilityFlag DisabilityAccessed Disabilities VisaType Countries NextOfKinRelationships VaccineStatus";
const COURSE: &str = "Anzsco Asco QualificationFieldOfEducation LevelOfEducation RecognitionStatus TargetGroupsCourse \
    CourseInternalQualification NzSource SgQualificationCategory DurationType Industry";
const UNIT: &str = "UnitType UnitOfCompetencyFlag UnitFieldOfEducation";
const COURSE_OFFER: &str = "Course Coordinator CourseOfferStatus CourseOfferType DeliveryLanguage DeliveryWorkplace \
    ProgramStatus ContractType CommencingCourse AvStudyReason StudyMode Location DeliveryMode DeliveryModeAv8 \
    DeliveryOptions PredominantDeliveryMode FundSourceNational FundSourceState Contract FeeExemption \
    FeeExemptionWaiver InternetBasedLearning MainSubject1 MainSubject2 MainSubject3 FundSource FeeAssessmentCategory \
    MuralAttendance DeliveryModeWa1 DeliveryModeWa2 DeliveryModeWa3 FeeTypeIndicator OffshoreDeliveryIndicator \
    OffshoreDeliveryMode CampusOperationType CommencingStudentIdentifier Trainer Assessor AssessmentMethod Venue \
    DurationType DepartmentCode Program";
const UNIT_OFFER: &str = "CourseOffer Assessor Unit Location Contract Trainer Venue Program AssessmentMethod \
    FeeExemption FeeExemptionWaiver DepartmentCode DeliveryMode FundSourceNational FundSourceState PeriodType \
    DurationType Workplace InternetBasedLearning NzFeeAssessmentCategory NzMurualAttendance DeliveryModeAv8 \
    PredominantDeliveryMode DeliveryModeWa1 DeliveryModeWa2 DeliveryModeWa3";

#[tokio::test]
async fn every_row_has_every_field() {
    let contract = include_str!("fields.txt");
    let (au, nz) = (
        Harness::new(10, 1, &[]).await,
        Harness::new(10, 1, &[("region", "NZ")]).await,
    );
    for line in contract.lines() {
        let (location, names) = line.split_once(' ').expect("a location and names");
        let (path, below) = location.split_once('/').unwrap_or((location, ""));
        let harness = if path.ends_with("NZ") { &nz } else { &au };
        let expected: BTreeSet<&str> = names.split_whitespace().collect();
        let rows = harness.get(path).await.rows();
        let objects = rows.iter().map(|row| match below {
            "" => &row["Data"],
            below => row["Data"]
                .pointer(&format!("/{below}"))
                .expect("the block is there"),
        });
        let mut met = 0;
        for object in objects.filter_map(Value::as_object) {
            let names: BTreeSet<&str> = object.keys().map(String::as_str).collect();
            assert_eq!(names, expected, "{location}");
            met += 1;
        }
        assert!(met > 0, "{location} is null everywhere");
    }
}

#[tokio::test]
async fn every_field_is_filled_in_some_row() {
    for (region, learners) in [
        ("AU", "learnersAU"),
        ("NZ", "learnersNZ"),
        ("SG", "learnersSG"),
        ("SA", "learnersSA"),
    ] {
        let harness = Harness::new(25, 0, &[("region", region)]).await;
        let others = [
            "course-enrolments",
            "unit-enrolments",
            "courses",
            "units",
            "course-offers",
            "unit-offers",
        ];
        let more = [
            learners,
            "agents",
            "workplaces",
            "locations",
            "staff",
            "entities",
        ];
        let side = [
            "element-enrolments",
            "credentials",
            "language-literacy-numeracy",
            "promotions",
            "learner-positions",
            "sales-contacts",
            "opportunities",
            "checklists",
            "checklist-items",
            "filenotes",
            "invoices",
        ];
        let others = others.iter().chain(&side);
        for path in others.filter(|_| region == "AU").chain(&more) {
            let rows = harness.walk(path, 1000).await;
            let empty = rows.iter().map(|row| {
                empty_paths("", &row["Data"])
                    .into_iter()
                    .collect::<BTreeSet<_>>()
            });
            let empty = empty
                .reduce(|one, other| one.intersection(&other).cloned().collect())
                .expect("rows");
            assert!(
                empty.is_empty(),
                "{path} of {region}: nowhere filled: {empty:?}"
            );
        }
    }
}

/// Paths of members that are null or an empty array.
fn empty_paths(path: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Null => vec![path.to_owned()],
        Value::Array(all) if all.is_empty() => vec![path.to_owned()],
        Value::Object(all) => all
            .iter()
            .flat_map(|(name, value)| empty_paths(&format!("{path}/{name}"), value))
            .collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn every_relationship_occurs() {
    let rows = [
        ("AU", "course-enrolments", COURSE_ENROLMENT),
        ("AU", "unit-enrolments", UNIT_ENROLMENT),
        ("AU", "learnersAU", LEARNER_AU),
        ("NZ", "learnersNZ", LEARNER_NZ),
        ("AU", "courses", COURSE),
        ("AU", "units", UNIT),
        ("AU", "course-offers", COURSE_OFFER),
        ("NZ", "unit-offers", UNIT_OFFER),
    ];
    for (region, path, names) in rows {
        let harness = Harness::new(25, 0, &[("region", region)]).await;
        let expected: BTreeSet<String> = names.split_whitespace().map(str::to_owned).collect();
        let rows = harness.walk(path, 1000).await;
        let met: BTreeSet<String> = rows
            .iter()
            .filter_map(|row| row["Relationships"].as_object())
            .flat_map(|all| {
                all.iter()
                    .filter(|(_, value)| !value.is_null())
                    .map(|(name, _)| name.clone())
            })
            .collect();
        assert_eq!(met, expected, "{path} of {region}");
    }
}

#[tokio::test]
async fn lookups_agree_with_their_lists() {
    let harness = Harness::new(30, 1, &[]).await;
    let statuses = harness.get("combos/enrolment-statuses").await.rows();
    let enrolments = harness.walk("course-enrolments", 1000).await;
    for row in &enrolments {
        let id = &row["Data"]["EnrolmentStatusId"];
        let list = statuses
            .iter()
            .find(|status| status["Data"]["EnrolmentStatusId"] == *id)
            .expect("in its list");
        assert_eq!(row["Relationships"]["EnrolmentStatus"], list["Data"]);
        let learner = &row["Relationships"]["Learner"];
        assert_eq!(learner["LearnerId"], row["Data"]["LearnerId"]);
    }
    for row in harness.walk("unit-enrolments", 1000).await {
        let relations = &row["Relationships"];
        assert_eq!(
            relations["CourseEnrolment"]["CourseEnrolmentId"],
            row["Data"]["CourseEnrolmentId"]
        );
        assert_eq!(
            relations["CourseEnrolment"]["LearnerId"],
            relations["Learner"]["LearnerId"]
        );
        assert_eq!(
            relations["UnitOffer"]["UnitId"],
            relations["Unit"]["UnitId"]
        );
        assert_eq!(
            relations["CourseEnrolment"]["CourseOfferId"],
            relations["CourseOffer"]["CourseOfferId"]
        );
        let whole = enrolments
            .iter()
            .find(|whole| whole["Data"]["CourseEnrolmentId"] == row["Data"]["CourseEnrolmentId"])
            .expect("its course enrolment exists");
        for name in ["StartDate", "EndDate", "ActualEndDate", "EnrolmentStatusId"] {
            assert_eq!(
                relations["CourseEnrolment"][name], whole["Data"][name],
                "{name}"
            );
        }
        assert!(
            row["Data"].get("LearnerId").is_none(),
            "only in Relationships"
        );
    }
}

#[tokio::test]
async fn the_difficult_rows_exist() {
    let harness = Harness::new(60, 0, &[]).await;
    let enrolments = harness.walk("course-enrolments", 1000).await;
    let pairs: Vec<_> = enrolments
        .iter()
        .map(|row| (&row["Data"]["LearnerId"], &row["Data"]["CourseOfferId"]))
        .collect();
    let repeated = pairs
        .iter()
        .enumerate()
        .filter(|(index, pair)| pairs[..*index].contains(pair))
        .count();
    assert_eq!(repeated, 1, "one learner has a duplicate enrolment");
    let times: Vec<&Value> = enrolments
        .iter()
        .map(|row| &row["Data"]["LastModifiedTimeStamp"])
        .collect();
    let most = times
        .iter()
        .map(|one| times.iter().filter(|other| *other == one).count())
        .max();
    assert_eq!(most, Some(40), "changed by one bulk update");
    let inactive = enrolments
        .iter()
        .any(|row| row["Relationships"]["Trainer"]["IsActive"] == false);
    assert!(inactive, "references staff who have left");
    let learners = harness.get("learnersAU/list").await.rows();
    let addresses: BTreeSet<&str> = learners
        .iter()
        .filter_map(|row| row["Email"].as_str())
        .collect();
    assert!(
        addresses.len() < learners.len(),
        "some share an e-mail address"
    );
    assert!(
        learners.iter().any(|row| row["Username"].is_null()),
        "and they have no username"
    );
    let removed = harness
        .get("audit-logs?auditActionFilter=D&entityNameFilter=CourseEnrolment")
        .await
        .rows();
    for row in &removed {
        let status = harness
            .get(&format!("course-enrolments/{}", row["Data"]["RecordId"]))
            .await
            .status;
        assert_eq!(status, 404, "{row}");
    }
    assert!(
        !removed.is_empty(),
        "some rows were deleted before the first reading"
    );
}

#[tokio::test]
async fn every_combo_list_has_its_id_property_and_shape() {
    let contract = include_str!("combos.txt");
    let harness = Harness::new(3, 0, &[]).await;
    let mut lists = 0;
    for line in contract.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, shape @ ..] = words.as_slice() else {
            continue;
        };
        let rows = harness.get(&format!("combos/{name}")).await.rows();
        assert!(rows.len() >= 2, "{name}");
        let expected: BTreeSet<&str> = shape.iter().copied().collect();
        for row in &rows {
            let met: BTreeSet<&str> = row["Data"]
                .as_object()
                .expect("data")
                .keys()
                .map(String::as_str)
                .collect();
            assert_eq!(met, expected, "{name}");
            assert!(row["Data"][shape[0]].is_u64(), "{name}: {row}");
        }
        lists += 1;
    }
    assert_eq!(lists, 168);
    let outcomes = harness.get("combos/outcomes").await.text;
    for code in ["\"00\"", "\"@@\"", "\"NS\"", "\"100\""] {
        assert!(outcomes.contains(code), "{code}");
    }
    let related = harness.get("combos/alert-types").await.rows();
    assert!(
        related
            .iter()
            .all(|row| row["Relationships"]["EventType"].is_object())
    );
}
