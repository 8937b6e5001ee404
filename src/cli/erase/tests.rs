//! What an admin reads before and after an erasure.

use super::*;
use rollbook_core::store::erase::CopyPreview;
use rollbook_core::store::person::Mentions;
use rollbook_core::store::suppression::ErasureCount;

fn count(place: &str, erased: u64, cut: u64) -> ErasureCount {
    ErasureCount {
        place: place.to_owned(),
        erased,
        cut,
    }
}

fn found() -> Preview {
    let mut found = Preview::default();
    found.mirror = vec![count("own_users", 1, 2), count("own_enrollments", 0, 1)];
    found.copies = vec![
        CopyPreview {
            file: "backups/a.db".into(),
            rows: Some(3),
        },
        CopyPreview {
            file: "backups/b.db".into(),
            rows: None,
        },
    ];
    found.mentions = vec![Mentions {
        table: "own_classes".to_owned(),
        rows: 1,
    }];
    found
}

#[test]
fn what_would_be_erased_is_shown_by_place() {
    let shown = text(&found(), 2, 1);
    for line in [
        "  own_users        1 row erased, 2 rows without the reference\n",
        "  own_enrollments  1 row without the reference or the text\n",
        "  backups/a.db  3 rows\n",
        "  backups/b.db  cannot be read, and is removed\n",
        "  own_classes  1 row\n",
        "Removed too: 2 files of `rollbook person export` beside the mirror.\n",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
}

#[test]
fn only_what_is_finished_is_called_clean() {
    let erasure = Erasure {
        id: "3f9a12bc".to_owned(),
        at: "2026-03-02T06:00:00.000Z".to_owned(),
        by_user: "anna".to_owned(),
        reason: "request".to_owned(),
        person: Vec::new(),
        state: ErasureState::Pending,
        counts: vec![count("own_users", 1, 2), count(suppression::COPIES, 7, 0)],
    };
    let shown = |pending: &[&str]| {
        let finished = FinishedErasures {
            exports: vec!["exports/person-1.html".into()],
            rewritten: 7,
            removed: vec!["backups/b.db".into()],
            databases: vec![rollbook_core::model::named("district")],
            pending: pending.iter().map(|one| (*one).to_owned()).collect(),
        };
        result(
            std::slice::from_ref(&erasure),
            &finished,
            &Preview::default(),
        )
    };
    let done = shown(&[]);
    assert!(
        done.starts_with("Erasure 3f9a12bc: deleted 1 row from the mirror;"),
        "{done}"
    );
    assert!(
        done.contains(
            "7 copies of the mirror.\nRemoved 1 file of `rollbook person export` beside the mirror.\nRemoved backups/b.db"
        ),
        "{done}"
    );
    assert!(
        done.contains("Removed from the published tables of district and vacuumed;"),
        "{done}"
    );
    assert!(done.contains("are clean"), "{done}");
    assert!(!shown(&["a reader"]).contains("clean"));
}
