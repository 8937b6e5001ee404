//! Each rule is detected, alone: a sample with one change has one problem, with the location and the rule.

use super::problems;
use super::samples::{Files, Set};

use Change::{Drop, Everywhere, Insert, Put, Swap};
use Set::{Bulk1p1, Bulk1p2, Delta1p1, Delta1p2};

/// What is changed.
enum Change {
    /// In this file, a text that occurs once, into another.
    Swap(&'static str, &'static str, &'static str),
    /// In all files, each occurrence.
    Everywhere(&'static str, &'static str),
    /// The file is not supplied.
    Drop(&'static str),
    /// One more file.
    Put(&'static str, &'static str),
    /// Bytes before a text that occurs once.
    Insert(&'static str, &'static str, &'static [u8]),
}

struct Mutation {
    what: &'static str,
    set: Set,
    changes: &'static [Change],
    /// The start of the only problem; blank: still valid.
    expected: &'static str,
}

const fn case(
    what: &'static str,
    set: Set,
    changes: &'static [Change],
    expected: &'static str,
) -> Mutation {
    Mutation {
        what,
        set,
        changes,
        expected,
    }
}

const M: &str = "manifest.csv";
const U: &str = "users.csv";
const O: &str = "orgs.csv";
const E: &str = "enrollments.csv";
const C: &str = "classes.csv";
const CO: &str = "courses.csv";
const A: &str = "academicSessions.csv";
const D: &str = "demographics.csv";
const R: &str = "roles.csv";
const P: &str = "userProfiles.csv";

/// A GUID of 256 characters.
const LONG: &str = "x123456789012345678901234567890123456789012345678901234567890123x123456789012345678901234567890123456789\
    012345678901234567890123x123456789012345678901234567890123456789012345678901234567890123x12345678901234567890\
    1234567890123456789012345678901234567890123";

#[rustfmt::skip]
const SETS: &[Mutation] = &[
    case("no manifest", Bulk1p1, &[Drop(M)], "manifest.csv line 0 column -: manifest-missing"),
    case("folder in the zip", Bulk1p1, &[Put("set/users.csv", "")], "set/users.csv line 0 column -: file-name"),
    case("case of a file name", Bulk1p2, &[Put("Users.csv", "")], "Users.csv line 0 column -: file-name"),
    case("not a CSV file", Bulk1p2, &[Put("readme.txt", "")], "readme.txt line 0 column -: file-name"),
    case("a file of 1.2 in 1.1", Bulk1p1, &[Put(R, "")], "roles.csv line 0 column -: file-name"),
    case("declared, not supplied", Bulk1p1, &[Drop(D)], "demographics.csv line 0 column -: presence"),
    case("supplied, absent", Bulk1p1, &[Swap(M, "file.demographics,bulk", "file.demographics,absent")], "demographics.csv line 0 column -: presence"),
    case("not a rostering file", Bulk1p2, &[Swap(M, "file.results,absent", "file.results,bulk"), Put("results.csv", "")], "results.csv line 0 column -: scope"),
    case("manifest header", Bulk1p1, &[Swap(M, "propertyName,value", "propertyName,propertyValue")], "manifest.csv line 1 column 1: header"),
    case("manifest without header", Bulk1p1, &[Swap(M, "propertyName,value\r\n", "")], "manifest.csv line 1 column 1: header"),
    case("manifest with 3 fields", Bulk1p1, &[Swap(M, "source.systemCode,S1", "source.systemCode,S1,")], "manifest.csv line 18 column -: field-count"),
    case("no manifest.version", Bulk1p1, &[Swap(M, "manifest.version,1.0\r\n", "")], "manifest.csv line 0 column propertyName: manifest-row"),
    case("no oneroster.version", Bulk1p2, &[Swap(M, "oneroster.version,1.2\r\n", "")], "manifest.csv line 0 column propertyName: manifest-row"),
    case("no row of an absent file", Bulk1p1, &[Swap(M, "file.results,absent\r\n", "")], "manifest.csv line 0 column propertyName: manifest-row"),
    case("no row of 1.2", Bulk1p2, &[Swap(M, "file.scoreScales,absent\r\n", "")], "manifest.csv line 0 column propertyName: manifest-row"),
    case("a row of 1.2 in 1.1", Bulk1p1, &[Swap(M, "source.systemCode,S1", "file.roles,absent")], "manifest.csv line 18 column propertyName: manifest-row"),
    case("unknown property", Bulk1p1, &[Swap(M, "source.systemCode", "source.system")], "manifest.csv line 18 column propertyName: manifest-row"),
    case("property twice", Bulk1p1, &[Swap(M, "source.systemCode", "source.systemName")], "manifest.csv line 18 column propertyName: manifest-row"),
    case("manifest.version", Bulk1p1, &[Swap(M, "manifest.version,1.0", "manifest.version,1")], "manifest.csv line 2 column value: manifest-value"),
    case("oneroster.version 1.2.1", Bulk1p2, &[Swap(M, "oneroster.version,1.2", "oneroster.version,1.2.1")], "manifest.csv line 3 column value: manifest-value"),
    case("version of 1.2 in 1.1", Bulk1p1, &[Swap(M, "oneroster.version,1.1", "oneroster.version,1.2")], "manifest.csv line 3 column value: manifest-value"),
    case("mode", Bulk1p1, &[Swap(M, "file.results,absent", "file.results,Absent")], "manifest.csv line 15 column value: manifest-value"),
    case("users without roles", Bulk1p2, &[Drop(R), Swap(M, "file.roles,bulk", "file.roles,absent")], "users.csv line 0 column -: dependency"),
    case("a manifest alone", Delta1p1, &[Drop(E), Drop(U), Swap(M, "file.enrollments,delta", "file.enrollments,absent"), Swap(M, "file.users,delta", "file.users,absent")], ""),
    case("no source rows", Bulk1p1, &[Swap(M, "source.systemName,Sample\r\nsource.systemCode,S1\r\n", "")], ""),
];

#[rustfmt::skip]
const TEXTS: &[Mutation] = &[
    case("BOM", Bulk1p1, &[Insert(U, "sourcedId,status", b"\xEF\xBB\xBF")], ""),
    case("BOM in the manifest", Bulk1p2, &[Insert(M, "propertyName", b"\xEF\xBB\xBF")], ""),
    case("two BOMs", Bulk1p1, &[Insert(O, "sourcedId,status", b"\xEF\xBB\xBF\xEF\xBB\xBF")], "orgs.csv line 1 column sourcedId: header"),
    case("Latin-1", Bulk1p1, &[Insert(D, ",K\u{f6}ln", b"K\xF6ln")], "demographics.csv line 2 column 1: utf8"),
    case("UTF-16", Bulk1p1, &[Insert(O, "sourcedId,status", b"\xFF\xFE")], "orgs.csv line 1 column 1: utf8"),
    case("LF", Bulk1p1, &[Everywhere("09,10\",org-2,\"Algebra,Geometry\",\"M1,M2\"\r\n", "09,10\",org-2,\"Algebra,Geometry\",\"M1,M2\"\n")], "courses.csv line 2 column 75: line-end"),
    case("no line end at the end", Bulk1p1, &[Swap(E, "student,false,,\r\n", "student,false,,")], ""),
    case("quote not doubled", Bulk1p1, &[Swap(O, "\"\"North\"\"", "\"North\"")], "orgs.csv line 3 column 18: quote"),
    case("quote in an unquoted field", Bulk1p1, &[Swap(O, "Sample District", "Sample \"District\"")], "orgs.csv line 2 column 16: quote"),
    case("text after a quote", Bulk1p1, &[Swap(C, "\"1,3\"", "\"1,3\" ")], "classes.csv line 2 column 93: quote"),
    case("no closing quote", Bulk1p1, &[Swap(C, "\"1,3\"\r\n", "\"1,3")], "classes.csv line 2 column 91: quote"),
    case("CR LF in a field", Bulk1p1, &[Swap(C, "Room 1", "\"Room\r\n1\"")], "classes.csv line 2 column 52: line-break"),
    case("LF in a field", Bulk1p2, &[Swap(C, "Room 1", "\"Room\n1\"")], "classes.csv line 2 column 52: line-break"),
    case("CR in an unquoted field", Bulk1p1, &[Swap(C, "Room 1", "Room\r1")], "classes.csv line 2 column 51: line-break"),
    case("tab", Bulk1p1, &[Swap(C, "Room 1", "Room\t1")], "classes.csv line 2 column 51: control"),
    case("NUL in quotes", Bulk1p1, &[Swap(C, "Room 1", "\"Room\u{0}1\"")], "classes.csv line 2 column 52: control"),
    case("list without quotes", Bulk1p1, &[Swap(C, "\"1,3\"", "1,3")], "classes.csv line 2 column -: field-count"),
    case("one field less", Bulk1p1, &[Swap(E, "student,false,,", "student,false,")], "enrollments.csv line 3 column -: field-count"),
    case("blank line", Bulk1p1, &[Swap(E, "student,false,,\r\n", "student,false,,\r\n\r\n")], "enrollments.csv line 4 column -: field-count"),
    case("semicolons", Bulk1p1, &[Swap(O, "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId", "sourcedId;status;dateLastModified;name;type;identifier;parentSourcedId")], "orgs.csv line 1 column sourcedId: header"),
    case("blank file", Bulk1p1, &[Drop(D), Put(D, "")], "demographics.csv line 1 column 1: header"),
    case("no rows", Bulk1p1, &[Swap(D, "user-s,,,2012-02-29,female,,true,,,false,,,DE,,K\u{f6}ln,\r\n", "")], "demographics.csv line 0 column -: no-rows"),
    case("order of columns", Bulk1p1, &[Swap(O, "name,type", "type,name")], "orgs.csv line 1 column name: header"),
    case("column of 1.1 in 1.2", Bulk1p2, &[Swap(U, "enabledUser,username", "enabledUser,role,username")], "users.csv line 1 column username: header"),
    case("column that 1.2.1 removed", Bulk1p2, &[Swap(U, "userMasterIdentifier,", "userMasterIdentifier,resourceSourcedIds,")], "users.csv line 1 column preferredGivenName: header"),
    case("optional column missing", Bulk1p1, &[Swap(O, ",identifier,", ",")], "orgs.csv line 1 column identifier: header"),
    case("case of a header", Bulk1p1, &[Swap(O, "parentSourcedId", "parentSourcedID")], "orgs.csv line 1 column parentSourcedId: header"),
    case("header twice", Bulk1p2, &[Swap(U, "metadata.house", "pronouns")], "users.csv line 1 column pronouns: duplicate-header"),
    case("extension without metadata", Bulk1p2, &[Swap(U, "metadata.house", "house")], "users.csv line 1 column house: header"),
    case("extension without a name", Bulk1p2, &[Swap(U, "metadata.house", "metadata.")], "users.csv line 1 column metadata.: header"),
];

#[rustfmt::skip]
const VALUES: &[Mutation] = &[
    case("no org name", Bulk1p1, &[Swap(O, "Sample District", "")], "orgs.csv line 2 column name: required"),
    case("no username", Bulk1p1, &[Swap(U, "s.two", "")], "users.csv line 3 column username: required"),
    case("no family name", Bulk1p2, &[Swap(U, "Tea,One", "Tea,")], "users.csv line 2 column familyName: required"),
    case("no org of a user", Bulk1p1, &[Swap(U, "false,org-2,", "false,,")], "users.csv line 4 column orgSourcedIds: required"),
    case("no terms", Bulk1p1, &[Swap(C, "\"term-1,year-26\"", "")], "classes.csv line 2 column termSourcedIds: required"),
    case("no sourcedId", Bulk1p1, &[Swap(E, "enr-2", "")], "enrollments.csv line 3 column sourcedId: required"),
    case("no school year", Bulk1p1, &[Swap(A, "year-26,2026", "year-26,")], "academicSessions.csv line 3 column schoolYear: required"),
    case("no vendor", Bulk1p2, &[Swap(P, "vendor.example", "")], "userProfiles.csv line 2 column vendorId: required"),
    case("no role type", Bulk1p2, &[Swap(R, "secondary", "")], "roles.csv line 3 column roleType: required"),
    case("required in a deleted row", Delta1p1, &[Swap(E, "user-o", "")], "enrollments.csv line 3 column userSourcedId: required"),
    case("status in bulk", Bulk1p1, &[Swap(E, "enr-1,,", "enr-1,active,")], "enrollments.csv line 2 column status: bulk-blank"),
    case("date in bulk", Bulk1p2, &[Swap(R, "role-1,,,", "role-1,,2025-10-01T06:30:00.000Z,")], "roles.csv line 2 column dateLastModified: bulk-blank"),
    case("no status in delta", Delta1p1, &[Swap(E, "enr-8,active", "enr-8,")], "enrollments.csv line 2 column status: delta-required"),
    case("no date in delta", Delta1p2, &[Swap(R, "role-8,active,2025-10-01T06:30:00.000Z", "role-8,active,")], "roles.csv line 2 column dateLastModified: delta-required"),
    case("inactive", Delta1p1, &[Swap(E, "enr-8,active", "enr-8,inactive")], "enrollments.csv line 2 column status: enum"),
    case("case of a status", Delta1p2, &[Swap(E, "tobedeleted", "toBeDeleted")], "enrollments.csv line 3 column status: enum"),
    case("offset of a zone", Delta1p1, &[Swap(U, "06:30:00.000Z", "06:30:00.000+02:00")], "users.csv line 2 column dateLastModified: date-time"),
    case("no zone", Delta1p1, &[Swap(U, "06:30:00.000Z", "06:30:00.000")], "users.csv line 2 column dateLastModified: date-time"),
    case("no milliseconds", Delta1p2, &[Swap(U, "06:30:00.000Z", "06:30:00Z")], "users.csv line 2 column dateLastModified: date-time"),
    case("space for T", Delta1p2, &[Swap(U, "01T06", "01 06")], "users.csv line 2 column dateLastModified: date-time"),
    case("hour 24", Delta1p1, &[Swap(U, "T06:30", "T24:30")], "users.csv line 2 column dateLastModified: date-time"),
    case("a day that is not", Bulk1p1, &[Swap(D, "2012-02-29", "2011-02-29")], "demographics.csv line 2 column birthDate: date"),
    case("German date", Bulk1p1, &[Swap(D, "2012-02-29", "29.02.2012")], "demographics.csv line 2 column birthDate: date"),
    case("one digit", Bulk1p1, &[Swap(E, "2025-09-01", "2025-9-1")], "enrollments.csv line 2 column beginDate: date"),
    case("date with a time", Bulk1p2, &[Swap(A, "2026-07-05", "2026-07-05T00:00:00.000Z")], "academicSessions.csv line 2 column endDate: date"),
    case("school year", Bulk1p1, &[Swap(A, "year-26,2026", "year-26,2025/26")], "academicSessions.csv line 3 column schoolYear: year"),
    case("session ends before it starts", Bulk1p1, &[Swap(A, "2026-02-01", "2025-02-01")], "academicSessions.csv line 3 column endDate: date-order"),
    case("enrollment ends before it begins", Bulk1p1, &[Swap(E, "2026-02-01", "2025-02-01")], "enrollments.csv line 2 column endDate: date-order"),
    case("role ends before it begins", Bulk1p2, &[Swap(R, "2026-07-05", "2025-07-05")], "roles.csv line 4 column endDate: date-order"),
    case("org type", Bulk1p1, &[Swap(O, "district,D1", "District,D1")], "orgs.csv line 2 column type: enum"),
    case("session type", Bulk1p1, &[Swap(A, "Autumn,term", "Autumn,quarter")], "academicSessions.csv line 3 column type: enum"),
    case("class type", Bulk1p1, &[Swap(C, "scheduled", "lesson")], "classes.csv line 2 column classType: enum"),
    case("extension in 1.1", Bulk1p1, &[Swap(C, "scheduled", "ext:club")], "classes.csv line 2 column classType: enum"),
    case("extension in 1.2", Bulk1p2, &[Swap(C, "scheduled", "ext:club")], ""),
    case("extension without a name in 1.2", Bulk1p2, &[Swap(C, "scheduled", "ext:")], "classes.csv line 2 column classType: enum"),
    case("role type is not extensible", Bulk1p2, &[Swap(R, "secondary", "ext:third")], "roles.csv line 3 column roleType: enum"),
    case("role of a user in 1.1", Bulk1p1, &[Swap(U, "parent,p.two", "principal,p.two")], "users.csv line 4 column role: enum"),
    case("role of 1.1 in 1.2", Bulk1p2, &[Swap(R, "primary,parent", "primary,administrator")], "roles.csv line 5 column role: enum"),
    case("role of an enrollment", Bulk1p1, &[Swap(E, "user-s,student", "user-s,aide")], "enrollments.csv line 3 column role: enum"),
    case("sex of 1.2 in 1.1", Bulk1p1, &[Swap(D, "female", "other")], "demographics.csv line 2 column sex: enum"),
    case("sex of 1.2", Bulk1p2, &[Swap(D, "female", "other")], ""),
    case("boolean", Bulk1p1, &[Swap(U, "user-t,,,true", "user-t,,,TRUE")], "users.csv line 2 column enabledUser: enum"),
    case("boolean as a number", Bulk1p2, &[Swap(E, "student,false", "student,0")], "enrollments.csv line 3 column primary: enum"),
    case("boolean of demographics", Bulk1p1, &[Swap(D, "female,,true", "female,,yes")], "demographics.csv line 2 column asian: enum"),
    case("sourcedId twice", Bulk1p1, &[Swap(E, "enr-2", "enr-1")], "enrollments.csv line 3 column sourcedId: unique"),
    case("sourcedId twice in delta", Delta1p1, &[Swap(E, "enr-9", "enr-8")], "enrollments.csv line 3 column sourcedId: unique"),
    case("space in a GUID", Bulk1p2, &[Swap(E, "enr-1", "enr 1")], "enrollments.csv line 2 column sourcedId: guid"),
    case("space in a GUID of 1.1", Bulk1p1, &[Swap(E, "enr-1", "enr 1")], "enrollments.csv line 2 column sourcedId: guid"),
    case("colon in a GUID of 1.2", Bulk1p2, &[Swap(E, "enr-1", "enr:1")], "enrollments.csv line 2 column sourcedId: guid"),
    case("colon in a GUID of 1.1", Bulk1p1, &[Swap(E, "enr-1", "enr:1")], ""),
    case("umlaut in a GUID", Bulk1p2, &[Swap(P, "profile-1,", "pr\u{f6}file-1,"), Swap(R, "profile-1", "")], "userProfiles.csv line 2 column sourcedId: guid"),
    case("all characters of a GUID", Bulk1p2, &[Everywhere("user-s", "us.e-r_/@9Z")], ""),
    case("GUID of 256 characters", Bulk1p1, &[Swap(E, "enr-1", LONG)], "enrollments.csv line 2 column sourcedId: guid"),
    case("GUID in a reference of delta", Delta1p2, &[Swap(U, "org-7", "org 7")], "users.csv line 2 column primaryOrgSourcedId: guid"),
    case("space after a comma", Bulk1p1, &[Swap(C, "\"1,3\"", "\"1, 3\"")], "classes.csv line 2 column periods: list"),
    case("item that is blank", Bulk1p1, &[Swap(CO, "\"09,10\"", "\"09,,10\"")], "courses.csv line 2 column grades: list"),
    case("userIds without braces", Bulk1p1, &[Swap(U, "{LDAP:p2}", "LDAP:p2")], "users.csv line 4 column userIds: user-ids"),
    case("userIds without a type", Bulk1p2, &[Swap(U, "{LTI:9}", "{:9}")], "users.csv line 3 column userIds: user-ids"),
    case("fewer codes than subjects", Bulk1p1, &[Swap(CO, "\"M1,M2\"", "M1")], "courses.csv line 2 column subjectCodes: subjects"),
    case("more codes than subjects", Bulk1p2, &[Swap(C, "Algebra,M1", "Algebra,\"M1,M2\"")], "classes.csv line 2 column subjectCodes: subjects"),
    case("subjects without codes", Bulk1p1, &[Swap(C, "Algebra,M1", "Algebra,")], ""),
];

#[rustfmt::skip]
const LINKS: &[Mutation] = &[
    case("parent org", Bulk1p1, &[Swap(O, "school,,org-1", "school,,org-9")], "orgs.csv line 3 column parentSourcedId: reference"),
    case("parent session", Bulk1p1, &[Swap(A, "year-26,2026", "year-27,2026")], "academicSessions.csv line 3 column parentSourcedId: reference"),
    case("org of a course", Bulk1p1, &[Swap(CO, "org-2", "org-9")], "courses.csv line 2 column orgSourcedId: reference"),
    case("year of a course", Bulk1p2, &[Swap(CO, "year-26", "year-9")], "courses.csv line 2 column schoolYearSourcedId: reference"),
    case("course of a class", Bulk1p1, &[Swap(C, "course-1", "course-9")], "classes.csv line 2 column courseSourcedId: reference"),
    case("case of a reference", Bulk1p1, &[Swap(C, "course-1", "Course-1")], "classes.csv line 2 column courseSourcedId: reference"),
    case("school of a class", Bulk1p1, &[Swap(C, "org-2", "org-9")], "classes.csv line 2 column schoolSourcedId: reference"),
    case("second term of a class", Bulk1p1, &[Swap(C, "term-1,year-26", "term-1,term-9")], "classes.csv line 2 column termSourcedIds: reference"),
    case("second org of a user", Bulk1p1, &[Swap(U, "org-2,org-1", "org-2,org-9")], "users.csv line 3 column orgSourcedIds: reference"),
    case("relative of a user", Bulk1p1, &[Swap(U, ",user-p,09", ",user-q,09")], "users.csv line 3 column agentSourcedIds: reference"),
    case("user of demographics", Bulk1p1, &[Swap(D, "user-s", "user-x")], "demographics.csv line 2 column sourcedId: reference"),
    case("class of an enrollment", Bulk1p2, &[Swap(E, "enr-2,,,class-1", "enr-2,,,class-9")], "enrollments.csv line 3 column classSourcedId: reference"),
    case("school of an enrollment", Bulk1p1, &[Swap(E, "org-2,user-s", "org-9,user-s")], "enrollments.csv line 3 column schoolSourcedId: reference"),
    case("user of an enrollment", Bulk1p1, &[Swap(E, "user-s", "user-x")], "enrollments.csv line 3 column userSourcedId: reference"),
    case("user of a role", Bulk1p2, &[Swap(R, "role-2,,,user-t,secondary", "role-2,,,user-x,primary")], "roles.csv line 3 column userSourcedId: reference"),
    case("org of a role", Bulk1p2, &[Swap(R, "user-t,secondary,ext:librarian,,,org-2", "user-t,primary,ext:librarian,,,org-9")], "roles.csv line 3 column orgSourcedId: reference"),
    case("profile of a role", Bulk1p2, &[Swap(R, "profile-1", "profile-9")], "roles.csv line 2 column userProfileSourcedId: reference"),
    case("user of a profile", Bulk1p2, &[Swap(P, "user-t", "user-x"), Swap(R, "profile-1", "")], "userProfiles.csv line 2 column userSourcedId: reference"),
    case("the file is absent", Bulk1p2, &[Drop(P), Swap(M, "file.userProfiles,bulk", "file.userProfiles,absent")], "roles.csv line 2 column userProfileSourcedId: reference"),
    case("a link to a resource in bulk", Bulk1p2, &[Put("userResources.csv", "sourcedId,status,dateLastModified,userSourcedId,orgSourcedId,classSourcedId,resourceSourcedId\r\nlink-1,,,user-t,,,book-1\r\n"), Swap(M, "file.userResources,absent", "file.userResources,bulk")], "userResources.csv line 2 column resourceSourcedId: reference"),
    case("bulk refers to a delta file", Bulk1p2, &[Swap(M, "file.userProfiles,bulk", "file.userProfiles,delta"), Swap(P, "profile-1,,,", "profile-2,active,2025-10-01T06:30:00.000Z,")], ""),
    case("class of a district", Bulk1p1, &[Swap(C, "org-2", "org-1")], "classes.csv line 2 column schoolSourcedId: org-type"),
    case("enrollment of a district", Bulk1p2, &[Swap(E, "org-2,user-s", "org-1,user-s")], "enrollments.csv line 3 column schoolSourcedId: org-type"),
    case("an extended type of a school", Bulk1p2, &[Swap(O, "school,,org-1", "ext:campus,,org-1")], ""),
    case("course of a term", Bulk1p1, &[Swap(CO, "year-26", "term-1")], "courses.csv line 2 column schoolYearSourcedId: session-type"),
    case("primary pupil", Bulk1p1, &[Swap(E, "student,false", "student,true")], "enrollments.csv line 3 column primary: primary-teacher"),
    case("two primary teachers", Bulk1p1, &[Swap(E, "student,false,,", "teacher,true,2026-01-31,")], "enrollments.csv line 3 column primary: primary-teacher"),
    case("primary teachers in turn", Bulk1p1, &[Swap(E, "student,false,,", "teacher,true,2026-02-01,")], ""),
    case("two primary teachers in delta", Delta1p1, &[Swap(E, "user-n,student,", "user-n,teacher,true"), Swap(E, "enr-9,tobedeleted", "enr-9,active")], "enrollments.csv line 3 column primary: primary-teacher"),
    case("user without a role", Bulk1p2, &[Swap(R, "role-4,,,user-p,primary", "role-4,,,user-s,secondary")], "users.csv line 4 column sourcedId: role-missing"),
    case("two primary roles", Bulk1p2, &[Swap(R, "secondary", "primary")], "roles.csv line 3 column roleType: primary-role"),
    case("no primary role", Bulk1p2, &[Swap(R, "user-s,primary", "user-s,secondary")], "roles.csv line 4 column roleType: primary-role"),
    case("primary roles of two orgs", Bulk1p2, &[Swap(R, "user-t,secondary,ext:librarian,,,org-2", "user-t,primary,ext:librarian,,,org-1")], ""),
    case("two primary roles in delta", Delta1p2, &[Swap(R, "tobedeleted", "active")], "roles.csv line 3 column roleType: primary-role"),
    case("no primary role in delta", Delta1p2, &[Swap(R, "user-n,primary,student", "user-n,secondary,student")], ""),
    case("primary org without a role", Bulk1p2, &[Swap(U, "org-2", "org-1")], "users.csv line 2 column primaryOrgSourcedId: primary-org"),
    case("profile of another user", Bulk1p2, &[Swap(P, "user-t", "user-s")], "roles.csv line 2 column userProfileSourcedId: profile-user"),
];

fn replace(files: &mut Files, file: &str, from: &str, to: &[u8]) {
    let bytes = files.get_mut(file).unwrap_or_else(|| panic!("no {file}"));
    let offsets: Vec<usize> = (0..bytes.len())
        .filter(|offset| bytes[*offset..].starts_with(from.as_bytes()))
        .collect();
    assert_eq!(offsets.len(), 1, "`{from}` in {file}");
    bytes.splice(offsets[0]..offsets[0] + from.len(), to.iter().copied());
}

fn apply(files: &mut Files, change: &Change) {
    match change {
        Swap(file, from, to) => replace(files, file, from, to.as_bytes()),
        Insert(file, before, bytes) => {
            replace(files, file, before, &[*bytes, before.as_bytes()].concat())
        }
        Drop(file) => assert!(files.remove(*file).is_some(), "{file}"),
        Put(file, text) => assert!(
            files
                .insert((*file).to_owned(), text.as_bytes().to_vec())
                .is_none(),
            "{file}"
        ),
        Everywhere(from, to) => {
            for bytes in files.values_mut() {
                let text = String::from_utf8(bytes.clone()).expect("a sample is UTF-8");
                *bytes = text.replace(from, to).into_bytes();
            }
        }
    }
}

/// What is wrong with the case itself.
fn mistake(case: &Mutation) -> Option<String> {
    let mut files = case.set.files();
    case.changes
        .iter()
        .for_each(|change| apply(&mut files, change));
    let found = problems(case.set.version(), &files);
    let is_right = match &found[..] {
        [] => case.expected.is_empty(),
        [one] => !case.expected.is_empty() && one.starts_with(&format!("{}:", case.expected)),
        _ => false,
    };
    (!is_right).then(|| {
        format!(
            "{} ({:?})\n  expected {}\n  found {found:#?}",
            case.what, case.set, case.expected
        )
    })
}

fn check(cases: &[Mutation]) {
    let mistakes: Vec<String> = cases.iter().filter_map(mistake).collect();
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn rules_of_sets() {
    check(SETS);
}

#[test]
fn rules_of_texts() {
    check(TEXTS);
}

#[test]
fn rules_of_values() {
    check(VALUES);
}

#[test]
fn rules_of_links() {
    check(LINKS);
}

/// The rules of oneroster-csv.md 7, so that a rule without a case is noticed.
#[test]
fn every_rule_has_a_case() {
    let page = include_str!("../../../../docs/contracts/oneroster-csv.md");
    let section = page
        .split("## 7.")
        .nth(1)
        .and_then(|rest| rest.split("Quirks").next())
        .expect("section 7");
    let rows = section
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| Section"));
    let rules: Vec<&str> = rows
        .flat_map(|row| row.split('`').skip(1).step_by(2))
        .collect();
    assert!(rules.len() > 30, "{rules:?}");
    let cases = || [SETS, TEXTS, VALUES, LINKS].into_iter().flatten();
    for rule in &rules {
        assert!(
            cases().any(|case| case.expected.ends_with(&format!(": {rule}"))),
            "no case of {rule}"
        );
    }
    for case in cases().filter(|case| !case.expected.is_empty()) {
        let rule = case.expected.rsplit(": ").next().unwrap_or_default();
        assert!(rules.contains(&rule), "{} has rule {rule}", case.what);
    }
}
