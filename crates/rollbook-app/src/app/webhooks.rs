//! Handles a vendor's webhook: is it real, and which runs does it ask for?
//!
//! A run takes no hint of what changed: the call says "look now", and the kind of record that it names selects streams. Nothing
//! of it is logged or kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::tz::TimeZone;
use secrecy::ExposeSecret as _;

use super::App;
use rollbook_core::blocking::blocking;
use rollbook_core::connector::api::StreamSpec;
use rollbook_core::connector::webhook::WebhookRules;
use rollbook_core::model::{ApplyMode, JobName, ReadMode, StreamName, StreamSet, WebhookName};
use rollbook_core::store::checkpoints;
use rollbook_engine::daemon::webhook_request::{WebhookAnswer, WebhookRequest};
use rollbook_engine::daemon::{EarlyRun, WebhookResult};
use rollbook_engine::setup::files::WebhookConfig;
use rollbook_engine::setup::{JobSetup, Setup};

/// How often the same webhook is reported: strangers may call it as often as they like.
const REPORT_EVERY: Duration = Duration::from_secs(3600);

/// When each webhook was reported last, in monotonic time.
#[derive(Debug, Default)]
pub(super) struct ReportedWebhooks(Mutex<BTreeMap<WebhookName, Duration>>);

impl ReportedWebhooks {
    fn is_due(&self, name: &WebhookName, running: Duration) -> bool {
        let mut reported = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at: &Duration| running.saturating_sub(*at) < REPORT_EVERY;
        if reported.get(name).is_some_and(is_recent) {
            return false;
        }
        reported.insert(name.clone(), running);
        true
    }
}

impl App {
    /// Checks a webhook, and decides which jobs read which of their streams.
    pub(super) fn handle_webhook(
        &self,
        request: &WebhookRequest,
        reported: &ReportedWebhooks,
    ) -> WebhookResult {
        let setup = self.setup();
        let only = |answer| WebhookResult {
            answer,
            runs: Vec::new(),
        };
        let webhooks = &setup.config.webhooks;
        let Some((name, webhook)) = webhooks.get_key_value(request.name.as_str()) else {
            return only(WebhookAnswer::Unknown);
        };
        let source = setup.sources.get(&webhook.source);
        let Some(rules) = source.and_then(|source| source.connector.webhook.as_ref()) else {
            return only(WebhookAnswer::Unknown);
        };
        let (answer, why) = self.verify(webhook, rules, request);
        if let Some(why) = why
            && reported.is_due(name, self.clock.running())
        {
            tracing::warn!(
                webhook = name.as_str(),
                "a call of the webhook was refused: {why}"
            );
        }
        let runs = match answer {
            WebhookAnswer::Accepted => {
                self.early_runs(&setup, webhook, rules.streams_of(&request.body))
            }
            WebhookAnswer::Refused | WebhookAnswer::Unknown | WebhookAnswer::Busy => Vec::new(),
        };
        WebhookResult { answer, runs }
    }

    /// Whether the call is real; if not, why, for the admin.
    fn verify(
        &self,
        webhook: &WebhookConfig,
        rules: &WebhookRules,
        request: &WebhookRequest,
    ) -> (WebhookAnswer, Option<String>) {
        if !webhook.verify {
            return (WebhookAnswer::Accepted, None);
        }
        // Fetched for each call, so that a changed secret counts at once.
        let secret = webhook
            .secret
            .as_ref()
            .map(|secret| self.secrets.fetch(secret));
        match secret {
            Some(Ok(secret)) => {
                let secret = secret.expose_secret().as_bytes();
                if rules.is_proven(secret, &request.headers, &request.body) {
                    return (WebhookAnswer::Accepted, None);
                }
                let why = "it does not show the secret in a form that the connector lists; compare the secret with the vendor's";
                (WebhookAnswer::Refused, Some(why.to_owned()))
            }
            Some(Err(error)) => (WebhookAnswer::Busy, Some(error.to_string())),
            None => (WebhookAnswer::Refused, None),
        }
    }

    /// The runs of all jobs that read the streams, or any stream of which changes are read.
    fn early_runs(
        &self,
        setup: &Setup,
        webhook: &WebhookConfig,
        named: Option<&[String]>,
    ) -> Vec<EarlyRun> {
        let jobs = setup.jobs.iter();
        let jobs = jobs.filter(|(_, job)| job.source == webhook.source);
        let run = |(name, job): (&JobName, &JobSetup)| {
            Some(EarlyRun {
                job: name.clone(),
                streams: self.early_streams(job, named)?,
                min_interval: webhook.min_interval.0,
            })
        };
        jobs.filter_map(run).collect()
    }

    /// The streams of a job that an early run reads.
    fn early_streams(&self, job: &JobSetup, named: Option<&[String]>) -> Option<StreamSet> {
        let is_named =
            |name: &StreamName| named.is_none_or(|named| named.iter().any(|one| *name == **one));
        let is_readable =
            |spec: &&StreamSpec| reads_changes(job, spec) && self.has_items(job, spec);
        let specs = || job.streams.iter().map(|spec| &**spec).filter(is_readable);
        let chosen: Vec<&StreamSpec> = specs().filter(|spec| is_named(&spec.name)).collect();
        if chosen.is_empty() {
            return None;
        }
        if job.config.apply == ApplyMode::Together {
            return StreamSet::of(job.streams.iter().map(|spec| spec.name.clone()));
        }
        // A record may have been deleted.
        let feeds = chosen.iter().filter_map(|spec| spec.removed.feed.as_ref());
        let feeds: Vec<&str> = feeds.map(|feed| feed.stream.as_str()).collect();
        let feeds = specs().filter(|spec| feeds.contains(&spec.name.as_str()));
        StreamSet::of(
            feeds
                .chain(chosen.iter().copied())
                .map(|spec| spec.name.clone()),
        )
    }

    /// Whether the rows that a stream is read for were ever read.
    fn has_items(&self, job: &JobSetup, spec: &StreamSpec) -> bool {
        let each = spec.for_each.as_ref();
        let Some(parent) = each.and_then(|each| each.stream.as_ref()) else {
            return true;
        };
        let reader = self.store().reader();
        reader.is_ok_and(|reader| {
            checkpoints::was_read(&reader, &job.source, parent).unwrap_or(false)
        })
    }

    /// Whether webhooks must leave what is left of the source's requests of this day to the schedule: half of them.
    pub(super) async fn is_half_spent(&self, job: &JobName) -> bool {
        let setup = self.setup();
        let Some(name) = setup.jobs.get(job).map(|job| job.source.clone()) else {
            return false;
        };
        let limits = setup
            .sources
            .get(&name)
            .map(|source| source.config.limits.or(&source.connector.limits));
        let Some(limit) = limits.and_then(|limits| limits.per_day) else {
            return false;
        };
        let vault = Arc::clone(&self.vault);
        let day = self.clock.now().to_zoned(TimeZone::UTC).date().to_string();
        let sent = blocking(move || vault.count(&name, &day, 0)).await;
        sent.is_ok_and(|sent| sent >= limit.get() / 2)
    }

    /// Logs which webhooks accept every call.
    pub(super) fn warn_of_unverified_webhooks(&self) {
        for (name, webhook) in &self.setup().config.webhooks {
            if !webhook.verify {
                tracing::warn!(
                    webhook = name.as_str(),
                    "calls of the webhook are not verified (`verify = false`): every caller can cause a run"
                );
            }
        }
    }
}

/// Whether a reading of the stream requests changes only.
fn reads_changes(job: &JobSetup, spec: &StreamSpec) -> bool {
    let options = job.config.stream.get(&spec.name);
    let mode = options.and_then(|options| options.mode);
    let is_incremental = |mode| mode == ReadMode::Incremental;
    let since = spec.since.as_ref();
    spec.window.is_some() || since.is_some_and(|since| mode.map_or(since.default, is_incremental))
}
