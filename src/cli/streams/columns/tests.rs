//! Columns as text.

use super::*;
use crate::cli::table::snapshots;

/// A text of which nothing is said.
pub fn column(name: &str) -> ColumnLine {
    ColumnLine {
        column: name.to_owned(),
        r#type: "text",
        key: false,
        path: name.to_owned(),
        meaning: String::new(),
        combo: None,
        refers_to: None,
        mirrored: true,
        masking: None,
        why: Some(ColumnReason::Full),
    }
}

#[test]
fn mirrored_columns_are_first_and_each_says_why() {
    let line = |name: &str, why: ColumnReason, meaning: &str| ColumnLine {
        key: why == ColumnReason::Key,
        meaning: meaning.to_owned(),
        mirrored: why.is_mirrored(),
        why: Some(why),
        ..column(name)
    };
    let columns = [
        line("title", ColumnReason::NotCore, ""),
        line(
            "learner_id",
            ColumnReason::Key,
            "the vendor's id of the learner",
        ),
        line("first_name", ColumnReason::Core, ""),
        ColumnLine {
            masking: Some(Masking::Pseudonym.describe()),
            ..line("email", ColumnReason::Core, "")
        },
        ColumnLine {
            combo: Some("genders".to_owned()),
            ..line(
                "gender_id",
                ColumnReason::Keep,
                "gender; each region has its own list",
            )
        },
        ColumnLine {
            refers_to: Some("north_agents.agent_id".to_owned()),
            ..line("agent_id", ColumnReason::Reference, "the agent")
        },
    ];
    snapshots::check("streams-columns", |width| {
        text("north_learners", &["nightly"], &columns, width)
    });
    let unread = [ColumnLine {
        mirrored: false,
        why: None,
        ..column("name")
    }];
    assert_eq!(
        text("north_staff", &[], &unread, None),
        "north_staff: 1 column; no job reads it.\ncolumn  type  path\nname    text  name\n"
    );
}
