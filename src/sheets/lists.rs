//! Combo lists in sheets: a sheet a list, one table with a column that names the list, or a column a list.
//!
//! How the vendor's own file is laid out is not published (wisenet.md 6.1), so headers are matched tolerantly and
//! what is passed over is told. A name is only taken for a list's where nothing else comes close.

use std::collections::BTreeMap;

use serde::Serialize;

use super::grid::{Cell, Place, Row, Sheet, SheetError};
use crate::model::folded;

/// Rows in which the header is looked for; titles and remarks may stand above it.
const HEADER_WITHIN: usize = 20;

/// A name of a sheet has at most so many letters, so a longer list's name is cut.
const SHEET_NAME: usize = 31;

/// A code as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// A text, with all its zeros.
    Text(String),
    /// A number, or a text of a file without types that looks like one: zeros in front may be lost.
    Number(String),
}

impl Code {
    /// As it stands there.
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
    /// What it means.
    pub label: Option<String>,
    /// Whether the code may be a label: the file says only one thing of an entry.
    pub either: bool,
    /// Where it stands.
    pub place: Place,
}

/// One list of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileList {
    /// The mirror's name for it; the file's where the mirror has none.
    pub name: String,
    /// Whether the mirror has it.
    pub known: bool,
    /// Where it begins.
    pub place: Place,
    /// Its entries in the file's order.
    pub entries: Vec<FileEntry>,
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileLists {
    /// The lists by name.
    pub lists: Vec<FileList>,
    /// What was passed over, and why.
    pub notes: Vec<Note>,
}

/// Something that was passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Where.
    pub place: Place,
    /// Why.
    pub message: String,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    List,
    Code,
    Label,
    Aside,
}

/// Finds the lists; `known` are those of the mirror. An error when there is none at all.
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
            "no combo list was found; a sheet needs a row of headers with Code and Description, and the list's \
             name as the sheet's or in a column List; or one column for each list, with its name above",
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
    notes: Vec<Note>,
}

impl Finder<'_> {
    fn sheet(&mut self, sheet: &Sheet) {
        let head = sheet.rows.iter().take(HEADER_WITHIN).position(is_header);
        if let Some(at) = head {
            self.table(sheet, at);
            return;
        }
        let lists = |row: &Row| {
            row.cells.iter().any(|(_, cell)| {
                let name = text_of(cell).and_then(|text| split_header(&text).0);
                name.is_some_and(|name| self.known_list(&name).is_some())
            })
        };
        match sheet.rows.iter().take(HEADER_WITHIN).position(lists) {
            Some(at) => self.columns(sheet, at),
            None if sheet.rows.is_empty() => {}
            None => self.note(
                sheet,
                None,
                "no row of headers is understood; the sheet is passed over",
            ),
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
                    "the row names no list; it is passed over",
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
            let place = lists.iter().position(|(known, ..)| same_list(known, &name));
            let place = place.unwrap_or_else(|| {
                lists.push((name, None, None));
                lists.len() - 1
            });
            match role {
                Some(Role::Aside | Role::List) => {}
                Some(Role::Label) => lists[place].2 = Some(*column),
                Some(Role::Code) | None => lists[place].1 = Some(*column),
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
        (code, label): (Option<&Cell>, Option<&Cell>),
        either: bool,
    ) {
        for cell in [code, label].into_iter().flatten() {
            if let Cell::Other(what) = cell {
                let message = format!(
                    "{what} stands where a code or a description should; the row is passed over"
                );
                self.note(sheet, Some(row), &message);
                return;
            }
        }
        let place = Place {
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
                place: place.clone(),
                entries: Vec::new(),
            });
        list.entries.push(FileEntry {
            code: code.and_then(|code| code_of(code, sheet.typed)),
            label: label.and_then(text_of),
            either,
            place,
        });
    }

    /// The list of the mirror that a name means.
    fn known_list(&self, name: &str) -> Option<&str> {
        let name = name.trim().trim_end_matches('/');
        let name = name.rsplit('/').next().unwrap_or(name); // a path such as /combos/genders
        let mut exact = self
            .known
            .iter()
            .filter(|known| squashed(known) == squashed(name));
        if let Some(known) = exact.next() {
            return Some(known);
        }
        let is_cut = name.chars().count() == SHEET_NAME;
        let mut near = self.known.iter().filter(|known| {
            same_list(known, name) || (is_cut && squashed(known).starts_with(&squashed(name)))
        });
        match (near.next(), near.next()) {
            (Some(known), None) => Some(known),
            _ => None,
        }
    }

    fn note(&mut self, sheet: &Sheet, row: Option<u32>, message: &str) {
        self.notes.push(Note {
            place: Place {
                sheet: Some(sheet.name.clone()),
                row,
            },
            message: message.to_owned(),
        });
    }
}

fn squashed(name: &str) -> String {
    folded::words(name).replace(' ', "")
}

/// Whether two names differ only in how they are written, and in one and many.
fn same_list(one: &str, other: &str) -> bool {
    let stems = |name: &str| -> String { folded::words(name).split(' ').map(stem).collect() };
    stems(one) == stems(other)
}

/// A word of English in the singular, as far as names of lists need it.
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

/// A header has a column of codes or of labels, under a name that says nothing else.
fn is_header(row: &Row) -> bool {
    let roles = roles(row);
    let has = |wanted: Role| roles.iter().any(|(_, role)| *role == wanted);
    has(Role::Label) && (row.cells.len() > 1) || has(Role::Code)
}

fn roles(row: &Row) -> Vec<(u32, Role)> {
    let role = |(column, cell): &(u32, Cell)| {
        let words = folded::words(&text_of(cell)?);
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
        "id" | "active" | "isactive" => Some(Role::Aside),
        _ => None,
    }
}

/// `Gender Code` is the list `Gender` and what the column holds of it.
fn split_header(text: &str) -> (Option<String>, Option<Role>) {
    let text = text.trim();
    let (list, last) = match text.rsplit_once([' ', '_', '-']) {
        Some((list, last)) => (list, last),
        None => return ((!text.is_empty()).then(|| text.to_owned()), None),
    };
    match role_of(&squashed(last)) {
        Some(role) if role != Role::List => (Some(list.to_owned()), Some(role)),
        _ => (Some(text.to_owned()), None),
    }
}

fn text_of(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Text(text) => Some(text.split_whitespace().collect::<Vec<_>>().join(" ")),
        Cell::Number(number) => Some(written(*number)),
        Cell::Boolean(value) => Some(value.to_string()),
        Cell::Other(_) => None,
    }
}

/// A whole number without a zero in front is doubted where nothing tells numbers from texts.
fn code_of(cell: &Cell, typed: bool) -> Option<Code> {
    let text = text_of(cell)?;
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_doubted = match cell {
        Cell::Number(_) => true,
        _ => !typed && digits && (text == "0" || !text.starts_with('0')),
    };
    Some(if is_doubted {
        Code::Number(text)
    } else {
        Code::Text(text)
    })
}

/// A number as a spreadsheet shows it.
fn written(number: f64) -> String {
    const EXACT: f64 = 9_007_199_254_740_992.0; // whole numbers up to here are exact
    if number.fract() == 0.0 && number.abs() <= EXACT {
        format!("{}", number as i64)
    } else {
        number.to_string()
    }
}

#[cfg(test)]
mod tests;
