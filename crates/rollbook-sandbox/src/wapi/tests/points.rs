//! Series: windows, days and late batches.

use super::{rows, signed_in, with};
use crate::wapi::Switches;
use crate::wapi::WAC;
use serde_json::Value;

#[tokio::test]
async fn consecutive_windows_return_every_point_once() {
    let harness = signed_in(with(Switches::default())).await;
    let mut points = 0;
    for data in rows(&harness.get("/json/reply/GetDatas").await) {
        let id = data["id"].as_i64().unwrap();
        let whole = rows(
            &harness
                .get(&format!("/{WAC}/Point/{id}?From=2020-01-01T00:00:00Z"))
                .await,
        );
        points += whole.len();
        let mut parts = Vec::new();
        for week in [
            "2026-01-30",
            "2026-02-06",
            "2026-02-13",
            "2026-02-20",
            "2026-02-27",
        ] {
            let from: jiff::civil::Date = week.parse().unwrap();
            let to = from.checked_add(jiff::Span::new().days(6)).unwrap();
            let path = format!(
                "/{WAC}/Point/{id}?From={week}T00%3A00%3A00.000Z&To={to}T23%3A59%3A59.999Z"
            );
            parts.extend(rows(&harness.get(&path).await));
        }
        assert_eq!(parts, whole, "{id}");
        let times: Vec<&str> = whole
            .iter()
            .map(|point| point["T"].as_str().unwrap())
            .collect();
        assert!(times.is_sorted());
        let last = times
            .last()
            .copied()
            .unwrap_or("0001-01-01T00:00:00.0000000Z");
        assert_eq!(data["lastDataDate"], last, "{id}");
    }
    assert_eq!(
        points as u64,
        harness.sandbox.describe().vendors["wapi"]["points"]
    );
    assert!((50_000..53_000).contains(&points), "{points}");
}

#[tokio::test]
async fn a_day_adds_its_points_and_late_ones() {
    let harness = signed_in(with(Switches::default())).await;
    let path = format!("/{WAC}/Point/9021?From=2026-01-01T00:00:00Z");
    let before = rows(&harness.get(&path).await);
    let ltus = rows(&harness.get(&format!("/{WAC}/LTU")).await);
    let events = rows(&harness.get(&format!("/{WAC}/WEvent")).await);
    harness.sandbox.advance().unwrap();
    let after = rows(&harness.get(&path).await);
    assert!(before.iter().all(|point| after.contains(point)));
    let newest = before.last().unwrap()["T"].as_str().unwrap();
    let new: Vec<&Value> = after
        .iter()
        .filter(|point| !before.contains(point))
        .collect();
    let late = new
        .iter()
        .filter(|point| point["T"].as_str().unwrap() < newest)
        .count();
    assert_eq!((new.len(), late), (144, 12));
    let now = rows(&harness.get(&format!("/{WAC}/LTU")).await);
    let renamed: Vec<&Value> = now
        .iter()
        .zip(&ltus)
        .filter(|(new, old)| new["name"] != old["name"])
        .map(|(new, _)| &new["name"])
        .collect();
    assert_eq!(renamed, ["Ventilation controller (1)"]);
    let now = rows(&harness.get(&format!("/{WAC}/WEvent?Take=1000")).await);
    let same = now.iter().filter(|event| events.contains(event)).count();
    assert_eq!(
        (now.len(), same),
        (events.len() + 4, events.len() - 4),
        "yesterday's events have ended"
    );
}
