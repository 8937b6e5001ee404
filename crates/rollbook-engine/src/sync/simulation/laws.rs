//! What must hold after every run, for every behaviour of the vendor. The oracle knows every state of the vendor's list and every
//! response, and checks only what a reader of the mirror and its records can see.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::mirror::{LastRun, MirrorVersion, Shown, StreamRecord, stream_of};
use super::scenario::{Leaves, Odd, Order, Scenario, Style};
use super::script::Served;
use super::vendor::{List, VendorRow, World, born, name, owner, status};
use rollbook_core::model::scalar;

/// The laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Law {
    /// A row that was listed throughout is not removed.
    ListedStays,
    /// A row that was received is not removed by absence.
    ReceivedStays,
    /// As many readings as it takes have missed a row before it is removed, and none of them contradicted itself.
    AbsenceIsConfirmed,
    /// A good outcome: every row that was listed throughout is in the mirror.
    GoodHasAll,
    /// A good outcome: no row that is not listed, but those that are counted as unconfirmed.
    GoodHasNoMore,
    /// A row in the mirror is a version that the vendor had during the run, or the one of before.
    VersionsAreReal,
    /// A change that was not received is received later: checkpoints do not pass it.
    ChangesArrive,
    /// A run that is held, fails or is stopped changes nothing; one that is incomplete removes nothing.
    BadChangesNothing,
    /// History has no gaps, no overlaps, and forgets nothing.
    HistoryIsWhole,
    /// After a few quiet runs of an honest vendor all is equal, good, and nothing is unconfirmed.
    QuietSettles,
    /// After that a run writes nothing.
    QuietWritesNothing,
}

/// A law that was broken.
#[derive(Clone, Debug)]
pub(super) struct Violation {
    pub law: Law,
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.law, self.text)
    }
}

/// A run, and what it did.
pub(super) struct Seen<'a> {
    pub world: &'a World,
    /// The vendor's list when it began and when it ended.
    pub ticks: (usize, usize),
    pub served: &'a [Served],
    pub before: &'a BTreeMap<&'static str, Shown>,
    pub after: &'a BTreeMap<&'static str, Shown>,
    pub unconfirmed: &'a BTreeMap<&'static str, usize>,
    pub last: &'a LastRun,
    /// An admin has approved what was held.
    pub approved: bool,
}

/// The laws, and what has to be remembered from run to run.
#[derive(Default)]
pub(super) struct Laws {
    misses: BTreeMap<u16, Miss>,
    /// Rows whose last change was lost in a way that cannot be noticed.
    lost: BTreeSet<u16>,
    versions: BTreeMap<&'static str, BTreeSet<(u16, MirrorVersion)>>,
    /// How often a loss could not be noticed, and was forgiven.
    pub unobservable: u64,
    /// The only law that is asked for, by name; all where none is named.
    only: Option<String>,
}

/// Good full readings in a row that missed a row of the mirror.
struct Miss {
    readings: u32,
    /// One of them contradicted itself.
    inconsistent: bool,
    /// It was listed all the while.
    listed: bool,
}

/// The last walk of each list of a stream in a run: what the outcome is about.
struct ServedReading<'a> {
    pages: Vec<&'a Served>,
    lists: BTreeSet<List>,
    full: bool,
    /// Its outcome is a good one: what failed was asked for behind the end.
    good: bool,
}

impl<'a> ServedReading<'a> {
    fn of(stream: &str, served: &'a [Served]) -> Self {
        let mut walks: BTreeMap<List, Vec<&Served>> = BTreeMap::new();
        for page in served.iter().filter(|page| stream_of(page.list) == stream) {
            let walk = walks.entry(page.list).or_default();
            if page.first {
                walk.clear();
            }
            walk.push(page);
        }
        let lists = walks.keys().copied().collect();
        let pages: Vec<&Served> = walks.into_values().flatten().collect();
        Self {
            full: pages.iter().all(|page| page.full),
            good: false,
            pages,
            lists,
        }
    }

    fn rows(&self) -> impl Iterator<Item = &'a VendorRow> {
        self.pages.iter().flat_map(|page| &page.rows)
    }

    /// Keys that could be read.
    fn keys(&self) -> BTreeSet<u16> {
        let readable = self.rows().filter(|row| !row.bad_key);
        readable.map(|row| row.key).collect()
    }

    fn has_duplicates(&self) -> bool {
        let mut keys = BTreeSet::new();
        self.rows().any(|row| !keys.insert(row.key))
    }

    /// Some answer was not about the list as it was then.
    fn is_odd(&self) -> bool {
        self.pages.iter().any(|page| page.odd.is_some())
    }

    /// Something in the responses indicates that rows of a list are missing.
    fn is_inconsistent(&self, list: List, scenario: &Scenario) -> bool {
        let pages: Vec<&Served> = self
            .pages
            .iter()
            .filter(|page| page.list == list)
            .copied()
            .collect();
        let mut keys = BTreeSet::new();
        let mut is_again = |row: &&VendorRow| !keys.insert(row.key);
        // What is the last page once more adds nothing.
        let walked = pages
            .iter()
            .filter(|page| !page.looks_back && !page.is_repeated());
        let rows: Vec<&VendorRow> = walked.flat_map(|page| &page.rows).collect();
        let mut read = BTreeSet::new();
        let mut readable = rows.iter().filter(|row| !row.bad_key);
        let doubled = readable.any(|row| !read.insert(row.key) && !row.twice);
        for row in &rows {
            is_again(row);
        }
        // A recheck of received rows matters only if it shows another row.
        let rechecked = pages.iter().filter(|page| page.looks_back);
        let (again, other): (Vec<&VendorRow>, Vec<&VendorRow>) =
            rechecked.flat_map(|page| &page.rows).partition(is_again);
        let least = rows.len() + other.len();
        // One of the two lines of a row that is listed twice may have filled the gap.
        let most = least + again.iter().filter(|row| row.twice).count();
        let received = least as i64..=most as i64;
        // Some servers count the rows of an empty page behind the end.
        let counted = pages
            .iter()
            .filter(|page| page.first || !page.rows.is_empty() || page.total != Some(0));
        let totals: BTreeSet<i64> = counted.filter_map(|page| page.total).collect();
        // An answer that fails makes the run fail, unless it is one behind the end, where nothing is missing.
        let is_chain = matches!(scenario.vendor.style, Style::Link(_) | Style::Cursor(_));
        // A server that repeats its last page behind the declared end has no more.
        let by_place = matches!(scenario.vendor.style, Style::Offset | Style::Number);
        let may_end =
            |page: &Served| by_place && page.total.is_some_and(|total| received.contains(&total));
        let is_noticeable = |(number, page): (usize, &&Served)| match page.odd {
            // Not where it was asked for again and then had rows.
            Some(Odd::NoContent) => is_chain && !page.first && number + 1 == pages.len(),
            Some(Odd::SamePage) => {
                scenario.vendor.style != Style::Watermark
                    && !page.first
                    && !page.rows.is_empty()
                    && !may_end(page)
            }
            Some(Odd::BadNext) => is_chain,
            _ => false,
        };
        let odd = pages.iter().enumerate().any(is_noticeable);
        if scenario.vendor.style == Style::Watermark {
            return odd; // rows of one time are read again and again, by design
        }
        // In a list in random order the same rows may be received twice in two readings in a row, as if they were
        // permanent duplicates.
        let doubled = doubled && scenario.vendor.order != Order::Shuffled;
        let total = scenario.is_honest()
            && (totals.len() > 1 || totals.iter().any(|total| !received.contains(total)));
        odd || doubled || total
    }

    /// The list that a row belongs to, if it was asked for and read.
    fn list_of(&self, key: u16) -> Option<List> {
        let list = self.lists.iter().find(|list| list.holds(key)).copied();
        list.filter(|list| !self.failed().contains(list))
    }

    /// Lists of which a page failed.
    fn failed(&self) -> BTreeSet<List> {
        let has_failed = |page: &&&Served| {
            !self.good && matches!(page.odd, Some(Odd::Down | Odd::Cut | Odd::WebPage))
        };
        let failed = self.pages.iter().filter(has_failed);
        failed.map(|page| page.list).collect()
    }

    /// How many readings must miss a row of a list.
    fn confirm(&self, list: List) -> u32 {
        let of =
            |page: &&&Served| page.list == list && !page.rows.is_empty() && !page.is_repeated();
        match self.pages.iter().filter(of).count() {
            0 | 1 => 1,
            _ => 2,
        }
    }
}

/// A version of a row, with when and how it ended.
type Stretch<'a> = (&'a MirrorVersion, Option<(&'a str, &'a str)>);

/// Whether a row is listed.
fn listed(rows: &[VendorRow], key: u16) -> Option<&VendorRow> {
    rows.iter().find(|row| row.key == key && !row.left)
}

impl Laws {
    /// All laws, or the one that the environment names.
    pub(super) fn wanted() -> Self {
        Self {
            only: std::env::var("ROLLBOOK_LAW").ok(),
            ..Self::default()
        }
    }

    /// Ignores violations of other laws than the requested one.
    pub(super) fn of_interest(&self, result: Result<(), Violation>) -> Result<(), Violation> {
        let wanted = |law: Law| match &self.only {
            Some(only) => *only == format!("{law:?}"),
            None => true,
        };
        result.or_else(|violation| match wanted(violation.law) {
            true => Err(violation),
            false => Ok(()),
        })
    }

    /// Checks a run that has ended.
    pub(super) fn after_run(
        &mut self,
        scenario: &Scenario,
        seen: &Seen<'_>,
    ) -> Result<(), Violation> {
        let streams: Vec<&'static str> = seen.after.keys().copied().collect();
        for stream in &streams {
            let history = self.history(stream, &seen.after[stream]);
            self.of_interest(history)?;
            self.of_interest(bad_changes_nothing(scenario, stream, seen))?;
        }
        for stream in streams {
            let Some(record) = seen.last.streams.get(stream) else {
                continue;
            };
            let mut reading = ServedReading::of(stream, seen.served);
            reading.good = record.is_good();
            self.count_misses(scenario, stream, record, &reading, seen);
            let removals = self.removals(scenario, stream, &reading, seen);
            self.of_interest(removals)?;
            if record.is_good() {
                let good = self.good(scenario, stream, &reading, seen);
                self.of_interest(good)?;
                if reading.full {
                    self.of_interest(no_more(scenario, stream, &reading, seen))?;
                }
                for (key, version) in &seen.after[stream].live {
                    let real = versions_are_real(scenario, stream, *key, version, &reading, seen);
                    self.of_interest(real)?;
                }
            }
        }
        Ok(())
    }

    fn count_misses(
        &mut self,
        scenario: &Scenario,
        stream: &'static str,
        record: &StreamRecord,
        reading: &ServedReading<'_>,
        seen: &Seen<'_>,
    ) {
        let keys = reading.keys();
        if record.is_good() || record.outcome == "incomplete" {
            self.misses.retain(|key, _| !keys.contains(key));
        }
        let some_failed = !reading.failed().is_empty();
        if !(reading.full && (record.is_good() || some_failed)) {
            return;
        }
        for key in seen.before[stream].live.keys() {
            let Some(list) = reading.list_of(*key).filter(|_| !keys.contains(key)) else {
                continue;
            };
            let inconsistent = reading.is_inconsistent(list, scenario);
            let listed = (seen.ticks.0..=seen.ticks.1)
                .all(|tick| listed(&seen.world.past[tick], *key).is_some());
            let miss = self.misses.entry(*key).or_insert(Miss {
                readings: 0,
                inconsistent: false,
                listed: true,
            });
            miss.readings += 1;
            miss.inconsistent |= inconsistent;
            miss.listed &= listed;
        }
    }

    fn removals(
        &mut self,
        scenario: &Scenario,
        stream: &'static str,
        reading: &ServedReading<'_>,
        seen: &Seen<'_>,
    ) -> Result<(), Violation> {
        let (before, after) = (&seen.before[stream].live, &seen.after[stream].live);
        let keys = reading.keys();
        for key in before.keys().filter(|key| !after.contains_key(key)) {
            let miss = self.misses.remove(key);
            let said = reading.rows().any(|row| row.key == *key && row.left);
            if said && scenario.vendor.leaves != Leaves::Silently {
                check_stale_removal(scenario, stream, *key, reading, seen)?;
                continue;
            }
            if keys.contains(key) {
                return Err(broken(
                    Law::ReceivedStays,
                    stream,
                    *key,
                    "was received and is removed",
                ));
            }
            let users = &seen.after["users"].live;
            if stream == "marks" && !users.contains_key(&owner(*key)) {
                continue; // its list is no longer asked for
            }
            let Some(miss) = miss else {
                let text = "is removed by a run that did not read its list in full";
                return Err(broken(Law::AbsenceIsConfirmed, stream, *key, text));
            };
            let needed = match reading.list_of(*key) {
                Some(list) if !seen.approved => reading.confirm(list),
                _ => 1,
            };
            let text = format!(
                "is removed after {} of {needed} readings; contradicted: {}; listed throughout: {}",
                miss.readings, miss.inconsistent, miss.listed
            );
            if miss.inconsistent || miss.readings < needed {
                let law = match miss.listed {
                    true => Law::ListedStays,
                    false => Law::AbsenceIsConfirmed,
                };
                return Err(broken(law, stream, *key, &text));
            }
            self.unobservable += u64::from(miss.listed);
        }
        Ok(())
    }

    fn good(
        &mut self,
        scenario: &Scenario,
        stream: &'static str,
        reading: &ServedReading<'_>,
        seen: &Seen<'_>,
    ) -> Result<(), Violation> {
        let shown = &seen.after[stream].live;
        let keys = reading.keys();
        let during = &seen.world.past[seen.ticks.0..=seen.ticks.1];
        let users = &seen.after["users"].live;
        let belongs = |key: u16| match stream {
            "users" => key < 1000,
            "notes" => key >= 1000,
            _ => key >= 1000 && users.contains_key(&owner(key)),
        };
        // Twice the same in random order, as if the duplicates were a habit.
        let by_chance = scenario.vendor.order == Order::Shuffled && reading.has_duplicates();
        let noticed = |key: u16| {
            let mut lists = reading.lists.iter();
            lists.any(|list| list.holds(key) && reading.is_inconsistent(*list, scenario))
        };
        for row in seen.world.now() {
            let throughout = during.iter().all(|rows| listed(rows, row.key).is_some());
            let was_bad = during
                .iter()
                .any(|rows| listed(rows, row.key).is_some_and(|row| row.bad_key));
            if !belongs(row.key) || was_bad || !throughout {
                continue;
            }
            let key = row.key;
            match shown.get(&key) {
                Some(version) if !reading.full && !keys.contains(&key) => {
                    let versions: Vec<&VendorRow> =
                        during.iter().filter_map(|rows| listed(rows, key)).collect();
                    let changed = versions.iter().all(|row| !fits(version, row));
                    if !changed {
                        self.lost.remove(&key);
                    } else if reading.is_odd() || by_chance {
                        self.lost.insert(key);
                    } else if !self.lost.contains(&key) {
                        let text = "has changed, and a good reading of changes did not bring it";
                        return Err(broken(Law::ChangesArrive, stream, key, text));
                    }
                }
                Some(version) => {
                    let mut real = during.iter().filter_map(|rows| listed(rows, key));
                    // A stale response was taken for a current one, which cannot be noticed.
                    let is_old = reading.is_odd() && real.all(|row| !fits(version, row));
                    match is_old {
                        true => self.lost.insert(key),
                        false => self.lost.remove(&key),
                    };
                }
                // A stale response reports the removal, and it cannot be noticed that it is stale.
                None if reading.rows().any(|row| row.key == key && row.left) => {
                    self.unobservable += 1;
                    self.lost.insert(key);
                }
                None if keys.contains(&key) => {
                    let text = "was received and is not in the mirror";
                    return Err(broken(Law::GoodHasAll, stream, key, text));
                }
                None if reading.full && noticed(key) => {
                    self.lost.insert(key);
                    let text = "was listed throughout and not received; the reading contradicts itself, and is good";
                    return Err(broken(Law::GoodHasAll, stream, key, text));
                }
                None if reading.full || reading.is_odd() => {
                    self.unobservable += 1;
                    self.lost.insert(key);
                }
                None if !reading.full && by_chance => {
                    self.unobservable += 1;
                    self.lost.insert(key);
                }
                None if !self.lost.contains(&key) => {
                    let text = "is new, and a good reading of changes did not bring it";
                    return Err(broken(Law::ChangesArrive, stream, key, text));
                }
                None => {}
            }
        }
        Ok(())
    }

    fn history(&mut self, stream: &'static str, shown: &Shown) -> Result<(), Violation> {
        let fault = |key: u16, text: &str| Err(broken(Law::HistoryIsWhole, stream, key, text));
        let versions = shown.versions();
        let known = self.versions.entry(stream).or_default();
        if let Some((key, _)) = known.difference(&versions).next() {
            return fault(
                *key,
                "had a version that is neither live nor in the history",
            );
        }
        known.clone_from(&versions);
        let mut lines: BTreeMap<u16, Vec<Stretch<'_>>> = BTreeMap::new();
        for (key, version, past) in &shown.past {
            let end = Some((past.until.as_str(), past.ended.as_str()));
            lines.entry(*key).or_default().push((version, end));
        }
        for (key, version) in &shown.live {
            lines.entry(*key).or_default().push((version, None));
        }
        for (key, mut line) in lines {
            line.sort_by_key(|(version, end)| (version.since.as_str(), end.is_none()));
            for (place, (version, end)) in line.iter().enumerate() {
                let next = line.get(place + 1).map(|(next, _)| next.since.as_str());
                match (end, next) {
                    (Some((until, _)), _) if *until < version.since.as_str() => {
                        return fault(key, "has a version that ends before it begins");
                    }
                    (Some((until, _)), Some(next)) if next < *until => {
                        return fault(key, "has two versions at one time");
                    }
                    (Some((until, "changed")), next) if next != Some(*until) => {
                        return fault(key, "has a gap after a version that was replaced");
                    }
                    (None, Some(_)) => return fault(key, "has a live version in the middle"),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// If a column orders versions, a stale response that reports a removal is ignored.
fn check_stale_removal(
    scenario: &Scenario,
    stream: &'static str,
    key: u16,
    reading: &ServedReading<'_>,
    seen: &Seen<'_>,
) -> Result<(), Violation> {
    let known = seen.before[stream].live.get(&key);
    let known = known.and_then(|version| version.changed.clone());
    let newer = reading
        .rows()
        .filter(|row| row.key == key && row.left)
        .any(|row| known.as_ref() <= Some(&scalar::to_canonical(row.changed)));
    match scenario.job.newest && !newer {
        true => Err(broken(
            Law::ListedStays,
            stream,
            key,
            "is removed because an answer said so that is older than the row",
        )),
        false => Ok(()),
    }
}

/// A row without a readable key keeps everything; otherwise a row that is not listed is removed or counted as
/// unconfirmed.
fn no_more(
    scenario: &Scenario,
    stream: &'static str,
    reading: &ServedReading<'_>,
    seen: &Seen<'_>,
) -> Result<(), Violation> {
    let shown = &seen.after[stream].live;
    if reading.rows().any(|row| row.bad_key) {
        return Ok(());
    }
    let during = &seen.world.past[seen.ticks.0..=seen.ticks.1];
    let keys = reading.keys();
    let more: Vec<u16> = shown
        .keys()
        .filter(|key| match stream {
            "marks" => reading.lists.contains(&List::Marks(owner(**key))),
            _ => true,
        })
        .filter(|key| !keys.contains(key))
        .filter(|key| during.iter().all(|rows| listed(rows, **key).is_none()))
        .copied()
        .collect();
    let by_absence = stream != "users" || scenario.vendor.leaves != Leaves::WithStatus;
    match more.first() {
        Some(key) if by_absence && more.len() > seen.unconfirmed[stream] => Err(broken(
            Law::GoodHasNoMore,
            stream,
            *key,
            &format!(
                "is not listed, is still in the mirror and is not counted; {} such rows, {} unconfirmed",
                more.len(),
                seen.unconfirmed[stream]
            ),
        )),
        _ => Ok(()),
    }
}

fn versions_are_real(
    scenario: &Scenario,
    stream: &'static str,
    key: u16,
    version: &MirrorVersion,
    reading: &ServedReading<'_>,
    seen: &Seen<'_>,
) -> Result<(), Violation> {
    let before = seen.before[stream].live.get(&key);
    let fault = |text: &str| Err(broken(Law::VersionsAreReal, stream, key, text));
    let received: Vec<&VendorRow> = reading
        .rows()
        .filter(|row| row.key == key && !row.bad_key)
        .collect();
    if received.is_empty() {
        let same = before == Some(version);
        return if same {
            Ok(())
        } else {
            fault("was not received and has another version than before")
        };
    }
    let during = &seen.world.past[seen.ticks.0..=seen.ticks.1];
    let mut real: Vec<&VendorRow> = during
        .iter()
        .flatten()
        .filter(|row| row.key == key)
        .collect();
    let is_stale = reading
        .pages
        .iter()
        .any(|page| matches!(page.odd, Some(Odd::Stale(_) | Odd::SamePage)));
    // Without a change time, or for a new row, a stale version cannot be distinguished from a current one; nor one that
    // is stale and still newer than the stored one.
    let is_newer = |row: &&VendorRow| {
        let stored = before.and_then(|before| before.changed.as_deref());
        stored.is_none_or(|stored| *stored < *scalar::to_canonical(row.changed))
    };
    if is_stale && (!scenario.job.newest || before.is_none()) {
        real.extend(&received);
    } else if is_stale {
        real.extend(received.iter().copied().filter(is_newer));
    }
    let fits_before = |row: &&VendorRow| {
        let kept = before.and_then(|before| before.born.clone());
        let spoilt = row.bad_cell && version.born == kept;
        fits_but_date(version, row) && (spoilt || version.born.as_deref() == Some(&born(row)))
    };
    let kept = is_stale && before == Some(version);
    if kept || real.iter().any(fits_before) {
        return Ok(());
    }
    let (points, born) = (version.points, version.born.as_deref().unwrap_or("null"));
    let before = before.map(|before| before.points);
    fault(&format!(
        "holds version {points:?} born {born}, which the vendor did not have during the run; before: {before:?}"
    ))
}

/// Whether the mirror's version is this one, but for a cell that cannot be read.
pub(super) fn fits(version: &MirrorVersion, row: &VendorRow) -> bool {
    fits_but_date(version, row) && (row.bad_cell || version.born.as_deref() == Some(&born(row)))
}

fn fits_but_date(version: &MirrorVersion, row: &VendorRow) -> bool {
    version.name == name(row)
        && version.points == Some(i64::from(row.version))
        && version.status.as_deref() == Some(status(row))
        && version.changed == Some(scalar::to_canonical(row.changed))
}

fn bad_changes_nothing(
    scenario: &Scenario,
    stream: &'static str,
    seen: &Seen<'_>,
) -> Result<(), Violation> {
    let (before, after) = (&seen.before[stream], &seen.after[stream]);
    let record = seen.last.streams.get(stream);
    let may_write = |record: &StreamRecord| record.is_good() || record.outcome == "incomplete";
    let all = scenario.job.together && !seen.last.streams.values().all(may_write);
    if (all || !record.is_some_and(may_write)) && before != after {
        let outcome = record.map_or("none", |record| record.outcome.as_str());
        let text = format!("the outcome is {outcome}, and rows were written");
        return Err(Violation {
            law: Law::BadChangesNothing,
            text: format!("{stream}: {text}"),
        });
    }
    // Where one list of many fails, rows of the others may still be removed.
    let list_failed = stream == "marks"
        && seen.served.iter().any(|page| {
            matches!(page.odd, Some(Odd::Down | Odd::Cut | Odd::WebPage))
                && stream_of(page.list) == stream
        });
    let incomplete = record.is_some_and(|record| record.outcome == "incomplete") && !list_failed;
    let said = |key: u16| {
        let left = |row: &VendorRow| row.key == key && row.left;
        seen.served.iter().flat_map(|page| &page.rows).any(left)
    };
    let removed = before
        .live
        .keys()
        .find(|key| !after.live.contains_key(key) && !said(**key));
    match removed {
        Some(key) if incomplete => Err(broken(
            Law::BadChangesNothing,
            stream,
            *key,
            "is removed by a run that is incomplete",
        )),
        _ => Ok(()),
    }
}

/// The first difference between the vendor's list and the mirror, as far as the mirror can know it.
pub(super) fn difference(
    scenario: &Scenario,
    world: &World,
    shown: &BTreeMap<&'static str, Shown>,
    with_removals: bool,
) -> Option<String> {
    for (stream, shown) in shown {
        let belongs = |key: u16| (key < 1000) == (*stream == "users");
        for row in world
            .now()
            .iter()
            .filter(|row| belongs(row.key) && !row.left)
        {
            match shown.live.get(&row.key) {
                None => return Some(format!("{stream}: {} is missing", row.key)),
                Some(version) if !fits(version, row) => {
                    return Some(format!("{stream}: {} is another version", row.key));
                }
                Some(_) => {}
            }
        }
        // Without absence a row that was never reported as removed stays.
        let by_absence = *stream != "users" || scenario.vendor.leaves != Leaves::WithStatus;
        let more = |key: &&u16| listed(world.now(), **key).is_none();
        if with_removals
            && by_absence
            && let Some(key) = shown.live.keys().find(more)
        {
            return Some(format!("{stream}: {key} is still there"));
        }
    }
    None
}

fn broken(law: Law, stream: &str, key: u16, text: &str) -> Violation {
    Violation {
        law,
        text: format!("{stream}: row {key} {text}"),
    }
}
