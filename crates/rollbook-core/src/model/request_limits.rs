//! Limits on the requests to one vendor account: a connector's, and a source's own.

use std::num::NonZeroU32;

use serde::Deserialize;

const IN_FLIGHT: u32 = 2;
const PER_SECOND: f64 = 5.0;

/// The largest response that wapi.md 12 A49 expects has less.
const BODY_MIB: u32 = 64;

/// Limits on the requests to one vendor account. The source's win over the connector's.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RequestLimits {
    /// The most concurrent requests. Default 2.
    pub in_flight: Option<NonZeroU32>,
    /// The most requests started in a second. Default 5.
    #[cfg_attr(
        any(test, feature = "testing"),
        schemars(range(min = 0.001, max = 1000.0))
    )]
    pub per_second: Option<f64>,
    /// The most requests in a day (UTC), counted on disk. None by default.
    pub per_day: Option<NonZeroU32>,
    /// Largest response in MiB, decompressed. Default 64.
    pub body_mib: Option<NonZeroU32>,
}

impl RequestLimits {
    /// These limits, and others where these set none.
    pub fn or(&self, others: &Self) -> Self {
        Self {
            in_flight: self.in_flight.or(others.in_flight),
            per_second: self.per_second.or(others.per_second),
            per_day: self.per_day.or(others.per_day),
            body_mib: self.body_mib.or(others.body_mib),
        }
    }

    /// The most concurrent requests.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.map_or(IN_FLIGHT, NonZeroU32::get)
    }

    /// The most requests started in a second.
    pub fn per_second(&self) -> f64 {
        self.per_second.unwrap_or(PER_SECOND)
    }

    /// The largest response in bytes, decompressed.
    pub fn body_bytes(&self) -> u64 {
        u64::from(self.body_mib.map_or(BODY_MIB, NonZeroU32::get)) << 20
    }
}
