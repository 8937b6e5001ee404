//! A strip in words.

use super::*;
use rollbook_core::model::Class;

#[test]
fn a_strip_is_said_in_words() {
    let past = |outcome| PastRun {
        run: 1,
        started: "2026-03-02T06:00:00.000Z".to_owned(),
        outcome,
        duration_ms: 60_000,
        only: None,
    };
    let runs = [
        past(Outcome::Failed(Class::Auth)),
        past(Outcome::Failed(Class::Transient)),
        past(Outcome::Held),
        past(Outcome::Ok),
    ];
    assert_eq!(
        strip_text(&runs),
        "4 runs: 1 ok, 1 held, 2 failed; the last ok"
    );
    assert_eq!(strip_text(&runs[..1]), "1 run: 1 failed; the last failed");
    assert_eq!(strip_text(&[]), "no run is recorded");
}
