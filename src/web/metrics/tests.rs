//! The text, its reference page, and that dashboard and rules name only what exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::*;
use rollbook_core::model::run_history::{
    HistoryDay, JobRuns, JobTotals, NewestBackup, PastRun, QuotaUse, SourceHistory, SourceTotals,
    StorageUse, StreamDays, StreamTotals, TokenUse, Totals,
};
use rollbook_core::model::totals::{LATENCY_BOUNDS_MS, RUN_BOUNDS_MS};
use rollbook_core::model::{HoldRule, Outcome, named};
use rollbook_engine::daemon::status::{
    BundleStatus, Configuration, HeldStream, HookStatus, JobStatus, OutputState, Outputs,
    PauseStatus, PublishStatus, Running,
};

const AT: &str = "2026-03-02T06:20:00.500Z";

fn text(word: &str) -> String {
    word.to_owned()
}

/// A status with a value for every member that a metric needs.
pub(crate) fn full_status() -> Status {
    let rosters = JobStatus {
        source: Some(named("north")),
        next_tick: Some(text(AT)),
        stale_at: Some(text(AT)),
        paused: Some(PauseStatus::default()),
        running: Some(Running::default()),
        held: Some(7),
        held_streams: vec![HeldStream {
            stream: named("users"),
            rule: Some(HoldRule::Removals),
            rows: Some(812),
            new: 1,
            changed: 2,
            would_be_removed: 300,
        }],
        failures: 2,
        ..JobStatus::new(named("rosters"))
    };
    Status {
        version: text("1.2.3"),
        since: text(AT),
        configuration: Configuration {
            since: text(AT),
            ..Configuration::default()
        },
        jobs: vec![JobStatus::new(named("backup")), rosters],
        outputs: full_outputs(),
        ..Status::default()
    }
}

fn full_outputs() -> Outputs {
    Outputs {
        bundles: vec![BundleStatus {
            bundle: named("moodle"),
            state: OutputState::Held,
            written: Some(text(AT)),
            rows: 812,
            left_out: 3,
            failed_since: Some(text(AT)),
        }],
        hooks: vec![HookStatus {
            hook: named("library"),
            follows: text("job rosters"),
            state: OutputState::Failed,
            told: Some(text(AT)),
            failed_since: Some(text(AT)),
            next_attempt: Some(text(AT)),
        }],
        published: vec![PublishStatus {
            state: OutputState::Failed,
            comparing: 1,
            lag_runs: 3,
            lag_since: Some(text(AT)),
            late_at: Some(text(AT)),
            attempts: 2,
            ..PublishStatus::up_to_date("district", "north", AT)
        }],
    }
}

/// A minute after [`AT`].
fn now() -> Timestamp {
    Timestamp::constant(1_772_432_460, 500_000_000)
}

/// A history with a value for every member that a metric needs.
pub(crate) fn full_history() -> RunHistory {
    let mut duration = Histogram::new(RUN_BOUNDS_MS);
    for length in [500, 2_000, 90_000_000] {
        duration.add(length);
    }
    let mut latency = Histogram::new(LATENCY_BOUNDS_MS);
    latency.add(120);
    let past = |run, outcome, only| PastRun {
        run,
        started: text(AT),
        outcome,
        duration_ms: 1_500,
        only,
    };
    let day = HistoryDay {
        rows: Some(812),
        unconfirmed: 3,
        rejected: 4,
        ..HistoryDay::new(jiff::civil::date(2026, 3, 2))
    };
    RunHistory {
        version: text("1.2.3"),
        written: text(AT),
        jobs: vec![JobRuns {
            job: named("rosters"),
            source: named("north"),
            last_good: Some(text(AT)),
            runs: vec![
                past(1, Outcome::Held, None),
                past(2, Outcome::Ok, Some(named("users"))),
            ],
            streams: vec![named("users")],
        }],
        sources: vec![SourceHistory {
            quota: Some(QuotaUse {
                used: 40,
                limit: 1000,
                resets_at: text(AT),
            }),
            token: Some(TokenUse {
                expires_at: Some(text(AT)),
                sign_in_needed: true,
            }),
            ..SourceHistory::new(named("north"))
        }],
        streams: vec![StreamDays {
            source: named("north"),
            stream: named("users"),
            days: vec![day],
        }],
        storage: StorageUse {
            mirror_bytes: Some(4096),
            log_bytes: None,
            vault_bytes: Some(1),
            free_bytes: Some(5),
            backups: 2,
            newest_backup: Some(NewestBackup {
                made: text(AT),
                bytes: 9,
            }),
            next_backup: Some(text(AT)),
            next_purge: Some(text(AT)),
        },
        totals: Some(Totals {
            since: text(AT),
            streams: vec![StreamTotals {
                source: named("north"),
                stream: named("users"),
                received: 812,
                new: 1,
                changed: 2,
                removed: 3,
                rejected: 4,
            }],
            jobs: vec![JobTotals {
                job: named("rosters"),
                runs: [(text("ok"), 3)].into(),
                duration,
            }],
            sources: vec![SourceTotals {
                source: named("north"),
                requests: [(text("ok"), 5), (text("transient"), 1)].into(),
                latency,
                token_requests: [(text("ok"), 1)].into(),
            }],
        }),
        ..RunHistory::default()
    }
}

#[test]
fn a_full_text() {
    let found = metrics(Some(&full_status()), Some(&full_history()), now());
    for line in [
        "# TYPE rollbook_up gauge",
        "rollbook_up 1.0",
        "rollbook_build_info{version=\"1.2.3\"} 1",
        "# UNIT rollbook_start_time_seconds seconds",
        "rollbook_start_time_seconds 1772432400.5",
        "rollbook_state{state=\"starting\"} 1.0",
        "rollbook_state{state=\"running\"} 0.0",
        "rollbook_job_held_rows{job=\"rosters\",source=\"north\",stream=\"users\",kind=\"removed\"} 300.0",
        "rollbook_job_parked{job=\"backup\",source=\"\"} 0.0",
        "rollbook_job_last_run_outcome{job=\"rosters\",source=\"north\",outcome=\"held\"} 1.0",
        "rollbook_job_last_run_outcome{job=\"rosters\",source=\"north\",outcome=\"ok\"} 0.0",
        "# TYPE rollbook_job_runs counter",
        "rollbook_job_runs_total{job=\"rosters\",outcome=\"ok\"} 3",
        "rollbook_job_run_duration_seconds_bucket{le=\"1.0\",job=\"rosters\"} 1",
        "rollbook_job_run_duration_seconds_bucket{le=\"5.0\",job=\"rosters\"} 2",
        "rollbook_job_run_duration_seconds_bucket{le=\"14400.0\",job=\"rosters\"} 2",
        "rollbook_job_run_duration_seconds_bucket{le=\"+Inf\",job=\"rosters\"} 3",
        "rollbook_job_run_duration_seconds_sum{job=\"rosters\"} 90002.5",
        "rollbook_job_run_duration_seconds_count{job=\"rosters\"} 3",
        "rollbook_stream_rows_total{source=\"north\",stream=\"users\",kind=\"removed\"} 3",
        "rollbook_source_requests_total{source=\"north\",class=\"transient\"} 1",
        "rollbook_storage_file_size_bytes{file=\"mirror\"} 4096.0",
        "rollbook_bundle_state{bundle=\"moodle\",state=\"held\"} 1.0",
        "rollbook_bundle_state{bundle=\"moodle\",state=\"ok\"} 0.0",
        "rollbook_bundle_left_out_rows{bundle=\"moodle\"} 3.0",
        "rollbook_hook_state{hook=\"library\",follows=\"job rosters\",state=\"failed\"} 1.0",
        "rollbook_publish_lag_runs{publish=\"district\",source=\"north\"} 3.0",
        "rollbook_publish_lag_seconds{publish=\"district\",source=\"north\"} 60.0",
        "rollbook_publish_late_timestamp_seconds{publish=\"district\",source=\"north\"} 1772432400.5",
        "rollbook_publish_failed_attempts{publish=\"district\",source=\"north\"} 2.0",
    ] {
        assert!(found.lines().any(|known| known == line), "{line}\n{found}");
    }
    assert!(found.ends_with("# EOF\n"));
    assert!(!found.contains("file=\"log\""), "a file that is not there");
    for family in families() {
        let name = family.exposed();
        assert!(
            found.contains(&format!("\n{name}")),
            "{name} has a sample\n{found}"
        );
    }
}

#[test]
fn without_a_daemon_and_a_history() {
    let found = metrics(None, None, now());
    let samples: Vec<&str> = found
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let version = env!("CARGO_PKG_VERSION");
    let build = format!("rollbook_build_info{{version=\"{version}\"}} 1");
    assert_eq!(samples, ["rollbook_up 0.0", &build]);
    let stopped = metrics(None, Some(&full_history()), now());
    assert!(stopped.contains("rollbook_up 0.0\n"));
    assert!(stopped.contains("rollbook_job_last_success_timestamp_seconds{"));
}

#[test]
fn labels_are_escaped() {
    let mut history = full_history();
    let totals = history.totals.as_mut().expect("totals");
    totals.sources[0].requests = [(text("a\"b\\c\nd"), 1)].into();
    let found = metrics(None, Some(&history), now());
    assert!(found.contains(r#"class="a\"b\\c\nd"} 1"#), "{found}");
}

fn document(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_reference_lists_every_metric() {
    let page = document("reference/metrics.md");
    let cell = |line: &str| {
        Some(
            line.strip_prefix("| `rollbook_")?
                .split('`')
                .next()?
                .to_owned(),
        )
    };
    let listed: Vec<String> = page.lines().filter_map(cell).collect();
    let expected: Vec<String> = families()
        .map(|family| family.exposed().replacen("rollbook_", "", 1))
        .collect();
    assert_eq!(listed, expected);
}

#[test]
fn dashboard_and_rules_name_only_what_exists() {
    let known: BTreeSet<String> = families().flat_map(MetricFamily::series).collect();
    for path in ["monitoring/grafana-dashboard.json", "monitoring/alerts.yml"] {
        let text = document(path);
        let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let words = text.split(|c| !part(c));
        let named: Vec<&str> = words.filter(|word| word.starts_with("rollbook_")).collect();
        assert!(named.len() > 5, "{path}");
        for name in named {
            assert!(known.contains(name), "{path}: {name}");
        }
    }
}

/// For `tests/monitoring/run.sh`, which gives the text to promtool.
#[test]
fn the_text_is_written_for_promtool() {
    if let Some(path) = std::env::var_os("ROLLBOOK_METRICS_FILE") {
        let found = metrics(Some(&full_status()), Some(&full_history()), now());
        fs::write(path, found).expect("written");
    }
}

impl MetricFamily {
    /// The name of its series, or for a histogram before `_bucket`, `_sum` and `_count`.
    fn exposed(&self) -> String {
        let unit = match self.unit {
            MetricUnit::None => "",
            MetricUnit::Seconds => "_seconds",
            MetricUnit::Bytes => "_bytes",
        };
        let suffix = match self.kind {
            MetricType::Counter => "_total",
            MetricType::Info => "_info",
            _ => "",
        };
        format!("{PREFIX}_{}{unit}{suffix}", self.name)
    }

    fn series(&self) -> Vec<String> {
        let name = self.exposed();
        match self.kind {
            MetricType::Histogram => ["_bucket", "_sum", "_count"]
                .map(|suffix| format!("{name}{suffix}"))
                .to_vec(),
            _ => vec![name],
        }
    }
}
