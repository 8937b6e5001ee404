//! Tables of ticks around clock changes, and a second opinion that walks minute by minute.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use croner::parser::{CronParser, Seconds};
use proptest::prelude::*;

use super::*;

const VIENNA: &str = "Europe/Vienna";
const LORD_HOWE: &str = "Australia/Lord_Howe";
const AUCKLAND: &str = "Pacific/Auckland";

fn cron(text: &str) -> Cron {
    let parser = CronParser::builder().seconds(Seconds::Optional).build();
    parser.parse(text).expect("a pattern")
}

fn zone(name: &str) -> TimeZone {
    jiff::tz::db().get(name).expect("a zone")
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// The ticks after a time as the zone's clock shows them, with the offset, which differs in the repeated hour.
fn ticks(pattern: &str, name: &str, after: &str, count: usize) -> String {
    let (cron, zone) = (cron(pattern), zone(name));
    let all = std::iter::successors(Some(time(after)), |tick| next_tick(&cron, &zone, *tick));
    let shown = all.skip(1).take(count).map(|tick| {
        let tick = tick.to_zoned(zone.clone());
        tick.strftime("%d %H:%M%:z").to_string()
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// Pattern, zone, after when, and the ticks that follow.
const AROUND_CHANGES: &str = "
# Vienna, autumn: 03:00+02:00 becomes 02:00+01:00.
30 8 * * *       | Europe/Vienna       | 2026-10-24T06:00Z | 24 08:30+02:00, 25 08:30+01:00, 26 08:30+01:00
30 2 * * *       | Europe/Vienna       | 2026-10-24T06:00Z | 25 02:30+02:00, 26 02:30+01:00, 27 02:30+01:00
30 2,14 * * *    | Europe/Vienna       | 2026-10-24T06:00Z | 24 14:30+02:00, 25 02:30+02:00, 25 14:30+01:00
*/30 1-3 * * *   | Europe/Vienna       | 2026-10-24T23:30Z | 25 02:00+02:00, 25 02:30+02:00, 25 03:00+01:00, 25 03:30+01:00
*/15 * * * *     | Europe/Vienna       | 2026-10-25T00:30Z | 25 02:45+02:00, 25 02:00+01:00, 25 02:15+01:00, 25 02:30+01:00, 25 02:45+01:00, 25 03:00+01:00
50 * * * *       | Europe/Vienna       | 2026-10-24T23:00Z | 25 01:50+02:00, 25 02:50+02:00, 25 02:50+01:00, 25 03:50+01:00
# From the middle of the second half, nothing of the first is repeated.
30 2 * * *       | Europe/Vienna       | 2026-10-25T01:10Z | 26 02:30+01:00
# Vienna, spring: 02:00+01:00 becomes 03:00+02:00.
30 8 * * *       | Europe/Vienna       | 2027-03-27T06:00Z | 27 08:30+01:00, 28 08:30+02:00, 29 08:30+02:00
30 2 * * *       | Europe/Vienna       | 2027-03-27T06:00Z | 28 03:00+02:00, 29 02:30+02:00
0 2 * * *        | Europe/Vienna       | 2027-03-27T06:00Z | 28 03:00+02:00, 29 02:00+02:00
30 2,14 * * *    | Europe/Vienna       | 2027-03-27T06:00Z | 27 14:30+01:00, 28 03:00+02:00, 28 14:30+02:00
*/10 2 * * *     | Europe/Vienna       | 2027-03-27T06:00Z | 28 03:00+02:00, 29 02:00+02:00
0 2,3 * * *      | Europe/Vienna       | 2027-03-27T06:00Z | 28 03:00+02:00, 29 02:00+02:00, 29 03:00+02:00
0 3 * * *        | Europe/Vienna       | 2027-03-27T06:00Z | 28 03:00+02:00, 29 03:00+02:00
30 2 * * Mon-Fri | Europe/Vienna       | 2027-03-27T06:00Z | 29 02:30+02:00
*/15 * * * *     | Europe/Vienna       | 2027-03-28T00:30Z | 28 01:45+01:00, 28 03:00+02:00, 28 03:15+02:00
5 * * * *        | Europe/Vienna       | 2027-03-27T23:30Z | 28 01:05+01:00, 28 03:05+02:00, 28 04:05+02:00
# Lord Howe moves by half an hour. Spring: 02:00+10:30 becomes 02:30+11:00.
15 2 * * *       | Australia/Lord_Howe | 2026-10-03T00:00Z | 04 02:30+11:00, 05 02:15+11:00
*/15 * * * *     | Australia/Lord_Howe | 2026-10-03T15:00Z | 04 01:45+10:30, 04 02:30+11:00, 04 02:45+11:00
0 * * * *        | Australia/Lord_Howe | 2026-10-03T14:00Z | 04 01:00+10:30, 04 02:30+11:00, 04 03:00+11:00
# Autumn: 02:00+11:00 becomes 01:30+10:30.
45 1 * * *       | Australia/Lord_Howe | 2027-04-03T00:00Z | 04 01:45+11:00, 05 01:45+10:30
*/15 * * * *     | Australia/Lord_Howe | 2027-04-03T14:20Z | 04 01:30+11:00, 04 01:45+11:00, 04 01:30+10:30, 04 01:45+10:30, 04 02:00+10:30
45 * * * *       | Australia/Lord_Howe | 2027-04-03T14:00Z | 04 01:45+11:00, 04 02:45+10:30
# Auckland. Spring: 02:00+12:00 becomes 03:00+13:00. Autumn: 03:00+13:00 becomes 02:00+12:00.
30 2 * * *       | Pacific/Auckland    | 2026-09-26T00:00Z | 27 03:00+13:00, 28 02:30+13:00
30 2 * * *       | Pacific/Auckland    | 2027-04-03T00:00Z | 04 02:30+13:00, 05 02:30+12:00
# Beirut's clock goes back at midnight, into the day before.
30 * * * Sat     | Asia/Beirut         | 2026-10-24T19:00Z | 24 22:30+03:00, 24 23:30+03:00, 24 23:30+02:00, 31 00:30+02:00
0 0 * * *        | Asia/Beirut         | 2027-03-27T12:00Z | 28 01:00+03:00, 29 00:00+03:00
# Days that are rare.
0 0 29 2 *       | Europe/Vienna       | 2026-01-01T00:00Z | 29 00:00+01:00
0 6 31 * *       | Europe/Vienna       | 2026-03-31T12:00Z | 31 06:00+02:00, 31 06:00+02:00
0 0 30 2 *       | Europe/Vienna       | 2026-01-01T00:00Z |
# A step counts as a list of days, so that a day or a weekday is enough; with `+` it takes both. The 1st is a Sunday.
0 6 */2 * Mon    | UTC                 | 2026-11-01T00:00Z | 01 06:00+00:00, 02 06:00+00:00, 03 06:00+00:00, 05 06:00+00:00, 07 06:00+00:00, 09 06:00+00:00
0 6 */2 * +Mon   | UTC                 | 2026-11-01T00:00Z | 09 06:00+00:00, 23 06:00+00:00
0 6 1 * Mon      | UTC                 | 2026-11-01T00:00Z | 01 06:00+00:00, 02 06:00+00:00, 09 06:00+00:00
0 6 * * Mon      | UTC                 | 2026-11-01T00:00Z | 02 06:00+00:00, 09 06:00+00:00
0 6 */2 * *      | UTC                 | 2026-11-28T00:00Z | 29 06:00+00:00, 01 06:00+00:00
# 2038, and a zone that never changes.
14 3 19 1 *      | UTC                 | 2037-06-01T00:00Z | 19 03:14+00:00
";

#[test]
fn ticks_around_clock_changes() {
    for row in AROUND_CHANGES
        .trim()
        .lines()
        .filter(|row| !row.starts_with('#'))
    {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [pattern, name, after, expected] = cells[..] else {
            panic!("a row of four: {row}");
        };
        let found = ticks(pattern, name, after, expected.split(", ").count());
        assert_eq!(found, expected, "{pattern} in {name} after {after}");
    }
}

#[test]
fn a_tick_is_later_than_now_also_within_a_second() {
    let (cron, zone) = (cron("* * * * * *"), zone("UTC"));
    for (after, expected) in [
        ("2026-03-02T06:00:00Z", "2026-03-02T06:00:01Z"),
        ("2026-03-02T06:00:00.001Z", "2026-03-02T06:00:01Z"),
        ("2026-03-02T06:00:00.999999999Z", "2026-03-02T06:00:01Z"),
    ] {
        assert_eq!(
            next_tick(&cron, &zone, time(after)),
            Some(time(expected)),
            "{after}"
        );
    }
}

/// Pattern in Vienna, last due, now, and what was missed.
const MISSED: &str = "
30 8 * * *  | 2026-03-02T07:30:00Z | 2026-03-05T12:00:00Z | 2026-03-05T07:30:00Z
30 8 * * *  | 2026-03-02T07:30:00Z | 2026-03-03T07:30:00Z | 2026-03-03T07:30:00Z
30 8 * * *  | 2026-03-02T07:30:00Z | 2026-03-03T07:29:59Z | nothing
30 8 * * *  | 2026-03-02T07:30:00Z | 2026-03-02T07:30:00Z | nothing
30 8 * * *  | 2026-03-02T07:30:00Z | 2026-03-01T07:30:00Z | nothing
0 0 29 2 *  | 2020-03-01T00:00:00Z | 2026-03-01T00:00:00Z | 2024-02-28T23:00:00Z
* * * * * * | 2020-01-01T00:00:00Z | 2026-03-01T12:00:00.5Z | 2026-03-01T12:00:00Z
# Missed in the repeated hour: the first 02:30 is the latest of all.
30 2 * * *  | 2026-10-24T00:30:00Z | 2026-10-25T12:00:00Z | 2026-10-25T00:30:00Z
";

#[test]
fn what_was_missed_is_the_latest() {
    for row in MISSED.trim().lines().filter(|row| !row.starts_with('#')) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [pattern, last_due, now, expected] = cells[..] else {
            panic!("a row of four: {row}");
        };
        let found = missed(&cron(pattern), &zone(VIENNA), time(last_due), time(now));
        let found = found.map_or("nothing".to_owned(), |tick| tick.to_string());
        assert_eq!(found, expected, "{row}");
    }
}

#[test]
fn a_spread_is_stable_and_even() {
    let within = Duration::from_secs(20);
    let names: Vec<String> = (0..1000).map(|number| format!("school_{number}")).collect();
    let mut buckets = [0; 10];
    for name in &names {
        let offset = spread(name, within);
        assert!(offset < within, "{name}");
        buckets[(offset.as_secs_f64() / 2.0) as usize] += 1;
    }
    assert!(
        buckets.iter().all(|count| (60..140).contains(count)),
        "{buckets:?}"
    );
    // A number that must not change with a release: offsets are stable across restarts.
    assert_eq!(spread("webuntis", Duration::from_secs(600)).as_secs(), 424);
    assert_eq!(spread("webuntis", Duration::ZERO), Duration::ZERO);
}

#[test]
fn the_room_for_a_spread() {
    for (pattern, expected) in [
        ("* * * * *", 15),
        ("*/2 * * * *", 20),
        ("30 8 * * *", 20),
        ("0 30 8 * * *", 0),
        ("*/10 * * * * *", 0),
    ] {
        let (cron, due) = (cron(pattern), time("2026-03-02T07:30:00Z"));
        let next = next_tick(&cron, &zone(VIENNA), due);
        assert_eq!(
            max_spread(&cron, due, next).as_secs(),
            expected,
            "{pattern}"
        );
    }
    let never_again = max_spread(&cron("0 0 1 1 *"), time("2026-01-01T00:00:00Z"), None);
    assert_eq!(never_again, START_SPREAD);
}

/// One minute of real time, and what the clock on the wall shows then.
#[derive(Clone, Copy)]
struct Minute {
    real: i64,
    shown: i64,
}

/// Minutes since 1970 of the first minute looked at: 2026-09-01T00:00Z, a Tuesday.
const FIRST: i64 = 29_803_680;
const MINUTES: i64 = 366 * 24 * 60;

/// Every minute of 366 days in three zones, by the zone's clock alone.
fn year(at: usize) -> &'static [Minute] {
    static YEARS: [OnceLock<Vec<Minute>>; 3] = [const { OnceLock::new() }; 3];
    YEARS[at].get_or_init(|| {
        let zone = zone([VIENNA, LORD_HOWE, AUCKLAND][at]);
        let shown = |real| Minute {
            real,
            shown: real + i64::from(zone.to_offset(timestamp_of(real)).seconds()) / 60,
        };
        (FIRST..FIRST + MINUTES).map(shown).collect()
    })
}

fn timestamp_of(minutes: i64) -> Timestamp {
    Timestamp::from_second(minutes * 60).expect("a time")
}

/// A pattern of three fields as sets; an empty one is a star.
#[derive(Clone, Debug)]
struct Sets {
    minutes: BTreeSet<i8>,
    hours: BTreeSet<i8>,
    weekdays: BTreeSet<i8>,
}

impl Sets {
    fn pattern(&self) -> String {
        let field = |set: &BTreeSet<i8>| {
            let values: Vec<String> = set.iter().map(i8::to_string).collect();
            if set.is_empty() {
                "*".to_owned()
            } else {
                values.join(",")
            }
        };
        let (minutes, hours) = (field(&self.minutes), field(&self.hours));
        format!("{minutes} {hours} * * {}", field(&self.weekdays))
    }

    fn has(&self, shown: i64) -> bool {
        let is_in = |set: &BTreeSet<i8>, value| set.is_empty() || set.contains(&(value as i8));
        // 1970 began on a Thursday.
        is_in(&self.minutes, shown % 60)
            && is_in(&self.hours, shown / 60 % 24)
            && is_in(&self.weekdays, (shown / 1440 + 4) % 7)
    }

    /// Whether half an hour or an hour more or less makes no difference.
    fn follows_real_time(&self, zone: usize) -> bool {
        let half = |minute: &i8| self.minutes.contains(&((minute + 30) % 60));
        self.hours.is_empty() && (zone != 1 || self.minutes.iter().all(half))
    }
}

/// When the pattern should tick in these minutes, found by looking at every one of them.
fn oracle(sets: &Sets, zone: usize, minutes: &[Minute]) -> Vec<Timestamp> {
    let by_real_time = sets.follows_real_time(zone);
    let mut latest = minutes[0].shown;
    let mut ticks = Vec::new();
    for Minute { real, shown } in &minutes[1..] {
        let on_the_clock = sets.has(*shown) && (by_real_time || *shown > latest);
        let in_the_gap = !by_real_time && (latest + 1..*shown).any(|skipped| sets.has(skipped));
        if on_the_clock || in_the_gap {
            ticks.push(timestamp_of(*real));
        }
        latest = latest.max(*shown);
    }
    ticks
}

fn set(range: std::ops::Range<i8>, most: usize) -> impl Strategy<Value = BTreeSet<i8>> {
    proptest::collection::btree_set(range, 0..=most)
}

fn sets() -> impl Strategy<Value = Sets> {
    // Hours near the changes, so that they are hit; minutes also as a step.
    let minutes = prop_oneof![
        2 => proptest::collection::btree_set(0i8..60, 1..=3),
        1 => Just((0..60).step_by(15).collect()),
        1 => Just((7..60).step_by(30).collect()),
        1 => Just((0..60).step_by(20).collect()),
    ];
    let hours = prop_oneof![2 => set(0..5, 3), 1 => set(0..24, 3)];
    (minutes, hours, set(0..7, 3)).prop_map(|(minutes, hours, weekdays)| Sets {
        minutes,
        hours,
        weekdays,
    })
}

fn found(sets: &Sets, name: &str, minutes: &[Minute]) -> Vec<Timestamp> {
    let (cron, zone) = (cron(&sets.pattern()), zone(name));
    let (first, last) = (
        timestamp_of(minutes[0].real),
        timestamp_of(minutes[minutes.len() - 1].real),
    );
    let ticks = std::iter::successors(Some(first), |tick| next_tick(&cron, &zone, *tick));
    ticks.skip(1).take_while(|tick| *tick <= last).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_slot_of_a_year_is_lost_or_duplicated(sets in sets(), zone in 0usize..3) {
        let name = [VIENNA, LORD_HOWE, AUCKLAND][zone];
        let minutes = year(zone);
        prop_assert_eq!(found(&sets, name, minutes), oracle(&sets, zone, minutes), "{} in {}", sets.pattern(), name);
    }
}
