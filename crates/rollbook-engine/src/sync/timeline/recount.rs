//! Reads series again whose number of rows, as the vendor counts them, grew by more than was received.
//!
//! A difference that no reading explains is remembered, so that it costs nothing from then on. What is read here is read
//! series by series: rows that a response for several left out may be the difference.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::span::Begin;
use super::{TimelineReport, Walks, Writing, key_of, several};
use crate::sync::error::Failure;
use crate::sync::items::Item;
use rollbook_core::model::scalar;
use rollbook_core::store::StoreError;
use rollbook_core::store::checkpoints::{self, Checkpoint};

impl Walks<'_> {
    /// Reads series again whose number of rows, as the vendor counts them, grew by more than was received: rows of an
    /// older time than every walk reads have arrived late.
    pub(super) async fn recount(
        &self,
        items: &[Item],
        known: &mut BTreeMap<String, Checkpoint>,
        report: &mut TimelineReport,
    ) -> Result<(), Failure> {
        for group in counted_groups(items) {
            if !report.is_whole() || self.rules.writing == Writing::Dry {
                return Ok(());
            }
            // Of items without a row nothing was ever read.
            if group.checkpoints(known).next().is_none() {
                continue;
            }
            let settled = group.settled_gap(known);
            let is_more = group.gap(known) > settled.unwrap_or_default();
            if settled.is_some() && !is_more {
                continue;
            }
            if settled.is_some() {
                self.read(&group.items, (Begin::Reread, 1), known, report)
                    .await?;
            }
            let reads_from_start = match settled {
                Some(settled) => {
                    group.gap(known) > settled && self.may_read_from_start(&group, known)
                }
                None => is_more && !group.is_recounted(known) && group.is_shared(known),
            };
            if reads_from_start {
                self.forget(&group, known).await?;
                self.read(&group.items, (Begin::Checkpoint, 1), known, report)
                    .await?;
            }
            // A reading that did not reach its end is continued by the next run, and counted then.
            if report.is_whole() {
                let gap = group.gap(known).max(settled.unwrap_or(i64::MIN));
                group.note(known, |checkpoint| checkpoint.count_gap = Some(gap));
                self.save(&group, known).await?;
            }
        }
        Ok(())
    }

    /// Remembers how many series a request may name. Where responses for several lacked rows, the series that have such rows
    /// are first marked to be read from their start: while that is not written, the next run has to find it again.
    pub(super) async fn remember_shared(
        &self,
        known: &mut BTreeMap<String, Checkpoint>,
        report: &TimelineReport,
    ) -> Result<(), Failure> {
        if self.rules.writing == Writing::Dry {
            return Ok(());
        }
        if report.lacks_shared {
            self.context.source.memory.distrust(&self.job.spec.name);
            let table = Arc::clone(&self.job.table);
            let mark = move |connection: &mut _| checkpoints::restart_shared(connection, &table);
            self.context.store.write(mark).await?;
            for checkpoint in known.values_mut().filter(|one| one.shared) {
                checkpoint.count_gap = None;
                checkpoint.walked_from = None;
            }
        }
        if let Some(most) = report.most_shared {
            several::remember(self.context, self.job, most);
        }
        Ok(())
    }

    /// Reads series from their start that have rows of responses for several, where such responses turned out to lack rows.
    pub(super) async fn replace_shared(
        &self,
        items: &[Item],
        known: &mut BTreeMap<String, Checkpoint>,
        report: &mut TimelineReport,
    ) -> Result<(), Failure> {
        if !report.lacks_shared {
            return Ok(());
        }
        let is_shared = |item: &&Item| {
            let checkpoint = known.get(&key_of(item));
            checkpoint.is_some_and(|checkpoint| checkpoint.shared)
        };
        let group = Group {
            rows: 0,
            items: items.iter().filter(is_shared).collect(),
        };
        if group.items.is_empty() {
            return Ok(());
        }
        report.facts.notes.push(format!(
            "series that may lack rows of earlier shared responses: {}; they are read again from their start",
            group.items.len()
        ));
        // What this run cannot read, the next one does.
        if report.is_whole() {
            self.read(&group.items, (Begin::Checkpoint, 1), known, report)
                .await?;
        }
        Ok(())
    }

    /// The series are read from their start, also by later runs where this one has no time for all, and no difference is known.
    async fn forget(
        &self,
        group: &Group<'_>,
        known: &mut BTreeMap<String, Checkpoint>,
    ) -> Result<(), Failure> {
        let now = self.context.clock.now();
        group.note(known, |checkpoint| {
            checkpoint.recounted_at = Some(now);
            checkpoint.count_gap = None;
            checkpoint.walked_from = None;
        });
        self.save(group, known).await
    }

    fn may_read_from_start(&self, group: &Group<'_>, known: &BTreeMap<String, Checkpoint>) -> bool {
        let every = self.window.reread.map_or(RECOUNT_EVERY, |(every, _)| every);
        let every = SignedDuration::try_from(every).unwrap_or(SignedDuration::MAX);
        let last = group.checkpoints(known).filter_map(|one| one.recounted_at);
        let now = self.context.clock.now();
        last.max()
            .is_none_or(|last| scalar::saturating_add(last, every) <= now || last > now)
    }

    /// Writes the checkpoints of a group.
    async fn save(
        &self,
        group: &Group<'_>,
        known: &BTreeMap<String, Checkpoint>,
    ) -> Result<(), Failure> {
        let checkpoints: Vec<_> = group
            .keys()
            .filter_map(|key| Some((key.clone(), known.get(&key)?.clone())))
            .collect();
        let table = Arc::clone(&self.job.table);
        self.context
            .store
            .write(move |connection| {
                let what = StoreError::sql("write the checkpoints of a time series");
                let transaction = connection.transaction().map_err(&what)?;
                for (item, checkpoint) in &checkpoints {
                    checkpoints::save(&transaction, &table, item, checkpoint)?;
                }
                transaction.commit().map_err(&what)
            })
            .await?;
        Ok(())
    }
}

/// How often a series is read from its start because of the vendor's number, where the connector names no span.
const RECOUNT_EVERY: Duration = Duration::from_secs(7 * 24 * 3600);

/// Items whose rows the vendor counts together.
struct Group<'a> {
    rows: i64,
    items: Vec<&'a Item>,
}

fn counted_groups(items: &[Item]) -> Vec<Group<'_>> {
    let mut groups: BTreeMap<&str, Group<'_>> = BTreeMap::new();
    for item in items {
        let Some(count) = &item.count else { continue };
        let new = || Group {
            rows: count.rows,
            items: Vec::new(),
        };
        let group = groups.entry(count.group.as_str()).or_insert_with(new);
        group.items.push(item);
    }
    groups.into_values().collect()
}

impl Group<'_> {
    fn keys(&self) -> impl Iterator<Item = String> {
        self.items.iter().map(|item| key_of(item))
    }

    fn checkpoints<'k>(
        &'k self,
        known: &'k BTreeMap<String, Checkpoint>,
    ) -> impl Iterator<Item = &'k Checkpoint> {
        self.keys().filter_map(|key| known.get(&key))
    }

    /// How many rows the vendor counts beyond those that were received.
    fn gap(&self, known: &BTreeMap<String, Checkpoint>) -> i64 {
        let received = self.checkpoints(known).map(|one| one.rows).sum::<i64>();
        self.rows.saturating_sub(received)
    }

    /// The difference that no reading changed; nothing before the first one is known.
    fn settled_gap(&self, known: &BTreeMap<String, Checkpoint>) -> Option<i64> {
        self.checkpoints(known)
            .filter_map(|one| one.count_gap)
            .max()
    }

    /// Whether its series are being read from their start because of their number.
    fn is_recounted(&self, known: &BTreeMap<String, Checkpoint>) -> bool {
        self.checkpoints(known).any(Checkpoint::is_recounted)
    }

    /// Whether rows of its series are of responses for several.
    fn is_shared(&self, known: &BTreeMap<String, Checkpoint>) -> bool {
        self.checkpoints(known).any(|one| one.shared)
    }

    fn note(&self, known: &mut BTreeMap<String, Checkpoint>, act: impl Fn(&mut Checkpoint)) {
        for key in self.keys() {
            known.entry(key).and_modify(&act);
        }
    }
}
