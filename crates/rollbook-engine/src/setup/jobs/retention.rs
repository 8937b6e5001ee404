//! What can be wrong with `retain`: a column without dates, one that is not mirrored as it is, or of a time series another one
//! than its points' time.

use super::ColumnChoice;
use crate::setup::checks::Checks;
use crate::setup::files::JobFile;
use rollbook_core::connector::api::StreamSpec;
use rollbook_core::document::suggest::advice;
use rollbook_core::model::row::Kind;

impl Checks<'_> {
    /// The key `retain` of `[stream.NAME]`.
    pub(super) fn retention(&mut self, file: &JobFile, spec: &StreamSpec) {
        let choice = ColumnChoice::of(&file.tree, spec.name.as_str());
        let Some((message, help)) = refusal(spec, &choice) else {
            return;
        };
        let path = ["stream", spec.name.as_str(), "retain", "column"];
        self.job_problem(file, &path, message, Some(help));
    }
}

fn refusal(spec: &StreamSpec, choice: &ColumnChoice) -> Option<(String, String)> {
    let name = choice.retain.as_deref()?;
    let dates = || {
        let columns = spec.columns.iter();
        let dates = columns.filter(|column| matches!(column.kind, Kind::Date | Kind::Timestamp));
        advice(name, dates.map(|column| column.name.as_str()))
    };
    let stream = &spec.name;
    let Some(index) = spec.column(name) else {
        return Some((format!("{stream} has no column `{name}`"), dates()));
    };
    let refused = match spec.columns[index].kind {
        Kind::Date | Kind::Timestamp if choice.drop.contains(name) => (
            format!("`{name}` is in `drop`"),
            "take it out of `drop`".to_owned(),
        ),
        Kind::Date | Kind::Timestamp if choice.pseudonymise.contains(name) => (
            format!("`{name}` is pseudonymised"),
            "a pseudonym is not a date: take it out of `pseudonymise`".to_owned(),
        ),
        Kind::Date | Kind::Timestamp => {
            let time = spec.window.as_ref().map(|window| window.column);
            let time = time.filter(|time| *time != index)?;
            let time = &spec.columns[time].name;
            (
                format!("{stream} is a time series: its points end by their time, `{time}`"),
                format!("write `column = \"{time}\"`"),
            )
        }
        _ => (format!("`{name}` has no dates"), dates()),
    };
    Some(refused)
}
