//! The rules across columns, rows and files, see school-data-sync.md 5 and 6.

use std::collections::{BTreeMap, BTreeSet};

use super::super::strict_csv::Record;
use super::schema::{Kind, ORGS, RELATIONSHIPS, ROLES, SESSIONS, USERS};
use super::values::is_date;
use super::{Report, Sheet, Sheets};

pub fn check(sheets: &Sheets, report: &mut Report) {
    for sheet in sheets.values() {
        check_key(sheet, report);
        check_references(sheet, sheets, report);
        check_periods(sheet, report);
    }
    check_ancestors(&sheets[ORGS], report);
    check_users(sheets, report);
    check_primary(&sheets[ROLES], report);
    if let Some(relationships) = sheets.get(RELATIONSHIPS) {
        check_contacts(relationships, &sheets[USERS], report);
    }
    if let Some(sessions) = sheets.get(SESSIONS) {
        check_school_years(sessions, sheets, report);
    }
}

fn check_key(sheet: &Sheet, report: &mut Report) {
    let mut known = BTreeSet::new();
    let key = sheet.file.key;
    for row in &sheet.rows {
        let values: Vec<&str> = key.iter().map(|column| sheet.value(row, column)).collect();
        if !known.insert(values) {
            report.add(
                sheet.file.name,
                row.line,
                &key.join("+"),
                "unique",
                "a key occurs twice",
            );
        }
    }
}

fn check_references(sheet: &Sheet, sheets: &Sheets, report: &mut Report) {
    for column in sheet.file.columns {
        let (Kind::Reference(target) | Kind::References(target)) = column.kind else {
            continue;
        };
        let known = sheets.get(target).map(|target| target.values("sourcedId"));
        for row in &sheet.rows {
            let value = sheet.value(row, column.name);
            let is_list = matches!(column.kind, Kind::References(_));
            let mut ids = value.split(|sign| is_list && sign == ',');
            let problem = match &known {
                _ if value.is_empty() => None,
                None => Some(("needed", "the file it names is missing")),
                Some(known) if ids.all(|id| known.contains(id)) => None,
                Some(_) => Some(("reference", "names no row of its file")),
            };
            if let Some((rule, what)) = problem {
                report.add(sheet.file.name, row.line, column.name, rule, what);
            }
        }
    }
}

fn check_periods(sheet: &Sheet, report: &mut Report) {
    for [start, end] in [["startDate", "endDate"], ["roleStartDate", "roleEndDate"]] {
        for row in &sheet.rows {
            let [from, to] = [sheet.value(row, start), sheet.value(row, end)];
            if is_date(from) && is_date(to) && to < from {
                report.add(sheet.file.name, row.line, end, "period", "before the start");
            }
        }
    }
}

fn check_ancestors(orgs: &Sheet, report: &mut Report) {
    let pair = |row| {
        (
            orgs.value(row, "sourcedId"),
            orgs.value(row, "parentSourcedId"),
        )
    };
    let parents: BTreeMap<&str, &str> = orgs.rows.iter().map(pair).collect();
    for row in &orgs.rows {
        let id = orgs.value(row, "sourcedId");
        let parent = |at: &&str| parents.get(at).copied().filter(|parent| !parent.is_empty());
        let mut ancestors = std::iter::successors(parent(&id), parent).take(parents.len());
        if ancestors.any(|ancestor| ancestor == id) {
            report.add(
                ORGS,
                row.line,
                "parentSourcedId",
                "ancestor",
                "its own ancestor",
            );
        }
    }
}

fn check_users(sheets: &Sheets, report: &mut Report) {
    let users = &sheets[USERS];
    let mut active = sheets[ROLES].values("userSourcedId");
    if let Some(relationships) = sheets.get(RELATIONSHIPS) {
        active.extend(relationships.values("relationshipUserSourcedId"));
    }
    let mut usernames = BTreeSet::new();
    for row in &users.rows {
        if !usernames.insert(users.value(row, "username").to_lowercase()) {
            report.add(
                USERS,
                row.line,
                "username",
                "unique-username",
                "occurs twice",
            );
        }
        let is_named = |column| !users.value(row, column).is_empty();
        if is_named("familyName") != is_named("givenName") {
            report.add(USERS, row.line, "familyName", "names", "one of two names");
        }
        if !active.contains(users.value(row, "sourcedId")) {
            report.add(
                USERS,
                row.line,
                "sourcedId",
                "roleless",
                "neither a role nor a contact",
            );
        }
    }
}

fn check_primary(roles: &Sheet, report: &mut Report) {
    let mut known = BTreeSet::new();
    let is_primary = |row: &&Record| roles.value(row, "isPrimary") == "true";
    for row in roles.rows.iter().filter(is_primary) {
        if !known.insert(roles.value(row, "userSourcedId")) {
            report.add(
                ROLES,
                row.line,
                "isPrimary",
                "primary",
                "a second primary role of a user",
            );
        }
    }
}

fn check_contacts(relationships: &Sheet, users: &Sheet, report: &mut Report) {
    let contacts = relationships.values("relationshipUserSourcedId");
    let is_contact = |row: &&Record| contacts.contains(users.value(row, "sourcedId"));
    for row in users.rows.iter().filter(is_contact) {
        for column in ["familyName", "givenName", "email"] {
            if users.value(row, column).is_empty() {
                report.add(USERS, row.line, column, "contact", "no value for a contact");
            }
        }
    }
    for row in &relationships.rows {
        let [user, contact] = ["userSourcedId", "relationshipUserSourcedId"];
        if relationships.value(row, user) == relationships.value(row, contact) {
            report.add(
                RELATIONSHIPS,
                row.line,
                contact,
                "self",
                "a contact of itself",
            );
        }
    }
}

fn check_school_years(sessions: &Sheet, sheets: &Sheets, report: &mut Report) {
    let is_year = |row: &&Record| sessions.value(row, "type") == "schoolYear";
    let ids = |row| sessions.value(row, "sourcedId");
    let years: BTreeSet<&str> = sessions.rows.iter().filter(is_year).map(ids).collect();
    for sheet in sheets.values() {
        for row in &sheet.rows {
            let id = sheet.value(row, "schoolYearSourcedId");
            if !id.is_empty() && !years.contains(id) {
                report.add(
                    sheet.file.name,
                    row.line,
                    "schoolYearSourcedId",
                    "school-year",
                    "not a school year",
                );
            }
        }
    }
    for row in &sessions.rows {
        let start = sessions.value(row, "startDate").get(..4);
        let start = start.and_then(|year| year.parse::<u32>().ok());
        let year = sessions.value(row, "schoolYear").parse::<u32>().ok();
        let (Some(start), Some(year)) = (start, year) else {
            continue;
        };
        let is_later_part = !is_year(&row) && start == year + 1;
        if start != year && !is_later_part {
            report.add(
                SESSIONS,
                row.line,
                "schoolYear",
                "year-of-start",
                "not the year of the start",
            );
        }
    }
}
