//! The metrics of bundles, hooks and published databases.

use prometheus_client::metrics::MetricType::Gauge;

use super::MetricUnit::{None as NoUnit, Seconds};
use super::families::{count, family, number, time};
use super::{MetricFacts, MetricFamily, MetricLabels, Sample, Samples};
use rollbook_engine::daemon::status::{BundleStatus, HookStatus, OutputState, PublishStatus};

/// After those of the daemon, jobs and sources.
pub(super) const OUTPUT_FAMILIES: &[MetricFamily] = &[
    family(
        "bundle_state",
        NoUnit,
        Gauge,
        "The state of the bundle: 1 for the one that it is in",
        |facts| {
            let bundles = bundles(facts);
            bundles
                .flat_map(|bundle| states(&bundle_labels(bundle), bundle.state))
                .collect()
        },
    ),
    family(
        "bundle_written_timestamp",
        Seconds,
        Gauge,
        "When the bundle was written last",
        |facts| of_bundles(facts, |bundle| time(bundle.written.as_ref()?)),
    ),
    family(
        "bundle_rows",
        NoUnit,
        Gauge,
        "Rows of the bundle, as it was written last",
        |facts| of_bundles(facts, |bundle| count(Some(bundle.rows))),
    ),
    family(
        "bundle_left_out_rows",
        NoUnit,
        Gauge,
        "Rows that are not in the bundle, because they have no form that the receiver accepts",
        |facts| of_bundles(facts, |bundle| count(Some(bundle.left_out))),
    ),
    family(
        "hook_state",
        NoUnit,
        Gauge,
        "The state of the hook: 1 for the one that it is in",
        |facts| {
            let hooks = hooks(facts);
            hooks
                .flat_map(|hook| states(&hook_labels(hook), hook.state))
                .collect()
        },
    ),
    family(
        "hook_told_timestamp",
        Seconds,
        Gauge,
        "When the hook was told last",
        |facts| {
            let told = hooks(facts)
                .filter_map(|hook| Some((hook_labels(hook), time(hook.told.as_ref()?)?)));
            told.collect()
        },
    ),
    family(
        "publish_state",
        NoUnit,
        Gauge,
        "The state of the source in the database: 1 for the one that it is in",
        |facts| {
            let published = published(facts);
            published
                .flat_map(|one| states(&publish_labels(one), one.state))
                .collect()
        },
    ),
    family(
        "publish_lag_runs",
        NoUnit,
        Gauge,
        "Runs that changed something and are not published",
        |facts| of_published(facts, |one| count(Some(one.lag_runs))),
    ),
    family(
        "publish_lag",
        Seconds,
        Gauge,
        "How long the database has lacked something of the source",
        |facts| {
            let lag = published(facts).map(|one| {
                (
                    publish_labels(one),
                    Sample::Number(one.lag(facts.now).as_secs_f64()),
                )
            });
            lag.collect()
        },
    ),
    family(
        "publish_late_timestamp",
        Seconds,
        Gauge,
        "When what the database lacks is late",
        |facts| of_published(facts, |one| time(one.late_at.as_ref()?)),
    ),
    family(
        "publish_failed_attempts",
        NoUnit,
        Gauge,
        "Attempts in a row that failed",
        |facts| of_published(facts, |one| count(Some(one.attempts.into()))),
    ),
    family(
        "publish_last_timestamp",
        Seconds,
        Gauge,
        "When something of the source was published last",
        |facts| of_published(facts, |one| time(one.published.as_ref()?)),
    ),
    family(
        "publish_comparing_streams",
        NoUnit,
        Gauge,
        "Streams that are filled or compared at present",
        |facts| of_published(facts, |one| count(Some(one.comparing))),
    ),
];

fn published<'a>(facts: &MetricFacts<'a>) -> impl Iterator<Item = &'a PublishStatus> {
    let status = facts.status.iter();
    status.flat_map(|status| &status.outputs.published)
}

fn of_published(facts: &MetricFacts<'_>, sample: fn(&PublishStatus) -> Option<Sample>) -> Samples {
    let samples = published(facts);
    let samples = samples.filter_map(|one| Some((publish_labels(one), sample(one)?)));
    samples.collect()
}

fn publish_labels(one: &PublishStatus) -> MetricLabels {
    vec![
        ("publish", one.publish.to_string()),
        ("source", one.source.to_string()),
    ]
}

fn bundles<'a>(facts: &MetricFacts<'a>) -> impl Iterator<Item = &'a BundleStatus> {
    let status = facts.status.iter();
    status.flat_map(|status| &status.outputs.bundles)
}

fn hooks<'a>(facts: &MetricFacts<'a>) -> impl Iterator<Item = &'a HookStatus> {
    let status = facts.status.iter();
    status.flat_map(|status| &status.outputs.hooks)
}

fn of_bundles(facts: &MetricFacts<'_>, sample: fn(&BundleStatus) -> Option<Sample>) -> Samples {
    let samples = bundles(facts);
    let samples = samples.filter_map(|bundle| Some((bundle_labels(bundle), sample(bundle)?)));
    samples.collect()
}

fn bundle_labels(bundle: &BundleStatus) -> MetricLabels {
    vec![("bundle", bundle.bundle.to_string())]
}

fn hook_labels(hook: &HookStatus) -> MetricLabels {
    vec![
        ("hook", hook.hook.to_string()),
        ("follows", hook.follows.clone()),
    ]
}

fn states(labels: &MetricLabels, of: OutputState) -> Samples {
    let samples = OutputState::ALL.map(|state| {
        let mut labels = labels.clone();
        labels.push(("state", state.as_str().to_owned()));
        (labels, number(of == state))
    });
    samples.into()
}
