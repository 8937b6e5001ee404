//! Rules that need several rows or files (oneroster-csv.md 4 to 6).
//!
//! Only bulk rows must find what they refer to: a delta holds changes, so its rows refer to rows sent earlier.

use std::collections::{BTreeMap, BTreeSet};

use super::Version;
use super::manifest::Mode;
use super::report::Report;
use super::rows::{self, Sheet};
use super::text::Record;
use super::values;

/// The files that were read, by name without `.csv`.
pub type Sheets = BTreeMap<String, Sheet>;

/// A reference to a row that must have a type.
struct Typed {
    source: &'static str,
    column: &'static str,
    target: &'static str,
    kind: &'static str,
    rule: &'static str,
}

const TYPED: &[Typed] = &[
    Typed {
        source: "classes",
        column: "schoolSourcedId",
        target: "orgs",
        kind: "school",
        rule: "org-type",
    },
    Typed {
        source: "enrollments",
        column: "schoolSourcedId",
        target: "orgs",
        kind: "school",
        rule: "org-type",
    },
    Typed {
        source: "courses",
        column: "schoolYearSourcedId",
        target: "academicSessions",
        kind: "schoolYear",
        rule: "session-type",
    },
];

pub fn check(version: Version, sheets: &Sheets, report: &mut Report) {
    check_references(sheets, report);
    for rule in TYPED {
        check_type(version, sheets, rule, report);
    }
    check_primary_teachers(sheets, report);
    if version == Version::V1p2 {
        check_users_without_role(sheets, report);
        check_primary_roles(sheets, report);
        check_primary_orgs(sheets, report);
        check_profiles(sheets, report);
    }
}

fn check_references(sheets: &Sheets, report: &mut Report) {
    let ids: BTreeMap<&str, BTreeSet<&str>> = sheets
        .iter()
        .map(|(name, sheet)| {
            (
                name.as_str(),
                sheet
                    .rows
                    .iter()
                    .map(|row| sheet.value(row, "sourcedId"))
                    .collect(),
            )
        })
        .collect();
    for sheet in sheets.values().filter(|sheet| sheet.mode == Mode::Bulk) {
        for (column, target) in rows::references(sheet) {
            if sheets
                .get(target)
                .is_some_and(|sheet| sheet.mode == Mode::Delta)
            {
                continue;
            }
            for row in &sheet.rows {
                for id in values::items(sheet.value(row, column.name)) {
                    if !ids.get(target).is_some_and(|ids| ids.contains(id)) {
                        let text = format!("`{id}` is not in {target}.csv");
                        report.add(&sheet.file, row.line, column.name, "reference", &text);
                    }
                }
            }
        }
    }
}

/// A target in the set has the type of the rule, or in 1.2 an `ext:` type.
fn check_type(version: Version, sheets: &Sheets, rule: &Typed, report: &mut Report) {
    let (Some(sheet), Some(target)) = (sheets.get(rule.source), sheets.get(rule.target)) else {
        return;
    };
    for row in &sheet.rows {
        let id = sheet.value(row, rule.column);
        let Some(found) = target.row(id) else {
            continue;
        };
        let kind = target.value(found, "type");
        if kind != rule.kind && !values::is_extension(version, kind) {
            report.add(
                &sheet.file,
                row.line,
                rule.column,
                rule.rule,
                &format!("`{id}` has type `{kind}`"),
            );
        }
    }
}

fn check_primary_teachers(sheets: &Sheets, report: &mut Report) {
    let Some(sheet) = sheets.get("enrollments") else {
        return;
    };
    let mut primaries: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for row in sheet
        .active()
        .filter(|row| sheet.value(row, "primary") == "true")
    {
        if sheet.value(row, "role") != "teacher" {
            report.add(
                &sheet.file,
                row.line,
                "primary",
                "primary-teacher",
                "not a teacher",
            );
            continue;
        }
        let earlier = primaries
            .entry(sheet.value(row, "classSourcedId"))
            .or_default();
        if earlier.iter().any(|other| is_overlap(sheet, other, row)) {
            report.add(
                &sheet.file,
                row.line,
                "primary",
                "primary-teacher",
                "a second one at the same time",
            );
        }
        earlier.push(row);
    }
}

/// Whether two periods with exclusive ends share a day; blank is open.
fn is_overlap(sheet: &Sheet, one: &Record, two: &Record) -> bool {
    let is_before = |one: &Record, two: &Record| {
        let (end, begin) = (sheet.value(one, "endDate"), sheet.value(two, "beginDate"));
        !end.is_empty() && !begin.is_empty() && end <= begin
    };
    !is_before(one, two) && !is_before(two, one)
}

fn check_users_without_role(sheets: &Sheets, report: &mut Report) {
    let Some(users) = sheets.get("users").filter(|users| users.mode == Mode::Bulk) else {
        return;
    };
    let Some(roles) = sheets.get("roles") else {
        report.add(
            "users.csv",
            0,
            "-",
            "dependency",
            "bulk users need roles.csv",
        );
        return;
    };
    if roles.mode != Mode::Bulk {
        return;
    }
    let with_role: BTreeSet<&str> = roles
        .rows
        .iter()
        .map(|row| roles.value(row, "userSourcedId"))
        .collect();
    for row in users
        .rows
        .iter()
        .filter(|row| !with_role.contains(users.value(row, "sourcedId")))
    {
        report.add(
            "users.csv",
            row.line,
            "sourcedId",
            "role-missing",
            "the user has no role",
        );
    }
}

fn check_primary_roles(sheets: &Sheets, report: &mut Report) {
    let Some(roles) = sheets.get("roles") else {
        return;
    };
    let mut primaries: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    for row in roles.active() {
        let pair = (
            roles.value(row, "userSourcedId"),
            roles.value(row, "orgSourcedId"),
        );
        let (_, count) = primaries.entry(pair).or_insert((row.line, 0));
        *count += usize::from(roles.value(row, "roleType") == "primary");
        if *count > 1 && roles.value(row, "roleType") == "primary" {
            report.add(
                &roles.file,
                row.line,
                "roleType",
                "primary-role",
                "a second one of this user and org",
            );
        }
    }
    for (line, count) in primaries.into_values() {
        if count == 0 && roles.mode == Mode::Bulk {
            report.add(
                &roles.file,
                line,
                "roleType",
                "primary-role",
                "none of this user and org",
            );
        }
    }
}

fn check_primary_orgs(sheets: &Sheets, report: &mut Report) {
    let (Some(users), Some(roles)) = (sheets.get("users"), sheets.get("roles")) else {
        return;
    };
    if users.mode != Mode::Bulk || roles.mode != Mode::Bulk {
        return;
    }
    let pair = |row| {
        (
            roles.value(row, "userSourcedId"),
            roles.value(row, "orgSourcedId"),
        )
    };
    let pairs: BTreeSet<(&str, &str)> = roles.rows.iter().map(pair).collect();
    for row in &users.rows {
        let (id, org) = (
            users.value(row, "sourcedId"),
            users.value(row, "primaryOrgSourcedId"),
        );
        if !org.is_empty() && !pairs.contains(&(id, org)) {
            report.add(
                &users.file,
                row.line,
                "primaryOrgSourcedId",
                "primary-org",
                "no role in this org",
            );
        }
    }
}

fn check_profiles(sheets: &Sheets, report: &mut Report) {
    let (Some(roles), Some(profiles)) = (sheets.get("roles"), sheets.get("userProfiles")) else {
        return;
    };
    for row in &roles.rows {
        let Some(profile) = profiles.row(roles.value(row, "userProfileSourcedId")) else {
            continue;
        };
        if profiles.value(profile, "userSourcedId") != roles.value(row, "userSourcedId") {
            let text = "the profile is of another user";
            report.add(
                &roles.file,
                row.line,
                "userProfileSourcedId",
                "profile-user",
                text,
            );
        }
    }
}
