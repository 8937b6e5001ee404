//! What is remembered of how the streams of a source are requested: here during a process, in the mirror between them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::model::{Adaptation, StreamName};

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

/// How many rows a response for several items of a stream has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SharedSize {
    /// In all.
    pub rows: u64,
    /// Of the item with most of them.
    pub of_item: u64,
}

impl SharedSize {
    /// Whether a response of this size is not larger than another one.
    pub fn is_within(self, other: Self) -> bool {
        self.rows <= other.rows && self.of_item <= other.of_item
    }
}

#[derive(Default)]
struct RememberedStream {
    adaptation: Adaptation,
    /// The largest responses for several items that turned out to be whole, and when the first of them was received.
    whole: Option<(SharedSize, Timestamp)>,
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
            let is_old = |at: Timestamp| now.duration_since(at).abs() >= WHOLE_LASTS;
            known.whole = known.whole.filter(|(_, at)| !is_old(*at));
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

    /// The size up to which a stream's responses for several items are known to be whole.
    pub fn largest_whole(&self, stream: &StreamName) -> SharedSize {
        let state = self.state();
        let known = state.streams.get(stream).and_then(|known| known.whole);
        known.map(|(size, _)| size).unwrap_or_default()
    }

    /// A response of this size turned out to be whole.
    pub fn found_whole(&self, stream: &StreamName, size: SharedSize, now: Timestamp) {
        let mut state = self.state();
        let whole = &mut state.of(stream).whole;
        let (known, _) = whole.get_or_insert((size, now));
        known.rows = known.rows.max(size.rows);
        known.of_item = known.of_item.max(size.of_item);
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
