//! The columns of a stream as a tree of member names, so that a row is read in one walk.
//!
//! Built once for a stream (or an item of `for_each`); `decode.rs` walks it. With an envelope each path is in the tree
//! twice, inside and outside of the envelope, so the same tree reads wrapped and plain rows.

use std::collections::HashMap;

use super::columns::{Column, ColumnSource, Path, PathStep};
use super::file::NameMatch;
use crate::model::row::Kind;

/// One member of a row, or the row itself.
#[derive(Debug, Default)]
pub struct MemberNode {
    /// Its number in the tree.
    pub id: usize,
    /// Its path, for messages.
    pub path: String,
    /// Columns that take a scalar here.
    pub leaves: Vec<Leaf>,
    /// Columns that take this member's JSON, or something in its array.
    pub takes: Vec<Take>,
    /// The members to read of an object.
    pub members: Vec<MemberNode>,
    /// Unknown members below are not reported.
    pub quiet: bool,
    /// A row that has this member is not in its short form.
    pub marks_full: bool,
    by_name: HashMap<String, usize>,
}

/// A column and the rank of this path for it: lower wins.
#[derive(Clone, Copy, Debug)]
pub struct Leaf {
    /// The column's number.
    pub column: usize,
    /// 0 for the first path of the column.
    pub rank: u8,
}

/// A column that takes something other than a scalar.
#[derive(Clone, Debug)]
pub struct Take {
    /// For which column.
    pub leaf: Leaf,
    /// What it takes.
    pub what: TakeRule,
}

/// What a column takes of an object or array.
#[derive(Clone, Debug)]
pub enum TakeRule {
    /// All of it, perhaps only some members.
    Whole(Option<Vec<String>>),
    /// The value at a path in each element.
    Each {
        /// Member names from the element on.
        path: Vec<String>,
        /// Only these members of the value.
        keep: Option<Vec<String>>,
    },
    /// The scalar at a path in the first element whose member has this value.
    Pick {
        /// The member that is compared.
        member: String,
        /// Its value.
        is: String,
        /// Member names from the element on.
        path: Vec<String>,
    },
}

/// The tree of one stream.
#[derive(Debug)]
pub struct Tree {
    /// The row.
    pub root: MemberNode,
    /// The name of the row in the object that holds it.
    pub key: MemberNode,
    /// The row itself, where it is a bare value.
    pub value: MemberNode,
    /// How many nodes there are.
    pub nodes: usize,
    /// How names are matched.
    pub names: NameMatch,
}

impl Tree {
    /// The tree of these columns; `ignored` are paths whose unknown members are not reported, `lacks` the members that
    /// the short form of a row does not have.
    pub fn of(
        columns: &[Column],
        envelope: Option<&str>,
        (ignored, lacks): (&[String], &[Path]),
        names: NameMatch,
    ) -> Self {
        let mut root = MemberNode::default();
        let (mut key, mut value) = (MemberNode::default(), MemberNode::default());
        for (number, column) in columns.iter().enumerate() {
            let ColumnSource::Paths(paths) = &column.origin else {
                continue;
            };
            for (rank, path) in paths.iter().enumerate() {
                let leaf = Leaf {
                    column: number,
                    rank: rank as u8,
                };
                match path.steps.first() {
                    Some(PathStep::RowKey) => key.leaves.push(leaf),
                    Some(PathStep::RowValue) => value.leaves.push(leaf),
                    _ => root.add(path, leaf, column.kind, names),
                }
                if let (Some(envelope), false) = (envelope, path.beside) {
                    root.member(envelope, names)
                        .add(path, leaf, column.kind, names);
                }
            }
        }
        for path in ignored {
            root.ignore(path.strip_prefix("../").unwrap_or(path), names);
            if let (Some(envelope), false) = (envelope, path.starts_with("../")) {
                root.member(envelope, names).ignore(path, names);
            }
        }
        for path in lacks {
            root.mark_full(path, names);
            if let (Some(envelope), false) = (envelope, path.beside) {
                root.member(envelope, names).mark_full(path, names);
            }
        }
        let mut nodes = 0;
        root.number(&mut nodes, "", false);
        Self {
            root,
            key,
            value,
            nodes,
            names,
        }
    }
}

impl MemberNode {
    /// The index of a known member.
    pub fn find(&self, name: &str, names: NameMatch) -> Option<usize> {
        match names {
            NameMatch::Exact => self.by_name.get(name).copied(),
            NameMatch::AnyCase => self.by_name.get(&name.to_ascii_lowercase()).copied(),
        }
    }

    /// Whether this node was put here only so that its name is not reported.
    pub fn is_nothing(&self) -> bool {
        self.leaves.is_empty()
            && self.takes.is_empty()
            && self.members.is_empty()
            && !self.marks_full
    }

    /// The columns that take something here or below.
    pub fn all_leaves(&self) -> Vec<Leaf> {
        let takes = self.takes.iter().map(|take| take.leaf);
        let mut leaves: Vec<Leaf> = self.leaves.iter().copied().chain(takes).collect();
        leaves.extend(self.members.iter().flat_map(MemberNode::all_leaves));
        leaves
    }

    fn member(&mut self, name: &str, names: NameMatch) -> &mut MemberNode {
        let key = match names {
            NameMatch::Exact => name.to_owned(),
            NameMatch::AnyCase => name.to_ascii_lowercase(),
        };
        let index = *self.by_name.entry(key).or_insert_with(|| {
            self.members.push(MemberNode {
                path: name.to_owned(),
                ..MemberNode::default()
            });
            self.members.len() - 1
        });
        &mut self.members[index]
    }

    fn add(&mut self, path: &Path, leaf: Leaf, kind: Kind, names: NameMatch) {
        let mut node = self;
        let mut steps = path.steps.iter();
        while let Some(step) = steps.next() {
            match step {
                PathStep::Member(name) => node = node.member(name, names),
                // Of the row, and no member of it.
                PathStep::RowKey | PathStep::RowValue => return,
                PathStep::Each => {
                    let (path, keep) = rest(steps);
                    node.takes.push(Take {
                        leaf,
                        what: TakeRule::Each { path, keep },
                    });
                    return;
                }
                PathStep::Pick { member, is } => {
                    let (path, _) = rest(steps);
                    let what = TakeRule::Pick {
                        member: member.clone(),
                        is: is.clone(),
                        path,
                    };
                    node.takes.push(Take { leaf, what });
                    return;
                }
                PathStep::Keep(names) => {
                    node.takes.push(Take {
                        leaf,
                        what: TakeRule::Whole(Some(names.clone())),
                    });
                    return;
                }
            }
        }
        if kind == Kind::Json {
            node.takes.push(Take {
                leaf,
                what: TakeRule::Whole(None),
            });
        } else {
            node.leaves.push(leaf);
        }
    }

    fn mark_full(&mut self, path: &Path, names: NameMatch) {
        let mut node = self;
        for step in &path.steps {
            if let PathStep::Member(name) = step {
                node = node.member(name, names);
            }
        }
        node.marks_full = true;
    }

    fn ignore(&mut self, path: &str, names: NameMatch) {
        // A name may hold dots itself, such as `@odata.etag`.
        self.member(path, names).quiet = true;
        let mut node = self;
        for name in path.split('.') {
            node = node.member(name, names);
        }
        node.quiet = true;
    }

    fn number(&mut self, next: &mut usize, above: &str, quiet: bool) {
        self.id = *next;
        *next += 1;
        self.quiet |= quiet;
        if !above.is_empty() {
            self.path = format!("{above}.{}", self.path);
        }
        for member in &mut self.members {
            member.number(next, &self.path, self.quiet);
        }
    }
}

/// The member names and the kept members that are left of a path.
fn rest<'a>(steps: impl Iterator<Item = &'a PathStep>) -> (Vec<String>, Option<Vec<String>>) {
    let mut path = Vec::new();
    let mut keep = None;
    for step in steps {
        match step {
            PathStep::Member(name) => path.push(name.clone()),
            PathStep::Keep(names) => keep = Some(names.clone()),
            PathStep::Each | PathStep::Pick { .. } | PathStep::RowKey | PathStep::RowValue => {}
        }
    }
    (path, keep)
}
