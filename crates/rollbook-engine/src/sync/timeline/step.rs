//! One step of a series: its request, and the comparison of its rows with the mirror. What follows from it is in `item.rs`.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::TimelineRules;
use super::batch::StepBatch;
use crate::sync::error::Failure;
use crate::sync::items::Item;
use crate::sync::job::StreamJob;
use crate::sync::read::{Context, MAX_READINGS, compare, page_reporter};
use crate::sync::walk::{ListRequest, WalkFacts, walk};
use rollbook_core::connector::api::{WindowRules, wire_time};
use rollbook_core::connector::decode::Decoder;
use rollbook_core::connector::paging::ListEnd;
use rollbook_core::model::absence::{self, Examined, Memory};
use rollbook_core::model::row::Rows;
use rollbook_core::model::{Completeness, Expiry, Inconsistency, scalar};
use rollbook_core::store::suppression::RowFilter;
use rollbook_core::store::{Absence, Ending, Size, Staged, Staging, ValueCounts};
use rollbook_http::http::Effort;

/// What is the same for all items of a reading.
#[derive(Clone, Copy)]
pub(super) struct ItemRules<'a> {
    pub context: &'a Context<'a>,
    pub job: &'a StreamJob,
    pub window: &'a WindowRules,
    pub rules: &'a TimelineRules<'a>,
    pub batch: &'a StepBatch<'a>,
}

/// A step that was read.
pub(super) struct Read {
    pub staged: Staged,
    pub facts: WalkFacts,
    pub contradiction: Option<Inconsistency>,
}

impl<'a> ItemRules<'a> {
    /// The request for one step.
    pub(super) fn request<'r>(
        &self,
        item: &'r Item,
        decoder: Arc<Decoder>,
        (from, to): (Timestamp, Timestamp),
        effort: Effort,
    ) -> Result<ListRequest<'r>, Failure>
    where
        'a: 'r,
    {
        let (context, job, window) = (self.context, self.job, self.window);
        let list = context.store.suppression()?;
        Ok(ListRequest {
            source: context.source,
            spec: &job.spec,
            item,
            decoder,
            filter: Some(Arc::new(RowFilter::new(&list, &job.table))),
            pages: None,
            space: context.store.staging_space(),
            extra: vec![
                (window.from.clone(), wire_time(from, &window.format)),
                (window.to.clone(), wire_time(to, &window.format)),
            ],
            since: None,
            effort,
            budget: context.budget,
        })
    }

    /// Reads one step of an item and compares it; an inconsistent one is repeated up to twice.
    pub(super) async fn read(
        &self,
        item: &Item,
        span: (Timestamp, Timestamp),
        effort: Effort,
        before: Option<&ValueCounts>,
    ) -> Result<Read, Failure> {
        let (mut memory, mut readings) = (Memory::default(), 1);
        loop {
            let (staging, facts, end) = self.try_read(item, span, effort, before).await?;
            let examined = self.examine(&staging, &facts, &end, &memory);
            if examined.read_again && readings < MAX_READINGS {
                memory.duplicates = examined.memory.duplicates;
                readings += 1;
                continue;
            }
            return read_of(staging, facts, examined);
        }
    }

    fn examine(
        &self,
        staging: &Staging,
        facts: &WalkFacts,
        end: &ListEnd,
        memory: &Memory,
    ) -> Examined {
        let reading = absence::FullReading {
            completeness: end.completeness.clone(),
            duplicates: staging.duplicates(),
            one_answer: end.one_answer,
            pages_with_rows: end.pages_with_rows,
            largest_page: end.largest_page,
            page_size: self.job.spec.page.size,
            lists: 1,
            unidentified: facts.unidentified,
            other_rows: false,
            shifted: staging.shifted(),
        };
        absence::examine(&reading, memory, self.context.clock.now())
    }

    /// Compares rows of an item's step that were requested before; nothing where they need a request of their own.
    pub(super) async fn compare(
        &self,
        rows: Rows,
        facts: WalkFacts,
        end: &ListEnd,
        before: Option<&ValueCounts>,
    ) -> Result<Option<Read>, Failure> {
        let mut staging = self.staging(before)?;
        let work = move || staging.add(&rows).map(|()| staging);
        let staging = tokio::task::spawn_blocking(work).await;
        let staging = staging.map_err(|_| Failure::Panicked {
            stream: self.job.spec.name.clone(),
        })??;
        let examined = self.examine(&staging, &facts, end, &Memory::default());
        match examined.read_again || examined.completeness.is_contradicted() {
            true => Ok(None),
            false => read_of(staging, facts, examined).map(Some),
        }
    }

    fn staging(&self, before: Option<&ValueCounts>) -> Result<Staging, Failure> {
        let table = Arc::clone(&self.job.table);
        let mut staging = Staging::open(self.context.store, table, Size::Unknown)?;
        staging.follow(before.cloned());
        if let Some(oldest) = self.rules.oldest {
            staging.leave_out(Expiry {
                column: self.window.column,
                before: scalar::to_canonical(oldest),
            });
        }
        Ok(staging)
    }

    async fn try_read(
        &self,
        item: &Item,
        span: (Timestamp, Timestamp),
        effort: Effort,
        before: Option<&ValueCounts>,
    ) -> Result<(Staging, WalkFacts, ListEnd), Failure> {
        let (context, job) = (self.context, self.job);
        let decoder = job.spec.decoder(&item.variables);
        let request = self.request(item, decoder, span, effort)?;
        let staging = self.staging(before)?;
        let (rows, inbox) = mpsc::channel(1);
        let report_page = page_reporter(context, job);
        let walking = async {
            let result = walk(&request, &rows, &report_page).await;
            drop(rows);
            result
        };
        let (walked, staging) = tokio::join!(walking, compare(inbox, staging, &job.spec.name));
        let (staging, (facts, end)) = (staging?, walked?);
        Ok((staging, facts, end))
    }
}

fn read_of(staging: Staging, facts: WalkFacts, examined: Examined) -> Result<Read, Failure> {
    let staged = staging.finish(&Ending {
        absence: Absence::Nothing,
        full: false,
        confirm: 1,
        group: None,
        feed: None,
    })?;
    let contradiction = match examined.completeness {
        Completeness::Contradicted(why) => Some(why),
        Completeness::Proven | Completeness::Unproven => None,
    };
    Ok(Read {
        staged,
        facts,
        contradiction,
    })
}
