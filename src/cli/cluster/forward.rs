//! The asking side of a command that the worker carries out which has the source.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use serde_json::Value;

use super::database::{ClusterAccess, failed};
use crate::cli::exit::{BUSY_CODE, Exit};
use crate::cli::out;
use crate::cli::stop::stop_on_signal;
use rollbook_app::app::{ForwardedCommand, HOST_OPTIONS, RequestOrigin};
use rollbook_core::clock::Clock;
use rollbook_core::document::suggest::joined;
use rollbook_core::model::SourceName;
use rollbook_core::permissions::{Actor, invoker};
use rollbook_postgres::postgres::cluster::requests::{self, RequestAnswer, RequestProgress};

/// How often the database is asked whether there is an answer.
const POLL: Duration = Duration::from_secs(1);

/// How long a source may have no worker before the command gives up: longer than a takeover takes.
const WITHOUT_A_WORKER: Duration = Duration::from_secs(60);

/// The arguments of this process without those that say where the files of this host are.
pub fn own_arguments(arguments: impl IntoIterator<Item = String>) -> Vec<String> {
    let (mut own, mut arguments) = (Vec::new(), arguments.into_iter());
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            own.push(argument);
            own.extend(arguments.by_ref());
        } else if HOST_OPTIONS.contains(&argument.as_str()) {
            arguments.next(); // its value
        } else if !is_left_here(&argument) {
            own.push(argument);
        }
    }
    own
}

/// Whether an argument is about this host, or about the log of this process.
fn is_left_here(argument: &str) -> bool {
    let option = argument.split_once('=').map(|(option, _)| option);
    let is_verbose = argument == "--verbose"
        || argument.strip_prefix('-').is_some_and(|letters| {
            !letters.is_empty() && letters.bytes().all(|letter| letter == b'v')
        });
    is_verbose || option.is_some_and(|option| HOST_OPTIONS.contains(&option))
}

/// Who asks, and for what terminal.
fn origin() -> RequestOrigin {
    let person = invoker();
    let is_coloured = |choice| choice != anstream::ColorChoice::Never;
    let (output, errors) = (std::io::stdout(), std::io::stderr());
    RequestOrigin {
        by: Actor {
            uid: person.uid,
            name: match nix::unistd::gethostname() {
                Ok(host) => format!("{} on {}", person.name, host.to_string_lossy()),
                Err(_) => person.name.clone(),
            },
        },
        width: out::width(),
        error_width: out::error_width(),
        has_colours: output.is_terminal()
            && errors.is_terminal()
            && is_coloured(anstream::AutoStream::choice(&output))
            && is_coloured(anstream::AutoStream::choice(&errors)),
    }
}

/// How a source's part of the command ended.
#[derive(Debug)]
enum PartEnd {
    Answered(RequestAnswer),
    /// Without an answer, and why.
    Unanswered(String),
}

/// The requests of one command, one a source.
struct Inquiry<'a> {
    access: &'a ClusterAccess,
    id: String,
    clock: Clock,
    /// Since when a source has had no worker.
    alone: BTreeMap<String, Duration>,
    /// The worker that has begun with it.
    taken_by: BTreeMap<String, (String, String)>,
    ended: BTreeMap<String, PartEnd>,
}

/// Has the workers of these sources carry out the command, and prints what it printed there.
///
/// # Errors
/// With the exit code that it ended with there, and when a source has no worker.
pub async fn forward(
    access: &ClusterAccess,
    sources: Vec<SourceName>,
    arguments: Vec<String>,
) -> Result<(), Exit> {
    let is_json = arguments
        .iter()
        .take_while(|argument| *argument != "--")
        .any(|argument| argument == "--json");
    let request = ForwardedCommand {
        arguments,
        origin: origin(),
    };
    let request = serde_json::to_string(&request)
        .map_err(|error| Exit::failed(format!("rollbook: {error}")))?;
    let stop = stop_on_signal();
    let mut inquiry = Inquiry {
        access,
        id: format!("{:032x}", fastrand::u128(..)),
        clock: Clock::system(),
        alone: BTreeMap::new(),
        taken_by: BTreeMap::new(),
        ended: BTreeMap::new(),
    };
    let work = async {
        inquiry.ask(&sources, &request).await?;
        let mut printer = PartPrinter::new(sources.len() > 1, is_json);
        for source in &sources {
            printer.print(source, inquiry.end_of(source, sources.len() == 1).await?);
        }
        printer.finish()
    };
    tokio::select! {
        ended = work => return ended,
        () = stop.cancelled() => {}
    }
    inquiry.withdraw(&sources).await
}

impl Inquiry<'_> {
    async fn ask(&self, sources: &[SourceName], request: &str) -> Result<(), Exit> {
        for source in sources {
            let row = (source.as_str(), self.id.as_str());
            let asked =
                requests::ask(&self.access.session, self.access.schema(), row, request).await;
            asked.map_err(|error| failed(self.access, &error))?;
        }
        Ok(())
    }

    /// Waits until the command has ended for a source.
    async fn end_of(&mut self, source: &SourceName, is_only: bool) -> Result<PartEnd, Exit> {
        let mut is_told = false;
        loop {
            if let Some(ended) = self.ended.remove(source.as_str()) {
                return Ok(ended);
            }
            let (session, schema) = (&self.access.session, self.access.schema());
            let found = requests::progress(session, schema, &self.id).await;
            let found = found.map_err(|error| failed(self.access, &error))?;
            if !found.iter().any(|one| one.source == *source.as_str()) {
                let why = "the request is gone from the database, so it is not known whether it was carried out";
                return Ok(PartEnd::Unanswered(why.to_owned()));
            }
            for one in &found {
                self.note(one).await?;
                if let (true, false, true, Some((_, host))) =
                    (is_only, is_told, one.is_taken, &one.worker)
                {
                    out::error(&format!("{source} is on {host}."));
                    is_told = true;
                }
            }
            if !self.ended.contains_key(source.as_str()) {
                self.clock.sleep(POLL).await;
            }
        }
    }

    /// Notes the end of a source's part.
    async fn note(&mut self, found: &RequestProgress) -> Result<(), Exit> {
        let access = self.access;
        let (session, schema) = (&access.session, access.schema());
        let row = (found.source.as_str(), self.id.as_str());
        if found.is_answered {
            let answer = requests::fetch(session, schema, row).await;
            if let Some(answer) = answer.map_err(|error| failed(access, &error))? {
                self.ended
                    .insert(found.source.clone(), PartEnd::Answered(answer));
            }
            return Ok(());
        }
        let lost = match (&found.worker, self.taken_by.get(&found.source)) {
            // The one that began with it has the source no longer.
            (now, Some((start, host))) if now.as_ref().is_none_or(|(now, _)| now != start) => {
                Some(format!(
                    "{host} no longer has {} and did not say how the command ended: look before you repeat it",
                    found.source
                ))
            }
            (Some(worker), _) => {
                self.alone.remove(&found.source);
                if found.is_taken {
                    self.taken_by.insert(found.source.clone(), worker.clone());
                }
                None
            }
            (None, _) => {
                let now = self.clock.running();
                let since = *self.alone.entry(found.source.clone()).or_insert(now);
                (now.saturating_sub(since) >= WITHOUT_A_WORKER).then(|| {
                    format!(
                        "no worker has had {} for {} seconds: `rollbook cluster status` shows the workers",
                        found.source,
                        WITHOUT_A_WORKER.as_secs()
                    )
                })
            }
        };
        if let Some(why) = lost {
            let withdrawn = requests::withdraw(session, schema, row).await;
            withdrawn.map_err(|error| failed(access, &error))?;
            self.ended
                .insert(found.source.clone(), PartEnd::Unanswered(why));
        }
        Ok(())
    }

    /// Ctrl-C: on a connection of its own, because the other may wait for an answer.
    async fn withdraw(&self, sources: &[SourceName]) -> Result<(), Exit> {
        let access = self.access.again().await?;
        let mut begun = Vec::new();
        for source in sources {
            let row = (source.as_str(), self.id.as_str());
            let is_begun = requests::withdraw(&access.session, access.schema(), row).await;
            if is_begun.map_err(|error| failed(&access, &error))? {
                begun.push(source.as_str());
            }
        }
        Err(Exit::failed(match begun.as_slice() {
            [] => "The request was withdrawn.".to_owned(),
            _ => format!(
                "The worker has begun with {} already and goes on; what it prints is discarded.",
                joined(begun.into_iter())
            ),
        }))
    }
}

/// Prints the parts in the order of the sources.
struct PartPrinter {
    has_heads: bool,
    /// The parts by source, if they are JSON.
    json: Option<BTreeMap<String, Value>>,
    worst: u8,
}

impl PartPrinter {
    fn new(has_heads: bool, is_json: bool) -> Self {
        Self {
            has_heads,
            json: (has_heads && is_json).then(BTreeMap::new),
            worst: 0,
        }
    }

    fn print(&mut self, source: &SourceName, end: PartEnd) {
        if self.has_heads && self.json.is_none() {
            out::exact(&head(source));
        }
        match end {
            PartEnd::Answered(answer) => {
                let _ = std::io::stderr().write_all(&answer.errors); // a closed pipe
                self.worst = self.worst.max(u8::try_from(answer.status).unwrap_or(1));
                match &mut self.json {
                    Some(parts) => {
                        let value = serde_json::from_slice(&answer.output).unwrap_or_default();
                        parts.insert(source.to_string(), value);
                    }
                    None => {
                        let mut out = std::io::stdout().lock();
                        let _ = out.write_all(&answer.output).and_then(|()| out.flush()); // a closed pipe
                    }
                }
            }
            PartEnd::Unanswered(why) => {
                out::error(&why);
                self.worst = self.worst.max(BUSY_CODE);
            }
        }
    }

    fn finish(self) -> Result<(), Exit> {
        if let Some(parts) = self.json {
            out::json(&parts);
        }
        match self.worst {
            0 => Ok(()),
            code => Err(Exit::as_another(code)),
        }
    }
}

/// The line above what concerns a source.
fn head(source: &SourceName) -> String {
    format!("── {source} ──\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollbook_core::model::named;

    #[test]
    fn options_of_this_host_stay_here() {
        let rows: &[(&[&str], &[&str])] = &[
            (&["status"], &["status"]),
            (
                &["--config", "c", "-v", "--in", "north", "runs", "--json"],
                &["runs", "--json"],
            ),
            (
                &["sync", "--state=s", "rosters", "-vv", "--log", "json"],
                &["sync", "rosters"],
            ),
            (
                &["why", "north_users", "--", "--in", "-v"],
                &["why", "north_users", "--", "--in", "-v"],
            ),
            (
                &["export", "north_users", "--to", "-"],
                &["export", "north_users", "--to", "-"],
            ),
        ];
        for (given, expected) in rows {
            let given = given.iter().map(|one| (*one).to_owned());
            assert_eq!(own_arguments(given), *expected);
        }
    }

    #[test]
    fn the_worst_exit_code_counts() {
        let answered = |status| {
            PartEnd::Answered(RequestAnswer {
                status,
                output: b"{\"a\":1}".to_vec(),
                errors: Vec::new(),
            })
        };
        for (ends, expected) in [
            (vec![answered(0), answered(0)], None),
            (vec![answered(0), answered(2)], Some(2)),
            (
                vec![answered(1), PartEnd::Unanswered("no worker".to_owned())],
                Some(75),
            ),
        ] {
            let mut printer = PartPrinter::new(true, true);
            for (number, end) in ends.into_iter().enumerate() {
                printer.print(&named(&format!("s{number}")), end);
            }
            assert_eq!(printer.finish().err().map(|exit| exit.code()), expected);
        }
    }
}
