//! `/metrics`: OpenMetrics text, made of the status and the history at each request.
//!
//! The families are a table (`metrics/families.rs`), encoded by prometheus-client, which knows the format and escapes labels. No
//! metric is kept here: whatever counts does so in the daemon. Reference: `docs/reference/metrics.md`.

mod families;
mod output_families;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use self::families::FAMILIES;
use self::output_families::OUTPUT_FAMILIES;
use rollbook_core::model::run_history::{Histogram, RunHistory};
use rollbook_engine::daemon::status::Status;

/// The content type of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Before every name.
const PREFIX: &str = "rollbook";

/// All metrics. Without a status the daemon does not run; without a history, what it would say is missing.
pub fn metrics(status: Option<&Status>, history: Option<&RunHistory>, now: Timestamp) -> String {
    let facts = MetricFacts {
        status,
        history,
        now,
    };
    let families = families().map(|family| (family, (family.samples)(&facts)));
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(Scrape(families.collect())));
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = encode(&mut text, &registry);
    text
}

/// All families, in the order of the text.
fn families() -> impl Iterator<Item = &'static MetricFamily> {
    FAMILIES.iter().chain(OUTPUT_FAMILIES)
}

/// What samples are made of.
struct MetricFacts<'a> {
    status: Option<&'a Status>,
    history: Option<&'a RunHistory>,
    now: Timestamp,
}

/// A name, and where its samples are from.
struct MetricFamily {
    /// Without prefix, unit, `_total` and `_info`.
    name: &'static str,
    unit: MetricUnit,
    kind: MetricType,
    /// Without a full stop, which the encoder adds.
    help: &'static str,
    samples: fn(&MetricFacts<'_>) -> Samples,
}

#[derive(Clone, Copy)]
enum MetricUnit {
    None,
    Seconds,
    Bytes,
}

type MetricLabels = Vec<(&'static str, String)>;

/// In a family, each set of labels occurs once.
type Samples = Vec<(MetricLabels, Sample)>;

/// The value of a sample.
#[derive(Debug)]
enum Sample {
    Number(f64),
    Count(u64),
    Histogram(Histogram),
    /// Its labels say all.
    Info,
}

/// One scrape; a collector, because it holds values that were counted elsewhere.
struct Scrape(Vec<(&'static MetricFamily, Samples)>);

impl std::fmt::Debug for Scrape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Scrape").field(&self.0.len()).finish()
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let used = self.0.iter().filter(|(_, samples)| !samples.is_empty());
        for (family, samples) in used {
            let unit = family.unit.as_unit();
            let (name, help) = (family.name, family.help);
            let mut encoder = encoder.encode_descriptor(name, help, unit.as_ref(), family.kind)?;
            for (labels, sample) in samples {
                match sample {
                    Sample::Info => encoder.encode_info(labels)?,
                    _ => encode_sample(encoder.encode_family(labels)?, sample)?,
                }
            }
        }
        Ok(())
    }
}

fn encode_sample(mut encoder: MetricEncoder<'_>, sample: &Sample) -> std::fmt::Result {
    match sample {
        Sample::Number(number) => encoder.encode_gauge(number),
        Sample::Count(count) => encoder.encode_counter::<NoLabelSet, u64, u64>(count, None),
        Sample::Histogram(histogram) => {
            let sum = seconds(histogram.sum_ms);
            let buckets = own_counts(histogram);
            encoder.encode_histogram::<NoLabelSet>(sum, histogram.count, &buckets, None)
        }
        Sample::Info => Ok(()),
    }
}

/// The encoder adds up by itself.
fn own_counts(histogram: &Histogram) -> Vec<(f64, u64)> {
    let mut before = 0;
    let buckets = histogram.buckets.iter();
    let bounds = buckets.map(|bucket| (seconds(bucket.up_to_ms), bucket.count));
    bounds
        .chain([(f64::INFINITY, histogram.count)])
        .map(|(bound, count)| {
            let own = count.saturating_sub(before);
            before = count;
            (bound, own)
        })
        .collect()
}

fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1000.0
}

impl MetricUnit {
    fn as_unit(self) -> Option<Unit> {
        match self {
            Self::None => None,
            Self::Seconds => Some(Unit::Seconds),
            Self::Bytes => Some(Unit::Bytes),
        }
    }
}

#[cfg(test)]
mod tests;
