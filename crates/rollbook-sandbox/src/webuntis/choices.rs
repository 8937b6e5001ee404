//! Values of the OneRoster server's switches.
//!
//! `Q1` to `Q25` are the rows of webuntis-oneroster.md 4.1.

use serde::{Deserialize, Serialize};

use crate::switches::choice;

choice! { /// Response to a wrong password (webuntis-oneroster.md 1.2).
    TokenRefusal {
        /// 401 `invalid_client`.
        #[default] InvalidClient,
        /// 400 `invalid_grant`.
        InvalidGrant,
    }
}
choice! { /// Shape of an error body (webuntis-oneroster.md 3.8).
    ErrorBody {
        /// a: `statusInfoSet`.
        #[default] StatusInfo,
        /// b: `errors`.
        Errors,
        /// c: flat members.
        Flat,
        /// d: `imsx_StatusInfo`.
        Imsx,
        /// e: a framework's JSON.
        Framework,
        /// e: a gateway's HTML.
        Html,
        /// e: nothing.
        Empty,
        /// f: the vendor's own format.
        Untis,
    }
}
choice! { /// Response to a limit above the cap (webuntis-oneroster.md 4.1 Q1).
    AboveCap {
        /// A page of the cap's size.
        #[default] Clamp,
        /// 400.
        Reject,
    }
}
choice! { /// What happens to `filter` (webuntis-oneroster.md 4.1 Q3).
    Filter {
        /// The full grammar of webuntis-oneroster.md 3.6.
        #[default] Honoured,
        /// Everything is returned.
        Ignored,
        /// 400, always.
        Rejected,
    }
}
choice! { /// What happens to `sort`, `orderBy` and `fields` (webuntis-oneroster.md 4.1 Q4).
    Sort {
        /// As requested.
        #[default] Honoured,
        /// Ignored.
        Ignored,
    }
}
choice! { /// The order of rows without a sort parameter (webuntis-oneroster.md 4.1 Q10).
    Order {
        /// Order of creation.
        #[default] Insertion,
        /// Random for each request.
        Random,
    }
}
choice! { /// `X-Total-Count` (webuntis-oneroster.md 4.1 Q5, Q6).
    Total {
        /// Missing at WebUntis, correct at the plain standard.
        #[default] Usual,
        /// Missing.
        Absent,
        /// Rows of the whole filtered result.
        Right,
        /// Rows before the filter.
        Unfiltered,
        /// Also on single records, where it is 1.
        One,
        /// Correct, with surrounding spaces.
        Blanks,
    }
}
choice! { /// `Link` (webuntis-oneroster.md 4.1 Q5, Q7, Q8).
    Link {
        /// Missing at WebUntis, correct at the plain standard.
        #[default] Usual,
        /// Missing.
        Absent,
        /// As in webuntis-oneroster.md 3.4.
        Right,
        /// `next` also on the last page.
        AlwaysNext,
        /// With a trailing comma.
        TrailingComma,
        /// URLs without angle brackets.
        NoBrackets,
        /// Another port and scheme.
        WrongHost,
        /// A `last` with an odd limit.
        OddLast,
        /// No `next` though more follows.
        NoNext,
        /// `next` although offset and limit reach the total exactly.
        NextAtEnd,
    }
}
choice! { /// How `offset` is interpreted (webuntis-oneroster.md 4.1 Q9).
    Offset {
        /// As a number of records.
        #[default] Records,
        /// As a number of pages.
        Pages,
        /// Ignored.
        Ignored,
    }
}
choice! { /// Fault of page `fault_page` of every collection, once (webuntis-oneroster.md 4.1 Q11, Q20, Q23).
    PageFault {
        /// None.
        #[default] Never,
        /// 200 and an empty list.
        EmptyPage,
        /// 200 and half of the rows.
        PartialPage,
        /// 200 without the wrapper key.
        NoKey,
        /// 200 and a login page.
        Html,
        /// 429 without `Retry-After`.
        TooMany,
        /// 429 with seconds.
        TooManySeconds,
        /// 429 with an HTTP date.
        TooManyDate,
        /// 502 with HTML.
        BadGateway,
        /// 503.
        Unavailable,
    }
}
choice! { /// Wrapper of the rows (webuntis-oneroster.md 4.1 Q12).
    Wrapper {
        /// The key of webuntis-oneroster.md 3.3.
        #[default] Right,
        /// None: a bare array or object.
        Bare,
        /// `school` for a single `org`.
        WrongSingle,
    }
}
choice! { /// How missing optional text is written (webuntis-oneroster.md 4.1 Q13).
    AbsentText {
        /// Left out.
        #[default] Omitted,
        /// `""`.
        Empty,
        /// `"NULL"`.
        NullWord,
        /// `null`.
        Null,
    }
}
choice! { /// Whether a member is sent.
    Presence {
        /// It is.
        #[default] Present,
        /// It is not.
        Absent,
    }
}
choice! { /// How booleans are written (webuntis-oneroster.md 3.1, webuntis-oneroster.md 4.1 Q14).
    Booleans {
        /// JSON `true` and `false`.
        #[default] Json,
        /// `"true"` and `"false"`, which conforms as well.
        Text,
        /// `"TRUE"` and `"FALSE"`.
        Upper,
        /// `1` and `0`.
        Number,
        /// `"1"` and `"0"`.
        NumberText,
    }
}
choice! { /// How times are written (webuntis-oneroster.md 4.1 Q15).
    Timestamps {
        /// `2026-02-03T07:15:42.000Z`.
        #[default] Utc,
        /// `2026-02-03 07:15:42.000Z`.
        Blank,
        /// `2026-02-03T07:15:42Z`.
        NoFraction,
        /// `2026-02-03T08:15:42.000+01:00`.
        Offset,
    }
}
choice! { /// How dates are written (webuntis-oneroster.md 4.1 Q15).
    Dates {
        /// `2026-02-03`.
        #[default] Plain,
        /// `2026-02-03T00:00:00.000Z`.
        Datetimes,
    }
}
choice! { /// How references are written (webuntis-oneroster.md 4.1 Q16).
    Refs {
        /// `href`, `sourcedId`, `type`.
        #[default] Full,
        /// `sourcedId` alone.
        BareId,
        /// Full, and a `parent` that is an empty object.
        EmptyParent,
        /// The id as a string.
        Plain,
    }
}
choice! { /// How roles are written (webuntis-oneroster.md 4.1 Q17).
    Roles {
        /// As in the standard.
        #[default] Standard,
        /// `Teacher`.
        Capital,
        /// Role names of OneRoster 1.2.
        Newer,
        /// Enrollment roles outside the four of the standard.
        OddEnrollment,
    }
}
choice! { /// How numeric ids are written (webuntis-oneroster.md 4.1 Q22).
    Ids {
        /// As strings.
        #[default] Text,
        /// As JSON numbers, where they are numeric.
        Numbers,
    }
}
choice! { /// Which requests are redirected (webuntis-oneroster.md 4.1 Q25).
    Redirect {
        /// None.
        #[default] Never,
        /// A path with a trailing slash, to the path without it.
        Slash,
        /// Every OneRoster request, to another host.
        Host,
    }
}
choice! { /// `class.course` at WebUntis (webuntis-oneroster.md 4.4).
    ClassCourse {
        /// Left out.
        #[default] Absent,
        /// References a course that is not served.
        Dangling,
    }
}
choice! { /// How a removed record is shown (webuntis-oneroster.md 4.4).
    Deletion {
        /// It is missing.
        #[default] Disappears,
        /// It stays, as `tobedeleted`, with a new time of change.
        Marked,
    }
}
choice! { /// Status of the past school year (webuntis-oneroster.md 4.4).
    PastYear {
        /// `active`, like every present record.
        #[default] Active,
        /// `inactive`, the deprecated value.
        Inactive,
        /// `tobedeleted`.
        Tobedeleted,
    }
}
