//! `rollbook check --online`: each source is asked for one row of each stream, and what it says is shown.

use std::path::Path;

use comfy_table::Cell;
use futures_util::future::join_all;

use super::exit::Exit;
use super::words::many;
use super::{start, table};
use crate::app::{Answered, Places, SourceOnline};

/// Asks all sources, side by side.
pub async fn ask_all(places: &Places, mirror: Option<&Path>) -> Result<Vec<SourceOnline>, Exit> {
    let app = start::look(places).await?;
    let setup = app.setup();
    let names = setup.sources.keys();
    Ok(join_all(names.map(|name| app.ask_online(name.as_str(), mirror))).await)
}

/// A table of all streams, and why some did not answer.
pub fn text(sources: &[SourceOnline]) -> String {
    let mut table = table::table(&["source", "account", "stream", "result"]);
    let mut remarks = String::new();
    for source in sources {
        let name = &source.source;
        let account = source.account.as_deref().unwrap_or("");
        if !source.missing_scopes.is_empty() {
            remarks.push_str(&format!(
                "• {name}: asked for and not granted: {}; an administrator at the vendor may grant it\n",
                source.missing_scopes.join(" ")
            ));
        }
        for stream in &source.streams {
            let row = [name, account, &stream.stream, word(stream.result)];
            table.add_row(row.map(Cell::new));
            if let Some(sentence) = &stream.sentence {
                remarks.push_str(&format!("• {name}.{}: {sentence}\n", stream.stream));
            }
        }
        let is_told = source
            .streams
            .iter()
            .any(|stream| stream.sentence == source.sentence);
        if let (Some(sentence), false) = (&source.sentence, is_told) {
            remarks.push_str(&format!("• {name}: {sentence}\n"));
        }
    }
    let fine = sources.iter().filter(|source| source.is_fine()).count();
    format!(
        "{table}\n{remarks}{fine} of {} would be let in.\n",
        many(sources.len() as u64, "source", "sources")
    )
}

fn word(result: Answered) -> &'static str {
    match result {
        Answered::Ok => "ok",
        Answered::NotServed => "not served here",
        Answered::NotAsked => "not asked",
        Answered::Failed => "failed",
    }
}
