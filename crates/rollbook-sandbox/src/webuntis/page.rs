//! One page of a list: what was asked for, which rows, and what the headers say about the rest.

use std::borrow::Cow;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::errors::{Problem, status_info};
use super::filter::{Filter, Refused, plain};
use super::roster::Face;
use super::routes::fields;
use super::switches::{self, AboveCap, Link, Offset, Order, Sort, Switches, Total};
use crate::query::{pairs, value};
use crate::random::Random;

/// What a list request asks for, read by the rules of webuntis-oneroster.md 3.4 to 3.7.
pub(super) struct Asked {
    pub(super) limit: usize,
    start: usize,
    offset: usize,
    filter: Option<Filter>,
    sort: Option<(String, bool)>,
    fields: Option<Vec<String>>,
    warnings: Vec<Value>,
    /// The other parameters, for the addresses in `Link`.
    others: String,
}

impl Asked {
    /// Reads the query of a list request.
    pub(super) fn read(
        query: &str,
        collection: &str,
        switches: &Switches,
    ) -> Result<Self, Problem> {
        let pairs = pairs(query);
        let limit = number(value(&pairs, "limit"), switches.default_limit, 1)?;
        let offset = number(value(&pairs, "offset"), 0, 0)?;
        let limit = match switches.limit_cap {
            Some(cap) if limit > cap && switches.above_cap == AboveCap::Reject => {
                return Err(Problem::invalid("limit is too large"));
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
        let mut asked = Self {
            limit,
            start,
            offset,
            filter: None,
            sort: None,
            fields: None,
            warnings: Vec::new(),
            others,
        };
        asked.filter = read_filter(&pairs, collection, switches)?;
        if switches.sort == Sort::Honoured {
            asked.read_sort(&pairs, collection)?;
            asked.read_fields(&pairs, collection)?;
        }
        Ok(asked)
    }

    fn read_sort(&mut self, pairs: &[(String, String)], collection: &str) -> Result<(), Problem> {
        let descending = match value(pairs, "orderBy") {
            None | Some("asc") => false,
            Some("desc") => true,
            Some(_) => return Err(Problem::invalid("orderBy is asc or desc")),
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

    fn read_fields(&mut self, pairs: &[(String, String)], collection: &str) -> Result<(), Problem> {
        let Some(text) = value(pairs, "fields") else {
            return Ok(());
        };
        if text.trim().is_empty() {
            let code = "invalid_blank_selection_field";
            return Err(Problem::new(
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

    /// The field the list is sorted by, if it is.
    pub(super) fn sort_field(&self) -> Option<&str> {
        self.sort.as_ref().map(|(field, _)| field.as_str())
    }

    /// Filters the rows at these places, which are in ascending order, and turns them round if
    /// asked to; `turn` shuffles differently for each request when the order is random.
    pub(super) fn arrange<'a>(
        &self,
        all: &'a [Value],
        places: &[usize],
        switches: &Switches,
        turn: u64,
    ) -> Vec<Cow<'a, Value>> {
        let fits = |row: &&Value| self.filter.as_ref().is_none_or(|filter| filter.fits(row));
        let mut rows: Vec<&Value> = places
            .iter()
            .map(|place| &all[*place])
            .filter(fits)
            .collect();
        match &self.sort {
            Some((_, true)) => rows.reverse(),
            None if switches.order == Order::Random => {
                rows.sort_by_cached_key(|row| {
                    Random::of(turn, &plain(&row["sourcedId"]), 0).next()
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

    /// A row with the chosen fields only.
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

    /// The whole body; warnings stand beside the rows.
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

    /// `X-Total-Count`, if one is sent.
    pub(super) fn total(
        &self,
        face: Face,
        rows: usize,
        unfiltered: usize,
        switches: &Switches,
    ) -> Option<String> {
        match switches.total {
            Total::Absent => None,
            Total::Usual if face == Face::Untis => None,
            Total::Unfiltered => Some(unfiltered.to_string()),
            Total::Blanks => Some(format!(" {rows} ")),
            Total::Usual | Total::Right | Total::One => Some(rows.to_string()),
        }
    }

    /// `Link`, if one is sent; `address` is that of the list without its query.
    pub(super) fn link(
        &self,
        face: Face,
        address: &str,
        rows: usize,
        switches: &Switches,
    ) -> Option<String> {
        let kind = match switches.link {
            Link::Absent => return None,
            Link::Usual if face == Face::Untis => return None,
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
        let mut places = Vec::new();
        if more {
            places.push(("next", limit, reach));
        }
        if self.offset > 0 {
            places.push(("prev", limit, self.offset.saturating_sub(limit)));
        }
        places.push(("last", last_limit, last));
        places.push(("first", limit, 0));
        let (open, close) = if kind == Link::NoBrackets {
            ("", "")
        } else {
            ("<", ">")
        };
        let links: Vec<String> = places
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
) -> Result<Option<Filter>, Problem> {
    let Some(text) = value(pairs, "filter") else {
        return Ok(None);
    };
    match switches.filter {
        switches::Filter::Ignored => return Ok(None),
        switches::Filter::Rejected => return Err(Problem::invalid("filter is not supported")),
        switches::Filter::Honoured => {}
    }
    if pairs.iter().filter(|(name, _)| name == "filter").count() > 1 {
        return Err(Problem::invalid("more than one filter"));
    }
    Filter::parse(text, fields(collection))
        .map(Some)
        .map_err(|refused| match refused {
            Refused::Syntax => Problem::invalid("the filter cannot be read"),
            Refused::UnknownField(field) => {
                Problem::new(StatusCode::BAD_REQUEST, "invalid_filter_field", field)
            }
        })
}

fn known(collection: &str, field: &str) -> bool {
    fields(collection).contains(&field)
}

fn number(text: Option<&str>, usual: usize, least: usize) -> Result<usize, Problem> {
    let Some(text) = text else { return Ok(usual) };
    text.parse()
        .ok()
        .filter(|number| *number >= least)
        .ok_or_else(|| Problem::invalid("limit or offset is no number"))
}
