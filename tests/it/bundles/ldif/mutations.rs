//! Valid files, written by hand from the contract, and mutations that break one rule each.

use super::{problems, records};

const CONTENT: &str = "version: 1
dn: uid=ada,ou=pupils,dc=school,dc=example
objectClass: top
objectClass: person
objectClass: organizationalPerson
objectClass: inetOrgPerson
uid: ada
cn: Ada Byron
sn: Byron
description: a long line that is folded at the width of the contract, wi
 th one space
givenName:: QWTDqQ==
mail: ada@school.example
employeeNumber: 4711
departmentNumber: 9A

# a group
dn:: Y249SG9ow6lzXCwgOWEsZGM9c2Nob29s
objectClass: top
objectClass: groupOfNames
cn:: SG9ow6lzLCA5YQ==
member: uid=ada,ou=pupils,dc=school,dc=example
";

const CHANGES: &str = "version: 1
dn: uid=bob,dc=school
changetype: add
objectClass: top
objectClass: person
objectClass: organizationalPerson
objectClass: inetOrgPerson
uid: bob
cn: Bob
sn: B

dn: uid=ada,dc=school
changetype: modify
replace: mail
mail: ada@school.example
-
delete: departmentNumber
-
add: employeeNumber
employeeNumber: 1
-

dn: uid=cyd,dc=school
changetype: delete

dn: uid=dan,dc=school
changetype: modrdn
newrdn: uid=daniel
deleteoldrdn: 1
";

/// Base, what is replaced once, by what, and a part of the expected message; `\n`, `\r`, `\0` and `\\` are escapes.
const MUTATIONS: &str = r#"
CONTENT | version: 1\n |  | not `version: 1`
CONTENT | version: 1 | version: 2 | not `version: 1`
CONTENT | departmentNumber: 9A\n\n | departmentNumber: 9A\n | second dn
CONTENT | departmentNumber: 9A\n | departmentNumber: 9A\n\n | separates no records
CONTENT | dn: uid=ada,ou | uid: x\ndn: uid=ada,ou | starts with `dn`
CONTENT | sn: Byron\n | sn: Byron\r\n | mixed line ends
CONTENT | sn: Byron | sn: By\rron | carriage return
CONTENT | sn: Byron | sn: By\0ron | a NUL
CONTENT | sn: Byron | sn: Bÿron | not ASCII
CONTENT | contract, wi\n th | contract, with | the maximum is 76
CONTENT | contract, wi\n th | contract, wi\n \n th | empty continuation
CONTENT | 9A\n\n | 9A\n\n x\n | without a line before
CONTENT | example\n | example\n?\n | no colon
CONTENT | sn: Byron | sn:Byron | no space after the colon
CONTENT | sn: Byron | sn:  Byron | must be base64
CONTENT | sn: Byron | sn: :Byron | must be base64
CONTENT | sn: Byron | sn: <Byron | must be base64
CONTENT | sn: Byron | sn: Byron  | must be base64
CONTENT | sn: Byron | sn: | an empty value
CONTENT | sn: Byron | sn:< file:///x | a URL
CONTENT | uid: ada | u_d: ada | not a name of an attribute
CONTENT | QWTDqQ== | QWTDqQ | without its padding
CONTENT | QWTDqQ== | QWTDqR== | unused bits
CONTENT | QWTDqQ== | QWT DqQ== | base64
CONTENT | QWTDqQ== | QWT?qQ== | not base64
CONTENT | QWTDqQ== | /w== | not UTF-8
CONTENT | member: uid | changetype: add\nmember: uid | not the second line
CONTENT | dn: uid=ada,ou | dn: uid=ada, ou | space around a separator
CONTENT | dn: uid=ada,ou | dn: uid=ada,pupils,ou | no `=`
CONTENT | dn: uid=ada,ou | dn: uid=a"da,ou | an unescaped `"`
CONTENT | dn: uid=ada,ou | dn: uid=a\\xda,ou | escapes nothing
CONTENT | dn: uid=ada,ou | dn: uid=#ada,ou | space or #
CONTENT | dn: uid=ada,ou | dn: uid=ada ,ou | space at the end
CONTENT | dn: uid=ada,ou | dn: uid=\\ff,ou | escaped bytes
CONTENT | dn: uid=ada,ou | dn: 1uid=ada,ou | is not a type
CONTENT | dn: uid=ada,ou | dn: uid=ada,ou=,ou | an empty value
CONTENT | uid: ada | uid: adam | uid in the dn is not in the entry
CONTENT | objectClass: person\n |  | organizationalperson without person
CONTENT | sn: Byron\n |  | objectClass person without sn
CONTENT | member: uid=ada,ou=pupils,dc=school,dc=example\n |  | without member
CONTENT | departmentNumber | classNumber | no class allows
CONTENT | employeeNumber: 4711 | employeeNumber: 1\nemployeeNumber: 2 | has one value
CONTENT | cn: Ada Byron | cn: Ada Byron\ncn: ada byron | value is listed twice
CONTENT | mail: ada@ | mail: ada at  | mail: not an address
CONTENT | member: uid=ada, | member: ada, | member: no `=`
CONTENT | # a group | dn: uid=ada,ou=pupils,dc=school,dc=example\nuid: ada\n | dn is listed twice
CHANGES | changetype: delete\n | uid: cyd\n | content records and change
CHANGES | changetype: delete\n | changetype: delete\nuid: cyd\n | no further lines
CHANGES | changetype: delete | changetype: remove | not a change
CHANGES | changetype: delete | control: 1.2 true\nchangetype: delete | controls are not written
CHANGES | replace: mail\n |  | does not open a block
CHANGES | mail: ada | cn: ada | cn in the block of mail
CHANGES | employeeNumber: 1\n-\n | employeeNumber: 1\n | no `-` after the last block
CHANGES | employeeNumber: 1\n |  | add of employeenumber without
CHANGES | deleteoldrdn: 1 | deleteoldrdn: yes | not 0 or 1
CHANGES | deleteoldrdn: 1\n |  | a rename has
CHANGES | newrdn: uid=daniel | newrdn: uid=daniel,dc=x | more than one component
CHANGES | objectClass: top\nobjectClass: person\nobjectClass: organizationalPerson\nobjectClass: inetOrgPerson\n |  | no objectClass
"#;

fn unescaped(text: &str) -> String {
    let text = text.replace("\\\\", "\u{1}").replace("\\n", "\n");
    let text = text.replace("\\r", "\r").replace("\\0", "\0");
    text.replace('\u{1}', "\\")
}

#[test]
fn valid_files_have_no_problems() {
    for file in [CONTENT, CHANGES] {
        assert_eq!(problems(file.as_bytes()), Vec::<String>::new());
        assert_eq!(
            problems(file.replace('\n', "\r\n").as_bytes()),
            Vec::<String>::new()
        );
    }
    assert!(!problems(b"").is_empty());
    assert!(problems(b"version: 1\n")[0].contains("no record"));
    assert!(problems(CONTENT.trim_end().as_bytes())[0].contains("no line end"));
}

#[test]
fn every_rule_is_detected() {
    for row in MUTATIONS.trim().lines() {
        let cells: Vec<String> = row.split(" | ").map(unescaped).collect();
        let [base, from, to, expected] = &cells[..] else {
            panic!("four cells: {row}");
        };
        let base = if base == "CHANGES" { CHANGES } else { CONTENT };
        assert!(base.contains(from), "{row}");
        let found = problems(base.replacen(from, to, 1).as_bytes());
        let is_found = found.iter().any(|message| message.contains(expected));
        assert!(is_found, "{row}\n{found:#?}");
    }
}

#[test]
fn records_are_decoded() {
    let content = records(CONTENT.as_bytes());
    assert_eq!(content.len(), 2);
    assert_eq!(content[0].values("givenname"), ["Adé"]);
    assert!(content[0].values("description")[0].ends_with("contract, with one space"));
    assert_eq!(
        (content[1].dn.as_str(), content[1].line),
        ("cn=Hohés\\, 9a,dc=school", 18)
    );
    let changes = records(CHANGES.as_bytes());
    assert_eq!(changes[1].changetype.as_deref(), Some("modify"));
    assert_eq!(
        changes[1].lines[0],
        ("replace".to_owned(), "mail".to_owned())
    );
    assert_eq!(changes[1].lines[2], ("-".to_owned(), String::new()));
}

#[test]
fn cut_and_damaged_files_do_not_panic() {
    for base in [CONTENT, CHANGES] {
        for at in (0..base.len()).step_by(3) {
            let (start, end) = base.as_bytes().split_at(at);
            problems(start);
            for byte in b"\n\\ \xff:=" {
                records(&[start, &[*byte], end].concat());
                problems(&[start, &[*byte], &end[1..]].concat());
            }
        }
    }
}
