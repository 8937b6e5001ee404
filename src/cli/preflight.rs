//! `rollbook check --online`: requests one row of each stream, and shows the results.

use std::path::Path;

use futures_util::future::join_all;

use super::exit::Exit;
use super::start;
use super::stop::stop_on_signal;
use super::table::{TextTable, blocks, bullets, fold, group, left, many, rest_name};
use rollbook_app::app::{ProbeResult, SourceCheck, StreamCheck};
use rollbook_engine::setup::Folders;

/// Probes all sources concurrently.
pub async fn check_all(folders: &Folders, mirror: Option<&Path>) -> Result<Vec<SourceCheck>, Exit> {
    let stop = stop_on_signal();
    let app = start::with_empty_mirror(folders).await?;
    let setup = app.setup();
    let names = setup.sources.keys();
    tokio::select! {
        sources = join_all(names.map(|name| app.check_online(name, mirror))) => Ok(sources),
        () = stop.cancelled() => Err(Exit::failed("stopped")),
    }
}

/// A table of all streams, on a terminal without those of a source that can be read, and why some cannot.
pub fn text(sources: &[SourceCheck], width: Option<usize>) -> String {
    let mut table = TextTable::new([group("source"), left("stream"), left("result")]);
    for source in sources {
        let head = match &source.account {
            Some(account) => format!("{} ({account})", source.source),
            None => source.source.to_string(),
        };
        let has_row = |stream: &&StreamCheck| width.is_none() || stream.result != ProbeResult::Ok;
        let (rows, rest) = fold(&source.streams, has_row);
        for stream in &rows {
            let result = result_text(stream.result).to_owned();
            table.row([head.clone(), stream.stream.to_string(), result]);
        }
        if !rest.is_empty() {
            let name = rest_name(&rows, &rest);
            table.row([head, name, result_text(ProbeResult::Ok).to_owned()]);
        }
    }
    let fine = sources.iter().filter(|source| source.is_fine()).count();
    let all = many(sources.len() as u64, "source", "sources");
    let remarks = bullets(sources.iter().flat_map(remarks));
    blocks([
        table.render(width),
        format!("{remarks}{fine} of {all} can be read.\n"),
    ])
}

fn remarks(source: &SourceCheck) -> Vec<String> {
    let name = &source.source;
    let mut remarks = Vec::new();
    if !source.missing_scopes.is_empty() {
        remarks.push(format!(
            "{name}: requested and not granted: {}; an administrator at the vendor can grant it",
            source.missing_scopes.join(" ")
        ));
    }
    for stream in &source.streams {
        let message = stream.message.as_ref();
        remarks.extend(message.map(|message| format!("{name}.{}: {message}", stream.stream)));
    }
    let is_shown = source
        .streams
        .iter()
        .any(|stream| stream.message == source.message);
    if let (Some(message), false) = (&source.message, is_shown) {
        remarks.push(format!("{name}: {message}"));
    }
    remarks
}

fn result_text(result: ProbeResult) -> &'static str {
    match result {
        ProbeResult::Ok => "ok",
        ProbeResult::NotServed => "not available",
        ProbeResult::NotProbed => "not checked",
        ProbeResult::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::table::snapshots;
    use rollbook_core::model::named;

    fn source(name: &str, account: Option<&str>, streams: &[(&str, ProbeResult)]) -> SourceCheck {
        let message = "could not read page 1: the vendor returned 403; the account lacks the right";
        let stream = |(name, result): &(&str, ProbeResult)| StreamCheck {
            stream: named(name),
            result: *result,
            message: (*result == ProbeResult::Failed).then(|| message.to_owned()),
        };
        SourceCheck {
            source: named(name),
            account: account.map(str::to_owned),
            missing_scopes: Vec::new(),
            message: None,
            streams: streams.iter().map(stream).collect(),
        }
    }

    #[test]
    fn a_snapshot_of_a_check() {
        let fine = [("orgs", ProbeResult::Ok), ("users", ProbeResult::Ok)];
        let mixed = [
            ("courses", ProbeResult::Ok),
            ("learners", ProbeResult::Failed),
            ("agents", ProbeResult::NotServed),
        ];
        let refused = SourceCheck {
            missing_scopes: vec!["roster-demographics.readonly".to_owned()],
            message: Some("could not get a token: the vendor refused the credential".to_owned()),
            ..source("west", None, &[("points", ProbeResult::NotProbed)])
        };
        let sources = [
            source("north", Some("Hill School"), &fine),
            source("south", None, &mixed),
            refused,
        ];
        snapshots::check("check-online", |width| text(&sources, width));
    }
}
