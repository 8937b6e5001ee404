//! Loads the connectors: those built in, those of the configuration, and what each extends.
//!
//! Reports what is wrong with their form; what their texts mean is worked out elsewhere, which points at the
//! right line by [`Connectors::problem`]. The surprises: an own `x.toml` may extend `x`, and means
//! the one built in; and a built-in connector is read when it is first used.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use serde::Deserialize as _;

use super::builtin::BUILT_IN;
use super::file::{Connector, Setting};
use crate::document::node::{NodeKind, TableEntry};
use crate::document::parse::{Extent, checked_tree, schema};
use crate::document::suggest::{advice, quoted};
use crate::document::text_value::ValueError;
use crate::document::{Document, FileText, Location, Node, Problem, Problems};
use crate::folder::read_folder;
use crate::model::{ColumnName, ConnectorName, StreamName};

/// All connectors, each with everything it extends put into it.
#[derive(Clone, Debug)]
pub struct Connectors {
    by_name: BTreeMap<String, ConnectorSlot>,
    /// Connectors with mistakes: the tree where it is known what it takes from others.
    broken: BTreeMap<String, Option<Node>>,
    /// Those of the configuration.
    own: Vec<String>,
    /// Whether every file of the folder could be read; if not, there may be more connectors than are known.
    is_complete: bool,
}

/// A connector without mistakes.
#[derive(Clone, Debug)]
enum ConnectorSlot {
    Read(Box<Document<Connector>>),
    /// The index in [`BUILT_IN`]. It is read at its first use, once per process: most installations use one or two of
    /// them, and the largest takes longer to read than everything else at start.
    BuiltIn(usize),
}

impl ConnectorSlot {
    fn document(&self) -> &Document<Connector> {
        static BUILT_IN_DOCUMENTS: [OnceLock<Document<Connector>>; BUILT_IN.len()] =
            [const { OnceLock::new() }; BUILT_IN.len()];
        match self {
            Self::Read(document) => document,
            Self::BuiltIn(index) => BUILT_IN_DOCUMENTS[*index].get_or_init(|| {
                let (name, _) = BUILT_IN[*index];
                let read = Connectors::of_used(BUILT_IN, &[], Problems::new(), |used| used == name);
                match read.connectors.by_name.get(name) {
                    Some(Self::Read(document)) => (**document).clone(),
                    _ => unreachable!("a test reads every built-in connector: {}", read.problems),
                }
            }),
        }
    }
}

/// The names that a connector gives to its parts. A part that cannot be read is `None`.
#[derive(Debug)]
pub struct Outline {
    /// The name people know the vendor by; the connector's own name where the title cannot be read.
    pub title: String,
    /// What a source may or must set.
    pub settings: Option<BTreeMap<String, Setting>>,
    /// The streams that are not off.
    pub streams: Option<Vec<String>>,
}

impl Connectors {
    /// Loads what is built in, and over it every `.toml` file of a folder, which need not exist.
    pub fn load(overrides: &Path) -> Result<Self, Problems> {
        Self::read(overrides).all_right()
    }

    /// The same as far as the files can be read, with everything that is wrong with them.
    pub fn read(overrides: &Path) -> LoadedConnectors {
        if !overrides.exists() {
            return Self::with_built_in(&[], Problems::new());
        }
        match read_folder(overrides) {
            Ok(folder) => Self::with_built_in(&folder.files, folder.problems),
            Err(problem) => Self::with_built_in(&[], problem.into()),
        }
    }

    /// These files over what is built in.
    fn with_built_in(own: &[(String, Arc<FileText>)], problems: Problems) -> LoadedConnectors {
        // A file that replaces a built-in connector also replaces what others extend.
        if own
            .iter()
            .any(|(name, _)| BUILT_IN.iter().any(|(other, _)| other == name))
        {
            return Self::of(BUILT_IN, own, problems);
        }
        let mut read = Self::of_used(BUILT_IN, own, problems, |_| false);
        for (index, (name, _)) in BUILT_IN.iter().enumerate() {
            let by_name = &mut read.connectors.by_name;
            by_name.insert((*name).to_owned(), ConnectorSlot::BuiltIn(index));
        }
        read
    }

    /// Only what is built in.
    pub fn built_in() -> Result<Self, Problems> {
        Self::of(BUILT_IN, &[], Problems::new()).all_right()
    }

    /// One connector of this text, over what is built in.
    pub fn of_text(name: &str, text: &str) -> Result<Self, Problems> {
        let file = FileText::new(format!("{name}.toml"), text);
        Self::with_built_in(&[(name.to_owned(), file)], Problems::new()).all_right()
    }

    fn of(
        built_in: &[(&str, &str)],
        own: &[(String, Arc<FileText>)],
        problems: Problems,
    ) -> LoadedConnectors {
        Self::of_used(built_in, own, problems, |_| true)
    }

    /// The own connectors and the built-in ones that are used, with what these extend.
    fn of_used(
        built_in: &[(&str, &str)],
        own: &[(String, Arc<FileText>)],
        mut problems: Problems,
        is_used: impl Fn(&str) -> bool,
    ) -> LoadedConnectors {
        let is_complete = !problems.has_errors();
        let own_names: Vec<String> = own.iter().map(|(name, _)| name.clone()).collect();
        let mut unread: VecDeque<(FileLayer, Arc<FileText>)> = built_in
            .iter()
            .filter(|(name, _)| is_used(name) && !own_names.iter().any(|own| own == name))
            .map(built_in_layer)
            .collect();
        unread.extend(own.iter().map(|(name, file)| {
            let from = FileOrigin::Configuration;
            let name = name.clone();
            (FileLayer { name, from }, Arc::clone(file))
        }));
        let mut layers = Layers(BTreeMap::new());
        while let Some((layer, file)) = unread.pop_front() {
            if layers.0.contains_key(&layer) {
                continue;
            }
            let (tree, found) = read(&layer, &file);
            let state = FileState::of(&file, &found);
            problems.append(found);
            let extends = tree.at(&["extends"]).and_then(Node::text);
            let extended = built_in.iter().find(|(name, _)| Some(*name) == extends);
            unread.extend(extended.map(built_in_layer));
            layers.0.insert(layer, (tree, state));
        }
        let mut connectors = Self {
            by_name: BTreeMap::new(),
            broken: BTreeMap::new(),
            own: own_names,
            is_complete,
        };
        let is_listed =
            |layer: &&FileLayer| layer.from == FileOrigin::Configuration || is_used(&layer.name);
        for layer in layers.uppermost().into_iter().filter(is_listed) {
            let name = layer.name.clone();
            let (tree, state) = match layers.merged(layer, &mut problems) {
                Some(merged) => merged,
                None => {
                    connectors.broken.insert(name, None);
                    continue;
                }
            };
            if state != FileState::Right {
                let outline = (state == FileState::Mistaken).then_some(tree);
                connectors.broken.insert(name, outline);
                continue;
            }
            match Document::of_merged(tree.clone(), &[]) {
                Ok(document) => {
                    connectors
                        .by_name
                        .insert(name, ConnectorSlot::Read(Box::new(document)));
                }
                Err(found) => {
                    problems.append(found);
                    connectors.broken.insert(name, Some(tree));
                }
            }
        }
        LoadedConnectors {
            connectors,
            problems,
        }
    }

    /// The connector of this name, unless it has mistakes.
    pub fn get(&self, name: &str) -> Option<&Connector> {
        Some(&self.document(name)?.value)
    }

    fn document(&self, name: &str) -> Option<&Document<Connector>> {
        self.by_name.get(name).map(ConnectorSlot::document)
    }

    /// The names within a connector, also of one with mistakes; `None` where nothing of it is known.
    pub fn outline(&self, name: &str) -> Option<Outline> {
        let whole = self.document(name).map(|document| &document.tree);
        let tree = whole.or_else(|| self.broken.get(name)?.as_ref())?;
        let settings = match tree.at(&["settings"]) {
            Some(node) => BTreeMap::deserialize(node).ok(),
            None => whole.is_some().then(BTreeMap::new),
        };
        let is_on = |stream: &&TableEntry| {
            let off = stream.value.at(&["off"]).map(Node::kind);
            !matches!(off, Some(NodeKind::Boolean(true)))
        };
        let streams = tree.at(&["streams"]).map(Node::entries);
        let streams = streams.map(|streams| streams.iter().filter(is_on));
        Some(Outline {
            title: tree
                .at(&["title"])
                .and_then(Node::text)
                .unwrap_or(name)
                .to_owned(),
            settings,
            streams: streams.map(|streams| streams.map(|entry| entry.name.clone()).collect()),
        })
    }

    /// Whether there is no connector of this name, right or wrong.
    pub fn is_unknown(&self, name: &str) -> bool {
        self.is_complete && !self.by_name.contains_key(name) && !self.broken.contains_key(name)
    }

    /// The fingerprint of a connector with all that it extends; 0 where there is none.
    pub fn fingerprint(&self, name: &str) -> u64 {
        let document = self.document(name);
        document.map_or(0, |document| document.tree.fingerprint())
    }

    /// The names of the connectors without mistakes, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.by_name.keys().map(String::as_str)
    }

    /// The names of all connectors, those with mistakes last.
    pub fn all_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.names().chain(self.broken.keys().map(String::as_str))
    }

    /// The names of the connectors in the configuration's folder.
    pub fn own_names(&self) -> &[String] {
        &self.own
    }

    /// A problem with the value below these keys of a connector: at the file and line that
    /// hold it, or the nearest key above; at the connector's own file when no key is there.
    pub fn problem(
        &self,
        name: &str,
        path: &[&str],
        message: impl Into<String>,
        help: Option<String>,
    ) -> Problem {
        let Some(document) = self.document(name) else {
            let location = Location::whole(&FileText::new(format!("{name}.toml"), ""));
            return Problem::error(location, message).maybe_help(help);
        };
        let location = document.location(path);
        let inherited = !Arc::ptr_eq(&location.file, document.tree.file());
        let origin = inherited.then(|| format!("{} inherits this from here", quoted(name)));
        let help: Vec<String> = help.into_iter().chain(origin).collect();
        Problem::error(location, message).maybe_help((!help.is_empty()).then(|| help.join("; ")))
    }
}

/// The connectors as far as they can be read, and everything that is wrong with them.
#[derive(Debug)]
pub struct LoadedConnectors {
    /// Those with mistakes are known by name only.
    pub connectors: Connectors,
    /// Errors and notes.
    pub problems: Problems,
}

impl LoadedConnectors {
    /// The connectors, unless one of them has a mistake.
    fn all_right(self) -> Result<Connectors, Problems> {
        match self.problems.has_errors() {
            true => Err(self.problems),
            false => Ok(self.connectors),
        }
    }
}

/// The JSON Schema of a connector.
pub fn connector_schema() -> serde_json::Value {
    schema::<Connector>()
}

/// One file, by its name and origin.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct FileLayer {
    name: String,
    from: FileOrigin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum FileOrigin {
    Program,
    Configuration,
}

/// Whether a file is right by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum FileState {
    Right,
    /// The keys are there, and some of them are wrong.
    Mistaken,
    /// Not TOML: keys may be lost.
    Unreadable,
}

impl FileState {
    fn of(file: &Arc<FileText>, found: &Problems) -> Self {
        match found.has_errors() {
            false => Self::Right,
            true if Node::parse(file).1.has_errors() => Self::Unreadable,
            true => Self::Mistaken,
        }
    }
}

/// Every file's tree and state.
struct Layers(BTreeMap<FileLayer, (Node, FileState)>);

impl Layers {
    /// For each name the file that counts.
    fn uppermost(&self) -> Vec<&FileLayer> {
        let hides = |layer: &FileLayer| {
            layer.from == FileOrigin::Program
                && self.0.contains_key(&FileLayer {
                    name: layer.name.clone(),
                    from: FileOrigin::Configuration,
                })
        };
        self.0.keys().filter(|layer| !hides(layer)).collect()
    }

    /// A file with all that it extends below it, and the worst state among them; `None` when it is not known what
    /// the file extends.
    fn merged(&self, layer: &FileLayer, problems: &mut Problems) -> Option<(Node, FileState)> {
        let mut line = vec![layer];
        while let Some(parent) = self.parent(&line, problems)? {
            line.push(parent);
        }
        let mut state = line.iter().map(|layer| self.0[layer].1).max()?;
        let mut trees = line.iter().rev().map(|layer| self.0[layer].0.clone());
        let mut merged = trees.next()?;
        for tree in trees {
            if state == FileState::Right {
                let found = columns_to_leave_out(&merged, &tree);
                if found.has_errors() {
                    problems.append(found);
                    state = FileState::Mistaken;
                }
            }
            merged = merged.overlaid_with(tree);
            leave_out_columns(&mut merged);
        }
        Some((merged, state))
    }

    /// What the last file of a line of extensions extends; the outer `None` means that it cannot be found.
    fn parent(&self, line: &[&FileLayer], problems: &mut Problems) -> Option<Option<&FileLayer>> {
        let layer = line[line.len() - 1];
        let tree = &self.0[layer].0;
        let Some(extends) = tree.at(&["extends"]) else {
            return Some(None);
        };
        let name = extends.text()?;
        let own = FileLayer {
            name: name.to_owned(),
            from: FileOrigin::Configuration,
        };
        let built_in = FileLayer {
            from: FileOrigin::Program,
            ..own.clone()
        };
        let wanted = if *layer == own || !self.0.contains_key(&own) {
            built_in
        } else {
            own
        };
        let found = self.0.get_key_value(&wanted).map(|(layer, _)| layer);
        // A parent that is missing is reported at the file that names it; a circle at each file in it.
        match found {
            Some(parent) if !line.contains(&parent) => return Some(Some(parent)),
            Some(parent) if parent == line[0] => {
                let start = line[0];
                let location = self.0[start].0.nearest_location(&["extends"]);
                let problem =
                    Problem::error(location, format!("{} extends itself", quoted(&start.name)));
                problems.push(problem.help("extend another connector, or none"));
            }
            None if line.len() == 1 => {
                let names = self
                    .0
                    .keys()
                    .map(|layer| layer.name.as_str())
                    .filter(|name| *name != layer.name);
                let problem = Problem::error(
                    extends.location(),
                    format!("there is no connector {} to extend", quoted(name)),
                );
                problems.push(problem.help(advice(name, names)));
            }
            Some(_) | None => {}
        }
        None
    }
}

fn built_in_layer((name, text): &(&str, &str)) -> (FileLayer, Arc<FileText>) {
    let layer = FileLayer {
        name: (*name).to_owned(),
        from: FileOrigin::Program,
    };
    let file = FileText::new(format!("{name}.toml (built in)"), *text);
    (layer, file)
}

/// Reads one file; one that extends another may leave out what it takes from there.
fn read(layer: &FileLayer, file: &Arc<FileText>) -> (Node, Problems) {
    let (tree, mut problems) =
        checked_tree::<Connector>(file, &[], |tree| match tree.at(&["extends"]) {
            Some(_) => Extent::Part,
            None => Extent::Whole,
        });
    if let Err(error) = layer.name.parse::<ConnectorName>() {
        let problem = Problem::error(
            Location::whole(file),
            format!("a connector is named like its file, and {error}"),
        );
        problems
            .push(problem.maybe_help(error.help.map(|help| format!("rename the file, {help}"))));
    }
    let name = tree.at(&["connector"]);
    let is_named = name
        .and_then(Node::text)
        .is_none_or(|name| name == layer.name);
    // Without `extends` the schema has already called it missing.
    if !is_named || (name.is_none() && tree.at(&["extends"]).is_some()) {
        let problem = Problem::error(
            tree.nearest_location(&["connector"]),
            "`connector` must be the file's name",
        );
        problems.push(problem.help(format!("write `connector = \"{}\"`", layer.name)));
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
    let errors = streams
        .iter()
        .chain(entries(&["settings"]))
        .map(|entry| (entry, entry.name.parse::<StreamName>().err()))
        .chain(columns.map(|entry| (entry, entry.name.parse::<ColumnName>().err())));
    let problem = |(entry, error): (&TableEntry, Option<ValueError>)| {
        let error = error?;
        let location = Location::within(entry.value.file(), entry.key.clone());
        Some(Problem::error(location, error.message).maybe_help(error.help))
    };
    errors.filter_map(problem).collect()
}

/// Columns that `over` leaves out and `below` does not have.
fn columns_to_leave_out(below: &Node, over: &Node) -> Problems {
    let mut problems = Problems::new();
    for stream in over.at(&["streams"]).map(Node::entries).unwrap_or_default() {
        let columns = |tree: &Node| -> Vec<TableEntry> {
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
            let location = Location::within(column.value.file(), column.key.clone());
            let problem = Problem::error(
                location,
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
    let mut left_out = Vec::new();
    let streams = tree.entry_mut("streams").map(Node::entries_mut);
    for stream in streams.unwrap_or_default() {
        let Some(columns) = stream.value.entry_mut("columns") else {
            continue;
        };
        let names = columns.entries().iter();
        let names = names.filter(|column| is_left_out(column));
        let names: Vec<String> = names.map(|column| column.name.clone()).collect();
        columns.retain(|column| !is_left_out(column));
        // What the file below says of such a column need not be written again.
        if let Some(core) = stream.value.entry_mut("core") {
            core.retain_items(|name| !is_in(&names, name));
        }
        let table = &stream.name;
        left_out.extend(names.iter().map(|name| format!("{table}.{name}")));
    }
    let categories = tree.entry_mut("personal").map(Node::entries_mut);
    for category in categories.unwrap_or_default() {
        category.value.retain_items(|name| !is_in(&left_out, name));
    }
}

fn is_in(names: &[String], node: &Node) -> bool {
    node.text()
        .is_some_and(|text| names.iter().any(|name| name == text))
}

fn is_left_out(column: &TableEntry) -> bool {
    matches!(column.value.kind(), NodeKind::Text(text) if text.is_empty())
}

#[cfg(test)]
mod tests;
