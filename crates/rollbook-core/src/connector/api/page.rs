//! `page`: how the next page of a list is requested, with every problem that its keys can have.

use super::build::Builder;
use crate::connector::columns::Column;
use crate::connector::file::{EndSign, PageBy, PageConfig, RelativeTo, TotalRule};
use crate::connector::paging::PageRules;
use crate::connector::response::{NextPath, PageShape, RowsPath};
use crate::connector::template;
use crate::document::suggest::advice;

impl Builder<'_> {
    pub(super) fn watermark(&mut self, page: &PageConfig, columns: &[Column]) -> Option<usize> {
        if page.by() != PageBy::Watermark {
            return None;
        }
        if self.stream.since.is_none() {
            self.problem(
                &["page"],
                "paging by `watermark` needs `since`".into(),
                Some("add `since`".into()),
            );
        }
        let name =
            page.column
                .as_ref()
                .or(self.stream.since.as_ref().map(|since| &since.column))?;
        let index = columns.iter().position(|column| column.name == *name);
        self.need(index, name, columns, &["page", "column"])
    }

    /// The connector's parameters, and the stream's over them.
    pub(super) fn page(&mut self, page: &PageConfig) -> PageRules {
        let needed = match page.by() {
            PageBy::Offset if page.offset.is_none() => Some("offset"),
            PageBy::Number if page.number.is_none() => Some("number"),
            PageBy::Cursor if page.cursor.is_none() && page.cursor_header.is_none() => {
                Some("cursor")
            }
            PageBy::Cursor | PageBy::NextUrl
                if page.next.is_none() && page.next_header.is_none() =>
            {
                Some("next")
            }
            _ => None,
        };
        if let Some(key) = needed {
            self.problem(
                &["page"],
                format!("this paging needs `{key}`"),
                Some(format!("add `{key} = \"…\"`")),
            );
        }
        self.check_page(page);
        PageRules {
            by: page.by(),
            size: u64::from(page.size.unwrap_or(1000)),
            offset: page.offset.clone(),
            limit: page.limit.clone(),
            number: page.number.clone(),
            first: u64::from(page.first.unwrap_or(u32::from(page.by() == PageBy::Number))),
            value: page.value.clone(),
            cursor: page.cursor.clone(),
            cursor_header: page.cursor_header.clone(),
            next_header: page.next_header.clone(),
            relative_to: page.relative_to,
            optional: page.optional.clone(),
            ignore_total: page.total == TotalRule::Ignore,
            short_ends: page.until.contains(&EndSign::Short),
            repeat_ends: page.until.contains(&EndSign::Repeat),
            blank_ends: page.until.contains(&EndSign::Blank),
            empty_ends: page.until.contains(&EndSign::Empty),
        }
    }

    fn check_page(&mut self, page: &PageConfig) {
        if let Some(next) = &page.next
            && NextPath::read(next).is_none()
        {
            self.problem(
                &["page", "next"],
                format!("`{next}` is not a valid path"),
                Some("a member such as `meta.next`, or `links[rel=next].uri`".into()),
            );
        }
        if page.more.is_some()
            && !matches!(page.by(), PageBy::Link | PageBy::Cursor | PageBy::NextUrl)
        {
            self.problem(
                &["page", "more"],
                "`more` belongs to `link`, `cursor` and `next_url`".into(),
                Some("leave it out: other lists end at an empty page or a total".into()),
            );
        }
        self.check_keys_of_pages(page);
        let query = self.query();
        let known = |name: &String| query.contains_key(name) || page.limit.as_ref() == Some(name);
        let unknown: Vec<&String> = page.optional.iter().filter(|name| !known(name)).collect();
        for name in unknown {
            let help = advice(name, query.keys().map(String::as_str));
            self.problem(
                &["page", "optional"],
                format!("there is no query parameter `{name}`"),
                Some(help),
            );
        }
    }

    /// Keys of a strategy that is not named: the list would be taken for whole after its first page.
    fn check_strategy(&mut self, page: &PageConfig) {
        let keys = [
            ("offset", page.offset.is_some(), "offset"),
            ("number", page.number.is_some(), "number"),
            ("cursor", page.cursor.is_some(), "cursor"),
            ("cursor_header", page.cursor_header.is_some(), "cursor"),
            ("next", page.next.is_some(), "next_url"),
            ("next_header", page.next_header.is_some(), "next_url"),
            ("column", page.column.is_some(), "watermark"),
        ];
        let set = keys.iter().find(|(_, is_set, _)| *is_set);
        let (None, Some((key, _, by))) = (page.by, set) else {
            return;
        };
        self.problem(
            &["page", key],
            format!("`{key}` does nothing without `by`"),
            Some(format!("add `by = \"{by}\"`, or remove `{key}`")),
        );
    }

    /// Keys of `page` that do not fit its `by`, or each other.
    fn check_keys_of_pages(&mut self, page: &PageConfig) {
        let by_position = matches!(page.by(), PageBy::Offset | PageBy::Number);
        let by_address = matches!(page.by(), PageBy::Link | PageBy::NextUrl);
        self.check_strategy(page);
        let needed: &[&str] = match page.by() {
            PageBy::Number => &["number", "offset"],
            _ => &["offset"],
        };
        if let Some(value) = &page.value {
            let names = template::names(value);
            if !by_position || !needed.iter().any(|needed| names.contains(needed)) {
                self.problem(
                    &["page", "value"],
                    format!(
                        "`value` is the template of `offset` or `number`, and lacks `{{{}}}`",
                        needed[0]
                    ),
                    Some("such as `value = \"{number},{size}\"` with `by = \"number\"`".into()),
                );
            }
        }
        if page.first.is_some() && !by_position {
            self.problem(
                &["page", "first"],
                "`first` belongs to `offset` and `number`".into(),
                None,
            );
        }
        if page.next.is_some() && page.next_header.is_some()
            || page.cursor.is_some() && page.cursor_header.is_some()
        {
            self.problem(
                &["page"],
                "the same is named twice, in the body or query and in a header".into(),
                Some(
                    "remove one of `next` and `next_header`, of `cursor` and `cursor_header`"
                        .into(),
                ),
            );
        }
        if page.relative_to == RelativeTo::BaseUrl && !by_address {
            self.problem(
                &["page", "relative_to"],
                "`relative_to` belongs to `next_url` and `link`".into(),
                None,
            );
        }
        let mut rows = self
            .stream
            .rows
            .texts()
            .iter()
            .map(|text| RowsPath::read(text));
        if page.until.contains(&EndSign::Missing) && rows.all(|rows| rows.parent().is_none()) {
            self.problem(
                &["page", "until"],
                "`missing` needs a member in `rows` that can be missing".into(),
                Some("remove it, or name a member such as `rows = \"courses\"`".into()),
            );
        }
    }

    pub(super) fn page_shape(&self) -> PageShape {
        let stream = self.stream;
        PageShape {
            rows: stream
                .rows
                .texts()
                .iter()
                .map(|text| RowsPath::read(text))
                .collect(),
            null_is_empty: stream.page.until.contains(&EndSign::Null),
            missing_is_empty: stream.page.until.contains(&EndSign::Missing),
            ignored: stream.ignore.clone(),
            blank_is_empty: stream.page.until.contains(&EndSign::Blank),
            total_header: stream.page.total_header.clone(),
            total_member: stream.page.total_member.clone(),
            next: stream.page.next.as_deref().and_then(NextPath::read),
            next_is_address: stream.page.by() == PageBy::NextUrl,
            more: stream.page.more.clone(),
            errors: self.connector.errors.clone(),
            names: self.connector.names,
        }
    }
}
