//! `rollbook publish`: how far each published database is; `verify` compares every row, `rebuild` compares and corrects,
//! `remove` removes a source, `forget` lets the mirror forget one.

use std::collections::BTreeMap;

use serde::Serialize;

use super::admin_request::{HandledBy, send_request};
use super::exit::Exit;
use super::mirror_access::MirrorAccess;
use super::prompt::Prompt;
use super::table::{TextTable, blocks, bullets, group, grouped, left, many, minute, note, right};
use super::{out, start};
use rollbook_app::app::{
    AdminRequest, AdminResponse, App, PublishState, PublishVerification, PublishWhen,
    TableDifference, left_behind, publish_states, published_rows, still_published, unknown_publish,
    verify_published,
};
use rollbook_core::clock::Clock;
use rollbook_core::document::suggest::joined;
use rollbook_core::model::scalar::to_canonical;
use rollbook_core::model::{PublishName, SourceName};
use rollbook_engine::setup::{Folders, Overlay, Setup};

/// Options of `publish`.
#[derive(Debug, clap::Args)]
pub struct PublishOptions {
    #[command(subcommand)]
    action: PublishAction,
}

#[derive(Debug, clap::Subcommand)]
enum PublishAction {
    /// Show how far each source is in each database
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Compare every row in a database with the mirror; the exit code is 1 if one differs
    Verify {
        #[command(flatten)]
        what: Published,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Compare everything and correct what differs, also if another mirror published it
    Rebuild {
        #[command(flatten)]
        what: Published,
    },
    /// Remove everything of a source that is published no longer
    Remove {
        /// The database: NAME of `[publish.NAME]`
        name: String,
        /// The source
        source: SourceName,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Forget what was published, because the database is gone or not yours any more; removes nothing there
    Forget {
        /// The database: NAME of `[publish.NAME]`, also of one that rollbook.toml no longer has
        name: PublishName,
        /// Only this source
        source: Option<SourceName>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// What of a database is meant.
#[derive(Debug, clap::Args)]
struct Published {
    /// The database: NAME of `[publish.NAME]`
    name: String,
    /// Only this source
    source: Option<String>,
}

/// A source in a database. Times are UTC, in the mirror's format.
#[derive(Debug, Serialize)]
struct PublishedSourceView {
    publish: String,
    source: String,
    /// The tables hold what the mirror held after this run; `null` before the first.
    run: Option<i64>,
    /// When something was published last.
    published: Option<String>,
    /// Streams that are filled or compared at present.
    comparing: usize,
    /// Runs that changed something and are not published.
    lag_runs: u64,
    /// How long the database has lacked something.
    lag_seconds: u64,
    /// Whether everything of the source is removed from the database.
    removal: bool,
    /// Since when attempts fail.
    failed: Option<String>,
    /// Attempts in a row that failed.
    attempts: u32,
    /// When it is tried again.
    due: Option<String>,
    /// Why the last attempt failed.
    message: Option<String>,
}

/// Shows, compares or rebuilds.
pub async fn run(folders: &Folders, options: &PublishOptions) -> Result<(), Exit> {
    match &options.action {
        PublishAction::Status { json } => status(folders, *json),
        PublishAction::Verify { what, json } => verify(folders, what, *json).await,
        PublishAction::Rebuild { what } => rebuild(folders, what).await,
        PublishAction::Remove { name, source, yes } => remove(folders, name, source, *yes).await,
        PublishAction::Forget { name, source, yes } => {
            forget(folders, name, source.as_ref(), *yes).await
        }
    }
}

fn status(folders: &Folders, json: bool) -> Result<(), Exit> {
    let access = MirrorAccess::open(folders)?.up_to_date()?;
    let setup = access.setup()?;
    let (mut views, mut left) = (Vec::new(), Vec::new());
    if let Some(mirror) = access.mirror_if_made() {
        left = left_behind(setup, mirror)?;
        for name in setup.config.publish.keys() {
            let states = publish_states(setup, name, mirror)?;
            let view = |(source, state)| view(name, &source, state);
            views.extend(states.into_iter().map(view));
        }
    }
    if setup.config.publish.is_empty() && left.is_empty() {
        return Err(Exit::usage("rollbook.toml has no [publish.NAME]"));
    }
    if json {
        out::json(&views);
    } else {
        out::text(blocks([status_text(&views, out::width()), bullets(left)]));
    }
    Ok(())
}

fn view(name: &PublishName, source: &SourceName, state: PublishState) -> PublishedSourceView {
    let now = Clock::system().now();
    let since = state.unpublished_since();
    let since = since.map(|since| now.duration_since(since));
    let known = state.known.unwrap_or_default();
    PublishedSourceView {
        publish: name.to_string(),
        source: source.to_string(),
        run: (!known.claim.is_empty()).then_some(known.run),
        published: known.published.map(to_canonical),
        comparing: state.comparing,
        lag_runs: state.lag.runs,
        lag_seconds: since.map_or(0, |since| since.unsigned_abs().as_secs()),
        removal: known.leaves(),
        failed: known.failed.map(to_canonical),
        attempts: known.attempts,
        due: known.due.map(to_canonical),
        message: known.message,
    }
}

fn status_text(views: &[PublishedSourceView], width: Option<usize>) -> String {
    let mut table = TextTable::new([
        group("database"),
        left("source"),
        right("run"),
        left("published (UTC)"),
        right("waiting runs"),
        right("seconds"),
        right("comparing"),
        right("failed"),
        left("next try (UTC)"),
        note("why"),
    ]);
    let time = |time: &Option<String>| time.as_deref().map(minute).unwrap_or_default();
    let count = |number: u64| match number {
        0 => String::new(),
        some => grouped(some),
    };
    for view in views {
        table.row([
            view.publish.clone(),
            view.source.clone(),
            view.run.map(|run| run.to_string()).unwrap_or_default(),
            time(&view.published),
            count(view.lag_runs),
            count(view.lag_seconds),
            count(view.comparing as u64),
            count(view.attempts.into()),
            time(&view.due),
            match (&view.message, view.removal) {
                (Some(why), true) => format!("to be removed: {why}"),
                (Some(why), false) => why.clone(),
                (None, true) => "to be removed".to_owned(),
                (None, false) => String::new(),
            },
        ]);
    }
    table.render(width)
}

/// The database and the source that are meant.
fn meant(setup: &Setup, what: &Published) -> Result<(PublishName, Option<SourceName>), Exit> {
    let known = setup.config.publish.get_key_value(what.name.as_str());
    let Some((name, _)) = known else {
        return Err(Exit::usage(unknown_publish(setup, &what.name)));
    };
    let source = match &what.source {
        Some(source) => match setup.sources.get_key_value(source.as_str()) {
            Some((source, _)) => Some(source.clone()),
            None => return Err(Exit::usage(format!("there is no source `{source}`"))),
        },
        None => None,
    };
    Ok((name.clone(), source))
}

async fn verify(folders: &Folders, what: &Published, json: bool) -> Result<(), Exit> {
    let overlay = Overlay::default();
    let setup = Setup::load(folders, &overlay)?;
    let (name, source) = meant(&setup, what)?;
    let secrets = start::secrets(folders, &overlay);
    let mirror = folders.mirror(&setup);
    let found = verify_published(&setup, &secrets, &mirror, &name, source.as_ref()).await;
    let found = found.map_err(|why| Exit::failed(format!("rollbook: {why}")))?;
    if json {
        out::json(&found.iter().map(verified).collect::<BTreeMap<_, _>>());
    } else {
        out::text(verify_text(&found, out::width()));
    }
    let is_same = found.values().all(|one| match one {
        PublishVerification::Unknown(_) => false,
        PublishVerification::Compared { tables, .. } => tables.iter().all(TableDifference::is_same),
    });
    match is_same {
        true => Ok(()),
        false => Err(Exit::unsuccessful()),
    }
}

/// What was found of a source, for JSON.
#[derive(Debug, Serialize)]
struct VerifiedView<'a> {
    run: Option<i64>,
    message: Option<&'a str>,
    tables: &'a [TableDifference],
}

fn verified<'a>(
    (source, found): (&'a SourceName, &'a PublishVerification),
) -> (&'a SourceName, VerifiedView<'a>) {
    let view = match found {
        PublishVerification::Unknown(why) => VerifiedView {
            run: None,
            message: Some(why),
            tables: &[],
        },
        PublishVerification::Compared { run, tables } => VerifiedView {
            run: Some(*run),
            message: None,
            tables,
        },
    };
    (source, view)
}

fn verify_text(found: &BTreeMap<SourceName, PublishVerification>, width: Option<usize>) -> String {
    let mut table = TextTable::new([
        group("source"),
        left("table"),
        right("rows"),
        right("published"),
        right("missing"),
        right("different"),
        right("extra"),
        right("left out"),
        note(""),
    ]);
    let count = |number: u64| match number {
        0 => String::new(),
        some => grouped(some),
    };
    for (source, found) in found {
        let tables = match found {
            PublishVerification::Unknown(why) => {
                let mut cells: [String; 9] = Default::default();
                cells[0] = source.to_string();
                cells[8].clone_from(why);
                table.row(cells);
                continue;
            }
            PublishVerification::Compared { tables, .. } => tables,
        };
        for one in tables {
            table.row([
                source.to_string(),
                one.table.clone(),
                grouped(one.rows),
                grouped(one.published),
                count(one.missing),
                count(one.different),
                count(one.extra),
                count(one.left_out),
                if one.is_same() { "same" } else { "DIFFERENT" }.to_owned(),
            ]);
        }
    }
    table.render(width)
}

async fn rebuild(folders: &Folders, what: &Published) -> Result<(), Exit> {
    let setup = Setup::load(folders, &Overlay::default())?;
    let (name, source) = meant(&setup, what)?;
    let request = AdminRequest::RebuildPublished {
        name: name.clone(),
        source,
    };
    let (response, by) = send_request(folders, &request).await?;
    let AdminResponse::Rebuilding { sources: marked } = response else {
        return Err(Exit::failed(format!("unexpected response: {response:?}")));
    };
    let sources = joined(marked.iter().map(SourceName::as_str));
    match by {
        HandledBy::Daemon => {
            out::text(format!(
                "The service compares {sources} in {name} now; `rollbook publish status` shows how far it is."
            ));
            Ok(())
        }
        HandledBy::ThisProcess(app) => {
            publish_here(&app, &setup, &name, marked.iter()).await?;
            let are = if marked.len() == 1 { "is" } else { "are" };
            out::text(format!("{sources} in {name} {are} what the mirror has."));
            Ok(())
        }
    }
}

/// Publishes in this process; fails with the first reason why one of the sources was not done.
async fn publish_here(
    app: &App,
    setup: &Setup,
    name: &PublishName,
    mut sources: impl Iterator<Item = &SourceName>,
) -> Result<(), Exit> {
    app.publish(PublishWhen::Now).await;
    app.continue_published_erasures().await;
    let states = publish_states(setup, name, &*app.store().reader()?)?;
    let failed = sources.find_map(|source| states.get(source)?.known.as_ref()?.message.as_ref());
    failed.map_or(Ok(()), |why| Err(Exit::failed(format!("rollbook: {why}"))))
}

async fn remove(
    folders: &Folders,
    name: &str,
    source: &SourceName,
    is_agreed: bool,
) -> Result<(), Exit> {
    let overlay = Overlay::default();
    let setup = Setup::load(folders, &overlay)?;
    let Some((name, _)) = setup.config.publish.get_key_value(name) else {
        return Err(Exit::usage(unknown_publish(&setup, name)));
    };
    if let Some(why) = still_published(&setup, name, source) {
        return Err(Exit::usage(why));
    }
    let (secrets, mirror) = (start::secrets(folders, &overlay), folders.mirror(&setup));
    let found = published_rows(&setup, &secrets, &mirror, name, source).await;
    let found = found.map_err(|why| Exit::failed(format!("rollbook: {why}")))?;
    let what = format!(
        "{} of {source} in {}",
        many(found.rows, "row", "rows"),
        many(found.tables, "table", "tables")
    );
    if !is_agreed {
        let Some(prompt) = Prompt::open() else {
            return Err(Exit::usage(format!(
                "{name} has {what}; without a terminal, `--yes` removes them"
            )));
        };
        let question = format!("Remove {what} from {name}?");
        if !prompt.agrees(&question).await? {
            return Err(Exit::failed("nothing was removed"));
        }
    }
    let request = AdminRequest::RemovePublished {
        name: name.clone(),
        source: source.clone(),
    };
    let (_, by) = send_request(folders, &request).await?;
    out::text(match by {
        HandledBy::Daemon => format!(
            "The service removes {what} from {name} now; `rollbook publish status` shows {source} until it is done."
        ),
        HandledBy::ThisProcess(app) => {
            publish_here(&app, &setup, name, [source].into_iter()).await?;
            format!("Removed {what} from {name}.")
        }
    });
    Ok(())
}

async fn forget(
    folders: &Folders,
    name: &PublishName,
    source: Option<&SourceName>,
    is_agreed: bool,
) -> Result<(), Exit> {
    let what = match source {
        Some(source) => format!("what was published of {source} to {name}"),
        None => format!("everything that was published to {name}"),
    };
    if !is_agreed {
        let Some(prompt) = Prompt::open() else {
            return Err(Exit::usage(format!(
                "without a terminal, `--yes` forgets {what}"
            )));
        };
        let question = format!(
            "Forget {what}? Nothing is removed there, and erasures of people no longer wait for it."
        );
        if !prompt.agrees(&question).await? {
            return Err(Exit::failed("nothing was forgotten"));
        }
    }
    let request = AdminRequest::ForgetPublished {
        name: name.clone(),
        source: source.cloned(),
    };
    let (response, _) = send_request(folders, &request).await?;
    let AdminResponse::ForgotPublished { sources } = response else {
        return Err(Exit::failed(format!("unexpected response: {response:?}")));
    };
    let sources = joined(sources.iter().map(SourceName::as_str));
    out::text(format!(
        "Forgot what was published of {sources} to {name}; its rows there are for its operator to remove."
    ));
    Ok(())
}
