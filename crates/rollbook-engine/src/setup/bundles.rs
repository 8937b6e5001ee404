//! Bundles against jobs and streams: are the jobs there, and is a name a bundle's or a stream's?

use super::checks::Checks;
use super::files::bundle::BundleFile;
use super::jobs::Jobs;
use super::sources::Sources;
use rollbook_core::document::Problem;
use rollbook_core::document::suggest::advice;

impl Checks<'_> {
    /// A job that does not exist is an error, and so is a name that `rollbook export` could not tell from a stream.
    pub(super) fn bundles(&mut self, bundles: &[BundleFile], sources: &Sources, jobs: &Jobs<'_>) {
        let known: Vec<&str> = jobs.iter().map(|job| job.file.name.as_str()).collect();
        for bundle in bundles {
            let after = bundle
                .config
                .iter()
                .flat_map(|config| &config.after)
                .flatten();
            for (number, job) in after.enumerate() {
                if known.contains(&job.as_str()) {
                    continue;
                }
                let at = bundle
                    .tree
                    .nearest_location(&["after", &number.to_string()]);
                let problem = Problem::error(at, format!("there is no job `{job}`"));
                let help = advice(job.as_str(), known.iter().copied());
                self.problems.push(problem.help(help));
            }
            if is_table(&bundle.name, sources) {
                let message = format!("`{}` is also the name of a stream's table", bundle.name);
                let problem = Problem::error(bundle.tree.location(), message);
                self.problems.push(problem.help("rename the file"));
            }
        }
    }
}

fn is_table(name: &str, sources: &Sources) -> bool {
    sources.iter().any(|(source, draft)| {
        let mut streams = draft.ready.iter().flat_map(|ready| ready.streams.keys());
        streams.any(|stream| name == format!("{source}_{stream}"))
    })
}
