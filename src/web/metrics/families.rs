//! Every metric: its name, its unit, and where its samples are from.

use jiff::Timestamp;
use prometheus_client::metrics::MetricType::{self, Counter, Gauge, Histogram, Info};

use super::MetricUnit::{Bytes, None as NoUnit, Seconds};
use super::{MetricFacts, MetricFamily, MetricLabels, MetricUnit, Sample, Samples};
use rollbook_core::model::run_history::{
    HistoryDay, JobRuns, SourceHistory, SourceTotals, StorageUse, Totals,
};
use rollbook_core::model::{Class, Outcome, scalar};
use rollbook_engine::daemon::status::{DaemonState, JobStatus, Status};

/// The states of a job's last run: each has a series, one of which is 1.
const OUTCOMES: [Outcome; 8] = [
    Outcome::Ok,
    Outcome::OkWithRejects,
    Outcome::NotServed,
    Outcome::Interrupted,
    Outcome::Incomplete,
    Outcome::Held,
    Outcome::Failed(Class::Permanent),
    Outcome::Parked,
];

const STATES: [DaemonState; 4] = [
    DaemonState::Starting,
    DaemonState::Running,
    DaemonState::Reloading,
    DaemonState::Stopping,
];

/// The families of the daemon, its jobs, sources and files.
pub(super) const FAMILIES: &[MetricFamily] = &[
    family("up", NoUnit, Gauge, "Whether the daemon runs", |facts| {
        one(Some(number(facts.status.is_some())))
    }),
    family(
        "build",
        NoUnit,
        Info,
        "The version of the daemon",
        |facts| {
            let status = facts.status.map(|status| status.version.as_str());
            let version = status.or(facts.history.map(|history| history.version.as_str()));
            let version = version.unwrap_or(env!("CARGO_PKG_VERSION"));
            vec![(vec![("version", version.to_owned())], Sample::Info)]
        },
    ),
    family(
        "start_time",
        Seconds,
        Gauge,
        "When the daemon started",
        |facts| one(facts.status.and_then(|status| time(&status.since))),
    ),
    family(
        "state",
        NoUnit,
        Gauge,
        "The state of the daemon: 1 for the one that it is in",
        |facts| {
            let states = facts.status.iter().flat_map(|status| {
                STATES.map(|state| {
                    (
                        vec![("state", state.as_str().to_owned())],
                        number(status.state == state),
                    )
                })
            });
            states.collect()
        },
    ),
    family(
        "stuck",
        NoUnit,
        Gauge,
        "Whether a run or the writer of the mirror makes no progress",
        |facts| of_status(facts, |status| status.stuck.is_some()),
    ),
    family(
        "fatal_error",
        NoUnit,
        Gauge,
        "Whether the daemon ends because the mirror cannot be written safely",
        |facts| of_status(facts, |status| status.fatal_error.is_some()),
    ),
    family(
        "disk_full",
        NoUnit,
        Gauge,
        "Whether runs fail because the disk or a quota is full",
        |facts| of_status(facts, |status| status.disk.is_some()),
    ),
    family(
        "clock_problem",
        NoUnit,
        Gauge,
        "Whether the clock of the machine is wrong, or was set in the last day",
        |facts| of_status(facts, |status| status.clock.is_some()),
    ),
    family(
        "configuration_refused",
        NoUnit,
        Gauge,
        "Whether the configuration on disk was refused and an older one is in force",
        |facts| of_status(facts, |status| status.configuration.refused.is_some()),
    ),
    family(
        "configuration_loaded_timestamp",
        Seconds,
        Gauge,
        "When the configuration in force was loaded",
        |facts| {
            one(facts
                .status
                .and_then(|status| time(&status.configuration.since)))
        },
    ),
    family(
        "job_next_tick_timestamp",
        Seconds,
        Gauge,
        "The next tick that starts a run",
        |facts| of_jobs(facts, |job| time(job.next_tick.as_ref()?)),
    ),
    family(
        "job_stale_timestamp",
        Seconds,
        Gauge,
        "When the job becomes stale unless a good run ends before",
        |facts| of_jobs(facts, |job| time(job.stale_at.as_ref()?)),
    ),
    family(
        "job_running",
        NoUnit,
        Gauge,
        "Whether a run of the job is active",
        |facts| of_jobs(facts, |job| Some(number(job.running.is_some()))),
    ),
    family(
        "job_paused",
        NoUnit,
        Gauge,
        "Whether an admin has paused the job or its source",
        |facts| of_jobs(facts, |job| Some(number(job.paused.is_some()))),
    ),
    family(
        "job_parked",
        NoUnit,
        Gauge,
        "Whether the job needs a sign-in, a credential or a key",
        |facts| of_jobs(facts, |job| Some(number(job.parked))),
    ),
    family(
        "job_held",
        NoUnit,
        Gauge,
        "Whether a run of the job needs an approval",
        |facts| of_jobs(facts, |job| Some(number(job.held.is_some()))),
    ),
    family(
        "job_held_rows",
        NoUnit,
        Gauge,
        "Rows that the held run would add, change or remove",
        held_rows,
    ),
    family(
        "job_consecutive_failures",
        NoUnit,
        Gauge,
        "Runs in a row that failed, were held or parked",
        |facts| of_jobs(facts, |job| Some(Sample::Number(f64::from(job.failures)))),
    ),
    family(
        "job_last_success_timestamp",
        Seconds,
        Gauge,
        "When the last good run of all streams ended",
        |facts| of_runs(facts, |job| time(job.last_good.as_ref()?)),
    ),
    family(
        "job_last_run_duration",
        Seconds,
        Gauge,
        "How long the last run took",
        |facts| {
            of_runs(facts, |job| {
                Some(Sample::Number(super::seconds(job.runs.last()?.duration_ms)))
            })
        },
    ),
    family(
        "job_last_run_outcome",
        NoUnit,
        Gauge,
        "The outcome of the last run: 1 for the one that it had",
        last_outcomes,
    ),
    family("job_runs", NoUnit, Counter, "Runs that ended", |facts| {
        let jobs = totals(facts).flat_map(|totals| &totals.jobs);
        let runs = jobs.flat_map(|job| {
            job.runs.iter().map(|(outcome, runs)| {
                let labels = vec![("job", job.job.to_string()), ("outcome", outcome.clone())];
                (labels, Sample::Count(*runs))
            })
        });
        runs.collect()
    }),
    family(
        "job_run_duration",
        Seconds,
        Histogram,
        "How long runs took",
        |facts| {
            let jobs = totals(facts).flat_map(|totals| &totals.jobs);
            let lengths = jobs.map(|job| {
                (
                    vec![("job", job.job.to_string())],
                    Sample::Histogram(job.duration.clone()),
                )
            });
            lengths.collect()
        },
    ),
    family(
        "stream_rows",
        NoUnit,
        Counter,
        "Rows of applied readings, by what was done with them",
        stream_rows,
    ),
    family(
        "stream_table_rows",
        NoUnit,
        Gauge,
        "Rows of the table",
        |facts| of_streams(facts, |day| day.rows),
    ),
    family(
        "stream_unconfirmed_rows",
        NoUnit,
        Gauge,
        "Removals that need another reading, on the last day with a run",
        |facts| of_streams(facts, |day| Some(day.unconfirmed)),
    ),
    family(
        "stream_rejected_rows",
        NoUnit,
        Gauge,
        "Rejected rows of one run, on the last day with a run",
        |facts| of_streams(facts, |day| Some(day.rejected)),
    ),
    family(
        "source_requests",
        NoUnit,
        Counter,
        "Requests for pages with every repetition, by how they ended",
        |facts| by_class(facts, |source| source.requests.iter()),
    ),
    family(
        "source_request_duration",
        Seconds,
        Histogram,
        "From sending a request to the end of its response",
        |facts| {
            let sources = totals(facts).flat_map(|totals| &totals.sources);
            let lengths = sources.map(|source| {
                (
                    vec![("source", source.source.to_string())],
                    Sample::Histogram(source.latency.clone()),
                )
            });
            lengths.collect()
        },
    ),
    family(
        "source_token_requests",
        NoUnit,
        Counter,
        "Token requests, by how they ended",
        |facts| by_class(facts, |source| source.token_requests.iter()),
    ),
    family(
        "source_token_expiry_timestamp",
        Seconds,
        Gauge,
        "When the access token expires; it is renewed before when a run needs it",
        |facts| {
            of_sources(facts, |source| {
                time(source.token.as_ref()?.expires_at.as_ref()?)
            })
        },
    ),
    family(
        "source_sign_in_needed",
        NoUnit,
        Gauge,
        "Whether a person must sign in to the source",
        |facts| {
            of_sources(facts, |source| {
                Some(number(source.token.as_ref()?.sign_in_needed))
            })
        },
    ),
    family(
        "source_quota_used_requests",
        NoUnit,
        Gauge,
        "Requests of today, as the daily limit counts them",
        |facts| {
            of_sources(facts, |source| {
                count(source.quota.as_ref().map(|quota| quota.used))
            })
        },
    ),
    family(
        "source_quota_limit_requests",
        NoUnit,
        Gauge,
        "How many requests a day are allowed",
        |facts| {
            of_sources(facts, |source| {
                count(source.quota.as_ref().map(|quota| quota.limit))
            })
        },
    ),
    family(
        "source_quota_reset_timestamp",
        Seconds,
        Gauge,
        "When the count of the daily limit begins again",
        |facts| of_sources(facts, |source| time(&source.quota.as_ref()?.resets_at)),
    ),
    family(
        "storage_file_size",
        Bytes,
        Gauge,
        "The size of a file",
        |facts| {
            let storage = storage(facts);
            let sizes = storage.iter().flat_map(|storage| {
                [
                    ("mirror", storage.mirror_bytes),
                    ("log", storage.log_bytes),
                    ("vault", storage.vault_bytes),
                ]
            });
            let known = sizes
                .filter_map(|(file, size)| Some((vec![("file", file.to_owned())], count(size)?)));
            known.collect()
        },
    ),
    family(
        "storage_free",
        Bytes,
        Gauge,
        "What is free on the disk of the mirror",
        |facts| one(count(storage(facts).and_then(|storage| storage.free_bytes))),
    ),
    family(
        "backups",
        NoUnit,
        Gauge,
        "Backups in the configured folder",
        |facts| one(count(storage(facts).map(|storage| storage.backups))),
    ),
    family(
        "backup_last_timestamp",
        Seconds,
        Gauge,
        "When the newest backup was made",
        |facts| one(storage(facts).and_then(|storage| time(&storage.newest_backup.as_ref()?.made))),
    ),
    family(
        "backup_last_size",
        Bytes,
        Gauge,
        "The size of the newest backup",
        |facts| {
            one(storage(facts)
                .and_then(|storage| count(Some(storage.newest_backup.as_ref()?.bytes))))
        },
    ),
    family(
        "backup_next_timestamp",
        Seconds,
        Gauge,
        "When the next backup is due",
        |facts| one(storage(facts).and_then(|storage| time(storage.next_backup.as_ref()?))),
    ),
    family(
        "purge_next_timestamp",
        Seconds,
        Gauge,
        "From when on expired rows are purged again",
        |facts| one(storage(facts).and_then(|storage| time(storage.next_purge.as_ref()?))),
    ),
    family(
        "history_written_timestamp",
        Seconds,
        Gauge,
        "When the history file was written: at the end of the last run",
        |facts| one(facts.history.and_then(|history| time(&history.written))),
    ),
    family(
        "totals_since_timestamp",
        Seconds,
        Gauge,
        "From when on all counters count: the start of the daemon that counted",
        |facts| one(totals(facts).next().and_then(|totals| time(&totals.since))),
    ),
];

pub(super) const fn family(
    name: &'static str,
    unit: MetricUnit,
    kind: MetricType,
    help: &'static str,
    samples: fn(&MetricFacts<'_>) -> Samples,
) -> MetricFamily {
    MetricFamily {
        name,
        unit,
        kind,
        help,
        samples,
    }
}

fn one(sample: Option<Sample>) -> Samples {
    sample
        .map(|sample| (MetricLabels::new(), sample))
        .into_iter()
        .collect()
}

pub(super) fn number(yes: bool) -> Sample {
    Sample::Number(f64::from(u8::from(yes)))
}

pub(super) fn count(number: Option<u64>) -> Option<Sample> {
    number.map(|number| Sample::Number(number as f64))
}

/// Seconds since 1970.
pub(super) fn time(text: &str) -> Option<Sample> {
    let time: Timestamp = scalar::parse(text)?;
    Some(Sample::Number(time.as_millisecond() as f64 / 1000.0))
}

fn of_status(facts: &MetricFacts<'_>, holds: fn(&Status) -> bool) -> Samples {
    one(facts.status.map(|status| number(holds(status))))
}

fn of_jobs(facts: &MetricFacts<'_>, sample: fn(&JobStatus) -> Option<Sample>) -> Samples {
    let jobs = facts.status.iter().flat_map(|status| &status.jobs);
    jobs.filter_map(|job| Some((job_labels(job), sample(job)?)))
        .collect()
}

/// A backup has no source; Prometheus takes an empty label for a missing one.
fn job_labels(job: &JobStatus) -> MetricLabels {
    let source = job.source.as_ref().map(ToString::to_string);
    vec![
        ("job", job.job.to_string()),
        ("source", source.unwrap_or_default()),
    ]
}

fn held_rows(facts: &MetricFacts<'_>) -> Samples {
    let jobs = facts.status.iter().flat_map(|status| &status.jobs);
    let streams = jobs.flat_map(|job| job.held_streams.iter().map(move |stream| (job, stream)));
    let rows = streams.flat_map(|(job, stream)| {
        let kinds = [
            ("new", stream.new),
            ("changed", stream.changed),
            ("removed", stream.would_be_removed),
        ];
        kinds.map(|(kind, rows)| {
            let mut labels = job_labels(job);
            labels.extend([
                ("stream", stream.stream.to_string()),
                ("kind", kind.to_owned()),
            ]);
            (labels, Sample::Number(rows as f64))
        })
    });
    rows.collect()
}

fn of_runs(facts: &MetricFacts<'_>, sample: fn(&JobRuns) -> Option<Sample>) -> Samples {
    let jobs = facts.history.iter().flat_map(|history| &history.jobs);
    jobs.filter_map(|job| Some((run_labels(job), sample(job)?)))
        .collect()
}

fn run_labels(job: &JobRuns) -> MetricLabels {
    vec![
        ("job", job.job.to_string()),
        ("source", job.source.to_string()),
    ]
}

fn last_outcomes(facts: &MetricFacts<'_>) -> Samples {
    let jobs = facts.history.iter().flat_map(|history| &history.jobs);
    let last = jobs.filter_map(|job| {
        // A run of one stream says nothing about the job.
        let last = job.runs.iter().rfind(|run| run.only.is_none())?;
        Some((job, last.outcome.as_str()))
    });
    let states = last.flat_map(|(job, last)| {
        OUTCOMES.map(|outcome| {
            let outcome = outcome.as_str();
            let mut labels = run_labels(job);
            labels.push(("outcome", outcome.to_owned()));
            (labels, number(outcome == last))
        })
    });
    states.collect()
}

fn totals<'a>(facts: &MetricFacts<'a>) -> impl Iterator<Item = &'a Totals> {
    facts
        .history
        .and_then(|history| history.totals.as_ref())
        .into_iter()
}

fn stream_rows(facts: &MetricFacts<'_>) -> Samples {
    let streams = totals(facts).flat_map(|totals| &totals.streams);
    let rows = streams.flat_map(|stream| {
        let kinds = [
            ("received", stream.received),
            ("new", stream.new),
            ("changed", stream.changed),
            ("removed", stream.removed),
            ("rejected", stream.rejected),
        ];
        kinds.map(|(kind, rows)| {
            let labels = vec![
                ("source", stream.source.to_string()),
                ("stream", stream.stream.to_string()),
                ("kind", kind.to_owned()),
            ];
            (labels, Sample::Count(rows))
        })
    });
    rows.collect()
}

/// Of the last day with a run.
fn of_streams(facts: &MetricFacts<'_>, rows: fn(&HistoryDay) -> Option<u64>) -> Samples {
    let streams = facts.history.iter().flat_map(|history| &history.streams);
    let known = streams.filter_map(|stream| {
        let labels = vec![
            ("source", stream.source.to_string()),
            ("stream", stream.stream.to_string()),
        ];
        Some((labels, count(rows(stream.days.last()?))?))
    });
    known.collect()
}

fn by_class<'a, I>(facts: &MetricFacts<'a>, counts: fn(&'a SourceTotals) -> I) -> Samples
where
    I: Iterator<Item = (&'a String, &'a u64)>,
{
    let sources = totals(facts).flat_map(|totals| &totals.sources);
    let requests = sources.flat_map(|source| {
        counts(source).map(|(class, requests)| {
            let labels = vec![
                ("source", source.source.to_string()),
                ("class", class.clone()),
            ];
            (labels, Sample::Count(*requests))
        })
    });
    requests.collect()
}

fn of_sources(facts: &MetricFacts<'_>, sample: fn(&SourceHistory) -> Option<Sample>) -> Samples {
    let sources = facts.history.iter().flat_map(|history| &history.sources);
    let known = sources
        .filter_map(|source| Some((vec![("source", source.source.to_string())], sample(source)?)));
    known.collect()
}

fn storage<'a>(facts: &MetricFacts<'a>) -> Option<&'a StorageUse> {
    facts.history.map(|history| &history.storage)
}
