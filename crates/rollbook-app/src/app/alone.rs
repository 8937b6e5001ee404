//! What a program that was built without PostgreSQL does where another one is a worker of a cluster: nothing.

use tokio_util::sync::CancellationToken;

use super::App;

impl App {
    pub(super) fn is_in_cluster(&self) -> bool {
        false
    }

    pub(super) async fn ship(&self) -> bool {
        true
    }

    pub(super) async fn begin_run(&self, _stop: &CancellationToken) -> Option<()> {
        Some(())
    }

    pub(super) async fn clean_shipped_pages(&self) -> Option<String> {
        None
    }
}
