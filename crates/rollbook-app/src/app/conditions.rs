//! What the mirror knows of jobs and outputs, for the status.

use super::DaemonEngine;
use super::bundles::bundle_states;
use super::hooks::hook_states;
use super::publish::{PublishState, publish_states};
use rollbook_core::model::scalar::to_canonical;
use rollbook_core::model::{BundleName, HookName, HookSubject, PublishName, SourceName};
use rollbook_core::store::bundle::state::BundleState;
use rollbook_core::store::hooks::HookState;
use rollbook_core::store::{StoreError, queries};
use rollbook_engine::daemon::status::{
    BundleStatus, HookStatus, OutputState, Outputs, PublishStatus,
};
use rollbook_engine::daemon::{Conditions, Engine as _};
use rollbook_engine::setup::Setup;
use rollbook_engine::setup::files::PublishConfig;

impl DaemonEngine {
    /// All conditions.
    pub(super) fn read_conditions(&self) -> Result<Conditions, StoreError> {
        let reader = self.app.store().reader()?;
        let jobs = self.jobs().into_iter();
        let jobs: Result<_, _> = jobs.map(|entry| self.condition(&reader, entry)).collect();
        let setup = self.app.setup();
        Ok(Conditions {
            jobs: jobs?,
            outputs: outputs(&setup, &reader)?,
        })
    }
}

/// The status of bundles, hooks and published databases.
///
/// # Errors
/// When the mirror cannot be read.
pub fn outputs(setup: &Setup, reader: &queries::Reader) -> Result<Outputs, StoreError> {
    let bundles = bundle_states(setup, reader)?.into_iter();
    let hooks = hook_states(setup, reader)?.into_iter();
    let mut published = Vec::new();
    for (name, config) in &setup.config.publish {
        let states = publish_states(setup, name, reader)?.into_iter();
        published.extend(states.map(|(source, state)| publish(name, config, source, state)));
    }
    Ok(Outputs {
        published,
        bundles: bundles.map(|(name, state)| bundle(name, &state)).collect(),
        hooks: hooks
            .map(|((name, subject), state)| hook(name, &subject, &state))
            .collect(),
    })
}

fn bundle(bundle: BundleName, state: &BundleState) -> BundleStatus {
    BundleStatus {
        bundle,
        state: match state {
            BundleState { is_held: true, .. } => OutputState::Held,
            BundleState {
                failed: Some(_), ..
            } => OutputState::Failed,
            BundleState {
                message: Some(_), ..
            } => OutputState::Waiting,
            BundleState { made: Some(_), .. } => OutputState::Ok,
            BundleState { made: None, .. } => OutputState::Pending,
        },
        written: state.made.map(to_canonical),
        rows: state.rows,
        left_out: state.left_out,
        failed_since: state.failed.map(to_canonical),
    }
}

fn hook(hook: HookName, subject: &HookSubject, state: &HookState) -> HookStatus {
    HookStatus {
        hook,
        follows: subject.to_string(),
        state: match (state.failed, state.told) {
            (Some(_), _) => OutputState::Failed,
            (None, Some(_)) => OutputState::Ok,
            (None, None) => OutputState::Pending,
        },
        told: state.told.map(to_canonical),
        failed_since: state.failed.map(to_canonical),
        next_attempt: state.due.map(to_canonical),
    }
}

fn publish(
    name: &PublishName,
    config: &PublishConfig,
    source: SourceName,
    state: PublishState,
) -> PublishStatus {
    let (lag_since, late_at) = (state.unpublished_since(), state.late_at(config));
    let known = state.known.unwrap_or_default();
    PublishStatus {
        publish: name.clone(),
        source,
        state: match (known.failed, known.published) {
            (Some(_), _) => OutputState::Failed,
            (None, Some(_)) => OutputState::Ok,
            (None, None) => OutputState::Pending,
        },
        run: (!known.claim.is_empty()).then_some(known.run),
        published: known.published.map(to_canonical),
        comparing: state.comparing as u64,
        removal: known.removal,
        lag_runs: state.lag.runs,
        lag_since: lag_since.map(to_canonical),
        late_at: late_at.map(to_canonical),
        failed_since: known.failed.map(to_canonical),
        attempts: known.attempts,
        next_attempt: known.due.map(to_canonical),
        problem: known.message,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use rollbook_core::model::named;

    const AT: Timestamp = Timestamp::constant(1_772_432_400, 0);

    #[test]
    fn a_bundle_has_one_state() {
        let written = BundleState {
            made: Some(AT),
            rows: 812,
            left_out: 3,
            ..BundleState::default()
        };
        let failed = BundleState {
            failed: Some(AT),
            message: Some("the disk is full".to_owned()),
            failures: 1,
            ..written.clone()
        };
        let held = BundleState {
            is_held: true,
            ..failed.clone()
        };
        let waiting = BundleState {
            failed: None,
            ..failed.clone()
        };
        for (state, expected) in [
            (BundleState::default(), OutputState::Pending),
            (written, OutputState::Ok),
            (failed, OutputState::Failed),
            (held, OutputState::Held),
            (waiting, OutputState::Waiting),
        ] {
            let found = bundle(named("moodle"), &state);
            assert_eq!(found.state, expected, "{state:?}");
            assert_eq!(found.rows, state.rows);
            let json = serde_json::to_string(&found).expect("JSON");
            assert!(!json.contains("disk"), "no message: {json}");
        }
    }

    #[test]
    fn a_hook_has_one_state() {
        let told = HookState {
            told: Some(AT),
            ..HookState::default()
        };
        let failed = HookState {
            failed: Some(AT),
            due: Some(AT),
            attempts: 2,
            message: Some("exit status 1".to_owned()),
            ..told.clone()
        };
        for (state, expected) in [
            (HookState::default(), OutputState::Pending),
            (told, OutputState::Ok),
            (failed, OutputState::Failed),
        ] {
            let subject = HookSubject::Job(named("rosters"));
            let found = hook(named("library"), &subject, &state);
            assert_eq!(found.state, expected, "{state:?}");
            assert_eq!(found.follows, "job rosters");
        }
    }
}
