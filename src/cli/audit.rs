//! `rollbook audit`: who did what by command, and which files of the configuration changed.

use super::exit::Exit;
use super::mirror_access::MirrorAccess;
use super::out;
use super::table::{TextTable, group, left};
use rollbook_core::model::scalar::display_time;
use rollbook_core::store::queries::{self, AuditLine};
use rollbook_engine::setup::Folders;

/// As many digits of a file's hash as tell two versions apart.
const HASH_SHOWN: usize = 12;

/// Options of `audit`.
#[derive(Debug, clap::Args)]
pub struct AuditOptions {
    /// Number of actions to list, newest first
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Lists the actions.
pub fn run(folders: &Folders, options: &AuditOptions) -> Result<(), Exit> {
    let access = MirrorAccess::open(folders)?.up_to_date()?;
    let lines = queries::audit(access.mirror()?, options.limit)?;
    if options.json {
        out::json(&lines);
    } else {
        out::text(text(&lines, out::width()));
    }
    Ok(())
}

fn text(lines: &[AuditLine], width: Option<usize>) -> String {
    if lines.is_empty() {
        return "Nothing is recorded yet.".to_owned();
    }
    let mut table = TextTable::new([
        group("day"),
        left("at (UTC)"),
        left("user"),
        left("action"),
        left("subject"),
        left("SHA-256").optional(),
    ]);
    for line in lines {
        let at = display_time(&line.at);
        let (day, time) = at.split_once(' ').unwrap_or(("", &at));
        let hash = match (&line.hash, line.action.as_str()) {
            (Some(hash), _) => hash.chars().take(HASH_SHOWN).collect(),
            (None, "configuration") => "removed".to_owned(),
            (None, _) => String::new(),
        };
        table.row([
            day.to_owned(),
            time.to_owned(),
            line.user.clone(),
            line.action.clone(),
            line.subject.clone(),
            hash,
        ]);
    }
    table.render(width)
}
