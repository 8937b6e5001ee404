//! The 168 combo lists (wisenet.md 6): names, id properties, shapes and contents.
//!
//! Ids are database keys and never the codes, so a client that confuses the two fails here. Every
//! third day one description changes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::edits::Change;

const LISTS: &str = include_str!("data/combos.txt");
const KNOWN: &str = include_str!("data/known.txt");

/// Lists that a customer edits (wisenet.md 6.1): their descriptions change.
const EDITED: &[&str] = &[
    "enrolment-status-reasons",
    "results",
    "target-groups-course-enrolment",
    "target-groups-learner",
];

/// One list.
#[derive(Clone, Debug)]
pub struct Combo {
    /// The ids, in order.
    pub ids: Vec<u64>,
    /// The rows' `Data`, by id.
    pub rows: BTreeMap<u64, Map<String, Value>>,
}

/// All lists of one day, by name.
#[derive(Clone, Debug)]
pub struct Combos(BTreeMap<&'static str, Combo>);

impl Combos {
    /// The lists on a day.
    pub fn of(day: u64) -> Self {
        let known = known();
        let mut lists = BTreeMap::new();
        for line in LISTS.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split_whitespace();
            if let (Some(name), Some(id_property)) = (words.next(), words.next()) {
                let members: Vec<&'static str> = words.collect();
                let seeds = known.get(name).cloned().unwrap_or_else(|| invented(name));
                lists.insert(name, combo(id_property, &members, &seeds));
            }
        }
        for change in 1..=day / 3 {
            let name = EDITED[change as usize % EDITED.len()];
            if let Some(list) = lists.get_mut(name) {
                let index = (change as usize / EDITED.len()) % list.rows.len();
                if let Some(row) = list.rows.values_mut().nth(index) {
                    row.insert(
                        "Description".to_owned(),
                        json!(format!("Reworded on day {}", change * 3)),
                    );
                }
            }
        }
        Self(lists)
    }

    /// The list of this name.
    pub fn get(&self, name: &str) -> Option<&Combo> {
        self.0.get(name)
    }

    /// Rewords or deletes the entry at a position of a list.
    pub(super) fn edit(&mut self, name: &str, change: Change) -> Option<()> {
        let list = self.0.get_mut(name)?;
        let (Change::Touch(index) | Change::Delete(index)) = change else {
            return None;
        };
        let id = *list.ids.get(index)?;
        if change == Change::Delete(index) {
            list.ids.remove(index);
            list.rows.remove(&id)?;
        } else {
            let row = list.rows.get_mut(&id)?;
            row.insert("Description".to_owned(), json!("Reworded by a test"));
        }
        Some(())
    }

    /// Number of rows of all lists.
    pub fn count(&self) -> u64 {
        self.0.values().map(|list| list.rows.len() as u64).sum()
    }

    /// `Relationships` of a row: empty but for two lists (wisenet.md 3.2).
    pub fn relationships(&self, name: &str, row: &Map<String, Value>) -> Value {
        let (list, property, relation) = match name {
            "alert-types" => ("event-types", "EventTypeId", "EventType"),
            // Misspelt on the wire: wisenet.md 10 rule 8.
            "opportunity-stages" => ("win-probabilities", "WinProbablityId", "WinProbability"),
            _ => return json!({}),
        };
        let target = row.get(property).and_then(Value::as_u64);
        let found = target.and_then(|id| self.get(list)?.rows.get(&id).cloned());
        found.map_or_else(|| json!({}), |data| json!({ relation: data }))
    }
}

/// Source of a row: id, code, description, and a long description where there is one.
#[derive(Clone, Debug)]
struct Seed {
    id: u64,
    code: String,
    description: String,
    long: String,
}

fn known() -> BTreeMap<&'static str, Vec<Seed>> {
    let mut lists: BTreeMap<&'static str, Vec<Seed>> = BTreeMap::new();
    let mut name = "";
    for line in KNOWN.lines().filter(|line| !line.starts_with('#')) {
        if let Some(header) = line.strip_prefix('[') {
            name = header.trim_end_matches(']');
            continue;
        }
        let parts: Vec<&str> = line.split('|').collect();
        if let [id, code, description, rest @ ..] = parts.as_slice() {
            lists.entry(name).or_default().push(Seed {
                id: id.parse().unwrap_or_default(),
                code: (*code).to_owned(),
                description: (*description).to_owned(),
                long: rest.first().unwrap_or(description).to_string(),
            });
        }
    }
    lists
}

/// Three to twelve entries derived from the list's name, with gaps in the ids.
fn invented(name: &str) -> Vec<Seed> {
    let weight: usize = name.bytes().map(usize::from).sum();
    let title = name.replace('-', " ");
    (0..3 + weight % 10)
        .map(|index| {
            let letter = char::from(b'A' + index as u8);
            let code = if index == 0 {
                "@@".to_owned()
            } else {
                format!("{index:02}")
            };
            let description = format!("Option {letter} of {title}");
            Seed {
                id: (index * 3 + 1 + weight % 5) as u64,
                code,
                long: description.clone(),
                description,
            }
        })
        .collect()
}

fn combo(id_property: &'static str, members: &[&str], seeds: &[Seed]) -> Combo {
    let ids = seeds.iter().map(|seed| seed.id).collect();
    let rows = seeds
        .iter()
        .enumerate()
        .map(|(index, seed)| {
            let mut row = Map::new();
            row.insert(id_property.to_owned(), json!(seed.id));
            for member in members {
                row.insert(
                    (*member).to_owned(),
                    member_of(seed, member, index, seeds.len()),
                );
            }
            (seed.id, row)
        })
        .collect();
    Combo { ids, rows }
}

fn member_of(seed: &Seed, member: &str, index: usize, count: usize) -> Value {
    match member {
        "Code" => json!(seed.code),
        "Description" | "Name" | "ShortDescription" | "Type" => json!(seed.description),
        "LongDescription" => json!(seed.long),
        // The last entry of an edited list is retired; rows may still reference it.
        "IsActive" => json!(index + 1 < count),
        "Delimiters" if index.is_multiple_of(3) => Value::Null,
        "Delimiters" => json!(if index % 3 == 1 { "N" } else { "N,V,Q" }),
        // The referenced lists have the ids 1, 2 and 5, and 1, 2 and 4.
        "EventTypeId" => json!([1, 2, 5][index % 3]),
        "WinProbablityId" => json!([1, 2, 4][index % 3]),
        "OrderNumber" => json!(index + 1),
        "Value" => json!([50, 100, 0][index % 3]),
        "Symbol" => json!("$"),
        "EntityName" => json!("CourseEnrolment"),
        "Capacity" => json!(10 + index * 5),
        "Fee" => json!(25.0 * index as f64),
        "Location" | "Address1" => json!(format!("{} Kelp Road", index + 1)),
        "Telephone" => json!(format!("+61255501{index:02}")),
        "RoomNumber" => json!(format!("R{:02}", index + 1)),
        "ContactName" => json!("Front desk"),
        "HowToGetThere" => json!("Past the slipway, second door"),
        "Address2" => json!("Quayside"),
        "Address3" if index == 0 => json!("Harbour district"),
        "Notes" if index == 0 => json!("Closed in January"),
        _ => Value::Null,
    }
}
