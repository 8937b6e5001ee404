//! The quirks of webuntis-oneroster.md 4.1 and the switches of webuntis-oneroster.md 4.4.

use super::bench::{Pairs, ProgressSink};
use super::expect::Then::{self, Counts, Except, Fails, Held, Incomplete, Noted, Same};
use super::expect::{Quirk, Table, check, quirk};

#[tokio::test(flavor = "multi_thread")]
async fn every_quirk_of_webuntis() {
    check(Table {
        vendor: "webuntis",
        settings: &[],
        switches: &[],
        watch: ProgressSink::School,
        quirks: quirks(),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_webuntis_grow_old() {
    let quirks = vec![
        quirk(&[("token_seconds", "1")], Same),
        quirk(&[("token_seconds", "1"), ("bad_token", "403")], Same),
        quirk(&[("trouble", "busy_seconds")], Same),
        quirk(&[("trouble", "busy_date")], Same),
    ];
    check(Table {
        vendor: "webuntis",
        settings: &[],
        switches: &[],
        watch: ProgressSink::Real,
        quirks,
    })
    .await;
}

/// The time of change, which these quirks write less exactly or not at all.
const CHANGED: Then = Except(&["*.date_last_modified"]);

/// A list that is suddenly empty is held, and with it what is applied together.
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
        // Rule 4: a young token that is refused with 403 is taken at its word.
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
        // Among the pages of a long list it is nothing. A list of one page is empty at the second request: behind the one
        // that finds out whose account it is, or (at the third) in the second run. The next run is well again.
        quirk(
            &[("trouble", "empty_page"), ("trouble_page", "3")],
            Held("received 0 of 3 rows"),
        ),
        quirk(&[("trouble", "partial_page"), ("trouble_page", "3")], Same),
        at_second_request(&[("trouble", "empty_page")]),
        at_second_request(&[("trouble", "partial_page")]),
        quirk(&[("trouble", "no_key")], Same),
        quirk(&[("trouble", "html")], Same),
        quirk(&[("trouble", "busy")], Same),
        quirk(&[("trouble", "busy_seconds")], Same),
        quirk(&[("trouble", "busy_date")], Same),
        quirk(&[("trouble", "bad_gateway")], Same),
        quirk(&[("trouble", "unavailable")], Same),
        quirk(&[("wrapper", "bare")], Fails("lacks the member")),
        quirk(&[("wrapper", "wrong_single")], Same),
        quirk(&[("absent_text", "empty")], Same),
        // A word for no value means none in a name: Null is one.
        quirk(
            &[("absent_text", "null_word")],
            Except(&["users.middle_name"]),
        ),
        quirk(&[("absent_text", "null")], Same),
        // A column that had values in most rows, and now in none may have been renamed.
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
        // A change time with fewer digits is an older one: what is stored stays until two readings say so.
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
