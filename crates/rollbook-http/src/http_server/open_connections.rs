//! The connections that are open: a bounded number, and a new one is always admitted.
//!
//! At the limit the oldest is closed. Under attack that is nearly always one of the attacker's, while a good client needs
//! its connection for a moment only.

use std::collections::BTreeMap;
use std::future::Future;

use tokio::task::{AbortHandle, JoinError, JoinSet};

/// So many connections are open at once; each costs up to 24 KiB and a file handle.
pub(super) const MAX_CONNECTIONS: usize = 400;

/// Tasks of connections, by age.
#[derive(Default)]
pub(super) struct OpenConnections {
    tasks: JoinSet<u64>,
    by_age: BTreeMap<u64, AbortHandle>,
    next: u64,
}

impl OpenConnections {
    /// Serves one more.
    pub fn add(&mut self, connection: impl Future<Output = ()> + Send + 'static) {
        if self.by_age.len() >= MAX_CONNECTIONS {
            self.close_oldest();
        }
        let number = self.next;
        self.next += 1;
        let task = self.tasks.spawn(async move {
            connection.await;
            number
        });
        self.by_age.insert(number, task);
    }

    /// Closes the oldest one; false if there is none.
    pub fn close_oldest(&mut self) -> bool {
        let oldest = self.by_age.pop_first();
        oldest.map(|(_, task)| task.abort()).is_some()
    }

    /// Waits until one has ended; `None` if none is open.
    pub async fn ended(&mut self) -> Option<()> {
        match self.tasks.join_next().await? {
            Ok(number) => drop(self.by_age.remove(&number)),
            Err(error) => self.broken(&error),
        }
        Some(())
    }

    fn broken(&mut self, error: &JoinError) {
        self.by_age.retain(|_, task| !task.is_finished());
        if error.is_panic() {
            tracing::error!("internal error (panic) in a connection; please report it");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn at_the_limit_the_oldest_is_closed_for_a_new_one() {
        struct Open(Arc<AtomicUsize>);
        impl Drop for Open {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let (count, mut connections) = (Arc::new(AtomicUsize::new(0)), OpenConnections::default());
        for _ in 0..MAX_CONNECTIONS + 50 {
            count.fetch_add(1, Ordering::Relaxed);
            let open = Open(Arc::clone(&count));
            connections.add(async move {
                let _open = open;
                pending::<()>().await;
            });
        }
        for _ in 0..50 {
            connections.ended().await.expect("one was closed");
        }
        assert_eq!(count.load(Ordering::Relaxed), MAX_CONNECTIONS);
        assert_eq!(connections.by_age.len(), MAX_CONNECTIONS);
        assert_eq!(connections.by_age.keys().next(), Some(&50));
        connections.add(async {});
        connections.add(async { panic!("a broken one") });
        for _ in 0..4 {
            connections
                .ended()
                .await
                .expect("two were closed, two ended");
        }
        assert_eq!(connections.by_age.len(), MAX_CONNECTIONS - 2);
    }
}
