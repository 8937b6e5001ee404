//! A validator of the CSV file with which Google's Admin console adds and updates users, written from
//! `docs/contracts/google-workspace-users.md` alone.
//!
//! It uses nothing of the program and no CSV library, so that a mistake in the program's file is not repeated here.
//! What only Google knows is not checked: which accounts, units and domains exist.

use std::collections::BTreeSet;

use super::strict_csv::{self, Record, Table, is_address, is_phone};

const FILE: &str = "users.csv";

/// Limits of google-workspace-users.md 1.
const MAX_BYTES: usize = 35_000_000;
const MAX_USERS: usize = 150_000;
const MAX_LICENSED_USERS: usize = 200;

const EMAIL: &str = "Email Address [Required]";
const NEW_EMAIL: &str = "New Primary Email [UPLOAD ONLY]";
const PASSWORD: &str = "Password [Required]";
const HASH: &str = "Password Hash Function [UPLOAD ONLY]";
const RECOVERY_PHONE: &str = "Recovery Phone [MUST BE IN THE E.164 FORMAT]";
const EMPLOYEE: &str = "Employee ID";
const LICENSES: &str = "New Licenses [UPLOAD ONLY]";

/// The password of an account that keeps its own.
const KEPT: &str = "****";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Name,
    /// An address of the account's own domains.
    Account,
    Password,
    UnitPath,
    Address,
    Addresses,
    Phone,
    Text,
    /// The only kind that may have line breaks.
    PostalAddress,
    OneOf(&'static [&'static str]),
}

const BOOLEAN: Kind = Kind::OneOf(&["true", "false"]);

/// The template, in its order.
const COLUMNS: &[(&str, Kind)] = &[
    ("First Name [Required]", Kind::Name),
    ("Last Name [Required]", Kind::Name),
    (EMAIL, Kind::Account),
    (PASSWORD, Kind::Password),
    (HASH, Kind::OneOf(&["md5", "sha-1", "crypt"])),
    ("Org Unit Path [Required]", Kind::UnitPath),
    (NEW_EMAIL, Kind::Account),
    ("Recovery Email", Kind::Address),
    ("Home Secondary Email", Kind::Addresses),
    ("Work Secondary Email", Kind::Addresses),
    (RECOVERY_PHONE, Kind::Phone),
    ("Work Phone", Kind::Text),
    ("Home Phone", Kind::Text),
    ("Mobile Phone", Kind::Text),
    ("Work Address", Kind::PostalAddress),
    ("Home Address", Kind::PostalAddress),
    (EMPLOYEE, Kind::Text),
    ("Employee Type", Kind::Text),
    ("Employee Title", Kind::Text),
    ("Manager Email", Kind::Address),
    ("Department", Kind::Text),
    ("Cost Center", Kind::Text),
    ("Building ID", Kind::Text),
    ("Floor Name", Kind::Text),
    ("Floor Section", Kind::Text),
    ("Change Password at Next Sign-In", BOOLEAN),
    (
        "New Status [UPLOAD ONLY]",
        Kind::OneOf(&["active", "suspended", "archived"]),
    ),
    (LICENSES, Kind::Text),
    ("Advanced Protection Program enrollment", BOOLEAN),
];

/// What is wrong with a file; nothing if it is valid.
///
/// Form of a message: `users.csv line 2 column Last Name [Required]: required: no value`. Line 0 is the file as a whole.
pub fn problems(file: &[u8]) -> Vec<String> {
    let mut report = Report::default();
    if file.len() > MAX_BYTES {
        report.add(0, "-", "size", "more than 35 MB; not read");
        return report.problems;
    }
    let table = strict_csv::read(file);
    if check_form(&table, &mut report) {
        check_rows(&table, &mut report);
    }
    report.problems
}

#[derive(Default)]
struct Report {
    problems: Vec<String>,
}

impl Report {
    fn add(&mut self, line: usize, column: &str, rule: &str, what: &str) {
        let problem = format!("{FILE} line {line} column {column}: {rule}: {what}");
        self.problems.push(problem);
    }
}

fn is_required(column: &str) -> bool {
    column.ends_with("[Required]")
}

/// Dialect and header; false if the rows cannot be read.
fn check_form(table: &Table, report: &mut Report) -> bool {
    for fault in &table.faults {
        let before = fault.column.checked_sub(1);
        let column = before.and_then(|at| table.header.get(at));
        let column = column.map_or("-", String::as_str);
        report.add(fault.line, column, fault.rule, fault.what);
    }
    table.faults.is_empty() && check_header(&table.header, report)
}

fn check_header(header: &[String], report: &mut Report) -> bool {
    let before = report.problems.len();
    let place = |name: &String| COLUMNS.iter().position(|(known, _)| known == name);
    let mut last = None;
    for (at, name) in header.iter().enumerate() {
        let place = place(name);
        if place.is_none() {
            report.add(1, name, "header", "not a column of the template");
        } else if header[..at].contains(name) {
            report.add(1, name, "header", "a column occurs twice");
        } else if place < last {
            report.add(1, name, "header-order", "not the order of the template");
        }
        last = last.max(place);
    }
    let names = COLUMNS.iter().map(|(name, _)| *name);
    for name in names.filter(|name| is_required(name) && !header.iter().any(|known| known == name))
    {
        report.add(1, name, "header", "a required column is missing");
    }
    report.problems.len() == before
}

/// The values of a column, each empty if the file has no such column.
fn values<'a>(table: &'a Table, column: &str) -> impl Fn(&'a Record) -> &'a str + use<'a> {
    let at = table.header.iter().position(|name| name == column);
    move |row| at.map_or("", |at| row.fields[at].as_str())
}

fn check_rows(table: &Table, report: &mut Report) {
    let column = |name: &String| COLUMNS.iter().find(|(known, _)| known == name);
    let columns: Vec<&(&str, Kind)> = table.header.iter().filter_map(column).collect();
    for row in &table.rows {
        for ((name, kind), text) in columns.iter().zip(&row.fields) {
            if let Some((rule, what)) = value_problem(name, *kind, text) {
                report.add(row.line, name, rule, what);
            }
        }
    }
    check_passwords(table, report);
    check_unique(table, report);
    check_counts(table, report);
}

/// The rule that a value breaks, and what is wrong.
fn value_problem(column: &str, kind: Kind, text: &str) -> Option<(&'static str, &'static str)> {
    let unless = |is_valid: bool, rule, what| (!is_valid).then_some((rule, what));
    if text.trim().is_empty() && is_required(column) {
        return Some(("required", "no value"));
    }
    if text.contains(['\r', '\n']) && kind != Kind::PostalAddress {
        return Some(("line-break", "a line break outside a postal address"));
    }
    if text != text.trim() && kind != Kind::Password {
        return Some(("space", "a blank at an end of the value"));
    }
    if text.is_empty() {
        return None;
    }
    match kind {
        Kind::Name => name_problem(text),
        Kind::Account => account_problem(text),
        Kind::UnitPath => unless(is_unit_path(text), "unit-path", "not / or a path from /"),
        Kind::Address => unless(is_address(text), "address", "not an e-mail address"),
        Kind::Addresses => unless(
            text.split(',').all(is_address),
            "address",
            "not a list of e-mail addresses",
        ),
        Kind::Phone => unless(is_phone(text), "phone", "not a number after E.164"),
        Kind::OneOf(known) => {
            let text = text.to_ascii_lowercase();
            unless(
                known.contains(&text.as_str()),
                "enum",
                "not in the list of values",
            )
        }
        Kind::Password | Kind::Text | Kind::PostalAddress => None,
    }
}

fn name_problem(text: &str) -> Option<(&'static str, &'static str)> {
    if text.chars().count() > 60 {
        return Some(("length", "more than 60 characters"));
    }
    let is_bracketed = text.contains(['<', '>']);
    is_bracketed.then_some(("name", "an angle bracket"))
}

/// The rules of google-workspace-users.md 3.
fn account_problem(text: &str) -> Option<(&'static str, &'static str)> {
    let local = text.split('@').next().unwrap_or_default();
    if local.len() > 64 {
        return Some(("length", "more than 64 characters before the @"));
    }
    if text.chars().any(char::is_uppercase) {
        return Some(("lower-case", "upper case in an address"));
    }
    let is_known = |sign: char| matches!(sign, 'a'..='z' | '0'..='9' | '-' | '_' | '\'' | '.');
    if !is_address(text) || !local.chars().all(is_known) {
        return Some(("username", "not an address of an account"));
    }
    let is_reserved = ["abuse", "postmaster"].contains(&local);
    is_reserved.then_some(("reserved", "a reserved name"))
}

fn is_unit_path(text: &str) -> bool {
    let parts = text.strip_prefix('/').map(|path| path.split('/'));
    let is_part = |part: &str| !part.is_empty() && part == part.trim() && !part.contains('@');
    text == "/" || parts.is_some_and(|mut parts| parts.all(is_part))
}

fn check_passwords(table: &Table, report: &mut Report) {
    let [passwords, hashes] = [PASSWORD, HASH].map(|column| values(table, column));
    for row in &table.rows {
        if let Some((column, rule, what)) = password_problem(passwords(row), hashes(row)) {
            report.add(row.line, column, rule, what);
        }
    }
}

/// The column, the rule and what is wrong; a missing password is not a problem here.
fn password_problem(
    password: &str,
    hash: &str,
) -> Option<(&'static str, &'static str, &'static str)> {
    let is_ascii = password.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let fits = !hash.is_empty() || (8..=100).contains(&password.len());
    if password == KEPT {
        return (!hash.is_empty()).then_some((
            HASH,
            "kept-hash",
            "a hash function without a password",
        ));
    }
    if password.is_empty() || (is_ascii && fits) {
        return None;
    }
    let what = if is_ascii {
        "not 8 to 100 characters"
    } else {
        "not only ASCII characters"
    };
    Some((PASSWORD, "password", what))
}

fn check_unique(table: &Table, report: &mut Report) {
    for columns in [&[EMAIL, NEW_EMAIL][..], &[RECOVERY_PHONE], &[EMPLOYEE]] {
        let mut known = BTreeSet::new();
        for column in columns {
            let value = values(table, column);
            for row in &table.rows {
                let text = value(row).to_lowercase();
                if !text.is_empty() && !known.insert(text) {
                    report.add(row.line, column, "unique", "occurs twice");
                }
            }
        }
    }
}

fn check_counts(table: &Table, report: &mut Report) {
    let licenses = values(table, LICENSES);
    if table.rows.len() > MAX_USERS {
        report.add(0, "-", "rows", "more than 150000 users");
    }
    if table.rows.len() > MAX_LICENSED_USERS
        && table.rows.iter().any(|row| !licenses(row).is_empty())
    {
        report.add(0, LICENSES, "rows", "more than 200 users with licenses");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = "First Name [Required],Last Name [Required],Email Address [Required],Password [Required],\
        Password Hash Function [UPLOAD ONLY],Org Unit Path [Required],New Primary Email [UPLOAD ONLY],Recovery Email,\
        Home Secondary Email,Work Secondary Email,Recovery Phone [MUST BE IN THE E.164 FORMAT],Work Phone,Home Phone,\
        Mobile Phone,Work Address,Home Address,Employee ID,Employee Type,Employee Title,Manager Email,Department,\
        Cost Center,Building ID,Floor Name,Floor Section,Change Password at Next Sign-In,New Status [UPLOAD ONLY],\
        New Licenses [UPLOAD ONLY],Advanced Protection Program enrollment\r\n\
        Anna,Berg,anna.berg@lindenhof.example,correct horse,,/Pupils/Class 9A,,anna+x@mail.example,\
        \"a@mail.example,b@mail.example\",,+436601234567,1,\"2,3\",4,\"Ring 1\r\nAuen\",,4711,,,\
        o'hara@lindenhof.example,,,,,,True,Active,,False\r\n\
        Ben,O'Hara,o'hara@lindenhof.example,****,,/,ben_o'hara-2@lindenhof.example,,,,,,,,,,4712,,,,,,,,,FALSE,SUSPENDED,,\r\n\
        \"Cem \"\"C\"\"\",Ünal,cem@lindenhof.example,a9993e364706816aba3e25717850c26c9cd0d89d,SHA-1,/Staff,,,,,,,,,,,,,,,,,,,,,,,\r\n";

    const SMALL: &str = "First Name [Required],Last Name [Required],Email Address [Required],Password [Required],\
        Org Unit Path [Required],Employee ID\r\nAnna,Berg,anna@lindenhof.example,****,/,4711\r\n";

    /// In the valid file, the only occurrence of a text becomes another one; then a message has this part.
    #[rustfmt::skip]
    const MUTATIONS: &[(&str, &str, &str)] = &[
        ("False\r\n", "False\n", "line 3 column Advanced Protection Program enrollment: line-end"),
        ("\"Cem \"\"C\"\"\"", "Cem \"C\"", "line 5 column First Name [Required]: quote"),
        ("4712", "\x074712", "line 4 column Employee ID: control"),
        ("4712,", "4712", "line 4 column -: ragged"),
        ("Ben,O'Hara", "\r\nBen,O'Hara", "line 4 column -: blank-line"),
        ("Cost Center", "Kostenstelle", "line 1 column Kostenstelle: header: not a column"),
        ("Cost Center", "Department", "line 1 column Department: header: a column occurs twice"),
        ("Org Unit Path [Required]", "Org Unit Path", "line 1 column Org Unit Path [Required]: header: a required"),
        ("Cost Center,Building ID", "Building ID,Cost Center", "line 1 column Cost Center: header-order"),
        ("Anna,", ",", "line 2 column First Name [Required]: required"),
        ("Berg,", "\" \",", "line 2 column Last Name [Required]: required"),
        ("anna.berg@lindenhof.example,", ",", "line 2 column Email Address [Required]: required"),
        ("correct horse", "", "line 2 column Password [Required]: required"),
        ("/Staff", "", "line 5 column Org Unit Path [Required]: required"),
        ("Berg", "\"Be\r\nrg\"", "line 2 column Last Name [Required]: line-break"),
        ("4711", "4711 ", "line 2 column Employee ID: space"),
        ("Berg", "0123456789012345678901234567890123456789012345678901234567890", "line 2 column Last Name [Required]: length"),
        ("Berg", "<Berg>", "line 2 column Last Name [Required]: name"),
        ("correct horse", "1234567", "line 2 column Password [Required]: password: not 8"),
        ("correct horse", "*****", "line 2 column Password [Required]: password: not 8"),
        ("correct horse", "corréct horse", "line 2 column Password [Required]: password: not only ASCII"),
        ("****,,", "****,MD5,", "line 4 column Password Hash Function [UPLOAD ONLY]: kept-hash"),
        ("SHA-1", "SHA-256", "line 5 column Password Hash Function [UPLOAD ONLY]: enum"),
        ("/Pupils/Class 9A", "Pupils/Class 9A", "line 2 column Org Unit Path [Required]: unit-path"),
        ("/Pupils/Class 9A", "/Pupils/Class 9A/", "line 2 column Org Unit Path [Required]: unit-path"),
        ("/Pupils/Class 9A", "/Pupils//Class 9A", "line 2 column Org Unit Path [Required]: unit-path"),
        ("anna.berg@", "Anna.Berg@", "line 2 column Email Address [Required]: lower-case"),
        ("anna.berg@", "anna+berg@", "line 2 column Email Address [Required]: username"),
        ("anna.berg@", "anna..berg@", "line 2 column Email Address [Required]: username"),
        ("anna.berg@", "anna.berg.@", "line 2 column Email Address [Required]: username"),
        ("anna.berg@", "änna.berg@", "line 2 column Email Address [Required]: username"),
        ("anna.berg@lindenhof.example", "anna.berg", "line 2 column Email Address [Required]: username"),
        ("anna.berg@", "01234567890123456789012345678901234567890123456789012345678901234@", "line 2 column Email Address [Required]: length"),
        ("anna.berg@", "postmaster@", "line 2 column Email Address [Required]: reserved"),
        ("ben_o'hara-2@", "ben o'hara@", "line 4 column New Primary Email [UPLOAD ONLY]: username"),
        ("ben_o'hara-2@", "anna.berg@", "line 4 column New Primary Email [UPLOAD ONLY]: unique"),
        ("cem@lindenhof", "anna.berg@lindenhof", "line 5 column Email Address [Required]: unique"),
        ("anna+x@mail.example", "anna+x@mail", "line 2 column Recovery Email: address"),
        ("anna+x@mail.example", "\"a@mail.example,b@mail.example\"", "line 2 column Recovery Email: address"),
        ("a@mail.example,b@", "a@mail.example, b@", "line 2 column Home Secondary Email: address"),
        ("+436601234567", "06601234567", "line 2 column Recovery Phone [MUST BE IN THE E.164 FORMAT]: phone"),
        (",,,,,,,,,4712", ",,,+436601234567,,,,,,4712", "line 4 column Recovery Phone [MUST BE IN THE E.164 FORMAT]: unique"),
        ("4712", "4711", "line 4 column Employee ID: unique"),
        ("True", "yes", "line 2 column Change Password at Next Sign-In: enum"),
        ("SUSPENDED", "LOCKED", "line 4 column New Status [UPLOAD ONLY]: enum"),
        ("False\r\n", "no\r\n", "line 2 column Advanced Protection Program enrollment: enum"),
    ];

    #[test]
    fn valid_files_have_no_problem() {
        for valid in [FULL, SMALL] {
            assert_eq!(problems(valid.as_bytes()), [""; 0]);
            let with_bom = format!("\u{feff}{valid}");
            assert_eq!(problems(with_bom.as_bytes()), [""; 0]);
        }
    }

    #[test]
    fn every_mistake_is_found() {
        for (from, to, expected) in MUTATIONS {
            assert_eq!(FULL.matches(from).count(), 1, "{from:?}");
            let found = problems(FULL.replace(from, to).as_bytes());
            let is_found = found.iter().any(|problem| problem.contains(expected));
            assert!(is_found, "expected {expected:?}, found {found:#?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text() {
        let found = problems(b"First Name [Required]\r\n\xe4\r\n");
        assert_eq!(
            found,
            ["users.csv line 2 column -: utf-8: bytes that are not UTF-8"]
        );
        assert_eq!(
            problems(b""),
            ["users.csv line 1 column -: header: no header"]
        );
    }

    #[test]
    fn files_that_are_too_large() {
        let (header, _) = FULL.split_once("\r\n").unwrap();
        let row = |at: usize| format!("A,B,u{at}@x.example,****,,/,,,,,,,,,,,,,,,,,,,,,,L,\r\n");
        let rows = |count: usize| (0..count).map(row).collect::<String>();
        let file = |count: usize| format!("{header}\r\n{}", rows(count)).into_bytes();
        assert_eq!(problems(&file(200)), [""; 0]);
        assert!(
            problems(&file(201))[0].contains("New Licenses [UPLOAD ONLY]: rows: more than 200")
        );
        let (header, _) = SMALL.split_once("\r\n").unwrap();
        let row = |at: usize| format!("A,B,u{at}@x.example,****,/,\r\n");
        let rows: String = (0..=MAX_USERS).map(row).collect();
        let many = format!("{header}\r\n{rows}");
        assert_eq!(
            problems(many.as_bytes()),
            ["users.csv line 0 column -: rows: more than 150000 users"]
        );
        let large = SMALL.replace("4711", &"7".repeat(MAX_BYTES));
        assert_eq!(
            problems(large.as_bytes()),
            ["users.csv line 0 column -: size: more than 35 MB; not read"]
        );
    }
}
