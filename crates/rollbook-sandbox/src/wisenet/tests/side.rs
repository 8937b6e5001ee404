//! The collections beside the enrolments: every relationship, a day of each, and what their lists do not take.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Harness;

/// Path, key in `Data`, and relationships by the contract.
const LISTS: &[(&str, &str, &str)] = &[
    (
        "element-enrolments",
        "ElementEnrolmentId",
        "ElementEnrolmentStatus UnitEnrolment Element Trainer",
    ),
    (
        "credentials",
        "CredentialId",
        "CourseEnrolment Learner CourseOffer CredentialStatus Document",
    ),
    (
        "language-literacy-numeracy",
        "LanguageLiteracyNumeracyId",
        "CourseEnrolment LlnBenefit LlnLevel LlnPostAssessment LlnPreAssessment",
    ),
    ("promotions", "PromotionId", ""),
    (
        "learner-positions",
        "LearnerPositionId",
        "Learner Workplace Position SalesContact WorkplaceType PayLevel",
    ),
    (
        "sales-contacts",
        "SalesContactId",
        "Owner SalesContactStage SalesContactType",
    ),
    (
        "opportunities",
        "OpportunityId",
        "SalesContact OpportunityStage Owner OpportunitySource OpportunityType CloseLostReason ReferringSalesContact \
         Pipeline Tags",
    ),
    ("tags", "TagId", ""),
    ("sales-persons", "SalesPersonId", ""),
    ("trainers", "TrainerId", ""),
    ("assessors", "AssessorId", ""),
    ("coordinators", "CoordinatorId", ""),
    ("checklists", "ChecklistId", "ChecklistItem"),
    ("checklist-items", "ChecklistItemId", ""),
    ("filenotes", "FilenoteId", "CreatedByUser LastModifiedUser"),
    ("invoices", "InvoiceId", ""),
];

async fn rows(harness: &Harness, path: &str, key: &str) -> BTreeMap<String, Value> {
    let rows = match path {
        "tags" => harness.get(path).await.rows(),
        _ => harness.walk(path, 97).await,
    };
    let count = rows.len();
    let by_key = rows
        .into_iter()
        .map(|row| (row["Data"][key].to_string(), row));
    let by_key: BTreeMap<String, Value> = by_key.collect();
    assert_eq!(by_key.len(), count, "{path}: a duplicate id");
    by_key
}

#[tokio::test]
async fn every_relationship_of_a_side_collection_occurs() {
    let harness = Harness::new(60, 0, &[]).await;
    for (path, key, names) in LISTS {
        let expected: BTreeSet<String> = names.split_whitespace().map(str::to_owned).collect();
        let rows = rows(&harness, path, key).await;
        let objects = rows
            .values()
            .filter_map(|row| row["Relationships"].as_object());
        let met: BTreeSet<String> = objects.flat_map(|all| all.keys().cloned()).collect();
        assert_eq!(met, expected, "{path}");
        let described = harness.wisenet.describe()[&path.replace('-', "_")];
        assert_eq!(rows.len() as u64, described, "{path}");
    }
}

#[tokio::test]
async fn a_day_changes_adds_and_removes() {
    let logged =
        "audit-logs?auditActionFilter=D&lastModifiedTimeStampFilter=gt:2026-03-02T06:00:00.000";
    for log_all in ["off", "on"] {
        let harness = Harness::new(60, 0, &[("log_all", log_all)]).await;
        let mut before = Vec::new();
        for (path, key, _) in LISTS {
            before.push(rows(&harness, path, key).await);
        }
        harness.shared.advance();
        let log = harness.walk(logged, 1000).await;
        let entities: BTreeSet<&str> = log
            .iter()
            .filter_map(|row| row["Data"]["EntityName"].as_str())
            .collect();
        for ((path, key, _), before) in LISTS.iter().zip(before) {
            let after = rows(&harness, path, key).await;
            let gone = before.keys().filter(|id| !after.contains_key(*id)).count();
            let new = after.keys().filter(|id| !before.contains_key(*id)).count();
            let both = before
                .iter()
                .filter_map(|(id, row)| Some((row, after.get(id)?)));
            let changed = both.filter(|(row, now)| row["Data"] != now["Data"]).count();
            let is_role = ["sales-persons", "trainers", "assessors", "coordinators"].contains(path);
            assert!(gone >= 1 && (new == 1 || is_role), "{path}: {gone} {new}");
            assert!(changed <= 1, "{path}: {changed}");
            let entity = key.trim_end_matches("Id");
            assert_eq!(
                entities.contains(entity),
                log_all == "on",
                "{path} in {entities:?}"
            );
        }
    }
}

#[tokio::test]
async fn filters_that_are_not_promised_do_nothing_or_fail() {
    let harness = Harness::new(20, 0, &[]).await;
    let since = "lastModifiedTimeStampFilter=ge:2099-01-01T00:00:00.000";
    for (path, expected) in [
        ("credentials", "ignored"),
        ("tags", "ignored"),
        ("sales-contacts", "ignored"),
        ("trainers", "ignored"),
        ("invoices", "ignored"),
        ("element-enrolments", "refused"),
        ("language-literacy-numeracy", "refused"),
        ("checklists", "refused"),
        ("checklist-items", "refused"),
        ("promotions", "filtered"),
        ("learner-positions", "filtered"),
        ("opportunities", "filtered"),
        ("filenotes", "filtered"),
    ] {
        let all = harness.get(path).await.rows().len();
        let reply = harness.get(&format!("{path}?{since}")).await;
        let met = match reply.status {
            400 => "refused",
            _ if reply.rows().len() == all => "ignored",
            _ => "filtered",
        };
        assert_eq!(met, expected, "{path}");
    }
    let tags = harness.get("tags").await.text;
    assert_eq!(harness.get("tags?skip=5&take=2").await.text, tags);
    let newest_first = harness.get("sales-contacts").await.rows();
    let times = newest_first
        .iter()
        .map(|row| row["Data"]["LastModifiedTimeStamp"].as_str());
    let times: Vec<_> = times
        .map(|time| time.map(|time| format!("{time:0<23}")))
        .collect();
    assert!(times.is_sorted_by(|one, next| one >= next), "{times:?}");
}

#[tokio::test]
async fn an_invoice_is_found_by_its_text() {
    let harness = Harness::new(20, 0, &[]).await;
    let first = harness.get("invoices?take=1").await.rows().remove(0);
    let id = first["Data"]["InvoiceId"].as_str().expect("a text");
    assert_eq!(
        harness.get(&format!("invoices/{id}")).await.json()["Data"],
        first["Data"]
    );
    let learner = &first["Data"]["LearnerId"];
    let of_learner = harness
        .get(&format!("invoices?learnerIdFilter={learner}"))
        .await
        .rows();
    assert!(
        of_learner
            .iter()
            .all(|row| row["Data"]["LearnerId"] == *learner)
    );
}
