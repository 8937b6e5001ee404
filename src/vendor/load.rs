//! Loads the vendor descriptions: those built in, those of the configuration, and what each extends.
//!
//! Says what is wrong with their shape; what their texts mean is worked out elsewhere, which points at the
//! right line by [`Descriptions::problem`]. The surprise: an own `x.toml` may extend `x`, and means
//! the one built in.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::builtin::BUILT_IN;
use super::description::Description;
use crate::folder::read_folder;
use crate::model::document::{Extent, checked_tree, schema};
use crate::model::nearest::{advice, quoted};
use crate::model::node::{Entry, Kind};
use crate::model::spelled::Complaint;
use crate::model::{
    ColumnName, Document, FileText, Node, Place, Problem, Problems, StreamName, VendorName,
};

/// All vendor descriptions, each with everything it extends put into it.
#[derive(Clone, Debug)]
pub struct Descriptions {
    by_name: BTreeMap<String, Document<Description>>,
    /// What is worth knowing and not in the way.
    pub notes: Problems,
}

impl Descriptions {
    /// Loads what is built in, and over it every `.toml` file of a folder, which need not exist.
    pub fn load(overrides: &Path) -> Result<Self, Problems> {
        let mut own = Vec::new();
        let mut problems = Problems::new();
        if overrides.exists() {
            let folder = read_folder(overrides)?;
            own = folder.files;
            problems = folder.problems;
        }
        Self::of(BUILT_IN, &own, problems)
    }

    /// Only what is built in.
    pub fn built_in() -> Result<Self, Problems> {
        Self::of(BUILT_IN, &[], Problems::new())
    }

    fn of(
        built_in: &[(&str, &str)],
        own: &[(String, Arc<FileText>)],
        mut problems: Problems,
    ) -> Result<Self, Problems> {
        let built_in = built_in.iter().map(|(name, text)| {
            let file = FileText::new(format!("{name}.toml (built in)"), *text);
            (
                Layer {
                    name: (*name).to_owned(),
                    from: Origin::Program,
                },
                file,
            )
        });
        let own = own.iter().map(|(name, file)| {
            (
                Layer {
                    name: name.clone(),
                    from: Origin::Configuration,
                },
                Arc::clone(file),
            )
        });
        let mut layers = Layers(BTreeMap::new());
        for (layer, file) in built_in.chain(own) {
            let (tree, found) = read(&layer, &file);
            let clean = !found.has_errors();
            problems.append(found);
            layers.0.insert(layer, (tree, clean));
        }
        let mut by_name = BTreeMap::new();
        for layer in layers.uppermost() {
            let Some(tree) = layers.merged(layer, &mut problems) else {
                continue;
            };
            match Document::of_merged(tree, &[]) {
                Ok(document) => {
                    by_name.insert(layer.name.clone(), document);
                }
                Err(found) => problems.append(found),
            }
        }
        if problems.has_errors() {
            Err(problems)
        } else {
            Ok(Self {
                by_name,
                notes: problems,
            })
        }
    }

    /// The description of a vendor.
    pub fn get(&self, vendor: &str) -> Option<&Description> {
        self.by_name.get(vendor).map(|document| &document.value)
    }

    /// The fingerprint of a vendor's description with all that it extends; 0 where there is none.
    pub fn fingerprint(&self, vendor: &str) -> u64 {
        let document = self.by_name.get(vendor);
        document.map_or(0, |document| document.tree.fingerprint())
    }

    /// The names of all vendors, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.by_name.keys().map(String::as_str)
    }

    /// A problem with the value below these keys of a vendor's description: at the file and line that
    /// say it, or the nearest key above; at the vendor's own file when no key is there.
    pub fn problem(
        &self,
        vendor: &str,
        path: &[&str],
        message: impl Into<String>,
        help: Option<String>,
    ) -> Problem {
        let Some(document) = self.by_name.get(vendor) else {
            let place = Place::whole(&FileText::new(format!("{vendor}.toml"), ""));
            return Problem::error(place, message).maybe_help(help);
        };
        let place = document.place(path);
        let inherited = !Arc::ptr_eq(&place.file, document.tree.file());
        let origin = inherited.then(|| format!("{} takes this from here", quoted(vendor)));
        let help: Vec<String> = help.into_iter().chain(origin).collect();
        Problem::error(place, message).maybe_help((!help.is_empty()).then(|| help.join("; ")))
    }
}

/// The JSON Schema of a vendor description.
pub fn description_schema() -> serde_json::Value {
    schema::<Description>()
}

/// One file, by its name and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Layer {
    name: String,
    from: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    Program,
    Configuration,
}

/// Every file's tree, and whether it is right by itself.
struct Layers(BTreeMap<Layer, (Node, bool)>);

impl Layers {
    /// For each name the file that counts.
    fn uppermost(&self) -> Vec<&Layer> {
        let hides = |layer: &Layer| {
            layer.from == Origin::Program
                && self.0.contains_key(&Layer {
                    name: layer.name.clone(),
                    from: Origin::Configuration,
                })
        };
        self.0.keys().filter(|layer| !hides(layer)).collect()
    }

    /// A file with all that it extends below it; `None` when something in the chain is wrong.
    fn merged(&self, layer: &Layer, problems: &mut Problems) -> Option<Node> {
        let mut chain = vec![layer];
        while let Some(parent) = self.parent(&chain, problems)? {
            chain.push(parent);
        }
        if chain.iter().any(|layer| !self.0[layer].1) {
            return None;
        }
        let mut trees = chain.iter().rev().map(|layer| self.0[layer].0.clone());
        let mut merged = trees.next()?;
        for tree in trees {
            let found = columns_to_leave_out(&merged, &tree);
            if found.has_errors() {
                problems.append(found);
                return None;
            }
            merged = merged.overlaid_with(tree);
            leave_out_columns(&mut merged);
        }
        Some(merged)
    }

    /// What the last of a chain extends; the outer `None` means that it cannot be found.
    fn parent(&self, chain: &[&Layer], problems: &mut Problems) -> Option<Option<&Layer>> {
        let layer = chain[chain.len() - 1];
        let tree = &self.0[layer].0;
        let Some(extends) = tree.at(&["extends"]) else {
            return Some(None);
        };
        let name = extends.text()?;
        let own = Layer {
            name: name.to_owned(),
            from: Origin::Configuration,
        };
        let built_in = Layer {
            from: Origin::Program,
            ..own.clone()
        };
        let wanted = if *layer == own || !self.0.contains_key(&own) {
            built_in
        } else {
            own
        };
        let found = self.0.get_key_value(&wanted).map(|(layer, _)| layer);
        // A chain through a broken file is told of once, where it breaks; a circle at each file in it.
        match found {
            Some(parent) if !chain.contains(&parent) => return Some(Some(parent)),
            Some(parent) if parent == chain[0] => {
                let start = chain[0];
                let place = self.0[start].0.nearest_place(&["extends"]);
                let problem = Problem::error(
                    place,
                    format!("{} extends itself in the end", quoted(&start.name)),
                );
                problems.push(problem.help("extend another description, or none"));
            }
            None if chain.len() == 1 => {
                let names = self
                    .0
                    .keys()
                    .map(|layer| layer.name.as_str())
                    .filter(|name| *name != layer.name);
                let problem = Problem::error(
                    extends.place(),
                    format!("there is no description {} to extend", quoted(name)),
                );
                problems.push(problem.help(advice(name, names)));
            }
            Some(_) | None => {}
        }
        None
    }
}

/// Reads one file; one that extends another may leave out what it takes from there.
fn read(layer: &Layer, file: &Arc<FileText>) -> (Node, Problems) {
    let (tree, mut problems) =
        checked_tree::<Description>(file, &[], |tree| match tree.at(&["extends"]) {
            Some(_) => Extent::Part,
            None => Extent::Whole,
        });
    if let Err(complaint) = layer.name.parse::<VendorName>() {
        let problem = Problem::error(
            Place::whole(file),
            format!("a description is named like its file, and {complaint}"),
        );
        problems.push(
            problem.maybe_help(
                complaint
                    .help
                    .map(|help| format!("rename the file, {help}")),
            ),
        );
    }
    let vendor = tree.at(&["vendor"]);
    let is_named = vendor
        .and_then(Node::text)
        .is_none_or(|vendor| vendor == layer.name);
    // Without `extends` the schema has already called it missing.
    if !is_named || (vendor.is_none() && tree.at(&["extends"]).is_some()) {
        let problem = Problem::error(
            tree.nearest_place(&["vendor"]),
            "`vendor` must be the file's name",
        );
        problems.push(problem.help(format!("write `vendor = \"{}\"`", layer.name)));
    }
    problems.extend(odd_names(&tree));
    (tree, problems)
}

/// Names that become parts of table and column names.
fn odd_names(tree: &Node) -> Vec<Problem> {
    let entries = |path: &[&str]| tree.at(path).map(Node::entries).unwrap_or_default();
    let streams = entries(&["streams"]);
    let columns = streams
        .iter()
        .flat_map(|stream| entries(&["streams", &stream.name, "columns"]));
    let complaints = streams
        .iter()
        .chain(entries(&["settings"]))
        .map(|entry| (entry, entry.name.parse::<StreamName>().err()))
        .chain(columns.map(|entry| (entry, entry.name.parse::<ColumnName>().err())));
    let problem = |(entry, complaint): (&Entry, Option<Complaint>)| {
        let complaint = complaint?;
        let place = Place::within(entry.value.file(), entry.key.clone());
        Some(Problem::error(place, complaint.message).maybe_help(complaint.help))
    };
    complaints.filter_map(problem).collect()
}

/// Columns that `over` takes away from `below`, where there is none.
fn columns_to_leave_out(below: &Node, over: &Node) -> Problems {
    let mut problems = Problems::new();
    for stream in over.at(&["streams"]).map(Node::entries).unwrap_or_default() {
        let columns = |tree: &Node| -> Vec<Entry> {
            let path = ["streams", stream.name.as_str(), "columns"];
            tree.at(&path)
                .map(Node::entries)
                .unwrap_or_default()
                .to_vec()
        };
        let known = columns(below);
        for column in columns(over).iter().filter(|column| is_left_out(column)) {
            if known.iter().any(|other| other.name == column.name) {
                continue;
            }
            let place = Place::within(column.value.file(), column.key.clone());
            let problem = Problem::error(
                place,
                format!("there is no column {} to leave out", quoted(&column.name)),
            );
            problems.push(problem.help(advice(
                &column.name,
                known.iter().map(|column| column.name.as_str()),
            )));
        }
    }
    problems
}

fn leave_out_columns(tree: &mut Node) {
    let Some(streams) = tree.entry_mut("streams") else {
        return;
    };
    for stream in streams.entries_mut() {
        if let Some(columns) = stream.value.entry_mut("columns") {
            columns.retain(|column| !is_left_out(column));
        }
    }
}

fn is_left_out(column: &Entry) -> bool {
    matches!(column.value.kind(), Kind::Text(text) if text.is_empty())
}

#[cfg(test)]
mod tests;
