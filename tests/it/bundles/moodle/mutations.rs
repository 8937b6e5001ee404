//! Valid files, written by hand from the contract, and mutations that break one rule each.

use std::collections::BTreeSet;

use super::{problems_of_cohorts, problems_of_enrolments, problems_of_users};

const USERS: &str =
    "username,firstname,lastname,email,idnumber,lang,auth,department,cohort1,cohort2,course1,role1
ada.byron,Ada,\"Byron, Countess\",ada@school.example,p-1,de_ch,manual,9A,class-9a,choir,math,student
b@x_1,\"Bob \"\"B\"\"\",Öz,bob@school.example,p-2,en,,,class-9b,,,
";

/// A file that only changes states.
const LEAVERS: &str = "username,deleted,suspended,oldusername
ada.byron,1,,
bob,,1,
cyd,0,0,cy
";

const ENROLLED: &str = "username,firstname,lastname,email,country,phone1,password,description,deleted,course1,type1,enrolperiod1,enrolstatus1,enroltimestart1,profile_field_House
ada,Ada,Byron,ada@school.example,AT,+43 1 234,changeme,\"two
lines\",0,math,1,90,0,2026-09-01,Red
";

const COHORTS: &str = "name,idnumber,visible
Class 9A,class-9a,1
\"Choir, all years\",choir,
";

const ENROLMENTS: &str = "add, student, p-1, CF101
add,editingteacher,t-1,CF101,0,0
add,student,p-2,CF101,1756677600,1782856800
del,student,p-3,CF101
";

fn base(name: &str) -> &'static str {
    match name {
        "USERS" => USERS,
        "LEAVERS" => LEAVERS,
        "ENROLLED" => ENROLLED,
        "COHORTS" => COHORTS,
        _ => ENROLMENTS,
    }
}

/// Base, what is replaced once, by what, and a part of the expected message; `\n`, `\r` and `\0` are escapes.
const MUTATIONS: &str = r#"
USERS | username,first | \u{feff}username,first | byte order mark
USERS | en,,,class-9b,,,\n | en,,,class-9b,,, | no line end after
USERS | student\n | student\r\n | mixed line ends
USERS | Ada, | A\rda, | a carriage return
USERS | student\n | student\n\n | a blank line
ENROLLED | lines", | lines, | a quote that is not closed
USERS | Ada, | "A"da, | text after the closing
USERS | Ada, | A"da, | a quote in a field
USERS | Countess", | Countess"x, | text after the closing
USERS | Countess" | Countess\" | a backslash before a quote
USERS | "Byron, Countess" | Byron, Countess | 13 fields instead of 12
USERS | ,math,student | ,math | 11 fields instead of 12
USERS | Ada, | Ada , | white space
USERS | Ada, | A\0da, | a control character
USERS | Ada, | "A\nda", | a control character
USERS | ,auth, | ,skype, | unknown column
USERS | ,auth, | ,Auth, | unknown column
USERS | ,auth, | ,cohort, | unknown column
USERS | ,auth, | ,lang, | listed twice
USERS | ,auth, | ,role2, | no column course2
USERS | username, | id, | column username: this column is missing
USERS | ,lastname | ,city | column lastname: this column is missing
USERS | ,email, | ,city, | column email: this column is missing
USERS | ada.byron | Ada.Byron | a character that Moodle removes
USERS | ada.byron | müller | a character that Moodle removes
USERS | ada.byron | guest | the guest account
USERS | ada.byron | 0 | empty for Moodle
USERS | ada.byron |  | column username: empty
USERS | ada.byron | b@x_1 | the same value as in line 2
USERS | Ada, | , | column firstname: empty
USERS | Ada, | <b>, | starts a tag
USERS | ada@school | ada school | not an email
USERS | ada@school.example |  | column email: empty
USERS | ada@school | Bob@school | the same value as in line 2
USERS | ada@school.example | ada@school | not an email
USERS | p-1 | p-2 | column idnumber: the same value
USERS | de_ch | de-CH | not a language pack
USERS | manual | Manual | not a plugin
USERS | manual | aaaaaaaaaaaaaaaaaaaaa | more than 20
USERS | class-9a | 12 | a number is the id
USERS | class-9a | class-9x | unknown cohort
USERS | class-9a | choir | twice in the row
USERS | ,math, | ,, | a value without course1
USERS | ,student | ,5 | a number instead of a short name
LEAVERS | byron,1 | byron,yes | not 0, 1 or empty
LEAVERS | ,cy\n | ,Cy\n | a character that Moodle removes
LEAVERS | ,cy\n | ,cyd\n | the old username is the new one
LEAVERS | byron,1,, | byron,1,,b | renamed and deleted
ENROLLED | ,AT, | ,at, | not a country
ENROLLED | +43 1 234 | +43 1 234 567 890 123 | more than 20
ENROLLED | changeme | secret | a password
ENROLLED | math,1 | math,4 | not 1, 2 or 3
ENROLLED | ,90, | ,-1, | not a number of days
ENROLLED | ,90,0 | ,90,2 | not 0, 1 or empty
ENROLLED | 2026-09-01 | 01.09.2026 | not a date
ENROLLED | profile_field_House | profile_field_ | unknown column
COHORTS | name, | title, | column name: this column is missing
COHORTS | idnumber | id | column idnumber: this column is missing
COHORTS | visible | color | unknown column
COHORTS | Class 9A |  | empty for Moodle
COHORTS | Class 9A | Class <9A> | starts a tag
COHORTS | choir | class-9a | listed twice
COHORTS | choir | 12 | column idnumber: a number
COHORTS | ,1\n | ,yes\n | not 0, 1
ENROLMENTS | add, student | \u{feff}add, student | byte order mark
ENROLMENTS | del,student,p-3,CF101\n | del,student,p-3,CF101 | no line end after
ENROLMENTS | CF101\nadd | CF101\n\nadd | a blank line
ENROLMENTS | add, student | operation,role,user,course\nadd, student | not add or del
ENROLMENTS | add, student | # comment\nadd, student | no comma
ENROLMENTS | add, student | ADD, student | not add or del
ENROLMENTS | p-1, CF101 | p-1; CF101 | 3 fields
ENROLMENTS | p-1, CF101 | p-1, CF,101,0,0 | 7 fields
ENROLMENTS | add, student | "add", student | a quoted field
ENROLMENTS | p-1, | "p-1", | a quoted field
ENROLMENTS | add, student | add, Student | a role in lower case
ENROLMENTS | add, student | add, | a role in lower case
ENROLMENTS | p-1 | 0 | no idnumber of a user
ENROLMENTS | p-1 |  | no idnumber of a user
ENROLMENTS | p-1, CF101 | p-1, | no idnumber of a course
ENROLMENTS | 1756677600 | 2025-09-01 | not a time in seconds
ENROLMENTS | 1756677600 | 1756677600000 | not a time in seconds
ENROLMENTS | 1756677600 | -1 | not a time in seconds
ENROLMENTS | 1756677600 | 1782856801 | the start is after the end
ENROLMENTS | p-3,CF101 | p-3,CF101,1756677600 | del with a time
ENROLMENTS | p-3 | p-2 | the opposite of line 3
ENROLMENTS | p-2 | p-1 | the same as line 1
ENROLMENTS | p-1 | p\0-1 | a control character
"#;

fn unescaped(text: &str) -> String {
    let text = text.replace("\\n", "\n").replace("\\r", "\r");
    text.replace("\\0", "\0").replace("\\u{feff}", "\u{feff}")
}

fn cohorts() -> BTreeSet<String> {
    ["class-9a", "class-9b", "choir"].map(str::to_owned).into()
}

fn problems(name: &str, file: &[u8]) -> Vec<String> {
    match name {
        "COHORTS" => problems_of_cohorts(file),
        "ENROLMENTS" => problems_of_enrolments(file),
        _ => problems_of_users(file, Some(&cohorts())),
    }
}

#[test]
fn valid_files_have_no_problems() {
    for name in ["USERS", "LEAVERS", "ENROLLED", "COHORTS", "ENROLMENTS"] {
        assert_eq!(problems(name, base(name).as_bytes()), Vec::<String>::new());
    }
    for name in ["USERS", "COHORTS", "ENROLMENTS"] {
        let file = base(name).replace('\n', "\r\n");
        assert_eq!(problems(name, file.as_bytes()), Vec::<String>::new());
    }
    let header = "username,firstname,lastname,email\n";
    assert!(problems_of_users(header.as_bytes(), None).is_empty());
    assert!(problems_of_enrolments(b"").is_empty());
    assert!(problems_of_users(b"", None)[0].contains("no header"));
    assert!(problems_of_users(b"username\nx\n", None)[0].contains("two columns"));
    assert!(problems_of_users(b"\xff", None)[0].contains("not UTF-8"));
    assert!(problems_of_enrolments(b"\xff")[0].contains("not UTF-8"));
}

#[test]
fn every_rule_is_detected() {
    for row in MUTATIONS.trim().lines() {
        let cells: Vec<String> = row.split(" | ").map(unescaped).collect();
        let [name, from, to, expected] = &cells[..] else {
            panic!("four cells: {row}");
        };
        assert!(base(name).contains(from), "{row}");
        let file = base(name).replacen(from, to, 1);
        let found = problems(name, file.as_bytes());
        let is_found = found.iter().any(|message| message.contains(expected));
        assert!(is_found, "{row}\n{found:#?}");
    }
}

#[test]
fn long_values_are_detected() {
    for (column, length) in [("ada.byron", 101), ("p-1", 256), ("9A", 256), ("Ada", 101)] {
        let file = USERS.replacen(column, &"x".repeat(length), 1);
        let expected = format!("more than {} characters", length - 1);
        let found = problems("USERS", file.as_bytes());
        assert!(
            found.iter().any(|text| text.contains(&expected)),
            "{found:?}"
        );
    }
    for (column, length) in [("p-1", 256), ("CF101", 101)] {
        let file = ENROLMENTS.replacen(column, &"x".repeat(length), 1);
        let expected = format!("more than {} characters", length - 1);
        assert!(problems_of_enrolments(file.as_bytes())[0].contains(&expected));
    }
    let file = COHORTS.replacen("choir", &"x".repeat(101), 1);
    assert!(problems_of_cohorts(file.as_bytes())[0].contains("more than 100"));
}

#[test]
fn cut_and_damaged_files_do_not_panic() {
    for name in ["USERS", "LEAVERS", "ENROLLED", "COHORTS", "ENROLMENTS"] {
        let base = base(name).as_bytes();
        for at in 0..base.len() {
            let (start, end) = base.split_at(at);
            problems(name, start);
            for byte in b"\n\\\"\xff,\r" {
                problems(name, &[start, &[*byte], &end[1..]].concat());
            }
        }
    }
}
