//! What is put over the configuration: by the demo the sandbox's addresses and invented secrets, by `init` files that it
//! is about to write.
//!
//! The files are loaded and checked as they are, and only what is named here differs, so the demo reads exactly what an
//! admin would.

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::files::{Config, Secrets, SettingValue};
use rollbook_core::connector::file::Setting;
use rollbook_core::connector::load::Connectors;
use rollbook_core::folder::DraftFiles;
use rollbook_core::model::RequestLimits;

/// Settings by connector, secrets by credential name, the limits that loopback needs, and files.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    /// Settings that replace a source's, by its connector.
    pub settings: BTreeMap<String, BTreeMap<String, String>>,
    /// Secrets by credential name.
    pub secrets: BTreeMap<String, String>,
    /// Limits for all sources.
    pub limits: RequestLimits,
    /// `rollbook.toml`, jobs and crosswalks that count instead of those on disk.
    pub files: DraftFiles,
}

impl Overlay {
    /// The settings of a connector that replace a source's.
    pub fn settings_of<'a>(
        &'a self,
        connector: &str,
        known: &'a BTreeMap<String, Setting>,
    ) -> impl Iterator<Item = (&'a String, &'a String)> {
        let settings = self.settings.get(connector).into_iter().flatten();
        settings.filter(|(name, _)| known.contains_key(*name))
    }

    /// Puts the settings that a connector has, and the limits, over a configuration.
    pub fn lay_over(&self, config: &mut Config, connectors: &Connectors) {
        for source in config.sources.values_mut() {
            let name = source.connector.as_str();
            let (true, Some(connector)) = (self.settings.contains_key(name), connectors.get(name))
            else {
                continue;
            };
            for (name, value) in self.settings_of(name, &connector.settings) {
                let value = SettingValue::Text(value.clone());
                source.settings.insert(name.clone(), value);
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
