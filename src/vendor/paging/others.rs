//! Walking a list by page number, by cursor and by change time: what the next request is after a page.

use super::*;

impl Pager {
    pub(super) fn after_number(&mut self, number: u64, want: u64, received: u64) {
        if received == 0 || (self.rules.short_ends && received < want) {
            self.ended_at = Some(0);
            self.queue.clear();
            return;
        }
        match self.total.filter(|total| *total >= self.received) {
            Some(total) if self.planned.is_none() => {
                if self.received < total && received < want {
                    self.size = received;
                }
                self.planned = Some(received);
            }
            Some(total) if self.received >= total && received >= want && self.under_way == 0 => {
                self.queue
                    .push_back(((number + 1 - self.rules.first) * self.size, self.size));
            }
            Some(_) => {}
            None => {
                self.planned = None;
                let offset = (number + 1 - self.rules.first) * self.size;
                self.queue.push_back((offset, self.size));
            }
        }
    }

    pub(super) fn after_cursor(&mut self, facts: &PageFacts) -> Result<(), String> {
        if let Some(cursor) = &facts.cursor {
            if !self.cursors.insert(cursor.clone()) {
                return Err(
                    "the vendor gave the same cursor again: the list goes in circles".to_owned(),
                );
            }
            self.next = Some(At::Cursor(cursor.clone()));
        }
        Ok(())
    }

    /// wisenet.md 8.1: from the last time seen; only a page of one single time is walked by skipping.
    pub(super) fn after_watermark(
        &mut self,
        at: &At,
        want: u64,
        facts: &PageFacts,
    ) -> Result<(), String> {
        let (from, skip) = match at {
            At::Since { from, skip } => (Some(from.as_str()), *skip),
            At::Offset(skip) => (None, *skip),
            _ => (None, 0),
        };
        if facts.received == 0 || (self.rules.short_ends && facts.received < want) {
            return Ok(());
        }
        match &facts.span {
            Some((first, last)) if first > last => {
                return Err("the list is not sorted by its change time".to_owned());
            }
            Some((first, _)) if from.is_some_and(|from| first.as_str() < from) => {
                return Err(
                    "older rows came than asked for: the filter by change time is ignored"
                        .to_owned(),
                );
            }
            // The page moved on in time: the rows of its last moment come again, with their fellows.
            Some((_, last)) if from.is_none_or(|from| last.as_str() > from) => {
                self.next = Some(At::Since {
                    from: last.clone(),
                    skip: 0,
                });
            }
            // Still the same moment, or no times at all: skip what came.
            Some(_) | None => {
                let skip = skip + facts.received;
                self.next = Some(match from {
                    Some(from) => At::Since {
                        from: from.to_owned(),
                        skip,
                    },
                    None => At::Offset(skip),
                });
            }
        }
        Ok(())
    }
}
