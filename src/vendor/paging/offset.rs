//! Walking a list by skipping rows: what the next request is after a page, and when the end is believed.

use super::*;

impl Pager {
    pub(super) fn after_offset(
        &mut self,
        offset: u64,
        want: u64,
        received: u64,
    ) -> Result<(), String> {
        if received == 0 {
            self.ended_at = Some(self.ended_at.map_or(offset, |end| end.min(offset)));
            self.queue.retain(|(from, _)| *from < offset);
            return self.look_at_end(offset, want);
        }
        if self.ended_at.is_some_and(|end| end <= offset) {
            self.doubt
                .get_or_insert_with(|| "rows came after an empty page".to_owned());
            return Ok(());
        }
        let end = offset + received;
        if end > self.furthest.0 {
            self.furthest = (end, received >= want);
        }
        // A total smaller than what came is no guide.
        let total = self.total.filter(|total| *total >= self.received);
        match total {
            Some(total) if self.planned.is_none() => {
                // The first answer shows how many rows this vendor really gives at a time.
                if received != want && end < total {
                    self.size = received;
                }
                self.planned = Some(end);
            }
            Some(total) => {
                let more_behind =
                    offset < self.furthest_asked || self.planned.is_some_and(|from| from < total);
                if received < want && more_behind {
                    self.queue.push_front((end, want - received));
                }
            }
            None if received < want && offset < self.furthest_asked => {
                self.queue.push_front((end, want - received));
            }
            None => {}
        }
        if self.under_way == 0 && self.queue.is_empty() && self.ended_at.is_none() {
            self.go_on_behind(total, received < want);
        }
        Ok(())
    }

    /// An empty page behind a full one may be the end, or a hiccup, or a vendor that counts pages
    /// where rows are asked for (webuntis-oneroster.md 4.1 Q9, Q11): half a page before it tells.
    fn look_at_end(&mut self, end: u64, want: u64) -> Result<(), String> {
        if self.more_behind == Some(end) {
            return Err(self.counts_otherwise(end));
        }
        let in_doubt = self.total.is_none() && self.furthest == (end, true);
        if in_doubt && want > 1 && self.under_way == 0 && self.queue.is_empty() {
            self.looks_at = Some(end);
            self.queue.push_back((end - want / 2, want));
        }
        Ok(())
    }

    /// The rows came before, all but those behind a false end.
    pub(super) fn after_look(&mut self, end: u64, want: u64, received: u64) -> Result<(), String> {
        if received == 0 {
            return Err(self.counts_otherwise(end - want / 2));
        }
        if received > want / 2 {
            self.more_behind = Some(end);
            self.ended_at = None;
            self.queue.push_back((end, self.size));
        }
        Ok(())
    }

    fn counts_otherwise(&self, row: u64) -> String {
        let offset = self.rules.offset.as_deref().unwrap_or_default();
        format!(
            "no rows come from row {row} on, where there are some: the vendor counts something else in `{offset}`"
        )
    }

    /// Nothing is under way and no hole is open: is there more behind the furthest page?
    fn go_on_behind(&mut self, total: Option<u64>, short: bool) {
        let more = match total {
            // webuntis-oneroster.md 4.2 rule 9: a full last page is no end, the total may be wrong.
            Some(total) if self.received >= total => self.furthest.1,
            Some(total) => self.planned.is_none_or(|from| from >= total),
            None => !(short && self.rules.short_ends),
        };
        if more {
            self.queue.push_back((self.furthest.0, self.size));
        }
    }
}
