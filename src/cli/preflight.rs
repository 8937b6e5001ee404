//! `rollbook check --online`: requests one row of each stream, and shows the results.

use std::path::Path;

use comfy_table::Cell;
use futures_util::future::join_all;

use super::exit::Exit;
use super::table::many;
use super::{start, table};
use crate::app::{ProbeResult, SourceCheck};
use crate::setup::Folders;

/// Probes all sources concurrently.
pub async fn check_all(folders: &Folders, mirror: Option<&Path>) -> Result<Vec<SourceCheck>, Exit> {
    let app = start::with_empty_mirror(folders).await?;
    let setup = app.setup();
    let names = setup.sources.keys();
    Ok(join_all(names.map(|name| app.check_online(name, mirror))).await)
}

/// A table of all streams, and why some cannot be read.
pub fn text(sources: &[SourceCheck]) -> String {
    let mut table = table::table(&["source", "account", "stream", "result"]);
    let mut remarks = String::new();
    for source in sources {
        let name = &source.source;
        let account = source.account.as_deref().unwrap_or("");
        if !source.missing_scopes.is_empty() {
            remarks.push_str(&format!(
                "• {name}: requested and not granted: {}; an administrator at the vendor can grant it\n",
                source.missing_scopes.join(" ")
            ));
        }
        for stream in &source.streams {
            let row = [
                name.as_str(),
                account,
                stream.stream.as_str(),
                result_text(stream.result),
            ];
            table.add_row(row.map(Cell::new));
            if let Some(message) = &stream.message {
                remarks.push_str(&format!("• {name}.{}: {message}\n", stream.stream));
            }
        }
        let is_shown = source
            .streams
            .iter()
            .any(|stream| stream.message == source.message);
        if let (Some(message), false) = (&source.message, is_shown) {
            remarks.push_str(&format!("• {name}: {message}\n"));
        }
    }
    let fine = sources.iter().filter(|source| source.is_fine()).count();
    format!(
        "{table}\n{remarks}{fine} of {} can be read.\n",
        many(sources.len() as u64, "source", "sources")
    )
}

fn result_text(result: ProbeResult) -> &'static str {
    match result {
        ProbeResult::Ok => "ok",
        ProbeResult::NotServed => "not available",
        ProbeResult::NotProbed => "not checked",
        ProbeResult::Failed => "failed",
    }
}
