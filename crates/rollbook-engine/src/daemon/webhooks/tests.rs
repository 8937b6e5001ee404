//! Webhooks against a list of times: which runs start when, and what they read.

use super::*;
use rollbook_core::model::named;

enum Step {
    /// At this second a webhook for these streams of the job.
    Webhook(&'static str),
    /// At this second the loop looks; the streams that a run starts with, empty if none.
    Look(&'static str),
    /// A run of the job starts or ends.
    Active(bool),
    /// A run of all streams starts.
    Whole,
}

fn run(streams: &str) -> EarlyRun {
    EarlyRun {
        job: named("rosters"),
        streams: named(streams),
        min_interval: Duration::from_secs(60),
    }
}

#[test]
fn storms_become_few_runs_and_one_starts_after_the_last_webhook() {
    use Step::{Active, Look, Webhook, Whole};
    type Case<'a> = (&'a str, &'a [(u64, Step)]);
    let cases: &[Case<'_>] = &[
        ("nothing", &[(0, Look("")), (500, Look(""))]),
        (
            "the first one at once",
            &[(5, Webhook("users")), (5, Look("users")), (6, Look(""))],
        ),
        (
            "duplicates are one",
            &[
                (5, Webhook("users")),
                (5, Webhook("users")),
                (5, Look("users")),
                (90, Look("")),
            ],
        ),
        (
            "streams are collected",
            &[
                (5, Webhook("users")),
                (5, Webhook("orgs")),
                (5, Look("orgs, users")),
            ],
        ),
        (
            "a storm while the interval lasts, and one run after the last webhook",
            &[
                (5, Webhook("users")),
                (5, Look("users")),
                (6, Webhook("users")),
                (7, Look("")),
                (40, Webhook("orgs")),
                (64, Look("")),
                (65, Look("orgs, users")),
                (126, Look("")),
            ],
        ),
        (
            "during a run, also a long one",
            &[
                (5, Webhook("users")),
                (5, Look("users")),
                (5, Active(true)),
                (6, Webhook("users")),
                (300, Look("")),
                (301, Active(false)),
                (301, Look("users")),
            ],
        ),
        (
            "a run of all streams reads what was announced before it, and nothing that is announced later",
            &[
                (5, Webhook("users")),
                (5, Look("users")),
                (6, Webhook("users")),
                (7, Whole),
                (70, Look("")),
                (71, Webhook("users")),
                (71, Look("users")),
            ],
        ),
    ];
    for (name, steps) in cases {
        let (mut debounce, mut active) = (Debounce::default(), false);
        for (second, step) in *steps {
            let now = Duration::from_secs(*second);
            match step {
                Webhook(streams) => drop(debounce.add(run(streams))),
                Active(is_active) => active = *is_active,
                Whole => debounce.covered(&named("rosters")),
                Look(expected) => {
                    let wait = debounce.time_to_next(now, |_| active);
                    let taken = debounce.take(now, |_| active);
                    let found = taken.first().and_then(|(_, start)| start.only.as_ref());
                    let found = found.map(StreamSet::to_string).unwrap_or_default();
                    assert_eq!(found, *expected, "{name}, second {second}");
                    assert_eq!(
                        wait.is_some_and(|wait| wait.is_zero()),
                        !taken.is_empty(),
                        "{name}, second {second}"
                    );
                }
            }
        }
    }
}

#[test]
fn only_news_wakes_the_loop() {
    let mut debounce = Debounce::default();
    for (streams, is_new) in [("users", true), ("users", false), ("orgs, users", true)] {
        assert_eq!(debounce.add(run(streams)), is_new, "{streams}");
    }
    let wait = |debounce: &Debounce, at| debounce.time_to_next(Duration::from_secs(at), |_| false);
    assert_eq!(wait(&debounce, 9), Some(Duration::ZERO));
    assert_eq!(debounce.take(Duration::from_secs(9), |_| false).len(), 1);
    assert_eq!(wait(&debounce, 10), None);
    assert!(debounce.add(run("users")));
    assert_eq!(wait(&debounce, 10), Some(Duration::from_secs(59)));
}
