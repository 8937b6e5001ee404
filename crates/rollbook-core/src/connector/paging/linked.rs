//! Walking a list from page to page by what each response gives: a link, an address or a cursor.

use std::collections::BTreeSet;

use super::types::{At, PageAsk, PageFacts};
use super::{PageStep, Pager};
use crate::connector::file::PageBy;
use crate::connector::link::NextPage;
use crate::model::Inconsistency;

/// So many empty pages in a row may promise another one.
const MAX_EMPTY_PAGES: u32 = 3;

/// What was followed so far.
#[derive(Debug, Default)]
pub(super) struct LinkedPages {
    seen: BTreeSet<String>,
    empty_in_a_row: u32,
    /// The page was requested a second time.
    retried: bool,
}

impl Pager {
    /// The first page's address, so that a link back to it is known.
    pub fn begin_at(&mut self, identity: String) {
        self.linked.seen.insert(identity);
    }

    pub(super) fn after_linked(&mut self, ask: &PageAsk, facts: &PageFacts) {
        let is_first = matches!(ask.at, At::Start);
        let is_last = facts.more.is_none() && matches!(facts.next, NextPage::None);
        if !is_first && (facts.no_content || (facts.lacks_rows && is_last)) {
            return self.after_nothing(ask, facts);
        }
        self.linked.retried = false;
        self.linked.empty_in_a_row = match facts.received {
            0 => self.linked.empty_in_a_row + 1,
            _ => 0,
        };
        match (facts.more, &facts.next) {
            (None | Some(true), NextPage::To(next)) => self.follow(next, facts),
            (Some(false), _) | (None, NextPage::None) => {
                if is_first {
                    self.ends_in_one_answer(ask, facts);
                }
                if facts.more.is_none() {
                    self.ends_with_a_part(facts);
                }
            }
            (None | Some(true), NextPage::Unclear) | (Some(true), NextPage::None) => {
                self.end_with(Inconsistency::NextLink);
            }
        }
    }

    fn follow(&mut self, next: &str, facts: &PageFacts) {
        if facts.received == 0 {
            if self.rules.empty_ends || self.is_total_received() {
                return;
            }
            if self.linked.empty_in_a_row >= MAX_EMPTY_PAGES {
                return self.end_with(Inconsistency::EmptyPages);
            }
        }
        let identity = match facts.next_identity.as_str() {
            "" => next,
            identity => identity,
        };
        if !self.linked.seen.insert(identity.to_owned()) {
            if !self.is_total_received() {
                self.end_with(Inconsistency::Circle);
            }
            return;
        }
        let at = match self.rules.by {
            PageBy::Cursor => At::Cursor(next.to_owned()),
            _ => At::Link(next.to_owned()),
        };
        self.queue.push_back(PageStep::new(at, self.size));
    }

    /// A page was promised: it is requested once more; nothing again is an end only if the connector declares it.
    fn after_nothing(&mut self, ask: &PageAsk, facts: &PageFacts) {
        if !std::mem::replace(&mut self.linked.retried, true) {
            self.queue.push_back(PageStep {
                number: Some(ask.number),
                ..PageStep::new(ask.at.clone(), ask.want)
            });
        } else if !self.rules.blank_ends && !facts.lacks_rows && !self.is_total_received() {
            self.end_with(Inconsistency::NoContent);
        }
    }
}
