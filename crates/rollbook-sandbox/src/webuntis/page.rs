//! One page of a list: the request, the rows, and the headers about the rest.

use std::borrow::Cow;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::errors::{ApiError, status_info};
use super::filter::{Filter, Refused, plain};
use super::roster::Profile;
use super::routes::fields;
use super::switches::{self, AboveCap, Link, Offset, Order, Sort, Switches, Total};
use crate::query::{pairs, value};
use crate::random::Random;

/// A parsed list request, by the rules of webuntis-oneroster.md 3.4 to 3.7.
pub(super) struct ListQuery {
    pub(super) limit: usize,
    start: usize,
    offset: usize,
    filter: Option<Filter>,
    sort: Option<(String, bool)>,
    fields: Option<Vec<String>>,
    warnings: Vec<Value>,
    /// The other parameters, for the URLs in `Link`.
    others: String,
}

impl ListQuery {
    /// Parses the query of a list request.
    pub(super) fn read(
        query: &str,
        collection: &str,
        switches: &Switches,
    ) -> Result<Self, ApiError> {
        let pairs = pairs(query);
        let limit = number(value(&pairs, "limit"), switches.default_limit, 1)?;
        let offset = number(value(&pairs, "offset"), 0, 0)?;
        let limit = match switches.limit_cap {
            Some(cap) if limit > cap && switches.above_cap == AboveCap::Reject => {
                return Err(ApiError::invalid("limit is too large"));
            }
            Some(cap) => limit.min(cap),
            None => limit,
        };
        let start = match switches.offset {
            Offset::Records => offset,
            Offset::Pages => offset.saturating_mul(limit),
            Offset::Ignored => 0,
        };
        let others = query
            .split('&')
            .filter(|pair| !pair.starts_with("limit=") && !pair.starts_with("offset="));
        let others = others
            .filter(|pair| !pair.is_empty())
            .map(|pair| format!("{pair}&"))
            .collect();
        let mut query = Self {
            limit,
            start,
            offset,
            filter: None,
            sort: None,
            fields: None,
            warnings: Vec::new(),
            others,
        };
        query.filter = read_filter(&pairs, collection, switches)?;
        if switches.sort == Sort::Honoured {
            query.read_sort(&pairs, collection)?;
            query.read_fields(&pairs, collection)?;
        }
        Ok(query)
    }

    fn read_sort(&mut self, pairs: &[(String, String)], collection: &str) -> Result<(), ApiError> {
        let descending = match value(pairs, "orderBy") {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(_) => return Err(ApiError::invalid("orderBy is asc or desc")),
        };
        match value(pairs, "sort") {
            Some(field) if known(collection, field) => {
                self.sort = Some((field.to_owned(), descending))
            }
            Some(field) => self.warnings.push(status_info(
                "success",
                "warning",
                "invalid_sort_field",
                field,
            )),
            None => {}
        }
        Ok(())
    }

    fn read_fields(
        &mut self,
        pairs: &[(String, String)],
        collection: &str,
    ) -> Result<(), ApiError> {
        let Some(text) = value(pairs, "fields") else {
            return Ok(());
        };
        if text.trim().is_empty() {
            let code = "invalid_blank_selection_field";
            return Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                code,
                "fields is empty",
            ));
        }
        let names: Vec<String> = text.split(',').map(str::to_owned).collect();
        match names.iter().find(|name| !known(collection, name)) {
            Some(name) => self.warnings.push(status_info(
                "success",
                "warning",
                "invalid_selection_field",
                name,
            )),
            None => self.fields = Some(names),
        }
        Ok(())
    }

    /// The field the list is sorted by.
    pub(super) fn sort_field(&self) -> Option<&str> {
        self.sort.as_ref().map(|(field, _)| field.as_str())
    }

    /// Filters the rows at these indexes, which are in ascending order, and reverses them for a
    /// descending sort; `request_number` seeds the shuffle of a random order.
    pub(super) fn arrange<'a>(
        &self,
        all: &'a [Value],
        indexes: &[usize],
        switches: &Switches,
        request_number: u64,
    ) -> Vec<Cow<'a, Value>> {
        let matches_filter = |row: &&Value| {
            self.filter
                .as_ref()
                .is_none_or(|filter| filter.matches_filter(row))
        };
        let mut rows: Vec<&Value> = indexes
            .iter()
            .map(|index| &all[*index])
            .filter(matches_filter)
            .collect();
        match &self.sort {
            Some((_, true)) => rows.reverse(),
            None if switches.order == Order::Random => {
                rows.sort_by_cached_key(|row| {
                    Random::of(request_number, &plain(&row["sourcedId"]), 0).next()
                });
            }
            Some((_, false)) | None => {}
        }
        rows.into_iter().map(Cow::Borrowed).collect()
    }

    /// The rows of this page.
    pub(super) fn cut<'a, 'b>(&self, rows: &'b [Cow<'a, Value>]) -> &'b [Cow<'a, Value>] {
        let start = self.start.min(rows.len());
        &rows[start..rows.len().min(start.saturating_add(self.limit))]
    }

    /// A row with the selected fields only.
    pub(super) fn select(&self, row: Value) -> Value {
        match (&self.fields, row) {
            (Some(names), Value::Object(members)) => members
                .into_iter()
                .filter(|(name, _)| names.contains(name))
                .collect::<Map<_, _>>()
                .into(),
            (_, row) => row,
        }
    }

    /// The whole body, with warnings next to the rows.
    pub(super) fn body(&self, key: &str, rows: Vec<Value>, wrapper: switches::Wrapper) -> Value {
        if wrapper == switches::Wrapper::Bare {
            return Value::Array(rows);
        }
        let mut body = json!({ key: rows });
        if !self.warnings.is_empty() {
            body["statusInfoSet"] = json!(self.warnings);
        }
        body
    }

    /// `X-Total-Count`, if it is sent.
    pub(super) fn total(
        &self,
        profile: Profile,
        rows: usize,
        unfiltered: usize,
        switches: &Switches,
    ) -> Option<String> {
        match switches.total {
            Total::Absent => None,
            Total::Usual if profile == Profile::Untis => None,
            Total::Unfiltered => Some(unfiltered.to_string()),
            Total::Blanks => Some(format!(" {rows} ")),
            Total::Usual | Total::Right | Total::One => Some(rows.to_string()),
        }
    }

    /// `Link`, if it is sent; `address` is the list's URL without its query.
    pub(super) fn link(
        &self,
        profile: Profile,
        address: &str,
        rows: usize,
        switches: &Switches,
    ) -> Option<String> {
        let kind = match switches.link {
            Link::Absent => return None,
            Link::Usual if profile == Profile::Untis => return None,
            Link::Usual => Link::Right,
            kind => kind,
        };
        let address = match kind {
            Link::WrongHost => address.replacen("http://127.0.0.1:", "https://10.0.0.7:1", 1),
            _ => address.to_owned(),
        };
        let (limit, others) = (self.limit, &self.others);
        let last = rows.saturating_sub(1) / limit * limit;
        let reach = self.offset.saturating_add(limit);
        let more = match kind {
            Link::AlwaysNext => true,
            Link::NoNext => false,
            Link::NextAtEnd => reach <= rows,
            _ => reach < rows,
        };
        let last_limit = if kind == Link::OddLast {
            rows - last
        } else {
            limit
        };
        let mut indexes = Vec::new();
        if more {
            indexes.push(("next", limit, reach));
        }
        if self.offset > 0 {
            indexes.push(("prev", limit, self.offset.saturating_sub(limit)));
        }
        indexes.push(("last", last_limit, last));
        indexes.push(("first", limit, 0));
        let (open, close) = if kind == Link::NoBrackets {
            ("", "")
        } else {
            ("<", ">")
        };
        let links: Vec<String> = indexes
            .into_iter()
            .map(|(name, limit, offset)| {
                format!(
                    "{open}{address}?{others}limit={limit}&offset={offset}{close}; rel=\"{name}\""
                )
            })
            .collect();
        let comma = if kind == Link::TrailingComma { "," } else { "" };
        Some(links.join(", ") + comma)
    }
}

fn read_filter(
    pairs: &[(String, String)],
    collection: &str,
    switches: &Switches,
) -> Result<Option<Filter>, ApiError> {
    let Some(text) = value(pairs, "filter") else {
        return Ok(None);
    };
    match switches.filter {
        switches::Filter::Ignored => return Ok(None),
        switches::Filter::Rejected => return Err(ApiError::invalid("filter is not supported")),
        switches::Filter::Honoured => {}
    }
    if pairs.iter().filter(|(name, _)| name == "filter").count() > 1 {
        return Err(ApiError::invalid("more than one filter"));
    }
    Filter::parse(text, fields(collection))
        .map(Some)
        .map_err(|refused| match refused {
            Refused::Syntax => ApiError::invalid("the filter cannot be read"),
            Refused::UnknownField(field) => {
                ApiError::new(StatusCode::BAD_REQUEST, "invalid_filter_field", field)
            }
        })
}

fn known(collection: &str, field: &str) -> bool {
    fields(collection).contains(&field)
}

fn number(text: Option<&str>, usual: usize, least: usize) -> Result<usize, ApiError> {
    let Some(text) = text else { return Ok(usual) };
    text.parse()
        .ok()
        .filter(|number| *number >= least)
        .ok_or_else(|| ApiError::invalid("limit or offset is no number"))
}
