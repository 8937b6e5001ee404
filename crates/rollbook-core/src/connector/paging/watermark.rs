//! Walks a list that is sorted by change time: again from the last time received.

use super::types::{At, PageAsk, PageFacts, PageUse};
use super::{PageStep, Pager};
use crate::model::Inconsistency;

impl Pager {
    /// wisenet.md 8 rule 1: from the last time received; only a page of one single time is walked by offset.
    pub(super) fn after_watermark(&mut self, ask: &PageAsk, facts: &PageFacts) -> PageUse {
        let (from, skip) = match &ask.at {
            At::Since { from, skip } => (Some(from.as_str()), *skip),
            At::Offset(skip) => (None, *skip),
            _ => (None, 0),
        };
        if facts.received == 0 || (self.rules.short_ends && facts.received < ask.want) {
            return PageUse::Accept;
        }
        let step = |at| PageStep::new(at, self.size);
        let skipped = skip + facts.received;
        match &facts.span {
            Some((first, last)) if first > last => self.end_with(Inconsistency::Unsorted),
            // The filter is ignored: this is the first page of the whole list, which is walked by skipping. (Older rows
            // beside newer ones are only more rows: a server may read a time less exactly than it writes it.)
            Some((first, last))
                if from.is_some_and(|from| first.as_str() < from && last.as_str() <= from) =>
            {
                if self.rules.offset.is_none() {
                    self.end_with(Inconsistency::SamePage);
                    return PageUse::Accept;
                }
                self.unfiltered = true;
                let next = step(At::Offset(if skip == 0 { facts.received } else { 0 }));
                self.queue.push_back(next);
            }
            // The page advanced in time: the rows of its last time are received again, with others of the same time.
            Some((_, last)) if !self.unfiltered && from.is_none_or(|from| last.as_str() > from) => {
                let next = step(At::Since {
                    from: last.clone(),
                    skip: 0,
                });
                self.queue.push_back(next);
            }
            // Still the same time, or no times at all: skip the received rows.
            Some(_) | None => {
                // Behind a full page, a row that changes meanwhile moves another one to a position that is not
                // requested.
                self.skips_rows |= self.is_last_full();
                let next = step(match from {
                    Some(from) => At::Since {
                        from: from.to_owned(),
                        skip: skipped,
                    },
                    None => At::Offset(skipped),
                });
                self.queue.push_back(next);
            }
        }
        PageUse::Accept
    }
}
