//! The report about a person as all its forms show it: rows of the mirror, with what the configuration says of them.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::leaves::{EndRules, RetainedRow};
use super::outputs::{CopyEntry, copies, outputs};
use crate::cli::erase::display;
use crate::cli::exit::Exit;
use crate::cli::mirror_access::MirrorAccess;
use crate::cli::unconfigured::{UnconfiguredTable, unconfigured_tables};
use rollbook_app::app::folders_of_backups;
use rollbook_core::connector::api::StreamSpec;
use rollbook_core::connector::template;
use rollbook_core::model::{Masking, SourceName, Table, scalar};
use rollbook_core::store::StoreError;
use rollbook_core::store::erase::{Preview, preview};
use rollbook_core::store::person::{
    PersonKey, PersonMatch, PersonRow, PersonTable, RowReference, RowVersion, report,
};
use rollbook_core::store::queries::{self, Reader};
use rollbook_engine::setup::{JobSetup, Setup, lookups, tables};

/// What is kept of a person.
#[derive(Debug, Serialize)]
pub(super) struct PersonView {
    pub made: String,
    /// The rows that are the person, one or more a source.
    pub person: Vec<PersonKey>,
    pub origins: Vec<OriginView>,
    pub tables: Vec<TableView>,
    /// Why rows of two sources are taken for the same person.
    pub matches: Vec<MatchView>,
    pub references: Vec<ReferenceView>,
    /// What Rollbook noted about the rows.
    pub records: Vec<RecordView>,
    /// Where the name or an address occurs in rows of others.
    pub mentions: Vec<RecordView>,
    pub copies: Vec<CopyEntry>,
    pub outputs: Vec<CopyEntry>,
}

/// Where rows are from.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct OriginView {
    pub source: SourceName,
    pub vendor: String,
    pub address: String,
}

/// The rows of one table.
#[derive(Debug, Serialize)]
pub(super) struct TableView {
    pub table: String,
    pub title: String,
    pub source: SourceName,
    /// Whether the rows are the person; else they are about the person.
    pub is_person: bool,
    /// When the table was last read, if ever.
    pub last_read: Option<String>,
    pub columns: Vec<ColumnView>,
    pub rows: Vec<RowView>,
}

#[derive(Debug, Serialize)]
pub(super) struct ColumnView {
    pub column: String,
    pub r#type: &'static str,
    pub meaning: String,
    /// Its path in the vendor's answer.
    pub path: String,
    /// How values were changed before they were stored.
    pub masking: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub(super) struct RowView {
    #[serde(serialize_with = "as_map")]
    pub key: Vec<(String, String)>,
    pub in_the_mirror: bool,
    /// When the oldest version that is kept was received.
    pub first_seen: String,
    /// The last reading that had it; `null` for a row that is missing, or whose table was never read.
    pub last_seen: Option<String>,
    /// Since when it is missing: removed, or only unconfirmed.
    pub missing_since: Option<String>,
    /// When it is removed.
    pub leaves: String,
    /// Newest first.
    pub versions: Vec<VersionView>,
}

#[derive(Debug, Serialize)]
pub(super) struct VersionView {
    pub since: String,
    pub until: Option<String>,
    /// `changed` or `removed`.
    pub ended: Option<String>,
    pub leaves: String,
    #[serde(serialize_with = "as_map")]
    pub values: Vec<(String, Value)>,
    /// What codes mean.
    #[serde(serialize_with = "as_map")]
    pub labels: Vec<(String, String)>,
}

#[derive(Debug, Serialize)]
pub(super) struct MatchView {
    pub set: String,
    pub rule: String,
    pub since: String,
    pub rows: [PersonKey; 2],
}

/// A row of another that refers to the person.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct ReferenceView {
    pub table: String,
    pub key: Vec<String>,
    pub columns: Vec<String>,
    /// Whether only an old version does.
    pub ended: bool,
}

/// Rows of a table that are only counted.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct RecordView {
    pub table: String,
    pub rows: u64,
    pub leaves: &'static str,
}

fn as_map<V: Serialize, S: Serializer>(
    pairs: &[(String, V)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}

impl PersonView {
    /// The tables with rows that are the person.
    pub fn tables_of_person(&self) -> Vec<String> {
        let mut tables: Vec<String> = Vec::new();
        for key in &self.person {
            if !tables.contains(&key.table) {
                tables.push(key.table.clone());
            }
        }
        tables
    }

    /// The vendor and the address in brackets, or the source's name if it is no longer configured.
    pub fn origin(&self, source: &SourceName) -> String {
        let known = self.origins.iter().find(|one| one.source == *source);
        known.map_or_else(
            || source.to_string(),
            |one| format!("{} ({})", one.vendor, one.address),
        )
    }
}

/// Collects the report; nothing if nothing is kept of these people.
pub(super) fn of(
    access: &MirrorAccess,
    setup: &Setup,
    people: &[PersonKey],
    now: Timestamp,
) -> Result<Option<PersonView>, Exit> {
    let mirror = access.mirror()?;
    let report = report(mirror, people, &lookups::of(setup, None).combos)?;
    let folders = folders_of_backups(setup, &access.path, now);
    let numbers = preview(&access.path, &folders, &report.people, |table| {
        display(setup, table)
    })?;
    if numbers.is_empty() {
        return Ok(None);
    }
    let unconfigured = unconfigured_tables(mirror, setup)?;
    let mut view = PersonView {
        made: scalar::to_canonical(now),
        origins: Vec::new(),
        tables: Vec::new(),
        matches: report.matches.into_iter().map(match_view).collect(),
        references: Vec::new(),
        records: records(&numbers),
        mentions: Vec::new(),
        copies: copies(setup, &access.path, &numbers.copies),
        outputs: Vec::new(),
        person: report.people,
    };
    for found in report.tables {
        let table = &found.table;
        let source = source_view(setup, &table.source);
        view.origins
            .extend(source.filter(|one| !view.origins.contains(one)));
        let references = found.references.iter();
        view.references
            .extend(references.map(|one| reference_view(&table.name(), one)));
        if !found.rows.is_empty() {
            let rules = rules(setup, table, &unconfigured);
            let is_person = view.person.iter().any(|key| key.table == table.name());
            view.tables
                .push(table_view(setup, mirror, &found, &rules, is_person)?);
        }
    }
    let of_person = view.tables.iter().map(|one| one.table.clone());
    let referring = view.references.iter().map(|one| one.table.clone());
    let names: Vec<String> = of_person.chain(referring).collect();
    view.outputs = outputs(setup, &access.path, &names);
    view.mentions = numbers
        .mentions
        .into_iter()
        .map(|one| RecordView {
            table: one.table,
            rows: one.rows,
            leaves: "",
        })
        .collect();
    Ok(Some(view))
}

fn source_view(setup: &Setup, name: &SourceName) -> Option<OriginView> {
    let source = setup.source(name.as_str())?;
    Some(OriginView {
        source: name.clone(),
        vendor: source.connector.title.clone(),
        address: template::fill(&source.connector.base_url, &[&source.settings.texts]),
    })
}

fn rules(setup: &Setup, table: &Table, unconfigured: &[UnconfiguredTable]) -> EndRules {
    let name = table.name();
    let jobs = setup.jobs.values().filter(|job| job.source == table.source);
    let readers = jobs.filter_map(|job| {
        let mut specs = job.streams.iter();
        Some((job, specs.find(|spec| spec.name == table.stream)?))
    });
    let retained = readers.map(|(job, spec)| retained(job, spec, table));
    // Of two jobs, the one that keeps rows for longer counts, or that keeps all.
    let longer = retained.reduce(|one, other| match (one?, other?) {
        (one, other) if other.length > one.length => Some(other),
        (one, _) => Some(one),
    });
    EndRules {
        history: tables::kept_history(setup, &table.source, &table.stream),
        retain: longer.flatten(),
        unconfigured: unconfigured.iter().find(|one| one.table == name).cloned(),
    }
}

fn retained(job: &JobSetup, spec: &StreamSpec, table: &Table) -> Option<RetainedRow> {
    let rule = job.config.stream.get(&table.stream)?.retain.as_ref()?;
    let column = rule.column.as_str();
    Some(RetainedRow {
        column: table.columns.iter().position(|one| one.name == column)?,
        name: column.to_owned(),
        length: rule.length.0,
        is_series: spec.window.is_some(),
    })
}

fn table_view(
    setup: &Setup,
    mirror: &Reader,
    found: &PersonTable,
    rules: &EndRules,
    is_person: bool,
) -> Result<TableView, StoreError> {
    let table = &found.table;
    let source = setup.source(table.source.as_str());
    let spec = source.and_then(|source| source.streams.get(&table.stream));
    let last_read = queries::last_read(mirror, &table.source, &table.stream)?;
    let last_read = last_read.map(|last| last.started);
    let columns = table.columns.iter().map(|column| ColumnView {
        column: column.name.clone(),
        r#type: column.kind.as_str(),
        meaning: column.help.clone(),
        path: (column.from.rsplit_once(':'))
            .map_or(column.from.as_str(), |(path, _)| path)
            .trim()
            .to_owned(),
        masking: column.masking.map(Masking::describe),
    });
    let mut rows = Vec::new();
    for row in &found.rows {
        let missed = match row.missed_since_run {
            Some(run) => queries::run(mirror, run)?.map(|run| run.started),
            None => None,
        };
        rows.push(row_view(table, row, rules, (last_read.as_deref(), missed)));
    }
    Ok(TableView {
        table: table.name(),
        title: spec.map(|spec| spec.title.clone()).unwrap_or_default(),
        source: table.source.clone(),
        is_person,
        last_read,
        columns: columns.collect(),
        rows,
    })
}

/// `missed` is when a complete reading first missed the current row.
fn row_view(
    table: &Table,
    row: &PersonRow,
    rules: &EndRules,
    (last_read, missed): (Option<&str>, Option<String>),
) -> RowView {
    let newest = row.versions.first();
    let key = table
        .key
        .iter()
        .map(|index| table.columns[*index].name.clone());
    let first_seen = row
        .versions
        .iter()
        .map(|version| version.since.as_str())
        .min();
    let ended = newest.and_then(|newest| newest.until.as_deref());
    let missing_since = ended.map(str::to_owned).or(missed);
    RowView {
        key: key.zip(row.key.iter().cloned()).collect(),
        in_the_mirror: ended.is_none(),
        first_seen: first_seen.unwrap_or_default().to_owned(),
        last_seen: last_read
            .filter(|_| missing_since.is_none())
            .map(str::to_owned),
        missing_since,
        leaves: newest
            .map(|newest| leaves(newest, rules))
            .unwrap_or_default(),
        versions: row
            .versions
            .iter()
            .map(|version| version_view(table, version, rules))
            .collect(),
    }
}

fn leaves(version: &RowVersion, rules: &EndRules) -> String {
    match &version.until {
        None => rules.live(&version.values),
        Some(until) => rules.version(&version.values, until),
    }
}

fn version_view(table: &Table, version: &RowVersion, rules: &EndRules) -> VersionView {
    let name = |index: usize| table.columns[index].name.clone();
    VersionView {
        since: version.since.clone(),
        until: version.until.clone(),
        ended: version.ended.clone(),
        leaves: leaves(version, rules),
        values: (version.values.iter().enumerate())
            .map(|(index, value)| (name(index), value.clone()))
            .collect(),
        labels: (version.labels.iter())
            .map(|(index, label)| (name(*index), label.clone()))
            .collect(),
    }
}

fn match_view(one: PersonMatch) -> MatchView {
    MatchView {
        set: one.set.to_string(),
        rule: one.rule,
        since: one.since,
        rows: one.sides,
    }
}

fn reference_view(table: &str, reference: &RowReference) -> ReferenceView {
    ReferenceView {
        table: table.to_owned(),
        key: reference.key.clone(),
        columns: reference.columns.clone(),
        ended: reference.ended,
    }
}

/// What Rollbook's own tables note by key, without values.
fn records(numbers: &Preview) -> Vec<RecordView> {
    let places = [
        (
            "rollbook_unconfirmed",
            "when the row is received again or removed",
        ),
        (
            "rollbook_row_problems",
            "when the row is received without the problem",
        ),
        (
            "rollbook_held_rows",
            "7 days after the run, or when it is approved or replaced",
        ),
    ];
    let mut records = Vec::new();
    for (place, leaves) in places {
        let count = numbers.mirror.iter().find(|count| count.place == place);
        records.extend(count.map(|count| RecordView {
            table: place.to_owned(),
            rows: count.erased + count.cut,
            leaves,
        }));
    }
    records
}
