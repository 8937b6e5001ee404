//! Walking a list from page to page by what each answer gives: a link, an address or a cursor.

use super::*;

/// So many empty pages in a row may promise another one.
const MOST_EMPTY: u32 = 3;

/// What was followed so far.
#[derive(Debug, Default)]
pub(super) struct Chain {
    seen: BTreeSet<String>,
    empty_in_a_row: u32,
    /// The page is asked for a second time.
    again: bool,
}

impl Pager {
    /// The first page's address, so that a link back to it is known.
    pub fn begin_at(&mut self, identity: String) {
        self.chain.seen.insert(identity);
    }

    pub(super) fn after_chain(&mut self, ask: &PageAsk, facts: &PageFacts) {
        let is_first = matches!(ask.at, At::Start);
        if facts.no_content && !is_first {
            return self.after_no_content(ask);
        }
        self.chain.again = false;
        self.chain.empty_in_a_row = match facts.received {
            0 => self.chain.empty_in_a_row + 1,
            _ => 0,
        };
        match (facts.more, &facts.next) {
            (None | Some(true), Next::To(next)) => self.follow(next, facts),
            (Some(false), _) | (None, Next::None) => {
                if is_first {
                    self.ends_in_one_answer(ask, facts);
                }
            }
            (None | Some(true), Next::Unclear) | (Some(true), Next::None) => {
                self.end_with(Inconsistency::NextLink);
            }
        }
    }

    fn follow(&mut self, next: &str, facts: &PageFacts) {
        if facts.received == 0 {
            if self.rules.empty_ends || self.is_total_received() {
                return;
            }
            if self.chain.empty_in_a_row >= MOST_EMPTY {
                return self.end_with(Inconsistency::EmptyPages);
            }
        }
        let identity = match facts.next_identity.as_str() {
            "" => next,
            identity => identity,
        };
        if !self.chain.seen.insert(identity.to_owned()) {
            if !self.is_total_received() {
                self.end_with(Inconsistency::Circle);
            }
            return;
        }
        let at = match self.rules.by {
            PageBy::Cursor => At::Cursor(next.to_owned()),
            _ => At::Link(next.to_owned()),
        };
        self.queue.push_back(Step::new(at, self.size));
    }

    /// A page was promised: a hiccup is asked away, a habit is an end only where the connector says so.
    fn after_no_content(&mut self, ask: &PageAsk) {
        if !std::mem::replace(&mut self.chain.again, true) {
            self.queue.push_back(Step {
                at: ask.at.clone(),
                want: ask.want,
                number: Some(ask.number),
            });
        } else if !self.rules.blank_ends && !self.is_total_received() {
            self.end_with(Inconsistency::NoContent);
        }
    }
}
