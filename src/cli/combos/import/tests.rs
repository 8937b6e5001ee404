//! What `rollbook combos import` prints for every kind of difference.

use super::*;
use crate::spreadsheets::commas;

#[test]
fn every_difference_is_shown_with_its_row() {
    let entry = |code: &str, label: &str, active| MirrorEntry {
        code: Some(code.to_owned()),
        label: Some(label.to_owned()),
        active,
    };
    let mirror: BTreeMap<String, Vec<MirrorEntry>> = [
        (
            "outcomes",
            vec![
                entry("00", "Not begun", true),
                entry("20", "Passed", true),
                entry("NS", "Never", false),
            ],
        ),
        ("genders", vec![entry("F", "Female", true)]),
        ("states", vec![entry("01", "North", true)]),
    ]
    .map(|(name, entries)| (name.to_owned(), entries))
    .into();
    let csv = "List,Code,Description\noutcomes,0,Not begun\noutcomes,20,Pass\noutcomes,30,Failed\n\
               outcomes,30,Failed\nGenders,F,Female\nGenderz,F,Female\n,F,Female\n";
    let sheet = commas::read("lists", csv.as_bytes().to_vec()).expect("CSV");
    let known: Vec<String> = mirror.keys().cloned().collect();
    let found = compare(find_lists(&[sheet], &known).expect("lists"), &mirror);
    assert_eq!(
        text(&found),
        "1 list the same, 1 different, 1 only in the file, 1 only in the mirror\n\
         outcomes (0 entries the same)\n\
         \x20 only in the file    30  Failed                                  sheet lists, row 4\n\
         \x20 only in the mirror  NS  Never                                   retired\n\
         \x20 other label         20  Pass – in the mirror Passed             sheet lists, row 3\n\
         \x20 zeros lost?         0   a number in the file; may have been 00  sheet lists, row 2\n\
         \x20 listed twice        30                                          sheet lists, row 5\n\
         • only in the file: `Genderz` (1 entry from sheet lists, row 7; did you mean `genders`?)\n\
         • only in the mirror: states\n\
         • sheet lists, row 8: the row names no list; it is skipped\n"
    );
}
