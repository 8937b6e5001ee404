//! The switches of wisenet.md 13.

use super::expect::Expected::{
    self, Counts, Except, Fails, FailsWithNews, Incomplete, NotServed, Noted, Same,
};
use super::expect::{Quirk, Table, check, quirk};
use super::harness::{ClockKind, Pairs};

#[tokio::test(flavor = "multi_thread")]
async fn every_switch_of_wisenet() {
    check(Table {
        vendor: "wisenet",
        settings: &[],
        switches: &[],
        clock_kind: ClockKind::School,
        quirks: quirks(),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_region_of_wisenet() {
    const REGIONS: [Pairs; 3] = [
        &[("region", "NZ")],
        &[("region", "SG")],
        &[("region", "SA")],
    ];
    let regions = REGIONS.map(|region| {
        tokio::spawn(check(Table {
            vendor: "wisenet",
            settings: region,
            switches: region,
            clock_kind: ClockKind::School,
            quirks: vec![quirk(&[("past_end", "empty")], Same)],
        }))
    });
    for region in regions {
        region.await.expect("the region is right");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_wisenet_measures_in_real_time() {
    let quirks = vec![
        quirk(&[("token_seconds", "2")], Same),
        quirk(&[("rate_per_second", "50")], Same),
        quirk(&[("rate_per_second", "50"), ("retry_after", "1")], Same),
    ];
    check(Table {
        vendor: "wisenet",
        settings: &[],
        switches: &[],
        clock_kind: ClockKind::Real,
        quirks,
    })
    .await;
}

/// Change times, which these quirks write less precisely.
const CHANGED: Expected = Except(TIMES);

const TIMES: &[&str] = &[
    "*.last_modified_time_stamp",
    "*.last_audit_time_stamp",
    "*.created_on",
];

/// A change time with fewer digits is an older one: the stored version stays until two readings agree.
const fn less_exact(switches: Pairs) -> Quirk {
    Quirk {
        switches,
        carried: Noted("received in an older version than the stored one", TIMES),
        fresh: CHANGED,
    }
}

/// An optional stream that is not served: one that had rows and is refused now has failed.
const fn refused_since_today(switches: Pairs) -> Quirk {
    Quirk {
        switches,
        carried: Fails("lacks the right"),
        fresh: NotServed("lacks the right"),
    }
}

fn quirks() -> Vec<Quirk> {
    vec![
        quirk(&[("required", "bearer")], Same),
        quirk(&[("required", "key")], Same),
        quirk(&[("past_end", "null")], Same),
        quirk(&[("past_end", "empty")], Same),
        quirk(&[("past_end", "no_content")], Same),
        quirk(&[("unset", "null")], Same),
        quirk(&[("key_order", "mixed")], Same),
        less_exact(&[("fraction_digits", "none")]),
        less_exact(&[("fraction_digits", "one")]),
        less_exact(&[("fraction_digits", "two")]),
        quirk(&[("fraction_digits", "three")], Same),
        quirk(&[("names", "strict")], Same),
        quirk(&[("unknown", "refused")], Same),
        Quirk {
            switches: &[("unstable_order", "on")],
            carried: Same,
            fresh: Incomplete("rows twice"),
        },
        quirk(&[("touch_between_pages", "on")], Counts),
        quirk(&[("same_stamp", "150")], CHANGED),
        quirk(&[("extra_fields", "on")], Same),
        quirk(&[("unknown_combo_ids", "on")], Counts),
        quirk(&[("quota_per_day", "20")], Fails("returned 429")),
        quirk(&[("fail_call", "9"), ("fail_status", "502")], Same),
        quirk(&[("fail_call", "9"), ("fail_status", "503")], Same),
        quirk(&[("fail_call", "9"), ("fail_status", "504")], Same),
        quirk(&[("truncate_call", "9")], Same),
        quirk(&[("slow_ms", "20")], Same),
        quirk(&[("forbid", "unit-enrolments")], Fails("lacks the right")),
        // The log reports deletions.
        Quirk {
            switches: &[("forbid", "audit-logs")],
            carried: FailsWithNews("lacks the right"),
            fresh: NotServed("lacks the right"),
        },
        refused_since_today(&[("forbid", "combos")]),
        refused_since_today(&[("forbid", "entities")]),
        // In a reading of changes an empty list has no effect; for a full reading see moving.rs.
        quirk(&[("empty", "learners")], Except(&["learners"])),
        quirk(&[("expires_at", "seconds")], Same),
        quirk(&[("expires_at", "milliseconds")], Same),
        quirk(&[("expires_at", "absent")], Same),
        quirk(&[("auth.rotation", "none")], Same),
        quirk(&[("auth.rotation", "detect_reuse")], Same),
        Quirk {
            switches: &[("hide_api_key", "on")],
            carried: Same,
            fresh: Fails("lacks the right"),
        },
        quirk(
            &[("auth.token_error", "invalid_client")],
            Fails("refused the client_id or client_secret (401, invalid_client"),
        ),
        quirk(&[("revoked", "on")], Fails("sign-in needed")),
    ]
}
