//! `rollbook rename OLD NEW`: a source whose name was changed in the configuration keeps its rows, history and sign-in.
//!
//! The daemon must not run: it owns mirror and vault. The configuration is changed by the admin, because only an admin
//! knows which names in it are meant; the command names the lines.

use super::exit::Exit;
use super::out;
use super::start;
use super::table::{bullets, grouped, many};
use rollbook_app::app::{Renaming, lines_that_name};
use rollbook_core::document::suggest::advice;
use rollbook_core::model::{AuditedAction, SourceName};
use rollbook_core::permissions::invoker;
use rollbook_core::store::rename::SourceData;
use rollbook_engine::setup::{Folders, Overlay, Setup};

/// Options of `rename`.
#[derive(Debug, clap::Args)]
pub struct RenameOptions {
    /// The source's name until now
    #[arg(value_name = "OLD")]
    old: SourceName,
    /// Its name in the configuration
    #[arg(value_name = "NEW")]
    new: SourceName,
    /// Delete what the mirror already has under the new name
    #[arg(long)]
    replace: bool,
}

/// Renames the source in mirror and vault.
pub async fn run(folders: &Folders, options: &RenameOptions) -> Result<(), Exit> {
    let (old, new) = (&options.old, &options.new);
    let setup = Setup::load(folders, &Overlay::default())?;
    if setup.sources.contains_key(old) {
        return Err(Exit::usage(change_first(folders, old, new)));
    }
    if !setup.sources.contains_key(new) {
        let help = advice(new.as_str(), setup.sources.keys().map(SourceName::as_str));
        return Err(Exit::usage(format!(
            "there is no source `{new}` in the configuration; {help}"
        )));
    }
    let secrets = start::secrets(folders, &Overlay::default());
    let renaming = Renaming::open(folders, &setup, &secrets, (old.clone(), new.clone()))?;
    if !renaming.has_old() {
        return Err(Exit::usage(format!(
            "the mirror has nothing of a source `{old}`; `rollbook status` lists the sources that it has"
        )));
    }
    let (data, replaced) = (renaming.old_data, renaming.new_data);
    if data.tables > 0 && !replaced.has_no_rows() && !options.replace {
        return Err(Exit::usage(format!(
            "{new} already has {}; `rollbook rename {old} {new} --replace` deletes them and keeps the {} of {old}",
            described(replaced),
            described(data)
        )));
    }
    renaming.run(&setup).await?;
    // Makes the views with labels, and shows that the next start works.
    let app = start::app(folders, &Overlay::default()).await?;
    let subject = format!("source {old} to {new}");
    app.record(invoker().clone(), AuditedAction::Rename, subject)
        .await?;
    out::text(match data.tables {
        0 => format!("The rename of {old} to {new} is complete."),
        _ => format!(
            "{old} is {new} now: {}. Queries and programs outside Rollbook must use the new names of the tables.",
            described(data)
        ),
    });
    Ok(())
}

/// `13 tables, 10,773 rows and 52 old versions`.
fn described(data: SourceData) -> String {
    format!(
        "{}, {} and {} old versions",
        many(data.tables, "table", "tables"),
        many(data.rows, "row", "rows"),
        grouped(data.history_rows)
    )
}

fn change_first(folders: &Folders, old: &SourceName, new: &SourceName) -> String {
    let lines = lines_that_name(folders, old);
    format!(
        "`{old}` is still configured. Stop the service, change the name to `{new}` in the lines below, and run this again; \
         nothing was changed.\n{}",
        bullets(lines).trim_end()
    )
}
