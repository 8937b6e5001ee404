//! What a file of combo lists and the mirror say differently. A pure function; nobody is put right here.
//!
//! Entries meet by code, and where a list has none, by what they mean. Ids are not compared: they are keys of one
//! account's database (wisenet.md 6.1).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::grid::Place;
use super::lists::{Code, FileEntry, FileList, FileLists, Note};
use crate::model::folded;
use crate::model::nearest::nearest;

/// One entry of a list as the mirror has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorEntry {
    /// Its code; some lists have none.
    pub code: Option<String>,
    /// What it means.
    pub label: Option<String>,
    /// Whether it is in use.
    pub active: bool,
}

/// Everything that differs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Lists that say something different, by name.
    pub lists: Vec<ListDifference>,
    /// How many lists say the same.
    pub same_lists: usize,
    /// Lists that the mirror does not have.
    pub only_in_file: Vec<UnknownList>,
    /// Lists that the file does not have, with how many entries the mirror has of them.
    pub only_in_mirror: Vec<MissingList>,
    /// What of the file was passed over.
    pub passed_over: Vec<Note>,
}

/// A list that the mirror does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnknownList {
    /// Its name in the file.
    pub list: String,
    /// Where it begins.
    pub place: Place,
    /// How many entries it has.
    pub entries: usize,
    /// The list of the mirror whose name is nearest.
    pub nearest: Option<String>,
}

/// A list that the file does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MissingList {
    /// Its name.
    pub list: String,
    /// How many entries it has.
    pub entries: usize,
}

/// What one list says differently.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ListDifference {
    /// Its name.
    pub list: String,
    /// Entries that are the same.
    pub same: usize,
    /// Entries that the mirror does not have.
    pub only_in_file: Vec<FileOnly>,
    /// Entries that the file does not have.
    pub only_in_mirror: Vec<MirrorOnly>,
    /// Entries that mean something else, or are worded otherwise.
    pub labels: Vec<LabelDiffers>,
    /// Codes that came as numbers and may have lost zeros in front; nobody guesses which they are.
    pub lost_zeros: Vec<LostZeros>,
    /// Codes that stand in the file more than once.
    pub doubled: Vec<Doubled>,
}

/// An entry that the mirror does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileOnly {
    /// Its code.
    pub code: Option<String>,
    /// What it means.
    pub label: Option<String>,
    /// Where it stands.
    pub place: Place,
}

/// An entry that the file does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MirrorOnly {
    /// Its code.
    pub code: Option<String>,
    /// What it means.
    pub label: Option<String>,
    /// Whether it is in use.
    pub active: bool,
}

/// An entry that means something else, or is worded otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LabelDiffers {
    /// Its code.
    pub code: Option<String>,
    /// What the file says.
    pub file: String,
    /// What the mirror says.
    pub mirror: String,
    /// Where it stands.
    pub place: Place,
}

/// A code that is a number in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LostZeros {
    /// The number.
    pub number: String,
    /// Codes of the mirror that it may have been.
    pub mirror: Vec<String>,
    /// Where it stands.
    pub place: Place,
}

/// A code that stands in the file more than once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Doubled {
    /// The code.
    pub code: String,
    /// Where it stands again.
    pub place: Place,
}

impl ListDifference {
    fn is_none(&self) -> bool {
        self.only_in_file.is_empty()
            && self.only_in_mirror.is_empty()
            && self.labels.is_empty()
            && self.lost_zeros.is_empty()
            && self.doubled.is_empty()
    }
}

impl Comparison {
    /// Whether file and mirror say the same.
    pub fn is_same(&self) -> bool {
        self.lists.is_empty() && self.only_in_file.is_empty() && self.only_in_mirror.is_empty()
    }
}

/// Compares a file with the lists of one source.
pub fn compare(file: FileLists, mirror: &BTreeMap<String, Vec<MirrorEntry>>) -> Comparison {
    let mut found = Comparison {
        passed_over: file.notes,
        ..Comparison::default()
    };
    let mut seen = BTreeSet::new();
    for list in &file.lists {
        match mirror.get(&list.name) {
            Some(entries) => {
                seen.insert(list.name.as_str());
                let difference = of_list(list, entries);
                if difference.is_none() {
                    found.same_lists += 1;
                } else {
                    found.lists.push(difference);
                }
            }
            None => found.only_in_file.push(UnknownList {
                list: list.name.clone(),
                place: list.place.clone(),
                entries: list.entries.len(),
                nearest: nearest(&list.name, mirror.keys().map(String::as_str)).map(str::to_owned),
            }),
        }
    }
    let missing = mirror
        .iter()
        .filter(|(name, _)| !seen.contains(name.as_str()));
    found.only_in_mirror = missing
        .map(|(name, entries)| MissingList {
            list: name.clone(),
            entries: entries.len(),
        })
        .collect();
    found
}

/// The mirror's side of a list while the file's entries come by.
struct Met<'a> {
    entries: &'a [MirrorEntry],
    codes: BTreeMap<&'a str, Vec<usize>>,
    labels: BTreeMap<String, Vec<usize>>,
    met: Vec<bool>,
    difference: ListDifference,
}

fn of_list(list: &FileList, entries: &[MirrorEntry]) -> ListDifference {
    let mut met = Met {
        entries,
        codes: BTreeMap::new(),
        labels: BTreeMap::new(),
        met: vec![false; entries.len()],
        difference: ListDifference {
            list: list.name.clone(),
            ..ListDifference::default()
        },
    };
    for (place, entry) in entries.iter().enumerate() {
        if let Some(code) = &entry.code {
            met.codes.entry(code).or_default().push(place);
        }
        if let Some(label) = &entry.label {
            met.labels
                .entry(folded::words(label))
                .or_default()
                .push(place);
        }
    }
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &list.entries {
        if met.is_doubled(entry, &mut times) {
            met.difference.doubled.push(Doubled {
                code: entry.code.as_ref().map_or("", Code::text).to_owned(),
                place: entry.place.clone(),
            });
        } else {
            met.meet(entry);
        }
    }
    met.rest()
}

impl Met<'_> {
    /// A code that stands in the file more often than in the mirror, where one may be retired and come anew.
    fn is_doubled<'f>(&self, entry: &'f FileEntry, times: &mut BTreeMap<&'f str, usize>) -> bool {
        let Some(code) = entry.code.as_ref().map(Code::text) else {
            return false;
        };
        let so_far = times.entry(code).or_default();
        *so_far += 1;
        *so_far > self.codes.get(code).map_or(1, Vec::len)
    }

    fn meet(&mut self, entry: &FileEntry) {
        let code = entry.code.as_ref();
        if let Some(found) = code.and_then(|code| self.codes.get(code.text())).cloned() {
            return self.meet_by_code(entry, &found);
        }
        if let Some(Code::Number(number)) = code {
            let may_be: Vec<usize> = self
                .codes
                .iter()
                .filter(|(code, _)| code.trim_start_matches('0') == number.trim_start_matches('0'))
                .flat_map(|(_, places)| places.clone())
                .collect();
            if !may_be.is_empty() {
                return self.doubt(entry, number, &may_be);
            }
        }
        let label = match (&entry.label, code) {
            (None, Some(code)) if entry.either => Some(code.text()),
            (label, _) => label.as_deref(),
        };
        // Where both have codes, the same words under another code are another entry.
        let by_label = entry.either || code.is_none() || self.codes.is_empty();
        let found = label
            .filter(|_| by_label)
            .and_then(|label| self.labels.get(&folded::words(label)))
            .cloned();
        match (found, label) {
            (Some(found), Some(label)) => self.same_or_worded(None, label, &found, entry),
            _ => self.difference.only_in_file.push(FileOnly {
                code: code.map(|code| code.text().to_owned()),
                label: entry.label.clone(),
                place: entry.place.clone(),
            }),
        }
    }

    fn meet_by_code(&mut self, entry: &FileEntry, found: &[usize]) {
        let code = entry.code.as_ref().map(|code| code.text().to_owned());
        match &entry.label {
            Some(label) => self.same_or_worded(code, label, found, entry),
            None => {
                found.iter().for_each(|place| self.met[*place] = true);
                self.difference.same += 1;
            }
        }
    }

    /// One of the mirror's entries may say the same words; else they differ from the first.
    fn same_or_worded(
        &mut self,
        code: Option<String>,
        label: &str,
        found: &[usize],
        entry: &FileEntry,
    ) {
        found.iter().for_each(|place| self.met[*place] = true);
        let labels = found
            .iter()
            .filter_map(|place| self.entries[*place].label.as_deref());
        let labels: Vec<String> = labels.map(plain).collect();
        match labels.first() {
            Some(first) if !labels.contains(&plain(label)) => {
                self.difference.labels.push(LabelDiffers {
                    code,
                    file: label.to_owned(),
                    mirror: first.clone(),
                    place: entry.place.clone(),
                });
            }
            _ => self.difference.same += 1,
        }
    }

    fn doubt(&mut self, entry: &FileEntry, number: &str, may_be: &[usize]) {
        may_be.iter().for_each(|place| self.met[*place] = true);
        let codes = may_be
            .iter()
            .filter_map(|place| self.entries[*place].code.clone());
        let codes: BTreeSet<String> = codes.collect();
        self.difference.lost_zeros.push(LostZeros {
            number: number.to_owned(),
            mirror: codes.into_iter().collect(),
            place: entry.place.clone(),
        });
    }

    fn rest(mut self) -> ListDifference {
        let rest = self.entries.iter().zip(&self.met).filter(|(_, met)| !**met);
        self.difference.only_in_mirror = rest
            .map(|(entry, _)| MirrorOnly {
                code: entry.code.clone(),
                label: entry.label.clone(),
                active: entry.active,
            })
            .collect();
        self.difference
    }
}

/// Without blanks that nobody sees.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
