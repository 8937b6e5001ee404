//! The only access to time and sleep.
//!
//! No other code reads the time or sleeps, so a test can stop the clock, let a day pass in a microsecond, or set the wall
//! clock back while the monotonic one continues. Not a scheduler: that is `daemon/`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use nix::time::{ClockId, clock_gettime};

/// A future that ends when the time has passed.
pub type Nap<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

trait TimeSource: Send + Sync {
    fn now(&self) -> Timestamp;
    fn running(&self) -> Duration;
    fn since_boot(&self) -> Duration {
        self.running()
    }
    fn sleep(&self, length: Duration) -> Nap<'_>;
}

/// Wall time, monotonic time and sleep.
#[derive(Clone)]
pub struct Clock(Arc<dyn TimeSource>);

impl Clock {
    /// The machine's own clock.
    pub fn system() -> Self {
        Self(Arc::new(System {
            started: Instant::now(),
        }))
    }

    /// Wall time. It may jump: never measure a duration with it.
    pub fn now(&self) -> Timestamp {
        self.0.now()
    }

    /// The wall time after a wait; the latest representable time on overflow.
    pub fn wall_clock_after(&self, wait: Duration) -> Timestamp {
        SignedDuration::try_from(wait)
            .ok()
            .and_then(|wait| self.now().checked_add(wait).ok())
            .unwrap_or(Timestamp::MAX)
    }

    /// Monotonic time since this clock was created; independent of changes of the wall clock.
    pub fn running(&self) -> Duration {
        self.0.running()
    }

    /// Monotonic time that also passes while the machine sleeps.
    pub fn since_boot(&self) -> Duration {
        self.0.since_boot()
    }

    /// Sleeps. Zero returns at once.
    pub fn sleep(&self, length: Duration) -> Nap<'_> {
        self.0.sleep(length)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

struct System {
    started: Instant,
}

impl TimeSource for System {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn running(&self) -> Duration {
        self.started.elapsed()
    }

    fn since_boot(&self) -> Duration {
        // Every Linux since 2.6.39 has it; a lease of no length is the safe answer of another kernel.
        clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::MAX, Duration::from)
    }

    fn sleep(&self, length: Duration) -> Nap<'_> {
        Box::pin(tokio::time::sleep(length))
    }
}

/// The machine's clock with its wall time moved into the past, where a demo plays what has happened.
#[derive(Clone, Debug)]
pub struct PastClock {
    created: Instant,
    behind: Arc<Mutex<SignedDuration>>,
}

impl PastClock {
    /// A clock that is so far behind.
    pub fn behind(behind: SignedDuration) -> Self {
        Self {
            created: Instant::now(),
            behind: Arc::new(Mutex::new(behind)),
        }
    }

    /// The [`Clock`] of what happens then.
    pub fn clock(&self) -> Clock {
        Clock(Arc::new(self.clone()))
    }

    /// Moves the wall time.
    pub fn set_behind(&self, behind: SignedDuration) {
        *self.behind.lock().unwrap_or_else(PoisonError::into_inner) = behind;
    }
}

impl TimeSource for PastClock {
    fn now(&self) -> Timestamp {
        let behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        Timestamp::now() - *behind
    }

    fn running(&self) -> Duration {
        self.created.elapsed()
    }

    fn sleep(&self, length: Duration) -> Nap<'_> {
        Box::pin(tokio::time::sleep(length))
    }
}

/// A clock that moves only by sleeping or by a call; sleeping takes no real time.
///
/// Works beside real sockets, unlike the runtime's paused time, because no timer is involved.
#[derive(Clone, Debug)]
pub struct TestClock(Arc<Mutex<TestTime>>);

#[derive(Debug)]
struct TestTime {
    wall: Timestamp,
    running: Duration,
    naps: Vec<Duration>,
}

impl TestClock {
    /// A clock that shows this time.
    pub fn at(wall: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(TestTime {
            wall,
            running: Duration::ZERO,
            naps: Vec::new(),
        })))
    }

    /// The [`Clock`] for the code under test.
    pub fn clock(&self) -> Clock {
        Clock(Arc::new(self.clone()))
    }

    /// Advances wall and monotonic time.
    pub fn pass(&self, length: Duration) {
        self.with(|time| {
            time.wall += SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX);
            time.running += length;
        });
    }

    /// Sets the wall clock, as an admin or a time server would; monotonic time is unchanged.
    pub fn set_wall(&self, wall: Timestamp) {
        self.with(|time| time.wall = wall);
    }

    /// All sleeps so far, in order.
    pub fn naps(&self) -> Vec<Duration> {
        self.with(|time| time.naps.clone())
    }

    fn with<T>(&self, act: impl FnOnce(&mut TestTime) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl TimeSource for TestClock {
    fn now(&self) -> Timestamp {
        self.with(|time| time.wall)
    }

    fn running(&self) -> Duration {
        self.with(|time| time.running)
    }

    fn sleep(&self, length: Duration) -> Nap<'_> {
        self.with(|time| time.naps.push(length));
        self.pass(length);
        Box::pin(tokio::task::yield_now())
    }
}

/// A clock on the paused time of the test's runtime: time passes only while every task waits, and then at once.
///
/// Unlike with [`TestClock`], concurrent sleepers wake in the order of their times. Work on other threads that the runtime
/// does not know must be awaited with [`in_real_time`].
#[cfg(any(test, feature = "testing"))]
#[derive(Clone)]
pub struct PausedClock(Arc<PausedTime>);

#[cfg(any(test, feature = "testing"))]
struct PausedTime {
    created: tokio::time::Instant,
    /// The correct time at the creation.
    truth: Timestamp,
    /// How far the wall clock is ahead.
    ahead: Mutex<SignedDuration>,
}

#[cfg(any(test, feature = "testing"))]
impl PausedClock {
    /// A clock that is `ahead` of the correct time; the runtime's time is paused, and the runtime has one thread.
    pub fn at(truth: Timestamp, ahead: SignedDuration) -> Self {
        IS_PAUSED.set(true);
        Self(Arc::new(PausedTime {
            created: tokio::time::Instant::now(),
            truth,
            ahead: Mutex::new(ahead),
        }))
    }

    /// The [`Clock`] for the code under test.
    pub fn clock(&self) -> Clock {
        Clock(Arc::new(self.clone()))
    }

    /// The correct time, whatever the wall clock shows.
    pub fn truth(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.running()).unwrap_or(SignedDuration::MAX);
        self.0.truth + passed
    }

    /// Sets the wall clock this far ahead of the correct time.
    pub fn set_ahead(&self, ahead: SignedDuration) {
        *self.0.ahead.lock().unwrap_or_else(PoisonError::into_inner) = ahead;
    }

    /// Sleeps until the correct time is this.
    pub async fn sleep_until(&self, truth: Timestamp) {
        let left = truth.duration_since(self.truth());
        self.sleep(Duration::try_from(left).unwrap_or_default())
            .await;
    }
}

#[cfg(any(test, feature = "testing"))]
impl TimeSource for PausedClock {
    fn now(&self) -> Timestamp {
        let ahead = self.0.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        self.truth() + *ahead
    }

    fn running(&self) -> Duration {
        self.0.created.elapsed()
    }

    fn sleep(&self, length: Duration) -> Nap<'_> {
        Box::pin(tokio::time::sleep(length))
    }
}

#[cfg(any(test, feature = "testing"))]
thread_local! {
    static IS_PAUSED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Whether this thread's time is that of a [`PausedClock`].
#[cfg(any(test, feature = "testing"))]
pub fn is_paused() -> bool {
    IS_PAUSED.get()
}

/// Waits for work on another thread; the time of a [`PausedClock`] does not pass meanwhile.
#[cfg(any(test, feature = "testing"))]
pub async fn in_real_time<T>(work: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    if !is_paused() {
        return work.await;
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    let mut work = std::pin::pin!(tokio::task::coop::unconstrained(work));
    loop {
        if let std::task::Poll::Ready(done) = work.as_mut().poll(&mut context) {
            return done;
        }
        std::thread::park();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_nap_moves_both_clocks_and_a_set_wall_clock_only_one() {
        let test = TestClock::at("2026-03-02T06:00:00Z".parse().expect("a time"));
        let clock = test.clock();
        clock.sleep(Duration::from_secs(90)).await;
        assert_eq!(clock.now().to_string(), "2026-03-02T06:01:30Z");
        assert_eq!(clock.running(), Duration::from_secs(90));
        test.set_wall("2027-01-01T00:00:00Z".parse().expect("a time"));
        assert_eq!(clock.running(), Duration::from_secs(90));
        assert_eq!(test.naps(), [Duration::from_secs(90)]);
    }
}
