//! Which columns of a stream a job mirrors, and why: `preset`, `keep` and `drop`; and which of them masked.
//!
//! Pure. What the engine needs, and references to streams of the same job, are mirrored whatever is listed; `drop`
//! alone can leave out a reference.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::setup::files::Preset;
use rollbook_core::connector::api::StreamSpec;
use rollbook_core::document::Node;
use rollbook_core::document::node::TableEntry;
use rollbook_core::model::Masking;

/// What a job says about the columns of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnChoice {
    /// The stream's own preset, else the job's.
    pub preset: Option<Preset>,
    /// `None` where the key is not there: an empty list is a list.
    pub keep: Option<BTreeSet<String>>,
    /// What is left out.
    pub drop: BTreeSet<String>,
    /// What is pseudonymised.
    pub pseudonymise: BTreeSet<String>,
    /// Dates that are truncated, and how.
    pub truncate: BTreeMap<String, Masking>,
    /// The column that says how long a row is kept.
    pub retain: Option<String>,
    /// The streams that the job reads.
    pub streams: BTreeSet<String>,
}

/// Why a column is mirrored or left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnReason {
    /// Mirrored: it is a part of the key.
    Key,
    /// Mirrored: the engine compares, orders or finds rows by it.
    Engine,
    /// Mirrored: it refers to a stream that the job reads.
    Reference,
    /// Mirrored: the preset `core` lists it.
    Core,
    /// Mirrored: `keep` lists it.
    Keep,
    /// Mirrored: the job leaves out nothing that it does not name.
    Full,
    /// Left out: `drop` lists it.
    Dropped,
    /// Left out: the preset `core` does not list it.
    NotCore,
    /// Left out: `keep` does not list it.
    NotKept,
}

impl ColumnReason {
    /// Whether the column is mirrored.
    pub fn is_mirrored(self) -> bool {
        match self {
            Self::Key | Self::Engine | Self::Reference | Self::Core | Self::Keep | Self::Full => {
                true
            }
            Self::Dropped | Self::NotCore | Self::NotKept => false,
        }
    }

    /// The text in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Engine => "needed",
            Self::Reference => "reference",
            Self::Core => "core",
            Self::Keep => "keep",
            Self::Full => "full",
            Self::Dropped => "drop",
            Self::NotCore => "not in core",
            Self::NotKept => "not in keep",
        }
    }
}

impl ColumnChoice {
    /// What a job's file says, as far as it can be read.
    pub(super) fn of(tree: &Node, stream: &str) -> Self {
        let list = |key: &str| {
            let items = tree.at(&["stream", stream, key]).map(Node::items)?;
            let names = items.iter().filter_map(Node::text);
            Some(names.map(str::to_owned).collect::<BTreeSet<_>>())
        };
        let preset = |path: &[&str]| Preset::of(tree.at(path)?.text()?);
        let cut = tree.at(&["stream", stream, "truncate"]);
        let cut = cut.map(Node::entries).unwrap_or_default();
        let truncated = |entry: &TableEntry| {
            let masking = Masking::parse(entry.value.text()?)?;
            Some((entry.name.clone(), masking))
        };
        let streams = tree.at(&["streams"]).map(Node::items).unwrap_or_default();
        Self {
            preset: preset(&["stream", stream, "preset"]).or_else(|| preset(&["preset"])),
            keep: list("keep"),
            drop: list("drop").unwrap_or_default(),
            pseudonymise: list("pseudonymise").unwrap_or_default(),
            truncate: cut.iter().filter_map(truncated).collect(),
            retain: tree
                .at(&["stream", stream, "retain", "column"])
                .and_then(Node::text)
                .map(str::to_owned),
            streams: streams
                .iter()
                .filter_map(|item| item.text().map(str::to_owned))
                .collect(),
        }
    }

    /// Why each column of a stream is mirrored or left out.
    pub fn reasons(&self, spec: &StreamSpec) -> Vec<ColumnReason> {
        let needed = spec.needed();
        let reason = |index: usize| match () {
            () if spec.key.contains(&index) => ColumnReason::Key,
            () if needed.contains(&index) => ColumnReason::Engine,
            () if self.retain.as_deref() == Some(&spec.columns[index].name) => ColumnReason::Engine,
            () => self.reason(spec, index),
        };
        (0..spec.columns.len()).map(reason).collect()
    }

    fn reason(&self, spec: &StreamSpec, index: usize) -> ColumnReason {
        let column = &spec.columns[index];
        let has_core = self.preset == Some(Preset::Core) && !spec.core.is_empty();
        let refers_to = column.refers_to.as_ref().filter(|_| column.combo.is_none());
        let refers = refers_to.is_some_and(|refers_to| self.streams.contains(&refers_to.stream));
        let keep = self.keep.as_ref();
        let is_kept = keep.is_some_and(|keep| keep.contains(&column.name));
        match () {
            () if self.drop.contains(&column.name) => ColumnReason::Dropped,
            () if !has_core && keep.is_none() => ColumnReason::Full,
            () if is_kept => ColumnReason::Keep,
            () if has_core && spec.core.contains(&column.name) => ColumnReason::Core,
            () if refers => ColumnReason::Reference,
            () if has_core => ColumnReason::NotCore,
            () => ColumnReason::NotKept,
        }
    }

    /// The stream as the job mirrors it.
    pub fn apply(&self, spec: &Arc<StreamSpec>) -> Arc<StreamSpec> {
        let reasons = self.reasons(spec);
        let kept: Vec<usize> = (0..reasons.len())
            .filter(|index| reasons[*index].is_mirrored())
            .collect();
        let chosen = match kept.len() == reasons.len() {
            true => Arc::clone(spec),
            false => Arc::new(spec.with_columns(&kept)),
        };
        match self.pseudonymise.is_empty() && self.truncate.is_empty() {
            true => chosen,
            false => Arc::new(chosen.masked(|column| self.masking(column))),
        }
    }

    /// How the values of a column are changed before they are stored.
    pub fn masking(&self, column: &str) -> Option<Masking> {
        let is_pseudonymised = self.pseudonymise.contains(column);
        let pseudonym = is_pseudonymised.then_some(Masking::Pseudonym);
        pseudonym.or_else(|| self.truncate.get(column).copied())
    }
}

#[cfg(test)]
mod tests;
