//! Small valid sets, written by hand from oneroster-csv.md 1 to 6. Lines end in LF here and in CRLF in the set.

use std::collections::BTreeMap;

use super::{Version, problems};

/// The files of a set.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Which sample a test starts from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Set {
    Bulk1p1,
    Bulk1p2,
    Delta1p1,
    Delta1p2,
}

impl Set {
    pub fn version(self) -> Version {
        match self {
            Self::Bulk1p1 | Self::Delta1p1 => Version::V1p1,
            Self::Bulk1p2 | Self::Delta1p2 => Version::V1p2,
        }
    }

    pub fn files(self) -> Files {
        let own = match self {
            Self::Bulk1p1 => BULK_1P1,
            Self::Bulk1p2 => BULK_1P2,
            Self::Delta1p1 => DELTA_1P1,
            Self::Delta1p2 => DELTA_1P2,
        };
        let shared = if matches!(self, Self::Bulk1p1 | Self::Bulk1p2) {
            BULK
        } else {
            DELTA
        };
        let as_bytes = |(name, text): &(&str, &str)| {
            ((*name).to_owned(), text.replace('\n', "\r\n").into_bytes())
        };
        shared.iter().chain(own).map(as_bytes).collect()
    }
}

/// Files that are equal in both versions.
const BULK: &[(&str, &str)] = &[
    (
        "orgs.csv",
        "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\n\
         org-1,,,Sample District,district,D1,\n\
         org-2,,,\"School \"\"North\"\", main\",school,,org-1\n",
    ),
    (
        "academicSessions.csv",
        "sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear\n\
         year-26,,,2025/26,schoolYear,2025-09-01,2026-07-05,,2026\n\
         term-1,,,Autumn,term,2025-09-01,2026-02-01,year-26,2026\n",
    ),
    (
        "courses.csv",
        "sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,subjectCodes\n\
         course-1,,,year-26,Mathematics,MA,\"09,10\",org-2,\"Algebra,Geometry\",\"M1,M2\"\n",
    ),
    (
        "classes.csv",
        "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,\
         termSourcedIds,subjects,subjectCodes,periods\n\
         class-1,,,Maths 9a,09,course-1,MA9A,scheduled,Room 1,org-2,\"term-1,year-26\",Algebra,M1,\"1,3\"\n",
    ),
    (
        "enrollments.csv",
        "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate\n\
         enr-1,,,class-1,org-2,user-t,teacher,true,2025-09-01,2026-02-01\n\
         enr-2,,,class-1,org-2,user-s,student,false,,\n",
    ),
    (
        "demographics.csv",
        "sourcedId,status,dateLastModified,birthDate,sex,americanIndianOrAlaskaNative,asian,blackOrAfricanAmerican,\
         nativeHawaiianOrOtherPacificIslander,white,demographicRaceTwoOrMoreRaces,hispanicOrLatinoEthnicity,\
         countryOfBirthCode,stateOfBirthAbbreviation,cityOfBirth,publicSchoolResidenceStatus\n\
         user-s,,,2012-02-29,female,,true,,,false,,,DE,,Köln,\n",
    ),
];

const BULK_1P1: &[(&str, &str)] = &[
    (
        "manifest.csv",
        "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.academicSessions,bulk\n\
         file.categories,absent\nfile.classes,bulk\nfile.classResources,absent\nfile.courses,bulk\n\
         file.courseResources,absent\nfile.demographics,bulk\nfile.enrollments,bulk\nfile.lineItems,absent\n\
         file.orgs,bulk\nfile.resources,absent\nfile.results,absent\nfile.users,bulk\n\
         source.systemName,Sample\nsource.systemCode,S1\n",
    ),
    (
        "users.csv",
        "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,middleName,\
         identifier,email,sms,phone,agentSourcedIds,grades,password\n\
         user-t,,,true,org-2,teacher,t.one,,Tea,One,,,,,,,,\n\
         user-s,,,true,\"org-2,org-1\",student,s.two,\"{LDAP:s2},{LTI:9}\",Stu,Zwei,,,s@example.org,,,user-p,09,\n\
         user-p,,,false,org-2,parent,p.two,{LDAP:p2},Pa,Zwei,,,,,,user-s,,\n",
    ),
];

const BULK_1P2: &[(&str, &str)] = &[
    (
        "manifest.csv",
        "propertyName,value\nmanifest.version,1.0\noneroster.version,1.2\nfile.academicSessions,bulk\n\
         file.categories,absent\nfile.classes,bulk\nfile.classResources,absent\nfile.courses,bulk\n\
         file.courseResources,absent\nfile.demographics,bulk\nfile.enrollments,bulk\n\
         file.lineItemLearningObjectiveIds,absent\nfile.lineItems,absent\nfile.lineItemScoreScales,absent\n\
         file.orgs,bulk\nfile.resources,absent\nfile.resultLearningObjectiveIds,absent\nfile.results,absent\n\
         file.resultScoreScales,absent\nfile.roles,bulk\nfile.scoreScales,absent\nfile.userProfiles,bulk\n\
         file.userResources,absent\nfile.users,bulk\nsource.systemName,Sample\n",
    ),
    (
        "users.csv",
        "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,middleName,identifier,email,sms,\
         phone,agentSourcedIds,grades,password,userMasterIdentifier,preferredGivenName,preferredMiddleName,\
         preferredFamilyName,primaryOrgSourcedId,pronouns,metadata.house\n\
         user-t,,,true,t.one,,Tea,One,,,,,,,,,,,,,org-2,she/her,red\n\
         user-s,,,true,s.two,\"{LDAP:s2},{LTI:9}\",Stu,Zwei,,,s@example.org,,,user-p,\"09,10\",,,,,,,,\n\
         user-p,,,false,p.two,,Pa,Zwei,,,,,,user-s,,,,,,,,,\n",
    ),
    (
        "roles.csv",
        "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,userProfileSourcedId\n\
         role-1,,,user-t,primary,teacher,2025-09-01,,org-2,profile-1\n\
         role-2,,,user-t,secondary,ext:librarian,,,org-2,\n\
         role-3,,,user-s,primary,student,2025-09-01,2026-07-05,org-2,\n\
         role-4,,,user-p,primary,parent,,,org-2,\n",
    ),
    (
        "userProfiles.csv",
        "sourcedId,status,dateLastModified,userSourcedId,profileType,vendorId,applicationId,description,credentialType,\
         username,password\n\
         profile-1,,,user-t,LMS,vendor.example,,,sso,t.one,\n",
    ),
];

/// The class, the org and a user are not in the set: they were sent earlier.
const DELTA: &[(&str, &str)] = &[(
    "enrollments.csv",
    "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate\n\
     enr-8,active,2025-10-01T06:30:00.000Z,class-7,org-7,user-n,student,,,\n\
     enr-9,tobedeleted,2025-10-01T06:30:00.000Z,class-7,org-7,user-o,teacher,true,,\n",
)];

const DELTA_1P1: &[(&str, &str)] = &[
    (
        "manifest.csv",
        "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.academicSessions,absent\n\
         file.categories,absent\nfile.classes,absent\nfile.classResources,absent\nfile.courses,absent\n\
         file.courseResources,absent\nfile.demographics,absent\nfile.enrollments,delta\nfile.lineItems,absent\n\
         file.orgs,absent\nfile.resources,absent\nfile.results,absent\nfile.users,delta\n",
    ),
    (
        "users.csv",
        "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,middleName,\
         identifier,email,sms,phone,agentSourcedIds,grades,password\n\
         user-n,active,2025-10-01T06:30:00.000Z,true,org-7,student,n.new,,New,Pupil,,,,,,,10,\n",
    ),
];

const DELTA_1P2: &[(&str, &str)] = &[
    (
        "manifest.csv",
        "propertyName,value\nmanifest.version,1.0\noneroster.version,1.2\nfile.academicSessions,absent\n\
         file.categories,absent\nfile.classes,absent\nfile.classResources,absent\nfile.courses,absent\n\
         file.courseResources,absent\nfile.demographics,absent\nfile.enrollments,delta\n\
         file.lineItemLearningObjectiveIds,absent\nfile.lineItems,absent\nfile.lineItemScoreScales,absent\n\
         file.orgs,absent\nfile.resources,absent\nfile.resultLearningObjectiveIds,absent\nfile.results,absent\n\
         file.resultScoreScales,absent\nfile.roles,delta\nfile.scoreScales,absent\nfile.userProfiles,absent\n\
         file.userResources,delta\nfile.users,delta\n",
    ),
    (
        "users.csv",
        "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,middleName,identifier,email,sms,\
         phone,agentSourcedIds,grades,password,userMasterIdentifier,preferredGivenName,preferredMiddleName,\
         preferredFamilyName,primaryOrgSourcedId,pronouns\n\
         user-n,active,2025-10-01T06:30:00.000Z,true,n.new,,New,Pupil,,,,,,,10,,,,,,org-7,\n",
    ),
    (
        "roles.csv",
        "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,userProfileSourcedId\n\
         role-8,active,2025-10-01T06:30:00.000Z,user-n,primary,student,,,org-7,\n\
         role-9,tobedeleted,2025-10-01T06:30:00.000Z,user-n,primary,proctor,,,org-7,\n",
    ),
    (
        "userResources.csv",
        "sourcedId,status,dateLastModified,userSourcedId,orgSourcedId,classSourcedId,resourceSourcedId\n\
         link-1,active,2025-10-01T06:30:00.000Z,user-n,org-7,class-7,book-1\n",
    ),
];

#[test]
fn samples_have_no_problem() {
    for set in [Set::Bulk1p1, Set::Bulk1p2, Set::Delta1p1, Set::Delta1p2] {
        assert_eq!(
            problems(set.version(), &set.files()),
            Vec::<String>::new(),
            "{set:?}"
        );
    }
}

#[test]
fn a_sample_is_not_one_of_the_other_version() {
    assert!(!problems(Version::V1p2, &Set::Bulk1p1.files()).is_empty());
    assert!(!problems(Version::V1p1, &Set::Bulk1p2.files()).is_empty());
}
