//! `rollbook pause JOB|SOURCE`: no run starts by schedule until a time, for holidays. `rollbook resume` ends it.
//!
//! The pause is kept in the mirror, so it outlives the daemon. An active run goes on, and a person can still start one.

use super::admin_request::send_request;
use super::exit::Exit;
use super::out;
use rollbook_app::app::{AdminRequest, AdminResponse, TypedTarget};
use rollbook_core::document::suggest::joined;
use rollbook_core::model::JobName;
use rollbook_engine::setup::Folders;

/// What is paused or resumed.
#[derive(Debug, clap::Args)]
pub struct JobOrSource {
    /// A job, or a source with all its jobs
    #[arg(value_name = "JOB|SOURCE")]
    name: String,
    /// NAME is a source, also if a job has the same name
    #[arg(long)]
    source: bool,
}

impl JobOrSource {
    /// As a request carries it.
    pub fn typed(self) -> TypedTarget {
        TypedTarget {
            name: self.name,
            is_source: self.source,
        }
    }
}

/// Options of `pause`.
#[derive(Debug, clap::Args)]
pub struct PauseOptions {
    #[command(flatten)]
    target: JobOrSource,
    /// First day or time after the pause, in the job's time zone: 2027-01-07, "2027-01-07 06:00", 18:00
    /// [default: until `rollbook resume`]
    #[arg(long, value_name = "DATE|TIME")]
    until: Option<String>,
}

/// Pauses the jobs.
pub async fn run(folders: &Folders, options: PauseOptions) -> Result<(), Exit> {
    let target = options.target.typed();
    let (name, until) = (target.name.clone(), options.until);
    let request = AdminRequest::Pause { target, until };
    let (response, _) = send_request(folders, &request).await?;
    let AdminResponse::Paused {
        pause,
        jobs,
        resume,
    } = response
    else {
        return Err(Exit::failed(format!("unexpected response: {response:?}")));
    };
    out::text(text(&name, &pause, &jobs, &resume));
    Ok(())
}

fn text(name: &str, pause: &str, jobs: &[JobName], resume: &str) -> String {
    let sync = |job: &dyn std::fmt::Display| {
        format!(
            "No run starts by schedule; `rollbook sync {job}` still runs it, `{resume}` ends the pause."
        )
    };
    match jobs {
        [job] if job.as_str() == name => format!("{name} is {pause}. {}", sync(job)),
        [] => format!("{name} is {pause}. No job reads it yet; `{resume}` ends the pause."),
        many => {
            let jobs = joined(many.iter().map(JobName::as_str));
            format!("{name} is {pause}, with {jobs}. {}", sync(&"JOB"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollbook_core::model::named;

    #[test]
    fn a_pause_names_its_jobs_and_its_end() {
        let pause = "paused until 2027-01-07";
        assert_eq!(
            text(
                "rosters",
                pause,
                &[named("rosters")],
                "rollbook resume rosters"
            ),
            "rosters is paused until 2027-01-07. No run starts by schedule; `rollbook sync rosters` still runs it, \
             `rollbook resume rosters` ends the pause."
        );
        assert_eq!(
            text(
                "north",
                pause,
                &[named("a"), named("b")],
                "rollbook resume north"
            ),
            "north is paused until 2027-01-07, with a and b. No run starts by schedule; `rollbook sync JOB` still runs it, \
             `rollbook resume north` ends the pause."
        );
    }
}
