//! Finds combo lists in sheets: one sheet per list, one table with a column for the list, or one column per list.
//!
//! The layout of the vendor's file is not published (wisenet.md 6.1), so headers are matched tolerantly and skipped
//! parts are reported. A name is matched to a similar list only if there is no other candidate.

use std::collections::BTreeMap;

use serde::Serialize;

use super::grid::{Sheet, SheetCell, SheetError, SheetLocation, SheetRow};
use rollbook_core::model::normalize;

/// Rows to search for the header; titles and remarks may be above it.
const HEADER_ROWS: usize = 20;

/// Excel's limit for sheet names; longer names of lists are truncated.
const MAX_SHEET_NAME: usize = 31;

/// A code in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// A text, with leading zeros.
    Text(String),
    /// A number, or a text that looks like one in an untyped file: leading zeros may be lost.
    Number(String),
}

impl Code {
    /// The text in the file.
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(text) => text,
        }
    }
}

/// One entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Its code.
    pub code: Option<Code>,
    /// Its label.
    pub label: Option<String>,
    /// Whether the code may be a label: the file has only one column for the list.
    pub either: bool,
    /// Where it is.
    pub location: SheetLocation,
}

/// One list of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileList {
    /// The mirror's name of the list, else the file's.
    pub name: String,
    /// Whether the mirror has it.
    pub known: bool,
    /// Where it begins.
    pub location: SheetLocation,
    /// Its entries in the file's order.
    pub entries: Vec<FileEntry>,
}

/// The lists of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileLists {
    /// The lists by name.
    pub lists: Vec<FileList>,
    /// What was skipped, and why.
    pub notes: Vec<SheetNote>,
}

/// A skipped part of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SheetNote {
    /// Where.
    pub location: SheetLocation,
    /// Why.
    pub message: String,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    List,
    Code,
    Label,
    Ignored,
}

/// Finds the lists; `known` are those of the mirror. Finding none is an error.
pub fn find_lists(sheets: &[Sheet], known: &[String]) -> Result<FileLists, SheetError> {
    let mut finder = Finder {
        known,
        lists: BTreeMap::new(),
        notes: Vec::new(),
    };
    for sheet in sheets {
        finder.sheet(sheet);
    }
    if finder.lists.is_empty() {
        return Err(SheetError::of_file(
            "no combo list found; a sheet needs a header row with Code and Description, and the list's name as its own \
             name or in a column List; or one column per list with the name in the header",
        ));
    }
    Ok(FileLists {
        lists: finder.lists.into_values().collect(),
        notes: finder.notes,
    })
}

struct Finder<'a> {
    known: &'a [String],
    lists: BTreeMap<String, FileList>,
    notes: Vec<SheetNote>,
}

impl Finder<'_> {
    fn sheet(&mut self, sheet: &Sheet) {
        let head = sheet.rows.iter().take(HEADER_ROWS).position(is_header);
        if let Some(at) = head {
            self.table(sheet, at);
            return;
        }
        let lists = |row: &SheetRow| {
            row.cells.iter().any(|(_, cell)| {
                let name = text_of(cell).and_then(|text| split_header(&text).0);
                name.is_some_and(|name| self.known_list(&name).is_some())
            })
        };
        match sheet.rows.iter().take(HEADER_ROWS).position(lists) {
            Some(at) => self.columns(sheet, at),
            None if sheet.rows.is_empty() => {}
            None => self.note(sheet, None, "no header row found; the sheet is skipped"),
        }
    }

    /// A table with a column of codes or labels: of one list, or with a column that names it.
    fn table(&mut self, sheet: &Sheet, head: usize) {
        let roles = roles(&sheet.rows[head]);
        for row in &sheet.rows[head + 1..] {
            let of = |wanted: Role| roles.iter().find(|(_, role)| *role == wanted);
            let cell = |wanted: Role| {
                let (column, _) = of(wanted)?;
                row.cells
                    .iter()
                    .find(|(at, _)| at == column)
                    .map(|(_, cell)| cell)
            };
            let name = match of(Role::List) {
                Some(_) => cell(Role::List).and_then(text_of),
                None => Some(sheet.name.clone()),
            };
            let (code, label) = (cell(Role::Code), cell(Role::Label));
            if code.is_none() && label.is_none() {
                continue;
            }
            let Some(name) = name else {
                self.note(
                    sheet,
                    Some(row.number),
                    "the row names no list; it is skipped",
                );
                continue;
            };
            self.entry(sheet, row.number, &name, (code, label), false);
        }
    }

    /// Each column, or pair of columns, is a list of its own.
    fn columns(&mut self, sheet: &Sheet, head: usize) {
        let mut lists: Vec<(String, Option<u32>, Option<u32>)> = Vec::new();
        for (column, cell) in &sheet.rows[head].cells {
            let Some((Some(name), role)) = text_of(cell).map(|text| split_header(&text)) else {
                continue;
            };
            let index = lists.iter().position(|(known, ..)| same_list(known, &name));
            let index = index.unwrap_or_else(|| {
                lists.push((name, None, None));
                lists.len() - 1
            });
            match role {
                Some(Role::Ignored | Role::List) => {}
                Some(Role::Label) => lists[index].2 = Some(*column),
                Some(Role::Code) | None => lists[index].1 = Some(*column),
            }
        }
        for row in &sheet.rows[head + 1..] {
            let at = |column: Option<u32>| {
                let column = column?;
                row.cells
                    .iter()
                    .find(|(at, _)| *at == column)
                    .map(|(_, cell)| cell)
            };
            for (name, code, label) in &lists {
                if at(*code).is_some() || at(*label).is_some() {
                    let one = label.is_none();
                    self.entry(sheet, row.number, name, (at(*code), at(*label)), one);
                }
            }
        }
    }

    fn entry(
        &mut self,
        sheet: &Sheet,
        row: u32,
        name: &str,
        (code, label): (Option<&SheetCell>, Option<&SheetCell>),
        either: bool,
    ) {
        for cell in [code, label].into_iter().flatten() {
            if let SheetCell::Other(what) = cell {
                let message =
                    format!("{what} instead of a code or description; the row is skipped");
                self.note(sheet, Some(row), &message);
                return;
            }
        }
        let location = SheetLocation {
            sheet: Some(sheet.name.clone()),
            row: Some(row),
        };
        let known = self.known_list(name).map(str::to_owned);
        let list = self
            .lists
            .entry(known.clone().unwrap_or_else(|| name.trim().to_owned()))
            .or_insert_with_key(|name| FileList {
                name: name.clone(),
                known: known.is_some(),
                location: location.clone(),
                entries: Vec::new(),
            });
        list.entries.push(FileEntry {
            code: code.and_then(|code| code_of(code, sheet.typed)),
            label: label.and_then(text_of),
            either,
            location,
        });
    }

    /// Matches a name to a list of the mirror.
    fn known_list(&self, name: &str) -> Option<&str> {
        let name = name.trim().trim_end_matches('/');
        let name = name.rsplit('/').next().unwrap_or(name); // a path such as /combos/genders
        let mut exact = self
            .known
            .iter()
            .filter(|known| compact(known) == compact(name));
        if let Some(known) = exact.next() {
            return Some(known);
        }
        let is_cut = name.chars().count() == MAX_SHEET_NAME;
        let mut near = self.known.iter().filter(|known| {
            same_list(known, name) || (is_cut && compact(known).starts_with(&compact(name)))
        });
        match (near.next(), near.next()) {
            (Some(known), None) => Some(known),
            _ => None,
        }
    }

    fn note(&mut self, sheet: &Sheet, row: Option<u32>, message: &str) {
        self.notes.push(SheetNote {
            location: SheetLocation {
                sheet: Some(sheet.name.clone()),
                row,
            },
            message: message.to_owned(),
        });
    }
}

fn compact(name: &str) -> String {
    normalize::words(name).replace(' ', "")
}

/// Whether two names differ only in spelling and in singular or plural.
fn same_list(one: &str, other: &str) -> bool {
    let stems = |name: &str| -> String { normalize::words(name).split(' ').map(stem).collect() };
    stems(one) == stems(other)
}

/// The singular of an English word, as far as names of lists need it.
fn stem(word: &str) -> String {
    if let Some(stem) = word.strip_suffix("ies") {
        return format!("{stem}y");
    }
    for ending in ["ses", "xes", "ches"] {
        if word.ends_with(ending) {
            return word[..word.len() - 2].to_owned();
        }
    }
    let is_one = ["ss", "us", "is"]
        .iter()
        .any(|ending| word.ends_with(ending));
    match word.strip_suffix('s') {
        Some(stem) if !is_one => stem.to_owned(),
        _ => word.to_owned(),
    }
}

/// A header row has a column named for codes or labels.
fn is_header(row: &SheetRow) -> bool {
    let roles = roles(row);
    let has = |wanted: Role| roles.iter().any(|(_, role)| *role == wanted);
    has(Role::Label) && (row.cells.len() > 1) || has(Role::Code)
}

fn roles(row: &SheetRow) -> Vec<(u32, Role)> {
    let role = |(column, cell): &(u32, SheetCell)| {
        let words = normalize::words(&text_of(cell)?);
        Some((*column, role_of(&words.replace(' ', ""))?))
    };
    row.cells.iter().filter_map(role).collect()
}

fn role_of(word: &str) -> Option<Role> {
    match word {
        "list" | "combo" | "combolist" | "listname" | "comboname" | "combolistname"
        | "endpoint" => Some(Role::List),
        "code" | "codes" => Some(Role::Code),
        "description" | "label" | "name" | "text" | "meaning" | "longdescription" => {
            Some(Role::Label)
        }
        "id" | "active" | "isactive" => Some(Role::Ignored),
        _ => None,
    }
}

/// Splits `Gender Code` into the list `Gender` and the role of the column.
fn split_header(text: &str) -> (Option<String>, Option<Role>) {
    let text = text.trim();
    let (list, last) = match text.rsplit_once([' ', '_', '-']) {
        Some((list, last)) => (list, last),
        None => return ((!text.is_empty()).then(|| text.to_owned()), None),
    };
    match role_of(&compact(last)) {
        Some(role) if role != Role::List => (Some(list.to_owned()), Some(role)),
        _ => (Some(text.to_owned()), None),
    }
}

fn text_of(cell: &SheetCell) -> Option<String> {
    match cell {
        SheetCell::Text(text) => Some(text.split_whitespace().collect::<Vec<_>>().join(" ")),
        SheetCell::Number(number) => Some(number_text(*number)),
        SheetCell::Boolean(value) => Some(value.to_string()),
        SheetCell::Other(_) => None,
    }
}

/// In an untyped file, a whole number without a leading zero may have lost zeros.
fn code_of(cell: &SheetCell, typed: bool) -> Option<Code> {
    let text = text_of(cell)?;
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let may_have_lost_zeros = match cell {
        SheetCell::Number(_) => true,
        _ => !typed && digits && (text == "0" || !text.starts_with('0')),
    };
    Some(if may_have_lost_zeros {
        Code::Number(text)
    } else {
        Code::Text(text)
    })
}

/// A number as a spreadsheet shows it.
fn number_text(number: f64) -> String {
    const EXACT: f64 = 9_007_199_254_740_992.0; // whole numbers up to here are exact
    if number.fract() == 0.0 && number.abs() <= EXACT {
        format!("{}", number as i64)
    } else {
        number.to_string()
    }
}

#[cfg(test)]
mod tests;
