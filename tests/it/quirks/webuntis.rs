//! The quirks of webuntis-oneroster.md 4.1 and the switches of webuntis-oneroster.md 4.4.

use super::expect::Expected::{self, Counts, Except, Fails, Held, Incomplete, Noted, Same};
use super::expect::{Quirk, Table, check, quirk};
use super::harness::{ClockKind, Pairs};

#[tokio::test(flavor = "multi_thread")]
async fn every_quirk_of_webuntis() {
    check(Table {
        vendor: "webuntis",
        settings: &[],
        switches: &[],
        clock_kind: ClockKind::School,
        quirks: quirks(),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_webuntis_expire() {
    let quirks = vec![
        quirk(&[("token_seconds", "1")], Same),
        quirk(&[("token_seconds", "1"), ("bad_token", "403")], Same),
        quirk(&[("page_fault", "too_many_seconds")], Same),
        quirk(&[("page_fault", "too_many_date")], Same),
    ];
    check(Table {
        vendor: "webuntis",
        settings: &[],
        switches: &[],
        clock_kind: ClockKind::Real,
        quirks,
    })
    .await;
}

/// The time of change, which these quirks write less precisely or not at all.
const CHANGED: Expected = Except(&["*.date_last_modified"]);

/// A list that is suddenly empty is held, and with it the streams applied together.
const fn at_second_request(switches: Pairs) -> Quirk {
    Quirk {
        switches,
        carried: Held("received 0 of 1 rows"),
        fresh: Same,
    }
}

fn quirks() -> Vec<Quirk> {
    vec![
        quirk(&[("token_requests", "3")], Same),
        quirk(&[("token_needs_body", "true")], Same),
        quirk(&[("auth.expires_in", "text")], Same),
        quirk(&[("auth.expires_in", "missing")], Same),
        // Rule 4: a new token that is refused with 403 is not renewed.
        quirk(
            &[("bad_token", "403"), ("token_requests", "3")],
            Fails("lacks the right"),
        ),
        quirk(&[("error_body", "errors"), ("token_requests", "3")], Same),
        quirk(&[("error_body", "flat"), ("token_requests", "3")], Same),
        quirk(&[("error_body", "imsx"), ("token_requests", "3")], Same),
        quirk(
            &[("error_body", "framework"), ("token_requests", "3")],
            Same,
        ),
        quirk(&[("error_body", "html"), ("token_requests", "3")], Same),
        quirk(&[("error_body", "empty"), ("token_requests", "3")], Same),
        quirk(&[("error_body", "untis"), ("token_requests", "3")], Same),
        quirk(&[("forbidden", "classes")], Fails("lacks the right")),
        quirk(
            &[("forbidden", "classes"), ("forbidden_status", "401")],
            Fails("does not accept the token"),
        ),
        quirk(&[("limit_cap", "7")], Same),
        quirk(&[("limit_cap", "7"), ("above_cap", "reject")], Fails("400")),
        quirk(&[("default_limit", "10")], Same),
        quirk(&[("filter", "ignored")], Same),
        quirk(&[("filter", "rejected")], Same),
        quirk(&[("sort", "ignored")], Same),
        quirk(
            &[("sort", "ignored"), ("order", "random")],
            Incomplete("rows twice"),
        ),
        quirk(&[("order", "random")], Same),
        quirk(&[("total", "absent")], Same),
        quirk(&[("total", "right")], Same),
        quirk(&[("total", "unfiltered")], Same),
        quirk(&[("total", "one")], Same),
        quirk(&[("total", "blanks")], Same),
        quirk(&[("link", "right")], Same),
        quirk(&[("link", "always_next")], Same),
        quirk(&[("link", "trailing_comma")], Same),
        quirk(&[("link", "no_brackets")], Same),
        quirk(&[("link", "wrong_host")], Same),
        quirk(&[("link", "odd_last")], Same),
        quirk(&[("link", "no_next")], Same),
        quirk(&[("link", "next_at_end")], Same),
        quirk(
            &[("offset", "pages")],
            Incomplete("does not count rows in `offset`"),
        ),
        quirk(
            &[("offset", "ignored")],
            Incomplete("received the same page twice"),
        ),
        // Among the pages of a long list it has no effect. A list of one page is empty at the second request: after the one
        // that reads the account's identity, or (at the third) in the second run. The next run is ok again.
        quirk(
            &[("page_fault", "empty_page"), ("fault_page", "3")],
            Held("received 0 of 3 rows"),
        ),
        quirk(&[("page_fault", "partial_page"), ("fault_page", "3")], Same),
        at_second_request(&[("page_fault", "empty_page")]),
        at_second_request(&[("page_fault", "partial_page")]),
        quirk(&[("page_fault", "no_key")], Same),
        quirk(&[("page_fault", "html")], Same),
        quirk(&[("page_fault", "too_many")], Same),
        quirk(&[("page_fault", "too_many_seconds")], Same),
        quirk(&[("page_fault", "too_many_date")], Same),
        quirk(&[("page_fault", "bad_gateway")], Same),
        quirk(&[("page_fault", "unavailable")], Same),
        quirk(&[("wrapper", "bare")], Fails("lacks the member")),
        quirk(&[("wrapper", "wrong_single")], Same),
        quirk(&[("absent_text", "empty")], Same),
        // A text for "no value" has no meaning in a name: Null is a name.
        quirk(
            &[("absent_text", "null_word")],
            Except(&["users.middle_name"]),
        ),
        quirk(&[("absent_text", "null")], Same),
        // A column that had values in most rows and now has none may have been renamed.
        Quirk {
            switches: &[("modified", "absent")],
            carried: Held("`date_last_modified` had values in most rows, and now in none"),
            fresh: CHANGED,
        },
        quirk(&[("booleans", "text")], Same),
        quirk(&[("booleans", "upper")], Same),
        quirk(&[("booleans", "number")], Same),
        quirk(&[("booleans", "number_text")], Same),
        quirk(&[("timestamps", "blank")], Same),
        // A change time with fewer digits is an older one: the stored version stays until two readings agree.
        Quirk {
            switches: &[("timestamps", "no_fraction")],
            carried: Noted(
                "received in an older version than the stored one",
                &["*.date_last_modified"],
            ),
            fresh: CHANGED,
        },
        quirk(&[("timestamps", "offset")], Same),
        quirk(&[("dates", "datetimes")], Same),
        quirk(&[("refs", "bare_id")], Same),
        quirk(&[("refs", "empty_parent")], Same),
        quirk(&[("refs", "plain")], Same),
        quirk(&[("roles", "capital")], Same),
        quirk(&[("roles", "newer")], Except(&["users.role"])),
        quirk(
            &[("roles", "odd_enrollment")],
            Except(&["enrollments.role"]),
        ),
        quirk(
            &[("dangling", "true")],
            Noted(
                "rows point to rows of users that do not exist, in two readings",
                &["enrollments"],
            ),
        ),
        quirk(&[("duplicates", "true")], Except(&["enrollments"])),
        quirk(&[("secrets", "true")], Same),
        quirk(&[("ids", "numbers")], Same),
        quirk(&[("redirect", "slash")], Same),
        quirk(&[("redirect", "host")], Fails("which is not followed")),
        quirk(
            &[("class_course", "dangling")],
            Except(&["classes.course_id"]),
        ),
        quirk(&[("class_terms", "absent")], Except(&["classes.terms"])),
        Quirk {
            switches: &[("enrollment_dates", "absent")],
            carried: Held("had values in most rows, and now in none"),
            fresh: Except(&["enrollments.begin_date", "enrollments.end_date"]),
        },
        quirk(&[("deletion", "marked")], Same),
        quirk(&[("past_year", "inactive")], Except(&["academic_sessions"])),
        quirk(
            &[("past_year", "tobedeleted")],
            Except(&["academic_sessions"]),
        ),
        Quirk {
            switches: &[("roll_over", "1")],
            carried: Held("were replaced by others"),
            fresh: Counts,
        },
    ]
}
