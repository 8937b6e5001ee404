//! How many requests a client may send: one allowance for each kind, so that a flood of one kind does not block another.
//!
//! Token buckets that are refilled when they are used, so nothing runs between requests. Pure: the time is a parameter.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// So many clients are remembered; the least recent one is forgotten for a new one.
const MAX_CLIENTS: usize = 1024;

/// `burst` requests at once, then `per_minute`; neither is zero.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// The most at once.
    pub burst: u32,
    /// How many are added in a minute.
    pub per_minute: u32,
}

/// What a site counts apart from each other.
pub trait Rated: Copy + Eq + Hash + Send + 'static {
    /// How many of this kind a client may send.
    fn rate(self) -> Rate;
}

/// What is left of one allowance.
#[derive(Clone, Copy, Debug)]
struct TokenBucket {
    tokens: f64,
    at: Duration,
}

impl TokenBucket {
    fn refilled(self, rate: Rate, now: Duration) -> Self {
        let minutes = now.saturating_sub(self.at).as_secs_f64() / 60.0;
        let tokens = self.tokens + minutes * f64::from(rate.per_minute);
        Self {
            tokens: tokens.min(f64::from(rate.burst)),
            at: now,
        }
    }
}

/// The allowances of all clients.
#[derive(Debug)]
pub struct Allowances<K>(HashMap<(K, IpAddr), TokenBucket>);

impl<K> Default for Allowances<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Rated> Allowances<K> {
    /// Takes one request from the allowance; if there is none left, how long until there is.
    ///
    /// # Errors
    /// The time, in seconds, for `Retry-After`.
    pub fn take(&mut self, kind: K, client: IpAddr, now: Duration) -> Result<(), u64> {
        self.left(kind, client, now)?;
        let bucket = self.0.get_mut(&(kind, network(client)));
        if let Some(bucket) = bucket {
            bucket.tokens -= 1.0;
        }
        Ok(())
    }

    /// Whether a request is left, without taking it.
    ///
    /// # Errors
    /// As for [`Allowances::take`].
    pub fn left(&mut self, kind: K, client: IpAddr, now: Duration) -> Result<(), u64> {
        let rate = kind.rate();
        let key = (kind, network(client));
        if !self.0.contains_key(&key) && self.0.len() >= MAX_CLIENTS {
            self.forget_one();
        }
        let full = TokenBucket {
            tokens: f64::from(rate.burst),
            at: now,
        };
        let bucket = self.0.entry(key).or_insert(full);
        *bucket = bucket.refilled(rate, now);
        if bucket.tokens >= 1.0 {
            return Ok(());
        }
        let seconds = (1.0 - bucket.tokens) * 60.0 / f64::from(rate.per_minute);
        Err(seconds.ceil().max(1.0) as u64)
    }

    fn forget_one(&mut self) {
        let oldest = self.0.iter().min_by_key(|(_, bucket)| bucket.at);
        if let Some(key) = oldest.map(|(key, _)| *key) {
            self.0.remove(&key);
        }
    }
}

/// A client of IPv6 has a whole network of addresses.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const KINDS: [Letter; 3] = [Letter::A, Letter::B, Letter::C];

    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    enum Letter {
        A,
        B,
        C,
    }

    impl Rated for Letter {
        fn rate(self) -> Rate {
            let (burst, per_minute) = match self {
                Self::A => (120, 600),
                Self::B => (20, 60),
                Self::C => (10, 10),
            };
            Rate { burst, per_minute }
        }
    }

    fn spend(
        allowances: &mut Allowances<Letter>,
        kind: Letter,
        client: IpAddr,
        now: Duration,
    ) -> u32 {
        let taken = std::iter::from_fn(|| allowances.take(kind, client, now).ok());
        u32::try_from(taken.take(10_000).count()).expect("few")
    }

    #[test]
    fn each_kind_has_its_burst_and_then_its_rate() {
        let mut allowances = Allowances::default();
        for kind in KINDS {
            let rate = kind.rate();
            let minutes = |count| Duration::from_secs(60) * count;
            assert_eq!(
                spend(&mut allowances, kind, CLIENT, Duration::ZERO),
                rate.burst
            );
            let left = spend(&mut allowances, kind, CLIENT, minutes(1));
            assert_eq!(left, rate.per_minute.min(rate.burst), "{kind:?}");
            let left = spend(&mut allowances, kind, CLIENT, minutes(100_000));
            assert_eq!(left, rate.burst, "{kind:?}: never more than the burst");
        }
    }

    #[test]
    fn the_wait_is_told_and_is_long_enough() {
        for kind in KINDS {
            let mut allowances = Allowances::default();
            spend(&mut allowances, kind, CLIENT, Duration::ZERO);
            let wait = allowances
                .take(kind, CLIENT, Duration::ZERO)
                .expect_err("spent");
            let later = Duration::from_secs(wait);
            assert_eq!(allowances.take(kind, CLIENT, later), Ok(()), "{kind:?}");
        }
    }

    #[test]
    fn clients_do_not_share_and_a_network_of_ipv6_does() {
        let mut allowances = Allowances::default();
        let now = Duration::from_secs(5);
        let client = |text: &str| text.parse::<IpAddr>().expect("an address");
        spend(&mut allowances, Letter::A, client("192.0.2.1"), now);
        spend(&mut allowances, Letter::A, client("2001:db8::1"), now);
        for (text, may) in [
            ("192.0.2.2", true),
            ("192.0.2.1", false),
            ("::ffff:192.0.2.1", false),
            ("2001:db8::2", false),
            ("2001:db8:0:1::2", true),
        ] {
            let taken = allowances.take(Letter::A, client(text), now);
            assert_eq!(taken.is_ok(), may, "{text}");
        }
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut allowances = Allowances::default();
        for number in 0..3000_u32 {
            let client = IpAddr::from(number.to_be_bytes());
            let now = Duration::from_secs(u64::from(number));
            assert_eq!(allowances.take(Letter::A, client, now), Ok(()));
        }
        assert_eq!(allowances.0.len(), MAX_CLIENTS);
    }
}
