//! Crosswalks from outside: files next to the shipped configuration, the commands, and the report of a run.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::installation::{Finished, Installation};
use crate::queries;

/// Codes of another system for genders: two valid ones, and one that the list does not have.
const GENDERS: &str = r#"
from = "wisenet.learners.title"
to = { source = "wisenet", list = "genders" }

[map]
Ms = "F"
Mr = "Male"
Mx = "x"
"#;

fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copied(&path, &target);
        } else {
            fs::copy(&path, target).expect("copied");
        }
    }
}

/// The shipped configuration, in an installation where files can be added.
fn installation() -> Installation {
    let (installation, shipped) = (
        Installation::empty(),
        PathBuf::from(env!("CARGO_MANIFEST_DIR")),
    );
    for folder in ["config", "jobs"] {
        copied(&shipped.join(folder), &installation.path(folder));
    }
    // The tests map columns that the shipped job leaves out.
    let job = "jobs/wisenet_enrolments.toml";
    let text = fs::read_to_string(installation.path(job)).expect("the job");
    installation.write(job, &text.replace("\"core\"", "\"full\""));
    installation
}

fn json(ran: &Finished) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("no JSON: {ran:?}"))
}

fn messages(problems: &Value) -> Vec<String> {
    let problems = problems.as_array().expect("problems").iter();
    let line = |problem: &Value| {
        let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
        let file = text("file");
        let file = file.rsplit('/').next().unwrap_or_default();
        format!(
            "{} {file}:{} {} ({})",
            text("severity"),
            problem["line"],
            text("message"),
            text("help")
        )
    };
    // The other problems of the shipped configuration are about logins, which are not configured.
    let others = [
        "the grant `password` is legacy",
        "this source still has invented values",
        "credential `",
    ];
    let is_ours = |line: &String| others.iter().all(|words| !line.contains(words));
    problems.map(line).filter(is_ours).collect()
}

#[test]
fn mistakes_are_found_before_anything_is_read_or_written() {
    let installation = installation();
    installation.write("config/crosswalks/a.toml", "from = 'wisenet.learner.title'\nto = { source = 'wisenet', list = 'gender' }\nmap = { a = 'b' }\n");
    installation.write("config/crosswalks/b.toml", "from = ['wisent.learners.title', 'wisenet.learners.titel', 'wisenet.learners.citizenships']\nto = { source = 'webuntis', list = 'genders' }\nmap = { a = 1 }\n");
    let ran = installation.run(&["check", "--json"]);
    assert_eq!(ran.code, Some(78), "{ran:?}");
    assert_eq!(
        messages(&json(&ran)["problems"]),
        [
            "error b.toml:3 a code is a text, and this is a number (write `\"1\"`, with the zeros in front that it has in the list)",
            "error a.toml:1 Wisenet has no stream `learner` (did you mean `learners`?)",
            "error a.toml:2 Wisenet has no combo list `gender` (did you mean `genders`?)",
            "error b.toml:1 there is no source `wisent` (did you mean `wisenet`?)",
            "error b.toml:1 learners has no column `titel` (did you mean `title`?)",
            "error b.toml:1 `citizenships` holds JSON, and a crosswalk maps single values ()",
            "error b.toml:2 WebUntis, OneRoster 1.1 has no combo lists (its connector defines where they are: `[combos]`)",
        ]
    );
    for command in [&["sync"][..], &["demo"], &["run"]] {
        let ran = installation.run(command);
        assert_eq!(ran.code, Some(78), "{command:?} {ran:?}");
        assert!(!installation.mirror().exists(), "{command:?}");
    }
}

#[test]
fn a_crosswalk_is_checked_against_the_mirrored_list_and_gaps_are_reported() {
    let installation = installation();
    installation.write("config/crosswalks/sex.toml", GENDERS);
    let demo = installation.run(&["demo", "--json", "--students", "40"]);
    assert_eq!(demo.code, Some(0), "{demo:?}");
    let mirror = installation.mirror();

    let checked = installation.run(&["crosswalk", "check", "--json"]);
    assert_eq!(checked.code, Some(78), "{checked:?}");
    let view = json(&checked);
    assert_eq!(
        messages(&view["problems"]),
        [
            "error sex.toml:7 the list `genders` has no entry with the code `Male` (did you mean `M` (Male)?)",
            "error sex.toml:8 the list `genders` has no entry with the code `x` (did you mean `X` (Other)?)",
        ]
    );
    let of_all = json(&installation.run(&["check", "--json"]));
    assert_eq!(
        (of_all["ok"].as_bool(), messages(&of_all["problems"]).len()),
        (Some(false), 2)
    );

    installation.write(
        "config/crosswalks/sex.toml",
        &GENDERS
            .replace("Male", "M")
            .replace("Mr", "Sir")
            .replace("\"x\"", "\"X\""),
    );
    let demo = json(&installation.run(&["demo", "--json", "--students", "40"]));
    let titles: Vec<String> = queries::list(
        &mirror,
        "SELECT title FROM wisenet_learners WHERE title NOT IN ('Ms', 'Sir', 'Mx') GROUP BY 1 ORDER BY count(*) DESC, 1",
    );
    assert!(titles.contains(&"Mr".to_owned()), "{titles:?}");
    let checked = installation.run(&["crosswalk", "check", "sex", "--json"]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    let unmapped = json(&checked)["columns"][0]["unmapped"].clone();
    let values: Vec<&str> = unmapped
        .as_array()
        .expect("values")
        .iter()
        .filter_map(|one| one["value"].as_str())
        .collect();
    assert_eq!(values, titles);

    let reported = format!(
        "{} in wisenet_learners.title (crosswalk sex, ",
        match titles.len() {
            1 => "1 unmapped value".to_owned(),
            many => format!("{many} unmapped values"),
        }
    );
    let status = installation.run(&["status"]).out;
    assert!(status.contains(&reported), "{reported}\n{status}");
    let of_runs = demo
        .as_array()
        .expect("runs")
        .iter()
        .map(|run| run["gaps"].to_string());
    assert!(
        of_runs
            .filter(|gaps| gaps.contains("\"crosswalk\":\"sex\""))
            .count()
            == 1,
        "{demo}"
    );

    let mapped = "SELECT count(*) FROM wisenet_learners_mapped WHERE title_sex_label IS NOT CASE title WHEN 'Ms' THEN 'Female' WHEN 'Mx' THEN 'Other' END";
    assert_eq!(queries::one::<u64>(&mirror, mapped), 0);
    let by_example =
        "SELECT DISTINCT type_session_length_label FROM webuntis_academic_sessions_mapped";
    assert_eq!(queries::list::<String>(&mirror, by_example), ["Years"]);
}

#[test]
fn a_draft_is_a_crosswalk_when_it_is_saved() {
    let installation = installation();
    assert_eq!(
        installation
            .run(&["demo", "--json", "--students", "40"])
            .code,
        Some(0)
    );
    let draft = installation.run(&[
        "crosswalk",
        "suggest",
        "wisenet_learners.gender_description",
        "wisenet.genders",
    ]);
    assert_eq!(draft.code, Some(0), "{draft:?}");
    assert!(
        draft.out.contains("\n\"Female\" = \"F\"    # "),
        "{}",
        draft.out
    );
    installation.write("config/crosswalks/draft.toml", &draft.out);
    let checked = installation.run(&["crosswalk", "check", "draft"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert_eq!(
        checked.out,
        "draft: wisenet_learners.gender_description to wisenet.genders: every value is mapped.\n"
    );
    std::fs::remove_file(installation.path("config/crosswalks/draft.toml")).expect("removed");
    let write = |column: &str| {
        let arguments = [
            "crosswalk",
            "suggest",
            column,
            "wisenet.genders",
            "--write",
            "draft",
        ];
        installation.run(&arguments)
    };
    let wrong = write("wisenet_learners.gendr");
    assert_eq!(wrong.code, Some(1), "{wrong:?}");
    assert!(
        wrong.err.contains("wisenet_learners has no column `gendr`"),
        "{wrong:?}"
    );
    let written = write("wisenet_learners.gender_description");
    assert_eq!(written.code, Some(0), "{written:?}");
    assert!(
        written.out.contains("config/crosswalks/draft.toml"),
        "{written:?}"
    );
    let saved = std::fs::read_to_string(installation.path("config/crosswalks/draft.toml"));
    assert_eq!(saved.expect("a file"), draft.out);
    let again = write("wisenet_learners.gender_description");
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(
        again.err.contains("exists already and is not replaced"),
        "{again:?}"
    );
    let mut files = std::fs::read_dir(installation.path("config/crosswalks")).expect("a folder");
    let is_left = |name: std::ffi::OsString| name.to_string_lossy().starts_with('.');
    assert!(!files.any(|file| is_left(file.expect("a file").file_name())));
    for (arguments, message) in [
        (
            ["suggest", "wisenet_learners.gendr", "genders"],
            "wisenet_learners has no column `gendr`",
        ),
        (
            ["suggest", "learners", "genders"],
            "`learners` is not a column",
        ),
        (
            ["suggest", "wisenet_learners.title", "gendres"],
            "there is no combo list `gendres`; did you mean `genders`?",
        ),
        (
            ["check", "draff", "--json"],
            "there is no crosswalk `draff`; did you mean `draft`?",
        ),
    ] {
        let ran = installation.run(&[&["crosswalk"][..], &arguments].concat());
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.starts_with(message), "{message}: {ran:?}");
    }
}
