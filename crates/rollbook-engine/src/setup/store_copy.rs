//! `[store.copy]` and `[publish.NAME]` against sources and jobs: are the tables and columns there?

use super::checks::Checks;
use super::files::CopyConfig;
use super::jobs::{Jobs, read_stream};
use super::sources::Sources;
use rollbook_core::connector::api::StreamSpec;
use rollbook_core::document::suggest::advice;
use rollbook_core::document::{Node, Problem};
use rollbook_core::store::copy::ENDINGS;

/// Columns that every table has besides its connector's.
const OWN_COLUMNS: [&str; 5] = ["_since", "_run", "_until", "_ended", "_ended_run"];

/// A stream that a table's name means.
struct Named<'a> {
    source: &'a str,
    spec: &'a StreamSpec,
}

impl Checks<'_> {
    /// A table or column that the configuration cannot have is an error; one that no job reads is a note.
    pub(super) fn copy(&mut self, sources: &Sources, jobs: &Jobs<'_>) {
        let files = self.files;
        let Some(copy) = files
            .rollbook
            .as_ref()
            .and_then(|tree| tree.at(&["store", "copy"]))
        else {
            return;
        };
        self.tables_and_columns(copy, &ENDINGS, sources, jobs);
    }

    /// The same for each `[publish.NAME]`; a column of a key cannot be left out there.
    pub(super) fn publish(&mut self, sources: &Sources, jobs: &Jobs<'_>) {
        let tree = self.files.rollbook.as_ref();
        let publish = tree.and_then(|tree| tree.at(&["publish"]));
        for publish in publish.map(Node::entries).unwrap_or_default() {
            self.tables_and_columns(&publish.value, &[""], sources, jobs);
            for node in list(&publish.value, "leave_out") {
                let Some((table, column)) = node.text().and_then(CopyConfig::split) else {
                    continue;
                };
                if OWN_COLUMNS.contains(&column) {
                    let message = format!("`{column}` is Rollbook's own, and always published");
                    self.problems.push(Problem::error(node.location(), message));
                }
                let found = named(sources, table, &[""]);
                if found.is_some_and(|found| is_key(found.spec, column)) {
                    let message =
                        format!("{table} is identified by `{column}`, so it cannot be left out");
                    self.problems.push(Problem::error(node.location(), message));
                }
            }
        }
    }

    /// `tables` and `leave_out` of a table.
    fn tables_and_columns(
        &mut self,
        copy: &Node,
        endings: &[&str],
        sources: &Sources,
        jobs: &Jobs<'_>,
    ) {
        // A source that cannot be read hides its tables.
        if self.files.hides_sources || !sources.values().all(|source| source.ready.is_some()) {
            return;
        }
        for node in list(copy, "tables") {
            let Some(name) = node.text() else { continue };
            match named(sources, name, endings) {
                Some(found) => self.unread(node, &found, None, jobs),
                None => self.unknown_table(node, name, sources),
            }
        }
        for node in list(copy, "leave_out") {
            let Some(text) = node.text() else { continue };
            let Some((table, column)) = CopyConfig::split(text) else {
                let message = format!("`{text}` is not a table and a column");
                let problem = Problem::error(node.location(), message);
                let help = "write them with a dot, such as `\"rosters_users.email\"`";
                self.problems.push(problem.help(help));
                continue;
            };
            match named(sources, table, &[""]) {
                Some(found) => self.left_out(node, &found, (table, column), jobs),
                None => self.unknown_table(node, table, sources),
            }
        }
    }

    fn left_out(
        &mut self,
        node: &Node,
        found: &Named<'_>,
        (table, column): (&str, &str),
        jobs: &Jobs<'_>,
    ) {
        if OWN_COLUMNS.contains(&column) {
            return;
        }
        if found.spec.column(column).is_none() {
            let names = found.spec.columns.iter().map(|one| one.name.as_str());
            let help = advice(column, names.collect::<Vec<_>>());
            let message = format!("{table} has no column `{column}`");
            let problem = Problem::error(node.location(), message);
            self.problems.push(problem.help(help));
            return;
        }
        self.unread(node, found, Some(column), jobs);
    }

    /// Notes what is not in the mirror, so that it cannot be in the copy either.
    fn unread(&mut self, node: &Node, found: &Named<'_>, column: Option<&str>, jobs: &Jobs<'_>) {
        let stream = found.spec.name.as_str();
        let message = match read_stream(jobs, found.source, stream) {
            None if !self.knows_all_streams(jobs) => return,
            None => format!("no job reads `{}.{stream}`", found.source),
            Some(kept) => match column {
                Some(column) if kept.column(column).is_none() => {
                    format!("a job drops `{column}`, so it is not there")
                }
                _ => return,
            },
        };
        self.problems.push(Problem::note(node.location(), message));
    }

    fn unknown_table(&mut self, node: &Node, name: &str, sources: &Sources) {
        let message = format!("there is no table `{name}`");
        let tables: Vec<String> = all(sources)
            .map(|(source, spec)| format!("{source}_{}", spec.name))
            .collect();
        let help = advice(name, tables.iter().map(String::as_str));
        let problem = Problem::error(node.location(), message);
        self.problems.push(problem.help(help));
    }
}

fn is_key(spec: &StreamSpec, column: &str) -> bool {
    let mut key = spec.key.iter();
    key.any(|key| spec.columns[*key].name == *column)
}

fn list<'n>(copy: &'n Node, key: &str) -> &'n [Node] {
    copy.at(&[key]).map(Node::items).unwrap_or_default()
}

fn all(sources: &Sources) -> impl Iterator<Item = (&str, &StreamSpec)> {
    sources.iter().flat_map(|(name, source)| {
        let ready = source.ready.iter();
        let specs = ready.flat_map(|ready| ready.streams.values());
        specs.map(move |spec| (name.as_str(), &**spec))
    })
}

fn named<'a>(sources: &'a Sources, name: &str, endings: &[&str]) -> Option<Named<'a>> {
    all(sources)
        .find(|(source, spec)| {
            let rest = name.strip_prefix(&format!("{source}_{}", spec.name));
            rest.is_some_and(|rest| endings.contains(&rest))
        })
        .map(|(source, spec)| Named { source, spec })
}
