//! The differences of a file and a mirror, entry by entry.

use super::*;
use crate::spreadsheets::commas;
use crate::spreadsheets::lists::find_lists;

/// `code=label`, one a line; a dash is no code, `(old)` is retired.
fn mirror(lists: &[(&str, &[&str])]) -> BTreeMap<String, Vec<MirrorEntry>> {
    let entry = |line: &&str| {
        let (code, label) = line.split_once('=').expect("code=label");
        MirrorEntry {
            code: (code != "-").then(|| code.to_owned()),
            label: Some(label.trim_end_matches("(old)").to_owned()),
            active: !label.ends_with("(old)"),
        }
    };
    lists
        .iter()
        .map(|(name, lines)| ((*name).to_owned(), lines.iter().map(entry).collect()))
        .collect()
}

fn compared(file: &str, lists: &[(&str, &[&str])]) -> Comparison {
    let mirror = mirror(lists);
    let sheet = commas::read("file", file.as_bytes().to_vec()).expect("CSV");
    let known: Vec<String> = mirror.keys().cloned().collect();
    compare(find_lists(&[sheet], &known).expect("lists"), &mirror)
}

/// One line for each difference of all lists.
fn reported(found: &Comparison) -> Vec<String> {
    let mut reported = Vec::new();
    for list in &found.lists {
        let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let row = |location: &SheetLocation| location.row.unwrap_or_default();
        reported.extend(list.only_in_file.iter().map(|one| {
            format!(
                "+{}={} at {}",
                word(&one.code),
                word(&one.label),
                row(&one.location)
            )
        }));
        reported.extend(list.only_in_mirror.iter().map(|one| {
            format!(
                "-{}={}{}",
                word(&one.code),
                word(&one.label),
                if one.active { "" } else { " old" }
            )
        }));
        reported.extend(list.labels.iter().map(|one| {
            format!(
                "~{}: {} / {} at {}",
                word(&one.code),
                one.file,
                one.mirror,
                row(&one.location)
            )
        }));
        reported.extend(
            list.lost_zeros
                .iter()
                .map(|one| format!("?{} {:?} at {}", one.number, one.mirror, row(&one.location))),
        );
        reported.extend(
            list.duplicates
                .iter()
                .map(|one| format!("2x{} at {}", one.code, row(&one.location))),
        );
    }
    reported
}

#[test]
fn entries_meet_by_code_and_else_by_what_they_mean() {
    type SheetRow<'a> = (&'a str, &'a str, &'a [&'a str], &'a [&'a str]);
    let rows: &[SheetRow<'_>] = &[
        (
            "the same",
            "20,Passed\n@@,Not stated\n",
            &["20=Passed", "@@=Not stated"],
            &[],
        ),
        (
            "blanks do not count",
            "20, Passed  well \n",
            &["20=Passed well"],
            &[],
        ),
        (
            "another label",
            "20,Passed\n",
            &["20=Competent"],
            &["~20: Passed / Competent at 2"],
        ),
        (
            "another case is another label",
            "20,passed\n",
            &["20=Passed"],
            &["~20: passed / Passed at 2"],
        ),
        (
            "codes on one side",
            "20,A\n30,B\n",
            &["20=A", "40=C", "NS=D(old)"],
            &["+30=B at 3", "-40=C", "-NS=D old"],
        ),
        (
            "the same words under another code",
            "20,A\n",
            &["30=A"],
            &["+20=A at 2", "-30=A"],
        ),
        (
            "zeros that may be lost",
            "0,A\n",
            &["00=A"],
            &["?0 [\"00\"] at 2"],
        ),
        (
            "zeros with two possible losses",
            "1,A\n",
            &["01=A", "001=B"],
            &["?1 [\"001\", \"01\"] at 2"],
        ),
        (
            "a number that is a code",
            "1,A\n",
            &["1=A", "01=B"],
            &["-01=B"],
        ),
        (
            "a text with zeros is taken as it is",
            "007,A\n",
            &["07=A"],
            &["+007=A at 2", "-07=A"],
        ),
        ("twice", "20,A\n20,A\n", &["20=A"], &["2x20 at 3"]),
        ("twice in both", "20,A\n20,B\n", &["20=A(old)", "20=B"], &[]),
        (
            "two ids with one code",
            "20,B\n",
            &["20=A(old)", "20=B"],
            &[],
        ),
        (
            "a list without codes",
            ",Current\n,completed\n,Removed\n",
            &["-=Current", "-=Completed", "-=New"],
            &[
                "+-=Removed at 4",
                "--=New",
                "~-: completed / Completed at 3",
            ],
        ),
        (
            "codes that the mirror does not have",
            "4,Current\n",
            &["-=Current"],
            &[],
        ),
    ];
    for (why, file, entries, expected) in rows {
        let found = compared(
            &format!(
                "Code,Description,List\n{}",
                file.replace('\n', ",outcomes\n")
            ),
            &[("outcomes", entries)],
        );
        assert_eq!(reported(&found), *expected, "{why}");
        assert_eq!(found.same_lists, usize::from(expected.is_empty()), "{why}");
        assert_eq!(found.is_same(), expected.is_empty(), "{why}");
    }
}

#[test]
fn a_column_of_a_list_holds_codes_or_words() {
    let lists: &[(&str, &[&str])] = &[("genders", &["F=Female", "M=Male", "X=Other"])];
    let found = compared("Genders,Remarks\nFEMALE,x\nM,\nQ,\n", lists);
    assert_eq!(
        reported(&found),
        ["+Q=- at 4", "-X=Other", "~-: FEMALE / Female at 2"]
    );
}

#[test]
fn lists_on_one_side_are_named() {
    let lists: &[(&str, &[&str])] = &[
        ("genders", &["F=Female"]),
        ("visa-types", &["1=One", "2=Two"]),
    ];
    let found = compared(
        "List,Code,Description\ngenders,F,Female\nGenderz,F,Female\n",
        lists,
    );
    assert!(found.lists.is_empty() && !found.is_same());
    assert_eq!(found.same_lists, 1);
    let unknown = &found.only_in_file[0];
    assert_eq!(
        (unknown.list.as_str(), unknown.suggestion.as_deref()),
        ("Genderz", Some("genders"))
    );
    assert_eq!((unknown.location.row, unknown.entries), (Some(3), 1));
    assert_eq!(
        (
            found.only_in_mirror[0].list.as_str(),
            found.only_in_mirror[0].entries
        ),
        ("visa-types", 2)
    );
}
