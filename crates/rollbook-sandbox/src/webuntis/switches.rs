//! Every known difference between OneRoster servers, as a switch.
//!
//! `Q1` to `Q25` are the rows of webuntis-oneroster.md 4.1; the others and all defaults are those of
//! webuntis-oneroster.md 4.4. They hold for WebUntis and for the plain standard.

use serde::{Deserialize, Serialize};

pub use super::choices::*;
use crate::authorization;

/// All switches of the OneRoster server; the defaults are those of webuntis-oneroster.md 4.4.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Lifetime of a WebUntis token in seconds (webuntis-oneroster.md 1.2).
    pub token_seconds: u64,
    /// Number of requests a token is valid for; none is unlimited.
    pub token_requests: Option<u64>,
    /// Response to a wrong password.
    pub token_refusal: TokenRefusal,
    /// Whether a grant type in the query alone is refused.
    pub token_needs_body: bool,
    /// Status for an unknown tenant: 404 or 401.
    pub unknown_tenant: u16,
    /// Status for a bad or expired token: 401, or 403 (webuntis-oneroster.md 4.1 Q19).
    pub bad_token: u16,
    /// How many seconds the clock is off by which signatures are checked (webuntis-oneroster.md 1.7).
    pub clock_off: i64,
    /// Shape of error bodies.
    pub error_body: ErrorBody,
    /// Collections the application has no right to.
    pub forbidden: Vec<String>,
    /// Status for a missing right: 403, or 401 (webuntis-oneroster.md 4.1 Q19).
    pub forbidden_status: u16,
    /// webuntis-oneroster.md 4.1 Q1: largest page; none is no cap.
    pub limit_cap: Option<usize>,
    /// webuntis-oneroster.md 4.1 Q1: response to a larger limit.
    pub above_cap: AboveCap,
    /// webuntis-oneroster.md 4.1 Q2: page size without `limit`.
    pub default_limit: usize,
    /// webuntis-oneroster.md 4.1 Q3.
    pub filter: Filter,
    /// webuntis-oneroster.md 4.1 Q4.
    pub sort: Sort,
    /// webuntis-oneroster.md 4.1 Q10.
    pub order: Order,
    /// webuntis-oneroster.md 4.1 Q5, Q6.
    pub total: Total,
    /// webuntis-oneroster.md 4.1 Q5, Q7, Q8.
    pub link: Link,
    /// webuntis-oneroster.md 4.1 Q9.
    pub offset: Offset,
    /// webuntis-oneroster.md 4.1 Q11, Q20, Q23.
    pub page_fault: PageFault,
    /// The page of a collection that has the fault, counted from one.
    pub fault_page: u64,
    /// webuntis-oneroster.md 4.1 Q12.
    pub wrapper: Wrapper,
    /// webuntis-oneroster.md 4.1 Q13.
    pub absent_text: AbsentText,
    /// webuntis-oneroster.md 4.1 Q13: `dateLastModified`.
    pub modified: Presence,
    /// webuntis-oneroster.md 4.1 Q14.
    pub booleans: Booleans,
    /// webuntis-oneroster.md 4.1 Q15.
    pub timestamps: Timestamps,
    /// webuntis-oneroster.md 4.1 Q15.
    pub dates: Dates,
    /// webuntis-oneroster.md 4.1 Q16.
    pub refs: Refs,
    /// webuntis-oneroster.md 4.1 Q17.
    pub roles: Roles,
    /// webuntis-oneroster.md 4.1 Q18: enrollments that reference users without an account.
    pub dangling: bool,
    /// webuntis-oneroster.md 4.1 Q18: a second enrollment for the same user and class.
    pub duplicates: bool,
    /// webuntis-oneroster.md 4.1 Q21: single users carry a password and a phone.
    pub secrets: bool,
    /// webuntis-oneroster.md 4.1 Q22.
    pub ids: Ids,
    /// webuntis-oneroster.md 4.1 Q25.
    pub redirect: Redirect,
    /// `class.course` at WebUntis.
    pub class_course: ClassCourse,
    /// Whether rows of WebUntis have members that the standard allows and no page of Untis shows (webuntis-oneroster.md 3.2).
    pub optional_members: bool,
    /// `class.terms`.
    pub class_terms: Presence,
    /// `enrollment.beginDate` and `endDate`.
    pub enrollment_dates: Presence,
    /// How removed records are shown.
    pub deletion: Deletion,
    /// Status of the past school year.
    pub past_year: PastYear,
    /// Day on which the next school year becomes the current one; none is never.
    pub roll_over: Option<u64>,
    /// The authorization server, as `auth.name`; webuntis-oneroster.md 4.1 Q24 is there.
    pub auth: authorization::Switches,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            token_seconds: 180,
            token_requests: None,
            token_refusal: TokenRefusal::default(),
            token_needs_body: false,
            unknown_tenant: 404,
            bad_token: 401,
            clock_off: 0,
            error_body: ErrorBody::default(),
            forbidden: Vec::new(),
            forbidden_status: 403,
            limit_cap: None,
            above_cap: AboveCap::default(),
            default_limit: 100,
            filter: Filter::default(),
            sort: Sort::default(),
            order: Order::default(),
            total: Total::default(),
            link: Link::default(),
            offset: Offset::default(),
            page_fault: PageFault::default(),
            fault_page: 2,
            wrapper: Wrapper::default(),
            absent_text: AbsentText::default(),
            modified: Presence::default(),
            booleans: Booleans::default(),
            timestamps: Timestamps::default(),
            dates: Dates::default(),
            refs: Refs::default(),
            roles: Roles::default(),
            dangling: false,
            duplicates: false,
            secrets: false,
            ids: Ids::default(),
            redirect: Redirect::default(),
            class_course: ClassCourse::default(),
            optional_members: false,
            class_terms: Presence::default(),
            enrollment_dates: Presence::default(),
            deletion: Deletion::default(),
            past_year: PastYear::default(),
            roll_over: None,
            auth: authorization::Switches::default(),
        }
    }
}

impl Switches {
    /// Sets one switch by name, as a command line passes it.
    ///
    /// # Errors
    ///
    /// Lists the known switches or values.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        crate::switches::set(self, name, value)
    }
}
