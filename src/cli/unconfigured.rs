//! Tables that no job reads any more, and when they are removed; for `check` and `status`.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::Serialize;

use rollbook_core::model::{Period, scalar};
use rollbook_core::store::queries::Reader;
use rollbook_core::store::{StoreError, unconfigured};
use rollbook_engine::setup::{Setup, tables};

/// A table that no job reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnconfiguredTable {
    /// Its name.
    pub table: String,
    /// When it is removed, as a date; nothing before a start has noticed that no job reads it.
    pub removed_on: Option<String>,
}

/// The tables of the mirror that no job reads.
pub fn unconfigured_tables(
    mirror: &Reader,
    setup: &Setup,
) -> Result<Vec<UnconfiguredTable>, StoreError> {
    let kept = SignedDuration::try_from(setup.config.store.unconfigured.0);
    let kept = kept.unwrap_or(SignedDuration::MAX);
    let streams = unconfigured::list(mirror, &tables::configured(setup))?;
    let line = |stream: unconfigured::UnconfiguredStream| UnconfiguredTable {
        table: format!("{}_{}", stream.source, stream.stream),
        removed_on: stream.since.map(|since| {
            let end = scalar::saturating_add(since, kept);
            end.strftime("%Y-%m-%d").to_string()
        }),
    };
    Ok(streams.into_iter().map(line).collect())
}

/// A sentence for each date.
pub fn sentences(tables: &[UnconfiguredTable], kept: Period) -> Vec<String> {
    let mut by_date: BTreeMap<Option<&str>, Vec<&str>> = BTreeMap::new();
    for table in tables {
        let names = by_date.entry(table.removed_on.as_deref()).or_default();
        names.push(&table.table);
    }
    let sentence = |(date, names): (Option<&str>, Vec<&str>)| {
        let end = match date {
            Some(date) => format!("on {date}"),
            None => format!("{kept} after the next start"),
        };
        format!(
            "no job reads {} any more: removed with all old versions {end}, unless a job reads it again ([store] unconfigured)",
            names.join(", ")
        )
    };
    by_date.into_iter().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sentence_for_each_date() {
        let table = |name: &str, date: Option<&str>| UnconfiguredTable {
            table: name.to_owned(),
            removed_on: date.map(str::to_owned),
        };
        let kept = Period(std::time::Duration::from_secs(400 * 24 * 60 * 60));
        assert_eq!(
            sentences(
                &[
                    table("north_users", Some("2027-01-05")),
                    table("north_classes", None),
                    table("north_orgs", Some("2027-01-05")),
                ],
                kept
            ),
            [
                "no job reads north_classes any more: removed with all old versions 400d after the next start, \
                 unless a job reads it again ([store] unconfigured)",
                "no job reads north_users, north_orgs any more: removed with all old versions on 2027-01-05, \
                 unless a job reads it again ([store] unconfigured)",
            ]
        );
    }
}
