//! How much one reading may bring, and how much of the disk it leaves. Pure.
//!
//! A list without an end, or one of another customer, must not fill the disk that holds the mirror.

use std::fmt;
use std::num::NonZeroU64;

use serde::Deserialize;

const MIB: u64 = 1 << 20;

/// Ten times the largest list that is measured (docs/performance.md).
const ROWS: NonZeroU64 = NonZeroU64::new(20_000_000).expect("not 0");

/// 400 bytes for each of these rows.
const VALUES_MIB: NonZeroU64 = NonZeroU64::new(8192).expect("not 0");

/// Room for the records of runs and for the log that readers keep from being emptied.
const RESERVE_MIB: u64 = 256;

/// How many bytes are written for a staged one: to the mirror's log and from there to its file, each with the index (measured
/// for a first load: 1.7 and 1.6).
const WRITTEN: u64 = 4;

/// What a reading may stage before it is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StagingLimits {
    /// The most rows that one reading of a stream receives; of a time series, one step. Default 20000000.
    #[serde(default = "rows")]
    pub rows: NonZeroU64,
    /// The most MiB of mirrored values that one reading receives. Default 8192.
    #[serde(default = "values_mib")]
    pub mib: NonZeroU64,
    /// MiB of free space that readings leave on the disk of the mirror's folder; 0 for none. Default 256.
    #[serde(default = "reserve_mib")]
    pub reserve_mib: u64,
}

impl Default for StagingLimits {
    fn default() -> Self {
        Self {
            rows: ROWS,
            mib: VALUES_MIB,
            reserve_mib: RESERVE_MIB,
        }
    }
}

fn rows() -> NonZeroU64 {
    ROWS
}

fn values_mib() -> NonZeroU64 {
    VALUES_MIB
}

fn reserve_mib() -> u64 {
    RESERVE_MIB
}

impl StagingLimits {
    /// Whether a reading that has received so many rows, and bytes of values, may go on.
    pub fn admit(&self, rows: u64, bytes: u64) -> Result<(), LimitReached> {
        if rows > self.rows.get() {
            return Err(LimitReached::Rows(self.rows.get()));
        }
        match bytes > self.mib.get().saturating_mul(MIB) {
            true => Err(LimitReached::Values(self.mib.get())),
            false => Ok(()),
        }
    }

    /// Whether there is room to stage on: `free` and `staged` are bytes, of all readings together. What is not known is no
    /// limit.
    pub fn admit_space(&self, free: Option<u64>, staged: u64) -> Result<(), LimitReached> {
        let reserve = self.reserve_mib.saturating_mul(MIB);
        let to_write = staged.saturating_mul(WRITTEN);
        match free {
            Some(free) if reserve > 0 && free < reserve.saturating_add(to_write) => {
                Err(LimitReached::Reserve {
                    free: free / MIB,
                    reserve: self.reserve_mib,
                    to_write: to_write.div_ceil(MIB),
                })
            }
            _ => Ok(()),
        }
    }
}

/// Why a reading ended before its list did; the message names the key to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitReached {
    /// More rows than this.
    Rows(u64),
    /// More MiB of values than this.
    Values(u64),
    /// Too little free space, all in MiB.
    Reserve {
        /// What is free now.
        free: u64,
        /// What readings leave.
        reserve: u64,
        /// What applying the staged rows needs.
        to_write: u64,
    },
}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let raise = |f: &mut fmt::Formatter<'_>, limit: String, key: &str| {
            write!(
                f,
                "received more than {limit}, the limit of one reading; nothing of it was applied; if the vendor has so many, \
                 raise `{key}` in `[store.staging]`"
            )
        };
        match self {
            Self::Rows(rows) => raise(f, format!("{rows} rows"), "rows"),
            Self::Values(mib) => raise(f, format!("{mib} MiB of values"), "mib"),
            Self::Reserve {
                free,
                reserve,
                to_write,
            } => {
                write!(f, "the disk of the mirror has {free} MiB free, and ")?;
                if *to_write > 0 {
                    write!(f, "{to_write} MiB are for what was staged and ")?;
                }
                write!(
                    f,
                    "{reserve} MiB must remain; nothing of the reading was applied; free space, or lower `reserve_mib` in \
                     `[store.staging]`"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(rows: u64, mib: u64, reserve_mib: u64) -> StagingLimits {
        let number = |number| NonZeroU64::new(number).expect("not 0");
        StagingLimits {
            rows: number(rows),
            mib: number(mib),
            reserve_mib,
        }
    }

    #[test]
    fn a_reading_ends_above_its_limits() {
        let limits = limits(100, 2, 10);
        for (rows, bytes, expected) in [
            (0, 0, Ok(())),
            (100, 2 * MIB, Ok(())),
            (101, 0, Err(LimitReached::Rows(100))),
            (1, 2 * MIB + 1, Err(LimitReached::Values(2))),
            (101, 2 * MIB + 1, Err(LimitReached::Rows(100))),
            (u64::MAX, u64::MAX, Err(LimitReached::Rows(100))),
        ] {
            assert_eq!(limits.admit(rows, bytes), expected, "{rows} {bytes}");
        }
    }

    #[test]
    fn staging_leaves_the_reserve_and_room_for_what_it_writes() {
        let reached = |free, reserve, to_write| {
            Err(LimitReached::Reserve {
                free,
                reserve,
                to_write,
            })
        };
        for (reserve, free, staged, expected) in [
            (10, Some(10 * MIB), 0, Ok(())),
            (10, Some(10 * MIB - 1), 0, reached(9, 10, 0)),
            (10, Some(18 * MIB), 2 * MIB, Ok(())),
            (10, Some(18 * MIB - 1), 2 * MIB, reached(17, 10, 8)),
            (10, Some(0), 1, reached(0, 10, 1)),
            (10, None, u64::MAX, Ok(())),
            (0, Some(0), u64::MAX, Ok(())),
            (
                u64::MAX,
                Some(u64::MAX - 1),
                u64::MAX,
                reached((u64::MAX - 1) / MIB, u64::MAX, 1 << 44),
            ),
        ] {
            let limits = limits(1, 1, reserve);
            assert_eq!(
                limits.admit_space(free, staged),
                expected,
                "{reserve} {free:?} {staged}"
            );
        }
    }

    #[test]
    fn the_message_names_the_limit_and_the_key() {
        for (reached, expected) in [
            (
                LimitReached::Rows(100),
                "received more than 100 rows, the limit of one reading; nothing of it was applied; if the vendor has so \
                 many, raise `rows` in `[store.staging]`",
            ),
            (
                LimitReached::Values(2),
                "received more than 2 MiB of values, the limit of one reading; nothing of it was applied; if the vendor has \
                 so many, raise `mib` in `[store.staging]`",
            ),
            (
                LimitReached::Reserve {
                    free: 9,
                    reserve: 10,
                    to_write: 0,
                },
                "the disk of the mirror has 9 MiB free, and 10 MiB must remain; nothing of the reading was applied; free \
                 space, or lower `reserve_mib` in `[store.staging]`",
            ),
            (
                LimitReached::Reserve {
                    free: 15,
                    reserve: 10,
                    to_write: 6,
                },
                "the disk of the mirror has 15 MiB free, and 6 MiB are for what was staged and 10 MiB must remain; nothing \
                 of the reading was applied; free space, or lower `reserve_mib` in `[store.staging]`",
            ),
        ] {
            assert_eq!(reached.to_string(), expected);
        }
    }
}
