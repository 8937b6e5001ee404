//! Reading lists: every row once, by skip and by watermark; filters and orders.

use std::collections::BTreeSet;

use super::{Harness, id};

#[tokio::test]
async fn every_list_serves_every_row_once() {
    let harness = Harness::new(60, 2, &[]).await;
    let described = harness.wisenet.describe();
    let rows = [
        ("learners", "learnersAU", "LearnerId"),
        ("courses", "courses", "CourseId"),
        ("units", "units", "UnitId"),
        ("course_offers", "course-offers", "CourseOfferId"),
        ("unit_offers", "unit-offers", "UnitOfferId"),
        (
            "course_enrolments",
            "course-enrolments",
            "CourseEnrolmentId",
        ),
        ("unit_enrolments", "unit-enrolments", "UnitEnrolmentId"),
        ("agents", "agents", "AgentId"),
        ("workplaces", "workplaces", "WorkplaceId"),
        ("locations", "locations", "LocationId"),
        ("audit_logs", "audit-logs?auditActionFilter=D", "AuditLogId"),
    ];
    for (stream, path, key) in rows {
        let rows = harness.walk(path, 97).await;
        let ids: BTreeSet<u64> = rows.iter().map(|row| id(row, key)).collect();
        assert_eq!(rows.len(), ids.len(), "{stream}: a duplicate id");
        assert_eq!(rows.len() as u64, described[stream], "{stream}");
        let (last, path) = (
            ids.last().expect("rows"),
            path.split('?').next().unwrap_or_default(),
        );
        let one = harness.get(&format!("{path}/{last}")).await;
        assert_eq!(
            one.status,
            if stream == "audit_logs" { 403 } else { 200 },
            "{stream} by id"
        );
    }
}

#[tokio::test]
async fn the_default_school_fills_three_pages() {
    let harness = Harness::new(600, 0, &[]).await;
    let described = harness.wisenet.describe();
    assert!(described["course_enrolments"] >= 2_500, "{described:?}");
    assert!(
        (7_500..15_000).contains(&described["unit_enrolments"]),
        "{described:?}"
    );
    // Without `take`, and with one that is too large, the page has the maximum size.
    assert_eq!(harness.get("course-enrolments").await.rows().len(), 1000);
    assert_eq!(
        harness
            .get("course-enrolments?take=5000")
            .await
            .rows()
            .len(),
        1000
    );
    for path in [
        "course-enrolments?take=0",
        "course-enrolments?take=-1",
        "course-enrolments?skip=x",
    ] {
        assert_eq!(harness.get(path).await.status, 400, "{path}");
    }
}

#[tokio::test]
async fn reading_by_watermark_receives_every_enrolment() {
    let harness = Harness::new(60, 1, &[]).await;
    let mut seen = BTreeSet::new();
    let mut watermark = "2000-01-01T00:00:00.000".to_owned();
    loop {
        let path = format!("course-enrolments?lastModifiedTimeStampFilter=ge:{watermark}&take=50");
        let rows = harness.get(&path).await.rows();
        let fresh = rows
            .iter()
            .filter(|row| seen.insert(id(row, "CourseEnrolmentId")))
            .count();
        if rows.len() < 50 || fresh == 0 {
            break;
        }
        let last = rows.last().expect("rows");
        watermark = last["Data"]["LastModifiedTimeStamp"]
            .as_str()
            .expect("a time")
            .to_owned();
    }
    assert_eq!(
        seen.len() as u64,
        harness.wisenet.describe()["course_enrolments"]
    );
}

#[tokio::test]
async fn filters_select_matching_rows() {
    let harness = Harness::new(40, 1, &[]).await;
    let all = harness.walk("course-enrolments", 1000).await;
    let (learner, offer) = (id(&all[3], "LearnerId"), id(&all[3], "CourseOfferId"));
    let stamp = all[60]["Data"]["LastModifiedTimeStamp"]
        .as_str()
        .expect("a time");
    let number = all[3]["Relationships"]["Learner"]["LearnerNumber"]
        .as_str()
        .expect("a number");
    let with =
        |test: &dyn Fn(&serde_json::Value) -> bool| all.iter().filter(|row| test(row)).count();
    let mine = with(&|row| id(row, "LearnerId") == learner);
    let spelt = |row: &serde_json::Value| {
        row["Data"]["LastModifiedTimeStamp"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let at = all.iter().filter(|row| spelt(row) == stamp).count();
    let before = all
        .iter()
        .position(|row| spelt(row) == stamp)
        .expect("its own id");
    let current = with(&|row| id(row, "EnrolmentStatusId") == 4);
    let rows = [
        (format!("learnerIdFilter={learner}"), mine),
        (format!("learnerIdFilter=ne:{learner}"), all.len() - mine),
        (format!("learnerNumberFilter={number}"), mine),
        (format!("search={number}"), mine),
        (
            format!("courseOfferIdFilter={offer}"),
            with(&|row| id(row, "CourseOfferId") == offer),
        ),
        ("enrolmentStatusIdFilter=4".to_owned(), current),
        (
            "enrolmentStatusIdFilter=in:4,7".to_owned(),
            with(&|row| [4, 7].contains(&id(row, "EnrolmentStatusId"))),
        ),
        (
            "enrolmentStatusIdFilter=ni:4".to_owned(),
            all.len() - current,
        ),
        (
            format!("lastModifiedTimeStampFilter=ge:{stamp}"),
            all.len() - before,
        ),
        (
            format!("lastModifiedTimeStampFilter=gt:{stamp}"),
            all.len() - before - at,
        ),
        (format!("lastModifiedTimeStampFilter=lt:{stamp}"), before),
        (
            format!("lastModifiedTimeStampFilter=le:{stamp}"),
            before + at,
        ),
        (format!("lastModifiedTimeStampFilter={stamp}"), at),
        (
            format!("lastModifiedTimestampFilter=bt:{stamp},{stamp}"),
            at,
        ),
    ];
    for (query, expected) in rows {
        assert_eq!(
            harness
                .walk(&format!("course-enrolments?{query}"), 1000)
                .await
                .len(),
            expected,
            "{query}"
        );
    }
    assert_eq!(
        harness
            .get("course-enrolments?lastModifiedTimeStampFilter=ge:yesterday")
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn lists_have_the_documented_order() {
    let harness = Harness::new(20, 0, &[]).await;
    let rows = [
        ("course-enrolments", "LastModifiedTimeStamp", false),
        (
            "course-enrolments?order=desc",
            "LastModifiedTimeStamp",
            true,
        ),
        ("course-enrolments?sort=EndDate", "EndDate", false),
        ("agents?sort=Name&order=desc", "Name", true),
        ("locations", "Description", false),
        ("locations?sort=Code", "Code", false),
        ("combos/outcomes", "Code", false),
        ("combos/outcomes?order=desc", "Code", true),
    ];
    for (path, field, descending) in rows {
        let mut texts: Vec<String> = harness
            .get(path)
            .await
            .rows()
            .iter()
            // A dropped fraction would sort behind a short one as text.
            .map(|row| format!("{:.<23}", row["Data"][field].as_str().unwrap_or_default()))
            .collect();
        if descending {
            texts.reverse();
        }
        assert!(texts.len() > 4 && texts.is_sorted(), "{path}: {texts:?}");
    }
}

#[tokio::test]
async fn short_lists_have_their_documented_shape() {
    let harness = Harness::new(20, 0, &[]).await;
    let learner = harness.get("learnersAU/list?take=1").await.rows().remove(0);
    assert_eq!(learner["LearnerId"], 9_000, "{learner}");
    assert!(learner.get("Data").is_none(), "{learner}");
    assert_eq!(
        harness.get("course-offers/list/600").await.json()["Data"]["CourseOfferId"],
        600
    );
    assert_eq!(harness.get("locations/list").await.rows().len(), 6);
    let personal = harness.get("learnersAU/9000/personal").await.json();
    assert_eq!(personal["Data"]["FirstName"], learner["FirstName"]);
}

#[tokio::test]
async fn other_countries_and_other_routes_are_refused() {
    let harness = Harness::new(5, 0, &[]).await;
    let rows = [
        ("learnersNZ", 403),
        ("learnersXX", 403),
        ("learners", 403),
        ("nowhere", 403),
        ("combos/nowhere", 403),
        ("courses/1", 404),
        ("course-enrolments/48000/units", 403),
    ];
    for (path, status) in rows {
        assert_eq!(harness.get(path).await.status, status, "{path}");
    }
}
