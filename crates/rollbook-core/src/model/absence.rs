//! What a full reading means for the rows that it did not receive: absence is decided only here.
//!
//! Pure. Three questions, in this order: is the reading complete ([`examine`]), which missing rows count
//! ([`Missing`]), and how many readings in a row must miss one ([`Examined::confirm`]). The guard then
//! checks what would be removed (`model/guard.rs`), and `model/decision.rs` decides what is done. All rules in one table:
//! `docs/ARCHITECTURE.md`, "Is the reading complete?".

use jiff::{SignedDuration, Timestamp};

use super::completeness::{Completeness, Inconsistency};

/// A total that is wrong by the same difference for so long is wrong by habit.
const HABIT: SignedDuration = SignedDuration::from_hours(72);

/// What one full reading of a stream showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullReading {
    /// Completeness of all its lists together.
    pub completeness: Completeness,
    /// Keys that were received more than once.
    pub duplicates: Duplicates,
    /// The server itself ended each list with its only answer.
    pub one_answer: bool,
    /// Answers that held rows.
    pub pages_with_rows: u64,
    /// The most rows that one answer held.
    pub largest_page: u64,
    /// Rows that were asked for on a page.
    pub page_size: u64,
    /// How many lists were walked.
    pub lists: usize,
    /// Rows without a readable key.
    pub unidentified: u64,
    /// The previous reading of this run received other rows.
    pub other_rows: bool,
    /// Rows that only the second request at the end of the list returned: they had moved to a page that was already
    /// read.
    pub shifted: u64,
}

/// The keys that a reading received more than once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Duplicates {
    /// Rows beyond the first of each key.
    pub rows: u64,
    /// A number that is the same for the same keys; 0 for none.
    pub fingerprint: u64,
}

/// What is remembered of the full readings before, with the checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The duplicates of the last full reading.
    pub duplicates: u64,
    /// The most rows that one answer ever held.
    pub largest_page: u64,
    /// By how much the declared total was wrong in every reading since then.
    pub total_off: Option<TotalOff>,
}

/// A declared total that disagrees by the same difference from reading to reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TotalOff {
    /// Declared less received.
    pub difference: i64,
    /// The first reading with this difference.
    pub since: Timestamp,
}

/// The result of examining a reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// The completeness, corrected for what the vendor is known to do.
    pub completeness: Completeness,
    /// Whether another reading can show more.
    pub read_again: bool,
    /// In how many readings in a row a row must be missing before it is removed.
    pub confirm: u32,
    /// Which missing rows count.
    pub missing: Missing,
    /// The declared total that is wrong by habit: received, declared.
    pub ignored_total: Option<(u64, u64)>,
    /// What is remembered of it.
    pub memory: Memory,
}

/// Which rows count as missing when a reading did not receive them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// None: the reading cannot be believed complete.
    Nothing,
    /// All of the stream that were not received; where items failed, those of the items that were read.
    NotReceived,
}

/// Examines a full reading, with what is known of earlier ones.
pub fn examine(reading: &FullReading, before: &Memory, now: Timestamp) -> Examined {
    let off = total_off(&reading.completeness, before, now);
    // In a list in random order the same rows can be received twice by chance, and then others are missing.
    let habit = reading.duplicates.fingerprint == before.duplicates
        && (reading.duplicates.rows == 0 || !reading.other_rows);
    let completeness = assess(reading, habit, off, now);
    let contradicted = completeness.is_contradicted();
    let is_believed = !contradicted && reading.unidentified == 0;
    Examined {
        read_again: contradicted && !is_as_before(off, before, habit),
        confirm: if is_one_answer(reading, before) { 1 } else { 2 },
        missing: if is_believed {
            Missing::NotReceived
        } else {
            Missing::Nothing
        },
        ignored_total: match (&reading.completeness, contradicted) {
            (
                Completeness::Contradicted(Inconsistency::Total {
                    received, declared, ..
                }),
                false,
            ) => Some((*received, *declared)),
            _ => None,
        },
        completeness,
        memory: Memory {
            duplicates: reading.duplicates.fingerprint,
            largest_page: before.largest_page.max(reading.largest_page),
            total_off: off,
        },
    }
}

/// The declared total's difference, and since when it is that.
fn total_off(completeness: &Completeness, before: &Memory, now: Timestamp) -> Option<TotalOff> {
    let Completeness::Contradicted(Inconsistency::Total {
        received, declared, ..
    }) = completeness
    else {
        return None;
    };
    let difference = *declared as i64 - *received as i64;
    let since = before
        .total_off
        .filter(|off| off.difference == difference && off.since <= now);
    Some(since.unwrap_or(TotalOff {
        difference,
        since: now,
    }))
}

fn assess(
    reading: &FullReading,
    habit: bool,
    off: Option<TotalOff>,
    now: Timestamp,
) -> Completeness {
    let rows = reading.duplicates.rows;
    if rows > 0 && !habit {
        return match &reading.completeness {
            // Says more: by how much the list is short.
            Completeness::Contradicted(
                why @ Inconsistency::Total {
                    received, declared, ..
                },
            ) if declared > received => Completeness::Contradicted(why.clone()),
            _ => Completeness::Contradicted(Inconsistency::Duplicates { rows }),
        };
    }
    match &reading.completeness {
        Completeness::Proven | Completeness::Unproven if reading.shifted > 0 => {
            Completeness::Contradicted(Inconsistency::Shrunk)
        }
        // Some servers count a row that is always listed twice as one row.
        Completeness::Contradicted(Inconsistency::Total {
            received, declared, ..
        }) if rows > 0 && received - rows.min(*received) == *declared => Completeness::Proven,
        Completeness::Contradicted(Inconsistency::Total {
            short_end: true, ..
        }) if off.is_some_and(|off| now.duration_since(off.since) >= HABIT) => {
            Completeness::Unproven
        }
        other => other.clone(),
    }
}

/// Another reading cannot show more if this one is wrong in the same way as the previous one.
fn is_as_before(off: Option<TotalOff>, before: &Memory, habit: bool) -> bool {
    habit
        && off.is_some()
        && before.total_off.map(|off| off.difference) == off.map(|off| off.difference)
}

/// No row can have moved unseen if one response held the whole list. The only page of an offset list is certain to be
/// all of it, and not cut by the server's cap, only if the total agrees and a larger page was received before.
fn is_one_answer(reading: &FullReading, before: &Memory) -> bool {
    let is_whole_page = reading.lists == 1
        && reading.pages_with_rows == 1
        && reading.largest_page < reading.page_size.min(before.largest_page);
    reading.one_answer || (is_whole_page && reading.completeness == Completeness::Proven)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn total(received: u64, declared: u64, short_end: bool) -> Completeness {
        Completeness::Contradicted(Inconsistency::Total {
            received,
            declared,
            short_end,
        })
    }

    fn paged(completeness: Completeness) -> FullReading {
        FullReading {
            completeness,
            duplicates: Duplicates::default(),
            one_answer: false,
            pages_with_rows: 3,
            largest_page: 20,
            page_size: 1000,
            lists: 1,
            unidentified: 0,
            other_rows: false,
            shifted: 0,
        }
    }

    fn with_duplicates(rows: u64, fingerprint: u64, completeness: Completeness) -> FullReading {
        FullReading {
            duplicates: Duplicates { rows, fingerprint },
            ..paged(completeness)
        }
    }

    const NOW: &str = "2026-03-05T06:00:00Z";

    #[test]
    fn when_absence_counts() {
        use Completeness::{Proven, Unproven};
        let none = Memory::default();
        let habit = Memory {
            duplicates: 7,
            ..none
        };
        let off = |difference, since| Memory {
            total_off: Some(TotalOff {
                difference,
                since: time(since),
            }),
            ..none
        };
        let (long, short) = ("2026-03-02T06:00:00Z", "2026-03-02T06:00:01Z");
        let moved = Completeness::Contradicted(Inconsistency::TotalMoved { from: 5, to: 6 });
        let doubled = |rows| Completeness::Contradicted(Inconsistency::Duplicates { rows });
        let restless = FullReading {
            other_rows: true,
            ..with_duplicates(2, 7, Unproven)
        };
        let shifted = FullReading {
            shifted: 1,
            ..paged(Unproven)
        };
        let unidentified = FullReading {
            unidentified: 1,
            ..paged(Proven)
        };
        for (name, reading, before, completeness, counts, again) in [
            ("totals agree", paged(Proven), none, Proven, true, false),
            ("no total", paged(Unproven), none, Unproven, true, false),
            (
                "a second look at the end shows another row",
                shifted,
                none,
                Completeness::Contradicted(Inconsistency::Shrunk),
                false,
                true,
            ),
            (
                "a row without a key",
                unidentified,
                none,
                Proven,
                false,
                false,
            ),
            (
                "the total moved",
                paged(moved.clone()),
                none,
                moved,
                false,
                true,
            ),
            (
                "cut at a page",
                paged(total(1000, 1060, false)),
                none,
                total(1000, 1060, false),
                false,
                true,
            ),
            (
                "cut at a page for days",
                paged(total(1000, 1060, false)),
                off(60, long),
                total(1000, 1060, false),
                false,
                false,
            ),
            (
                "wrong by five for the first time",
                paged(total(40, 45, true)),
                none,
                total(40, 45, true),
                false,
                true,
            ),
            (
                "wrong by five, nearly three days",
                paged(total(39, 44, true)),
                off(5, short),
                total(39, 44, true),
                false,
                false,
            ),
            (
                "wrong by five for three days",
                paged(total(39, 44, true)),
                off(5, long),
                Unproven,
                true,
                false,
            ),
            (
                "wrong by six after days of five",
                paged(total(38, 44, true)),
                off(5, long),
                total(38, 44, true),
                false,
                true,
            ),
            (
                "wrong since tomorrow, says a clock that was set back",
                paged(total(39, 44, true)),
                off(5, "2026-03-06T06:00:00Z"),
                total(39, 44, true),
                false,
                false,
            ),
            (
                "new duplicates",
                with_duplicates(2, 7, Unproven),
                none,
                doubled(2),
                false,
                true,
            ),
            (
                "new ones, and more rows than are declared",
                with_duplicates(2, 7, total(42, 41, true)),
                none,
                doubled(2),
                false,
                true,
            ),
            (
                "new ones, and fewer rows than are declared",
                with_duplicates(2, 7, total(42, 60, true)),
                none,
                total(42, 60, true),
                false,
                true,
            ),
            (
                "new ones beside a right total",
                with_duplicates(2, 7, Proven),
                none,
                doubled(2),
                false,
                true,
            ),
            (
                "the same duplicates",
                with_duplicates(2, 7, Unproven),
                habit,
                Unproven,
                true,
                false,
            ),
            (
                "the same, and the total counts them",
                with_duplicates(2, 7, Proven),
                habit,
                Proven,
                true,
                false,
            ),
            (
                "the same, and the total does not",
                with_duplicates(2, 7, total(42, 40, true)),
                habit,
                Proven,
                true,
                false,
            ),
            (
                "other duplicates",
                with_duplicates(2, 8, Unproven),
                habit,
                doubled(2),
                false,
                true,
            ),
            (
                "the same duplicates and other rows a moment ago",
                restless,
                habit,
                doubled(2),
                false,
                true,
            ),
            (
                "no duplicates any more",
                paged(Unproven),
                habit,
                Unproven,
                true,
                false,
            ),
        ] {
            let found = examine(&reading, &before, time(NOW));
            assert_eq!(found.completeness, completeness, "{name}");
            assert_eq!(found.missing == Missing::NotReceived, counts, "{name}");
            assert_eq!(found.read_again, again, "{name}");
        }
    }

    #[test]
    fn one_reading_is_enough_where_nothing_can_have_moved() {
        let seen = |largest_page| Memory {
            largest_page,
            ..Memory::default()
        };
        let single = |largest_page| FullReading {
            pages_with_rows: 1,
            largest_page,
            ..paged(Completeness::Proven)
        };
        let whole = FullReading {
            one_answer: true,
            ..single(40)
        };
        let many = FullReading {
            lists: 2,
            ..single(10)
        };
        let full = FullReading {
            page_size: 19,
            ..single(19)
        };
        let undeclared = FullReading {
            completeness: Completeness::Unproven,
            ..single(19)
        };
        for (name, reading, before, confirm) in [
            ("one answer by the server's word", whole, seen(0), 1),
            (
                "several pages with a right total",
                paged(Completeness::Proven),
                seen(500),
                2,
            ),
            ("a single page, the first ever", single(20), seen(0), 2),
            (
                "a single page as large as the largest",
                single(20),
                seen(20),
                2,
            ),
            ("a single page below the largest", single(19), seen(20), 1),
            ("a full page", full, seen(20), 2),
            ("a single page without a total", undeclared, seen(20), 2),
            ("one page of each of two lists", many, seen(20), 2),
        ] {
            let found = examine(&reading, &before, time(NOW));
            assert_eq!(found.confirm, confirm, "{name}");
        }
    }

    #[test]
    fn what_is_remembered() {
        let before = Memory {
            duplicates: 7,
            largest_page: 1000,
            total_off: None,
        };
        let found = examine(&paged(total(39, 44, true)), &before, time(NOW));
        assert_eq!(
            found.memory,
            Memory {
                duplicates: 0,
                largest_page: 1000,
                total_off: Some(TotalOff {
                    difference: 5,
                    since: time(NOW)
                }),
            }
        );
        let agreed = examine(&paged(Completeness::Proven), &found.memory, time(NOW));
        assert_eq!(agreed.memory.total_off, None);
    }
}
