//! `rollbook person show` and `person export`: everything that is kept of one person, for the answer to that person.
//!
//! The only commands that print rows of a person, so each call is recorded in `rollbook_audit` first, without saying of whom.

mod leaves;
mod outputs;
mod page;
mod report;
mod text;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use self::report::PersonView;
use super::admin_request;
use super::exit::Exit;
use super::mirror_access::MirrorAccess;
use super::named_people::{NamedPerson, by_columns, by_key, by_match};
use super::out;
use rollbook_app::app::RecordedAction;
use rollbook_core::clock::Clock;
use rollbook_core::store::maintenance::{DAYS_EXPORTED, create, write_export};
use rollbook_core::store::suppression::erasures;
use rollbook_engine::setup::Folders;

/// Options of `person`.
#[derive(Debug, clap::Args)]
pub struct PersonOptions {
    #[command(subcommand)]
    command: PersonCommand,
}

#[derive(Debug, clap::Subcommand)]
enum PersonCommand {
    /// Print everything that is kept of a person
    Show(ShowOptions),
    /// Write everything that is kept of a person to a file, to print or send it
    ///
    /// By default a page beside the mirror, which is removed after 30 days, and with every erasure.
    Export(PersonExportOptions),
}

/// Whom.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(group = clap::ArgGroup::new("whom").required(true).multiple(false).args(["stream", "person"]))]
struct Whom {
    /// The stream with the person's row, as SOURCE_STREAM or SOURCE.STREAM
    stream: Option<String>,
    /// The row's key, one value per key column
    #[arg(required_unless_present_any = ["columns", "person"])]
    key: Vec<String>,
    /// Find the row by a column instead of its key, now or in its history; repeat it for several columns
    #[arg(
        long = "where",
        value_name = "COLUMN=VALUE",
        requires = "stream",
        conflicts_with = "key"
    )]
    columns: Vec<String>,
    /// A matched person by the key on either side
    #[arg(long, value_name = "SET:KEY", conflicts_with = "columns")]
    person: Option<String>,
}

/// Options of `person show`.
#[derive(Debug, clap::Args)]
struct ShowOptions {
    #[command(flatten)]
    whom: Whom,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of `person export`.
#[derive(Debug, clap::Args)]
struct PersonExportOptions {
    #[command(flatten)]
    whom: Whom,
    /// A new file, or - for standard output [default: a file in exports/ beside the mirror]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The format [default: by the name of the file, else html]
    #[arg(long, value_enum)]
    format: Option<PersonExportFormat>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PersonExportFormat {
    /// A page to print or send
    Html,
    /// For programs
    Json,
    /// As on the terminal
    Text,
}

impl PersonExportFormat {
    fn ending(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Json => "json",
            Self::Text => "txt",
        }
    }

    fn of_file(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_lowercase();
        Self::value_variants()
            .iter()
            .copied()
            .find(|format| format.ending() == ending)
    }
}

/// Runs the command.
pub async fn run(folders: &Folders, options: &PersonOptions) -> Result<(), Exit> {
    match &options.command {
        PersonCommand::Show(options) => show(folders, options).await,
        PersonCommand::Export(options) => export(folders, options).await,
    }
}

async fn show(folders: &Folders, options: &ShowOptions) -> Result<(), Exit> {
    let access = MirrorAccess::open(folders)?.up_to_date()?;
    let view = view(&access, &options.whom)?;
    admin_request::record(folders, RecordedAction::ShowPerson(view.tables_of_person())).await?;
    match options.json {
        true => out::json(&view),
        false => out::text(text::page(&view, out::width())),
    }
    Ok(())
}

async fn export(folders: &Folders, options: &PersonExportOptions) -> Result<(), Exit> {
    let access = MirrorAccess::open(folders)?.up_to_date()?;
    let erased_before = erasures(access.mirror()?)?.len();
    let view = view(&access, &options.whom)?;
    admin_request::record(
        folders,
        RecordedAction::ExportPerson(view.tables_of_person()),
    )
    .await?;
    let by_name = options.out.as_deref().and_then(PersonExportFormat::of_file);
    let format = options
        .format
        .or(by_name)
        .unwrap_or(PersonExportFormat::Html);
    let content = match format {
        PersonExportFormat::Html => page::page(&view),
        PersonExportFormat::Json => json(&view)?,
        PersonExportFormat::Text => text::page(&view, Some(TEXT_WIDTH)),
    };
    let path = match &options.out {
        Some(path) if path.as_os_str() == "-" => {
            out::exact(&content);
            return Ok(());
        }
        Some(path) => {
            let written = create(path, content.as_bytes());
            written.map_err(|error| not_written(path, &error))?;
            path.clone()
        }
        None => {
            let now = Clock::system().now();
            let written = write_export(&access.path, now, format.ending(), content.as_bytes());
            written.map_err(|error| not_written(&access.path.with_file_name("exports"), &error))?
        }
    };
    // An erasure removes such files, but it may have looked before this one was there.
    if erasures(access.mirror()?)?.len() != erased_before {
        let removed = std::fs::remove_file(&path);
        removed.map_err(|error| not_written(&path, &error))?;
        return Err(Exit::failed(
            "rollbook: a person was erased meanwhile, so nothing was exported; run the command again",
        ));
    }
    let end = match options.out {
        Some(_) => "Nothing removes it: delete it when it is no longer needed.".to_owned(),
        None => format!("It is removed after {DAYS_EXPORTED} days, and with every erasure."),
    };
    out::text(format!("Wrote {}. {end}", path.display()));
    Ok(())
}

/// Columns of an exported text.
const TEXT_WIDTH: usize = 100;

fn json(view: &PersonView) -> Result<String, Exit> {
    let written = serde_json::to_string_pretty(view);
    written
        .map(|text| text + "\n")
        .map_err(|error| Exit::failed(format!("could not write JSON: {error}")))
}

fn not_written(path: &Path, error: &std::io::Error) -> Exit {
    let shown = path.display();
    let help = match error.kind() {
        ErrorKind::AlreadyExists => "; choose another name",
        ErrorKind::PermissionDenied => {
            "; this command runs as the owner of the mirror: write `--out - > FILE` to let your shell make the file"
        }
        _ => "",
    };
    Exit::failed(format!("could not write {shown}: {error}{help}"))
}

fn view(access: &MirrorAccess, whom: &Whom) -> Result<PersonView, Exit> {
    let person = person(access, whom)?;
    let setup = access.setup()?;
    let now = Clock::system().now();
    let view = report::of(access, setup, &person.rows, now)?;
    view.ok_or_else(|| {
        Exit::failed(
            "rollbook: nothing with this key is kept, neither in the mirror nor in a copy of it; \
             `rollbook erase --list` shows whether someone was erased",
        )
    })
}

fn person(access: &MirrorAccess, whom: &Whom) -> Result<NamedPerson, Exit> {
    match (&whom.stream, &whom.person) {
        (_, Some(person)) => by_match(access, person),
        (Some(stream), None) if !whom.columns.is_empty() => {
            by_columns(access, stream, &whom.columns)
        }
        (stream, None) => by_key(access, stream.as_deref().unwrap_or_default(), &whom.key),
    }
}
