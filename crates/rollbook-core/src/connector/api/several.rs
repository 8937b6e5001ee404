//! `for_each.several`: what a stream needs so that one request can ask for several of its items.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::build::{Builder, item_variables};
use super::{SeveralRules, WindowRules, wire_time};
use crate::connector::columns::{Column, ColumnSource};
use crate::connector::file::PageBy;
use crate::connector::query_value::QueryValue;
use crate::connector::template::{self, Variables};

impl Builder<'_> {
    pub(super) fn several(
        &mut self,
        columns: &[Column],
        (partition, key): (&[usize], &[usize]),
        window: Option<&WindowRules>,
    ) -> Option<SeveralRules> {
        let several = self.stream.for_each.as_ref()?.several.as_ref()?;
        let at = ["for_each", "several"];
        if self.stream.window.is_none() || self.stream.page.by() != PageBy::None {
            self.problem(
                &at,
                "`several` is for time series whose steps are one response each".into(),
                Some("add `window`, and no paging".into()),
            );
        }
        let item = match partition {
            [one] => columns.get(*one),
            _ => None,
        };
        let variable = item.and_then(|column| match &column.origin {
            ColumnSource::Constant(text) => match template::names(text)[..] {
                [name] if *text == format!("{{{name}}}") => Some((column, name.to_owned())),
                _ => None,
            },
            ColumnSource::Paths(_) => None,
        });
        let Some((column, variable)) = variable else {
            self.problem(
                &at,
                "no single column says which item a row was read for".into(),
                Some("add one, such as `meter_id = \"= {meter_id} : integer\"`".into()),
            );
            return None;
        };
        self.no_other_variables(&variable, columns);
        if let Some(window) = window {
            self.tells_rows_apart(columns, (partition, key), window);
        }
        let text = format!("{} : {}", several.id, column.kind.as_str());
        match Column::read(&column.name, &text, &column.help, None) {
            Ok(read) => Some(SeveralRules {
                column: Column {
                    shaping: column.shaping,
                    ..read
                },
                most: usize::try_from(several.most.get()).unwrap_or(usize::MAX),
                separator: several.separator.clone().unwrap_or_else(|| ",".to_owned()),
                variable,
            }),
            Err(message) => {
                self.problem(&["for_each", "several", "id"], message, None);
                None
            }
        }
    }

    /// Whether a response is whole is found by the item and the time of its rows, and by requests that share its time.
    fn tells_rows_apart(
        &mut self,
        columns: &[Column],
        (partition, key): (&[usize], &[usize]),
        window: &WindowRules,
    ) {
        let needed: BTreeSet<usize> = partition.iter().copied().chain([window.column]).collect();
        let is_known = key.len() == self.stream.key.len();
        if is_known && needed != key.iter().copied().collect() {
            let names: Vec<String> = needed
                .iter()
                .map(|index| format!("\"{}\"", columns[*index].name))
                .collect();
            self.problem(
                &["key"],
                "`for_each.several` is for rows that their item and their time identify".into(),
                Some(format!(
                    "use `key = [{}]`, or remove `for_each.several`",
                    names.join(", ")
                )),
            );
        }
        let text = |second| {
            wire_time(
                Timestamp::from_second(second).unwrap_or_default(),
                &window.format,
            )
        };
        if text(0) == text(1) {
            self.problem(
                &["window", "format"],
                "`for_each.several` needs times with seconds: a response is compared with two that share its time".into(),
                Some("add `%S`, or remove `for_each.several`".into()),
            );
        }
    }

    /// A request for several items fills no variable but the one that names them.
    fn no_other_variables(&mut self, variable: &str, columns: &[Column]) {
        let stream = self.stream;
        let Some(each) = &stream.for_each else { return };
        let others = item_variables(each).into_iter();
        for other in others.filter(|(name, _)| name != variable) {
            let name = other.0.clone();
            let item = Variables::from([other]);
            let fills = |text: &str| template::fill(text, &[&item]) != text;
            let in_query = |value: &QueryValue| value.fill(&[&item]) != value.fill(&[]);
            let column = columns.iter().find(|column| fills(&column.from));
            let key = match () {
                () if stream.path.texts().iter().any(|text| fills(text)) => Some(vec!["path"]),
                () if stream.query.values().any(in_query) => Some(vec!["query"]),
                () if stream.headers.values().any(|text| fills(text)) => Some(vec!["headers"]),
                () => column.map(|column| vec!["columns", column.name.as_str()]),
            };
            if let Some(key) = key {
                let message = format!(
                    "`{{{name}}}` differs from item to item, and one request asks for several of them"
                );
                let help = format!("use `{{{variable}}}` only, or remove `for_each.several`");
                self.problem(&key, message, Some(help));
            }
        }
    }
}
