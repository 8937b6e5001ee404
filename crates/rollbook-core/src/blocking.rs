//! Runs blocking work outside the async threads.

/// Runs `act` on a blocking thread; a panic in it is resumed in the caller.
pub async fn blocking<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    #[cfg(any(test, feature = "testing"))]
    if crate::clock::is_paused() {
        return act();
    }
    match tokio::task::spawn_blocking(act).await {
        Ok(value) => value,
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // A blocking task is cancelled only when the runtime shuts down; then no caller is left.
            Err(_) => std::future::pending().await,
        },
    }
}
