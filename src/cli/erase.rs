//! `rollbook erase`: erases a person from the mirror, its log and freed space, and all copies, and suppresses what the
//! vendor sends of them from then on.
//!
//! On a terminal it first shows what would be erased, in numbers, and asks. The keys are only what the admin typed.

use std::path::PathBuf;

use serde_json::json;

use super::admin_request::{HandledBy, send_request};
use super::exit::Exit;
use super::mirror_access::MirrorAccess;
use super::named_people::{NamedPerson, by_file, by_key, by_match};
use super::out;
use super::prompt::Prompt;
use super::table::{indented, many};
use rollbook_app::app::{AdminRequest, AdminResponse, FinishedErasures, folders_of_backups};
use rollbook_core::clock::Clock;
use rollbook_core::connector::api::StreamSpec;
use rollbook_core::model::scalar::display_time;
use rollbook_core::model::{ErasureReason, Table};
use rollbook_core::store::erase::{Preview, preview};
use rollbook_core::store::maintenance::exports;
use rollbook_core::store::suppression::{self, Erasure, ErasureState, erasures};
use rollbook_engine::setup::{Folders, Setup};

/// Options of `erase`.
#[derive(Debug, clap::Args)]
#[command(override_usage = "rollbook erase [OPTIONS] <STREAM KEY...|--person SET:KEY|--file LIST>")]
#[command(group = clap::ArgGroup::new("whom").required(true).multiple(false).args(["stream", "person", "file", "list", "undo"]))]
pub struct EraseOptions {
    /// The stream with the person's row, as SOURCE_STREAM or SOURCE.STREAM
    #[arg(requires = "key")]
    stream: Option<String>,
    /// The row's key, one value per key column
    key: Vec<String>,
    /// A matched person by the key on either side: both rows are erased
    #[arg(long, value_name = "SET:KEY")]
    person: Option<String>,
    /// Several people: a CSV file, each line a stream and the values of a key
    #[arg(long, value_name = "LIST")]
    file: Option<PathBuf>,
    /// Show all erasures
    #[arg(long)]
    list: bool,
    /// Lift the suppression of an erasure: what the vendor sends is mirrored again
    #[arg(long, value_name = "ERASURE")]
    undo: Option<String>,
    /// Why; nothing else is recorded
    #[arg(long, value_enum, default_value_t = ReasonOption::Request)]
    reason: ReasonOption,
    /// Show what would be erased, and erase nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask, for scripts
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The reasons, as options.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ReasonOption {
    /// The person, or their parents, asked for it
    Request,
    /// The purpose ended, such as after the person left
    Retention,
    /// The data should never have been collected
    Mistake,
    /// An authority or a court ordered it
    Order,
}

impl From<ReasonOption> for ErasureReason {
    fn from(option: ReasonOption) -> Self {
        match option {
            ReasonOption::Request => Self::Request,
            ReasonOption::Retention => Self::Retention,
            ReasonOption::Mistake => Self::Mistake,
            ReasonOption::Order => Self::Order,
        }
    }
}

/// Runs the command.
pub async fn run(folders: &Folders, options: &EraseOptions) -> Result<(), Exit> {
    let access = MirrorAccess::open(folders)?.up_to_date()?;
    if options.list {
        return list(&access, options.json);
    }
    if let Some(id) = &options.undo {
        drop(access);
        return undo(folders, id).await;
    }
    let groups = groups(&access, options)?;
    let setup = access.setup()?;
    let copies = folders_of_backups(setup, &access.path, Clock::system().now());
    let everyone: Vec<_> = groups.iter().flat_map(|group| group.rows.clone()).collect();
    let found = preview(&access.path, &copies, &everyone, |table| {
        display(setup, table)
    })?;
    let exports = exports(&access.path).len() as u64;
    if found.is_empty() {
        return Err(Exit::failed(
            "rollbook: no row with this key is in the mirror or in a copy of it, so nothing was erased; \
             `rollbook erase --list` shows earlier erasures",
        ));
    }
    if options.dry_run {
        match options.json {
            true => out::json(
                &json!({ "people": groups.len(), "would_erase": found, "exports": exports }),
            ),
            false => out::text(text(&found, exports, groups.len())),
        }
        return Ok(());
    }
    if !options.yes {
        let Some(prompt) = Prompt::open() else {
            return Err(Exit::usage(
                "erase asks on a terminal; in a script add --yes, or --dry-run to see what would be erased",
            ));
        };
        out::text(text(&found, exports, groups.len()));
        let whom = many(groups.len() as u64, "person", "people");
        let question = format!("Erase {whom}? This cannot be undone.");
        if !prompt.agrees(&question).await? {
            return Err(Exit::failed("nothing was erased"));
        }
    }
    drop(access);
    erase(folders, options, &groups, &found).await
}

/// The people that the options name.
fn groups(access: &MirrorAccess, options: &EraseOptions) -> Result<Vec<NamedPerson>, Exit> {
    if let Some(stream) = &options.stream {
        return Ok(vec![by_key(access, stream, &options.key)?]);
    }
    if let Some(person) = &options.person {
        return Ok(vec![by_match(access, person)?]);
    }
    match &options.file {
        Some(path) => by_file(access, path),
        None => Ok(Vec::new()),
    }
}

/// The columns by which people know a row of a table.
pub fn display(setup: &Setup, table: &Table) -> Vec<String> {
    let jobs = setup.jobs.values();
    let mut specs = jobs
        .filter(|job| job.source == table.source)
        .flat_map(|job| &job.streams);
    let spec = specs.find(|spec| spec.name == table.stream);
    let name = |spec: &StreamSpec, index: usize| spec.columns[index].name.clone();
    spec.map(|spec| {
        spec.display
            .iter()
            .map(|index| name(spec, *index))
            .collect()
    })
    .unwrap_or_default()
}

async fn erase(
    folders: &Folders,
    options: &EraseOptions,
    groups: &[NamedPerson],
    found: &Preview,
) -> Result<(), Exit> {
    let mut begun: Vec<Erasure> = Vec::new();
    let mut handled_by: Option<HandledBy> = None;
    for group in groups {
        let request = AdminRequest::Erase {
            people: group.rows.clone(),
            reason: options.reason.into(),
        };
        let response = send(folders, &request, &mut handled_by).await?;
        let AdminResponse::Erased { erasure } = response else {
            return Err(Exit::failed(format!("unexpected response: {response:?}")));
        };
        begun.push(*erasure);
    }
    let response = send(folders, &AdminRequest::FinishErasures, &mut handled_by).await?;
    let AdminResponse::Finished(finished) = response else {
        return Err(Exit::failed(format!("unexpected response: {response:?}")));
    };
    if options.json {
        out::json(&json!({ "erasures": begun, "finished": finished, "mentions": found.mentions }));
    } else {
        out::text(result(&begun, &finished, found));
    }
    if finished.pending.is_empty() {
        return Ok(());
    }
    let later = match handled_by {
        Some(HandledBy::Daemon) => "the daemon finishes it after a later run or at its next start",
        Some(HandledBy::ThisProcess(_)) | None => {
            "the next start of the service finishes it, and so does `rollbook sync`"
        }
    };
    Err(Exit::failed(format!(
        "rollbook: the erasure is not complete: {}; {later}",
        finished.pending.join("; ")
    )))
}

/// Sends a request to the process that handled the first one: another start of this program would finish the erasures
/// itself, and the response would not say what was done.
async fn send(
    folders: &Folders,
    request: &AdminRequest,
    handled_by: &mut Option<HandledBy>,
) -> Result<AdminResponse, Exit> {
    if let Some(by) = handled_by {
        return by.send(folders, request).await;
    }
    let (response, by) = send_request(folders, request).await?;
    *handled_by = Some(by);
    Ok(response)
}

/// What would be erased.
fn text(found: &Preview, exports: u64, people: usize) -> String {
    let rows = found
        .mirror
        .iter()
        .map(|count| [count.place.clone(), erased(count.erased, count.cut)]);
    let mut text = format!(
        "Erasing {} would affect, in the mirror:\n{}",
        many(people as u64, "person", "people"),
        indented(2, rows)
    );
    if found.mirror.is_empty() {
        text.push_str("  nothing\n");
    }
    if exports > 0 {
        let files = many(exports, "file", "files");
        text.push_str(&format!(
            "Removed too: {files} of `rollbook person export` beside the mirror.\n"
        ));
    }
    if !found.copies.is_empty() {
        text.push_str("Copies of the mirror, all of which are rewritten and verified:\n");
        let rows = found.copies.iter().map(|copy| {
            let rows = match copy.rows {
                Some(rows) => many(rows, "row", "rows"),
                None => "cannot be read, and is removed".to_owned(),
            };
            [copy.file.display().to_string(), rows]
        });
        text.push_str(&indented(2, rows));
    }
    text.push_str(&mentions(found));
    text.push_str(
        "Not reached: copies in other places, such as a backup of this machine or a file of `person export --out`, and what other programs have read.\n",
    );
    text
}

fn erased(erased: u64, cut: u64) -> String {
    let rows = |number: u64| many(number, "row", "rows");
    match (erased, cut) {
        (erased, 0) => format!("{} erased", rows(erased)),
        (0, cut) => format!("{} without the reference or the text", rows(cut)),
        (erased, cut) => format!(
            "{} erased, {} without the reference",
            rows(erased),
            rows(cut)
        ),
    }
}

fn mentions(found: &Preview) -> String {
    if found.mentions.is_empty() {
        return String::new();
    }
    let rows = found
        .mentions
        .iter()
        .map(|one| [one.table.clone(), many(one.rows, "row", "rows")]);
    format!(
        "Rows of others are not reached. The name or an address occurs in:\n{}\
         If a row is the same person in another source, erase it by its own key, or both by --person.\n",
        indented(2, rows)
    )
}

/// What was erased.
fn result(begun: &[Erasure], finished: &FinishedErasures, found: &Preview) -> String {
    let mut text = String::new();
    for erasure in begun {
        let rows = rows_of(erasure);
        text.push_str(&format!(
            "Erasure {}: deleted {} from the mirror; what the vendor sends of this person is suppressed.\n",
            erasure.id,
            many(rows, "row", "rows")
        ));
    }
    if finished.rewritten > 0 {
        text.push_str(&format!(
            "Rewrote and verified {}.\n",
            many(
                finished.rewritten,
                "copy of the mirror",
                "copies of the mirror"
            )
        ));
    }
    if !finished.exports.is_empty() {
        text.push_str(&format!(
            "Removed {} of `rollbook person export` beside the mirror.\n",
            many(finished.exports.len() as u64, "file", "files")
        ));
    }
    for path in &finished.removed {
        text.push_str(&format!(
            "Removed {}, which could not be read.\n",
            path.display()
        ));
    }
    for database in &finished.databases {
        text.push_str(&format!(
            "Removed from the published tables of {database} and vacuumed; its write-ahead log, replicas and base backups are its operator's.\n"
        ));
    }
    if finished.pending.is_empty() {
        text.push_str("The mirror's file, its log and all copies are clean.\n");
    }
    text.push_str(&mentions(found));
    text
}

/// Rows that an erasure deleted; copies are counted as files.
fn rows_of(erasure: &Erasure) -> u64 {
    let counts = erasure.counts.iter();
    let in_mirror = counts.filter(|count| count.place != suppression::COPIES);
    in_mirror.map(|count| count.erased).sum()
}

fn list(access: &MirrorAccess, as_json: bool) -> Result<(), Exit> {
    let mirror = access.mirror()?;
    let all = erasures(mirror)?;
    if as_json {
        out::json(&all);
    } else if all.is_empty() {
        out::text("No one was erased.");
    } else {
        let rows = all.iter().map(|one| {
            let rows = rows_of(one);
            [
                one.id.clone(),
                format!("{} UTC", display_time(&one.at)),
                one.by_user.clone(),
                one.reason.clone(),
                match one.state {
                    ErasureState::Pending => "not finished".to_owned(),
                    ErasureState::Done => "finished".to_owned(),
                    ErasureState::Lifted => "suppression lifted".to_owned(),
                },
                many(rows, "row", "rows"),
            ]
        });
        out::text(indented(0, rows));
    }
    Ok(())
}

async fn undo(folders: &Folders, id: &str) -> Result<(), Exit> {
    let request = AdminRequest::LiftErasure { id: id.to_owned() };
    let (response, _) = send_request(folders, &request).await?;
    let AdminResponse::Lifted { .. } = response else {
        return Err(Exit::failed(format!("unexpected response: {response:?}")));
    };
    out::text(format!(
        "Lifted the suppression of erasure {id}. The next full reading mirrors what the vendor still has; nothing that was \
         erased is restored."
    ));
    Ok(())
}

#[cfg(test)]
mod tests;
