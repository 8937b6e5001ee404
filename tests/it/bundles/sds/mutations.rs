//! A valid set, and a table of mistakes that the validator finds.

use std::collections::{BTreeMap, BTreeSet};

use super::{problems, problems_of_next};

const SET: &[(&str, &str)] = &[
    (
        "orgs.csv",
        "sourcedId,name,type,parentSourcedId\n\
         o1,\"Lindenhof, Upper School\",school,o2\n\
         o2,City of Auen,municipality,\n",
    ),
    (
        "users.csv",
        "sourcedId,username,familyName,givenName,activeDirectoryMatchId,email,phone,sms,userNumber,password\n\
         p1,anna.berg@lindenhof.example,Berg,Anna,anna.berg@lindenhof.example,,,,4711,\n\
         p2,ben.o'hara@lindenhof.example,O'Hara,\"Ben \"\"B\"\"\",,ben@lindenhof.example,,,,\n\
         p3,cem.uenal@mail.example,Ünal,Cem,,cem+school@mail.example,+436601234567,+436601234567,,\n\
         p4,dora@lindenhof.example,,,,,,,,\n",
    ),
    (
        "roles.csv",
        "userSourcedId,orgSourcedId,role,sessionSourcedId,grade,isPrimary,roleStartDate,roleEndDate\n\
         p1,o1,student,s1,09,true,2025-09-01,2026-07-03\n\
         p2,o1,teacher,s1,,true,,\n\
         p2,o2,itAdmin,,,false,2024-02-29,\n\
         p4,o1,student,,,,,\n",
    ),
    (
        "classes.csv",
        "sourcedId,orgSourcedId,title,sessionSourcedIds,courseSourcedId,code\n\
         c1,o1,Physics 9A,\"s1,s2\",k1,PH-9A\n\
         c2,o1,Choir,,,\n",
    ),
    (
        "enrollments.csv",
        "classSourcedId,userSourcedId,role\n\
         c1,p1,student\n\
         c1,p2,teacher\n\
         c2,p4,student\n",
    ),
    (
        "academicSessions.csv",
        "sourcedId,title,type,schoolYear,startDate,endDate\n\
         s1,2025/26,schoolYear,2025,2025-09-01,2026-07-03\n\
         s2,Second term,term,2025,2026-02-09,2026-07-03\n",
    ),
    (
        "courses.csv",
        "sourcedId,orgSourcedId,title,code,schoolYearSourcedId,subject,grade\n\
         k1,o1,Physics,PH,s1,03,09\n",
    ),
    (
        "relationships.csv",
        "userSourcedId,relationshipUserSourcedId,relationshipRole\n\
         p1,p3,guardian\n\
         p4,p3,parent\n",
    ),
    (
        "demographics.csv",
        "userSourcedId,sex,birthDate,birthCity,birthState,birthCountry,ethnicityCodes,raceCodes\n\
         p1,female,2011-04-30,Auen,,AT,,\"asian,white\"\n",
    ),
    ("userFlags.csv", "userSourcedId,flag\np1,504\n"),
];

/// A change of the valid set.
enum Edit {
    /// In this file, the only occurrence of a text becomes another one.
    Text(&'static str, &'static str, &'static str),
    /// The same with so many characters as the new text.
    Long(&'static str, &'static str, usize),
    Add(&'static str),
    Remove(&'static str),
    /// Bytes before everything else of a file.
    Before(&'static str, &'static [u8]),
    /// Only the header remains.
    Rows(&'static str),
}

use Edit::{Add, Before, Long, Remove, Rows, Text};

const ORGS: &str = "orgs.csv";
const USERS: &str = "users.csv";
const ROLES: &str = "roles.csv";
const CLASSES: &str = "classes.csv";
const ENROLLMENTS: &str = "enrollments.csv";
const SESSIONS: &str = "academicSessions.csv";
const COURSES: &str = "courses.csv";
const RELATIONSHIPS: &str = "relationships.csv";
const DEMOGRAPHICS: &str = "demographics.csv";
const FLAGS: &str = "userFlags.csv";

#[rustfmt::skip]
const MUTATIONS: &[(Edit, &str)] = &[
    // Files.
    (Add("Users.csv"), "Users.csv line 0 column -: file-name"),
    (Add("lineItems.csv"), "lineItems.csv line 0 column -: file-name"),
    (Remove(ORGS), "orgs.csv line 0 column -: presence"),
    (Remove(USERS), "users.csv line 0 column -: presence"),
    (Remove(ROLES), "roles.csv line 0 column -: presence"),
    (Remove(CLASSES), "classes.csv line 0 column -: presence"),
    (Remove(ENROLLMENTS), "enrollments.csv line 0 column -: presence"),
    (Remove(SESSIONS), "roles.csv line 2 column sessionSourcedId: needed"),
    (Remove(SESSIONS), "classes.csv line 2 column sessionSourcedIds: needed"),
    (Remove(COURSES), "classes.csv line 2 column courseSourcedId: needed"),
    (Rows(ORGS), "orgs.csv line 0 column -: empty"),
    (Rows(USERS), "users.csv line 0 column -: empty"),
    (Rows(ROLES), "roles.csv line 0 column -: empty"),
    // Dialect.
    (Before(ORGS, b"\xef\xbb\xbf"), "orgs.csv line 1 column -: bom"),
    (Before(ORGS, b"\xe4"), "orgs.csv line 1 column -: utf-8"),
    (Text(ORGS, "school,o2\r\n", "school,o2\n"), "orgs.csv line 2 column parentSourcedId: line-end"),
    (Text(ORGS, "City of Auen", "City of \"Auen\""), "orgs.csv line 3 column name: quote"),
    (Text(ORGS, "School\",", "School\" ,"), "orgs.csv line 2 column name: quote"),
    (Text(ORGS, "City of Auen", "\"City of Auen"), "column name: quote: no closing quote"),
    (Text(ORGS, "City", "Ci\tty"), "orgs.csv line 3 column name: control"),
    (Text(ORGS, "\"Lindenhof, Upper School\"", "Lindenhof, Upper School"), "orgs.csv line 2 column -: ragged"),
    (Text(ORGS, "o2,City", "\r\no2,City"), "orgs.csv line 3 column -: blank-line"),
    (Text(ORGS, "City of Auen", "\"City of\r\nAuen\""), "orgs.csv line 3 column name: line-break"),
    (Text(CLASSES, "PH-9A", "\"PH\n9A\""), "classes.csv line 2 column code: line-break"),
    // Headers.
    (Text(ORGS, "sourcedId,name", "SourcedId,name"), "orgs.csv line 1 column SourcedId: header: not a column"),
    (Text(ORGS, "sourcedId,name", "SourcedId,name"), "orgs.csv line 1 column sourcedId: header: a required"),
    (Text(USERS, "phone,sms", "phone,phone"), "users.csv line 1 column phone: header: a column occurs twice"),
    (Text(ROLES, "sessionSourcedId", "sessionSourcedIds"), "roles.csv line 1 column sessionSourcedIds: header"),
    // Values.
    (Text(ORGS, "City of Auen", ""), "orgs.csv line 3 column name: required"),
    (Text(ORGS, "o2,City", "\" \",City"), "orgs.csv line 3 column sourcedId: required"),
    (Text(ORGS, "municipality", ""), "orgs.csv line 3 column type: required"),
    (Text(CLASSES, "Choir", ""), "classes.csv line 3 column title: required"),
    (Text(CLASSES, "Choir", " Choir"), "classes.csv line 3 column title: space"),
    (Long(CLASSES, "Choir", 257), "classes.csv line 3 column title: length"),
    (Long(USERS, "Berg", 65), "users.csv line 2 column familyName: length"),
    (Text(USERS, "4711", "4711 "), "users.csv line 2 column userNumber: space"),
    (Text(USERS, "p1,anna.berg@lindenhof.example", "p1,"), "users.csv line 2 column username: required"),
    (Text(USERS, "p1,anna.berg@lindenhof.example", "p1,anna.berg"), "users.csv line 2 column username: username"),
    (Text(USERS, "dora@lindenhof", "dora berg@lindenhof"), "users.csv line 5 column username: username"),
    (Text(USERS, "dora@lindenhof.example", "d@the.very.long.domain.of.a.school.of.the.city.of.auen.example"), "users.csv line 5 column username: length"),
    (Text(USERS, "Anna,anna.berg@lindenhof.example", "Anna,anna.berg"), "users.csv line 2 column activeDirectoryMatchId: address"),
    (Text(USERS, "ben@lindenhof.example", "ben@lindenhof"), "users.csv line 3 column email: address"),
    (Text(USERS, "+436601234567,+", "06601234567,+"), "users.csv line 4 column phone: phone"),
    (Text(USERS, ",+436601234567,,", ",+43 660 1234567,,"), "users.csv line 4 column sms: phone"),
    (Text(USERS, "4711,", "4711,secret"), "users.csv line 2 column password: unused"),
    (Text(ROLES, "teacher", "pedagogue"), "roles.csv line 3 column role: enum"),
    (Text(ROLES, "itAdmin", "itadmin"), "roles.csv line 4 column role: enum"),
    (Text(ROLES, "s1,09", "s1,9"), "roles.csv line 2 column grade: enum"),
    (Text(ROLES, "false", "no"), "roles.csv line 4 column isPrimary: boolean"),
    (Text(ROLES, "false", "FALSE"), "roles.csv line 4 column isPrimary: boolean"),
    (Text(ROLES, "2024-02-29", "2025-02-29"), "roles.csv line 4 column roleStartDate: date"),
    (Text(ROLES, "2024-02-29", "29.02.2024"), "roles.csv line 4 column roleStartDate: date"),
    (Text(ROLES, "2024-02-29", "2024-02-29T00:00:00Z"), "roles.csv line 4 column roleStartDate: date"),
    (Text(ORGS, "municipality", "city"), "orgs.csv line 3 column type: enum"),
    (Text(ENROLLMENTS, "c1,p2,teacher", "c1,p2,nurse"), "enrollments.csv line 3 column role: enum"),
    (Text(SESSIONS, "term,2025", "trimester,2025"), "academicSessions.csv line 3 column type: enum"),
    (Text(SESSIONS, "term,2025", "term,2025/26"), "academicSessions.csv line 3 column schoolYear: year"),
    (Text(SESSIONS, "2026-02-09", ""), "academicSessions.csv line 3 column startDate: required"),
    (Text(SESSIONS, "s2,Second", "\"s,2\",Second"), "academicSessions.csv line 3 column sourcedId: listed-id"),
    (Text(CLASSES, "s1,s2", "s1, s2"), "classes.csv line 2 column sessionSourcedIds: list"),
    (Text(CLASSES, "s1,s2", "s1,"), "classes.csv line 2 column sessionSourcedIds: list"),
    (Text(COURSES, "03", "Physics"), "courses.csv line 2 column subject: digits"),
    (Text(COURSES, "03,09", "03,9A"), "courses.csv line 2 column grade: enum"),
    (Text(RELATIONSHIPS, "guardian", "mother"), "relationships.csv line 2 column relationshipRole: enum"),
    (Text(RELATIONSHIPS, "guardian", ""), "relationships.csv line 2 column relationshipRole: required"),
    (Text(DEMOGRAPHICS, "female", "f"), "demographics.csv line 2 column sex: enum"),
    (Text(DEMOGRAPHICS, "2011-04-30", "2011-04-31"), "demographics.csv line 2 column birthDate: date"),
    (Text(DEMOGRAPHICS, "asian,white", "asian,blue"), "demographics.csv line 2 column raceCodes: enum"),
    (Text(DEMOGRAPHICS, "asian,white", "asian,,white"), "demographics.csv line 2 column raceCodes: list"),
    (Text(FLAGS, "504", "section 504"), "userFlags.csv line 2 column flag: flag"),
    // Keys.
    (Text(ORGS, "o2,City", "o1,City"), "orgs.csv line 3 column sourcedId: unique"),
    (Text(USERS, "p4,dora", "p1,dora"), "users.csv line 5 column sourcedId: unique"),
    (Text(USERS, "dora@", "Anna.Berg@"), "users.csv line 5 column username: unique-username"),
    (Text(ROLES, "p4,o1,student,,,,,\r\n", "p4,o1,student,,,,,\r\np4,o1,student,s1,,,,\r\n"), "roles.csv line 6 column userSourcedId+orgSourcedId+role+grade: unique"),
    (Text(ENROLLMENTS, "c1,p2,teacher", "c1,p1,student"), "enrollments.csv line 3 column classSourcedId+userSourcedId+role: unique"),
    (Text(RELATIONSHIPS, "p4,p3,parent", "p1,p3,guardian"), "relationshipRole: unique"),
    (Text(FLAGS, "p1,504\r\n", "p1,504\r\np1,504\r\n"), "userFlags.csv line 3 column userSourcedId+flag: unique"),
    (Text(DEMOGRAPHICS, "p1,female", "p1,,,,,,,\r\np1,female"), "demographics.csv line 3 column userSourcedId: unique"),
    // References.
    (Text(ORGS, "school,o2", "school,o9"), "orgs.csv line 2 column parentSourcedId: reference"),
    (Text(ORGS, "school,o2", "school,o1"), "orgs.csv line 2 column parentSourcedId: ancestor"),
    (Text(ORGS, "municipality,", "municipality,o1"), "orgs.csv line 3 column parentSourcedId: ancestor"),
    (Text(ROLES, "p4,o1", "p9,o1"), "roles.csv line 5 column userSourcedId: reference"),
    (Text(ROLES, "p4,o1", "p4,O1"), "roles.csv line 5 column orgSourcedId: reference"),
    (Text(ROLES, "student,s1", "student,s9"), "roles.csv line 2 column sessionSourcedId: reference"),
    (Text(CLASSES, "c2,o1", "c2,o9"), "classes.csv line 3 column orgSourcedId: reference"),
    (Text(CLASSES, "s1,s2", "s1,s9"), "classes.csv line 2 column sessionSourcedIds: reference"),
    (Text(CLASSES, "k1", "k9"), "classes.csv line 2 column courseSourcedId: reference"),
    (Text(ENROLLMENTS, "c2,p4", "c9,p4"), "enrollments.csv line 4 column classSourcedId: reference"),
    (Text(ENROLLMENTS, "c2,p4", "c2,p9"), "enrollments.csv line 4 column userSourcedId: reference"),
    (Text(COURSES, "k1,o1", "k1,o9"), "courses.csv line 2 column orgSourcedId: reference"),
    (Text(RELATIONSHIPS, "p4,p3", "p4,p9"), "relationships.csv line 3 column relationshipUserSourcedId: reference"),
    (Text(RELATIONSHIPS, "p4,p3", "p9,p3"), "relationships.csv line 3 column userSourcedId: reference"),
    (Text(FLAGS, "p1", "p9"), "userFlags.csv line 2 column userSourcedId: reference"),
    // Persons.
    (Text(USERS, "Berg,Anna", ",Anna"), "users.csv line 2 column familyName: names"),
    (Text(USERS, "Ünal,Cem", ",Cem"), "users.csv line 4 column familyName: contact"),
    (Text(USERS, "Ünal,Cem", "Ünal,"), "users.csv line 4 column givenName: contact"),
    (Text(USERS, "cem+school@mail.example", ""), "users.csv line 4 column email: contact"),
    (Text(ROLES, "p4,o1,student,,,,,\r\n", ""), "users.csv line 5 column sourcedId: roleless"),
    (Remove(RELATIONSHIPS), "users.csv line 4 column sourcedId: roleless"),
    (Text(ROLES, "false", "true"), "roles.csv line 4 column isPrimary: primary"),
    (Text(RELATIONSHIPS, "p4,p3", "p4,p4"), "relationships.csv line 3 column relationshipUserSourcedId: self"),
    // Times.
    (Text(ROLES, "2025-09-01", "2026-09-01"), "roles.csv line 2 column roleEndDate: period"),
    (Text(SESSIONS, "2026-02-09,2026", "2026-02-09,2025"), "academicSessions.csv line 3 column endDate: period"),
    (Text(SESSIONS, "schoolYear,2025", "schoolYear,2026"), "academicSessions.csv line 2 column schoolYear: year-of-start"),
    (Text(SESSIONS, "term,2025", "term,2024"), "academicSessions.csv line 3 column schoolYear: year-of-start"),
    (Text(COURSES, "s1", "s2"), "courses.csv line 2 column schoolYearSourcedId: school-year"),
];

/// Every rule of the validator that concerns one set.
const RULES: &[&str] = &[
    "file-name",
    "presence",
    "needed",
    "empty",
    "bom",
    "utf-8",
    "line-end",
    "quote",
    "control",
    "ragged",
    "blank-line",
    "line-break",
    "header",
    "required",
    "space",
    "length",
    "username",
    "address",
    "phone",
    "unused",
    "enum",
    "boolean",
    "date",
    "year",
    "listed-id",
    "list",
    "digits",
    "flag",
    "unique",
    "unique-username",
    "reference",
    "ancestor",
    "names",
    "contact",
    "roleless",
    "primary",
    "self",
    "period",
    "year-of-start",
    "school-year",
];

fn set() -> BTreeMap<String, Vec<u8>> {
    let file =
        |(name, text): &(&str, &str)| ((*name).to_owned(), text.replace('\n', "\r\n").into_bytes());
    SET.iter().map(file).collect()
}

fn changed(edit: &Edit) -> BTreeMap<String, Vec<u8>> {
    let mut files = set();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let replaced = |file: &str, from: &str, to: &str| {
        let content = text(&set()[file]);
        assert_eq!(content.matches(from).count(), 1, "{from:?} in {file}");
        content.replace(from, to).into_bytes()
    };
    match edit {
        Text(file, from, to) => {
            files.insert((*file).to_owned(), replaced(file, from, to));
        }
        Long(file, from, width) => {
            let long = "ö".repeat(*width);
            files.insert((*file).to_owned(), replaced(file, from, &long));
        }
        Add(file) => {
            files.insert((*file).to_owned(), Vec::new());
        }
        Remove(file) => {
            files.remove(*file).unwrap();
        }
        Before(file, bytes) => {
            let content = [*bytes, &files[*file]].concat();
            files.insert((*file).to_owned(), content);
        }
        Rows(file) => {
            let content = text(&files[*file]);
            let header = content.lines().next().unwrap();
            files.insert((*file).to_owned(), format!("{header}\r\n").into_bytes());
        }
    }
    files
}

#[test]
fn the_valid_set_has_no_problem() {
    assert_eq!(problems(&set()), [""; 0]);
    for edit in [Long(CLASSES, "Choir", 256), Long(USERS, "Berg", 64)] {
        assert_eq!(problems(&changed(&edit)), [""; 0], "the longest text");
    }
}

#[test]
fn optional_files_may_be_empty_or_missing() {
    for edit in [
        Rows(RELATIONSHIPS),
        Rows(ENROLLMENTS),
        Rows(DEMOGRAPHICS),
        Rows(FLAGS),
    ] {
        let found = problems(&changed(&edit));
        assert!(
            found.iter().all(|problem| problem.contains("roleless")),
            "{found:?}"
        );
    }
    let required = [
        (ORGS, "sourcedId,name,type\r\no1,Lindenhof,school\r\n"),
        (USERS, "username,sourcedId\r\nanna@lindenhof.example,p1\r\n"),
        (
            ROLES,
            "userSourcedId,orgSourcedId,role\r\np1,o1,student\r\n",
        ),
    ];
    let file = |(name, text): (&str, &str)| (name.to_owned(), text.as_bytes().to_vec());
    let found = problems(&required.map(file).into_iter().collect());
    assert_eq!(found, [""; 0]);
}

#[test]
fn every_mistake_is_found() {
    for (edit, expected) in MUTATIONS {
        let found = problems(&changed(edit));
        let is_found = found.iter().any(|problem| problem.contains(expected));
        assert!(is_found, "expected {expected:?}, found {found:#?}");
    }
}

#[test]
fn every_rule_has_a_mistake() {
    let rule = |expected: &'static str| expected.split(": ").nth(1);
    let tried: BTreeSet<&str> = MUTATIONS
        .iter()
        .filter_map(|(_, expected)| rule(expected))
        .collect();
    assert_eq!(tried, RULES.iter().copied().collect());
}

#[test]
fn a_file_that_was_supplied_is_supplied_again() {
    let before = set();
    assert_eq!(problems_of_next(&before, &changed(&Rows(FLAGS))), [""; 0]);
    let found = problems_of_next(&before, &changed(&Remove(FLAGS)));
    assert_eq!(
        found,
        ["userFlags.csv line 0 column -: same-set: supplied before, not now"]
    );
}
