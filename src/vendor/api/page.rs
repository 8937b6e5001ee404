//! The keys of `page`, made ready.

use super::build::Builder;
use super::*;

impl Builder<'_> {
    pub(super) fn page(&mut self, page: &Page) -> PageRules {
        let needed = match page.by {
            PageBy::Offset if page.offset.is_none() => Some("offset"),
            PageBy::Number if page.number.is_none() => Some("number"),
            PageBy::Cursor if page.cursor.is_none() => Some("cursor"),
            PageBy::Cursor | PageBy::NextUrl if page.next.is_none() => Some("next"),
            _ => None,
        };
        if let Some(key) = needed {
            self.flaw(
                &["page"],
                format!("this paging needs `{key}`"),
                Some(format!("add `{key} = \"…\"`")),
            );
        }
        self.check_page(page);
        PageRules {
            by: page.by,
            size: u64::from(page.size.unwrap_or(1000)),
            offset: page.offset.clone(),
            limit: page.limit.clone(),
            number: page.number.clone(),
            first: u64::from(page.first.unwrap_or(1)),
            cursor: page.cursor.clone(),
            optional: page.optional.clone(),
            ignore_total: page.total == TotalRule::Ignore,
            short_ends: page.until.contains(&EndSign::Short),
            repeat_ends: page.until.contains(&EndSign::Repeat),
            blank_ends: page.until.contains(&EndSign::Blank),
            empty_ends: page.until.contains(&EndSign::Empty),
        }
    }

    fn check_page(&mut self, page: &Page) {
        if let Some(next) = &page.next
            && NextPlace::read(next).is_none()
        {
            self.flaw(
                &["page", "next"],
                format!("`{next}` is no place in a body"),
                Some("a member such as `meta.next`, or `links[rel=next].uri`".into()),
            );
        }
        if page.more.is_some()
            && !matches!(page.by, PageBy::Link | PageBy::Cursor | PageBy::NextUrl)
        {
            self.flaw(
                &["page", "more"],
                "`more` belongs to `link`, `cursor` and `next_url`".into(),
                Some("leave it out: other lists end at an empty page or a total".into()),
            );
        }
        let query = &self.stream.query;
        let known = |name: &String| query.contains_key(name) || page.limit.as_ref() == Some(name);
        let unknown: Vec<&String> = page.optional.iter().filter(|name| !known(name)).collect();
        for name in unknown {
            let help = advice(name, query.keys().map(String::as_str));
            self.flaw(
                &["page", "optional"],
                format!("there is no query parameter `{name}`"),
                Some(help),
            );
        }
    }
}

pub(super) fn page_shape(stream: &Stream, names: NameMatch) -> PageShape {
    PageShape {
        rows: stream
            .rows
            .texts()
            .iter()
            .map(|text| Place::read(text))
            .collect(),
        null_is_empty: stream.page.until.contains(&EndSign::Null),
        blank_is_empty: stream.page.until.contains(&EndSign::Blank),
        total_header: stream.page.total_header.clone(),
        total_member: stream.page.total_member.clone(),
        next: stream.page.next.as_deref().and_then(NextPlace::read),
        next_is_address: stream.page.by == PageBy::NextUrl,
        more: stream.page.more.clone(),
        names,
    }
}
