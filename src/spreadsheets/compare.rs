//! Compares a file of combo lists with the mirror. A pure function.
//!
//! Entries are matched by code, and in lists without codes by label. Ids are not compared: they are keys of one
//! account's database (wisenet.md 6.1).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::grid::SheetLocation;
use super::lists::{Code, FileEntry, FileList, FileLists, SheetNote};
use rollbook_core::document::suggest::suggest;
use rollbook_core::model::normalize;

/// One entry of a list as the mirror has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorEntry {
    /// Its code; some lists have none.
    pub code: Option<String>,
    /// Its label.
    pub label: Option<String>,
    /// Whether it is in use.
    pub active: bool,
}

/// The differences.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Lists that differ, by name.
    pub lists: Vec<ListDifference>,
    /// Number of lists without differences.
    pub same_lists: usize,
    /// Lists that the mirror does not have.
    pub only_in_file: Vec<UnknownList>,
    /// Lists that the file does not have.
    pub only_in_mirror: Vec<MissingList>,
    /// Parts of the file that were skipped.
    pub skipped: Vec<SheetNote>,
}

/// A list that the mirror does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnknownList {
    /// Its name in the file.
    pub list: String,
    /// Where it begins.
    pub location: SheetLocation,
    /// Number of entries.
    pub entries: usize,
    /// The mirror's list with the most similar name.
    pub suggestion: Option<String>,
}

/// A list that the file does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MissingList {
    /// Its name.
    pub list: String,
    /// Number of entries.
    pub entries: usize,
}

/// The differences of one list.
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
    /// Entries with another label.
    pub labels: Vec<LabelDiffers>,
    /// Codes that are numbers in the file and may have lost leading zeros.
    pub lost_zeros: Vec<LostZeros>,
    /// Codes that are listed more than once in the file.
    pub duplicates: Vec<Duplicate>,
}

/// An entry that the mirror does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileOnly {
    /// Its code.
    pub code: Option<String>,
    /// Its label.
    pub label: Option<String>,
    /// Where it is.
    pub location: SheetLocation,
}

/// An entry that the file does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MirrorOnly {
    /// Its code.
    pub code: Option<String>,
    /// Its label.
    pub label: Option<String>,
    /// Whether it is in use.
    pub active: bool,
}

/// An entry with another label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LabelDiffers {
    /// Its code.
    pub code: Option<String>,
    /// The label in the file.
    pub file: String,
    /// The label in the mirror.
    pub mirror: String,
    /// Where it is.
    pub location: SheetLocation,
}

/// A code that is a number in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LostZeros {
    /// The number.
    pub number: String,
    /// Codes of the mirror that it may be.
    pub mirror: Vec<String>,
    /// Where it is.
    pub location: SheetLocation,
}

/// A code that is listed more than once in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Duplicate {
    /// The code.
    pub code: String,
    /// Where it is repeated.
    pub location: SheetLocation,
}

impl ListDifference {
    fn is_none(&self) -> bool {
        self.only_in_file.is_empty()
            && self.only_in_mirror.is_empty()
            && self.labels.is_empty()
            && self.lost_zeros.is_empty()
            && self.duplicates.is_empty()
    }
}

impl Comparison {
    /// Whether there are no differences.
    pub fn is_same(&self) -> bool {
        self.lists.is_empty() && self.only_in_file.is_empty() && self.only_in_mirror.is_empty()
    }
}

/// Compares a file with the lists of one source.
pub fn compare(file: FileLists, mirror: &BTreeMap<String, Vec<MirrorEntry>>) -> Comparison {
    let mut found = Comparison {
        skipped: file.notes,
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
                location: list.location.clone(),
                entries: list.entries.len(),
                suggestion: suggest(&list.name, mirror.keys().map(String::as_str))
                    .map(str::to_owned),
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

/// Matches the file's entries of one list with the mirror's.
struct Matcher<'a> {
    entries: &'a [MirrorEntry],
    codes: BTreeMap<&'a str, Vec<usize>>,
    labels: BTreeMap<String, Vec<usize>>,
    met: Vec<bool>,
    difference: ListDifference,
}

fn of_list(list: &FileList, entries: &[MirrorEntry]) -> ListDifference {
    let mut matcher = Matcher {
        entries,
        codes: BTreeMap::new(),
        labels: BTreeMap::new(),
        met: vec![false; entries.len()],
        difference: ListDifference {
            list: list.name.clone(),
            ..ListDifference::default()
        },
    };
    for (index, entry) in entries.iter().enumerate() {
        if let Some(code) = &entry.code {
            matcher.codes.entry(code).or_default().push(index);
        }
        if let Some(label) = &entry.label {
            matcher
                .labels
                .entry(normalize::words(label))
                .or_default()
                .push(index);
        }
    }
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &list.entries {
        if matcher.is_duplicate(entry, &mut times) {
            matcher.difference.duplicates.push(Duplicate {
                code: entry.code.as_ref().map_or("", Code::text).to_owned(),
                location: entry.location.clone(),
            });
        } else {
            matcher.match_entry(entry);
        }
    }
    matcher.rest()
}

impl Matcher<'_> {
    /// A code is a duplicate if it is more frequent in the file than in the mirror, which may have a retired entry too.
    fn is_duplicate<'f>(&self, entry: &'f FileEntry, times: &mut BTreeMap<&'f str, usize>) -> bool {
        let Some(code) = entry.code.as_ref().map(Code::text) else {
            return false;
        };
        let so_far = times.entry(code).or_default();
        *so_far += 1;
        *so_far > self.codes.get(code).map_or(1, Vec::len)
    }

    fn match_entry(&mut self, entry: &FileEntry) {
        let code = entry.code.as_ref();
        if let Some(found) = code.and_then(|code| self.codes.get(code.text())).cloned() {
            return self.match_by_code(entry, &found);
        }
        if let Some(Code::Number(number)) = code {
            let candidates: Vec<usize> = self
                .codes
                .iter()
                .filter(|(code, _)| code.trim_start_matches('0') == number.trim_start_matches('0'))
                .flat_map(|(_, indices)| indices.clone())
                .collect();
            if !candidates.is_empty() {
                return self.note_lost_zeros(entry, number, &candidates);
            }
        }
        let label = match (&entry.label, code) {
            (None, Some(code)) if entry.either => Some(code.text()),
            (label, _) => label.as_deref(),
        };
        // If both have codes, the same label under another code is another entry.
        let by_label = entry.either || code.is_none() || self.codes.is_empty();
        let found = label
            .filter(|_| by_label)
            .and_then(|label| self.labels.get(&normalize::words(label)))
            .cloned();
        match (found, label) {
            (Some(found), Some(label)) => self.same_or_worded(None, label, &found, entry),
            _ => self.difference.only_in_file.push(FileOnly {
                code: code.map(|code| code.text().to_owned()),
                label: entry.label.clone(),
                location: entry.location.clone(),
            }),
        }
    }

    fn match_by_code(&mut self, entry: &FileEntry, found: &[usize]) {
        let code = entry.code.as_ref().map(|code| code.text().to_owned());
        match &entry.label {
            Some(label) => self.same_or_worded(code, label, found, entry),
            None => {
                found.iter().for_each(|index| self.met[*index] = true);
                self.difference.same += 1;
            }
        }
    }

    /// Compares the label with those of the mirror's entries; if none is equal, reports the first.
    fn same_or_worded(
        &mut self,
        code: Option<String>,
        label: &str,
        found: &[usize],
        entry: &FileEntry,
    ) {
        found.iter().for_each(|index| self.met[*index] = true);
        let labels = found
            .iter()
            .filter_map(|index| self.entries[*index].label.as_deref());
        let labels: Vec<String> = labels.map(plain).collect();
        match labels.first() {
            Some(first) if !labels.contains(&plain(label)) => {
                self.difference.labels.push(LabelDiffers {
                    code,
                    file: label.to_owned(),
                    mirror: first.clone(),
                    location: entry.location.clone(),
                });
            }
            _ => self.difference.same += 1,
        }
    }

    fn note_lost_zeros(&mut self, entry: &FileEntry, number: &str, candidates: &[usize]) {
        candidates.iter().for_each(|index| self.met[*index] = true);
        let codes = candidates
            .iter()
            .filter_map(|index| self.entries[*index].code.clone());
        let codes: BTreeSet<String> = codes.collect();
        self.difference.lost_zeros.push(LostZeros {
            number: number.to_owned(),
            mirror: codes.into_iter().collect(),
            location: entry.location.clone(),
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

/// Normalizes whitespace.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
