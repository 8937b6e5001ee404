//! Makes a source's session: the description's limits, the admin's choices, the way to a token.

use std::path::Path;
use std::sync::Arc;

use super::App;
use super::granting::{Granting, address};
use super::keeping::Keeping;
use super::setup::SourceSetup;
use crate::config::{Secrets, SourceConfig};
use crate::http::{
    ErrorWords, KeeperRules, Reach, Route, Session, SessionRules, Timeouts, TokenKeeper,
};
use crate::sync::Source;
use crate::vendor::template;

/// Requests at once, requests a second and MiB in an answer, unless somebody says otherwise (wapi.md A49).
const IN_FLIGHT: u32 = 2;
const PER_SECOND: f64 = 5.0;
const BODY_MIB: u32 = 64;

/// How a source's requests leave the machine. The error is a sentence for the admin.
pub fn route(source: &SourceConfig, config_folder: &Path) -> Result<Route, String> {
    let proxy = source.proxy.as_ref();
    Ok(Route {
        ca_file: source.ca_file.as_ref().map(|file| config_folder.join(file)),
        proxy: proxy
            .map(|proxy| address("the proxy", proxy.as_str()))
            .transpose()?,
        reach: match source.allow_private {
            true => Reach::Anywhere,
            false => Reach::Internet,
        },
    })
}

/// What keeps a source's token; nothing where its vendor asks for none. The error is a sentence for the admin.
pub fn keeper_rules(
    name: &str,
    source: &SourceSetup,
    secrets: &Secrets,
    config_folder: &Path,
) -> Result<Option<KeeperRules>, String> {
    let Some(auth) = &source.config.auth else {
        return Ok(None);
    };
    let granting = Granting {
        source,
        auth,
        secrets,
    };
    Ok(Some(KeeperRules {
        source: name.to_owned(),
        grant: granting.grant()?,
        timeouts: Timeouts::default(),
        route: route(&source.config, config_folder)?,
    }))
}

/// A source, ready to be asked. The error is a sentence for the admin.
pub fn make(name: &str, source: &SourceSetup, app: &App) -> Result<Source, String> {
    let limits = (&source.config.limits, &source.description.limits);
    let in_flight = limits
        .0
        .in_flight
        .map(u32::from)
        .or(limits.1.in_flight)
        .unwrap_or(IN_FLIGHT)
        .max(1);
    let fill = |text: &str| template::fill(text, &[&source.settings.texts]);
    let errors = &source.description.errors;
    let rules = SessionRules {
        source: name.to_owned(),
        base_url: address("the base address", &fill(&source.description.base_url))?,
        headers: source
            .description
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), fill(value)))
            .collect(),
        in_flight,
        per_second: limits
            .0
            .per_second
            .or(limits.1.per_second)
            .unwrap_or(PER_SECOND),
        per_day: limits.0.per_day.map(u32::from).or(limits.1.per_day),
        body_limit: u64::from(
            limits
                .0
                .body_mib
                .map(u32::from)
                .or(limits.1.body_mib)
                .unwrap_or(BODY_MIB),
        ) << 20,
        timeouts: Timeouts::default(),
        errors: ErrorWords {
            code: errors.code.clone(),
            too_many: errors.too_many.clone(),
            missing: errors.missing.clone(),
            token: errors.token.clone(),
        },
        route: route(&source.config, &app.config_folder)?,
    };
    let keeping = Arc::new(Keeping(Arc::clone(&app.vault)));
    let keeper = keeper_rules(name, source, &app.secrets, &app.config_folder)?
        .map(|rules| TokenKeeper::new(rules, keeping.clone(), app.clock.clone()))
        .transpose()
        .map_err(|error| error.to_string())?;
    let session = Session::new(rules, keeper, keeping, app.clock.clone())
        .map_err(|error| error.to_string())?;
    Ok(Source::new(
        name.to_owned(),
        session,
        in_flight as usize,
        source.settings.lists.clone(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_source_that_says_so_reaches_inward() {
        for (line, reach) in [
            ("", Reach::Internet),
            ("allow_private = false", Reach::Internet),
            ("allow_private = true", Reach::Anywhere),
        ] {
            let source: SourceConfig =
                toml::from_str(&format!("vendor = \"own\"\n{line}")).expect("a source");
            let route = route(&source, Path::new("/etc/rollbook")).expect("a route");
            assert_eq!(route.reach, reach, "{line}");
        }
    }
}
