//! Streams that are read for the rows of another: is it there, is it read first, has it the same shape?

use super::*;

impl Checks<'_> {
    /// Streams that are read for the rows of another one cannot wait for it in the same transaction.
    pub(super) fn parents(&mut self, name: &JobName, job: &JobConfig, streams: &[Arc<StreamSpec>]) {
        if job.apply != Apply::Together {
            return;
        }
        for spec in streams {
            let parent = spec
                .for_each
                .as_ref()
                .and_then(|each| each.stream.as_deref());
            let beside = parent.filter(|parent| streams.iter().any(|other| other.name == *parent));
            let in_the_way = match (beside, spec.window.is_some()) {
                (Some(parent), _) => Some(format!(
                    "`{}` is read for each row of `{parent}`, so they cannot be applied together",
                    spec.name
                )),
                (None, true) => Some(format!(
                    "`{}` is a time series: its steps are applied one by one",
                    spec.name
                )),
                (None, false) => None,
            };
            if let Some(message) = in_the_way {
                self.job_problem(
                    name,
                    &["apply"],
                    message,
                    Some("write `apply = \"each\"`".into()),
                );
            }
        }
    }

    /// Two jobs that read one stream must keep the same columns of it.
    pub(super) fn same_shape(
        &mut self,
        name: &JobName,
        streams: &[Arc<StreamSpec>],
        other: (&JobName, &JobSetup),
    ) {
        for spec in streams {
            let twin = other.1.streams.iter().find(|twin| twin.name == spec.name);
            let columns = |spec: &StreamSpec| {
                spec.columns
                    .iter()
                    .map(|column| column.name.clone())
                    .collect::<Vec<_>>()
            };
            if twin.is_some_and(|twin| columns(twin) != columns(spec)) {
                let message = format!(
                    "the job `{}` keeps other columns of `{}`",
                    other.0, spec.name
                );
                self.job_problem(
                    name,
                    &["stream", &spec.name, "drop"],
                    message,
                    Some("drop the same columns in both".into()),
                );
            }
        }
    }

    /// A stream that is read for the rows of another one, or whose deletions another one lists, needs that one read.
    pub(super) fn read_parents(&mut self, jobs: &BTreeMap<JobName, JobSetup>) {
        let mut notes = Vec::new();
        for (name, job) in jobs {
            let read = |stream: &str| {
                jobs.values().any(|other| {
                    other.source == job.source
                        && other.streams.iter().any(|spec| spec.name == stream)
                })
            };
            for spec in &job.streams {
                let each = spec.for_each.as_ref();
                let listed = each
                    .and_then(|each| each.setting.as_ref())
                    .and_then(|setting| {
                        let settings = &self.config.sources.get(&job.source)?.settings;
                        settings.get(setting)
                    });
                let parent = each
                    .and_then(|each| each.stream.as_deref())
                    .filter(|_| listed.is_none());
                let feed = spec.gone.feed.as_ref().map(|feed| feed.stream.as_str());
                for (needed, why) in [
                    (parent, "is read for each row of"),
                    (feed, "learns of deletions from"),
                ] {
                    if let Some(needed) = needed.filter(|needed| !read(needed)) {
                        notes.push((
                            name.clone(),
                            format!(
                                "`{}` {why} `{needed}`, which no job of this source reads",
                                spec.name
                            ),
                        ));
                    }
                }
            }
        }
        for (name, message) in notes {
            let place = self.config.job_place(&name, &["streams"]);
            self.problems.push(Problem::note(place, message));
        }
    }
}
