//! `rollbook reset JOB STREAM`: forget how far a stream was read, so that the next reading is a full one.
//!
//! No row is touched: the next reading compares with what is there, as always.

use super::exit::Exit;
use super::sync::known_job;
use super::{out, start};
use crate::app::{JobSetup, Overlay, Places};
use crate::model::nearest::advice;
use crate::store::checkpoints;

/// Options of `reset`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The job
    job: String,
    /// One of its streams
    stream: String,
}

/// Forgets the stream's checkpoints.
pub async fn run(places: &Places, options: Options) -> Result<(), Exit> {
    let app = start::app(places, &Overlay::default()).await?;
    let setup = app.setup();
    let job = known_job(&setup, &options.job)?;
    let stream = known_stream(&options.job, job, &options.stream)?;
    let name = format!("{}_{stream}", job.source);
    let Some(table) = setup
        .tables()
        .into_iter()
        .find(|table| table.name() == name)
    else {
        return Err(Exit::failed(format!("no job has a table {name}")));
    };
    app.store()
        .write(move |connection| checkpoints::forget(connection, &table))
        .await?;
    out::text(format!(
        "The next run of {} reads {name} in full; no row was touched. `rollbook sync {}` runs it now.",
        options.job, options.job
    ));
    Ok(())
}

/// The job's stream: by its own name, or as its table is called.
fn known_stream<'a>(name: &str, job: &'a JobSetup, stream: &str) -> Result<&'a str, Exit> {
    let names = || job.streams.iter().map(|spec| spec.name.as_str());
    let plain = stream
        .strip_prefix(job.source.as_str())
        .and_then(|rest| rest.strip_prefix(['_', '.']));
    names()
        .find(|known| *known == stream || Some(*known) == plain)
        .ok_or_else(|| {
            let help = advice(plain.unwrap_or(stream), names().collect::<Vec<_>>());
            Exit::usage(format!("the job {name} reads no stream `{stream}`; {help}"))
        })
}
