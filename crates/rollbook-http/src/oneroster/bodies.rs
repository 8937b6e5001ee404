//! The memory of the replies that are being sent, which slow readers hold.

use std::sync::Arc;

use hyper::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// All replies together, in KiB; the largest page has some 6 MiB.
const ROOM_KIB: u32 = 48 << 10;

/// Room for replies.
#[derive(Clone, Debug)]
pub struct BodyRoom(Arc<Semaphore>);

/// A reply's bytes, which give their room back when they have been sent.
struct HeldBody {
    bytes: Vec<u8>,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for HeldBody {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Default for BodyRoom {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ROOM_KIB as usize)))
    }
}

impl BodyRoom {
    /// A body that is sent; `None` while slow readers hold all room.
    pub fn hold(&self, bytes: Vec<u8>) -> Option<Bytes> {
        let kib = u32::try_from(bytes.len() / 1024 + 1).unwrap_or(ROOM_KIB);
        let room = Arc::clone(&self.0).try_acquire_many_owned(kib.min(ROOM_KIB));
        let room = room.ok()?;
        Some(Bytes::from_owner(HeldBody { bytes, _room: room }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_makes_room() {
        let room = BodyRoom::default();
        let large = || vec![b'x'; 40 << 20];
        let first = room.hold(large()).expect("room");
        assert!(room.hold(large()).is_none());
        assert!(room.hold(vec![b'x'; 1 << 20]).is_some());
        drop(first.clone());
        assert!(room.hold(large()).is_none(), "another reader still has it");
        drop(first);
        assert!(room.hold(large()).is_some());
    }
}
