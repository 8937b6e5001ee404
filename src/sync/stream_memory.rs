//! What is remembered of how the streams of a source are requested: here during a process, in the mirror between them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::model::{Adaptation, StreamName};

/// After a failed search, this many refused walks of a stream pass before the next one.
const SEARCH_PAUSE: u32 = 20;

/// What is remembered of the streams of one source.
#[derive(Default)]
pub struct StreamMemory(Mutex<MemoryState>);

#[derive(Default)]
struct MemoryState {
    /// The account that it is about.
    account: Option<String>,
    streams: BTreeMap<StreamName, RememberedStream>,
}

#[derive(Default)]
struct RememberedStream {
    adaptation: Adaptation,
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
