//! What the demo puts over the configuration: the sandbox's addresses and invented secrets.
//!
//! Not a way around the configuration: the shipped files are loaded and checked as they are, and
//! only the settings named here differ, so the demo reads exactly what an admin would.

use std::collections::BTreeMap;

use secrecy::SecretString;

use crate::config::{Config, Secrets, SettingValue, SourceLimits};
use crate::vendor::Descriptions;

/// Settings by vendor, secrets by credential name, and the politeness that loopback needs.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    /// Settings that replace a source's, by its vendor.
    pub settings: BTreeMap<String, BTreeMap<String, String>>,
    /// Secrets by credential name.
    pub secrets: BTreeMap<String, String>,
    /// Limits for all sources.
    pub limits: SourceLimits,
}

impl Overlay {
    /// Puts the settings that a description knows, and the limits, over a configuration.
    pub fn lay_over(&self, config: &mut Config, descriptions: &Descriptions) {
        for source in config.sources.values_mut() {
            let vendor = source.vendor.as_str();
            let (Some(settings), Some(description)) =
                (self.settings.get(vendor), descriptions.get(vendor))
            else {
                continue;
            };
            for (name, value) in settings
                .iter()
                .filter(|(name, _)| description.settings.contains_key(*name))
            {
                source
                    .settings
                    .insert(name.clone(), SettingValue::Text(value.clone()));
            }
            source.limits = self.limits.clone();
            source.is_simulated = true;
        }
    }

    /// The secrets, in memory.
    pub fn secrets(&self) -> Secrets {
        Secrets::in_memory(
            self.secrets
                .iter()
                .map(|(name, secret)| (name.clone(), SecretString::from(secret.clone())))
                .collect(),
        )
    }
}
