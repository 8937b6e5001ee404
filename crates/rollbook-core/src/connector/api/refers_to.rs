//! The column of another stream that a column refers to: named by its key `refers_to`, or implied by its combo list or
//! by `for_each`.

use super::build::Builder;
use crate::connector::columns::StreamColumn;
use crate::connector::file::{ColumnConfig, StreamConfig};
use crate::document::suggest::advice;
use crate::model::By;

impl Builder<'_> {
    /// What a column refers to; a column of a stream that is off refers to nothing.
    pub(super) fn refers_to(&mut self, name: &str, column: &ColumnConfig) -> Option<StreamColumn> {
        let implied = self.combo_entry(column).or_else(|| self.item(column));
        let Some(text) = column.refers_to() else {
            return implied.filter(|implied| self.has(implied));
        };
        if implied.is_some() {
            let message = "`combo` or `for_each` already says what the column refers to";
            let help = "leave `refers_to` out".to_owned();
            self.problem(&["columns", name, "refers_to"], message.into(), Some(help));
        }
        self.named(&["columns", name, "refers_to"], text)
    }

    /// The column that identifies an entry, for a column with a combo list.
    fn combo_entry(&self, column: &ColumnConfig) -> Option<StreamColumn> {
        let by = column.combo()?.reference().by;
        let combos = self.connector.combos.as_ref()?;
        let column = match by {
            By::Id => &combos.id,
            By::Code => &combos.code,
            By::Description => &combos.label,
        };
        Some(StreamColumn::new(&combos.stream, column))
    }

    /// The column of the parent stream that fills a constant.
    fn item(&self, column: &ColumnConfig) -> Option<StreamColumn> {
        let each = self.stream.for_each.as_ref()?;
        let (constant, _) = column.from().trim().strip_prefix('=')?.rsplit_once(':')?;
        let variable = constant.trim().strip_prefix('{')?.strip_suffix('}')?;
        Some(StreamColumn::new(
            each.stream.as_deref()?,
            each.take.get(variable)?,
        ))
    }

    /// The column that a text such as `users.id` names; `at` is the key with the text.
    pub(super) fn named(&mut self, at: &[&str], text: &str) -> Option<StreamColumn> {
        let streams = &self.connector.streams;
        let problem = match text.split_once('.') {
            None => (
                format!("`{text}` is not a column of a stream"),
                "write it as in `refers_to = \"users.id\"`".to_owned(),
            ),
            Some((stream, column)) => match streams.get(stream) {
                None => (
                    format!("there is no stream `{stream}`"),
                    advice(stream, streams.keys().map(String::as_str)),
                ),
                Some(config) if config.off => return None,
                Some(config) if !has_column(config, column) => {
                    let columns = config.columns.0.iter();
                    (
                        format!("{stream} has no column `{column}`"),
                        advice(column, columns.map(|(name, _)| name.as_str())),
                    )
                }
                Some(_) => return Some(StreamColumn::new(stream, column)),
            },
        };
        self.problem(at, problem.0, Some(problem.1));
        None
    }

    fn has(&self, column: &StreamColumn) -> bool {
        let stream = self.connector.streams.get(&column.stream);
        stream.is_some_and(|stream| !stream.off && has_column(stream, &column.column))
    }
}

fn has_column(stream: &StreamConfig, name: &str) -> bool {
    stream.columns.0.iter().any(|(column, _)| column == name)
}
