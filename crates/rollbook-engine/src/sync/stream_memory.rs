//! What is remembered of how the streams of a source are requested: here during a process, in the mirror between them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use rollbook_core::model::{Adaptation, StreamName};

/// After a failed search, this many refused walks of a stream pass before the next one.
const SEARCH_PAUSE: u32 = 20;

/// After this time a server is not believed to return whole responses for several items without a comparison.
const WHOLE_LASTS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What is remembered of the streams of one source.
#[derive(Default)]
pub struct StreamMemory(Mutex<MemoryState>);

#[derive(Default)]
struct MemoryState {
    /// The account that it is about.
    account: Option<String>,
    streams: BTreeMap<StreamName, RememberedStream>,
}

/// How large a response for several items of a stream is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SharedSize {
    /// How many items were named.
    pub items: u64,
    /// How many rows it has in all.
    pub rows: u64,
    /// Of the item with most of them.
    pub of_item: u64,
}

impl SharedSize {
    /// Whether a response of this size is not larger than another one.
    fn is_within(self, other: Self) -> bool {
        self.items <= other.items && self.rows <= other.rows && self.of_item <= other.of_item
    }
}

/// Responses for several items that turned out to be whole.
#[derive(Default)]
struct WholeSizes {
    /// The largest ones.
    sizes: Vec<SharedSize>,
    /// When the first of them was received.
    since: Option<Timestamp>,
}

impl WholeSizes {
    /// Whether a response of this size is not larger than those for as many items. One for fewer items says nothing: a
    /// server may divide a number of rows among the items.
    fn contains(&self, size: SharedSize) -> bool {
        let of_as_many = self.sizes.iter().filter(|one| one.items >= size.items);
        let all = of_as_many.fold(SharedSize::default(), |all, one| SharedSize {
            items: all.items.max(one.items),
            rows: all.rows.max(one.rows),
            of_item: all.of_item.max(one.of_item),
        });
        size.is_within(all)
    }

    fn add(&mut self, size: SharedSize, now: Timestamp) {
        self.since.get_or_insert(now);
        self.sizes.retain(|one| !one.is_within(size));
        self.sizes.push(size);
    }

    fn expire(&mut self, now: Timestamp) {
        let is_old = |at: Timestamp| now.duration_since(at).abs() >= WHOLE_LASTS;
        if self.since.is_some_and(is_old) {
            *self = Self::default();
        }
    }
}

#[derive(Default)]
struct RememberedStream {
    adaptation: Adaptation,
    whole: WholeSizes,
    /// It differs from what the mirror holds.
    is_new: bool,
    /// Walks until the next search for parameters.
    skip_searches: u32,
}

impl StreamMemory {
    /// Begins a run: reads what earlier processes found out about this account, unless it is known, and forgets what
    /// is old.
    pub fn begin<E>(
        &self,
        account: &str,
        now: Timestamp,
        load: impl FnOnce() -> Result<BTreeMap<StreamName, Adaptation>, E>,
    ) -> Result<(), E> {
        if self.state().account.as_deref() != Some(account) {
            let known = |adaptation| RememberedStream {
                adaptation,
                ..RememberedStream::default()
            };
            let loaded = load()?.into_iter();
            let streams = loaded.map(|(name, adaptation)| (name, known(adaptation)));
            let state = MemoryState {
                account: Some(account.to_owned()),
                streams: streams.collect(),
            };
            *self.state() = state;
        }
        for known in self.state().streams.values_mut() {
            known.update(|adaptation| adaptation.expire(now));
            known.whole.expire(now);
        }
        Ok(())
    }

    /// What is known of a stream.
    pub fn get(&self, stream: &StreamName) -> Adaptation {
        let state = self.state();
        let known = state.streams.get(stream);
        known
            .map(|known| known.adaptation.clone())
            .unwrap_or_default()
    }

    /// Changes what is known of a stream.
    pub fn update(&self, stream: &StreamName, act: impl FnOnce(&mut Adaptation)) {
        self.state().of(stream).update(act);
    }

    /// Whether a stream's responses for several items are known to be whole up to this size.
    pub fn is_known_whole(&self, stream: &StreamName, size: SharedSize) -> bool {
        let state = self.state();
        let known = state.streams.get(stream);
        known.is_some_and(|known| known.whole.contains(size))
    }

    /// A response of this size turned out to be whole.
    pub fn found_whole(&self, stream: &StreamName, size: SharedSize, now: Timestamp) {
        self.state().of(stream).whole.add(size, now);
    }

    /// A response lacked rows: none is known to be whole.
    pub fn distrust(&self, stream: &StreamName) {
        self.state().of(stream).whole = WholeSizes::default();
    }

    /// What the mirror does not hold yet.
    pub fn take_new(&self) -> Vec<(StreamName, Adaptation)> {
        let mut state = self.state();
        let new = state.streams.iter_mut().filter(|(_, known)| known.is_new);
        new.map(|(name, known)| {
            known.is_new = false;
            (name.clone(), known.adaptation.clone())
        })
        .collect()
    }

    /// Whether it is worth the requests to find out which parameters of a stream work.
    pub fn may_search(&self, stream: &StreamName) -> bool {
        let mut state = self.state();
        let known = state.of(stream);
        let may = known.skip_searches == 0;
        known.skip_searches = known.skip_searches.saturating_sub(1);
        may
    }

    /// Remembers that no change of a stream's parameters helps.
    pub fn search_failed(&self, stream: &StreamName) {
        self.state().of(stream).skip_searches = SEARCH_PAUSE;
    }

    fn state(&self) -> MutexGuard<'_, MemoryState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryState {
    fn of(&mut self, stream: &StreamName) -> &mut RememberedStream {
        self.streams.entry(stream.clone()).or_default()
    }
}

impl RememberedStream {
    fn update(&mut self, act: impl FnOnce(&mut Adaptation)) {
        let before = self.adaptation.clone();
        act(&mut self.adaptation);
        self.is_new |= self.adaptation != before;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_to_which_size_responses_are_whole() {
        let size = |(items, rows, of_item)| SharedSize {
            items,
            rows,
            of_item,
        };
        let found = "2026-03-02T06:00:00Z".parse().expect("a time");
        let mut whole = WholeSizes::default();
        for response in [(3, 84, 28), (7, 70, 10), (7, 60, 15)] {
            whole.add(size(response), found);
        }
        for (response, expected) in [
            ((3, 84, 28), true),
            ((2, 20, 20), true),
            ((3, 85, 28), false),
            ((3, 84, 29), false),
            ((7, 70, 15), true),
            ((7, 71, 10), false),
            ((7, 70, 16), false),
            // Of three items there may be more rows each than of four.
            ((4, 40, 20), false),
            ((8, 8, 1), false),
        ] {
            assert_eq!(whole.contains(size(response)), expected, "{response:?}");
        }
        whole.expire("2026-03-09T05:59:59Z".parse().expect("a time"));
        assert!(whole.contains(size((1, 1, 1))));
        whole.expire("2026-03-09T06:00:00Z".parse().expect("a time"));
        assert!(!whole.contains(size((1, 1, 1))));
    }
}
