//! `rollbook reset JOB STREAM`: forget how far a stream was read, so that the next reading is a full one.
//!
//! No row is touched: the next reading compares with what is there, as always.

use super::asking::asked;
use super::exit::Exit;
use super::out;
use crate::app::{Granted, Places, Wish};

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
    let Options { job, stream } = options;
    let wish = Wish::Reset {
        job: job.clone(),
        stream,
    };
    let (granted, by) = asked(places, &wish).await?;
    let Granted::Forgotten { table } = granted else {
        return Err(Exit::failed(format!(
            "an answer that makes no sense: {granted:?}"
        )));
    };
    out::text(format!(
        "The next run of {job} reads {table} in full; no row was touched.{}",
        by.run_it_now(&job)
    ));
    Ok(())
}
